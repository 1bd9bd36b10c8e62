"Schedule-free training: the average is in place except during training, and evaluating it does not change the training."
import fastopt.training.schedule_free as module, numpy as np, pytest, random, torch, warnings
from contextlib import nullcontext
from fastai.basics import Callback, set_seed
from fastai.callback.core import CancelEpochException, CancelFitException, CancelTrainException, FetchPredsCallback
from fastai.callback.progress import ProgressCallback
from fastai.callback.schedule import fine_tune, lr_find # chkstyle: ignore - patches Learner
from fastai.callback.tracker import SaveModelCallback
from fastai.data.core import DataLoaders, Datasets
from fastai.learner import Learner, load_learner
from fastai.optimizer import OptimWrapper
from fastcore.basics import AttrDict
from fastopt.training.resume import _rngs as rngs
from fastopt.core.rules import matrices, route
from fastopt.optim.schedulefree import ScheduleFreeAdamW, average_of, averages
from fastopt.training.schedule_free import ScheduleFree
from functools import partial
from rules_under_test import RULES
from test_resume import INNER, After, Bf16, Killed, Nested
from test_resume import at_random, check, differ, eager, make, net, plain, plain_fit, quiet, script, seed_of, state
from test_resume import with_cbs
from torch import nn

FREE = [n for n,r in RULES.items() if averages(r)]

def fresh(rule='schedulefree_adamw', **kwargs): return make(eager(RULES[rule], lr=0.01), **kwargs)

def fit(learn, n=2, **kwargs):
    with learn.no_bar(), learn.no_logging(): learn.fit(n, 0.01, **kwargs)
    return learn

def weights(learn): return [p.detach().clone() for p in learn.model.parameters()]

def same(a, b): return all(map(torch.equal, a, b))

def at(learn):
    "Where the weights are: 'x', 'y', or 'start' before the first step"
    found = set()
    for p in learn.model.parameters():
        st = learn.opt.state[p]
        if 'y' in st: assert torch.equal(p.detach(), average_of(st['y'], st['z'], st['y_mom']).to(p.dtype))
        found.add('x' if 'y' in st else 'y' if 'z' in st else 'start')
    assert len(found)==1
    return found.pop()

class Where(Callback):
    "Record where the weights are at each event, before other callbacks if `order` is low"
    order = 100
    def __init__(self):
        self.seen = {}
        for e in ('before_epoch','before_train','before_batch','after_pred','after_step','after_batch','after_train','before_validate',
            'after_validate','after_epoch','after_fit'):
            setattr(self, e, partial(self.look, e))
    def look(self, e): self.seen.setdefault((e, self.training), []).append(at(self.learn))

def test_where_the_weights_are():
    where = Where()
    learn = fit(fresh(), cbs=where)
    seen = {k: set(v) for k,v in where.seen.items()}
    for e in ('before_batch','after_pred'): assert seen[e, True]=={'start','y'} and seen[e, False]=={'x'}, e
    for e in ('after_step','after_batch','after_train'): assert seen[e, True]=={'y'}, e
    for e in ('before_validate','after_validate','after_epoch','after_fit'): assert seen[e, False]=={'x'}, e
    assert at(learn)=='x'

CHAINS = pytest.mark.parametrize('chains', [1, pytest.param(4, marks=pytest.mark.full)])

@CHAINS
@pytest.mark.parametrize('name', FREE)
def test_any_kill(tmp_path, name, chains):
    "Five kills, without a callback of the user, with two batches for the statistics, and with none"
    check(tmp_path/'auto', {name: (lambda: make(eager(RULES[name])), plain_fit, list)}, at_random([name], chains, 5, seed_of(name)))
    runs = {f'{k}': (lambda k=k: make(eager(RULES[name]), cbs=ScheduleFree(k)), plain_fit, list) for k in (2, 0)}
    check(tmp_path/'own', runs, at_random(runs, chains, 2, seed_of(name)))

