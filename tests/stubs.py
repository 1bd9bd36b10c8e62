"""Make the stubs (`.pyi`) of modules whose rules, classes and patches are invisible to type checkers and editors: python tests/stubs.py

A rule gets its own class, whose `__call__` has the rule's hypers; a class for PyTorch gets its `__init__`."""
from fastcore.script import call_parse
from fastopt.core.groups import torch_names
from fastopt.core.rules import OneOf, Range, Rule, Term, Whole
from fastopt.core.torch_face import TorchOptimizer, _only_if
from importlib import import_module
from inspect import Parameter, cleandoc, getsource, isfunction, signature
from math import isfinite
from pathlib import Path
from textwrap import dedent, fill, indent
from types import GenericAlias
import ast, sys, fastopt.all # chkstyle: ignore - loads all patches

ROOT = Path(__file__).parents[1]/'fastopt'
MODULES = ['core.rules', 'core.fastai_face', 'core.torch_face',
    *(f'optim.{o.stem}' for o in sorted((ROOT/'optim').glob('[!_]*.py')) if o.stem!='all')]
ALIASES = 'Hyper', 'How', 'LowP', 'Number', 'Params'
MANNER = dict(how='How', lowp='LowP', skip_nonfinite='bool', state_dtype='torch.dtype | None', capturable='bool')
SPECIAL = ('__init__', '__call__', '__iter__', '__contains__', '__getitem__', '__setitem__')
FLOORS = tuple(f'fastopt.{o}.' for o in ('core', 'optim', 'training')) # Loaded by `fastopt.all`

# fastai declares `opt_func` of its `Learner` as an optimizer instead of a function that makes one, so a rule must be accepted as any type
BASES = {Rule: 'Any'}

def path_of(module):
    "Path of the stub of `module`"
    return Path(module.__file__).with_suffix('.pyi')

def _default(v):
    "`v` as source, without the last digits of a float, which processors round differently"
    if isinstance(v, tuple): return f"({', '.join(map(_default, v))}{',' if len(v)==1 else ''})"
    if type(v) is float: return repr(float(f'{v:.12g}')) if isfinite(v) else '...'
    return repr(v) if v is None or type(v) in (bool, int, str) else '...'

def _choices(r):
    "The type of a value in the range `r` of an option"
    if isinstance(r, Whole): return 'int'
    return 'bool' if r.choices==(False, True) and type(r.choices[0]) is bool else f"Literal[{', '.join(map(repr, r.choices))}]"

def _type(o):
    "The annotation `o` as source; `Any` if there is none"
    if o is Parameter.empty or o is None: return 'Any'
    if isinstance(o, GenericAlias): return f"{_type(o.__origin__)}[{', '.join(map(_type, o.__args__))}]"
    if not isinstance(o, type): return 'Any'
    return o.__qualname__ if o.__module__=='builtins' else f'{o.__module__}.{o.__qualname__}'

def _doc(text): return '"""' + cleandoc(text or '').replace('\\', '\\\\').replace('"""', "'''") + '"""'

def _def(name, params, returns, doc=''):
    "A function as source, with one parameter per line if there are many"
    long = len(params)>6 or sum(map(len, params))>100
    args = ''.join(f'\n    {o},' for o in params)+'\n' if long else ', '.join(params)
    return f'def {name}({args}) -> {returns}:' + (f'\n{indent(_doc(doc), "    ")}' if doc else ' ...')

def _params(f):
    "The parameters of the function `f` as source"
    res,ps = [],list(signature(f).parameters.values())
    for i,o in enumerate(ps):
        if o.kind==o.KEYWORD_ONLY and not any(p.kind in (o.VAR_POSITIONAL, o.KEYWORD_ONLY) for p in ps[:i]): res.append('*')
        if o.name=='self' and not i: res.append('self')
        else: res.append({o.VAR_POSITIONAL:'*', o.VAR_KEYWORD:'**'}.get(o.kind, '') + f"{o.name}: {_type(o.annotation)}" +
            ('' if o.default is o.empty else f' = {_default(o.default)}'))
        if o.kind==o.POSITIONAL_ONLY and (i+1==len(ps) or ps[i+1].kind!=o.kind): res.append('/')
    return res

def _function(name, f): return _def(name, _params(f), 'None' if name=='__init__' else _type(signature(f).return_annotation), f.__doc__)

