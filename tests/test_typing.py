"""What type checkers, editors and `help` see: stubs agree with the code, and typical user code passes if it is correct and is flagged if
it is wrong"""
from fastcore.basics import first
from fastopt import DiffGrad, diffgrad
from importlib import import_module
from inspect import signature
from pathlib import Path
import fastopt, fastopt.all, json, os, pickle, pydoc, pytest, re, subprocess, sys
from stubs import INIT, MODULES, ROOT, path_of, render, render_all

USER = Path(__file__).parent/'typing'/'user.py'

def python(code, **kwargs): return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, **kwargs)

@pytest.mark.parametrize('name', MODULES)
def test_stub(name):
    module = import_module(f'fastopt.{name}')
    assert path_of(module).read_text(encoding='utf-8')==render(module), 'Stubs are made from the code: run `python tests/stubs.py`'

@pytest.mark.parametrize('name,text', [('all', render_all()), ('__init__', INIT)], ids=['all','fastopt'])
def test_stubs_of_the_roof(name, text): assert (ROOT/f'{name}.pyi').read_text(encoding='utf-8')==text, 'run `python tests/stubs.py`'

def test_no_other_stubs():
    made = {ROOT/'all.pyi', ROOT/'__init__.pyi', *(path_of(import_module(f'fastopt.{o}')) for o in MODULES)}
    assert {o for o in ROOT.rglob('*.pyi')} == made | {ROOT/'core'/'_types.pyi'}

@pytest.mark.long
def test_pyright(tmp_path):
    pytest.importorskip('pyright')
    pyright,env = [sys.executable, '-m', 'pyright'],dict(os.environ, PYRIGHT_PYTHON_IGNORE_WARNINGS='1')
    try: ready = subprocess.run([*pyright, '--version'], capture_output=True, text=True, env=env, timeout=120)
    except subprocess.TimeoutExpired as e: ready = subprocess.CompletedProcess(e.cmd, 1, '', str(e))
    why = f'pyright cannot be loaded here: {ready.stderr.strip()[-300:]}' # Its program is downloaded from npm at the first call
    if ready.returncode: pytest.fail(why) if os.environ.get('GITHUB_ACTIONS') else pytest.skip(why)
    # In another folder, so that fastopt is found as installed
    (tmp_path/'user.py').write_text(USER.read_text(encoding='utf-8'), encoding='utf-8')
    res = subprocess.run([*pyright, '--outputjson', '--pythonpath', sys.executable, 'user.py'], cwd=tmp_path, capture_output=True,
        text=True, env=env)
    seen = [(o['range']['start']['line']+1, o.get('rule')) for o in json.loads(res.stdout)['generalDiagnostics']]
    marks = [(i, re.search(r'# expect: (\w+)', line)) for i,line in enumerate(USER.read_text(encoding='utf-8').splitlines(), 1)]
    assert sorted(seen) == [(i, m[1]) for i,m in marks if m]

@pytest.mark.parametrize('code', ['from fastopt import diffgrad\ndiffgrad(', 'from fastopt.all import *\ndiffgrad('])
def test_completion(code, tmp_path):
    jedi = pytest.importorskip('jedi')
    found = {o.name: o.description for o in jedi.Script(code, path=tmp_path/'user.py', project=jedi.Project(tmp_path)).complete()}
    assert "in [0, 1)" in found['mom='] and "in [0, inf)" in found['wd='] and 'Literal[0, 1, 2]' in found['version=']
    assert 'how=' in found and 'weight_decay=' not in found

def test_completion_in_a_notebook():
    jedi = pytest.importorskip('jedi')
    names = {o.name for o in jedi.Interpreter('diffgrad(', [dict(diffgrad=diffgrad)]).complete()}
    assert {'mom=', 'wd=', 'lr='} <= names

def test_help():
    text = pydoc.render_doc(diffgrad, renderer=pydoc.plaintext)
    idea,rows = text.index(diffgrad.info['doc']),[text.index(f'| {k} ') for k in diffgrad.knobs]
    assert idea < min(rows) and all(text.count(f'| {k} ')==1 for k in diffgrad.knobs)
    assert first(diffgrad.knobs)=='lr' and rows==sorted(rows)
    assert '**hypers' not in text and 'chain of `terms`' not in text

def test_one_signature():
    "IPython's `diffgrad?` also shows the docstring of `__call__` if it differs"
    assert signature(diffgrad.__call__)==signature(diffgrad) and not diffgrad.__call__.__doc__
    assert list(signature(diffgrad).parameters)[:2]==['params', 'lr']

def test_class_tells_its_own_names():
    doc = DiffGrad.__doc__
    assert all(f'| {k} ' in doc for k in ('lr', 'betas[0]', 'betas[1]', 'weight_decay', 'eps')) and '| mom ' not in doc

def test_rules_of_the_package():
    assert fastopt.diffgrad is diffgrad is fastopt.all.diffgrad and pickle.loads(pickle.dumps(fastopt.diffgrad)) is diffgrad
    assert {'diffgrad', 'DiffGrad', 'opts', '__version__'} <= set(dir(fastopt))
    with pytest.raises(AttributeError, match='fastopt.all'): fastopt.difgrad
    with pytest.raises(ImportError): exec('from fastopt import difgrad')

def test_packages_of_the_package():
    from fastopt import evidence, vision
    assert evidence.__name__=='fastopt.evidence' and vision.__name__=='fastopt.vision' # A term is also called `evidence`

def test_import_stays_light():
    res = python("""import sys, fastopt
fastopt.__version__
from fastopt import training
assert not {'torch', 'fastai', 'fastopt.all'} & sys.modules.keys()""")
    assert not res.returncode, res.stderr
