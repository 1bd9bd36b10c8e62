"StableAdamW, Adam-mini, Sophia"
from fastopt.optim.lean import adam_mini, learn_curvature, sophia, stableadamw
from . import Protocol

def any_stable(hp):
    for k in ('foreach', 'kahan_sum'): hp.pop(k)
    return stableadamw,hp

def official_sophia(hp):
    β = hp.pop('sqr_mom', 0.99)
    def before(t, engine, state, ps):
        for p in ps: state.setdefault(p, {})
        if t%10==1: learn_curvature(ps, [p.grad for p in ps], state, 16, β)
    return sophia,hp,Protocol(before=before)

RULES = dict(StableAdamW=any_stable, Sophia=official_sophia, AdamMini=lambda hp: (adam_mini, hp, Protocol(no_wd=(0, 2))))
