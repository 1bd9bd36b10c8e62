"""Replays recorded trajectories of other implementations and compares: `python tests/replay.py DIR [--only NAME,…] [--engine E]`

`python tests/replay.py tests/reference --update` counts what tests/record.py has recorded in fastopt/replayed.json, if it passes.

DIR holds `index.json`, `gradients.npz` and one `NAME.npz` for each optimizer. Every case of trust `primary` is replayed in float64 on the
engines eager and foreach and in float32 on fused, unless one engine is requested. Each optimizer is reported as soon as it is done. The
output ends with `primary N/M`; the exit status is 1 if a case fails that `cases` knows, or one of an optimizer named by `--only`. The
modules in the folder `cases` define how a case is replayed."""
import json, sys
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
import fastopt.all as every, numpy as np, torch
from fastcore.basics import first
from fastcore.script import call_parse, store_true
from cases import RULES, Protocol, spread
from fastopt.core.engine import Engine
from fastopt.core.rules import Rule
from fastopt.files import atomic_write

REPLAYED = Path(__file__).parents[1]/'fastopt'/'replayed.json'

def find(case):
    "Our (rule, hypers, `Protocol`) for a `case` of the index, or `None`"
    entry = RULES.get(case['optimizer'])
    if isinstance(entry, dict):
        entry = first(filter(None, map(entry.get, (case['cls'], case['repo'].split('/')[0], Path(case['path']).stem))))
    if entry is None: return None
    hp = spread(case['hyperparameters']) | ({'bf16': True} if case.get('bf16') else {})
    found = (entry, hp) if isinstance(entry, Rule) else entry(hp, case['inner']) if 'inner' in case else entry(hp)
    return found and (*found, Protocol())[:3]

@lru_cache
def arrays(path): return dict(np.load(path)) # The result of `np.load` would unpack an array at each access

def gradients(grads, data, i, p):
    "A function of the step, counted from 0: the gradient of tensor `i`, either recorded or that of a noisy parabola at the weight `p`"
    def recorded(o): return torch.tensor(grads[f'{data}/{o}{i}'], dtype=p.dtype)
    if f'{data}/g{i}' in grads: return recorded('g').__getitem__
    H,c,n = map(recorded, 'Hcn')
    return lambda t: (H @ (p.detach().flatten()-c)).view_as(p) + n[t]

def compare(got, want):
    "Largest difference, relative to the largest wanted entry; NaN stays NaN"
    return np.abs(got-want).max() / max(1e-12, np.abs(want).max())

def slack(tol, ref, name, dtype, key, k):
    "Tolerance of record `k`; if it is not a weight (`x_…`), at least ten times the source's own difference of float32 from float64"
    return max(tol,
        10*compare(*(ref[f'{name}/{o}/{key}'][k] for o in ('float32', 'float64')))) if dtype=='float32' and key.startswith('x_') else tol

def run(root, index, grads, name, engine, dtype):
    "The largest relative error over the records of case `name`, as a fraction of its tolerance"
    case = index['cases'][name]
    rule,hp,protocol = find(case)
    hypers,options = rule.resolve_hypers(hp)
    ref,td = arrays(root/case['file']),getattr(torch, dtype)
    which = case.get('tensors', range(len(index['shapes'])))
    ps = [torch.tensor(grads[f"{case['data']}/p{i}"], dtype=td, requires_grad=True) for i in which]
    state,k,worst,alone = {p: {'do_wd': False} for p,i in zip(ps, which) if i in protocol.no_wd},0,0.,case.get('one_optimizer_per_tensor')
    # Measured against the distance that the weights have moved
    rough = {f'p{i}': p.detach().numpy().copy() for p,i in zip(ps, which)} if case.get('bf16') else {}
    tol = 2e-2 if rough else case['rtol64' if dtype=='float64' else 'rtol32']
    runs = [(o, Engine(rule, options, engine)) for o in ([[p] for p in ps] if alone else [ps])]
    gs = [gradients(grads, case['data'], i, p) for p,i in zip(ps, which)]
    for t in range(index['n_steps']):
        for p,g in zip(ps, gs): p.grad = g(t)
        now = {**hypers, **(protocol.schedule(t+1) if protocol.schedule else {})}
        for o,eng in runs:
            if protocol.before: protocol.before(t+1, eng, state, o)
            eng.step([(o, now)], state)
        if t+1 not in index['record_after_steps']: continue
        pairs = [(p.detach().numpy(), f'p{i}') for p,i in zip(ps, which)]
        pairs += [(np.asarray(f(runs[0][1], state, ps)), f'x_{o}') for o,f in protocol.extras.items()]
        for got,key in pairs:
            err = compare(got - rough.get(key, 0), ref[f'{name}/{dtype}/{key}'][k] - rough.get(key, 0))
            worst = np.maximum(worst, err/slack(tol, ref, name, dtype, key, k))
        k += 1
    return worst

WAYS = dict(eager=['float64'], foreach=['float64'], fused=['float32'])

UNKNOWN = 'no rule yet'

