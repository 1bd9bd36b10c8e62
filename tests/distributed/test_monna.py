"Workers in one matrix step as if each were alone, under every rule; the simulation mixes correctly and continues where it stopped"
import pytest, re, signal, torch
import torch.nn.functional as F
from fastai import optimizer
from fastai.callback.data import WeightedDL
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastopt.distributed.attacks import TimingFault
from fastopt.distributed.data import polyak, tensor_dls
from fastopt.distributed.mixing import MIXINGS, nna
from fastopt.distributed.monna import MoNNA, Workers
from fastopt.distributed.transport import LAST_ROUND
from fastopt.optim.adam import AdamW, adamw
from fastopt.optim.lookahead import lookahead
from fastopt.optim.schedulefree import schedulefree_sgd
from fastopt.optim.sgd import momentum
from fastcore.basics import first
from functools import partial
from math import nan
from rules_under_test import RULES
from torch import nn

torch.manual_seed(0)
X,Y = torch.randn(120, 6),torch.randint(3, (120,))
DLS = tensor_dls(X[:90], Y[:90], X[90:], Y[90:], bs=5)

def mlp(): return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 3))
def normed(): return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))

def exact(): return mlp().double()
def margins(pred, y): return F.multi_margin_loss(pred, y, p=2)

def learner(rule=polyak(0.9), model=mlp, loss_func=CrossEntropyLossFlat(), **kwargs):
    torch.manual_seed(1)
    return Learner(DLS, model(), loss_func=loss_func, opt_func=rule, **kwargs)

def batches(t, n): return [torch.arange(5)+15*t+5*i for i in range(n)]

def together(rule, steps=4, n=3, how='loop', **kwargs):
    ws = Workers(learner(rule, **kwargs), n, how)
    for t in range(steps):
        at = batches(t, n)
        ws.gradients([X[o].to(ws.xs.dtype) for o in at], [Y[o] for o in at])
        ws.step(0.05)
    return ws.xs

def alone(rule, i, steps=4, n=3, **kwargs):
    learn = learner(rule, **kwargs)
    learn.create_opt()
    if learn.wd is not None: learn.opt.set_hypers(wd=learn.wd)
    learn.opt.set_hypers(lr=0.05)
    for t in range(steps):
        at = batches(t, n)[i]
        learn.loss_func(learn.model(X[at].to(first(learn.model.parameters()).dtype)), Y[at]).backward()
        learn.opt.step()
        learn.opt.zero_grad()
    return torch.cat([p.detach().flatten() for p in learn.model.parameters()])

@pytest.mark.parametrize('name', RULES)
def test_workers_do_not_meet(name):
    """Norms, rows, routes and numbers over all weights are those of one worker. In float32, or with cross-entropy, whose gradients of the
    last layer add up to 0, rounding decides some axes of SOAP"""
    rule = partial(RULES[name], how='foreach')
    setting = dict(n=2, wd=0.1 if 'wd' in RULES[name].hypers else None, model=exact, loss_func=margins)
    xs = together(rule, **setting)
    for i in range(2): torch.testing.assert_close(xs[i], alone(rule, i, **setting), rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(together(rule, 1, 2, 'stacked'), together(rule, 1, 2), rtol=1e-3, atol=1e-4)

def test_batch_norm_and_convolutions_take_the_loop():
    assert Workers(learner(), 2).stacked and not Workers(learner(model=normed), 2).stacked
    torch.testing.assert_close(together(polyak(0.9), model=normed)[1], alone(polyak(0.9), 1, model=normed))
    with pytest.raises(ValueError, match='without buffers'): Workers(learner(model=normed), 2, 'stacked')

def dropped(): return nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 3))

class Noisy(nn.Linear):
    "No module of dropout, but its forward draws"
    def forward(self, x): return super().forward(x+torch.rand_like(x))

@pytest.mark.parametrize('model', [mlp, dropped, lambda: Noisy(6, 3)], ids=['plain', 'dropout', 'noise'])
def test_with_a_seed_a_worker_draws_what_it_would_draw_alone(model):
    at = batches(0, 3)
    def grads(who):
        ws = Workers(learner(model=model), 3)
        losses = ws.gradients([X[at[i]] for i in who], [Y[at[i]] for i in who], who, [10+i for i in who])
        return losses,ws.flat_gradients(3)
    losses,together = grads([0, 1, 2])
    for i in range(3):
        loss,alone = grads([i])
        assert torch.equal(losses[i], loss[0]) and torch.equal(together[i], alone[i])

