"Preconditioners with a matrix for each dimension"
import torch
from fastopt.core.rules import Borrowed, Count, Pos, Rule, Unit, decay, descend, each, term
from fastopt.optim.shampoo import SIDES, _eigen, _pack, _unpack, multiply_along, soap, squares

NAMES = dict(precondition_frequency='every', update_freq='every', epsilon='eps')

def named(hp): return {NAMES.get(k, k):v for k,v in hp.items() if (k, v)!=('data_format', 'channels_first')}

def port_root(M, order, eps):
    λ,Q = _eigen(M)
    return Q * (λ.clamp(0)+eps)**(-1/order) @ Q.mT

@each
def port_grams(grams, roots, x, eps, fresh):
    "Sum the products of each dimension after multiplying by the roots of the dimensions before it"
    new = []
    for d,M,R in _unpack(x, SIDES, 0, grams, roots):
        X = x.movedim(d, 0)
        new.append(M + X.flatten(1) @ X.flatten(1).mT if x.ndim>1 else M + X[:,None]*X)
        x = torch.tensordot(port_root(new[-1], x.ndim, eps) if fresh else R, X, 1).movedim(0, d)
    return torch.cat([o.flatten() for o in new])

@each
def port_roots(grams, p, eps): return _pack(lambda d,M: port_root(M, p.ndim, eps), p, SIDES, 0, grams)

@term
def fed_back(u, last, *, mom:Unit=0., step):
    "Return the mean of the gradient and the last direction, which was multiplied by the roots"
    if step==1: last.copy_(u)
    return u*(1-mom) + last*mom

@term
def port_whiten(u, p, last:Borrowed, grams=squares, roots=squares, *, eps:Pos=1e-4, every:Count=1, step):
    "Use twice the paper's exponents"
    fresh = (step-1)%every==0
    grams.copy_(port_grams(grams, roots, u, eps, fresh))
    if fresh: roots.copy_(port_roots(grams, p, eps))
    last.copy_(multiply_along(u, roots))
    return last

jettify = Rule(fed_back, decay, port_whiten, descend, lr=0.1)

RULES = dict(SOAP=lambda hp: (soap, named(hp)), Shampoo=lambda hp: (jettify, named(hp)))
