"""Callbacks of `evidence.diagnostics`: training with them equals training without them, and what they measure does not depend on how the
training runs: in 16 bits, in parts of a batch, in two processes. This file is also the script of those two"""
import os, re, sys
from functools import partial
from pathlib import Path
import numpy as np, pytest, torch
from fastai.basics import set_seed
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.callback.training import GradientAccumulation
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.distributed import DistributedDL
from fastai.learner import Learner
from fastai.optimizer import Adam, OptimWrapper
from fastai.torch_core import rank_distrib
from fastopt.all import (adam, adamod, adamw, clip_value, DiffGrad, diffgrad, matrices, momentum, route, Rule, sgdm_clip,
    schedulefree_adamw, sgd)
from fastopt.core.rules import descend
from fastopt.evidence.diagnostics import Sharpness, WatchBound, WatchClip, WatchFriction, WatchUpdates
from fastopt.evidence.loss_plane import flat_weights
from fastopt.optim.adamod import deepmemory
from fastopt.optim.diffgrad import friction
from fastopt.training.gradient_release import ReleaseGrads
from ranks import ranks
from torch import nn
from torch.amp import GradScaler, autocast

N,BS,WORLD = 48,4,2
CPU = torch.device('cpu')
def sharp(batches=2, **kwargs): return Sharpness(['sgd', 'momentum', 'adam'], batches=batches, **kwargs)
# The rule, and the callback at every step
CASES = dict(updates=(partial(adamw, wd=0.1), lambda: WatchUpdates(1)), friction=(partial(diffgrad, wd=0.1), lambda: WatchFriction(1)),
    bound=(partial(adamod, len_memory=5), lambda: WatchBound(1)), clip=(partial(sgdm_clip, q=0.2), lambda: WatchClip(1)),
    sharpness=(adam, sharp))

def items(interleave=1):
    "Data in an order in which batch i of one process equals batch i of all ranks together"
    torch.manual_seed(0)
    o = list(zip(torch.randn(N, 5).double(), torch.randn(N, 2).double()))
    return [o[r*N//interleave + i + k] for i in range(0, N//interleave, BS) for r in range(interleave) for k in range(BS)]

def mse(pred, y): return nn.functional.mse_loss(pred, y)

def net(dtype=torch.float64):
    set_seed(2)
    return nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2)).to(dtype)

def learner(opt_func, bs=2*BS, data=None, dtype=torch.float64, model=None, loss_func=mse, **kwargs):
    data = [(x.to(dtype), y.to(dtype)) for x,y in data or items(WORLD)]
    dls = DataLoaders(*[DataLoader(data, bs=bs, num_workers=0, device=CPU) for _ in range(2)], device=CPU)
    learn = Learner(dls, model or net(dtype), loss_func, opt_func, lr=1e-2, **kwargs)
    return learn.remove_cb(learn.recorder) # It averages losses in float32

def fit(learn, cbs=(), epochs=2):
    set_seed(4)
    with learn.no_bar(), learn.no_logging(): learn.fit(epochs, 1e-2, cbs=list(cbs))
    return learn

def table(cb): return cb.frame.set_index(['step', cb.by]).sort_index()

def alike(a, b, tol):
    a,b = table(a),table(b)
    assert a.index.equals(b.index) and len(a)>3 and (a.isna()==b.isna()).all().all()
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol)

def measured(name, make=learner, **kwargs):
    opt_func,cb = CASES[name]
    fit(make(opt_func, **kwargs), [cb := cb()])
    return cb

# ---- training with the callbacks equals training without them

@pytest.mark.parametrize('name', CASES)
@pytest.mark.parametrize('face', ['fastai', 'wrapped'])
def test_a_watched_training_is_the_training_itself(name, face):
    opt_func,cb = CASES[name]
    if face=='wrapped':
        rule,kws = getattr(opt_func, 'func', opt_func),getattr(opt_func, 'keywords', {})
        kws = {'weight_decay' if k=='wd' else k: v for k,v in kws.items()}
        opt_func = partial(OptimWrapper, opt=partial(rule.torch('Opt'), **kws))
    def model():
        set_seed(1)
        return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 2)).double()
    a,b = (learner(opt_func, model=model()) for _ in range(2))
    fit(a), fit(b, [cb := cb()])
    assert all(map(torch.equal, a.model.state_dict().values(), b.model.state_dict().values()))
    assert len(cb.rows)>5
    draw = torch.rand(3), np.random.rand()
    fit(a)
    assert torch.equal(torch.rand(3), draw[0]) and np.random.rand()==draw[1]

