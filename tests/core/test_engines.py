"Every rule on every engine: equality with eager in all dtypes, no recompilation, large and unusual tensors"
from contextlib import nullcontext
from functools import lru_cache
import copy, pytest, torch, tracemalloc
from cover import covering, in_turn, met
import fastopt.optim.all as every
from fastopt.core import engine, fused
from fastopt.core.backends import cpp
from fastopt.core.backends.cpp import CppLauncher, cpp_build
from fastopt.core.backends.inductor import TorchLauncher
from fastopt.core.backends.memory_reader import memory_reader
from fastopt.core.backends.numba import NumbaLauncher
from fastopt.core.engine import Engine
from fastopt.core.memory import is_plain, layout_check, overlaps_itself
from fastopt.core.rules import Across, Rule, decay, descend, each, ema_, matrices, route, row_mean, term
from kernels import Ahead, BUILT, EVERY, OTHER_KERNELS, STRONG, USUAL_KERNELS, usual
from rules_under_test import RULES, SOME, far, trained, weights

# In 16-bit dtypes, two units in the last place
TOLERANCE = {torch.float64: 1e-12, torch.float32: 3e-6, torch.bfloat16: 2**-6, torch.float16: 2**-9}

ALL = [(*o, how) for o in EVERY for how in ('foreach', 'fused')]
ENTIRE = {*list(RULES)[::16]} # In every landing, on both engines
IN_TURN = {torch.float64: ('foreach', 'fused'), torch.float16: ('foreach', 'foreach')}
def by_default(name, dtype, lowp, how):
    "In float32 each rule runs on both engines; float64 takes them in turn, and 16 bits show on one what differs on both"
    its = IN_TURN.get(dtype)
    return (name, dtype, lowp) in usual and (name in ENTIRE or not its or how==its[list(RULES).index(name)%2])
DEFAULT = {o for o in ALL if by_default(*o)}

def shapes(name, dtype):
    "By default all memory layouts meet each rule in float32 and, since they do not depend on both, the rules in `ENTIRE` in other dtypes"
    return None if dtype==torch.float32 or name in ENTIRE else ((7,), (40, 50), (3, 2, 3, 3), (), (0,))

@lru_cache(maxsize=None)
def wanted(name, dtype, lowp): return trained(RULES[name], 'eager', dtype, lowp, shapes=shapes(name, dtype), **STRONG)

def kernels(which, how):
    "Context in which the case `which`, a tuple of rule, dtype and landing, finds its kernels"
    return (USUAL_KERNELS if which in usual else OTHER_KERNELS)(which) if how=='fused' else nullcontext()

@lru_cache(maxsize=None)
def got(*case):
    *which,how = case
    with kernels(tuple(which), how): return trained(RULES[which[0]], how, *which[1:], shapes=shapes(*which[:2]), **STRONG)

@pytest.mark.parametrize('name,dtype,lowp,how', covering(ALL, DEFAULT), ids=str)
def test_engines_agree(name, dtype, lowp, how):
    want = wanted(name, dtype, lowp)
    assert torch.isfinite(want).all()
    assert far(got(name, dtype, lowp, how), want) <= TOLERANCE[dtype]

@pytest.mark.full
@pytest.mark.parametrize('name,dtype,lowp,how', [o for o in ALL if shapes(*o[:2])], ids=str)
def test_engines_agree_in_all_layouts(name, dtype, lowp, how):
    with kernels((name, dtype, lowp), how): got,want = [trained(RULES[name], o, dtype, lowp, **STRONG) for o in (how, 'eager')]
    assert torch.isfinite(want).all()
    assert far(got, want) <= TOLERANCE[dtype]

BFLOAT16 = [(n, lowp) for n,dtype,lowp,how in ALL if dtype is torch.bfloat16 and how=='fused']
DEFAULT_BFLOAT16 = {(n, lowp) for n,lowp in BFLOAT16 if by_default(n, torch.bfloat16, lowp, 'fused')}

