"Names: code, docs and log mention only existing names of fastopt, no old ones, and no public name has two meanings"
import ast, fastopt, json, pkgutil, pytest, re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

root = Path(__file__).parents[1]
BOOKS = sorted((root/'nbs').rglob('*.ipynb'))
# `user.py` contains mistyped names on purpose
CODE = [o for d in ('tests', 'fastopt') for o in sorted((root/d).rglob('*.py')) if o.name not in ('_modidx.py', 'user.py')]
MODULES = [o.name for o in pkgutil.walk_packages(fastopt.__path__, 'fastopt.') if not o.ispkg and o.name!='fastopt._modidx']
REMOVED = [f'fastopt.{o}' for o in '''rules engine fused memory faces registry sgd adam classics diffgrad adamod qhadam lookahead momenta
    adabelief layerwise ranger21 lion adan clipping muon lean schedulefree shampoo yellowfin lrfree schedule schedules resume check native
    beyond landscapes bench train data recipe leaderboard board core.faces optim.momenta optim.lean optim.classics optim.lrfree
    training.beyond training.native vision.data vision.board evidence.check evidence.bench'''.split()]

def cells(nb, kind): return [''.join(o['source']) for o in json.loads(nb.read_text(encoding='utf-8'))['cells'] if o['cell_type']==kind]

def source(path):
    "The code in a module or notebook"
    if path.suffix=='.py': return path.read_text(encoding='utf-8')
    return '\n'.join(re.sub(r'^\s*[%!].*$', '', o, flags=re.M) for o in cells(path, 'code'))

def there(name):
    "Is `name` a module or an attribute of one?"
    parts = name.split('.')
    for i in range(len(parts), 0, -1):
        here = '.'.join(parts[:i])
        if find_spec(here) is None if i==1 else not (find_spec('.'.join(parts[:i-1])) and _has_module(here)): continue
        o = import_module(here)
        for k in parts[i:]:
            if not hasattr(o, k): return False
            o = getattr(o, k)
        return True
    return False

def _has_module(name):
    try: return find_spec(name) is not None
    except ModuleNotFoundError: return False

def imported(path):
    "What the code at `path` imports from fastopt, by full name"
    for o in ast.walk(ast.parse(source(path))):
        if isinstance(o, ast.Import): yield from (a.name for a in o.names if a.name.split('.')[0]=='fastopt')
        elif isinstance(o, ast.ImportFrom) and not o.level and (o.module or '').split('.')[0]=='fastopt':
            yield from (o.module if a.name=='*' else f'{o.module}.{a.name}' for a in o.names)

@pytest.mark.parametrize('path', [*BOOKS, *CODE], ids=lambda o: str(o.relative_to(root)))
def test_what_is_imported_is_there(path): assert not [o for o in dict.fromkeys(imported(path)) if not there(o)]

DOTTED = re.compile(r'(?<![\w/.-])fastopt(?:\.[A-Za-z_]\w*)+')

def prose(path):
    "The prose of a page, docstrings and comments included"
    if path.suffix=='.md': return path.read_text(encoding='utf-8')
    return '\n'.join(cells(path, 'markdown')) if path.suffix=='.ipynb' else source(path)

@pytest.mark.parametrize('path', [root/'README.md', root/'LOG.md', *BOOKS, *(o for o in CODE if 'fastopt' in o.relative_to(root).parts)],
    ids=lambda o: str(o.relative_to(root)))
def test_what_is_spoken_of_is_there(path):
    said = {o for o in DOTTED.findall(prose(path)) if not o.endswith(('.py', '.json', '.git'))
        and not o.startswith(('fastopt.github', 'fastopt.egg'))}
    assert not [o for o in sorted(said) if not there(o)]

@pytest.mark.parametrize('name', REMOVED)
def test_what_has_moved_is_gone(name): assert not _has_module(name)

LINK = re.compile(r'\]\(((?:\.\./)*[\w/]+\.ipynb)[)#]')

@pytest.mark.parametrize('path', BOOKS, ids=lambda o: str(o.relative_to(root)))
def test_links_between_notebooks(path):
    assert not [o for o in LINK.findall('\n'.join(cells(path, 'markdown'))) if not (path.parent/o).is_file()]

# ---- length of lines

WIDTH = 140

def too_long(path):
    "The lines of code in a module or notebook that are longer than `WIDTH`, with their numbers"
    text = path.read_text(encoding='utf-8') if path.suffix=='.py' else '\n'.join(cells(path, 'code'))
    return [(i, o) for i,o in enumerate(text.splitlines(), 1) if len(o)>WIDTH]

@pytest.mark.parametrize('path', [*BOOKS, *CODE], ids=lambda o: str(o.relative_to(root)))
def test_lines_fit(path): assert not too_long(path)

TWICE = {'SPELLING'} # Each backend has its own, of the same kind

def test_no_public_name_means_two_things():
    "Except for lists that `fastopt.cli` repeats so that it need not import anything; its tests check that they are equal"
    seen = {}
    for m in MODULES:
        if m in ('fastopt.cli', 'fastopt.all', 'fastopt.optim.all'): continue
        for k in import_module(m).__all__: seen.setdefault(k, []).append(m)
    assert not {k:v for k,v in seen.items() if len(v)>1 and k not in TWICE}

def bound_names(tree):
    "What the code of the syntax `tree` names: parameters, variables, functions and classes"
    for node in ast.walk(tree):
        if isinstance(node, ast.arg): yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store): yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)): yield node.name

CORE = [o for o in CODE if o.is_relative_to(root/'fastopt'/'core') and o.name!='__init__.py']

def test_core_is_written_in_words():
    "Single letters are those of the papers and of short loops; in fastai's optimizer.py they are 17% of the names"
    names = {path.name: list(bound_names(ast.parse(source(path)))) for path in CORE}
    single = {file: sum(len(name)==1 for name in found) for file,found in names.items()}
    assert sum(single.values())<=.12*sum(map(len, names.values()))
    assert not {file: f'{n} of {len(names[file])} names have one letter' for file,n in single.items() if n>.21*len(names[file])}