# ---- 16 bits, parts of a batch, processes

class Scaled(MixedPrecision):
    "On a CPU: a scaler, and autocast in `dtype` if given"
    def __init__(self, dtype=None): self.dtype = dtype
    def before_fit(self):
        self.autocast = autocast('cpu', dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None)
        self.learn.scaler,self.scales = GradScaler('cpu', init_scale=2.**10),[]

@pytest.mark.parametrize('name', CASES)
def test_behind_a_scaler_as_without(name):
    opt_func,cb = CASES[name]
    fit(learner(opt_func, dtype=torch.float32), [Scaled(), cb := cb()])
    alike(cb, measured(name, dtype=torch.float32), 1e-6)

@pytest.mark.parametrize('name', CASES)
def test_in_mixed_precision_nearly_as_in_single(name):
    "bfloat16 has 8 bits; fractions count coordinates, of which there are few"
    opt_func,cb = CASES[name]
    fit(learner(opt_func, dtype=torch.float32), [Scaled(torch.bfloat16), cb := cb()], epochs=1)
    want = table(fit_of(name))
    got = table(cb)
    assert got.index.equals(want.index)
    bar = dict(updates=0.15, friction=0.01, bound=0.2, clip=0.2, sharpness=0.15)[name]
    cols = [o for o in got.columns if o!='cosine']
    err = ((got-want).abs()/(want.abs() + (1. if name in ('bound', 'clip') else 1e-3)))[cols]
    assert err.loc[:2].max().max()<bar # Later the trainings are no longer at the same point

def fit_of(name):
    opt_func,cb = CASES[name]
    fit(learner(opt_func, dtype=torch.float32), [cb := cb()], epochs=1)
    return cb

@pytest.mark.parametrize('name', CASES)
def test_a_step_of_several_batches_as_of_one(name):
    opt_func,_ = CASES[name]
    cb = sharp(4) if name=='sharpness' else CASES[name][1]()
    fit(learner(opt_func, bs=BS), [GradientAccumulation(2*BS), cb])
    alike(cb, measured(name), 1e-9)

def broadcast(self, t, rank):
    "Like `DistributedDL._broadcast`, which goes through a GPU"
    t = torch.LongTensor(t)
    torch.distributed.broadcast(t, rank)
    return t.tolist()

def rows_of(name, **kwargs):
    opt_func,cb = CASES[name]
    learn,cb = learner(opt_func, bs=BS, data=items(), **kwargs),cb()
    with learn.distrib_ctx(sync_bn=False, cpu=True): fit(learn, [cb])
    return cb.rows

def main(path):
    "What each callback measures on every rank"
    DistributedDL._broadcast = broadcast
    torch.save({k: rows_of(k) for k in CASES}, Path(path)/f'{rank_distrib()}.pth')
    torch.distributed.barrier()
    os._exit(0) # Without destructors, because gloo's threads sometimes abort a process that exits normally

@pytest.fixture(scope='module')
def two(tmp_path_factory):
    "What each of two processes measured"
    path = tmp_path_factory.mktemp('ranks')
    ranks(__file__, main, path, world=WORLD)
    return [torch.load(path/f'{i}.pth') for i in range(WORLD)]

@pytest.mark.parametrize('name', CASES)
def test_two_processes_as_one(two, name):
    one = measured(name)
    for rows in two:
        its = CASES[name][1]()
        its.rows = rows[name]
        alike(its, one, 1e-9)

# ---- measurements

def test_updates_against_weights_before_and_after():
    class Seen(WatchUpdates):
        def before_step(self):
            super().before_step()
            self.before = flat_weights(self.model),torch.cat([p.grad.flatten() for p in self.model.parameters()])
        def after_step(self):
            p,g = self.before
            u,row = flat_weights(self.model)-p,self.rows[-1]
            if row['ratio']!=row['ratio'] or (self.steps_seen-1)%self.every: return
            last,self.was = getattr(self, 'was', None),u
            assert row['layer']=='all' and row['ratio']==pytest.approx((u.norm()/p.norm()).item())
            assert row['rate']==pytest.approx((u.norm()/g.norm()).item())
            assert row['decay']==pytest.approx((0.1*self.opt.hypers[0]['lr']*p.norm()/u.norm()).item(), rel=1e-6)
            if last is not None: assert row['cosine']==pytest.approx((u@last/u.norm()/last.norm()).item())
    fit(learner(partial(adamw, wd=0.1), wd_bn_bias=True), [Seen(1)])