@pytest.mark.parametrize('name,lowp', covering(BFLOAT16, DEFAULT_BFLOAT16))
def test_16_bit_lands_alike_nearly_everywhere(name, lowp):
    assert (wanted(name, torch.bfloat16, lowp)!=got(name, torch.bfloat16, lowp, 'fused')).double().mean() < 1e-3

def test_every_two_of_rule_dtype_landing_engine_and_check_meet_by_default():
    def checked(cases, alike): return [(*o, 'close') for o in cases] + [(n, torch.bfloat16, lowp, 'fused', 'alike') for n,lowp in alike]
    assert met(checked(DEFAULT, DEFAULT_BFLOAT16))==met(checked(ALL, BFLOAT16))

def low_state(name, how='fused', every=False):
    return trained(RULES[name], how, state_dtype=torch.bfloat16, shapes=None if every or name in ENTIRE else SOME, **STRONG)
# The kernels that are needed by default, and the others
LOW_STATE = {name: o for i in (1, 0) for o in [Ahead(low_state, list(RULES)[i::2])] for name in o.cases}

@pytest.mark.parametrize('name,how', in_turn(RULES, ['foreach', 'fused']))
def test_engines_agree_with_state_in_bfloat16(name, how):
    want = low_state(name, 'eager')
    assert torch.isfinite(want).all()
    with LOW_STATE[name](name) if how=='fused' else nullcontext(): got = low_state(name, how)
    assert far(got, want) <= 2**-8

@pytest.mark.full
@pytest.mark.parametrize('name', [o for o in RULES if o not in ENTIRE])
def test_engines_agree_with_state_in_bfloat16_in_all_layouts(name):
    want = low_state(name, 'eager', every=True)
    with LOW_STATE[name](name): assert far(low_state(name, every=True), want) <= 2**-8
    assert far(low_state(name, 'foreach', every=True), want) <= 2**-8

@pytest.mark.usefixtures('usual_kernels')
@pytest.mark.parametrize('name', RULES)
def test_moving_hypers_never_recompiles(name):
    rule = RULES[name]
    n = 2*rule.hypers.get('k', 1)*5 # Covers both branches of rectification and of lookahead
    def move(t): return dict(lr=0.01/(t+1), wd=0.1/(t+1), **({'mom': 0.8+t/1000} if 'mom' in rule.hypers else {}))
    def run(how, schedule): return trained(rule, how, steps=n, schedule=schedule, shapes=SOME)
    run('fused', lambda t: {})
    before = set(BUILT)
    moved = run('fused', move)
    assert BUILT==before!=set()
    assert far(moved, run('eager', move)) < 1e-5

# ranger has six kernels in three programs, and adamw does less than diffgrad; by default lamb, with a whole-tensor function between two
# kernels, and diffgrad represent them
COMPILED = [(name, dtype) for name in ('adamw', 'diffgrad', 'lamb', 'ranger') for dtype in (torch.float32, torch.float64)]
DEFAULT_COMPILED = COMPILED[3], COMPILED[4]

@pytest.mark.long
@pytest.mark.parametrize('name,dtype', covering(COMPILED, DEFAULT_COMPILED), ids=str)
def test_torch_compile_backend(name, dtype, monkeypatch):
    monkeypatch.setitem(fused.backends, 'cpu', TorchLauncher)
    def run(how): return trained(RULES[name], how, dtype, shapes=SOME, **STRONG)
    assert far(run('fused'), run('eager')) < TOLERANCE[dtype]

def test_sums_a_single_phase_and_every_dtype_are_compiled_by_default():
    for i,o in enumerate(({'adamw', 'ranger'}, set())): assert {c[i] for c in DEFAULT_COMPILED}=={c[i] for c in COMPILED}-o

def with_states(*names):
    "A rule with states called `names`, and with functions of whole tensors that receive numbers"
    space,moves,sums = dict(scaled=each(lambda x, c: x*(c + x.mean()))),[f'{o}.copy_({o}*0.5 + u)' for o in names],' + '.join(names)
    moves.append(f'return scaled(({sums})*2., 3.)*0.25 + ({sums})*0.125 + scaled(u, 2.)')
    exec('\n    '.join([f'def f(u, {", ".join(names)}):', *moves]), space)
    return Rule(term(space['f']), descend)