VARIANTS = dict(kahan=dict(make=lambda: make(eager(RULES['schedulefree_adamw'], lowp='kahan'), model=partial(net, torch.bfloat16)),
    cbs=lambda: [Bf16()]), torch=dict(make=lambda: make(partial(OptimWrapper, opt=ScheduleFreeAdamW))),
    foreach=dict(make=lambda: make(partial(RULES['schedulefree_sgd'], how='foreach'))), in_fit=with_cbs(partial(ScheduleFree, 3)),
    fused=dict(make=lambda: make(partial(RULES['schedulefree_radam'], how='fused'))))

@CHAINS
@pytest.mark.parametrize('name', VARIANTS)
def test_variant(tmp_path, name, chains):
    args = {**dict(make=fresh, fit=plain_fit, cbs=list), **VARIANTS[name]}
    check(tmp_path, {name: (args['make'], args['fit'], args['cbs'])}, at_random([name], chains, 2, seed_of(name)))

class Throw(Callback):
    "Raise `e` at `event` in epoch 1"
    def __init__(self, event, e):
        self.e,self.thrown = e,False
        setattr(self, event, self.throw)
    def throw(self):
        if not (self.training and self.epoch==1): return
        self.thrown = True
        raise self.e

@pytest.mark.parametrize('event', ['before_batch','after_loss','before_step','after_step','after_batch'])
@pytest.mark.parametrize('e', [KeyboardInterrupt(), RuntimeError('no memory'), CancelFitException(), CancelEpochException(),
    CancelTrainException()], ids=lambda e: type(e).__name__)
def test_interrupted(event, e):
    learn = fresh(cbs=(cb := Throw(event, e)))
    with pytest.raises(type(e)) if isinstance(e, (KeyboardInterrupt, RuntimeError)) else nullcontext(): fit(learn)
    assert cb.thrown
    assert at(learn)=='x' and '_do_epoch_train' not in vars(learn)
    if isinstance(e, CancelFitException): assert learn.schedule_free.stale==[]
    learn.remove_cb(cb)
    assert at(fit(learn, 1))=='x'

def test_interrupted_then_validated():
    "Statistics are measured when they are needed"
    learn = fresh(cbs=Throw('after_batch', KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt): fit(learn)
    before = learn.model[1].running_mean.clone()
    with learn.no_bar(): learn.validate()
    assert not torch.equal(learn.model[1].running_mean, before) and learn.schedule_free.stale==[]

def seeded(learn, n=2):
    set_seed(3)
    return weights(fit(learn, n))

def test_looking_changes_nothing(tmp_path):
    a,b = fit(fresh()),fit(fresh(path=tmp_path))
    with b.no_bar():
        b.validate()
        b.get_preds()
        b.get_preds(ds_idx=0)
        b.lr_find(show_plot=False, num_it=8)
        b.save('x')
        b.load('x')
    assert at(b)=='x' and same(seeded(a), seeded(b))

def test_saved_and_loaded(tmp_path):
    "Another learner continues from the file as this one does, and has the average without the optimizer"
    a = fresh(path=tmp_path)
    b,c = [fresh(path=tmp_path, dls=a.dls) for _ in range(2)]
    fit(a).save('x')
    b.load('x')
    c.load('x', with_opt=False)
    assert at(b)=='x' and same(weights(a), weights(b)) and same(weights(a), weights(c)) and at(c)=='start'
    now,want = a.dls.train.rng.getstate(),seeded(a)
    b.dls.train.rng.setstate(now)
    assert same(seeded(b), want)

def digits_dls():
    "Loaders that can be exported"
    x,y = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)),torch.arange(40)%3
    dsets = Datasets(list(range(40)), [[partial(_item, x)], [partial(_item, y)]], splits=[list(range(30)), list(range(30, 40))])
    return dsets.dataloaders(bs=6, device='cpu', num_workers=0)

def _item(x, i): return x[i]

