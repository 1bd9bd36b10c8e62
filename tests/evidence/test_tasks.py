"Tasks and their benchmark: every loader reads its format, every network trains, nothing runs twice, and no error loses results"
import json, math, numpy as np, os, pandas as pd, pytest, random, re, time, torch
from forked import Forked
from functools import partial
from pathlib import Path
from fastai.callback.core import Callback
from fastcore.script import CliError
from fastopt import cli
from fastopt.evidence import benchmark as B
from fastopt.evidence import tasks as T
from fastopt.evidence.compare import Span, as_entry, keep_study, make_learner_of, train_entry
from fastopt.optim.adam import adamw
from fastopt.training.resume import SaveResume

needs_fork = pytest.mark.skipif(not hasattr(os, 'fork') or torch.cuda.is_available(), reason='forks, which a GPU in use does not survive')
SMALL = dict(n=40, n_test=20, bs=20)
LEAST = {'cifar10-resnet18':{}, 'cifar100-vgg16':dict(width=8, classes=100), 'stl10-wrn16-8':{},
    'fmnist-capsnet':dict(channels=8, maps=2, hidden=8), 'mnist-vae':dict(hidden=8), 'mnist-gan':dict(width=4), 'digits':{},
    'ptb-lstm':dict(n=900, n_test=450, words=50, hidden=8, length=5), 'ptb-transformer':dict(n=900, n_test=450, dim=8, length=8)}

@pytest.fixture(scope='module')
def data(tmp_path_factory):
    "A folder with a generated archive of every format"
    at = tmp_path_factory.mktemp('data')
    for k in ('cifar10','cifar100','stl10','mnist','fashion'): T.write_synthetic_data(at, k, 300, 100)
    T.write_synthetic_data(at, 'words', 900, 500)
    return at

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    T.task_data.cache_clear()
    T.task_parts.cache_clear()

def bench(tasks='digits', opts='adamw,diffgrad', tiny=True, seeds=2, epochs=1, out='out', **kwargs):
    return B.run_benchmark(tasks, opts, tiny=tiny, seeds=seeds, epochs=epochs, out=out, show=False, **kwargs)

def lines(out='out/digits-tiny'): return [json.loads(o) for o in open(f'{out}/runs.jsonl')]

# ---- data

@pytest.mark.parametrize('name,shape,classes', [('cifar10',(3,32,32),10), ('cifar100',(3,32,32),100), ('stl10',(3,96,96),10),
    ('mnist',(1,28,28),10), ('fashion',(1,28,28),10)])
def test_images_are_read(name, shape, classes, data):
    (x,y),(xt,yt) = T.SOURCES[name].read(data, {})
    assert (x.shape, xt.shape, x.dtype, y.dtype)==((300,*shape), (100,*shape), torch.uint8, torch.int64) and len(y)==300
    assert y.min()>=0 and y.max()<classes and len(y.unique())>classes/2
    base = [x[y==c].float().mean(0) for c in y.bincount().topk(2).indices] # Labels belong to their images: each class has a pattern
    assert (base[0]-base[1]).abs().mean()>20

def test_digits_are_bytes():
    (x,y),_ = T.SOURCES['digits'].read(None, {})
    assert x.max()==255 and x.dtype==torch.uint8 and len(x)==1437

def test_words_and_characters(data):
    train,valid,test = T.SOURCES['words'].read(data, dict(n=100, n_test=50, words=20))
    text = (data/'ptb/train.txt').read_text().replace('\n', ' <eos> ').split()[:100]
    assert (len(train), len(valid), len(test))==(100, 50, 50) and train.max()<20
    same = {w:int(i) for w,i in zip(text, train)}
    assert all(same[w]==int(i) or int(i)==19 for w,i in zip(text, train))
    assert {*range(19)}<={*same.values()}|{19} and len({*same.values()})>=19
    chars = T.SOURCES['chars'].read(data, dict(n=100, n_test=50, chars=50))[0]
    assert len(chars)==100 and len(chars.unique())<15

