"""Records an optimizer of its authors: python tests/record.py NAME MODULE:CLASS [KEY=VALUE …] [--data base,zeros] [--repo …]

A recording is what the weights are after some steps with known gradients. tests/replay.py takes the same steps with our rule and compares.
- `gradients.npz` has for each data set and tensor I the start `DATA/pI` and the gradients `DATA/gI`, one per step, in float32. The set
  `quad` has `H`, `c` and `n` instead: the gradient of step t is `H @ (p-c) + n[t]`.
- `NAME.npz` has under `CASE/DTYPE/pI` the weights after each of the steps in `record_after_steps` of `index.json`.
- `index.json` has for each case the source, its hypers in its own names, the data set, and how far a replay may differ: `rtol64` and
  `rtol32` are relative to the largest weight of a tensor. `by` names the versions with which this script made the recording.

NAME is the name of the optimizer in tests/cases. MODULE is looked up in the present folder first, so that the authors' file needs no
installation. A VALUE is a Python literal or a plain word: betas=(0.9,0.99) lr=1e-3 amsgrad=True mode=fast"""
import json, os, re, sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from ast import literal_eval
from importlib import import_module
from importlib.metadata import packages_distributions, version
from math import ceil, floor, log10
from pathlib import Path
import numpy as np, torch
from fastcore.basics import first
from fastopt.files import atomic_write
from replay import arrays, compare, gradients

HERE = Path(__file__).with_name('reference')

def optimizer_class(text):
    "The class that `text`, MODULE:CLASS, names"
    module,colon,name = text.partition(':')
    if not (module and colon and name): sys.exit(f'{text}: write MODULE:CLASS, such as torch.optim:Adam')
    try: cls = getattr(import_module(module), name, None)
    except Exception as e: sys.exit(f'{module} cannot be imported from {os.getcwd()}: {type(e).__name__}: {e}')
    if not (isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)):
        sys.exit(f"{module} has no optimizer {name}; it has {', '.join(optimizers(sys.modules[module])) or 'none'}")
    return cls

def optimizers(module):
    return [k for k,o in vars(module).items() if isinstance(o, type) and issubclass(o, torch.optim.Optimizer) and k!='Optimizer']

def hyper(text):
    "The name and the value in `text`, KEY=VALUE"
    k,sign,v = text.partition('=')
    if not (k.isidentifier() and sign and v): sys.exit(f'{text}: write KEY=VALUE, such as lr=0.01')
    try: return k,literal_eval(v)
    except (ValueError, SyntaxError): return k,v

def source(cls, repo, path, commit):
    "The entries of the index that say where the code of `cls` is from"
    top = cls.__module__.split('.')[0]
    if not repo:
        if not (dists := packages_distributions().get(top)): sys.exit(f'{top} is not an installed package: give its --repo and --commit')
        path = f'{cls.__module__} (PyPI {dists[0]} {version(dists[0])})'
        return dict(repo='pytorch/pytorch' if top=='torch' else dists[0], path=path, cls=cls.__name__)
    if not re.fullmatch(r'[\w.-]+/[\w.-]+', repo): sys.exit(f'--repo {repo}: write OWNER/NAME')
    if not re.fullmatch('[0-9a-f]{40}', commit or ''): sys.exit('--commit: give all 40 digits, which `git rev-parse HEAD` prints')
    return dict(repo=repo, path=path or cls.__module__.replace('.', '/') + '.py', cls=cls.__name__, commit=commit)

def trajectory(index, grads, cls, hypers, data, dtype, jitter=0.):
    "The recorded weights of each tensor; the gradients are multiplied by `1±jitter`"
    torch.manual_seed(0)
    td,noise = getattr(torch, dtype),torch.Generator().manual_seed(1)
    ps = [torch.tensor(grads[f'{data}/p{i}'], dtype=td, requires_grad=True) for i in range(len(index['shapes']))]
    gs = [gradients(grads, data, i, p) for i,p in enumerate(ps)]
    opt,seen = cls(ps, **{k: tuple(v) if isinstance(v, list) else v for k,v in hypers.items()}),[[] for _ in ps]
    for t in range(index['n_steps']):
        # Each gradient is a new tensor, because some optimizers write into it
        for p,g in zip(ps, gs): p.grad = g(t) * (1 + jitter*(2*torch.rand(p.shape, generator=noise, dtype=torch.float64)-1)).to(td)
        opt.step()
        if t+1 in index['record_after_steps']:
            for o,p in zip(seen, ps): o.append(p.detach().numpy().copy())
    return list(map(np.stack, seen))

def tolerance(a, b, least):
    "Ten times the largest difference of the recordings `a` and `b`, rounded up to one digit, and at least `least`"
    err = 10*max(compare(x, y) for xs,ys in zip(a, b) for x,y in zip(xs, ys))
    digit = 10**floor(log10(max(err, least)))
    return float(f'{ceil(err/digit)*digit:.0e}') if err>least else least

