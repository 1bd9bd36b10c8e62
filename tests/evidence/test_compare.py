"`compare`: paired runs, runs that are done once, equal budgets, and a sentence that claims no more than the runs show"
import json, math, numpy as np, os, pandas as pd, pytest, random, re, time, torch
from forked import Forked
from functools import partial
from fastai.callback.core import Callback
from fastai.callback.tracker import EarlyStoppingCallback
from fastai.data.core import DataLoaders, Datasets
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.metrics import accuracy
from fastai.optimizer import Adam
from fastcore.script import CliError
from fastcore.foundation import L
from fasttransform import Transform
from matplotlib.text import Text
from pathlib import Path
from types import FunctionType
from sklearn.datasets import load_digits
from torch import nn
from fastopt.evidence import compare as C
from fastopt.optim.adam import adam, adamw
from fastopt.optim.diffgrad import diffgrad
from fastopt.optim.sgd import sgd

DIGITS = load_digits()
ITEMS = [(torch.tensor(x/16, dtype=torch.float32), int(y)) for x,y in zip(DIGITS.data[:400], DIGITS.target[:400])]
needs_fork = pytest.mark.skipif(not hasattr(os, 'fork') or torch.cuda.is_available(), reason='forks, which a GPU in use does not survive')

def loaders(): return DataLoaders(DataLoader(ITEMS[:320], bs=32, shuffle=True), DataLoader(ITEMS[320:], bs=80))
def learn_fn(opt_func): return Learner(loaders(), nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=opt_func, metrics=accuracy)

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path)

def go(rules=('adamw','diffgrad'), seeds=2, epochs=1, lrs=3e-3, out='out', f=learn_fn, **kwargs):
    return C.compare(f, rules, seeds=seeds, epochs=epochs, lrs=lrs, out=out, show=False, **kwargs)

def lines(out='out'): return [json.loads(o) for o in open(f'{out}/runs.jsonl')]

# ---- pairs

class Seen(Callback):
    "Records what trains"
    runs = []
    def before_fit(self): self.runs.append([self.model.weight.detach().clone()])
    def before_batch(self):
        if self.training: self.runs[-1].append(self.xb[0].clone())

SHARED = loaders()

@pytest.mark.parametrize('dls', [loaders, lambda: SHARED], ids=['own loaders', 'shared loaders'])
def test_same_seed_same_weights_and_batches(dls):
    Seen.runs = []
    f = lambda o: Learner(dls(), nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=accuracy, cbs=Seen)
    go(seeds=[3,4], epochs=2, f=f)
    one,other = Seen.runs[:3],Seen.runs[3:] # adamw, diffgrad and its control
    for runs in (one,other): assert len(runs[0])==21 and all(torch.equal(a, b) for o in runs[1:] for a,b in zip(runs[0], o, strict=True))
    assert not any(torch.equal(a, b) for a,b in zip(one[0], other[0]))
    assert len({(o['weights'],o['batch']) for o in lines()})==2

def test_a_shared_model_is_refused():
    model = nn.Linear(64, 10)
    with pytest.raises(CliError, match='not paired: with seed 0 they differ in the first weights'):
        go(f=lambda o: Learner(loaders(), model, loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=accuracy))

def test_other_batches_are_refused():
    turn = []
    def f(opt_func):
        turn.append(0)
        return Learner(DataLoaders(DataLoader(ITEMS[len(turn):300], bs=32), DataLoader(ITEMS[320:], bs=80)), nn.Linear(64, 10),
            loss_func=nn.CrossEntropyLoss(), opt_func=opt_func, metrics=accuracy)
    with pytest.raises(CliError, match='differ in the first batch'): go(f=f)

def test_against_itself_nothing_differs():
    res = go(dict(a=adamw, b=adamw), seeds=3)
    assert res.comparisons.difference[0]==0 and res.comparisons.p[0]==1 and 'b is in every run the same as a.' in res.verdict
    assert len(lines())==3 # One run is enough for both

def test_a_run_is_a_plain_fit():
    "Train directly with the `Learner`, the schedule and the seed, without `compare`"
    res = go(['adamw'], seeds=[5], epochs=2)
    learn,_ = C.make_learner_of(learn_fn, C.as_entry(adamw), 5)
    with learn.no_bar(), learn.no_logging(): learn.fit_fc(2, 3e-3)
    assert res.scores('adamw')[0]==learn.recorder.values[-1][2] and res.curves.valid_loss.tolist()==[o[1] for o in learn.recorder.values]

# ---- stored runs of another training

class Noisy:
    "Items that are random at each read"
    def __init__(self, n=64): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i):
        if not 0<=i<self.n: raise IndexError
        return ITEMS[i][0]+.1*torch.randn(64),ITEMS[i][1]

G = {}
def with_globals(opt_func):
    dls = DataLoaders(DataLoader(G['items'], bs=G['bs'], shuffle=True), DataLoader(ITEMS[320:], bs=80))
    model = nn.Sequential(nn.Linear(64, G['width']), G['act'](), nn.Linear(G['width'], 10))
    return Learner(dls, model, loss_func=nn.CrossEntropyLoss(), opt_func=opt_func, metrics=accuracy)

