"Rules on weights of 0 to 5 dimensions and with sizes of 1, compared with NumPy versions of what their sources do with shapes"
import numpy as np, pytest, torch
from fastopt.optim.adam import adam, amsgrad
from fastopt.optim.adan import mars, mars_adamw
from fastopt.optim.adaptive import adafactor
from fastopt.core.engine import Engine
from fastopt.optim.layerwise import lamb, lars
from fastopt.optim.adam_mini import adam_mini
from fastopt.optim.stableadamw import stableadamw
from fastopt.optim.lion import cautious_adamw, cautious_lion
from fastopt.optim.lookahead import centralize, ranger, ranger20, ranger19, rangerqh
from fastopt.optim.learning_rate_free import prodigy, prodigy_l2
from fastopt.optim.muon import muon
from fastopt.optim.ranger21 import agc, norm_loss, normalize_gradient, ranger21
from fastopt.core.rules import Rule, descend
from fastopt.optim.shampoo import shampoo, soap
from rules_under_test import RULES, far, trained

SHAPES = [(), (1,), (5,), (1, 1), (5, 1), (1, 5), (3, 4), (4, 3), (3, 4, 2), (2, 1, 5), (1, 1, 1), (3, 2, 2, 3), (4, 1, 1, 1),
    (2, 3, 2, 2, 3), (1, 1, 1, 1, 1)]
# No matrix of a dimension has more than one eigenvalue of 0
SQUARE = [(), (1,), (2,), (1, 1), (4, 4), (3, 4, 2), (1, 1, 1), (3, 2, 2, 3), (4, 1, 4, 1), (2, 3, 2, 2, 3)]

def start(shape, n=6):
    "Return a weight of `shape` and `n` gradients, as arrays"
    rng = np.random.default_rng(len(shape))
    return rng.normal(size=shape),rng.normal(size=(n, *shape))

def ours(rule, p, gs, how='eager', **hypers):
    "Return the weight `p` after the steps of `rule` with the gradients `gs`"
    rule,hypers = rule.select_variant(hypers)
    (hypers,options),p,state = rule.resolve_hypers(hypers),torch.tensor(p).requires_grad_(),{}
    engine = Engine(rule, options, how)
    for g in gs:
        p.grad = torch.tensor(g)
        engine.step([([p], hypers)], state)
    return p.detach().numpy()

def differ(a, b): return np.abs(a-b).max()/np.abs(b).max()

def outer(x): return tuple(range(1, x.ndim))
def length(x, axes=None): return np.sqrt((x*x).sum(axes, keepdims=axes is not None))
def debiased(m, β, t): return m/(1-β**t)

def adam_of(p, gs, direct=lambda d, g, v, t: d, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8, wd=0., seen=lambda g: g, top=False, hat=False):
    "Run Adam with decoupled decay on gradients changed by `seen`, with a direction changed by `direct`"
    m,v,most = 0.,0.,0.
    for t,g in enumerate(gs, 1):
        g = seen(g)
        m,v = b1*m + (1-b1)*g,b2*v + (1-b2)*g*g
        most = np.maximum(most, v) if top else v
        d = debiased(m, b1, t)/(np.sqrt(debiased(most, b2, t)) + (eps/np.sqrt(1-b2**t) if hat else eps))
        p = p - lr*(direct(d, g, v, t) + wd*p)
    return p

def descent(seen, lr=1e-3):
    "Return plain descent along `seen(p, g)` for the weight `p` and its gradient `g`"
    def f(p, gs):
        for g in gs: p = p - lr*seen(p, g)
        return p
    return f

def central(x, above=1): return x - x.mean(outer(x), keepdims=True) if x.ndim>above else x

UNITS = {0:None, 1:None, 2:(1,), 3:(1,), 4:(1, 2, 3), 5:(1, 2, 3, 4)} # Ranger21's axes for each number of dimensions

def clipped(p, g, units=UNITS):
    most,n = 0.01*np.maximum(length(p, units[p.ndim]), 1e-3),length(g, units[p.ndim])
    return np.where(n>most, g*most/np.maximum(n, 1e-6), g)

def pull(p, g, units=UNITS): return g + p*2e-4*(1 - 1/(length(p, units[p.ndim]) + 1e-8))
def standard(p, g): return g/(g.std(ddof=1) + 1e-8) if g.size>2 else g

