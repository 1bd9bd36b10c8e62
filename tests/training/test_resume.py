"Killed at any batch and resumed, a training ends like the uninterrupted one, to the last bit; and the errors of `learn.resume`."
import errno, numpy as np, os, pytest, random, re, signal, time, torch, warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fastai.basics import Callback, accuracy, set_seed
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.progress import ProgressCallback
from fastai.callback.schedule import ParamScheduler, SchedLin, fine_tune, lr_find # chkstyle: ignore - patches Learner
from fastai.callback.tracker import EarlyStoppingCallback, ReduceLROnPlateau
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.distributed import ParallelTrainer
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat, LabelSmoothingCrossEntropy
from fastai.optimizer import Adam, OptimWrapper, ranger as fastai_ranger
from fastcore.foundation import L
from fastcore.script import CliError
from fastopt.optim.adamod import AdaMod
from fastopt.training.sam import SAM
from fastopt.training.resume import RESUME_FORMAT, SaveResume
from fastopt.training.resume import _remove_checkpoint, _beside as beside, _fits as fits, _plain as plain, _read as read, _write as write
from fastopt.training.flat_anneal import fit_fc # chkstyle: ignore - patches Learner
from fastopt.training.schedules import SwitchOpt
from fastopt.optim.yellowfin import YellowFin
from forked import Forked
from functools import partial
from hypothesis import given, settings, strategies as st
from rules_under_test import RULES
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, AdamW

pytestmark = pytest.mark.filterwarnings("ignore:callbacks is .*'at'.* in the file",
    'ignore:.*has no .*no effect', 'ignore:.*needs no schedule', 'ignore:numpy.core')
EPOCHS,BATCHES,KILLS = 3,4,20
IN_BATCH = ['before_batch','after_loss','after_backward','before_step','after_step','after_batch']
IN_EPOCH = ['before_epoch','before_train','after_train','before_validate','after_validate','after_epoch']
POINTS = [(e,None,k) for e in range(EPOCHS) for k in IN_EPOCH] + [(e,b,k) for e in range(EPOCHS) for b in range(BATCHES) for k in IN_BATCH]

def when(point):
    "Key to sort by time"
    epoch,batch,event = point
    if batch is not None: return epoch,1+batch,IN_BATCH.index(event)
    return epoch,(0 if IN_EPOCH.index(event)<2 else 99),IN_EPOCH.index(event)

@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    "Do not wait for the disk: a signal loses nothing that the system has accepted"
    monkeypatch.setattr(os, 'fsync', lambda f: None)
    monkeypatch.chdir(tmp_path) # `lr_find` saves the model in a folder `models`

class Noisy:
    "Items with noise from all three generators"
    def new_empty(self): return Noisy(0) # For `export`
    def __init__(self, n): self.x,self.y = torch.randn(n, 6, generator=torch.Generator().manual_seed(n)),torch.arange(n)%3
    def __len__(self): return len(self.x)
    def __getitem__(self, i): return self.x[i] + torch.randn(6) + random.random() + np.random.rand(), self.y[i]

def halves(m): return [list(m[:2].parameters()), list(m[2:].parameters())]

def count(m, i, o): m.calls += m.training

def net(dtype=torch.float32):
    "Batch norm, dropout, and a buffer that is not saved"
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(.3), nn.Linear(8, 3))
    model.register_buffer('calls', torch.zeros(()), persistent=False)
    model.register_forward_hook(count)
    return model.to(dtype)

class Bf16(Callback):
    "Inputs in the dtype of the weights"
    def before_batch(self): self.learn.xb = tuple(o.bfloat16() for o in self.xb)
    def after_pred(self): self.learn.pred = self.pred.float()

def make(opt_func, model=net, dls=None, workers=0, n=25, loss=None, **kwargs):
    "A new learner, made as a script would make it"
    set_seed(7)
    if dls is None: dls = DataLoaders.from_dsets(Noisy(n), Noisy(9), bs=6, num_workers=workers, device='cpu')
    return Learner(dls, model(), loss_func=loss or CrossEntropyLossFlat(), opt_func=opt_func, splitter=halves, metrics=accuracy, **kwargs)

def eager(rule, **kwargs): return partial(rule, how='eager', **kwargs)

def one_cycle(learn, cbs): learn.fit_one_cycle(EPOCHS, slice(1e-3, 1e-2), cbs=cbs)

def fc(learn, cbs): learn.fit_fc(EPOCHS, [1e-3,1e-2], moms=(.95,.8), cbs=cbs)

class Killed(Exception): "Stands in for a signal"

def raised(): raise Killed('killed')

class At(Callback):
    "Call `how` at `event` of `epoch`, and of `batch` if it is a number"
    order = 900
    def __init__(self, epoch, batch, event, how):
        self.epoch_,self.batch,self.how = epoch,batch,how
        setattr(self, event, self.look)
    def look(self):
        if self.epoch==self.epoch_ and (self.batch is None or (self.training and self.learn.iter==self.batch)): self.how()

class Always(Callback):
    "Add a random number of its own generator to each loss"
    def after_loss(self): self.learn.loss_grad = self.loss_grad*(1+random.random())

def quiet(learn, fit, cbs):
    with learn.no_bar(), learn.no_logging(): fit(learn, cbs)
    return learn

def script(path, make, fit, cbs=lambda: [], every=1, die=None):
    "The script of each process: a new learner that resumes from `path`"
    learn = make()
    if path: learn.resume(path)
    save = [SaveResume(path, every)] if path else []
    return quiet(learn, fit, [*cbs(), *save, *([At(*die)] if die else [])])

def state(learn):
    "Everything that a training leaves behind, except the times"
    r = learn.recorder
    return plain(dict(model=dict(learn.model.named_parameters()), buffers=dict(learn.model.named_buffers()), opt=learn.opt.state_dict(),
        trains=[p.requires_grad for p in learn.model.parameters()], losses=r.losses, values=r.values, lrs=r.lrs, iters=r.iters,
        hps=getattr(r, 'hps', None), rng=[random.random(), np.random.rand(), torch.rand(1)],
        loader=learn.dls.train.rng.random() if hasattr(learn.dls.train, 'rng') else 0))

def bits(o):
    "`o` as a list of bytes and values, so that NaN equals NaN and -0 does not equal 0"
    if isinstance(o, torch.Tensor):
        return [str(o.dtype), tuple(o.shape), o.contiguous().flatten().view(torch.uint8).numpy().tobytes() if o.numel() else b'']
    if isinstance(o, dict): return [(k, bits(v)) for k,v in o.items()]
    if isinstance(o, (list, tuple)): return [bits(v) for v in o]
    return repr(o)

