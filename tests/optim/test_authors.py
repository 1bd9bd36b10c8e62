"Corners in which rules once differed from their authors' formulas, which are written out here in float64"
import math, pytest, torch
from fastcore.basics import AttrDict
from fastopt.optim.adan import MARSLion
from fastopt.optim.clipping import _threshold
from fastopt.core.rules import Rule, decay, descend
from fastopt.optim.layerwise import trust
from fastopt.optim.learning_rate_free import DAdaptAdam, DAdaptSGD, Prodigy, distance
from fastopt.optim.sgd import heavy_ball

ENGINES = ('eager', 'foreach', 'fused')
pytestmark = pytest.mark.usefixtures('usual_kernels')

def weight(*shape): return torch.nn.Parameter(torch.randn(*shape, dtype=torch.float64))

@pytest.fixture(autouse=True)
def seed(): torch.manual_seed(0)

def step(opt, *pairs):
    "One step of `opt` with a gradient, or `None`, for each weight of the `pairs`"
    for p,g in pairs: p.grad = None if g is None else g.clone()
    opt.step()

@pytest.mark.parametrize('how', ENGINES)
def test_mars_lion_has_one_mean(how):
    "The branch `mars-lion` of the authors' mars.py, with a schedule of β₁, which their correction has too"
    p = weight(4, 3)
    opt,q = MARSLion([p], betas=(0.95, 0.99), weight_decay=0.1, how=how),p.detach().clone()
    m,last = torch.zeros_like(q),torch.zeros_like(q)
    for t in range(40):
        β,g = (0.95, 0.85)[t//10%2],torch.randn_like(q)
        opt.param_groups[0]['betas'] = β,0.99
        step(opt, (p, g))
        c = g + (g-last)*(0.025*β/(1-β))
        m = β*m + (1-β)*c/c.norm().clamp(min=1)
        q,last = q - 3e-3*(0.1*q + m.sign()),g
        assert torch.allclose(p, q, rtol=0, atol=1e-14), t

def prodigy(rows, d=1e-6, d0=1e-6, βs=(0.9, 0.999)):
    """Yield the weights, which start at 0, and d after each step of Prodigy 1.1.2 with bias correction. `rows` yields the gradients
    of a step, or `None` for weights without one"""
    β1,β2,β3,k,r = *βs,βs[1]**0.5,0,0.
    zero = torch.zeros(2, dtype=torch.float64)
    ws = {i: dict(p=zero.clone(), m=zero, v=zero, s=zero) for i in range(2)}
    for gs in rows:
        rate,now = d*(1-β2**(k+1))**0.5/(1-β1**(k+1)),[(ws[i],g) for i,g in enumerate(gs) if g is not None]
        top = β3*r + sum((d/d0*rate*g@-w['p']).item() for w,g in now)
        for w,g in now: w |= dict(m=β1*w['m'] + (1-β1)*d*g, v=β2*w['v'] + (1-β2)*(d*g)**2, s=β3*w['s'] + d/d0*rate*g)
        size = sum(w['s'].abs().sum().item() for w,_ in now)
        if size:
            r,k,d = top,k+1,max(d, top/size)
            for w,_ in now: w['p'] = w['p'] - rate*w['m']/(w['v'].sqrt() + d*1e-8)
        yield [ws[i]['p'] for i in range(2)],d

def dadapt_adam(rows, d=1e-6, βs=(0.9, 0.999)):
    "The same of DAdaptAdam of dadaptation 3.2 with bias correction"
    β1,β2,β3,k,r = *βs,βs[1]**0.5,0,0.
    zero = torch.zeros(2, dtype=torch.float64)
    ws = {i: dict(p=zero.clone(), m=zero, v=zero, s=zero) for i in range(2)}
    for gs in rows:
        rate,now = d*(1-β2**(k+1))**0.5/(1-β1**(k+1)),[(ws[i],g) for i,g in enumerate(gs) if g is not None]
        top = β3*r + (1-β3)*sum((rate*g@(w['s']/(w['v'].sqrt() + 1e-8))).item() for w,g in now)
        for w,g in now: w |= dict(m=β1*w['m'] + (1-β1)*rate*g, v=β2*w['v'] + (1-β2)*g**2, s=β3*w['s'] + (1-β3)*rate*g)
        size = sum(w['s'].abs().sum().item() for w,_ in now)
        if size:
            r,k,d = top,k+1,max(d, top/size/(1-β3))
            for w,_ in now: w['p'] = w['p'] - w['m']/(w['v'].sqrt() + 1e-8)
        yield [ws[i]['p'] for i in range(2)],d

def late(t, g):
    "Zeros in the first steps, and for the first weight nothing until later"
    return [None if t<25 else g[0], g[1]*(t>3)]

@pytest.mark.parametrize('how', ENGINES)
@pytest.mark.parametrize('cls,authors', ((Prodigy, prodigy), (DAdaptAdam, dadapt_adam)), ids=['Prodigy', 'DAdaptAdam'])
def test_bias_correction_has_one_count_for_all_weights(cls, authors, how):
    "It counts from the first gradient that is not zero, in whatever order the weights come, also after a load"
    rows = [late(t, torch.randn(2, 2, dtype=torch.float64)+0.1) for t in range(40)]
    ps = [torch.nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2)]
    opt = cls(ps, use_bias_correction=True, how=how)
    for t,(gs,(qs,d)) in enumerate(zip(rows, authors(rows))):
        if t in (2, 10, 30): # Resume
            sd,opt = opt.state_dict(),cls(ps, use_bias_correction=True, how=how)
            opt.load_state_dict(sd)
        step(opt, *zip(ps, gs))
        for p,q in zip(ps, qs): assert torch.allclose(p, q, rtol=1e-10, atol=1e-16), (t, p, q)
        assert math.isclose(distance(opt), d, rel_tol=1e-10), t

