"Friction and bounds: diffGrad, AdaMod and their variants"
from fastopt.optim.adamod import adamod, deepmemory, diffmod
from fastopt.optim.diffgrad import diffgrad, diffrgrad, diffrgrad_hold

def lessw_diffrgrad(hp): return (diffrgrad if hp.pop('degenerated_to_sgd', True) else diffrgrad_hold),hp

def any_adamod(hp):
    if 'betas' in hp: hp['mom'],hp['sqr_mom'],hp['mom3'] = hp.pop('betas')
    return adamod,hp

RULES = dict(diffGrad=diffgrad, diffRGrad=lessw_diffrgrad, AdaMod=any_adamod, DiffMod=diffmod, DeepMemory=deepmemory)
