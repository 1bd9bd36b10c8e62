"""How `gpu.py` handles parts that fail, crash or hang, what its parts make of wrong results, what is packed for it, and the tables made of
its records; `.ci/run` rehearses the parts themselves"""
import json, math, os, re, shutil, subprocess, tarfile, textwrap, time, warnings
from pathlib import Path
import gpu, gpu_parts, gpu_tables, pytest, torch
from fastopt.core import fused
from fastopt.core.backends.triton import TritonLauncher
from types import SimpleNamespace

def row(what, value=1., bar=None, reached=None): return dict(what=what, value=value, bar=bar, reached=reached)

HEAD = """import os, subprocess, sys, time
from pathlib import Path
from gpu import Report
def main(part, seconds, path, tiny):
    report = Report(Path(path), part, float(seconds))
"""

@pytest.fixture
def parts(tmp_path, monkeypatch):
    "Run the function `f` of a separate module `gpu_parts` as the part `correct`"
    def run(body, seconds=60):
        (tmp_path/'gpu_parts.py').write_text(HEAD+textwrap.indent(textwrap.dedent(body), '    '))
        monkeypatch.setattr(gpu, 'HERE', tmp_path)
        monkeypatch.setenv('PYTHONPATH', str(Path(gpu.__file__).parent))
        return gpu.run_part('correct', seconds, tmp_path, True)
    return run

def test_a_failure_is_a_result_and_what_follows_is_tried(parts):
    o = parts('''
        def f(report, x): report.add('twice', 2*x)
        report.attempt('division', lambda report: 1/0)
        report.attempt('doubling', f, 4)
        report.attempt('too long', f, 4, needs=10**6)
        report.write(ended='in time')''')
    failed,twice,late = [(r['what'], r['value'], r['reached']) for r in o['rows']]
    assert failed==('division', 'ZeroDivisionError: division by zero', False) and twice==('twice', 8, None)
    assert late==('too long', 'cut: no time was left', None) and o['ended']=='in time'

def test_a_crash_leaves_what_was_found(parts):
    o = parts("report.add('first', 1.)\nos.abort()")
    assert [r['what'] for r in o['rows']]==['first', 'the part correct'] and o['rows'][1]['reached'] is False
    assert o['ended']=='ended with status -6'

def test_what_hangs_is_stopped(parts, monkeypatch):
    monkeypatch.setattr(gpu, 'GRACE', 2)
    o = parts("report.add('first', 1.)\ntime.sleep(600)", 1)
    assert o['rows'][-1]['value']=='was stopped after 3 seconds'

def gone(pid):
    "Has the process `pid` ended? It may still be listed, if no one has asked for its status"
    try: return Path(f'/proc/{pid}/stat').read_text().rsplit(')')[-1].split()[0]=='Z'
    except FileNotFoundError: return True

@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='needs /proc')
@pytest.mark.parametrize('end', ['time.sleep(600)', 'os.abort()', 'pass'])
def test_what_a_part_has_started_ends_with_it(parts, monkeypatch, end):
    monkeypatch.setattr(gpu, 'GRACE', 2)
    o = parts(f"report.add('pool', subprocess.Popen(['sleep', '60']).pid)\n{end}", 1)
    for _ in range(100):
        if gone(o['rows'][0]['value']): break
        time.sleep(.05)
    else: pytest.fail('the process that the part had started is still there')

@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='needs /proc')
def test_who_is_told_to_end_ends_the_parts_and_prints_the_table(tmp_path):
    code = "report.add('first', os.getpid(), reached=False)\ntime.sleep(600)"
    (tmp_path/'gpu_parts.py').write_text(HEAD+textwrap.indent(code, '    '))
    shutil.copy(gpu.__file__, tmp_path)
    cmd = [shutil.which('python'), 'gpu.py', '--tiny', '--part', 'correct', '--out', 'out']
    p,record = subprocess.Popen(cmd, cwd=tmp_path, stdout=subprocess.PIPE, text=True),tmp_path/'out'/'correct.json'
    for _ in range(200):
        if record.exists() and 'first' in record.read_text(): break
        time.sleep(.05)
    pid = json.loads(record.read_text())['rows'][0]['value']
    p.terminate()
    said,_ = p.communicate(timeout=20)
    assert p.returncode==143 and 'first' in said and '2 results: 0 reached, 2 not' in said and gone(pid)

