"Schedules made of pieces: every batch agrees with closed forms; resuming, copies, the switch of the rule, and errors."
import copy, inspect, json, math, matplotlib.pyplot as plt, numpy as np, pickle, pytest, torch, warnings
from fastai.basics import Callback
from fastai.callback.core import CancelFitException, CancelStepException
from fastai.callback.schedule import ParamScheduler, SchedCos
from fastai.callback.training import GradientAccumulation
from fastai.learner import Learner, load_learner
from fastai.optimizer import Adam, OptimWrapper
from fastai.test_utils import synth_learner
from fastcore.foundation import L
from fastopt.optim.adam import adam
from fastopt.evidence.conformance import CheckFixture
from fastopt.training.closures import Closure
from fastopt.training.flat_anneal import fc_scheds
from fastopt.training.gradient_release import ReleaseGrads
from fastopt.training.schedules import *
from fastopt.training.schedules import KINDS
from fastopt.optim.sgd import sgd
from functools import partial

n_batch,nan = 3,math.nan
fits = dict(fit_warmup_fc=dict(warmup=3), fit_wsd=dict(warmup=3, pct_decay=.25), fit_explore={}, fit_cos_restarts={})

class Seen(Callback):
    "Record the hypers of every group at every step, and the epochs that trained"
    order = 99
    def before_fit(self): self.hypers,self.epochs = [],[]
    def before_step(self):
        self.hypers.append([dict(h) for h in self.opt.hypers])
        self.epochs.append(self.epoch)
    def of(self, k): return [[h[k] for h in hs] for hs in self.hypers]

def tiny(groups=2, opt_func=partial(adam, how='eager')):
    "Two weights, and three batches per epoch in a fixed order"
    splitter = (lambda m: [[m.a],[m.b]]) if groups==2 else (lambda m: [[m.a,m.b]])
    torch.manual_seed(0)
    learn = synth_learner(n_trn=n_batch, n_val=1, splitter=splitter)
    learn.dls.train.shuffle,learn.opt_func = False,opt_func
    return learn

def fit(learn, method, *args, cbs=None, **kwargs):
    "The `Seen` callback after a fit"
    cb = Seen()
    with learn.no_bar(), learn.no_logging(): getattr(learn, method)(*args, cbs=[cb]+(cbs or []), **kwargs)
    return cb

def weights(learn): return [o.item() for o in learn.model.parameters()]
def near(got, want, rel=1e-9, atol=1e-15): assert np.allclose(got, want, rtol=rel, atol=atol), f'{got} is not {want}'

def warm(i, k): return min(1, (i+1)/k)
def down_cos(p, s, end): return 1 if p<=s else end + (1-end)*math.cos(math.pi*(p-s)/(2*(1-s)))**2
def down_lin(p, s, end): return 1 if p<=s else 1 - (1-end)*(p-s)/(1-s)

def restarts(i, n, lens, end):
    "Batch `i` of `n`, with cycles as long as `lens`, counted in whole numbers"
    done,unit = 0,sum(lens)
    for k in lens:
        if i*unit<(done+k)*n: return end + (1-end)*math.cos(math.pi*(i*unit/n-done)/(2*k))**2
        done += k

closed = dict(fit_warmup_fc=lambda i,n: warm(i, 3)*down_cos(i/n, .72, 1e-5), fit_wsd=lambda i,n: warm(i, 3)*down_lin(i/n, .75, 1e-5),
    fit_explore=lambda i,n: down_lin(i/n, .72, 1e-5), fit_cos_restarts=lambda i,n: restarts(i, n, (1,2,4), 1e-5))

