"""Select the cases of a large matrix that run by default, such that every two values of different parameters occur together

`pytest -m full` runs the others. A matrix is a list of tuples, one for each case, with a value of each parameter. The check itself is
also a parameter. Rules and engines meet in `core/test_engines.py`, so elsewhere each check needs only every rule and every engine, which
`in_turn` provides."""
from itertools import combinations, product
import pytest

def met(cases):
    "All pairs of values that occur together in a case, with the positions of their parameters"
    return {(i, o[i], j, o[j]) for o in cases for i,j in combinations(range(len(o)), 2)}

def in_turn(rows, columns):
    "All pairs of a row and a column, for `parametrize`; by default each row has one column, and the next row the next column"
    columns = list(columns)
    return covering(list(product(rows, columns)), {(o, columns[i%len(columns)]) for i,o in enumerate(rows)})

def fewest(of):
    "Keys of the dict `of` that together cover all values in its sets; those that add the most come first"
    left,found = set().union(*of.values()),[]
    while left:
        found.append(max(of, key=lambda k: len(of[k] & left)))
        left -= of[found[-1]]
    return found

def covering(cases, default):
    "`cases` for `parametrize`, with those that are not in `default` marked `full`"
    return [o if o in default else pytest.param(*o, marks=pytest.mark.full) for o in cases]
