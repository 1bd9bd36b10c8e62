"A table of rules and attacks continues where it was interrupted, refuses other settings, and steps of several numbers of workers are timed"
import json, math, pytest
from fastcore.script import CliError
from functools import partial
from fastopt.names import InputError
from fastopt.cli import parse_strategy
from fastopt.distributed.commands import collaborate_command, federate_command
from fastopt.distributed.data import READERS
from fastopt.distributed.federated import Federated
from fastopt.distributed.monna import MoNNA
from fastopt.distributed.tables import fill_table, plot_table, show_table
from fastopt.training.records import device_name, exclusive_lock, package_versions

SMALL = dict(n=5, f=1, steps=2, limit=200, bs=5, alpha=100.)

SOME = dict(mixings='nna,mean,krum', attacks='none,alie,silent')

def test_a_table_is_continued(tmp_path, monkeypatch, capsys):
    "Interrupted in its sixth training; the continued table is the same as one that was not interrupted"
    fit,count = MoNNA.fit,[]
    def stopped(self, *args):
        count.append(self)
        if len(count)==6: raise KeyboardInterrupt
        return fit(self, *args)
    monkeypatch.setattr(MoNNA, 'fit', stopped)
    def run(name, **kw): return json.loads(collaborate_command(table=tmp_path/name, **SMALL, **SOME, **kw).read_text())
    with pytest.raises(KeyboardInterrupt): run('a.json')
    assert len(json.loads((tmp_path/'a.json').read_text())['cells'])==5
    a = run('a.json')
    assert len(count)==10 and list(a['cells'])==[f'{m} {o} 0' for m in ('nna', 'mean', 'krum') for o in ('none', 'alie', 'silent')]
    assert run('a.json')==a and len(count)==10, 'A complete table trains nothing'
    def results(table): return {k: {**o, 'seconds': 0} for k,o in table['cells'].items()}
    assert results(run('b.json'))==results(a)
    assert [o['step'] for o in a['cells']['nna none 0']['history']]==[2]
    out = capsys.readouterr().out
    assert '| rule | none | alie | silent |' in out and 'needs' in a['cells']['krum none 0']['error'] and '| krum | - | - | - |' in out
    with pytest.raises(CliError, match='was made with steps 2, not 3'):
        collaborate_command(table=tmp_path/'a.json', **{**SMALL, **SOME, 'steps': 3})
    (tmp_path/'a.json').write_text('[]')
    with pytest.raises(CliError, match='is not a table'): run('a.json')

def test_more_seeds_are_added_to_a_table_and_drawn(tmp_path, capsys):
    one = dict(SMALL, table=tmp_path/'a.json', mixings='nna', attacks='none', every=1)
    a = json.loads(collaborate_command(**one).read_text())
    b = json.loads(collaborate_command(**one, seeds=2).read_text())
    assert list(b['cells'])==['nna none 0', 'nna none 1'] and b['cells']['nna none 0']==a['cells']['nna none 0']!=b['cells']['nna none 1']
    assert [o['step'] for o in b['cells']['nna none 1']['history']]==[1, 2]
    low,high = (f'{100*o:.1f}' for o in sorted(o['worst'] for o in b['cells'].values()))
    assert f'({low}–{high}) |' in capsys.readouterr().out.split('The worst of them:')[-1]
    assert (tmp_path/'a.json.png').stat().st_size>5000
    with pytest.raises(CliError, match='describe a table: add --table'): collaborate_command(**SMALL, seeds=2)
    with pytest.raises(CliError, match="has no 'nna2'"): collaborate_command(**{**one, 'mixings': 'nna2'})

FED = dict(clients=4, time=3., steps=2, bs=8, limit=400, strategies='fedavg, fedbuff:2,fedfix: .5 @.02', percents='0,80')

