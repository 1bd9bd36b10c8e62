"""Which cases of a large matrix run by default: so many that every two values of different parameters meet

`pytest -m full` runs the others. A matrix is a list of tuples, one for each case, with a value of each parameter."""
from itertools import combinations
import pytest

def met(cases):
    "All pairs of values that meet in a case, with the places of their parameters"
    return {(i, o[i], j, o[j]) for o in cases for i,j in combinations(range(len(o)), 2)}

def covering(cases, default):
    "`cases` for `parametrize`, with those that are not in `default` marked `full`"
    return [o if o in default else pytest.param(*o, marks=pytest.mark.full) for o in cases]
