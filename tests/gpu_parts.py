"The parts of `gpu.py`: checks and measurements, and their targets"
import gc, json, os, tempfile, time, traceback
from contextlib import contextmanager
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from random import Random
import torch
from fastopt.core import fused
from fastopt.core.backends.triton import TritonLauncher
from fastopt.core.engine import DROP, LOWP
from fastopt.evidence.step_bench import BenchWeights, peer, peer_engines, why_missing, xresnet50_shapes
from fastopt.training.records import device_name, package_versions
from gpu import Report
from rules_under_test import RULES, TORCH, far, trained

tiny,device = False,torch.device('cpu')

def setup(rehearse, interpret=True):
    """Select the GPU; or, to `rehearse`, the CPU in its place, and, with `interpret`, Triton's interpreter in place of the compiled
    kernels"""
    global tiny,device
    tiny,device = rehearse,torch.device('cpu' if rehearse else 'cuda')
    if tiny:
        torch.set_num_threads(1)
        if interpret: fused.backends['cpu'],fused.MIN_WEIGHTS = TritonLauncher,0

def main(part, seconds, path, rehearse):
    "Run `part` within `seconds`, and write its record to the file `path`; every argument is text"
    setup(bool(int(rehearse)), part not in ('recipe', 'board')) # The interpreter would take minutes for a step of a network
    name = device_name() if tiny else torch.cuda.get_device_name()
    about = dict(device=name, tiny=tiny, versions=package_versions(), time=time.strftime('%Y-%m-%d %H:%M:%S %z'))
    report = Report(Path(path), part, float(seconds), **about)
    for what,f,needs in PARTS[part]: report.attempt(what, f, needs=0 if tiny else needs)
    report.write(ended='in time' if report.left()>=0 else f'{-report.left():.0f} seconds late')

# ---- correct: every rule, engine and dtype against float64 on the CPU

# In 16 bits there are three landings for weights, and state may be kept in bfloat16
CASES = [(torch.float32, 'plain', None), (torch.float64, 'plain', None), *[(d, how, None) for d in DROP for how in LOWP]]
CASES += [(torch.float32, 'plain', torch.bfloat16)]

def errors(name):
    """For rule `name`, the error of each case and engine on the GPU, divided by the allowed one: four times that of eager on the CPU, and
    two units in the last place"""
    rule,found = RULES[name],{}
    def run(dtype, lowp='plain', state=None, how='eager', on=device):
        return trained(rule, how, dtype, lowp, state_dtype=state, device=on, lr=0.01, wd=0.1)
    exact = run(torch.float64, on='cpu')
    for dtype,lowp,state in CASES[:1] if tiny else CASES:
        may = 4*far(run(dtype, lowp, state, on='cpu'), exact) + 2*torch.finfo(state or dtype).eps
        for how in ('fused',) if tiny else ('eager', 'foreach', 'fused'):
            case = ' '.join([how, str(dtype).split('.')[1], *([lowp] if dtype in DROP else []), *(['state in bfloat16'] if state else [])])
            found[case] = far(run(dtype, lowp, state, how), exact)/may
    return found

def attempted(name):
    try: return name,errors(name)
    except Exception: return name,traceback.format_exc(limit=-3)

def every_rule(report):
    "A pool over all cores also compiles the kernels that later parts find in Triton's cache"
    names,worst,failed,start = list(RULES)[:1] if tiny else list(RULES),{},{},time.monotonic()
    n = 1 if tiny else min(12, os.cpu_count())
    with get_context('spawn').Pool(n, setup, (tiny,)) as pool:
        results,done = pool.imap_unordered(attempted, names),set()
        while len(done)<len(names):
            try: name,found = results.next(None if tiny else max(.1, report.left()-40)) # The rest of the part needs time as well
            except get_context().TimeoutError: break
            done.add(name)
            if isinstance(found, str): failed[name] = found
            else:
                for case,share in found.items(): worst[case] = max(worst.get(case, (0., '')), (share, name))
        pool.terminate()
    for name,why in failed.items(): report.add(f'{name} on all engines', why, reached=False)
    for case,(share,name) in worst.items():
        report.add(f'{case}: error over what it may be, worst of {len(done)} rules, {name}', share, '<= 1', share<=1)
    if len(done)<len(names): report.add('every rule', f"cut: {', '.join(sorted({*names}-done))}")
    report.add(f'seconds for {len(done)} rules in {n} processes, compiling included', time.monotonic()-start)