def test_a_state_may_have_names_that_kernels_know():
    names = 'x0', 'x1', 'r', 't', 'n', 'k', 'abs'
    own,plain = with_states(*names),with_states(*(f'm{i}' for i in range(len(names))))
    assert far(trained(own, 'fused', torch.float64), trained(plain, 'eager', torch.float64)) < 1e-12

@pytest.mark.parametrize('name', ['c0', 'r12', 't3'])
def test_a_state_cannot_have_names_that_kernels_give(name):
    with pytest.raises(ValueError, match=f"no state can be called '{name}', which engines reserve"): with_states(name)

@pytest.mark.long
def test_300_million_weights_in_one_tensor():
    n,rule = 300_000_000,Rule(decay, descend, lr=0.5)
    for how in ('fused', 'foreach'):
        p = torch.ones(n, requires_grad=True)
        p.grad = torch.zeros(n)
        p.grad[-3:] = torch.tensor([1., 2., 4.])
        Engine(rule, how=how).step([([p], rule.hypers)], {})
        assert p[-4:].tolist()==[1., 0.5, 0., -1.] and p[0]==1
        del p

@pytest.mark.usefixtures('usual_kernels')
@pytest.mark.parametrize('name,how', in_turn(RULES, ['eager', 'foreach', 'fused']))
def test_nan_passes_through_unless_skipped(name, how):
    rule = RULES[name]
    def step(skip):
        ps,state,engine = [torch.ones(3, 2, requires_grad=True)],{},Engine(rule, how=how, skip_nonfinite=skip)
        n = 12 # Only then does RAdam read the mean square, and lookahead the weights
        for t in range(n):
            ps[0].grad = torch.full((3, 2), float('nan') if t==0 else 1.)
            engine.step([(ps, {**rule.hypers, 'lr':0.1})], state)
        return ps[0].detach(),engine.skipped
    p,skipped = step(True)
    assert torch.isfinite(p).all() and skipped==1
    assert step(False)[0].isnan().all()

def batches_after_a_load(rule, ps, state):
    engine = Engine(rule, how='eager')
    engine.groups = [(ps, rule.hypers)]
    return engine.batches([ps], state)

@pytest.mark.parametrize('name', ['prodigy', 'yellowfin'])
def test_what_all_weights_have_learnt_comes_from_those_that_still_learn(name):
    "A frozen weight with more steps would bring back what was known then; after a load, and after a missing gradient"
    rule,ps = RULES[name],[torch.ones(4).requires_grad_() for _ in range(3)]
    state,engine = {},Engine(rule, how='eager')
    k, = rule.learnt
    def step(engine, state, *at):
        for i,p in enumerate(ps): p.grad = None
        for i in at: ps[i].grad = torch.randn(4)
        engine.step([(ps, rule.hypers)], state)
    torch.manual_seed(0)
    for _ in range(20): step(engine, state, 0)
    ps[0].requires_grad_(False)
    for _ in range(5): step(engine, state, 1, 2)
    now = copy.deepcopy(state[ps[1]][k])
    assert repr(state[ps[2]][k])==repr(now)!=repr(state[ps[0]][k])
    loaded = {p: copy.deepcopy(st) for p,st in state.items()}
    for p in ps[1:]: p.grad = torch.ones(4)
    batches_after_a_load(rule, ps, loaded)
    assert all(repr(loaded[p][k])==repr(now) for p in ps[1:])

@pytest.mark.parametrize('name', ['prodigy', 'yellowfin'])
def test_a_weight_that_comes_back_does_not_bring_back_what_was_known(name):
    "It learnt little before it had no gradient for a while; the one that knows most has none in this step"
    rule,ps,state,engine = RULES[name],[torch.ones(4).requires_grad_() for _ in range(3)],{},Engine(RULES[name], how='eager')
    k, = rule.learnt
    torch.manual_seed(0)
    for at in ((0, 1), *[(0,)]*9, (1, 2)):
        now = copy.deepcopy(state.get(ps[0], {}).get(k))
        for i,p in enumerate(ps): p.grad = torch.randn(4) if i in at else None
        engine.groups = [(ps, rule.hypers)]
        if at==(1, 2): engine.batches([ps], state)
        else: engine.step([(ps, rule.hypers)], state)
    assert repr(now)==repr(state[ps[1]][k])==repr(state[ps[2]][k])

