"Training with 16-bit weights"
from functools import partial
import pytest, torch
from fastai.callback.fp16 import MixedPrecision
from fastai.learner import load_learner
from fastai.optimizer import Adam, OptimWrapper, ranger as fastai_ranger
from fastai.torch_core import set_seed
from fastcore.basics import noop
from fastopt.evidence.conformance import CheckFixture
from fastopt.training.precision import PureBF16
from fastopt.training.resume import SaveResume
from fastopt.training.schedules import switch_opt
from rules_under_test import RULES
from torch import nn
from traces import Noisy, changed, everything, quiet

pytestmark = pytest.mark.filterwarnings('ignore:.*has no .*no effect', 'ignore:.*needs no schedule', 'ignore:numpy.core',
    'ignore:load_learner')

@pytest.mark.parametrize('name', RULES)
def test_pure_bf16(name, tmp_path):
    "Weights and rounding errors are bfloat16, batch norm and state float32; saving, loading and continuing is exact to the bit"
    lab = CheckFixture(partial(RULES[name], how='eager'), lr=1e-3, path=tmp_path)
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
    "The optimizer is made before or after, anew, by hand, by `switch_opt`, from a partial, or after an export"
    lab = CheckFixture(partial(RULES['adamw'], mom=0.8), path=tmp_path)
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
    learn = CheckFixture(RULES['adamw'], path=tmp_path).learner().to_pure_bf16()
    quiet(learn, 'fit', 1)
    x,preds,ys,losses = quiet(learn, 'get_preds', with_input=True, with_loss=True)
    assert (x.dtype, preds.dtype, losses.dtype)==(torch.float32,)*3
    assert len(quiet(learn, 'validate'))==1

@pytest.mark.parametrize('name', ['adamw', 'schedulefree_adamw'])
def test_there_and_back(name, tmp_path):
    "Kahan's remainder is added to the float32 weights, the optimizer keeps its state, and a second call changes nothing"
    lab = CheckFixture(RULES[name], path=tmp_path)
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
    learn = CheckFixture(RULES['adamw'], path=tmp_path).learner()
    learn.model[2].register_buffer('n', torch.arange(3))
    learn.model[2].register_buffer('f', torch.ones(3, dtype=torch.float64))
    learn.model.append(nn.Identity())
    learn.model[3].weight = learn.model[0].weight
    learn.to_pure_bf16()
    m = learn.model
    assert m[3].weight is m[0].weight and (m[2].n.dtype, m[2].f.dtype, m[0].weight.dtype)==(torch.int64, torch.bfloat16, torch.bfloat16)

def test_resumed_pure_bf16_is_equal_to_the_bit(tmp_path):
    lab = CheckFixture(RULES['diffgrad'], lr=1e-3, path=tmp_path)
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

@pytest.mark.parametrize('opt_func,name', [(Adam, 'Adam'), (partial(OptimWrapper, opt=torch.optim.AdamW), 'OptimWrapper'),
    (fastai_ranger, 'ranger'), (torch_instance, 'torch_instance')])
def test_pure_bf16_is_for_our_rules(opt_func, name, tmp_path):
    learn = CheckFixture(opt_func, path=tmp_path).learner()
    with pytest.raises(TypeError, match=f'to_pure_bf16: {name} is not an optimizer of fastopt.*adamw.*to_bf16'): learn.to_pure_bf16()
    assert learn.model[0].weight.dtype==torch.float32 and not learn._grab_cbs(PureBF16)

def test_pure_bf16_refuses(tmp_path):
    lab = CheckFixture(RULES['adamw'], path=tmp_path)
    with pytest.raises(ValueError, match="has no 'kahn'; did you mean 'kahan'"): lab.learner().to_pure_bf16('kahn')
    for mixed in ('to_fp16', 'to_bf16'):
        learn = getattr(lab.learner(), mixed)()
        with pytest.raises(ValueError, match='MixedPrecision is for weights in float32.*to_fp32'): learn.to_pure_bf16()
        assert learn.model[0].weight.dtype==torch.float32
        with pytest.raises(ValueError, match='MixedPrecision is for weights in float32'):
            lab.fitted(getattr(lab.learner().to_pure_bf16(), mixed)(), 1)
        assert learn.to_fp32().to_pure_bf16().model[0].weight.dtype==torch.bfloat16
    learn = lab.learner().to_pure_bf16()
    with pytest.raises(TypeError, match='to_pure_bf16: OptimWrapper is not an optimizer of fastopt'):
        lab.fitted(learn, 2, cbs=switch_opt(0.5, torch_instance, lr=0.1))
    learn = lab.learner()
    learn.opt = Adam([list(learn.model.parameters())], lr=0.1)
    with pytest.raises(TypeError, match='Optimizer is not an optimizer of fastopt'): learn.to_pure_bf16()
    assert learn.model[0].weight.dtype==torch.float32
