"Schedule-free optimizers, with y and x"
from fastopt.optim.schedulefree import average_of, schedulefree_adamw, schedulefree_radam, schedulefree_sgd
from . import Protocol

def both(rule):
    "Return how to replay `rule`, whose average is recorded as well"
    def f(hp):
        hp,mom = {k:v for k,v in hp.items() if k!='foreach'},hp.get('mom', rule.hypers['mom'])
        def x(i): return lambda engine, state, ps: average_of(ps[i].detach(), state[ps[i]]['z'], mom).numpy()
        return rule,hp,Protocol(extras={f'eval{i}': x(i) for i in range(3)})
    return f

RULES = dict(ScheduleFreeAdamW=both(schedulefree_adamw), ScheduleFreeSGD=both(schedulefree_sgd), ScheduleFreeRAdam=both(schedulefree_radam))
