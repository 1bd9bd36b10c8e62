"fastai's own methods and callbacks with every rule"
import sys
from functools import partial
from importlib import import_module
from types import ModuleType, SimpleNamespace
import pytest, torch
from fastai.callback.fp16 import AMPMode, MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.training import GradientAccumulation, GradientClip
from fastcore.basics import noop
from fastopt.evidence.conformance import CheckFixture, OverflowAt, StepRecorder, is_number
from rules_under_test import RULES
from traces import quiet

pytestmark = pytest.mark.filterwarnings('ignore:.*has no .*no effect', 'ignore:.*needs no schedule', 'ignore:numpy.core',
    'ignore:load_learner')
FEW = {k: RULES[k] for k in ('adamw', 'diffgrad', 'ranger', 'sgd')}
def eager(rule): return partial(rule, how='eager') # The engine with the fastest steps, for tests that do not depend on the engine

# ---- Mixed precision, as users call it, and as on a GPU

@pytest.mark.filterwarnings('ignore:.*CUDA is not available')
@pytest.mark.parametrize('name', FEW)
@pytest.mark.parametrize('how', ['to_fp16', 'to_bf16'])
@pytest.mark.skipif(torch.cuda.is_available(), reason='there it is no longer float32')
def test_without_a_gpu_mixed_precision_changes_nothing(name, how, tmp_path):
    lab = CheckFixture(RULES[name], path=tmp_path)
    assert torch.equal(lab.fitted(getattr(lab.learner(), how)(), 2), lab.fitted(lab.learner(), 2))

class Half(MixedPrecision):
    "A `MixedPrecision` that computes in 16 bits on a CPU, and keeps the scales"
    def before_fit(self):
        dtype = torch.float16 if self.amp_mode is AMPMode.FP16 else torch.bfloat16
        self.autocast = torch.autocast('cpu', dtype=dtype)
        self.learn.scaler = torch.amp.GradScaler('cpu', init_scale=64., enabled=dtype==torch.float16)
        self.scales,self.seen,self.steps = [],[],[]
    def after_pred(self):
        self.seen.append(self.pred.dtype)
        super().after_pred()
    def after_batch(self):
        if self.training: self.steps.append(self.learn.scaler.get_scale())

@pytest.mark.parametrize('mode', ['fp16', 'bf16'])
@pytest.mark.parametrize('name', RULES)
def test_mixed_precision(name, mode, tmp_path):
    "Batch 2 of 8 overflows: in float16 it is skipped, weights and state stay, and the scale is halved"
    lab,peek,half = CheckFixture(eager(RULES[name]), lr=1e-3, path=tmp_path),StepRecorder(),Half(mode)
    learn = lab.learner()
    ws = lab.fitted(learn, 2, cbs=[half, peek, *([OverflowAt(2)] if mode=='fp16' else [])])
    assert ws.isfinite().all() and {p.dtype for p in learn.model.parameters()}=={torch.float32}
    assert set(half.seen)=={dict(fp16=torch.float16, bf16=torch.bfloat16)[mode]}
    if mode=='fp16': assert half.steps==[64.]*2+[32.]*6
    assert learn.opt.state[learn.model[0].weight]['step']==8-(mode=='fp16')

@pytest.mark.parametrize('name', RULES)
def test_callbacks_together(name, tmp_path):
    "Mixed precision, accumulation, clipping and MixUp in one fit: 8 batches of 4 in steps of 8"
    lab,peek = CheckFixture(eager(RULES[name]), lr=1e-3, path=tmp_path),StepRecorder()
    learn = lab.learner()
    ws = lab.fitted(learn, 2, how='fit_one_cycle', cbs=[Half('fp16'), GradientAccumulation(8), GradientClip(1e-2), MixUp, peek])
    assert ws.isfinite().all() and all(o<=1.001e-2 for o in peek.norms) and not peek.early
    assert learn.opt.state[learn.model[0].weight]['step']==4

# ---- What loggers record

class Log:
    "A stand-in for the writers of tensorboard and wandb, which keeps scalars that are numbers and fails for anything else"
    def __init__(self, *args, **kwargs): self.seen = {}
    def add_scalar(self, k, v, step): self.log({k: v})
    def log(self, d, step=None):
        for k,v in d.items():
            assert is_number(v) or isinstance(v, torch.Tensor) and v.numel()==1, (k, v)
            self.seen.setdefault(k, []).append(v.item() if isinstance(v, torch.Tensor) else v)
    def close(self): pass

@pytest.fixture
def logged(monkeypatch):
    "What is logged, and fastai's callbacks for tensorboard and wandb, with `Log` in place of packages that may not be installed"
    log,mods = Log(),{}
    def fake(name, **attrs):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        vars(sys.modules[name]).update(attrs)
    fake('tensorboard')
    fake('torch.utils.tensorboard', SummaryWriter=lambda **kwargs: log)
    fake('wandb', run=SimpleNamespace(step=0, summary={}), config=SimpleNamespace(update=lambda *args, **kwargs: None), log=log.log)
    for o in ('tensorboard', 'wandb'):
        fake(f'fastai.callback.{o}') # To be removed at the end
        del sys.modules[f'fastai.callback.{o}']
        mods[o] = import_module(f'fastai.callback.{o}')
    monkeypatch.setattr(mods['wandb'], '_format_config', noop) # It calls `vars` on every number, and fails for any optimizer
    return log.seen,dict(tensorboard=partial(mods['tensorboard'].TensorBoardCallback, trace_model=False, log_preds=False),
        wandb=partial(mods['wandb'].WandbCallback, log=None, log_preds=False))

@pytest.mark.parametrize('which', ['tensorboard', 'wandb'])
def test_only_hypers_are_logged(which, tmp_path, logged):
    "For every rule and group, exactly the names of its hypers are logged, with `lr` and `mom` as scheduled"
    seen,cbs = logged
    for name,rule in RULES.items():
        seen.clear()
        learn = CheckFixture(eager(rule), path=tmp_path).learner()
        quiet(learn, 'fit_one_cycle', 2, cbs=cbs[which]())
        hypers = {f'{k}_{i}' for k in rule.hypers for i in range(2)}
        assert hypers <= seen.keys() <= hypers|{'train_loss', 'raw_loss', 'epoch', 'train_samples_per_sec', 'valid_loss'}, name
        assert len(set(seen['lr_1']))>4 and ('mom' not in rule.hypers or len(set(seen['mom_0']))>4)
