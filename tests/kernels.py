"""Compiles the kernels of many tests in one run of the compiler, whose start and headers take longer than a kernel

The flags are those of users, and so is the text of each kernel, except for its namespace."""
import re, warnings
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from unittest.mock import patch
import torch
from filelock import FileLock
from fastopt.core import fused
from fastopt.core.backends import cpp
from fastopt.core.engine import DROP, LOWP
from rules_under_test import RULES, SOME, trained

SIGNATURE = re.compile(r'extern "C" void kernel\((.*?)\) \{')

def joined(sources):
    "One C++ text with the kernels of all `sources`; its `kernel` has one additional argument, the index of the kernel to run"
    head,params = cpp._CPP_HEAD,SIGNATURE.search(sources[0])[1]
    assert all(o.startswith(head) and SIGNATURE.search(o)[1]==params for o in sources)
    spaces = [f'namespace n{i} {{' + SIGNATURE.sub(r'static void kernel(\1) {', o[len(head):]) + '}' for i,o in enumerate(sources)]
    args = ', '.join(re.findall(r'(\w+)(?:,|$)', params))
    table = ', '.join(f'n{i}::kernel' for i in range(len(sources)))
    return '\n'.join([head, *spaces, f'static void (*const kernels[])({params}) = {{{table}}};',
        f'extern "C" void kernel({params}, int among) {{ kernels[among]({args}); }}', ''])

def asked(run, case):
    "The C++ sources of the kernels that `run(case)` needs, found without building any; the results of the run are meaningless"
    seen = {}
    def build(kernel): return seen.setdefault(cpp.cpp_source(kernel), lambda *args: None)
    with patch.object(cpp.CppLauncher, 'build', staticmethod(build)), patch.object(fused, '_warned', set()), torch.random.fork_rng():
        with warnings.catch_warnings(), suppress(Exception):
            warnings.simplefilter('ignore')
            run(case)
    return seen

_found,BUILT = {},set() # Source -> function; requested sources
STRONG = dict(lr=0.01, wd=0.1) # Makes the effect of decay visible

def compile_together(sources):
    "Compile `sources`, once for all processes that share a cache"
    if not sources or not cpp.compiler(): return
    text = joined(sources)
    with FileLock(Path(gettempdir())/f'fastopt-tests-{sha256(text.encode()).hexdigest()[:16]}.lock'): f = cpp.cpp_build(text)
    _found.update({o: lambda *args, i=i: f(*args, i) for i,o in enumerate(sources)})

class Ahead:
    "Provides the kernels of `run(case)`, compiled together with those of neighbouring `cases`"
    def __init__(self, run, cases, size=20): self.run,self.cases,self.size = run,list(cases),size
    @lru_cache(maxsize=None)
    def chunk(self, n): return [*dict.fromkeys(s for c in self.cases[n*self.size:][:self.size] for s in asked(self.run, c))]
    @lru_cache(maxsize=None)
    def compile(self, n): compile_together(self.chunk(n))
    @lru_cache(maxsize=None)
    def where(self): return {s:n for n in range(-(-len(self.cases)//self.size)) for s in self.chunk(n)}
    @contextmanager
    def __call__(self, case):
        "Context in which `run(case)` finds its kernels"
        self.compile(self.cases.index(case)//self.size)
        with patch.object(cpp, 'cpp_build', partial(_find, cpp.cpp_build)): yield
    @contextmanager
    def whenever(self):
        "Context in which all code finds the kernels of the `cases`"
        build = cpp.cpp_build
        def find(source):
            if source not in _found and (n := self.where().get(source)) is not None: self.compile(n)
            return _find(build, source)
        with patch.object(cpp, 'cpp_build', find): yield

def _find(build, source):
    BUILT.add(source)
    return _found.get(source) or build(source)

# There is one landing in float64 and float32, and three in 16 bits. By default most rules use one in bfloat16 and another in float16
DTYPES = torch.float64,torch.float32,torch.bfloat16,torch.float16
EVERY = [(name, dtype, lowp) for name in RULES for dtype in DTYPES for lowp in (LOWP if dtype in DROP else LOWP[:1])]
USUAL = {torch.float64:'plain', torch.float32:'plain', torch.bfloat16:'kahan', torch.float16:'stochastic'}
usual = {o for o in EVERY if USUAL[o[1]]==o[2] or list(RULES).index(o[0])%16==0}

# Kernels do not depend on the number of weights
def train(case): return trained(RULES[case[0]], 'fused', *case[1:], shapes=SOME, **STRONG)
# Of some dtypes, most tests use kernels of every other rule only, so these are compiled together
TOGETHER = sorted(EVERY, key=lambda o: (DTYPES.index(o[1]), list(RULES).index(o[0])%2==0))
USUAL_KERNELS,OTHER_KERNELS = (Ahead(train, [o for o in TOGETHER if (o in usual)==u]) for u in (True, False))