def differ(a, b, path=''):
    "The places where two results differ"
    if isinstance(a, dict) and isinstance(b, dict) and a.keys()==b.keys(): return sum([differ(a[k], b[k], f'{path}.{k}') for k in a], [])
    return [] if bits(a)==bits(b) else [path]

can_fork = hasattr(os, 'fork') and not torch.cuda.is_available() # Autograd's GPU threads do not survive a fork

def together(runs):
    "Start each of `runs` where the one before is killed; where the last one is, kill them all"
    if not runs: os.kill(os.getpid(), signal.SIGKILL)
    with torch.enable_grad(): runs[0](lambda: together(runs[1:]))

def killed(*runs):
    """Run all of `runs` in one child that is killed, because forks are expensive; or here, one by one, with an exception. A run is a
    function of the call that kills it"""
    if not can_fork:
        for run in runs:
            with pytest.raises(Killed): run(raised)
        return
    assert Forked(partial(together, runs)).wait()==-signal.SIGKILL

def check(path, runs, chains):
    """Compare uninterrupted trainings `runs` (name to make, fit, cbs) with ones that are killed. Each of `chains` has for each run the
    points where it is killed, one after the other, and how often it is saved"""
    whole = {k: state(script(None, *o)) for k,o in runs.items()}
    for i,chain in enumerate(chains):
        files = {k: (path/f'{i}{k}.ckpt', *o) for k,o in runs.items()}
        for dies in zip(*[[(k, every, o) for o in points] for k,(points,every) in chain.items()]):
            killed(*[lambda how, k=k, every=every, o=o: script(*files[k], every, (*o, how)) for k,every,o in dies])
        for k,(points,every) in chain.items():
            bad = differ(state(script(*files[k], every)), whole[k])
            assert not bad, f'{k}: {points}, every {every}: {bad}'

def at_random(names, chains, kills, seed, points=POINTS):
    "Chains of kills at random points"
    rnd = random.Random(seed)
    return [{k: (sorted(rnd.sample(points, kills), key=when), rnd.choice((1, 1, 2, 3))) for k in names} for _ in range(chains)]

def seed_of(name): return sum(map(ord, name))

