"Optimizers that need a closure, combined with other callbacks in fastai's loop"
import pytest, torch
from fastai.callback.fp16 import AMPMode, MixedPrecision
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.optimizer import OptimWrapper
from fastopt.training.closures import Closure
from fastopt.training.sam import SAM
from functools import partial
from torch import nn
from torch.amp import GradScaler, autocast
from small_fits import CBS, CPU16, OPTS, Seen, dense, fitted, make, same

pytestmark = pytest.mark.usefixtures('usual_kernels')

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

def test_closure_under_bf16_is_lbfgs_under_autocast():
    "Only the scaler of float16 allows no second evaluation"
    class Auto(MixedPrecision):
        def before_fit(self):
            self.autocast,self.scales,self.learn.scaler = autocast('cpu', dtype=torch.bfloat16),[],GradScaler(enabled=False)
    def trained(cbs): return fitted(make(lbfgs(), dense(torch.float32), bs=24, splitter=lambda m: list(m.parameters())), 3, .5, cbs=cbs)
    learn,plain = trained([Closure(), Auto(amp_mode=AMPMode.BF16), seen := Seen()]),trained([Closure()])
    assert seen.losses[-1]<seen.losses[0] and not all(map(torch.equal, learn.model.parameters(), plain.model.parameters()))

@pytest.mark.parametrize('cb', [CPU16, SAM])
def test_closure_refuses(cb):
    with pytest.raises(ValueError, match=f'Closure cannot work with {cb.__name__}'):
        fitted(make(lbfgs(), splitter=lambda m: list(m.parameters())), cbs=[cb(), Closure()])
