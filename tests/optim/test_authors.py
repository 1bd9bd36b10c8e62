"Corners in which rules once differed from their authors' formulas, which are written out here in float64"
import pytest, torch
from fastopt.optim.adan import MARSLion

ENGINES = ('eager', 'foreach', 'fused')
pytestmark = pytest.mark.usefixtures('usual_kernels')

def weight(*shape): return torch.nn.Parameter(torch.randn(*shape, dtype=torch.float64))

@pytest.fixture(autouse=True)
def seed(): torch.manual_seed(0)

def step(opt, *pairs):
    "One step of `opt` with a gradient, or `None`, for each weight of the `pairs`"
    for p,g in pairs: p.grad = None if g is None else g.clone()
    opt.step()

@pytest.mark.parametrize('how', ENGINES)
def test_mars_lion_has_one_mean(how):
    "The branch `mars-lion` of the authors' mars.py, with a schedule of β₁, which their correction has too"
    p = weight(4, 3)
    opt,q = MARSLion([p], betas=(0.95, 0.99), weight_decay=0.1, how=how),p.detach().clone()
    m,last = torch.zeros_like(q),torch.zeros_like(q)
    for t in range(40):
        β,g = (0.95, 0.85)[t//10%2],torch.randn_like(q)
        opt.param_groups[0]['betas'] = β,0.99
        step(opt, (p, g))
        c = g + (g-last)*(0.025*β/(1-β))
        m = β*m + (1-β)*c/c.norm().clamp(min=1)
        q,last = q - 3e-3*(0.1*q + m.sign()),g
        assert torch.allclose(p, q, rtol=0, atol=1e-14), t
