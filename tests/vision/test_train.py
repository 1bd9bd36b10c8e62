"`fastopt-train` from end to end: what it writes, what it survives, and what it rejects"
import ast, contextlib, errno, json, math, os, pytest, re, runpy, shlex, shutil, signal, subprocess, sys, tarfile, torch, warnings
import numpy as np
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError
from fastai.data.all import get_image_files
from fastai.learner import AvgMetric, Learner, load_learner
from fastai.metrics import accuracy
from fastai.torch_core import to_detach
from fastcore.basics import first
from fastcore.foundation import L
from functools import lru_cache
from hypothesis import given, settings, strategies as st
from inspect import signature
from PIL import Image
from fastopt.cli import parser
from fastopt.core.registry import named_rules
from fastopt.vision import images as I, train as T
from fresh import fresh
from cover import covering
from forked import Forked
from pictures import paint
from rules_under_test import KINDS, RULES
from stranger import ROOT, SHAPES, Page

CMD = [sys.executable, '-m', 'fastopt.vision.train']

def pack(src, fname):
    "`src` as a gzip'd tar with its folder inside"
    with tarfile.open(fname, 'w:gz') as t: t.add(src, src.name)
    return fname

def quick(path, **kw):
    "The folder of a run so short that it may have learnt nothing"
    try: return T.train_command(**dict(data=str(path), arch='small', size=12, bs=8, epochs=1, how='eager') | kw)
    except T.NoLearningError as e: return e.run

QUICK = '--arch small --size 12 --bs 8 --epochs 2 --how eager'.split()

def record(run): return json.loads((run/'record.json').read_text())
def names(run): return sorted(o.name for o in run.iterdir())
def metrics(run): return [{k:v for k,v in o.items() if k!='seconds'} for o in record(run)['epochs']]

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, request):
    """Run in a separate folder that contains fastai's data folder, on one thread, which is fast even if other programs use the cores.
    Drawing the curves takes longer than a short training, so only tests that use `curves` draw them"""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(I, 'fastai_path', lambda folder: tmp_path/'cache'/folder)
    if 'curves' not in request.fixturenames: monkeypatch.setattr(T, 'plot_curves', lambda rec, title='': T.Figure(figsize=(1, 1)))
    with T.use_threads(1): yield

@pytest.fixture
def curves(): "The curves are drawn"

@pytest.fixture
def tree(tmp_path): return paint(tmp_path/'colours')

def cli(monkeypatch, *args):
    "Run the command as `python -m fastopt.vision.train` in this process, and return its exit code"
    monkeypatch.setattr(sys, 'argv', ['fastopt-train', *map(str, args)])
    with warnings.catch_warnings(record=True):
        try: runpy.run_module('fastopt.vision.train', run_name='__main__')
        except SystemExit as e: return e.code
    return 0

# ---- what it does

@pytest.mark.long
@pytest.mark.usefixtures('curves')
def test_default(monkeypatch, capsys):
    "`test_ctrl_c` starts it as a process"
    assert cli(monkeypatch)==0
    out = capsys.readouterr().out
    assert '\r' not in out and '█' not in out
    run = first(Path('runs').iterdir())
    assert names(run)==['curves.png','model.pkl','record.json'] and run.name in out
    rec = record(run)
    assert rec['status']=='done' and len(rec['epochs'])==5 and rec['epochs'][-1]['accuracy']>=.97
    assert set(rec['epochs'][0])=={'train_loss','valid_loss','accuracy','lr','seconds'}
    assert set(rec['versions'])=={'python','fastai','torch','torchvision','fastopt'}
    assert rec['data']['train']==1438 and rec['data']['valid']==359 and len(rec['data']['fingerprint'])==64
    assert '--opt diffgrad' in rec['command'] and '--seed 42' in rec['command'] and '--lr 0.008' in rec['command'] and rec['device']
    assert Image.open(run/'curves.png').size[0]>1000
    code = f'from fastai.vision.all import *; from sklearn.datasets import load_digits; l = load_learner({str(run/"model.pkl")!r})'
    code += '; d = load_digits(); l.remove_cb(l.progress); image = PILImageBW.create((d.images[0]*15.9).astype("uint8"))'
    res = fresh(code+'; print(l.predict(image)[0], d.target[0])') # Whoever has fastai can load it
    assert res.stdout.split()==['0','0'], res.stderr

def test_same_seed_same_numbers(tree):
    runs = [quick(tree, epochs=2, seed=s, limit=12) for s in (1,1,2)]
    assert metrics(runs[0])==metrics(runs[1])!=metrics(runs[2])
    assert len(set(runs))==3
    fps = [record(o)['data']['fingerprint'] for o in runs]
    assert len(set(fps))==1 and record(runs[0])['data']['train']==12