def record(root, name, cls, hypers, data, label, origin):
    "Record one case for each data set in `data` in the folder `root`, and return their names"
    index,grads = json.loads((root/'index.json').read_text(encoding='utf-8')),arrays(root/'gradients.npz')
    if wrong := [o for o in data if o not in index['datasets']]:
        sys.exit(f"{', '.join(wrong)}: no such data set; there are {', '.join(index['datasets'])}")
    file = next((c['file'] for c in index['cases'].values() if c['optimizer']==name), f'{name}.npz')
    found,made = {**arrays(root/file)} if (root/file).exists() else {},[]
    for o in data:
        case = f"{name}.{origin['repo'].split('/')[0]}.{label}" + ('' if o=='base' else f'@{o}')
        if 'by' not in index['cases'].get(case, dict(by='')): sys.exit(f'{case} is in the collection already: give another --label')
        try:
            runs = {k: trajectory(index, grads, cls, hypers, o, k) for k in ('float64', 'float32')}
            near = trajectory(index, grads, cls, hypers, o, 'float64', 1e-14)
        except Exception as e: sys.exit(f'{cls.__name__} cannot be recorded: {type(e).__name__}: {first(str(e).splitlines()) or ""}')
        if bad := [k for k,xs in runs.items() if not all(np.isfinite(x).all() for x in xs)]:
            sys.exit(f"{case}: weights become infinite or NaN in {' and '.join(bad)}; try a smaller lr")
        found |= {f'{case}/{k}/p{i}':x for k,xs in runs.items() for i,x in enumerate(xs)}
        index['cases'][case] = dict(optimizer=name, **origin, hyperparameters=hypers, data=o, dtypes=['float64', 'float32'], file=file,
            rtol64=tolerance(near, runs['float64'], 1e-10), rtol32=tolerance(runs['float32'], runs['float64'], 1e-5), trust='primary',
            by=f'tests/record.py, torch {torch.__version__}, numpy {np.__version__}')
        made.append(case)
    with atomic_write(root/file) as part, open(part, 'wb') as f: np.savez_compressed(f, **found)
    with atomic_write(root/'index.json') as part: part.write_text(json.dumps(index, indent=1) + '\n', encoding='utf-8')
    arrays.cache_clear()
    return made

def main(args=None):
    "The command"
    usage,about = __doc__.split('\n\n', 1)
    p = ArgumentParser(usage=usage.split(': ', 1)[1], description=about, formatter_class=RawDescriptionHelpFormatter)
    p.add_argument('name', metavar='NAME', help='name of the optimizer in tests/cases, such as Adam')
    p.add_argument('source', metavar='MODULE:CLASS', help="the authors' class, such as torch.optim:Adam")
    p.add_argument('hypers', metavar='KEY=VALUE', nargs='*', help='arguments of the class; by default its own defaults')
    p.add_argument('--data', default='base', help='data sets, separated by commas: base, zeros, wide, quad (default: base)')
    p.add_argument('--label', help='last part of the name of the case; by default the hypers')
    p.add_argument('--repo', help="the authors' repository, as OWNER/NAME; not needed for an installed package")
    p.add_argument('--path', help='path of the file in the repository; by default that of the module')
    p.add_argument('--commit', help='commit of the repository, 40 digits')
    p.add_argument('--root', type=Path, default=HERE, help='folder of recordings (default: tests/reference)')
    a = p.parse_intermixed_args(args)
    if not re.fullmatch('[A-Za-z][A-Za-z0-9]*', a.name): sys.exit(f'{a.name}: the name of an optimizer has letters and digits only')
    if not (a.root/'index.json').exists(): sys.exit(f'{a.root}: no index.json there; give the folder of recordings')
    sys.path.insert(0, os.getcwd())
    cls,hypers = optimizer_class(a.source),dict(map(hyper, a.hypers))
    try: hypers = json.loads(json.dumps(hypers, allow_nan=False)) # A tuple becomes a list, as in the index
    except (TypeError, ValueError) as e: sys.exit(f'the hypers cannot be written as JSON: {e}')
    label = a.label or re.sub(r'[^\w.,=+-]', '', '_'.join(f'{k}={v}' for k,v in hypers.items())) or 'default'
    if not re.fullmatch(r'[\w.,=+-]+', label): sys.exit(f'--label {label}: use letters, digits and _ . , = + -')
    made = record(a.root, a.name, cls, hypers, a.data.split(','), label, source(cls, a.repo, a.path, a.commit))
    print(*made, sep='\n')
    print(f'Next: map {a.name} to your rule in tests/cases, then run python tests/replay.py tests/reference --only {a.name}')

if __name__=='__main__': main()
