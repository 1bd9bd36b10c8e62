"What a GPU would run: every rule in Triton's interpreter, sums, kernels compiled for three kinds of GPU, launches on the weights' device"
import re, subprocess, warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pytest, torch
from cover import covering, met
from fastopt.core import capture, fused
from fastopt.core.backends import triton as backend
from fastopt.core.backends.base import Kernel
from fastopt.core.backends.triton import TritonLauncher, join_source, triton_build, triton_source, warps
from fastopt.core.capture import numbers_source
from fastopt.core.engine import Engine, compute_dtype
from fastopt.core.program import COLUMN_OPS, record, split_phases
from fastopt.core.rules import zeros
from interpreter import interpreted
from kernels import STRONG
from rules_under_test import RULES

# The handling of dtypes does not depend on the rule; where all rules would take long, these represent them
MODELS = ['adamw', 'diffgrad', 'ranger', 'lamb', 'adafactor']

def steps_to_see_all(rule, most=7):
    "The number of steps, at least two, that reach all kernels of the first `most` steps of `rule`"
    seen = [record(rule, {**rule.hypers, **rule.options, **STRONG, 'step':t}).key for t in range(1, most+1)]
    return max(2, *[seen.index(o)+1 for o in seen])

INTERPRETED = '''
import sys, torch
from fastopt.core.engine import DROP, LOWP
from rules_under_test import RULES, SOME, far, trained
name,n,model = sys.argv[1],int(sys.argv[2]),sys.argv[3]=='True'
def both(dtype, *args, **kwargs):
    ordinary = dtype==torch.float32 and not kwargs.get('state_dtype')
    steps = n if ordinary else 2 # All kernels, or all types in the first ones
    shapes = None if model and ordinary else [*SOME, (40, 50)] # The last has rows that go on in the next block
    return far(*[trained(RULES[name], o, dtype, *args, steps=steps, shapes=shapes, **kwargs) for o in ('fused', 'eager')])
for dtype,bar in ((torch.float32, 3e-6), (torch.float64, 1e-12), (torch.float16, 2**-9))[:None if model else 1]:
    for lowp in LOWP if dtype in DROP else ['plain']:
        err = both(dtype, lowp, lr=0.01, wd=0.1)
        assert err<=bar, (name, dtype, lowp, err)
if model:
    # The interpreter truncates to bfloat16 where a GPU rounds; what is already representable is the same
    err = both(torch.bfloat16, 'stochastic')
    assert err<=2**-6, (name, 'bfloat16', err)
    err = both(torch.float32, state_dtype=torch.bfloat16)
    assert err<=2**-8, (name, 'state in bfloat16', err)
print('equal')
'''

@pytest.mark.parametrize('name', RULES)
def test_every_rule_in_the_interpreter(name):
    "Ordinary weights in float32; the representatives in every memory layout, and the types of their first kernels"
    assert 'equal' in interpreted(INTERPRETED, name, steps_to_see_all(RULES[name]), name in MODELS)

SUMS = '''
import math, sys, torch
from fastopt.core.backends import triton
from fastopt.core.backends.triton import TritonLauncher
from fastopt.core.engine import Engine
from fastopt.core.rules import Rule, descend, mean, norm, row_mean, term
from torch import zeros_like

@term
def summed(u, p, a, b, c, d):
    a.copy_(zeros_like(u) + row_mean(u))
    b.copy_(zeros_like(u) + norm(u))
    c.copy_(zeros_like(u) + mean(p))
    d.copy_(zeros_like(u) + row_mean(u*p, 3))
    return u
rule = Rule(summed, descend)

def lasts(t): return t.to(memory_format={4: torch.channels_last, 5: torch.channels_last_3d}[t.ndim])
def sums(ps, gs):
    "State by name, for each weight, after one step in kernels"
    ps,state = [p.clone(memory_format=torch.preserve_format).requires_grad_() for p in ps],{}
    for p,g in zip(ps, gs): p.grad = g
    Engine(rule, how='fused').step([(ps, rule.hypers)], state)
    return [[state[p][k] for p in ps] for k in 'abcd']
def row_means(t, above):
    if t.ndim<=above: return torch.zeros(t.shape, dtype=torch.float64)
    rows = [math.fsum(r.flatten().tolist())/r.numel() if r.numel() else 0. for r in t]
    return torch.zeros(t.shape, dtype=torch.float64) + torch.tensor(rows, dtype=torch.float64).reshape(-1, *[1]*(t.ndim-1))
'''

