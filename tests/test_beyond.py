"SAM, optimizers with a closure, and steps inside the backward pass, together with whatever else acts in fastai's loop."
import copy, pickle, pytest, torch
from fastai.basics import Callback, set_seed
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.schedule import fit_one_cycle, lr_find # chkstyle: ignore - patches Learner
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.data.core import DataLoaders
from fastai.learner import Learner, Recorder
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam, OptimWrapper
from fastopt.optim.adam import AdamW, adamw
from fastopt.training.beyond import SAM, Closure, ReleaseGrads
from fastopt.optim.sgd import momentum, sgd
from functools import partial
from rules_under_test import RULES
from torch import nn
from torch.amp import GradScaler, autocast

pytestmark = pytest.mark.usefixtures('usual_kernels')

def halves(m): return [list(m[:4].parameters()), list(m[4:].parameters())]

def net(dtype=torch.float32, drop=0.3):
    set_seed(3)
    body,head = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()],[nn.Dropout(drop), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3)]
    return nn.Sequential(*body, *head).to(dtype)

def make(opt_func, model=None, n=24, bs=6, **kwargs):
    model,gen = model or net(),torch.Generator().manual_seed(1)
    dtype = next(model.parameters()).dtype
    items = list(zip(torch.randn(n, 1, 6, 6, generator=gen).to(dtype), torch.arange(n)%3))
    set_seed(5)
    dls = DataLoaders.from_dsets(items, items[:6], bs=bs, shuffle=True, num_workers=0, device='cpu')
    loss_func = nn.CrossEntropyLoss() if dtype==torch.float64 else CrossEntropyLossFlat() # The latter computes in float32
    learn = Learner(dls, model, loss_func=loss_func, opt_func=opt_func, splitter=kwargs.pop('splitter', halves), **kwargs)
    return learn.remove_cb(Recorder) if dtype==torch.float64 else learn # It averages losses in float32

def fitted(learn, epochs=2, lr=0.01, cbs=None):
    set_seed(9)
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs, lr, cbs=cbs)
    return learn

def same(a, b):
    "Do two learners agree in weights, buffers and optimizer state, to the last bit?"
    pairs = zip(a.model.state_dict().values(), b.model.state_dict().values())
    sts = [[o.opt.state[p] for pg in o.opt.param_lists for p in pg] for o in (a, b)]
    def equal(x, y): return torch.equal(x, y) if isinstance(x, torch.Tensor) else x==y
    return all(map(torch.equal, *zip(*pairs))) and all(x.keys()==y.keys() and equal(x[k], y[k]) for x,y in zip(*sts) for k in x)

class CPU16(MixedPrecision):
    "`MixedPrecision` with a working scaler on a CPU"
    dtype,scale = torch.bfloat16,2.**16
    def before_fit(self):
        self.autocast,self.learn.scaler,self.scales = autocast('cpu', dtype=self.dtype),GradScaler('cpu', init_scale=self.scale, growth_interval=3),[]

class Loose(CPU16):
    "In float16, with a scale that overflows at first"
    dtype,scale = torch.float16,2.**20

### SAM

def plain_sam(model, opt, batches, rho, adaptive=False, eta=0.01, clip=None):
    "SAM as a loop in PyTorch"
    loss_func,losses = nn.CrossEntropyLoss(),[]
    for x,y in batches:
        loss = loss_func(model(x), y)
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            t = {p: p.abs()+eta if adaptive and 'weight' in n else torch.ones_like(p) for n,p in model.named_parameters()}
            norm = sum(((t[p]*p.grad)**2).sum() for p in model.parameters()).sqrt()
            old = {p: p.clone() for p in model.parameters()}
            for p in model.parameters(): p.add_(rho*t[p]**2*p.grad/norm)
        opt.zero_grad()
        loss_func(model(x), y).backward()
        with torch.no_grad():
            for p in model.parameters(): p.copy_(old[p])
        if clip: nn.utils.clip_grad_norm_(model.parameters(), clip)
        opt.step()
        opt.zero_grad()
    return losses

class Seen(Callback):
    "Keeps the batches and the losses of a training"
    run_valid = False
    def before_fit(self): self.batches,self.losses = [],[]
    def before_batch(self): self.batches.append((self.x, self.y))
    def after_batch(self): self.losses.append(self.learn.loss.item())

def dense(dtype=torch.float64):
    set_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)).to(dtype)

