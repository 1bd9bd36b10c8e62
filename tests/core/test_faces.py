"The faces: fastai's conventions, PyTorch's conventions, and the same result in all"
import gc, pickle, weakref
from copy import deepcopy
from functools import partial
import pytest, torch
from cover import in_turn
from fastai.callback.all import ReduceLROnPlateau
from fastai.learner import Learner
from fastai.optimizer import Optimizer, OptimWrapper
from fastai.test_utils import synth_learner
from fastopt.core.fastai_face import FastOptimizer, stepper
from fastopt.core.groups import from_torch, to_torch
from fastopt.core.rules import Rule
from torch import nn
from rules_under_test import RULES, TORCH

pytestmark = [pytest.mark.filterwarnings('ignore:.*has no .*no effect', 'ignore:.*needs no schedule', 'ignore:numpy.core'),
    pytest.mark.usefixtures('usual_kernels')]

def named_torch(rule): return next((o for o in TORCH.values() if o.rule is rule), None) or rule.torch('Made')

def learner(opt_func, lr=1e-2, **kwargs):
    torch.manual_seed(0)
    learn = synth_learner(lr=lr, **kwargs)
    learn.opt_func = opt_func
    return learn

def fit(learn, *args, how='fit', **kwargs):
    with learn.no_bar(), learn.no_logging(): getattr(learn, how)(*args, **kwargs)
    return learn

def run(make, n=7, in_place=False):
    torch.manual_seed(0)
    ps = [nn.Parameter(torch.randn(9, 5)), nn.Parameter(torch.randn(5))]
    opt,gs = make(ps),torch.randn(n, 9, 5)
    for g in gs:
        for p,o in zip(ps, (g, g[0])):
            if in_place and p.grad is not None: p.grad.zero_().add_(o)
            else: p.grad = o.clone()
        opt.step()
    return torch.cat([p.detach().flatten() for p in ps])

@pytest.mark.parametrize('name,how', in_turn(RULES, ['eager', 'foreach', 'fused', 'auto']))
def test_three_faces_one_result(name, how):
    rule = RULES[name]
    a = run(partial(rule, how=how))
    assert torch.equal(a, run(partial(named_torch(rule), how=how)))
    def step_by_step(): return run(lambda ps: Optimizer(ps, [stepper(rule, how if how!='auto' else 'eager')]))
    if any(t.across for t in rule.terms):
        with pytest.raises(ValueError, match=f'{name}: .* needs all weights at once'): step_by_step()
    else: assert torch.equal(a, step_by_step()) or how=='auto'

@pytest.mark.parametrize('name,how', in_turn(RULES, ['eager', 'foreach', 'fused']))
def test_gradients_zeroed_in_place_or_made_anew(name, how):
    assert torch.equal(run(partial(RULES[name], how=how)), run(partial(RULES[name], how=how), in_place=True))

@pytest.mark.parametrize('name', RULES)
def test_fits_under_our_schedule(name):
    "Each rule passes fastai's checks in the conformance kit"
    learn = fit(learner(RULES[name], 1e-3), 1, how='fit_fc')
    assert isinstance(learn.opt, FastOptimizer) and all(torch.isfinite(p).all() for p in learn.model.parameters())

@pytest.mark.parametrize('how', ['fit', 'fit_one_cycle', 'fit_flat_cos'])
@pytest.mark.parametrize('name', ['adamw', 'diffgrad', 'ranger', 'sgd'])
def test_fits_under_schedules_of_fastai(name, how):
    assert all(torch.isfinite(p).all() for p in fit(learner(RULES[name], 1e-3), 1, how=how).model.parameters())

