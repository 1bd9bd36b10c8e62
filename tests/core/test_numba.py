"""Numba's kernels: every rule equals eager, conversions and functions are exact to the last bit; threads, forks, the cache, and when these
kernels are chosen"""
import shutil, subprocess, sys, threading, warnings
from pathlib import Path
import numpy as np, pytest, torch
from cover import fewest
from fastcore.basics import first
from fastopt.core import fused
from fastopt.core.backends import cpp, numba as backend
from fastopt.core.backends.cache import kept_name
from fastopt.core.backends.numba import _NUMBA_HALVES, _NUMBA_HEAD, _NUMBA_MATH, NumbaLauncher, numba_build
from fastopt.core.engine import DROP, LOWP, Engine
from fastopt.core.program import record
from forked import Forked
from rules_under_test import RULES, far, trained
from test_engines import with_states

STRONG = dict(lr=0.01, wd=0.1) # So that decay has an effect
# In 16-bit dtypes, two units in the last place
TOLERANCE = {torch.float64: 1e-12, torch.float32: 3e-6, torch.bfloat16: 2**-6, torch.float16: 2**-9}
MATRIX = [(d, lowp, low) for d in TOLERANCE for lowp in (LOWP if d in DROP else ['plain'])
    for low in ((None,) if d==torch.float64 else (None, torch.bfloat16))]

@pytest.fixture(autouse=True)
def numba(monkeypatch):
    monkeypatch.setitem(fused.backends, 'cpu', NumbaLauncher)
    with warnings.catch_warnings():
        warnings.filterwarnings('error', '.*no fused kernel') # No test may fall back to another engine unnoticed
        yield

def agree(name, dtype, lowp, low):
    given = dict(dtype=dtype, lowp=lowp, state_dtype=low, **STRONG)
    want,got = (trained(RULES[name], how, **given) for how in ('eager', 'fused'))
    assert torch.isfinite(want).all() and far(got, want) <= max(TOLERANCE[dtype], 2**-8 if low else 0)

def joints(rule, steps):
    "Every two operations of the kernels of `rule` of which one takes the result of the other"
    progs = [record(rule, {**rule.hypers, **rule.options, **STRONG, 'step':t}, sums=True) for t in steps]
    return {(op, p.nodes[a][0]) for p in progs for op,*args in p.nodes if op not in ('load', 'number') for a in args if type(a) is int}

# Numba takes a second for each kernel. By default enough rules are tested to cover every two operations that a kernel joins, and each has
# one way to land, in turn. The 33 kernels of ranger21 would take as long as those of all others
SHORT = {k:o for k,o in RULES.items() if k!='ranger21'}
OWN = {name: MATRIX[i%len(MATRIX)] for i,name in enumerate(fewest({k: joints(o, (1, 6)) for k,o in SHORT.items()}))}

@pytest.mark.parametrize('name', OWN)
def test_every_joint_equals_eager(name): agree(name, *OWN[name])

@pytest.mark.full
@pytest.mark.parametrize('how', MATRIX, ids=str)
@pytest.mark.parametrize('name', RULES)
def test_every_rule_in_every_way_to_land(name, how):
    agree(name, *how)
    passes_nan(name, *how)

def test_every_joint_and_every_way_to_land_is_met_by_default():
    def met(names): return {j for o in names for j in joints(RULES[o], range(1, 8))}
    assert met(OWN)==met(SHORT) and {*OWN.values()}=={*MATRIX}

def test_a_state_may_have_names_that_kernels_know():
    names = 'x0', 's0', 't', 'n', 's', 'i', 'abs', 'exp', 'table', 'rows', 'off', 'math', 'numba', 'inner'
    own,plain = with_states(*names),with_states(*(f'm{i}' for i in range(len(names))))
    assert far(trained(own, 'fused', torch.float64), trained(plain, 'eager', torch.float64)) < 1e-12

