"StableAdamW"
from fastopt.optim.stableadamw import stableadamw

def any_stable(hp):
    for k in ('foreach', 'kahan_sum'): hp.pop(k)
    return stableadamw,hp

RULES = dict(StableAdamW=any_stable)
