"""Steps that a graph can replay: what one launch after the other did is done again without the engine's Python, and is what eager does then"""
import pytest, torch
from fastopt.core.capture import CapturableProgram
from fastopt.core.engine import Engine
from interpreter import interpreted
from rules_under_test import RULES

MUST = 'adamw lion diffgrad radam lamb ranger sophia muon'.split()
HEAD = '''
import math, sys, torch
from fastopt.core.backends.triton import TritonLauncher
from graphs import Graph, Noting, memory_made
from rules_under_test import RULES, TORCH
TritonLauncher.BLOCK = 32
CLASSES = {o.rule.__name__: o for o in TORCH.values()}
SHAPES = (5, 8),(7,)
def weights(dtype=torch.float64):
    gen = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=gen, dtype=torch.float64).to(dtype).requires_grad_() for s in SHAPES]
def gradients(t, ps):
    gen = torch.Generator().manual_seed(t+1)
    return [torch.randn(p.shape, generator=gen, dtype=torch.float64).to(p.dtype) for p in ps]
def give(opt, ps, t, inplace=False):
    for p,g in zip(ps, gradients(t, ps)):
        if inplace: p.grad.copy_(g)
        else: p.grad = g
def far(ps, qs): return max(((p.detach().double()-q.detach().double()).abs()/(1+q.detach().double().abs())).max().item() for p,q in zip(ps, qs))
'''

REPLAYS = HEAD + '''
steps,names = int(sys.argv[1]),sys.argv[2:]
for name in names:
    cls,(ps,qs) = CLASSES[name],(weights(), weights())
    lr = torch.tensor(0.01, dtype=torch.float64)
    def groups(ws, lr): return [dict(params=ws[:1], lr=lr), dict(params=ws[1:], lr=0.02)]
    opt,ref = cls(groups(ps, lr), capturable=True, how='fused'),cls(groups(qs, 0.01), how='eager')
    def rates(t):
        "A tensor and a plain number, moved as a schedule would"
        x = 0.01*(1 + math.cos(t/9))
        lr.fill_(x)
        ref.param_groups[0]['lr'] = x
        if t%7==0: opt.param_groups[1]['lr'] = ref.param_groups[1]['lr'] = 0.02*x*100
        opt.refresh()
    for t in range(2):
        rates(t)
        for o,ws in ((opt, ps), (ref, qs)):
            give(o, ws, t)
            o.step()
    graph = Graph()
    with graph.capture(): opt.step()
    for t in range(2, 2+steps):
        rates(t)
        give(opt, ps, t, inplace=True)
        give(ref, qs, t)
        graph.replay()
        ref.step()
        assert far(ps, qs)<1e-12, (name, t, far(ps, qs))
    assert opt.state[ps[0]]['step'].item()==ref.state[qs[0]]['step']==2+steps
    # A checkpoint has whole numbers, and the other kind of optimizer goes on from it
    saved = opt.state_dict()
    assert all(type(st['step']) is int for st in saved['state'].values())
    rs = [p.detach().clone().requires_grad_() for p in ps]
    other = cls(groups(rs, 0.01), how='eager')
    other.load_state_dict(saved)
    # Without a graph, by the same optimizer, with gradients somewhere else
    for t in (1000, 1001):
        for o,ws in ((opt, ps), (ref, qs), (other, rs)):
            give(o, ws, t)
            o.param_groups[0]['lr'] = 0.01
            o.step()
    assert far(ps, qs)<1e-12 and far(rs, qs)<1e-12, (name, far(ps, qs), far(rs, qs))
print('all', len(names))
'''

@pytest.mark.long
@pytest.mark.parametrize('steps,names', [(100, MUST[:1]), (20, MUST[1:])])
def test_replays_are_steps_of_eager(steps, names): assert f'all {len(names)}' in interpreted(REPLAYS, steps, *names)