def test_an_archive_of_fastai_is_read_in_part(tmp_path):
    import io, tarfile
    from PIL import Image
    with tarfile.open(tmp_path/'cifar10.tgz', 'w:gz') as tar:
        for part in ('train','test'):
            for i in range(40):
                img,info = io.BytesIO(),tarfile.TarInfo(f'cifar10/{part}/{"abcdefghij"[i%10]}/{i}.png')
                Image.new('RGB', (32,32), (20*(i%10),)*3).save(img, 'PNG')
                info.size = img.tell()
                img.seek(0)
                tar.addfile(info, img)
    (x,y),(xt,yt) = T.SOURCES['cifar10'].read(tmp_path, dict(n=20, n_test=None))
    assert (len(x), len(xt))==(20,40) and y.bincount().tolist()==[2]*10 and torch.equal(x[:,0,0,0].long(), 20*y)

def test_a_text_that_is_too_short_is_refused(tmp_path):
    T.write_synthetic_data(tmp_path, 'words', 100, 50)
    with pytest.raises(CliError, match='too short for 20 rows of 35'): T.task_parts('ptb-lstm', 'tiny', tmp_path)

@pytest.mark.parametrize('task', [o for o in T.TASKS if o!='digits'])
def test_missing_data_are_named(task, tmp_path):
    with pytest.raises(CliError) as e: T.task_data(task, 'tiny', tmp_path)
    source = T.SOURCES[T.TASKS[task].source]
    assert f'{task}: {tmp_path} has no ' in str(e.value) and '--data' in str(e.value) and '\n' not in str(e.value)
    assert (f'--download fetch {source.mb} MB' in str(e.value))==bool(source.fetch)

@pytest.mark.parametrize('file,task', [('cifar-100-python/train','cifar100-vgg16'), ('mnist/train-images-idx3-ubyte','mnist-vae'),
    ('stl10_binary/train_X.bin','stl10-wrn16-8')])
def test_damaged_data_are_named(file, task, data, tmp_path):
    import shutil
    shutil.copytree(data/Path(file).parent, tmp_path/Path(file).parent)
    (tmp_path/file).write_bytes(b'no such thing')
    with pytest.raises(CliError, match=f'{task}.*--data'): T.task_data(task, 'tiny', tmp_path)

def test_splits(data):
    d = T.task_data('mnist-vae', 'tiny', data)
    assert (len(d.train[0]), len(d.test[0]), len(d.held[0]), len(d.rest[0]))==(300,100,30,270) and d.synthetic
    whole = {o.numpy().tobytes() for o in d.train[0]}
    parts = [{o.numpy().tobytes() for o in part[0]} for part in (d.held, d.rest)]
    assert parts[0]|parts[1]==whole and not parts[0]&parts[1] and not whole&{o.numpy().tobytes() for o in d.test[0]}
    words = T.task_data('ptb-lstm', 'tiny', data)
    assert torch.equal(words.rest, words.train) and not torch.equal(words.held, words.test)
    assert not T.task_data('digits', 'tiny', T.data_folder()).synthetic

def test_test_images_are_as_they_are(data):
    "Only training images are shifted and mirrored"
    p = T.task_parts('cifar10-resnet18', 'tiny', data)
    batch = p.train[0][:20],p.train[1][:20]
    calm,moved = p.prepare(batch, False)[0],p.prepare(batch, True)[0]
    assert torch.equal(calm, p.prepare(batch, False)[0]) and not torch.equal(calm, moved) and moved.shape==calm.shape
    assert calm.mean().abs()<.2 and abs(calm.std()-1)<.2

# ---- trainings

@pytest.mark.parametrize('task', T.TASKS)
def test_every_task_trains(task, data, monkeypatch):
    "At the smallest size that has its structure: two steps, all curves, a finite constant"
    t = T.TASKS[task]
    monkeypatch.setitem(T.TASKS, task, t._replace(tiny={**t.tiny, **SMALL, **LEAST[task]}))
    monkeypatch.setattr(T, 'train_features', partial(T.train_features, steps=2))
    f = T.TaskLearner(task, 'tiny', data)
    rec = train_entry(f, as_entry(adamw), 0, 1e-3, epochs=1)
    row,const = rec['epochs'][0],T.task_parts(task, 'tiny', f.folder).constant
    assert not rec['diverged'] and all(map(math.isfinite, row.values())) and math.isfinite(const) and const>0
    assert {t.metric, t.loss, 'train_loss_mean'}<={*row} and row['step']>=2
    assert ('train_accuracy' in row)==(t.metric=='accuracy')

