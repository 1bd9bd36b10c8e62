"""How to replay each recorded case, with one module for each family of optimizers

`RULES` of a module maps the name of an optimizer in the recordings to a rule, or to a function of the case's hypers in our names. The
function, `f(hp)` or with an inner optimizer `f(hp, inner)`, returns (rule, hypers) or (rule, hypers, `Protocol`). Where sources differ, the
value is a dict with one of these for each class, owner or file. Variants that reproduce a bug of a source are also here and not in the
library. They show that the bug is the only difference."""
from importlib import import_module
from pkgutil import iter_modules

# The sources' names for hypers that have another name here
NAMES = dict(weight_decay='wd', momentum='mom', dampening='damp', beta3='mom3', N_sma_threshhold='n_min', la_steps='k', la_alpha='alpha',
    gc_conv_only='conv_only', learning_rate='lr')

def spread(hp):
    "Return the hypers `hp` of a source in our names, with one hyper for each decay rate in a tuple"
    hp = dict(hp)
    if 'betas' in hp and len(hp['betas'])==2: hp['mom'],hp['sqr_mom'] = hp.pop('betas')
    for k,v in dict(b1='mom', b2='sqr_mom').items():
        if k in hp: hp[v] = hp.pop(k)
    if 'nus' in hp: hp['nu1'],hp['nu2'] = hp.pop('nus')
    if 'len_memory' in hp: hp['mom3'] = 1-1/hp.pop('len_memory')
    return {NAMES.get(k, k):v for k,v in hp.items()}

class Protocol:
    "How a case was recorded, if not by plain steps"
    def __init__(self,
        schedule=None, # Hypers of step t, counted from 1, as a function of t
        no_wd=(), # Indices of tensors without weight decay
        before=None, # Called with (t, engine, state, weights) before step t
        extras=None, # Other recorded arrays: dict of name, without `x_`, to f(engine, state, weights)
        single=False # Does the source always compute in single precision? Its float64 recording is then that of float32
    ): self.schedule,self.no_wd,self.before,self.extras,self.single = schedule,no_wd,before,extras or {},single

RULES = {}
for _m in iter_modules(__path__): RULES |= import_module(f'.{_m.name}', __name__).RULES
