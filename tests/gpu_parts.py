"The parts of `gpu.py`: checks and measurements, and their targets"
import gc, json, os, tempfile, time, traceback, warnings
BEGUN = time.monotonic() # Loading PyTorch and fastai takes some of a part's time
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

ROOT = Path(__file__).resolve().parents[1]
tiny,device = False,torch.device('cpu')

def setup(rehearse, interpret=True):
    """Select the GPU; or, to `rehearse`, the CPU in its place, and, with `interpret`, Triton's interpreter in place of the compiled
    kernels. From here on, a step that falls back to another engine is an error, because it would be taken for one of a kernel"""
    global tiny,device
    tiny,device = rehearse,torch.device('cpu' if rehearse else 'cuda')
    warnings.filterwarnings('error', '.*no fused kernel')
    if tiny:
        torch.set_num_threads(1)
        if interpret: fused.backends['cpu'],fused.MIN_WEIGHTS = TritonLauncher,0

def begin_worker(rehearse):
    "Set up a process of a pool, which has one core"
    setup(rehearse)
    torch.set_num_threads(1)

def check_origin():
    "An installed fastopt gives its version, but what is checked must be the code of this tree"
    if (at := Path(fused.__file__).resolve().parents[1])!=ROOT/'fastopt': raise ImportError(f'fastopt comes from {at}, not from {ROOT}')

def main(part, seconds, path, rehearse):
    "Run `part` within `seconds`, and write its record to the file `path`; every argument is text"
    setup(bool(int(rehearse)), part not in ('recipe', 'board')) # The interpreter would take minutes for a step of a network
    check_origin()
    name = device_name() if tiny else torch.cuda.get_device_name()
    about = dict(device=name, tiny=tiny, versions=package_versions(), time=time.strftime('%Y-%m-%d %H:%M:%S %z'))
    report = Report(Path(path), part, float(seconds), BEGUN, **about)
    for what,f,needs in PARTS[part]: report.attempt(what, f, needs=0 if tiny else needs)
    report.write(ended='in time' if report.left()>=0 else f'{-report.left():.0f} seconds late')

# ---- correct: every rule, engine and dtype against float64 on the CPU

# In 16 bits there are three landings for weights, and state may be kept in bfloat16
CASES = [(torch.float32, 'plain', None), (torch.float64, 'plain', None), *[(d, how, None) for d in DROP for how in LOWP]]
CASES += [(torch.float32, 'plain', torch.bfloat16)]

def allowed(dtype, state, told):
    """The error that a GPU may have in `dtype`, with `state` in another one, if eager has the error `told` on the CPU: four times as much,
    and two units in the last place"""
    return 4*told + 2*torch.finfo(state or dtype).eps

def errors(name):
    "For rule `name`, the error of each case and engine on the GPU, divided by the allowed one; infinity for NaN"
    rule,found = RULES[name],{}
    given = dict(ns_dtype='weights') if 'ns_dtype' in rule.options else {} # On a GPU, muon would iterate in bfloat16, and on a CPU not
    def run(dtype, lowp='plain', state=None, how='eager', on=device):
        return trained(rule, how, dtype, lowp, state_dtype=state, device=on, lr=0.01, wd=0.1, **given)
    exact = run(torch.float64, on='cpu')
    for dtype,lowp,state in CASES[:1] if tiny else CASES:
        if dtype!=torch.float64: told = far(run(dtype, lowp, state, on='cpu'), exact)
        else: # It has no error against itself. The rule magnifies the rounding of float32 as well, unless that decides a result by itself
            told = far(run(torch.float32, on='cpu'), exact)
            if told<DECIDES: told *= torch.finfo(torch.float64).eps/torch.finfo(torch.float32).eps
        for how in ('fused',) if tiny else ('eager', 'foreach', 'fused'):
            case = ' '.join([how, str(dtype).split('.')[1], *([lowp] if dtype in DROP else []), *(['state in bfloat16'] if state else [])])
            share = far(run(dtype, lowp, state, how), exact)/allowed(dtype, state, told)
            found[case] = share if share==share else float('inf')
    return found

DECIDES = 1e-3 # In float32, only the axes that soap finds for equal eigenvalues are so far off

def attempted(name):
    try: return name,errors(name)
    except Exception: return name,traceback.format_exc(limit=-3)

