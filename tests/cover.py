"""Which cases of a large matrix run by default: so many that every two values of different parameters meet

`pytest -m full` runs the others. A matrix is a list of tuples, one for each case, with a value of each parameter. What is checked is a
parameter as well: rules and engines meet in `core/test_engines.py`, so that elsewhere each check need only meet every rule and every
engine, which `in_turn` sees to."""
from itertools import combinations, product
import pytest

def met(cases):
    "All pairs of values that meet in a case, with the places of their parameters"
    return {(i, o[i], j, o[j]) for o in cases for i,j in combinations(range(len(o)), 2)}

def in_turn(rows, columns):
    "All pairs of a row and a column, for `parametrize`; by default each row has one column, the next row the next"
    columns = list(columns)
    return covering(list(product(rows, columns)), {(o, columns[i%len(columns)]) for i,o in enumerate(rows)})

def fewest(of):
    "Keys of the dict `of`, so many that each value that is in one of its sets is in that of a key; those that add the most come first"
    left,found = set().union(*of.values()),[]
    while left:
        found.append(max(of, key=lambda k: len(of[k] & left)))
        left -= of[found[-1]]
    return found

def covering(cases, default):
    "`cases` for `parametrize`, with those that are not in `default` marked `full`"
    return [o if o in default else pytest.param(*o, marks=pytest.mark.full) for o in cases]