def test_the_table_and_the_status_say_what_was_not_reached(monkeypatch, tmp_path, capsys):
    def run(reached):
        rows = [row('this', .5, '<= 1', reached), row('that', 'text')]
        monkeypatch.setattr(gpu, 'run_part', lambda part, *args: dict(part=part, device='a GPU', ended='in time', rows=rows))
        return gpu.main(['--tiny', '--out', str(tmp_path), '--part', 'correct', 'speed']),capsys.readouterr().out
    (good,said),(bad,worse) = run(True),run(False)
    assert (good,bad)==(0,1) and '4 results: 2 reached, 0 not' in said
    assert '4 results: 0 reached, 2 not' in worse and '<= 1         NO' in worse
    assert 'that' not in worse and 'that' in (tmp_path/'results.txt').read_text()

def test_the_closing_table_fits_into_the_end_of_a_log(monkeypatch, tmp_path, capsys):
    def missed(): return row('a long story '*100, 'Traceback (most recent call last):\n'*100, '<= 1', False)
    def run_part(part, *args): return dict(part=part, rows=[row('fine', reached=True), *(missed() for _ in range(100))])
    monkeypatch.setattr(gpu, 'run_part', run_part)
    assert gpu.main(['--tiny', '--out', str(tmp_path)])==1
    said,n = capsys.readouterr().out,100*len(gpu.DEFAULT)
    assert len(said)<12_000 and f'4 reached, {n} not, {n-gpu.MOST} of which are not shown here' in said
    assert 'fine' not in said and (tmp_path/'results.txt').read_text().count('fine')==4

def test_records_are_written_to_the_folder_that_comes_back(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, 'run_part', lambda part, seconds, out, tiny: dict(part=part, rows=[row(str(out))]))
    monkeypatch.setenv('OUT', str(tmp_path/'out'))
    gpu.main(['--tiny', '--board'])
    assert str(tmp_path/'out') in (tmp_path/'out'/'board.txt').read_text()
    monkeypatch.delenv('OUT')
    monkeypatch.chdir(tmp_path)
    gpu.main(['--tiny', '--part', 'memory'])
    assert str(tmp_path/'gpu-records') in (tmp_path/'gpu-records'/'results.txt').read_text()

def test_the_help_has_the_two_calls(capsys):
    with pytest.raises(SystemExit): gpu.main(['--help'])
    said = capsys.readouterr().out
    minutes = [float(o) for o in re.findall(r'tests/gpu.py (?:--board )?--minutes ([\d.]+) --out "\$OUT"', said)]
    assert len(minutes)==2 and max(minutes)*60+gpu.GRACE<=520 and sum(minutes)*60+2*gpu.GRACE<=720 # Of 600, and of 900 with two starts

def test_minutes_end_together(monkeypatch, tmp_path):
    "However long a part takes, those that follow share what is left"
    now,seen = [0.],{}
    class Now:
        def submit(self, f, *args):
            res = f(*args)
            return SimpleNamespace(result=lambda: res, exception=lambda: None, cancel=lambda: False, cancelled=lambda: False)
        def shutdown(self): pass
    def run_part(part, seconds, *args):
        seen[part] = seconds
        now[0] += seconds*took.get(part, 1)
        return dict(part=part, rows=[])
    monkeypatch.setattr(gpu, 'run_part', run_part)
    monkeypatch.setattr(gpu, 'ThreadPoolExecutor', lambda n: Now())
    monkeypatch.setattr(gpu.time, 'monotonic', lambda: now[0])
    def run(*args):
        now[0] = 0.
        seen.clear()
        gpu.main(['--tiny', '--out', str(tmp_path), *args])
    took = {}
    run('--minutes', '7')
    assert list(seen)==gpu.DEFAULT and list(seen.values())==pytest.approx([gpu.SECONDS[o] for o in gpu.DEFAULT])
    for took in (dict(correct=.5), dict(correct=1.3)):
        run('--minutes', '14')
        assert now[0]==pytest.approx(840) and seen['speed']/seen['recipe']==pytest.approx(gpu.SECONDS['speed']/gpu.SECONDS['recipe'])
    run('--minutes', '3', '--board')
    assert seen=={'board': pytest.approx(180)}