@pytest.mark.parametrize('task', ['digits','mnist-vae','ptb-lstm','fmnist-capsnet'])
def test_the_constant_is_that_of_a_network_that_knows_nothing(task, data, monkeypatch):
    "Its loss by hand, on test data"
    t = T.TASKS[task]
    monkeypatch.setitem(T.TASKS, task, t._replace(tiny={**t.tiny, **LEAST[task]}))
    f = T.TaskLearner(task, 'tiny', data)
    p,s = T.task_parts(task, 'tiny', f.folder),T.task_settings(task, 'tiny')
    if task in ('digits','ptb-lstm'):
        n = s.get('classes') or s['words']
        seen = T.task_data(task, 'tiny', f.folder).train if task=='ptb-lstm' else p.train[1] # The whole text
        share = (np.bincount(seen, minlength=n)+1)/(len(seen)+n)
        assert p.constant==pytest.approx(-np.log(share)[p.test[1].flatten().numpy()].mean(), rel=1e-5)
    elif task=='mnist-vae':
        mean,x = np.clip(p.train[0].numpy().mean(0)/255, 1e-3, 1-1e-3),p.test[0].numpy()/255
        assert p.constant==pytest.approx(-(x*np.log(mean)+(1-x)*np.log(1-mean)).sum((1,2,3)).mean(), rel=1e-5)
    else: assert .8*.9*.5<p.constant<1+.0005*784

def test_means_of_training():
    "Loss and accuracy of an epoch are those of its batches"
    seen = []
    class Look(Callback):
        def after_batch(self):
            if self.training: seen.append((len(self.xb[0]), self.loss.item(), (self.pred.argmax(1)==self.y).float().mean().item()))
    learn,_ = make_learner_of(T.TaskLearner('digits', 'tiny'), as_entry(adamw), 0)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-2, cbs=Look())
    n,loss,acc = np.array(seen).T
    row = dict(zip(learn.recorder.metric_names[1:], learn.recorder.values[-1]))
    assert row['train_loss_mean']==pytest.approx((n*loss).sum()/n.sum(), rel=1e-5)
    assert row['train_accuracy']==pytest.approx((n*acc).sum()/n.sum(), rel=1e-5)

def test_features_leave_chance_alone():
    x,y = torch.rand(60, 1, 28, 28),torch.arange(60)%10
    torch.manual_seed(5)
    want = torch.rand(3)
    torch.manual_seed(5)
    a,b = (T.train_features(x, y, steps=2) for _ in range(2))
    assert torch.equal(torch.rand(3), want) and all(torch.equal(p, q) for p,q in zip(a.parameters(), b.parameters()))

@pytest.mark.parametrize('shape,want', [('constant',(1,1,1)), ('flat_cos',(1,1,.5)), ('one_cycle',(.04,.52,None)), ('cosine',(1,None,None)),
    ('warmup_cosine',(.01,None,None))])
def test_shapes(shape, want):
    rates = []
    class Look(Callback):
        order = 2000
        def before_step(self): rates.append(self.opt.hypers[-1]['lr'])
    learn,_ = make_learner_of(T.TaskLearner('digits', 'tiny'), as_entry('adamw'), 0)
    with learn.no_bar(), learn.no_logging(): B.fit_by_shape(learn, 2, .1, Look(), shape)
    n = len(rates)
    assert rates[0]==pytest.approx(.1*want[0]) and max(rates)<=.1+1e-9 and n==20
    for pos,o in zip((.125,.86), want[1:]):
        if o is not None: assert np.interp(pos*n, range(n), rates)==pytest.approx(.1*o, rel=.06)
    assert shape=='constant' or rates[-1]<.1*.1
    averaging,_ = make_learner_of(T.TaskLearner('digits', 'tiny'), as_entry('schedulefree_adamw'), 0)
    rates.clear()
    with averaging.no_bar(), averaging.no_logging(): B.fit_by_shape(averaging, 1, .1, Look(), shape)
    assert {*rates}=={.1}