def judge(root, index, grads, name, engine, dtype):
    "The result of `run` for the case `name`, or the reason why there is none"
    try: return run(root, index, grads, name, engine, dtype) if find(index['cases'][name]) else UNKNOWN
    except Exception as e: return f'{type(e).__name__}: {e}' # The other cases continue

def dtypes_of(case, engine):
    "The dtypes in which `engine` replays the `case`; only single precision if its source supports no other"
    try: single = find(case)[2].single
    except Exception: single = False # `judge` reports the error
    return ['float32'] if single else WAYS.get(engine, ['float64'])

def replay(root, only=(), engine=None, trust=('primary',), own=False):
    """Yield (optimizer, case, engine, dtype, error over tolerance, or a reason) for each case of that `trust`, grouped by
    optimizer; if `own`, only for those that tests/record.py has recorded"""
    root = Path(root)
    index,grads = json.loads((root/'index.json').read_text()),arrays(root/'gradients.npz')
    for name,case in sorted(index['cases'].items(), key=lambda o: o[1]['optimizer'].lower()):
        if case['trust'] not in trust or (only and case['optimizer'] not in only) or (own and 'by' not in case): continue
        for eng in [engine] if engine else WAYS:
            for dtype in dtypes_of(case, eng):
                if dtype not in case['dtypes']: continue
                yield case['optimizer'],name,eng,dtype,judge(root, index, grads, name, eng, dtype)

def owner(case):
    "The name of the rule that a case counts for: its own or, if a variant replays it, that of the optimizer"
    names = {n.lower().replace('_', ''):n for n,o in vars(every).items() if isinstance(o, Rule)}
    try: mine = find(case)[0]
    except Exception: return case['optimizer'] # Its failure has been reported
    return mine.named if mine.named in names.values() else names.get(case['optimizer'].lower(), case['optimizer'])

def tell(opt, found):
    "Print the results of the optimizer `opt`; `found` are the results of `replay`, a dict from cases to what is wrong with them"
    cases = defaultdict(dict) # A dict keeps the order, and each reason once
    for _,case,eng,dtype,err in found:
        why = err if isinstance(err, str) else '' if err<=1 else f'{eng} {dtype}: {err:.3g} times the tolerance'
        cases[case] |= {why: None} if why else {}
    print(f'{opt:20s} {sum(not o for o in cases.values())}/{len(cases)}')
    for case,why in cases.items():
        if why: print(f"    {case}: {'; '.join(why)}")
    sys.stdout.flush()
    return cases

def expected(index):
    """What `fastopt/replayed.json` contains if everything passes: for each rule, the number of cases in the whole collection, of which
    tests/reference is a part, and of those that tests/record.py has added"""
    added = Counter(owner(c) for c in index['cases'].values() if 'by' in c and c['trust']=='primary')
    return {k:[n, n] for k,n in sorted((Counter(index['counts']) + added).items())}

@call_parse
def main(
    root:str, # Folder with index.json
    only:str='', # Names of optimizers, separated by commas
    engine:str=None, # One engine: eager, foreach or fused
    trust:str='primary', # `primary,port` also replays re-implementations by others
    save:str=None, # File for the passed cases, as JSON: rule to [passed, all]
    update:store_true=False, # Replay what tests/record.py has recorded and, if all passes, add it to fastopt/replayed.json
):
    "Replay the cases in the folder `root`"
    if not (Path(root)/'index.json').exists(): sys.exit(f'{root}: no index.json there; give the folder of recorded trajectories')
    if update and (only or engine or trust!='primary'):
        sys.exit('--update replays all that is needed: leave out --only, --engine and --trust')
    names,whole,cases = [o for o in only.split(',') if o],json.loads((Path(root)/'index.json').read_text()),{}
    index = whole['cases']
    if update and 'counts' not in whole: sys.exit(f'--update needs the counts of the whole collection, which {root} lacks')
    known = {c['optimizer'] for c in index.values()}
    if wrong := [o for o in names if o not in known]: sys.exit(f"{', '.join(wrong)}: not in {root}; it has {', '.join(sorted(known))}")
    for opt,found in groupby(replay(root, names, engine, trust.split(','), update), key=itemgetter(0)): cases |= tell(opt, found)
    if save:
        counts = defaultdict(lambda: [0, 0])
        for case,why in cases.items():
            if UNKNOWN not in why: counts[owner(index[case])] = [a+b for a,b in zip(counts[owner(index[case])], (not why, 1))]
        Path(save).write_text(json.dumps(dict(sorted(counts.items())), indent=1) + '\n')
    print(f'{trust} {sum(not o for o in cases.values())}/{len(cases)}')
    failed = any(why and (names or update or UNKNOWN not in why) for why in cases.values())
    if update:
        if failed: sys.exit('fastopt/replayed.json stays as it is: correct these cases, or map their optimizer to its rule in tests/cases')
        with atomic_write(REPLAYED) as part: part.write_text(json.dumps(expected(whole), indent=1) + '\n', encoding='utf-8')
        print('fastopt/replayed.json is up to date. Next: python tests/readme.py')
    sys.exit(int(failed))