def test_moving_hypers_never_recompiles():
    rule = RULES['ranger']
    def move(t): return dict(lr=0.01/(t+1), wd=0.1/(t+1), mom=0.8+t/1000)
    trained(rule, 'fused', steps=40, schedule=lambda t: {})
    before = numba_build.cache_info().misses
    moved = trained(rule, 'fused', steps=40, schedule=move)
    assert numba_build.cache_info().misses==before
    assert far(moved, trained(rule, 'eager', steps=40, schedule=move)) < 1e-5

# Conversions and functions

@pytest.fixture(scope='module')
def tools():
    "The functions of kernels, called on arrays"
    import numba
    ns = {}
    text = ''.join(f'\n@njit(**inner){o}' for o in {**_NUMBA_MATH, **_NUMBA_HALVES}.values())
    exec(f'{_NUMBA_HEAD}\nF = float32{text}', ns)
    def on_arrays(f, out):
        @numba.njit(error_model='numpy')
        def run(xs, ys):
            for i in range(len(xs)): ys[i] = f(xs[i])
        def call(xs):
            ys = np.empty(len(xs), dtype=out)
            run(xs, ys)
            return ys
        return call
    kinds = dict(nb_to_bf16=np.uint16, nb_to_f16=np.uint16)
    return {n: on_arrays(ns[n], kinds.get(n, np.float32)) for n in ('nb_exp', 'nb_log', 'nb_sign', *_NUMBA_HALVES)}

HALVES = {torch.bfloat16: 'bf16', torch.float16: 'f16'}
EVERY = np.arange(2**16, dtype=np.uint16)

def as_torch(bits, dtype): return torch.from_numpy(bits.view(np.int16)).view(dtype)

@pytest.mark.parametrize('dtype', HALVES, ids=str)
def test_every_16_bit_number_is_read_as_pytorch_reads_it(tools, dtype):
    got,want = torch.from_numpy(tools[f'nb_from_{HALVES[dtype]}'](EVERY)),as_torch(EVERY, dtype).float()
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.equal(got.view(torch.int32)[~want.isnan()], want.view(torch.int32)[~want.isnan()]) # Zeros have signs

@pytest.mark.parametrize('dtype', HALVES, ids=str)
def test_numbers_land_on_16_bits_as_in_pytorch(tools, dtype):
    "16-bit numbers, points halfway between them and next to those; NaN, inf and subnormal numbers; random bits"
    kept = as_torch(EVERY, dtype).float().numpy().view(np.uint32).astype(np.int64)
    half = kept + (1 << DROP[dtype]-1)
    some = np.random.default_rng(0).integers(0, 2**32, 2**20)
    small = np.arange(0, 2**20, 17) # Below the smallest float16
    starts = 0, 0x33000000 - 2**19, 2**31, 0xB3000000 - 2**19
    bits = np.concatenate([kept, *(half+o for o in (-1, 0, 1)), some, *(small+o for o in starts)]) & 0xFFFFFFFF
    xs = bits.astype(np.uint32).view(np.float32)
    want = torch.from_numpy(xs).to(dtype)
    got,nan = as_torch(tools[f'nb_to_{HALVES[dtype]}'](xs), dtype),want.isnan()
    assert torch.equal(got.isnan(), nan) and torch.equal(got.view(torch.int16)[~nan], want.view(torch.int16)[~nan])

def test_flushed_subnormals_change_no_conversion(tools):
    if not torch.set_flush_denormal(True): pytest.skip('this processor cannot flush')
    try: got = tools['nb_from_f16'](EVERY[1:1024]),tools['nb_to_f16'](np.arange(1, 1024, dtype=np.float32)*np.float32(2**-24))
    finally: torch.set_flush_denormal(False)
    assert np.array_equal(got[0], np.arange(1, 1024)*np.float32(2**-24)) and np.array_equal(got[1], EVERY[1:1024])

