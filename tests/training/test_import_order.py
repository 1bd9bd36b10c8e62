"Whoever imports fastai after fastopt is told so once, and nobody else is"
import sys, types, warnings
import pytest, torch
from fresh import fresh
from fastai.data.core import DataLoaders
from fastopt.training import import_order
from itertools import permutations

TRAIN = '''
dls = DataLoaders.from_dsets([(torch.ones(2), torch.ones(1))]*4, [(torch.ones(2), torch.ones(1))]*2, bs=2, device='cpu')
def fit(opt_func, how='fit', **kwargs):
    learn = Learner(dls, nn.Linear(2, 1), loss_func=nn.MSELoss(), **({} if opt_func is None else dict(opt_func=opt_func)))
    with learn.no_bar(), learn.no_logging(): getattr(learn, how)(1, **kwargs)
'''
FASTAI,OURS = 'from fastai.vision.all import *\n','from fastopt.all import *\n'
WRONG,RIGHT = OURS+FASTAI+TRAIN,FASTAI+OURS+TRAIN

def warned(code, monkeypatch):
    "The messages of the warnings about the order of imports as `code` runs as the main module"
    main = types.ModuleType('__main__')
    monkeypatch.setitem(sys.modules, '__main__', main)
    monkeypatch.setattr(import_order, '_warned', [])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        exec(compile(code, 'main', 'exec'), vars(main))
    return [str(o.message) for o in seen if 'star-imported' in str(o.message)]

@pytest.mark.parametrize('use', ["fit(ranger)", "fit(SGD, 'fit_fc')", "fit(partial(partial(QHAdam, wd=0.1), mom=0.9), 'fit_one_cycle')",
    "fit(partial(Adam, wd=0.1))", "fit(RAdam)\nfit(ranger)"])
def test_the_wrong_order_is_told_once(use, monkeypatch):
    said, = warned(WRONG+use, monkeypatch)
    name = next(o for o in ('ranger','SGD','QHAdam','Adam','RAdam') if said.startswith(f"{o} is fastai's"))
    assert name in use and said.endswith('replaced Adam, QHAdam, RAdam, SGD, ranger: import fastopt.all last')

@pytest.mark.parametrize('code', [RIGHT+"fit(ranger)", WRONG+"fit(None)", WRONG+"fit(diffgrad)",
    WRONG+"fit(partial(lion, mom=0.9), 'fit_fc')",
    FASTAI+'import fastopt, fastopt.all\n'+TRAIN+'fit(ranger)', FASTAI+'from fastopt.all import diffgrad, lion\n'+TRAIN+'fit(ranger)',
    'from fastopt.all import diffgrad, lion\n'+FASTAI+TRAIN+'fit(ranger)', RIGHT+'from fastai.optimizer import ranger\nfit(ranger)',
    FASTAI+OURS+'from fastai.optimizer import Adam, SGD\n'+TRAIN+'fit(SGD)\nfit(partial(Adam, wd=0.1))',
    WRONG+'from fastopt.all import *\nfit(ranger)'], ids=range(10))
def test_others_are_told_nothing(code, monkeypatch): assert not warned(code, monkeypatch)

def test_a_script_is_told():
    code = OURS+FASTAI+TRAIN+'fit(ranger)'
    res = fresh(code)
    assert not res.returncode and res.stderr.count("ranger is fastai's and not fastopt's")==1

def test_the_optimizer_is_as_without_the_check():
    from fastai.learner import Learner
    from fastai.optimizer import ranger
    dls = DataLoaders.from_dsets([(torch.ones(2), torch.ones(1))]*4, [(torch.ones(2), torch.ones(1))]*2, bs=2, device='cpu')
    a,b = (Learner(dls, torch.nn.Linear(2, 1), loss_func=torch.nn.MSELoss(), opt_func=ranger, wd=0.3) for _ in range(2))
    a.create_opt()
    b._orig_create_opt()
    assert type(a.opt) is type(b.opt) and a.opt.hypers==b.opt.hypers

@pytest.mark.parametrize('mods', permutations(('fastopt.optim.schedulefree', 'fastopt.training.import_order')), ids='-'.join)
def test_in_any_order_of_imports_each_new_optimizer_is_seen_by_all(mods):
    "The patch of one must not undo that of the other"
    code = f'''import {', '.join(mods)}
from fastai.learner import Learner
from fastai.test_utils import synth_learner
from fastopt.optim.schedulefree import after_create_opt
seen = []
for k in after_create_opt: after_create_opt[k] = lambda learn, k=k: seen.append(k)
learn = synth_learner()
learn.create_opt()
print(sorted(seen), Learner._orig_create_opt.__module__)'''
    res = fresh(code)
    assert res.stdout=="['import order', 'schedule-free callback'] fastai.learner\n", res.stderr
