"Cells that are too slow for each run are run by hand and once a week: `python tests/notebooks.py --slow`"
import json, pytest
from notebooks import ROOT, SLOW_RUNS, find_notebooks, slow_digest

RUNS = json.loads(SLOW_RUNS.read_text())
SLOW = {str(o.relative_to(ROOT)): d for o in find_notebooks() if (d := slow_digest(o))}

@pytest.mark.parametrize('name', SLOW)
def test_the_slow_cells_of_a_notebook_have_run_as_they_are(name):
    assert name in RUNS and RUNS[name]['cells']==SLOW[name], f'run python tests/notebooks.py --slow nbs/{name}'

def test_no_notebook_is_listed_that_has_no_slow_cells(): assert RUNS.keys()<=SLOW.keys()

def test_slow_cells_are_no_part_of_the_modules():
    from fastcore.nbio import read_nb
    for name in SLOW:
        for c in read_nb(ROOT/name).cells:
            assert not ('#| slow' in c.source and '#| export' in c.source), (name, c.source[:200])