# ---- the protocol

def test_the_same_names_everywhere():
    assert cli.TASKS_BY_NAME==list(T.TASKS) and cli.TRACKS_BY_NAME==list(B.TRACKS) and cli.SHAPES_BY_NAME==list(B.SHAPES)

def test_who_takes_part():
    for opts,task in {t.opts:task for task,t in T.TASKS.items()}.items(): # Each list once
        names = [e.name for e in B.benchmark_entries(task)]
        assert names[:4]==[*B.BASELINES] and {*opts}<={*names} and len(names)==len({*names})
    assert T.TASKS['cifar10-resnet18'].opts==T.TUTORIAL and len(T.TUTORIAL)==7
    controls = dict(diffgrad='adam, lr/2', adamod='adam, warm-up', adabelief='adam, eps=3e-3', ranger='radam')
    assert {*controls.items()}<={(e.of, e.name) for e in B.benchmark_entries('digits', controls)}
    assert [e.name for e in B.benchmark_entries('digits', controls, bare=True)]==[*controls]

def test_the_target_is_set_by_other_runs(monkeypatch):
    monkeypatch.setattr(B, 'compare', partial(B.compare, space=dict(lr=Span(1e-4, 30.)))) # So wide that the best of three is not an edge
    res = bench(opts='adamw,diffgrad', tiny=False, bare=True, track='target', trials=3, seeds=1)
    o = res.results[0]
    assert not res.failed and o.ahead and o.comparison.metric=='valid_loss' and {*res.steps.name}=={'adamw','diffgrad'}
    seeds = {track:{r['seed'] for r in lines('out/digits-full') if r['track']==track} for track in ('report','tune')}
    assert seeds['report']=={0,B.TARGET_SEED} and seeds['tune'] and not seeds['tune'] & seeds['report']

def test_tiny_rows_are_no_verdicts():
    res = bench()
    assert not {'outcome','p_holm','difference','role'} & {*res.table.columns} and not len(res.not_found)
    res.save_html('page.html')
    page = re.sub(r'<style.*?</style>|<script.*?</script>', '', open('page.html').read(), flags=re.S)
    assert 'no evidence' in page and 'p (Holm)' not in page and 'than adamw' not in page and 'distinguishable' not in page

def test_what_is_not_found_is_a_row(monkeypatch):
    t = T.TASKS['digits']
    monkeypatch.setitem(T.TASKS, 'digits', t._replace(full={**t.full, 'n':200, 'n_test':100}))
    res = bench(tiny=False, opts='adamw,diffgrad', bare=True)
    df = res.not_found
    assert len(df)==(res.results[0].comparison.comparisons.outcome=='undecided').sum() and {'detectable','low','high'}<={*df.columns}
    res.save_html('page.html')
    page = open('page.html').read()
    assert ('Tried and not found' in page)==bool(len(df)) and 'Steps until' in page and page.count('<svg')==2
    assert np.isfinite(res.overview.loc['adamw','digits'])
    assert set(res.curves.columns)>={'train_loss_mean','valid_loss','train_accuracy','accuracy'}

def test_generated_data_are_never_reported(data):
    res = bench('mnist-vae,digits', data=data, seeds=1)
    assert [(o.task, o.synthetic) for o in res.results]==[('mnist-vae', True), ('digits', False)] and {*res.table.task}=={'digits'}
    assert 'mnist-vae' not in {*res.runs.task} | {*res.curves.task} | {*res.steps.task}
    res.save_html('page.html')
    assert 'ran on generated data, which is not a result' in open('page.html').read()

def test_a_profile_over_tasks():
    base = bench(seeds=1).results[0]
    def made(task, steps): return base._replace(task=task, steps=pd.DataFrame(dict(name=['adamw','diffgrad'], median_steps=steps)))
    results = [made('digits', [10.,20.]), made('mnist-vae', [30.,10.]), made('mnist-gan', [math.inf,10.])]
    res = B.Benchmark(results, {}, {}, dict(tiny=False))
    prof = res.profile()
    assert prof.adamw.iloc[0]==pytest.approx(1/3) and prof.adamw.iloc[-1]==pytest.approx(2/3) and prof.diffgrad.iloc[-1]==1

