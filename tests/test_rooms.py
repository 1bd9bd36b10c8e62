"Layers: a module imports only from layers below its own; notebooks, modules and tests have the same folders"
import ast, pytest, re
from pathlib import Path

root = Path(__file__).parents[1]/'fastopt'
BELOW = dict(names={'names'}, files={'files'}, core={'names', 'files', 'core'}, cli={'names', 'cli'})
BELOW['optim'] = {*BELOW['core'], 'optim'}
BELOW['training'] = {*BELOW['optim'], 'training'}
BELOW |= {room: {*BELOW['training'], 'cli', room} for room in ('evidence', 'vision', 'distributed')}
BELOW['lists'] = {*BELOW['optim'], 'cli', 'lists'}
BELOW['__main__'] = {*BELOW['core'], 'cli', 'lists', '__main__'}
BELOW['new'] = BELOW['docs'] = {*BELOW, 'new', 'docs', 'all'} # They describe everything
ROOF = 'all' # It imports all layers, and no layer imports it

def name_of(path): return '.'.join(('fastopt', *path.relative_to(root).with_suffix('').parts)).removesuffix('.__init__')

MODULES = {name_of(o): o for o in sorted(root.rglob('*.py')) if o.name!='_modidx.py'}

def imported(source, name, package=False):
    "All imports of the module `name`, anywhere in its `source`, including strings that name a module, as `import_module` takes them"
    here = name.split('.') if package else name.split('.')[:-1]
    for o in ast.walk(ast.parse(source)):
        if isinstance(o, ast.Import): yield from (a.name for a in o.names)
        elif isinstance(o, ast.ImportFrom):
            at = '.'.join([*here[:len(here)-o.level+1], *([o.module] if o.module else [])]) if o.level else o.module
            yield from (f'{at}.{a.name}' for a in o.names)
        elif isinstance(o, ast.Constant) and isinstance(o.value, str) and o.value in MODULES: yield o.value

def above(source, name, package=False):
    "The imports of the module `name` from folders that are not below its own"
    below,ours = BELOW[name.split('.')[1]],[o for o in imported(source, name, package) if o.startswith('fastopt.')]
    return sorted({o for o in ours if (room := o.split('.')[1]) in (*BELOW, ROOF) and room not in below})

ROOMS = {k:v for k,v in MODULES.items() if k not in ('fastopt', f'fastopt.{ROOF}')}

@pytest.mark.parametrize('name', ROOMS)
def test_a_module_imports_only_its_own_floor_and_those_below(name):
    path = ROOMS[name]
    assert above(path.read_text(encoding='utf-8'), name, path.name=='__init__.py')==[]

FROM_ABOVE = [('core.a', 'from ..optim.adam import adam'), ('core.backends.a', 'from ...optim import adam'),
    ('cli', 'from .optim.sgd import sgd'), ('names', 'from .core.rules import Rule'), ('files', 'from .names import InputError'),
    ('optim.a', 'def f():\n    import fastopt.training.resume'), ('training.a', 'from .. import evidence'),
    ('training.a', 'from .. import cli'), ('evidence.a', 'from fastopt.vision.train import device'),
    ('vision.a', "import_module('fastopt.evidence.landscapes')"), ('vision.a', 'from ..all import sgd'),
    ('core.a', 'def f():\n    import fastopt.all as every')]
FROM_BELOW = [('core.a', 'from .rules import Rule\nfrom ..names import unknown\nimport torch'),
    ('core.a', 'from fastopt import __version__'), ('optim.a', 'from ..core.rules import Rule\nfrom .sgd import sgd'),
    ('vision.a', 'from ..training.resume import *\nfrom .. import cli')]

@pytest.mark.parametrize('name,source', FROM_ABOVE)
def test_an_import_from_above_is_seen(name, source): assert len(above(source, f'fastopt.{name}'))==1

@pytest.mark.parametrize('name,source', FROM_BELOW)
def test_an_import_from_below_is_none(name, source): assert above(source, f'fastopt.{name}')==[]

@pytest.mark.parametrize('name', ['fastopt.vision.recipe', 'fastopt.evidence.conformance', 'fastopt.all'])
def test_who_trains_with_any_rule_brings_the_callback_of_schedule_free_rules(name):
    "Their module cannot do this, because the callback is in a higher layer"
    assert any(o.startswith('fastopt.training.schedule_free') for o in imported(MODULES[name].read_text(encoding='utf-8'), name))

def test_notebooks_and_tests_have_the_rooms_of_the_modules():
    def rooms(at): return {o.parent.name for o in at}
    project,own = root.parent,{'tutorials', 'guides', 'board'}
    assert rooms(root.glob('*/*.py'))==rooms((project/'nbs').glob('*/*.ipynb'))-own==rooms((project/'tests').glob('*/test_*.py'))

def test_test_files_that_are_named_exist():
    project = root.parent
    prose = [project/'README.md', project/'LOG.md', *(project/'.github').rglob('*.yaml'), *(project/'nbs').rglob('*.ipynb'),
        *root.rglob('*.py')]
    named = {(o.name, path) for o in prose for path in re.findall(r'\btests/[\w/]+\.py\b', o.read_text(encoding='utf-8'))}
    assert len(named)>20 and not [o for o in named if not (project/o[1]).exists()]
