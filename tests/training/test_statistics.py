"The statistics of a few runs agree with a second way to compute them"
import pytest
from fastopt.training.statistics import holm_correction

@pytest.mark.parametrize('ps', [[.01],[.02,.01],[.04,.001,.03,.5],[.9,.8]])
def test_holm(ps):
    want,order = [0]*len(ps),sorted(range(len(ps)), key=ps.__getitem__)
    for j,k in enumerate(order): want[k] = min(1, max((len(ps)-i)*ps[o] for i,o in enumerate(order[:j+1])))
    assert holm_correction(ps)==pytest.approx(want)