def test_each_rule_of_a_route_keeps_what_it_has_learnt():
    rule = route(matrices, RULES['prodigy'], RULES['dadapt_adamw'])
    ps,state,engine = [torch.ones(2, 2).requires_grad_(), torch.ones(3).requires_grad_()],{},Engine(rule, how='eager')
    torch.manual_seed(0)
    for _ in range(6):
        for p in ps: p.grad = torch.randn_like(p)
        engine.step([(ps, rule.hypers)], state)
    was = [repr(state[p]['found']) for p in ps]
    loaded = {p: copy.deepcopy(st) for p,st in state.items()}
    batches_after_a_load(rule, ps, loaded)
    assert was[0]!=was[1] and [repr(loaded[p]['found']) for p in ps]==was

def test_a_weight_with_gaps_costs_no_memory_to_check():
    "Of 80 million bytes in rows, none is looked at by itself; elements that share memory are still found"
    wide = torch.empty(5000, 8000)
    tracemalloc.start()
    assert not any(map(overlaps_itself, (wide.chunk(2, 1)[0], wide.t()[::3], wide[::2, ::2], wide[:, :1], wide[:0])))
    assert tracemalloc.get_traced_memory()[1]<1e6
    tracemalloc.stop()
    x = torch.empty(64)
    assert all(map(overlaps_itself, (x[:1].expand(3), x.unfold(0, 4, 2), x.as_strided((3, 2), (1, 2)), x.as_strided((2, 4), (3, 1)))))
    assert not overlaps_itself(x.as_strided((3, 2), (2, 3)))

class OnAppleGPU(torch.Tensor):
    "A tensor whose `data_ptr` is said to be a handle"
    device = property(lambda self: torch.device('mps'))

def test_handles_are_not_taken_for_addresses():
    "Those of two tensors may be closer together than their elements are many"
    assert is_plain(torch.ones(2)) and not is_plain(torch.ones(2).as_subclass(OnAppleGPU))

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_frozen_weight_stays_when_another_joins_its_batch(how):
    "Its old gradient is still there, and nothing reads it"
    rule,(a,b,c) = RULES['adamw'],[torch.ones(20_000).requires_grad_() for _ in range(3)]
    state,engine = {},Engine(rule, how=how)
    def step(*ps):
        for p in ps: p.grad = torch.ones_like(p)
        engine.step([([a, b, c], {**rule.hypers, 'lr':0.1})], state)
    for _ in range(2): step(a, b)
    a.requires_grad_(False)
    was = a.clone()
    for _ in range(2): step(b, c)
    assert torch.equal(a, was) and state[a]['step']==2 and state[b]['step']==4 and state[c]['step']==2
    assert b[0]<c[0]<1

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_gradients_of_another_layout_or_none(how):
    "A gradient is read by its own strides; a weight without one stays, and gets no state"
    def stepped(layout):
        torch.manual_seed(0)
        ps,state,engine = weights(),{},Engine(RULES['diffgrad'], how=how)
        for _ in range(2):
            for p in ps[1:]: p.grad = layout(torch.randn_like(p))
            engine.step([(ps, {**RULES['diffgrad'].hypers, 'lr':0.1})], state)
        return ps,state
    def transposed(g):
        order = tuple(reversed(range(g.ndim)))
        return torch.permute(torch.permute(g, order).contiguous(), order)
    (ps,state),(qs,_) = stepped(transposed),stepped(lambda g: g)
    assert all(map(torch.equal, ps, qs)) and not all(map(torch.equal, ps[1:], weights()[1:]))
    assert torch.equal(ps[0], weights()[0]) and ps[0] not in state

