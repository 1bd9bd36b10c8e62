"Whatever a term does with its tensors, every engine does the same or refuses"
import fastopt.all, pytest, torch, warnings # chkstyle: ignore - importing all makes `fused` available
import torch.nn.functional as F
from fastopt.core import engine, rules
from fastopt.core.engine import Engine
from fastopt.core.program import OPS, WRITTEN, Trace, record
from fastopt.core.rules import Across, Rule, cond, descend, each, ema_, larger, norm, root, smaller, term
from expressions import BY_HAND, SPACE, VALUES, expressions, plain
from functools import partial
from kernels import Ahead
from rules_under_test import SOME, far, trained

pytestmark = pytest.mark.filterwarnings("ignore")
SHAPES = (3,), (4, 5), (4, 5), (2, 3, 2), ()

def defined(parameters, body):
    "The function `f` of `parameters` with the `body`, as a user would write it"
    space = dict(SPACE, total=total, cond=cond, larger=larger, norm=norm, smaller=smaller)
    exec(f'def f({parameters}):\n    {body}\n', space)
    return space['f']

def written(body): return defined('u, m, w', f'ema_(m, u, 0.9)\n    {body}')

def moved(*fs, how='eager', steps=2):
    "All weights after some steps of a rule whose terms are the functions `fs`"
    rule,gen = Rule(*map(term, fs), descend, lr=0.1),torch.Generator().manual_seed(0)
    ps = [torch.randn(s, generator=gen).requires_grad_() for s in SHAPES]
    runs,state = Engine(rule, how=how),{}
    for _ in range(steps):
        for p in ps: p.grad = torch.rand(p.shape, generator=gen) + 0.1
        runs.step([(ps, rule.hypers)], state)
    return torch.cat([p.detach().flatten() for p in ps])

@each
def total(x): return x.sum()

# An operation with more arguments than those of a kernel, arguments by name, `out`, views, copies, and writes to results of one's own
ALLOWED = '''u.round(); torch.round(u*7)/7; u.round(decimals=1); torch.round(u, decimals=1); u.trunc(); u.floor(); F.celu(u)
    F.relu(u - 0.3); torch.div(u, 0.3, rounding_mode="floor"); u.div(0.3, rounding_mode="trunc")
    u.pow(exponent=2); u.div(other=2.); torch.sub(u, m, alpha=2); u.add(m, alpha=0.5); torch.add(u, other=m); u.where(u > m, m)
    u.where(u > m, 0.); torch.where(u > m, u, m); torch.where(condition=u > m, input=u, other=m); u.clamp(max=0.3); u.clamp(None, 0.3)
    torch.clamp(u, min=m); u.masked_fill(u > m, 0.); +u; -u; abs(u - m); 2**u; u//0.3; u%0.3; ~(u > m)*u; (u > m)*u; u.lerp(m, m)
    torch.lerp(u, m, weight=0.3); weighed(u, y=m); weighed(x=u, y=m); weighed(y=m, x=u, k=2.); weighed(m, k=u, y=2.); u/total(x=m)'''
WRITES = '''torch.div(u, 0.5, out=m); torch.pow(u, 0.5, out=m); torch.square(u, out=m); torch.clamp(u, 0.2, 0.5, out=m)
    torch.add(u, m, out=m); m.add_(u); m.mul_(u).sub_(w); m.copy_(u); m.fill_(0.5); m.zero_(); m.clamp_(0.2, 0.5); m.round_(decimals=1)
    m.lerp_(u, 0.3); m.abs_()
    m.where(u > w, u); m.pow_(2); m.div_(2.); m.div_(0.3, rounding_mode="floor"); F.relu(m, inplace=True); m.masked_fill_(u > m, 0.1)'''
