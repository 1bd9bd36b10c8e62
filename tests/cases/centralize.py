"Gradient centralization, of the gradient or of the direction, in the authors' SGD, Adam, AdamW and RAdam"
import torch
from fastopt.optim.adam import adam, amsgrad, rectify
from fastopt.optim.lookahead import centralize
from fastopt.core.rules import Rule, unbias, decay, descend, ema_, term
from fastopt.optim.sgd import sgd
from .lookahead import aliased_adapt

@term
def undebiased(u, m, v, *, mom=0.9, sqr_mom=0.999, eps=1e-8, step):
    "Adam's direction before its mean is debiased"
    ema_(m, u, mom)
    ema_(v, u*u, sqr_mom)
    return m / (unbias(v, sqr_mom, step).sqrt() + eps)

@term
def debias_all(u, *, mom=0.9, step):
    "Debias the decay along with the mean, as the source does"
    return unbias(u, mom, step)

def placed(hp, loc, *terms):
    "Return `terms` with centralization at one of the two places marked by `None`: the first for `gc_loc`, the last otherwise"
    first,use = hp.pop('gc_loc', loc),hp.pop('use_gc', False)
    places = iter([use and first, use and not first])
    return [o for t in terms for o in ([t] if t else [centralize]*next(places))]

def gc_sgd(hp): return Rule(decay, *[centralize]*hp.pop('use_gc', False), *sgd.core, descend),hp

@term
def undebiased_top(u, m, v, top, *, mom=0.9, sqr_mom=0.999, eps=1e-8, step):
    "Adam's direction with the largest mean square so far, before its mean is debiased"
    ema_(m, u, mom)
    ema_(v, u*u, sqr_mom)
    top.copy_(torch.maximum(top, v))
    return m / (unbias(top, sqr_mom, step).sqrt() + eps)

def gc_adam(hp):
    core = (amsgrad if hp.pop('amsgrad', False) else adam).core
    return Rule(*placed(hp, False, decay, None, *core, None, descend)),hp

def gc_adamw(hp):
    core = undebiased_top if hp.pop('amsgrad', False) else undebiased
    return Rule(*placed(hp, True, None, core, decay, None, debias_all, descend)),hp

def gc_radam(hp):
    use,start = hp.pop('use_gc', False),hp.pop('gc_loc', False)
    return Rule(*[centralize]*(use and start), aliased_adapt('out' if use and not start else 'in'), rectify, descend, mom=0.9, eps=1e-8),hp

RULES = dict(GradCentral=dict(SGD=gc_sgd, Adam=gc_adam, AdamW=gc_adamw, RAdam=gc_radam))