def test_sums_are_right_to_the_last_bits_and_repeat():
    """Rows shorter and longer than a block, as long as one, a single one; layouts; empty tensors; sizes of rows that differ by 12
    orders of magnitude"""
    code = SUMS + '''
for block,many,dtype in ((16, 1024, torch.float32), (64, 4, torch.float64)):
    TritonLauncher.BLOCK,TritonLauncher.MANY = block,many
    torch.manual_seed(block)
    shapes = [(), (0,), (1,), (7,), (30,), (0, 5), (3, 0), (1, 1), (5, 3), (16, 16), (2, 100), (20, 9), (1, 150), (9, 1), (3, 1, 33)]
    shapes += [(2, 3, 2, 2, 3), (4, 3, 2, 2), (block, block//4), (2, 2*block)]
    ps = [torch.randn(s) for s in shapes]
    ps = [p*10.**torch.randint(-6, 7, p.shape[:1] + (1,)*(p.ndim-1)) if p.ndim else p for p in ps]
    ps += [lasts(torch.randn(4, 3, 3, 3)), lasts(torch.randn(3, 4, 2, 3, 2)), torch.randn(30)[1:26], torch.randn(10, 3)[1:]]
    ps = [p.to(dtype) for p in ps]
    gs = [torch.randn_like(p) + p*1.5 for p in ps]
    found,again = sums(ps, gs),sums(ps, gs)
    assert all(torch.equal(x, y) for xs,ys in zip(found, again) for x,y in zip(xs, ys)), (block, dtype)
    eps = torch.finfo(dtype).eps
    for p,g,a,b,c,d in zip(ps, gs, *found):
        if not p.numel(): continue
        x,w,gw = g.double(),p.double(),(g*p).double()
        length = math.fsum((g*g).double().flatten().tolist())**0.5
        by_row = (a, row_means(x, 1), row_means(x.abs(), 1)),(d, row_means(gw, 3), row_means(gw.abs(), 3))
        for got,want,size in (*by_row, (b, length, length),
                (c, math.fsum(w.flatten().tolist())/w.numel(), w.abs().mean().item())):
            want = torch.zeros_like(x) + want
            slack = 16*2**-52*(torch.zeros_like(x) + size)
            assert ((got.double()-want).abs() <= eps*want.abs() + slack).all(), (block, dtype, p.shape, p.stride())
print('right')
'''
    assert 'right' in interpreted(code)

def test_a_row_that_is_not_finite_leaves_the_others_alone():
    code = SUMS + '''
for block,n in ((64, 5), (64, 64), (64, 100)):
    TritonLauncher.BLOCK = block
    p = torch.ones(5, n)
    for bad in (float('nan'), -float('inf')):
        g = torch.ones(5, n)
        g[2,n//2] = bad
        (a,),(b,),*_ = sums([p], [g])
        others = [i for i in range(5) if i!=2]
        assert (a[others]==1).all() and torch.allclose(a[2], torch.tensor(bad), equal_nan=True), (block, n, bad)
        assert torch.allclose(b, torch.tensor(abs(bad)), equal_nan=True)
print('alone')
'''
    assert 'alone' in interpreted(code)

def test_the_row_of_each_number_in_a_block():
    "For rows shorter or longer than a block, and of more numbers than an int32 can count, the result equals a division without dividing"
    code = '''
import torch, triton, triton.language as tl
from fastopt.core.backends.triton import _TRITON_HELPERS, triton_build
f = triton_build('@triton.jit' + _TRITON_HELPERS['row_in_block'] + """
@triton.jit
def kernel(out, first, n, BLOCK: tl.constexpr): tl.store(out + tl.arange(0, BLOCK), row_in_block(tl.load(first), tl.load(n), BLOCK))
""")
i = torch.arange(1024)
def rows(first, n):
    out = torch.full((1024,), -1, dtype=torch.int32)
    f[(1,)](out, torch.tensor([first]), torch.tensor([n]), BLOCK=1024)
    return out
for n in (*range(1, 65), *range(65, 1023, 47), 1023, 1024, 1025, 1500, 2**31-1, 2**31, 2**40):
    for k in (1, 2**30 + n):
        first = k*1024
        assert (rows(first, n)==(first+i)//n - first//n).all(), (n, first)
print('rows')
'''
    assert 'rows' in interpreted(code)

