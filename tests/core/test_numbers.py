"""Numbers by set: groups, decay flags and different steps share a launch, a missing gradient rebuilds no plan, and each weight steps as if
it were alone"""
from copy import deepcopy
from itertools import product
import pytest, torch
from cover import covering
from fastcore.basics import AttrDict
from fastopt.core import fused
from fastopt.core.backends.cpp import CppLauncher
from fastopt.core.backends.inductor import TorchLauncher, torch_build
from fastopt.core.backends.numba import NumbaLauncher
from fastopt.core.engine import Engine
from fastopt.core.program import record, record_sets
from rules_under_test import RULES

SHAPES = (7,),(8, 6),(3, 2, 3, 3),(),(0,),(40, 50)
SOME = ['adamw', 'diffgrad', 'lamb', 'radam', 'ranger', 'nadam', 'schedulefree_adamw', 'demon_adam', 'muon']
ENGINES = ['eager', 'foreach', 'cpp', 'numba']

def engine_of(rule, kind, monkeypatch, **kwargs):
    launchers = dict(cpp=CppLauncher, numba=NumbaLauncher, inductor=TorchLauncher)
    if kind in launchers: monkeypatch.setitem(fused.backends, 'cpu', launchers[kind])
    return Engine(rule, how='fused' if kind in launchers else kind, **kwargs)

def weights(dtype=torch.float32):
    torch.manual_seed(0)
    return [torch.randn(s).to(dtype).requires_grad_() for s in SHAPES]

def gradients(t, turn=True):
    "The gradients of step `t`, in which each weight in turn has none"
    gen = torch.Generator().manual_seed(t)
    return [None if turn and (2*t+i)%len(SHAPES)==3 else torch.randn(s, generator=gen) for i,s in enumerate(SHAPES)]

