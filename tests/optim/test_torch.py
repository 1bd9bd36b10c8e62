"The same steps as PyTorch's own optimizers for every combination of hypers and options in float64, and after an overflow in float32"
from inspect import signature
from itertools import product
from math import inf
import pytest, torch
import fastopt.all as every
from fastopt.core.engine import Engine
from fastopt.core.groups import from_torch, torch_keys
from fastopt.core.rules import Rule, decay, maximize

LR = 0.05
ROUGH = dict(NAdam=1e-5, ASGD=1e-7) # PyTorch keeps their memory of past steps in float32
AGAIN = dict(weight_decay=(0., 0.1), maximize=(False, True))
BETAS,EPS = dict(betas=((0.9, 0.99), (0., 0.9), (0.9, 0.))),dict(eps=(1e-8, 0.1))
DECOUPLED = dict(decoupled_weight_decay=(False, True))

CLASSES = dict( # The hypers and options of PyTorch's classes, with values for them
    SGD=dict(momentum=(0., 0.9), dampening=(0., 0.8, 0.99), nesterov=(False, True)),
    Adam=dict(amsgrad=(False, True), **DECOUPLED, **BETAS, **EPS), AdamW=dict(amsgrad=(False, True), **BETAS, **EPS),
    NAdam=dict(momentum_decay=(0., 4e-3, 1.), **DECOUPLED, **BETAS, **EPS),
    RAdam=dict(**DECOUPLED, **BETAS, **EPS), Adamax=dict(**BETAS, **EPS),
    Adagrad=dict(lr_decay=(0., 0.1), initial_accumulator_value=(0., 0.5), **EPS), Adadelta=dict(rho=(0., 0.9), **EPS),
    RMSprop=dict(alpha=(0., 0.9), momentum=(0., 0.9), centered=(False, True), **EPS),
    Rprop=dict(etas=((0.5, 1.2), (0.1, 3.)), step_sizes=((1e-6, 50.), (0.01, 0.06))),
    ASGD=dict(lambd=(0., 1e-4, 0.1), alpha=(0., 0.75, 2.), t0=(0., 3., 1e6)),
    Adafactor=dict(beta2_decay=(-0.8, -0.3, 0.), eps=((None, 1e-3), (1e-3, 0.1)), d=(1., 2.)),
    Muon=dict(momentum=(0., 0.9), nesterov=(False, True), ns_steps=(1, 5), adjust_lr_fn=(None, 'match_rms_adamw')))

def ours(cls, kw):
    "Return our rule and hypers for those of PyTorch's class"
    kw,late,up = dict(kw),kw.get('decoupled_weight_decay', cls=='AdamW'),kw.get('maximize')
    for o in ('decoupled_weight_decay', 'maximize'): kw.pop(o, None)
    name = 'amsgrad' if kw.pop('amsgrad', False) else 'rmsprop_centered' if kw.pop('centered', False) else cls.lower()
    if 'dampening' in kw: kw['damp'] = kw.pop('dampening')
    if cls=='Rprop': kw = dict(zip(('drop', 'grow', 'least', 'most'), (*kw['etas'], *(o/LR for o in kw['step_sizes']))))
    if cls=='Adafactor':
        (eps,least),wd = kw['eps'],kw['weight_decay']
        kw = dict(power=kw['beta2_decay'], eps=eps or 0., least=least, clip=kw['d'], weight_decay=wd)
    if cls=='Muon': kw |= dict(ns_norm='least', ns_dtype='bfloat16', adjust_lr_fn=kw['adjust_lr_fn'] or 'original')
    rule = getattr(every, name)
    terms = [t for t in rule if t is not decay]
    if decay in rule: terms.insert(-1 if late or cls=='Muon' else 0, decay)
    rule = Rule(*[maximize]*bool(up), *terms, **rule.defaults)
    return rule,from_torch(rule, {**kw, 'lr':LR}, torch_keys(rule))

def combinations(cls, **more):
    grid = {**CLASSES[cls], **more}
    for o in product(*grid.values()):
        kw = dict(zip(grid, o))
        if kw.get('nesterov') and cls=='SGD' and (kw['dampening'] or not kw['momentum']): continue # PyTorch refuses it
        if kw.get('centered') and not kw['alpha']: continue # PyTorch's variance of one gradient is slightly negative, and its root NaN
        yield kw

def both(cls, kw, dtype, gradients, shapes=((4, 3), (5,), (2, 3, 2))):
    "Return the weights after PyTorch's steps and after ours"
    torch.manual_seed(0)
    shapes = [(4, 3), (3, 5)] if cls=='Muon' else shapes
    starts = [torch.randn(s, dtype=dtype) for s in shapes]
    theirs,mine = ([o.clone().requires_grad_() for o in starts] for _ in range(2))
    opt = getattr(torch.optim, cls)(theirs, lr=LR, **kw)
    (rule,hp),state = ours(cls, kw),{}
    hypers,options = rule.resolve_hypers(hp)
    engine = Engine(rule, options, 'eager')
    for t in range(8):
        for p,q in zip(theirs, mine):
            g = gradients(t, p)
            p.grad,q.grad = g.clone(),g.clone()
        opt.step()
        engine.step([(mine, hypers)], state)
    return torch.cat([p.detach().flatten() for p in theirs]),torch.cat([p.detach().flatten() for p in mine])

@pytest.mark.parametrize('cls', CLASSES)
def test_every_combination_is_pytorchs(cls):
    again = {k:v for k,v in AGAIN.items() if not (k=='maximize' and cls=='Muon') and not (k=='weight_decay' and cls=='Rprop')}
    n = 0
    for kw in combinations(cls, **again):
        want,got = both(cls, kw, torch.float64, lambda t, p: torch.randn(p.shape, dtype=p.dtype) * (t!=4)) # One gradient is 0
        tol = ROUGH.get(cls, 1e-12)
        torch.testing.assert_close(got, want, rtol=tol, atol=tol, msg=lambda s: f'{kw}: {s}')
        n += 1
    assert n>=4

@pytest.mark.parametrize('size', [1e20, 1e30, 3e38, inf])
@pytest.mark.parametrize('cls', CLASSES)
def test_a_huge_gradient_leaves_the_weights_that_pytorch_leaves(cls, size):
    kws = [{}, *[{k:True} for k in ('centered', 'amsgrad', 'nesterov') if k in CLASSES[cls] and cls!='Muon']]
    base = {k:o.default for k,o in signature(getattr(torch.optim, cls)).parameters.items() if k in CLASSES[cls]}
    if cls!='Rprop': base['weight_decay'] = 0.
    if cls=='SGD': base['momentum'] = 0.9
    for kw,at,every_one in product(kws, (0, 5), (False, True)):
        def gradients(t, p):
            g = torch.randn(p.shape, generator=torch.Generator().manual_seed(t))
            return g if t!=at else g.sign()*size if every_one else g.index_fill(0, torch.tensor([1]), size)
        want,got = both(cls, {**base, **kw}, torch.float32, gradients)
        fine = want.isfinite()
        # Without a fused multiply-add, PyTorch's own centered RMSprop has inf-inf where it has inf with one
        assert torch.equal(got.isfinite() & (fine if 'centered' in kw else True), fine), (kw, at, every_one)
        got,want = got[fine],want[fine]
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6, msg=lambda s: f'{kw} {at} {every_one}: {s}')