@pytest.mark.parametrize('valid', ['val','valid','test'])
def test_validation_folder(tmp_path, valid): assert record(quick(paint(tmp_path/'d', parts=('train',valid))))['data']['valid']==16

def test_command_repeats_the_run(tree):
    first_ = record(quick(tree, seed=5, limit=10))
    args = {k:v for k,v in first_['args'].items() if v is not None}
    assert metrics(T.train_command(**args))==[{k:v for k,v in o.items() if k!='seconds'} for o in first_['epochs']]

def test_archive_is_unpacked_once(tree, tmp_path):
    fname = pack(tree, tmp_path/'c.tgz')
    runs = [quick(fname) for _ in range(2)]
    assert len((tmp_path/'cache'/'data').ls())==1 and [o.name for o in tree.ls().sorted()]==['train','val']
    assert record(runs[0])['data']['fingerprint']==record(quick(tree))['data']['fingerprint']
    assert runs[0].name.split('-',2)[2].startswith('diffgrad-c')

def test_model_of_a_tree_predicts(tree):
    with warnings.catch_warnings(record=True): learn = load_learner(quick(tree, epochs=4, lr=1e-2)/'model.pkl')
    with learn.no_bar(): assert [learn.predict(tree/'val'/c/'3.png')[0] for c in ('blue','red')]==['blue','red']

# By default every kind of rule, and of those with many rules every sixth
OPTS = [(o,) for o in named_rules()]
DEFAULT_OPTS = {(o,) for names in KINDS.values() for o in names[::6]} | {(o,) for o in named_rules().keys()-RULES.keys()}

@pytest.mark.usefixtures('usual_kernels')
@pytest.mark.parametrize(['opt'], covering(OPTS, DEFAULT_OPTS))
def test_every_rule_trains(tree, opt):
    rec = record(quick(tree, opt=opt, how='auto'))
    assert rec['status']=='done' and rec['epochs'][0]['valid_loss']<10 and rec['rule']==repr(named_rules()[opt])

def test_the_default_rate_is_not_below_the_rules_own():
    "A rule that estimates its rate has a factor of 1 in its place"
    for opt,rule in named_rules().items(): assert T.make_opt_func(opt).keywords['lr']>=rule.hypers['lr'] or opt in T.default_lrs
    assert [T.suitable_lr(o) for o in ('prodigy', 'dadapt_sgd', 'adamw', 'radam')]==[1., 1., 8e-3, 3e-2]

@pytest.mark.full
@pytest.mark.parametrize('opt', named_rules())
def test_every_rule_learns_the_digits_at_its_default_rate(opt):
    "Three epochs; a rule whose steps are proportional to the gradient needs a larger rate than one that divides by its size"
    assert record(T.train_command(opt=opt, epochs=3))['epochs'][-1]['accuracy']>.8

def test_every_rule_can_be_asked_for():
    "Help names the networks, and fastopt-opts the rules"
    choices = {a.dest:a.choices for a in parser('fastopt-train')._actions}
    assert choices['opt']==sorted(named_rules()) and choices['arch']==[*T.archs]

def test_diverged_run_is_valid_json(tree):
    rec = record(quick(tree, lr=1e30, epochs=2))
    assert rec['status']=='done' and rec['epochs'][-1]['valid_loss'] is None

@pytest.mark.parametrize('lr,says', [
    (1e9, 'The network has learned nothing: its loss is .*no better than guessing. A lower --lr may help: 1e.09 was used, and 0.008 is'),
    (1e30, 'The training diverged: its loss is not finite. A lower --lr may help')])
def test_a_run_that_learnt_nothing_says_so_and_is_kept(tree, curves, lr, says, monkeypatch, capsys):
    args = ['--data', tree, '--arch', 'small', '--size', 12, '--bs', 8, '--epochs', 2, '--how', 'eager', '--lr', lr]
    assert cli(monkeypatch, *args)==1
    assert re.search(f'fastopt-train: {says}', capsys.readouterr().err)
    run = first(Path('runs').iterdir())
    assert names(run)==['curves.png','model.pkl','record.json'] and re.match(says, record(run)['verdict'])
    with pytest.raises(T.InputError, match=f'this run is complete. {says}.*tutorials/diverging.html'): T.train_command(resume=str(run))

@pytest.mark.parametrize('losses,says', [([.6, .5], None), ([5., .5], None), ([9., .5], 'In epoch 0 the validation loss was 9; .*0.562'),
    ([.6, None, 7.], 'In epoch 1 the validation loss was not finite'), ([float('nan'), .5], 'In epoch 0 .* not finite'), ([0., 1.], None)])