def test_frozen_weights_never_move():
    for name,rule in RULES.items():
        p = torch.ones(3, requires_grad=True)
        p.grad = torch.ones(3)
        p.requires_grad_(False)
        for how in ('eager', 'foreach', 'fused', 'auto'): Engine(rule, how=how).step([([p], {**rule.hypers, 'wd':0.5})], {})
        assert p.tolist()==[1., 1., 1.], name

def test_missing_compiler_warns_once_and_goes_on(monkeypatch, tmp_path):
    monkeypatch.setenv('FASTOPT_CACHE', str(tmp_path))
    for module in (fused, cpp): monkeypatch.setattr(module, 'compiler', lambda: None)
    monkeypatch.setattr(fused, 'has_numba', lambda: False)
    monkeypatch.setattr(fused, '_warned', set())
    cpp_build.cache_clear()
    with pytest.warns(UserWarning, match='diffgrad: no fused kernel on cpu.*no C.. compiler was found; install') as seen:
        got = trained(RULES['diffgrad'], 'fused')
    assert len([o for o in seen if 'fused kernel' in str(o.message)])==1
    assert torch.equal(got, trained(RULES['diffgrad'], 'foreach'))

def test_a_compiler_that_fails_at_the_second_kernel_fails_before_the_first_writes(monkeypatch):
    build,asked = cpp.cpp_build,[]
    def second_fails(source):
        asked.append(source)
        if len(set(asked))>1: raise RuntimeError('no more')
        return build(source)
    monkeypatch.setattr(cpp, 'cpp_build', second_fails)
    monkeypatch.setattr(fused, '_warned', set())
    with pytest.warns(UserWarning, match='lamb: no fused kernel on cpu.*no more'): got = trained(RULES['lamb'], 'fused')
    assert len(set(asked))>1 and torch.equal(got, trained(RULES['lamb'], 'foreach'))

def test_a_broken_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(fused, '_warned', set())
    for module in (fused, cpp): monkeypatch.setattr(module, 'compiler', lambda: '/bin/false')
    monkeypatch.setenv('FASTOPT_CACHE', str(tmp_path))
    cpp_build.cache_clear()
    with pytest.warns(UserWarning, match='/bin/false failed'): got = trained(RULES['adamw'], 'fused')
    assert torch.equal(got, trained(RULES['adamw'], 'foreach'))

ELEMENTWISE = [n for n,r in RULES.items() if r.elementwise]

@pytest.mark.parametrize('name,size', [*[(n, 32) for n in ELEMENTWISE], ('adamw', 1),
    *[pytest.param(n, 1, marks=pytest.mark.full) for n in ELEMENTWISE if n!='adamw']])
