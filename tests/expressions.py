"Numbers that a term may compute from its hypers `a` and `b` and the step: some written by hand, others at random"
import functools, math, numpy as np, random, torch
import torch.nn.functional as F
from fastopt.core.rules import cond, each, ema_, larger, root
from math import isfinite

@each
def weighed(x, y, k=1.): return x.flatten().cumsum(0).view(x.shape)*y*k

# What the module of a user has, where terms are made from texts
SPACE = dict(torch=torch, np=np, math=math, functools=functools, F=F, ema_=ema_, cond=cond, larger=larger, root=root, weighed=weighed,
    __name__='of_a_user')

# With branches, conversions, tables, texts and types
BY_HAND = '''math.sqrt(step); step**0.5; max(a, 0.3); min(1., step/4); a if step>5 else 2*a; a if a>0.3 else b; 1 if step%3==0 else 2
    1/(1-a**step); int(step/2); step//2; round(a, 1); math.floor(a*10); np.sqrt(step); np.float64(a); bool(step>3); not step>3; a**u
    u**step; step>3 and a>0.3; step>3 or a>0.3; a<b<1; [1., 2., 3.][step%3]; {0: 1., 1: 0.5}[step%2]; len(range(step))
    sum(range(step)); pow(2, -step); divmod(step, 3)[1]; torch.tensor(a); step in (2, 5, 7); math.cos(math.pi*min(step, 10)/10)
    (int(a*10) & 3); float(f"{a:.2f}"); np.clip(a, 0.2, 0.4); np.array([a, b]).mean(); min([a, b]); sorted([a, b])[0]
    a if isinstance(a, float) else 99.; 1. if type(step) is int else 99.; a if a.__class__ is float else 99.
    a if np.isscalar(a) else 99.; cond(a>0.3, a, b); larger(a, b); 1/(step-5) if step!=5 else 0.; -step%3; 7//step
    next(i for i in range(100) if i>=step); sum(a**i for i in range(step)); step.bit_length(); (-1)**step; (-1.5)**step; -1**step
    (-a)**step; (-2.)**-step; (step-3)**2; (step-3)**3; (a-1)**step; (step-2)**(step-2); 0**step; 2.5**a; a%0.1; -a%0.3; a//0.1
    -a//0.2; step%-3; -step//2; step/2; step%2.5; (step>3)+1; (step>3)*(a>0.3); (step>3)&(a>0.3); (step>3)|(a>0.3); (step>3)^(a>0.3)
    (step>3)+(a>0.3); -(step>3); abs(-step); abs(-a); abs(step>3); +a; +step; +(step>3); step<<1; 64>>step; step&3; step|4
    1. if step in {2, 5} else 2.; {1: 5., 2: 6.}.get(step, 1.); {a: 1.}.get(0.5, 2.); 1. if str(step)=="3" else 2.; hash(step)%7
    2**step; 1. if f"{step}"=="3" else 2.; float(str(a)); 1. if a is None else 2.; 1. if step is True else 2.
    a if isinstance(step, int) else 99.; 1. if isinstance(a, (int, float)) else 3.; 1. if hasattr(a, "is_integer") else 3.
    a.is_integer(); a.real; step.numerator; callable(a); np.exp(a); np.log(a); np.abs(a); np.power(2., a); np.maximum(a, b)
    np.square(a); math.exp(a); math.pow(a, step); math.log(step); 3-step; np.float32(a); np.where(a>0.3, 1., 2.); np.sign(a)
    math.isclose(a, 0.5); math.isnan(a); step^5; 1/a; a==a; a!=a; a==None; a!="x"; cond(step>3, 1., 2.)
    cond(step>3, lambda: a, lambda: b); cond(step%2==0, True, False); cond(step%2, 1, 2); cond(a, 1., 2.); cond(step>3, step, a)
    cond(a-0.5, 1., 3.); cond(step>2, lambda: 1/(step-2), 0.); larger(step, 3); larger(a, step); root(a); root(step); sum([a, b])
    sum([step, a, 1]); math.prod([a, b]); math.fsum([a, b]); functools.reduce(lambda x, y: x*y, [a, step]); (lambda x: x*2)(a)
    [a, b][step%2]; dict(x=a)["x"]; (a, b)==(0.5, 0.3); [a]==[0.5]; (a,)<(b,); a in [0.5, 0.7]; u.clamp(-a, a)
    torch.where(u > a, a, b); torch.lerp(u, m, a); u.add(m, alpha=a); u.add(a, alpha=step); u.sub(m, alpha=step); u.abs().pow(a)
    torch.pow(a, u); u.clamp(max=step); torch.full_like(u, a); torch.addcdiv(u, m, u.abs()+1, value=a); u.masked_fill(u > a, step)
    torch.where(u > 0.5, step, u); u > a; u==step; step/u; a/u; step//u; step%u; u//a; u%a; u.fmod(a); torch.rsub(u, a)
    F.softplus(u, a); F.leaky_relu(u, a); F.hardtanh(u, -a, a); torch.clamp(u, min=a*0.5, max=step); weighed(u, m, a)
    weighed(u, m, step); weighed(u, m, k=b); weighed(u, m, 2*a)'''
BY_HAND = [o.strip() for o in BY_HAND.replace('\n', ';').split(';')]

# The last values have a power that is too large, a root and logarithms of less than 0
VALUES = [dict(a=a, b=b, step=t) for t,(a,b) in enumerate([(0.5, 0.3), (0.25, 0.9), (0.75, 0.125), (0.999, -0.5), (0.1, 200.)], 1)]
_LEAVES = 'a b step step 1 2 3 -1 -2 0.5 -0.25 1e-8 10'.split()
_SIGNS = '+ - * / // % ** < <= > >= == !='.split()

def expression(rng, depth=3):
    "A random expression of at most `depth` levels"
    kind = rng.random() if depth else 0.
    if kind<0.2: return rng.choice(_LEAVES)
    if kind<0.35: return f'{rng.choice("-+")}({expression(rng, depth-1)})'
    if kind<0.45: return f'{rng.choice(["abs", "root"])}({expression(rng, depth-1)})'
    return f'({expression(rng, depth-1)}) {rng.choice(_SIGNS)} ({expression(rng, depth-1)})'

def expressions(n, seed=0):
    rng = random.Random(seed)
    return [expression(rng) for _ in range(n)]

def plain(text, space, values):
    "The value of the expression `text`, or `None` if Python has no real and finite one of usual size"
    try: res = eval(text, space, values)
    except (ArithmeticError, TypeError, ValueError): return None
    return res if not isinstance(res, complex) and isfinite(res) and abs(res)<1e12 else None