def record_errors(report, found):
    "Record, of what `errors` has `found` for each rule, the worst of each case, and all that are too large; or why there is nothing"
    for name,o in found.items():
        if isinstance(o, str): report.add(f'{name} on all engines', o, reached=False)
    found = {k: o for k,o in found.items() if not isinstance(o, str)}
    for case in dict.fromkeys(k for o in found.values() for k in o):
        shares = sorted([(o[case], name) for name,o in found.items() if case in o], reverse=True)
        share,name = shares[0]
        report.add(f'{case}: error over what it may be, worst of {len(shares)} rules, {name}', share, '<= 1', share<=1)
        if large := [f'{name} {share:.3g}' for share,name in shares if not share<=1]:
            report.add(f'{case}: all that are larger', ', '.join(large), reached=False)

def every_rule(report):
    "A pool over all cores also compiles the kernels that later parts find in Triton's cache, those of the rules they need first"
    names,start = sorted(RULES, key=lambda o: o not in FIRST),time.monotonic()
    if tiny: names = names[:1]
    n = 1 if tiny else min(12, os.cpu_count())
    with get_context('spawn').Pool(n, begin_worker, (tiny,)) as pool:
        results,found = pool.imap_unordered(attempted, names),{}
        while len(found)<len(names):
            try: name,one = results.next(None if tiny else max(.1, report.left()-60)) # The rest of the part needs time as well
            except get_context().TimeoutError: break
            found[name] = one
        pool.terminate()
    record_errors(report, found)
    if len(found)<len(names): report.add('every rule', f"cut: {', '.join(o for o in names if o not in found)}")
    report.add(f'seconds for {len(found)} rules in {n} processes, compiling included', time.monotonic()-start)

FIRST = 'adamw','diffgrad','ranger','lamb','adafactor','muon','sophia'

def large_tensors(report):
    for o in ('adamw', 'diffgrad', 'lamb'): report.attempt(f'{o}, large tensor', large_tensor, o)

def large_tensor(report, name):
    "300 million weights in one tensor: at the beginning, across 2^28 and at the end as in float64"
    n = 10_000 if tiny else 300_000_000
    spots = [slice(0, 1000), slice(2**28-500, 2**28+500), slice(n-1000, n)]
    def run(dtype, how):
        rule,gen = RULES[name],torch.Generator(device).manual_seed(0)
        p = torch.randn(n, device=device, generator=gen).to(dtype).requires_grad_()
        opt = rule([p], lr=0.01, wd=0.1, how=how)
        for _ in range(2):
            p.grad = torch.randn(n, device=device, generator=gen).to(dtype)
            opt.step()
        return torch.cat([p.detach()[o] for o in spots]).double()
    gc.collect()
    err = far(run(torch.float32, 'fused'), run(torch.float64, 'eager'))
    report.add(f'{name}, {n:,} weights in one tensor, float32 against float64', err, '<= 1e-5', err<=1e-5)

def grad_scaler(report):
    "Steps that a real `GradScaler` skips do not change weights and state"
    for name in ('adamw', 'lamb') if tiny else ('adamw', 'diffgrad', 'lamb', 'ranger', 'muon', 'sophia'):
        for capturable in (False, True): report.attempt(f"{name}{' capturable'*capturable}: GradScaler", skipped, name, capturable)

def skipped(report, name, capturable):
    cls,kwargs = {o.rule.__name__: o for o in TORCH.values()}[name],dict(capturable=True) if capturable else {}
    def run(overflows):
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
    same = torch.equal(run(True), run(False))
    report.add(f"{name}{' capturable'*capturable}: weights after two skipped steps as without them, to the bit",
        'same' if same else 'other', 'same', same)

class CudaGraph:
    "A CUDA graph with the methods of `graphs.Graph`, which replaces it in a rehearsal"
    def __init__(self): self.graph = torch.cuda.CUDAGraph()
    @contextmanager
    def capture(self):
        stream = torch.cuda.current_stream()
        try:
            with torch.cuda.graph(self.graph): yield
        finally: torch.cuda.set_stream(stream) # A capture that fails would leave its own
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
    for o in CAPTURED[:1] if tiny else CAPTURED: report.attempt(f'{o}: graph', replay_err, o)
    report.attempt('lamb: graph with a scaler', replay_err, 'lamb', True)

