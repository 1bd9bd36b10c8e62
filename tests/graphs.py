"""A replacement for a CUDA graph without a GPU: it records the launches of kernels, and PyTorch's operations between them, with their
tensors, and runs them again without the code that made them

As in a capture, recorded operations do not take effect, and operations that a graph cannot contain raise an error: reading a number on
the host, and copying memory from the host."""
from contextlib import ExitStack, contextmanager
from unittest.mock import patch
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from fastopt.core import capture, engine, memory
from fastopt.core.backends import triton

memory.layout_check = lambda: memory.python_layout_check # PyTorch's own check reports tensors as changed while a mode is active
WAITS = torch.ops.aten._local_scalar_dense.default,torch.ops.aten.is_nonzero.default

def tensors(*os): return [o for o in tree_leaves(os) if isinstance(o, torch.Tensor)]
def storages(*os): return {t.untyped_storage().data_ptr() for t in tensors(*os)}

class Noting(TorchDispatchMode):
    "Pass each operation to `note`, or raise an error if it waits for the device"
    def __init__(self, note=None):
        super().__init__()
        self.note = note
    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        if f in WAITS: raise AssertionError(f'{f} waits for the device')
        return self.note(f, args, kwargs or {}) if self.note else f(*args, **(kwargs or {}))

class Function:
    "A kernel that a graph records during a capture and that runs otherwise; modes do not see what the interpreter does with arguments"
    def __init__(self, source, build=triton.triton_build): self.source,self.f = source,build(source)
    def __getitem__(self, grid):
        def launch(*args, **kwargs):
            with _disable_current_modes(): self.f[grid](*args, **kwargs)
        def note(*args, **kwargs):
            Graph.now.launches.append(self.source)
            Graph.now.calls.append(lambda: launch(*args, **kwargs))
        return note if Graph.now else launch
    def warmup(self, *args, **kwargs): self.f.warmup(*args, **kwargs)
for o in (triton, capture): o.triton_build = Function

class Graph:
    "`calls` that `replay` repeats, of which `launches` are kernels"
    now = None # The graph that is being captured
    def __init__(self): self.calls,self.launches = [],[]
    def note(self, f, args, kwargs):
        if f._schema.is_mutable:
            self.calls.append(lambda: f(*args, **kwargs))
            return args[0] if f._schema.returns else None
        out = f(*args, **kwargs)
        fresh = [(i, t) for i,t in enumerate(tensors(out)) if not storages(t) & storages(args, kwargs)]
        def again():
            new = tensors(f(*args, **kwargs))
            for i,t in fresh: t.copy_(new[i])
        if fresh: self.calls.append(again)
        return out
    @contextmanager
    def capture(self):
        def send(x, device): raise AssertionError('the host sends memory')
        with ExitStack() as stack:
            for o,name,new in [*((o, 'capturing', lambda device: True) for o in (engine, triton, capture)), (Graph, 'now', self),
                *((o, 'send', send) for o in (triton, capture))]: stack.enter_context(patch.object(o, name, new))
            with Noting(self.note): yield self
    @torch.no_grad()
    def replay(self):
        for f in self.calls: f()

@contextmanager
def memory_made(sizes):
    "Record in `sizes` how many numbers PyTorch operations have allocated memory for"
    def note(f, args, kwargs):
        out = f(*args, **kwargs)
        sizes.extend(t.numel() for t in tensors(out) if not storages(t) & storages(args, kwargs) and t.numel())
        return out
    with Noting(note): yield