STATEMENTS = ['v = m.clone(); m.add_(u); return u*v', 'v = m.detach(); m.add_(u); return u*v', 'v = +m; m.add_(u); return u*v',
    'v = m*1; m.add_(u); return u*v', 'v = m; v.add_(u); return m*u', 'v = m.abs(); m.neg_(); return u*v*m', 'm += u; m *= 0.5; return m',
    'v = u*2; v.add_(m); return v', 'v = u*2; v *= m; return v', 'v = u.clone(); v.mul_(m); return v', 'return u.mul(2).add_(m)',
    'v = torch.zeros_like(u); v.add_(m); return v', 'v = torch.abs(u); x = v; x.add_(1); v.mul_(2); return x - v + u',
    'v = m.view_as(m); v.add_(u); return m*u', 'v = m.float(); v.add_(u); return m*u', 'v = (u+0).contiguous(); v.add_(u); return v',
    'v = weighed(u, m); v.add_(1); return v']
BODIES = [*(f'return {o.strip()}' for o in ALLOWED.replace('\n', ';').split(';')),
    *(f'{o.strip()}; return u + m + 0.5*w' for o in WRITES.replace('\n', ';').split(';')), *STATEMENTS]
AHEAD = Ahead(lambda body: moved(written(body), how='fused'), BODIES)

@pytest.mark.parametrize('body', BODIES)
def test_every_engine_does_what_eager_does(body):
    want = moved(written(body))
    assert want.isfinite().all() and torch.allclose(moved(written(body), how='foreach'), want, rtol=1e-5, atol=1e-6)
    with AHEAD(body): assert torch.allclose(moved(written(body), how='fused'), want, rtol=1e-5, atol=1e-6)

READ_ONLY = ['u.mul_(2); return u', 'torch.mul(u, 2., out=u); return u', 'F.relu(u, inplace=True); return u',
    'v = u.detach(); v.mul_(2); return v', 'v = u.view_as(u); v.mul_(2); return v', 'v = u.contiguous(); v.mul_(2); return v',
    'v = u.float(); v.mul_(2); return v', 'w.copy_(u); u.add_(1); return w']
BEFORE = dict(gradient=[], state=[lambda u, m: ema_(m, u, 0.9)], result=[lambda u: u*2])

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
@pytest.mark.parametrize('before', BEFORE)
@pytest.mark.parametrize('body', READ_ONLY)
def test_no_engine_writes_to_the_update(body, before, how):
    "Whether it is the gradient, the state of another term or a result"
    with pytest.raises(TypeError, match='may only read'): moved(*BEFORE[before], defined('u, w', body), how=how)

@pytest.mark.parametrize('how', ['foreach', 'fused'])
def test_a_tensor_that_a_marked_function_takes_only_by_name_is_refused(how):
    @each
    def scaled(x, *, y): return x*y.mean()
    def f(u, m): return scaled(u, y=ema_(m, u, 0.9))
    with pytest.raises(TypeError, match='scaled is marked `each`, so its tensors must be parameters that it takes by position'):
        moved(f, how=how)

RETURNED = dict(number='return x.sum().item()', whole_number='return x.numel()', double='return x.double()', truth='return x > 0.3',
    row='return x.sum(-1, keepdim=True)', itself='return x', parameter='return torch.nn.Parameter(x)', tensor='return torch.tensor(3)')
REFUSED = dict(nothing='return None', two='return x.max(), x.min()', empty='return x.new_zeros(0)', written='x.mul_(2); return x',
    array='return x.numpy()', meta='return x.to("meta")', larger='return x.expand(2, *x.shape)', raised='raise ValueError("no")')

@pytest.mark.parametrize('kind', [*RETURNED, *REFUSED])
@pytest.mark.parametrize('how', ['foreach', 'fused'])
def test_what_a_marked_function_returns_is_used_as_by_eager_or_refused(kind, how):
    "In particular no kernel reads where there is nothing, or on another device"
    f = each(defined('x', {**RETURNED, **REFUSED}[kind]))
    def use(u, m): return u*f(ema_(m, u, 0.9)) + f(u)
    def after(how): return trained(Rule(term(use), descend, lr=0.1), how, shapes=SOME)
    if kind in RETURNED: assert far(after(how), after('eager')) < 1e-5
    else:
        with pytest.raises((TypeError, RuntimeError, NotImplementedError, ValueError)): after(how)