def test_tables_tell_what_records_tell_and_no_rehearsal(tmp_path):
    about = dict(device='H200', versions=dict(torch='2.11.0'), time='2026-01-02 03:04:05 +0000', ended='in time')
    rows = [row('giant: adamw, share of a copy', .9, '>= 0.85', True), row('a|b', 'c|d')]
    def write(part, **more): (tmp_path/f'{part}.json').write_text(json.dumps(dict(about, part=part, rows=rows, **more)))
    write('speed', tiny=False)
    write('recipe', tiny=True)
    (tmp_path/'board.json').write_text('{}')
    records = gpu_tables.read(tmp_path)
    assert list(records)==['speed'] and gpu_tables.full(records).count('Not measured.')==4
    said = gpu_tables.short(records)
    assert '| giant: adamw, share of a copy | 0.9 | >= 0.85 | yes |' in said and 'H200; torch 2.11.0; 2026-01-02; in time' in said
    assert 'Nothing has been measured' in gpu_tables.short({})

def test_the_notebooks_say_what_the_records_say():
    "The committed records, if there are any"
    records = gpu_tables.read(gpu_tables.ROOT/'nbs'/'evidence'/'gpu')
    for name,text in gpu_tables.NOTEBOOKS.items():
        cells = [''.join(c['source']) for c in json.loads((gpu_tables.ROOT/name).read_text(encoding='utf-8'))['cells']]
        assert text(records) in cells, f'run python tests/gpu.py --tables nbs/evidence/gpu: {name} says other than the records'

def test_a_notebook_without_a_place_for_the_table_is_named(tmp_path):
    (tmp_path/'a.ipynb').write_text('{"cells": []}')
    with pytest.raises(ValueError, match='a.ipynb has 0 cells that begin with'): gpu_tables.put(tmp_path/'a.ipynb', 'text')

# ---- the parts

class Rows(list):
    "A report in memory; its `times`, if there are any, are what is left at each question"
    def __init__(self, *times): self.times,self.about = list(times),dict(part='test')
    def left(self): return self.times.pop(0) if self.times else 1000.
    def add(self, what, value=None, bar=None, reached=None, **more): self.append(row(what, value, bar, reached))
    attempt = gpu.Report.attempt
    def told(self, what): return [(o['value'], o['reached']) for o in self if o['what'].startswith(what)]

@pytest.fixture
def as_on_gpu(monkeypatch):
    "Parts at their full size, but on the CPU; what `setup` changes is undone"
    with warnings.catch_warnings():
        for o,k in ((gpu_parts, 'tiny'), (gpu_parts, 'device'), (fused, 'MIN_WEIGHTS')): monkeypatch.setattr(o, k, getattr(o, k))
        monkeypatch.setitem(fused.backends, 'cpu', fused.backends['cpu'])
        threads = torch.get_num_threads()
        yield
        torch.set_num_threads(threads)

class Broken(TritonLauncher):
    @classmethod
    def build(cls, kernel): raise RuntimeError('Failed to find C compiler')

@pytest.mark.parametrize('begin', [gpu_parts.setup, gpu_parts.begin_worker])
def test_a_step_that_falls_back_is_no_kernel_that_is_right(as_on_gpu, monkeypatch, begin):
    "Neither in a part nor in its pool, although both are started with -W ignore"
    monkeypatch.setattr(fused, '_warned', set())
    warnings.simplefilter('ignore')
    begin(True)
    monkeypatch.setitem(fused.backends, 'cpu', Broken)
    name,found = gpu_parts.attempted('adamw')
    assert isinstance(found, str) and 'no fused kernel' in found

def test_nan_is_infinitely_bad(as_on_gpu, monkeypatch):
    exact = gpu_parts.trained
    def trained(rule, how, *args, **kwargs): return exact(rule, 'eager', *args, **kwargs)*(math.nan if how=='fused' else 1)
    monkeypatch.setattr(gpu_parts, 'trained', trained)
    found = gpu_parts.errors('adamw')
    assert {v for k,v in found.items() if k.startswith('fused')}=={math.inf} and len(found)==3*len(gpu_parts.CASES)
    assert all(v<=1 for k,v in found.items() if not k.startswith('fused'))
    gpu_parts.record_errors(rows := Rows(), dict(adamw=found))
    assert all(ok==(not o['what'].startswith('fused')) for o in rows for ok in [o['reached']])

def test_one_rule_does_not_hide_another():
    rows = Rows()
    gpu_parts.record_errors(rows, dict(adamw=dict(fused=.5), lamb=dict(fused=3.), soap=dict(fused=math.inf), muon='Traceback'))
    assert rows.told('fused: error')==[(math.inf, False)] and rows.told('fused: all that are larger')==[('soap inf, lamb 3', False)]
    assert rows.told('muon')==[('Traceback', False)]
    gpu_parts.record_errors(rows := Rows(), dict(adamw=dict(fused=.5)))
    assert rows.told('fused')==[(.5, True)]

