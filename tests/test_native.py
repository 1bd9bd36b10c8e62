"fastai's own methods and callbacks with every rule, and what fastopt adds to every `Learner`"
import inspect, random, sys
from functools import partial
from importlib import import_module
from types import ModuleType, SimpleNamespace
import numpy as np, pytest, torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import AMPMode, MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.schedule import steep, valley
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.learner import Learner, load_learner
from fastai.optimizer import Adam, OptimWrapper, ranger as fastai_ranger
from fastai.test_utils import synth_learner
from fastai.torch_core import set_seed
from fastcore.basics import noop
from fastopt.evidence.conformance import Lab, Overflow, Peek, real
from fastopt.core.fastai_face import FastOptimizer
from fastopt.training.precision import PureBF16, untouched
from fastopt.training.resume import _model_state, _plain, _rngs, _same, SaveResume
from fastopt.training.schedules import switch_opt
from rules_under_test import RULES, TORCH
from torch import nn

pytestmark = pytest.mark.filterwarnings('ignore:.*has no .*no effect', 'ignore:.*needs no schedule', 'ignore:numpy.core', 'ignore:load_learner')
OTHERS = dict(Adam=Adam, fastai_ranger=fastai_ranger, torch_adamw=partial(OptimWrapper, opt=torch.optim.AdamW),
    torch_sgd=partial(OptimWrapper, opt=torch.optim.SGD, momentum=0.9), our_torch_adamw=partial(OptimWrapper, opt=TORCH['AdamW']))
FEW = {k: RULES[k] for k in ('adamw', 'diffgrad', 'ranger', 'sgd')}

def everything(learn): return dict(model=_model_state(learn.model), opt=_plain(learn.opt.state_dict()), rngs=_rngs(learn.dls), frozen_idx=learn.opt.frozen_idx)
def changed(a, b): return [k for k in a if not _same(a[k], b[k])]

def quiet(learn, how, *args, **kwargs):
    with learn.no_bar(), learn.no_logging(): return getattr(learn, how)(*args, **kwargs)

class Noisy(Callback):
    "Draws from every generator, as augmentation does, and ends the fit at batch `at` by raising `what`"
    def __init__(self, at=None, what=None): self.at,self.what = at,what
    def before_batch(self): random.random(),np.random.rand(),torch.rand(1)
    def after_step(self):
        if self.train_iter==self.at: raise self.what

def trained(opt_func, path, **kwargs):
    "A learner after a fit, with a frozen group, hypers set by hand, a weight that rests and a gradient left"
    learn = Lab(opt_func, path=path).learner(cbs=Noisy(), **kwargs)
    quiet(learn, 'fit', 1)
    learn.freeze()
    quiet(learn, 'fit', 1)
    for k,v in dict(lr=[1e-3, 0.0123], wd=0.03).items():
        if k in learn.opt.hypers[0]: learn.opt.set_hyper(k, v)
    learn.model[2].bias.requires_grad_(False)
    learn.model[2].weight.grad = torch.ones_like(learn.model[2].weight)
    return learn

# ---- lr_find

@pytest.mark.parametrize('name', [*RULES, *OTHERS])
def test_lr_find_leaves_no_trace(name, tmp_path):
    learn = trained({**RULES, **OTHERS}[name], tmp_path)
    before = everything(learn)
    quiet(learn, 'lr_find', end_lr=1, num_it=12, stop_div=False, show_plot=False)
    assert changed(before, everything(learn))==[]

ENDS = dict(diverges=dict(end_lr=1e30, stop_div=False, num_it=20), stops=dict(end_lr=1e6, num_it=20), interrupted=dict(raises=KeyboardInterrupt),
    fails=dict(raises=RuntimeError('out of memory')), in_accumulation=dict(cbs=[GradientAccumulation(10**6)]))

