"The installed package agrees with settings.ini, and nothing is declared twice"
from configparser import ConfigParser
from fastopt.all import opts
from importlib.metadata import distribution
from nbdev.config import get_config, read_version
from packaging.requirements import Requirement
from pathlib import Path
from importlib import import_module
from inspect import ismodule
import ast, fastai.vision.all, fastopt.all, json, pkgutil, pytest, re, runpy, subprocess, sys, torch
from fresh import fresh
from readme import COUNTED, FILES, PICTURES, count_compared, render

root = Path(__file__).parents[1]
ini = ConfigParser(delimiters=['='])
ini.read_string((root/'settings.ini').read_text(encoding='utf-8'))
cfg = ini.defaults()
dist = distribution(cfg['lib_name'])
scripts = [o for o in dist.entry_points if o.group=='console_scripts']

def reqs(lines): return {str(Requirement(o)) for o in lines}

def test_name(): assert fastopt.__name__ == dist.name == get_config(root).lib_name == cfg['lib_name']

def test_version():
    assert fastopt.__version__ == dist.version == cfg['version'], 'After a change of settings.ini run `pip install -e .` again'

@pytest.mark.parametrize('field,value', [('Summary', cfg['description']), ('Author', cfg['author']),
    ('License-Expression', cfg['license']), ('Requires-Python', f'>={cfg["min_python"]}')])
def test_field(field, value): assert dist.metadata[field] == value

def test_requirements():
    extras = {k.removesuffix('_requirements'):v.split() for k,v in cfg.items() if k.endswith('_requirements')}
    def of_extra(o, k):
        name,_,marker = o.partition(';')
        return f'{name}; ({marker}) and extra == "{k}"' if marker else f'{o}; extra == "{k}"'
    want = cfg['requirements'].split() + [of_extra(o, k) for k,v in extras.items() for o in v]
    assert reqs(dist.requires) == reqs(want)
    assert set(dist.metadata.get_all('Provides-Extra')) == set(extras)

def code_of(path):
    "The Python code of a module or notebook"
    text = path.read_text(encoding='utf-8')
    if path.suffix=='.py': return text
    cells = [''.join(o['source']) for o in json.loads(text)['cells'] if o['cell_type']=='code']
    return '\n'.join(re.sub('^[ ]*[%!].*', '', o, flags=re.M) for o in cells if not o.startswith('%%'))

def too_new(code, oldest):
    "What in `code` the grammar of the Python `oldest` lacks, or `None`; `ast` accepts a star in an index whatever the version"
    try: tree = ast.parse(code, feature_version=oldest)
    except SyntaxError as e: return f'line {e.lineno}: {e.msg}'
    stars = [o.lineno for o in ast.walk(tree) if isinstance(o, ast.Subscript) and isinstance(o.slice, ast.Tuple)
        and any(isinstance(i, ast.Starred) for i in o.slice.elts)]
    return f'line {stars[0]}: a star in an index' if stars else None

OLDEST = tuple(map(int, cfg['min_python'].split('.')))

def test_the_grammar_is_that_of_the_oldest_python():
    found = {o.relative_to(root): too_new(code_of(o), OLDEST) for folder in ('fastopt', 'tests', 'nbs') for o in (root/folder).rglob('*')
        if o.suffix in ('.py', '.ipynb') and '.ipynb_checkpoints' not in o.parts}
    assert len(found)>300 and not {k:v for k,v in found.items() if v}

@pytest.mark.parametrize('code', ['d[1, *x]', 'try: pass\nexcept* ValueError: pass'])
def test_newer_grammar_is_found(code): assert too_new(code, OLDEST) and not too_new('d[(1,)+x]', OLDEST)

def test_the_standard_library_is_that_of_the_oldest_python(tmp_path):
    pytest.importorskip('vermin')
    (tmp_path/'new.py').write_text('from contextlib import chdir')
    def vermin(*paths):
        args = f'-t={cfg["min_python"]}-','--violations','--no-tips',*map(str, paths)
        return subprocess.run([sys.executable, '-c', 'import vermin; vermin.main()', *args], capture_output=True, text=True)
    new,ours = vermin(tmp_path),vermin(root/'fastopt', root/'tests')
    assert new.returncode and "'contextlib.chdir' member requires" in new.stdout
    assert not ours.returncode, ours.stdout

def text_without_encoding(code):
    "Lines that read or write text in the encoding of the machine"
    for o in ast.walk(ast.parse(code)):
        keys = {k.arg:k.value for k in getattr(o, 'keywords', ())}
        if not isinstance(o, ast.Call) or 'encoding' in keys: continue
        name = getattr(o.func, 'attr', getattr(o.func, 'id', ''))
        if name in ('read_text', 'write_text'): yield o.lineno
        if name!='open': continue
        own = isinstance(o.func, ast.Attribute) # Of a path; those of archives and images are binary
        mode = keys.get('mode', next(iter(o.args[0 if own else 1:]), None))
        known = getattr(mode, 'value', '' if own else 'r')
        if 'newline' in keys or isinstance(known, str) and set(known)<=set('rwaxt+') and known: yield o.lineno