ANSWERS = dict(number='c', tensor='sum(o.sum() for o in us)*c', row='torch.ones(1)*c', matrix='torch.full((1, 1), c)', whole='len(us)-3',
    truth='c>0.3', array='np.array(c)', double='sum(o.double().sum() for o in us)', power='(-1)**step', nothing_real='math.nan',
    lengths='sum(o.ndim for o in us)')
NO_ANSWERS = dict(nothing='None', text='"2"', vector='torch.ones(2)', empty='torch.ones(0)', pair='(c, c)', complex='1j',
    written='us[0].mul_(0)*0', all_written='torch._foreach_mul_(us, 0.) or c')

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
@pytest.mark.parametrize('kind', [*ANSWERS, *NO_ANSWERS])
def test_what_a_function_across_all_weights_returns_is_used_as_by_eager_or_refused(kind, how):
    def across(n=1):
        of_all = defined('us, *, c=0.5, step', f'return {(ANSWERS | NO_ANSWERS)[kind]}')
        # A function names the tensors that it is given as terms do
        def number(u, *, c=0.5, step): return of_all(u, c=c, step=step) if n==1 else [of_all(u, c=c, step=step)]*n
        return Across(number, n)
    def use(u, m, x:across(), xs:across(2)): return ema_(m, u, 0.9)*x + u*xs[0]*xs[1]
    def after(how): return trained(Rule(term(use), descend, lr=0.1), how, shapes=SOME, schedule=lambda t: dict(lr=0.1, c=(0.2, 0.7)[t%2]))
    if kind in ANSWERS: assert torch.allclose(after(how), after('eager'), rtol=1e-5, atol=1e-6, equal_nan=True)
    else:
        with pytest.raises(TypeError, match='number is a function across all weights and'): after(how)

def test_as_many_numbers_are_returned_as_are_declared():
    def pair(u): return 1.
    def use(u, xs:Across(pair, 2)): return u*xs[0]
    with pytest.raises(TypeError, match='pair is a function across all weights with 2 numbers and returned one; return a tuple of 2'):
        trained(Rule(term(use), descend, lr=0.1), 'eager', shapes=SOME)

def test_wrong_arguments_are_refused_as_by_pytorch():
    for body in ('u.exp(2)', 'm.abs_(u)', 'torch.sub(u, m, 2.)', 'u.div(m, m)', 'u.sqrt(out=3)', 'm.copy_(u, m)'):
        for how in ('eager', 'foreach', 'fused'):
            with pytest.raises(TypeError): moved(written(f'return {body}'), how=how)

def test_names_of_operations_mean_what_they_mean_in_pytorch():
    "Operations that PyTorch does not have cannot be asked for by a term"
    own = {o for o in OPS if not any(hasattr(k, o) for k in (torch, torch.Tensor, F))}
    assert own=={'land', 'madd', 'log1pexp', 'dither', 'dither_bf16'}
    with pytest.raises(AttributeError, match="no attribute 'land'"): moved(written('return u.land()'), how='fused')

@pytest.mark.parametrize('text', BY_HAND)
def test_numbers_that_move_are_those_of_the_step(text):
    "Eight steps, with other hypers at each: recordings of a term are used again only where they hold"
    f = defined('u, m, *, a=0.5, b=0.3, step', f'ema_(m, u, 0.9)\n    return u*({text})')
    def schedule(t): return dict(lr=0.1/(t+1), a=(0.5, 0.2, 0.7, 0.31)[t%4], b=(0.3, 0.9, 0.1)[t%3])
    def after(how): return trained(Rule(term(f), descend, lr=0.1), how, steps=8, schedule=schedule, shapes=SOME)
    want = after('eager')
    for how in ('foreach', 'fused'): assert far(after(how), want)<1e-5, how

def test_traced_expressions_are_those_of_python():
    "The same numbers of the same types, from the traces of random expressions with other values"
    n,space = 0,dict(root=root)
    for text in expressions(1000):
        if plain(text, space, VALUES[0]) is None: continue
        trace = Trace()
        res = eval(text, space, {k: trace.number(v, f'h[{k!r}]') for k,v in VALUES[0].items()})
        numbers = trace.compile(trace.text(res))
        for values in VALUES:
            if (want := plain(text, space, values)) is None: continue
            got = numbers(values)
            if got is not None: assert (got, type(got))==(want, type(want)), (text, values)
            n += got is not None
    assert n>3000