@pytest.mark.parametrize('every', [1, 3])
def test_every(every):
    fit(learner(adamw), [cb := WatchUpdates(every)])
    assert cb.frame.step.unique().tolist()==list(range(1, 13, every))
    cosine = table(cb).xs('all', level='layer').cosine
    assert cosine.isna().tolist()==[True, *[False]*(len(cosine)-1)]

def test_friction_is_the_term_itself():
    "With decay before it, so that it sees the decayed gradient, and in a wrapped class"
    class Seen(WatchFriction):
        def before_step(self):
            super().before_step()
            p = self.model[0].weight
            def prev(p): return getattr(self.opt, 'opt', self.opt).state.get(p, {}).get('prev', torch.zeros_like(p)).clone()
            ξ = torch.cat([friction(torch.ones_like(o), o.grad + 0.1*o, prev(o), version=2).flatten() for o in (p, self.model[0].bias)])
            row = next(o for o in self.rows[::-1] if o['layer']=='0')
            assert row['mean']==pytest.approx(ξ.mean().item()) and row['sd']==pytest.approx(ξ.std(correction=0).item())
    for f in (partial(diffgrad, wd=0.1, version=2), partial(OptimWrapper, opt=partial(DiffGrad, weight_decay=0.1, version=2))):
        fit(learner(f, wd_bn_bias=True), [cb := Seen(1)])
        assert len(cb.rows)>5

def test_state_in_bfloat16_does_not_change_what_friction_is():
    "ξ is computed from the gradients, not from those rounded for storage; at the first step, where nothing was stored yet, to the bit"
    def first(**kws):
        fit(learner(partial(diffgrad, **kws), dtype=torch.float32), [cb := WatchFriction(1)], epochs=1)
        return cb.frame[cb.frame.step==1]
    assert first().equals(first(state_dtype=torch.bfloat16))

def test_the_bound_against_its_definition():
    class Seen(WatchBound):
        def after_step(self):
            n,cut = 0,0
            for p in self.model.parameters():
                st,h = self.opt.state[p],self.opt.hypers[0]
                η = h['lr']*(1-h['sqr_mom']**st['step'])**0.5/(1-h['mom']**st['step'])/(st['v'].sqrt()+h['eps'])
                n,cut = n+(st['m']!=0).sum(),cut+((st['s']<η) & (st['m']!=0)).sum()
            assert self.rows[-1]['layer']=='all' and self.rows[-1]['cut']==pytest.approx((cut/n).item())
    for rule in (adamod, deepmemory): fit(learner(partial(rule, len_memory=5)), [Seen(1)])

def test_q_is_the_one_that_the_rule_notes():
    class Seen(WatchClip):
        def after_step(self):
            memo = next(st['clipped'] for st in self.opt.state.values())
            assert self.rows[-1]['q']==pytest.approx(memo['q'])
    fit(learner(partial(sgdm_clip, q=0.3)), [cb := Seen(1)])
    assert table(cb).xs('all', level='layer').q.between(0.2, 0.31).all()

def test_clips_by_value_and_routes():
    rule = route(matrices, Rule(clip_value, descend, max_value=1e-9), sgd)
    fit(learner(rule), [cb := WatchClip(1)])
    q = table(cb).q
    assert (q==1).all() and set(cb.frame.layer)=={'0', '3', 'all'}