def large_tensors(report):
    "300 million weights in one tensor: at the beginning, across 2^28 and at the end as in float64"
    n = 10_000 if tiny else 300_000_000
    spots = [slice(0, 1000), slice(2**28-500, 2**28+500), slice(n-1000, n)]
    for name in ('adamw', 'diffgrad', 'lamb'):
        def run(dtype, how):
            rule,gen = RULES[name],torch.Generator(device).manual_seed(0)
            p = torch.randn(n, device=device, generator=gen).to(dtype).requires_grad_()
            opt = rule([p], lr=0.01, wd=0.1, how=how)
            for _ in range(2):
                p.grad = torch.randn(n, device=device, generator=gen).to(dtype)
                opt.step()
            return torch.cat([p.detach()[o] for o in spots]).double()
        err = far(run(torch.float32, 'fused'), run(torch.float64, 'eager'))
        report.add(f'{name}, {n:,} weights in one tensor, float32 against float64', err, '<= 1e-5', err<=1e-5)
        gc.collect()

def grad_scaler(report):
    "Steps that a real `GradScaler` skips do not change weights and state"
    for name in ('adamw', 'lamb') if tiny else ('adamw', 'diffgrad', 'lamb', 'ranger', 'muon', 'sophia'):
        cls = {o.rule.__name__: o for o in TORCH.values()}[name]
        def run(overflows, **kwargs):
            torch.manual_seed(0)
            ps = [torch.randn(20, 10).to(device).requires_grad_() for _ in range(2)]
            opt,scaler = cls(ps, lr=0.01, **kwargs),torch.amp.GradScaler(device.type, init_scale=2.**10, growth_interval=10**6)
            for t in range(6):
                opt.zero_grad()
                x = torch.randn(10, generator=torch.Generator().manual_seed(t)).to(device)
                for bad in [True, False] if overflows and t in (2, 4) else [False]:
                    opt.zero_grad()
                    scaler.scale(sum((p@x).square().sum() for p in ps)).backward()
                    if bad: ps[1].grad[0, 0] = float('inf')
                    scaler.step(opt)
                    scaler.update(2.**10)
            return torch.cat([p.detach().flatten() for p in ps])
        for kwargs in ({}, dict(capturable=True)):
            same = torch.equal(run(True, **kwargs), run(False, **kwargs))
            report.add(f"{name}{' capturable'*bool(kwargs)}: weights after two skipped steps as without them, to the bit",
                'same' if same else 'other', 'same', same)

class CudaGraph:
    "A CUDA graph with the methods of `graphs.Graph`, which replaces it in a rehearsal"
    def __init__(self): self.graph = torch.cuda.CUDAGraph()
    def capture(self): return torch.cuda.graph(self.graph)
    def replay(self): self.graph.replay()

def new_graph():
    if device.type=='cuda': return CudaGraph()
    from graphs import Graph
    return Graph()

@contextmanager
def warming():
    "A stream of its own, as PyTorch requires for the steps before a capture"
    if device.type!='cuda':
        yield
        return
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream): yield
    torch.cuda.current_stream().wait_stream(stream)

CAPTURED = 'adamw','lion','diffgrad','radam','lamb','ranger','sophia','muon'