@pytest.mark.parametrize('end', ENDS)
@pytest.mark.parametrize('name', [*FEW, *OTHERS])
def test_lr_find_leaves_no_trace_however_it_ends(name, end, tmp_path):
    kwargs = dict(ENDS[end])
    what,cbs = kwargs.pop('raises', None),kwargs.pop('cbs', [])
    learn = trained({**FEW, **OTHERS}[name], tmp_path)
    before,n = everything(learn),len(learn.cbs)
    with learn.added_cbs([*cbs, *([Noisy(5, what)] if what else [])]):
        try: quiet(learn, 'lr_find', show_plot=False, **kwargs)
        except (KeyboardInterrupt, RuntimeError) as e: assert what
        else: assert not what
    assert changed(before, everything(learn))==[] and len(learn.cbs)==n

def synth(name, path):
    "A learner on shuffled data"
    learn = synth_learner(cbs=Noisy(), path=path)
    learn.opt_func = {**RULES, **OTHERS}[name]
    return learn

@pytest.mark.parametrize('name', ['adamw', 'Adam'])
def test_the_same_training_with_and_without_asking(name, tmp_path):
    "Shuffled data and all generators; the seed of the loaders too"
    def go(ask):
        set_seed(0)
        learn = synth(name, tmp_path)
        quiet(learn, 'fit', 1)
        if ask: quiet(learn, 'lr_find', show_plot=False)
        quiet(learn, 'fit_one_cycle', 1)
        return everything(learn)
    assert changed(go(True), go(False))==[]

def test_lr_find_makes_an_optimizer_as_it_was_created(tmp_path):
    for rule,wd in ((RULES['adamw'], 0.3), (Adam, 0.3)):
        learn = Lab(rule, path=tmp_path).learner(wd=wd)
        quiet(learn, 'lr_find', num_it=8, show_plot=False)
        fresh = Lab(rule, path=tmp_path).learner(wd=wd)
        fresh.create_opt()
        assert _same(_plain(learn.opt.state_dict()), _plain(fresh.opt.state_dict()))

def test_lr_find_is_fastais(tmp_path):
    "The same suggestions, signature and doc"
    kwargs = dict(num_it=60, suggest_funcs=(valley, steep), show_plot=False)
    def ask(how):
        set_seed(0)
        return quiet(synth('adamw', tmp_path), how, **kwargs)
    assert ask('lr_find')==ask('_orig_lr_find')
    assert inspect.signature(Learner.lr_find)==inspect.signature(Learner._orig_lr_find) and Learner.lr_find.__doc__==Learner._orig_lr_find.__doc__

class Refuses(FastOptimizer):
    "Loads nothing"
    def __init__(self, params, lr=0.01): super().__init__(params, RULES['adamw'], lr=lr)
    def load_state_dict(self, sd): raise ValueError('not mine')

@pytest.mark.filterwarnings('ignore:Could not load')
def test_what_cannot_be_put_back_is_said_and_the_rest_is_put_back(tmp_path):
    learn = Lab(Refuses, path=tmp_path).learner(cbs=Noisy())
    quiet(learn, 'fit', 1)
    before = everything(learn)
    with pytest.raises(ValueError, match='not mine'): quiet(learn, 'lr_find', num_it=8, show_plot=False)
    assert changed(before, everything(learn))==['opt']

def test_untouched_is_for_any_block(tmp_path):
    learn = trained(partial(RULES['adamw'], skip_nonfinite=True), tmp_path)
    before = everything(learn)
    with untouched(learn): quiet(learn, 'fit', 1, cbs=Overflow(2))
    assert changed(before, everything(learn))==[] and learn.opt.skipped==0

# ---- Mixed precision, as it is called and as it would be on a GPU

@pytest.mark.filterwarnings('ignore:.*CUDA is not available')
@pytest.mark.parametrize('name', FEW)
@pytest.mark.parametrize('how', ['to_fp16', 'to_bf16'])
@pytest.mark.skipif(torch.cuda.is_available(), reason='there it is no longer float32')
def test_without_a_gpu_mixed_precision_changes_nothing(name, how, tmp_path):
    lab = Lab(RULES[name], path=tmp_path)
    assert torch.equal(lab.fitted(getattr(lab.learner(), how)(), 2), lab.fitted(lab.learner(), 2))

