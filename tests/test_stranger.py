"A stranger's first hour: its commands and code come from the pages, and its last run is recorded. The run itself is weekly"
import json, os, re, shutil, signal, subprocess, sys, time
import pytest
from pathlib import Path
from stranger import INSTALL, LIMIT, RECORD, ROOT, STEPS, Step, Stumble, all_passed, compare_training, go, plan

PAGES = ['README.md', 'nbs/docs.ipynb', *(f'nbs/{o}.ipynb' for o in ('tutorials/own_folder', 'tutorials/write_your_own_rule',
    'guides/check_your_optimizer', 'guides/leaderboard_row'))]

@pytest.fixture
def tree(tmp_path):
    "The pages alone, as a repository"
    tree = tmp_path/'tree'
    for o in PAGES:
        (tree/o).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT/o, tree/o)
    return tree

def change(tree, page, old, new):
    text = (tree/page).read_text(encoding='utf-8')
    assert old in text
    (tree/page).write_text(text.replace(old, new), encoding='utf-8')

def test_every_command_is_on_a_page():
    said,steps = ''.join((ROOT/o).read_text(encoding='utf-8') for o in PAGES),plan(ROOT)
    assert ['clone', *steps]==STEPS
    for step in steps.values():
        for o in step.commands:
            stem = o.replace(str(ROOT), 'git+').replace('my_rule:signum --lr 1e-3', 'my_package.my_module') # What is replaced in commands
            assert stem in said or o.removeprefix('python ') in step.files, o

@pytest.mark.parametrize('page,old', [('README.md','pip install git+'), ('README.md','```python\nfrom fastai'), ('README.md','```\nepoch'),
    ('README.md','`fastopt-docs'), ('nbs/docs.ipynb',"pip install 'fastopt[docs]'"),
    ('nbs/tutorials/own_folder.ipynb','fastopt-train --data'),
    ('nbs/tutorials/write_your_own_rule.ipynb','@term'), ('nbs/guides/check_your_optimizer.ipynb','check_optimizer(diffgrad)'),
    ('nbs/guides/check_your_optimizer.ipynb','fastopt-check my_package'),
    ('nbs/guides/leaderboard_row.ipynb','fastopt-leaderboard export')])
def test_a_page_that_lacks_a_step_is_named(page, old, tree):
    plan(tree)
    change(tree, page, old, '…')
    with pytest.raises(Stumble, match=f'{Path(page).name} has no '): plan(tree)

@pytest.mark.parametrize('says,text', [('', 'epoch a loss time\n0 1 .5 00:00\rEpoch 2/10: ---\r1 1 .6 00:01\n'),
    ('no table', 'epoch loss a\n1 1 .6'), ('epoch 1 is not', 'epoch a loss\n0 1 .6'), ('the accuracy is 0.500', 'epoch a loss\n1 1 .5')])
def test_an_output_is_compared_as_far_as_the_page_claims(says, text):
    fault = compare_training('epoch a loss\n1 1 .61\n')(text, None)
    assert says in fault and bool(says)==bool(fault)

@pytest.mark.parametrize('text', ['', '9 of 9 checks passed\n8 of 9 checks passed', 'no report'])
def test_a_failed_check_of_the_own_rule_is_a_fault(text):
    assert all_passed(text, None) and not all_passed('9 of 9 checks passed, 1 do not apply', None)

def test_a_failure_names_step_command_and_output(tmp_path):
    with pytest.raises(Stumble) as e: go('board', Step(['echo first', 'echo second; exit 3']), None, tmp_path)
    assert e.value.args==('board: echo second; exit 3 (exit status 3)', 'second\n')
    with pytest.raises(Stumble, match='board: true: no picture'): go('board', Step(['true'], check=lambda *o: 'no picture'), None, tmp_path)
    assert len(go('board', Step(['grep x f'], {'f':'x'}), None, tmp_path))==2

def start(tree, tmp_path, code):
    "The script in a process of its own, where the example of the README starts with `code`"
    (tmp_path/'tmp').mkdir()
    change(tree, 'README.md', '```python\nfrom fastai', f'```python\n{code}\nfrom fastai')
    commands = 'init -q', 'add -A', '-c user.name=x -c user.email=x@x.org commit -qm x'
    for o in commands: subprocess.run(['git', *o.split()], cwd=tree, check=True)
    return subprocess.Popen([sys.executable, ROOT/'tests'/'stranger.py', tree, '--python', sys.executable], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, 'TMPDIR':str(tmp_path/'tmp')},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) # A job in the background of a shell ignores it

def test_the_script_ends_with_the_first_failure(tree, tmp_path):
    job = start(tree, tmp_path, "raise SystemExit('the example is wrong')")
    said = job.communicate(timeout=60)[0]
    assert job.returncode==1 and re.search(r'^clone +\d', said) and not [*(tmp_path/'tmp').iterdir()]
    assert said.endswith('FAILED first training: python example.py (exit status 1)\nthe example is wrong\n')

def test_ctrl_c_ends_everything_and_leaves_nothing(tree, tmp_path):
    beat = tmp_path/'beat'
    job = start(tree, tmp_path, f"import time\nwhile True: print(1, file=open({str(beat)!r}, 'a')); time.sleep(.1)")
    for _ in range(300):
        if beat.exists(): break
        time.sleep(.1)
    job.send_signal(signal.SIGINT)
    said = job.communicate(timeout=60)[0]
    assert job.returncode==130 and 'interrupted' in said and 'Traceback' not in said and not [*(tmp_path/'tmp').iterdir()]
    size = beat.stat().st_size
    time.sleep(1)
    assert beat.stat().st_size==size # The example has ended, too

def test_the_last_run_took_less_than_ten_minutes():
    run = json.loads(RECORD.read_text(encoding='utf-8'))
    beyond = {k:v for k,v in run['processors'].items() if k not in INSTALL}
    said = 'the steps have changed: run python tests/stranger.py --record'
    assert [*run['seconds']]==[*run['processors']]==STEPS and min(beyond.values())>0, said
    assert run['total']==pytest.approx(sum(beyond.values())) and run['total']<LIMIT==600
    assert re.fullmatch('[0-9a-f]{40}', run['commit']) and {'python','torch','fastai','fastopt'}<=run['versions'].keys()
