"What a training depends on, and whether two trainings agree in it"
import random
import numpy as np, torch
from fastai.callback.core import Callback
from fastopt.training.resume import _model_state, _plain, _rngs, _same

def everything(learn):
    return dict(model=_model_state(learn.model), opt=_plain(learn.opt.state_dict()), rngs=_rngs(learn.dls), frozen_idx=learn.opt.frozen_idx)
def changed(a, b): return [k for k in a if not _same(a[k], b[k])]

def quiet(learn, how, *args, **kwargs):
    with learn.no_bar(), learn.no_logging(): return getattr(learn, how)(*args, **kwargs)

class Noisy(Callback):
    "Draw from every generator, as augmentation does, and end the fit at batch `at` by raising `what`"
    def __init__(self, at=None, what=None): self.at,self.what = at,what
    def before_batch(self): random.random(),np.random.rand(),torch.rand(1)
    def after_step(self):
        if self.train_iter==self.at: raise self.what
