"""Runs notebooks: python tests/notebooks.py [--keep DIR] [--slow] [FILE …]

With `--keep`, the executed copies go to DIR, where `fastopt-docs` looks for them. The notebooks themselves stay as they are.

Cells marked `#| slow` take minutes, because they train many networks for a figure. By default they are skipped, and a kept copy has the
outputs that are committed with the notebook. `--slow` runs all cells of those notebooks that have such cells, and writes down in
slow_notebooks.json that the present cells ran; tests/test_slow_notebooks.py reads that file.

Each notebook runs in a process of its own, because what one defines or patches must not be there for the next.
`nbdev-test` runs several in one process. Here each is a fork of one that has imported fastai, which takes no longer."""
import json, os, sys
from argparse import ArgumentParser
from datetime import date
from fastcore.nbio import read_nb, write_nb
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]/'nbs'
SLOW_RUNS = Path(__file__).with_name('slow_notebooks.json') # Of each notebook with slow cells: their digest, and when they last ran

def find_notebooks():
    "All notebooks, by path"
    return sorted(o for o in ROOT.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)

def slow_digest(path):
    "A digest of the slow cells of the notebook at `path`, or `None` if it has none"
    sources = [c.source for c in read_nb(path).cells if c.cell_type=='code' and '#| slow' in c.source.splitlines()[:3]]
    return sha256('\0'.join(sources).encode()).hexdigest()[:16] if sources else None

def run(path, keep=None, slow=False):
    "Did the notebook at `path` run to its end, and in how many seconds? Its executed copy goes into the folder `keep`"
    import nbdev
    from nbdev import test
    start,nbdev.nbdev_export = perf_counter(),lambda *args, **kwargs: None # It ends each notebook, and takes seconds for all of them
    if keep:
        def _write(nb, _):
            to = keep/path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            from fastopt.files import atomic_write # Not before: a notebook is to start without any of fastopt
            with atomic_write(to) as part: write_nb(nb, part) # One that was cut off would be no notebook
        test.write_nb = _write # nbdev would write over the notebook
    limits = dict(skip_flags=[], cell_timeout=None) if slow else dict(skip_flags=['slow'])
    passed,_ = test.test_nb(path, force_flags=[], save=bool(keep), **limits)
    return path,passed,perf_counter()-start

def record_slow(paths):
    "Write down that the slow cells of the notebooks at `paths` have run"
    import torch
    runs = json.loads(SLOW_RUNS.read_text()) if SLOW_RUNS.exists() else {}
    runs |= {str(o.relative_to(ROOT)): dict(cells=slow_digest(o), date=str(date.today()), torch=torch.__version__) for o in paths}
    SLOW_RUNS.write_text(json.dumps(dict(sorted(runs.items())), indent=1) + '\n')

if __name__=='__main__':
    p = ArgumentParser(description='Run notebooks, all by default')
    p.add_argument('files', nargs='*', type=Path, help='notebooks; by default all, without cells marked `#| slow`')
    p.add_argument('--keep', type=Path, help='folder for executed copies')
    p.add_argument('--slow', action='store_true', help='run all cells of those notebooks that have cells marked `#| slow`, and record that')
    args = p.parse_args()
    os.environ.setdefault('MATPLOTLIBRC', str(ROOT)) # Our colours
    import fastai.vision.all # chkstyle: ignore - once for all
    keep = args.keep and args.keep.resolve()
    files = [o.resolve() for o in args.files] or find_notebooks()
    if args.slow: files = list(filter(slow_digest, files))
    failed = []
    with get_context('fork').Pool(2, maxtasksperchild=1) as pool:
        for path,passed,seconds in pool.imap_unordered(partial(run, keep=keep, slow=args.slow), files):
            print(f"{'passed' if passed else 'FAILED'} {seconds:5.1f} s  {path.relative_to(ROOT)}", flush=True)
            if passed and args.slow: record_slow([path])
            failed += [] if passed else [path]
    sys.exit(f"{len(failed)} of {len(files)} notebooks failed" if failed else 0)