def replay_err(report, name, scaled=False):
    bar,err = 0.02 if name=='muon' and device.type=='cuda' else 1e-4,replayed(name, scaled) # Muon iterates in bfloat16 there
    what = 'replays with a scaler, some of them skipped' if scaled else 'replays of a graph against eager in float64'
    report.add(f'{name}: {what}', err, f'<= {bar}', err<=bar)

def exact_resume(report):
    for o in ('diffgrad',) if tiny else ('adamw', 'diffgrad', 'ranger', 'muon'): report.attempt(f'{o}: resuming', resumed, o)

def resumed(report, name):
    "A training with dropout that stops after a batch and is resumed has the weights of an uninterrupted one"
    from fastai.basics import Callback, CancelFitException, DataLoaders, Learner, set_seed
    from fastopt.training.resume import SaveResume
    from torch import nn
    class Stop(Callback):
        order = 1001
        def after_batch(self):
            if self.learn.training and self.learn.opt and self.train_iter==4 and self.epoch==1: raise CancelFitException()
    def make(path):
        set_seed(3)
        model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(.3), nn.Linear(16, 1))
        items = [(torch.randn(6), torch.randn(1)) for _ in range(32)]
        dls = DataLoaders.from_dsets(items, items[:8], bs=4, shuffle=True, num_workers=0, device=device)
        return Learner(dls, model.to(device), loss_func=nn.MSELoss(), opt_func=RULES[name], cbs=[SaveResume(path, 1)])
    def fit(learn, *cbs):
        with learn.no_bar(), learn.no_logging(): learn.fit(3, 1e-2, cbs=cbs)
        return torch.cat([p.detach().flatten() for p in learn.model.parameters()])
    with tempfile.TemporaryDirectory() as d:
        want = fit(make(Path(d)/'a'))
        fit(make(Path(d)/'b'), Stop())
        again = make(Path(d)/'b')
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
    # After an illegal access to the GPU's memory all that follows fails, too
    while report.left()>5 and counts['sequences']<(20 if tiny else 10**6) and len(wrong)<20:
        counts['sequences'] += 1
        try: bad = sequence(rng.choice(sorted(CHANGED)), rng.choice(['eager', 'foreach', 'fused', 'auto']), rng.choice(LOWP))
        except Exception: bad = 'an exception',traceback.format_exc(limit=-4)
        if bad: wrong.append(bad)
    for story,answer in wrong[:5]: report.add(f'after {story}', answer, reached=False)
    tried = ', '.join(f'{n} {k}' for k,n in counts.items())
    report.add(f'random changes between steps: {tried}', f'{len(wrong)} wrong', '0 wrong', not wrong)

# ---- speed

def timed(f, ahead=0.):
    """Milliseconds of `f` on the device, and on the host. The device first sleeps for `ahead` milliseconds, in which the host launches `f`;
    otherwise the device would wait for the host, and its time would be the host's"""
    if device.type=='cpu':
        start = time.perf_counter()
        f()
        ms = (time.perf_counter()-start)*1e3
        return ms,ms
    a,b = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    if ahead: torch.cuda._sleep(int(ahead*2e6)) # Cycles of at most 2 GHz
    a.record()
    start = time.perf_counter()
    f()
    host = (time.perf_counter()-start)*1e3
    b.record()
    torch.cuda.synchronize()
    return a.elapsed_time(b),host

def medians(fs, weights, rounds, seconds=15., warm=3):
    """For each of the functions `fs`, interleaved: median milliseconds on the device and on the host, and the quartiles of the first. It
    stops before all `rounds` after some `seconds`, but not before the third"""
    seen,ahead,end = {k: [] for k in fs},dict.fromkeys(fs, 0.),time.monotonic()+seconds
    for i in range(rounds+warm):
        if i>=warm+3 and time.monotonic()>end: break
        weights.turn()
        for k,f in fs.items():
            t = timed(f, ahead[k])
            if i>=warm: seen[k].append(t)
            else: ahead[k] = min(1.2*t[1], 100.) # Of the last one; a step that waits for the device would add this time to its own
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
    "Steps of PyTorch's AdamW on the weights `ps`, and of optimi's, which takes a second or more for thousands of them"
    made = {f'torch AdamW {k}': torch.optim.AdamW(ps, lr=1e-3, **{k: True}) for k in ('fused', 'foreach')}
    if device.type=='cuda': made['torch AdamW capturable'] = torch.optim.AdamW(ps, lr=1e-3, capturable=True, foreach=True)
    if len(ps)<1000 and not why_missing('optimi'):
        for how in peer_engines('optimi', 'AdamW', device.type=='cuda'): made[f'optimi AdamW {how}'] = peer(ps, 'optimi', how, 'AdamW')
    return {k: o.step for k,o in made.items()}