def test_seeds_of_the_last_round_can_be_set():
    "Of a peer that has been led there"
    m = MoNNA(learner(), n=3, f=1, alpha=100., bs=5)
    m.t = LAST_ROUND
    torch.manual_seed(m.worker_seed(2))
    assert len(m.batch(2))==5

def test_marks_of_fastai_are_kept():
    "Biases and norms are not decayed, groups have their own rates, and frozen weights stay and are not sent"
    def halves(m): return [list(m[:2].parameters()), list(m[2:].parameters())]
    for kwargs in (dict(wd=0.5), dict(wd=0.5, wd_bn_bias=True), dict(splitter=halves)):
        torch.testing.assert_close(together(polyak(0.9), **kwargs)[2], alone(polyak(0.9), 2, **kwargs))
    learn = learner()
    learn.model[0].requires_grad_(False)
    ws = Workers(learn, 2)
    assert ws.xs.shape==(2, 5+5+18) and ws.names[0]=='2.weight'

@pytest.mark.parametrize('rule', [optimizer.Adam, optimizer.ranger, partial(optimizer.SGD, mom=.9),
    partial(optimizer.OptimWrapper, opt=torch.optim.AdamW)], ids=['adam', 'ranger', 'sgd', 'wrapper'])
def test_optimizers_of_others_train_stacked_as_alone(rule):
    "fastai's `zero_grad` detaches gradients in place, which PyTorch refuses for views"
    xs = together(rule, how='stacked')
    for i in range(3): torch.testing.assert_close(xs[i], alone(rule, i), rtol=1e-3, atol=1e-4)

def test_the_rate_of_the_optimizer_is_that_of_workers():
    "As in a `Learner`, whose own rate is 0.001"
    a,b = (MoNNA(learner(rule), n=3, f=1, attack='lf', alpha=100., bs=5) for rule in (partial(momentum, lr=.5), momentum))
    assert torch.equal(a.fit(2).workers.xs, b.fit(2, .5).workers.xs)

def test_an_optimizer_of_one_model_is_refused():
    own = optimizer.OptimWrapper(opt=torch.optim.SGD(mlp().parameters(), lr=.1))
    with pytest.raises(TypeError, match=r'belongs to the weights of one model: .*opt=SGD\)'): Workers(learner(own), 2)

@pytest.mark.parametrize('rule', [AdamW, partial(torch.optim.SGD, momentum=.9)])
def test_a_class_for_pytorch_is_refused_by_name(rule):
    with pytest.raises(TypeError, match=r'(AdamW|SGD) is a class for PyTorch: .* opt=(AdamW|SGD)\)'): Workers(learner(rule), 2)

@pytest.mark.parametrize('rule,says', [('adamw', "opt_func='adamw' is a name; give the optimizer itself: opt_func=adamw"),
    (lookahead, 'opt_func=lookahead is a term, which is one part of a rule; give a whole rule'),
    (partial(lookahead, k=3), 'opt_func=lookahead is a term')], ids=['name', 'term', 'partial'])
def test_a_name_or_a_term_is_refused_as_in_a_learner(rule, says):
    for make in (lambda: MoNNA(learner(rule), n=3, f=0, alpha=100., bs=5), learner(rule).create_opt):
        with pytest.raises(TypeError, match=re.escape(says)) as e: make()
        assert '\n' not in str(e.value)

class Reads(nn.Module):
    "A model that stacking cannot run, or runs wrongly"
    def __init__(self, kind):
        super().__init__()
        self.kind,self.a,self.b = kind,nn.Linear(6, 3),nn.Embedding(4, 6, max_norm=.5 if kind=='writes' else None)
        self.c = nn.Linear(2, 2) # Not used
    def forward(self, x):
        if self.kind=='if' and x.sum()>0: x = 2*x
        if self.kind=='item': x = x*x.abs().max().item()
        if self.kind=='mask':
            x = x*1
            x[x<0] = 0
        return self.a(x*self.b((x[:,0]>0).long()))

class Empty(nn.Module):
    "A model with a weight without numbers"
    def __init__(self):
        super().__init__()
        self.none,self.a = nn.Parameter(torch.zeros(0, 3)),nn.Linear(6, 3)
    def forward(self, x): return self.a(x) + self.none.sum(0)

def test_a_weight_may_be_empty(): assert MoNNA(learner(model=Empty), n=3, f=1, attack='foe', alpha=100., bs=5).fit(2, .1).workers.stacked