@pytest.mark.parametrize('name', ['radam', 'deepmemory', 'muon'])
def test_engines_that_are_right_pass_in_float64(as_on_gpu, monkeypatch, name):
    "Two engines of the CPU differ by more than two units in the last place; and muon must not iterate in another dtype than on the CPU"
    given,trained = [],gpu_parts.trained
    monkeypatch.setattr(gpu_parts, 'CASES', [(torch.float64, 'plain', None)])
    monkeypatch.setattr(gpu_parts, 'trained', lambda rule, how, *args, ns_dtype=None, **kwargs: given.append(ns_dtype) or
        trained(rule, 'foreach' if how=='fused' else how, *args, **kwargs))
    assert max(gpu_parts.errors(name).values())<=1 and {*given}=={'weights' if name=='muon' else None}

def test_muon_is_the_same_however_its_weights_are_stacked():
    from memory import Subject
    assert Subject('muon', 'foreach', 'plain').opt.engine.options['ns_dtype']=='weights'

# Each function of a part, and what it calls for each rule
PER_RULE = dict(large_tensors='large_tensor', grad_scaler='skipped', graph_capture='replay_err', exact_resume='resumed',
    sweep='sweep_point', speed_of='step_speed')

@pytest.mark.parametrize('whole,one', PER_RULE.items())
def test_a_rule_that_fails_costs_only_its_own_row(as_on_gpu, monkeypatch, whole, one):
    calls,rows = [],Rows()
    def fails_first(report, *args):
        calls.append(args)
        if len(calls)==1: raise RuntimeError('illegal memory access')
        if whole=='sweep': args[2]['adamw', 512, len(calls)] = 1.
        report.add('done')
    monkeypatch.setattr(gpu_parts, one, fails_first)
    monkeypatch.setattr(gpu_parts, 'nets', lambda: dict(giant=[(3, 2)], xresnet50=[(3, 2)]))
    getattr(gpu_parts, whole)(rows, *(['xresnet50'] if whole=='speed_of' else []))
    assert len(calls)>=3 and len(rows.told('done'))==len(calls)-1
    assert [o['what'] for o in rows if o['reached'] is False]==[rows[0]['what']] and 'illegal memory access' in rows[0]['value']

def test_a_capture_that_fails_leaves_the_speeds(as_on_gpu, monkeypatch):
    weights = SimpleNamespace(ps=[torch.ones(3, 2).requires_grad_()], turn=lambda: None)
    monkeypatch.setattr(gpu_parts, 'medians', lambda fs, *args: {k: dict(ms=1., host=2., spread=[1., 1.]) for k in fs})
    monkeypatch.setattr(gpu_parts, 'timed', lambda f: (1., 1.))
    def fails(*args): raise RuntimeError('capture')
    monkeypatch.setattr(gpu_parts, 'replay_speed', fails)
    base = {k: None for k in ('copy', 'torch AdamW fused', 'torch AdamW foreach')}
    gpu_parts.step_speed(rows := Rows(), 'xresnet50', 'adamw', weights, base)
    assert rows.told('xresnet50: adamw replayed')==[('RuntimeError: capture', False)]
    assert rows.told('xresnet50: adamw over torch AdamW fused')==[(1., True), (1., True)] and rows.told('xresnet50: copy')

def test_a_late_sweep_keeps_its_rows(as_on_gpu, monkeypatch):
    monkeypatch.setattr(gpu_parts, 'nets', lambda: dict(giant=[(3, 2)]))
    monkeypatch.setattr(gpu_parts, 'medians', lambda *args: dict(ours=dict(ms=1.)))
    gpu_parts.sweep(rows := Rows(100., 100., 100., *[1.]*100))
    assert [v for v,_ in rows.told('sweep: adamw, blocks of 512, ')]+[v for v,_ in rows.told('sweep: adamw, blocks of 1024, 4')]==[1.]*3
    assert rows.told('sweep: fastest for adamw')==[('512 4', None)] and ('cut: no time was left', None) in rows.told('sweep: diffgrad')

def test_times_stop_in_time(as_on_gpu):
    calls,weights = [],SimpleNamespace(turn=lambda: None)
    def f():
        calls.append(1)
        time.sleep(.01)
    got = gpu_parts.medians(dict(f=f), weights, 10**6, .2)['f']
    assert 6<=len(calls)<100 and 10<=got['ms']<1000
    gpu_parts.medians(dict(f=f), weights, 10**6, 0.)
    calls.clear()
    gpu_parts.medians(dict(f=f), weights, 2)
    assert len(calls)==5