def test_exp_and_log(tools):
    xs = np.concatenate([np.linspace(-87, 88, 100_001), np.random.default_rng(0).standard_normal(100_000)]).astype(np.float32)
    want = np.exp(xs.astype(np.float64))
    assert np.max(np.abs(tools['nb_exp'](xs)/want - 1)) < 2e-7
    xs = np.concatenate([np.exp(np.linspace(-87, 88, 100_001)), np.linspace(0.5, 2, 100_001), [2.**-149, 2.**-130]]).astype(np.float32)
    want = np.log(xs.astype(np.float64))
    assert np.max(np.abs(tools['nb_log'](xs) - want)/np.maximum(np.abs(want), 1)) < 2e-7
    assert str(tools['nb_log'](np.float32([0, -0., -1, np.inf, np.nan, 1])))==str(np.float32([-np.inf, -np.inf, np.nan, np.inf, np.nan, 0]))
    ends = tools['nb_exp'](np.float32([-np.inf, np.inf, 0, np.nan]))
    assert 0<=ends[0]<1e-37 and ends[1]>1e38 and ends[2]==1 and np.isnan(ends[3])
    assert str(tools['nb_sign'](np.float32([2, -3, 0, np.nan])))==str(np.float32([1, -1, 0, np.nan]))

def passes_nan(name, dtype, lowp, low):
    rule = RULES[name]
    ps,state,engine = [torch.ones(3, 2, dtype=dtype, requires_grad=True)],{},Engine(rule, how='fused', lowp=lowp, state_dtype=low)
    for t in range(12): # Only then does RAdam read the mean square, and lookahead the weights
        ps[0].grad = torch.full((3, 2), float('nan') if t==0 else 1., dtype=dtype)
        engine.step([(ps, {**rule.hypers, **STRONG, 'lr':0.1})], state)
    assert ps[0].isnan().all()

@pytest.mark.parametrize('name', OWN)
def test_nan_passes_through(name):
    "In the way of landing for which the rule's kernels are already compiled"
    passes_nan(name, *OWN[name])

# Blocks and threads

@pytest.mark.parametrize('threads', [1, 3])
@pytest.mark.parametrize('name', ['adamw', 'lamb', 'ranger', 'adafactor', 'prodigy'])
def test_rows_and_sums_across_blocks_and_threads(name, threads, monkeypatch):
    class Small(NumbaLauncher): BLOCK = 64
    want,was = trained(RULES[name], 'eager', **STRONG),torch.get_num_threads()
    monkeypatch.setitem(fused.backends, 'cpu', Small)
    monkeypatch.setattr(backend, 'WORTH', 1)
    try:
        torch.set_num_threads(threads)
        assert far(trained(RULES[name], 'fused', **STRONG), want) < 3e-6
    finally: torch.set_num_threads(was)

def many(monkeypatch):
    "Every step on several threads"
    monkeypatch.setattr(backend, 'WORTH', 1)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 3)
    monkeypatch.setattr(NumbaLauncher, 'BLOCK', 64)

def test_several_threads_train_at_once(monkeypatch):
    many(monkeypatch)
    names,got = ('adamw', 'lamb', 'ranger', 'diffgrad'),{}
    want = {n: data(RULES[n], 'fused') for n in names}
    def run(n): got[n] = data(RULES[n], 'fused', 50)
    ts = [threading.Thread(target=run, args=[n]) for n in names]
    for o in ts: o.start()
    for o in ts: o.join(120)
    assert got.keys()==want.keys() and all(torch.equal(got[n], data(RULES[n], 'fused', 50)) for n in names)

def data(rule, how, steps=5):
    "A weight of 1,000 numbers after steps without random numbers, which threads would share"
    p,state,engine = torch.linspace(-1, 1, 1000).requires_grad_(),{},Engine(rule, how=how)
    for t in range(steps):
        p.grad = torch.linspace(1, 2, 1000)*(1 + t%3)
        engine.step([([p], rule.hypers)], state)
    return p.detach()

def child(f):
    "The exit code of a fork of this process that runs `f`"
    return Forked(f).wait(120)

