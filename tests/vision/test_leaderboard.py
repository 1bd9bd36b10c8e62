"`fastopt-leaderboard` from end to end: what it counts, what it survives, what it rejects"
import html, json, os, re, runpy, shutil, socket, subprocess, sys, tarfile, warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pandas as pd, pytest, torch
from PIL import Image
from scipy import stats
from fastopt.training.pages import COLOURS
from fastopt.training.statistics import welch_test
from fastopt.vision import leaderboard as B
from fastopt.vision.images import folder_source
from forked import Forked
from hypothesis import HealthCheck, given, settings, strategies as st
from site_check import Browser, find_chromium

TINY = '--size 16 --epochs 3 --bs 8 --arch small --lr 3e-3 --every 2'.split()

def paint(path, n=8, classes='abc'):
    "A data set of `n` noisy images of each class, whose colour shows the class"
    rng = np.random.default_rng(0)
    for part,m in dict(train=n, val=n//2).items():
        for k,c in enumerate(classes):
            (path/part/c).mkdir(parents=True)
            for i in range(m):
                a = rng.integers(0, 90, (20,30,3))
                a[...,k] += 60
                Image.fromarray(a.astype('uint8')).save(path/part/c/f'{c}{i}.png')
    return path

@pytest.fixture(scope='session')
def imgs(tmp_path_factory): return paint(tmp_path_factory.mktemp('data')/'imgs')

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    "Run in a separate folder, with a separate place for decoded images"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('FASTAI_HOME', str(tmp_path/'home'))

def lb(*args): B.leaderboard_command(list(map(str, args)))
def go(imgs, *args): lb('run', 'script', '--data', imgs, *TINY, *args)
def lines(out='runs'): return [json.loads(o) for o in (Path(out)/'leaderboard.jsonl').read_text().splitlines()]
def scores(recs):
    return [[{k:v for k,v in e.items() if k not in ('seconds','images_s')} for e in o['epochs']]
        for o in sorted(recs, key=lambda o: o['seed'])]

needs_fork = pytest.mark.skipif(not hasattr(os, 'fork') or torch.cuda.is_available(), reason='forks, which a GPU in use does not survive')

@pytest.fixture
def board(here, tmp_path):
    "Three entries of known scores"
    def rec(e, seed, acc, reasons=(), **kw):
        epochs,args = [dict(accuracy=acc/2), dict(accuracy=acc)],B.recipe_settings('script')|kw
        return dict(entry=e, name=f'name of {e}', seed=seed, accuracy=acc, seconds=2., images_s=9., device='cpu', reasons=list(reasons),
            epochs=epochs, versions={}, data={}, args=args)
    for i,(x,y,z) in enumerate([(.87,.872,.70),(.875,.878,.71),(.872,.873,.69),(.874,.879,.70),(.871,.874,.71)]):
        for o in (rec('aaaa', i, x), rec('bbbb', i, y), rec('cccc', i, z), rec('dddd', i, z, ['64 pixels'], size=64)):
            B.add_record(o, tmp_path/'runs'/'leaderboard.jsonl')
    return B.read_board('runs')

# ---- what it does

def test_same_command_never_repeats(imgs, capsys):
    go(imgs, '--runs', 2)
    first_ = lines()
    go(imgs, '--runs', 2)
    assert lines()==first_ and [o['seed'] for o in first_]==[0,1] and '2 of 2 runs done' in capsys.readouterr().out
    go(imgs, '--runs', 3)
    assert lines()[:2]==first_ and [o['seed'] for o in lines()]==[0,1,2] and scores(lines())[0]!=scores(lines())[1]
    assert not list(Path('runs/unfinished').iterdir())
    rec = first_[0]
    assert not rec['official'] and len(rec['reasons'])==2 and rec['data']['side']==20
    assert rec['accuracy']==rec['epochs'][-1]['accuracy'] and len(rec['epochs'])==3
    assert {'args','versions','device','commit','data','seconds','images_s','peak_mb','time','weights'}<=rec.keys()
    df = pd.read_json('runs/leaderboard.jsonl', lines=True)
    assert len(df)==3 and df.accuracy.between(0, 1).all()

@pytest.mark.parametrize('args', [['--opt','sgd'], ['--opt','diffgrad','--sched','one_cycle'], ['--opt','lamb','--wd','.1','--mixup','.4'],
    ['--opt','schedulefree_adamw'], ['--opt','fastai.adam','--sched','constant'], ['--opt','adamw','--sched','wsd','--warmup','3'],
    ['--pipeline','classic','--workers','0','--crop','resize','--sh','.2','--normalize','false'],
    ['--opt','ranger','--hypers','k=3,alpha=.4'], ['--precision','bf16'], ['--holdout','.25','--limit','16'], ['--channels-last','true'],
    ['--arch','xresnet18','--size','32','--sa','true','--epochs','1']], ids=' '.join)
def test_options(imgs, args):
    go(imgs, '--runs', 1, '--epochs', 2, '--every', 500, *args)
    rec, = lines()
    assert np.isfinite(rec['epochs'][-1]['valid_loss']) and rec['accuracy']>=0

def test_entries_differ(imgs):
    for o in ('1e-3','2e-3'): go(imgs, '--runs', 1, '--epochs', 1, '--lr', o)
    assert len({o['entry'] for o in lines()})==2

@pytest.mark.parametrize('kind', ['Console','NB'])
def test_bars(imgs, kind, monkeypatch):
    "In a terminal and in a notebook"
    from fastprogress import fastprogress as F
    monkeypatch.setattr(B, 'is_interactive', lambda: True)
    monkeypatch.setattr(B, 'master_bar', getattr(F, f'{kind}MasterBar'))
    monkeypatch.setattr(B, 'progress_bar', getattr(F, f'{kind}ProgressBar'))
    monkeypatch.setattr('IPython.display.display', lambda *args, **kw: SimpleNamespace(update=lambda o: None))
    go(imgs, '--runs', 2)
    assert [o['seed'] for o in lines()]==[0,1]

def test_digits(capsys):
    "A first try needs no download"
    lb('run', '--data', 'digits', '--size', 16, '--epochs', 1, '--arch', 'small', '--limit', 128, '--runs', 1)
    rec, = lines()
    out = capsys.readouterr().out
    assert rec['data']['folder']=='digits-32' and rec['precision']=='fp32'
    assert 'fp16 needs a GPU' in out and out.count('Unofficial')==1 and 'trained on 128 images' in out
    assert B.leaderboard_table(B.read_board('runs')).dataset[0]=='digits-32'

@pytest.fixture
def classes(imgs, tmp_path):
    "Class folders without a split, with a file that cannot be decoded"
    root = Path(shutil.copytree(imgs/'train', tmp_path/'photos'))
    (root/'a'/'a00.png').write_bytes(b'no image')
    return root

def flat(path, *args): go(path, '--runs', 2, '--epochs', 1, *args)

@pytest.mark.filterwarnings('ignore:1 images cannot be decoded')
def test_runs_validate_on_the_same_images(classes, monkeypatch):
    "Whatever the seed and the rate, and on those of fastopt-train; another fraction has other images"
    seen,make = [],B.recipe_loaders
    def spy(*args):
        dls = make(*args)
        seen.append((sorted(dls.train.items), sorted(dls.valid.items)))
        return dls
    monkeypatch.setattr(B, 'recipe_loaders', spy)
    for args in (['--valid-pct', .25], ['--valid-pct', .25, '--lr', '1e-3'], ['--valid-pct', .5]): flat(classes, *args)
    src = folder_source(classes, valid_pct=.25)
    assert len(seen)==6 and seen[:4]==[(sorted(src.train), sorted(src.valid))]*4 and seen[4]==seen[5]!=seen[0]
    assert all(not {*t}&{*v} and len(t+v)==24 for t,v in seen)
    assert [o['args']['valid_pct'] for o in lines()]==[.25]*4+[.5]*2 and len({o['entry'] for o in lines()})==3
    assert [o['data']['folder'] for o in lines()]==['photos']*6

@pytest.mark.filterwarnings('ignore:1 images cannot be decoded')
def test_another_fraction_is_another_section(classes, capsys):
    for pct in (.25, .5): flat(classes, '--valid-pct', pct)
    recs = B.read_board('runs')
    df = B.leaderboard_table(recs)
    assert len(df.groupby(B.SECTION))==2 and df.n.tolist()==[2,2]
    page = B.html_page(recs)
    for o in ('0.25','0.5'): assert f'<h2>photos ({o} of each class for validation), 16 pixels, 1 epochs: small</h2>' in page
    assert B.comparison_table(recs, df.entry.tolist()).differs[0]=='valid_pct 0.5, not 0.25'
    capsys.readouterr()
    lb('show', 'photos (0.5')
    assert '0.25' not in capsys.readouterr().out

@settings(max_examples=20, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.floats(.001, .999), min_size=2, max_size=6, unique=True))
def test_a_section_has_one_fraction(board, pcts):
    "Also if the fractions are close to each other"
    recs = [o|dict(entry=f'{o["entry"]}{i}', args=o['args']|dict(valid_pct=p)) for i,p in enumerate(pcts) for o in board]
    runs = {o['entry']:o['args']['valid_pct'] for o in recs}
    for _,part in B.leaderboard_table(recs).groupby(B.SECTION): assert len({runs[e] for e in part.entry})==1

