"""A rule is recorded once, and its numbers are traced: the table of every step is that of plain numbers to the bit, and what a term reads
beside its arguments may change between two steps"""
from copy import deepcopy
from functools import partial
from itertools import count, product
from types import ModuleType
import math, numpy as np, operator, pytest, random, time, torch
from fastcore.basics import AttrDict
from fastopt.core.engine import Engine
from fastopt.core.program import Trace, TracedNumber, find_reads, record, record_sets
from fastopt.core.rules import Rule, descend, each, term
from rules_under_test import RULES

SIGNS = 'add sub mul truediv floordiv mod pow lt le gt ge eq ne'.split()

@pytest.mark.parametrize('nm', [*SIGNS, 'and_', 'or_', 'xor', 'lshift', 'rshift'])
def test_traced_numbers_do_what_numbers_do(nm):
    f,values = getattr(operator, nm),(1, 2., 3, 0.5, np.float64(0.7)) if nm in SIGNS else (1, 6, True)
    for x,y in product(values, values):
        trace = Trace()
        a,b = (trace.number(o, f"h['{k}']") for k,o in dict(a=x, b=y).items())
        found = [f(a, b), f(a, y), f(x, b)]
        numbers = trace.compile(f"[{', '.join(o.name for o in found)}]")
        for new in product(values, values):
            expected = [f(*new), f(new[0], y), f(x, new[1])]
            if new==(x, y): assert [o.x for o in found]==expected
            assert list(map(repr, numbers(dict(zip('ab', new)))))==list(map(repr, expected)) # Including their types

@pytest.mark.parametrize('f', [bool, float, int, operator.index, hash, repr, str, round, math.sqrt, math.floor, lambda o: round(o, 1),
    lambda o: o if o>2 else 0, lambda o: max(o, 2), lambda o: {3: 'three'}.get(o), lambda o: o in (3, 4), lambda o: f'{o}'])
def test_a_plain_answer_is_a_guard(f):
    "The compiled numbers return nothing if another number would give another answer, and continue if the answer is the same"
    trace = Trace()
    number = trace.number(3, "h['a']")
    answer = f(number)
    numbers = trace.compile(trace.text(answer) if isinstance(answer, TracedNumber) else repr(answer))
    assert numbers(dict(a=3))==f(3)
    for x in (0, 2, 4): assert numbers(dict(a=x)) in (None, f(x))

def test_a_traced_number_shows_its_value():
    trace = Trace()
    assert f"{trace.number(0.5, 'h')}, {trace.number(2, 'g')!r}"=='0.5, 2'

def plainly_recorded(rule, hyper, *given):
    prog = record(rule, deepcopy(hyper), *given)
    return prog.key,[prog.consts],[prog.extras],{i: [o] for i,o in prog.questions.items()}

@pytest.mark.parametrize('given', [('plain', True, ()), ('stochastic', False, ('m',))])
@pytest.mark.parametrize('name', RULES)
def test_recordings_that_are_found_again_have_the_numbers_of_the_step(name, given):
    "They are equal bit for bit while steps and hypers change, and few recordings are made"
    rule = RULES[name].rule_of(torch.ones(2, 2))
    how,sums,low = given
    given,made = (how, sums, tuple(k for k in low if k in rule.state)),set()
    for t in (*range(1, 40), 1000, 1001, 5000):
        hyper = {**rule.hypers, **rule.options, **{k: AttrDict(deepcopy(v)) for k,v in rule.memos.items()}, 'step':t, 'lr':0.1/t}
        if 'wd' in hyper: hyper['wd'] = 0.1*(t%2)
        expected = plainly_recorded(rule, hyper, *given)
        prog, = record_sets(rule, [deepcopy(hyper)], *given)
        assert (prog.key, prog.table.tolist(), prog.extras, prog.questions)==expected
        made.add(prog.key)
    if not rule.memos: assert len(made)<=4 # Rectification, a period and a warm-up have two programs each

COUNTER = count(1)
class Config: scale = 2.
CONFIG,SETTING,LIST = Config(), 2., [2.]
def read_setting(): return SETTING
def by_default(config=CONFIG): return config.scale
def by_keyword(*, numbers=LIST): return numbers[0]
def by_number(scale=2.): return scale
def by_attribute(): return by_attribute.scale
def by_code(): return 2.
by_attribute.scale = 2.
BOUND,POLYNOMIAL = partial(by_default, CONFIG), np.poly1d([2.])

def closure():
    scale = 2.
    def change():
        nonlocal scale
        scale = 3.
    def in_cell(u): return u*scale
    return in_cell,change