def test_a_type_that_is_matched_is_that_of_the_number():
    f = defined('u, *, a=0.5', 'match a:\n        case float(): return u\n        case _: return u*99.')
    rule = Rule(term(f), descend, lr=0.1)
    assert far(trained(rule, 'fused', shapes=SOME), trained(rule, 'eager', shapes=SOME))<1e-6

class Norms:
    def of(self, u): return norm(u)
    def __call__(self, u): return norm(u)
    @staticmethod
    def static(u): return norm(u)

def through_a_closure():
    def f(u): return u/mine(u)
    mine = partial(norm)
    return f

def through_a_method():
    norms = Norms()
    return lambda u: u/norms.of(u)

def first_helper(u, n): return second_helper(u, n)
def second_helper(u, n): return first_helper(u, n-1) if n else u/norm(u)

OBJECT = Norms()
REACHED = dict(module=lambda u: u/rules.norm(u), closure=through_a_closure(), method=through_a_method(), called=lambda u: u/OBJECT(u),
    static=lambda u: u/Norms.static(u), helpers=lambda u: first_helper(u, 1), inner=lambda u: (lambda x: u/norm(x))(u),
    default=lambda u, *, f=norm: u/f(u))

@pytest.mark.parametrize('how', ['foreach', 'fused'])
@pytest.mark.parametrize('way', REACHED)
def test_a_tensor_is_cut_only_if_no_function_needs_it_whole(way, how, monkeypatch):
    "In whatever way a term reaches the function"
    monkeypatch.setattr(engine, 'PIECE', 2**10)
    f = REACHED[way]
    rule = Rule(term(lambda u: f(u)), descend, lr=1.) if way=='default' else Rule(term(f), descend, lr=1.)
    assert not (rule.elementwise or rule.row_by_row)
    p = torch.zeros(100, 50, requires_grad=True)
    p.grad = torch.ones_like(p)
    Engine(rule, how=how).step([([p], rule.hypers)], {})
    assert torch.allclose(p, torch.full_like(p, -5000**-0.5))

@pytest.mark.parametrize('how', ['foreach', 'fused'])
@pytest.mark.parametrize('body', ['F.softmax(u, -1)', 'u.cumsum(0)', 'u.flip(0)', 'torch.roll(u, 1, 0)', 'u.sort(0).values', 'u.tril()'])
def test_operations_that_need_a_whole_tensor_must_be_marked(body, how):
    "Whatever the size of the tensor, so that a rule does not fail or go wrong only with large ones"
    with pytest.raises(NotImplementedError, match='a function marked `each` for whole tensors'):
        trained(Rule(term(written(f'return {body}')), descend, lr=0.1), how, shapes=[(4, 5)])

# Numbers at random or from memory that nobody has written to, and functions that change more than a tensor
OTHER = ('rand normal dropout binomial bernoulli poisson multinomial exponential cauchy geometric empty resize set_ dlpack storage share '
    'pin_memory hook backward seed rrelu gumbel fractional compile record wait fork import typename').split()
HOMES = {'u.{}({})': torch.Tensor, 'torch.{}(u, {})': torch, 'F.{}(u, {})': F}

@pytest.mark.long
@pytest.mark.parametrize('form', HOMES)
def test_whatever_pytorch_can_do_is_done_alike_or_refused(form):
    wrong,n = {},0
    names = [o for o in dir(HOMES[form]) if o[0].islower() and callable(getattr(HOMES[form], o)) and not any(w in o for w in OTHER)]
    for call in [form.format(o, a) for o in names for a in ('', 'm', '0.5', '2', '-1', 'm > 0.2, m')]:
        plain = torch.rand(4, 5) + 0.1
        try: res = eval(call, dict(torch=torch, F=F, u=plain.clone(), m=plain*0.5))
        except Exception: continue
        if not isinstance(res, torch.Tensor) or res.shape!=plain.shape or not res.is_floating_point(): continue
        try: want = moved(written(f'return {call}'), steps=1)
        except Exception: continue
        n += 1
        for how in ('foreach', 'fused'):
            try: got = moved(written(f'return {call}'), how=how, steps=1)
            except (NotImplementedError, TypeError): continue
            except Exception as e: wrong[call,how] = repr(e)
            else:
                tol = 2**-7 if any(o in call for o in ('half', 'bfloat16')) else 1e-5
                if not torch.allclose(got, want, rtol=tol, atol=tol, equal_nan=True): wrong[call,how] = (got-want).abs().max().item()
    assert n>20 and not wrong

