"Steps inside the backward pass, combined with other callbacks in fastai's loop, and the common parts of callbacks for the step"
import copy, pickle, pytest, torch, warnings
from contextlib import nullcontext
from cover import in_turn
from fastai.basics import Callback, set_seed
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.schedule import fit_one_cycle, lr_find # chkstyle: ignore - patches Learner
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.optimizer import Adam, OptimWrapper
from fastopt.optim.adam import AdamW, adamw
from fastopt.training.closures import Closure
from fastopt.training.gradient_release import ReleaseGrads, release_gradients
from fastopt.training.sam import SAM
from fastopt.training.schedules import SwitchOpt
from fastopt.optim.sgd import sgd
from functools import partial
from rules_under_test import RULES
from torch import nn
from torch.amp import GradScaler
from small_fits import CPU16, fitted, make, net, same

pytestmark = pytest.mark.usefixtures('usual_kernels')

def pair(opt_func, **kwargs):
    a,b = make(opt_func, **kwargs),make(opt_func, **kwargs)
    b.gradient_release()
    return a,b

@pytest.mark.parametrize('rule,how', in_turn(RULES, ['eager', 'fused']) + [('ranger', 'foreach'), ('adamw', 'auto')])
def test_released_is_ordinary(rule, how):
    a,b = pair(partial(RULES[rule], how=how))
    if any(t.across for t in RULES[rule].terms):
        with pytest.raises(ValueError, match='needs all weights'): fitted(b)
        return
    for o in (a, b): fitted(o, cbs=MixUp())
    assert same(a, b) and a.recorder.losses==b.recorder.losses

def stages(learn, path):
    "Everything that a user may do in between"
    with learn.no_bar(), learn.no_logging():
        learn.freeze()
        learn.fit_one_cycle(1, slice(1e-3, 1e-2))
        learn.unfreeze()
        learn.fit_one_cycle(1, slice(1e-3, 1e-2))
        learn.save(path)
        learn.fit(1, .1)
        learn.load(path)
        learn.lr_find(num_it=12, show_plot=False)
        learn.fit(1, .02, wd=.1)

@pytest.mark.parametrize('kwargs', [dict(), dict(train_bn=False), dict(wd_bn_bias=True)], ids=str)
def test_released_survives(tmp_path, kwargs):
    a,b = pair(partial(adamw, wd=.3), **kwargs)
    for i,o in enumerate((a, b)):
        set_seed(9)
        stages(o, tmp_path/str(i))
    assert same(a, b)

@pytest.mark.parametrize('lowp', ['plain', 'kahan', 'stochastic'])
def test_released_in_bfloat16(lowp):
    a,b = [make(partial(adamw, lowp=lowp), net(torch.bfloat16)) for _ in range(2)]
    b.gradient_release()
    class Float(Callback):
        def after_pred(self): self.learn.pred = self.pred.float()
    for o in (a, b): fitted(o, cbs=Float())
    assert same(a, b)

@pytest.mark.parametrize('lowp', ['plain', 'kahan', 'stochastic'])
@pytest.mark.parametrize('rule', ['adamw', 'lion', 'adafactor', 'adam_mini', 'muon'])
def test_a_loop_of_ones_own_that_goes_on_from_its_state(rule, lowp):
    "Two groups, a scheduler, and weights in 16 bits; the steps are those of an ordinary loop, and no gradient remains"
    def looped(way):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4)).to(torch.bfloat16)
        def prepared():
            opt = RULES[rule].torch('Own')([dict(params=model[i].parameters(), lr=lr) for i,lr in ((0, 1e-2), (2, 3e-2))], lowp=lowp)
            return opt,torch.optim.lr_scheduler.LinearLR(opt, 0.1, total_iters=8)
        parts = prepared()
        for i in range(8):
            if i==4:
                saved = copy.deepcopy([o.state_dict() for o in parts])
                parts = prepared()
                for o,s in zip(parts, saved): o.load_state_dict(s)
            with way(parts[0]): model(torch.randn(3, 6).bfloat16()).square().sum().backward()
            assert way is nullcontext or all(p.grad is None for p in model.parameters())
            for o in parts: o.step()
            parts[0].zero_grad()
        return [*model.parameters()],parts[0].state_dict()['state']
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        (a,one),(b,other) = looped(release_gradients),looped(nullcontext)
    assert all(map(torch.equal, a, b)) and str(one)==str(other)

def test_a_loop_of_ones_own_refuses_what_needs_all_gradients():
    p = nn.Parameter(torch.ones(3))
    for opt,why in ((torch.optim.AdamW([p]), 'AdamW cannot step one weight alone'), (AdamW([p], skip_nonfinite=True), 'skip_nonfinite'),
        (RULES['prodigy']([p]), 'needs all weights at once')):
        with pytest.raises(ValueError, match=why), release_gradients(opt): pass
    with pytest.raises(RuntimeError, match='make one backward pass'), release_gradients(AdamW([p])):
        for _ in range(2): p.sum().backward()