def test_a_loss_far_above_that_of_a_guess_is_told(losses, says):
    src = T.AttrDict(valid=['a']*3 + ['b']*(losses!=[0., 1.]), label=lambda o: o) # With a single class any guess is right
    why = T.describe_jump(dict(args=dict(lr=5.), epochs=[dict(valid_loss=o) for o in losses]), src)
    assert why is None if says is None else re.match(f'{says}.*A lower --lr may help: 5 was used', why)

def test_a_run_that_recovered_has_a_warning_but_no_verdict(tree, monkeypatch, capsys):
    monkeypatch.setattr(T, 'describe_jump', lambda record, src: 'it jumped')
    assert 'verdict' not in record(quick(tree, lr=1e-2, epochs=4)) and 'it jumped' in capsys.readouterr().out

def test_what_is_better_than_guessing_is_not_called_nothing():
    src = T.AttrDict(valid=['a']*3 + ['b'], label=lambda o: o) # Guessing is right in three of four cases, at a loss of 0.562
    def why(loss, acc): return T.why_no_learning(dict(args=dict(lr=1e-3, opt='adamw'), epochs=[dict(valid_loss=loss, accuracy=acc)]), src)
    assert why(.5, .7) is None and why(5., .8) is None # An overconfident network, and one that is right for most
    assert 'More --epochs, a smaller --bs or another --lr' in why(.6, .75)
    assert 'diverged' in why(float('nan'), .75) and 'diverged' in why(None, .75)

@pytest.mark.parametrize('loss,says', [(0., None), (2., None), (float('nan'), 'diverged')])
def test_a_single_class_to_validate_has_no_verdict(loss, says):
    "As any guess is right, the validation cannot tell whether something was learned; a loss that is not finite still can"
    src,row = T.AttrDict(valid=['a']*3, label=lambda o: o),dict(valid_loss=loss, accuracy=1.)
    why = T.why_no_learning(dict(args=dict(lr=1e-3, opt='adamw'), epochs=[row]), src)
    assert why is None if says is None else says in why

@lru_cache
def recorded(right, n, bs):
    "The accuracy that a record has for `right` of `n` images correct, in batches of `bs`, computed by fastai"
    metric,ys = AvgMetric(accuracy),torch.zeros(n, dtype=torch.long)
    pred = torch.stack([torch.zeros(n), (torch.arange(n)>=right)*2. - 1], 1)
    metric.reset()
    for x,y in zip(pred.split(bs), ys.split(bs)): metric.accumulate(SimpleNamespace(pred=x, yb=(y,), to_detach=to_detach))
    return float(metric.value)

@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 150), min_size=2, max_size=12), st.sampled_from([7,64]))
def test_one_image_more_is_better_than_guessing(counts, bs):
    "The most frequent class for each image is guessing for any counts of the classes, and so are the frequencies of the classes"
    labels = [i for i,c in enumerate(counts) for _ in range(c)]
    n,usual = len(labels),max(counts)
    def why(loss, right):
        row = dict(valid_loss=loss, accuracy=recorded(right, n, bs))
        return T.why_no_learning(dict(args=dict(lr=1e-3, opt='adamw'), epochs=[row]), T.AttrDict(valid=labels, label=lambda o: o))
    logits = (torch.tensor(counts)/n).log().expand(n, -1) # In float32, as a network would have them
    guess = float(torch.nn.functional.cross_entropy(logits, torch.tensor(labels)))
    assert why(9., usual) and why(guess, usual) and why(9., usual-1)
    assert why(9., usual+1) is None and why(guess*.999, usual) is None

# ---- batches

@settings(deadline=None, derandomize=True)
@given(st.integers(2, 5000))
def test_by_default_an_epoch_has_ten_batches_if_it_can(n):
    bs = T.default_bs(n)
    assert bs<=n and (bs in (4,8,16,32,64) or bs==n<4)
    assert n//bs>=10 or bs==min(4, n) # No smaller number of images may be chosen
    assert bs==64 or n//(2*bs)<10 # The largest that does

def test_default_batches_are_recorded_and_printed(tree, capsys):
    run = quick(tree, bs=None, limit=12)
    says = '12 training images, 3 batches of 4 an epoch, 16 validation images; diffgrad, learning rate 0.008\n'
    assert capsys.readouterr().out.startswith(says)
    assert record(run)['args']['bs']==4 and '--bs 4' in record(run)['command']

def test_a_resumed_run_keeps_its_batches(tree, monkeypatch, capsys):
    "Even if another version of fastopt would choose another number"
    run = killed(tree, bs=None)
    monkeypatch.setattr(T, 'default_bs', lambda n: 8)
    T.train_command(resume=str(run))
    assert record(run)['args']['bs']==4 and '4 batches of 4 an epoch' in capsys.readouterr().out

