"How `gpu.py` handles parts that fail, crash or hang, and the tables made of its records; `.ci/run` rehearses the parts themselves"
import json, textwrap
from pathlib import Path
import gpu, gpu_tables, pytest

def row(what, value=1., bar=None, reached=None): return dict(what=what, value=value, bar=bar, reached=reached)

HEAD = """import os, sys, time
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

def test_the_table_and_the_status_say_what_was_not_reached(monkeypatch, tmp_path, capsys):
    def run(reached):
        rows = [row('this', .5, '<= 1', reached), row('that', 'text')]
        monkeypatch.setattr(gpu, 'run_part', lambda part, *args: dict(part=part, device='a GPU', ended='in time', rows=rows))
        return gpu.main(['--tiny', '--out', str(tmp_path), '--part', 'correct', 'speed']),capsys.readouterr().out
    (good,said),(bad,worse) = run(True),run(False)
    assert (good,bad)==(0,1) and '4 results: 2 reached, 0 not' in said
    assert '4 results: 0 reached, 2 not' in worse and '<= 1         NO' in worse

def test_minutes_are_shared_out(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(gpu, 'run_part', lambda part, seconds, *args: seen.update({part: seconds}) or dict(part=part, rows=[]))
    gpu.main(['--tiny', '--minutes', '9', '--out', str(tmp_path)])
    assert sum(seen.values())==pytest.approx(540) and list(seen)==gpu.DEFAULT
    seen.clear()
    gpu.main(['--tiny', '--minutes', '3', '--board', '--out', str(tmp_path)])
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