def reading():
    "Terms that read something other than their arguments, and functions that change it"
    in_cell,change = closure()
    module = ModuleType('settings_of_somebody')
    module.scale = 2.
    def of_global(u): return u*SETTING
    def of_helper(u): return u*read_setting()
    def of_object(u): return u*CONFIG.scale
    def of_list(u): return u*LIST[0]
    def of_module(u): return u*module.scale
    def of_import(u):
        from test_tracing import CONFIG as found
        return u*found.scale
    def of_getattr(u): return u*getattr(CONFIG, 'scale')
    def of_default(u): return u*by_default()
    def of_keyword(u): return u*by_keyword()
    def of_number(u): return u*by_number()
    def of_attribute(u): return u*by_attribute()
    def of_code(u): return u*by_code()
    def of_partial(u): return u*BOUND()
    def of_polynomial(u): return u*float(POLYNOMIAL(1.))
    def of_library(u): return u*(2. if torch.get_default_dtype()==torch.float32 else 3.)
    def set_global(): globals()['SETTING'] = 3.
    def set_object(): CONFIG.scale = 3.
    def set_list(): LIST[0] = 3.
    def set_module(): module.scale = 3.
    def set_number(): by_number.__defaults__ = 3.,
    def set_attribute(): by_attribute.scale = 3.
    def set_code(): by_code.__code__ = (lambda: 3.).__code__ # As IPython's `%autoreload` does
    def set_polynomial(): POLYNOMIAL[0] = 3.
    def set_dtype(): torch.set_default_dtype(torch.float64)
    beside = dict(default=(of_default, set_object), keyword=(of_keyword, set_list), number=(of_number, set_number),
        attribute=(of_attribute, set_attribute), code=(of_code, set_code), partial=(of_partial, set_object),
        polynomial=(of_polynomial, set_polynomial), library=(of_library, set_dtype))
    return dict(beside, cell=(in_cell, change), of_global=(of_global, set_global), helper=(of_helper, set_global),
        of_object=(of_object, set_object),
        of_list=(of_list, set_list), module=(of_module, set_module), importing=(of_import, set_object), getattr=(of_getattr, set_object))

@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setitem(globals(), 'SETTING', 2.)
    monkeypatch.setattr(CONFIG, 'scale', 2.)
    monkeypatch.setattr(by_attribute, 'scale', 2.)
    monkeypatch.setattr(by_number, '__defaults__', (2.,))
    monkeypatch.setattr(by_code, '__code__', by_code.__code__)
    yield
    LIST[0] = POLYNOMIAL[0] = 2.
    torch.set_default_dtype(torch.float32)

@pytest.mark.parametrize('how', ['foreach', 'fused'])
@pytest.mark.parametrize('kind', reading())
def test_a_setting_that_a_term_reads_may_change_between_steps(kind, how, settings, monkeypatch):
    f,change = reading()[kind]
    rule,p,state = Rule(term(f), descend),torch.zeros(2, 3, requires_grad=True),{}
    p.grad = torch.ones_like(p)
    engine = Engine(rule, how=how)
    for _ in range(3): engine.step([([p], dict(lr=1.))], state)
    change()
    engine.step([([p], dict(lr=1.))], state)
    assert (p==-(3*2. + 3.)).all()

def test_a_helper_with_numbers_as_defaults_is_traced():
    "Default values and code that can be compared cost no recording at each step"
    @term
    def helped(u, m, *, lr=0.1): return u*by_number()*by_code()*lr
    assert find_reads(Rule(helped)) is not None

@pytest.mark.parametrize('f', [lambda u: u*random.random(), lambda u: u*time.time(), lambda u: u*next(COUNTER),
    lambda u: u*np.random.rand()])
def test_a_term_that_is_not_a_function_of_its_arguments_is_recorded_at_each_step(f):
    rule = Rule(term(f), descend)
    assert find_reads(rule) is None
    tables = [record_sets(rule, [dict(lr=0.1, step=t)])[0].table.tolist() for t in range(1, 4)]
    assert len(set(map(repr, tables)))==3

def test_a_function_made_of_numbers_is_made_anew():
    "A whole-tensor function that a term defines contains the numbers of its step"
    @term
    def made(u, *, step):
        @each
        def times(x): return x*step
        return times(u)
    p,state,engine = torch.zeros(2, 3, requires_grad=True),{},Engine(Rule(made, descend), how='fused')
    p.grad = torch.ones_like(p)
    for _ in range(3): engine.step([([p], dict(lr=1.))], state)
    assert (p==-(1 + 2 + 3)).all()