BEFORE = dict(items=ITEMS[:64], bs=32, width=4, act=nn.ReLU)
OTHER = [(dict(items=ITEMS[1:65]), 'training items'), (dict(items=ITEMS[:96]), r'number of training items \(64, now 96\)'), (dict(bs=16),
    r'batch size of the training loader \(32, now 16\)'), (dict(width=5), 'first weights'), (dict(act=nn.GELU), 'network')]

@pytest.mark.parametrize('change,why', OTHER)
@pytest.mark.parametrize('seeds', [2, [1,0], [7,0]])
def test_what_globals_change_is_noticed(change, why, seeds):
    G.update(BEFORE)
    old = go(['adamw'], f=with_globals).scores('adamw')
    G.update(change)
    with pytest.raises(CliError, match=f'{why}.*another out= folder, or again=True'): go(['adamw'], seeds=seeds, f=with_globals)
    new = go(['adamw'], f=with_globals, again=True)
    assert len(lines())==2 and new.scores('adamw').tolist()!=old.tolist()
    assert go(['adamw'], f=with_globals).records==new.records and len(lines())==2 # They are reused again
    assert new.scores('adamw').tolist()==go(['adamw'], f=with_globals, out='clean').scores('adamw').tolist()

def test_an_interrupted_run_of_other_data_is_noticed():
    G.update(BEFORE)
    def stop(learn, *args, cbs):
        class Stop(Callback):
            order = 2000
            def after_epoch(self):
                if G.pop('stop', 0): raise KeyboardInterrupt
        learn.fit(*args, cbs=[*cbs, Stop()])
    G['stop'] = 1
    with pytest.raises(KeyboardInterrupt): go(['adamw'], seeds=1, epochs=2, f=with_globals, fit=stop)
    assert os.listdir('out/unfinished')
    G['items'] = ITEMS[1:65]
    with pytest.raises(CliError, match='interrupted run .* training items'): go(['adamw'], seeds=1, epochs=2, f=with_globals, fit=stop)
    res = go(['adamw'], seeds=1, epochs=2, f=with_globals, fit=stop, again=True)
    assert not res.records[0]['resumed']

def test_random_items_and_older_records_are_reused():
    G.update(BEFORE, items=Noisy())
    one = go(['adamw'], f=with_globals)
    G['items'] = Noisy()
    assert go(['adamw'], f=with_globals).records==one.records
    def unseeded(o): # Each call makes other items and weights
        items = [(torch.tensor(np.random.default_rng().random(64), dtype=torch.float32), 1) for _ in range(64)]
        learn = with_globals(o)
        learn.dls = DataLoaders(DataLoader(items, bs=32), DataLoader(items, bs=32))
        return learn
    assert go(['adamw'], f=unseeded, out='random').records==go(['adamw'], f=unseeded, out='random').records
    old = [{k:v for k,v in o.items() if k!='setup'} for o in lines()]
    Path('out/runs.jsonl').write_text(''.join(json.dumps(o)+'\n' for o in old), encoding='utf-8')
    G['width'] = 5
    assert len(go(['adamw'], f=with_globals).records)==2

@pytest.mark.parametrize('make', [list, L, lambda o: torch.utils.data.Subset(o, range(9)), lambda o: C.PartOfItems(o, [*range(9)], 0),
    lambda o: torch.utils.data.TensorDataset(torch.stack([x for x,_ in o])), lambda o: pd.DataFrame([x.tolist() for x,_ in o]),
    lambda o: Datasets([x for x,_ in o], [[lambda x: x+torch.rand(1)]])])
def test_items_are_told_apart(make):
    sets = [make(ITEMS[i:i+9]) for i in (0,0,1)]
    state = torch.get_rng_state()
    one,same,other = map(C.items_digest, sets)
    assert one==same!=other and one and torch.equal(state, torch.get_rng_state())

def test_seeds_of_numpy():
    assert [o['seed'] for o in go(['adamw'], seeds=np.arange(2)).records]==[0,1]
    assert len(go(['adamw'], seeds=np.int64(2)).records)==2 and len(lines())==2
    for seeds in (True, [True], np.array([True]), 1.5, [1.5]):
        with pytest.raises(CliError, match='whole number'): go(seeds=seeds)

def test_a_folder_that_cannot_be_made():
    Path('file').write_text('', encoding='utf-8')
    with pytest.raises(CliError, match='file/x cannot be made .*another out='): go(out='file/x')

# ---- once

def table(res): return res.table.drop(columns='seconds')

@needs_fork
@pytest.mark.parametrize('seed', range(2))
def test_kill_at_a_random_moment(seed):
    start = time.time()
    whole = go(epochs=2, out='whole')
    took,rng = time.time()-start,random.Random(seed)
    for _ in range(2):
        p = Forked(lambda: go(epochs=2))
        time.sleep(rng.uniform(0, took))
        p.kill()
        p.wait()
    done = len(lines()) if os.path.exists('out/runs.jsonl') else 0
    res = go(epochs=2)
    pd.testing.assert_frame_equal(table(res), table(whole))
    pd.testing.assert_frame_equal(res.comparisons, whole.comparisons)
    assert len(lines())==len({o['key'] for o in lines()})==6 and done<=6 and res.verdict==whole.verdict
    assert not os.listdir('out/unfinished')