@pytest.mark.parametrize('name', RULES)
def test_optim_wrapper_under_one_cycle(name):
    "Of what fastai sets, an optimizer without momentum lacks `mom`; as with PyTorch's Adagrad, only then OptimWrapper raises an error"
    rule = RULES[name]
    learn = learner(partial(OptimWrapper, opt=named_torch(rule)), 1e-3)
    if 'mom' not in rule.hypers:
        for o in (learn, learner(partial(OptimWrapper, opt=torch.optim.Adagrad))):
            with pytest.raises(KeyError, match='ParamScheduler.*before_batch.*mom'): fit(o, 1, how='fit_one_cycle')
        return
    hyper = fit(learn, 1, how='fit_one_cycle').opt.hypers[0]
    assert hyper['mom']!=rule.hypers['mom']
    assert 'sqr_mom' not in rule.hypers or hyper['sqr_mom']==rule.hypers['sqr_mom'] # No other object is mistaken for it

@pytest.mark.parametrize('face', ['rule', 'torch'])
@pytest.mark.parametrize('name', RULES)
def test_state_dict_round_trip_to_the_bit(name, face, tmp_path):
    rule = RULES[name]
    def make(ps): return (rule if face=='rule' else named_torch(rule))(ps, lr=0.01)
    def go(p, opt, gs):
        for g in gs:
            p.grad = g.clone()
            opt.step()
    gs = torch.randn(14, 4, 3).bfloat16()
    a,b = (nn.Parameter(torch.ones(4, 3).bfloat16()) for _ in range(2))
    whole,half = make([a]),make([b])
    go(a, whole, gs)
    go(b, half, gs[:7])
    torch.save(half.state_dict(), tmp_path/'o.pth')
    again,saved = make([b]),torch.load(tmp_path/'o.pth', weights_only=True)
    before = deepcopy(saved)
    again.load_state_dict(saved)
    go(b, again, gs[7:])
    assert torch.equal(a, b)
    assert before.keys()==saved.keys() and str(before)==str(saved) # The arguments are not changed, not even their tensors
    for k in rule.state: assert again.state[b][k].dtype==torch.float32

@pytest.mark.parametrize('name', RULES)
def test_pickle_and_deepcopy(name):
    rule = RULES[name]
    assert pickle.loads(pickle.dumps(rule)) is rule and deepcopy(rule) is rule
    p = nn.Parameter(torch.ones(3))
    for opt in (rule([p], lr=0.1, how='fused'), named_torch(rule)([p], lr=0.1, how='fused')):
        p.grad = torch.ones(3)
        opt.step()
        q,copy = deepcopy((p, opt))
        q.grad = torch.ones(3)
        copy.step()
        opt.step()
        assert torch.equal(p, q)

def test_pickled_anonymous_rule_works():
    from fastopt.all import adam, centralize, decay, descend, friction
    rule = Rule(centralize, adam, friction, decay, descend, lr=0.1)
    again = pickle.loads(pickle.dumps(rule))
    assert torch.equal(run(rule), run(again)) and again.hypers==rule.hypers

@pytest.mark.parametrize('name', TORCH)
def test_torch_manners(name):
    cls,model = TORCH[name],nn.Linear(3, 2)
    opt = cls(model.parameters(), lr=0.1)
    assert opt.param_groups[0]['lr']==0.1 and pickle.loads(pickle.dumps(cls)) is cls
    def closure():
        opt.zero_grad()
        loss = model(torch.ones(4, 3)).pow(2).mean()
        loss.backward()
        return loss
    loss = opt.step(closure)
    assert loss.requires_grad and all(p.grad is not None for p in model.parameters())
    extra = nn.Linear(2, 1)
    opt.add_param_group(dict(params=extra.parameters(), lr=0.5, **({'weight_decay':0.1} if 'wd' in cls.rule.hypers else {})))
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 5)
    for _ in range(3):
        closure()
        opt.step()
        sched.step()
    assert [g['lr']<lr for g,lr in zip(opt.param_groups, (0.1, 0.5))]==[True, True]
    with pytest.raises(ValueError, match='must be in'): opt.add_param_group(dict(params=[nn.Parameter(torch.ones(1))], lr=-1))
    with pytest.raises(TypeError, match="has no 'lrr'"): cls(model.parameters(), lrr=1)
    with pytest.raises(ValueError, match='empty parameter list'): cls([])