def replayed(name, scaled=False):
    """Distance of the weights from those of eager in float64 on the CPU, after steps replayed by a graph, with the backward pass, while
    the learning rate changes and a step is skipped"""
    cls,gen = {o.rule.__name__: o for o in TORCH.values()}[name],torch.Generator().manual_seed(0)
    qs = [torch.randn(s, generator=gen, dtype=torch.float64).requires_grad_() for s in ((20, 30), (7,), (8, 4, 3, 3))]
    ps,xs = [q.detach().to(device, torch.float32).requires_grad_() for q in qs],[torch.zeros(q.shape, device=device) for q in qs]
    lr = torch.tensor(0.01, device=device)
    opt,ref,graph = cls(ps, lr=lr, capturable=True, how='fused'),cls(qs, how='eager'),new_graph()
    if scaled: opt.grad_scale,opt.found_inf = torch.tensor(16., device=device),torch.zeros((), device=device)
    def backward():
        opt.zero_grad(set_to_none=True)
        sum((p*x).sum() for p,x in zip(ps, xs)).backward()
    def given(t):
        for q,x in zip(qs, xs):
            q.grad = torch.randn(q.shape, generator=gen, dtype=torch.float64)
            x.copy_(q.grad*(16 if scaled else 1))
        ref.param_groups[0]['lr'] = 0.01/(1+t)
        lr.fill_(0.01/(1+t))
        skip = scaled and t%5==4
        if scaled: opt.found_inf.fill_(float(skip))
        if not skip: ref.step()
    with warming():
        for t in range(3):
            given(t)
            backward()
            opt.step()
    with graph.capture():
        backward()
        opt.step()
    for t in range(3, 9 if tiny else 103):
        given(t)
        graph.replay()
    return far(*[torch.cat([p.detach().flatten() for p in ws]).cpu().double() for ws in (ps, qs)])

def graph_capture(report):
    "The recipe of PyTorch's notes: some steps, a capture of the backward pass and the step, and replays"
    for name in CAPTURED[:1] if tiny else CAPTURED:
        bar = 0.02 if name=='muon' and device.type=='cuda' else 1e-4 # Muon iterates in bfloat16 there
        err = replayed(name)
        report.add(f'{name}: replays of a graph against eager in float64', err, f'<= {bar}', err<=bar)
    err = replayed('lamb', True)
    report.add('lamb: replays with a scaler, some of them skipped', err, '<= 0.0001', err<=1e-4)

def exact_resume(report):
    "A training with dropout that stops after a batch and is resumed has the weights of an uninterrupted one"
    from fastai.basics import Callback, CancelFitException, DataLoaders, Learner, set_seed
    from fastopt.training.resume import SaveResume
    from torch import nn
    class Stop(Callback):
        order = 1001
        def after_batch(self):
            if self.learn.training and self.learn.opt and self.train_iter==4 and self.epoch==1: raise CancelFitException()
    def make(path, opt):
        set_seed(3)
        model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(.3), nn.Linear(16, 1))
        items = [(torch.randn(6), torch.randn(1)) for _ in range(32)]
        dls = DataLoaders.from_dsets(items, items[:8], bs=4, shuffle=True, num_workers=0, device=device)
        return Learner(dls, model.to(device), loss_func=nn.MSELoss(), opt_func=opt, cbs=[SaveResume(path, 1)])
    def fit(learn, *cbs):
        with learn.no_bar(), learn.no_logging(): learn.fit(3, 1e-2, cbs=cbs)
        return torch.cat([p.detach().flatten() for p in learn.model.parameters()])
    for name in ('diffgrad',) if tiny else ('adamw', 'diffgrad', 'ranger', 'muon'):
        with tempfile.TemporaryDirectory() as d:
            want = fit(make(Path(d)/'a', RULES[name]))
            fit(make(Path(d)/'b', RULES[name]), Stop())
            again = make(Path(d)/'b', RULES[name])
            torch.manual_seed(99) # Resuming must undo this
            again.resume(Path(d)/'b')
            same = torch.equal(fit(again), want)
        report.add(f'{name}: a training that went on has the same weights, to the bit', 'same' if same else 'other', 'same', same)

# ---- memory: random changes of weights, gradients and state between steps, as in test_memory.py, but in this process

