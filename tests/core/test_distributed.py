"""Two processes with `learn.distrib_ctx()` train to the same weights as one process on the same batches; this file is also their script.
`vision/test_leaderboard.py` starts its processes with `accelerate launch`"""
import os, sys
from pathlib import Path
import pytest, torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.distributed import DistributedDL
from fastai.learner import Learner
from fastai.torch_core import rank_distrib
from fastopt.all import SophiaHessian, adamw, diffgrad, lamb, ranger, sophia
from ranks import ranks
from torch import nn

RULES = dict(adamw=adamw, diffgrad=diffgrad, lamb=lamb, ranger=ranger)
N,BS,WORLD = 48,4,2

def broadcast(self, t, rank):
    "Like `DistributedDL._broadcast`, which goes through a GPU"
    t = torch.LongTensor(t)
    torch.distributed.broadcast(t, rank)
    return t.tolist()

def items(n_rank):
    "Data in an order in which batch i of one process is batch i of all ranks together"
    torch.manual_seed(0)
    o = list(zip(torch.randn(N, 5).double(), torch.randn(N, 2).double()))
    return o if n_rank>1 else [o[r*N//WORLD + i + k] for i in range(0, N//WORLD, BS) for r in range(WORLD) for k in range(BS)]

def mse(pred, y): return nn.functional.mse_loss(pred, y).float() # fastai can average only float32

def learner(rule, n_rank):
    data,bs = items(n_rank),BS*WORLD//n_rank
    dls = DataLoaders(*[DataLoader(data, bs=bs, num_workers=0, device=torch.device('cpu')) for _ in range(2)], device=torch.device('cpu'))
    model = nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2)).double()
    return Learner(dls, model, mse, rule, lr=1e-2)

def train(learn):
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(3, 1e-2)
    return learn.model.state_dict()

def main(path):
    "On every rank: train with every rule, and save the weights"
    DistributedDL._broadcast,res = broadcast,{}
    for name,rule in {**RULES, 'stochastic': adamw, 'sampled': sophia}.items():
        learn = learner(rule, WORLD)
        if name=='stochastic': learn.to_pure_bf16(name)
        if name=='sampled':
            learn.loss_func = lambda pred, y: nn.functional.cross_entropy(pred, y.argmax(1) if y.ndim>1 else y).float()
            learn.add_cb(SophiaHessian(k=2))
        with learn.distrib_ctx(sync_bn=False, cpu=True): res[name] = train(learn)
    torch.save(dict(weights=res, backend=torch.distributed.get_backend(), world=torch.distributed.get_world_size()),
        Path(path)/f'{rank_distrib()}.pth')
    torch.distributed.barrier()
    os._exit(0) # Without destructors, because gloo's threads sometimes abort a process that has finished correctly

@pytest.fixture(scope='module')
def two(tmp_path_factory):
    "The results of each of two processes"
    path = tmp_path_factory.mktemp('ranks')
    ranks(__file__, main, path, world=WORLD)
    return [torch.load(path/f'{i}.pth') for i in range(WORLD)]

def test_two_processes_were_there(two): assert [(o['backend'], o['world']) for o in two]==[('gloo', WORLD)]*WORLD

@pytest.mark.parametrize('name', RULES)
def test_as_in_one_process(two, name):
    one,two = train(learner(RULES[name], 1)),two[0]['weights'][name]
    start = learner(RULES[name], 1).model.state_dict()
    for k in one:
        assert (one[k]-two[k]).abs().max()<1e-10
        assert (one[k]-start[k]).abs().max()>1e-4

@pytest.mark.parametrize('name', [*RULES, 'stochastic', 'sampled'])
def test_ranks_agree_to_the_bit(two, name):
    "This includes random numbers, because the step is the seed of rounding, and labels that each process samples by itself"
    a,b = (o['weights'][name] for o in two)
    assert all(torch.equal(a[k], b[k]) for k in a)

if __name__=='__main__': main(sys.argv[1])