def hypers(rule, i): return {**rule.hypers, 'lr': 0.01*(i//2+1), **({'wd':0.1} if 'wd' in rule.hypers else {})}

def stepped(rule, engines, dtype=torch.float32, steps=9):
    "Weights and state after `steps` steps, with two weights per group, on one engine or on a separate engine for each weight"
    ps,state = weights(dtype),{}
    for i,p in enumerate(ps): state[p] = dict(step=0, do_wd=i%3!=1)
    for t in range(steps):
        for p,g in zip(ps, gradients(t)): p.grad = g if g is None else g.to(dtype)
        if len(engines)==1: engines[0].step([(ps[i:i+2], hypers(rule, i)) for i in range(0, len(ps), 2)], state)
        else:
            for i,(e,p) in enumerate(zip(engines, ps)): e.step([([p], hypers(rule, i))], state)
    return ps,[state[p] for p in ps]

# Numba takes a second for each kernel; `adamw` has one, `lamb` sums rows, `radam` has two programs
TOGETHER = [(name, kind) for name in SOME for kind in ENGINES]
DEFAULT_TOGETHER = {(name, kind) for name,kind in TOGETHER if kind!='numba' or name in ('adamw', 'lamb', 'radam')}

@pytest.mark.parametrize('name,kind', covering(TOGETHER, DEFAULT_TOGETHER))
def test_weights_step_together_as_alone_to_the_bit(name, kind, monkeypatch):
    rule = RULES[name]
    low = torch.bfloat16,dict(lowp='stochastic', state_dtype=torch.bfloat16)
    for dtype,kwargs in ((torch.float32, {}), *([low] if name in SOME[:3] else [])):
        def make(): return engine_of(rule, kind, monkeypatch, **kwargs)
        (ps,sts),(qs,others) = stepped(rule, [make()], dtype),stepped(rule, [make() for _ in SHAPES], dtype)
        for p,q,st,other in zip(ps, qs, sts, others):
            assert torch.equal(p, q) and st.keys()==other.keys()
            for k,v in st.items(): assert torch.equal(v, other[k]) if isinstance(v, torch.Tensor) else v==other[k], k

def test_every_rule_and_every_engine_steps_together_by_default():
    assert all({o[i] for o in DEFAULT_TOGETHER}=={o[i] for o in TOGETHER} for i in range(2))

def launches(rule, kind, monkeypatch, dtypes=(torch.float32,)):
    "The number of launches in each step of an engine whose weights differ in group, decay flag and step"
    e,seen,of = engine_of(rule, kind, monkeypatch),[],dict(cpp=CppLauncher, numba=NumbaLauncher)[kind]
    launch = of.launch
    monkeypatch.setattr(of, 'launch', lambda *args: seen.append(1) or launch(*args))
    ps,state,counts = [p for o in dtypes for p in weights(o)],{},[]
    for i,p in enumerate(ps): state[p] = dict(step=i%4, do_wd=i%2==0)
    for t in range(6):
        for p,g in zip(ps, gradients(t)*len(dtypes)): p.grad = g if g is None else g.to(p.dtype)
        seen.clear()
        e.step([([p], {**hypers(rule, 0), 'lr':0.01*i}) for i,p in enumerate(ps, 1)], state)
        counts.append(len(seen))
    return counts

@pytest.mark.parametrize('kind', ['cpp', 'numba'])
def test_launches_are_those_of_one_group(kind, monkeypatch):
    for name,n in dict(adamw=1, diffgrad=1, lion=1, lamb=2).items(): assert launches(RULES[name], kind, monkeypatch)==[n]*6, name
    assert launches(RULES['adamw'], kind, monkeypatch, (torch.float32, torch.bfloat16))==[2]*6
    assert max(launches(RULES['radam'], kind, monkeypatch))==2 # Early and late steps have separate programs

def test_a_missing_gradient_rebuilds_nothing():
    rule,ps,state,engine = RULES['adamw'],weights(),{},Engine(RULES['adamw'], how='fused')
    kept = set()
    for t in range(40):
        for p,g in zip(ps, gradients(t)): p.grad = g
        engine.step([(ps, rule.hypers)], state)
        if t>=len(ps): kept |= {(id(b), id(plan), id(o)) for b in engine.plans[None].batches for plan in b.cache.values()
            if isinstance(plan, fused.Plan) for o in plan.launchers.values()}
    assert len(kept)==1 and len({state[p]['step'] for p in ps})>1

def test_gradients_of_another_layout_and_dtype_may_be_missing():
    "The stand-in for a gradient has its layout"
    ps = [torch.randn(4, 3, 5, 5).to(memory_format=f).requires_grad_() for f in (torch.channels_last, torch.contiguous_format)]
    rule,state,engine,seen = RULES['adamw'],{},Engine(RULES['adamw'], how='fused'),set()
    for t in range(6):
        for i,p in enumerate(ps): p.grad = None if t and t%2==i else torch.randn(p.shape)
        engine.step([(ps, rule.hypers)], state)
        seen.add(tuple(map(id, engine.plans[None].batches)))
    assert len(seen)==1 and [state[p]['step'] for p in ps]==[4, 3]

@pytest.mark.parametrize('kind', ENGINES)
def test_memory_of_a_weight_without_gradient_is_nobodys_concern(kind, monkeypatch):
    "Its memory may be freed, or shared with a gradient, until the weight makes a step again"
    rule,state,engine = RULES['adamw'],{},engine_of(RULES['adamw'], kind, monkeypatch)
    p,q = torch.ones(6, requires_grad=True),torch.ones(6, requires_grad=True)
    def step(*gs):
        p.grad,q.grad = gs
        engine.step([([p], rule.hypers), ([q], rule.hypers)], state)
    step(torch.ones(6), torch.ones(6))
    step(torch.ones(6), None)
    before = q.detach().clone()
    step(q.detach(), None)
    assert torch.equal(q, before) and state[p]['step']==3
    for shared in (q.detach(), state[q]['m']):
        with pytest.raises(ValueError, match='and a gradient of shape .6,. share memory'): step(shared, torch.ones(6))
    whole = q.data
    q.data = whole.clone()
    q.untyped_storage().resize_(0)
    step(torch.ones(6), None)
    with pytest.raises(ValueError, match='has no memory, because'): step(torch.ones(6), torch.ones(6))
    q.data = p.data
    step(torch.ones(6), None)
    with pytest.raises(ValueError, match='share memory'): step(torch.ones(6), torch.ones(6))
    q.data = whole
    step(torch.ones(6), torch.ones(6))
    assert (state[p]['step'], state[q]['step'])==(6, 2)

def test_a_weight_that_joins_where_another_sleeps_is_looked_at_with_it():
    "A new weight on the memory of one without a gradient is stepped, and the other raises an error when its gradient comes back"
    rule,state,engine = RULES['adamw'],{},Engine(RULES['adamw'], how='fused')
    p,q,r = (torch.ones(6, requires_grad=True) for _ in range(3))
    def step(*gs):
        p.grad,q.grad,r.grad = gs
        engine.step([([p, q, r], rule.hypers)], state)
    one = torch.ones(6)
    step(one, one, None)
    step(one, None, None)
    r.data = q.data
    step(one, None, one.clone())
    with pytest.raises(ValueError, match='share memory'): step(one, one.clone(), one*2)
    assert (state[p]['step'], state[q]['step'], state[r]['step'])==(3, 1, 1)

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_memos_of_a_weight_that_makes_no_step_stay(how):
    rule,ps,state,engine = RULES['nadam'],weights(),{},Engine(RULES['nadam'], how=how)
    for t in range(3):
        for p in ps: p.grad = None if t and p is ps[1] else torch.ones_like(p)
        engine.step([(ps, rule.hypers)], state)
        if t==0: then = deepcopy(state[ps[1]]['memo'])
    assert state[ps[1]]['memo']==then!=state[ps[0]]['memo']

@pytest.mark.parametrize('name', RULES)
def test_sets_recorded_together_have_the_numbers_of_each(name):
    rule = RULES[name]
    rule = rule.rule_of(torch.ones(2, 2))
    def own(t, lr):
        given = {k:v for k,v in dict(lr=lr, wd=0. if t%2 else 0.1).items() if k in rule.hypers}
        return {**rule.hypers, **rule.options, **{k: AttrDict(deepcopy(v)) for k,v in rule.memos.items()}, 'step':t, **given}
    sets = [own(*o) for o in product((1, 4, 5, 6, 1000), (0.1, 0.3))]
    progs = record_sets(rule, deepcopy(sets), 'plain', True)
    assert sorted(j for o in progs for j in o.sets)==list(range(len(sets))) and len({o.key for o in progs})==len(progs)
    for prog in progs:
        for j,row in zip(prog.sets, prog.table.tolist()):
            alone = record(rule, deepcopy(sets[j]), 'plain', True)
            assert alone.key==prog.key and alone.consts==row

def test_the_launcher_of_torch_compile_reads_the_table(monkeypatch):
    "Its compilation takes minutes and changes nothing here"
    monkeypatch.setattr(torch, 'compile', lambda f, **kwargs: f)
    torch_build.cache_clear()
    rule = RULES['adamw']
    (ps,_),(qs,_) = [stepped(rule, [o]) for o in (engine_of(rule, 'inductor', monkeypatch), Engine(rule, how='eager'))]
    torch_build.cache_clear()
    assert all(torch.allclose(p, q, rtol=0, atol=1e-6) for p,q in zip(ps, qs))