@pytest.mark.parametrize('adaptive,rho', [(False, .05), (False, 1.), (True, .5)])
@pytest.mark.parametrize('ours,torchs', [(partial(momentum, how='eager'), partial(torch.optim.SGD, momentum=.9)),
    (partial(adamw, wd=.1), partial(torch.optim.AdamW, weight_decay=.1)), (partial(OptimWrapper, opt=torch.optim.RMSprop), torch.optim.RMSprop),
    (partial(Adam, sqr_mom=.999, mom=.9, eps=1e-8, wd=0.), torch.optim.Adam)])
@pytest.mark.parametrize('clip', [None, .1])
def test_sam_is_the_papers_loop(ours, torchs, adaptive, rho, clip):
    learn = make(ours, dense(), splitter=lambda m: list(m.parameters()), wd_bn_bias=True)
    fitted(learn, cbs=[seen := Seen(), SAM(rho, adaptive)] + ([GradientClip(clip)] if clip else []))
    model = dense()
    losses = plain_sam(model, torchs(model.parameters(), lr=.01), seen.batches, rho, adaptive, clip=clip)
    torch.testing.assert_close(list(learn.model.parameters()), list(model.parameters()), rtol=1e-10, atol=1e-13)
    assert seen.losses==pytest.approx(losses, rel=1e-10)

OPTS = dict(adamw=adamw, momentum=momentum, fastai=Adam, wrapped=partial(OptimWrapper, opt=torch.optim.AdamW))
CBS = dict(none=list, acc=lambda: [GradientAccumulation(12)], clip=lambda: [GradientClip(.1)], mixup=lambda: [MixUp()],
    cutmix=lambda: [CutMix()], fp16=lambda: [CPU16()], loose=lambda: [Loose()], all=lambda: [GradientAccumulation(12), GradientClip(.1), MixUp(), CPU16()])

@pytest.mark.parametrize('cbs', CBS)
@pytest.mark.parametrize('opt', OPTS)
def test_sam_of_length_0_is_plain_training(opt, cbs):
    "With batch norm, dropout, and whatever else there is, to the last bit"
    a,b = make(OPTS[opt]),make(OPTS[opt])
    assert same(fitted(a, cbs=CBS[cbs]()), fitted(b, cbs=CBS[cbs]()+[SAM(0)]))
    assert a.recorder.losses==b.recorder.losses and a.recorder.values==b.recorder.values

@pytest.mark.parametrize('cbs', CBS)
@pytest.mark.parametrize('opt', OPTS)
def test_sam_of_some_length_is_not(opt, cbs):
    a,b = make(OPTS[opt]),make(OPTS[opt])
    assert not same(fitted(a, cbs=CBS[cbs]()), fitted(b, cbs=CBS[cbs]()+[SAM(.1)]))

def test_sam_accumulates_at_the_moved_weights():
    "Four small batches are one large one: all are seen uphill of their common gradient"
    a,b = [make(partial(sgd, how='eager'), dense(), bs=bs, splitter=lambda m: list(m.parameters())) for bs in (24, 6)]
    fitted(a, 3, cbs=SAM(.5))
    fitted(b, 3, cbs=[SAM(.5), GradientAccumulation(24)])
    torch.testing.assert_close(list(a.model.parameters()), list(b.model.parameters()), rtol=1e-10, atol=1e-13)

def test_sam_under_a_scaler_is_sam():
    "A scale that is a power of 2 leaves no trace, and steps that overflow are skipped"
    class Scaled(CPU16):
        def before_fit(self):
            super().before_fit()
            self.autocast = autocast('cpu', enabled=False)
    a,b = make(adamw),make(adamw)
    assert same(fitted(a, cbs=SAM(.1)), fitted(b, cbs=[SAM(.1), Scaled()]))
    learn = make(adamw)
    fitted(learn, 5, cbs=[SAM(.1), Loose()])
    steps = {st['step'] for st in learn.opt.state.values()}
    assert len(steps)==1 and 0<steps.pop()<20 and all(p.isfinite().all() for p in learn.model.state_dict().values())

class Break(Callback):
    "Raises `ex` at the `n`-th forward pass"
    def __init__(self, n, ex): self.passes,self.ex,self.was = iter(range(1, n)),ex,[]
    def before_fit(self): self.hook = self.model.register_forward_pre_hook(self.count)
    def count(self, *_):
        if next(self.passes, None) is None: raise self.ex
    def before_step(self): self.was[:] = copy.deepcopy(self.model.state_dict()),torch.get_rng_state(),self.learn.xb[0]

