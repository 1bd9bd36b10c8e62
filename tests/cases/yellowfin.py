"YellowFin"
import numpy as np, torch
from fastopt.optim.yellowfin import _EPS, yellowfin
from . import Protocol

def measured(k): return lambda engine, state, ps: state[ps[0]]['tuned'][k]

def var(engine, state, ps):
    "Return the variance; in float32 that of the first gradient is rounding noise, so it is computed in the authors' order"
    tuned,beta = state[ps[0]]['tuned'],engine.groups[0][1]['beta']
    if tuned['t']>1 or ps[0].dtype==torch.float64: return tuned['var']
    debias,noise = 1-beta if engine.options['zero_debias'] else 1.,np.zeros((), dtype=np.float32)
    for p in ps: noise += torch.zeros_like(p).add_(p.grad, alpha=1-beta).square().sum().item()
    noise /= -debias**2
    noise += ((1-beta)*sum(p.grad.square().sum() for p in ps)).item()/debias
    return max(noise, _EPS)

def official(hp):
    names = dict(lr='first_lr', curv_win_width='window', h_min_log_smooth='log_min', h_max_log_smooth='log_max')
    extras = dict(var=var, **{k: measured(o) for k,o in dict(lr='rate', mu='mom', h_min='h_min', h_max='h_max', dist='dist').items()})
    return yellowfin,{names.get(k, k):v for k,v in hp.items()},Protocol(extras=extras)

RULES = dict(YellowFin=official)