class Half(MixedPrecision):
    "`MixedPrecision` that computes in 16 bits on a CPU; keeps the scales"
    def before_fit(self):
        dtype = torch.float16 if self.amp_mode is AMPMode.FP16 else torch.bfloat16
        self.autocast,self.learn.scaler = torch.autocast('cpu', dtype=dtype),torch.amp.GradScaler('cpu', init_scale=64., enabled=dtype==torch.float16)
        self.scales,self.seen,self.steps = [],[],[]
    def after_pred(self):
        self.seen.append(self.pred.dtype)
        super().after_pred()
    def after_batch(self):
        if self.training: self.steps.append(self.learn.scaler.get_scale())

@pytest.mark.parametrize('mode', ['fp16', 'bf16'])
@pytest.mark.parametrize('name', RULES)
def test_mixed_precision(name, mode, tmp_path):
    "Batch 2 of 8 overflows: in float16 it is skipped, weights and state stay, the scale is halved"
    lab,peek,half = Lab(RULES[name], lr=1e-3, path=tmp_path),Peek(),Half(mode)
    learn = lab.learner()
    ws = lab.fitted(learn, 2, cbs=[half, peek, *([Overflow(2)] if mode=='fp16' else [])])
    assert ws.isfinite().all() and {p.dtype for p in learn.model.parameters()}=={torch.float32}
    assert set(half.seen)=={dict(fp16=torch.float16, bf16=torch.bfloat16)[mode]}
    if mode=='fp16': assert half.steps==[64.]*2+[32.]*6
    assert learn.opt.state[learn.model[0].weight]['step']==8-(mode=='fp16')

@pytest.mark.parametrize('name', RULES)
def test_callbacks_together(name, tmp_path):
    "Mixed precision, accumulation, clipping and MixUp in one fit: 8 batches of 4 in steps of 8"
    lab,peek = Lab(RULES[name], lr=1e-3, path=tmp_path),Peek()
    learn = lab.learner()
    ws = lab.fitted(learn, 2, how='fit_one_cycle', cbs=[Half('fp16'), GradientAccumulation(8), GradientClip(1e-2), MixUp, peek])
    assert ws.isfinite().all() and all(o<=1.001e-2 for o in peek.norms) and not peek.early
    assert learn.opt.state[learn.model[0].weight]['step']==4

# ---- What loggers see

class Log:
    "Stands for the writers of tensorboard and wandb: keeps scalars that are numbers, fails for anything else"
    def __init__(self, *args, **kwargs): self.seen = {}
    def add_scalar(self, k, v, step): self.log({k: v})
    def log(self, d, step=None):
        for k,v in d.items():
            assert real(v) or isinstance(v, torch.Tensor) and v.numel()==1, (k, v)
            self.seen.setdefault(k, []).append(v.item() if isinstance(v, torch.Tensor) else v)
    def close(self): pass

@pytest.fixture
def logged(monkeypatch):
    "What is logged, and fastai's callbacks for tensorboard and wandb, with `Log` in place of what need not be installed"
    log,mods = Log(),{}
    def fake(name, **attrs):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        vars(sys.modules[name]).update(attrs)
    fake('tensorboard')
    fake('torch.utils.tensorboard', SummaryWriter=lambda **kwargs: log)
    fake('wandb', run=SimpleNamespace(step=0, summary={}), config=SimpleNamespace(update=lambda *args, **kwargs: None), log=log.log)
    for o in ('tensorboard', 'wandb'):
        fake(f'fastai.callback.{o}') # To be forgotten at the end
        del sys.modules[f'fastai.callback.{o}']
        mods[o] = import_module(f'fastai.callback.{o}')
    monkeypatch.setattr(mods['wandb'], '_format_config', noop) # It asks every number for its `vars`, and fails, whatever the optimizer
    return log.seen,dict(tensorboard=partial(mods['tensorboard'].TensorBoardCallback, trace_model=False, log_preds=False),
        wandb=partial(mods['wandb'].WandbCallback, log=None, log_preds=False))

@pytest.mark.parametrize('which', ['tensorboard', 'wandb'])
def test_only_hypers_are_logged(which, tmp_path, logged):
    "Every rule, every group: the names of its hypers and nothing else, and `lr` and `mom` as scheduled"
    seen,cbs = logged
    for name,rule in RULES.items():
        seen.clear()
        learn = Lab(rule, path=tmp_path).learner()
        quiet(learn, 'fit_one_cycle', 2, cbs=cbs[which]())
        hypers = {f'{k}_{i}' for k in rule.hypers for i in range(2)}
        assert hypers <= seen.keys() <= hypers|{'train_loss', 'raw_loss', 'epoch', 'train_samples_per_sec', 'valid_loss'}, name
        assert len(set(seen['lr_1']))>4 and ('mom' not in rule.hypers or len(set(seen['mom_0']))>4)