def test_temporaries_of_foreach_stay_small(name, size, monkeypatch):
    "In pieces of 2 MB, or with smaller pieces of fewer weights"
    monkeypatch.setattr(engine, 'PIECE', engine.PIECE//size)
    rule,p = RULES[name],torch.ones(20_000_000//size, requires_grad=True) # 80 MB
    p.grad,state,runs = torch.ones_like(p),{},Engine(rule, how='foreach')
    for _ in range(6): runs.step([([p], rule.hypers)], state)
    for b in runs.plans[None].batches: b.cache.pop('room', None) # It is kept from step to step, and counts here
    peak = peak_of(lambda: runs.step([([p], rule.hypers)], state))
    waiting = any(t.across for t in rule.terms) # For a number about all weights, the updates of all weights are kept
    assert 0 < peak <= 64*2**20//size + waiting*2*p.nbytes, peak/2**20

def peak_of(f):
    "The most bytes that the calls of `f` have allocated at once"
    from torch.profiler import ProfilerActivity, profile
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as prof: f()
    live = least = peak = 0
    for e in prof.profiler.kineto_results.events():
        if e.name()=='[memory]': live += e.nbytes()
        least = min(least, live) # A step may begin with freeing what the step before left
        peak = max(peak, live-least)
    return peak

PARTED = [n for n,r in RULES.items() if engine.in_portions(r)]

@pytest.mark.parametrize('how', ['fused', 'foreach'])
@pytest.mark.parametrize('name', ['muon', 'shampoo', 'soap', 'adafactor', 'lamb', 'diffgrad with trust'])
def test_temporaries_of_a_step_are_bounded_by_a_portion_of_the_model(name, how, monkeypatch):
    "The bytes that a step needs beyond weights and state do not grow with the number of weights"
    rule,(few,many) = RULES.get(name) or Rule(*every.diffgrad.terms[:-1], every.trust, descend),(4, 16)
    monkeypatch.setattr(engine, 'PORTION_ON_CPU', few*4*64*48)
    def peak(n):
        ps,state,runs = [torch.ones(64, 48, requires_grad=True) for _ in range(n)],{},Engine(rule, how=how)
        for i,p in enumerate(ps): p.grad = torch.randn_like(p)
        for _ in range(3): runs.step([(ps, rule.hypers)], state)
        assert len(runs.plans[None].batches)==n//few
        return peak_of(lambda: runs.step([(ps, rule.hypers)], state))
    assert peak(many) <= 1.5*peak(few)

@pytest.mark.parametrize('how', ['fused', 'foreach', 'eager'])
@pytest.mark.parametrize('name', PARTED)
def test_portions_change_no_step(name, how, monkeypatch):
    "Weights of several portions, one of which has two, move as in one batch"
    rule = RULES[name]
    def moved():
        torch.manual_seed(0)
        ps = [torch.randn(o, requires_grad=True) for o in ((6, 5), (4,), (7, 3), (6, 5), (8,))]
        opt = rule(ps, how=how)
        for _ in range(3):
            for p in ps: p.grad = torch.randn_like(p)
            opt.step()
        return ps,opt.engine.plans[None].batches
    whole,one = moved()
    monkeypatch.setattr(engine, 'PORTION_ON_CPU', 4*34)
    parts,several = moved()
    assert len(several)>len(one)
    for a,b in zip(whole, parts): torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)

@term
def centered(u, m): return u - row_mean(ema_(m, u, 0.9))

STACKED = [('muon', {}), ('muon', dict(flatten=True)), ('shampoo', dict(every=2)), ('soap', dict(every=2)),
    ('soap', dict(every=2, merge_dims=True, max_precond_dim=6, precondition_1d=True, normalize_grads=True))]

def stacked_run(name, options, how, bad=None):
    "Weights of `name` after 5 steps, several of each shape; the gradients of those with the index `bad` are NaN from the third step on"
    torch.manual_seed(0)
    shapes = ((), (3,), (6, 4), (4, 6), (2, 3, 5), (4, 2, 3, 3), (2, 2, 3, 4, 2), (0, 3))
    ps = [torch.randn(o, dtype=torch.float64, requires_grad=True) for o in shapes for _ in range(3)]
    runs,state = Engine(RULES[name], RULES[name].options | options, how=how),{}
    for t in range(5):
        for p in ps: p.grad = torch.randn_like(p)
        if bad is not None and t>1:
            for p in ps[bad::3]: p.grad.fill_(torch.nan)
        runs.step([(ps, RULES[name].hypers | {k:v for k,v in options.items() if k in RULES[name].hypers})], state)
    return [p.detach() for p in ps if p.numel()]

@pytest.mark.parametrize('name,options', STACKED, ids=str)
def test_equal_matrices_in_a_stack_are_treated_as_alone(name, options):
    "Matrices, stacks of matrices, convolution kernels and empty tensors"
    for how in ('foreach', 'fused'):
        for got,want in zip(stacked_run(name, options, how), stacked_run(name, options, 'eager')):
            assert far(got, want) <= TOLERANCE[torch.float64], how

@pytest.mark.parametrize('kwargs', [[{'a':2, 'b':3}, {'b':2, 'a':3}], [{'a':2}, {'b':2}], [{'a':2}, {'a':2, 'b':5}], [{}, {'a':5}],
    [{'a':torch.tensor(2.)}, {'a':torch.tensor(7.)}], [{'a':1}, {'a':1.}], [{'a':2}, {'a':2}]], ids=str)
def test_only_calls_with_equal_keyword_arguments_share_a_stack(kwargs):
    @each(batched=True)
    def linear(x, a=1, b=0, lead=0): return x*a + b
    xs = [torch.ones(2, 2), torch.full((2, 2), 3.)]
    got = engine.call_each(linear.__wrapped__, [(x,) for x in xs], kwargs)
    for result,x,o in zip(got, xs, kwargs): assert (result==linear(x, **o)).all()

@pytest.mark.parametrize('name,options', STACKED, ids=str)
def test_nan_in_one_of_a_stack_stays_there(name, options):
    for how in ('foreach', 'fused'):
        good,bad = stacked_run(name, options, how),stacked_run(name, options, how, bad=1)
        for i,(p,q) in enumerate(zip(good, bad)): assert q.isnan().all() if i%3==1 else far(q, p) <= TOLERANCE[torch.float64], (how, i)

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_rounding_piece_by_piece_is_rounding_at_once(dtype, monkeypatch):
    "For every layout, with NaN and infinities"
    monkeypatch.setattr(engine, 'DITHER_CHUNK', 7)
    x = torch.randn(2, 3, 5, 4)*torch.logspace(-3, 3, 4)
    x[0,0,0] = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.])
    for y in (x, x.to(memory_format=torch.channels_last), x.permute(3, 1, 0, 2), x[:,:,::2], x[:0]):
        got,dense = engine.dither(y, dtype, 12345),y if engine.is_dense(y) else y.contiguous()
        want = engine.dither_flat(engine.flat_view(dense), dtype, 12345).as_strided(dense.shape, dense.stride())
        assert torch.equal(got.nan_to_num(7., 8., 9.), want.nan_to_num(7., 8., 9.))
        assert torch.equal(got.to(dtype).isnan(), y.isnan())