def test_exported(tmp_path):
    learn = fit(fresh(dls=digits_dls(), path=tmp_path))
    want,xs = learn.get_preds(),weights(learn)
    learn.export()
    assert at(learn)=='x' and same(weights(learn), xs)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        again = load_learner(tmp_path/'export.pkl')
    assert same(weights(again), xs)
    got = again.get_preds(dl=digits_dls().valid)
    assert torch.equal(got[0], want[0])
    fit(learn, 1)
    assert at(learn)=='x'

def test_best_model(tmp_path):
    "`SaveModelCallback` saves averages and loads the best; a fit after it starts a new average from there"
    learn = fresh(path=tmp_path)
    fit(learn, 1)
    fit(learn, 3, cbs=SaveModelCallback(monitor='train_loss', comp=np.greater, fname='best'))
    saved = torch.load(tmp_path/'models'/'best.pth')
    assert all(torch.equal(saved[k], v) for k,v in learn.model.state_dict().items())
    best = weights(learn)
    assert not same(best,
        [average_of(st['y'], st['z'], st['y_mom']) for st in map(learn.opt.state.get, learn.model.parameters())]), 'not the last'
    learn.add_cb(began := Began())
    with pytest.warns(UserWarning, match='starts again from them'): fit(learn, 1)
    assert same(began.ws, best)

class Began(Callback):
    "The weights in the first batch of the first epoch"
    def after_pred(self):
        if self.training and self.learn.train_iter==0: self.ws = weights(self.learn)

def test_replaced_weights():
    learn = fit(fresh())
    with torch.no_grad(): learn.model[0].weight.mul_(2)
    with pytest.warns(UserWarning, match='schedulefree_adamw: 1 weights were replaced'): learn.opt.train()
    p = learn.model[0].weight
    st = learn.opt.state[p]
    assert torch.equal(st['z'], p.detach()) and st['memo']['weight_sum']==0 and 'y' not in st
    assert all(learn.opt.state[q]['memo']['weight_sum']>0 for q in list(learn.model.parameters())[1:])

def test_freeze_and_reset_start_from_the_average():
    learn = fit(fresh())
    xs = weights(learn)
    learn.freeze()
    assert same(weights(learn), xs) and at(learn)=='start'
    fit(learn, 1)
    fit(learn, 1, reset_opt=True)
    with learn.no_bar(), learn.no_logging(): warnings.simplefilter('ignore') or learn.fine_tune(1, 1e-2)

def test_random_numbers_of_training():
    "The random numbers of training are the same with and without recalibration, and so are its weights"
    ends = []
    for k in (0, 1, 3, 50):
        learn = fit(fresh(cbs=ScheduleFree(k)), 3)
        ends.append((weights(learn), rngs(learn.dls)))
    for ws,rng in ends[1:]: assert same(ws, ends[0][0]) and not differ(plain(rng), plain(ends[0][1]))

def test_statistics_are_those_of_the_average():
    "By hand: the mean over the training batches of the input of batch norm, without dropout"
    x,y = torch.randn(24, 6, generator=torch.Generator().manual_seed(0)),torch.arange(24)%3
    dls = DataLoaders.from_dsets(list(zip(x, y)), list(zip(x, y)), bs=6, device='cpu', num_workers=0)
    model = lambda: nn.Sequential(nn.Linear(6, 8), nn.Dropout(.5), nn.BatchNorm1d(8, momentum=.3), nn.ReLU(), nn.Linear(8, 3))
    learn = fit(fresh(model=model, dls=dls))
    bn = learn.model[2]
    assert torch.allclose(bn.running_mean, learn.model[0](x).mean(0), atol=1e-6)
    assert bn.momentum==.3 and bn.num_batches_tracked==8 and not bn.training

def test_frozen_normalizers_stay():
    "Recalibration does not change normalizers whose statistics training does not change"
    class Still(Callback):
        def before_train(self): self.model[1].eval()
    learn = fit(fresh(cbs=Still()))
    assert learn.model[1].running_mean.abs().max()==0

