"""A process that has imported fastai and nothing of fastopt: `fresh` runs code in a copy of it

To import fastai takes longer than most of what tests run in a process of their own. One process is started at the first call, and each
piece of code runs in a forked child."""
import json, math, os, sys, tempfile, traceback, types
from forked import Forked, ask, start_server
from functools import lru_cache, partial
from types import SimpleNamespace

def fresh(
    code, # Run it as the main module of a new process, as `python -c` does
    *args, # Its command line
    cwd='.', # Its folder
    path=() # Folders that are searched for modules before all others
):
    "The exit code, output and errors of `code`"
    return SimpleNamespace(**ask(server(), code, [*map(str, args)], os.path.abspath(cwd), [*map(str, path)]))

@lru_cache(maxsize=None)
def server(): return start_server('import fastai.vision.all; from fresh import serve; serve()')

def serve():
    "Answer each line of input in JSON"
    assert not [o for o in sys.modules if o.partition('.')[0]=='fastopt']
    for line in sys.stdin:
        with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile('w+') as err:
            code = Forked(partial(run, *json.loads(line), err), out).wait(math.inf)
            for o in (out, err): o.seek(0)
            print(json.dumps(dict(returncode=code, stdout=out.read(), stderr=err.read())), flush=True)

def run(code, args, cwd, path, err):
    "Run `code` as the main module"
    import warnings
    warnings.resetwarnings()
    os.dup2(err.fileno(), 2)
    sys.stderr,sys.stdin = err,open(os.devnull)
    os.chdir(cwd)
    sys.path[:0],sys.argv = path,['-c', *args]
    os.environ['PYTHONPATH'] = os.pathsep.join([*path, *filter(None, [os.environ.get('PYTHONPATH')])])
    sys.modules['__main__'] = main = types.ModuleType('__main__')
    status = 0
    try: exec(compile(code, '<string>', 'exec'), vars(main))
    except SystemExit as e: status = e.code if isinstance(e.code, int) else int(e.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        for o in (sys.stdout, err): o.flush()
        os._exit(status)