@pytest.mark.parametrize('bs,says', [(16, '16 training images give 1 batch of 16 an epoch; try --bs 4'),
    (5, '16 training images give 3 batches of 5 an epoch, and 1 is left out; try --bs 4'),
    (6, '16 training images give 2 batches of 6 an epoch, and 4 are left out; try --bs 4'), (4, None), (2, None), (None, None)])
def test_few_batches_are_told(tree, bs, says, monkeypatch, capsys):
    "Before the training"
    monkeypatch.setattr(T, 'fit_and_record', lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt): quick(tree, bs=bs)
    said = [o for o in capsys.readouterr().out.splitlines() if 'try --bs' in o]
    assert said==([says] if says else [])

def test_the_command_of_the_tutorial_is_its_python_and_learns():
    "On 120 pictures, which were too few for batches of 64"
    page,declared = Page(ROOT/'nbs'/'tutorials'/'own_folder.ipynb'),signature(T.train_command).parameters
    command = vars(parser('fastopt-train').parse_args(shlex.split(page.command('fastopt-train --data'))[1:]))
    command = {k:command[k] for k in declared}
    call, = [o for o in ast.walk(ast.parse('\n'.join(page.code))) if isinstance(o, ast.Call) and getattr(o.func, 'id', '')=='train_command']
    given_ = {o.arg:ast.literal_eval(o.value) for o in call.keywords if o.arg not in ('data', 'out')} # The page has folders of its own
    assert {k:o.default for k,o in declared.items()} | dict(data='photos') | given_ == command
    exec(SHAPES, {})
    rec = record(T.train_command(**command))
    assert rec['data']['train']==96 and rec['args']['bs']==8 and rec['epochs'][-1]['accuracy']>.6
    assert parser('fastopt-train').parse_args(shlex.split(page.command('fastopt-train --resume'))[1:]).resume

# ---- curves

@pytest.mark.usefixtures('curves')
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(1e-3, 1e6), min_size=4, max_size=40), st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=4), st.booleans())
def test_both_losses_are_inside_the_axes(losses, valid, diverged):
    iters = [round(len(losses)*(i + 1)/len(valid)) for i in range(len(valid))]
    if diverged: losses,valid = [*losses[:-1], math.nan],[*valid[:-1], math.inf]
    rec = SimpleNamespace(dls=SimpleNamespace(train=range(10)), iters=iters, losses=[torch.tensor(o) for o in losses], lrs=[.1]*len(losses),
        values=L([1., o, .5] for o in valid))
    ax = T.plot_curves(rec).axes[0]
    low,high = ax.get_ylim()
    for curve in ax.lines:
        ys = np.array(curve.get_ydata(), dtype=float)
        ys = ys[np.isfinite(ys)]
        assert (low<=ys).all() and (ys<=high).all()
        assert ax.get_yscale()=='log' or not len(ys) or max(ys)>high/6 # It is not flat at the bottom

# ---- resuming

def test_a_killed_run_goes_on_to_the_same_end(tree, curves, tmp_path, monkeypatch):
    "Of three epochs with a checkpoint at each batch, stopped in the second: the same rows, to the last bit"
    fit,whole = T.fit_and_record,quick(tree, epochs=3, lr=1e-2)
    monkeypatch.setattr(T, 'fit_and_record', lambda *args: fit(*args, every=1))
    def stop(self): self.training and (self.epoch, self.iter)==(1, 1) and os.kill(os.getpid(), signal.SIGKILL)
    def run():
        T.KeepRecord.before_batch = stop
        quick(tree, epochs=3, lr=1e-2, out='killed')
    assert Forked(run).wait()==-signal.SIGKILL
    run = first(Path('killed').iterdir())
    assert record(run)['status']=='running' and len(record(run)['epochs'])==1
    assert T.train_command(resume=str(run))==run
    assert metrics(run)==metrics(whole) and record(run)['status']=='done'
    assert [o['epoch'] for o in record(run)['resumed']]==[1] and names(run)==['curves.png','model.pkl','record.json']
    one,two = [torch.load(o/'model.pkl', weights_only=False).model.state_dict() for o in (whole, run)]
    assert all(torch.equal(one[k], two[k]) for k in one)