def trained(cls, rates, gs, **hypers):
    "Two weights in groups of their own and d after steps with the gradients `gs` and the `rates` of the groups"
    ps = [torch.nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2)]
    opt = cls([dict(params=[p]) for p in ps], **hypers)
    for lrs,g in zip(rates, gs):
        for pg,lr in zip(opt.param_groups, lrs): pg['lr'] = lr
        step(opt, *zip(ps, g))
    return torch.cat([p.detach() for p in ps]),distance(opt)

@pytest.mark.parametrize('how', ENGINES)
@pytest.mark.parametrize('cls,hypers', ((Prodigy, {}), (Prodigy, dict(safeguard_warmup=True)), (Prodigy, dict(slice_p=2)),
    (DAdaptAdam, {})), ids=['Prodigy', 'safeguard_warmup', 'slice_p', 'DAdaptAdam'])
def test_a_warm_up_may_start_at_rate_0(cls, hypers, how):
    "The authors' step does nothing if all rates are 0"
    gs,rates = torch.randn(30, 2, 2, dtype=torch.float64)+0.5,[(min(1, t/20),)*2 for t in range(30)]
    (p,d),(q,e) = [trained(cls, rates[i:], gs[i:], use_bias_correction=True, how=how, **hypers) for i in (0, 1)]
    assert torch.allclose(p, q, rtol=1e-12, atol=0) and math.isclose(d, e, rel_tol=1e-12)

@pytest.mark.parametrize('cls,share', ((Prodigy, 0.94), (DAdaptAdam, 0.85), (DAdaptSGD, 0.93)))
def test_a_group_that_rests_still_counts(cls, share):
    "In the authors' code rate 0 has the effect on d that a missing gradient has in both; the notebook names the `share` that is left here"
    def found(rests):
        ps = [torch.nn.Parameter(torch.zeros(10, dtype=torch.float64)) for _ in range(2)]
        opt = cls([dict(params=[p]) for p in ps], lr=1.)
        for t in range(1, 19):
            gs,pause = [(p.detach()-1).sign() for p in ps],9<=t<=18
            opt.param_groups[1]['lr'] = 0. if pause and rests=='rate' else 1.
            step(opt, *zip(ps, [gs[0], None if pause and rests=='gradient' else gs[1]]))
        return distance(opt)
    assert math.isclose(found('rate')/found('gradient'), share, abs_tol=0.005)

def test_clip_coords_takes_whole_shares_as_such():
    "0.29*100 is less than 29 in floats"
    for q in (0.29, 0.57, 0.58):
        clipped = AttrDict()
        _threshold([torch.arange(1., 101).double()], q=q, sample=0, clipped=clipped, step=1)
        assert (clipped.q, clipped.top)==(q, 100-round(100*q))

def test_optax_lars_as_the_notebook_spells_it():
    "`lars` of optax's alias.py: decay, ratio with its coefficient, rate, momentum; the weight is longer than 10"
    rule,p = Rule(decay, trust, heavy_ball, descend, mom=0.9, norm_max=0),weight(20, 20)
    opt,q,buf = rule([p], lr=0.1*0.001, wd=0.01),p.detach().clone(),0.
    for _ in range(5):
        g = torch.randn_like(q)
        step(opt, (p, g))
        u = g + 0.01*q
        buf = 0.9*buf + 0.1*0.001*u*q.norm()/u.norm()
        q = q - buf
        assert q.norm()>10 and torch.allclose(p, q, rtol=0, atol=1e-14)