@pytest.mark.parametrize('recorded', [False, True])
def test_what_was_left_by_a_kill_in_the_middle_of_a_write_is_removed(recorded):
    go(epochs=2)
    for o in lines():
        (half := Path('out/unfinished')/f'part-{o["key"]}-killed').mkdir()
        (half/o['key']).write_text('half')
    if not recorded: os.remove('out/runs.jsonl')
    go(epochs=2)
    assert not os.listdir('out/unfinished')

def test_a_kill_just_after_the_record_leaves_no_checkpoint(monkeypatch):
    def die(ckpt): raise KeyboardInterrupt
    with monkeypatch.context() as m:
        m.setattr(C, '_remove_checkpoint', die)
        with pytest.raises(KeyboardInterrupt): go(['adamw'], seeds=1)
    assert len(lines())==1 and os.listdir('out/unfinished')
    go(['adamw'], seeds=1)
    assert len(lines())==1 and not os.listdir('out/unfinished')

def test_stopped_in_an_epoch_it_goes_on_from_there():
    class Stop(Callback):
        order = 2000
        at = 13
        def after_batch(self):
            if self.training and self.train_iter==Stop.at: raise KeyboardInterrupt
    f = lambda o: Learner(loaders(), nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=accuracy, cbs=Stop)
    with pytest.raises(KeyboardInterrupt): go(['adamw'], seeds=1, epochs=2, f=f)
    Stop.at = None
    res = go(['adamw'], seeds=1, epochs=2, f=f)
    whole = go(['adamw'], seeds=1, epochs=2, out='whole', f=f)
    assert lines()[0]['resumed'] and res.scores('adamw').tolist()==whole.scores('adamw').tolist()
    assert lines()[0]['batch']==lines('whole')[0]['batch'] and len(lines()[0]['epochs'])==2

@needs_fork
def test_two_processes_share_the_runs():
    assert [p.wait() for p in [Forked(lambda: go(seeds=4)) for _ in range(2)]]==[0,0]
    assert len(lines())==12 and len({o['key'] for o in lines()})==12

def test_nothing_runs_twice(monkeypatch):
    go(seeds=2)
    with monkeypatch.context() as m:
        m.setattr(C, 'train_entry', lambda *args: pytest.fail('it trained'))
        assert len(go(seeds=2).records)==6
    go(seeds=3)
    assert len(lines())==9

@pytest.mark.parametrize('change', [dict(epochs=2), dict(lrs=1e-3), dict(fit='fit_one_cycle'),
    dict(f=lambda o: Learner(loaders(), nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=accuracy, wd=.1)),
    dict(rules=[partial(adamw, mom=.8)])], ids=lambda o: [*o][0])
def test_what_decides_a_result_is_in_its_key(change):
    go(['adamw'], seeds=1)
    go(**dict(dict(rules=['adamw']), seeds=1, **change) if 'rules' not in change else dict(change, seeds=1))
    assert len({o['key'] for o in lines()})==2

def of_width(opt_func, width=4, *, loss=nn.CrossEntropyLoss, some=()):
    model = nn.Sequential(nn.Linear(64, width), nn.Linear(width, 10))
    return Learner(loaders(), model, loss_func=loss(), opt_func=opt_func, metrics=accuracy)

def closed(width): return lambda o: of_width(o, width)
def default(width):
    def f(o, width=width): return of_width(o, width)
    return f
def only(width):
    def f(o, *, width=width): return of_width(o, width)
    return f
def attribute(width):
    def f(o): return of_width(o, f.width)
    f.width = width
    return f
class Maker:
    def __init__(self, width): self.width = width
    def __call__(self, o): return of_width(o, self.width)
    def make(self, o): return of_width(o, self.width)

def held(**kwargs): return partial(of_width, **kwargs)

