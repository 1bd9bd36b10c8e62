"Prodigy and D-Adaptation, with their d"
from fastopt.optim.learning_rate_free import _farther, _unit, dadapt_adam, dadapt_adamw, dadapt_sgd, evidence, prodigy, prodigy_l2, shrink_d
from fastopt.core.rules import Across, Borrowed, NonNeg, Pos, Rule, decay, term
from . import Protocol

def found(rule, hp): return rule,hp,Protocol(extras=dict(d=lambda engine, state, ps: state[ps[0]]['found']['d']))

@term
def measure(u, unit:Across(_unit)):
    "Measure the first gradient without the decay, as the source does, which discards the sum of the two"
    return u

@term
def late(u, m:Borrowed, v:Borrowed, pace:Across(_farther, 2), *, lr:NonNeg=1., eps:Pos=1e-8):
    "`prodigy` of 1.1.2 without a mean of gradients, which weights the gradient of a step with the next d"
    return m/(v.sqrt() + pace[1]*eps)*(pace[1]*lr)

def official_prodigy(hp):
    rule,hp = (prodigy if hp.pop('decouple', True) else prodigy_l2).select_variant(hp)
    return found(rule if hp.get('mom', 0.9) else Rule(evidence, late, shrink_d), hp)
def official_adam(hp): return found(dadapt_adamw if hp.pop('decouple', False) else dadapt_adam, hp)
def official_sgd(hp): return found(Rule(measure, decay, *dadapt_sgd.core), hp)

def corrected(rule):
    "With Adam's bias correction, which optax always has, and the authors' code as an option"
    return lambda hp: (rule, {**hp, 'use_bias_correction':True})

RULES = dict(Prodigy={'konstmish':official_prodigy, 'google-deepmind':corrected(prodigy)},
    DAdaptAdam={'facebookresearch':official_adam, 'google-deepmind':corrected(dadapt_adamw)}, DAdaptSGD=official_sgd)
