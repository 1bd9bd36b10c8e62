"""What PyTorch requires of its own optimizers, checked for every class of fastopt

Inputs and errors come from PyTorch's table of optimizers, which is private: if it moves, one test fails and says so, and the others, which
need it, are skipped."""
import copy, io, pickle
from functools import lru_cache
import pytest, torch
from torch import nn
from torch.optim import lr_scheduler as sched
from rules_under_test import TORCH

pytestmark = pytest.mark.filterwarnings('ignore:Detected call of', 'ignore:numpy.core', 'ignore:The .grad attribute')
OURS = [n for n in TORCH if hasattr(torch.optim, n)]
HOWS = 'eager','foreach','fused'

@lru_cache
def table():
    "PyTorch's module with its table, and the entry of each class; loading it takes seconds, which only one process of several may need"
    try:
        from torch.testing._internal import common_optimizers
        return common_optimizers,{o.name:o for o in common_optimizers.optim_db}
    # Otherwise no test of this process can set flags of cuDNN, as fastai does
    finally: torch.backends.flags_frozen.__globals__['__allow_nonbracketed_mutation_flag'] = True

@pytest.fixture
def db():
    try: return table()[1]
    except Exception as e: pytest.skip(f'PyTorch has no such table: {e!r}')

def test_pytorchs_table_of_optimizers_is_where_it_was():
    try: there = {n for n in TORCH if n in table()[1]}=={*OURS} and len(OURS)>10 and hasattr(table()[1]['Adam'], 'optim_inputs_func')
    except Exception as e: there = why = e
    else: why = None
    assert there is True, f'torch.testing._internal.common_optimizers has moved or changed ({why!r}): adapt this file'

def weights(dtype=torch.float64, shapes=((4, 3), (5, 2), (2, 2, 3))):
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(s, dtype=dtype)) for s in shapes]

def grads(ps, i):
    torch.manual_seed(i)
    for p in ps: p.grad = torch.randn_like(p)

def go(opt, ps, n=3, start=0):
    for i in range(start, start+n):
        grads(ps, i)
        opt.step()
    return [p.detach().clone() for p in ps]

def same(a, b): return len(a)==len(b) and all(map(torch.equal, a, b))

def make(name, ps, **kw): return TORCH[name](ps, **kw)

# The meaning of PyTorch's own arguments

SPLIT = dict(amsgrad='AMSGrad', centered='RMSpropCentered', decoupled_weight_decay='NAdamW') # Arguments with a separate class here

@pytest.mark.parametrize('name', OURS)
def test_arguments_mean_what_they_mean_to_pytorch(name, db):
    for o in db[name].optim_inputs_func(device='cpu'): mean_the_same(name, db[name].optim_cls, dict(o.kwargs))

def mean_the_same(name, theirs, kw):
    mine,shapes = dict(kw),((4, 3), (5, 2)) if name=='Muon' else ((4, 3), (5, 2), (2, 2, 3))
    given,asked = set(kw),{k for k,v in kw.items() if v}
    refused = {'amsgrad', 'centered'}&asked or {'step_sizes', 'ns_coefficients'}&given or name=='NAdam' and {'decoupled_weight_decay'}&given
    if refused:
        with pytest.raises(ValueError) as e: make(name, weights(), **kw)
        assert all(f'{k}={kw[k]!r} is not supported' in str(e.value) for k in list(refused)[:1])
    if refused and not refused&set(SPLIT): return
    if refused: # It is another class then
        name,mine = SPLIT[[*refused][0]],{k:v for k,v in kw.items() if k not in refused}
    # The defaults are those of Muon's authors
    if name=='Muon': mine = {**dict(lr=1e-3, weight_decay=0.1, ns_norm='least', ns_dtype='bfloat16'), **mine}
    if name=='RAdam' and kw.get('weight_decay'): kw = {**kw, 'decoupled_weight_decay':True} # The defaults are those of RAdam's authors
    if name=='AMSGrad' and theirs is torch.optim.AdamW: return # RAdam has no decoupled decay here
    ps,qs = weights(shapes=shapes),weights(shapes=shapes)
    for a,b in zip(go(make(name, ps, how='eager', **mine), ps, 6), go(theirs(qs, **kw), qs, 6)):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)

@pytest.mark.parametrize('name', TORCH)
def test_what_pytorch_refuses_in_all_classes_is_refused(name, db):
    cls,errors = TORCH[name],table()[0].get_error_inputs_for_all_optims('cpu', torch.float32)
    assert errors
    for error in errors:
        o = error.optimizer_error_input
        # PyTorch intends to reject duplicates in one group, and so far only warns
        kind = ValueError if error.error_type is UserWarning else error.error_type
        params = o.params if o.params is not None else weights()
        if isinstance(params, list) and isinstance(params[0], dict): params = [dict(g) for g in params]
        with pytest.raises(kind): cls(params, **o.kwargs)