def test_what_is_wrong_for_good_is_not_tried_for_ever(as_on_gpu, monkeypatch):
    import memory
    def fails(*args): raise RuntimeError('illegal memory access')
    monkeypatch.setattr(memory, 'Subject', fails)
    gpu_parts.random_changes(rows := Rows())
    assert rows[-1]['value']=='20 wrong' and len(rows)==6

def test_large_tensors_are_tried_last(): assert gpu_parts.PARTS['correct'][-1][1] is gpu_parts.large_tensors

def test_the_code_is_that_of_the_tree(monkeypatch, tmp_path):
    gpu_parts.check_origin()
    monkeypatch.setattr(gpu_parts, 'ROOT', tmp_path)
    with pytest.raises(ImportError, match='not from'): gpu_parts.check_origin()

def test_loading_counts(tmp_path): assert gpu.Report(tmp_path/'a.json', 'memory', 100., time.monotonic()-30).left()<=70

def test_a_board_needs_all_images(tmp_path):
    for o in 'abc': (tmp_path/'train'/o).mkdir(parents=True)
    for o in 'abc': (tmp_path/'train'/o/'1.JPEG').touch()
    gpu_parts.check_images(tmp_path, 3)
    with pytest.raises(FileNotFoundError, match='3 of 9469'): gpu_parts.check_images(tmp_path)

def test_a_recipe_runs_steps_of_fastopt(): assert not gpu_parts.recipe_of()['opt'].startswith('fastai.')

# ---- what is packed

@pytest.fixture
def packed(tmp_path):
    "Pack ten images and a small tree, with a pip that downloads nothing"
    if not all(map(shutil.which, ('bash', 'git'))): pytest.skip('needs bash and git')
    tree,files = tmp_path/'tree',[f'imagenette2-160/{part}/a/{i}.JPEG' for part in ('train', 'val') for i in range(5)]
    for o in files:
        (tmp_path/o).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/o).write_bytes(os.urandom(10_000))
    with tarfile.open(tmp_path/'a.tgz', 'w:gz') as t: t.add(tmp_path/'imagenette2-160', 'imagenette2-160')
    for o in ('tests', '../bin'): (tree/o).mkdir(parents=True)
    (tree/'.gitignore').write_text('build/\n')
    shutil.copy(Path(gpu.__file__).with_name('gpu_pack.sh'), tree/'tests')
    subprocess.run(['git', 'init', '-q', tree], check=True)
    (tmp_path/'bin'/'python3').write_text("""#!/usr/bin/env bash
while [ $# -gt 1 ]; do case $1 in -d|-w) at=$2;; esac; shift; done
touch "$at/$(basename "$1").whl"
""")
    (tmp_path/'bin'/'python3').chmod(0o755)
    def run(dest, **env):
        env = {**os.environ, 'PATH': f"{tmp_path/'bin'}{os.pathsep}{os.environ['PATH']}", **env}
        return subprocess.run(['bash', 'tests/gpu_pack.sh', dest, tmp_path/'a.tgz'], cwd=tree, env=env, capture_output=True, text=True)
    return tree,files,run

def test_each_call_has_half_of_the_images_and_says_what_it_sends(packed):
    tree,files,run = packed
    (tree/'large').write_bytes(bytes(2<<20))
    o = run('build/gpu')
    assert o.returncode==0 and re.findall(r'^call (\d) sends 2.1 MiB: the tree 2.0', o.stdout, re.M)==['1', '2'], (o.stdout, o.stderr)
    halves = [tarfile.open(tree/'build'/'gpu'/i/'images.tgz').getnames() for i in '12']
    assert sorted(x.removeprefix('./') for half in halves for x in half)==sorted(files) and [*map(len, halves)]==[5, 5]
    assert all(sum('train' in x for x in half) in (2, 3) for half in halves)
    assert (tree/'build'/'gpu'/'1'/'whl'/'tree.whl').exists() and (tree/'build'/'gpu'/'2'/'whl'/'kornia_rs.whl').exists()

def test_packing_fails_if_a_call_would_send_too_much(packed):
    tree,_,run = packed
    o = run('build/gpu', LIMIT='50000')
    assert o.returncode==1 and 'call 1 sends too much' in o.stderr and 'call 2 sends too much' in o.stderr
    o = run('pieces')
    assert o.returncode==1 and 'pieces is in the tree, and git does not ignore it' in o.stderr
