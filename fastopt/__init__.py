"Modern optimizers for fastai and PyTorch. All names of `fastopt.all` are here too, and are loaded when the first is asked for"
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

__version__ = version(__name__)

if TYPE_CHECKING: from fastopt.all import *
else: # Seen by a type checker, `__getattr__` would let every name pass
    def __getattr__(name):
        if name.startswith('_'): raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if find_spec(f'{__name__}.{name}'): return import_module(f'{__name__}.{name}')
        every = import_module(f'{__name__}.all')
        if hasattr(every, name): return getattr(every, name)
        raise AttributeError(f"{__name__} has no {name!r}, and neither has {__name__}.all, where its names come from")
    def __dir__(): return sorted({*globals(), *(o for o in vars(import_module(f'{__name__}.all')) if not o.startswith('_'))})