def mini(p, gs, lr=1e-3, b1=0.9, b2=0.999):
    m,v = 0.,0.
    for t,g in enumerate(gs, 1):
        m,v = b1*m + (1-b1)*g,b2*v + (1-b2)*((g*g).mean(1, keepdims=True) if g.ndim==2 else (g*g).mean())
        p = p - lr*debiased(m, b1, t)/(np.sqrt(debiased(v, b2, t)) + 1e-8)
    return p

def brake(d, g, v, t): return d/max(1, np.sqrt((g*g/np.maximum(debiased(v, 0.99, t), 1e-12)).mean()))
def careful(d, g): return d*(d*g>0)/max((d*g>0).mean(), 1e-3)

def careful_lion(p, gs, lr=1e-4):
    m = 0.
    for g in gs: p,m = p - lr*careful(np.sign(0.9*m + 0.1*g), g),0.99*m + 0.01*g
    return p

def lamb_of(p, gs, lr=1e-3):
    m,v = 0.,0.
    for g in gs:
        m,v = 0.9*m + 0.1*g,0.999*v + 0.001*g*g
        u = m/(np.sqrt(v) + 1e-6) + 0.1*p
        p = p - lr*u*min(length(p), 10)/length(u)
    return p

def lars_of(p, gs):
    buf = 0.
    for g in gs:
        buf = 0.9*buf + (g + 5e-4*p)*0.001*length(p)/(length(g) + 5e-4*length(p) + 1e-8)
        p = p - buf
    return p

def mars_of(p, gs, matrix=None):
    if not (p.ndim==2 if matrix is None else matrix): return adam_of(p, gs, lr=3e-3, b2=0.95, wd=0.1)
    cs = [g + 0.025*0.95/0.05*(g-last) for g,last in zip(gs, [0*gs[0], *gs])]
    return adam_of(p, [c/max(1, length(c)) for c in cs], lr=3e-3, b1=0.95, b2=0.99)

def schulz(X):
    if X.shape[0]>X.shape[1]: return schulz(X.T).T
    X = X/(length(X) + 1e-7)
    for _ in range(5): X = 3.4445*X + (-4.7750*X@X.T + 2.0315*X@X.T@X@X.T) @ X
    return X

def stacked(x):
    "Read shapes as Keller Jordan does: four dimensions are flattened, otherwise the last two are a matrix; here a vector is a column"
    if x.ndim<2 or x.ndim==4: return schulz(x.reshape(x.shape[0] if x.ndim else 1, -1)).reshape(x.shape)
    return np.stack([schulz(o) for o in x.reshape(-1, *x.shape[-2:])]).reshape(x.shape)

def flat(x): return schulz(x.reshape(x.shape[0] if x.ndim else 1, -1)).reshape(x.shape)

def muon_of(p, gs, matrices=stacked, sides=lambda s: s[-2:], gain=lambda rows, columns: max(1, rows/columns)**0.5):
    m = 0.
    rows,columns = sides(p.shape) if p.ndim>1 else (p.size, 1)
    for g in gs:
        m = 0.95*m + 0.05*g
        p = p - 0.02*matrices(0.05*g + 0.95*m)*gain(rows, columns)
    return p

def rows_by_rest(s): return s[0],np.prod(s[1:])

def along(x, Ms, back=False):
    "Multiply `x` along each dimension that has a matrix in `Ms` by that matrix"
    for d,M in enumerate(Ms):
        if M is not None: x = np.moveaxis(np.moveaxis(x, d, -1) @ (M.T if back else M), -1, d)
    return x

def products(x, d): return np.tensordot(x, x, [[o for o in range(x.ndim) if o!=d]]*2)

def shampoo_of(p, gs):
    Gs = [1e-4*np.eye(n) for n in p.shape]
    for g in gs:
        for d,G in enumerate(Gs): G += products(g, d)
        λQ = [np.linalg.eigh(G) for G in Gs]
        p = p - 0.1*along(g, [Q*λ**(-0.5/p.ndim) @ Q.T for λ,Q in λQ])
    return p

def join(shape, longest):
    "Merge dimensions as the authors do"
    new,now = [],1
    for n in shape:
        if now*n<=longest: now *= n
        elif now>1: new,now = [*new, now],n
        else: new,now = [*new, n],1
    return [*new, now] if now>1 or not new else new