@pytest.mark.parametrize('ex', [KeyboardInterrupt, ValueError('no'), RuntimeError('no')])
@pytest.mark.parametrize('n', [2, 6])
def test_sam_interrupted_leaves_the_weights(ex, n):
    "Ctrl-C in the second pass: weights, statistics, random numbers and the learner are those of before the step"
    learn,brk = make(adamw, train_bn=False),Break(n, ex)
    with pytest.raises(ex if ex is KeyboardInterrupt else type(ex)): fitted(learn, cbs=[brk, SAM(10.)])
    brk.hook.remove()
    sd,rng,xb = brk.was
    assert all(map(torch.equal, sd.values(), learn.model.state_dict().values()))
    assert torch.equal(rng, torch.get_rng_state()) and learn.xb[0] is xb and '_do_grad_opt' not in vars(learn)
    fitted(learn, cbs=SAM(.05))

def test_sam_never_moves_frozen_weights():
    learn = make(adamw, train_bn=False)
    fitted(learn, cbs=SAM(.1))
    learn.freeze()
    was,stays = copy.deepcopy(learn.model[:4]),[]
    class Watch(Callback):
        def after_pred(self): stays.append(all(map(torch.equal, self.model[:4].parameters(), was.parameters())))
    fitted(learn, cbs=[SAM(.1), Watch()])
    assert all(stays) and len(stays)>8
    learn.unfreeze()
    fitted(learn, cbs=SAM(.1))
    assert not torch.equal(was[0].weight, learn.model[0].weight)

def test_sam_updates_statistics_once():
    learn = make(adamw)
    fitted(learn, 1, cbs=SAM(.1))
    assert learn.model[1].num_batches_tracked==4

def test_sam_without_direction():
    "A gradient of 0 leaves the weights to the rule; one that is NaN meets the rule as it would without SAM"
    class Zero(Callback):
        order = 1
        def before_step(self):
            for p in self.model.parameters(): p.grad.mul_(self.k)
    for k,skipped in ((0., 0), (float('nan'), 8)):
        zero,learn = Zero(),make(partial(sgd, skip_nonfinite=True))
        zero.k = k
        was = [p.clone() for p in learn.model.parameters()]
        fitted(learn, cbs=[zero, SAM(.1)])
        assert all(map(torch.equal, was, learn.model.parameters())) and learn.opt.skipped==skipped

@pytest.mark.parametrize('bad', [-1, float('inf'), float('nan')])
def test_sam_refuses(bad):
    with pytest.raises(ValueError, match='rho'): SAM(bad)

def test_sam_with_schedules_and_lr_find():
    learn = make(adamw, cbs=SAM(.05))
    was = copy.deepcopy(learn.model.state_dict())
    with learn.no_bar(), learn.no_logging():
        learn.lr_find(num_it=12, show_plot=False)
        assert all(map(torch.equal, was.values(), learn.model.state_dict().values()))
        learn.fit_one_cycle(1)

@pytest.mark.parametrize('cb', [SAM(.1), Closure(), ReleaseGrads()], ids=repr)
def test_callbacks_pickle(cb):
    "With batches left over that have not been stepped"
    learn = make(adamw, cbs=[cb] + [GradientAccumulation(15)]*(not isinstance(cb, ReleaseGrads)))
    fitted(learn, 1)
    for o in (pickle.loads(pickle.dumps(learn)), copy.deepcopy(learn)):
        assert [type(c) for c in o.cbs]==[type(c) for c in learn.cbs]
        assert all(map(torch.equal, o.model.state_dict().values(), learn.model.state_dict().values()))

### Closure

def lbfgs(**kwargs): return partial(OptimWrapper, opt=torch.optim.LBFGS, **kwargs)

@pytest.mark.parametrize('kwargs', [dict(), dict(line_search_fn='strong_wolfe'), dict(max_iter=5, history_size=3)], ids=str)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_lbfgs_is_pytorchs_loop(kwargs, dtype):
    learn = make(lbfgs(**kwargs), dense(dtype), bs=24, splitter=lambda m: list(m.parameters()))
    fitted(learn, 4, 1., cbs=[Closure(), seen := Seen()])
    model,losses = dense(dtype),[]
    opt,loss_func = torch.optim.LBFGS(model.parameters(), lr=1., **kwargs),nn.CrossEntropyLoss()
    for x,y in seen.batches:
        def closure():
            opt.zero_grad()
            loss = loss_func(model(x), y)
            loss.backward()
            return loss
        losses.append(opt.step(closure).item())
    assert all(map(torch.equal, learn.model.parameters(), model.parameters()))
    assert losses==seen.losses and losses[-1]<losses[0]/5