def test_sharpness_of_a_parabola_and_of_its_clipped_gradient():
    "Loss ½p'Ap, for which everything is known along the gradient and along the update of momentum"
    A = torch.diag(torch.tensor([1., 10., 100.]).double())
    class Bowl(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.tensor([1., -1., 0.5]).double())
            self.drop = nn.Dropout(0.5)
        def forward(self, x): return self.drop(torch.ones(1000)).mean()*0. + 0.5*self.p@A@self.p + 0*x.sum()
    seen = []
    class Seen(Sharpness):
        def before_step(self):
            p = self.model.p.detach().clone()
            super().before_step()
            seen.append((p, self.rows[-4:]))
    learn = learner(momentum, model=Bowl(), loss_func=lambda o, y: o)
    fit(learn, [Seen(['sgd', 'adam', 'sgd_clip'], at=lambda i: True, batches=3)], epochs=1)
    for p,rows in seen:
        g = A@p
        row = next(o for o in rows if o['rule']=='sgd')
        v = g/g.norm()
        assert row['sharpness']==pytest.approx((v@A@v).item()) and row['correlation']==pytest.approx((g@v).item())
        assert row['gain']==pytest.approx(((g@v)**2/(2*v@A@v)).item())
    assert len(seen)==6 and all(o['sharpness']<100.1 for _,rows in seen for o in rows)

def test_others_have_the_state_of_their_own_along_the_path():
    "Adam beside SGD sees the gradients that Adam alone would see at these points"
    class Both(Sharpness):
        def before_step(self):
            super().before_step()
            for p in self.model.parameters():
                m = self.means[p] = 0.9*self.means.get(p, 0.) + 0.1*p.grad
                assert torch.allclose(self.others['adam'].state[p]['m'], m)
    cb = Both(['adam'])
    cb.means = {}
    fit(learner(sgd), [cb])
    assert all(o.state[p]['step']==12 for o in cb.others.values() for p in o.state)

def test_attention_and_its_second_derivative():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.at,self.out = nn.TransformerEncoderLayer(8, 2, 8, 0.5, batch_first=True),nn.Linear(8, 2)
        def forward(self, x): return self.out(self.at(x[:,:,None].expand(-1, -1, 8))).mean(1)
    def once():
        set_seed(0)
        fit(learner(adam, dtype=torch.float32, model=Net()), [cb := sharp()], epochs=1)
        return cb.frame
    assert once().equals(once()) and (once().sharpness>0).any()

# ---- trainings that cannot be measured

TORCHS = partial(OptimWrapper, opt=torch.optim.Adam)
CANNOT = [(adamw, WatchFriction, ValueError, 'adamw has no term friction or late_friction (adam → decay → descend)'),
    (sgd, WatchBound, ValueError, 'WatchBound: sgd has no term adamod'), (adam, WatchClip, ValueError, 'has no term clip'),
    (Adam, WatchUpdates, TypeError, 'Optimizer is not an optimizer of fastopt'),
    (TORCHS, WatchUpdates, TypeError, 'Adam is not an optimizer of fastopt')]
WRONG = {'ranger keeps points of its own path (slow)':partial(Sharpness, ['ranger']), '(z)':partial(Sharpness, ['schedulefree_adamw']),
    "did you mean 'adam'":partial(Sharpness, ['adm']), 'batches=0 must be a whole number, 1 or more':partial(Sharpness, batches=0),
    'every=True must be a whole number':partial(WatchUpdates, True)}
CANNOT += [(adam, cb, ValueError, says) for says,cb in WRONG.items()]

@pytest.mark.parametrize('opt_func,cb,error,says', CANNOT, ids=[o[3][:20] for o in CANNOT])
def test_one_clear_line(opt_func, cb, error, says):
    with pytest.raises(error, match=re.escape(says)) as e: fit(learner(opt_func), [cb()])
    assert '\n' not in str(e.value).split(':\n\t')[-1] # fastai writes its own context before it

@pytest.mark.parametrize('cb,other,says', [(WatchUpdates, ReleaseGrads, 'gradients are freed'),
    (sharp, MixUp, 'its loss is defined for one batch only')])
def test_callbacks_that_do_not_go_together(cb, other, says):
    with pytest.raises(ValueError, match=says): fit(learner(adam), [cb(), other()])

def test_the_finder_and_predictions_leave_nothing():
    learn = learner(adamw)
    learn.add_cb(cb := WatchUpdates(1))
    with learn.no_bar(), learn.no_logging(): learn.get_preds()
    assert not cb.rows and not hasattr(learn, 'diagnostics')

def test_a_frozen_body_is_not_measured_and_joins_when_it_thaws():
    learn = learner(partial(diffgrad), splitter=lambda m: [list(m[0].parameters()), list(m[1:].parameters())])
    learn.add_cb(cb := WatchFriction(1))
    learn.freeze()
    fit(learn, epochs=1)
    assert '0' not in set(cb.frame.layer)
    learn.unfreeze()
    fit(learn, epochs=1)
    assert '0' in set(cb.frame.layer) and cb.frame.step.max()==12

