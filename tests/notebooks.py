"""Runs notebooks: python tests/notebooks.py [FILE …]

Each runs in a process of its own, for what one defines or patches must not be there for the next.
`nbdev-test` runs several in one process. Here each is a fork of one that has imported fastai, which takes no longer."""
import sys
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
import fastai.vision.all # chkstyle: ignore - once for all
from nbdev.test import test_nb

ROOT = Path(__file__).parents[1]/'nbs'

def run(path):
    "Did the notebook at `path` run to its end, and in how many seconds?"
    start = perf_counter()
    passed,_ = test_nb(path, skip_flags=[], force_flags=[])
    return path,passed,perf_counter()-start

if __name__=='__main__':
    files = [Path(o).resolve() for o in sys.argv[1:]] or sorted(o for o in ROOT.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)
    failed = []
    with get_context('fork').Pool(2, maxtasksperchild=1) as pool:
        for path,passed,seconds in pool.imap_unordered(run, files):
            print(f"{'passed' if passed else 'FAILED'} {seconds:5.1f} s  {path.relative_to(ROOT)}", flush=True)
            failed += [] if passed else [path]
    sys.exit(f"{len(failed)} of {len(files)} notebooks failed" if failed else 0)