def test_launches():
    "One launch for each phase, and one more if its sums cover more than a block"
    code = '''
import torch
from fastopt.core.backends import triton
from fastopt.core.engine import Engine
from rules_under_test import RULES
build,ran = triton.triton_build,[]
class Counted:
    def __init__(self, source): self.f,self.name = build(source),'join' if 'stretches' in source else 'kernel'
    def __getitem__(self, grid): return lambda *args, **kwargs: (ran.append(self.name), self.f[grid](*args, **kwargs))
    def warmup(self, *args, **kwargs): self.f.warmup(*args, **kwargs)
triton.triton_build = Counted
def launches(name, *shapes):
    ps,state,rule = [torch.ones(s, requires_grad=True) for s in shapes],{},RULES[name]
    for p in ps: p.grad = torch.ones_like(p)
    ran.clear()
    Engine(rule, how='fused').step([(ps, rule.hypers)], state)
    return ' '.join(ran)
assert launches('adamw', (5, 300), (7,))=='kernel', ran
for name in ('lamb', 'lars', 'cautious_adamw'): assert launches(name, (5, 300), (7,))=='kernel join kernel', (name, ran)
assert launches('ranger', (5, 300), (7,))=='kernel join kernel', ran
assert launches('ranger', (4, 256), (7,))=='kernel kernel', ran # No row is in two blocks
print('counted')
'''
    assert 'counted' in interpreted(code)

def test_kernels_are_compiled_ahead_as_they_are_launched():
    "Triton would compile again for another type or option"
    code = '''
import torch
from fastopt.core.backends import triton
from fastopt.core.engine import Engine
from rules_under_test import RULES
build,warm,ran = triton.triton_build,{},{}
class Told:
    def __init__(self, source): self.f,self.source = build(source),source
    def __getitem__(self, grid):
        def launch(*args, **kwargs):
            ran[self.source] = [getattr(o, 'dtype', None) for o in args],kwargs
            self.f[grid](*args, **kwargs)
        return launch
    def warmup(self, *args, grid, **kwargs): warm[self.source] = [*args],kwargs
triton.triton_build = Told
for name in ('adamw', 'lamb', 'ranger', 'sgd_clip'):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        p,rule = torch.ones(5, 300, dtype=dtype, requires_grad=True),RULES[name]
        p.grad = torch.ones_like(p)
        warm.clear(), ran.clear()
        Engine(rule, how='fused').step([([p], rule.hypers)], {})
        kernels = {k:v for k,v in ran.items() if 'stretches' not in k}
        assert kernels and kernels=={k:warm[k] for k in kernels}, (name, dtype, kernels, warm)
print('ahead')
'''
    assert 'ahead' in interpreted(code)

@pytest.mark.parametrize('when', ['compiled', 'launched'])
def test_what_triton_and_its_compiler_raise_lets_pytorch_go_on(when):
    "Their errors are no `RuntimeError`s. After a kernel has written, the step cannot be made again, and the error is raised"
    code = '''
import sys, torch, warnings
from subprocess import CalledProcessError
from fastopt.core.backends import triton
from rules_under_test import RULES, trained
build,when = triton.triton_build,sys.argv[1]
class PTXASError(Exception): pass
class Broken:
    def __init__(self, source): self.f = build(source)
    def __getitem__(self, grid): raise PTXASError('no ptxas')
    def warmup(self, *args, **kwargs):
        if when=='compiled': raise CalledProcessError(1, 'gcc')
triton.triton_build = Broken
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter('always')
    got = trained(RULES['lamb'], 'fused')
said = ' '.join(str(o.message) for o in seen)
assert 'lamb: no fused kernel on cpu' in said and dict(compiled='gcc', launched='no ptxas')[when] in said, said
assert torch.equal(got, trained(RULES['lamb'], 'foreach'))
print('went on')
'''
    assert 'went on' in interpreted(code, when)

