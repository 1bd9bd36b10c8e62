"""Compiles the kernels of many tests in one run of the compiler, for its start and its headers take longer than a kernel

The flags are the users', and so is the text of each kernel, but for the namespace that it is put in."""
import re, warnings
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from unittest.mock import patch
from filelock import FileLock
from fastopt import fused

SIGNATURE = re.compile(r'extern "C" void kernel\((.*?)\) \{')

def joined(sources):
    "One C++ text with the kernels of all `sources`; its `kernel` has one more argument: which of them to run"
    head,params = fused._CPP_HEAD,SIGNATURE.search(sources[0])[1]
    assert all(o.startswith(head) and SIGNATURE.search(o)[1]==params for o in sources)
    spaces = [f'namespace n{i} {{' + SIGNATURE.sub(r'static void kernel(\1) {', o[len(head):]) + '}' for i,o in enumerate(sources)]
    args = ', '.join(re.findall(r'(\w+)(?:,|$)', params))
    table = ', '.join(f'n{i}::kernel' for i in range(len(sources)))
    return '\n'.join([head, *spaces, f'static void (*const kernels[])({params}) = {{{table}}};',
        f'extern "C" void kernel({params}, int which) {{ kernels[which]({args}); }}', ''])

def asked(run, case):
    "The C++ sources of the kernels that `run(case)` builds, found without building any: what it computes is worthless"
    seen = {}
    def build(k): return seen.setdefault(fused.cpp_source(k), lambda *args: None)
    with patch.object(fused.CppLauncher, 'build', staticmethod(build)), patch.object(fused, '_warned', set()), warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter('ignore')
        run(case)
    return seen

_found = {} # Source -> function

def compile_together(sources):
    "Compile `sources`, once for all processes that share a cache"
    if not sources or not fused.compiler(): return
    text = joined(sources)
    with FileLock(Path(gettempdir())/f'fastopt-tests-{sha256(text.encode()).hexdigest()[:16]}.lock'): f = fused.cpp_build(text)
    _found.update({o: lambda *args, i=i: f(*args, i) for i,o in enumerate(sources)})

class Ahead:
    "As a context it lets `run(case)` find its kernels, which were compiled together with those of the `cases` nearby"
    def __init__(self, run, cases, size=12): self.run,self.cases,self.size = run,list(cases),size
    @lru_cache(maxsize=None)
    def compile(self, n): compile_together([*dict.fromkeys(s for c in self.cases[n*self.size:][:self.size] for s in asked(self.run, c))])
    @contextmanager
    def __call__(self, case):
        self.compile(self.cases.index(case)//self.size)
        build = fused.cpp_build
        with patch.object(fused, 'cpp_build', lambda source: _found.get(source) or build(source)): yield
