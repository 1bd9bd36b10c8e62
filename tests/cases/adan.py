"Adan, ADOPT and MARS"
import torch
from fastopt.optim.adam import adam, amsgrad
from fastopt.optim.adan import adan, adan_no_prox, adopt, adoptw, mars, mars_adamw, mars_lion, two_dims
from fastopt.core.rules import Rule, unbias, decay, descend, ema_, route, term
from . import Protocol

def clipped(most, eps):
    "Adan's own clipping of the norm of all gradients together, which it sums in float32"
    def before(t, engine, state, ps):
        total = torch.zeros(1)
        for p in ps: total.add_(p.grad.pow(2).sum())
        factor = (most/(total.sqrt() + eps)).clamp(max=1.)
        for p in ps: p.grad.mul_(factor.item())
    return Protocol(before=before)

def any_adan(hp):
    if hp.pop('kahan_sum', True) is False: hp['eps'] = 1e-6 # The default of optimi
    hp.pop('foreach', None)
    if 'betas' in hp: hp['mom'],hp['diff_mom'],hp['sqr_mom'] = hp.pop('betas')
    most,rule = hp.pop('max_grad_norm', 0),adan_no_prox if hp.pop('no_prox', False) else adan
    return rule,hp,clipped(most, hp.get('eps', 1e-8)) if most else Protocol()

@term
def adan_of_optax(u, m, d, n, last, *, mom=0.98, diff_mom=0.92, sqr_mom=0.99, eps=1e-8, eps_root=1e-8, step):
    "Adan of optax, which takes a decay rate for the paper's β₂ (1 minus it), so it hardly looks ahead; `eps_root` is under the root"
    if step==1: last.copy_(u)
    Δ = u - last
    last.copy_(u)
    ema_(m, u, mom)
    ema_(d, Δ, diff_mom)
    ema_(n, (u + Δ*(1-diff_mom)).square(), sqr_mom)
    return (unbias(m, mom, step) + unbias(d, diff_mom, step)*(1-diff_mom)) / ((unbias(n, sqr_mom, step) + eps_root).sqrt() + eps)

def optax_adan(hp): return Rule(adan_of_optax, decay, descend),hp

def official_adopt(hp):
    rule = adoptw if hp.pop('decouple', False) else adopt
    hp['clip'] = hp.pop('clip_lambda', 0.25) is not None
    return rule,hp

def official_mars(hp):
    hp.setdefault('lr', 3e-3)
    flat,top,kind,_ = [hp.pop(k, o) for k,o in dict(optimize_1d=False, amsgrad=False, mars_type='mars-adamw', is_approx=True).items()]
    (mom,sqr_mom),lr,wd = [hp.pop(f'{k}_1d', o) for k,o in dict(betas=(0.9, 0.95), lr=3e-3, weight_decay=0.1).items()]
    if kind not in ('mars-adamw', 'mars-lion'): return None
    if kind=='mars-lion': one = mars_lion
    else: one = Rule(mars.terms[0], amsgrad, decay, descend, **mars_adamw.defaults) if top else mars_adamw
    if flat: return one,hp
    if one is mars_adamw: return mars,{**hp, 'lr_ratio':lr/hp['lr'], 'other_mom':mom, 'other_sqr_mom':sqr_mom, 'other_wd':wd}
    rest = Rule(amsgrad if top else adam, decay, descend, lr=lr, mom=mom, sqr_mom=sqr_mom, wd=wd)
    return route(two_dims, Rule(*one.terms, **{**one.defaults, **hp}), rest),{}

@term
def mars_of_timm(u, past, *, mom=0.9, gamma=0.025, step):
    "MARS whose first gradient counts as unchanged and may be longer than 1"
    if step==1: return past.copy_(u)
    return mars_adamw.terms[0](u, past, mom=mom, gamma=gamma)

def timm_mars(hp):
    hp.pop('optimize_1d') # The one case has it on
    return Rule(mars_of_timm, *mars_adamw.terms[1:], sqr_mom=0.99),hp

def kozistr_mars(hp):
    found = official_mars(hp)
    return found and (found[0], {**found[1], 'eps_hat':True})

RULES = dict(Adan={'sail-sg':any_adan, 'kozistr':any_adan, 'warner-benjamin':any_adan, 'google-deepmind':optax_adan}, ADOPT=official_adopt,
    MARS={'AGI-Arena':official_mars, 'kozistr':kozistr_mars, 'huggingface':timm_mars})
