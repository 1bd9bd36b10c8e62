"""Whatever is done to weights, gradients and state between two steps, the next step is right, or raises an error before it writes

hypothesis generates sequences of changes and steps. Each runs in its own process (see `memory.py`), so that a crash is a failure like
any other, and is shrunk to the shortest sequence that shows it. `FASTOPT_SEQUENCES` sets their number, `FASTOPT_SEED=random` generates
new ones, and `FASTOPT_SANITIZE=1` compiles the kernels so that g++'s address sanitizer ends a process that accesses foreign memory."""
import os, subprocess, sys, tempfile, weakref
from collections import Counter
from copy import deepcopy
from functools import partial
from multiprocessing.connection import Client
from pathlib import Path
import pytest, torch
from fastai.callback.channelslast import ChannelsLast # chkstyle: ignore - it adds `to_channelslast` to `Learner`
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastopt.core import fused
from fastopt.all import AdamW, adamw
from fastopt.core.engine import Engine
from fastopt.core.memory import layout_check, python_layout_check
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from memory import DTYPES, FINE, HARM, LAYOUTS, RULES, SHAPES, Wrapped

SEQUENCES = int(os.environ.get('FASTOPT_SEQUENCES', 80))
HOWS,SEEN = ('eager', 'foreach', 'fused', 'auto'),Counter()
SUBJECTS = *HOWS,'numba' # What a test can train with: an engine, or `fused` with kernels of Numba

def library(name): return subprocess.run(['g++', f'-print-file-name=lib{name}.so'], capture_output=True, text=True).stdout.strip()

@pytest.fixture(scope='session')
def nursery():
    "The address of a process that has loaded everything, and forks a child for each connection"
    with tempfile.TemporaryDirectory() as d:
        address = str(Path(d)/'s')
        code,env = [sys.executable, str(Path(__file__).parents[1]/'memory.py'), address],{**os.environ, 'OMP_NUM_THREADS':'1'}
        if 'FASTOPT_SANITIZE' in env: env |= {'LD_PRELOAD': ' '.join(map(library, ('asan', 'stdc++'))), 'ASAN_OPTIONS': 'detect_leaks=0'}
        with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, env=env) as p:
            try:
                assert p.stdout.readline().strip()=='ready'
                yield address
            finally: p.kill()

WEIGHT,LOWP = st.integers(0, len(SHAPES)-1),st.sampled_from(['plain', 'kahan', 'stochastic'])
def one_of(what): return st.tuples(st.sampled_from(sorted(what)), WEIGHT, st.integers(0, 9))

class Changes(RuleBasedStateMachine):
    name = address = None
    def ask(self, *args):
        self.child.send(args)
        try: return self.child.recv()
        except (EOFError, ConnectionError): raise AssertionError(f'the process crashed at {args}') from None
    @initialize(how=st.sampled_from(SUBJECTS), lowp=LOWP)
    def make(self, how, lowp):
        self.child,self.how = Client(self.address),how
        assert (answer := self.ask('make', self.name, how, lowp)) is None, answer
        assert (answer := self.ask('train', [], False, ())) in ('fine', 'refused'), answer
    @rule(changes=st.lists(one_of(FINE), min_size=1, max_size=3), late=st.booleans(), without=st.sets(WEIGHT, max_size=2))
    def train(self, changes, late, without):
        assert (answer := self.ask('train', changes, late, tuple(without))) in ('fine', 'refused'), answer
        SEEN.update((name, self.name, self.how) for name,*_ in changes)
    @rule(harm=one_of(HARM))
    def harm(self, harm):
        assert (answer := self.ask('harm', *harm)) in (None, 'refused'), answer
        if answer: SEEN[harm[0], self.name, self.how] += 1
    def teardown(self):
        if hasattr(self, 'child'): self.child.close()

