"Sharpness-aware minimization, combined with other callbacks in fastai's loop"
import copy, pytest, torch
from fastai.basics import Callback, CancelBackwardException, CancelBatchException, CancelStepException
from fastai.callback.schedule import fit_one_cycle, lr_find # chkstyle: ignore - patches Learner
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.optimizer import Adam, OptimWrapper
from fastopt.optim.adam import adamw
from fastopt.training.closures import Closure
from fastopt.training.precision import PureBF16
from fastopt.training.sam import SAM
from fastopt.optim.sgd import momentum, sgd
from functools import partial
from torch import nn
from torch.amp import autocast
from small_fits import CBS, CPU16, Loose, OPTS, Seen, dense, fitted, make, same

pytestmark = pytest.mark.usefixtures('usual_kernels')

def plain_sam(model, opt, batches, rho, adaptive=False, eta=0.01, clip=None):
    "SAM as a plain PyTorch loop"
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

@pytest.mark.parametrize('adaptive,rho', [(False, .05), (False, 1.), (True, .5)])
@pytest.mark.parametrize('ours,torchs', [(partial(momentum, how='eager'), partial(torch.optim.SGD, momentum=.9)),
    (partial(adamw, wd=.1), partial(torch.optim.AdamW, weight_decay=.1)),
    (partial(OptimWrapper, opt=torch.optim.RMSprop), torch.optim.RMSprop),
    (partial(Adam, sqr_mom=.999, mom=.9, eps=1e-8, wd=0.), torch.optim.Adam)])
@pytest.mark.parametrize('clip', [None, .1])
def test_sam_is_the_papers_loop(ours, torchs, adaptive, rho, clip):
    learn = make(ours, dense(), splitter=lambda m: list(m.parameters()), wd_bn_bias=True)
    fitted(learn, cbs=[seen := Seen(), SAM(rho, adaptive)] + ([GradientClip(clip)] if clip else []))
    model = dense()
    losses = plain_sam(model, torchs(model.parameters(), lr=.01), seen.batches, rho, adaptive, clip=clip)
    torch.testing.assert_close(list(learn.model.parameters()), list(model.parameters()), rtol=1e-10, atol=1e-13)
    assert seen.losses==pytest.approx(losses, rel=1e-10)

@pytest.mark.parametrize('cbs', CBS)
@pytest.mark.parametrize('opt', OPTS)
def test_sam_of_length_0_is_plain_training(opt, cbs):
    "With batch norm, dropout and other callbacks, the results are equal to the last bit"
    a,b = make(OPTS[opt]),make(OPTS[opt])
    assert same(fitted(a, cbs=CBS[cbs]()), fitted(b, cbs=CBS[cbs]()+[SAM(0)]))
    assert a.recorder.losses==b.recorder.losses and a.recorder.values==b.recorder.values

@pytest.mark.parametrize('cbs', CBS)
@pytest.mark.parametrize('opt', OPTS)
def test_sam_of_some_length_is_not(opt, cbs):
    a,b = make(OPTS[opt]),make(OPTS[opt])
    assert not same(fitted(a, cbs=CBS[cbs]()), fitted(b, cbs=CBS[cbs]()+[SAM(.1)]))

def test_sam_accumulates_at_the_moved_weights():
    "Four small batches equal one large one: all run uphill of their common gradient"
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
    "Raise `ex` at the `n`-th forward pass"
    def __init__(self, n, ex): self.passes,self.ex,self.was = iter(range(1, n)),ex,[]
    def before_fit(self): self.hook = self.model.register_forward_pre_hook(self.count)
    def count(self, *_):
        if next(self.passes, None) is None: raise self.ex
    def before_step(self): self.was[:] = copy.deepcopy(self.model.state_dict()),torch.get_rng_state(),self.learn.xb[0]

@pytest.mark.parametrize('ex', [KeyboardInterrupt, ValueError('no'), RuntimeError('no')])
@pytest.mark.parametrize('n', [2, 6])
def test_sam_interrupted_leaves_the_weights(ex, n):
    "After Ctrl-C in the second pass, weights, statistics, random numbers and the learner are those from before the step"
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
    "A gradient of 0 leaves the weights to the rule; a NaN gradient reaches the rule as it would without SAM"
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

class Refuse(Callback):
    "Raise `ex` at `event` in the batches `which`"
    order = 0
    def __init__(self, event, ex, which): self.event,self.ex,self.which = event,ex,which
    def __call__(self, name):
        if name==self.event and self.training and self.iter in self.which: raise self.ex

@pytest.mark.parametrize('cb', [None, partial(SAM, .1), Closure], ids=str)
@pytest.mark.parametrize('event,ex', [('before_step', CancelStepException), ('before_backward', CancelBackwardException)])
def test_a_step_that_is_refused_leaves_nothing_behind(cb, event, ex):
    "The training is that without these batches"
    def trained(*refusal):
        learn = make(adamw, dense(), splitter=lambda m: list(m.parameters()))
        return fitted(learn, 1, cbs=[Refuse(*refusal, (0, 2)), *([cb()] if cb else [])])
    a,b = trained(event, ex),trained('before_batch', CancelBatchException)
    assert all(map(torch.equal, a.model.parameters(), b.model.parameters()))

class Mine(SAM): "A subclass is of the same kind"

@pytest.mark.parametrize('cbs', [(SAM, SAM), (SAM, Mine), (Closure, Closure),
    (partial(PureBF16, 'kahan', adamw), partial(PureBF16, 'plain', adamw))])
def test_callbacks_that_must_be_alone(cbs):
    "A second one of its kind is refused before anything is trained; one alone trains"
    learn = make(adamw)
    before = [p.clone() for p in learn.model.parameters()]
    with pytest.raises(ValueError, match=r'must be the only (SAM|Closure|PureBF16) of a fit: '): fitted(learn, cbs=[cb() for cb in cbs])
    assert all(map(torch.equal, before, learn.model.parameters()))
    fitted(make(adamw), cbs=[Mine()])