def test_a_fork_trains_on_after_threads_have(monkeypatch):
    many(monkeypatch)
    want = data(RULES['lamb'], 'fused')
    def known(): assert torch.equal(data(RULES['lamb'], 'fused'), want)
    def new():
        known()
        assert far(data(RULES['lion'], 'fused'), data(RULES['lion'], 'eager')) < 1e-6 # A kernel that the parent has not compiled
    assert child(known)==0 and child(new)==0
    assert torch.equal(data(RULES['lamb'], 'fused'), want)

def test_a_step_at_the_end_of_python_is_made(tmp_path):
    code = '''
import atexit, threading, torch
from fastopt.core import fused
from test_numba import NumbaLauncher, RULES, backend, data
fused.backends['cpu'],backend.WORTH,NumbaLauncher.BLOCK = NumbaLauncher,1,64
torch.get_num_threads = lambda: 3
want = data(RULES['adamw'], 'fused')
def again(): print('same' if torch.equal(data(RULES['adamw'], 'fused'), want) else 'other')
atexit.register(again)
'''
    res = subprocess.run([sys.executable, '-c', code], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=300)
    assert res.stdout=='same\n', res.stderr

# The cache

def hits(f): return sum(f._cache_hits.values())

def noted(monkeypatch):
    "The functions that Numba builds from now on; none of them are kept"
    made,build = [],numba_build.__wrapped__
    monkeypatch.setattr(backend, 'numba_build', lambda source: made.append(build(source)) or made[-1])
    return made

@pytest.fixture(scope='module')
def kept(tmp_path_factory):
    "A folder with AdamW's kernel"
    folder = tmp_path_factory.mktemp('kept')/'cache'
    with pytest.MonkeyPatch.context() as m:
        m.setenv('FASTOPT_CACHE', str(folder))
        m.setitem(fused.backends, 'cpu', NumbaLauncher)
        made = noted(m)
        data(RULES['adamw'], 'fused')
    assert len(list(folder.iterdir()))==1 and not hits(made[0])
    return folder

@pytest.fixture
def cache(kept, tmp_path, monkeypatch):
    "A separate cache with AdamW's kernel; calling it builds the kernel again and says whether it was loaded from there"
    monkeypatch.setenv('FASTOPT_CACHE', str(tmp_path/'cache'))
    made = noted(monkeypatch)
    def again():
        made.clear()
        assert torch.allclose(data(RULES['adamw'], 'fused'), data(RULES['adamw'], 'eager'), atol=1e-6)
        return bool(made) and all(map(hits, made))
    again.folder = shutil.copytree(kept, tmp_path/'cache')
    return again

def test_a_kept_kernel_is_taken(cache): assert cache() and len(list(cache.folder.iterdir()))==1

def test_another_process_takes_a_kept_kernel(cache):
    "And Numba is not imported before"
    code = '''
import sys, fastopt.all
from fastopt.core import fused
assert fused.has_numba() and 'numba' not in sys.modules
from test_numba import NumbaLauncher, RULES, backend, data, hits
made,build = [],backend.numba_build
backend.numba_build = lambda source: made.append(build(source)) or made[-1]
fused.backends['cpu'] = NumbaLauncher
data(RULES['adamw'], 'fused')
assert made and all(map(hits, made))
'''
    subprocess.run([sys.executable, '-c', code], cwd=Path(__file__).parent, check=True, timeout=300)

