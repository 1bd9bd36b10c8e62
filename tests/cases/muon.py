"Momentum orthogonalized by Newton and Schulz"
import torch
from fastopt.optim.muon import as_matrix, gain, mean_ahead, muon
from fastopt.core.rules import Count, NonNeg, Rule, decay, descend, each, term

@each
def rounded_newton_schulz(x, steps, eps):
    "The authors' order of operations, which differs from ours in bfloat16"
    M,(a,b,c) = as_matrix(x),(3.4445, -4.7750, 2.0315)
    X = (M.mT if M.shape[0]>M.shape[1] else M).to(torch.bfloat16)
    X = X/(X.norm() + eps)
    for _ in range(steps):
        A = X @ X.mT
        X = a*X + (b*A + c*A @ A) @ X
    return (X.mT if M.shape[0]>M.shape[1] else X).to(x.dtype).reshape(x.shape) * gain(x, 'original')

@term
def orthogonalize_rounded(u, *, ns_steps:Count=5, ns_eps:NonNeg=1e-7): return rounded_newton_schulz(u, ns_steps, ns_eps)

def official_muon(hp): return (Rule(mean_ahead, orthogonalize_rounded, decay, descend, lr=0.02) if hp.pop('bf16', False) else muon),hp

def torch_muon(hp):
    dtype = 'bfloat16' if hp.pop('bf16', False) else 'weights'
    return muon,dict(lr=1e-3, wd=0.1, ns_norm='least', ns_dtype=dtype) | {'ns_eps' if k=='eps' else k:v for k,v in hp.items()}

RULES = dict(Muon=dict(KellerJordan=official_muon, pytorch=torch_muon))