def test_ids_from_before_valid_pct():
    "An entry without the setting has the id that it had before"
    cfg,facts = B.recipe_settings('script'),dict(fingerprint='f')
    before = {k:v for k,v in cfg.items() if k!='valid_pct'}
    assert B.entry_id(cfg, facts)==B.entry_id(before, facts)!=B.entry_id(cfg|dict(valid_pct=.2), facts)

def test_decoded_images_survive_a_new_name(classes, tmp_path, monkeypatch):
    (classes/'a'/'a00.png').unlink()
    flat(classes, '--valid-pct', .25)
    monkeypatch.setattr('fastopt.vision.images.write_store', None) # The images are not decoded again
    flat(classes.rename(tmp_path/'pets'), '--valid-pct', .25, '--lr', '1e-3')
    assert len(lines())==4

def test_pipelines_validate_on_the_same_class_folders(classes):
    (classes/'a'/'a00.png').unlink()
    cfg = B.parse_settings('script', size=16, bs=8, arch='small', valid_pct=.25)
    path,facts = B.locate_images(cfg, str(classes))
    fast,classic = ([*map(str, B.recipe_loaders(cfg|dict(pipeline=k), path, 0).valid.items)] for k in ('fast','classic'))
    assert fast==classic and (facts['train'], facts['valid'])==(18, 6)

def test_train_alone_is_divided(classes, tmp_path):
    "The folder around it names the data set, and `tune` sets aside training images only"
    (classes/'a'/'a00.png').unlink()
    (tmp_path/'pets').mkdir()
    classes.rename(tmp_path/'pets'/'train')
    lb('tune', 'script', '--data', tmp_path/'pets', *TINY, '--epochs', 1, '--lrs', '1e-3', '--holdout', .25, '--valid-pct', .25)
    rec, = lines()
    assert rec['data']['folder']=='pets' and (rec['args']['holdout'], rec['args']['valid_pct'])==(.25, .25)

@pytest.mark.parametrize('args,says', [([], '--valid-pct 0.2 holds out a fifth'), (['--valid-pct','2'], '--valid-pct 2.0 is too large'),
    (['--valid-pct','.2','--noise','5'], 'leave out --noise or --valid-pct')])
def test_class_folders_refused(classes, args, says, capsys):
    with pytest.raises(SystemExit): flat(classes, *args)
    assert says in capsys.readouterr().err and not Path('runs').exists()

def test_a_split_is_not_split_again(imgs, capsys):
    for data,says in ((imgs, 'already has the folders train and val; leave out --valid-pct'), ('digits', 'digits has its own split')):
        with pytest.raises(SystemExit): flat(data, '--valid-pct', .2)
        assert says in capsys.readouterr().err

def test_tune(imgs, capsys):
    "The best of the rates that were tried, on images held out from the training set; a second call trains nothing"
    lb('tune', 'script', '--data', imgs, *TINY, '--epochs', 1, '--lrs', '1e-4,1e-2', '--holdout', .25)
    out = capsys.readouterr().out
    assert [(o['args']['lr'],o['args']['holdout']) for o in lines()]==[(1e-4,.25),(1e-2,.25)]
    assert all('validated on 25% of the training images' in o['reasons'] for o in lines())
    best = max(lines(), key=lambda o: o['accuracy'])
    assert f"Best: --lr {best['args']['lr']:g}" in out and 'the smallest or largest of those tried' in out
    before = lines()
    lr = B.tune_command('script', lrs='1e-4,1e-2', data=str(imgs), holdout=.25, size=16, epochs=1, bs=8, arch='small')
    assert lr==best['args']['lr'] and lines()==before