def test_strategies_are_compared_and_continued(tmp_path, monkeypatch, capsys):
    fit,count = Federated.fit,[]
    def stopped(self, *args):
        count.append(self)
        if len(count)==4: raise KeyboardInterrupt
        return fit(self, *args)
    monkeypatch.setattr(Federated, 'fit', stopped)
    def run(**kw): return json.loads(federate_command(table=tmp_path/'f.json', **FED, **kw).read_text())
    with pytest.raises(KeyboardInterrupt): run()
    table = run()
    assert len(count)==7 and list(table['cells'])==[f'{s} {f} 0' for s in ('fedavg', 'fedbuff:2', 'fedfix:.5@.02') for f in ('F-0', 'F-80')]
    for k,o in table['cells'].items():
        accs = [h['accuracy'] for h in o['history']]
        assert o['accuracy']==accs[-1] and 'tail' not in o and [h['time'] for h in o['history']]==[1, 2, 3], k
    same = [[table['cells'][f'{s} {f} 0']['deliveries'] for s in ('fedavg', 'fedfix:.5@.02')] for f in ('F-0', 'F-80')]
    assert same[0][0]==same[0][1]<same[1][1], 'Fast clients deliver more if nobody waits for the slowest'
    assert [type(o.strategy).__name__ for o in count[-2:]]==['FedFix']*2 and [(o.strategy.dt, o.lr) for o in count[-2:]]==[(.5, .02)]*2
    both = run(seeds=2)
    assert len(both['cells'])==12 and {k: both['cells'][k] for k in table['cells']}==table['cells']
    out = capsys.readouterr().out
    assert '| fedavg | - | - |' in out, 'One validation has no deviation'
    assert '| strategy | F-0 | F-80 |' in out and 'Standard deviation there:' in out and (tmp_path/'f.json.png').stat().st_size>5000
    with pytest.raises(CliError, match='was made with steps 2, not 3'): federate_command(table=tmp_path/'f.json', **{**FED, 'steps': 3})
    with pytest.raises(CliError, match='was made with dt 0.5, not 0.2'): federate_command(table=tmp_path/'f.json', **FED, dt=.2)

@pytest.mark.parametrize('command', [partial(collaborate_command, **SMALL, mixings='mean', attacks='none'),
    partial(federate_command, **FED)])
def test_a_table_is_not_continued_with_other_images(tmp_path, monkeypatch, command):
    "Files of other images may have the same names"
    command(table=tmp_path/'t.json')
    said,(x,y,xv,yv) = (tmp_path/'t.json').read_text(),READERS['digits']()
    for other in ((1-x, y, xv, yv), (x, y.flip(0), xv, yv), (x, y, 1-xv, yv), (x, y, xv, yv.flip(0)), (x[1:], y[1:], xv, yv)):
        monkeypatch.setitem(READERS, 'digits', lambda path=None: other)
        with pytest.raises(CliError, match='was made with images [0-9a-f]{16}, not [0-9a-f]{16}'): command(table=tmp_path/'t.json')
        assert (tmp_path/'t.json').read_text()==said

def test_the_tail_is_the_last_third(tmp_path):
    args = dict(FED, strategies='fedasync', percents='80', time=6.)
    o, = json.loads(federate_command(table=tmp_path/'f.json', **args).read_text())['cells'].values()
    a,b = (h['accuracy'] for h in o['history'][-2:])
    assert o['accuracy']==pytest.approx((a+b)/2) and o['tail']==pytest.approx(abs(a-b)/2)

@pytest.mark.parametrize('kw,says', [(dict(strategies='fedavg:2'), 'fedavg has no number'),
    (dict(strategies='fedbuff:x'), 'not a value of --c'), (dict(strategies='fedbuff:0'), '1 or more'),
    (dict(strategies='fedfix:0'), 'in fedfix:0, --dt 0.0 is too small: give more than 0'),
    (dict(strategies='fedfx'), "did you mean 'fedfix'"),
    (dict(percents='0,x'), "'x' is not a number"), (dict(percents='100'), 'is too large: give less than 100'),
    (dict(table='nowhere/f.json'), 'there is no folder'), (dict(engine='flower'), 'only with simulated clients'),
    (dict(resume='runs'), 'leave out --engine and --resume'), (dict(seeds=0), 'seeds'), (dict(table=None), 'describes a table'),
    (dict(strategies=' , '), 'strategies is empty'), (dict(percents=''), 'percents is empty'),
    (dict(strategies='fedfix:inf'), 'not a finite number'), (dict(strategies='fedavg@x'), 'not a number'),
    (dict(strategies='fedavg@nan'), 'not a finite number'),
    (dict(time=1e300), 'would never end'), (dict(time=float('inf')), 'not a finite number'),
    (dict(alpha=float('inf')), 'not a finite number')])
