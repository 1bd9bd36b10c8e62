"`updates` tells what a step would do, bit for bit, and does not change the training: each rule on each engine"
import random
from functools import partial
from pathlib import Path
import numpy as np, pytest, torch
from cover import covering, met
from fastai.optimizer import OptimWrapper
from fastopt.all import adamw, AdamW, clip_norm, DiffGrad
from fastopt.core.engine import Engine, makes_step
from fastopt.core.rules import descend, Route, Rule, term
from interpreter import interpreted
from rules_under_test import RULES, weights
from torch import nn

DTYPES = dict(single=torch.float32, kahan=torch.bfloat16, stochastic=torch.float16, low_state=torch.float32)
MANNERS = dict(single={}, kahan=dict(lowp='kahan'), stochastic=dict(lowp='stochastic'), low_state=dict(state_dtype=torch.bfloat16))
CLASSES = {name: rule.torch(f'T{name}') for name,rule in RULES.items()}

def wrapped(name, groups, **manner): return OptimWrapper(groups, opt=partial(CLASSES[name], **manner))
FACES = dict(fastai=lambda name, groups, **manner: RULES[name](groups, **manner), wrapped=wrapped,
    torch=lambda name, groups, **manner: CLASSES[name]([dict(params=o) for o in groups], **manner))
BEFORE = 0,5 # The steps made before: none, so that there is no state, or enough that Ranger's lookahead merges in the next one

PRODUCT = [(name, how, manner, face, n) for name in RULES for how in ('eager', 'foreach', 'fused') for manner in MANNERS for face in FACES
    for n in BEFORE]
