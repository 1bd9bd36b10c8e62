"Lion, and caution after it and after AdamW"
import torch
from fastopt.optim.lion import cautious_adamw, cautious_lion, lion
from fastopt.core.rules import Rule, decay, descend, each, term

def timm_lion(hp):
    hp.pop('foreach')
    return (cautious_lion if hp.pop('caution', False) else lion),hp

@each
def share(ϕ): return (ϕ.sum()+1)/ϕ.numel()

@term
def cautious_count(u, g):
    "Caution that counts one agreeing weight too many, as the paper and C-Optim's Lion do, but not C-Optim's AdamW"
    ϕ = torch.where(u*g>0, torch.ones_like(u), torch.zeros_like(u))
    return u*ϕ/share(ϕ)

def timm_adamw(hp):
    hp.pop('caution')
    return cautious_adamw,{**hp, 'eps_hat':False}

RULES = dict(Lion={'google':lion, 'huggingface':timm_lion, 'google-deepmind':lion,
    'kyleliang919': Rule(lion, cautious_count, decay, descend)}, CautiousAdamW=dict(kyleliang919=cautious_adamw, huggingface=timm_adamw))