POWERED = ['u.abs()**a', 'torch.pow(u.abs(), a)', '(u*u)**-a', 'u**2 + u**3 + u**-1', 'u**0 + u**4 + (u - 0.2)**5 + u**-3',
    'u.sign()*u.abs().pow(a)']

@pytest.mark.parametrize('how', ['foreach', 'fused'])
@pytest.mark.parametrize('text', POWERED)
def test_powers_have_kernels(text, how):
    "Whether a number is one of a few or moves; powers of negative numbers are not numbers in any engine"
    f = defined('u, *, a=0.75', f'return {text}')
    def schedule(t): return dict(a=(0.75, 0.5, 1.3, 2.)[t%4])
    def after(how): return trained(Rule(term(f), descend, lr=0.1), how, steps=6, schedule=schedule, shapes=SOME)
    with warnings.catch_warnings():
        warnings.filterwarnings('error', '.*no fused kernel')
        got = after(how)
    assert far(got, after('eager'))<1e-5

@pytest.mark.parametrize('p', [65, -65, 1e6])
def test_powers_of_too_many_factors_are_refused(p):
    with pytest.raises(NotImplementedError, match="No kernel for `pow"):
        record(Rule(term(defined('u', f'return u**{p}')), descend), dict(lr=0.1, step=1))

def test_special_values_of_powers_are_those_of_pytorch():
    x = torch.tensor([0., 1., 2.5, float('inf'), -1., float('nan')])
    for a in (0.75, -0.75, 1e-3, 7.5, 0, 1, 4, 5, 64, -3):
        def f(u): return u**a
        def after(how):
            p,rule = torch.zeros(len(x), requires_grad=True),Rule(term(f), descend, lr=1.)
            p.grad = x.clone()
            Engine(rule, how=how).step([([p], rule.hypers)], {})
            return p.detach()
        for how in ('foreach', 'fused'): assert torch.allclose(after(how), after('eager'), rtol=1e-6, equal_nan=True), (a, how)

@pytest.mark.parametrize('text', ['smaller(norm(w)/norm(u), 3.)*u', 'larger(u, m)', 'cond(u>m, u, m*2)', 'smaller(1., u.abs())',
    'u.clamp(max=0.1)', 'u.clamp(-0.1)'])
def test_choices_between_tensors(text):
    "Those of numbers serve tensors as well, and a bound that is not given has no place in a kernel"
    f = defined('u, m, w', f'ema_(m, u, 0.9)\n    return {text}')
    want = moved(f)
    for how in ('foreach', 'fused'): assert torch.allclose(moved(f, how=how), want, rtol=1e-5, atol=1e-6), how
    assert 'inf' not in repr([o for o in record(Rule(term(f), descend), dict(lr=0.1, step=1)).consts])

def test_the_operations_that_a_message_lists_have_kernels():
    three,two = 'addcmul addcdiv where lerp'.split(),'add sub mul div gt lt ge le eq ne maximum minimum pow'.split()
    special = dict(where='torch.where(u > 0, u, m)', lerp='u.lerp(m, 0.5)', pow='u.pow(2)', softplus='F.softplus(u)')
    for o in WRITTEN:
        call = special.get(o) or f"torch.{o}({', '.join(['u', 'm', 'm'][:3 if o in three else 2 if o in two else 1])})"
        f = defined('u, m', f'm.add_(u)\n    return u + ({call})*2')
        assert record(Rule(term(f), descend), dict(lr=0.1, step=1)).out['p'], o