def test_tune_shared(imgs, capsys):
    "A rate that another process works on is not waited for, and no decision is made without it"
    entry = B.entry_id(cfg := B.parse_settings('script', size=16, epochs=1, bs=8, arch='small', lr=1e-2, holdout=.25),
        B.locate_images(cfg, str(imgs))[1])
    with B.exclusive_lock(Path(f'runs/unfinished/{entry}-0.lock')):
        assert B.tune_command('script', lrs='1e-2', data=str(imgs), holdout=.25, size=16, epochs=1, bs=8, arch='small') is None
    assert 'In progress elsewhere: lr 0.01' in capsys.readouterr().out and not Path('runs/leaderboard.jsonl').exists()

def test_speed(imgs, capsys):
    lb('speed', 'script', '--data', imgs, *TINY[:-2], '--rounds', 1, '--batches', 2, '--workers', 0)
    out = capsys.readouterr().out
    assert 'training / network' in out and 'median' in out and not Path('runs').exists()

@needs_fork
def test_accelerate(imgs, tmp_path):
    "Two processes with what `accelerate launch` gives to its processes share the runs, and each run is as with one"
    go(imgs, '--runs', 3, '--out', 'whole')
    code = 'import json, os, sys\njson.dump([{**os.environ}, sys.argv], open(os.environ["RANK"], "w"))'
    (tmp_path/'main.py').write_text(code)
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    cmd = ['accelerate', '--multi_gpu', '--num_processes', '2', '--num_machines', '1', '--mixed_precision', 'no',
        '--dynamo_backend', 'no', '--main_process_ip', '127.0.0.1', '--main_process_port', f'{port}', 'main.py',
        'run', 'script', '--data', str(imgs), *TINY, '--runs', '3']
    def launch():
        os.environ.update(ACCELERATE_USE_CPU='true', CUDA_VISIBLE_DEVICES='')
        sys.argv = cmd
        runpy.run_module('accelerate.commands.launch', run_name='__main__')
    with open('said', 'w+') as out: assert not Forked(launch, out).wait(), Path('said').read_text()[-3000:]
    def as_told(rank):
        env,(_,*args) = json.loads(Path(f'{rank}').read_text())
        os.environ.clear()
        os.environ.update(env)
        assert env['WORLD_SIZE']=='2'
        lb(*args)
    with open('said', 'w+') as out:
        assert [p.wait() for p in [Forked(partial(as_told, k), out) for k in range(2)]]==[0,0], Path('said').read_text()[-3000:]
    assert sorted(o['seed'] for o in lines())==[0,1,2] and scores(lines())==scores(lines('whole'))
    assert Path('said').read_text().count('of 3 runs done')==2

# ---- what it survives

@needs_fork
@pytest.mark.parametrize('times', [1,3])
def test_kill(imgs, times):
    "Killed repeatedly during training, it ends with the scores of the uninterrupted command"
    go(imgs, '--runs', 2, '--out', 'whole')
    for i in range(times):
        r,w = os.pipe()
        with open(r) as said:
            with open(w, 'w', buffering=1) as out: p = Forked(lambda: go(imgs, '--runs', 2), out)
            assert any(o.startswith('seed') and f'epoch {1+i%3}' in o for o in said)
            p.kill()
            p.wait()
    go(imgs, '--runs', 2)
    assert scores(lines())==scores(lines('whole')) and any(o['resumed'] for o in lines())

def test_kill_in_an_epoch(imgs, monkeypatch):
    go(imgs, '--runs', 1, '--out', 'whole')
    def die(self):
        if self.learn.train_iter==5: raise KeyboardInterrupt
    with monkeypatch.context() as m:
        m.setattr(B.EpochLog, 'after_step', die, raising=False)
        with pytest.raises(SystemExit) as e: go(imgs, '--runs', 1)
    assert e.value.code==130 and not Path('runs/leaderboard.jsonl').exists()
    go(imgs, '--runs', 1)
    assert scores(lines())==scores(lines('whole')) and lines()[0]['resumed']

def test_record_cannot_be_written(imgs, monkeypatch):
    "A run that ended on a full disk is recorded later, without training again"
    def full(*args): raise OSError(28, 'No space left on device')
    with monkeypatch.context() as m:
        m.setattr('fastopt.training.records._append', full)
        with pytest.raises(SystemExit): go(imgs, '--runs', 1)
    go(imgs, '--runs', 1)
    assert lines()[0]['resumed'] and len(lines()[0]['epochs'])==3

@needs_fork
def test_two_writers(imgs):
    "Two processes with the same command share the seeds; each is done once"
    assert [p.wait() for p in [Forked(lambda: go(imgs, '--runs', 4)) for _ in range(2)]]==[0,0]
    assert sorted(o['seed'] for o in lines())==[0,1,2,3]

@needs_fork
def test_appends_do_not_mix(tmp_path):
    def add(entry):
        for i in range(15): B.add_record(dict(entry=entry, seed=i, accuracy=.5, pad='x'*5000), Path('b.jsonl'))
    assert [p.wait() for p in [Forked(partial(add, k)) for k in 'ab']]==[0,0]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert len(B.read_records(Path('b.jsonl')))==30

@pytest.mark.parametrize('bad', [b'{"entry": "a", "seed": 1, "accu', b'\x00\xff\xfe\n', b'[1]\n', b'{"entry": 1}\n'])
def test_damaged_line(board, bad):
    f = Path('runs/leaderboard.jsonl')
    f.write_bytes(f.read_bytes()+bad)
    with pytest.warns(UserWarning, match='line 21 .*damaged'): assert len(B.read_records(f))==20
    with pytest.warns(UserWarning, match='were moved to'): B.add_record(dict(entry='e', seed=0, accuracy=1.), f)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert len(B.read_records(f))==21
    assert Path('runs/leaderboard.jsonl.damaged').read_bytes().strip()==bad.strip()

# ---- the board

def test_intervals_of_accuracies_end_at_0_and_100(board):
    "Two runs can give a wider interval"
    recs = [dict(o, accuracy=a) for o,a in zip([o for o in board if o['entry']=='aaaa'], (.4,.8))]
    df = B.leaderboard_table(recs)
    assert (df.low[0],df.high[0])==(0.,100.) and '0.00 – 100.00' in B.board_text(df)
    B.score_figure(dict(a=recs))