def soap_of(p, gs, merge=False, longest=10_000, vectors=False, normal=False, debias=True, every=2):
    shape = p.shape
    if merge and p.ndim!=1: p,gs = p.reshape(join(shape, longest)),[g.reshape(join(shape, longest)) for g in gs]
    ds = [d for d,n in enumerate(p.shape) if n<=longest and (len(shape)!=1 or vectors)]
    Gs,m,v = {d: 0.05*products(gs[0], d) for d in ds},0.,0.
    Qs = [np.linalg.eigh(Gs[d])[1][:,::-1] if d in ds else None for d in range(p.ndim)]
    for t,g in enumerate(gs[1:], 1):
        m,v = 0.95*m + 0.05*g,0.95*v + 0.05*along(g, Qs)**2
        u = along(along(m, Qs)/(np.sqrt(v) + 1e-8), Qs, back=True)
        if normal: u = u/np.sqrt((u*u).mean())
        p = (p - 3e-3*u*(np.sqrt(1-0.95**t)/(1-0.95**t) if debias else 1))*(1-3e-5)
        for d in ds:
            Gs[d] = 0.95*Gs[d] + 0.05*products(g, d)
            if t%every: continue
            order = np.argsort(-np.einsum('ij,ij->j', Qs[d], Gs[d]@Qs[d]), kind='stable')
            Qs[d],v = np.linalg.qr(Gs[d] @ Qs[d][:,order])[0],np.take(v, order, d)
    return p.reshape(shape)

def prodigy_of(p, gs, every=1, b3=0.999**0.5, d=0.01, wd=0.):
    x0,m,v,s,r,d0,best = p.ravel()[::every].copy(),0.,0.,0.,0.,d,d
    for g in gs:
        few,old = g.ravel()[::every],d
        r = b3*r + d/d0*d*few@(x0-p.ravel()[::every])
        m,v,s = 0.9*m + 0.1*d*g,0.999*v + 0.001*d*d*g*g,b3*s + d/d0*d*few
        best = max(best, d, r/np.abs(s).sum())
        d = best
        p = p - old*(m/(np.sqrt(v) + d*1e-8) + wd*p)
    return p

WHOLE = {**UNITS, 3:(1, 2)}
THEIRS = dict( # Case: (rule, hypers, the source in numpy)
    centralize=(Rule(centralize, descend), {}, descent(lambda p, g: central(g))),
    centralize_conv_only=(Rule(centralize, descend), dict(conv_only=True), descent(lambda p, g: central(g, 3))),
    centralize_before_amsgrad=(Rule(centralize, *amsgrad.core, descend), {}, lambda p, gs: adam_of(p, gs, seen=central, top=True)),
    centralize_after_adam=(Rule(*adam.core, centralize, descend), {}, lambda p, gs: adam_of(p, gs, lambda d, *_: central(d))),
    agc=(Rule(agc, descend), {}, descent(clipped)),
    agc_whole_units=(Rule(agc, descend), dict(whole_units=True), descent(lambda p, g: clipped(p, g, WHOLE))),
    norm_loss=(Rule(norm_loss, descend), {}, descent(pull)),
    norm_loss_whole_units=(Rule(norm_loss, descend), dict(whole_units=True), descent(lambda p, g: pull(p, g, WHOLE))),
    normalize_gradient=(Rule(normalize_gradient, descend), {}, descent(standard)),
    adam_mini=(adam_mini, {}, mini),
    stableadamw=(stableadamw, dict(wd=0.), lambda p, gs: adam_of(p, gs, brake, b2=0.99, eps=1e-6)),
    cautious_adamw=(cautious_adamw, {}, lambda p, gs: adam_of(p, gs, lambda d, g, *_: careful(d, g), eps=1e-6, hat=True)),
    cautious_lion=(cautious_lion, {}, careful_lion),
    lamb=(lamb, dict(wd=0.1), lamb_of),
    lars=(lars, {}, lars_of),
    mars=(mars, {}, mars_of),
    mars_adamw=(mars_adamw, {}, lambda p, gs: mars_of(p, gs, True)),
    muon=(muon, {}, muon_of),
    muon_flatten=(muon, dict(flatten=True), lambda p, gs: muon_of(p, gs, flat, rows_by_rest)),
    muon_as_adamw=(muon, dict(flatten=True, adjust_lr_fn='match_rms_adamw'),
        lambda p, gs: muon_of(p, gs, flat, rows_by_rest, lambda *rc: 0.2*max(rc)**0.5)),
    prodigy=(prodigy, dict(d0=0.01), prodigy_of),
    prodigy_slice=(prodigy, dict(d0=0.01, slice_p=3, wd=0.1), lambda p, gs: prodigy_of(p, gs, 3, wd=0.1)),
    prodigy_beta3=(prodigy_l2, dict(d0=0.01, slice_p=2, beta3=0.9), lambda p, gs: prodigy_of(p, gs, 2, 0.9)))