NAMES = ['t', 'i', 'mask', 'rows', 'sums']

def test_a_state_may_have_names_that_kernels_know():
    code = '''
import sys, torch
from fastopt.core.rules import Rule, descend, norm, row_mean, term
from rules_under_test import far, trained
def with_state(name):
    space = dict(norm=norm, row_mean=row_mean)
    exec(f'def f(u, {name}):\\n    {name}.copy_({name}*0.5 + u)\\n    return {name}*(1 + norm({name})) + row_mean({name}*u)', space)
    return Rule(term(space['f']), descend)
want = trained(with_state('m'), 'eager', torch.float32, state_dtype=torch.bfloat16, steps=2)
for name in sys.argv[1:]:
    assert far(trained(with_state(name), 'fused', torch.float32, state_dtype=torch.bfloat16, steps=2), want) < 1e-5, name
print('known')
'''
    assert 'known' in interpreted(code, *NAMES)

GPUS = 80,90,100
PLAIN = [(torch.float32, 'plain', False), (torch.float64, 'plain', False)]
LANDINGS = [*PLAIN, (torch.bfloat16, 'kahan', False), (torch.float16, 'stochastic', False), (torch.float32, 'plain', True)]
COMPILED = [(name, cc, *o) for name in RULES for cc in GPUS for o in LANDINGS]
SOME_COMPILED = [(name, GPUS[(i+j)%3], *o) for i,name in enumerate(MODELS) for j,o in enumerate(LANDINGS)]
# By default each GPU and landing meet once, and each rule has three of them
DEFAULT_COMPILED = {o[1:]:o for o in sorted(SOME_COMPILED, key=lambda o: (MODELS.index(o[0])+GPUS.index(o[1]))%5)}.values()
# Three programs of 128 threads share the 65,536 registers of a multiprocessor if each thread takes 168. Numbers that are read from a table
    # take a register each, while arguments of a kernel would take none: ranger with Kahan sums needs 184, and only two programs share them
REGISTERS = 184

def kernels(rule, dtype, how, low):
    "All kernels of `rule`: of its first steps, late steps, and merges of lookahead; `low` means with state in bfloat16"
    low,seen = [k for k,f in rule.state.items() if low and f is zeros],set()
    for step in (1, 2, 1000, 1000*rule.hypers.get('k', 1)):
        prog = record(rule, {**rule.hypers, **rule.options, 'step':step}, how, True, low)
        for phase in split_phases(prog)[0]:
            dtypes = {c: compute_dtype(dtype) for c in (*phase.loads, *phase.stores)} | dict.fromkeys(low, torch.bfloat16)
            dtypes |= dict.fromkeys(('p', 'g', 'comp'), dtype)
            k = Kernel(prog, phase, dtypes, [c for c,i in phase.loads.items() if prog.nodes[i][0] in COLUMN_OPS[1:]])
            if (phase.stores or phase.sums) and triton_source(k) not in seen: yield k
            seen.add(triton_source(k))

def ptx_of(source, cc, signature, warps, **constants):
    "The result of Triton's compiler for `source` and the compute capability `cc`, which needs no GPU"
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    src = ASTSource(triton_build(source), signature={**signature, **dict.fromkeys(constants, 'constexpr')}, constexprs=constants)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return triton.compile(src, target=GPUTarget('cuda', cc, 32), options=dict(num_warps=warps)).asm['ptx']

def registers_and_spills(ptx, cc, folder):
    "The registers per thread, and the bytes that do not fit into them, by the assembler that comes with Triton"
    import triton
    tool = Path(triton.__file__).parent/'backends/nvidia/bin'/('ptxas-blackwell' if cc>=100 else 'ptxas')
    (folder/'kernel.ptx').write_text(ptx)
    cmd = [tool, '-v', f'--gpu-name={re.search(r"[.]target (sm_[0-9]+a?)", ptx)[1]}', 'kernel.ptx', '-o', 'kernel.cubin']
    said = subprocess.run(cmd, cwd=folder, capture_output=True, text=True, check=True).stderr
    return int(re.search(r'Used (\d+) registers', said)[1]),sum(map(int, re.findall(r'(\d+) bytes spill', said)))