def test_table(board):
    df = B.leaderboard_table(board).set_index('entry')
    a,c = df.loc['aaaa'],df.loc['cccc']
    xs = [87,87.5,87.2,87.4,87.1]
    assert a['mean']==pytest.approx(87.24) and a.sd==pytest.approx(np.std(xs, ddof=1))
    assert (a.low,a.high)==pytest.approx(stats.t.interval(.95, 4, 87.24, stats.sem(xs)))
    assert a.verdict=='not resolvable with 5 runs' and c.verdict=='worse' and a.published==87.43
    assert a.p==pytest.approx(stats.ttest_ind_from_stats(a['mean'], a.sd, 5, 87.43, .3, 5, equal_var=False).pvalue)
    assert df.loc['dddd'].verdict=='unofficial' and np.isnan(df.loc['dddd'].published)

def test_unknown_spread():
    diff,least,p = welch_test(90, .3, 5, 91.57, None, 5)
    assert least==pytest.approx(stats.t.ppf(.975, 4)*.3*(2/5)**.5) and p<.05 and welch_test(90, .3, 5, 90.1, None, 1)[1]>least
    assert B.verdict(*welch_test(99, float('nan'), 1, 50, .3, 5)[:2], 1)=='not resolvable with 1 run'

def test_published():
    assert len(B.PUBLISHED_ROWS)==60 and not B.PUBLISHED_ROWS.duplicated(['dataset','noise','size','epochs']).any()
    assert B.PUBLISHED_ROWS.published.between(50, 96).all()

def test_compare(board, capsys):
    df = B.comparison_table(board, ['aaaa','bb','name of cccc'])
    xs,ys = ([o['accuracy']*100 for o in board if o['entry']==k] for k in ('aaaa','bbbb'))
    assert df.p[0]==pytest.approx(stats.ttest_rel(ys, xs).pvalue) and df.paired.all() and df.verdict[1]=='worse'
    assert (df.low<df.difference).all() and (df.difference<df.high).all() and (df.p_holm>=df.p).all()
    lb('compare', 'aaaa', 'bbbb')
    assert 'bbbb' in capsys.readouterr().out

def test_compare_names_what_differs(board, capsys):
    "The size of the images, and the images themselves; `dddd` has 64 pixels"
    assert 'differs' not in B.comparison_table(board, ['aaaa','bbbb'])
    df = B.comparison_table(board, ['aaaa','bbbb','dddd'])
    assert df.differs.tolist()==['', 'size 64, not 128']
    for folder,mark,says in (('pets','p','dataset pets, not imagenette'), (None,'p','other images'), ('pets',None,'')):
        other = [o|dict(entry='eeee', data=dict(folder=folder, fingerprint=mark)) for o in board if o['entry']=='aaaa']
        df = B.comparison_table(board+other, ['aaaa','eeee'])
        assert (df.differs[0] if says else '')==says and ('differs' in df)==bool(says)
    held = [o|dict(entry='eeee', args=o['args']|dict(holdout=.1)) for o in board if o['entry']=='aaaa']
    assert B.comparison_table(board+held, ['aaaa','eeee']).differs[0]=='holdout 0.1, not 0'
    lb('compare', 'aaaa', 'dddd')
    assert 'size 64, not 128' in capsys.readouterr().out

def test_runs_without_spread_beat_no_published_score(board):
    "Two equal runs are not certain, if the spread of the published ones is unknown"
    for n,says in ((2,'not resolvable with 2 runs'), (5,'better')):
        same = [dict(o, accuracy=.93, args=o['args']|dict(epochs=20)) for o in board if o['entry']=='aaaa'][:n]
        assert B.leaderboard_table(same).verdict.tolist()==[says]

def test_show(board, capsys):
    lb('show')
    out = capsys.readouterr().out
    assert 'aaaa' in out and 'All with name of' in out and '87.43' in out and 'Unofficial: 64 pixels' in out
    lb('show', 'bbbb', '--full')
    assert 'aaaa' not in capsys.readouterr().out

def test_show_as_json(board, capsys):
    lb('show', 'bbbb', '--json')
    row, = json.loads(capsys.readouterr().out)
    assert row['entry']=='bbbb' and row['published']==87.43 and row['tuning'] is False and {*B.leaderboard_table(board).columns}<{*row}
    lb('compare', 'aaaa', 'bbbb', '--json')
    assert [o['entry'] for o in json.loads(capsys.readouterr().out)]==['bbbb']

def test_show_hides_what_tuned(board, capsys):
    "Unless asked"
    tuned = [o|dict(entry='eeee', name='tuned of eeee', args=o['args']|dict(holdout=.1)) for o in board[:5]]
    for o in tuned: B.add_record(o, Path('runs/leaderboard.jsonl'))
    lb('show')
    assert 'eeee' not in (out := capsys.readouterr().out) and '1 entry validated' in out and 'aaaa' in out
    for args in (['--tuning'], ['--tuning','--full']):
        lb('show', *args)
        assert 'eeee' in (out := capsys.readouterr().out) and 'validated' not in out
    lb('show', 'eeee')
    assert capsys.readouterr().out.startswith('1 entry validated')
    lb('show', '--tuning', '--json')
    assert {o['entry']:o['tuning'] for o in json.loads(capsys.readouterr().out)}=={
        **dict.fromkeys(['aaaa','bbbb','cccc','dddd'], False), 'eeee':True}
    lb('show', 'nowhere')
    assert capsys.readouterr().out=="No entry has 'nowhere' in its id, name or data set\n"

@pytest.mark.parametrize('words', [3, 30])
def test_show_fits_100_columns(board, words, capsys):
    "Names lose the words that they share, and their ends if that is not enough"
    for i in (0, 1):
        name = ' '.join(f'option{k}={i if k%2 else 0}' for k in range(words))
        B.add_record(board[0]|dict(entry=f'long{i}', name=name), Path('runs/leaderboard.jsonl'))
    lb('show')
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines()))<=100 and 'long0' in out and 'long1' in out and ('…' in out)==(words==30)