@pytest.mark.parametrize('path', sorted((root/'fastopt').rglob('*.py')), ids=lambda o: o.stem)
def test_text_has_an_encoding(path): assert not [*text_without_encoding(path.read_text(encoding='utf-8'))]

@pytest.mark.parametrize('code', ["open('a')", "open('a', 'w')", "open('a', mode='a')", "p.open('w')", "p.open(newline='')",
    'p.read_text()', "p.write_text('x')"])
def test_text_without_an_encoding_is_found(code): assert [*text_without_encoding(code)]==[1]

@pytest.mark.parametrize('code', ["open('a', 'rb')", "p.open('rb')", 'link.open(x)', 'Image.open(f)', "p.read_text(encoding='utf-8')"])
def test_what_is_no_text_or_has_an_encoding(code): assert not [*text_without_encoding(code)]

def test_scripts(): assert {f'{o.name}={o.value}' for o in scripts} == set(cfg['console_scripts'].split())

@pytest.mark.parametrize('script', scripts, ids=lambda o: o.name)
def test_script_loads(script): assert callable(script.load())

@pytest.mark.parametrize('name', ['pyproject.toml', 'setup.py', 'fastopt/__init__.py'])
def test_no_version_elsewhere(name): assert not re.findall(r'(?<!Python :: )\b\d+\.\d+', (root/name).read_text(encoding='utf-8'))

def test_editable_is_seen_by_tools():
    "Type checkers and editors follow a path, but not an import hook"
    if not json.loads(dist.read_text('direct_url.json') or '{}').get('dir_info', {}).get('editable'):
        pytest.skip('not installed by `pip install -e .`')
    assert [Path(o.locate().read_text().strip()) for o in dist.files if o.suffix=='.pth'] == [root], 'Run `pip install -e .` again'

def test_export_adds_no_version(): assert read_version(root/'fastopt') is None

def test_readme_names_every_rule():
    text = (root/'README.md').read_text(encoding='utf-8')
    assert not [o for o in opts().index if f'`{o}`' not in text]

@pytest.mark.parametrize('name', 'readme stubs replay record notebooks'.split())
def test_help_of_a_script_writes_nothing(name):
    def times(): return {o: o.stat().st_mtime_ns for o in (root/'README.md', *(root/'fastopt').rglob('*.pyi'))}
    before = times()
    res = fresh(f"import runpy; runpy.run_path({str(root/'tests'/f'{name}.py')!r}, run_name='__main__')", '--help', path=[root/'tests'])
    assert not res.returncode and 'usage: ' in res.stdout and '--help' in res.stdout and times()==before, res.stderr

def test_readme_counts_what_is_compared(tmp_path):
    for o in (*COUNTED, 'fastopt/replayed.json'):
        (tmp_path/o).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/o).write_text((root/o).read_text(encoding='utf-8'), encoding='utf-8')
    count_compared(tmp_path)
    assert all((tmp_path/o).read_bytes()==(root/o).read_bytes() for o in COUNTED)
    (tmp_path/'fastopt'/'replayed.json').write_text('{"adam": [1, 1], "sgd": [2, 2], "not_a_rule": [1, 1]}')
    count_compared(tmp_path)
    assert all('2 of them are compared, step by step' in (tmp_path/o).read_text(encoding='utf-8') for o in COUNTED)

def test_readme():
    same = (root/'README.md').read_text(encoding='utf-8') == render(root/'nbs'/'index.ipynb')
    assert same, 'README.md is made from nbs/index.ipynb: run `python tests/readme.py`'

def test_links_of_the_readme_are_addresses_of_files_that_are_there():
    text = (root/'README.md').read_text(encoding='utf-8')
    links = re.findall(r'\]\(([^)\s]+)\)', text)
    assert all(o.startswith('https://') for o in links) and len(text.splitlines())<120
    ours = [o.removeprefix(p).split('#')[0] for o in links for p in (FILES, PICTURES) if o.startswith(p)]
    assert len(ours)>40 and not [o for o in ours if not (root/o).is_file()]

@pytest.mark.parametrize('nb', sorted((root/'nbs').rglob('*.ipynb')), ids=lambda o: o.stem)
def test_outputs_name_no_machine(nb):
    outputs = [json.dumps(c.get('outputs', [])) for c in json.loads(nb.read_text(encoding='utf-8'))['cells']]
    assert not [o[:300] for o in outputs if 'site-packages' in o or '/tmp/' in o]

core = sorted((root/'nbs'/'core').rglob('*.ipynb'))
pictures = runpy.run_path(str(root/'nbs'/'core'/'images'/'draw.py'))

