"The compiled reader of tensors agrees with Python, and Python is used where the reader cannot be trusted"
import gc, os, sysconfig, torch
from contextlib import nullcontext
from threading import Thread
import numpy as np, pytest
from fastopt.all import adamw
from fastopt.core.backends import cpp, memory_reader as module
from fastopt.core.backends.memory_reader import CppMemoryCheck, Forms, memory_reader, speed_up
from fastopt.core.engine import Engine
from fastopt.core.memory import MemoryCheck, addresses, lacks_memory, layout_of
from forked import Forked
from hypothesis import given, settings, strategies as st

needs_reader = pytest.mark.skipif(not cpp.compiler(), reason='nothing is compiled without a compiler')

@pytest.fixture(autouse=True)
def quiet_gradients():
    with torch.no_grad(): yield

@pytest.fixture
def own_reader():
    "Lets a test replace the result of `memory_reader`"
    memory_reader.cache_clear()
    yield
    memory_reader.cache_clear()

class Sub(torch.Tensor): pass
class Slots(torch.Tensor): __slots__ = 'more',

def python_sees(forms, ts):
    "The definition: the addresses of the tensors `ts`, or `None`"
    return addresses(ts).tolist() if list(map(layout_of, ts))==forms and not any(map(lacks_memory, ts)) else None

def listed(at): return at if at is None else at.tolist()

def put(make):
    def f(ts): ts[1] = make(ts[1])
    return f
def data(make):
    def f(ts): ts[1].data = make(ts[1])
    return f
def swap(make):
    def f(ts): torch.utils.swap_tensors(ts[1], make(ts[1]))
    return f
def call(name, *args): return lambda ts: getattr(ts[1], name)(*args)
def resize(*sizes): return lambda ts: [ts[1].untyped_storage().resize_(n) for n in sizes]
def shorten(n):
    "The last 48 bytes of a storage that is shortened to `n` bytes"
    def f(ts):
        ts[1].data = torch.zeros(20)[8:].view(4, 3)
        ts[1].untyped_storage().resize_(n)
    return f

# Another tensor takes the place of one in the list
SITUATIONS = dict(nothing=lambda ts: None, a_clone=put(torch.clone), same_memory=put(lambda t: t.view(t.shape)))
SITUATIONS |= dict(parameter=put(torch.nn.Parameter))
SITUATIONS |= dict(sparse=put(torch.Tensor.to_sparse), csr=put(torch.Tensor.to_sparse_csr), meta=put(lambda t: t.to('meta')))
SITUATIONS |= dict(lazy=put(torch._lazy_clone))
SITUATIONS |= dict(whole_numbers=put(torch.Tensor.int), other_bits=put(lambda t: t.view(torch.int32)))
SITUATIONS |= dict(nested=put(lambda t: torch.nested.nested_tensor([t, t])))
SITUATIONS |= dict(complex=put(lambda t: torch.complex(t, t)), conjugated=put(lambda t: torch.complex(t, t).conj()))
SITUATIONS |= dict(subclass=put(lambda t: t.as_subclass(Sub)), with_slots=put(lambda t: t.as_subclass(Slots)))
SITUATIONS |= dict(from_numpy=put(lambda t: torch.from_numpy(np.zeros((4, 3), np.float32))))
SITUATIONS |= dict(from_bytes=put(lambda t: torch.frombuffer(bytearray(48), dtype=t.dtype).view(4, 3)))
# The same object gets other data
SITUATIONS |= dict(data_elsewhere=data(torch.clone), data_double=data(torch.Tensor.double), data_half=data(torch.Tensor.half))
SITUATIONS |= dict(data_negated=data(torch._neg_view))
SITUATIONS |= dict(data_transposed=data(lambda t: t.t().contiguous().t()), data_expanded=data(lambda t: t[:,:1].expand(4, 3)))
SITUATIONS |= dict(data_in_one_storage=data(lambda t: torch.zeros(40)[7:19].view(4, 3)))
SITUATIONS |= dict(data_with_gaps=data(lambda t: torch.zeros(4, 6)[:,::2]))
SITUATIONS |= dict(data_shorter=data(lambda t: t[:2]), data_empty=data(lambda t: t[:0]), data_shortened=shorten(79))
SITUATIONS |= dict(data_just_there=shorten(80))
SITUATIONS |= dict(swapped=swap(torch.clone), swapped_double=swap(torch.Tensor.double), swapped_view=swap(lambda t: torch.zeros(6, 3)[2:]))
SITUATIONS |= dict(swapped_subclass=swap(lambda t: torch.zeros(4, 3).as_subclass(Sub)))
SITUATIONS |= dict(another_class=lambda ts: setattr(ts[1], '__class__', Sub))
SITUATIONS |= dict(set_elsewhere=lambda ts: ts[1].set_(torch.zeros(20).untyped_storage(), 3, (4, 3), (3, 1)))
# Its storage, or how it is read, is changed in place
SITUATIONS |= dict(freed=resize(0), cut=resize(44), whole=resize(48), larger=resize(4800), freed_and_back=resize(0, 48))
SITUATIONS |= dict(freed_and_back_small=resize(0, 4))
SITUATIONS |= dict(resized=call('resize_', 4, 3), resized_larger=call('resize_', 40, 3), resized_to_nothing=call('resize_', 0))
SITUATIONS |= dict(transposed_in_place=call('t_'), one_more_dimension=call('unsqueeze_', 0))
SITUATIONS |= dict(strided_in_place=call('as_strided_', (4, 3), (1, 4)))
SITUATIONS |= dict(needs_gradient=call('requires_grad_'), shared=call('share_memory_'))
FIRST = dict(plain=lambda: torch.ones(4, 3), parameter=lambda: torch.nn.Parameter(torch.ones(4, 3)), view=lambda: torch.ones(10, 3)[3:7],
    transposed=lambda: torch.ones(3, 4).t(), subclass=lambda: torch.ones(4, 3).as_subclass(Sub),
    with_slots=lambda: torch.ones(4, 3).as_subclass(Slots), lazy=lambda: torch._lazy_clone(torch.ones(4, 3)))