def test_recorder_and_progress_are_left_alone():
    a,b = [fit(fresh(cbs=ScheduleFree(k)), 2, cbs=FetchPredsCallback()) for k in (0, 50)]
    assert [len(o) for o in a.recorder.values]==[len(o) for o in b.recorder.values] and len(b.recorder.values)==2
    assert not differ(plain(a.recorder.losses), plain(b.recorder.losses)) and all(cb.run for cb in b.cbs)
    assert b._grab_cbs(ProgressCallback) and a.recorder.values[0][0]==b.recorder.values[0][0]

def test_who_attaches_it():
    assert len(fit(fresh())._grab_cbs(ScheduleFree))==1
    assert fit(fresh(cbs=ScheduleFree(7))).schedule_free.recalibrate==7
    learn = fresh()
    fit(learn, 1, cbs=ScheduleFree(0))
    assert at(learn)=='x' and len(learn._grab_cbs(ScheduleFree))==1
    assert not fit(make(eager(RULES['adamw'])))._grab_cbs(ScheduleFree)

def test_an_optimizer_without_its_callback_says_what_to_import(monkeypatch):
    "The rules are on a layer below the callback and do not import it"
    monkeypatch.delattr(Learner, 'add_schedule_free')
    with pytest.warns(UserWarning, match='schedulefree_adamw: .*`import fastopt.training.schedule_free`'): learn = fit(fresh(), 1)
    assert not learn._grab_cbs(ScheduleFree)

def test_words():
    with pytest.raises(ValueError, match='recalibrate=-1 must be a whole number: give 0 or more'): ScheduleFree(-1)
    with pytest.warns(UserWarning, match='has no effect: adamw.*opt_func=schedulefree_adamw'):
        fit(make(eager(RULES['adamw']), cbs=ScheduleFree()))
    before = (idle := make(eager(RULES['adamw']), cbs=ScheduleFree())),make(eager(RULES['adamw']))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for o in before: set_seed(3) or fit(o)
    assert same([idle.model[1].running_mean], [before[1].model[1].running_mean])
    with pytest.warns(UserWarning, match='schedulefree_adamw needs no schedule, and this fit moves lr and mom'):
        quiet(fresh(), lambda l, cbs: l.fit_one_cycle(1), [])
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        fit(fresh())
        with (learn := fresh()).no_bar(): learn.lr_find(show_plot=False, num_it=8)

def test_rates_that_move():
    "Changes of the learning rate and of β between steps apply to z and y; the average of the past stays"
    rule,p,memo,zs = RULES['schedulefree_sgd'],torch.zeros(3),AttrDict(lr_max=0., weight_sum=0.),[]
    st = dict(z=p.clone())
    for t,lr in enumerate((0.1, 0.3, 0.2, 0.05), 1):
        p = p - rule.apply(p, torch.ones(3), st, {**rule.hypers, **rule.options, 'lr':lr, 'step':t, 'memo':memo})
        zs.append(st['z'].clone())
    w = torch.tensor([0.01, 0.09, 0.09, 0.09])
    assert torch.allclose(average_of(p, st['z'], 0.9), sum(a*b for a,b in zip(w/w.sum(), zs)), atol=1e-6)

def test_torch_class():
    def run(look):
        torch.manual_seed(0)
        model = nn.Linear(4, 2)
        opt = ScheduleFreeAdamW(model.parameters(), lr=0.1, betas=(0.8, 0.99), weight_decay=0.1, warmup_steps=3)
        for t in range(12):
            opt.zero_grad()
            model(torch.randn(5, 4)).square().sum().backward()
            opt.step()
            if look:
                opt.eval()
                opt.eval()
                model.load_state_dict(model.state_dict())
                opt.load_state_dict(opt.state_dict())
                with pytest.raises(RuntimeError, match='call `train'): opt.step()
                opt.train()
        opt.eval()
        return weights(type('L', (), dict(model=model)))
    assert same(run(False), run(True))

