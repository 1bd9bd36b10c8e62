"""Triton's interpreter, which runs kernels for GPUs on a CPU: `interpreted` starts Python for it, `begin` makes ready what it started

It has to be told before Triton is imported, so that it needs a process of its own."""
import os, subprocess, sys

def interpreted(code, *args):
    "What `code`, run with `args` where Triton interprets its kernels and `fused` uses them on the CPU, prints"
    code = f'from interpreter import begin\nbegin()\n{code}'
    res = subprocess.run([sys.executable, '-W', 'error::UserWarning', '-c', code, *map(str, args)],
        env={**os.environ, 'TRITON_INTERPRET':'1'}, capture_output=True, text=True)
    assert res.returncode==0, res.stderr[-2000:]
    return res.stdout

def begin():
    from fastopt.core import fused
    from triton.runtime import interpreter
    fused.backends['cpu'] = fused.TritonLauncher
    interpreter.ScanOps.generic_scan = scan
    launch,call,patched = interpreter.GridExecutor.__call__,interpreter.InterpretedFunction.__call__,set()
    def launch_anew(self, *args, **kwargs):
        patched.clear()
        return launch(self, *args, **kwargs)
    def call_once_patched(self, *args, **kwargs):
        "Every call of a function would put Python behind the names in `triton.language`, which takes longer than most functions"
        if id(self.fn.__globals__) in patched: return self.rewrite()(*args, **kwargs)
        patched.add(id(self.fn.__globals__))
        return call(self, *args, **kwargs)
    interpreter.GridExecutor.__call__,interpreter.InterpretedFunction.__call__ = launch_anew,call_once_patched

def scan(self, input):
    "The interpreter's own takes one number after another, in Python. This takes log2 n steps on whole arrays, as a GPU does"
    import numpy as np
    dtypes,xs = [o.dtype for o in input],[o.handle.data for o in input]
    i,d = np.arange(len(xs[0])),1
    while d<len(i):
        new = self.combine_fn.fn(*[self.to_tensor(np.roll(x, d), t) for x,t in zip(xs, dtypes)], *map(self.to_tensor, xs, dtypes))
        xs,d = [np.where(i<d, x, y.handle.data) for x,y in zip(xs, new)],2*d
    return [self.to_tensor(x, t) for x,t in zip(xs, dtypes)]