IMPOSSIBLE = [('another_class', 'with_slots'), *((o, f) for o in ('sparse', 'csr') for f in ('subclass', 'with_slots')),
    *((f'swapped_{o}', 'with_slots') for o in ('view', 'subclass')),
    *((f'resized{o}', 'parameter') for o in ('', '_larger', '_to_nothing'))]

@needs_reader
@pytest.mark.filterwarnings('ignore:Sparse CSR', 'ignore:The given buffer', 'ignore:The PyTorch API of nested')
@pytest.mark.parametrize('name,first', [(o, f) for o in SITUATIONS for f in FIRST if (o, f) not in IMPOSSIBLE])
def test_both_see_the_same_in_every_situation(name, first):
    ts = [torch.zeros(2), FIRST[first](), torch.zeros(())]
    us,forms,fits = list(ts),list(map(layout_of, ts)),Forms(ts, memory_reader())
    assert fits(us).tolist()==python_sees(forms, us)
    grad = nullcontext() if not name.startswith('swapped') else torch.enable_grad() # Otherwise PyTorch does not swap
    with grad: SITUATIONS[name](us)
    try: want = python_sees(forms, us)
    except RuntimeError: # A lazy clone whose memory was freed, and nested tensors
        assert first=='lazy' or name=='nested'
        want = None
    assert listed(fits(us))==want

DTYPES = torch.float32,torch.float64,torch.bfloat16,torch.float16,torch.int64,torch.bool
SHAPES = (),(0,),(1,),(7,),(4, 3),(1, 4),(2, 0, 3),(2, 3, 4),(2, 3, 4, 5)

def made(shape, strides, offset, dtype, kind, negated, left):
    "A tensor with storage for 400 numbers, of which `left` bytes remain if some are missing"
    t = kind(torch.zeros(400, dtype=dtype).as_strided(shape, strides[:len(shape)], offset))
    if negated and dtype.is_floating_point: t = torch._neg_view(t)
    if left is not None: t.untyped_storage().resize_(left)
    return t

KINDS = lambda t: t,lambda t: torch.nn.Parameter(t, requires_grad=False),lambda t: t.as_subclass(Sub)
STRIDES = st.lists(st.integers(0, 5), min_size=4, max_size=4)
WHICH = st.sampled_from(SHAPES),STRIDES,st.integers(0, 9),st.sampled_from(DTYPES),st.sampled_from(KINDS)
TENSOR = st.tuples(*WHICH, st.booleans(), st.none() | st.integers(0, 99))