def by_default(name, how, manner, face, n):
    """Four cases of each rule, and another four of the next one. Each rule has kernels once, which other tests need as well; those of the
    other two manners are compiled for some rules only"""
    i,all_of = list(RULES).index(name),list(MANNERS).index(manner)
    has_kernels = dict(single=i%2==0, kahan=i%2==1, stochastic=i%16==0, low_state=name=='adamw')[manner]
    its = 'fused' if has_kernels else ('eager', 'foreach')[(i//2+all_of)%2]
    return how==its and face==list(FACES)[(i//3+all_of)%3] and n==BEFORE[(i//4+all_of)%2]
DEFAULT = {o for o in PRODUCT if by_default(*o)}
# Every rule on every engine with every option, with faces and moments in turn: a sixth of all combinations
EVERY = [o for i,o in enumerate(PRODUCT) if o in DEFAULT or i%6==i//6%6]

def inner(opt): return getattr(opt, 'opt', opt)

class Twin:
    "An optimizer in the middle of training: three groups, one of them frozen; some weights never get a gradient"
    def __init__(self, name, how, manner, face):
        ps = weights(DTYPES[manner])
        self.groups = ps[::3],ps[1::3],ps[2::3]
        self.opt = FACES[face](name, self.groups, how=how, **MANNERS[manner])
        for i,pg in enumerate(inner(self.opt).param_groups): pg['lr'] = 0.01*(i+1)
        for p in ps[2::3]: p.requires_grad_(False)
        self.ps = ps
    def gradients(self, t):
        gen = torch.Generator().manual_seed(t)
        for i,p in enumerate(self.ps):
            g = torch.randn(p.shape, generator=gen).to(p.dtype)
            p.grad = g if p.requires_grad and (i+t)%5 else None
    def step(self, t):
        self.gradients(t)
        self.opt.step()

def contents(o):
    "Everything in state and hypers, to be compared bit for bit"
    if isinstance(o, torch.Tensor): return o.dtype,o.stride(),o.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    if isinstance(o, dict): return {k if isinstance(k, str) else id(k): contents(v) for k,v in o.items()}
    return [*map(contents, o)] if isinstance(o, (list, tuple)) else o

def known(t):
    "Everything that a training consists of, with the identity of its tensors"
    opt = inner(t.opt)
    objects = [id(v) for st in opt.state.values() for v in st.values()]
    engine = {k: v for k,v in vars(opt.engine).items() if k in ('skipped', 'options', 'how', 'lowp')}
    plans = {k: (id(v), [(id(b), list(b.steps)) for b in v.batches]) for k,v in opt.engine.plans.items()}
    return contents(dict(opt.state)),[contents([p, p.grad]) if p.grad is not None else contents(p) for p in t.ps],objects,engine,plans

def drawn():
    name,keys,*rest = np.random.get_state()
    return random.getstate(),name,keys.tolist(),rest,torch.get_rng_state().tolist(),[o.tolist() for o in torch.cuda.get_rng_state_all()]

def same_bits(a, b): return contents(a)==contents(b)

@pytest.mark.parametrize('name,how,manner,face,n', covering(EVERY, DEFAULT))
def test_who_is_asked_goes_on_as_its_twin(name, how, manner, face, n, usual_kernels):
    asked,twin = (Twin(name, how, manner, face) for _ in range(2))
    for t in range(n): asked.step(t), twin.step(t)
    asked.gradients(n), twin.gradients(n)
    before,rng = known(asked),drawn()
    updates = asked.opt.updates()
    assert known(asked)==before and drawn()==rng
    assert set(updates)=={p for p in asked.ps if makes_step(p)}
    old = {p: p.detach().clone() for p in updates}
    for t in (asked, twin): t.opt.step()
    for p,u in updates.items(): assert same_bits(u, p.detach().to(u.dtype) - old[p].to(u.dtype))
    asked.step(n+1), twin.step(n+1)
    assert [contents(p) for p in asked.ps]==[contents(p) for p in twin.ps]
    assert [contents(st) for st in inner(asked.opt).state.values()]==[contents(st) for st in inner(twin.opt).state.values()]

def test_every_two_of_rule_engine_manner_face_and_moment_meet_by_default():
    apart = {(i, a, j, b) for i,a,j,b in met(EVERY) if 'low_state' in (a, b) or (i, j)==(0, 1) or (i, j)==(0, 3) or (i, j)==(0, 4)}
    lacks = met(EVERY) - met(DEFAULT)
    assert not {o for o in lacks if o not in apart}
    # Each rule meets each option, and at least two engines and faces
    assert {(i, a) for i,a,j,b in met(DEFAULT) if i==0}=={(0, o) for o in RULES}
    assert all(len({h for n,h,*_ in DEFAULT if n==name})>=2 for name in RULES)

# ---- What may precede a step

def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))

def scaled(ask, overflow=False):
    "A training with a scaler and clipping, as in PyTorch's documentation"
    model,scaler = net(),torch.amp.GradScaler('cpu', init_scale=2.**10)
    opt = AdamW(model.parameters(), lr=0.1)
    for t in range(4):
        x = torch.randn(6, 5, generator=torch.Generator().manual_seed(t))
        scaler.scale(model(x).square().mean()).backward()
        if overflow and t==2: model[0].weight.grad[0,0] = float('inf')
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        updates,old = opt.updates() if ask else {},[p.detach().clone() for p in model.parameters()]
        scaler.step(opt)
        moved = {p: p.detach()-o for p,o in zip(model.parameters(), old)}
        if ask and not (overflow and t==2): assert all(torch.equal(updates[p], moved[p]) for p in moved)
        scaler.update()
        opt.zero_grad()
    return [contents(o) for o in (list(model.parameters()), list(opt.state.values()), scaler.state_dict())]

@pytest.mark.parametrize('overflow', [False, True])
def test_with_a_scaler_and_a_clip(overflow): assert scaled(True, overflow)==scaled(False, overflow)

def one(make, grad=(3., -4.), **kwargs):
    p = torch.ones(2, requires_grad=True)
    p.grad = torch.tensor(grad)
    return p,make([p], **kwargs)

def test_a_step_that_would_be_skipped_moves_nothing():
    p,opt = one(adamw, (1., float('nan')), skip_nonfinite=True)
    assert opt.updates()[p].tolist()==[0., 0.] and opt.skipped==0 and not opt.state

def test_with_numbers_about_all_weights_of_all_groups():
    ps = [torch.ones(3, requires_grad=True) for _ in range(2)]
    for i,p in enumerate(ps): p.grad = torch.full((3,), i+3.)
    us = Rule(clip_norm, descend, lr=1.)([[o] for o in ps]).updates()
    assert torch.cat([us[p] for p in ps]).norm().item()==pytest.approx(1.)

def test_a_route_may_go_by_who_a_weight_is():
    ps = [torch.ones(3, requires_grad=True) for _ in range(2)]
    for p in ps: p.grad = torch.full((3,), 2.)
    chosen = Route(lambda p: p is ps[0], Rule(descend, lr=1.), Rule(term(by_sign), descend, lr=1.), {})
    us = chosen(ps).updates()
    assert us[ps[0]].tolist()==[-2.]*3 and us[ps[1]].tolist()==[-1.]*3

def by_sign(u): return u.sign()

def test_a_graph_outlives_the_question():
    p,opt = one(adamw)
    loss = (p*p).sum()
    opt.updates()
    loss.backward()
    assert p.grad.tolist()==[5., -2.]

def test_weights_are_put_back_when_the_step_fails(monkeypatch):
    ps = [torch.ones(3, requires_grad=True) for _ in range(2)]
    for p in ps: p.grad = torch.ones(3)
    opt = adamw(ps, how='eager')
    with monkeypatch.context() as m:
        def run(self, *args):
            ps[0].sub_(1.)
            raise KeyboardInterrupt
        m.setattr(Engine, 'run', run)
        with pytest.raises(KeyboardInterrupt): opt.updates()
    assert all(p.tolist()==[1.]*3 for p in ps) and not opt.state

def test_what_a_step_refuses_is_refused():
    p,opt = one(adamw)
    p.grad = torch.ones(2).to_sparse()
    with pytest.raises(TypeError, match='sparse gradient'): opt.updates()
    q,opt = one(adamw)
    opt.step()
    opt.state[q]['m'].untyped_storage().resize_(0)
    with pytest.raises(ValueError, match="state 'm' without memory, because"): opt.updates()

def test_an_average_in_the_place_of_the_weights_is_refused():
    p,opt = one(RULES['schedulefree_adamw'])
    opt.step()
    opt.eval()
    with pytest.raises(RuntimeError, match=r'call `train\(\)` of the optimizer before `updates\(\)`'): opt.updates()
    opt.train()
    opt.updates()

@pytest.mark.parametrize('opt,says', [(torch.optim.AdamW, 'AdamW is no optimizer of fastopt'), (AdamW, "adamw has no 'other'")])
def test_clear_errors(opt, says):
    _,opt = one(partial(OptimWrapper, opt=opt))
    with pytest.raises(TypeError, match=says): opt.updates(other=1)

def test_hypers_can_be_others():
    p,opt = one(DiffGrad, lr=0.1, weight_decay=0.1)
    twice,plain = opt.updates(lr=0.2)[p],opt.updates()[p]
    assert torch.allclose(twice, 2*plain) and opt.param_groups[0]['lr']==0.1
    assert not torch.equal(opt.updates(version=2)[p], plain) and opt.engine.options=={**opt.engine.options, 'version':0}
    assert torch.equal(opt.updates()[p], plain)

def small_twins(name, how):
    "A vector and a matrix for three steps, with and without calls of `updates`"
    def train(ask):
        ps = [torch.linspace(-1, 1, n).reshape(shape).requires_grad_() for n,shape in ((7, (7,)), (15, (5, 3)))]
        opt = RULES[name](ps, lr=0.1, how=how)
        for t in range(3):
            for p in ps: p.grad = (p.detach()*(t+1)).sin()
            old,updates = [p.detach().clone() for p in ps],opt.updates() if ask else {}
            opt.step()
            assert all(torch.equal(updates[p], p.detach()-o) for p,o in zip(ps, old) if ask)
        return contents([ps, list(opt.state.values())])
    return train(True),train(False)

@pytest.mark.long
def test_in_the_interpreter_of_triton():
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from test_trial import small_twins
for name in ('adamw', 'lamb'):
    asked,twin = small_twins(name, 'fused')
    assert asked==twin
print('as its twin')
"""
    assert 'as its twin' in interpreted(code, Path(__file__).parent)

def test_updates_of_an_expanded_weight_are_refused_like_its_step():
    p = torch.zeros(1, 3).expand(2, 3).requires_grad_()
    p = torch.nn.Parameter(p.detach())
    opt = AdamW([p])
    p.grad = torch.ones(2, 3)
    for f in (opt.step, opt.updates):
        with pytest.raises(ValueError, match='has elements that share memory'): f()