def signature_of(k):
    sums = dict(sums='*i64', parts='*fp64') if k.phase.sums else {}
    given = dict(numbers='*fp64' if k.dtype==torch.float64 else '*fp32', which='*i32')
    return dict(table='*i64', grads='*i64', rows='*i64', sizes='*i64', full='*i8', tid='*i32', off='*i64') | sums | given

def wide(what, ptx): return len(re.findall(rf'{what}[.]global[.\w]*[.]v(?:4[.]b32|2[.]b64)', ptx))
def accesses(k, columns): return sum(8*4//k.dtype.itemsize*k.dtypes[c].itemsize//16 for c in columns if c not in k.rows)

@pytest.mark.long
@pytest.mark.parametrize('name,cc,dtype,how,low', covering(SOME_COMPILED, DEFAULT_COMPILED), ids=str)
def test_compiled_for_a_gpu(name, cc, dtype, how, low, tmp_path):
    """Every column that is not read by row moves 16 bytes at a time, all values stay in registers, and no sum depends on which program
    comes first"""
    pytest.importorskip('triton')
    for k in kernels(RULES[name], dtype, how, low):
        ptx = ptx_of(triton_source(k), cc, signature_of(k), warps(k), BLOCK=TritonLauncher.BLOCK)
        assert wide('ld', ptx)>=accesses(k, k.phase.loads) and wide('st', ptx)>=accesses(k, k.phase.stores), (k.phase.loads, k.phase.stores)
        used,spilled = registers_and_spills(ptx, cc, tmp_path)
        assert used<=REGISTERS and not spilled, (used, spilled, triton_source(k))
        assert not re.search(r'\b(atom|red)[.]', ptx)
        if dtype==torch.bfloat16 and 'p' in k.phase.stores: assert 'cvt.rn.bf16' in ptx # Rounds to nearest, like eager

@pytest.mark.parametrize('cc', GPUS)
def test_joins_compiled_for_a_gpu(cc, tmp_path):
    pytest.importorskip('triton')
    for dtype in (torch.float32, torch.float64):
        for tile in (32, 2048):
            ptx = ptx_of(join_source(dtype), cc, dict(parts='*fp64', stretches='*i64', count='i32'), 8, MANY=2048//tile, TILE=tile)
            used,spilled = registers_and_spills(ptx, cc, tmp_path)
            assert used<=REGISTERS and not spilled and not re.search(r'\b(atom|red)[.]', ptx), (used, spilled)

def test_every_two_of_rule_gpu_and_landing_are_compiled_for_models():
    assert met(DEFAULT_COMPILED) >= {o for o in met(COMPILED) if 1 in (o[0], o[2]) and 0 not in (o[0], o[2])}
    assert {o[0] for o in DEFAULT_COMPILED}=={*MODELS}

class Devices:
    "A stand-in for `torch.cuda` that records the device and the stream of each event"
    def __init__(self): self.now,self.stream,self.seen = 0,'first',[]
    @contextmanager
    def device(self, device):
        before,self.now = self.now,device.index
        try: yield
        finally: self.now = before
    def current_stream(self, device): return device.index,self.stream
    def note(self, what): self.seen.append((what, self.now, self.stream))
    def send(self, x, device):
        assert device.index==self.now
        self.note('sent')
        return torch.from_numpy(x)
    def build(self, source):
        def launch(*args, **kwargs): self.note('join' if 'stretches' in source else 'kernel')
        class Function: __getitem__ = lambda self, grid: launch
        return Function()

@pytest.fixture
def devices(monkeypatch):
    o = Devices()
    monkeypatch.setattr(torch, 'get_device_module', lambda device: o)
    monkeypatch.setattr(backend, 'send', o.send)
    monkeypatch.setattr(backend, 'triton_build', o.build)
    return o

def test_launches_on_the_device_and_in_the_stream_of_the_weights(devices):
    k,*_ = kernels(RULES['lamb'], torch.float32, 'plain', False)
    ps = [torch.ones(40, 50), torch.ones(7)]
    def at(ts): return np.array([t.data_ptr() for t in ts])
    bufs = {c: [torch.ones_like(p) for p in ps] for c in 'mv'}
    part = dict(places=None, ids=np.arange(2), which=np.zeros(2, np.int32), blocks={})
    b = SimpleNamespace(ps=ps, device=torch.device('cuda', 3), bufs=bufs, cache={}, at=dict(p=at(ps), g=at(ps)), **part)
    b.batch = b
    b.at |= {c: at(ts) for c,ts in b.bufs.items()}
    columns = dict(b.bufs, p=ps) | {f'r{i}': [torch.zeros(()) for _ in ps] for i in k.phase.sums}
    launcher,numbers = TritonLauncher(k, b, columns),np.zeros((1, len(k.consts)))
    def step():
        devices.seen.clear()
        launcher(b, numbers, columns)
        assert {o[1:] for o in devices.seen}=={(3, devices.stream)} and devices.now==0
        return [o for o,*_ in devices.seen]
    assert step()[-2:]==['kernel', 'join']
    assert step()==['kernel', 'join'] # Everything that was sent is still there
    b.at['g'] = at([torch.ones_like(p) for p in ps])
    assert step()==['sent', 'kernel', 'join'] # Gradients have moved
    numbers = numbers + 1
    assert step()==['sent', 'kernel', 'join'] # The numbers have changed
    devices.stream = 'second'
    assert step().count('sent')>5
    assert step()==['kernel', 'join']

def test_devices_without_float64_leave_sums_to_pytorch(monkeypatch):
    for has in (True, False):
        monkeypatch.setattr(torch.xpu, 'get_device_properties', lambda device, has=has: SimpleNamespace(has_fp64=has))
        assert TritonLauncher.can_sum(torch.device('xpu', 0))==has
    assert TritonLauncher.can_sum(torch.device('cuda', 0))

@pytest.mark.long
@pytest.mark.parametrize('name,cc', [('adamw', 100), ('ranger', 90)])
def test_what_a_graph_replays_is_compiled_for_a_gpu(name, cc, tmp_path, monkeypatch):
    "The kernel that computes numbers, kernels that may skip a step, and the one that keeps addresses as its arguments"
    pytest.importorskip('triton')
    monkeypatch.setitem(fused.backends, 'cpu', TritonLauncher)
    rule = RULES[name]
    prog = Engine(rule, capturable=True).program(torch.ones(2, 2), scaled=True)
    names,numbers = [*rule.hypers, 'do_wd'],dict(at='*i64', wide='*i8', steps='*i64', numbers='*fp32', scale='*fp32', found='*fp32')
    found = [(numbers_source(prog, names), numbers, 1, {})]
    for phase in split_phases(prog)[0]:
        rows = [c for c,i in phase.loads.items() if prog.nodes[i][0] in COLUMN_OPS[1:]]
        k = Kernel(prog, phase, {c: torch.float32 for c in (*phase.loads, *phase.stores, 'p')}, rows)
        found.append((triton_source(k), signature_of(k), warps(k), dict(BLOCK=TritonLauncher.BLOCK)))
    found.append((backend.put_source(), dict(table='*i64', n='i32', **{f'a{i}':'i64' for i in range(backend.PUT)}), 1, {}))
    for source,signature,w,constants in found:
        used,spilled = registers_and_spills(ptx_of(source, cc, signature, w, **constants), cc, tmp_path)
        assert used<=REGISTERS and not spilled, (used, spilled, source)

def test_numbers_are_computed_on_the_device_and_in_the_stream_of_the_weights(devices, monkeypatch):
    monkeypatch.setattr(capture, 'triton_build', devices.build)
    monkeypatch.setitem(fused.backends, 'cpu', TritonLauncher)
    rule,p = RULES['adamw'],torch.ones(3)
    prog = Engine(rule, capturable=True).program(p)
    b = SimpleNamespace(device=p.device, sets=[0], steps=[0], active=[0], sts=[{}], which=[0])
    numbers = capture.DeviceNumbers(rule, b)
    numbers.place([{**rule.hypers, 'do_wd':1.}])
    numbers.tables[prog.key],numbers.device = torch.zeros(1, len(prog.consts)),torch.device('cuda', 3)
    devices.seen.clear()
    numbers.compute(prog, torch.float32)
    assert devices.seen==[('kernel', 3, 'first')] and devices.now==0
    devices.stream = 'second'
    numbers.compute(prog, torch.float32)
    assert devices.seen[-1]==('kernel', 3, 'second')