@pytest.mark.parametrize('name', OURS)
def test_values_that_pytorchs_own_class_refuses_are_refused(name, db):
    for error in db[name].optim_error_inputs_func(device='cpu', dtype=torch.float32):
        o = error.optimizer_error_input
        its_own = any(k in o.desc for k in ('as a Tensor', 'lr as Tensor', 'both Tensors')) # Limits of PyTorch's class alone
        if error.error_on!=table()[0].OptimizerErrorEnum.CONSTRUCTION_ERROR or its_own: continue
        if name=='Muon' and '2D' in o.desc: continue # Ours also accepts convolution kernels
        with pytest.raises((ValueError, TypeError)): make(name, weights() if o.params is None else o.params, **o.kwargs)

# What holds for every class

@pytest.mark.parametrize('name', TORCH)
def test_goes_in_the_right_direction(name):
    torch.manual_seed(0)
    model,x = nn.Linear(10, 5),torch.randn(8, 10)
    opt = make(name, model.parameters())
    def closure():
        opt.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss
    loss = opt.step(closure)
    after = [p.detach().clone() for p in model.parameters()]
    torch.manual_seed(0)
    model,x = nn.Linear(10, 5),torch.randn(8, 10)
    opt = make(name, model.parameters())
    want = closure()
    opt.step()
    assert loss.requires_grad and torch.equal(loss, want) and all(map(torch.equal, after, model.parameters()))

@pytest.mark.parametrize('name', TORCH)
def test_groups_have_their_own_rates_and_decay(name):
    cls = TORCH[name]
    for k,a,b in (('lr', 0.01, 0.), ('weight_decay', 0.1, 0.)):
        if k not in cls.keys: continue
        ps,qs,rs = weights(),weights(),weights()
        go(cls([{'params':ps[:2], k:a}, {'params':ps[2:], k:b}], how='eager'), ps)
        go(cls(qs[:2], how='eager', **{k:a}), qs[:2])
        if not any(t.across for t in cls.rule.terms): assert same(ps[:2], qs[:2])
        groups = cls([{'params':rs[:2]}, {'params':rs[2:], k:b}], **{k:a}).param_groups
        assert [g[k] for g in groups]==[a, b]

@pytest.mark.parametrize('name', TORCH)
def test_rates_as_tensors(name):
    ps,qs = weights(),weights()
    lr = torch.tensor(TORCH[name].rule.hypers['lr'], dtype=torch.float64)
    opt = make(name, ps, lr=lr)
    assert same(go(opt, ps), go(make(name, qs), qs)) and opt.param_groups[0]['lr'] is lr
    sched.ExponentialLR(opt, 0.5).step() # Writes into the tensor
    assert lr.item()<TORCH[name].rule.hypers['lr']

@pytest.mark.parametrize('name', TORCH)
def test_schedulers_change_what_a_step_does(name):
    makers = [lambda o: sched.StepLR(o, 1, 0.5), lambda o: sched.LinearLR(o, 0.1), lambda o: sched.ReduceLROnPlateau(o, patience=0),
        lambda o: sched.SequentialLR(o, [sched.ConstantLR(o, 0.5), sched.CosineAnnealingLR(o, 5)], [2]),
        lambda o: sched.ChainedScheduler([sched.ExponentialLR(o, 0.9), sched.MultiplicativeLR(o, lambda _: 0.5)])]
    for m in makers:
        ps = weights()
        opt = make(name, [dict(params=ps[:1], lr=0.01), dict(params=ps[1:])])
        s = m(opt)
        for i in range(3):
            go(opt, ps, 1, i)
            s.step(*([1.] if isinstance(s, sched.ReduceLROnPlateau) else []))
        assert opt.param_groups[0]['lr']!=0.01

@pytest.mark.parametrize('name', TORCH)
def test_without_gradients_nothing_happens(name):
    ps = weights()
    opt = make(name, ps)
    before = [p.detach().clone() for p in ps]
    opt.step()
    assert same(before, [p.detach() for p in ps]) and not opt.state and opt.step(lambda: 3.)==3.
    grads(ps[:1], 0)
    opt.step() # For one weight only
    assert same(before[1:], [p.detach() for p in ps[1:]]) and list(opt.state)==ps[:1]