def test_released_and_removed_again():
    a,b = pair(adamw)
    for o in (a, b): fitted(o)
    b.remove_cb(ReleaseGrads)
    for o in (a, b): fitted(o)
    assert same(a, b) and hasattr(b, 'gradient_release')
    sum(p.sum() for p in b.model.parameters()).backward()
    assert all(p.grad is not None for p in b.model.parameters()) # Nobody steps and frees them any more

def test_released_gradients_are_freed():
    "Not only `p.grad` is freed, but also the memory"
    from torch.multiprocessing.reductions import StorageWeakRef
    for how in ('eager', 'foreach', 'fused'):
        learn,refs,worst = make(partial(adamw, how=how)).gradient_release(),[],[]
        def see(p):
            refs.append(StorageWeakRef(p.grad.untyped_storage()))
            worst.append(sum(not r.expired() for r in refs))
        for p in learn.model.parameters(): p.register_post_accumulate_grad_hook(see)
        fitted(learn)
        assert max(worst)==1 and len(worst)==8*8

def test_released_exception_leaves_no_hooks():
    learn = make(adamw).gradient_release()
    def no(p): raise RuntimeError('no')
    hook = learn.model[1].weight.register_post_accumulate_grad_hook(no)
    with pytest.raises(RuntimeError): fitted(learn)
    hook.remove()
    was = [p.clone() for p in learn.model.parameters()]
    learn.model(torch.randn(2, 1, 6, 6)).sum().backward()
    assert all(map(torch.equal, was, learn.model.parameters()))
    learn.opt.zero_grad()
    fitted(learn)

@pytest.mark.filterwarnings('ignore:.*CUDA is not available')
@pytest.mark.parametrize('cb', [GradientAccumulation(12), GradientClip(), SAM(), Closure(), MixedPrecision(), SwitchOpt(.5)], ids=repr)
def test_released_refuses_callbacks(cb):
    with pytest.raises(ValueError, match=repr(cb)): fitted(make(adamw).gradient_release(), cbs=cb)

def test_released_and_switched_with_a_rate():
    a,b = pair(adamw)
    for o in (a, b): fitted(o, cbs=SwitchOpt(.5, lr=.1))
    assert same(a, b)

@pytest.mark.parametrize('opt_func,match', [(Adam, 'Optimizer'), (partial(OptimWrapper, opt=AdamW), 'OptimWrapper'),
    (partial(adamw, skip_nonfinite=True), 'skip_nonfinite')])
def test_released_refuses_optimizers(opt_func, match):
    with pytest.raises(ValueError, match=match): fitted(make(opt_func).gradient_release())

def test_released_in_bf16_autocast():
    class Auto(CPU16):
        def before_fit(self):
            super().before_fit()
            self.amp_mode,self.learn.scaler = 'bf16',GradScaler('cpu', enabled=False)
    a,b = pair(adamw)
    for o in (a, b): fitted(o, cbs=Auto('bf16'))
    assert same(a, b)

def test_released_twice_in_one_backward_is_refused():
    "Reentrant checkpoints of a shared weight deliver its gradient in parts"
    from torch.utils.checkpoint import checkpoint
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a,self.b = nn.Linear(36, 36),nn.Linear(36, 3)
        def forward(self, x):
            x = x.flatten(1).requires_grad_()
            for _ in range(2): x = checkpoint(self.a, x, use_reentrant=True)
            return self.b(x)
    with pytest.raises(RuntimeError, match='in two parts'):
        fitted(make(sgd, Shared(), splitter=lambda m: list(m.parameters())).gradient_release())

def test_released_weight_still_needed_is_noticed():
    "A kernel that writes without telling autograd would give wrong gradients"
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a,self.b = nn.Linear(36, 36),nn.Linear(36, 3)
        def forward(self, x):
            return self.b(nn.functional.linear(nn.functional.linear(x.flatten(1).requires_grad_(), self.a.weight.detach()), self.a.weight))
    for how in ('eager', 'fused'):
        with pytest.raises(RuntimeError, match='inplace'):
            fitted(make(partial(sgd, how=how), Twice(), splitter=lambda m: list(m.parameters())).gradient_release())

@pytest.mark.parametrize('cb', [SAM(.1), Closure(), ReleaseGrads()], ids=repr)
def test_callbacks_pickle(cb):
    "Some batches are left over that have not been stepped"
    learn = make(adamw, cbs=[cb] + [GradientAccumulation(15)]*(not isinstance(cb, ReleaseGrads)))
    fitted(learn, 1)
    for o in (pickle.loads(pickle.dumps(learn)), copy.deepcopy(learn)):
        assert [type(c) for c in o.cbs]==[type(c) for c in learn.cbs]
        assert all(map(torch.equal, o.model.state_dict().values(), learn.model.state_dict().values()))