@pytest.mark.parametrize('name', TORCH)
def test_grad_scaler_skips_and_steps(name):
    p,scaler = nn.Parameter(torch.ones(4)),torch.amp.GradScaler('cpu', init_scale=4.)
    opt = TORCH[name]([p], lr=0.1)
    for bad in (True, False, False):
        opt.zero_grad()
        scaler.scale((p*(float('inf') if bad else 1.)).sum()).backward()
        before = p.detach().clone()
        scaler.step(opt)
        scaler.update()
        if bad: assert torch.equal(before, p) and not opt.state
    assert torch.isfinite(p).all()

def test_one_cycle_lr_moves_betas():
    p = nn.Parameter(torch.ones(4))
    opt = TORCH['AdamW']([p], lr=0.1)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=10)
    seen = set()
    for _ in range(9):
        p.grad = torch.ones(4)
        opt.step()
        sched.step()
        seen.add(opt.param_groups[0]['betas'][0])
    assert len(seen)>5

def test_names_of_hypers_translate_both_ways():
    for rule in RULES.values():
        keys = named_torch(rule).keys
        assert from_torch(rule, to_torch(rule.hypers, keys), keys)==rule.hypers

def test_discriminative_rates_freeze_and_decay_flags():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    dls = synth_learner().dls
    def halves(m): return [list(m[:2].parameters()), list(m[2].parameters())]
    learn = Learner(dls, model, loss_func=nn.MSELoss(), opt_func=RULES['adamw'], splitter=halves, wd_bn_bias=False)
    learn.create_opt()
    learn.opt.set_hyper('lr', slice(1e-4, 1e-2))
    assert [round(h['lr'], 8) for h in learn.opt.hypers]==[1e-4, 1e-2]
    learn.opt.set_hyper('wd', 0.5)
    for p in model.parameters(): p.grad = torch.zeros_like(p)
    before = [p.detach().clone() for p in model.parameters()]
    learn.opt.step()
    moved = [not torch.equal(a, b) for a,b in zip(before, model.parameters())]
    assert moved==[True, False, False, False, True, False] # Weights decay, but batch norm and biases do not
    learn.freeze()
    assert not model[0].weight.requires_grad and model[1].weight.requires_grad # Batch norm is nevertheless trained
    assert all(set(learn.opt.state[p]) <= {'do_wd', 'force_train'} for p in model.parameters())
    saved = learn.opt.state_dict()
    learn.unfreeze()
    with pytest.warns(UserWarning, match=r'adamw: saved with 1 groups frozen, but 0 are frozen now.*freeze_to\(1\)'):
        learn.opt.load_state_dict(saved)
    assert learn.opt.frozen_idx==0 and model[0].weight.requires_grad

def test_reduce_lr_on_plateau_reaches_the_optimizer():
    learn = learner(RULES['adamw'], 1e-3)
    fit(learn, 4, cbs=ReduceLROnPlateau(monitor='valid_loss', min_delta=1e9, patience=1))
    assert learn.opt.hypers[0]['lr'] < 1e-3

def test_learner_saves_loads_and_finds_rates(tmp_path):
    learn = fit(learner(RULES['ranger'], 1e-2), 2)
    learn.path = tmp_path
    learn.save('m')
    state = deepcopy(learn.opt.state_dict())
    learn.load('m')
    assert str(learn.opt.state_dict())==str(state)
    with learn.no_bar(): learn.lr_find(num_it=5, show_plot=False)
    assert str(learn.opt.state_dict()['state'])==str(state['state'])

def test_a_hyper_the_rule_lacks_is_ignored_with_one_warning():
    from fastopt.all import decay, descend
    with pytest.warns(UserWarning, match="has no 'mom'") as seen: fit(learner(Rule(decay, descend)), 2, how='fit_one_cycle')
    assert len([o for o in seen if "has no 'mom'" in str(o.message)])==1

