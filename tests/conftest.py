"""Shared by all tests: pictures are drawn without a screen, and everything runs on one thread, here and in child processes, because some
tests fork and others compare to the bit."""
import os
os.environ['OMP_NUM_THREADS'] = '1' # PyTorch reads it on import. After work on several threads, a fork hangs at its first such work
# Starting the processes in which `torch.compile` would compile takes longer than compiling the kernels here
os.environ.setdefault('TORCHINDUCTOR_COMPILE_THREADS', '1')
import gc, json, matplotlib, pytest, signal, sys, threading
from collections import Counter
from datetime import date
from hypothesis import settings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

matplotlib.use('Agg')
# A shell that starts pytest in the background lets it, and what it starts, ignore Ctrl-C
if signal.getsignal(signal.SIGINT)==signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile('same', derandomize=True, database=None) # A run has the examples of every other one
settings.load_profile('same')
TESTS = Path(__file__).parent
# Processes that tests start find these modules, too
os.environ['PYTHONPATH'] = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get('PYTHONPATH')])])
# Marks of cases that the default run may lack. What passed with `-m MARK` is recorded in MARK_counts.json: the number of cases of each
# test, the date, and the versions of these packages
RECORDED = dict(full=['torch'], integrations=['torch', 'transformers', 'lightning', 'accelerate'])

def pytest_xdist_auto_num_workers(config):
    "One worker per processor, and no more than 4, because each loads PyTorch and fastai"
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1)

@pytest.fixture
def usual_kernels():
    "Compile the kernels that most tests need, many at a time"
    from kernels import USUAL_KERNELS
    with USUAL_KERNELS.whenever(): yield

def test_of(nodeid):
    "File and name of a test, without folder and parameters"
    return nodeid.split('[')[0].split('/')[-1]

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    "Count the cases of each mark of `RECORDED` before any are deselected"
    config.marked_cases = {k: Counter(test_of(o.nodeid) for o in items if o.get_closest_marker(k)) for k in RECORDED}
    config.whole_files = {o.path.name for o in items} if not any('::' in o for o in config.args) else set()

def pytest_collection_finish():
    """What is loaded by now stays: no garbage collection visits it again, and a collection in a child copies none of it. Without a GPU,
    `torch.manual_seed` need not keep, for the GPU that may be used later, the stack of each call, which takes longer than to seed"""
    if 'torch' in sys.modules and not sys.modules['torch'].cuda.is_available():
        for o in ('torch.cuda.random', 'torch.xpu.random'):
            if hasattr(mod := sys.modules.get(o), '_lazy_call'): mod._lazy_call = lambda *args, **kwargs: None
    gc.collect()
    gc.freeze()

def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Print the properties that tests count, and what ran in full: `checks` is how many rules x checks ran and passed, and `changes` is how
    many changes x engines occurred and how often"""
    passed = terminalreporter.getreports('passed')
    properties = [o for r in passed+terminalreporter.getreports('failed') for o in r.user_properties]
    checks,changes = ([sum(o) for o in zip(*(v for k,v in properties if k==name))] for name in ('checks', 'changes'))
    if checks: terminalreporter.write_line(f'rules x checks: {checks[0]} of {checks[1]}')
    if changes: terminalreporter.write_line(f'changes x rules x engines before a step: {changes[0]} of {changes[1]}, {changes[2]} times')
    mark,opts = config.option.markexpr,config.option
    if mark not in RECORDED or not all(map(find_spec, RECORDED[mark])): return
    if opts.keyword or opts.collectonly or hasattr(config, 'workerinput') or exitstatus: return
    record(mark, Counter(test_of(r.nodeid) for r in passed if r.when=='call'), config.args_source is config.ArgsSource.ARGS)

def record(mark, counts, part):
    "Record that all of `counts` passed today with `-m mark`; if they are only a `part`, keep what is known of the others"
    path = TESTS/f'{mark}_counts.json'
    kept = json.loads(path.read_text()) if part and path.exists() else {}
    versions = {o: import_module(o).__version__ for o in RECORDED[mark]}
    kept |= {k: dict(passed=n, date=str(date.today()), **versions) for k,n in counts.items()}
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + '\n')
