"Small trainings and their callbacks, for tests of callbacks that change the step"
import torch
from fastai.basics import Callback, set_seed
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.data.core import DataLoaders
from fastai.learner import Learner, Recorder
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam, OptimWrapper
from fastopt.optim.adam import adamw
from fastopt.optim.sgd import momentum
from functools import partial
from torch import nn
from torch.amp import GradScaler, autocast

def halves(m): return [list(m[:4].parameters()), list(m[4:].parameters())]

def net(dtype=torch.float32, drop=0.3):
    set_seed(3)
    body = nn.Conv2d(1, 4, 3),nn.BatchNorm2d(4),nn.ReLU(),nn.Flatten()
    head = nn.Dropout(drop),nn.Linear(64, 8),nn.ReLU(),nn.Linear(8, 3)
    return nn.Sequential(*body, *head).to(dtype)

def make(opt_func, model=None, n=24, bs=6, **kwargs):
    model,gen = model or net(),torch.Generator().manual_seed(1)
    dtype = next(model.parameters()).dtype
    items = list(zip(torch.randn(n, 1, 6, 6, generator=gen).to(dtype), torch.arange(n)%3))
    set_seed(5)
    dls = DataLoaders.from_dsets(items, items[:6], bs=bs, shuffle=True, num_workers=0, device='cpu')
    loss_func = nn.CrossEntropyLoss() if dtype==torch.float64 else CrossEntropyLossFlat() # `CrossEntropyLossFlat` computes in float32
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
        self.autocast,self.scales = autocast('cpu', dtype=self.dtype),[]
        self.learn.scaler = GradScaler('cpu', init_scale=self.scale, growth_interval=3)

class Loose(CPU16):
    "In float16, with a scale that overflows at first"
    dtype,scale = torch.float16,2.**20

class Seen(Callback):
    "Keeps the batches and the losses of a training"
    run_valid = False
    def before_fit(self): self.batches,self.losses = [],[]
    def before_batch(self): self.batches.append((self.x, self.y))
    def after_batch(self): self.losses.append(self.learn.loss.item())

def dense(dtype=torch.float64):
    set_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)).to(dtype)

OPTS = dict(adamw=adamw, momentum=momentum, fastai=Adam, wrapped=partial(OptimWrapper, opt=torch.optim.AdamW))
CBS = dict(none=list, acc=lambda: [GradientAccumulation(12)], clip=lambda: [GradientClip(.1)], mixup=lambda: [MixUp()],
    cutmix=lambda: [CutMix()], fp16=lambda: [CPU16()], loose=lambda: [Loose()],
    all=lambda: [GradientAccumulation(12), GradientClip(.1), MixUp(), CPU16()])