@pytest.mark.parametrize('name', TORCH)
def test_state_dict_is_plain_and_goes_round(name):
    ps,qs = weights(),weights()
    opt,again = make(name, ps, how='eager'),make(name, qs, lr=0.5, how='eager')
    go(opt, ps)
    f = io.BytesIO()
    torch.save(opt.state_dict(), f)
    f.seek(0)
    saved = torch.load(f, weights_only=True)
    before = str(saved)
    again.load_state_dict(saved)
    with torch.no_grad(): [q.copy_(p) for p,q in zip(ps, qs)]
    assert same(go(opt, ps, 2, 3), go(again, qs, 2, 3)) and str(saved)==before
    assert set(opt.state_dict())=={'state', 'param_groups', 'fastopt'}
    assert [g['params'] for g in opt.state_dict()['param_groups']]==[[0, 1, 2]]
    saved,st = opt.state_dict()['state'][0],opt.state[ps[0]] # References, as in PyTorch; only memos are compared number by number
    assert saved is st if not opt.rule.memos else all(saved[k] is v for k,v in st.items() if isinstance(v, torch.Tensor))

@pytest.mark.parametrize('name', TORCH)
def test_a_fresh_state_dict_takes_back_to_the_start(name):
    ps = weights()
    opt = make(name, ps)
    fresh = copy.deepcopy(opt.state_dict())
    go(opt, ps)
    opt.load_state_dict(fresh)
    assert not opt.state

@pytest.mark.parametrize('name', TORCH)
def test_copies_and_pickles_go_on_alone(name):
    ps = weights()
    opt = make(name, ps, how='eager')
    opt.tag = 'mine'
    go(opt, ps)
    qs,other = copy.deepcopy((ps, opt))
    rs,third = pickle.loads(pickle.dumps((ps, opt)))
    a = go(opt, ps, 2, 3)
    assert same(a, go(other, qs, 2, 3)) and same(a, go(third, rs, 2, 3))
    assert {k for k in vars(opt) if not k.startswith('_')}-{'tag'}<=set(vars(other))|set(vars(type(opt)))
    other.add_param_group(dict(params=weights(shapes=((2, 2),))))
    assert len(other.param_groups)==2 and len(opt.param_groups)==1

@pytest.mark.parametrize('name', TORCH)
def test_zero_grad_sets_to_none_or_zero(name):
    ps = weights()
    opt = make(name, ps)
    grads(ps, 0)
    opt.zero_grad(set_to_none=False)
    assert all((p.grad==0).all() for p in ps)
    opt.zero_grad()
    assert all(p.grad is None for p in ps)

@pytest.mark.parametrize('name', TORCH)
def test_complex_and_sparse_are_refused(name):
    with pytest.raises(TypeError, match='is complex; train `torch.view_as_real`'):
        make(name, [torch.ones(2, dtype=torch.complex64, requires_grad=True)])
    p = nn.Parameter(torch.ones(4, 2))
    opt = make(name, [p])
    p.grad = torch.ones(4, 2).to_sparse()
    with pytest.raises(TypeError, match='has a sparse gradient.*`sparse=False`'): opt.step()
    assert torch.equal(p.detach(), torch.ones(4, 2)) and not opt.state.get(p)
    with pytest.raises(ValueError, match='is a non-leaf tensor'): make(name, [nn.Parameter(torch.ones(2, 2))*2])

@pytest.mark.parametrize('name', TORCH)
def test_layout_in_memory_does_not_matter(name):
    torch.manual_seed(0)
    a = [torch.randn(6, 4), torch.randn(2, 3, 4, 4)]
    b = [torch.randn(4, 6).t(), torch.empty(2, 3, 4, 4, memory_format=torch.channels_last)]
    for x,y in zip(a, b): y.copy_(x)
    a,b = [[o.requires_grad_() for o in os] for os in (a, b)]
    def steps(ps):
        opt = make(name, ps, how='eager')
        for i in range(2):
            torch.manual_seed(i)
            for p in ps: p.grad = torch.randn(p.shape)
            opt.step()
        return [p.detach() for p in ps]
    for x,y in zip(steps(a), steps(b)): torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)

@pytest.mark.parametrize('name', TORCH)
def test_lists_do_what_single_tensors_do(name):
    ps,qs = weights(),weights()
    for a,b in zip(go(make(name, ps, foreach=False), ps), go(make(name, qs, foreach=True), qs)):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)

@pytest.mark.parametrize('name', TORCH)
def test_prints_its_groups(name):
    text = repr(make(name, weights()))
    assert text.startswith(f'{name} (') and 'Parameter Group 0' in text and all(f'{k}: ' in text for k in TORCH[name].keys)