# ---- 16 bits all through

@pytest.mark.parametrize('name', RULES)
def test_pure_bf16(name, tmp_path):
    "Weights in bfloat16 with what was rounded off, batch norm and state in float32; saved, loaded and gone on with to the bit"
    lab = Lab(RULES[name], lr=1e-3, path=tmp_path)
    def fresh(): return lab.learner().to_pure_bf16()
    learn = fresh()
    assert lab.fitted(learn, 2, how='fit_one_cycle').isfinite().all()
    for p in learn.model.parameters():
        norm = p in {*learn.model[1].parameters()}
        assert p.dtype==(torch.float32 if norm else torch.bfloat16)
        st = learn.opt.state[p]
        assert ('comp' in st)!=norm and all(st[k].dtype==torch.float32 for k in RULES[name].state if k in st)
    assert {b.dtype for b in learn.model.buffers()}=={torch.float32, torch.int64}
    learn.save('m')
    again = fresh().load('m')
    assert torch.equal(lab.fitted(learn, 2), lab.fitted(again, 2))

@pytest.mark.parametrize('lowp', ['kahan', 'stochastic', 'plain'])
def test_pure_bf16_reaches_the_optimizer(lowp, tmp_path):
    "Made before or after, anew, by hand, by `switch_opt`, with a partial, after an export"
    lab = Lab(partial(RULES['adamw'], mom=0.8), path=tmp_path)
    def seen(learn): return learn.opt.engine.lowp, 'comp' in learn.opt.state[learn.model[0].weight]
    want = lowp,lowp=='kahan'
    for make in (lambda o: None, lambda o: o.create_opt(), lambda o: lab.fitted(o, 1)):
        learn = lab.learner()
        make(learn)
        learn.to_pure_bf16(lowp)
        lab.fitted(learn, 1)
        assert seen(learn)==want and learn.opt.hypers[0]['mom']==0.8
        lab.fitted(learn, 1, reset_opt=True)
        assert seen(learn)==want
    learn.opt = RULES['sgd']([list(learn.model.parameters())], lr=0.1)
    lab.fitted(learn, 1)
    assert seen(learn)==want
    learn = lab.learner().to_pure_bf16(lowp)
    lab.fitted(learn, 2, cbs=switch_opt(0.5, RULES['sgd'], lr=0.1))
    assert learn.opt.rule is RULES['sgd'] and seen(learn)==want
    learn = lab.learner().to_pure_bf16(lowp)
    lab.fitted(learn, 1)
    learn.export()
    new,x = load_learner(tmp_path/'export.pkl'),torch.ones(2, 2).bfloat16()
    assert torch.equal(new.model.eval()(x), learn.model.eval()(x)) and len(new._grab_cbs(PureBF16))==1
    new.dls = lab.learner().dls
    lab.fitted(new, 1)
    assert seen(new)==want

def test_pure_bf16_predicts_in_float32(tmp_path):
    learn = Lab(RULES['adamw'], path=tmp_path).learner().to_pure_bf16()
    quiet(learn, 'fit', 1)
    x,preds,ys,losses = quiet(learn, 'get_preds', with_input=True, with_loss=True)
    assert (x.dtype, preds.dtype, losses.dtype)==(torch.float32,)*3
    assert len(quiet(learn, 'validate'))==1