def _knob(rule, k, kind, name=None):
    "The type and the range of the hyper or option `k` of `rule`; a hyper has the type `kind`"
    r = rule.ranges[k]
    return _choices(r) if isinstance(r, OneOf) else f'Annotated[{kind}, {str(r)!r}]'

def _told_doc(rule, called):
    "The idea of `rule`, and the description of each hyper and option, in the form in which editors look for parameters"
    seen = [(called.get(k, k), rule.docs.get(k) or k, str(rule.ranges[k])) for k in rule.knobs]
    return '\n'.join([rule.info['doc'], '', *(f'{k}: {doc} ({r})' for k,doc,r in seen)])

def _also(rule, taken):
    "Keywords that `rule` takes besides its hypers and options"
    return [*(f'{k}: Number | None = ...' for k in rule.spellings if k not in taken),
        *(f'{k}: Any = ...' for k in rule.variants if k not in taken)]

def _manner(rule): return [f'{k}: {MANNER[k]} = {_default(v)}' for k,v in rule.manner.items()]

def _rule(name, rule):
    "A class for `rule`, and the rule as its instance"
    knobs = {k: f"{k}: {_knob(rule, k, 'Hyper')}{' | None' if k=='lr' else ''} = {_default(v)}" for k,v in rule.knobs.items()}
    first = [knobs.pop('lr')] if 'lr' in knobs else []
    call = _def('__call__', ['self', 'params: Params', *first, '*', *knobs.values(), *_also(rule, rule.knobs), *_manner(rule)],
        'FastOptimizer', _told_doc(rule, {}))
    return f"class _{name}({type(rule).__name__}):\n{indent(call, '    ')}\n{name}: _{name}\n{_doc(rule.__doc__)}"

def _torch_type(cls, k):
    "The type of the argument `k` of the class `cls`"
    rule,h = cls.rule,cls.keys.get(k, k)
    if k in rule.options: return f'{_choices(rule.ranges[k])} | None'
    if isinstance(h, str): return _knob(rule, h, 'Number') + (' | None' if k=='lr' else '')
    pair = ', '.join('Number | None' if k=='eps' and not i else _knob(rule, o, 'Number') for i,o in enumerate(h))
    return f"tuple[{pair}] | list[Any]{' | Number' if k in rule.hypers else ''}"

def _torch(name, cls):
    "The class `cls` for PyTorch with its `__init__`"
    rule,ps = cls.rule,{k:o for k,o in cls.__signature__.parameters.items() if k!='params' and k not in cls.rule.manner}
    line = {k: f'{k}: {_torch_type(cls, k)} = {_default(o.default)}' for k,o in ps.items()}
    placed,named = ([line[k] for k,o in ps.items() if (o.kind==o.POSITIONAL_OR_KEYWORD)==b] for b in (True, False))
    theirs = {k:only for k,(only,_) in _only_if(rule, rule.hypers).items() if k not in ps and k not in rule.spellings}
    if 'wd' in rule.hypers and 'decoupled_weight_decay' not in ps: theirs.setdefault('decoupled_weight_decay', ...)
    theirs = [f"{k}: {'Any' if isinstance(v, tuple) else 'bool'} = {_default(v)}" for k,v in theirs.items()]
    also = [*_also(rule, ps), 'foreach: bool | None = None', 'fused: bool | None = None', *theirs]
    init = _def('__init__', ['self', 'params: ParamsT', *placed, '*', *named, *also, *_manner(rule)], 'None',
        _told_doc(rule, torch_names(cls.keys)))
    return f"class {name}(TorchOptimizer):\n{indent(_doc(cls.__doc__), '    ')}\n{indent(init, '    ')}"

def _stored(f):
    "The attributes of `self` that the function `f` writes to"
    try: tree = ast.parse(dedent(getsource(f)))
    except (OSError, TypeError, SyntaxError): return set()
    return {o.attr for o in ast.walk(tree) if isinstance(o, ast.Attribute) and isinstance(o.ctx, ast.Store)
        and getattr(o.value, 'id', '')=='self'}

def _member(k, v):
    "The attribute `k` of a class as source"
    if isinstance(v, property): return f'{k}: Any' if v.fset else '@property\n' + _def(k, ['self'], 'Any', v.__doc__)
    for o in (staticmethod, classmethod):
        if isinstance(v, o): return f'@{o.__name__}\n' + _function(k, v.__func__)
    return _function(k, v) if isfunction(v) else f'{k}: Any'