def test_a_table_of_strategies_refuses(tmp_path, kw, says, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CliError, match=says): federate_command(**{**FED, 'table': 'f.json', **kw})
    assert not (tmp_path/'f.json').exists()

@pytest.mark.parametrize('names', [('t.0', 't.1'), ('t', 't.json'), ('t.json', 't.json.json'), ('t', 't.JSON')], ids='-'.join)
def test_a_picture_replaces_no_table_and_no_picture(tmp_path, names):
    "Whatever the names of two tables are, each has its own picture"
    for o in names: collaborate_command(table=tmp_path/o, **dict(SMALL, steps=1), mixings='mean', attacks='none', every=1)
    assert {*(o.name for o in tmp_path.iterdir())}=={*names, *(f'{o}.png' for o in names)}
    assert all(len(json.loads((tmp_path/o).read_text())['cells'])==1 for o in names)

@pytest.mark.parametrize('name', ['t.png', 't.PNG'])
@pytest.mark.parametrize('run', [federate_command, collaborate_command])
def test_a_picture_replaces_no_table(tmp_path, name, run):
    "A table t.png would be the picture of a table t"
    with pytest.raises(CliError, match=f'{name} has the name of a picture: give another one, such as .*t.json$'): run(table=tmp_path/name)
    assert not [*tmp_path.iterdir()]

GOOD = dict(accuracy=.5, worst=.5, history=[dict(step=1, accuracy=.5)])

@pytest.mark.parametrize('cells', [dict(a=GOOD), {'nna none': GOOD}, *({'nna none 0': o} for o in (5, None, [], {}, 'x',
    GOOD | dict(accuracy='5'), GOOD | dict(worst=None), GOOD | dict(tail=[1]), GOOD | dict(history=5), GOOD | dict(history=[5]),
    GOOD | dict(history=[dict(step=1)]), GOOD | dict(history=[dict(accuracy=.5)]),
    GOOD | dict(history=[dict(step='a', accuracy=.5)]), dict(error='x', accuracy='5'),
    GOOD | dict(history=[dict(step=1, accuracy=.5), dict(time=2, accuracy=.5)]), GOOD | dict(history=[dict(step=1, accuracy=50)]),
    *(GOOD | {k: x} for k in ('accuracy', 'worst', 'tail') for x in (-.1, 1.1, 50, math.nan, math.inf))))], ids=str)
def test_a_damaged_entry_is_named(tmp_path, cells):
    "A table that somebody has edited is not continued, and not changed"
    said = json.dumps(dict(settings={}, cells={'mean none 0': GOOD} | cells))
    (tmp_path/'t.json').write_text(said)
    with pytest.raises(InputError, match=rf't.json has a damaged entry {[*cells][0]!r}: remove it') as e: filled(tmp_path/'t.json', None)
    assert (tmp_path/'t.json').read_text()==said and '\n' not in str(e.value)

@pytest.mark.parametrize('said', ['', '{', '[]', '5', 'null', '{"cells": {}}', '{"settings": 5, "cells": {}}',
    '{"settings": {}, "cells": 5}', '{"settings": [], "cells": [5]}', '{"settings": [], "cells": []}',
    '{"settings": {}, "cells": []}', '[' * 10**5, '\udcff'],
    ids=lambda o: o[:40].encode('ascii', 'replace').decode())
def test_what_is_no_table_is_refused(tmp_path, said):
    (tmp_path/'t.json').write_bytes(said.encode(errors='surrogateescape'))
    with pytest.raises(InputError, match='t.json is not a table: give another file'): filled(tmp_path/'t.json', None)

def test_entries_that_were_made_elsewhere_say_so(tmp_path):
    "A table that is continued with another version, or on another device, is not silently mixed"
    train,log = lambda *args: result(.5),[]
    old = filled(tmp_path/'t.json', train, seeds=(0,))
    old['versions'],old['device'] = dict(torch='1.0'),'abacus'
    (tmp_path/'t.json').write_text(json.dumps(old))
    cells = filled(tmp_path/'t.json', train, log, seeds=(0, 1))['cells']
    here = dict(device=device_name(), versions=package_versions())
    assert [{k: o.get(k) for k in here} for o in cells.values()]==[dict.fromkeys(here)]*4 + [here]*4
    assert 'abacus' in log[0] and 'each new entry says so' in log[0] and len(log)==5