def test_the_average_in_place_of_the_weights_is_no_hindrance():
    fit(learner(schedulefree_adamw), [cb := WatchUpdates(1)])
    assert cb.frame.step.max()==12

# ---- figures, and other recorders

def test_diagnose_draws_all_that_was_measured():
    learn = fit(learner(partial(adamod, len_memory=5)), [WatchUpdates(2), WatchBound(2)])
    axs = learn.diagnose()
    titles = [o.get_title() for o in axs.flatten() if o.axison]
    assert titles==['WatchUpdates']*4+['WatchBound'] and axs.shape==(2, 3)
    assert {o.get_label() for o in axs[0,0].lines}=={'0', '1', '3', 'all'}
    with pytest.raises(ValueError, match='nothing was measured; add a callback'): learner(adamw).diagnose()

def test_sharpness_has_the_styles_of_the_optimizers_and_says_what_it_cost(capsys):
    from fastopt.evidence.landscapes import optimizer_style
    fit(learner(adam), [cb := sharp()])
    assert re.search(r'Sharpness: 4 measurements along 3 rules took \d+\.\d s, \d+% of the last fit', capsys.readouterr().out)
    lines = {o.get_label(): o for o in cb.plot()[0].lines}
    assert {k: (o.get_color(), o.get_marker()) for k,o in lines.items()}=={
        k: (optimizer_style(k)['color'], optimizer_style(k)['marker']) for k in ('adam', 'sgd', 'momentum')}

class Pairs:
    def __init__(self): self.pairs = torch.stack([torch.cat(o) for o in items()]).float()
    def __len__(self): return N
    def __getitem__(self, i): return self.pairs[i,:5],self.pairs[i,5:]

def recorded(opt_func, cbs, path):
    data = Pairs()
    dls = DataLoaders(*[DataLoader(data, bs=BS, num_workers=0, device=CPU) for _ in range(2)], path=path, device=CPU)
    return fit(Learner(dls, net(torch.float32), mse, opt_func, path=path), cbs, epochs=1)

def test_tensorboard_has_what_was_measured(tmp_path):
    pytest.importorskip('tensorboard', reason='what is recorded is read with the real package: pip install tensorboard')
    from fastai.callback.tensorboard import TensorBoardCallback
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    recorded(diffgrad, [TensorBoardCallback(tmp_path/'log', trace_model=False, log_preds=False), cb := WatchFriction(4)], tmp_path)
    log = EventAccumulator(str(tmp_path/'log')).Reload()
    want = table(cb).xs('0', level='layer')['mean']
    got = log.Scalars('friction/mean/0')
    assert [o.step for o in got]==want.index.tolist()==[1, 5, 9] and [o.value for o in got]==pytest.approx(want.tolist())
    assert 'friction/sd/all' in log.Tags()['scalars'] and 'train_loss' in log.Tags()['scalars']

def test_wandb_has_what_was_measured(tmp_path, monkeypatch):
    wandb = pytest.importorskip('wandb', reason='what is recorded is read with the real package: pip install wandb')
    from fastai.callback.wandb import WandbCallback
    seen,log = [],None
    with wandb.init(mode='offline', dir=tmp_path, settings=wandb.Settings(console='off')) as run:
        log = wandb.log
        monkeypatch.setattr(Learner, 'gather_args', lambda self: {}) # It fails in fastai on some versions of fastcore
        monkeypatch.setattr(wandb, 'log', lambda o, step=None: (seen.append((step, dict(o))), log(o, step=step)))
        recorded(diffgrad, [WandbCallback(log=None, log_preds=False), cb := WatchFriction(4)], tmp_path)
        want = table(cb).xs('0', level='layer')['mean']
        assert run.summary['friction/mean/0']==pytest.approx(want.iloc[-1])
    steps = [(s, o['friction/mean/0']) for s,o in seen if 'friction/mean/0' in o]
    assert [s for s,_ in steps]==[0, 4, 8] and [v for _,v in steps]==pytest.approx(want.tolist())
    losses = [s for s,o in seen if 'train_loss' in o]
    assert losses==list(range(12)) and list((tmp_path/'wandb').glob('offline-run-*/*.wandb'))

if __name__=='__main__': main(sys.argv[1])
