"All rules, classes and terms, for layers below `fastopt.all`, which gives a notebook only what is typed there"
from importlib import import_module
from pkgutil import iter_modules
from fastopt import optim
from fastopt.core.rules import *

for o in iter_modules(optim.__path__):
    if o.name!='all':
        module = import_module(f'{optim.__name__}.{o.name}')
        globals().update({k: getattr(module, k) for k in module.__all__})

del import_module, iter_modules, optim, o, module # A star import passes on rules, classes and terms only
