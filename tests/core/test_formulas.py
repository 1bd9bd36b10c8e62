"Expressions of kernels mean the same, however a backend spells the operations"
from math import exp, isclose, log1p
import pytest
from fastopt.core.backends.base import ARITHMETIC, Expr, _write
from hypothesis import given, settings, strategies as st

# Several spellings of each operation in Python; the first are calls
ways = {o[:o.index('(')]: o.split(' | ') for o in '''
lerp({0}, {1}, {2}) | {0} + ({1} - {0}) * {2} | {0} - ({0} - {1})*{2} | ({2} * ({1} - {0}) + {0})
where({0}, {1}, {2}) | {1} if {0} else {2} | ({1} if {0} else {2}) | ({0} and [{1}] or [{2}])[0]
sigmoid({0}) | 1 / (1 + exp(-{0})) | 1 - 1 / (1 + exp({0}))
log1pexp({0}) | log1p(exp({0})) | {0} + log1p(exp(-{0}))
abs({0}) | {0}.__abs__() | -{0} if {0} < 0 else {0}
maximum({0}, {1}) | {0} if {0} > {1} else {1} | ({0} + {1} + abs({0} - {1})) / 2
'''.split('\n')[1:-1]}
meaning = dict(lerp=lambda a, b, w: a + (b-a)*w, where=lambda a, b, c: b if a else c, sigmoid=lambda a: 1/(1 + exp(-a)),
    log1pexp=lambda a: log1p(exp(a)), abs=abs, maximum=max, neg=lambda a: -a, madd=lambda a, b, c: a + b*c, exp=exp, log1p=log1p,
    add=lambda a, b: a+b, sub=lambda a, b: a-b, mul=lambda a, b: a*b, gt=lambda a, b: float(a>b), le=lambda a, b: float(a<=b))
ARGS = dict(lerp=3, where=3, madd=3, neg=1, sigmoid=1, log1pexp=1, abs=1)
NUMBERS,INNER = st.sampled_from([-1.5, -0.25, 0., 0.5, 2.]),st.sampled_from([o for o in meaning if o not in ('exp', 'log1p')])
TREES = st.recursive(NUMBERS, lambda of: INNER.flatmap(lambda op: st.tuples(st.just(op), *[of]*ARGS.get(op, 2))), max_leaves=8)

def value(tree): return meaning[tree[0]](*map(value, tree[1:])) if isinstance(tree, tuple) else tree
def text(tree, spelling):
    "The text of `tree`, whose negative numbers stand in parentheses, as the names of numbers bind like a call"
    return _write(tree[0], [text(o, spelling) for o in tree[1:]], spelling) if isinstance(tree, tuple) else Expr(f'({tree})')

@given(TREES, st.fixed_dictionaries({k: st.sampled_from(o) for k,o in ways.items()}))
@settings(max_examples=500, deadline=None)
def test_a_spelling_does_not_change_what_an_expression_means(tree, spelling):
    try: want = value(tree)
    except OverflowError: return
    got = eval(text(tree, ARITHMETIC | spelling).text, dict(meaning))
    assert isclose(got, want, rel_tol=1e-6, abs_tol=1e-6)

@pytest.mark.parametrize('form', ways['lerp'])
def test_an_interpolation_is_a_factor(form):
    expr = _write('mul', [_write('lerp', [Expr('m'), Expr('g'), Expr('0.5')], ARITHMETIC | dict(lerp=form)), Expr('2.')], ARITHMETIC)
    assert eval(expr.text, dict(meaning, m=1., g=4.))==5.