class Shaped(nn.Module):
    "A model with a weight of any shape that does nothing, and one that scales"
    def __init__(self, shape):
        super().__init__()
        self.s,self.a = nn.Parameter(torch.ones(shape)),nn.Linear(6, 3)
    def forward(self, x): return self.a(x)*self.s.mean()

@pytest.mark.parametrize('how', ['loop', 'stacked'])
@pytest.mark.parametrize('shape', [(), (1,), (1, 1), (2, 1, 3, 1)])
def test_weights_may_have_any_shape(shape, how):
    "A single number, such as the scale of a temperature, has no dimensions"
    monna = MoNNA(learner(model=partial(Shaped, shape)), n=3, f=1, attack='lf', alpha=100., bs=5, how=how).fit(2, .1)
    xs,s = monna.workers.xs,monna.learn.model.s
    assert s.shape==torch.Size(shape) and torch.equal(s.flatten(), xs[0,:s.numel()]) and (xs[0,:s.numel()]!=1).all()

class Bag(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        self.e,self.a = nn.Embedding(4, 6, sparse=sparse),nn.Linear(6, 3)
    def forward(self, x): return self.a(x*self.e((x[:,0]>0).long()))

@pytest.mark.parametrize('attack', ['lf', 'foe', 'silent'])
def test_sparse_gradients_train_as_dense_ones(attack):
    sgd = partial(optimizer.OptimWrapper, opt=torch.optim.SGD)
    a,b = (MoNNA(learner(sgd, partial(Bag, o)), n=4, f=1, attack=attack, alpha=100., bs=5, how='loop').fit(3, .1) for o in (True, False))
    torch.testing.assert_close(a.workers.xs, b.workers.xs)

@pytest.mark.parametrize('kind', ['plain', 'if', 'item', 'mask', 'writes'])
def test_a_model_that_cannot_be_stacked_takes_the_loop(kind):
    def fit(how):
        torch.manual_seed(0)
        return MoNNA(learner(partial(adamw, wd=.5), partial(Reads, kind)), n=4, f=1, attack='sf', alpha=100., bs=5, how=how).fit(3, .1)
    a,b = fit('auto'),fit('loop')
    assert a.workers.stacked==(kind=='plain')
    torch.testing.assert_close(a.workers.xs, b.workers.xs, rtol=1e-4, atol=1e-5)
    unused = a.workers.params[0][a.workers.names.index('c.weight')]
    assert unused.grad is None and torch.equal(unused, learner(model=partial(Reads, kind)).model.c.weight) # It is not decayed, either
    if kind!='plain':
        with pytest.raises(ValueError, match="how='stacked' does not suit this model .*use 'auto' or 'loop'"): fit('stacked')

def test_a_round_is_step_exchange_mixture():
    m = MoNNA(learner(), n=7, f=2, attack='sf', alpha=100., bs=5)
    ws = Workers(learner(), 5)
    at = [m.batch(i) for i in range(5)]
    ws.gradients([m.x[o] for o in at], [m.y[o] for o in at])
    ws.step(0.1)
    sent = torch.cat([ws.xs, -ws.xs.mean(0).expand(2, -1)])
    heard = m.hear()
    assert (heard.sum(1)==5).all() and heard[:,5:].all() and heard.diagonal().all()
    m = MoNNA(learner(), n=7, f=2, attack='sf', alpha=100., bs=5).fit(1, 0.1)
    torch.testing.assert_close(m.workers.xs, nna(sent, 2, heard))

@pytest.mark.parametrize('attack', ['alie', 'foe', 'sf', 'lf', 'mimic', 'silent', 'crash', 'slow', TimingFault(after=2), None])
@pytest.mark.parametrize('mixing', MIXINGS)
def test_every_attack_on_every_rule_runs_and_goes_on(attack, mixing):
    def sim(seed=0):
        torch.manual_seed(seed)
        return MoNNA(learner(), n=8, f=1, mixing=mixing, attack=attack, alpha=100., bs=5)
    a,b = sim(),sim(3)
    sd = a.fit(2, 0.1).state_dict()
    a.fit(2, 0.1)
    b.load_state_dict(sd)
    assert torch.equal(b.fit(2, 0.1).workers.xs, a.workers.xs) and a.losses==b.losses and a.history==b.history

@pytest.mark.parametrize('mixing', MIXINGS)
def test_a_lie_for_each_receiver_is_mixed_like_one_for_all(mixing):
    "If it is the same one"
    def trained(attack): return MoNNA(learner(), n=8, f=1, mixing=mixing, attack=attack, alpha=100., bs=5).fit(2, 0.1)
    def all_alike(xs, f, receiver): return -xs.mean(0).expand(f, -1)
    a,b = trained(all_alike),trained('sf')
    torch.testing.assert_close(a.workers.xs, b.workers.xs)
    assert a.history[-1]['time']==b.history[-1]['time']

def test_nobody_waits_for_what_is_not_finite_for_them():
    def some(xs, f, receiver): return xs.new_full((f, xs.shape[1]), nan if receiver%2 else 0.)
    m = MoNNA(learner(), n=7, f=2, attack=some, alpha=100., bs=5).fit(2, .1)
    assert m.workers.xs.isfinite().all()

def test_an_attack_on_each_receiver_by_name():
    a,b = (MoNNA(learner(), n=8, f=2, attack=o, alpha=100., bs=5).fit(3, .5) for o in ('alie_each', 'alie'))
    assert a.workers.xs.isfinite().all() and not torch.equal(a.workers.xs, b.workers.xs)

def test_a_batch_is_seen_once_an_epoch():
    m = MoNNA(learner(), n=2, f=0, parts=[range(15), range(15, 90)], bs=5)
    seen = []
    for m.t in range(3): seen.append(m.batch(0))
    assert torch.equal(torch.cat(seen).sort()[0], torch.arange(15))

def test_the_learner_has_the_result(tmp_path):
    learn = learner(model=normed)
    learn.path = tmp_path
    m = MoNNA(learn, n=5, f=1, attack='foe', alpha=100., bs=5).fit(5, 0.1)
    want = m.workers.models[0].state_dict()
    assert all(torch.equal(v, want[k]) for k,v in learn.model.state_dict().items())
    learn.model(X) # It trains on alone
    assert m.history[-1]['step']==5 and 0<=m.history[-1]['worst']<=m.history[-1]['accuracy']<=1

@pytest.mark.parametrize('i,says', [(-1, 'i=-1 must be a whole number: give 0'), (1.5, 'i=1.5 must be'), (True, 'i=True must be'),
    (4, 'i=4 is not one of the 4 workers that compute here: give 0 to 3'), (9, 'give 0 to 3')])
def test_a_worker_that_is_not_there_is_refused(i, says):
    m = MoNNA(learner(), n=5, f=1, attack='foe', alpha=100., bs=5)
    with pytest.raises(ValueError, match=says): m.to_learner(i)
    assert m.to_learner(3) is m.learn

class Arrives(nn.Linear):
    "Has other weights on another device"
    def to(self, device):
        self.at = device
        self.weight.data.fill_(1.)
        return super().to(device)

def test_a_fresh_model_is_moved_to_its_data():
    "fastai moves it, and a loss with weights, only when `fit` begins, but workers are copies"
    loss = CrossEntropyLossFlat(weight=torch.ones(3))
    learn,moved = learner(model=lambda: Arrives(6, 3), loss_func=loss),[]
    loss.to = moved.append
    m = MoNNA(learn, n=3, f=0, alpha=100., bs=5)
    assert [learn.model.at, *moved]==[m.x.device]*2 and (m.workers.xs[:,:18]==1).all()

@pytest.mark.parametrize('kwargs,says', [(dict(n=4, f=2), 'f=2 faulty of n=4'), (dict(mixing='nan'), "did you mean"),
    (dict(attack='foo'), 'did you mean'), (dict(work=[1, 2]), 'work has 2 times for n=7'), (dict(how='warp'), "must be 'auto'"),
    (dict(parts=[[0]]*7), 'Worker 0 has 1 images'), (dict(parts=[[]]*7), 'Worker 0 has 0 images'), (dict(alpha=0), 'alpha=0')])
def test_errors(kwargs, says):
    with pytest.raises(ValueError, match=says): MoNNA(learner(), **{**dict(n=7, f=1, alpha=100., bs=5), **kwargs})

@pytest.mark.parametrize('k', [1, 4, 6])
def test_an_interrupted_step_is_made_to_the_end(k):
    "Ctrl-C in the gradients of the k-th worker; the training continues as if there had been none"
    def sim(): return MoNNA(learner(), n=3, f=1, attack='sf', alpha=100., bs=5, how='loop')
    m,want,calls = sim(),sim().fit(5, 0.1),[]
    def press(pred, y, loss=m.learn.loss_func):
        calls.append(len(y))
        if len(calls)==k: signal.raise_signal(signal.SIGINT)
        return loss(pred, y)
    m.learn.loss_func = press
    with pytest.raises(KeyboardInterrupt): m.fit(5, 0.1)
    assert m.t==len(m.losses)==-(-k//2)
    assert torch.equal(m.fit(5-m.t, 0.1).workers.xs, want.workers.xs) and m.losses==want.losses

class Pressed(nn.Dropout):
    "Ctrl-C comes in the `at`-th validation of a worker"
    at,seen = 0,[]
    def forward(self, x):
        if not self.training: self.seen.append(x)
        if not self.training and len(self.seen)==self.at: signal.raise_signal(signal.SIGINT)
        return super().forward(x)

@pytest.mark.parametrize('at', [1, 2, 5])
@pytest.mark.parametrize('rule', [polyak(0.9), schedulefree_sgd], ids=['polyak', 'schedulefree'])
def test_workers_train_after_an_interrupted_validation(rule, at, monkeypatch):
    "All train on, with dropout and without the averages, as if there had been no Ctrl-C"
    def sim(): return MoNNA(learner(rule, lambda: nn.Sequential(nn.Linear(6, 9), Pressed(), nn.Linear(9, 3))), n=3, f=0, alpha=100., bs=5)
    want = sim().fit(4, 0.1).workers.xs
    monkeypatch.setattr(Pressed, 'at', at)
    monkeypatch.setattr(Pressed, 'seen', [])
    m = sim()
    m.workers.stacked = False # The comparison with a loop would also count
    with pytest.raises(KeyboardInterrupt): m.fit(4, 0.1, every=2)
    assert all(o.training for m in m.workers.models for o in m.modules())
    if m.t<4: m.fit(4-m.t, 0.1)
    torch.testing.assert_close(m.workers.xs, want)

def test_targets_need_not_be_classes():
    "Of a regression the losses are reported, and of a segmentation the accuracy of pixels"
    x = torch.randn(60, 3, 4, 4)
    def fit(y, loss_func):
        dls = tensor_dls(x, y, x, y, bs=5)
        learn = Learner(dls, nn.Conv2d(3, 2, 1), loss_func=loss_func, opt_func=partial(adamw, lr=.01))
        m = MoNNA(learn, n=4, f=1, parts=torch.arange(60).chunk(4)).fit(2, every=1)
        assert len(m.plot().axes)==2
        return m,m.history[-1]
    m,end = fit(x[:,:2].clone(), nn.MSELoss())
    losses = [m.to_learner(i).loss_func(m.workers.models[i](x), x[:,:2]).item() for i in range(4)]
    assert not {'accuracy', 'worst'} & end.keys() and end['worst_loss']==pytest.approx(max(losses))
    assert end['valid_loss']==pytest.approx(sum(losses)/4)
    _,end = fit((x[:,0]>0).long(), CrossEntropyLossFlat(axis=1))
    assert 0<end['worst']<=end['accuracy']<1

@pytest.mark.parametrize('length', [4, 7])
def test_the_accuracy_of_texts_is_that_of_their_tokens(length):
    "Classes are on the last axis there; there may be as many of them as tokens in a text"
    x = torch.randint(7, (40, length))
    def tokens(): return nn.Sequential(nn.Embedding(7, 16), nn.Linear(16, 7))
    learn = learner(model=tokens)
    learn.dls = tensor_dls(x, x, x[:10], x[:10], bs=5)
    end = MoNNA(learn, n=4, f=0, parts=torch.arange(40).chunk(4)).fit(60, 2.).history[-1]
    assert end['valid_loss']<.1 and end['worst']==1

def test_the_optimizer_of_the_learner_forgets_its_old_weights():
    learn = learner(momentum)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, .1)
    def kept(): return {k for o in learn.opt.state.values() for k in o} - {'do_wd', 'force_train'}
    assert kept()
    MoNNA(learn, n=3, f=1, alpha=100., bs=5).fit(1, .1)
    assert not kept()

@pytest.mark.parametrize('dls,says', [(lambda: DataLoaders(DLS.train), 'has no validation images'),
    (lambda: tensor_dls(X, Y, X[:0], Y[:0]), 'has no validation images'),
    (lambda: tensor_dls(X[:0], Y[:0], X, Y), 'no images: give some to train on'),
    (lambda: tensor_dls(X, [(o, o) for o in Y], X, Y), r'2 parts \(Tensor, tuple\)')])
def test_loaders_that_cannot_be_used(dls, says):
    learn = learner()
    learn.dls = dls()
    with pytest.raises(ValueError, match=says): MoNNA(learn, n=3, f=0, alpha=100., bs=5)

def test_flipped_labels_leave_the_statistics_of_batch_norm_alone():
    def stats(attack):
        m = MoNNA(learner(model=normed), n=5, f=1, attack=attack, alpha=100., bs=5).fit(1, 0.1)
        return [o.clone() for m in m.workers.models for o in m.buffers()]
    assert all(map(torch.equal, stats('lf'), stats('sf')))

@pytest.mark.parametrize('name,least', [('n', 1), ('f', 0), ('bs', 1), ('seed', 0)])
@pytest.mark.parametrize('value', [-1, 1.5, nan, 'a', True])
def test_numbers_are_checked(name, least, value):
    with pytest.raises(ValueError, match=f'{name}={value!r} must be a whole number: give {least} or more'):
        MoNNA(learner(), **{**dict(n=7, f=1, alpha=100.), name: value})

@pytest.mark.parametrize('kwargs', [dict(steps=0), dict(steps=-1), dict(steps=1.5), dict(steps=2, every=0), dict(steps=2, every=-1)])
def test_a_fit_of_nothing_is_refused(kwargs):
    with pytest.raises(ValueError, match='must be a whole number: give 1 or more'):
        MoNNA(learner(), n=3, f=0, alpha=100., bs=5).fit(**{'lr': .1, **kwargs})

@pytest.mark.parametrize('value', [nan, float('inf')])
@pytest.mark.parametrize('mixing', [o for o in MIXINGS if o!='mean'])
def test_nobody_waits_for_vectors_that_are_not_finite(value, mixing):
    "As on a real link, such a vector is not one of the n-f that each worker needs, so it stops nobody"
    f = 1 if 'krum' in mixing else 2
    a = MoNNA(learner(), n=7, f=f, mixing=mixing, attack=lambda xs, f: xs.new_full((f, xs.shape[1]), value), alpha=100., bs=5).fit(3, .1)
    assert a.workers.xs.isfinite().all() and not a.hear(torch.ones(a.f, dtype=torch.bool))[:,a.honest:].any()

@pytest.mark.parametrize('mixing,says', [(lambda xs, f, heard: xs[0], r'returned \(63,\): it must return \(4, 63\)'),
    (lambda xs, f, heard: xs[:1], r'returned \(1, 63\)'), (lambda xs, f, heard: xs, r'returned \(5, 63\)'),
    (lambda xs, f, heard: None, 'returned NoneType')])
def test_a_rule_of_your_own_returns_one_mixture_for_each_worker(mixing, says):
    "PyTorch would give all workers the one vector of a rule that returns one"
    with pytest.raises(ValueError, match=says): MoNNA(learner(), n=5, f=1, mixing=mixing, attack='sf', alpha=100., bs=5).fit(1, .1)

def test_an_attack_may_be_a_class():
    a,b = (MoNNA(learner(), n=5, f=1, attack=o, alpha=100., bs=5).fit(2, .1).workers.xs for o in (TimingFault, TimingFault()))
    assert torch.equal(a, b)

@pytest.mark.parametrize('at', [-1, 90, .5, True])
def test_parts_have_indices_of_images(at):
    "A negative index would be an image of the end"
    with pytest.raises(ValueError, match='The part of worker 1 has indices that are not whole numbers from 0 to 89'):
        MoNNA(learner(), n=2, f=0, parts=[range(9), [at]*9], bs=5)

def test_a_diverged_worker_is_named():
    m = MoNNA(learner(), n=3, f=0, alpha=100., bs=5)
    with pytest.raises(ValueError, match='Worker 0 has no finite vector of its own'): m.fit(30, 1e30)

def test_callbacks_are_not_dropped_in_silence():
    from fastai.callback.mixup import MixUp
    with pytest.warns(UserWarning, match='MixUp has no effect'): MoNNA(learner(cbs=MixUp()), n=3, f=0, alpha=100., bs=5)

def test_weights_of_a_loader_are_not_dropped_in_silence():
    learn = learner()
    learn.dls = DataLoaders(WeightedDL(DLS.train.dataset, bs=5, shuffle=True), DLS.valid)
    with pytest.warns(UserWarning, match="the loader's weights have no effect"): MoNNA(learn, n=3, f=0, alpha=100., bs=5)