HOLDERS = dict(closed=closed, default=default, only=only, attribute=attribute, object=Maker, method=lambda w: Maker(w).make,
    keyword=lambda w: held(width=w), positional=lambda w: partial(of_width, w), in_a_closure=lambda w: closed(closed(w)),
    in_a_partial=lambda w: held(loss=partial(nn.CrossEntropyLoss, ignore_index=w)), in_a_list=lambda w: held(some=[{'a':(w, {f'{w}'})}]),
    loss=lambda w: held(loss=nn.CrossEntropyLoss(ignore_index=w)), array=lambda w: held(some=np.arange(5000)//w),
    tensor=lambda w: held(some=torch.arange(5000)//w), kind=lambda w: (nn.Linear, nn.Conv2d)[w>4],
    builtin=lambda w: (torch.relu, torch.tanh)[w>4])

@pytest.mark.parametrize('kind', HOLDERS)
def test_what_a_function_holds_belongs_to_it(kind):
    "And not the addresses of what it holds, which are others in each process"
    one,same,other = (HOLDERS[kind](w) for w in (4,4,8))
    assert json.dumps(C._describe(one))==json.dumps(C._describe(same))!=json.dumps(C._describe(other))

def test_objects_are_the_same_at_another_address():
    def made(): return partial(of_width, some=[object(), accuracy, lambda: 0, Maker(3)], loss=Maker(4).make)
    kept = made(),made()
    assert C._describe(kept[0])==C._describe(kept[1]) and ' at 0x' not in json.dumps(C._describe(kept[0]))
    assert C._spec(C.Entry('x', Maker(3)), .1, {})==C._spec(C.Entry('x', Maker(3)), .1, {})

def test_code_is_the_same_whatever_the_order_of_a_set():
    f = lambda x: x in {0, 8}
    consts = tuple(frozenset([8, 0]) if isinstance(o, frozenset) else o for o in f.__code__.co_consts)
    g = FunctionType(f.__code__.replace(co_consts=consts), {})
    assert [*map(repr, consts)]!=[*map(repr, f.__code__.co_consts)] and C.code_digest(f)==C.code_digest(g)

def test_the_key_of_a_plain_function_is_that_of_its_code():
    key,run = C.Runs(learn_fn, 'out', 1, 'fit_fc').plan(C.as_entry(adamw), 0, 1e-3)
    assert key==C._digest([run['told'], C._digest(C.rule_source(adamw)), C.code_digest(learn_fn)])
    assert run['told']['fit']=='fit_fc' and C._describe(learn_fn)==[C.code_digest(learn_fn), {}] and 'opt_func' not in run['told']

def opt_of(mom):
    def opt_func(ps, lr): return Adam(ps, lr, mom=mom)
    return opt_func

def test_another_argument_is_another_run():
    "Of learn_fn, and of an opt_func"
    for width in (4, 8, 4): go(['adamw'], seeds=1, f=partial(of_width, width=width))
    assert len(lines())==2 and len({o['weights'] for o in lines()})==2
    res = go(dict(a=opt_of(.9), b=opt_of(.5)), seeds=1, out='opts')
    assert len(lines('opts'))==2 and 'in every run the same' not in res.verdict

def test_a_benchmark_does_not_depend_on_where_its_data_are():
    from fastopt.evidence.tasks import TaskLearner
    one,same,other = (C._describe(TaskLearner('digits', size, at)) for size,at in (('tiny','a'), ('tiny','b'), ('full','a')))
    assert one==same!=other

def test_a_damaged_line_is_trained_again():
    go(['adamw'], seeds=2)
    text = open('out/runs.jsonl').read()
    open('out/runs.jsonl', 'w').write(text[:-20])
    with pytest.warns(UserWarning, match='damaged'): res = go(['adamw'], seeds=2)
    assert np.isfinite(res.scores('adamw')).all() and len(lines())==2

@pytest.mark.parametrize('k', [*C._RUN, 'setup'])
def test_a_record_that_was_edited_is_trained_again(k):
    "Whatever it lacks, or has of a wrong kind; the line is kept beside the file"
    go(['adamw'], seeds=1)
    whole = lines()[0]
    kinds = C._RUN.get(k, dict)
    others = [whole | {k: v} for v in (3.5, 'x', [3], dict(a=3)) if not isinstance(v, kinds)]
    if k in C._RUN: others.append({a: b for a,b in whole.items() if a!=k})
    for other in others:
        open('out/runs.jsonl', 'w').write(json.dumps(other)+'\n')
        with pytest.warns(UserWarning, match='damaged'): res = go(['adamw'], seeds=1)
        assert np.isfinite(res.scores('adamw')).all() and len(lines())==1 and lines()[0]['weights']==whole['weights']
        assert json.loads(open('out/runs.jsonl.damaged').read().splitlines()[-1])==other

# ---- entries

def test_controls_are_there():
    for name,controls in C.CONTROLS.items():
        es = [e for e in C.entries_of(['adamw', name]) if e.of]
        assert [e.name for e in es]==[c.name for c in controls] and all(e.of==name and e.why for e in es)
    assert [e.of for e in C.entries_of([partial(diffgrad, version=1)])]==['','diffgrad version=1']

def test_the_controls_of_the_protocol():
    half,warm,floor = (C.CONTROLS[k][0] for k in ('diffgrad','adamod','adabelief'))
    assert half.rule is adam and half.factor==.5 and warm.rule is adam and warm.warmup==2000
    assert floor.rule is adam and floor.hypers==dict(eps=3e-3)
    chains = [c.rule.chain for c in C.CONTROLS['ranger']]
    assert ['lookahead' in o for o in chains]==[False,True,False] and ['centralize' in o for o in chains]==[False,False,True]

def test_a_control_trains_as_it_says():
    go(['diffgrad'], seeds=1, epochs=2)
    go([partial(adam)], seeds=1, epochs=2, lrs=1.5e-3, out='plain')
    mine,plain = [o for o in lines() if o['of']][0],lines('plain')[0]
    assert mine['epochs'][-1]['valid_loss']==plain['epochs'][-1]['valid_loss'] and mine['hypers']['lr']==1.5e-3

def test_warm_up():
    "The rate of step t is t/steps of the schedule's, and the schedule's rate is restored after the step"
    rates = []
    class Look(Callback):
        order = 1002
        def before_step(self): rates.append(self.opt.hypers[-1]['lr'])
    learn = learn_fn(sgd)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1., cbs=[C.WarmUpRate(4), Look()])
    assert rates==[.25,.5,.75]+[1.]*7 and learn.opt.hypers[-1]['lr']==1

def test_default_rates():
    assert [C.default_lr(C.as_entry(o)) for o in (adamw, 'lion', partial(sgd, lr=.3), partial(Adam, lr=.1), Adam)]==[1e-3,1e-4,.3,.1,None]
    res = go(['adamw', partial(Adam)], seeds=1, lrs=None)
    assert [o['hypers']['lr'] for o in res.records]==[1e-3,None] and np.isfinite(res.scores('Adam')).all()

def test_a_record_has_the_source(tmp_path):
    go(['diffgrad'], seeds=1)
    rec = lines()[0]
    assert 'def friction' in rec['source'] and rec['chain']=='decay, adam, friction, descend'
    assert rec['versions']['torch']==torch.__version__ and rec['device']
    assert rec['state_mb']==pytest.approx(3*650*4/2**20, abs=1e-3) # Three numbers per weight

# ---- divergence

def test_divergence_is_counted():
    res = go(dict(adamw=adamw, boom=partial(sgd, mom=.9)), seeds=2, lrs=dict(adamw=3e-3, boom=3e38))
    row = res.table.set_index('name').loc['boom']
    assert row.diverged==2 and row.n==2 and np.isnan(row['mean'])
    assert row.outcome=='diverged' and '2 of 2 runs of boom diverged' in res.verdict
    assert all(o['diverged']>0 for o in lines() if o['name']=='boom') and np.isnan(res.scores('boom')).all()
    res.save_html('page.html')
    assert 'nan' not in re.sub(r'<style.*?</style>|<svg.*?</svg>|<script.*?</script>', '', open('page.html').read(), flags=re.S).lower()

def test_no_rate_wins_by_diverging():
    runs = C.Runs(learn_fn, 'out', 1, 'fit_fc', False)
    res,trials = C.tune_rates(runs, [C.as_entry(sgd)], dict(sgd=[1e-9,1e-2,3e38]), 'valid_loss', True, (.2,''))
    assert res['sgd'][0]==1e-2 and trials.score.tolist()[-1]==math.inf

# ---- verdicts

def made(scores, lower=False, metric='accuracy', of={}):
    "A comparison of invented `scores`"
    def rec(k, i, x): return dict(name=k, of=of.get(k, ''), seed=i, diverged=int(math.isnan(x)), epochs=[{metric:x, 'step':1}],
        seconds=1., state_mb=1., peak_mb=None, device='d', versions=dict(torch='2'), commit='c', key=f'{k}{i}', hypers=dict(lr=.1))
    es = [C.Entry(k, adamw, of=of.get(k, ''), why='why' if k in of else '') for k in scores]
    recs = [rec(k, i, x) for k,xs in scores.items() for i,x in enumerate(xs)]
    return C.Comparison(recs, es, [*range(len(next(iter(scores.values()))))], metric, lower, 1, 'out')

def test_two_and_three_pairs_by_hand():
    "Student's distribution has a closed form for 1 and 2 degrees of freedom"
    d = C.paired_difference([1,4], [0,1])
    assert d['difference']==2 and d['p']==pytest.approx(1-2/math.pi*math.atan(2/1)) # t = mean/(sd/√2) = 2
    assert d['high']-2==pytest.approx(math.tan(.475*math.pi)*1)
    x = np.array([1.,2,6])
    t = x.mean()/(x.std(ddof=1)/3**.5)
    assert C.paired_difference(x, [0,0,0])['p']==pytest.approx(1-t/math.sqrt(2+t*t))

def test_better_and_worse_by_direction():
    a,b = [.5,.51,.52,.53],[.6,.612,.619,.631]
    assert made(dict(a=a, b=b)).comparisons.outcome[0]=='better'
    assert made(dict(a=a, b=b), True, 'valid_loss').comparisons.outcome[0]=='worse'
    said = made(dict(a=a, b=b)).verdict
    assert 'b is better than a (by 0.100, 95% interval 0.098 to 0.103, p=' in said and 'with 4 paired seeds:' in said
    assert said.startswith('By accuracy after 1 epoch,')

def test_the_sentence_says_which_direction_is_better_and_how_many_items_were_scored():
    res = made(dict(a=[.5, .51], b=[.6, .7]), True, 'valid_loss')
    for o in res.records: o['valid'] = 24
    assert res.verdict.startswith('By valid_loss (lower is better) on 24 validation items after 1 epoch, with 2 paired seeds: ')
    assert {o['valid'] for o in go(seeds=1, epochs=1).records}=={go(seeds=1, epochs=1).records[0]['valid']}!={None}

@pytest.mark.parametrize('n', [2,3,5,10])
def test_an_interval_around_zero_claims_nothing(n):
    rng,claims = np.random.default_rng(n),0
    for _ in range(60):
        res = made(dict(a=rng.normal(size=n), b=rng.normal(size=n), c=rng.normal(size=n)+.5))
        for c in res.comparisons.to_dict('records'):
            claimed = c['outcome'] in ('better','worse')
            claims += claimed and c['name']=='b'
            if claimed: assert not c['low']<=0<=c['high'] and c['p_holm']<.05
            else: assert c['p_holm']>=.05
        told = res.verdict
        if 'undecided' in set(res.comparisons.outcome): assert 'not distinguishable' in told and 'would have been found in 4 of 5' in told
        if not {'better'} & set(res.comparisons.outcome): assert 'better' not in told
    assert claims<=60*.05+3*(60*.05*.95)**.5 # False alarms

@pytest.mark.parametrize('n', [2,5,6])
def test_one_image_more_in_each_pair(n):
    xs = [.5+i/100 for i in range(n)]
    res = made(dict(a=xs, b=[o+1/360 for o in xs]))
    c = res.comparisons.iloc[0]
    assert c.p==2**(1-n) and c.outcome==('better' if n>5 else 'undecided') and np.isnan(c.detectable)
    assert (f'not distinguishable from a (+0.0028 in each of {n} pairs, which are too few to tell)' in res.verdict)==(n<6)

def test_one_seed_says_nothing():
    res = go(seeds=1)
    assert set(res.comparisons.outcome)=={'undecided'} and 'n=1 pair has no spread' in res.verdict and 'with 1 paired seed:' in res.verdict

def test_ahead_by_diverging_is_not_better():
    nan = math.nan
    assert made(dict(a=[.5,.51,.52,.53], b=[.6,.612,.619,nan])).comparisons.outcome[0]=='undecided'
    res = made(dict(a=[.5,.51,.52,nan], b=[.6,.612,.619,.63]))
    assert res.comparisons.outcome[0]=='better' and '1 of 4 runs of a diverged' in res.verdict and res.comparisons.n[0]==3

def test_a_lead_that_a_control_explains():
    res = made(dict(a=[.5,.51,.52,.53], b=[.6,.612,.619,.631], c=[.601,.611,.62,.63]), of=dict(c='b'))
    assert res.comparisons.outcome.tolist()==['better','undecided']
    assert 'better than a' in res.verdict and 'not distinguishable from its control c' in res.verdict

def test_holm_over_all_questions():
    rng = np.random.default_rng(0)
    res = made(dict(a=rng.normal(size=8), **{f'b{i}':rng.normal(size=8)+i/2 for i in range(4)}))
    ps = res.comparisons.p.to_numpy()
    want = np.maximum.accumulate(np.minimum(1, np.sort(ps)*np.arange(4, 0, -1)))
    assert np.sort(res.comparisons.p_holm)==pytest.approx(want)

def test_detectable_difference():
    "The detectable difference falls with the number of pairs, towards that of the normal distribution"
    found = [C.detectable_difference(1., n) for n in (2,3,5,10,100)]
    assert found==sorted(found, reverse=True) and C.detectable_difference(1., 10**5)*10**2.5==pytest.approx(1.959964+.841621, rel=1e-3)
    assert C.detectable_difference(1., 10, 4)>C.detectable_difference(1., 10)
    assert C.detectable_difference(2., 10)==pytest.approx(2*C.detectable_difference(1., 10))
    assert C.detectable_difference(math.nan, 1)==math.inf

# ---- budgets

def test_rates_are_tuned_on_a_hold_out():
    res = go(seeds=2, lrs=[1e-5,1e-2,1e3], metric='valid_loss', controls=False)
    tune,report = ([o for o in lines() if o['track']==k] for k in ('tune','report'))
    assert len(tune)==6 and res.tuned.groupby('name').size().tolist()==[3,3] and {o['hypers']['lr'] for o in report}=={1e-2}
    assert not {o['seed'] for o in tune} & {o['seed'] for o in report}

def test_an_optimum_on_an_edge_is_refused():
    says = 'adamw at 0.001, the largest of its rates; diffgrad at 0.001.*Give lrs that go further.*more tune_seeds than 1 make it surer$'
    with pytest.raises(CliError, match=says): go(lrs=[1e-5,1e-4,1e-3], metric='valid_loss', controls=False)
    n = len(lines())
    assert n==6 and {o['track'] for o in lines()}=={'tune'}
    go(lrs=[1e-5,1e-4,1e-3,1e-2,1e3], metric='valid_loss', controls=False)
    assert len(lines())==n+4+4 # Finished runs are not repeated

def test_a_finer_metric_is_advised_if_it_was_not_given():
    with pytest.raises(CliError, match="more tune_seeds than 2, or metric='valid_loss', make it surer$"):
        go(['adamw'], lrs=[1e-6,1e-5], controls=False, tune_seeds=2)

def test_the_number_of_runs_is_printed_before_the_first(capsys):
    C.compare(learn_fn, ['adamw','diffgrad'], seeds=1, epochs=1, lrs=[1e-5,1e-2,1e3], metric='valid_loss', controls=False, out='out')
    first,second = capsys.readouterr().out.splitlines()[:2]
    assert first=='8 runs of 1 epoch, 6 of them to tune; those that are stored already are not repeated' and second.startswith('tune  ')

@pytest.mark.parametrize('lrs,why', [([], 'one or more numbers above 0'), ([0.,1e-3], 'above 0'), ([-1.], 'above 0'),
    ([math.inf], 'above 0'), ({}, 'lrs has no learning rates for adamw'), (dict(adamw=[1e-3]), 'no learning rates for diffgrad'),
    (dict(adamw=[1e-3], diffgrad=[1e-3,1e-2]), 'budgets must be equal, and lrs has 1 rates for adamw, 2 rates for diffgrad'),
    (dict(adamw=1e-3, difgrad=1e-3), "did you mean 'diffgrad'")])
def test_rates_that_are_refused(lrs, why):
    with pytest.raises(CliError, match=re.escape(why)): go(lrs=lrs)
    assert not os.path.exists('out/runs.jsonl')

class Noise(Transform):
    "Records which transforms an item has seen"
    split_idx = 0
    def encodes(self, x:float): return x+.5

def test_a_hold_out_is_read_without_augmentation():
    dsets = Datasets([float(i) for i in range(20)], [[Noise()]], splits=[[*range(15)], [*range(15, 20)]])
    cut = C.holdout_loaders(dsets.dataloaders(bs=2, num_workers=0), .2)
    train,held = ([o[0] for o in dl.dataset] for dl in cut.loaders)
    assert len(held)==3 and all(o%1==0 for o in held) and len(train)==12 and all(o%1==.5 for o in train)
    assert sorted([*held, *(o-.5 for o in train)])==[float(i) for i in range(15)]
    assert [o[0].tolist() for o in cut.valid]==[o[0].tolist() for o in cut.valid] # In the same order

def test_a_hold_out_of_ones_own():
    def own(opt_func):
        dls = DataLoaders(DataLoader(ITEMS[:200], bs=50, shuffle=True), DataLoader(ITEMS[200:320], bs=120))
        return Learner(dls, nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=opt_func, metrics=accuracy)
    go(['adamw'], seeds=1, lrs=[1e-5,1e-2,1e3], metric='valid_loss', holdout=own)
    assert {(o['track'],o['epochs'][-1]['step']) for o in lines()}=={('tune',4),('report',10)}

def test_loaders_that_cannot_be_cut():
    def f(o):
        load = torch.utils.data.DataLoader
        dls = DataLoaders(load(ITEMS[:64], batch_size=32), load(ITEMS[320:], batch_size=80))
        return Learner(dls, nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=accuracy)
    with pytest.raises(CliError, match='cannot be split.*a function like learn_fn'): go(lrs=[1e-3,1e-2], f=f)
    with pytest.raises(CliError, match='holdout=0 is not a fraction'): go(lrs=[1e-3,1e-2], holdout=0)

# ---- Optuna

def test_without_optuna(monkeypatch):
    def missing(name): raise ImportError(name)
    monkeypatch.setattr(C, 'import_module', missing)
    with pytest.raises(CliError, match=r"pip install 'fastopt\[tune\]'.*lrs="): go(lrs=None, trials=5)

WIDE = dict(lr=C.Span(1e-9, 1e6))

def optuna(): pytest.importorskip('optuna', reason='the tuned track is an extra, fastopt[tune]')

def test_tuned_track():
    optuna()
    res = go(seeds=1, lrs=None, trials=5, space=WIDE, metric='valid_loss', controls=False)
    tune = [o for o in lines() if o['track']=='tune']
    assert res.tuned.groupby('name').size().tolist()==[5,5] and len(tune)==10
    one,other = (sorted(o['hypers']['lr'] for o in tune if o['name']==k) for k in ('adamw','diffgrad'))
    assert one==other # The same settings for all
    best = res.tuned.sort_values('score').groupby('name').lr.first()
    assert {o['name']:o['hypers']['lr'] for o in lines() if o['track']=='report'}==best.to_dict()
    again = go(seeds=1, lrs=None, trials=5, space=WIDE, metric='valid_loss', controls=False)
    assert len(lines())==12 and again.verdict==res.verdict

@needs_fork
def test_tuning_is_shared_and_goes_on():
    optuna()
    f = partial(go, ['adamw'], seeds=1, lrs=None, trials=6, space=WIDE, metric='valid_loss')
    ps = [Forked(f) for _ in range(2)]
    time.sleep(1.5)
    ps[0].kill()
    ps[0].wait()
    assert ps[1].wait()==0
    keys = [o['key'] for o in lines() if o['track']=='tune']
    assert len(keys)==len({*keys})==6 and f().tuned.trial.tolist()==[*range(6)]

def test_an_optimum_near_an_edge_of_a_space_is_refused():
    optuna()
    low = dict(lr=C.Span(1e-9, 1e-6))
    with pytest.raises(CliError, match=r'adamw: lr=.*the high end of what was tried.*wider ranges'):
        go(['adamw'], seeds=1, lrs=None, trials=3, metric='valid_loss', space=low)
    assert {o['track'] for o in lines()}=={'tune'}

def test_the_same_space_for_all_but_what_is_specific():
    spaces = {k:C.space_of(C.as_entry(k)) for k in ('adamw','sgd','adabelief','prodigy')}
    assert spaces['adamw']==spaces['sgd']==C.SPACE and {*spaces['adabelief']}=={*C.SPACE,'eps'} and spaces['prodigy']['lr'].high==100.
    assert 'eps' not in C.space_of(C.Entry('x', adam, dict(eps=3e-3)), dict(eps=C.Span(1e-8, 1)))

# ---- invalid arguments

@pytest.mark.parametrize('kwargs,why', [(dict(rules=['difgrad']), "did you mean 'diffgrad'"), (dict(rules=[]), 'nothing to compare'),
    (dict(rules=[3]), '3 does not make an optimizer'), (dict(rules=[adamw, 'adamw']), "two optimizers are called 'adamw'"),
    (dict(seeds=0), 'seeds=[] must be 1 or more'), (dict(seeds=[1,1]), 'different numbers'), (dict(seeds=[C.TUNING_SEED]), 'below 1000000'),
    (dict(epochs=0), 'epochs=0 must be'), (dict(trials=-1), 'trials=-1'), (dict(trials=5), 'give only one of them'),
    (dict(tune_seeds=0), 'tune_seeds=0'), (dict(metric='acuracy'), "did you mean 'accuracy'"),
    (dict(f=lambda o: None), 'learn_fn returned a NoneType'), (dict(f=lambda o: learn_fn(adam)), 'pass its argument on')])
def test_refused(kwargs, why):
    with pytest.raises(CliError, match=re.escape(why)): go(**kwargs)
    assert not os.path.exists('out/runs.jsonl')

def strange(a, b): return (a-a).sum()

def test_metrics():
    bare = lambda o, ms=None: Learner(loaders(), nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=ms)
    with pytest.raises(CliError, match='has no metric; give it one, such as metrics=accuracy'): go(f=bare)
    with pytest.raises(CliError, match="a lower or a higher 'strange' is better"): go(f=lambda o: bare(o, strange))
    assert go(f=bare, metric='valid_loss', seeds=1).lower and not go(f=lambda o: bare(o, strange), lower=False, seeds=1).lower

def test_stopping_early_is_refused():
    f = lambda o: Learner(loaders(), nn.Linear(64, 10), loss_func=nn.CrossEntropyLoss(), opt_func=o, metrics=accuracy,
        cbs=EarlyStoppingCallback('valid_loss', min_delta=9., patience=1))
    with pytest.raises(CliError, match='stopped after 2 of 3 epochs'): go(f=f, epochs=3)

# ---- reports

def test_intervals_of_shares_end_at_0_and_1():
    "Two runs can give a wider interval"
    for metric,ends in (('accuracy', (0.,1.)), ('other', (.6-1.2706,.6+1.2706))):
        row = made(dict(a=[.5,.7], b=[.5,.5]), metric=metric).table.set_index('name').loc['a']
        assert (row.low,row.high)==pytest.approx(ends, abs=1e-3)
    made(dict(a=[.5,.7], b=[.5,.5]), metric='accuracy').plot()

def test_the_page_says_what_was_tuned():
    go(seeds=2, lrs=[1e-5,1e-2,1e3], metric='valid_loss', controls=False).save_html('page.html')
    assert '4 runs after 2 optimizers were tuned with 3 trials each on a hold-out, on ' in open('page.html', encoding='utf-8').read()

def test_a_metric_is_named_as_it_is():
    "Although its name looks like a formula"
    fig = made(dict(a=[.5,.6], b=[.6,.7]), metric='$x_{1$ of $y').plot()
    assert any('$x_{1$ of $y' in o.get_text() for o in fig.findobj(Text))
    C.svg_text(fig, 'x')

def test_page():
    res = go(dict(zip(['<b>x', 'a\nb'], [adamw, diffgrad])), seeds=2)
    res.save_html('page.html')
    text = open('page.html').read()
    assert text.count('<svg')==1 and text.count('<table>')==2 and '<b>x' not in text and '&lt;b&gt;x' in text and 'a\\nb' in text
    assert not re.search(r'src=|href="[^#]|url\((?!#)|@import|fetch\(', text) # The page loads nothing else
    assert '2 paired seeds' in res._repr_html_() and 'paired' in repr(res) and set(res.runs.columns)>={'name','seed','accuracy','lr'}

def test_steps_to_target():
    res = go(seeds=3, epochs=3, controls=False)
    df = res.steps_to_target(0.).set_index('name')
    assert df.median_steps.tolist()==[10,10] and df.claim['diffgrad']=='not found' and df.p['diffgrad']==1
    assert res.steps_to_target(2.).median_steps.tolist()==[math.inf]*2 and res.target()==np.median(res.scores('adamw'))

@pytest.mark.parametrize('lower', [False, True])
@pytest.mark.parametrize('n', range(1, 7))
def test_at_least_half_of_the_seeds_reach_their_own_target(n, lower):
    res = made(dict(a=[float(i) for i in range(n)], b=[0.]*n), lower)
    good = [o<=res.target() if res.lower else o>=res.target() for o in res.scores('a')]
    assert n/2<=sum(good)<=n//2+1 and res.target() in res.scores('a')

@pytest.mark.parametrize('lower,target', [(False,.7), (True,.8)])
def test_a_diverged_run_of_the_baseline_has_the_worst_value(lower, target):
    nan = math.nan
    res = made(dict(a=[.7,.8,nan,.6,.9] if not lower else [.7,.8,nan,.9,.6], b=[.9]*5), lower)
    assert res.target()==target
    with pytest.raises(CliError, match='a diverged in too many of its 3 runs'): made(dict(a=[.5,nan,nan], b=[0.]*3), lower).target()

def test_steps_claims_by_signs():
    "Six pairs that are all earlier have p = 2/2⁶, five have 2/2⁵; an optimizer that never arrives is later than any other"
    for n,claim in ((6,'found'), (5,'not found')):
        res = made(dict(a=[0.]*n, b=[1.]*n))
        df = res.steps_to_target(.5).set_index('name')
        assert df.p['b']==pytest.approx(2/2**n) and df.claim['b']==claim and df.reached.tolist()==[0,n]
    assert made(dict(a=[1.]*6, b=[0.]*6)).steps_to_target(.5).claim[1]=='later'

@pytest.mark.parametrize('lower', [False,True])
def test_expected_best_against_all_subsets(lower):
    from itertools import combinations
    xs = np.random.default_rng(0).normal(size=6).tolist()
    want = [np.mean([(min if lower else max)(o) for o in combinations(xs, k)]) for k in range(1, 7)]
    assert C.expected_best(xs, lower)==pytest.approx(want)
