"Sophia"
from fastopt.optim.sophia import learn_curvature, sophia
from . import Protocol

def official_sophia(hp):
    β = hp.pop('sqr_mom', 0.99)
    def before(t, engine, state, ps):
        for p in ps: state.setdefault(p, {})
        if t%10==1: learn_curvature(ps, [p.grad for p in ps], state, 16, β)
    return sophia,hp,Protocol(before=before)

RULES = dict(Sophia=official_sophia)
