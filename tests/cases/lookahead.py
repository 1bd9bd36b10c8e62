"Lookahead, and Ranger with its variants"
import torch
from fastopt.optim.adam import adam, rectification, rectify
from fastopt.optim.lookahead import centralize, lookahead, ranger, ranger20, rangerqh, reset_momentum
from fastopt.optim.qhadam import qhadam
from fastopt.core.rules import Borrowed, Rule, decay, descend, ema_, term
from fastopt.optim.sgd import sgd
from . import spread
from .adam import optimi_radam

@term
def aliased_pull(u, buf:Borrowed, *, k=5, alpha=0.8, step):
    "The official pullback, which caches the live buffer itself and so mixes the buffer with itself from the second merge on"
    if step%k==0: buf.mul_(alpha if step==k else alpha*(2-alpha))
    return u

@term
def twice_averaged(u, m, v, *, mom=0.95, sqr_mom=0.999, smooth=50., step):
    "RangerVA without its maximum, whose mean square is averaged twice at each step"
    ema_(m, u, mom)
    ema_(ema_(v, u*u, sqr_mom), u*u, sqr_mom)
    return m*((1-sqr_mom**step)**0.5/(1-mom**step)) / torch.nn.functional.softplus(v.sqrt(), beta=smooth)

@term
def twice_averaged_top(u, m, v, top, *, mom=0.95, sqr_mom=0.999, smooth=50., step):
    "RangerVA with its maximum"
    ema_(m, u, mom)
    ema_(ema_(v, u*u, sqr_mom), u*u, sqr_mom)
    top.copy_(torch.maximum(top, v))
    return m*((1-sqr_mom**step)**0.5/(1-mom**step)) / torch.nn.functional.softplus(top.sqrt(), beta=smooth)

def aliased_adapt(place):
    """ranger2020 before rectification, whose direction is the live mean itself, so that decay (and centralization, if `place` is 'out')
    stay in the mean"""
    def f(u, p, m, v, *, mom=0.95, sqr_mom=0.999, eps=1e-5, wd=0., n_min=5., step):
        ema_(m, u, mom)
        ema_(v, u*u, sqr_mom)
        trusted = rectification(sqr_mom, step, n_min)
        d = m/(v.sqrt() + eps) + p*wd if trusted else m + p*wd
        if place=='out': d = centralize(d, conv_only=False)
        if not trusted: m.copy_(d)
        return d
    f.__name__ = f.__qualname__ = f'aliased_adapt_{place}'
    return term(f)

@term
def shrunk_start(u, slow:Borrowed, *, lr=1e-3, wd=0., step):
    "Apply the first decay to the slow weights, which RangerQH copies after it"
    if step==1: slow.mul_(1-lr*wd)
    return u

def lessw_ranger(hp):
    hp.pop('use_gc', None) # Has no effect in this file
    return ranger,hp

@term
def uphill(u, *, sqr_mom=0.999, n_min=5., step):
    "Reverse the step while the mean square cannot be trusted, as kozistr's Ranger does"
    return u if rectification(sqr_mom, step, n_min) else -u

def kozistr_ranger(hp): return Rule(*ranger.terms[:3], uphill, *ranger.terms[3:], **ranger.defaults),hp

def optimi_ranger(hp): return optimi_radam(hp, lookahead, k=6, alpha=0.5)

def lessw_ranger20(hp):
    use,before = hp.pop('use_gc', True),hp.pop('gc_loc', True)
    over = dict(mom=0.95, eps=1e-5, k=6, alpha=0.5)
    if not hp.get('wd') and before: return (ranger20 if use else Rule(*[t for t in ranger20 if t is not centralize], **over)),hp
    return Rule(*([centralize] if use and before else []), aliased_adapt('out' if use and not before else 'in'), rectify, descend,
        lookahead, **over),hp

def lessw_rangerqh(hp):
    if hp.pop('decouple_weight_decay', False):
        return Rule(*qhadam.core, decay, descend, lookahead, shrunk_start, **rangerqh.defaults),{'mom':0.9, **hp}
    return rangerqh,{'mom':0.9, **hp}

def lessw_rangerva(hp):
    return Rule(twice_averaged_top if hp.pop('amsgrad', True) else twice_averaged, decay, descend, lookahead, k=6, alpha=0.5),hp

def later(start):
    "Return a case whose slow weights begin at `start`"
    def f(hp, inner):
        rule,hp = official_lookahead(hp, inner)
        return rule,{**hp, 'slow_from':start}
    return f

def official_lookahead(hp, inner):
    rule,ihp = {'SGD':sgd, 'Adam':adam}[inner['cls']],spread(inner['hp'])
    pull = dict(reset=[reset_momentum], pullback=[aliased_pull], none=[])[hp.pop('pullback_momentum', 'none')]
    return Rule(*rule, *pull, lookahead, **rule.defaults),{**ihp, **hp}

RULES = dict(Lookahead=dict(michaelrzhang=official_lookahead, alphadl=later('step'), huggingface=later('merge')),
    Ranger={'ranger':lessw_ranger, 'ranger2020':lessw_ranger20, 'rangerqh':lessw_rangerqh, 'ranger913A':lessw_rangerva,
        'warner-benjamin':optimi_ranger, 'kozistr':kozistr_ranger})
