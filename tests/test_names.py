"Names: code, docs and log mention only existing names of fastopt, no old ones, and no public name has two meanings"
import ast, fastopt, json, pkgutil, pytest, re
from importlib import import_module
from importlib.util import find_spec
from fastopt.cli import OPTS
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
# Names that were in modules which are still there
RENAMED = [f'fastopt.{o}' for o in '''cli.listed cli.declared core.fastai_face.untraced core.backends.numba.numba_installed
    vision.images.told_deeper vision.train.jumped vision.train.learnt_nothing vision.train.NothingLearnt vision.recipe.parse_hypers
    distributed.clock.first_heard distributed.peers.fewest_heard distributed.mixing.mixed distributed.transport.Broken
    distributed.transport.Heard distributed.commands.recorded distributed.commands.resumed distributed.commands.federated_of
    distributed.commands.flower_federated distributed.commands.parse_strategy training.lr_find.untouched optim.shampoo.merged
    optim.schedulefree.averaged optim.clipping.Clipped optim.learning_rate_free.evidence_sliced evidence.trials.clipped
    evidence.conformance.raised_by evidence.step_bench.faced evidence.step_bench.bytes_moved docs.patched'''.split()]

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

@pytest.mark.parametrize('name', RENAMED)
def test_what_was_renamed_is_gone(name): assert _has_module(name.rpartition('.')[0]) and not there(name)

LINK = re.compile(r'\]\(((?:\.\./)*[\w/]+\.ipynb)[)#]')

@pytest.mark.parametrize('path', BOOKS, ids=lambda o: str(o.relative_to(root)))
def test_links_between_notebooks(path):
    assert not [o for o in LINK.findall('\n'.join(cells(path, 'markdown'))) if not (path.parent/o).is_file()]

PICTURE = re.compile(r'!\[[^\]]+\]\(((?:\.\./)?images/\w+\.svg)\)')
TRACE = re.compile(r'^#+ One step of diffgrad|\bnotebooks\s+of\s+the\s+core\s+follow\b', re.M)

@pytest.mark.parametrize('path', [o for o in BOOKS if o.is_relative_to(root/'nbs'/'core')], ids=lambda o: str(o.relative_to(root)))
def test_core_notebooks_have_a_picture_and_the_trace(path):
    "Each opens with a drawn picture, and follows one step of `diffgrad`"
    title,picture,*text = cells(path, 'markdown')
    assert (found := PICTURE.match(picture)) and (path.parent/found[1]).is_file()
    assert any(map(TRACE.search, text))

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

# ---- past participles

IRREGULAR = set('''told kept made shown known given lent built sent spent lost left gone seen drawn taken written chosen broken frozen
    hidden held found done said laid paid meant dealt taught thought brought bought caught sought sold stuck struck learnt heard
    begun'''.split())
NO_PARTICIPLES = {'speed', 'seed', 'need', 'feed', 'embed', 'sched', 'fed'}
# First words after which a participle is an object, or says how it is done
VERBS = {'check', 'describe', 'is', 'load', 'make', 'note', 'refuse', 'run', 'time', 'train'}
AFTER = {'ahead', 'alone', 'as', 'at', 'by', 'deeper', 'from', 'in', 'nothing', 'of', 'on', 'out', 'to', 'together', 'with'} # No nouns
TERMS = dict(rectified='the term of the paper on RAdam', RMSpropCentered='the class of the rule rmsprop_centered')
TERMS |= dict(fused="PyTorch's word for one kernel, the name of an engine", Federated='federated learning')
TERMS |= dict(Borrowed='the type of a hyper of another term', Found='the type of the memo `found`')
TERMS |= dict.fromkeys(['DONE', 'ENDED'], 'messages of peers, by what they tell')
TERMS |= dict.fromkeys(['COMPARED', 'COMPOSED', 'WRITTEN', 'SUMMED_IN_KERNELS'], 'operations, by what is done in them')

def is_participle(word): return word in IRREGULAR or (word.endswith('ed') and len(word)>3 and word not in NO_PARTICIPLES)

def is_told_as_done(name):
    "Is `name` a past participle, alone, with its object before it, or with a word behind it that is no noun?"
    first,*rest = [o.lower() for o in re.findall('[A-Z]+(?![a-z])|[A-Z]?[a-z]+', name)] or ['']
    if is_participle((rest or [first])[-1]): return first not in VERBS or not rest
    return is_participle(first) and bool(rest) and rest[0] in AFTER

@pytest.mark.parametrize('module', MODULES)
def test_no_public_name_is_a_past_participle(module):
    "A function is named for what it does or returns, except for terms of the field"
    assert not [k for k in getattr(import_module(module), '__all__', []) if is_told_as_done(k) and k not in TERMS and k not in OPTS]

def test_participles_are_known():
    for o in ('listed', 'told_deeper', 'raised_by', 'bytes_moved', 'untouched', 'Clipped', 'NEEDED', 'learnt_nothing'):
        assert is_told_as_done(o)
    for o in ('speed', 'is_sharded', 'refuse_wrapped', 'settled_steps', 'FedAvg', 'decayed_names', 'kept_name', 'seed'):
        assert not is_told_as_done(o)
    assert {*TERMS}<={k for m in MODULES for k in getattr(import_module(m), '__all__', [])}
