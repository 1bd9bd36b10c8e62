"The rate finder leaves no trace, with every rule and with other optimizers"
import inspect
from functools import partial
import pytest, torch
from fastai.callback.schedule import steep, valley
from fastai.callback.training import GradientAccumulation
from fastai.learner import Learner
from fastai.optimizer import Adam, OptimWrapper, ranger as fastai_ranger
from fastai.test_utils import synth_learner
from fastai.torch_core import set_seed
from fastopt.evidence.conformance import CheckFixture, OverflowAt
from fastopt.core.fastai_face import FastOptimizer
from fastopt.training.lr_find import restore_learner
from fastopt.training.resume import _plain, _same
from rules_under_test import RULES, TORCH
from traces import Noisy, changed, everything, quiet

pytestmark = pytest.mark.filterwarnings('ignore:.*has no .*no effect', 'ignore:.*needs no schedule', 'ignore:numpy.core',
    'ignore:load_learner')
OTHERS = dict(Adam=Adam, fastai_ranger=fastai_ranger, torch_adamw=partial(OptimWrapper, opt=torch.optim.AdamW),
    torch_sgd=partial(OptimWrapper, opt=torch.optim.SGD, momentum=0.9), our_torch_adamw=partial(OptimWrapper, opt=TORCH['AdamW']))
FEW = {k: RULES[k] for k in ('adamw', 'diffgrad', 'ranger', 'sgd')}

def trained(opt_func, path, **kwargs):
    "A learner after a fit, with a frozen group, hypers set by hand, an unused weight and a leftover gradient"
    learn = CheckFixture(opt_func, path=path).learner(cbs=Noisy(), **kwargs)
    quiet(learn, 'fit', 1)
    learn.freeze()
    quiet(learn, 'fit', 1)
    for k,v in dict(lr=[1e-3, 0.0123], wd=0.03).items():
        if k in learn.opt.hypers[0]: learn.opt.set_hyper(k, v)
    learn.model[2].bias.requires_grad_(False)
    learn.model[2].weight.grad = torch.ones_like(learn.model[2].weight)
    return learn

@pytest.mark.parametrize('name', [*RULES, *OTHERS])
def test_lr_find_leaves_no_trace(name, tmp_path):
    learn = trained(OTHERS[name] if name in OTHERS else partial(RULES[name], how='eager'), tmp_path)
    before = everything(learn)
    quiet(learn, 'lr_find', end_lr=1, num_it=12, stop_div=False, show_plot=False)
    assert changed(before, everything(learn))==[]

ENDS = dict(diverges=dict(end_lr=1e30, stop_div=False, num_it=20), stops=dict(end_lr=1e6, num_it=20),
    interrupted=dict(raises=KeyboardInterrupt), fails=dict(raises=RuntimeError('out of memory')),
    in_accumulation=dict(cbs=[GradientAccumulation(10**6)]))

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
    "Shuffled data and all generators, including the seed of the loaders"
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
        learn = CheckFixture(rule, path=tmp_path).learner(wd=wd)
        quiet(learn, 'lr_find', num_it=8, show_plot=False)
        fresh = CheckFixture(rule, path=tmp_path).learner(wd=wd)
        fresh.create_opt()
        assert _same(_plain(learn.opt.state_dict()), _plain(fresh.opt.state_dict()))

def test_lr_find_is_fastais(tmp_path):
    "Suggestions, signature and docstring are the same"
    kwargs = dict(num_it=60, suggest_funcs=(valley, steep), show_plot=False)
    def ask(how):
        set_seed(0)
        return quiet(synth('adamw', tmp_path), how, **kwargs)
    assert ask('lr_find')==ask('_orig_lr_find')
    assert inspect.signature(Learner.lr_find)==inspect.signature(Learner._orig_lr_find)
    assert Learner.lr_find.__doc__==Learner._orig_lr_find.__doc__

class Refuses(FastOptimizer):
    "An optimizer that loads nothing"
    def __init__(self, params, lr=0.01): super().__init__(params, RULES['adamw'], lr=lr)
    def load_state_dict(self, sd): raise ValueError('not mine')

@pytest.mark.filterwarnings('ignore:Could not load')
def test_what_cannot_be_put_back_is_said_and_the_rest_is_put_back(tmp_path):
    learn = CheckFixture(Refuses, path=tmp_path).learner(cbs=Noisy())
    quiet(learn, 'fit', 1)
    before = everything(learn)
    with pytest.raises(ValueError, match='not mine'): quiet(learn, 'lr_find', num_it=8, show_plot=False)
    assert changed(before, everything(learn))==['opt']

def test_untouched_is_for_any_block(tmp_path):
    learn = trained(partial(RULES['adamw'], skip_nonfinite=True), tmp_path)
    before = everything(learn)
    with restore_learner(learn): quiet(learn, 'fit', 1, cbs=OverflowAt(2))
    assert changed(before, everything(learn))==[] and learn.opt.skipped==0

def test_untouched_with_another_default_device(tmp_path):
    learn = trained(RULES['adamw'], tmp_path)
    before = everything(learn)
    with torch.device('meta'), restore_learner(learn): learn.model[0].weight.data += 1
    assert changed(before, everything(learn))==[]

def test_lr_find_does_not_forget_that_the_user_froze(tmp_path):
    "A file with other frozen groups then warns, and does not thaw them"
    learn = CheckFixture(RULES['adamw'], path=tmp_path).learner()
    quiet(learn, 'fit', 1)
    learn.save('thawed')
    learn.freeze()
    quiet(learn, 'lr_find', end_lr=1, num_it=12, stop_div=False, show_plot=False)
    with pytest.warns(UserWarning, match='stays so'): learn.load('thawed')
    assert learn.opt.frozen_idx==1