def copying(ps):
    src = torch.ones(sum(p.numel() for p in ps), device=device)
    dst = torch.empty_like(src)
    return lambda: dst.copy_(src)

def speed_of(report, net):
    "One rule after another on the weights of `net`, each interleaved with PyTorch's fused AdamW and with a copy"
    weights = BenchWeights(nets()[net], device)
    weights.turn()
    base = dict(copy=copying(weights.ps), **rivals(weights.ps))
    for name in SPEEDS[:2] if tiny else SPEEDS:
        if name=='muon' and net!='xresnet50' and not tiny: continue # Otherwise its matrix products would dominate the time
        report.attempt(f'{net}: {name}', step_speed, net, name, weights, base, needs=0 if tiny else 3)
        gc.collect()

def step_speed(report, net, name, weights, base):
    opt,n = RULES[name](weights.ps, lr=1e-3, how='fused'),sum(p.numel() for p in weights.ps)
    first,_ = timed(opt.step)
    fs = dict(ours=opt.step, **(base if name=='adamw' else {k: base[k] for k in ('copy', 'torch AdamW fused')}))
    got = medians(fs, weights, 2 if tiny else 30)
    ours,torch_ms,copy = (got[k]['ms'] for k in ('ours', 'torch AdamW fused', 'copy'))
    more = {k: got['ours'][k] for k in ('spread', 'host')}
    report.add(f'{net}: {name}, milliseconds a step', ours, first=first, weights=n, **more)
    judged = name in BYTES and not tiny or None
    report.add(f'{net}: {name} over torch AdamW fused', ours/torch_ms, judged and '<= 1', judged and ours<=torch_ms)
    if net!='giant': # There the device takes far longer than the host
        on_host,judged = got['ours']['host']/got['torch AdamW fused']['host'],net=='xresnet50' and judged or None
        report.add(f'{net}: {name} over torch AdamW fused, on the host', on_host, judged and '<= 1', judged and on_host<=1)
    if name in BYTES:
        share = BYTES[name]*n/ours/(8*n/copy)
        big = net=='giant' or None
        report.add(f'{net}: {name}, share of the bandwidth of a copy', share, big and '>= 0.85', big and share>=.85)
    if name=='adamw':
        for k in base:
            if k!='copy': report.add(f'{net}: {k}, milliseconds a step', got[k]['ms'], spread=got[k]['spread'], host=got[k]['host'])
        report.add(f'{net}: copy, GB/s read and written', 8*n/copy/1e6)
    if name in ('adamw', 'ranger'): report.attempt(f'{net}: {name} replayed', replay_speed, net, name, weights, ours)

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
                    TritonLauncher.BLOCK,TritonLauncher.OPTIONS = block,dict(num_warps=warps)
                    what = f'sweep: {name}, blocks of {block}, {warps} warps'
                    report.attempt(what, sweep_point, name, weights, best, needs=0 if tiny else 8)
                    gc.collect()
    finally: TritonLauncher.BLOCK,TritonLauncher.OPTIONS = kept
    for name in dict.fromkeys(o[0] for o in best):
        mine = {k: ms for k,ms in best.items() if k[0]==name}
        report.add(f'sweep: fastest for {name}', ' '.join(map(str, min(mine, key=mine.get)[1:])))

def sweep_point(report, name, weights, best):
    "Measure the steps of `name` with the launcher's present settings, and add the time to `best`"
    opt,block,warps = RULES[name](weights.ps, lr=1e-3, how='fused'),TritonLauncher.BLOCK,TritonLauncher.OPTIONS['num_warps']
    best[name, block, warps] = ms = medians(dict(ours=opt.step), weights, 1 if tiny else 12, 5.)['ours']['ms']
    report.add(f'sweep: {name}, blocks of {block}, {warps} warps, milliseconds', ms)

# ---- recipe

def images():
    "The folder of Imagenette's images: that in `FASTOPT_IMAGES`, or one below ~/data; synthetic images in a rehearsal"
    if tiny:
        from pictures import paint
        return paint(Path(tempfile.mkdtemp())/'images', n=40, size=40)
    return Path(os.environ.get('FASTOPT_IMAGES', Path.home()/'data'/'imagenette2-160'))