@pytest.mark.parametrize('opt', ['adamw', 'momentum', 'wrapped'])
def test_closure_of_a_plain_optimizer_changes_nothing(opt):
    for cbs in ('none', 'clip', 'mixup', 'acc'):
        a,b = make(OPTS[opt]),make(OPTS[opt])
        assert same(fitted(a, cbs=CBS[cbs]()), fitted(b, cbs=CBS[cbs]()+[Closure()]))
        assert a.recorder.losses==b.recorder.losses

def test_closure_accumulates_and_clips_at_every_evaluation():
    clips = []
    class Clip(GradientClip):
        def before_step(self):
            super().before_step()
            clips.append(nn.utils.get_total_norm([p.grad for p in self.model.parameters()]).item())
    a,b = [make(lbfgs(max_iter=6), dense(), bs=bs, splitter=lambda m: list(m.parameters())) for bs in (24, 6)]
    fitted(a, 2, .5, cbs=[Closure(), Clip(.1)])
    n = len(clips)
    fitted(b, 2, .5, cbs=[Closure(), Clip(.1), GradientAccumulation(24)])
    torch.testing.assert_close(list(a.model.parameters()), list(b.model.parameters()), rtol=1e-8, atol=1e-10)
    assert n>4 and len(clips)==2*n and max(clips)<=.1*1.0001

@pytest.mark.parametrize('cb', [CPU16, SAM])
def test_closure_refuses(cb):
    with pytest.raises(ValueError, match=f'Closure cannot work with {cb.__name__}'): fitted(make(lbfgs(), splitter=lambda m: list(m.parameters())), cbs=[cb(), Closure()])

### Gradient release

def pair(opt_func, **kwargs):
    a,b = make(opt_func, **kwargs),make(opt_func, **kwargs)
    b.gradient_release()
    return a,b

@pytest.mark.parametrize('rule,how', [(r, h) for r in RULES for h in ('eager', 'fused')] + [('ranger', 'foreach'), ('adamw', 'auto')])
def test_released_is_ordinary(rule, how):
    a,b = pair(partial(RULES[rule], how=how))
    if any(t.across for t in RULES[rule].terms):
        with pytest.raises(ValueError, match='asks about all weights'): fitted(b)
        return
    for o in (a, b): fitted(o, cbs=MixUp())
    assert same(a, b) and a.recorder.losses==b.recorder.losses

def stages(learn, path):
    "Everything a user may do in between"
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

def test_released_and_removed_again():
    a,b = pair(adamw)
    for o in (a, b): fitted(o)
    b.remove_cb(ReleaseGrads)
    for o in (a, b): fitted(o)
    assert same(a, b) and hasattr(b, 'gradient_release')
    sum(p.sum() for p in b.model.parameters()).backward()
    assert all(p.grad is not None for p in b.model.parameters()) # Nobody steps and frees them any more

def test_released_gradients_are_freed():
    "Not only `p.grad`: the memory too"
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
@pytest.mark.parametrize('cb', [GradientAccumulation(12), GradientClip(), SAM(), Closure(), MixedPrecision()], ids=repr)
def test_released_refuses_callbacks(cb):
    with pytest.raises(ValueError, match=repr(cb)): fitted(make(adamw).gradient_release(), cbs=cb)

@pytest.mark.parametrize('opt_func,match', [(Adam, 'Optimizer'), (partial(OptimWrapper, opt=AdamW), 'OptimWrapper'), (partial(adamw, skip_nonfinite=True), 'skip_nonfinite')])
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
    "Reentrant checkpoints of a shared weight hand over its gradient in parts"
    from torch.utils.checkpoint import checkpoint
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a,self.b = nn.Linear(36, 36),nn.Linear(36, 3)
        def forward(self, x):
            x = x.flatten(1).requires_grad_()
            for _ in range(2): x = checkpoint(self.a, x, use_reentrant=True)
            return self.b(x)
    with pytest.raises(RuntimeError, match='in two parts'): fitted(make(sgd, Shared(), splitter=lambda m: list(m.parameters())).gradient_release())

def test_released_weight_still_needed_is_noticed():
    "A kernel that writes past autograd would give wrong gradients"
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a,self.b = nn.Linear(36, 36),nn.Linear(36, 3)
        def forward(self, x): return self.b(nn.functional.linear(nn.functional.linear(x.flatten(1).requires_grad_(), self.a.weight.detach()), self.a.weight))
    for how in ('eager', 'fused'):
        with pytest.raises(RuntimeError, match='inplace'): fitted(make(partial(sgd, how=how), Twice(), splitter=lambda m: list(m.parameters())).gradient_release())
