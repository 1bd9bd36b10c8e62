"Numbers about all weights on a device that the host would have to wait for: they stay there, and steps equal those with plain numbers"
import pytest, torch
from torch.utils._python_dispatch import TorchDispatchMode
from fastopt.core import memory, rules
from fastopt.core.engine import Engine
from fastopt.optim import clipping
from rules_under_test import RULES, TORCH

ASKING = [k for k,r in RULES.items() if any(t.across for t in r.terms)]
ASKED = torch.ops.aten._local_scalar_dense.default,torch.ops.aten.is_nonzero.default

class Unread(TorchDispatchMode):
    "Refuses to give a number to the host"
    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        assert f not in ASKED, f'{f} waits for the device'
        return f(*args, **(kwargs or {}))

def stepped(name, how, monkeypatch, on_device):
    "The weights and the optimizer after some steps; with `on_device`, the CPU is treated as a device that the host must wait for"
    with monkeypatch.context() as m:
        m.setattr(memory, 'layout_check', lambda: memory.python_layout_check) # PyTorch's check finds changes under a mode
        if on_device:
            for o in (rules, clipping): m.setattr(o, 'waits', lambda device: True)
        gen = torch.Generator().manual_seed(0)
        ps = [torch.randn(s, generator=gen).requires_grad_() for s in ((6, 5), (4,), ())]
        opt = {o.rule.__name__: o for o in TORCH.values()}.get(name)
        opt = opt(ps, how=how) if opt else None
        engine,state = opt.engine if opt else Engine(RULES[name], how=how),opt.state if opt else {}
        for t in range(6):
            for p in ps: p.grad = torch.randn(p.shape, generator=gen)
            def step(): engine.step([(ps, RULES[name].hypers)], state)
            if t and on_device:
                with Unread(): step()
            else: step()
        return ps,state,opt

@pytest.mark.parametrize('name', ASKING)
def test_the_host_waits_for_no_number(name, monkeypatch):
    "On `eager`, because on a CPU PyTorch's functions of lists read numbers themselves"
    (ps,a,opt),(qs,b,_) = (stepped(name, 'eager', monkeypatch, o) for o in (True, False))
    assert all(torch.allclose(p, q, rtol=1e-5, atol=1e-7) for p,q in zip(ps, qs))
    def flat(st): return [x for k in sorted(RULES[name].memos) for v in st[k].values() for x in (v if isinstance(v, list) else [v])]
    first,second = flat(a[ps[0]]),flat(b[qs[0]])
    assert any(isinstance(o, torch.Tensor) for o in first) and not any(isinstance(o, torch.Tensor) for o in second)
    assert [float(o) for o in first]==pytest.approx(second, rel=1e-5, abs=1e-7)
    if opt: # A checkpoint has plain numbers
        assert all(not isinstance(v, torch.Tensor) or k.split('.')[-1]=='recent' for st in opt.state_dict()['state'].values()
            for k,v in st.items() if '.' in k)
