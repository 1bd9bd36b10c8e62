"""Runs notebooks: python tests/notebooks.py [--keep DIR] [FILE …]

With `--keep`, the executed copies go to DIR, where `fastopt-docs` looks for them. The notebooks themselves are not changed.

Each notebook runs in its own process, because what one defines or patches must not be there for the next.
`nbdev-test` runs several in one process. Here each is a fork of one that has imported fastai, which takes no longer."""
import sys
from argparse import ArgumentParser
from fastcore.nbio import write_nb
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
import fastai.vision.all # chkstyle: ignore - imported once for all notebooks
from nbdev import test

ROOT = Path(__file__).parents[1]/'nbs'

def run(path, keep=None):
    "Run the notebook at `path`; returns whether it succeeded, and the seconds; its executed copy goes into the folder `keep`"
    start = perf_counter()
    if keep:
        def _write(nb, _):
            to = keep/path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            from fastopt.training.records import atomic_write # Not earlier, because a notebook must start without fastopt
            with atomic_write(to) as part: write_nb(nb, part) # A truncated copy would not be a notebook
        test.write_nb = _write # nbdev would overwrite the notebook
    passed,_ = test.test_nb(path, skip_flags=[], force_flags=[], save=bool(keep))
    return path,passed,perf_counter()-start

if __name__=='__main__':
    p = ArgumentParser(description='Run notebooks, all by default')
    p.add_argument('files', nargs='*', type=Path)
    p.add_argument('--keep', type=Path, help='folder for executed copies')
    args = p.parse_args()
    keep = args.keep and args.keep.resolve()
    files = [o.resolve() for o in args.files] or sorted(o for o in ROOT.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)
    failed = []
    with get_context('fork').Pool(2, maxtasksperchild=1) as pool:
        for path,passed,seconds in pool.imap_unordered(partial(run, keep=keep), files):
            print(f"{'passed' if passed else 'FAILED'} {seconds:5.1f} s  {path.relative_to(ROOT)}", flush=True)
            failed += [] if passed else [path]
    sys.exit(f"{len(failed)} of {len(files)} notebooks failed" if failed else 0)
