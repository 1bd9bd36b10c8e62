"""Replays recorded trajectories of other implementations and compares: `python tests/replay.py DIR [--only NAME,…] [--engine E]`

DIR holds `index.json`, `gradients.npz` and one `NAME.npz` an optimizer. Every case of trust `primary` is replayed: in float64 on the
engines eager and foreach, in float32 on fused, unless one engine is asked for. Ends with `primary N/M`; exit status 1 if a case of an
optimizer named by `--only` (or of any that `RULES` knows) falls short."""
import json, sys
from collections import defaultdict
from pathlib import Path
import numpy as np, torch
from fastcore.basics import first
from fastcore.script import call_parse
from fastopt.adam import adam, adamw, amsgrad, hold, radam, rectification, rectify
from fastopt.adamod import adamod, deepmemory, diffmod, from_length
from fastopt.diffgrad import diffgrad, diffrgrad, diffrgrad_hold
from fastopt.engine import Engine
from fastopt.lookahead import centralize, lookahead, ranger, ranger20, rangerqh, reset_momentum
from fastopt.qhadam import qhadam, qhadamw
from fastopt.rules import Borrowed, Rule, decay, descend, ema_, maximize, term
from fastopt.sgd import sgd

# The sources' names for what we call otherwise. A pair of decay rates is spread first.
NAMES = dict(weight_decay='wd', momentum='mom', dampening='damp', beta3='mom3', N_sma_threshhold='n_min', la_steps='k', la_alpha='alpha',
    gc_conv_only='conv_only')

def spread(hp):
    "The hypers `hp` of a source in our names"
    hp = dict(hp)
    if 'betas' in hp: hp['mom'],hp['sqr_mom'] = hp.pop('betas')
    if 'nus' in hp: hp['nu1'],hp['nu2'] = hp.pop('nus')
    if 'len_memory' in hp: hp['mom3'] = from_length(hp.pop('len_memory'))
    return {NAMES.get(k, k):v for k,v in hp.items()}

# Variants that are not shipped, because they are bugs of a source. They show that the bug is the whole difference.

@term
def aliased_pull(u, buf:Borrowed, *, k=5, alpha=0.8, step):
    "The official pullback: what it caches is the live buffer itself, so from the second merge on it mixes the buffer with itself"
    if step%k==0: buf.mul_(alpha if step==k else alpha*(2-alpha))
    return u

@term
def twice_averaged(u, m, v, *, mom=0.95, sqr_mom=0.999, smooth=50., step):
    "RangerVA without its maximum: the mean square is averaged twice a step"
    ema_(m, u, mom)
    ema_(ema_(v, u*u, sqr_mom), u*u, sqr_mom)
    return m*((1-sqr_mom**step)**0.5/(1-mom**step)) / torch.nn.functional.softplus(v.sqrt(), beta=smooth)

@term
def twice_averaged_top(u, m, v, top, *, mom=0.95, sqr_mom=0.999, smooth=50., step):
    "RangerVA with its maximum"
    ema_(m, u, mom)
    ema_(ema_(v, u*u, sqr_mom), u*u, sqr_mom)
    top.copy_(torch.maximum(top, v))
    return m*((1-sqr_mom**step)**0.5/(1-mom**step)) / torch.nn.functional.softplus(top.sqrt(), beta=smooth)

def aliased_adapt(place):
    "ranger2020 before rectification: its direction is the live mean itself, so decay (and centralization, if `place` is 'out') stay in the mean"
    def f(u, p, m, v, *, mom=0.95, sqr_mom=0.999, eps=1e-5, wd=0., n_min=5., step):
        ema_(m, u, mom)
        ema_(v, u*u, sqr_mom)
        trusted = rectification(sqr_mom, step, n_min)
        d = m/(v.sqrt() + eps) + p*wd if trusted else m + p*wd
        if place=='out': d = centralize(d, conv_only=False)
        if not trusted: m.copy_(d)
        return d
    f.__name__ = f.__qualname__ = f'aliased_adapt_{place}'
    return term(f)