def test_pictures_are_as_drawn():
    for k,o in pictures['PICTURES'].items():
        svg = (root/'nbs'/'core'/'images'/f'{k}.svg').read_text(encoding='utf-8')
        assert svg == pictures['picture'](*o), f'{k}.svg: run `python nbs/core/images/draw.py`'

def test_each_core_notebook_opens_with_its_picture():
    shown = [re.search(r'\]\(([^)]*)\.svg\)', ''.join(json.loads(o.read_text(encoding='utf-8'))['cells'][1]['source'])) for o in core]
    assert all(shown) and sorted(Path(o[1]).name for o in shown) == sorted(pictures['PICTURES'])
    for o,m in zip(core, shown): assert (o.parent/f'{m[1]}.svg').is_file()

@pytest.mark.parametrize('mark', ['full', 'integrations'])
def test_as_many_cases_have_passed_as_there_are(mark, request):
    "What the default run may lack, of the files that this run looked at"
    def here(counts): return {k:n for k,n in counts.items() if k.split('::')[0] in request.config.whole_files}
    recorded = {k:o['passed'] for k,o in json.loads((root/'tests'/f'{mark}_counts.json').read_text()).items()}
    now,then = here(request.config.marked_cases[mark]),here(recorded)
    grown = sorted(k for k in {*now,*then} if now.get(k)!=then.get(k))
    paths = {o.name: o.relative_to(root) for o in (root/'tests').rglob('test_*.py')}
    again = ' '.join(f'{paths[f]}::{t}' for f,_,t in (o.partition('::') for o in grown if o in now))
    assert not grown, (f"tests/{mark}_counts.json counts other cases of {', '.join(grown)}: run "
        f"`{f'pytest -q -m {mark} {again}'.strip()}`, which writes that file, and commit it")

# ---- names in a star import

OWN = {'Adam', 'SGD', 'RAdam', 'QHAdam', 'ranger'} # Optimizers of fastai that ours replace
exported = {k:o for k,o in vars(fastopt.all).items() if not k.startswith('_')}
WORDS = set("""Rule Route route matrices hidden_matrices term each Across Borrowed Memo Range OneOf Whole NonNeg Pos Unit Share Count
    Steps Flag Finite zeros clone ema_ ema_sqr_ unbias unbias_root at_least root cond larger smaller norm mean row_mean decay shrink
    descend maximize centralize lookahead friction trust cautious agc stabilize heavy_ball clip_norm clip_value clip_coords opts
    check_optimizer wd_report stepper flat_cos fc_scheds plot_fc Schedule save_schedules load_schedules plot_schedule plateau warmup_steps
    warmup_fc wsd explore cos_restarts demon sgd_rates SwitchOpt switch_opt SaveResume ScheduleFree SAM Closure ReleaseGrads PureBF16
    release_gradients
    SophiaHessian learn_curvature exp_betas aggmo_of plot_landscape plot_paths animate_paths surface_html lr_sweep lr_wd_sweep Problem
    WeightPath plot_loss_plane RateHistogram plot_rates compare WatchUpdates WatchFriction WatchBound WatchClip Sharpness MoNNA
    MixWithPeers TCPLink ClusterLink Federated""".split())

def test_a_star_import_brings_rules_classes_and_what_is_typed():
    classes = {k for k,o in exported.items() if isinstance(o, type) and issubclass(o, torch.optim.Optimizer)}
    assert set(exported)==set(opts().index) | classes | WORDS
    assert classes=={o for m in pkgutil.iter_modules([str(root/'fastopt'/'optim')])
        for o,c in vars(import_module(f'fastopt.optim.{m.name}')).items() if isinstance(c, type) and issubclass(c, torch.optim.Optimizer)
        and c.__module__==f'fastopt.optim.{m.name}'}

def test_a_star_import_brings_no_module(): assert not [k for k,o in exported.items() if ismodule(o)]

def test_a_star_import_replaces_only_optimizers_of_fastai():
    theirs = {k:o for k,o in vars(fastai.vision.all).items() if not k.startswith('_')}
    assert {k for k,o in exported.items() if k in theirs and theirs[k] is not o}==OWN
    assert all(f'`{k}`' in (root/'README.md').read_text(encoding='utf-8') for k in OWN)

@pytest.mark.filterwarnings('ignore')
def test_the_examples_of_the_readme_run_as_they_are():
    blocks,names = re.findall(r'```python\n(.*?)```', (root/'README.md').read_text(encoding='utf-8'), re.S),{}
    for o in blocks:
        exec(o, names)
        names.setdefault('model', torch.nn.Linear(2, 1))
    assert len(blocks)==2 and names['learn'].recorder.values[-1][-1]>.93 # Three runs ended at 0.97
    assert type(names['opt']) is fastopt.all.DiffGrad