def test_export(board, capsys):
    for o in ('b.md','b.csv','b.html'): lb('export', o)
    assert Path('b.md').read_text().count('\n')==6 and len(pd.read_csv('b.csv'))==20
    text = Path('b.html').read_text()
    assert text.count('<svg')==4 and '>nan<' not in text and text.count('<tr>')==6 and 'published 87.43' in text
    assert not re.search(r'src=|href="[^#]|url\((?!#)|@import|fetch\(', text) # The page loads nothing else
    assert B.html_page(board)==B.html_page(board)
    lb('export', 'readme', '--url', 'https://x.org')
    assert '## imagenette\n\n| Size' in (out := capsys.readouterr().out)
    assert '| 128 | 5 | [name of bbbb](https://x.org) | 87.52% | 5, mean |' in out and 'dddd' not in out

CHROMIUM = next(filter(None, map(shutil.which, ('chromium','chromium-browser','google-chrome'))), None)

def browse(tmp_path, page, *args):
    "What headless Chromium makes of the text `page`, without a network"
    (tmp_path/'page.html').write_text(page)
    cmd = [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-quic', '--host-resolver-rules=MAP * ~NOTFOUND',
        f'--user-data-dir={tmp_path/"profile"}', '--window-size=1280,1000', *args, f'file://{tmp_path/"page.html"}']
    return subprocess.run(cmd, capture_output=True, text=True, timeout=120).stdout

@pytest.mark.skipif(not CHROMIUM, reason='no Chromium here to open the page with')
def test_page_in_a_browser(board, tmp_path):
    "A click on a heading sorts its table, and a second click reverses the order; the page is not empty"
    page,order = B.html_page(board),"[...document.querySelector('tbody').rows].map(r=>r.cells[0].textContent).join('|')"
    see = f"seen.push({order}+getComputedStyle(b,'::after').content)"
    found = f"const b=[...document.querySelectorAll('th button')].find(o=>o.textContent=='mean'),seen=[];{see}"
    clicks = f"<script>{found};for(let i=0;i<2;i++){{b.click();{see}}};document.title=seen.join('//')</script></html>"
    title = html.unescape(re.search('<title>([^<]*)</title>', browse(tmp_path, page.replace('</html>', clicks), '--dump-dom'))[1])
    high,low = 'bbbb|aaaa|cccc','cccc|aaaa|bbbb' # Words that all names share, such as `name`, are left out
    assert title==f'{high}" ⇅"//{low}" ▲"//{high}" ▼"'
    browse(tmp_path, page, f'--screenshot={tmp_path/"page.png"}')
    pixels = np.array(Image.open(tmp_path/'page.png').convert('RGB'))
    assert pixels.shape==(1000,1280,3)
    # Each entry's dots and lines
    for c in COLOURS[:3]: assert (abs(pixels.astype(int)-[int(c[i:i+2], 16) for i in (1,3,5)]).sum(2)<30).sum()>50

def test_colours(board):
    "The best entries have the colours, in order and on top, and those after them are grey"
    n,recs = len(COLOURS),board[:1]
    fig = B.score_figure({f'name {i}': recs for i in range(n+2)})
    means = [o for o in fig.axes[1].lines if o.get_gid()=='mean'][::-1]
    assert [o.get_color() for o in means]==[*COLOURS, '#bbb', '#bbb']
    assert len({o.get_marker() for o in means})==n+1 and len({o.get_linestyle() for o in means})==4 # Colour is never the only sign
    assert [o.get_text() for o in fig.legends[0].get_texts()]==[*map(str, range(n)), 'others']

def entry(board, name=None, **given):
    "A record of a recipe, as `fastopt-leaderboard run` names it"
    args = B.recipe_settings('base-2020', **given)
    name = name or B.entry_name('base-2020', args)
    return board[0]|dict(entry=str(given), preset='base-2020', args=args, name=name)

def test_rows_are_named_by_what_differs_in_their_table(board):
    "A recipe that keeps a setting of the preset gives it, too, where others change it"
    old = 'base-2020 lr=0.01 opt=adamw' # An older record, whose name has another order
    recs = [entry(board, **o) for o in (dict(), dict(opt='diffgrad', lr=2e-3), dict(opt='ranger', hypers=dict(k=3, alpha=.4)))]
    recs += [entry(board, old, opt='adamw', lr=.01), entry(board, 'mine', opt='sgd', lr=.1)]
    df = B.leaderboard_table(recs).set_index('name').recipe
    assert df['base-2020']=='base-2020 opt=ranger19 lr=0.008' and df['mine']=='mine'
    assert df[old]=='base-2020 opt=adamw lr=0.01' and df[recs[1]['name']]=='base-2020 opt=diffgrad lr=0.002'
    assert df[recs[2]['name']]=='base-2020 opt=ranger lr=0.008 hypers=k=3,alpha=0.4'

def test_the_page_of_the_repository_is_made_from_its_records():
    folder = Path(__file__).parents[2]/'nbs'/'board'
    def plain(text): return re.sub('<svg.*?</svg>', '', text, flags=re.S) # Pictures depend on the version of matplotlib
    assert plain(B.html_page(B.read_board(folder)))==plain((folder/'board.html').read_text(encoding='utf-8'))

CHANGES = dict(opt=['adamw','ranger','diffgrad'], lr=[1e-3,8e-3], bs=[32,64], smoothing=[.1,.2], mixup=[0.,.4])

ENTRIES = st.lists(st.fixed_dictionaries({}, optional={k:st.sampled_from(v) for k,v in CHANGES.items()}),
    min_size=2, max_size=5, unique_by=str)

@settings(max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ENTRIES)
def test_recipes_of_a_table_give_the_same_settings_in_the_same_order(board, changes):
    recs = [entry(board, **o) for o in changes]
    said = [dict(w.split('=') for w in o.split()[1:]) for o in B.recipe_names(recs)]
    order = [k for k in recs[0]['args'] if any(k in o for o in said)]
    assert {*order}=={w.partition('=')[0] for o in recs for w in o['name'].split()[1:]}
    for o,r in zip(said, recs): assert [*o.items()]==[(k, str(r['args'][k])) for k in order if r['args'][k] is not None]

def test_networks_have_tables_of_their_own(board, capsys):
    same = dict(size=64, epochs=3)
    for o in (dict(arch='xresnet18', sa=False), dict(arch='xresnet18', sa=True), dict(arch='small'), dict(arch='small', lr=2e-3)):
        B.add_record(entry(board, **same, **o), Path('runs/leaderboard.jsonl'))
    lb('show', 'base-2020')
    networks = 'small', 'xresnet18, Mish, MaxPool', 'xresnet18, Mish, MaxPool, self-attention'
    heads = [f'imagenette, 64 pixels, 3 epochs: {o}' for o in networks]
    assert [o for o in capsys.readouterr().out.splitlines() if 'pixels' in o]==heads
    page = B.html_page([o for o in B.read_board('runs') if 'base' in o['name']])
    assert re.findall('<h2>(.*?)</h2>', page)==heads and '<td class="" data-v="lr=0.002">' in page