def test_other_rules_have_no_average():
    learn = fit(make(eager(RULES['adamw'])))
    before = weights(learn)
    learn.opt.eval()
    learn.opt.train()
    assert same(weights(learn), before)

def test_numpy_and_python_random_numbers_are_put_back_after_an_error():
    learn = fit(fresh(), 1)
    learn.schedule_free.stale = [learn.model[1]]
    def fail(*args): raise RuntimeError('no memory')
    learn.model[4].register_forward_pre_hook(fail)
    now = plain(rngs(learn.dls))
    with pytest.raises(RuntimeError), learn.no_bar(): learn.validate()
    assert not differ(plain(rngs(learn.dls)), now) and all(cb.run for cb in learn.cbs) and learn.model[1].momentum==0.1

def test_route():
    "Some weights have an average, the others do not; the second rule has its own β"
    for one,other,hyper in (('schedulefree_adamw', 'adamw', 'mom'), ('sgd', 'schedulefree_sgd', 'other_mom')):
        rule = route(matrices, RULES[one], RULES[other], **{hyper: 0.7})
        ps = [nn.Parameter(torch.randn(3, 2)),nn.Parameter(torch.randn(3))]
        opt = rule(ps, lr=0.1, how='eager')
        for _ in range(4):
            for p in ps: p.grad = p.detach().clone()
            opt.step()
        ys = [p.detach().clone() for p in ps]
        opt.eval()
        i = int(hyper!='mom')
        assert torch.equal(ps[i].detach(), average_of(ys[i], opt.state[ps[i]]['z'], 0.7)) and torch.equal(ps[1-i].detach(), ys[1-i])
        opt.train()
        assert same(ps, ys)

# ---- whatever happens in between

class Seen(Callback):
    "Record all events, and for batches whether they train or validate; there is no `before_batch`"
    order = 100
    def __init__(self):
        self.seen = []
        for e in ('before_fit','before_epoch','before_train','after_pred','after_loss','after_batch','after_train','before_validate',
            'after_validate','after_epoch','after_fit'):
            setattr(self, e, partial(self.seen.append, e))

class Shapes(Callback):
    "Change the input, as mixed precision does, and count"
    order = 90
    def __init__(self): self.batches,self.epochs,self.open = 0,0,0
    def before_fit(self): self.kept = [*self.model.parameters()]
    def before_batch(self):
        self.learn.xb = tuple(2*o for o in self.xb)
        self.batches,self.open = self.batches+1,self.open+1
    def after_batch(self): self.open -= 1
    def before_validate(self): self.epochs += 1

def test_recalibration_is_no_validation():
    "Only callbacks that shape the input see the batches, their counters are restored, and the batches are training batches"
    ends = []
    for k in (0, 50):
        learn = fit(fresh(cbs=[ScheduleFree(k), seen := Seen(), shapes := Shapes()]))
        with learn.no_bar(): learn.validate()
        ends.append([seen.seen, shapes.batches, shapes.epochs, shapes.open, *weights(learn)])
    assert not differ(plain(ends[0]), plain(ends[1])) and shapes.batches==2*(4+2)+2 and shapes.epochs==3
    x,y = torch.randn(24, 6, generator=torch.Generator().manual_seed(0)),torch.arange(24)%3
    dls = DataLoaders.from_dsets(list(zip(x, y)), list(zip(x, y)), bs=6, device='cpu', num_workers=0)
    learn = fit(fresh(dls=dls, cbs=Shapes()))
    assert torch.allclose(learn.model[1].running_mean, learn.model[0](2*x).mean(0), atol=1e-6)
    assert all(a is b for a,b in zip(learn.shapes.kept, learn.model.parameters()))
    assert learn.model[4].training==learn.model[1].training==False and learn.cbs.filter(lambda o: isinstance(o, Shapes))

