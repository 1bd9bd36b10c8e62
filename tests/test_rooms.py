"Rooms are floors: a module imports nothing from a floor above its own"
import ast, pytest
from pathlib import Path

root = Path(__file__).parents[1]/'fastopt'
BELOW = dict(core={'core'}, optim={'core', 'optim'}, training={'core', 'optim', 'training'})
BELOW |= {room: {*BELOW['training'], room} for room in ('evidence', 'vision')}
# What belongs to no room and imports nothing of fastopt, such as `fastopt/foo.py`, may be imported from everywhere; the roof from nowhere
ROOF = {'all'}

def name_of(path): return '.'.join(('fastopt', *path.relative_to(root).with_suffix('').parts)).removesuffix('.__init__')

MODULES = {name_of(o): o for o in sorted(root.rglob('*.py')) if o.name!='_modidx.py'}

def imported(source, name, package=False):
    "All that the module `name` imports, wherever in its `source`, and strings that name a module, as `import_module` takes them"
    here = name.split('.') if package else name.split('.')[:-1]
    for o in ast.walk(ast.parse(source)):
        if isinstance(o, ast.Import): yield from (a.name for a in o.names)
        elif isinstance(o, ast.ImportFrom):
            at = '.'.join([*here[:len(here)-o.level+1], *([o.module] if o.module else [])]) if o.level else o.module
            yield from (f'{at}.{a.name}' for a in o.names)
        elif isinstance(o, ast.Constant) and isinstance(o.value, str) and o.value in MODULES: yield o.value

def above(source, name, package=False):
    "The imports of the module `name` from a room that is not below its own"
    room = name.split('.')[1] if name.count('.')>1 else None
    ours = (o.split('.') for o in imported(source, name, package) if o.startswith('fastopt.'))
    return sorted({'.'.join(o) for o in ours if o[1] in ROOF or o[1] in BELOW and o[1] not in BELOW.get(room, ())})

ROOMS = {k:v for k,v in MODULES.items() if k not in ('fastopt', 'fastopt.all')}

@pytest.mark.parametrize('name', ROOMS)
def test_a_module_imports_only_its_own_floor_and_those_below(name):
    path = ROOMS[name]
    assert above(path.read_text(encoding='utf-8'), name, path.name=='__init__.py')==[]

def test_every_module_has_a_room():
    "What has none, such as tools for commands, imports no room (the test above sees to it); there is no folder without a floor"
    assert {k.split('.')[1] for k in MODULES if k.count('.')>1}==set(BELOW)

@pytest.mark.parametrize('name,source', [('fastopt.core.a', 'from ..optim.adam import adam'), ('fastopt.core.backends.a', 'from ...optim import adam'),
    ('fastopt.optim.a', 'def f():\n    import fastopt.training.resume'), ('fastopt.training.a', 'from .. import evidence'), ('fastopt.evidence.a', 'from fastopt.vision.train import device'),
    ('fastopt.vision.a', "import_module('fastopt.evidence.landscapes')"), ('fastopt.core.a', 'def f():\n    import fastopt.all as every'), ('fastopt.vision.a', 'from ..all import sgd'),
    ('fastopt.a', 'from .core.rules import Rule')])
def test_an_import_from_above_is_seen(name, source): assert len(above(source, name))==1

@pytest.mark.parametrize('name,source', [('fastopt.core.a', 'from .rules import Rule\nimport torch'), ('fastopt.optim.a', 'from ..core.rules import Rule\nfrom .sgd import sgd'),
    ('fastopt.vision.a', 'from ..training.resume import *\nfrom ..tools import pick'), ('fastopt.core.a', 'from fastopt import __version__')])
def test_an_import_from_below_is_none(name, source): assert above(source, name)==[]