def _class(name, cls):
    "The class `cls` with its methods, including patched ones, and its attributes"
    own = {k:v for k,v in vars(cls).items() if k in SPECIAL or not k.startswith('_')}
    def functions(v): return [o for o in (v, *(getattr(v, k, None) for k in ('fget', 'fset', '__func__'))) if isfunction(o)]
    own = {k:v for k,v in own.items() if all(f.__module__.startswith(FLOORS) for f in functions(v))}
    for f in [f for v in vars(cls).values() for f in functions(v)]:
        own |= {k:None for k in _stored(f) if not k.startswith('_') and k not in own}
    bases = ', '.join(_type(o) for o in cls.__bases__ if o is not object) or BASES.get(cls, '')
    body = [_doc(cls.__doc__), *(_member(k, v) for k,v in sorted(own.items()))]
    return f"class {name}{f'({bases})' if bases else ''}:\n" + indent('\n'.join(body), '    ')

def _public(name, o):
    "The stub text of `o`, a public `name` of its module"
    if isinstance(o, Rule): return _rule(name, o)
    if isinstance(o, Term): return f'{name}: Term\n{_doc(o.__doc__)}'
    if isinstance(o, Range): return f"{name}: TypeAlias = {'int' if o.whole else 'float'} # {o}"
    if isinstance(o, OneOf): return f'{name}: TypeAlias = {_choices(o)}'
    if isinstance(o, type): return _torch(name, o) if issubclass(o, TorchOptimizer) and o.rule else _class(name, o)
    if callable(o) and hasattr(o, '__name__'): return _function(name, o)
    return f'{name}: {_type(type(o)) if type(o) in (str, int, float, bool) else "Any"}'

def render(module):
    "The stub of `module`, with all its public names"
    body = '\n\n'.join(_public(k, getattr(module, k)) for k in module.__all__).replace(f'{module.__name__}.', '')
    known = dict(Rule='fastopt.core.rules', Route='fastopt.core.rules', Term='fastopt.core.rules', FastOptimizer='fastopt.core.fastai_face',
        TorchOptimizer='fastopt.core.torch_face', ParamsT='torch.optim.optimizer', **dict.fromkeys(ALIASES, 'fastopt.core._types'),
        **dict.fromkeys(('Annotated', 'Any', 'Literal', 'TypeAlias'), 'typing'))
    nodes,froms = list(ast.walk(ast.parse(body))),{}
    for k in sorted({o.id for o in nodes if isinstance(o, ast.Name)} & known.keys() - set(module.__all__)):
        froms.setdefault(known[k], []).append(k)
    dotted = {ast.unparse(o.value) for o in nodes if isinstance(o, ast.Attribute)}
    lines = [f"from {m} import {', '.join(ks)}" for m,ks in sorted(froms.items())]
    lines += [f'import {o}' for o in sorted(dotted) if o in sys.modules and not any(p.startswith(f'{o}.') for p in dotted)]
    names = fill(f'__all__ = {module.__all__!r}', 140, subsequent_indent='    ')
    head = '# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`'
    return '\n'.join([head, *lines, '', names, '', body, ''])

def render_all():
    "The stub of `fastopt.all`: its imports, marked as re-exports, as type checkers require for a package with `py.typed`"
    nodes = ast.parse(Path(fastopt.all.__file__).read_text(encoding='utf-8')).body
    froms = [o for o in nodes if isinstance(o, ast.ImportFrom) and not o.names[0].asname] # Modules with private names only patch
    for o in froms: o.names = [ast.alias(a.name, a.name) for a in o.names]
    lines = [fill(ast.unparse(o).replace('import ', 'import (', 1) + ')', 140, subsequent_indent='    ') for o in froms]
    return '\n'.join(['# Made by tests/stubs.py from all.py: run `python tests/stubs.py`', *lines, ''])

INIT = '# Made by tests/stubs.py: what is in `fastopt.all` is in `fastopt`, too\nfrom fastopt.all import *\n\n__version__: str\n'

@call_parse
def main():
    "Make the stubs (`.pyi`) in fastopt, which tell type checkers and editors the hypers of rules and classes"
    for k,text in (('all', render_all()), ('__init__', INIT)): (ROOT/f'{k}.pyi').write_text(text, encoding='utf-8')
    for o in MODULES:
        m = import_module(f'fastopt.{o}')
        path_of(m).write_text(render(m), encoding='utf-8')