@term
def shrunk_start(u, slow:Borrowed, *, lr=1e-3, wd=0., step):
    "RangerQH's slow weights are copied after the first decay"
    if step==1: slow.mul_(1-lr*wd)
    return u

def torch_adam(rule, terms, hp): return (Rule(*terms), hp) if hp.pop('amsgrad', False) else (rule, hp)

def torch_sgd(hp): return (Rule(maximize, *sgd) if hp.pop('maximize', False) else sgd),hp

def torch_radam(hp): return (radam if hp.pop('decoupled_weight_decay', False) else Rule(decay, *radam.core, descend)),hp

def official_radam(hp): return (radam if hp.pop('degenerated_to_sgd', False) else Rule(*radam, hold)),hp

def lessw_ranger(hp):
    hp.pop('use_gc', None) # Has no effect in this file
    return ranger,hp

def lessw_ranger20(hp):
    use,before = hp.pop('use_gc', True),hp.pop('gc_loc', True)
    over = dict(mom=0.95, eps=1e-5, k=6, alpha=0.5)
    if not hp.get('wd') and before: return (ranger20 if use else Rule(*[t for t in ranger20 if t is not centralize], **over)),hp
    return Rule(*([centralize] if use and before else []), aliased_adapt('out' if use and not before else 'in'), rectify, descend, lookahead, **over),hp

def lessw_rangerqh(hp):
    if hp.pop('decouple_weight_decay', False): return Rule(*qhadam.core, decay, descend, lookahead, shrunk_start, **rangerqh.defaults),{'mom':0.9, **hp}
    return rangerqh,{'mom':0.9, **hp}

def lessw_rangerva(hp):
    return Rule(twice_averaged_top if hp.pop('amsgrad', True) else twice_averaged, decay, descend, lookahead, k=6, alpha=0.5),hp

def official_lookahead(hp, inner):
    rule,ihp = {'SGD':sgd, 'Adam':adam}[inner['cls']],spread(inner['hp'])
    pull = dict(reset=[reset_momentum], pullback=[aliased_pull], none=[])[hp.pop('pullback_momentum', 'none')]
    return Rule(*rule, *pull, lookahead, **rule.defaults),{**ihp, **hp}

def lessw_diffrgrad(hp): return (diffrgrad if hp.pop('degenerated_to_sgd', True) else diffrgrad_hold),hp

QHOPTIM = dict(mom=0.9, nu1=1., nu2=1., wd=0.) # The defaults of its classes

def qhoptim_qhadam(hp): return (qhadamw if hp.pop('decouple_weight_decay', False) else qhadam),{**QHOPTIM, **hp}

def iprally_qhadamw(hp): return qhadamw,{**hp, 'wd':hp.get('wd', 0.)/hp.get('lr', 1e-3)} # Its decay is not multiplied by the rate

# Optimizer: a rule, or a function of the hypers that gives (rule, hypers); where sources differ, one for each owner, file or class
RULES = dict(SGD=torch_sgd, Adam=lambda hp: torch_adam(adam, amsgrad, hp), diffGrad=diffgrad, diffRGrad=lessw_diffrgrad, AdaMod=adamod,
    AdamW=lambda hp: torch_adam(adamw, [*amsgrad.core, decay, descend], {'wd':0.01, **hp}), DiffMod=diffmod, DeepMemory=deepmemory,
    QHAdam=qhoptim_qhadam, QHAdamW=dict(facebookresearch=lambda hp: (qhadamw, {**QHOPTIM, **hp}), iprally=iprally_qhadamw),
    RAdam=dict(pytorch=torch_radam, LiyuanLucasLiu=official_radam), Lookahead=dict(michaelrzhang=official_lookahead),
    Ranger=dict(ranger=lessw_ranger, ranger2020=lessw_ranger20, rangerqh=lessw_rangerqh, ranger913A=lessw_rangerva))