@pytest.mark.parametrize('lr', [.1, [1e-3,2e-2], slice(1e-3, 2e-2), None])
@pytest.mark.parametrize('n_epoch', [1, 2, 3, 7, 20])
@pytest.mark.parametrize('method', fits)
def test_every_batch(method, n_epoch, lr):
    "The rate of every batch and group, in fractions that floating point rounds"
    learn,n = tiny(),n_epoch*n_batch
    cb = fit(learn, method, n_epoch, lr, **fits[method])
    lrs = {float:[lr,lr], slice:[1e-3,2e-2], list:lr}.get(type(lr), [1e-3,1e-3])
    near(cb.of('lr'), [[v*closed[method](i, n) for v in lrs] for i in range(n)])
    assert learn.recorder.lrs == [o[-1] for o in cb.of('lr')]
    assert {type(v) for row in cb.of('lr') for v in row} == {float}
    assert cb.epochs == [i//n_batch for i in range(n)]

@pytest.mark.parametrize('n_epoch', [1, 4, 7])
@pytest.mark.parametrize('method', fits)
def test_start_epoch(method, n_epoch):
    "A resumed run equals the uninterrupted one, bit for bit, including other hypers"
    args = dict(lr=slice(1e-3, 1e-2),
        scheds=dict(mom=demon(.95), sqr_mom=Schedule((1, 'linear', .9, .99)), wd=Schedule((3, 'cos', 0, .1)))) | fits[method]
    whole = fit(tiny(), method, n_epoch, **args)
    for k in range(n_epoch):
        rest = fit(tiny(), method, n_epoch, start_epoch=k, **args)
        assert rest.hypers == whole.hypers[k*n_batch:] and rest.epochs == whole.epochs[k*n_batch:]

class StopAfter(Callback):
    "Leave the fit after `k` epochs"
    def __init__(self, k): self.k = k
    def after_epoch(self):
        if self.epoch==self.k-1: raise CancelFitException

def go_on(broken, opt_func=None):
    "A fresh learner with the weights and the optimizer state of `broken`"
    learn = tiny()
    learn.create_opt()
    if opt_func: opt_func.make(learn)
    learn.model.load_state_dict(broken.model.state_dict())
    learn.opt.load_state_dict(copy.deepcopy(broken.opt.state_dict()))
    return learn

@pytest.mark.parametrize('method', fits)
def test_resumed_weights(method):
    args = dict(lr=.05, scheds=dict(mom=demon())) | fits[method]
    whole,part = tiny(),tiny()
    fit(whole, method, 5, **args)
    fit(part, method, 5, cbs=[StopAfter(2)], **args)
    rest = go_on(part)
    assert weights(rest) != weights(whole)
    fit(rest, method, 5, start_epoch=2, **args)
    assert weights(rest) == weights(whole)

@pytest.mark.parametrize('n', [1, 2, 3, 7, 10, 30, 97, 1000])
def test_jumps(n):
    "However positions are rounded or summed, a restart comes with its batch"
    pos,total = [],0.
    for _ in range(n):
        pos.append(total)
        total += 1/n
    for lens in ([1,2,4], [.1,.2,.7], [.1]*10, [1/3,1/3,1/3], [1/49]*49):
        f = Schedule(*((k, 'flat', i) for i,k in enumerate(lens)))
        unit = 10 if lens==[.1,.2,.7] else round(1/lens[-1]) if lens[-1]<1 else 1
        ends = np.cumsum([round(k*unit) for k in lens])
        want = [int(np.searchsorted(ends*n, i*ends[-1], 'right')) for i in range(n)]
        assert [f(i/n) for i in range(n)] == want == [f(p) for p in pos]

def test_ends():
    "The ends are exact, and values never leave them, for all kinds"
    for kind in KINDS:
        f = Schedule((.3, kind, .95, .1))
        vals = [f(p) for p in np.linspace(0, 1, 1001)]
        assert vals[0]==.95 and vals[-1]==f(1+1e-12)==(.95 if kind=='flat' else .1)
        assert all(a>=b for a,b in zip(vals, vals[1:])), f'{kind} falls all the way'

@pytest.mark.parametrize('b', [1e-3, .5, .9, .99, .999999])
def test_demon(b):
    "The formula, and the identity it is derived from"
    for t in range(101):
        z,y = 1-t/100,demon(b)(t/100)
        near(y, b*z/((1-b)+b*z), 1e-12)
        near(y/(1-y), z*b/(1-b), 1e-9)
    near(fit(tiny(), 'fit_sched', 3, dict(mom=demon([b,.5]))).of('mom'), [[demon(o)(i/9) for o in (b,.5)] for i in range(9)])

def test_demon_between(): near(Schedule((1, 'demon', .9, .5))(.5), 5/6)

def test_plateau_is_fc():
    fc = fc_scheds([1e-3,1e-2], .3, 10)['lr']
    for p in np.linspace(0, 1, 101): near((plateau('cos', .3, 10)*[1e-3,1e-2])(p), fc(p), 1e-13)

def test_shares():
    "Shares can be in any unit, and pieces of length zero are dropped"
    a,b = Schedule((.1, 'linear', 0, 1), (.2, 'cos', 1, 0)),Schedule((1, 'linear', 0, 1), (0, 'flat', 9), (2, 'cos', 1, 0))
    near([a(p) for p in np.linspace(0, 1, 99)], [b(p) for p in np.linspace(0, 1, 99)])
    assert len(b.pieces)==2 and b.bounds[0]==0 and b.bounds[-1]==1

def test_any_hyper():
    "Other hypers such as `alpha`, fastai's own functions, and hypers that are restored"
    learn = tiny()
    plan = dict(eps=Schedule((1, 'linear', 1e-8, 1e-3)), wd=SchedCos(0., .2), mom=Schedule((1, 'flat', .5)))
    cb = fit(learn, 'fit_sched', 2, plan, lr=.02)
    for k,f in plan.items(): near(cb.of(k), [[f(i/6)]*2 for i in range(6)])
    assert {v for row in cb.of('lr') for v in row} == {.02}
    assert [[h[k] for k in plan] for h in learn.opt.hypers] == [[adam.hypers[k] for k in plan]]*2

def test_hypers_back_after_error():
    class Fail(Callback):
        def before_epoch(self): raise RuntimeError('disk full')
    learn = tiny()
    with pytest.raises(RuntimeError, match='disk full'): fit(learn, 'fit_explore', 2, scheds=dict(mom=demon(.5)), cbs=[Fail()])
    assert learn.opt.hypers[0]['mom']==.9 and not any(isinstance(cb, ParamScheduler) for cb in learn.cbs)

@pytest.mark.parametrize('opt', [Adam, partial(OptimWrapper, opt=torch.optim.AdamW), partial(OptimWrapper, opt=torch.optim.SGD)])
def test_other_optimizers(opt):
    cb = fit(tiny(opt_func=opt), 'fit_wsd', 4, [.1,.2], warmup=2, scheds=dict(mom=Schedule((1, 'linear', .5, .9))))
    near(cb.of('mom'), [[.5+.4*i/12]*2 for i in range(12)])
    assert {type(v) for k in ('lr','mom') for row in cb.of(k) for v in row} == {float}

@pytest.mark.parametrize('opt,name', [(sgd, 'sgd'), (Adam, 'Optimizer'), (partial(OptimWrapper, opt=torch.optim.SGD), 'SGD')])
def test_missing_hyper(opt, name):
    "One warning names both, and the training continues"
    learn = tiny(opt_func=opt)
    with pytest.warns(UserWarning, match=f"schedule of 'mom3' is ignored: {name} has no 'mom3'.*It has: .*lr") as ws:
        cb = fit(learn, 'fit_sched', 2, dict(mom3=demon()))
    assert len([w for w in ws if 'mom3' in str(w.message)]) == 1 and 'mom3' not in cb.hypers[0][0]

def test_json(tmp_path):
    rng,f = np.random.default_rng(0),tmp_path/'plan.json'
    for _ in range(50):
        pieces = [(rng.random()*10**rng.uniform(-9, 9), kind, tuple(rng.random(3).tolist()), rng.random())
            for kind in rng.choice(list(KINDS), 4).tolist()]
        plan = dict(lr=Schedule(*pieces), mom=demon(rng.random()))
        save_schedules(plan, f)
        again = load_schedules(f)
        assert again==plan==pickle.loads(pickle.dumps(plan))==copy.deepcopy(plan) and eval(repr(plan))==plan
        assert all(again[k](p)==plan[k](p) for k in plan for p in rng.random(20))
    assert json.loads(f.read_text())['fastopt_schedules']==1
    save_schedules({}, f)
    assert load_schedules(f)=={}

@pytest.mark.parametrize('text,why', [('', 'not JSON'), ('{"lr": [[1, "flat"', 'not JSON'), ('{"lr": [[1, "flat", 1]]}', 'format None'),
    ('[1]', 'save_schedules'), ('{"fastopt_schedules": 9}', 'format 9'), ('{"fastopt_schedules": 1, "lr": [[1, "exp", 1, 0]]}', "no 'exp'"),
    ('{"fastopt_schedules": 1, "lr": [[1, "flat", NaN]]}', 'finite'), ('{"fastopt_schedules": 1, "lr": 3}', "was changed")])
def test_bad_file(tmp_path, text, why):
    f = tmp_path/'x.json'
    f.write_text(text)
    with pytest.raises(ValueError, match=why) as e: load_schedules(f)
    assert 'x.json' in str(e.value)

bad_pieces = [((1, 'lin', 0, 1), r"^piece 2 .*no 'lin'; did you mean 'linear'\? It has: flat"), ((1, None, 0), "no 'None'"),
    ((1, 'cos', 1), 'has no end'), ((-.1, 'flat', 1), 'impossible share'), ((nan, 'flat', 1), 'impossible share'),
    ((math.inf, 'flat', 1), 'impossible share'), (7, r'not \(share, kind'), ((1, 'flat'), r'not \(share, kind'),
    ((1, 'cos', nan, 0), 'finite'), ((1, 'cos', [[1]], 0), 'one number per group'), ((1, 'cos', 'x', 0), 'not a number'),
    ((1, 'cos', None, 0), 'number'), (('x', 'flat', 0), 'not a number')]
bad_pieces += [((1, 'demon', 1, 0), 'below 1'), ((1, 'demon', [.9,-.1], 0), 'below 1'), ((1, 'cos', [], 0), 'one number per group'),
    ((1, 'cos', [1,2,3], [1,2]), r'\[2, 3\] groups'), ([1, ['cos'], 1, 0], 'It has: flat, linear')]

@pytest.mark.parametrize('piece,why', bad_pieces)
def test_bad_piece(piece, why):
    with pytest.raises(ValueError, match=why): Schedule((1, 'flat', 1), piece)

@pytest.mark.parametrize('pieces', [[], [(0, 'flat', 1)]])
def test_no_pieces(pieces):
    with pytest.raises(ValueError, match='share above 0: give Schedule'): Schedule(*pieces)

bad = [('fit_explore', dict(n_epoch=0), '^n_epoch=0.*1 or more'), ('fit_wsd', dict(n_epoch=-1), '^n_epoch=-1'),
    ('fit_explore', dict(n_epoch=1.5), '^n_epoch=1.5 must'), ('fit_warmup_fc', dict(warmup=1.5), '^warmup=1.5 must'),
    ('fit_explore', dict(pct_start=1.1), '^pct_start=1.1'), ('fit_warmup_fc', dict(pct_start=nan), '^pct_start=nan'),
    ('fit_wsd', dict(pct_decay=1.5), '^pct_decay=1.5.*never decay'), ('fit_wsd', dict(pct_decay=-1), '^pct_decay=-1'),
    ('fit_warmup_fc', dict(warmup=0), '^warmup=0'), ('fit_wsd', dict(warmup=100), '^warmup=100 does not fit.*warmup=14 or less'),
    ('fit_explore', dict(div_final=0), '^div_final=0'), ('fit_cos_restarts', dict(n_cycle=0), '^n_cycle=0'),
    ('fit_cos_restarts', dict(n_cycle=2.5), '^n_cycle=2.5'), ('fit_cos_restarts', dict(mult=0), '^mult=0'),
    ('fit_cos_restarts', dict(div_final=nan), '^div_final=nan'), ('fit_wsd', dict(start_epoch=5), '^start_epoch=5.*0 to 4'),
    ('fit_explore', dict(start_epoch=-1), '^start_epoch=-1'), ('fit_explore', dict(scheds=dict(lr=explore())), 'use fit_sched'),
    ('fit_sched', dict(scheds=dict(lr=explore()), lr=.1), '^lr is given twice'),
    ('fit_sched', dict(scheds=dict(wd=explore()), wd=.1), '^wd is given twice'), ('fit_sched', dict(scheds={}, n_epoch=0), '^n_epoch=0')]

@pytest.mark.parametrize('method,args,why', bad)
def test_refused(method, args, why):
    learn = tiny()
    with pytest.raises(ValueError, match=why): getattr(learn, method)(**(dict(n_epoch=5)|args))
    assert learn.opt is None, 'a refused fit changes nothing'

@pytest.mark.parametrize('scheds,why', [(explore(), 'names no hyper'), (dict(mom=.9), r"'mom' is 0.9.*Schedule\(\(1, \"flat\", 0.9")])
def test_no_schedule(scheds, why):
    with pytest.raises(TypeError, match=why): tiny().fit_sched(1, scheds)

def test_refused_groups():
    with pytest.raises(ValueError, match="'mom' is for 3 groups, but the optimizer has 2"): tiny().fit_sched(1, dict(mom=demon([.1,.2,.3])))

def test_thumb():
    "The rule of thumb depends on the optimizer, and an error says if it does not apply"
    assert [warmup_steps(o) for o in (0, .9, .99, .999, .9999)] == [2,20,200,2000,20000]
    near(fit(tiny(opt_func=partial(adam, sqr_mom=.75)), 'fit_wsd', 10, .1).of('lr')[:9], [[.1*warm(i, 8)]*2 for i in range(9)])
    with pytest.raises(ValueError, match='warmup=2000 does not fit.*train longer'): tiny().fit_wsd(10)
    with pytest.raises(ValueError, match='warmup=None.*lacks: set warmup='): tiny(opt_func=sgd).fit_wsd(10)

@pytest.mark.parametrize('scheds,n', [(explore(), 1), (explore()*[1,2], 2), (dict(lr=explore()*[1,2], mom=demon(), wd=SchedCos(0, 1)), 2)])
def test_plot(scheds, n):
    axs = plot_schedule(scheds, 4, n_batch)
    fs = list(scheds.values()) if isinstance(scheds, dict) else [scheds]
    assert len(axs)==len(fs)
    for ax,f in zip(axs, fs):
        near(np.array([o.get_ydata() for o in ax.lines if len(o.get_ydata())==12]).T.squeeze(), [f(i/12) for i in range(12)])
    assert len([o for o in axs[0].lines if len(o.get_ydata())==12])==n
    plt.close('all')

def test_signatures():
    for k in fits:
        assert {'n_epoch','lr','scheds','wd','cbs','reset_opt','start_epoch'} <= set(inspect.signature(getattr(Learner, k)).parameters)

# The switch of the rule

def switched(cb, method='fit_sched', *args, learn=None, **kwargs):
    learn = learn or tiny()
    return learn,fit(learn, method, *(args or (4, dict(lr=plateau('flat')*[.02,.05]))), cbs=[cb], **kwargs)

@pytest.mark.parametrize('mom', [0, .5, .9])
def test_estimate_of_sgd(mom):
    "For SGD the estimate is its own rate, per group, and with momentum the rate that keeps the step"
    cb = switch_opt(.5, to=partial(sgd, mom=mom), n_last=4)
    near(switched(cb, learn=tiny(opt_func=sgd))[1].of('lr')[6:], [[.02*(1-mom),.05*(1-mom)]]*6, 1e-4)

@pytest.mark.parametrize('n_last', [1, 5, 100])
def test_estimate_on_a_quadratic(n_last):
    "The formula with known gradients, h·w"
    h,path = torch.tensor([1.,3.,10.], dtype=torch.float64),[]
    class Bowl(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        def forward(self, x, y=None):
            if self.training: path.append(self.w.detach().clone())
            return (h*self.w**2).sum().float()/2
    learn,cb = tiny(),switch_opt(2/3, n_last=n_last)
    learn.model,learn.splitter,learn.loss_func = Bowl(),lambda m: [[m.w]],lambda out,y: out
    seen = fit(learn, 'fit_sched', 10, dict(lr=plateau('flat')*.01), cbs=[cb])
    first = max(0, 20-n_last)
    d = torch.stack([path[i]-path[i+1] for i in range(first, 20)])
    g = torch.stack(path[first:20])*h
    near([o[0] for o in seen.of('lr')], [.01]*20 + [.1*((d*d).sum()/(d*g).sum()).item()]*10)
    near(path[21], path[20] - seen.of('lr')[20][0]*h*path[20])

def test_one_step():
    "For a single step, the projection of SGD's step is that step"
    d,g = np.array([.3,-.1]),np.array([2.,1.])
    rate = sgd_rates([(d@d, d@g)], [0])[0]
    near((rate*g)@d/np.linalg.norm(d), np.linalg.norm(d))

@pytest.mark.parametrize('lr', [.3, [.3,.6], (.3,.6), np.array([.3,.6])])
def test_given_rate(lr):
    "A given rate holds at the switch, and the schedule continues from it"
    learn,cb = switched(switch_opt(.5, lr=lr), 'fit_explore', 4, .1)
    plain = np.array(fit(tiny(), 'fit_explore', 4, .1).of('lr'))
    near(cb.of('lr'), np.concatenate([plain[:6], plain[6:]*np.array(lr)/.1]))
    assert learn.opt.rule is sgd and learn.opt.hypers[0]['mom']==.9 and learn.opt_func.func is adam
    assert learn.recorder.lrs == [o[-1] for o in cb.of('lr')], 'the recorded rate is the rate that was used'

def test_without_schedule():
    "A constant rate is multiplied once, not at every batch"
    _,cb = switched(switch_opt(.5, lr=.3), 'fit', 4, .1)
    near(cb.of('lr'), [[.1,.1]]*6 + [[.3,.3]]*6)

def test_again():
    "A second training starts with the learner's own rule and estimates again"
    learn,cb = tiny(),switch_opt(.5)
    for _ in range(2):
        log = switched(cb, 'fit', 4, .1, learn=learn, reset_opt=True)[1]
        near(log.of('lr')[:6], [[.1,.1]]*6)
        assert 'sqr_mom' in log.hypers[5][0] and 'sqr_mom' not in log.hypers[6][0]

@pytest.mark.parametrize('k', [1, 2, 3])
def test_switch_resumed(k):
    "Interrupted before, at and after the switch, a training ends with the weights of the uninterrupted run"
    def new(): return switch_opt(.5, n_last=5)
    whole,_ = switched(new(), 'fit_explore', 4, [.02,.05])
    cb = new()
    part = tiny()
    fit(part, 'fit_explore', 4, [.02,.05], cbs=[cb,StopAfter(k)])
    saved,other = json.loads(json.dumps(cb.state_dict())),new()
    other.load_state_dict(saved)
    rest = go_on(part, other if saved['factor'] else None)
    fit(rest, 'fit_explore', 4, [.02,.05], cbs=[other], start_epoch=k)
    assert weights(rest)==weights(whole)

def test_frozen():
    learn,cb = tiny(),switch_opt(.5)
    learn.create_opt()
    learn.freeze()
    a,b = weights(learn)
    fit(learn, 'fit_fc', 4, .1, cbs=[cb])
    assert weights(learn)[0]==a and weights(learn)[1]!=b and learn.opt.frozen_idx==1
    assert cb.factor[0]==1 and cb.factor[1]!=1

def test_no_norm_decay():
    "`create_opt` marks the new optimizer's norms and biases as any other's"
    learn = tiny(1)
    learn.model = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    learn.splitter,learn.wd_bn_bias = lambda m: L(m.parameters()),False
    switched(switch_opt(.5, lr=.1), 'fit', 4, .1, learn=learn)
    assert learn.opt.rule is sgd
    assert [learn.opt.state[p].get('do_wd', True) for p in learn.model.parameters()] == [True,False,False,False,True,False]

@pytest.mark.parametrize('to', [partial(sgd, mom=.9), partial(OptimWrapper, opt=torch.optim.SGD)], ids=['sgd', 'torch'])
def test_export_after_the_switch(to, tmp_path):
    "The learner continues as if it had not exported; the loaded one predicts the same and trains with its own rule"
    def trained(export):
        lab = CheckFixture(partial(adam, how='eager'), path=tmp_path)
        learn = lab.learner()
        lab.fitted(learn, 2, cbs=switch_opt(.5, to, lr=.1))
        if export: learn.export()
        return learn,lab.fitted(learn, 2)
    a,b = trained(True),trained(False)
    assert torch.equal(a[1], b[1]) and a[0].opt.hypers==b[0].opt.hypers
    with pytest.warns(UserWarning, match='insecure pickle'): loaded = load_learner(tmp_path/'export.pkl')
    assert loaded.opt is None and loaded.opt_func.func is adam
    loaded.create_opt()
    assert loaded.opt.rule is adam and not hasattr(loaded.opt, 'switched')

def test_export_without_a_switch_makes_the_optimizer_anew(tmp_path):
    learn = CheckFixture(adam, path=tmp_path).learner()
    learn.create_opt()
    old = learn.opt
    learn.export()
    assert learn.opt is not old and learn.opt.hypers==old.hypers

def test_switch_keeps_the_way_16_bit_weights_are_written():
    for to,want in ((sgd, 'kahan'), (partial(sgd, lowp='stochastic'), 'stochastic')):
        learn = switched(switch_opt(.5, to, lr=.1), learn=tiny(opt_func=partial(adam, lowp='kahan')))[0]
        assert learn.opt.rule is sgd and learn.opt.engine.lowp==want

@pytest.mark.parametrize('lowp', ['plain', 'kahan', 'stochastic'])
def test_steps_of_16_bit_weights_give_no_estimate(lowp):
    "A step below a unit in the last place is a rare jump of a whole unit, whose square says nothing of the step"
    learn = tiny(opt_func=partial(adam, lowp=lowp))
    learn.model.bfloat16()
    with pytest.raises(ValueError, match='switch_opt: the steps of 16-bit weights are mostly rounding.*set lr='):
        fit(learn, 'fit', 4, .1, cbs=[switch_opt(.5)])

def test_torch_optimizers():
    "From one wrapped PyTorch optimizer to another"
    learn = tiny(opt_func=partial(OptimWrapper, opt=torch.optim.Adam))
    learn,cb = switched(switch_opt(.5, to=partial(OptimWrapper, opt=torch.optim.SGD, momentum=.9)), learn=learn)
    assert type(learn.opt.opt) is torch.optim.SGD and all(0<v<math.inf for v in cb.of('lr')[6]) and cb.of('lr')[6]!=[.02,.05]

@pytest.mark.parametrize('args,why', [(dict(at=0), 'at=0.*above 0 and below 1'), (dict(at=1), 'at=1'), (dict(at=nan), 'at=nan'),
    (dict(at=.5, to='sgd'), "to='sgd'.*opt_func"), (dict(at=.5, lr=-1), 'lr=-1.*estimate'), (dict(at=.5, lr=[.1,0]), 'lr='),
    (dict(at=.5, n_last=0), 'n_last=0')])
def test_switch_refused(args, why):
    with pytest.raises(ValueError, match=f'^switch_opt: {why}'): switch_opt(**args)

def test_switch_fails_by_name():
    with pytest.raises(ValueError, match='continues at 0.75, after the switch at=0.5.*load_state_dict'):
        fit(tiny(), 'fit', 4, .1, cbs=[switch_opt(.5)], start_epoch=3)
    with pytest.raises(RuntimeError, match='group 1 went against.*set lr='): sgd_rates([(1, 1),(1, 0)], [0, 0])
    with pytest.raises(RuntimeError, match='the rate at=0.5 is 0'):
        fit(tiny(), 'fit_sched', 4, dict(lr=Schedule((1, 'flat', 0))), cbs=[switch_opt(.5, lr=.1)])
    with pytest.raises(ValueError, match='lr has 3 rates for 2 groups'): fit(tiny(), 'fit', 4, .1, cbs=[switch_opt(.5, lr=(.1,.2,.3))])

@pytest.mark.parametrize('lr', [None, .1])
def test_a_second_switch_is_refused_at_the_start(lr):
    "Each would multiply the rate that the other had multiplied; one after the other, in two fits, they work"
    learn = tiny()
    before = weights(learn)
    with pytest.raises(ValueError, match='SwitchOpt must be the only SwitchOpt of a fit: .*call fit again'):
        fit(learn, 'fit', 4, .1, cbs=[switch_opt(.3, lr=lr), switch_opt(.6, to=adam, lr=.01)])
    assert weights(learn)==before
    first,second = [fit(learn, 'fit', 4, .1, cbs=[switch_opt(.5, lr=.2)], reset_opt=True) for _ in range(2)]
    assert first.of('lr')==second.of('lr')

@pytest.mark.parametrize('cb,why', [(Closure, 'SwitchOpt cannot work with Closure: the closure takes the steps'), (ReleaseGrads, '')])
def test_steps_that_cannot_be_measured_are_refused_at_the_start(cb, why):
    learn = tiny()
    before = weights(learn)
    with pytest.raises(ValueError, match=f'{why}.*lr='): fit(learn, 'fit', 4, .1, cbs=[cb(), switch_opt(.5)])
    assert weights(learn)==before

class NoStep(Callback):
    "No step is taken, as in an overflow"
    def before_step(self): raise CancelStepException

class NoGrads(Callback):
    "Steps without a gradient"
    def before_step(self): self.opt.zero_grad()

@pytest.mark.parametrize('cb', [partial(GradientAccumulation, 64*n_batch), NoStep, NoGrads])
def test_no_step_to_estimate_from(cb):
    "The error says so, whatever the reason; the optimizer is still the first one, and a given rate needs no steps"
    learn = tiny()
    with pytest.raises(RuntimeError, match='switch_opt: no weight moved in the last 1 batches before the switch at=0.5.*set lr=.*n_last'):
        fit(learn, 'fit', 4, .1, cbs=[switch_opt(.5, n_last=1), cb()])
    assert learn.opt.rule is adam
    learn = tiny()
    fit(learn, 'fit', 4, .1, cbs=[switch_opt(.5, lr=.3), cb()])
    assert learn.opt.rule is sgd

def test_a_fit_that_starts_with_the_optimizer_of_an_earlier_switch_warns():
    "Only a fit that trains, and only if it is to switch again"
    learn = tiny()
    def said(**kwargs):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter('always')
            fit(learn, 'fit', 4, .1, **kwargs)
        return [o for o in seen if 'switch_opt: this fit starts with the optimizer of an earlier switch, sgd' in str(o.message)]
    assert not said(cbs=[switch_opt(.5, lr=.2)]) and len(said(cbs=[switch_opt(.5, lr=.2)]))==1
    assert not said(cbs=[switch_opt(.5, lr=.2)], reset_opt=True) and not said()
    learn.add_cb(switch_opt(.5, lr=.2))
    with warnings.catch_warnings(), learn.no_bar(), learn.no_logging():
        warnings.simplefilter('error')
        learn.validate()