@pytest.mark.long
@pytest.mark.parametrize('name', RULES)
def test_a_step_is_right_or_refused_after_any_change(name, nursery, record_property):
    machine = type('Changes', (Changes,), dict(name=name, address=nursery))
    free = os.environ.get('FASTOPT_SEED')=='random'
    run_state_machine_as_test(machine, settings=settings(max_examples=SEQUENCES//len(RULES), stateful_step_count=6, deadline=None,
        derandomize=not free, database=None, suppress_health_check=list(HealthCheck)))
    met = {k:n for k,n in SEEN.items() if k[1]==name}
    record_property('changes', (len(met), len({*FINE, *HARM})*len(SUBJECTS), sum(met.values())))
    assert len(met) >= .7*min(SEQUENCES//len(RULES), len({*FINE, *HARM})*len(SUBJECTS)) # Otherwise the sequences were trivial

@pytest.mark.parametrize('full', [False, pytest.param(True, marks=pytest.mark.full)], ids=['default', 'full'])
@pytest.mark.parametrize('how', SUBJECTS)
def test_every_change_by_itself_on_every_engine(how, full, nursery):
    "By default every two of change, rule and engine meet"
    for i,rule in enumerate(('adamw', 'lamb')):
        turn = (SUBJECTS.index(how)+i+full)%2
        with Client(nursery) as c:
            def ask(*args):
                c.send(args)
                return c.recv()
            for name in list(FINE)[turn::2]:
                assert ask('make', rule, how, 'plain') is None
                for call in (('grads', ()), ('step',), ('grads', ()), ('change', name, 3, 1), ('step',), ('grads', ()), ('step',)):
                    assert (answer := ask(*call)) in (None, 'fine', 'refused' if name=='wrapped' else 'fine'), (name, call, answer)
            for name in list(HARM)[turn::2]:
                answers = [ask(*o) for o in (('make', rule, how, 'plain'), ('grads', ()), ('step',), ('grads', ()), ('harm', name, 3, 1),
                    ('step',))]
                assert answers[-2] in ('refused', None if name=='state_is_weight' else 'refused') and answers[-1]=='fine', (name, answers)

def weight(*shape, **kw): return torch.ones(*shape, **kw).requires_grad_()

def step(ps, state=None, how='fused', rule=adamw, gs=None, **kwargs):
    for p,g in zip(ps, gs or [None]*len(ps)):
        if g is not p.grad or g is None: p.grad = torch.ones_like(p) if g is None else g
    Engine(rule, how=how, **kwargs).step([(ps, rule.hypers)], {} if state is None else state)

def cut(t, n=0):
    t.untyped_storage().resize_(n)
    return t

@pytest.mark.parametrize('how', HOWS)
def test_refusals_name_the_weight_the_cause_and_the_way_out(how):
    def refused(match, ps, **kwargs):
        before,state = [p.detach().clone() if p.untyped_storage().nbytes() else None for p in ps],kwargs.get('state', {})
        kept = {p: dict(st) for p,st in state.items()}
        with pytest.raises((ValueError, TypeError), match=match): step(ps, how=how, **kwargs)
        assert all(o is None or torch.equal(p, o) for p,o in zip(ps, before))
        assert state.keys()==kept.keys()
        assert all(st.keys()==kept[p].keys() and all(st[k] is kept[p][k] for k in st) for p,st in state.items())
    p = weight(4, 3)
    p.data = cut(torch.ones(4, 3))
    refused(r'adamw: a weight of shape \(4, 3\) has no memory, because its storage was resized; give it memory', [p])
    refused(r'shape \(3,\) has no memory for its gradient, because its storage was resized', [weight(3)], gs=[cut(torch.ones(3))])
    p = weight(1)
    p.data = torch.ones(1).expand(5)
    refused(r'shape \(5,\) has elements that share memory, as after `expand`; train its `.contiguous\(\)`', [p])
    p = weight(4)
    p.grad = torch.ones(4)
    p.data = torch.ones(2)
    refused(r'shape \(2,\) has a gradient of shape \(4,\); call `zero_grad` before changing', [p], gs=[p.grad])
    buf = torch.ones(10)
    both = r'a weight or state of shape \(6,\) and another of shape \(6,\) share memory.*give each its own memory with `.clone\(\)`'
    refused(both, [buf[:6].requires_grad_(), buf[4:].requires_grad_()])
    p = weight(3)
    refused(r'a weight or state of shape \(3,\) and a gradient of shape \(3,\) share memory', [p], gs=[p.detach()])
    shape = r"a state 'm' of shape \(2,\), which should be \(3,\); after changing .*opt.state.pop"
    kind = "a state 'm' that is no floating point tensor"
    for bad,match in ((torch.ones(2), shape), ([1.]*3, kind), (torch.ones(3).long(), kind),
        (cut(torch.ones(3)), "a state 'm' without memory, because")):
        p = weight(3)
        refused(match, [p], state={p: dict(step=1, m=bad, v=torch.ones(3))})
    for bad in (-1, 1.5, None, True):
        p = weight(3)
        refused(f'has counted step={bad}, which must be a whole number', [p], state={p: dict(step=bad)})
    p,q = weight(2),weight(3) # The second raises an error, and the first has not moved
    refused("a state 'v' of shape", [p, q], state={q: dict(step=0, v=torch.ones(2))})

def test_a_weight_without_a_shape_is_refused_when_the_optimizer_is_made():
    says = 'adamw: a weight has no shape yet; send one batch through the model before making the optimizer'
    for make in (adamw, AdamW):
        with pytest.raises(ValueError, match=says): make(torch.nn.LazyLinear(3).parameters())

@pytest.mark.parametrize('how', ['foreach', 'fused'])
def test_an_engine_asked_for_by_name_does_not_reach_into_wrappers(how):
    p = torch.nn.Parameter(Wrapped(torch.ones(3)))
    match = f"adamw: a weight of shape .3,. is a Wrapped on cpu, whose memory how='{how}' cannot reach; use how='auto' or 'eager'"
    with pytest.raises(TypeError, match=match): step([p], how=how, gs=[Wrapped(torch.ones(3))])

@pytest.mark.parametrize('lay', [*LAYOUTS.values(), lambda t: t[:1].expand(t.shape)], ids=[*LAYOUTS, 'expanded'])
def test_state_of_any_layout_beside_a_wrapped_weight(lay):
    "State that is not a wrapper itself gets a place for each element, which its weight, whose memory is elsewhere, cannot provide"
    ends = []
    for of in (lay, lambda t: lay(t).clone(memory_format=torch.contiguous_format)):
        p,state = torch.nn.Parameter(Wrapped(torch.ones(4, 3))),{}
        for change in (False, True):
            if change:
                state[p] = {k: of(torch.arange(12.).view(4, 3) + 1) if isinstance(o, torch.Tensor) else o for k,o in state[p].items()}
            step([p], state, how='eager', gs=[Wrapped(torch.full((4, 3), .5))])
        ends.append(p.inner.clone())
    assert torch.equal(*ends)

def test_a_graph_that_needs_old_weights_notices_a_step():
    for how in HOWS:
        p = weight(200, 100)
        loss = (p*p).sum()
        step([p], how=how)
        with pytest.raises(RuntimeError, match='modified by an inplace operation'): loss.backward()

def test_gradients_are_not_kept_after_the_step():
    p,engine = weight(5),Engine(adamw, how='fused')
    p.grad = torch.ones(5)
    gone = weakref.ref(p.grad)
    engine.step([([p], adamw.hypers)], {})
    p.grad = None
    assert gone() is None

def test_forms_are_compared_alike_in_python_and_in_cpp():
    dtypes = [torch.ones(4, 3, 2, 2, dtype=d) for d in DTYPES.values()]
    ts = [f(torch.ones(4, 3, 2, 2)) for f in LAYOUTS.values()] + dtypes + [weight(3), torch.ones(()), torch.ones(0)]
    with torch.no_grad():
        for a in ts: assert [python_layout_check([a])(b) for b in ts]==[layout_check()([a])(b) for b in ts]

@pytest.mark.parametrize('skip', [False, True])
@pytest.mark.parametrize('how', HOWS)
@pytest.mark.parametrize('face', ['rule', 'torch'])
def test_a_sparse_or_freed_gradient_in_the_second_group_leaves_the_first_alone(face, how, skip):
    p,e = torch.nn.Parameter(torch.ones(3)),torch.nn.Embedding(5, 2, sparse=True)
    make,groups = (adamw, [[p], [e.weight]]) if face=='rule' else (AdamW, [{'params': [o]} for o in (p, e.weight)])
    opt = make(groups, how=how, skip_nonfinite=skip)
    def backward(dense=False):
        opt.zero_grad()
        (e(torch.tensor([1, 3])).sum() + p.sum()).backward()
        if dense: e.weight.grad = e.weight.grad.to_dense()
    says = 'adamw: a weight of shape .5, 2. has (a sparse gradient.*sparse=False|no memory for its gradient)'
    for n in range(2): # At the first step, and after one that was made
        before,state = [o.detach().clone() for o in (p, e.weight)],{o: deepcopy(dict(st)) for o,st in opt.state.items()}
        for harm in (backward, lambda: [backward(True), cut(e.weight.grad)]):
            harm()
            with pytest.raises((TypeError, ValueError), match=says): opt.step()
        assert torch.equal(p, before[0]) and torch.equal(e.weight, before[1])
        for o in (p, e.weight): # fastai gives each weight an empty state when it reads the state
            now,then = opt.state.get(o, {}),state.get(o, {})
            assert now.keys()==then.keys() and all(torch.equal(torch.as_tensor(now[k]), torch.as_tensor(v)) for k,v in then.items())
        backward(True)
        opt.step()

@pytest.mark.parametrize('how', HOWS)
@pytest.mark.parametrize('face', [adamw, AdamW])
def test_a_checkpoint_of_another_memory_format(face, how):
    def conv(format):
        torch.manual_seed(0)
        return torch.nn.Conv2d(3, 4, 3).double().to(memory_format=format)
    def step(m, opt, seed):
        for p in m.parameters(): p.grad = torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(seed))
        opt.step()
    formats = torch.contiguous_format,torch.channels_last
    for here,there in (formats, formats[::-1]):
        a,b = conv(here),conv(there)
        opt,other = (face(list(o.parameters()), how=how) for o in (a, b))
        step(a, opt, 0)
        b.load_state_dict(a.state_dict())
        other.load_state_dict(deepcopy(opt.state_dict()))
        for o in ((a, opt), (b, other)): step(*o, 1)
        assert torch.allclose(a.weight, b.weight, rtol=0, atol=1e-14) and b.weight.is_contiguous(memory_format=there)

