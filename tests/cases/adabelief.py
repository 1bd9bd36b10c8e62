"AdaBelief with its flags, Yogi and LaProp"
import numpy as np, torch
from fastopt.optim.adabelief import adabelief, adabelief_ams, adabelief_plain, yogi
from fastopt.optim.adam import hold
from fastopt.core.rules import Rule, decay, descend, ema_, term

def _tiny(p): return torch.full_like(p, 1e-6)
_yogi = yogi.core[0]

@term
def started_yogi(u, m=_tiny, v=_tiny, *, mom=0.9, sqr_mom=0.999, eps=1e-3, step):
    "Yogi in its ports, where the mean of gradients does not start at 0 either and `eps` is added to the debiased root"
    return _yogi(u, m, v, mom=mom, sqr_mom=sqr_mom, eps=eps, eps_hat=False, step=step)

def author(hp):
    "Return the chain for the flags of adabelief-pytorch, whose maximum has no effect with rectification"
    rectified,ams,fixed,decoupled,moves = (hp.pop(k, v)
        for k,v in dict(rectify=True, amsgrad=False, fixed_decay=False, weight_decouple=True, degenerated_to_sgd=True).items())
    hp.pop('print_change_log', None)
    rule = adabelief if rectified else adabelief_ams if ams else adabelief_plain
    core = rule.core if moves else [*rule.core, hold]
    chain = [decay, *core, descend] if not decoupled else [*core, descend, decay] if fixed else [*core, decay, descend]
    return Rule(*chain, **rule.defaults),hp

def single(sqr_mom, step):
    "Return the debiasing factor of the mean square, summed in single precision"
    c = np.float32(0)
    for _ in range(step): c = c*np.float32(sqr_mom) + np.float32(1-sqr_mom)
    return float(c)

@term
def timm_laprop(u, v, m, *, mom=0.9, sqr_mom=0.999, eps=1e-15, step):
    "LaProp of timm, one of whose scalars is always in single precision"
    ema_(v, u*u, sqr_mom)
    ema_(m, u / ((v/single(sqr_mom, step)).sqrt() + eps), mom)
    return m/(1-mom**step)

@term
def two_eps(u, m, s, *, mom=0.9, sqr_mom=0.999, eps=1e-16, root=1e-16, step):
    "AdaBelief of optax, which adds different numbers to the state and to the root"
    m.lerp_(u, 1-mom)
    s.lerp_((u-m)*(u-m), 1-sqr_mom).add_(root)
    return m/(1-mom**step) / ((s/(1-sqr_mom**step)).sqrt() + eps)

def optax_adabelief(hp):
    hp['root'] = hp.pop('eps_root', 1e-16)
    return Rule(two_eps, decay, descend),hp

def ported_yogi(hp): return Rule(decay, started_yogi, descend, lr=0.01),hp

RULES = dict(AdaBelief={**dict.fromkeys(('juntang-zhuang', 'huggingface', 'jettify'), author), 'google-deepmind':optax_adabelief},
    Yogi=ported_yogi, LaProp=Rule(timm_laprop, decay, descend, lr=4e-4))