def test_recalibration_that_fails():
    "All callbacks are back, with their state"
    learn = fresh(cbs=[shapes := Shapes()])
    fit(learn)
    known,cbs = (shapes.batches, shapes.epochs, shapes.open),[*learn.cbs]
    learn.schedule_free.stale = [learn.model[1]]
    learn.model[4].register_forward_pre_hook(lambda *args: 1/0)
    with pytest.raises(ZeroDivisionError): learn.schedule_free.switch_to_average()
    assert [*learn.cbs]==cbs and (shapes.batches, shapes.epochs, shapes.open)==known

@pytest.mark.parametrize('made,added,given,n', [((), (), (), 4), ((3,), (), (), 3), ((), (3,), (), 3), ((), (), (2,), 2),
    ((3,), (), (2,), 2), ((), (3,), (2,), 2), ((3,), (1,), (2,), 2), ((3, 1), (), (), 1), ((), (), (1, 2), 2), ((3,), (), (0,), 0)])
def test_one_of_several_acts(made, added, given, n, monkeypatch):
    "Measured once before each use, on as many batches as the last callback says; a callback for one fit is gone after it"
    found = []
    def count(learn, norms, n, real=module._measure): found.append(n), real(learn, norms, n)
    monkeypatch.setattr(module, '_measure', count)
    learn = fresh(cbs=[ScheduleFree(k) for k in made])
    for k in added: learn.add_cb(ScheduleFree(k))
    fit(learn, 2, cbs=[ScheduleFree(k) for k in given])
    assert found==[n]*2*bool(n) and at(learn)=='x' and len(learn._grab_cbs(ScheduleFree))>=1
    found.clear()
    fit(learn, 1)
    assert found==[[4, *made, *added][-1]]
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        fit(learn, 1, cbs=[ScheduleFree(k) for k in given])

def test_several_warn_once():
    with pytest.warns(UserWarning, match='needs no schedule') as ws:
        quiet(fresh(cbs=ScheduleFree()), lambda l, cbs: l.fit_one_cycle(1, cbs=cbs), [ScheduleFree(2)])
    assert sum('needs no schedule' in str(o.message) for o in ws)==1

class Removed(Callback):
    "Remove `ScheduleFree` at `event` of epoch 1"
    def __init__(self, event): setattr(self, event, self.take)
    def take(self):
        if self.training and self.epoch==1: self.learn.remove_cb(ScheduleFree)

@pytest.mark.parametrize('event', [None,'before_train','before_batch','after_pred','after_step','after_batch','after_train'])
def test_removed(event):
    "Without the callback training is still at y and the rest at x, so `eval` and `train` of the optimizer do the right thing"
    a = fit(fresh(cbs=ScheduleFree(0)))
    b = fit(fresh(cbs=[ScheduleFree(0), *([Removed(event)] if event else [])]))
    b.remove_cb(ScheduleFree)
    assert at(b)=='x' and same(weights(a), weights(b)) and not module._parts
    set_seed(3)
    fit(b, 1, cbs=(where := Where()))
    assert {*where.seen['after_step', True]}=={'y'} and {*where.seen['before_validate', False]}=={'x'}
    seeded(a, 1)
    b.opt.eval()
    assert at(b)=='x' and same(weights(a), weights(b))
    b.opt.train()
    assert at(b)=='y'

@pytest.mark.parametrize('opt', [partial(RULES['schedulefree_adamw'], how='eager'), partial(RULES['schedulefree_sgd'], how='foreach'),
    partial(RULES['schedulefree_radam'], how='fused'), partial(OptimWrapper, opt=ScheduleFreeAdamW, how='eager'),
    partial(OptimWrapper, opt=RULES['schedulefree_sgd'].torch('Own'), how='eager')], ids=['eager','foreach','fused','torch','own'])
