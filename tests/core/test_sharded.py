"Weights that `fully_shard` spreads over two processes are trained like those of one, or raise an error; this file is also their script"
import os
import pytest, torch
from fastopt.all import adamw, diffgrad, lion, prodigy, yellowfin
from ranks import ranks
from torch import nn

def model(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4)).to(dtype)

def train(m, opt, steps=4, dtype=torch.float64, clip=None):
    "The complete weights of `m` after some steps on the same batch in each process"
    x,y = torch.randn(8, 6, generator=torch.Generator().manual_seed(1)).to(dtype),torch.arange(32.).view(8, 4).to(dtype)
    for _ in range(steps):
        opt.zero_grad()
        nn.functional.mse_loss(m(x), y).backward()
        if clip: nn.utils.clip_grad_norm_(m.parameters(), clip)
        opt.step()
    return torch.cat([(p.full_tensor() if hasattr(p, 'full_tensor') else p).detach().flatten() for p in m.parameters()])

def refusal(f):
    try: f()
    except TypeError as e: return str(e)
    return ''

def main():
    from torch.distributed.fsdp import fully_shard
    torch.distributed.init_process_group('gloo')
    mesh = torch.distributed.init_device_mesh('cpu', (2,))
    def sharded(dtype=torch.float64):
        m = model(dtype)
        for o in (*m, m): fully_shard(o, mesh=mesh) if not isinstance(o, nn.ReLU) else None
        return m
    def differ(rule, how, dtype=torch.float64, clip=None, **kwargs):
        "The largest difference of sharded weights from those of one process"
        ms = sharded(dtype),model(dtype)
        a,b = (train(m, rule(list(m.parameters()), how=o, lr=1e-2, **kwargs), dtype=dtype, clip=clip) for m,o in zip(ms, (how, 'eager')))
        return (a-b).abs().max()
    for rule in (adamw, diffgrad, lion):
        for how in ('auto', 'eager'): assert differ(rule, how)<1e-10, (rule, how)
        assert differ(rule, 'auto', clip=0.1)<1e-10, rule
        for lowp in ('kahan', 'plain'): assert not differ(rule, 'auto', torch.bfloat16, lowp=lowp), (rule, lowp)
    for how in ('fused', 'foreach'):
        m = sharded()
        assert "is a DTensor on cpu, whose memory how='" in refusal(lambda: train(m, adamw(list(m.parameters()), how=how)))
    for rule,why in ((prodigy, 'needs a number about all weights'), (yellowfin, 'needs a number about all weights')):
        m = sharded()
        before = [p.full_tensor().clone() for p in m.parameters()]
        assert why in refusal(lambda: train(m, rule(list(m.parameters()))))
        assert all(torch.equal(p.full_tensor(), o) for p,o in zip(m.parameters(), before))
    m = sharded()
    assert 'checks all gradients together (skip_nonfinite)' in refusal(lambda: train(m, adamw(list(m.parameters()), skip_nonfinite=True)))
    for kwargs in (dict(state_dtype=torch.bfloat16), dict(lowp='stochastic')):
        m = sharded(torch.bfloat16)
        said = refusal(lambda: train(m, adamw(list(m.parameters()), **kwargs), dtype=torch.bfloat16))
        assert 'rounds at random by positions in the whole weight' in said, kwargs
    torch.distributed.destroy_process_group()
    os._exit(0) # PyTorch 2.14 aborts about one time in 25 as Python exits, also with `torch.optim.SGD`

def test_sharded_weights_are_trained_or_refused():
    pytest.importorskip('torch.distributed.fsdp', reason='this PyTorch has no fully_shard')
    ranks(__file__, main)

if __name__=='__main__': main()