@pytest.mark.parametrize('name', ['adamw', 'schedulefree_adamw'])
def test_there_and_back(name, tmp_path):
    "Kahan's remainder goes into the float32 weights; the optimizer goes on with its state; twice is once"
    lab = Lab(RULES[name], path=tmp_path)
    learn = lab.learner().to_pure_bf16().to_pure_bf16()
    lab.fitted(learn, 2)
    w,opt = learn.model[0].weight,learn.opt
    getattr(opt, 'train', noop)()
    meant,v = w.float()+opt.state[w]['comp'].float(),opt.state[w]['v'].clone()
    getattr(opt, 'eval', noop)()
    assert learn.to_fp32() is learn
    getattr(opt, 'train', noop)()
    assert torch.equal(w, meant) and not torch.equal(w.bfloat16().float(), w) and torch.equal(opt.state[w]['v'], v)
    getattr(opt, 'eval', noop)()
    assert learn.opt_func is RULES[name] and opt.engine.lowp=='plain' and 'comp' not in opt.state[w]
    learn.save('m')
    assert torch.equal(lab.fitted(learn, 1), lab.fitted(lab.learner().load('m'), 1))
    assert not learn.to_fp16().to_fp32()._grab_cbs(MixedPrecision)

def test_pure_bf16_keeps_tied_weights_and_integers(tmp_path):
    learn = Lab(RULES['adamw'], path=tmp_path).learner()
    learn.model[2].register_buffer('n', torch.arange(3))
    learn.model[2].register_buffer('f', torch.ones(3, dtype=torch.float64))
    learn.model.append(nn.Identity())
    learn.model[3].weight = learn.model[0].weight
    learn.to_pure_bf16()
    m = learn.model
    assert m[3].weight is m[0].weight and (m[2].n.dtype, m[2].f.dtype, m[0].weight.dtype)==(torch.int64, torch.bfloat16, torch.bfloat16)

def test_resumed_pure_bf16_is_equal_to_the_bit(tmp_path):
    lab = Lab(RULES['diffgrad'], lr=1e-3, path=tmp_path)
    def run(path, die=None):
        set_seed(0)
        learn = lab.learner().to_pure_bf16()
        learn.resume(path)
        lab.fitted(learn, 2, how='fit_one_cycle', cbs=[SaveResume(path, 1), Noisy(die, KeyboardInterrupt)])
        return everything(learn)
    whole = run(tmp_path/'a')
    with pytest.raises(KeyboardInterrupt): run(tmp_path/'b', 6)
    assert changed(whole, run(tmp_path/'b'))==[]

def torch_instance(ps, lr): return OptimWrapper(ps, torch.optim.SGD, lr=lr)

@pytest.mark.parametrize('opt_func,name', [(Adam, 'Adam'), (partial(OptimWrapper, opt=torch.optim.AdamW), 'OptimWrapper'), (fastai_ranger, 'ranger'),
    (torch_instance, 'torch_instance')])
def test_pure_bf16_is_for_our_rules(opt_func, name, tmp_path):
    learn = Lab(opt_func, path=tmp_path).learner()
    with pytest.raises(TypeError, match=f'to_pure_bf16: {name} is no optimizer of fastopt.*adamw.*to_bf16'): learn.to_pure_bf16()
    assert learn.model[0].weight.dtype==torch.float32 and not learn._grab_cbs(PureBF16)

def test_pure_bf16_refuses(tmp_path):
    lab = Lab(RULES['adamw'], path=tmp_path)
    with pytest.raises(ValueError, match="has no 'kahn'; did you mean 'kahan'"): lab.learner().to_pure_bf16('kahn')
    for mixed in ('to_fp16', 'to_bf16'):
        learn = getattr(lab.learner(), mixed)()
        with pytest.raises(ValueError, match='MixedPrecision is for weights in float32.*to_fp32'): learn.to_pure_bf16()
        assert learn.model[0].weight.dtype==torch.float32
        with pytest.raises(ValueError, match='MixedPrecision is for weights in float32'): lab.fitted(getattr(lab.learner().to_pure_bf16(), mixed)(), 1)
        assert learn.to_fp32().to_pure_bf16().model[0].weight.dtype==torch.bfloat16
    learn = lab.learner().to_pure_bf16()
    with pytest.raises(TypeError, match='SGD|Optimizer|OptimWrapper'): lab.fitted(learn, 2, cbs=switch_opt(0.5, torch_instance, lr=0.1))
    learn = lab.learner()
    learn.opt = Adam([list(learn.model.parameters())], lr=0.1)
    with pytest.raises(TypeError, match='Optimizer is no optimizer of fastopt'): learn.to_pure_bf16()
    assert learn.model[0].weight.dtype==torch.float32
