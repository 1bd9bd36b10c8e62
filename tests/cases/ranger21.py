"Ranger21, whose weight decay and norm loss reach only the last tensor of the optimizer"
import torch
from math import inf, sqrt
from fastopt.optim.lookahead import centralize, lookahead
from fastopt.optim.ranger21 import (agc, calibrate, mean_square, normalize_gradient, positive_negative, unit_norm, warm_down, warm_up)
from fastopt.core.rules import Across, Borrowed, Rule, unbias, descend, each, term
from . import Protocol

@term
def slip(u, *, sqr_mom=0.999):
    "Scale positive-negative momentum as the source does, which uses β₂ in place of β₀"
    return u * sqrt(5/((1+sqr_mom)**2 + sqr_mom**2))

def leaking():
    "Return a term with decay, then norm loss, for the last tensor only and with a mean over all, and a function to call before each step"
    seen = {}
    def before(t, engine, state, ps): seen.update(left=len(ps), sum=0., n=0)
    @each
    def mean_so_far(v):
        seen.update(left=seen['left']-1, sum=seen['sum']+v.sum(), n=seen['n']+v.numel())
        return v.new_full((), inf) if seen['left'] else seen['sum']/seen['n']
    def leaky_decay(u, p, v:Borrowed, *, lr=1e-3, wd=1e-4, norm_wd=1e-4, eps=1e-8, sqr_mom=0.999,
        total=0, pct_start=0.72, min_lr=3e-5, step):
        η = warm_up(lr, sqr_mom=sqr_mom, total=total, step=step)
        η = warm_down(η, lr=lr, total=total, pct_start=pct_start, min_lr=min_lr, step=step)
        mean = mean_so_far(v)
        q = p*(1 - η*wd/unbias(mean, sqr_mom, step).sqrt())
        pull = torch.where(mean<inf, 1 - 1/(unit_norm(q) + eps), torch.zeros_like(p))
        return u + (p - q*(1 - pull*(η*2*norm_wd)))/η
    return term(leaky_decay),before

def _size(v, *, sqr_mom=0.999, step):
    "Return the root of the mean of all debiased mean squares, whose sum starts from 1 in kozistr's port"
    return sqrt((1 + float(sum(o.sum() for o in v))/(1-sqr_mom**step)) / sum(o.numel() for o in v))

@term
def kozistr_decay(u, p, v:Borrowed, size:Across(_size), *, lr=1e-3, wd=1e-4, norm_wd=1e-4, eps=1e-8, sqr_mom=0.999, total=0, pct_start=0.72,
    min_lr=3e-5, step):
    "Apply the decay and then the norm loss"
    η = warm_down(warm_up(lr, sqr_mom=sqr_mom, total=total, step=step), lr=lr, total=total, pct_start=pct_start, min_lr=min_lr, step=step)
    q = p*(1 - η*wd/size)
    return u + (p - q*(1 - (1 - 1/(unit_norm(q) + eps))*(η*2*norm_wd)))/η

def kozistr_ranger21(hp):
    rule = Rule(agc, centralize, normalize_gradient, mean_square, centralize, normalize_gradient, positive_negative, slip, calibrate,
        kozistr_decay, descend, warm_up, warm_down, lookahead, alpha=0.5)
    total = hp.pop('num_iterations')
    return rule,{**hp, 'total':total}

NAMES = dict(lookahead_mergetime='k', lookahead_blending_alpha='alpha', beta_softplus='smooth', normloss_factor='norm_wd',
    agc_clipping_value='clip_ratio', agc_eps='least_norm', warmdown_start_pct='pct_start', warmdown_min_lr='min_lr')

def lessw_ranger21(hp):
    hp = {NAMES.get(k, k):v for k,v in hp.items() if k!='pnm_momentum_factor'} # Has no effect there
    total,on = hp.pop('num_epochs')*hp.pop('num_batches_per_epoch'),lambda o: hp.pop(o, True)
    decay,before = leaking()
    gc,norm = [centralize]*on('using_gc'),[normalize_gradient]*on('using_normgc')
    if not on('softplus'): hp['smooth'] = 1e30
    if not on('normloss_active'): hp['norm_wd'] = 0.
    look = [lookahead]*on('lookahead_active')
    warm = on('use_warmup') and on('warmdown_active')
    rule = Rule(*[agc]*on('use_adaptive_gradient_clipping'), *gc, *norm, mean_square, *gc, *norm, positive_negative, slip, calibrate,
        decay, descend, warm_up, warm_down, *look, **(dict(alpha=0.5) if look else {}))
    hp.pop('warmdown_active', None)
    return rule,{**hp, 'total':total*warm},Protocol(before=before)

RULES = dict(Ranger21=dict(lessw2020=lessw_ranger21, kozistr=kozistr_ranger21))