# ---- once

@needs_fork
def test_killed_at_a_random_moment_the_table_is_the_same():
    start = time.time()
    whole = bench(epochs=2, out='whole')
    p = Forked(lambda: bench(epochs=2))
    time.sleep(random.Random(0).uniform(.1, .9)*(time.time()-start))
    p.kill()
    p.wait()
    res = bench(epochs=2)
    pd.testing.assert_frame_equal(res.table.drop(columns='seconds'), whole.table.drop(columns='seconds'))
    pd.testing.assert_frame_equal(res.curves.drop(columns='seconds'), whole.curves.drop(columns='seconds'))
    assert len(lines())==4==len({o['key'] for o in lines()}) and not os.listdir('out/digits-tiny/unfinished')

def test_nothing_runs_twice(monkeypatch):
    first = bench()
    monkeypatch.setattr('fastopt.evidence.compare.train_entry', lambda *args: pytest.fail('it trained'))
    pd.testing.assert_frame_equal(bench().table, first.table)

def test_a_language_model_goes_on_inside_an_epoch(data, monkeypatch):
    "What it has read so far is part of its state, and so are the means of the epoch"
    class Stop(Callback):
        order = 2000
        def __init__(self, at): self.at = at
        def after_batch(self):
            if self.training and self.train_iter==self.at: raise KeyboardInterrupt
    t = T.TASKS['ptb-lstm']
    monkeypatch.setitem(T.TASKS, 'ptb-lstm', t._replace(tiny={**t.tiny, **LEAST['ptb-lstm']}))
    def fit(at=None, resume=False):
        learn,_ = make_learner_of(T.TaskLearner('ptb-lstm', 'tiny', data), as_entry(adamw), 0)
        went_on = resume and learn.resume('ck')
        with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-2, cbs=[SaveResume('ck', 3), Stop(at)])
        return went_on,learn.recorder.values[0]
    _,whole = fit()
    for o in Path().glob('ck*'): o.unlink()
    with pytest.raises(KeyboardInterrupt): fit(5)
    went_on,rest = fit(resume=True)
    assert went_on['batch']==2 and list(rest)==list(whole)

# ---- errors

def test_other_settings_need_another_folder(monkeypatch):
    bench()
    t = T.TASKS['digits']
    monkeypatch.setitem(T.TASKS, 'digits', t._replace(tiny={**t.tiny, 'hidden':16}))
    assert 'another folder with --out' in bench().failed['digits'] and len(lines())==4
    for said in ('{', '[]', 'null', '3', '"x"'):
        Path('out/digits-tiny/task.json').write_text(said)
        assert 'task.json is damaged' in bench().failed['digits']

@pytest.mark.parametrize('error', [RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed.\nmore'), OSError('No space'),
    MemoryError()])
def test_a_task_that_fails_stops_no_other(error, monkeypatch, data):
    own = B.compare
    def broken(f, *args, **kwargs):
        if f.task=='mnist-vae': raise error
        return own(f, *args, **kwargs)
    monkeypatch.setattr(B, 'compare', broken)
    res = bench('mnist-vae,digits', seeds=1, data=data)
    assert [o.task for o in res.results]==['digits']
    assert '\n' not in res.failed['mnist-vae'] and type(error).__name__ in res.failed['mnist-vae']
    assert 'Traceback' in Path('out/mnist-vae-tiny/error.txt').read_text()

def run(*argv, capsys):
    "The command: exit status, output, errors"
    try: code = cli.start('fastopt-bench', [*argv, '--out', 'out'])
    except SystemExit as e: code = e.code
    got = capsys.readouterr()
    return code or 0,got.out,got.err

def test_the_command(capsys):
    args = ('--tasks', 'digits', '--tiny', '--seeds', '1', '--epochs', '6', '--opts', 'adamw')
    code,out,err = run(*args, capsys=capsys)
    assert (code, err)==(0, '') and 'report.html' in out and out.count('report  adamw')==1
    assert len(pd.read_csv('out/table.csv'))==1 and len(pd.read_csv('out/curves.csv'))==6 and Path('out/report.html').stat().st_size>10_000
    code,out,err = run(*args, capsys=capsys)
    assert code==0 and 'report  adamw' not in out # It only reads