@pytest.mark.parametrize('name', TORCH)
def test_hooks_may_change_arguments_and_states(name):
    ps,seen = weights(),[]
    opt = make(name, ps)
    def pre(o, args, kwargs):
        seen.append('pre')
        return args,{**kwargs, 'closure': lambda: seen.append('closure')}
    hooks = [opt.register_step_pre_hook(pre), opt.register_step_post_hook(lambda o, a, kw: seen.append('post'))]
    opt.step()
    for h in hooks: h.remove()
    opt.step()
    assert seen==['pre', 'closure', 'post']
    opt.register_state_dict_post_hook(lambda o, sd: sd.update(extra=1))
    opt.register_load_state_dict_pre_hook(lambda o, sd: seen.append(sd.pop('extra')))
    opt.load_state_dict(opt.state_dict())
    assert seen[-1]==1

@pytest.mark.parametrize('name', TORCH)
def test_defaults_and_later_groups(name):
    ps = weights()
    opt = make(name, ps[:1], lr=0.25)
    assert opt.defaults['lr']==0.25 and set(TORCH[name].keys)<=set(opt.defaults)
    opt.add_param_group(dict(params=ps[1]))
    opt.add_param_group(dict(params=iter(ps[2:]), lr=0.5))
    assert [g['lr'] for g in opt.param_groups]==[0.25, 0.25, 0.5]
    go(opt, ps, 2)
    assert len(opt.state)==3
    with pytest.raises(ValueError, match='listed twice'): opt.add_param_group(dict(params=ps[1]))
    for given,says in ((ps, 'a list'), (dict(param=ps[1]), r"one with the keys \['param'\]")): # No tensor is printed
        with pytest.raises(TypeError, match=f'a group must be a dict with `params`, not {says}$'): opt.add_param_group(given)

@pytest.mark.parametrize('name', TORCH)
def test_names_of_weights_stay(name):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    opt = make(name, model.named_parameters())
    names = ['0.weight', '0.bias', '1.weight', '1.bias']
    assert opt.param_groups[0]['param_names']==names
    other = make(name, model.parameters())
    other.load_state_dict(opt.state_dict())
    assert other.param_groups[0]['param_names']==names

@pytest.mark.parametrize('name', TORCH)
def test_a_saved_float32_state_fits_weights_in_bfloat16(name):
    ps,qs = weights(torch.float32),weights(torch.bfloat16)
    opt,again = make(name, ps, how='eager'),make(name, qs, how='eager')
    go(opt, ps, 2)
    again.load_state_dict(opt.state_dict())
    for p,q in zip(ps, qs):
        for k in TORCH[name].rule.rule_of(p).state: assert torch.equal(again.state[q][k], opt.state[p][k]) # PyTorch's would be rounded
    go(again, qs, 1)

def test_grad_scaler_drives_every_class():
    for name in TORCH:
        p = nn.Parameter(torch.ones(4, 2))
        opt,scaler = make(name, [p], lr=0.01),torch.amp.GradScaler('cpu', init_scale=4.)
        scaler.scale(p.sum()).backward()
        scaler.unscale_(opt)
        assert torch.equal(p.grad, torch.ones(4, 2))
        scaler.step(opt)
        scaler.update()
        assert opt.state[p]['step']==1

class Wrapper:
    "An object like those of Lightning, which inherits from the class of the optimizer that it wraps and has none of its attributes"
    def __init__(self, opt):
        self._optimizer = opt
        self.__class__ = type('Wrapper', (self.__class__, type(opt)), {})
    @property
    def optimizer(self): return self._optimizer
    def __getattr__(self, name): return getattr(self._optimizer, name)

@pytest.mark.parametrize('name,kw', [('AdamW', {}), ('DiffGrad', dict(maximize=True)), ('Ranger', {}),
    ('AggMo', dict(betas=(0., 0.9, 0.5))), ('Prodigy', dict(slice_p=2)), ('ScheduleFreeAdamW', {})])
def test_methods_of_a_wrapper_that_inherits_are_those_of_the_optimizer(name, kw):
    (ps,opt),(qs,other) = ((o, make(name, o[:2], how='eager', **kw)) for o in (weights(), weights()))
    for o,ws in ((opt, ps), (other, qs)): go(o, ws, 2)
    saved = copy.deepcopy(other.state_dict())
    wrap = Wrapper(other)
    assert wrap.state_dict()['fastopt']==saved['fastopt']
    go(other, qs, 1, 2)
    wrap.load_state_dict(saved)
    with torch.no_grad():
        for p,q in zip(ps, qs): q.copy_(p)
    for o in (opt, wrap): o.add_param_group(dict(params=(ps if o is opt else qs)[2:]))
    for o in (opt, wrap): o.eval(), o.train()
    grads(ps, 3), grads(qs, 3)
    assert same([*opt.updates().values()], [*wrap.updates().values()]) and len(wrap.updates())==3
    assert same(go(opt, ps, 2, 3), go(other, qs, 2, 3)) and not {'state', 'param_groups'} & vars(wrap).keys()
