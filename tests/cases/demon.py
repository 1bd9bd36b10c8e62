"Demon, with DemonRanger"
import torch
from fastopt.optim.adam import rectification
from fastopt.optim.lookahead import centralize, lookahead
from fastopt.optim.demon import demon_adam_wolfe, demon_sgdm, fade
from fastopt.core.rules import Rule, unbias, ema_, shrink, term

NAMES = dict(T='total', beta_init='mom', b2='sqr_mom')

def named(hp): return {NAMES.get(k, k):v for k,v in hp.items()}

def ranger_core(rectify, AdaMod, amsgrad):
    "DemonRanger's step, which is QHAdam with optional rectification, bounded rates and (from step 2 on) largest squares"
    def f(u, m, v, top, s, *, lr=1e-3, mom=0.999, sqr_mom=0.999, mom3=0.999, nu1=0.7, nu2=1., eps=1e-8, total=0, step):
        β = fade(mom, step, total)
        ema_(m, u, β)
        ema_(v, u*u, sqr_mom)
        square = top.copy_(torch.maximum(top, v)) if amsgrad and step>1 else v
        r = rectification(sqr_mom, step) if rectify else 1.
        η = lr*r / ((unbias(square, sqr_mom, step)*nu2 + u*u*(1-nu2)).sqrt() + eps) if r else torch.ones_like(u)*lr
        if AdaMod: ema_(s, η, mom3)
        if AdaMod and r: η = torch.minimum(η, unbias(s, mom3, step))
        return η * (unbias(m, β, step)*nu1 + u*(1-nu1))
    f.__name__ = f.__qualname__ = 'ranger_core'
    return term(f)

def demon_ranger(hp):
    hp['mom'],hp['sqr_mom'],hp['mom3'] = hp.pop('betas', (0.999,)*3)
    total,demon,gc,k = hp.pop('epochs')*hp.pop('step_per_epoch'),hp.pop('use_demon', True),hp.pop('use_gc', True),hp.pop('k', 5)
    core = ranger_core(*(hp.pop(o, True) for o in ('rectify', 'AdaMod', 'amsgrad')))
    hp.pop('IA', None) # It averages only if the caller requests it at a step
    alpha = hp.pop('alpha', 0.8)
    return Rule(*[centralize]*gc, core, shrink, *[lookahead]*bool(k)),{**hp, 'total':total*demon, **(dict(k=k, alpha=alpha) if k else {})}

RULES = dict(Demon=dict(SGD_demon=lambda hp: (demon_sgdm, named(hp)), SGD=lambda hp: (demon_sgdm, named(hp)),
    Adam_demon=lambda hp: (demon_adam_wolfe, named(hp)), DemonRanger=demon_ranger))