@pytest.mark.parametrize('what', ['export','curves'])
def test_a_model_that_could_not_be_written_is_written_by_resuming(tree, curves, what, monkeypatch, capsys):
    "After all epochs; nothing is trained again"
    def full(*args, **kw): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    whole = quick(tree, epochs=2, lr=1e-2)
    with monkeypatch.context() as m:
        m.setattr(*(Learner, 'export') if what=='export' else (T, 'plot_curves'), full)
        with pytest.raises(T.CliError, match='No space left'): quick(tree, epochs=2, lr=1e-2, out='full')
    run = first(Path('full').iterdir())
    assert record(run)['status']=='failed' and 'checkpoint.pth' in names(run) and ('model.pkl' in names(run))==(what=='curves')
    monkeypatch.setattr(T.KeepRecord, 'before_batch', lambda self: pytest.fail('it trained'), raising=False)
    edit(run, lambda rec: rec.update(epochs=[])) # As if the disk had been full after the epochs, too
    with contextlib.suppress(T.NoLearningError): T.train_command(resume=str(run))
    assert 'All epochs are done' in capsys.readouterr().out and names(run)==['curves.png','model.pkl','record.json']
    assert record(run)['status']=='done' and 'error' not in record(run) and metrics(run)==metrics(whole)

KILLED = {} # Arguments -> the record and the other files of a run

def killed(tree, **kw):
    "The folder of a run that was killed before its second epoch. Runs with equal arguments are copies, apart from the folder of images"
    if (key := repr(kw)) not in KILLED:
        run = quick(tree, epochs=2, **kw)
        rec = {k:v for k,v in record(run).items() if k!='verdict'} # It has one if it was too short to learn
        rest = {o.name:o.read_bytes() for o in run.iterdir() if o.name!='record.json'}
        KILLED[key] = rec | dict(status='running', epochs=rec['epochs'][:1]),rest
    rec,rest = KILLED[key]
    (run := Path('runs')/'killed').mkdir(parents=True)
    for name,data in rest.items(): (run/name).write_bytes(data)
    (run/'record.json').write_text(json.dumps(rec | dict(args=rec['args'] | dict(data=str(tree)))))
    return run

def test_a_folder_of_runs_names_those_that_can_be_continued(tree):
    run,done = killed(tree, lr=1e-2),quick(tree)
    (run.parent/'other').mkdir()
    (run.parent/'other'/'record.json').write_text('{}')
    with pytest.raises(T.InputError, match='holds runs. Give one that is not complete') as e: T.train_command(resume=str(run.parent))
    assert str(run) in str(e.value) and str(done) not in str(e.value) and 'other' not in str(e.value)

def test_a_run_without_a_checkpoint_starts_from_the_beginning(tree, capsys):
    run = killed(tree, lr=1e-2)
    before = metrics(run)
    T.train_command(resume=str(run))
    assert 'There is no checkpoint yet' in capsys.readouterr().out and metrics(run)[0]==before[0] and len(metrics(run))==2

@pytest.mark.parametrize('spoil_run,kw,says', [(None, dict(lr=1.), 'leave out --lr'),
    (None, dict(valid_pct=.5, epochs=9), 'leave out --epochs, --valid-pct'),
    (lambda run, tree: shutil.rmtree(run), {}, 'no record.json can be read there'),
    (lambda run, tree: (run/'record.json').write_text('{'), {}, 'no record.json can be read there'),
    (lambda run, tree: (run/'record.json').write_text('[]'), {}, 'not one of fastopt-train'),
    (lambda run, tree: (run/'record.json').write_text(json.dumps(record(run) | dict(status='done'))), {}, 'complete. To .*more --epochs'),
    (lambda run, tree: (run/'checkpoint.pth').write_bytes(b'no'), {}, 'checkpoint.pth is refused: it cannot be read'),
    (lambda run, tree: (tree/'train'/'red'/'0.png').unlink(), {}, 'the images in .*have changed since')])
def test_what_cannot_be_gone_on_with(tree, spoil_run, kw, says):
    run = killed(tree, lr=1e-2)
    if spoil_run: spoil_run(run, tree)
    with pytest.raises(T.InputError, match=says): T.train_command(resume=str(run), **kw)

def edit(run, change):
    "Let the function `change` edit the record of `run`"
    rec = record(run)
    change(rec)
    (run/'record.json').write_text(json.dumps(rec))

@pytest.mark.parametrize('k', [k for k in signature(T.cli.train).parameters if k not in ('data', 'out', 'resume')])
def test_a_setting_that_was_changed_in_the_record_is_named(tree, k):
    "Otherwise the parts of the run would have different settings, and its record only one of them"
    run = killed(tree, lr=1e-2)
    was = record(run)['args'][k]
    for other in [7 if type(was) is int else not was if type(was) is bool else .25, 'x', *([None] if was else [])]:
        edit(run, lambda rec: rec['args'].update({k: other}))
        with pytest.raises(T.InputError, match=re.escape(f'--resume {run}: its record.json was changed: {k} is {other!r} in args')):
            T.train_command(resume=str(run))