MATRICES = dict( # The same, for rules with a matrix for each dimension
    shampoo=(shampoo, {}, shampoo_of),
    soap=(soap, dict(every=2), soap_of),
    soap_merge_6=(soap, dict(every=2, merge_dims=True, max_precond_dim=6), lambda p, gs: soap_of(p, gs, merge=True, longest=6)),
    soap_merge_4=(soap, dict(every=2, merge_dims=True, max_precond_dim=4), lambda p, gs: soap_of(p, gs, merge=True, longest=4)),
    soap_short=(soap, dict(every=2, max_precond_dim=3), lambda p, gs: soap_of(p, gs, longest=3)),
    soap_1d=(soap, dict(every=2, precondition_1d=True), lambda p, gs: soap_of(p, gs, vectors=True)),
    soap_normalized=(soap, dict(every=2, normalize_grads=True), lambda p, gs: soap_of(p, gs, normal=True)),
    soap_biased=(soap, dict(every=2, correct_bias=False), lambda p, gs: soap_of(p, gs, debias=False)))

def agree(case, shapes, tolerance):
    "Check that our weights equal those of the source for each of the `shapes`"
    rule,hypers,theirs = case
    for shape in shapes:
        p,gs = start(shape)
        assert differ(ours(rule, p, gs, **hypers), theirs(p, gs)) < tolerance, shape

@pytest.mark.parametrize('name', THEIRS)
def test_shapes_are_read_as_the_source_reads_them(name): agree(THEIRS[name], SHAPES, 1e-12)

@pytest.mark.parametrize('name', MATRICES)
def test_dimensions_have_the_matrices_of_the_source(name): agree(MATRICES[name], SQUARE, 1e-9)

def test_adafactor_factors_as_pytorch_does():
    for shape in SHAPES:
        p,gs = start(shape)
        q = torch.tensor(p, requires_grad=True)
        opt = torch.optim.Adafactor([q], lr=0.01, weight_decay=0.1)
        for g in gs:
            q.grad = torch.tensor(g)
            opt.step()
        assert differ(ours(adafactor, p, gs, lr=0.01, wd=0.1), q.detach().numpy()) < 1e-12, shape

def test_every_ranger_centralizes_first():
    assert [list(o).index(centralize) for o in (ranger, ranger20, ranger21)]==[0, 0, 1] # Ranger21 clips before
    assert not any(centralize in o.terms for o in (ranger19, rangerqh))

@pytest.mark.parametrize('how', ['foreach', 'fused'])
@pytest.mark.parametrize('name', [n for n,(_,hypers,_) in {**THEIRS, **MATRICES}.items()
    if {'whole_units', 'flatten', 'slice_p', 'merge_dims', 'precondition_1d', 'normalize_grads'} & hypers.keys()])
def test_engines_agree_where_shapes_are_an_option(name, how):
    rule,hypers,_ = {**THEIRS, **MATRICES}[name]
    rule,hypers = rule.select_variant(hypers)
    assert far(trained(rule, how, torch.float64, **hypers), trained(rule, 'eager', torch.float64, **hypers)) < 1e-11

# ---- rows of one entry, whose mean is the entry itself

@pytest.mark.usefixtures('usual_kernels')
@pytest.mark.parametrize('name', RULES)
def test_rows_of_one_entry(name):
    "What is left of them without their mean is exactly 0, and not a rounding error by which a rule may divide"
    for shape in ((6, 1), (1, 1), (6, 1, 1, 1)):
        p,gs = start(shape)
        want,*others = (ours(RULES[name], p, gs, o) for o in ('eager', 'foreach', 'fused'))
        assert all(np.abs(o-want).max()<1e-9 for o in others), shape

# ---- equal entries, whose deviation is 0 or a rounding error

@pytest.mark.usefixtures('usual_kernels')
@pytest.mark.parametrize('shape', [(3,), (64,), (6, 8)], ids=str)
@pytest.mark.parametrize('name', RULES)
def test_equal_entries_move_as_far_as_others(name, shape):
    "A bias that the loss sees only as a sum has such a gradient; some rules divide by what is left without the mean"
    p,gs = start(shape)
    gs = np.broadcast_to(gs.mean(tuple(range(1, gs.ndim)) if len(shape)<2 else 2, keepdims=True), gs.shape)
    ways = [ours(RULES[name], p, gs, o, lr=1e-3) for o in ('eager', 'fused')]
    assert all(np.abs(o-p).max()<0.1 for o in ways)