def random_changes(report):
    "Sequences as in `tests/core/test_memory.py`; a wrong step ends its sequence, and a crash ends the part"
    from memory import FINE, HARM, RULES as CHANGED, SHAPES, Subject
    rng,wrong,counts = Random(0),[],dict(sequences=0, steps=0, harms=0)
    def changes(): return [(rng.choice(sorted(FINE)), rng.randrange(len(SHAPES)), rng.randrange(10)) for _ in range(rng.randint(1, 3))]
    def sequence(name, how, lowp):
        s,story = Subject(name, how, lowp, device),[(name, how, lowp)]
        for _ in range(6):
            if rng.random()<.3:
                story.append(('harm', rng.choice(sorted(HARM)), rng.randrange(len(SHAPES)), rng.randrange(10)))
                counts['harms'] += 1
                if (answer := s.harm(*story[-1][1:])) not in (None, 'refused'): return story,answer
            else:
                story.append((changes(), rng.random()<.5, tuple(rng.sample(range(len(SHAPES)), rng.randint(0, 2)))))
                counts['steps'] += 1
                if (answer := s.train(*story[-1])) not in ('fine', 'refused'): return story,answer
    while report.left()>5 and counts['sequences']<(20 if tiny else 10**6):
        counts['sequences'] += 1
        try: bad = sequence(rng.choice(sorted(CHANGED)), rng.choice(['eager', 'foreach', 'fused', 'auto']), rng.choice(LOWP))
        except Exception: bad = 'an exception',traceback.format_exc(limit=-4)
        if bad: wrong.append(bad)
    for story,answer in wrong[:5]: report.add(f'after {story}', answer, reached=False)
    tried = ', '.join(f'{n} {k}' for k,n in counts.items())
    report.add(f'random changes between steps: {tried}', f'{len(wrong)} wrong', '0 wrong', not wrong)

# ---- speed

def timed(f):
    "Milliseconds of `f` on the device, and on the host"
    if device.type=='cpu':
        start = time.perf_counter()
        f()
        ms = (time.perf_counter()-start)*1e3
        return ms,ms
    a,b = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    a.record()
    start = time.perf_counter()
    f()
    host = (time.perf_counter()-start)*1e3
    b.record()
    torch.cuda.synchronize()
    return a.elapsed_time(b),host

def medians(fs, weights, rounds):
    "For each of the functions `fs`, interleaved: median milliseconds on the device and on the host, and the quartiles of the first"
    seen = {k: [] for k in fs}
    for i in range(rounds+3):
        weights.turn()
        for k,f in fs.items():
            t = timed(f)
            if i>=3: seen[k].append(t)
    def quantile(xs, q): return sorted(xs)[round(q*(len(xs)-1))]
    def told(on_device, on_host):
        return dict(ms=quantile(on_device, .5), host=quantile(on_host, .5), spread=[quantile(on_device, q) for q in (.25, .75)])
    return {k: told(*zip(*ts)) for k,ts in seen.items()}

def nets():
    if tiny: return dict(small=[(8, 8), (8,)])
    return dict(xresnet50=xresnet50_shapes(), giant=[(1000, 5000)]*100, many=[(100, 100)]*10_000)

BYTES = dict(adamw=28, diffgrad=36) # Bytes that the mathematics reads and writes per float32 weight and step
SPEEDS = ('adamw', 'diffgrad', 'lamb', 'ranger', 'muon', 'sophia')

def rivals(ps):
    "Steps of PyTorch's and of optimi's AdamW on the weights `ps`"
    made = {f'torch AdamW {k}': torch.optim.AdamW(ps, lr=1e-3, **{k: True}) for k in ('fused', 'foreach')}
    if device.type=='cuda': made['torch AdamW capturable'] = torch.optim.AdamW(ps, lr=1e-3, capturable=True, foreach=True)
    if not why_missing('optimi'):
        for how in peer_engines('optimi', 'AdamW', device.type=='cuda'): made[f'optimi AdamW {how}'] = peer(ps, 'optimi', how, 'AdamW')
    return {k: o.step for k,o in made.items()}

def copying(ps):
    src = torch.ones(sum(p.numel() for p in ps), device=device)
    dst = torch.empty_like(src)
    return lambda: dst.copy_(src)

