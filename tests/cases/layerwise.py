"LAMB and LARS, with a rate for each tensor"
import torch
from math import sqrt
from fastopt.optim.layerwise import biased_adam, lamb, lamb_debiased, lars, norm, trust
from fastopt.core.rules import Rule, decay, descend, term
from fastopt.optim.sgd import heavy_ball
from . import Protocol

def clip_norm(most):
    "Clip the norm of all gradients together to `most`"
    def f(t, engine, state, ps):
        length = torch.stack([p.grad.norm() for p in ps]).norm()
        for p in ps: p.grad.div_((length/most).clamp(min=1.))
    return f

def shrink_first(lr, wd):
    "Apply the decay before the step, so that the ratio is that of the smaller weights"
    def f(t, engine, state, ps):
        for p in ps: p.data.mul_(1-lr*wd)
    return f

def author_lamb(hp): return (Rule(biased_adam, decay, descend, eps=1e-6) if hp.pop('adam', False) else lamb),hp

def timm_lamb(hp):
    most,bare,decoupled = hp.pop('max_grad_norm', 1.),not hp.pop('bias_correction', True),hp.pop('decoupled_decay', False)
    hp = dict(wd=0.01, norm_max=0., adapt_all=hp.pop('always_adapt', False), clip=hp.pop('trust_clip', False)) | hp
    if not decoupled: return (lamb if bare else lamb_debiased),hp,Protocol(before=most and clip_norm(most))
    return lamb_debiased,{**hp, 'wd':0., 'adapt_all':True},Protocol(before=shrink_first(hp['lr'], hp['wd']))

def jettify_lamb(hp):
    if not hp.pop('debias', False): return lamb,hp
    b1,b2,lr = hp.get('mom', 0.9),hp.get('sqr_mom', 0.999),hp['lr'] # The rate is debiased after the ratio, instead of the direction
    return lamb,hp,Protocol(schedule=lambda t: dict(lr=lr*sqrt(1-b2**t)/(1-b1**t)))

def optax_lamb(hp): return lamb_debiased,dict(norm_max=0., lr=hp['lr'], wd=hp['wd'])

def timm_lars(hp): return lars,dict(clip=hp.pop('trust_clip', False), mom=0., wd=0.) | hp

_rate = lars.core[0]

@term
def undecayed_rate(u, p, *, lr=0.01, wd=0., trust_coeff=0.01, eps=1e-8):
    "LARS of jettify, which leaves out the decay as well where a length is 0"
    return _rate(u, p, lr=lr, wd=wd, trust_coeff=trust_coeff, eps=eps, adapt_all=False, clip=False)*norm(u).sign()

def jettify_lars(hp): return Rule(undecayed_rate, heavy_ball, descend, lr=0.01),hp

def optax_lars(hp):
    "Divide by the norm of the gradient with the decay added"
    return Rule(decay, trust, heavy_ball, descend),dict(norm_max=0., mom=hp['mom'], wd=hp['wd'], lr=hp['lr']*0.001)

RULES = dict(LAMB=dict(cybertronai=author_lamb, huggingface=timm_lamb, jettify=jettify_lamb, **{'google-deepmind':optax_lamb}),
    LARS=dict(huggingface=timm_lars, jettify=jettify_lars, **{'google-deepmind':optax_lars}))
