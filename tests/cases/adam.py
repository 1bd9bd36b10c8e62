"Plain and adaptive classics of PyTorch, and rectified Adam"
from fastopt.optim.adam import adam, adamw, amsgrad, hold, radam, rectification
from fastopt.core.rules import Rule, unbias, decay, descend, ema_, maximize, term
from fastopt.optim.sgd import sgd
from . import Protocol

def torch_adam(rule, terms, hp): return (Rule(*terms), hp) if hp.pop('amsgrad', False) else (rule, hp)

def torch_sgd(hp): return (Rule(maximize, *sgd) if hp.pop('maximize', False) else sgd),hp

def torch_radam(hp): return (radam if hp.pop('decoupled_weight_decay', False) else Rule(decay, *radam.core, descend)),hp

def official_radam(hp): return (radam if hp.pop('degenerated_to_sgd', False) else Rule(*radam, hold)),hp

@term
def late_eps(u, m, v, *, mom=0.9, sqr_mom=0.999, eps=1e-8, step):
    "RAdam of optimi and optax, which add `eps` to the debiased root"
    ema_(m, u, mom)
    ema_(v, u*u, sqr_mom)
    r,d = rectification(sqr_mom, step),unbias(m, mom, step)
    return d/(unbias(v, sqr_mom, step).sqrt() + eps)*r if r else d

def optimi_radam(hp, *terms, **defaults):
    for k in ('decouple_wd', 'foreach', 'kahan_sum'): hp.pop(k)
    return Rule(late_eps, decay, descend, *terms, eps=1e-6, **defaults),hp

def timm_radam(hp): return radam,hp,Protocol(single=True)

def optax_radam(hp): return Rule(late_eps, decay, descend),hp

RULES = dict(SGD=torch_sgd, Adam=lambda hp: torch_adam(adam, amsgrad, hp), RAdam={'pytorch':torch_radam, 'LiyuanLucasLiu':official_radam,
    'warner-benjamin':optimi_radam, 'google-deepmind':optax_radam, 'huggingface':timm_radam},
    AdamW=lambda hp: torch_adam(adamw, [*amsgrad.core, decay, descend], {'wd':0.01, **hp}))