SMOOTH = dict(exp=torch.exp, log=torch.log, sqrt=torch.sqrt, sigmoid=torch.sigmoid, softplus=torch.nn.functional.softplus)

@pytest.mark.parametrize('backend', ['foreach', CppLauncher, NumbaLauncher], ids=lambda o: getattr(o, '__name__', o))
@pytest.mark.parametrize('name', SMOOTH)
def test_functions_are_right_from_the_smallest_to_the_largest_numbers(name, backend, monkeypatch):
    "Relative to the true value, which may be far below 1"
    f = SMOOTH[name]
    if backend!='foreach': monkeypatch.setitem(fused.backends, 'cpu', backend)
    for dtype,bar in ((torch.float32, 2e-6), (torch.float64, 1e-13)):
        small = torch.logspace(-30, 0, 61)
        ends = torch.tensor([0., torch.nan, 87., 88., 88.5, 88.7, 88.75, 100., 1e4, 1e30, torch.inf])
        x = torch.cat([torch.linspace(-80, 80, 4001), small, -small, ends, -ends])
        p = torch.zeros_like(x, dtype=dtype).requires_grad_()
        p.grad = x.to(dtype)
        Engine(Rule(term(lambda u: f(u)), descend), how='foreach' if backend=='foreach' else 'fused').step([([p], dict(lr=1.))], {})
        want,got = f(x.to(dtype).double()),-p.detach().double()
        assert got.isnan().equal(want.isnan())
        there,over = want.abs()<=torch.finfo(dtype).max,want.abs()>torch.finfo(dtype).max
        assert torch.equal(got[over], want[over].sign()*torch.inf), dtype
        assert ((got-want)[there].abs() <= bar*want[there].abs() + torch.finfo(dtype).tiny).all(), dtype # Subnormal numbers may be 0

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_foreach_cuts_between_rows_and_into_flat_pieces(dtype, monkeypatch):
    "Tensors larger than a piece, whose rows do not divide it evenly; in channels last; with rows longer than a piece; without dimensions"
    monkeypatch.setattr(engine, 'PIECE', 2**14)
    def after(rule, how):
        torch.manual_seed(0)
        ps = [torch.randn(o).to(dtype) for o in ((70, 100), (30_001, 2), (100, 3, 8, 3), (3, 9000), (9001,), ())]
        ps[2] = ps[2].contiguous(memory_format=torch.channels_last)
        ps,runs,state = [p.requires_grad_() for p in ps],Engine(rule, how=how),{}
        for _ in range(3):
            for p in ps: p.grad = torch.randn_like(p)
            runs.step([(ps, rule.hypers)], state)
        return torch.cat([p.detach().flatten() for p in ps])
    for rule in (Rule(centered, decay, descend, wd=0.1), RULES['adamw'], RULES['diffgrad'], RULES['ranger21'], RULES['lamb']):
        assert far(after(rule, 'foreach'), after(rule, 'eager')) <= TOLERANCE[dtype], rule