def test_pictures_have_titles_and_a_legend(board):
    page = B.html_page(board)
    assert page.count('<svg')==page.count(' role="img"')==4 and '95% confidence interval of the mean' in page.partition('<svg')[0]
    for svg in re.findall('<svg.*?</svg>', page, re.S):
        title = re.search('^<svg[^>]*><title>([^<]+)</title>', svg)[1]
        assert title.startswith(('imagenette, 128 pixels', 'imagenette, 64 pixels'))
        if 'accuracy by epoch' in title: assert 'legend' in svg and svg.count('>bbbb</text>')==('128' in title)
        else: assert '>with the 95% confidence interval of the mean</text>' in svg

PAGE = """(() => { const box = e => e.getBoundingClientRect(), svgs = [...document.querySelectorAll('svg')]
return { wide: document.documentElement.scrollWidth-innerWidth, pairs: [...document.querySelectorAll('.beside')].map(o => {
    const [a, b] = [...o.children].map(box); return b.top>=a.bottom ? 'stacked' : 'beside' }),
  least: Math.min(...svgs.map(o => box(o).width/o.viewBox.baseVal.width*Math.min(...[...o.querySelectorAll('text, tspan')].map(
    t => parseFloat(getComputedStyle(t).fontSize))))), hidden: svgs.filter(o => box(o).width-box(o.parentNode).width>1).length } })()"""

@pytest.mark.skipif(not find_chromium(), reason='no Chromium here to open the page with')
@pytest.mark.parametrize('width,layout', [(390,'stacked'), (1280,'beside')])
def test_page_fits_a_phone(board, tmp_path, width, layout):
    "Panels are stacked where the page is narrow, nothing is wider than the page, and text in pictures has at least 9 pixels"
    pages = dict(board=B.html_page(board), many=B.html_page([o|dict(entry=f'{i}', name=f'name {i}') for i in range(12) for o in board[:1]]))
    pages |= {o.stem:o.read_text(encoding='utf-8') for o in (Path(__file__).parents[2]/'nbs'/'board').glob('*.html')}
    browser = Browser(find_chromium(), tmp_path/'profile')
    try:
        browser.open()
        for k,o in pages.items():
            (tmp_path/f'{k}.html').write_text(o, encoding='utf-8')
            assert not browser.visit((tmp_path/f'{k}.html').as_uri(), width)
            seen = browser.value(PAGE)
            assert seen['wide']<=0 and seen['least']>=9 and {*seen['pairs']}<={layout}, (k, seen)
            if k!='ledger': assert seen['pairs'] and not seen['hidden'], (k, seen) # The ledger's picture is scrolled on a phone
    finally: browser.close()

def test_page_escapes(board):
    for o in board: o['name'] = o['name'].replace('name', '<script>alert(1)</script>')
    assert '<script>alert' not in (page := B.html_page(board)) and '&lt;script&gt;alert' in page

# ---- what it rejects

# The command line refuses these, with status 2
USAGE = 'is too (small|large): give|is not a list such as|The list of networks has no|by the official validation images|' \
    'would do nothing|two entries|multiple of 32|has its own option'

@pytest.mark.parametrize('args,says', [(['run','script','--data','nowhere'], 'nowhere'),
    (['run','script','--epochs','0'], 'give 1 or more'), (['run','script','--arch','xresnet5'], 'xresnet50'),
    (['run','script','--opt','sgd','--sqr-mom','.9'], "no 'sqr_mom'"),
    (['run','script','--opt','adamw','--mom','1.5','--bs','8'], 'mom=1.5'), (['run','script','--hypers','k'], 'not a list'),
    (['run','script','--sched','wsd','--opt','adamw',*TINY], 'warmup=2000'),
    (['run','script','--sched','constant','--pct-start','.5',*TINY], '--pct-start would do nothing'),
    (['show'], 'no runs'), (['compare','a'], 'two entries'),
    (['run','blur-2020','--size','100'], 'multiple of 32'), (['tune','script','--lrs','1e-3;1e-2'], 'not a list such as'),
    (['run','script','--holdout','.95'], '.9 or less'), (['run','script','--runs','0'], 'give 1 or more'),
    (['run','script','--every','0'], 'give 1 or more'), (['run','script','--workers','-1'], 'give 0 or more'),
    (['run','script','--mixup','-1'], 'give 0 or more'), (['run','script','--pct-start','1.5'], 'give 1 or less'),
    (['run','script','--bs','64'], 'give 24 or less'), (['run','script','--opt','adamw','--hypers','wd=.3'], 'give --wd'),
    (['run','script','--arch','small','--sa','true'], 'do nothing'),
    *((['run','script','--arch',arch,'--sched','one_cycle','--mom','.5'], 'one_cycle sets its own') for arch in ('small','xresnet18')),
    (['speed','script','--limit','8','--bs','8'], 'too few'), (['speed','script','--rounds','0'], '--rounds 0 is too small'),
    (['speed','script','--batches','1'], '--batches 1 is too small'), (['speed','script','--workers','-1'], '--workers -1 is too small'),
    (['tune','script','--holdout','0'], 'by the official validation images'), (['run','script','--seed',str(2**64)], 'is too large'),
    (['run','script','--limit','3'], 'give 64 or more')], ids=str)
def test_refused(args, says, capsys, imgs):
    if args[0] in ('run','tune','speed') and '--data' not in args: args = [*args, '--data', imgs]
    with pytest.raises(SystemExit) as e: lb(*args)
    usage = re.search(USAGE, err := capsys.readouterr().err)
    assert e.value.code==(2 if usage else 1) and says in err and 'Traceback' not in err
    assert not Path('runs/leaderboard.jsonl').exists()

@pytest.mark.parametrize('text,says', [('aaab', "did you mean 'aaaa'"), ('zzzz', 'The board'), ('', 'give more digits')])
def test_no_such_entry(board, text, says, capsys):
    with pytest.raises(SystemExit): lb('compare', text, 'bbbb')
    assert says in capsys.readouterr().err

