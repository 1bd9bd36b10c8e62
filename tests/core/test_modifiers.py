"Every modifier with every rule that it makes sense for: the three engines agree, and the modifier does what it should"
from contextlib import nullcontext
from functools import lru_cache
import pytest, torch
from cover import covering, met
from fastopt.optim.adam import rectified
from fastopt.optim.clipping import clip_coords, clip_norm, clip_value
from fastopt.optim.diffgrad import friction
from fastopt.core.engine import Engine
from fastopt.optim.lion import cautious
from fastopt.optim.lookahead import centralize, lookahead
from fastopt.core.rules import Route, Rule, decay, descend, shrink
from fastopt.optim.sgd import extrapolate
from kernels import Ahead
from rules_under_test import RULES, far

ENDS = decay,shrink,descend

def rebuilt(rule, *terms):
    return Rule(*terms, **{k:v for k,v in {**rule.hypers, **rule.options}.items() if any(k in t.ranges for t in terms)})

def in_front(term): return lambda rule: rebuilt(rule, term, *rule)

def behind(term):
    "Insert `term` after the direction, before decay and descent"
    def _f(rule):
        n = max((i+1 for i,t in enumerate(rule.terms) if t not in ENDS and t.__name__ not in ('lookahead', 'schedulefree')), default=0)
        return rebuilt(rule, *rule.terms[:n], term, *rule.terms[n:])
    return _f

def at_the_end(term): return lambda rule: rebuilt(rule, *rule, term)

def undecayed(rule): return [t for t in rule if t not in (decay, shrink)]

def l2(rule): return rebuilt(rule, decay, *undecayed(rule))
def decoupled(rule): return rebuilt(rule, *[o for t in undecayed(rule) for o in ((decay, t) if t is descend else (t,))])
def fully_decoupled(rule): return rebuilt(rule, *undecayed(rule), decay)

MODIFIERS = {f.__name__:f for f in (l2, decoupled, fully_decoupled)} | {t.__name__:in_front(t) for t in (centralize, clip_value, clip_norm)}
MODIFIERS |= {t.__name__:behind(t) for t in (clip_coords, cautious, friction, extrapolate, rectified)} | {'lookahead':at_the_end(lookahead)}

def keeps_average(rule): return any(t.__name__.startswith('schedulefree') for t in rule)
def has(rule, *names): return any(t.__name__ in names for t in rule)

# Why a modifier makes no sense for a rule
def senseless(name, rule):
    if isinstance(rule, Route): return 'a fork: modify the rules it leads to'
    if name in ('decoupled',) and descend not in rule.terms: return '`lr` is part of the direction: `shrink` is its decoupled decay'
    if name=='friction' and {'prev'} & set(rule.state): return 'it has friction, or keeps the last gradient, already'
    if name=='lookahead' and ({'slow'} & set(rule.state) or keeps_average(rule)): return 'it averages its weights already'
    if name in ('centralize', 'cautious', 'clip_norm', 'clip_value', 'clip_coords') and has(rule, name): return 'it has that term already'
    if name=='centralize' and has(rule, 'eigen_adam'):
        return 'centralized gradients have several eigenvalues of 0, and any basis of their space will do'
    if name=='rectified' and 'sqr_mom' not in rule.hypers: return 'it has no mean square'
    if name=='extrapolate' and 'last' in rule.state: return 'it keeps the last direction or gradient under that name'
    if name in ('cautious', 'friction', 'clip_coords', 'fully_decoupled', 'extrapolate', 'rectified') and keeps_average(rule):
        return 'the average is the step'

PAIRS = [(m, r) for m in MODIFIERS for r in RULES if not senseless(m, RULES[r])]

def after(rule, how, steps=6):
    "Weights in float64 after a few steps that show the effect of every modifier"
    torch.manual_seed(0)
    ps,state = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in ((6, 5), (4, 3, 2, 2), (7,))],{}
    strong = dict(lr=0.01, wd=0.1, max_value=0.3, max_norm=0.5, q=0.3, k=2, alpha=0.5)
    hypers,options = rule.resolve_hypers({k:v for k,v in strong.items() if k in rule.hypers})
    engine = Engine(rule, options, how)
    for _ in range(steps):
        for p in ps: p.grad = torch.randn_like(p)
        engine.step([(ps[:2], hypers), (ps[2:], hypers)], state)
    return torch.cat([p.detach().flatten() for p in ps])

@lru_cache(maxsize=None)
def wanted(name, rule): return after(MODIFIERS[name](RULES[rule]), 'eager')

@lru_cache(maxsize=None)
def unmodified(rule):
    made = RULES[rule]
    return after(Rule(*undecayed(made), **{k:v for k,v in {**made.hypers, **made.options}.items() if k!='wd'}), 'eager')

CASES = [(m, r, how) for m,r in PAIRS for how in ('foreach', 'fused')]
def by_default(name, rule, how):
    "Each pair gets one engine; kernels are expensive, so one modifier of each rule gets them, and the next rule the next modifier"
    mine = [m for m,r in PAIRS if r==rule]
    return (how=='fused')==(mine.index(name)==list(RULES).index(rule)%len(mine))
DEFAULT = {o for o in CASES if by_default(*o)}

def with_kernel(o): return after(MODIFIERS[o[0]](RULES[o[1]]), 'fused')
AHEAD = [Ahead(with_kernel, [o for o in CASES if o[2]=='fused' and (o in DEFAULT)==default]) for default in (False, True)]

@pytest.mark.parametrize('name,rule,how', covering(CASES, DEFAULT))
def test_engines_agree(name, rule, how):
    case,want = (name, rule, how),wanted(name, rule)
    assert torch.isfinite(want).all()
    assert not torch.equal(want, unmodified(rule))
    with AHEAD[case in DEFAULT](case) if how=='fused' else nullcontext(): got = after(MODIFIERS[name](RULES[rule]), how)
    assert far(got, want) < 1e-10

def test_every_two_of_modifier_rule_and_engine_meet_by_default(): assert met(DEFAULT)==met(CASES)

def test_enough(): assert len(PAIRS) > 700 # As tutorials/how_it_is_checked says

def test_senseless_pairs_are_few():
    left_out = {(m, r): why for m in MODIFIERS for r,o in RULES.items() if (why := senseless(m, o))}
    assert len(left_out) < len(PAIRS)/3
