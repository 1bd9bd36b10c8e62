"The statistics of a few runs agree with a second way to compute them"
import math, numpy as np, pytest
from itertools import combinations
from fastopt.evidence.compare import paired_difference
from fastopt.training.statistics import compare_scores, holm_correction, welch_test

@pytest.mark.parametrize('ps', [[.01],[.02,.01],[.04,.001,.03,.5],[.9,.8]])
def test_holm(ps):
    want,order = [0]*len(ps),sorted(range(len(ps)), key=ps.__getitem__)
    for j,k in enumerate(order): want[k] = min(1, max((len(ps)-i)*ps[o] for i,o in enumerate(order[:j+1])))
    assert holm_correction(ps)==pytest.approx(want)

@pytest.mark.parametrize('n', [2,5,6,10])
def test_equal_differences_have_the_p_of_a_sign_test(n):
    "One image more of 360 for each seed, as computed with 32 bits: a t test would be certain after two seeds"
    right = np.arange(n)*7+250
    xs,ys = (100*(o/360).astype(np.float32).astype(float) for o in (right, right+1))
    assert np.ptp(ys-xs)>0 or n==2
    for p in (compare_scores(dict(enumerate(xs)), dict(enumerate(ys)))['p'], paired_difference(ys, xs)['p']): assert p==2**(1-n)
    for p in (compare_scores(dict(enumerate(xs)), dict(enumerate(xs)))['p'], paired_difference(xs, xs)['p']): assert p==1

def test_runs_without_any_spread_have_the_p_of_a_permutation_test():
    "The share of ways to divide the runs in two that are as extreme, in both directions"
    for n,n0 in ((5,5), (4,2), (5,1)):
        diff,least,p = welch_test(.9, 0., n, .8, 0. if n0>1 else None, n0)
        ways = [sum(o) for o in combinations([.9]*n+[.8]*n0, n)]
        assert diff==pytest.approx(.1) and p==pytest.approx(2/len(ways)) and least==(0 if p<.05 else math.inf)
    assert welch_test(.9, 0., 5, .9, None, 5)[2]==1
    apart = compare_scores({k:50. for k in range(3)}, {k+9:51. for k in range(3)})
    assert not apart['paired'] and apart['p']==pytest.approx(2/20)