def test_no_network(monkeypatch, capsys):
    def refuse(*args, **kw): raise OSError('Name or service not known')
    monkeypatch.setattr('fastopt.vision.images.untar_data', refuse)
    with pytest.raises(SystemExit): lb('run', 'base-2020')
    assert 'Cannot get, read or unpack imagenette' in (err := capsys.readouterr().err) and '--data' in err

def test_a_folder_whose_name_is_not_utf8(imgs, tmp_path, capsys):
    "Its runs are recorded, and shown with escapes"
    try: named = Path(shutil.copytree(imgs, tmp_path/os.fsdecode(b'caf\xe9')))
    except OSError: pytest.skip('no such names on this disk')
    for _ in range(2): go(named, '--runs', 1, '--epochs', 1)
    rec, = lines()
    assert rec['data']['folder']==named.name
    lb('show')
    assert 'caf\\udce9' in capsys.readouterr().out
    for o in ('b.md','b.html','b.csv'): lb('export', o)

def test_an_image_that_would_fill_the_memory(imgs, tmp_path, monkeypatch, capsys):
    "Pillow refuses to open it, so it is left out like others that cannot be decoded"
    bad = Path(shutil.copytree(imgs, tmp_path/'bad'))
    Image.new('RGB', (400,400)).save(bad/'train'/'a'/'a0.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert B.image_size(bad/'train'/'a'/'a0.png') is None
    with pytest.warns(UserWarning, match='left out: train/a/a0.png'): go(bad, '--runs', 1, '--epochs', 1)
    with pytest.raises(SystemExit): go(bad, '--runs', 1, '--epochs', 1, '--pipeline', 'classic', '--workers', 0)
    assert 'cannot be decoded' in (err := capsys.readouterr().err) and '--pipeline fast' in err

@pytest.mark.parametrize('error,says', [(RuntimeError('CUDA out of memory'), '--bs 4'), (OSError('No room'), 'No room. Fix this')])
def test_speed_explains_errors(imgs, monkeypatch, capsys, error, says):
    def fails(*args, **kw): raise error
    monkeypatch.setattr(B, 'measure_throughput', fails)
    with pytest.raises(SystemExit) as e: lb('speed', 'script', '--data', imgs, *TINY[:-2])
    assert e.value.code==1 and says in capsys.readouterr().err

@needs_fork
def test_closed_pipe():
    "`| head -1` ends it without an error; `test_cli.py` does this to a script that is started anew"
    r,w = os.pipe()
    os.close(r)
    with open(w, 'w') as out: assert Forked(lambda: lb('presets'), out).wait()==0

def test_out_is_a_file(imgs, capsys):
    Path('f').write_text('')
    with pytest.raises(SystemExit): go(imgs, '--runs', 1, '--out', 'f')
    said = capsys.readouterr().err
    assert 'Cannot write f/' in said and 'Nothing is lost' in said and 'choose another folder' in said

@pytest.mark.parametrize('error', [Exception('Downloaded file is corrupt'), tarfile.ReadError('not a gzip file')], ids=str)
def test_bad_download(monkeypatch, capsys, error):
    def refuse(*args, **kw): raise error
    monkeypatch.setattr('fastopt.vision.images.untar_data', refuse)
    with pytest.raises(SystemExit): lb('run', 'base-2020')
    assert str(error) in capsys.readouterr().err

def test_leftovers(imgs):
    "The files of a process that was killed after writing its record are removed at the next call"
    go(imgs, '--runs', 1, '--epochs', 1)
    left = Path('runs/unfinished')/f"{lines()[0]['entry']}-0.prev"
    left.write_text('')
    go(imgs, '--runs', 1, '--epochs', 1)
    assert not left.exists()

def test_reasons_of_all_runs_count(board):
    for o in board:
        if o['entry']=='aaaa' and o['seed']==3: o['reasons'] = ['2 images cannot be decoded']
    a = B.leaderboard_table(board).set_index('entry').loc['aaaa']
    assert (a.verdict,a.note)==('unofficial','2 images cannot be decoded')

def test_wrong_export(board, capsys):
    with pytest.raises(SystemExit): lb('export', 'b.pdf')
    assert '.html' in capsys.readouterr().err

@pytest.mark.parametrize('error', [RuntimeError('CUDA out of memory'), RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    MemoryError()], ids=str)
def test_out_of_memory(imgs, monkeypatch, capsys, error):
    def oom(*args, **kw): raise error
    monkeypatch.setattr(B, 'train_one', oom)
    with pytest.raises(SystemExit): go(imgs, '--runs', 1)
    assert '--bs 4' in capsys.readouterr().err

@pytest.mark.parametrize('content', [b'no image', None], ids=['not an image','cut short'])
def test_corrupt_images(imgs, tmp_path, content, capsys):
    "The fast pipeline leaves them out, names them, and marks the run as unofficial; the classic one says what to do"
    bad = shutil.copytree(imgs, tmp_path/'bad')/'train'/'a'/'a0.png'
    bad.write_bytes(content or bad.read_bytes()[:300])
    with pytest.warns(UserWarning, match='1 images cannot be decoded and are left out: train/a/a0.png'):
        go(bad.parents[2], '--runs', 1, '--epochs', 1)
    rec, = lines()
    assert rec['left_out']==1 and '1 images cannot be decoded' in rec['reasons'] and not rec['official']
    with pytest.raises(SystemExit): go(bad.parents[2], '--runs', 1, '--epochs', 1, '--pipeline', 'classic', '--workers', 0)
    assert 'cannot be decoded' in (err := capsys.readouterr().err) and '--pipeline fast' in err and len(lines())==1

def test_corrupt_archive(imgs, tmp_path, capsys):
    with tarfile.open(tmp_path/'i.tgz', 'w:gz') as t: t.add(imgs, 'imgs')
    whole = (tmp_path/'i.tgz').read_bytes()
    (tmp_path/'i.tgz').write_bytes(whole[:len(whole)//2])
    with pytest.raises(SystemExit): lb('run', 'script', '--data', tmp_path/'i.tgz', *TINY)
    assert 'is damaged' in capsys.readouterr().err and not Path('runs').exists()

def test_labels_of_another_version(imgs, tmp_path, capsys):
    root = shutil.copytree(imgs, tmp_path/'noisy')
    (root/'noisy_imgs.csv').write_text('path,noisy_labels_0,noisy_labels_5,is_valid\ntrain/a/other.png,a,b,False\n')
    with pytest.raises(SystemExit): go(root, '--runs', 1, '--noise', 5)
    assert 'another version' in capsys.readouterr().err

def test_squashed(tmp_path):
    for o in ('train/a','train/b','val/a','val/b'):
        (tmp_path/'sq'/o).mkdir(parents=True)
        Image.new('RGB', (20,20)).save(tmp_path/'sq'/o/'1.png')
    cfg = B.recipe_settings('script')
    facts = B.locate_images(cfg, str(tmp_path/'sq'))[1]
    why,known = ('; '.join(B.unofficial_reasons(cfg, facts|kw)) for kw in ({}, dict(official='imagenette')))
    assert facts['squashed'] and 'squashed' in known and 'squashed' not in why # For unknown images the original shapes are unknown
    assert '20 pixels on their shorter side' in why

# ---- lines that are not records, and names with special characters

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda o:
    st.lists(o, max_size=3) | st.dictionaries(st.text(max_size=5), o, max_size=3), max_leaves=6)
PLACES = [*B.FIELDS, *(f'args {k}' for k in B.ARGS), 'data official','data folder','time']

def spoilt(rec, place, v):
    "`rec` of a separate entry with `v` in `place`"
    rec = json.loads(json.dumps(rec))|dict(entry='zz')
    *above,k = place.split()
    (rec[above[0]] if above else rec)[k] = v
    return json.dumps(rec)

@pytest.mark.parametrize('line,why', [('null','a dict'), ('[1]','a dict'), ('3','a dict'), ('{"entry":"x","seed":1}',"no 'accuracy'"),
    ('['*99999,'not JSON'), ('{"a":'*50+'1'+'}'*50,'nested'), ('','not JSON'), (('name',None),"'name' is not text"),
    (('accuracy',float('nan')),'not a share'), (('accuracy',87.4),'not a share'), (('seed',True),'not a whole'),
    (('seed',1.5),'not a whole'), (('epochs',[]),'list of epochs'), (('epochs',[dict(accuracy='x')]),'list of epochs'),
    (('args',[1]),'not a dict'), (('args size','128'),"'size' is not a whole number"), (('args noise',None),"'noise'"),
    (('data',None),'not a dict'), (('data official',1),'text or null'), (('reasons','x'),'list of texts'),
    (('reasons',[1]),'list of texts'), (('seconds',10**400),'not a number'), (('device',7),'not text'), (('time',5),"'time' is not text")],
    ids=str)
def test_no_record(board, line, why, capsys):
    "The line is named, and the board is that of the others"
    f = Path('runs/leaderboard.jsonl')
    line = spoilt(board[0], *line) if isinstance(line, tuple) else line
    f.write_bytes(b''.join((good := f.read_bytes().splitlines(True))[:5])+line.encode()+b'\n'+b''.join(good[5:]))
    with pytest.warns(UserWarning, match=f'line 6 of .*leaderboard.jsonl is damaged and skipped: .*{why}'):
        assert B.read_board('runs')==board
    with pytest.warns(UserWarning, match='line 6'): lb('show', '--full')
    assert 'name of aaaa' in capsys.readouterr().out

def test_known_by_three_keys_alone(board):
    "Such a run is not trained again, and the board leaves it out"
    B.add_record(dict(entry='aaaa', seed=7, accuracy=.5), f := Path('runs/leaderboard.jsonl'))
    assert B.missing_seeds(f, 'aaaa', range(9))==[5,6,8]
    with pytest.warns(UserWarning, match="line 21 .* it has no 'name'"): assert B.read_board('runs')==board

def test_any_lines(board):
    "Whatever JSON stands between them, valid records are kept, and accepted ones can be displayed"
    f = Path('runs/leaderboard.jsonl')
    good = f.read_bytes().splitlines(True)
    @settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(JSON.map(json.dumps) | st.builds(spoilt, st.just(board[0]), st.sampled_from(PLACES), JSON), min_size=20, max_size=20))
    def mix(bad):
        f.write_bytes(b''.join(o+n.encode()+b'\n' for o,n in zip(good, bad)))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            recs = B.read_board('runs')
        assert [o for o in recs if o in board]==board
        made = [o for o in recs if o not in board]
        assert all(len(f(made)) for f in (B.leaderboard_table, B.runs_frame)) or not made
    mix()

NASTY = ['\x1b[31mred\x1b[0m','a\nb','\x07','$x','$\\frac$','a|b','`rm`','<script>alert(1)</script>','</svg><b>','\ud800','\u202eabc','a\\',
    '[x](y)','&lt;','','  ']
CONTROL = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]') # All but the end of a line
TAG = re.compile(r'<(/?[^\s>/]+)')