def test_no_step_at_the_average(opt):
    "A step by hand raises an error in any class and engine, and changes nothing"
    learn = fit(make(opt), 1)
    before = weights(learn)
    for p in learn.model.parameters(): p.grad = torch.ones_like(p)
    with pytest.raises(RuntimeError, match='the weights are the average; call `train'): learn.opt.step()
    assert same(weights(learn), before)
    inner = getattr(learn.opt, 'opt', learn.opt)
    inner.train()
    learn.opt.step()
    inner.eval()
    assert not same(weights(learn), before)

def still(cbs=None, **kwargs):
    "A learner without noise, so that an evaluation in between changes nothing"
    model = lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    set_seed(1)
    return fresh(model=model, dls=digits_dls(), cbs=cbs, **kwargs)

class Looks(Nested):
    "`Nested`, and where the weights are before, during and after it"
    def look(self):
        if not self.training and 'before_batch' in vars(self): return
        before,busy = at(self.learn),self.busy
        super().look()
        if not busy: self.seen = [*getattr(self, 'seen', []), (before, at(self.learn))]
    def after_pred(self): self.inner = {*getattr(self, 'inner', ()), at(self.learn)} if self.busy else getattr(self, 'inner', set())

CAREFUL = 'before_batch','after_backward','before_step','after_step','after_batch','after_train','before_validate'

@pytest.mark.parametrize('what,event', [*(('careful', e) for e in CAREFUL), ('preds','before_validate'), ('preds','after_epoch')])
def test_nested(what, event):
    "In the middle of training a validation is at the average, and training continues from y as if nothing had happened"
    a,b = fit(still()),fit(still(cbs=(looks := Looks(INNER[what], event, 1))))
    assert all(after==before or (before,after)==('start','y') for before,after in looks.seen)
    assert looks.inner<={'x','start'} and not module._parts
    assert at(b)=='x' and same(weights(a), weights(b)) and not differ(plain(a.opt.state_dict()), plain(b.opt.state_dict()))
    assert not differ(plain(dict(a.model.named_buffers())), plain(dict(b.model.named_buffers())))

@pytest.mark.parametrize('what', ['careful','validate','fit','find'])
def test_nested_is_resumed(tmp_path, what):
    "With `SaveResume`, killed again and again"
    event,path,rnd = 'after_batch' if what=='careful' else 'after_train',tmp_path/'x',random.Random(what)
    learner,cbs = (lambda: fresh(path=tmp_path)),lambda: [Nested(INNER[what], event, 2)]
    whole = state(script(None, learner, plain_fit, cbs))
    for i in range(60):
        try: learn = script(path, learner, plain_fit, lambda: [*cbs(), After(rnd.randint(16, 24))])
        except Killed: continue
        break
    assert i and not differ(state(learn), whole) and at(learn)=='x'

@pytest.mark.parametrize('error', [KeyboardInterrupt(), RuntimeError('no memory'), CancelFitException()], ids=lambda e: type(e).__name__)
def test_error_in_a_nested_validation(error):
    "From any depth of nesting, the weights end up at the average"
    def fail(learn):
        for p in learn.model[0].register_forward_hook(lambda *args: hook(learn)),: handles.append(p)
        learn.validate()
    def hook(learn):
        for o in handles: o.remove()
        raise error
    handles,learn = [],fresh(cbs=Nested(fail, 'after_step', 3))
    try: fit(learn)
    except (KeyboardInterrupt, RuntimeError): pass
    assert handles and at(learn)=='x' and not module._parts
    learn.remove_cb(Nested)
    assert at(fit(learn, 1))=='x'

def test_saved_in_the_midst(tmp_path):
    "Files of `save` and `export` between batches have y and continue; the fit ends as it would have"
    def put(learn): learn.save('mid'), learn.load('mid')
    a,b = fit(still(path=tmp_path)),fit(still(path=tmp_path, cbs=(looks := Looks(put, 'after_batch', 1))))
    assert same(weights(a), weights(b)) and ('y','y') in looks.seen