def speed_of(report, net):
    "One rule after another on the weights of `net`, each interleaved with PyTorch's fused AdamW and with a copy"
    weights = BenchWeights(nets()[net], device)
    n = sum(p.numel() for p in weights.ps)
    weights.turn()
    base = dict(copy=copying(weights.ps), **rivals(weights.ps))
    for name in SPEEDS[:2] if tiny else SPEEDS:
        if name=='muon' and net!='xresnet50' and not tiny: continue # Otherwise its matrix products would dominate the time
        if report.left()<3 and not tiny: return report.add(f'{net}: {name} and what follows', 'cut: no time was left')
        opt = RULES[name](weights.ps, lr=1e-3, how='fused')
        first,_ = timed(opt.step)
        fs = dict(ours=opt.step, **(base if name=='adamw' else {k: base[k] for k in ('copy', 'torch AdamW fused')}))
        got = medians(fs, weights, 2 if tiny else 30)
        ours,torch_ms,copy = (got[k]['ms'] for k in ('ours', 'torch AdamW fused', 'copy'))
        more = {k: got['ours'][k] for k in ('spread', 'host')}
        report.add(f'{net}: {name}, milliseconds a step', ours, first=first, weights=n, **more)
        judged = name in BYTES and not tiny or None
        report.add(f'{net}: {name} over torch AdamW fused', ours/torch_ms, judged and '<= 1', judged and ours<=torch_ms)
        if name in BYTES:
            share = BYTES[name]*n/ours/(8*n/copy)
            big = net=='giant' or None
            report.add(f'{net}: {name}, share of the bandwidth of a copy', share, big and '>= 0.85', big and share>=.85)
        if name in ('adamw', 'ranger'): replay_speed(report, net, name, weights, ours)
        if name=='adamw':
            for k in base:
                if k!='copy': report.add(f'{net}: {k}, milliseconds a step', got[k]['ms'], spread=got[k]['spread'], host=got[k]['host'])
            report.add(f'{net}: copy, GB/s read and written', 8*n/copy/1e6)
        del opt
        gc.collect()

def replay_speed(report, net, name, weights, ours):
    "Cost of a step whose numbers the device computes, and of one that a graph replays; `ours` are the milliseconds without either"
    opt,graph = RULES[name](weights.ps, lr=1e-3, how='fused', capturable=True),new_graph()
    with warming():
        for _ in range(2): opt.step()
    with graph.capture(): opt.step()
    got = medians({'capturable': opt.step, 'a graph replayed': graph.replay}, weights, 1 if tiny else 15)
    for k,o in got.items():
        report.add(f'{net}: {name} {k}, milliseconds a step', o['ms'], spread=o['spread'], host=o['host'])
        report.add(f'{net}: {name} {k}, over {name}', o['ms']/ours)

def speeds(report):
    for net in nets(): report.attempt(f'speed on {net}', speed_of, net, needs=0 if tiny else 8)

def sweep(report):
    "Find the fastest block size, number of warps and stages for the largest weights"
    weights,best = BenchWeights(nets()['small' if tiny else 'giant'], device),{}
    weights.turn()
    kept = TritonLauncher.BLOCK,dict(TritonLauncher.OPTIONS)
    try:
        for name in ('adamw',) if tiny else ('adamw', 'diffgrad'):
            for block in (1024,) if tiny else (512, 1024, 2048, 4096, 8192):
                for warps in (4,) if tiny else (4, 8):
                    late = report.left()<8 and not tiny
                    if late: return report.add(f'sweep: {name} in blocks of {block} and what follows', 'cut: no time was left')
                    TritonLauncher.BLOCK,TritonLauncher.OPTIONS = block,dict(num_warps=warps)
                    opt = RULES[name](weights.ps, lr=1e-3, how='fused')
                    best[name, block, warps] = medians(dict(ours=opt.step), weights, 1 if tiny else 12)['ours']['ms']
                    del opt
                    gc.collect()
    finally: TritonLauncher.BLOCK,TritonLauncher.OPTIONS = kept
    for (name,block,warps),ms in best.items(): report.add(f'sweep: {name}, blocks of {block}, {warps} warps, milliseconds', ms)
    for name in dict.fromkeys(o[0] for o in best):
        mine = {k: ms for k,ms in best.items() if k[0]==name}
        report.add(f'sweep: fastest for {name}', ' '.join(map(str, min(mine, key=mine.get)[1:])))

# ---- recipe