def _flipped(b): return b[:len(b)//2] + bytes([b[len(b)//2]^1]) + b[len(b)//2+1:]
@pytest.mark.parametrize('damage', [lambda b: b[:1000], lambda b: b'', _flipped, lambda b: b+b'0'],
    ids=['cut', 'empty', 'flipped', 'longer'])
def test_a_damaged_kernel_is_made_again(cache, damage):
    f = first(cache.folder.iterdir())
    whole = f.read_bytes()
    f.write_bytes(damage(whole))
    assert not cache() and cache() and len(list(cache.folder.iterdir()))==1

def test_what_cannot_be_unpickled_is_made_again(cache):
    f = first(cache.folder.iterdir())
    f.rename(f.with_name(kept_name(f.name[:24], b'no pickle', '.numba')))
    first(cache.folder.iterdir()).write_bytes(b'no pickle')
    assert not cache()

@pytest.mark.parametrize('what', ['folder', 'file'])
def test_what_others_could_write_is_not_loaded(cache, what):
    "A pickle can run arbitrary code"
    import pickle
    class Bad:
        def __reduce__(self): return open,(str(cache.folder.parent/'mark'), 'w')
    old,bad = first(cache.folder.iterdir()),pickle.dumps(Bad())
    new = old.with_name(kept_name(old.name[:24], bad, '.numba'))
    old.unlink()
    new.write_bytes(bad)
    (cache.folder if what=='folder' else new).chmod(0o777)
    with pytest.warns(UserWarning, match='can be written to by others'): assert not cache()
    assert not (cache.folder.parent/'mark').exists()

# When Numba is chosen

@pytest.fixture
def as_shipped(numba, monkeypatch): monkeypatch.setitem(fused.backends, 'cpu', cpp.CppLauncher)

@pytest.fixture
def no_compiler(monkeypatch):
    for o in (cpp, fused): monkeypatch.setattr(o, 'compiler', lambda: None)
    cpp.cpp_build.cache_clear()

def chosen(how='auto'):
    "The launchers of a step of `adamw`"
    p,engine = torch.ones(fused.MIN_WEIGHTS, requires_grad=True),Engine(RULES['adamw'], how=how)
    p.grad = torch.ones_like(p)
    engine.step([([p], RULES['adamw'].hypers)], {})
    plans = [o for o in engine.plans[None].batches[0].cache.values() if isinstance(o, fused.Plan)]
    return [type(o).__name__ for plan in plans for o in plan.launchers.values()]

def test_without_a_compiler_numba_is_taken(as_shipped, no_compiler): assert chosen()==chosen('fused')==['NumbaLauncher']

def test_with_a_compiler_it_is_not(as_shipped):
    if not cpp.compiler(): pytest.skip('needs a C++ compiler')
    assert chosen()==chosen('fused')==['CppLauncher']

def test_without_both_the_warning_names_both(as_shipped, no_compiler, monkeypatch):
    monkeypatch.setattr(fused, 'has_numba', lambda: False)
    monkeypatch.setattr(fused, '_warned', set())
    assert chosen()==[]
    says = r"no C.. compiler was found; install g.. or clang.., or set CXX, or install Numba: pip install 'fastopt\[numba\]'"
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        with pytest.warns(UserWarning, match=says): chosen('fused')

def test_a_numba_that_fails_is_named_once(monkeypatch):
    import numba
    monkeypatch.setattr(fused, '_warned', set())
    monkeypatch.setattr(backend, '_failed', {})
    def broken(*args, **kwargs): raise SystemError('LLVM and NumPy do not agree')
    monkeypatch.setattr(numba, 'njit', broken)
    numba_build.cache_clear()
    with warnings.catch_warnings(record=True) as ws:
        warnings.simplefilter('always')
        got = data(RULES['adamw'], 'fused')
    said = [str(o.message) for o in ws if 'fused kernel' in str(o.message)]
    assert len(said)==1 and 'Numba' in said[0] and 'SystemError: LLVM and NumPy do not agree' in said[0]
    assert torch.equal(got, data(RULES['adamw'], 'foreach'))

def test_a_source_can_be_read_and_built():
    for dtype,how in ((torch.float32, 'plain'), (torch.float64, 'plain'), (torch.bfloat16, 'kahan')):
        text = fused.kernel_source(RULES['adamw'], 'numba', dtype, how)
        assert numba_build(text).nopython_signatures and '# c0 = ' in text