def test_a_backend_with_other_blocks_has_tables_of_its_own(monkeypatch):
    class Small(CppLauncher): BLOCK = 64
    def run(swap):
        rule,p,state = RULES['radam'],torch.ones(1000, requires_grad=True),{} # Its second program begins after the swap
        engine = Engine(rule, how='fused')
        for t in range(8):
            monkeypatch.setitem(fused.backends, 'cpu', Small if swap and t>=3 else CppLauncher)
            p.grad = torch.ones(1000)
            engine.step([([p], rule.hypers)], state)
        return p.detach()
    assert torch.equal(run(True), run(False))

def test_fused_needs_no_memory_beside_its_tables():
    rule,p = RULES['diffgrad'],torch.ones(4_000_000, requires_grad=True)
    p.grad,state,engine = torch.ones_like(p),{},Engine(RULES['diffgrad'], how='fused')
    engine.step([([p], rule.hypers)], state)
    launcher = next(iter(next(iter(engine.plans[None].batches[0].cache.values())).launchers.values()))
    assert isinstance(launcher, CppLauncher)
    assert sum(getattr(launcher, o).nbytes for o in ('table', 'rows', 'sizes', 'tid', 'off')) <= 0.01*p.numel()*4

@pytest.mark.parametrize('how', ['foreach', 'fused'])
def test_functions_across_all_weights_are_given_them_in_one_order(how):
    "Small weights between large ones, in several groups: a sample of them is the same on every engine"
    def order(how):
        seen = []
        def first_numbers(u): return seen.extend(float(t.flatten()[0]) for t in u) or 0.
        def asks(u, x:Across(first_numbers)): return u + 0*x
        rule = Rule(term(asks), descend)
        ps = [torch.ones(s, requires_grad=True) for s in ((3,), (700, 900), (2,), (5, 4), (600, 1000), (), (7,), (40_000,))]
        for i,p in enumerate(ps): p.grad = torch.full(p.shape, float(i))
        opt = rule([ps[:3], ps[3:5], ps[5:]], how=how)
        opt.step()
        return list(dict.fromkeys(seen))
    assert order(how)==order('eager')==[float(i) for i in range(8)]

AROUND = dict(autocast=lambda: torch.autocast('cpu', dtype=torch.bfloat16), # It would compute matrix products in 16 bits
    device=lambda: torch.device('meta')) # As if the default device were another one than that of the weights

@pytest.mark.parametrize('around', AROUND)
@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
@pytest.mark.parametrize('name', ['adamw', 'muon', 'shampoo', 'soap', 'lamb', 'yellowfin'])
def test_what_is_set_around_a_step_changes_nothing(name, how, around):
    def after(setting):
        torch.manual_seed(0)
        ps,state,engine = [torch.randn(s).requires_grad_() for s in ((8, 6), (8, 6), (5,))],{},Engine(RULES[name], how=how)
        for t in range(4):
            gen = torch.Generator().manual_seed(t)
            for p in ps: p.grad = torch.randn(p.shape, generator=gen)
            with setting(): engine.step([(ps, RULES[name].hypers)], state)
        return ps
    assert all(torch.equal(p, q) for p,q in zip(after(AROUND[around]), after(nullcontext)))

def test_checks_of_memory_are_made_on_the_cpu():
    with torch.device('meta'):
        assert layout_check.__wrapped__() is layout_check()
        assert type(memory_reader.__wrapped__()) is type(memory_reader())