def test_bad_input_names_the_optimizer_the_hyper_and_the_way_out():
    from fastopt.all import AdaMod, DiffGrad, adam, adamod, adamw, diffgrad
    p = nn.Parameter(torch.ones(2))
    for make,error,text in ((lambda: diffgrad([p], mom=1.), ValueError, r"diffgrad: mom=1.0 must be in \[0, 1\)"),
        (lambda: diffgrad([p], sqrmom=0.9), TypeError, "diffgrad has no 'sqrmom'; did you mean 'sqr_mom'"),
        (lambda: DiffGrad([p], betas=(0.9, 2.)), ValueError, r'betas\[1\]=2.0 must be'),
        (lambda: diffgrad([p], version=3), ValueError, 'version=3.*no trustworthy published definition'),
        (lambda: diffgrad([p], how='fsed'), ValueError, "did you mean 'fused'"),
        (lambda: diffgrad([p], lowp='kahn'), ValueError, "did you mean 'kahan'"), (lambda: diffgrad([]), ValueError, 'no weights'),
        (lambda: diffgrad([torch.tensor([1])]), TypeError, 'int64'),
        (lambda: diffgrad([p]).load_state_dict(adamod([p]).state_dict()), ValueError, "was saved by 'adamod'"),
        (lambda: adam([p]).load_state_dict(adamw([p]).state_dict()), ValueError, "was saved by 'adamw', a chain of adam, decay, descend"),
        (lambda: DiffGrad([p]).load_state_dict(torch.optim.Adam([p]).state_dict()), ValueError, 'not saved by a fastopt optimizer'),
        (lambda: DiffGrad([p]).load_state_dict(AdaMod([p]).state_dict()), ValueError, "was saved by 'adamod'")):
        with pytest.raises(error, match=text): make()

def test_len_memory_is_a_spelling_of_mom3():
    from fastopt.all import AdaMod, adamod
    p = nn.Parameter(torch.ones(2))
    assert adamod([p], len_memory=100).hypers[0]['mom3']==0.99
    assert AdaMod([p], len_memory=100).param_groups[0]['mom3']==0.99
    for bad in (0, 0.5, 'long'):
        with pytest.raises(ValueError, match=r'mom3.* must be in \[0, 1\)'): adamod([p], len_memory=bad)
    opt = adamod([p])
    opt.set_hyper('len_memory', 10)
    assert opt.hypers[0]['mom3']==0.9

@pytest.mark.parametrize('make,what', [(RULES['adamw'], 'loop'), (TORCH['Muon'], 'step'), (TORCH['ScheduleFreeAdamW'], 'loop')])
def test_compiled_code_makes_the_same_steps(make, what):
    def trained(compiled):
        torch.manual_seed(0)
        model,xs = nn.Linear(3, 2),torch.randn(4, 5, 3)
        opt = make(model.parameters())
        step = torch.compile(opt.step, backend='eager') if compiled=='step' else opt.step
        def loop(x):
            opt.zero_grad()
            model(x).square().mean().backward()
            step()
        if compiled=='loop': loop = torch.compile(loop, backend='eager')
        for x in xs: loop(x)
        return model.weight
    assert torch.equal(trained(what), trained(None))

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_deleted_optimizer_frees_its_weights_at_once(how):
    "A loop over many trainings would otherwise fill a GPU, where no lack of memory starts the garbage collector"
    def step(make):
        "A reference to a weight of a deleted optimizer"
        p = torch.nn.Parameter(torch.ones(4, 3))
        p.grad,opt = torch.ones_like(p),make([p], lr=.01, how=how)
        for _ in range(2): opt.step()
        return weakref.ref(p)
    step(TORCH['AdamW']) # The first step of a process imports much of PyTorch, and a frame of that may keep the weight
    gc.disable()
    try: kept = [(name, make) for name,rule in RULES.items() for make in (rule, named_torch(rule)) if step(make)() is not None]
    finally: gc.enable()
    assert not kept
