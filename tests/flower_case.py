"The training in the test of Flower: a small model in double precision; client 2 fails in one of its trainings if a file says so"
import torch
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastopt.distributed.data import tensor_dls
from fastopt.distributed.federated import Federated
from fastopt.optim.sgd import momentum
from pathlib import Path
from torch import nn

def federated(cfg):
    torch.set_num_threads(1)
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(140, 6, generator=gen, dtype=torch.float64)
    y = (x@torch.randn(6, 3, generator=gen, dtype=torch.float64)).argmax(1)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).double()
    learn = Learner(tensor_dls(x[:100], y[:100], x[100:], y[100:], bs=8), model, loss_func=CrossEntropyLossFlat(), opt_func=momentum,
        metrics=accuracy)
    kw = dict(dt=cfg['dt']) if cfg['strategy']=='fedfix' else dict(c=2) if cfg['strategy']=='fedbuff' else {}
    fed = Federated(learn, 3, cfg['strategy'], steps=5, lr=0.1, alpha=10., **kw)
    if cfg.get('fails') and Path(cfg['fails']).exists():
        train = fed.train_client
        def broken(i, sent):
            if i==2 and Path(cfg['fails']).exists():
                Path(cfg['fails']).unlink()
                raise ZeroDivisionError('the disk of this client is full')
            return train(i, sent)
        fed.train_client = broken
    return fed
