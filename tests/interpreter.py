"""Triton's interpreter, which runs GPU kernels on a CPU: `interpreted` passes code to a process prepared for it

The interpreter must be selected before Triton is imported, so it needs a process of its own. One process is started at the first call;
it loads everything once, and runs each piece of code in a forked child."""
import json, math, sys, tempfile
from forked import Forked, ask, start_server
from functools import lru_cache, partial

def interpreted(code, *args):
    "What `code` prints if run with `args` where Triton interprets its kernels and `fused` uses them on the CPU"
    status,out = ask(server(), code, *map(str, args))
    assert status==0, out[-2000:]
    return out

@lru_cache(maxsize=None)
def server(): return start_server('from interpreter import serve; serve()', 'error::UserWarning', TRITON_INTERPRET='1')

def serve():
    "Answer each line of input, which has code and arguments in JSON, with the exit status and the output"
    begin()
    for line in sys.stdin:
        with tempfile.TemporaryFile('w+') as f:
            status = Forked(partial(run, *json.loads(line)), f).wait(math.inf)
            f.seek(0)
            print(json.dumps([status, f.read()]), flush=True)

def run(code, *args):
    "Run `code` as a program with `args`"
    sys.argv = ['-c', *args]
    exec(compile(code, '<interpreted>', 'exec'), dict(__name__='__main__'))

def begin():
    import rules_under_test # chkstyle: ignore - loads the rules for all children
    from fastopt.core import fused
    from triton.runtime import interpreter
    fused.backends['cpu'] = fused.TritonLauncher
    interpreter.ScanOps.generic_scan = scan
    launch,call,patched = interpreter.GridExecutor.__call__,interpreter.InterpretedFunction.__call__,set()
    def launch_anew(self, *args, **kwargs):
        patched.clear()
        return launch(self, *args, **kwargs)
    def call_once_patched(self, *args, **kwargs):
        "Every call of a function would patch the names in `triton.language`, which takes longer than most functions"
        if id(self.fn.__globals__) in patched: return self.rewrite()(*args, **kwargs)
        patched.add(id(self.fn.__globals__))
        return call(self, *args, **kwargs)
    interpreter.GridExecutor.__call__,interpreter.InterpretedFunction.__call__ = launch_anew,call_once_patched

def scan(self, input):
    "The interpreter's own version takes one number after another in Python. This one takes log2 n steps on whole arrays, as a GPU does"
    import numpy as np
    dtypes,xs = [o.dtype for o in input],[o.handle.data for o in input]
    i,d = np.arange(len(xs[0])),1
    while d<len(i):
        new = self.combine_fn.fn(*[self.to_tensor(np.roll(x, d), t) for x,t in zip(xs, dtypes)], *map(self.to_tensor, xs, dtypes))
        xs,d = [np.where(i<d, x, y.handle.data) for x,y in zip(xs, new)],2*d
    return [self.to_tensor(x, t) for x,t in zip(xs, dtypes)]