# ---- trainings that fail

def filled(path, train, log=None, **kwargs):
    kw = dict(rows=['nna', 'mean'], columns=['foe', None], seeds=(0, 1, 2)) | kwargs
    return fill_table(train, path, {}, log=(log if log is not None else []).append, **kw)

def result(acc): return dict(accuracy=acc, worst=acc, history=[dict(step=1, accuracy=acc), dict(step=2, accuracy=acc)])

def test_a_cell_says_how_many_seeds_have_a_result(tmp_path):
    def train(rule, attack, seed):
        if attack and (rule=='mean' or seed==1) or (rule=='mean' and seed): raise ValueError('Worker 0: its training has diverged')
        return result(.5+seed/10)
    table = filled(tmp_path/'t.json', train)
    rows = show_table(table).splitlines()[2:]
    assert rows==['| nna | 60.0 (50.0–70.0; 2 of 3) | 60.0 (50.0–70.0) |', '| mean | - | 50.0 (1 of 3) |']
    said = [sorted(o.get_text() for o in ax.texts) for ax in plot_table(table).axes[:2]]
    assert said==[['2 of 3'], ['1 of 3']]

@pytest.mark.parametrize('error', [RuntimeError('CUDA out of memory'), MemoryError('no memory')])
def test_what_may_succeed_on_another_day_is_not_stored(tmp_path, error):
    "Divergence, and a pair that is impossible, are results"
    ends = {('nna', 'foe'): error, ('nna', None): ValueError('needs more workers'), ('mean', 'foe'): RuntimeError('diverged')}
    done,log = [],[]
    def train(rule, attack, seed):
        done.append((rule, attack))
        if e := ends.pop((rule, attack), None): raise e
        return result(.5)
    a = filled(tmp_path/'t.json', train, log, seeds=[0])
    assert [*a['cells']]==['nna none 0', 'mean foe 0', 'mean none 0'] and 'the next call repeats' in log[0] and len(log)==4
    assert filled(tmp_path/'t.json', train, seeds=[0])['cells']=={**a['cells'], 'nna foe 0': result(.5)} and done[4:]==[('nna', 'foe')]

def test_a_table_of_failures_is_an_error(tmp_path):
    def train(*args): raise RuntimeError('no luck\nat all')
    with pytest.raises(InputError, match='No training of the table has succeeded, the last with "no luck"$'):
        filled(tmp_path/'t.json', train)
    assert not [*tmp_path.iterdir()]

def test_one_process_fills_a_table(tmp_path):
    with exclusive_lock(tmp_path/'t.json.lock'), pytest.raises(InputError, match='is being filled by another process'):
        filled(tmp_path/'t.json', None)

def test_names_of_rows_may_have_spaces(tmp_path):
    table = filled(tmp_path/'t.json', lambda *args: result(.5), rows=['my rule'], columns=['a'], seeds=[0])
    assert '| my rule | 50.0 |' in show_table(table)
    with pytest.raises(ValueError, match="column 'a b' has a space"): filled(tmp_path/'t.json', None, columns=['a b'])

def test_a_strategy_with_a_number():
    assert parse_strategy('fedavg@.1')==dict(strategy='fedavg', lr=.1) and parse_strategy('fedbuff:5')==dict(strategy='fedbuff', c=5)
    assert parse_strategy('fedfix:.25@1e-2')==dict(strategy='fedfix', dt=.25, lr=.01)

def test_steps_of_more_workers_are_timed(tmp_path):
    path = collaborate_command(scale='4,10', steps=3, limit=200, bs=5, out=tmp_path)
    rec = json.loads((path/'record.json').read_text())
    assert [(o['workers'], o['faulty'], o['repeats']) for o in rec['rows']]==[(4, 0, 3), (10, 2, 3)] and rec['status']=='done'
    assert all(0<o['low']<=o['ms']<=o['high'] for o in rec['rows']) and len(rec['load'])==3 and rec['versions']['torch']
    with pytest.raises(CliError, match='fewer than a batch of 25'): collaborate_command(scale='100', limit=200, bs=25, out=tmp_path)
