"PyTorch's classics other than SGD and Adam"
import torch
from numpy import float32
from fastopt.optim.adaptive import MomDecay, adadelta, adafactor, adagrad, adamax, mom_at, rms, rmsprop, rmsprop_centered, rprop
from fastopt.core.rules import Memo, Rule, at_least, clone, unbias, decay, descend, ema_, shrink, term
from fastopt.optim.sgd import Power, asgd
from . import Protocol

@term
def single_wear(u, p, *, lr=1e-2, lambd=1e-4, power:Power=0.75, step):
    "`wear` as in PyTorch, which keeps its rate in single precision whatever the weights are"
    return (u + p*lambd) * float(float32(lr / (1 + lambd*lr*(step-1))**power))

@term
def single_average(u, p, ax=clone, *, t0=1e6, step):
    "`average` as in PyTorch, which keeps its share in single precision"
    ax.lerp_(p-u, float(float32(1/max(1, step-1-t0))))
    return u

def torch_asgd(hp):
    extras = dict(ax0=lambda engine, state, ps: state[ps[0]]['ax'])
    return Rule(decay, single_wear, single_average, **asgd.hypers),hp,Protocol(extras=extras)

def torch_rprop(hp):
    (drop,grow),(least,most) = hp.pop('etas', (0.5, 1.2)),hp.pop('step_sizes', (1e-6, 50))
    lr = hp.get('lr', 1e-2)
    return rprop,{**hp, 'drop':drop, 'grow':grow, 'least':least/lr, 'most':most/lr}

@term
def single_nadam(u, m, v, *, mom=0.9, sqr_mom=0.999, eps=1e-8, mom_decay:MomDecay=4e-3, memo:Memo(product=1.), step):
    "`nadam` as in PyTorch, which keeps the product of its momenta in single precision"
    ema_(m, u, mom)
    ema_(v, u*u, sqr_mom)
    μ,μ_next = mom_at(step, mom, mom_decay),mom_at(step+1, mom, mom_decay)
    memo.product = float(float32(memo.product)*float32(μ))
    return (u*((1-μ)/(1-memo.product)) + m*(μ_next/(1-memo.product*μ_next))) / (unbias(v, sqr_mom, step).sqrt() + eps)

def torch_nadam(hp):
    decoupled = hp.pop('decoupled_weight_decay', False)
    return Rule(*([single_nadam, decay] if decoupled else [decay, single_nadam]), descend, lr=2e-3),hp

@term
def near_nadam(u, m, v, *, mom=0.9, sqr_mom=0.999, eps=1e-8, step):
    "NAdam of optax: the momentum of each step is the same"
    ema_(m, u, mom)
    ema_(v, u*u, sqr_mom)
    return (unbias(m, mom, step+1)*mom + unbias(u, mom, step)*(1-mom)) / (unbias(v, sqr_mom, step).sqrt() + eps)

def optax_nadam(hp): return Rule(near_nadam, descend),hp

def torch_rmsprop(hp): return (rmsprop_centered if hp.pop('centered', False) else rmsprop),hp

def torch_adafactor(hp):
    eps,least = hp.pop('eps', (None, 1e-3))
    hp = {dict(beta2_decay='power', d='clip').get(k, k):v for k,v in hp.items()}
    return adafactor,{**hp, 'eps':eps or 0., 'least':least}

@term
def late_rprop(u, prev, size=torch.ones_like, *, drop=0.5, grow=1.2, least=1e-4, most=5000.):
    "Rprop of optax, each of whose steps is that of the gradient before, or none if the sign has changed"
    s = u.sign()
    turn,late = s*prev,prev*size
    size.mul_(torch.where(turn<0, drop, torch.where(turn>0, grow, torch.ones_like(turn)))).clamp_(least, most)
    prev.copy_(torch.where(turn<0, 0., s))
    return torch.where(turn<0, 0., late)

def optax_rprop(hp):
    lr = hp.get('lr', 1e-2)
    return Rule(late_rprop, descend),{**hp, 'least':1e-6/lr, 'most':50/lr}

@term
def unfactored(u, p, v, *, lr=1e-3, power=-0.8, eps=1e-30, least=1e-3, clip=1., single=False, relative=True, step):
    "Adafactor of timm and optax without two long sides, where nothing is factored; optax has the share of new squares in single precision"
    share = step**power
    if single: share = float(float32(1) - (float32(1) - float32(step**float(float32(power)))))
    v.lerp_(u*u + eps, share)
    d = u/v.sqrt()
    α = at_least(rms(p), least) if relative else 1.
    return d * (α*lr / at_least(rms(d)/clip, 1.))

def timm_adafactor(hp):
    relative = hp.pop('scale_parameter', True)
    return Rule(unfactored, shrink, lr=1e-2, relative=relative),hp

def optax_adafactor(hp): return Rule(unfactored, single=True),hp

RULES = dict(ASGD=torch_asgd, Rprop={'pytorch':torch_rprop, 'google-deepmind':optax_rprop}, Adagrad=adagrad, Adadelta=adadelta,
    RMSprop=torch_rmsprop, Adamax=adamax, NAdam={'pytorch':torch_nadam, 'google-deepmind':optax_nadam},
    Adafactor={'pytorch':torch_adafactor, 'huggingface':timm_adafactor, 'google-deepmind':optax_adafactor})
