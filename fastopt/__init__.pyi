# Made by tests/stubs.py: what is in `fastopt.all` is in `fastopt`, too
from fastopt.all import *

__version__: str