@needs_reader
@given(st.lists(TENSOR, min_size=1, max_size=6), st.lists(TENSOR, max_size=3), st.lists(st.integers(0, 8), min_size=6, max_size=6))
@settings(max_examples=200, deadline=None, database=None, derandomize=os.environ.get('FASTOPT_SEED')!='random')
def test_both_see_the_same_in_any_lists(first, others, chosen):
    ts,more = ([made(*o) for o in os] for os in (first, others))
    forms,fits = list(map(layout_of, ts)),Forms(ts, memory_reader())
    us = [[t, *more][i] if i<=len(more) else made(*first[j]) for j,(t,i) in enumerate(zip(ts, chosen))]
    for o in (ts, us, more, []): assert listed(fits(o))==python_sees(forms, o)

@needs_reader
def test_long_lists_are_read_to_the_end():
    for n in (1, 63, 64, 65, 128, 1000):
        ts = [torch.zeros(i%5, 2) for i in range(n)]
        fits = Forms(ts, memory_reader())
        assert fits(ts).tolist()==addresses(ts).tolist()
        for i in {0, 62, 63, 64, n-1} & {*range(n)}: assert fits([*ts[:i], torch.zeros(3, 3), *ts[i+1:]]) is None

@needs_reader
def test_what_is_no_list_of_as_many_tensors_is_not_read():
    ts = [torch.zeros(2), torch.ones(2)]
    fits = Forms(ts, memory_reader())
    few = ts[:1],[*ts, ts[0]],tuple(ts),iter(ts),None
    strange = [[ts[0], o] for o in (None, 'two', object(), torch.Tensor, 2.)]
    for us in (*few, *strange): assert fits(us) is None

@needs_reader
def test_the_class_of_a_form_cannot_be_mistaken_for_a_later_one():
    "A class without other references stays where it is, because otherwise another class could get its address"
    def make(): return torch.zeros(2).as_subclass(type('Passing', (torch.Tensor,), {}))
    fits = Forms([make()], memory_reader())
    gc.collect()
    for _ in range(20): assert fits([make()]) is None

def trained(how='fused', change=lambda ps, t: None, n=5, seed=0):
    rng = torch.Generator().manual_seed(seed)
    ps = [torch.nn.Parameter(torch.randn(s, generator=rng)) for s in ((30, 20), (20,), (20, 30), (7, 3, 3))]
    engine,state = Engine(adamw, how=how),{}
    for t in range(n):
        for p in ps: p.grad = torch.randn(p.shape, generator=rng)
        change(ps, t)
        engine.step([(ps, adamw.hypers)], state)
    return torch.cat([p.detach().flatten() for p in ps]),engine

def looks_of(engine): return [o for sorting in engine.plans.values() for b in sorting.batches for o in b.checks.values()]

@needs_reader
def test_the_reader_is_used_by_steps_and_python_is_asked_only_after_a_change(monkeypatch):
    asked = []
    def call(self, ts, old=MemoryCheck.__call__):
        asked.append(len(ts))
        return old(self, ts)
    monkeypatch.setattr(MemoryCheck, '__call__', call)
    def change(ps, t):
        if t==1: asked.clear()
        if t==4: assert not asked # Three steps after the first one
        if t==4: ps[2].data = ps[2].double()
        if t==4: ps[2].grad = ps[2].grad.double()
    _,engine = trained(change=change)
    assert asked and all(isinstance(o, CppMemoryCheck) for o in looks_of(engine))
    assert not any(isinstance(o, CppMemoryCheck) for how in ('eager', 'foreach') for o in looks_of(trained(how)[1]))

def fail(*args): raise RuntimeError('not here')
def other(o, name, value): return lambda patch: patch.setattr(o, name, value)
def blind(part, instead=''):
    "The source without a `part`"
    assert module.READER_SOURCE.count(part)==1
    return other(module, 'READER_SOURCE', module.READER_SOURCE.replace(part, instead))