@pytest.mark.parametrize('k', ['data','started','epochs','resumed','args','command'])
@pytest.mark.parametrize('value', [None, 3, 'digits', [], {}])
def test_a_record_that_is_damaged_anywhere_is_refused_in_one_line(tree, k, value):
    run = killed(tree, lr=1e-2)
    if isinstance(value, type(record(run).get(k, []))): return
    edit(run, lambda rec: rec.update({k: value}))
    with pytest.raises(T.InputError, match=f'{run}: .*record.json.*(new run|folder of a run)'): T.train_command(resume=str(run))

def test_each_part_of_a_run_says_what_trained_it(tree):
    run = killed(tree, lr=1e-2)
    edit(run, lambda rec: rec.update(versions=dict(torch='1.0'), device='abacus'))
    T.train_command(resume=str(run))
    assert record(run)['resumed'][0]['before']['versions']=={'torch':'1.0'} and record(run)['resumed'][0]['before']['device']=='abacus'
    assert record(run)['device']==T.run_facts('x', 'x', {})['device']

def test_two_processes_do_not_train_one_run(tree):
    run = killed(tree, lr=1e-2)
    with T.exclusive_lock(run/'training.lock') as alone, pytest.raises(T.InputError, match='another process is training this run'):
        assert alone
        T.train_command(resume=str(run))

# ---- class folders without a split

@pytest.fixture
def classes(tree): return (tree/'train').rename(tree.parent/'classes')

def test_class_folders_without_a_split(classes):
    run = quick(classes, valid_pct=.25)
    data = record(run)['data']
    assert (data['train'], data['valid'], data['classes'])==(12, 4, ['blue', 'red'])
    assert '--valid-pct 0.25' in record(run)['command']

@pytest.mark.parametrize('where', ['within a folder', 'as train alone', 'as an archive'])
def test_where_class_folders_may_be(classes, tmp_path, where):
    if where=='as an archive': path = pack(classes, tmp_path/'c.tgz')
    else: path = (tmp_path/'d'/('train' if where=='as train alone' else 'photos')).parent
    if where!='as an archive':
        path.mkdir()
        classes.rename(path/('train' if where=='as train alone' else 'photos'))
    assert record(quick(path, valid_pct=.25))['data']['valid']==4

@pytest.mark.parametrize('pct,says', [(None, 'no folder `train`.*--valid-pct 0.2 holds out'),
    (0., '--valid-pct 0.0 is too small: give more than 0'), (20., '--valid-pct 20.0 is too large: give less than 1')])
def test_shares_that_are_none(classes, pct, says):
    with pytest.raises(T.InputError, match=says): quick(classes, valid_pct=pct)

@pytest.mark.parametrize('names', [('red',), ('blue','red')])
def test_valid_pct_needs_two_images_of_each_class(names, classes):
    "The message does not say that there is no image"
    for k in names:
        for o in sorted((classes/k).iterdir())[1:]: o.unlink()
    says = f"only one readable image of {', '.join(names)}; --valid-pct needs two"
    with pytest.raises(T.InputError, match=says): quick(classes, valid_pct=.2)

def test_images_outside_class_folders_do_not_count(classes):
    for o in (classes/'red').iterdir(): o.rename(classes/o.name)
    shutil.rmtree(classes/'blue')
    says = 'contains no readable image in a class folder; put images in .*/CLASS/'
    with pytest.raises(T.InputError, match=says): quick(classes, valid_pct=.2)

def test_a_split_is_not_split_again(tree):
    with pytest.raises(T.InputError, match='already has the folders train and val; leave out --valid-pct'): quick(tree, valid_pct=.2)
    with pytest.raises(T.InputError, match='digits have their own split'): T.train_command(valid_pct=.2)

def test_names_that_the_font_lacks(tree, curves):
    (tree/'train'/'red').rename(tree/'train'/'赤')
    (tree/'val'/'red').rename(tree/'val'/'赤')
    named = tree.rename(tree.parent/'色')
    with warnings.catch_warnings():
        warnings.filterwarnings('error', 'Glyph')
        assert record(quick(named))['data']['classes']==['blue', '赤']

@pytest.mark.parametrize('name', ['cost_$5_$10', os.fsdecode(b'caf\xe9'), 'a\nb'])
def test_names_of_the_folder(tree, curves, name, capsys):
    "They look like a formula, are not UTF-8, or have two lines"
    from fastopt import cli as commands
    try: named = tree.rename(tree.parent/name)
    except OSError: pytest.skip('no such names on this disk')
    with contextlib.suppress(SystemExit): commands.start('fastopt-train', ['--data', str(named), *QUICK]) # It may have learnt nothing
    run = first(Path('runs').iterdir())
    assert names(run)==['curves.png','model.pkl','record.json'] and record(run)['name']==f'diffgrad-{name}'

