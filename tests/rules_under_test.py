"Shared by tests: every named rule, weights of awkward shapes, a short training run"
import fastopt.all as fastopt_all, torch
from fastcore.basics import groupby
from fastopt.core.engine import Engine
from fastopt.core.rules import Rule
from functools import lru_cache

RULES = {n:o for n,o in vars(fastopt_all).items() if isinstance(o, Rule)}
TORCH = {n:o for n,o in vars(fastopt_all).items() if isinstance(o, type) and issubclass(o, torch.optim.Optimizer) and o.rule}

@lru_cache(maxsize=None)
def kind(rule):
    "What a training could notice of a rule, apart from its numbers"
    return ('mom' in rule.hypers, 'wd' in rule.hypers, rule.elementwise, any(t.across for t in rule.terms), 'slow' in rule.state,
        any(t.__name__.startswith('schedulefree') for t in rule.terms))

KINDS = groupby(RULES, lambda o: kind(RULES[o])) # Kind -> names

SOME = (7,), (6, 5), (3, 2, 3, 3) # Enough if the memory layout of weights does not matter

def weights(dtype=torch.float32, device='cpu', shapes=None):
    """Weights of awkward shapes and layouts: vectors, matrices, convolutions, 0 to 5 dimensions, empty, channels last, transposed, at an
    odd address, with gaps; or ordinary ones of `shapes`"""
    torch.manual_seed(0)
    def draw(*shape): return torch.randn(shape).to(device) # The same numbers on all devices
    if shapes: return [draw(*s).to(dtype).requires_grad_() for s in shapes]
    ps = [draw(*s) for s in ((7,), (40, 50), (3, 2, 3, 3), (), (0,), (17, 5), (64, 3, 3, 3), (3, 4, 5), (2, 3, 2, 2, 3))]
    ps += [draw(4, 8, 5, 5).to(memory_format=torch.channels_last), draw(10, 12).t(), draw(100)[1:96], draw(9, 9)[:,2:5]]
    return [p.to(dtype).requires_grad_() for p in ps]

def trained(rule, how='eager', dtype=torch.float32, lowp='plain', steps=7, schedule=None, state_dtype=None, device='cpu', shapes=None, **h):
    "All weights after `steps` steps of `rule` with hypers `h`, as one vector in float64 on the CPU; `schedule` maps a step to hypers"
    ps,state = weights(dtype, device, shapes),{}
    hypers,options = rule.resolve_hypers(h)
    engine = Engine(rule, options, how, lowp, state_dtype=state_dtype)
    for t in range(steps):
        for p in ps: p.grad = torch.randn(p.shape).to(device, dtype)
        engine.step([(ps, {**hypers, **(schedule(t) if schedule else {})})], state)
    return torch.cat([p.detach().flatten() for p in ps]).cpu().double()

def far(a, b): return ((a-b).abs() / (1 + b.abs())).max().item()
