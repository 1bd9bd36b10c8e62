"The rate that `fit_fc` gives to every batch agrees with the formula; and the errors that it raises."
import copy, math, matplotlib.pyplot as plt, numpy as np, pickle, pytest, torch
from cover import covering
from fastai.basics import Callback
from fastai.callback.core import CancelFitException
from fastai.callback.schedule import ParamScheduler
from fastai.optimizer import Adam, OptimWrapper
from fastai.test_utils import synth_learner
from fastopt.training.flat_anneal import fc_scheds, flat_cos, plot_fc
from functools import partial

n_batch = 3
shares = [0, .3, .72, 1]

def formula(i, n, flat, end, s):
    "Batch `i` of `n`, in another form than in `flat_cos`; `s` is the flat share"
    if i<=s*n: return flat
    return end + (flat-end)*math.sin(math.pi*(n-i)/(2*n*(1-s)))**2

class Seen(Callback):
    "Record the hypers of every group at every step, and the epochs that trained"
    def before_fit(self): self.hypers,self.epochs = [],[]
    def before_step(self):
        self.hypers.append([dict(h) for h in self.opt.hypers])
        self.epochs.append(self.epoch)
    def of(self, k): return [[h[k] for h in hs] for hs in self.hypers]

def tiny(groups=2, **kwargs):
    "A learner with two weights and three batches per epoch"
    splitter = (lambda m: [[m.a],[m.b]]) if groups==2 else (lambda m: [[m.a,m.b]])
    return synth_learner(n_trn=n_batch, n_val=1, splitter=splitter, **kwargs)

def fit(learn, *args, cbs=None, method='fit_fc', **kwargs):
    "The `Seen` callback after a fit"
    cb = Seen()
    with learn.no_bar(), learn.no_logging(): getattr(learn, method)(*args, cbs=[cb]+(cbs or []), **kwargs)
    return cb

def near(got, want, rel=1e-9): assert np.allclose(got, want, rtol=rel, atol=0), f'{got} is not {want}'

ENDS = [(n, s) for n in range(1, 21) for s in shares]