def test_a_class_called_train(tree):
    "As in CIFAR-100, beside others, and even with one called valid"
    shutil.copytree(tree/'train', both := tree.parent/'both')
    (both/'blue').rename(both/'train')
    shutil.copytree(both/'red', both/'valid')
    assert record(quick(both, valid_pct=.25))['data']['classes']==['red','train','valid']

# ---- what it survives

def test_a_reader_who_has_gone(tree, monkeypatch):
    "As with `| head -1`: the training goes on in silence"
    from fastopt import cli as commands
    r,w = os.pipe()
    os.close(r)
    with open(w, 'w') as f:
        monkeypatch.setattr(sys, 'stdout', f)
        with contextlib.suppress(SystemExit): commands.start('fastopt-train', ['--data', str(tree), *QUICK])
    run = first(Path('runs').iterdir())
    assert record(run)['status']=='done' and names(run)==['curves.png','model.pkl','record.json']

def test_ctrl_c(tmp_path):
    p = subprocess.Popen(CMD+['--epochs','500'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    for line in p.stdout:
        if re.match(r'1 ', line): break
    p.send_signal(signal.SIGINT)
    out,err = p.communicate(timeout=60)
    assert p.returncode==130 and 'Traceback' not in err and 'Interrupted' in out, err
    run = first((tmp_path/'runs').iterdir())
    assert {*names(run)}-{'checkpoint.pth.prev'}=={'checkpoint.pth','curves.png','model.pkl','record.json'}
    assert f'fastopt-train --resume runs/{run.name}' in out
    rec = record(run)
    assert rec['status']=='interrupted' and 2<=len(rec['epochs'])<500 and rec['seconds']>0

def test_ctrl_c_before_the_first_batch(tree, monkeypatch):
    monkeypatch.setattr(Learner, 'fit_fc', lambda *args, **kw: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt): quick(tree)
    run = first(Path('runs').iterdir())
    assert names(run)==['record.json'] and record(run)['status']=='interrupted'

def test_failure_is_recorded(tree, curves, monkeypatch):
    "With curves of one epoch of one batch"
    monkeypatch.setattr(T.KeepRecord, 'before_epoch', lambda self: self.epoch and 1/0, raising=False)
    with pytest.raises(ZeroDivisionError): quick(tree, epochs=2, bs=16)
    rec = record(first(Path('runs').iterdir()))
    assert rec['status']=='failed' and 'ZeroDivisionError' in rec['error'] and len(rec['epochs'])==1

@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
@pytest.mark.parametrize('name', ['record.json','curves.png','model.pkl'])
def test_disk_without_room(tree, tmp_path, name):
    run = quick(tree)
    old = (run/name).read_bytes()
    with pytest.raises(T.CliError, match=re.escape(name)), T.atomic_write(run/name) as p:
        p.symlink_to('/dev/full')
        if name=='curves.png': T.Figure().savefig(p, format='png')
        elif name=='model.pkl': torch.save(torch.randn(10000), p)
        else: p.write_text('{}')
    assert (run/name).read_bytes()==old and names(run)==['curves.png','model.pkl','record.json']

def test_training_goes_on_while_the_disk_is_full(tree, monkeypatch):
    "Two of three epochs cannot be saved; the training is completed and the record is complete"
    write,seen = Path.write_text,[]
    def sometimes(self, text, **kwargs):
        seen.append(self.name)
        if len(seen) in (3,4): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, text, **kwargs)
    monkeypatch.setattr(Path, 'write_text', sometimes)
    with pytest.warns(UserWarning, match='No space left'): run = quick(tree, epochs=3)
    assert len(record(run)['epochs'])==3 and record(run)['status']=='done'

# ---- files that are not images

def spoil(tree, red='red'):
    "Four files that end in .png and cannot be decoded"
    whole = (tree/'val'/red/'0.png').read_bytes()
    for name,data in dict(empty=b'', text=b'<html>', half=whole[:len(whole)//2], zero=whole[:40]+bytes(500)).items():
        (tree/'train'/red/f'{name}.png').write_bytes(data)
    Image.effect_noise((64,64), 50).convert('RGB').save(tree/'train'/'blue'/'cut.jpg')
    cut = tree/'train'/'blue'/'cut.jpg'
    cut.write_bytes(cut.read_bytes()[:900])

def test_corrupt_images_are_left_out(tree, capsys):
    spoil(tree)
    rec = record(quick(tree))
    assert rec['data']['skipped']==5 and rec['data']['train']==16 and len(rec['data']['skipped_first'])==5
    out = capsys.readouterr().out
    assert 'Left out 5 images' in out and 'train/blue/cut.jpg' in out and 'and 2 more' in out

def test_images_in_folders_inside_a_class_folder_are_counted(tree, capsys):
    shutil.copytree(tree/'val'/'red', tree/'train'/'red'/'more')
    assert record(quick(tree))['data']['train']==16
    assert 'images in folders inside a class folder, such as train/red/more/0.png, are left out: ' in capsys.readouterr().out

def test_strict_refuses_corrupt_images(tree):
    spoil(tree)
    with pytest.raises(T.InputError, match='5 images cannot be decoded.*cut.jpg.*leave out --strict'): quick(tree, strict=True)
    assert not Path('runs').exists()

def test_nothing_but_corrupt_images(tree):
    for o in get_image_files(tree/'val'): o.write_bytes(b'no')
    with pytest.raises(T.InputError, match='val contains no readable image'): quick(tree)

# ---- what it rejects

def test_folder_with_names_that_are_not_utf8(tree, capsys):
    "Classes with special names are trained on, distinguished, and displayed"
    odd = os.fsdecode(b'r\xe9d')
    try: [(tree/o/'red').rename(tree/o/odd) for o in ('train','val')]
    except OSError: pytest.skip('no such names on this disk')
    spoil(tree, odd)
    rec = record(quick(tree))
    assert rec['data']['classes']==['blue',odd] and rec['data']['skipped']==5 and 'train/r\\udce9d/empty.png' in capsys.readouterr().out

def test_archive_as_zip(tree, tmp_path):
    "The same images give the same training"
    shutil.make_archive(tmp_path/'c', 'zip', tmp_path, 'colours')
    assert metrics(quick(tmp_path/'c.zip'))==metrics(quick(tree))

def folders(p, *names): [(p/o).mkdir(parents=True) for o in names]
def renamed(p): (paint(p)/'val'/'red').rename(p/'val'/'green')

@pytest.mark.parametrize('make,says', [(folders, 'no folder `train`'),
    (lambda p: folders(p, 'train'), 'no validation folder'), (lambda p: folders(p, 'train/a', 'val/a'), 'train contains no readable image'),
    (lambda p: paint(p, classes=('red',)), 'only one class'), (renamed, 'val has classes that .*train lacks: green')])
def test_layouts_that_cannot_be_learnt(make, says, tmp_path):
    (tmp_path/'d').mkdir()
    make(tmp_path/'d')
    with pytest.raises(T.InputError, match=says): quick(tmp_path/'d')
    assert not Path('runs').exists()

@pytest.mark.parametrize('kw,says', [(dict(bs=17), '--bs 17 is more than the 16 training images'), (dict(bs=1), '--bs 1 .*2 or more'),
    (dict(size=0), '--size 0 .*1 or more'), (dict(epochs=0), '--epochs 0'), (dict(limit=0), '--limit 0'), (dict(limit=1), 'the 2 classes'),
    (dict(seed=2**64), '--seed .* is too large'),
    (dict(lr=-1.), 'lr'), (dict(wd=-1.), 'wd'), (dict(how='warp'), 'The list of engines'), (dict(opt='difgrad'), "did you mean 'diffgrad'"),
    (dict(arch='xresnet81'), "did you mean 'xresnet18'"), (dict(data='imagenete'), "did you mean 'imagenette'"),
    (dict(data='digit'), "'digits'"), (dict(data='/no/such/folder'), 'no such file or folder')])
def test_bad_arguments(tree, kw, says):
    with pytest.raises(T.InputError, match=says): quick(tree, **kw)
    assert not Path('runs').exists()

def test_out_that_cannot_be_written(tree, tmp_path):
    (tmp_path/'file').write_text('old')
    with pytest.raises(T.InputError, match='--out .*file'): quick(tree, out=str(tmp_path/'file'))
    assert (tmp_path/'file').read_text()=='old'

def test_unreadable_folder(tree, monkeypatch):
    def denied(self): raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
    monkeypatch.setattr(Path, 'iterdir', denied)
    with pytest.raises(T.InputError, match='Cannot read --data .*Permission denied'): quick(tree)

def test_download_without_a_network(monkeypatch):
    def offline(url): raise URLError('no route to host')
    monkeypatch.setattr(I, 'untar_data', offline)
    with pytest.raises(T.InputError, match='Cannot read --data imagewoof.*no route'): quick('imagewoof')

@pytest.mark.parametrize('args,code,says', [(['--opt','difgrad'], 2, "did you mean 'diffgrad'"),
    (['--arch','xresnet81'], 2, "did you mean 'xresnet18'"), (['--how','warp'], 2, "has no 'warp'"),
    (['--epochs','many'], 2, 'invalid int value'), (['--data','imagenete'], 1, "did you mean 'imagenette'")])
def test_exit_codes(monkeypatch, capsys, args, code, says):
    "argparse's own code for errors that it detects, and 1 for the rest"
    assert cli(monkeypatch, *args)==code and says in capsys.readouterr().err