def recipe_of(**given):
    "Settings of the recipe; `ranger19` is the rule of fastai's script, with fastopt's kernels"
    from fastopt.vision.recipe import recipe_settings
    return recipe_settings('script', opt='ranger19', **(dict(size=32, bs=8, arch='xresnet18') if tiny else dict(size=128, bs=64)), **given)

def add_speeds(report, what, cfg, path, rounds, batches, speeds, **kwargs):
    "Measure the `speeds` of the recipe `cfg`, and record them and their ratios"
    from fastopt.vision.recipe import measure_throughput, throughput_ratios
    df = throughput_ratios(measure_throughput(cfg, path, rounds, 2 if tiny else batches, 0, speeds, **kwargs))
    for k in df.index:
        bar,ok = (None, None) if k!='fast loader / network' else ('>= 1', bool(df.loc[k, 'median']>=1))
        spread = [float(df.loc[k, o]) for o in ('lower quartile', 'upper quartile')]
        report.add(f'{what}: {k}', float(df.loc[k, 'median']), bar, ok, spread=spread)

def throughput(report, path, **variant):
    "Images per second with one `variant` of the recipe"
    compiled,last = variant.pop('compiled', False),variant.pop('channels_last', None)
    cfg = recipe_of(**variant)
    what = ' '.join(['recipe in', cfg['precision'], *(['channels last'] if last else []), *(['compiled'] if compiled else [])])
    rounds,speeds = (1, ['network']) if compiled else (1 if tiny else 3, ['fast', 'network', 'training'])
    add_speeds(report, what, cfg, path, rounds, 30, speeds, compiled=compiled, channels_last=last)

LAST = dict(precision='bf16', channels_last=True)
VARIANTS = LAST,dict(precision='bf16'),dict(precision='fp32'),dict(LAST, compiled=True)

def recipes(report):
    """The variants from the fastest to the slowest; then fastai's own loader, which decodes images in this process, and does not depend on
    them. A network takes a minute or more to compile, so it comes last, and only the network is measured, once"""
    path = images()
    for o in VARIANTS[2:3] if tiny else VARIANTS[:3]: report.attempt(f'recipe with {o}', throughput, path, needs=0 if tiny else 15, **o)
    report.attempt('recipe: loaders', add_speeds, 'recipe', recipe_of(), path, 1, 3, ['fast', 'classic'], needs=0 if tiny else 10)
    if not tiny: report.attempt(f'recipe with {VARIANTS[3]}', throughput, path, needs=60, **VARIANTS[3])

# ---- board

def board(report):
    "Five epochs of the leaderboard's recipes, one seed after another, as long as there is time; `record-128-5` needs kornia"
    from fastopt.vision.leaderboard import leaderboard_command
    path,out,taken,args,presets,opts = images(),report.path.parent/'board',[],[],['record-128-5', 'base-2020'],['ranger', best_rule()]
    if not tiny: check_images(path)
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

def check_images(path, want=9469):
    "Is all of Imagenette there? A half of it trains as well, but to an accuracy that cannot be compared"
    n = sum(1 for _ in path.glob('train/*/*'))
    if n!=want: raise FileNotFoundError(f'{path} has {n} of {want} images for training; unpack all pieces')

def best_rule():
    "The rule with the highest mean accuracy on the CPU's board"
    from fastopt.vision.results import read_records
    recs = read_records(Path(__file__).parents[1]/'nbs'/'board'/'leaderboard.jsonl')
    by = {}
    for o in recs: by.setdefault(o['args']['opt'], []).append(o['accuracy'])
    return max((k for k in by if k in RULES and k!='ranger'), key=lambda k: sum(by[k])/len(by[k]))

PARTS = dict( # Title, function, and the seconds below which it is not started
    correct=[('every rule on every engine', every_rule, 30), ('GradScaler', grad_scaler, 5), ('graph capture', graph_capture, 8),
        # A wrong address is likeliest in large tensors, and would spoil all that follows
        ('exact resume', exact_resume, 5), ('300 million weights', large_tensors, 10)],
    memory=[('random changes', random_changes, 10)],
    speed=[('speed', speeds, 10), ('sweep', sweep, 10)],
    recipe=[('the recipe', recipes, 15)],
    board=[('the board', board, 60)])