def test_any_text(board, capsys, monkeypatch):
    "Texts are shown as text: no control characters, no markup, no formula, no additional column"
    few = [o for o in board if o['seed']<2 and o['entry']!='cccc']
    monkeypatch.setattr('fastopt.vision.results.svg_text', lambda fig, title: '<svg></svg>')
    monkeypatch.setattr('fastopt.vision.results.score_figure', lambda *args: None)
    known = {*TAG.findall(B.html_page(few))}
    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.sampled_from(NASTY) | st.text(max_size=12), min_size=6, max_size=6))
    def shown(ts):
        recs = [dict(o, name=ts[0]+ts[1]*(o['entry']>'b'), device=ts[2], time=ts[3], reasons=[ts[4]]*(o['entry']=='dddd'),
            data=dict(folder=ts[5])) for o in few]
        Path('runs/leaderboard.jsonl').write_text(''.join(json.dumps(o)+'\n' for o in recs))
        for k in ('b.md','b.html','b.csv','readme'): B.export_command(k)
        B.show_command(full=True), B.compare_command('aaaa', 'bbbb')
        md,page,out = Path('b.md').read_text(),Path('b.html').read_text(),capsys.readouterr().out
        for o in (md, page, out, Path('b.csv').read_text()): assert not CONTROL.search(o)
        assert not {*'<`$'}&{*md} and {o.count('|') for o in md.splitlines()}=={len(B.SHORT)+1}
        assert ' '.join(B.leaderboard_table(recs).name[0].split()) in [html.unescape(o.strip()) for o in md.splitlines()[2].split('|')]
        assert {*TAG.findall(page)}<=known
    shown()

def test_any_name_in_a_picture(board):
    "An unclosed formula is a name like any other"
    svg = B.html_page([dict(o, entry=k, name=k) for k in NASTY for o in board[:1]])
    assert not CONTROL.search(svg) and '$x<' in svg and '&lt;script&gt;' in svg and '<script>alert' not in svg