BROKEN = dict(no_compiler=other(module, 'cpp_build', fail), no_function=other(module, '_IS_NEG', 'none'))
BROKEN |= dict(no_library=other(module.ctypes, 'CDLL', fail))
BROKEN |= dict(another_python=other(module.platform, 'python_implementation', lambda: 'PyPy'))
BROKEN |= dict(no_lock=other(sysconfig, 'get_config_var', lambda o: 1))
BROKEN |= dict(no_place=other(module, '_at', lambda o, i: 0), too_many_places=other(module, '_place', lambda *args: fail()))
BROKEN |= dict(no_subclass_alike=other(module, '_Subclass', str), no_code=other(module, 'READER_SOURCE', 'error'))
# Each of these versions no longer checks something, or gives a wrong answer
BROKEN |= dict(no_memory=blind('offset*bytes + span <= size', 'true'), no_offset=blind('offset*bytes + '))
BROKEN |= dict(empty_is_short=blind('!span || '))
BROKEN |= dict(no_strides=blind(' || strides[i] != form[dim + i]'), no_sizes=blind('sizes[i] != form[i] || '))
BROKEN |= dict(no_dtypes=blind(' || code != form[4]'))
BROKEN |= dict(no_signs=blind('r.is_neg(*t) != form[7] || '), no_types=blind(' || *(int64_t *)(o + r->type_at) != f[0]'))
BROKEN |= dict(wrong_address=blind('return !span', 'if (offset) *begin += 4; return !span'))

@pytest.mark.parametrize('name', BROKEN)
def test_python_reads_where_the_reader_cannot_be_trusted(name, monkeypatch, own_reader):
    expected = trained()[0]
    memory_reader.cache_clear()
    BROKEN[name](monkeypatch)
    assert memory_reader() is None
    ts,look = [torch.zeros(3)],MemoryCheck([torch.zeros(3)])
    assert speed_up(dict(p=look), dict(p=ts))=={'p': look}
    got,engine = trained()
    assert torch.equal(got, expected) and all(type(o) is MemoryCheck for o in looks_of(engine))

@needs_reader
def test_the_trial_has_tensors_of_the_device_that_is_asked_for(monkeypatch, own_reader):
    "A device whose tensors cannot be made, or read, is left to Python"
    assert memory_reader('cuda' if not torch.cuda.is_available() else 'no such device') is None
    kinds = []
    monkeypatch.setattr(module, 'memory_reader', lambda kind: kinds.append(kind))
    ts = [torch.zeros(3, device='meta')]
    assert speed_up(dict(p='look'), dict(p=ts))==dict(p='look') and kinds==['meta']
    assert sum(t.device.type=='meta' for t in module._trial('meta'))>sum(t.device.type=='meta' for t in module._trial('cpu'))

@needs_reader
def test_a_tensor_that_lies_elsewhere_in_its_object_is_left_to_python(monkeypatch):
    monkeypatch.setattr(module, '_at', lambda o, i, old=module._at: old(o, i) + isinstance(o, Sub))
    plain,special = [torch.zeros(3)],[torch.zeros(3).as_subclass(Sub)]
    looks = speed_up(*({k: f(ts) for k,ts in dict(p=plain, g=special).items()} for f in (MemoryCheck, list)))
    assert all(type(o) is MemoryCheck for o in looks.values())
    assert type(speed_up(dict(p=looks['p']), dict(p=plain))['p']) is CppMemoryCheck

@needs_reader
def test_threads_train_as_one_does():
    expected,got = [trained(seed=i, n=30)[0] for i in range(4)],{}
    def run(i): got[i] = trained(seed=i, n=30)[0]
    threads = [Thread(target=run, args=(i,)) for i in range(4)]
    for o in threads: o.start()
    for o in threads: o.join()
    assert all(torch.equal(got[i], o) for i,o in enumerate(expected))

@needs_reader
def test_a_list_that_another_thread_changes_is_read_or_refused():
    ts,stop = [torch.zeros(3) for _ in range(300)],[]
    fits,at = Forms(ts, memory_reader()),addresses(ts).tolist()
    us = list(ts)
    def change():
        while not stop:
            us.pop()
            us.append(torch.zeros(4))
            us[-1] = ts[-1]
    thread = Thread(target=change)
    thread.start()
    for _ in range(2000): assert (got := fits(us)) is None or got.tolist()==at
    stop.append(True)
    thread.join()

@needs_reader
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='a process cannot be forked here')
@pytest.mark.filterwarnings('ignore:.*fork')
def test_a_forked_process_reads_as_its_parent_does():
    ts = [torch.zeros(3) for _ in range(100)]
    fits,at = Forms(ts, memory_reader()),addresses(ts).tolist()
    def reads():
        assert fits(ts).tolist()==at
        ts[7].data = torch.zeros(4)
        assert fits(ts) is None
    assert Forked(reads).wait()==0