def test_out_that_is_a_file(capsys, monkeypatch):
    "It is told before anything is trained"
    monkeypatch.setattr(B, 'run_task', lambda *args, **kwargs: pytest.fail('it trained'))
    Path('out').write_text('old')
    code,_,err = run('--tasks', 'digits', '--tiny', capsys=capsys)
    assert code==1 and err.startswith('fastopt-bench: --out out cannot be made a folder: ') and Path('out').read_text()=='old'

def test_a_baseline_that_always_diverges(monkeypatch):
    "There is no target, and the page says nothing about one"
    monkeypatch.setattr(B, 'BASELINES', ('sgd',))
    monkeypatch.setattr(B, 'compare', partial(B.compare, lrs=dict(sgd=1e30, adamw=3e-3)))
    res = bench(opts='adamw', tiny=False, seeds=1, bare=False)
    assert not res.failed and math.isnan(res.results[0].target)
    res.save_html('page.html')
    page = re.sub(r'<style.*?</style>|<svg.*?</svg>|<script.*?</script>', '', open('page.html').read(), flags=re.S)
    assert 'Steps until' not in page and '>nan<' not in page

def test_the_command_names_what_is_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(B, '_write_files', lambda *args: None)
    code,out,err = run(*'--tasks ptb-lstm,digits --tiny --seeds 1 --epochs 6 --opts adamw --data'.split(), str(tmp_path), capsys=capsys)
    assert code==1 and 'ptb-lstm: ' in out and 'has no ptb' in out and err.startswith('fastopt-bench: 1 of 2 tasks was not done: ptb-lstm.')

def test_the_command_says_how_to_go_on(capsys, monkeypatch):
    def stop(*args, **kwargs): raise KeyboardInterrupt
    monkeypatch.setattr(B, 'run_task', stop)
    code,_,err = run('--tasks', 'digits', '--tiny', capsys=capsys)
    assert code==130 and 'continue with: fastopt-bench --tasks digits --tiny' in err and '--out out' in err

def test_who_learns_nothing_is_told(capsys, monkeypatch):
    monkeypatch.setattr(T, '_guess', lambda *args: 0.)
    monkeypatch.setattr(B, '_write_files', lambda *args: None)
    code,_,err = run('--tasks', 'digits', '--tiny', '--seeds', '1', '--epochs', '1', '--opts', 'adamw', capsys=capsys)
    assert code==1 and 'learned nothing' in err and 'digits: adamw with seed 0' in err

@pytest.mark.parametrize('what', ['no database', 'other trials', 'other direction'])
def test_a_study_of_others(what, tmp_path):
    optuna = pytest.importorskip('optuna')
    spans,out = dict(lr=Span(1e-5, 1.)),tmp_path
    if what=='no database': (out/'studies.sqlite3').write_bytes(b'something else entirely'*99)
    elif what=='other trials': keep_study(out, 'a', True, spans, [dict(lr=.5)], [1.])
    else: optuna.create_study(storage=f'sqlite:///{out}/studies.sqlite3', study_name='a', direction='maximize')
    with pytest.raises(CliError, match='Move .*studies.sqlite3 away: the scores are in runs.jsonl') as e:
        keep_study(out, 'a', True, spans, [dict(lr=.1)], [1.])
    assert '\n' not in str(e.value)

def test_a_study_begins_anew_and_grows(tmp_path):
    optuna = pytest.importorskip('optuna')
    db = tmp_path/'studies.sqlite3'
    db.write_bytes(b'something else entirely'*99)
    with pytest.raises(CliError): keep_study(tmp_path, 'a', True, dict(lr=Span(1e-5, 1.)), [dict(lr=.1)], [1.])
    db.unlink()
    for n in (1,3,2): keep_study(tmp_path, 'a', True, dict(lr=Span(1e-5, 1.)), [dict(lr=.1*i) for i in range(1, n+1)], [1.]*n)
    assert len(optuna.load_study(study_name='a', storage=f'sqlite:///{tmp_path}/studies.sqlite3').trials)==3