TOGETHER = [list(RULES)[i:i+8] for i in range(0, len(RULES), 8)]
SHORT = sorted([o for o in POINTS if o[0]<2 and o[1] in (None, 0, 1, 2)], key=when)
FEW = {k: (SHORT[i%24::24], 1 + i//24%3) for i,k in enumerate(RULES)} # Each point occurs once in every 24 rules

def short_fit(learn, cbs): learn.fit_one_cycle(2, slice(1e-3, 1e-2), cbs=cbs)

@pytest.mark.parametrize('kills', ['few', pytest.param('many', marks=pytest.mark.full)])
@pytest.mark.parametrize('names', TOGETHER, ids='-'.join)
def test_every_rule(tmp_path, names, kills):
    "Two kills each in two epochs of three batches, or twenty in three of four, with one kill for several trainings"
    few = kills=='few'
    runs = {k: (lambda k=k: make(eager(RULES[k]), n=19 if few else 25), short_fit if few else one_cycle, list) for k in names}
    check(tmp_path, runs, [{k:FEW[k] for k in names}] if few else at_random(names, 4, KILLS//4, seed_of(names[0])))

def test_every_rule_is_killed_and_every_point_and_interval_kills():
    assert FEW.keys()==RULES.keys() and {o for points,_ in FEW.values() for o in points}==set(SHORT)
    assert {(o, every) for points,every in FEW.values() for o in points}=={(o, n) for o in SHORT for n in (1, 2, 3)}

class Cpu16(MixedPrecision):
    "Autocast and a scaler that work without a GPU, with overflows at the start and growth every third batch"
    def before_fit(self):
        self.autocast = torch.autocast('cpu', dtype=torch.bfloat16)
        self.learn.scaler,self.scales = torch.amp.GradScaler('cpu', init_scale=2.**127, growth_interval=3),L()

def frozen(learn, cbs):
    learn.freeze()
    one_cycle(learn, cbs)

def by_hand(learn, cbs):
    learn.create_opt()
    learn.model[4].weight.requires_grad_(False)
    one_cycle(learn, cbs)

def plain_fit(learn, cbs): learn.fit(EPOCHS, 1e-2, wd=.1, cbs=cbs)

def flat(learn, cbs): learn.fit_flat_cos(EPOCHS, 1e-2, cbs=cbs)

def late(learn, cbs): learn.fit_fc(EPOCHS, 1e-2, start_epoch=1, cbs=cbs)

def again(learn, cbs): learn.fit_one_cycle(EPOCHS, 1e-2, reset_opt=True, cbs=cbs)

def bf16(rule, lowp):
    return dict(make=lambda: make(eager(RULES[rule], lowp=lowp), model=partial(net, torch.bfloat16)), cbs=lambda: [Bf16()])

def with_cbs(*cbs): return dict(cbs=lambda: [cb() for cb in cbs])

def wrapped(opt, **kwargs): return dict(make=lambda: make(partial(OptimWrapper, opt=opt, **kwargs)))

def switched(to=partial(RULES['sgd'], mom=.9), lr=None, **kwargs):
    "The rule changes in the middle of the second epoch, at a rate estimated from three batches"
    return dict(cbs=lambda: [SwitchOpt(.4, to, lr, n_last=3)], **kwargs)

def torch_loaders():
    "PyTorch's loaders, one with its own generator"
    load = torch.utils.data.DataLoader
    dls = DataLoaders(load(Noisy(25), 6, shuffle=True, drop_last=True, generator=torch.Generator().manual_seed(3)), load(Noisy(9), 6))
    return make(eager(RULES['adamw']), dls=dls)

STEPS = [o for o in POINTS if o[2] not in ('before_step','after_step')] # Points where steps may be skipped

def sched(): return ParamScheduler({'wd': SchedLin(.1, .5)})

VARIANTS = dict(fit_fc=dict(fit=fc), fit=dict(fit=plain_fit), flat_cos=dict(fit=flat), reset_opt=dict(fit=again), frozen=dict(fit=frozen),
    start_epoch=dict(fit=late, points=[o for o in POINTS if o[0]]), by_hand=dict(fit=by_hand), kahan=bf16('adamw', 'kahan'),
    frozen_bn=dict(fit=frozen, make=lambda: make(eager(RULES['ranger']), train_bn=False)), kahan_diffgrad=bf16('diffgrad', 'kahan'),
    stochastic=bf16('ranger', 'stochastic'), bf16=bf16('adamod', 'plain'), sam=with_cbs(SAM), clip=with_cbs(partial(GradientClip, .1)),
    accumulate=dict(cbs=lambda: [GradientAccumulation(14)], points=STEPS), mixup=with_cbs(MixUp), own_random=with_cbs(Always),
    sam_accumulates=dict(cbs=lambda: [SAM(), GradientAccumulation(14)], points=STEPS), scaler=dict(cbs=lambda: [Cpu16()], points=STEPS),
    accumulate_zeros=dict(make=lambda: make(Adam), cbs=lambda: [GradientAccumulation(14)], points=STEPS), torch_adamw=wrapped(AdamW),
    scheduled_wd=dict(fit=plain_fit, cbs=lambda: [sched()]), foreach=dict(make=lambda: make(partial(RULES['diffgrad'], how='foreach'))),
    plateau=dict(fit=plain_fit, cbs=lambda: [ReduceLROnPlateau(patience=0, min_delta=9.)]), fastai_adam=dict(make=lambda: make(Adam)),
    fastai_ranger=dict(make=lambda: make(fastai_ranger)), torch_sgd=wrapped(SGD, momentum=.9), torch_adamod=wrapped(AdaMod),
    torch_yellowfin=dict(**wrapped(YellowFin), fit=flat), torch_loaders=dict(make=torch_loaders), switch=switched(chains=4, kills=5),
    switch_given=switched(lr=.01), switch_back=switched(to=RULES['adamw']),
    switch_bf16={**bf16('adamw', 'kahan'), 'cbs': lambda: [Bf16(), SwitchOpt(.4, lr=.01)]},
    switch_to_torch=switched(to=partial(OptimWrapper, opt=SGD, momentum=.9)),
    switch_from_torch=dict(**wrapped(AdamW), cbs=lambda: [SwitchOpt(.4, n_last=3)]))

@pytest.mark.parametrize('kills', [2, pytest.param(8, marks=pytest.mark.full)])
@pytest.mark.parametrize('name', VARIANTS)
def test_variant(tmp_path, name, kills):
    args = {**dict(make=lambda: make(eager(RULES['diffgrad'])), fit=one_cycle, cbs=list), **VARIANTS[name]}
    run = {name: [args.pop(k) for k in ('make', 'fit', 'cbs')]}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        check(tmp_path, run, at_random(run, **{**dict(chains=1, kills=kills, seed=seed_of(name)), **args}))

def test_workers(tmp_path):
    "Loaders with worker processes; a kill would leave them orphaned, so an exception is used"
    learner,points = (lambda: make(eager(RULES['adamw']), workers=1)),[(1, 2, 'before_step'), (2, 0, 'after_batch')]
    whole = state(script(None, learner, one_cycle))
    for o in points:
        with pytest.raises(Killed): script(tmp_path/'x', learner, one_cycle, die=(*o, raised))
    assert not differ(state(script(tmp_path/'x', learner, one_cycle)), whole)

class InFit(At):
    "Killed in one of several fits"
    def __init__(self, number, *args):
        self.number = number
        super().__init__(*args)
    def look(self):
        if getattr(self.learn, 'fits_done', 0)+1==self.number: super().look()

def tuned(path, die=None):
    "Three fits with two schedules: momentum leaks from one into the next, and `fit_fc` restores the old value"
    learn = make(eager(RULES['adamw']))
    if path: went = learn.resume(path)
    cbs = [*([SaveResume(path, 2)] if path else []), *([InFit(*die)] if die else [])]
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(2, 1e-2, cbs=cbs)
        learn.fit_fc(1, 1e-3, moms=(.7,.6), cbs=cbs)
    return (learn,went) if path else learn

def test_several_fits(tmp_path):
    whole,path,seen = state(tuned(None)),tmp_path/'x',[]
    for die in ((1,0,3,'before_step'), (2,0,1,'after_loss'), (2,1,None,'before_validate'), (3,0,0,'before_batch'), (3,0,3,'after_step')):
        killed(lambda how: tuned(path, (*die, how)))
        seen.append(torch.load(path)['origin']['number'])
    assert seen==[0,0,1,1,2]
    learn,went = tuned(path)
    assert not differ(state(learn), whole)
    assert went==dict(fit=2, epoch=0, batch=1, file=str(path))
    learn,went = tuned(path)
    assert (went['fit'],went['batch'])==(2,None) and not differ(state(learn), whole), 'a finished fit is not trained again'

class Touches(Callback):
    "Writes a file at the beginning and at the end of a fit"
    def __init__(self, file): self.file = file
    def before_fit(self): self.write()
    def after_fit(self): self.write()
    def write(self): self.file.write_text(str(next(self.learn.model.parameters()).sum().item()))

def test_fits_that_had_ended_touch_no_file(tmp_path):
    "Neither their callbacks nor `learn.save` and `learn.export` between fits replace what was there, until the interrupted fit goes on"
    def run(die=None):
        learn,said = make(eager(RULES['adamw'])),[]
        learn.path = tmp_path
        learn.resume(tmp_path/'x', quiet=True)
        with learn.no_bar(), learn.no_logging(), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            learn.fit_one_cycle(1, 1e-2, cbs=[SaveResume(tmp_path/'x', 2), Touches(tmp_path/'first')])
            learn.save('stage-1')
            learn.export('stage-1.pkl')
            learn.fit_fc(2, 1e-3, cbs=[SaveResume(tmp_path/'x', 2), Touches(tmp_path/'second'), *([InFit(*die)] if die else [])])
            learn.save('stage-2')
        return learn,[str(o.message) for o in said]
    with pytest.raises(Killed): run((2, 1, 2, 'before_step', raised))
    files = [tmp_path/o for o in ('first', 'models/stage-1.pth', 'stage-1.pkl')]
    was,second = [o.read_bytes() for o in files],(tmp_path/'second').read_text()
    learn,said = run()
    assert [o.read_bytes() for o in files]==was and (tmp_path/'second').read_text()!=second and (tmp_path/'models/stage-2.pth').exists()
    assert [o.partition(' stays as it is')[0] for o in said if 'stays' in o]==[str(o) for o in files[1:]]
    learn.save('stage-1')
    assert files[1].read_bytes()!=was[1], 'afterwards files are replaced as usual'
    learn = make(eager(RULES['adamw']))
    with learn.no_bar(), learn.no_logging():
        with pytest.raises(Killed): learn.fit(2, cbs=[SaveResume(tmp_path/'y', 1), InFit(1, 0, 2, 'before_step', raised)])
    assert make(eager(RULES['adamw'])).resume(tmp_path/'y'), 'where no fit is skipped, weights of a checkpoint can be saved'

@pytest.mark.parametrize('wrapped', [True, False])
def test_a_model_that_a_trainer_wraps_is_resumed(tmp_path, wrapped):
    "Names in the file are those of the model itself, whoever wraps it"
    def run(path, die=None):
        learn = make(eager(RULES['adamw']))
        if path: learn.resume(path, quiet=True)
        cbs = [ParallelTrainer([])]*bool(wrapped or die) + ([SaveResume(path, 1)] if path else []) + ([InFit(*die)] if die else [])
        with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(2, 1e-2, cbs=cbs)
        return learn
    whole = state(run(None))
    with pytest.raises(Killed): run(tmp_path/'x', (1, 1, 2, 'before_step', raised))
    assert not differ(state(run(tmp_path/'x')), whole)

def changed(path, die=None, cbs=lambda: [SwitchOpt(.4, n_last=3)]):
    "Two fits: the rule changes in the first, and the second continues with the new one"
    learn = make(eager(RULES['adamw']))
    if path: learn.resume(path)
    both = [*([SaveResume(path, 1)] if path else []), *([InFit(*die)] if die else [])]
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(2, 1e-2, cbs=[*cbs(), *both])
        learn.fit_fc(2, 1e-2, cbs=both)
    return learn

def test_fit_after_a_change_of_rule(tmp_path):
    learn,path = changed(None),tmp_path/'x'
    whole = state(learn)
    assert learn.opt.rule is RULES['sgd']
    for die in ((1,0,1,'before_step'), (1,0,3,'after_step'), (1,1,1,'after_loss'), (1,1,None,'after_validate'), (2,0,0,'before_batch'),
        (2,0,2,'after_step'), (2,1,3,'after_batch')):
        killed(lambda how: changed(path, (*die, how)))
    assert not differ(state(changed(path)), whole)

def test_change_of_rule_is_asked_for(tmp_path):
    "A missing callback raises an error before anything is trained"
    path = tmp_path/'x'
    with pytest.raises(Killed): changed(path, (1, 1, 2, 'before_step', raised))
    with pytest.raises(ValueError, match=r'optimizer in the file is sgd\(.*that of this fit adamw\(.*callback that changed'):
        changed(path, cbs=list)
    with pytest.raises(ValueError, match='optimizer: adamw.*here: diffgrad'): make(eager(RULES['diffgrad'])).resume(path)

def test_stopped_early(tmp_path):
    "A fit that a callback ends"
    learner,stop = (lambda: make(eager(RULES['adamw']))),(lambda: [EarlyStoppingCallback(min_delta=9., patience=1)])
    whole = state(script(None, learner, plain_fit, stop))
    killed(lambda how: script(tmp_path/'x', learner, plain_fit, stop, die=(1, 2, 'after_step', how)))
    for _ in range(2): assert not differ(state(script(tmp_path/'x', learner, plain_fit, stop)), whole)
    assert len(whole['values'])==2

@pytest.mark.skipif(not can_fork, reason='forks')
@pytest.mark.parametrize('name', ['adamw','ranger'])
def test_killed_by_the_clock(tmp_path, name):
    "Killed from outside at any moment, writing or not, again and again until the training finishes"
    path,rnd,n = tmp_path/'x',random.Random(name),0
    run = partial(script, path, lambda: make(eager(RULES[name])), one_cycle)
    while n<100:
        p = Forked(run)
        time.sleep(rnd.uniform(.02, .3) if n else .03)
        p.kill()
        if p.wait()!=-signal.SIGKILL: break
        n += 1
    assert n
    assert not differ(state(run()), state(script(None, lambda: make(eager(RULES[name])), one_cycle)))

def saved(path, rule='adamw', every=1, die=(1, 2, 'before_step'), **kwargs):
    "A training that was killed after batch 1 of epoch 1"
    with pytest.raises(Killed): script(path, lambda: make(eager(RULES[rule]), **kwargs), one_cycle, every=every, die=(*die, raised))
    return torch.load(path, weights_only=True)

def fresh(**kwargs): return make(eager(RULES['adamw']), **kwargs)

def refused(path, *words, learn=None):
    "Check the error for `path` alone, the warning if there is a previous file, and that nothing has changed"
    learn = learn or fresh()
    before = plain(learn.model.state_dict())
    prev,kept = beside(path, '.prev'),path.with_name('kept')
    os.replace(prev, kept)
    with pytest.raises(ValueError) as e: learn.resume(path)
    assert all(w in str(e.value) for w in (str(path), *words)), str(e.value)
    assert not differ(plain(learn.model.state_dict()), before) and '_do_fit' not in vars(learn)
    os.replace(kept, prev)

def falls_back(path, word):
    "The previous checkpoint is used, with a warning, and the training ends as it should"
    learn = fresh()
    with pytest.warns(UserWarning, match=word): went = learn.resume(path)
    assert went==dict(fit=0, epoch=1, batch=0, file=str(beside(path, '.prev')))
    whole = state(script(None, fresh, one_cycle))
    assert not differ(state(quiet(learn, one_cycle, [SaveResume(path, 1)])), whole)

@pytest.mark.parametrize('share', [0., .001, .3, .9, .9999])
def test_truncated(tmp_path, share):
    path = tmp_path/'x'
    saved(path)
    data = path.read_bytes()
    path.write_bytes(data[:int(share*len(data))])
    refused(path, 'truncated')
    falls_back(path, 'truncated')

@pytest.mark.parametrize('what', ['text','weights','pickle','list','newer','older','rule','option','lowp'])
def test_foreign(tmp_path, what):
    path = tmp_path/'x'
    ck = saved(path)
    if what=='text': path.write_text('hello'*1000)
    elif what=='pickle': torch.save(nn.Linear(2, 2), path)
    else: torch.save(dict(weights=ck['model']['tensors'], list=[ck], newer={**ck, 'resume_format': RESUME_FORMAT+1, 'version': '9.9'},
        older={**ck, 'resume_format': 1}, rule={**ck, 'optimizer': 'adam(eps_hat=False, lowp=plain)'},
        option={**ck, 'optimizer': ck['optimizer'].replace('False', 'True')},
        lowp={**ck, 'optimizer': ck['optimizer'].replace('plain', 'kahan')})[what], path)
    word = dict(text='cannot be read', pickle='cannot be read', weights='not a checkpoint of Save', list='not a checkpoint of Save',
        newer='pip install -U fastopt', older='resume it with the fastopt that wrote it', rule='optimizer: adam', option='eps_hat=True',
        lowp='lowp=kahan')[what]
    refused(path, word)
    falls_back(path, word)

def narrow(): return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(.3), nn.Linear(4, 3))

@pytest.mark.parametrize('learn,words', [(lambda: make(eager(RULES['adam'])), ('optimizer: adamw', 'here: adam(')),
    (lambda: fresh(model=narrow), ("tensor '0.weight' is (8, 6) float32 in the file and (4, 6) float32 here",)),
    (lambda: fresh(model=partial(net, torch.bfloat16)), ('bfloat16 here',)),
    (lambda: Learner(fresh().dls, net(), nn.CrossEntropyLoss(), eager(RULES['adamw'])), ('weights of the groups: [4, 2]; here: [6]',))])
def test_other_learner(tmp_path, learn, words):
    "The previous file is no remedy for a wrong model or rule: it is refused as well"
    path = tmp_path/'x'
    saved(path)
    refused(path, *words, learn=learn())
    with pytest.raises(ValueError, match='prev is refused'): learn().resume(path)

def test_no_file(tmp_path):
    learn = fresh()
    assert learn.resume(tmp_path/'nothing') is False and learn.opt is None and '_do_fit' not in vars(learn)
    saved(tmp_path/'x')
    (tmp_path/'x').unlink() # Killed between the two renames
    assert fresh().resume(tmp_path/'x')['file'].endswith('.prev')

@pytest.mark.parametrize('kwargs,word', [(dict(n_epoch=4), "'epochs' is 3 in the file and 4 here"), (dict(lr_max=1e-2), 'schedule of lr'),
    (dict(pct_start=.5), 'schedule of'), (dict(moms=(.9,.8,.9)), 'schedule of mom')])
def test_other_call(tmp_path, kwargs, word):
    saved(tmp_path/'x')
    learn = fresh()
    learn.resume(tmp_path/'x')
    kwargs = {**dict(n_epoch=3, lr_max=slice(1e-3, 1e-2)), **kwargs}
    with pytest.raises(ValueError, match=word): quiet(learn, lambda learn, cbs: learn.fit_one_cycle(**kwargs), [])

def test_other_data(tmp_path):
    saved(tmp_path/'x')
    learn = fresh(dls=DataLoaders.from_dsets(Noisy(26), Noisy(9), bs=6, device='cpu'))
    learn.resume(tmp_path/'x')
    with pytest.raises(ValueError, match="'items' is 25 in the file and 26 here"): quiet(learn, one_cycle, [])

def temporary(path): return [o.name for o in path.parent.iterdir() if o.name.startswith('part-')]

@pytest.mark.parametrize('call', ['save','first replace','second replace'])
def test_killed_writing(tmp_path, call, monkeypatch):
    "Half of the new file, or one of two renames"
    path,whole = tmp_path/'x',state(script(None, fresh, one_cycle))
    ck,left = saved(path),[int(call=='second replace')]
    real = dict(save=torch.save, replace=os.replace)
    def half(o, f):
        f.write(b'PK'*100)
        raise Killed('killed')
    def refuse(*args):
        if not left[0]: raise Killed('killed')
        left[0] -= 1
        real['replace'](*args)
    monkeypatch.setattr(*((torch, 'save', half) if call=='save' else (os, 'replace', refuse)))
    with pytest.raises(Killed): script(path, fresh, one_cycle)
    monkeypatch.undo()
    went = fresh().resume(path)
    assert not temporary(path) and (went['epoch'],went['batch'])==(1,1)==(ck['epoch'],ck['batch'])
    assert not differ(state(script(path, fresh, one_cycle)), whole)

def test_never_casts(tmp_path):
    "float32 moments and a uint8 state of 16-bit weights come back as they were"
    def learner():
        learn = make(partial(OptimWrapper, opt=SGD, momentum=.9), model=partial(net, torch.bfloat16))
        learn.create_opt()
        return learn
    learn = learner()
    quiet(learn, plain_fit, [Bf16()])
    for st in learn.opt.opt.state.values():
        st.update(momentum_buffer=st['momentum_buffer'].float()+1e-5, code=torch.arange(3, dtype=torch.uint8))
    with pytest.raises(Killed): script(tmp_path/'x', lambda: learn, plain_fit, lambda: [Bf16()], die=(0, 1, 'before_step', raised))
    ck,new = torch.load(tmp_path/'x'),learner()
    new.resume(tmp_path/'x')
    for a,b in zip(ck['opt']['state'].values(), new.opt.opt.state.values()): assert not differ(a, plain(b))
    assert {v.dtype for st in new.opt.opt.state.values() for v in st.values()}>={torch.uint8}

def test_not_only_fit(tmp_path):
    "Validation, prediction and `lr_find` do not change the file or the position"
    whole,path = state(script(None, fresh, one_cycle)),tmp_path/'x'
    saved(path)
    learn = fresh(cbs=SaveResume(path, 1))
    learn.resume(path)
    data = path.read_bytes()
    with learn.no_bar(), learn.no_logging():
        learn.validate()
        learn.get_preds()
        learn.lr_find(num_it=20, show_plot=False)
    assert path.read_bytes()==data
    learn.resume(path)
    assert not differ(state(quiet(learn, one_cycle, [])), whole)

def test_without_saving(tmp_path):
    "The resumed fit need not save, and may show its progress bars"
    path,whole = tmp_path/'x',state(script(None, fresh, one_cycle))
    saved(path)
    learn = fresh()
    assert learn.resume(str(path))
    one_cycle(learn, [])
    assert not differ(state(learn), whole)
    script(path, fresh, one_cycle)
    learn = fresh()
    learn.resume(path)
    one_cycle(learn, []) # There is nothing left to do
    assert not differ(state(learn), whole)

def test_several_processes(tmp_path, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(NotImplementedError, match='train in one process'): script(tmp_path/'x', fresh, one_cycle)

def test_arguments_stay(tmp_path):
    "Arguments of a callback come from the script; its counters are restored"
    class Count(Callback):
        def __init__(self, step): self.step,self.n = step,0
        def after_step(self): self.n += self.step
    with pytest.raises(Killed): script(tmp_path/'x', fresh, one_cycle, lambda: [Count(1)], die=(1, 2, 'before_step', raised))
    new = Count(100)
    script(tmp_path/'x', fresh, one_cycle, lambda: [new])
    assert new.n==BATCHES+2 + 100*(BATCHES-2 + BATCHES)

def test_a_removed_checkpoint_leaves_nothing_and_its_neighbours_stay(tmp_path):
    for o in ('x', 'x.prev', 'x.lock', 'x2', 'part-x2-running'): (tmp_path/o).write_text('')
    (tmp_path/'part-x-killed').mkdir()
    (tmp_path/'part-x-killed'/'x').write_text('half')
    _remove_checkpoint(tmp_path/'x')
    assert {o.name for o in tmp_path.iterdir()}=={'x.lock', 'x2', 'part-x2-running'}

@pytest.mark.parametrize('every', [0, -1])
def test_every(tmp_path, every):
    with pytest.raises(ValueError, match=f'every={every}'): SaveResume(tmp_path/'x', every)

@pytest.mark.parametrize('place', ['path', '.prev', 'parent', 'parent of parent'])
def test_wrong_places_are_refused_at_the_start(tmp_path, place):
    "A folder in the place of the file is neither moved nor written over, and no batch is trained before the error"
    path = tmp_path/'models' if place in ('path', '.prev') else tmp_path/'file'/('x' if place=='parent' else 'folder/x')
    kept = beside(path, '.prev') if place=='.prev' else path
    if 'parent' in place: (tmp_path/'file').write_text('precious')
    else:
        kept.mkdir()
        (kept/'best.pth').write_text('precious')
    learn = fresh()
    before = plain(learn.model.state_dict())
    with pytest.raises(CliError) as e: quiet(learn, one_cycle, [SaveResume(path, 1)])
    says = str(e.value).partition('\n\t')[2] # fastai names the callback first
    assert '\n' not in says and (f'{kept} is a folder' in says and 'Give the path of a file' in says if 'parent' not in place else
        f'Cannot write {path}' in says and 'Choose another folder' in says)
    assert [o.read_text() for o in tmp_path.rglob('*') if o.is_file()]==['precious'] and not differ(plain(learn.model.state_dict()), before)
    if 'parent' in place: return
    learn = fresh()
    with pytest.raises(CliError, match=re.escape(f'{kept} is a folder')): learn.resume(path)
    assert learn.opt is None and (kept/'best.pth').exists()

def warned(call, learn=None):
    "What the resumed fit of `call` warns of, in one string, or nothing"
    learn = learn or fresh()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        call(learn)
    return '; '.join(m for o in seen if 'in the file and' in (m := str(o.message)))

def resumed(path, how, cbs=list, **kwargs):
    "A call that resumes from `path`"
    def call(learn):
        if path.exists(): learn.resume(path)
        with learn.no_bar(), learn.no_logging(): getattr(learn, how)(2, **kwargs, cbs=[*cbs(), SaveResume(path, 1)])
    return call

class Dies(Callback):
    "Interrupts the training at batch `n`, if it is a number"
    order = 900
    def __init__(self, n=None): self.n = n
    def before_step(self):
        if self.train_iter==self.n: raise Killed('killed')

SAME = dict(fit=dict(lr=.01, wd=.1), fit_none=dict(), fit_one_cycle=dict(lr_max=slice(1e-3, 1e-2)), fit_flat_cos=dict(lr=.01),
    fit_fc=dict(lr=[1e-3,1e-2], moms=(.95,.8)))

@pytest.mark.parametrize('n', [1, 3, 5])
@pytest.mark.parametrize('opt', ['adamw', 'fastai', 'torch'])
@pytest.mark.parametrize('how', SAME)
def test_the_same_call_warns_of_nothing(tmp_path, how, opt, n):
    "Whatever schedules have done to the hypers, with callbacks of the learner and of the fit, and with a callback that changes hypers"
    class Moves(Callback):
        def before_train(self): self.opt.set_hyper('wd', .01*(self.epoch+1))
    def learner(): return make(dict(adamw=eager(RULES['adamw']), fastai=Adam, torch=partial(OptimWrapper, opt=AdamW))[opt], cbs=MixUp())
    call,path = partial(resumed, tmp_path/'x', how.removesuffix('_none'), **SAME[how]),tmp_path/'x'
    with pytest.raises(Killed): call(lambda: [Dies(n), Moves(), GradientClip(.1)])(learner())
    assert path.exists() and warned(call(lambda: [Moves(), Dies(), GradientClip(.1)]), learner())==''

USUAL,MORE = [['cast_to_tensor', 'dies', *o, 'train_eval'] for o in ([], ['gradient_accumulation'])]
CHANGES = [(dict(lr=.1), list, 'lr is 0.01 in the file and 0.1 here'), (dict(wd=.9), list, 'wd is 0.1 in the file and 0.9 here'),
    (dict(), lambda: [GradientAccumulation(12)], f'callbacks is {USUAL} in the file and {MORE} here')]

@pytest.mark.parametrize('change,cbs,says', CHANGES)
def test_other_hypers_and_callbacks_warn(tmp_path, change, cbs, says):
    "The training goes on as it was saved, but not silently"
    path,same = tmp_path/'x',dict(lr=.01, wd=.1)
    with pytest.raises(Killed): resumed(path, 'fit', lambda: [Dies(5)], **same)(fresh())
    file = path.read_bytes()
    said = warned(resumed(path, 'fit', lambda: [Dies(), *cbs()], **(same|change)))
    assert said.count(says)==1 and 'train from the beginning' in said
    path.write_bytes(file)
    assert warned(resumed(path, 'fit', lambda: [Dies(), ProgressCallback()], **same))=='', 'what only shows is not compared'

FACES = dict(adamw=partial(eager(RULES['adamw']), wd=.1, eps=1e-5), fastai=partial(Adam, wd=.1, eps=1e-5),
    torch=partial(OptimWrapper, opt=partial(AdamW, weight_decay=.1, eps=1e-5)))

@pytest.mark.parametrize('k,v', [('wd', .9), ('eps', 1e-2)])
@pytest.mark.parametrize('n', [1, 5])
@pytest.mark.parametrize('face', FACES)
def test_other_hypers_of_the_opt_func_warn(tmp_path, face, n, k, v):
    "The call is the same, but the rule has another hyper: the training goes on as it was saved, but not silently"
    path,opt = tmp_path/'x',FACES[face]
    with pytest.raises(Killed): resumed(path, 'fit', lambda: [Dies(n)], lr=.01)(make(opt))
    other = {'weight_decay' if (face, k)==('torch', 'wd') else k: v}
    learn = make(partial(OptimWrapper, opt=partial(opt.keywords['opt'], **other)) if face=='torch' else partial(opt, **other))
    said = warned(resumed(path, 'fit', lambda: [Dies()], lr=.01), learn)
    assert said.count(f'{k} is {dict(wd=.1, eps=1e-5)[k]} in the file and {v} here')==1 and said.count(' in the file and ')==1
    assert learn.opt.hypers[0][k]==dict(wd=.1, eps=1e-5)[k]

@pytest.mark.parametrize('a,b', [(torch.bfloat16, None), (None, torch.bfloat16)])
def test_another_dtype_of_the_state_warns(tmp_path, a, b):
    def learner(o): return make(eager(RULES['adamw'], state_dtype=o))
    path = tmp_path/'x'
    with pytest.raises(Killed): resumed(path, 'fit', lambda: [Dies(5)])(learner(a))
    file = path.read_bytes()
    assert f'state_dtype is {a} in the file and {b} here' in warned(resumed(path, 'fit', lambda: [Dies()]), learner(b))
    path.write_bytes(file)
    assert warned(resumed(path, 'fit', lambda: [Dies()]), learner(a))==''

LOSSES = [(CrossEntropyLossFlat(), CrossEntropyLossFlat(label_smoothing=.1), 'label_smoothing=0.0', 'label_smoothing=0.1'),
    (F.cross_entropy, partial(F.cross_entropy, label_smoothing=.1), 'cross_entropy()', 'cross_entropy(label_smoothing=0.1)'),
    (nn.CrossEntropyLoss(), LabelSmoothingCrossEntropy(.2), 'CrossEntropyLoss(', 'LabelSmoothingCrossEntropy(eps=0.2')]

@pytest.mark.parametrize('a,b,was,now', LOSSES)
def test_another_loss_function_warns(tmp_path, a, b, was, now):
    def learner(loss): return make(RULES['adamw'], loss=loss)
    path = tmp_path/'x'
    with pytest.raises(Killed): resumed(path, 'fit', lambda: [Dies(5)])(learner(a))
    file = path.read_bytes()
    said = warned(resumed(path, 'fit', lambda: [Dies()]), learner(b))
    assert said.startswith('loss is ') and was in said and f' in the file and ' in said and now in said
    path.write_bytes(file)
    assert warned(resumed(path, 'fit', lambda: [Dies()]), learner(a))==''

def test_a_checkpoint_that_does_not_know_what_was_given_warns_of_nothing(tmp_path, monkeypatch):
    "As those written before such differences were compared"
    path,real = tmp_path/'x',write
    def older(ck, path):
        ck = {k:v for k,v in ck.items() if k!='seal'}
        ck['origin'] = {k:v for k,v in ck['origin'].items() if k not in ('given', 'begun')}
        real({**ck, 'seal': Learner.resume.__globals__['_seal'](ck)}, path)
    with monkeypatch.context() as m:
        m.setitem(SaveResume.save.__globals__, '_write', older)
        with pytest.raises(Killed): resumed(path, 'fit', lambda: [Dies(5)], lr=.01)(fresh())
    assert 'given' not in torch.load(path)['origin']
    assert warned(resumed(path, 'fit', lr=.01))==''

# ---- damaged files

@pytest.fixture(scope='module')
def whole_file(tmp_path_factory):
    "A checkpoint of batch 1 of epoch 1: its file, content and bytes"
    path = tmp_path_factory.mktemp('whole')/'x'
    return path,saved(path),path.read_bytes()

def all_of(learn):
    "The state that `resume` must not change when it raises an error"
    ps = [dict(grad=p.grad, trains=p.requires_grad) for p in learn.model.parameters()]
    return plain(dict(model=learn.model.state_dict(), ps=ps, opt=learn.opt and learn.opt.state_dict(), known=[*vars(learn)]))

def unchanged(learn, path, *words):
    "Check the error of `resume`, its words, and that nothing has changed"
    before,now = all_of(learn),(random.getstate(), torch.get_rng_state())
    with pytest.raises(ValueError) as e: learn.resume(path)
    assert all(w in str(e.value) for w in (f'{path} is refused', f'remove {path}', *words)), str(e.value)
    assert not differ(all_of(learn), before) and random.getstate()==now[0] and torch.equal(torch.get_rng_state(), now[1])

def test_bit_flips(whole_file):
    "A flipped bit is found, or changes nothing in the data that are read"
    path,ck,data = whole_file
    learn,harmless = quiet(fresh(), one_cycle, []),[]
    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(st.integers(0, 8*len(data)-1))
    def flip(i):
        bad = bytearray(data)
        bad[i//8] ^= 1<<i%8
        (bent := beside(path, '.bent')).write_bytes(bad)
        got,why = read(learn, bent)
        if got: assert not harmless.append(i) and not differ(got, ck)
        else: unchanged(learn, bent)
    flip()
    assert len(harmless)<20 # Dates and padding

@pytest.mark.parametrize('to', ['','.prev'])
def test_flipped_bit(tmp_path, to):
    "The newest file is damaged: the previous one is used, with a warning. Both are damaged: an error names both"
    path = tmp_path/'x'
    saved(path)
    for file in {path, beside(path, to)}:
        data = bytearray(file.read_bytes())
        at = data.index(torch.load(file)['model']['tensors']['0.weight'].numpy().tobytes())
        data[at+5] ^= 4
        file.write_bytes(data)
    if not to: falls_back(path, 'checksum of .* is wrong; resuming from')
    else: unchanged(fresh(), path, 'checksum', f'{path}.prev is refused')

def test_checksums_switched_off(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        saved(tmp_path/'x')
        assert not torch.serialization.get_crc32_options()
    finally: torch.serialization.set_crc32_options(True)
    assert fresh().resume(tmp_path/'x')['batch']==1

GONE = object()
OTHER = [GONE, None, [], {}, (), 'x', b'x', 3, -1, 1.5, float('nan'), True, [[None]], torch.ones(2), dict(a=None)]

def bent(o, steps, new):
    "`o` with `new` in the place that `steps` lead to; the numbers choose among its entries"
    keys = list(o) if isinstance(o, dict) else list(range(len(o))) if isinstance(o, (list, tuple)) else []
    if not steps or not keys: return new
    k,rest = keys[steps[0]%len(keys)],steps[1:]
    items = {i: bent(v, rest, new) if i==k else v for i,v in (o.items() if isinstance(o, dict) else enumerate(o))}
    left = {i:v for i,v in items.items() if v is not GONE}
    return left if isinstance(o, dict) else type(o)(left.values())

def test_malformed(whole_file):
    "Anything missing or of another type, at any depth, raises an error that names it, and nothing is changed"
    path,ck,_ = whole_file
    learn,keys = quiet(fresh(), one_cycle, []),list(ck)
    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.sampled_from(OTHER))
    def malform(steps, new):
        other = bent(ck, steps, new)
        if not differ(other, ck): return
        torch.save(other, beside(path, '.bent'))
        key = keys[steps[0]%len(keys)]
        unchanged(learn, beside(path, '.bent'), *([] if key in ('resume_format','seal') else [key]))
    malform()

@pytest.mark.parametrize('k', ['resume_format','version','epoch','batch','done','origin','drawn','rngs','tried','model','modes','opt',
    'optimizer','now','skipped','frozen_idx','learner','scaler', 'metrics','recorder','cbs','weights of the groups','seal'])
def test_every_key(whole_file, k):
    path,ck,_ = whole_file
    learn = fresh()
    for new in OTHER:
        other = {**ck, k:new}
        if new is GONE: del other[k]
        if not differ(other, ck): continue
        torch.save(other, beside(path, '.bent'))
        says = 'format' if k=='resume_format' else '' if k=='seal' else k
        if k=='resume_format' and type(new) is not int: says = 'not a checkpoint of SaveResume'
        unchanged(learn, beside(path, '.bent'), says)
    assert ck.keys()=={'resume_format','version','epoch','batch','done','origin','drawn','rngs','tried','model','modes','opt','optimizer',
        'now','skipped','frozen_idx','learner','scaler','metrics', 'recorder','cbs','weights of the groups','seal'}

def test_other_generators(whole_file):
    "An intact file from loaders of another kind"
    load = torch.utils.data.DataLoader
    dls = DataLoaders(load(Noisy(25), 6, shuffle=True, drop_last=True, generator=torch.Generator()), load(Noisy(9), 6))
    unchanged(fresh(dls=dls), whole_file[0], "generators of its loaders: [['python'], ['python']]; here: [['torch'")

def test_does_not_fit(whole_file, monkeypatch):
    "A failure during the restoration is undone"
    learn,calls = quiet(fresh(), one_cycle, []),[]
    def fail(*args, real=Learner.resume.__globals__['_set_model']):
        real(*args)
        if not calls: calls.append(1), 1/0
    monkeypatch.setitem(Learner.resume.__globals__, '_set_model', fail)
    (file := beside(whole_file[0], '.alone')).write_bytes(whole_file[2])
    unchanged(learn, file, 'does not fit: division by zero')

# ---- writing

@pytest.mark.parametrize('where', ['save','fsync','replace'])
@pytest.mark.parametrize('error', [OSError(errno.ENOSPC, 'No space left on device'), KeyboardInterrupt(),
    RuntimeError('PytorchStreamWriter failed')], ids=lambda e: type(e).__name__)
def test_nothing_half_written(tmp_path, where, error, monkeypatch):
    "After a full disk or Ctrl-C, the old files are there, and nothing else"
    path = tmp_path/'x'
    for i in range(2): write(dict(i=i), path)
    def fail(*args):
        if where=='save': args[1].write(b'PK'*100)
        raise error
    with monkeypatch.context() as m:
        m.setattr(*((torch, 'save') if where=='save' else (os, where)), fail)
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else CliError): write(dict(i=2), path)
    assert sorted(o.name for o in tmp_path.iterdir())==['x','x.prev'] and [torch.load(o)['i'] for o in (path, beside(path, '.prev'))]==[1,0]

def test_full_disk_in_a_fit(tmp_path, monkeypatch):
    "The same training continues when there is space again"
    path,whole = tmp_path/'x',state(script(None, fresh, one_cycle))
    saved(path)
    def full(f): raise OSError(errno.ENOSPC, 'No space left on device')
    with monkeypatch.context() as m:
        m.setattr(os, 'fsync', full)
        with pytest.raises(CliError, match='x: .*No space left on device. The old file is unchanged'): script(path, fresh, one_cycle)
    assert not temporary(path) and not fits
    assert not differ(state(script(path, fresh, one_cycle)), whole)

def test_several_writers(tmp_path):
    "Each file is complete and from one writer, whenever it is read"
    path = tmp_path/'x'
    def many(k):
        for i in range(25): write(dict(who=torch.full((3000,), float(k)), i=i), path)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(many, k) for k in range(4)]
        while not all(o.done() for o in jobs):
            for file in (path, beside(path, '.prev')):
                with suppress(FileNotFoundError): assert len(torch.load(file)['who'].unique())==1
    assert all(o.result() is None for o in jobs) and sorted(o.name for o in tmp_path.iterdir())==['x','x.prev']

def test_leftovers_are_swept(tmp_path):
    "Files of killed writers are removed an hour later; files of running writers stay"
    path = tmp_path/'x[1]'
    old,new,other = [tmp_path/o for o in ('part-x[1]-12345678','part-x[1]-abcdef12','part-x1-12345678')]
    for o in (old, new, other):
        o.mkdir()
        (o/'x').touch()
        os.utime(o, (time.time()-4000,)*2)
    for o in (old, other): os.utime(o/'x', (time.time()-4000,)*2)
    script(path, fresh, plain_fit)
    assert not old.exists() and new.exists() and other.exists()

@pytest.mark.skipif(os.name=='nt', reason='links need rights there')
def test_link(tmp_path):
    "A link is written and read through, even one to a file and folder that do not exist yet"
    link,there,whole = tmp_path/'link',tmp_path/'far'/'x',state(script(None, fresh, one_cycle))
    link.symlink_to(there)
    saved(link)
    assert link.is_symlink() and not there.is_symlink() and beside(there, '.prev').exists() and not beside(link, '.prev').exists()
    with pytest.raises(Killed): script(link, fresh, one_cycle, die=(2, 1, 'before_step', raised))
    assert fresh().resume(link)['file']==str(there)
    there.write_bytes(b'')
    with pytest.warns(UserWarning, match='truncated'): assert fresh().resume(link)['file']==f'{there}.prev'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        assert not differ(state(script(link, fresh, one_cycle)), whole)
    assert link.is_symlink()

# ---- fits within fits

class Nested(Callback):
    "Do `what` at every `every`th `event`, but not within `what` itself"
    order = 80
    def __init__(self, what, event, every):
        self.what,self.every,self.calls,self.busy = what,every,0,False
        setattr(self, event, self.look)
    def look(self):
        if self.busy: return
        self.calls += 1
        if self.calls % self.every: return
        self.busy = True
        try: self.what(self.learn)
        finally: self.busy = False

def careful(learn):
    "Validate, and restore what training needs, as a careful user would"
    kept = {k: getattr(learn, k) for k in ('epoch','train_iter','pct_train','iter','n_iter','training','dl','xb','yb')}
    learn.validate()
    learn.model.train(kept['training'])
    for k,v in kept.items(): setattr(learn, k, v)

INNER = dict(validate=Learner.validate, preds=Learner.get_preds, careful=careful, fit=lambda learn: learn.fit(1, 1e-3),
    find=lambda learn: learn.lr_find(num_it=3, show_plot=False, suggest_funcs=()))

class After(Callback):
    "Be killed at the `n`th batch of this process, whether it trains or not"
    order = 90
    def __init__(self, n): self.left = iter(range(n))
    def before_batch(self):
        if next(self.left, None) is None: raised()

IN_TRAINING = ('before_batch','after_step','after_batch')
WHERE = dict(validate=('before_fit','before_epoch','before_batch','after_batch','after_epoch'),
    careful=('after_batch','after_step','before_validate'), preds=('before_train','after_validate'),
    fit=('before_fit','before_epoch','after_train'), find=('after_train','after_epoch')) # A fit elsewhere is an error in fastai, too

@pytest.mark.parametrize('what,event', [(k, e) for k in INNER for e in WHERE[k]])
def test_nested(tmp_path, what, event):
    "A callback validates, predicts, fits or searches in a fit: killed again and again, it ends like the uninterrupted one"
    learner = lambda: fresh(path=tmp_path)
    cbs = lambda: [Nested(INNER[what], event, 3 if event in IN_TRAINING else 1)]
    whole,path,rnd = state(script(None, learner, one_cycle, cbs)),tmp_path/'x',random.Random(event+what)
    for i in range(60):
        try: learn = script(path, learner, one_cycle, lambda: [*cbs(), After(rnd.randint(8, 11))])
        except Killed: continue
        break
    assert i and not fits and not differ(state(learn), whole)