@pytest.mark.parametrize('n_epoch,s', covering(ENDS, {o for o in ENDS if (o[0]+shares.index(o[1]))%3==0}))
def test_every_batch(n_epoch, s):
    learn,n,lrs = tiny(),n_epoch*n_batch,(1e-3,2e-2)
    cb = fit(learn, n_epoch, list(lrs), pct_start=s, div_final=1e4, moms=(.95,.8))
    near(cb.of('lr'), [[formula(i, n, a, a/1e4, s) for a in lrs] for i in range(n)])
    near(cb.of('mom'), [[formula(i, n, .95, .8, s)]*2 for i in range(n)])
    assert cb.of('lr')[:math.ceil(s*n)] == [list(lrs)]*math.ceil(s*n), 'the flat phase is equal to the last bit'
    assert learn.recorder.lrs == [o[-1] for o in cb.of('lr')] == learn.recorder.hps['lr']
    assert cb.epochs == [i//n_batch for i in range(n)]

@pytest.mark.parametrize('lr,want', [(None, [1e-3,1e-3]), (.1, [.1,.1]), ([.1,.2], [.1,.2]), ((.1,.2), [.1,.2]),
    (np.array([.1,.2]), [.1,.2]), (slice(.1), [.01,.1]), (slice(1e-3, .1), [1e-3,.1]), (torch.tensor(.5).item(), [.5,.5])])
def test_groups(lr, want): near(fit(tiny(), 2, lr).of('lr')[0], want)

@pytest.mark.parametrize('s', shares)
@pytest.mark.parametrize('n_epoch', [1, 3, 7, 20])
def test_start_epoch(n_epoch, s):
    args = dict(lr=slice(1e-3, 1e-2), pct_start=s, moms=(.95,.85))
    whole = fit(tiny(), n_epoch, **args)
    for k in range(n_epoch) if n_epoch<20 else (0, 6, 13, 19):
        rest = fit(tiny(), n_epoch, start_epoch=k, **args)
        assert rest.hypers == whole.hypers[k*n_batch:]
        assert rest.epochs == whole.epochs[k*n_batch:]

def test_resumed_weights():
    "Saved after two epochs and resumed, a training ends with the weights of the uninterrupted run"
    class Keep(Callback):
        "Save the learner after two epochs and stop"
        def after_epoch(self):
            if self.epoch==1: raise CancelFitException
    def start():
        torch.manual_seed(0)
        learn = tiny()
        learn.dls.train.shuffle = False
        return learn
    def weights(learn): return [o.item() for o in learn.model.parameters()]
    whole,part = start(),start()
    fit(whole, 5, .05, moms=(.9,.7))
    fit(part, 5, .05, moms=(.9,.7), cbs=[Keep()])
    fresh = start()
    fresh.create_opt()
    fresh.model.load_state_dict(part.model.state_dict())
    fresh.opt.load_state_dict(copy.deepcopy(part.opt.state_dict()))
    assert weights(fresh) != weights(whole)
    fit(fresh, 5, .05, moms=(.9,.7), start_epoch=2)
    assert weights(fresh) == weights(whole)

@pytest.mark.parametrize('n', [1, 2, 3, 10, 100, 10_000])
@pytest.mark.parametrize('s', shares)
def test_last_batch(n, s):
    "The last of `n` batches is at position `(n-1)/n`, so it ends above `lr/div_final`"
    last = flat_cos((n-1)/n, 1., 1e-5, s)
    c = math.sin(math.pi/(2*n*(1-s)))**2 if n*(1-s)>=1 else 1.
    near(last, c + (1-c)*1e-5)

@pytest.mark.parametrize('s', [0, 1e-300, .1, .3, 1/3, .7, .72, .75, .9, 1-1e-16, 1])
def test_bounds(s):
    "The rate is flat, then falls, and never leaves its two values, whatever the rounding at the boundary"
    pos = sorted([*np.linspace(0, 1, 1001), s, np.nextafter(s, 0), np.nextafter(s, 1)])
    vals = [flat_cos(p, 3e-3, 3e-8, s) for p in pos]
    assert all(a>=b for a,b in zip(vals, vals[1:]))
    assert all(v==3e-3 for p,v in zip(pos, vals) if p<=s)
    assert vals[-1] == (3e-8 if s<1 else 3e-3)
    assert flat_cos(1+1e-12, 3e-3, 3e-8, s) == vals[-1], 'a sum of positions over batches may exceed 1'

def test_one_batch(): assert fit(synth_learner(n_trn=1, n_val=1), 1, .1, pct_start=0).of('lr') == [[.1]]

def test_fit_flat_cos():
    "With fastai's share, the schedule is fastai's, whose positions are in single precision"
    ours,theirs = fit(tiny(), 8, .1, pct_start=.75),fit(tiny(), 8, .1, method='fit_flat_cos')
    near(ours.of('lr'), theirs.of('lr'), 1e-4)

opts = dict(fastai=Adam, wrapped=partial(OptimWrapper, opt=torch.optim.AdamW), sgd=partial(OptimWrapper, opt=torch.optim.SGD))

@pytest.mark.parametrize('opt', opts)
def test_python_floats(opt):
    learn = tiny()
    learn.opt_func = opts[opt]
    cb = fit(learn, 3, slice(1e-3, 1e-2), moms=(.95,.85))
    assert {type(v) for k in ('lr','mom') for row in cb.of(k) for v in row} == {float}
    near(cb.of('lr')[-1], [formula(8, 9, a, a/1e5, .72) for a in (1e-3,1e-2)])

@pytest.mark.parametrize('moms,want', [(None, .9), ((.95,.85), .95)])
def test_moms(moms, want):
    learn = tiny()
    assert {o for row in fit(learn, 1, moms=moms).of('mom') for o in row} == {want}
    assert [h['mom'] for h in learn.opt.hypers] == [.9,.9], 'the next fit starts with the momentum from before'
    assert ('mom' in learn.recorder.hps) == (moms is not None)

def test_mom_back_after_error():
    class Fail(Callback):
        "Raise an error in the last epoch"
        def before_epoch(self):
            if self.epoch==2: raise RuntimeError('disk full')
    learn = tiny()
    with pytest.raises(RuntimeError, match='disk full'): fit(learn, 3, moms=(.5,.4), cbs=[Fail()])
    assert [h['mom'] for h in learn.opt.hypers] == [.9,.9]
    assert not any(isinstance(cb, ParamScheduler) for cb in learn.cbs)

def test_no_mom():
    learn = tiny()
    learn.opt_func = partial(OptimWrapper, opt=torch.optim.Adagrad)
    with pytest.warns(UserWarning, match='no `mom`.*moms=None'): cb = fit(learn, 2, .1, moms=(.95,.85))
    near(cb.of('lr')[-1], [formula(5, 6, .1, 1e-6, .72)]*2)
    assert len(fit(learn, 1, .1).hypers) == n_batch

def test_wd_cbs_reset():
    learn = tiny()
    fit(learn, 1, wd=.25)
    old = learn.opt
    assert old.hypers[0]['wd'] == .25
    fit(learn, 1)
    assert learn.opt is old
    assert fit(learn, 1, .1, reset_opt=True).of('lr')[0] == [.1,.1] and learn.opt is not old
    learn.splitter = lambda m: [[m.a,m.b]]
    assert fit(learn, 1, slice(.1), reset_opt=True).of('lr')[0] == [.1], 'a fresh optimizer has the groups of the new splitter'

def test_lr_of_opt_func():
    learn = tiny()
    learn.opt_func = partial(Adam, lr=.03)
    assert fit(learn, 1).of('lr')[0] == [.03,.03]

def test_frozen():
    learn = tiny()
    learn.create_opt()
    learn.freeze()
    a,b = learn.model.a.item(),learn.model.b.item()
    near(fit(learn, 4, slice(1e-3, 1e-2)).of('lr')[-1], [formula(11, 12, v, v/1e5, .72) for v in (1e-3,1e-2)])
    assert learn.model.a.item()==a and learn.model.b.item()!=b

nan = math.nan
bad = [('n_epoch', 0, '1 or more'), ('n_epoch', -3, '1 or more'), ('pct_start', -.01, 'never anneal'), ('pct_start', 1.01, 'never anneal'),
    ('pct_start', nan, 'never anneal'), ('div_final', 0, 'above 0'), ('div_final', -1e5, 'above 0'), ('div_final', nan, 'above 0'),
    ('start_epoch', -1, '0 to 4'), ('start_epoch', 5, '0 to 4'), ('moms', (.9,), r'\(flat, end\)'), ('moms', .9, r'\(flat, end\)'),
    ('moms', (.95,.85,.95), r'\(flat, end\)')]

@pytest.mark.parametrize('k,v,way_out', bad)
def test_refused(k, v, way_out):
    learn = tiny()
    with pytest.raises(ValueError, match=f'^{k}=.*{way_out}'): learn.fit_fc(**(dict(n_epoch=5)|{k:v}))
    assert learn.opt is None, 'a refused fit changes nothing'
    if k!='start_epoch':
        with pytest.raises(ValueError, match=f'^{k}='): plot_fc(**(dict(n_epoch=5)|{k:v}))

def test_anneal_to_zero(): assert flat_cos(1, 1e-3, np.divide(1e-3, math.inf)) == 0

def test_pickle():
    scheds = fc_scheds([1e-3,1e-2], .3, moms=(.95,.85))
    again = pickle.loads(pickle.dumps(scheds))
    assert all(again[k](p)==scheds[k](p) for k in scheds for p in (0, .3, .5, 1))

@pytest.mark.parametrize('lr,n_line', [(1e-2, 1), ([1e-3,1e-2], 2), (slice(1e-3, 1e-2), 2), (slice(1e-2), 2)])
@pytest.mark.parametrize('moms', [None, (.95,.85)])
def test_plot(lr, n_line, moms):
    "The picture shows the values of the fit"
    axs = plot_fc(4, lr, .3, moms=moms, n_batches=n_batch)
    cb = fit(tiny(n_line), 4, lr, .3, moms=moms)
    lines = np.array([o.get_ydata() for o in axs[0].lines[:n_line]])
    near(lines.T, cb.of('lr'))
    assert len(axs) == (1 if moms is None else 2)
    if moms: near(axs[1].lines[0].get_ydata(), [row[0] for row in cb.of('mom')])
    plt.close('all')