def images():
    "The folder of Imagenette's images: that in `FASTOPT_IMAGES`, or one below ~/data; synthetic images in a rehearsal"
    if tiny:
        from pictures import paint
        return paint(Path(tempfile.mkdtemp())/'images', n=40, size=40)
    return Path(os.environ.get('FASTOPT_IMAGES', Path.home()/'data'/'imagenette2-160'))

def throughput(report, path, **variant):
    "Images per second with one `variant` of the recipe"
    from fastopt.vision.recipe import measure_throughput, recipe_settings, throughput_ratios
    compiled,last = variant.pop('compiled', False),variant.pop('channels_last', None)
    given = dict(size=32, bs=8, arch='xresnet18', **variant) if tiny else dict(size=128, bs=64, **variant)
    cfg = recipe_settings('script', **given)
    table = throughput_ratios(measure_throughput(cfg, path, 1 if tiny else 3, 2 if tiny else 30, 0, compiled=compiled, channels_last=last))
    what = ' '.join([cfg['precision'], *(['channels last'] if last else []), *(['compiled'] if compiled else [])])
    for k in table.index:
        bar,ok = (None, None) if k!='fast loader / network' else ('>= 1', bool(table.loc[k, 'median']>=1))
        spread = [float(table.loc[k, o]) for o in ('lower quartile', 'upper quartile')]
        report.add(f'recipe in {what}: {k}', float(table.loc[k, 'median']), bar, ok, spread=spread)

LAST = dict(precision='bf16', channels_last=True)
VARIANTS = dict(precision='fp32'),dict(precision='bf16'),LAST,dict(LAST, compiled=True)

def recipes(report):
    path = images()
    for o in VARIANTS[:1] if tiny else VARIANTS: report.attempt(f'recipe with {o}', throughput, path, needs=0 if tiny else 12, **o)

# ---- board

def board(report):
    "Five epochs of the leaderboard's recipes, one seed after another, as long as there is time; `record-128-5` needs kornia"
    from fastopt.vision.leaderboard import leaderboard_command
    path,out,taken,args,presets,opts = images(),report.path.parent/'board',[],[],['record-128-5', 'base-2020'],['ranger', best_rule()]
    if tiny: args,presets = '--size 32 --epochs 1 --bs 8 --arch xresnet18 --limit 24'.split(),presets[1:]
    turns = cycle([(preset, opt) for preset in presets for opt in opts])
    for i,(preset,opt) in enumerate(turns):
        if tiny and i>=1 or taken and report.left()<1.2*max(taken): break
        start = time.monotonic()
        seed = ['--seed', str(i//4), '--runs', '1']
        leaderboard_command(['run', preset, '--opt', opt, *args, *seed, '--data', str(path), '--out', str(out)])
        taken.append(time.monotonic()-start)
        record = json.loads((out/'leaderboard.jsonl').read_text(encoding='utf-8').splitlines()[-1])
        more = {k: record[k] for k in ('seconds', 'images_s')}
        report.add(f'{preset} {opt}, seed {i//4}: accuracy', float(record['accuracy']), **more)
        report.add(f'{preset} {opt}, seed {i//4}: seconds', taken[-1], None if tiny else '<= 60', None if tiny else taken[-1]<=60)

def best_rule():
    "The rule with the highest mean accuracy on the CPU's board"
    from fastopt.vision.results import read_records
    recs = read_records(Path(__file__).parents[1]/'nbs'/'board'/'leaderboard.jsonl')
    by = {}
    for o in recs: by.setdefault(o['args']['opt'], []).append(o['accuracy'])
    return max((k for k in by if k in RULES and k!='ranger'), key=lambda k: sum(by[k])/len(by[k]))

PARTS = dict( # Title, function, and the seconds below which it is not started
    correct=[('every rule on every engine', every_rule, 30), ('300 million weights', large_tensors, 10), ('GradScaler', grad_scaler, 5),
        ('graph capture', graph_capture, 8), ('exact resume', exact_resume, 5)],
    memory=[('random changes', random_changes, 10)],
    speed=[('speed', speeds, 10), ('sweep', sweep, 10)],
    recipe=[('the recipe', recipes, 15)],
    board=[('the board', board, 60)])