def test_a_learner_goes_to_channels_last_between_two_fits(monkeypatch):
    monkeypatch.setattr(fused, 'MIN_WEIGHTS', 0)
    def trained(how):
        torch.manual_seed(0)
        data = [(torch.randn(3, 8, 8).double(), torch.randn(2).double()) for _ in range(16)]
        dls = DataLoaders(*[DataLoader(data, bs=8, num_workers=0, device=torch.device('cpu')) for _ in range(2)],
            device=torch.device('cpu'))
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.Conv2d(6, 2, 3), torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten()).double()
        learn = Learner(dls, model, lambda pred, y: ((pred-y)**2).mean().float(), partial(adamw, how=how), lr=1e-2)
        with learn.no_bar(), learn.no_logging():
            learn.fit(1)
            learn.to_channelslast(use_amp=False)
            learn.fit(2)
        return torch.cat([p.detach().flatten() for p in model.parameters()])
    assert torch.allclose(trained('auto'), trained('eager'), rtol=0, atol=1e-9)

@pytest.mark.parametrize('how', HOWS)
@pytest.mark.parametrize('lowp', ['plain', 'kahan'])
def test_pending_signs_survive_every_pair_of_dtypes(lowp, how):
    "PyTorch's `copy_` drops lazy negations between float32 and float16"
    def negated(t): return torch._neg_view(-t)
    for dtype in DTYPES.values():
        for kept in DTYPES.values():
            def run(change):
                p,state,engine = weight(50, dtype=dtype),{},Engine(adamw, how=how, lowp=lowp)
                for t in range(2):
                    p.grad = change(torch.linspace(0.5, 2, 50, dtype=dtype))
                    engine.step([([p], adamw.hypers)], state)
                    p.data = change(p.detach().clone())
                    for k in 'mv': state[p][k] = change(state[p][k].to(kept))
                engine.step([([p], adamw.hypers)], state)
                return p.detach().resolve_neg()
            assert torch.allclose(run(negated), run(torch.clone), rtol=2**-7, atol=0), (dtype, kept)