def find(case):
    "Our (rule, hypers) for a `case` of the index, or `None`"
    entry = RULES.get(case['optimizer'])
    if isinstance(entry, dict): entry = first(filter(None, map(entry.get, (case['repo'].split('/')[0], Path(case['path']).stem))))
    if entry is None: return None
    hp = spread(case['hyperparameters'])
    return (entry, hp) if isinstance(entry, Rule) else entry(hp, case['inner']) if 'inner' in case else entry(hp)

def run(root, index, grads, name, engine, dtype):
    "The largest relative error over the records of case `name`, as a share of its tolerance"
    case = index['cases'][name]
    rule,hp = find(case)
    hypers,options = rule.settle(hp)
    ref,td = np.load(root/case['file']),getattr(torch, dtype)
    which = case.get('tensors', range(len(index['shapes'])))
    ps = [torch.tensor(grads[f"{case['data']}/p{i}"], dtype=td, requires_grad=True) for i in which]
    run,state,k,worst = Engine(rule, options, engine),{},0,0.
    for t in range(index['n_steps']):
        for p,i in zip(ps, which): p.grad = torch.tensor(grads[f"{case['data']}/g{i}"][t], dtype=td)
        run.step([(ps, hypers)], state)
        if t+1 not in index['record_after_steps']: continue
        for p,i in zip(ps, which):
            want = ref[f'{name}/{dtype}/p{i}'][k]
            worst = np.maximum(worst, np.abs(p.detach().numpy()-want).max() / max(1e-12, np.abs(want).max())) # Keeps NaN
        k += 1
    return worst/case['rtol64' if dtype=='float64' else 'rtol32']

WAYS = dict(eager=['float64'], foreach=['float64'], fused=['float32'])

def replay(root, only=(), engine=None):
    "Yields (optimizer, case, engine, dtype, error over tolerance, or a reason) for each primary case"
    root = Path(root)
    index,grads = json.loads((root/'index.json').read_text()),np.load(root/'gradients.npz')
    for name,case in index['cases'].items():
        if case['trust']!='primary' or (only and case['optimizer'] not in only): continue
        for eng in [engine] if engine else WAYS:
            for dtype in WAYS.get(eng, ['float64']):
                if dtype not in case['dtypes']: continue
                yield case['optimizer'],name,eng,dtype,run(root, index, grads, name, eng, dtype) if find(case) else 'no rule yet'

@call_parse
def main(
    root:str, # Folder with index.json
    only:str='', # Names of optimizers, separated by commas
    engine:str=None, # One engine: eager, foreach or fused
):
    "Replay the primary cases in the folder `root`"
    if not (Path(root)/'index.json').exists(): sys.exit(f'{root}: no index.json there; give the folder of recorded trajectories')
    names,good,bad = [o for o in only.split(',') if o],defaultdict(set),defaultdict(dict)
    index = json.loads((Path(root)/'index.json').read_text())
    known = {c['optimizer'] for c in index['cases'].values()}
    if wrong := [o for o in names if o not in known]: sys.exit(f"{', '.join(wrong)}: not in {root}; it has {', '.join(sorted(known))}")
    for opt,case,eng,dtype,err in replay(root, names, engine):
        why = err if isinstance(err, str) else f'{eng} {dtype}: {err:.3g} times the tolerance'
        if isinstance(err, str) or not err<=1: bad[opt].setdefault(case, []).append(why)
        good[opt].add(case)
    for opt in good:
        print(f'{opt:20s} {len(good[opt])-len(bad[opt])}/{len(good[opt])}')
        for case,why in bad[opt].items(): print(f"    {case}: {'; '.join(dict.fromkeys(why))}")
    total,failed = sum(map(len, good.values())),sum(map(len, bad.values()))
    print(f'primary {total-failed}/{total}')
    covered = {c['optimizer'] for c in index['cases'].values() if c['trust']=='primary' and find(c)}
    sys.exit(int(any(bad[o] for o in (names or covered))))
