"Steps that a graph can replay: the launches are repeated without the engine's Python code, and the result equals eager"
import os, pytest, torch
from fastopt.core.engine import Engine, capturing
from interpreter import interpreted
from rules_under_test import RULES

MUST = 'adamw lion diffgrad radam lamb ranger sophia muon'.split()
DEMON = [o for o in RULES if 'demon' in o]
HEAD = '''
import math, sys, torch
from fastopt.core.backends.triton import TritonLauncher
from graphs import Graph, Noting, memory_made
from rules_under_test import RULES, TORCH
TritonLauncher.BLOCK = 64
CLASSES = {o.rule.__name__: o for o in TORCH.values()}
SHAPES = (5, 9),(7,)
def weights(dtype=torch.float64):
    gen = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=gen, dtype=torch.float64).to(dtype).requires_grad_() for s in SHAPES]
def gradients(t, ps):
    gen = torch.Generator().manual_seed(t+1)
    return [torch.randn(p.shape, generator=gen, dtype=torch.float64).to(p.dtype) for p in ps]
def give(opt, ps, t, inplace=False):
    for p,g in zip(ps, gradients(t, ps)):
        if inplace: p.grad.copy_(g)
        else: p.grad = g
def far(ps, qs):
    pairs = [(p.detach().double(), q.detach().double()) for p,q in zip(ps, qs)]
    return max(((p-q).abs()/(1+q.abs())).max().item() for p,q in pairs)
'''

REPLAYS = HEAD + '''
steps,names = int(sys.argv[1]),sys.argv[2:]
for name in names:
    cls,(ps,qs) = CLASSES[name],(weights(), weights())
    lr = torch.tensor(0.01, dtype=torch.float64)
    def groups(ws, lr): return [dict(params=ws[:1], lr=lr), dict(params=ws[1:], lr=0.02)] if name=='adamw' else [dict(params=ws, lr=lr)]
    more = dict(total=8) if 'total' in cls.rule.hypers else {} # Demon fades within the replayed steps
    opt,ref = cls(groups(ps, lr), capturable=True, how='fused', **more),cls(groups(qs, 0.01), how='eager', **more)
    def rates(t):
        "A tensor and a plain number, moved as a schedule would"
        x = 0.01*(1 + math.cos(t/9))
        lr.fill_(x)
        ref.param_groups[0]['lr'] = x
        for o in (opt, ref):
            if t%7==0: o.param_groups[-1]['weight_decay'] = x # A plain number
        opt.refresh()
    for t in range(2):
        rates(t)
        for o,ws in ((opt, ps), (ref, qs)):
            give(o, ws, t)
            o.step()
    graph = Graph()
    with graph.capture(): opt.step()
    for t in range(2, 2+steps):
        rates(t)
        give(opt, ps, t, inplace=True)
        give(ref, qs, t)
        graph.replay()
        ref.step()
        assert far(ps, qs)<1e-12, (name, t, far(ps, qs))
    assert opt.state[ps[0]]['step'].item()==ref.state[qs[0]]['step']==2+steps
    # A checkpoint has whole numbers, and the other kind of optimizer goes on from it
    saved = opt.state_dict()
    assert all(type(st['step']) is int for st in saved['state'].values())
    rs = [p.detach().clone().requires_grad_() for p in ps]
    other = cls(groups(rs, 0.01), how='eager', **more)
    other.load_state_dict(saved)
    # Without a graph, by the same optimizer, with gradients somewhere else
    for t in (1000, 1001):
        for o,ws in ((opt, ps), (ref, qs), (other, rs)):
            give(o, ws, t)
            o.param_groups[0]['lr'] = 0.01
            o.step()
    assert far(ps, qs)<1e-12 and far(rs, qs)<1e-12, (name, far(ps, qs), far(rs, qs))
print('all', len(names))
'''

# Ranger merges twice in 12 steps; FASTOPT_REPLAYS=100 replays 100 steps of each rule
MANY = int(os.environ.get('FASTOPT_REPLAYS', 0))
CASES = [(MANY, (o,)) for o in [*MUST, 'demon_adam']] if MANY else [(12, ('adamw', 'ranger', 'demon_adam'))]

@pytest.mark.long
@pytest.mark.parametrize('steps,names', CASES, ids=str)
def test_replays_are_steps_of_eager(steps, names): assert f'all {len(names)}' in interpreted(REPLAYS, steps, *names)

CORNERS = HEAD + '''
from fastopt.core import capture
from fastopt.core.backends import triton
from fastopt.core.engine import Engine
from fastopt.optim.clipping import clip_norm
from fastopt.optim.adam import adam
from fastopt.core.rules import Rule, descend
def refused(f, error, text):
    try: f()
    except error as e: assert text in str(e), e
    else: assert False, text

# Launches: one more than without `capturable`
TritonLauncher.BLOCK = 32
def launches(name):
    ps = weights()
    opt = CLASSES[name](ps, capturable=True, how='fused')
    give(opt, ps, 0)
    opt.step()
    graph = Graph()
    with graph.capture(): opt.step()
    kinds = [next(k for k in ('stretches', 'steps', 'parts', 'grads') if k in o) for o in graph.launches]
    return ' '.join(dict(stretches='join', steps='numbers', parts='sums', grads='kernel')[k] for k in kinds)
for name in ('adamw', 'diffgrad'): assert launches(name)=='numbers kernel', (name, launches(name))
for name in ('lamb', 'ranger'): assert launches(name)=='numbers sums join kernel', (name, launches(name))
assert launches('muon')=='numbers kernel kernel', launches('muon')
TritonLauncher.BLOCK = 64

# No memory is made after the first step, and none is sent but what has changed
for name in ('adamw', 'lamb'):
    ps = weights(torch.bfloat16)
    ps.append(torch.ones(2, 3, 2, 2, dtype=torch.bfloat16).to(memory_format=torch.channels_last).requires_grad_()) # Its gradient is copied
    opt = CLASSES[name](ps, capturable=True, how='fused', lowp='kahan')
    give(opt, ps, 0)
    opt.step()
    sent,made,send = [],[],capture.send
    for o in (capture, triton): o.send = lambda x, device: sent.append(x.shape) or send(x, device)
    give(opt, ps, 1, inplace=True)
    with memory_made(made): opt.step()
    assert not made and not sent, (name, made, sent)
    opt.param_groups[0]['lr'] = 0.5
    opt.refresh()
    assert len(sent)==3, sent
    for o in (capture, triton): o.send = send

# A scaler: a step with an infinite gradient is skipped on the device, and others are divided
for name in ('adamw', 'adam_mini'):
    ps,qs = weights(torch.float32),weights(torch.float32)
    opt,ref = CLASSES[name](ps, capturable=True, how='fused'),CLASSES[name](qs, how='eager')
    assert opt._step_supports_amp_scaling and not ref._step_supports_amp_scaling
    opt.grad_scale,opt.found_inf = torch.tensor(8.),torch.zeros(1)
    graph = None
    for t in range(8):
        for p,q,g in zip(ps, qs, gradients(t, ps)):
            if p.grad is None: p.grad = torch.zeros_like(p)
            p.grad.copy_(g*8)
            q.grad = g
        bad = t in (0, 3, 5)
        if bad: ps[0].grad[0,0] = float('inf')
        opt.found_inf.fill_(bad)
        if t<2: opt.step()
        elif not graph:
            graph = Graph()
            with graph.capture(): opt.step()
        if graph: graph.replay()
        if not bad: ref.step()
        assert far(ps, qs)<1e-6, (name, t, far(ps, qs))
    assert opt.state[ps[0]]['step'].item()==ref.state[qs[0]]['step']==5

# Gradients that the backward pass makes during the capture; then a step without the graph, with others; the graph reads its own
ps,qs = weights(),weights()
opt,ref = CLASSES['adamw'](ps, capturable=True, how='fused'),CLASSES['adamw'](qs, how='eager')
def both(t, f):
    for o,ws in ((opt, ps), (ref, qs)): give(o, ws, t)
    opt.step() if f is None else f()
    ref.step()
both(0, None)
mine = [torch.zeros_like(p) for p in ps]
for p,g in zip(ps, mine): p.grad = g
graph = Graph()
with graph.capture(): opt.step()
def replay():
    for g,p in zip(mine, ps): g.copy_(p.grad)
    for p in ps: p.grad.fill_(float('nan'))
    graph.replay()
for t,f in enumerate((replay, replay, None, replay, None), 1): both(t, f)
assert far(ps, qs)<1e-13, far(ps, qs)
table = triton.put(torch.arange(2**40, 2**40+70).numpy(), torch.device('cpu'))
assert table.tolist()==list(range(2**40, 2**40+70))

# A missing gradient: its weight stays, and counts its own steps
both(6, None)
before = ps[1].detach().clone()
ps[1].grad = qs[1].grad = None
opt.step(), ref.step()
assert torch.equal(ps[1], before) and [opt.state[p]['step'].item() for p in ps]==[ref.state[q]['step'] for q in qs]==[8, 7]
both(8, None)
assert far(ps, qs)<1e-13 and [opt.state[p]['step'].item() for p in ps]==[9, 8]

# What would go wrong silently is refused
def captured(opt):
    with Graph().capture(): opt.step()
opt.param_groups[0]['lr'] = 0.3
refused(lambda: captured(opt), RuntimeError, 'a hyper changed while a graph is being captured; call `refresh()`')
ps = weights()
opt = CLASSES['adamw'](ps, capturable=True, how='fused')
give(opt, ps, 0)
refused(lambda: captured(opt), RuntimeError, 'make a step with the same weights and gradients first')
ref = CLASSES['adamw'](ps, how='eager')
ref.step()
refused(lambda: captured(ref), RuntimeError, 'set capturable=True')
opt = CLASSES['muon'](ps[:1], capturable=True, how='fused')
opt.step()
captured(opt)
opt.param_groups[0]['eps'] = 1e-3
refused(opt.refresh, RuntimeError, 'ns_eps=0.001 is passed to a function of whole tensors')
opt = CLASSES['adamw'](ps, lr=torch.tensor([1]), capturable=True, how='fused')
refused(opt.step, TypeError, 'lr is a tensor of shape (1,) and dtype torch.int64')

# A number about all weights stays on the device
rule = Rule(clip_norm, adam, descend, max_norm=0.5)
runs = []
for capturable in (True, False):
    ws,state,engine = weights(),{},Engine(rule, how='fused' if capturable else 'eager', capturable=capturable)
    for t in range(3):
        for p,g in zip(ws, gradients(t, ws)):
            if p.grad is None: p.grad = g.clone()
            else: p.grad.copy_(g)
        if capturable and t==1:
            graph = Graph()
            with graph.capture(): engine.step([(ws, rule.hypers)], state)
        if capturable and t: graph.replay()
        else: engine.step([(ws, rule.hypers)], state)
    runs.append(ws)
assert far(*runs)<1e-13
print('corners')
'''

@pytest.mark.long
def test_corners(): assert 'corners' in interpreted(CORNERS)

NUMBERS = HEAD + '''
import itertools, warnings
from expressions import BY_HAND, SPACE, VALUES, expressions, plain
from fastopt.core.backends.triton import triton_build
from fastopt.core.capture import CapturableProgram, numbers_source
from fastopt.core.rules import Rule, descend, each, root, term
warnings.simplefilter('ignore')

# In terms: the step is that of eager, or the term is refused by name
refused,space = [],dict(SPACE)
for text in BY_HAND:
    exec(f'def f(u, m, *, a=0.5, b=0.3, step): return u*(ema_(m, u, 0.9)*0 + ({text}))', space)
    cls = Rule(term(space['f']), descend, lr=0.1).torch('Mine')
    ps,qs = weights()[1:],weights()[1:]
    opt,ref = cls(ps, capturable=True, how='fused'),cls(qs, how='eager')
    for t in range(4):
        for o,ws in ((opt, ps), (ref, qs)):
            give(o, ws, t)
            o.param_groups[0].update(lr=0.1/(t+1), a=(0.5, 0.2, 0.7, 0.31)[t], b=(0.3, 0.9, 0.1)[t%3])
        try: opt.step()
        except NotImplementedError as e:
            assert not t and 'f, descend): capturable=True is not supported: ' in str(e), e
            assert 'leave `capturable` off' in str(e) or 'use how=' in str(e), e
            refused.append(text)
            break
        ref.step()
        # PyTorch's `where` of two numbers is in float32
        assert torch.equal(ps[0].isnan(), qs[0].isnan()) and far([p.nan_to_num() for p in ps], [q.nan_to_num() for q in qs])<1e-7, text
assert 60<len(refused)<len(BY_HAND)-80, len(refused)

# A function of whole tensors receives tensors and plain hypers, and may ask for their types
@each
def typed(x, k): return x*k if isinstance(x, torch.Tensor) and type(k) is float else x*99.
def uses(u, *, a=0.5): return typed(u, a)
cls = Rule(term(uses), descend, lr=0.1).torch('Mine')
ps,qs = weights(),weights()
for o,ws in ((cls(ps, capturable=True, how='fused'), ps), (cls(qs, how='eager'), qs)):
    give(o, ws, 0)
    o.step()
assert far(ps, qs)<1e-12

# Random ones, many in a kernel
n,space = 0,dict(root=root)
for k in range(0, 512, 64):
    prog,cells = CapturableProgram(),{}
    given = dict(a=prog.given('a'), b=prog.given('b'), step=prog.given('step', True))
    for text in expressions(512)[k:k+64]:
        try: res = eval(text, space, dict(given))
        except (NotImplementedError, ArithmeticError, ValueError, TypeError): continue # In Python, too, or refused
        if not isinstance(res, (bool, complex)): cells[text] = int(prog.arg(res)[1:])
    values = torch.tensor([[o['a'], o['b']] for o in VALUES], dtype=torch.float64)
    at = values.data_ptr() + 8*torch.arange(values.numel()).view(values.shape)
    steps,out = torch.tensor([o['step']-1 for o in VALUES]),torch.zeros(len(VALUES), len(prog.consts), dtype=torch.float64)
    triton_build(numbers_source(prog, ['a', 'b']))[(len(VALUES),)](at, torch.ones_like(at, dtype=torch.int8), steps, out, num_warps=1)
    for (text,c),(j,o) in itertools.product(cells.items(), enumerate(VALUES)):
        if (want := plain(text, space, o)) is None: continue
        assert abs(out[j,c].item() - want)<=1e-12*max(1, abs(want)), (text, o, out[j,c].item(), want)
        n += 1
assert n>1000, n
print('numbers')
'''

@pytest.mark.long
def test_numbers_are_those_of_python_or_refused(): assert 'numbers' in interpreted(NUMBERS)

def test_what_cannot_be_captured_is_refused_by_name(monkeypatch):
    from fastopt.core import fused
    from fastopt.core.backends.triton import TritonLauncher
    def refusal(rule):
        p = torch.ones(4, 4, requires_grad=True)
        p.grad = torch.ones(4, 4)
        with pytest.raises(NotImplementedError) as e: Engine(rule, capturable=True).step([([p], rule.hypers)], {})
        return str(e.value)
    assert 'adamw: a weight of shape (4, 4) is on cpu, which has no kernels' in refusal(RULES['adamw'])
    monkeypatch.setitem(fused.backends, 'cpu', TritonLauncher)
    can = []
    for name,rule in RULES.items():
        p = torch.ones(4, 4, requires_grad=True)
        p.grad = p.detach().clone()
        try: Engine(rule, capturable=True).refuse_capturable(p)
        except NotImplementedError as e:
            said = str(e)
            names = [t.__name__ for t in rule.rule_of(p).terms]
            assert said.startswith(f'{name}: capturable=True is not supported: ') and 'leave `capturable` off' in said
            assert 'the rule keeps numbers on the host' in said or any(f'{o}: ' in said for o in names), said
        else: can.append(name)
    assert {*MUST, *DEMON} <= {*can} and not {'nadam', 'yellowfin', 'shampoo', 'soap', 'ranger21'} & {*can}

@pytest.mark.parametrize('kw,text', [(dict(how='eager'), 'needs compiled kernels'), (dict(skip_nonfinite=True), 'use a GradScaler')])
def test_manners_that_do_not_agree(kw, text):
    with pytest.raises(ValueError, match=f'adamw: .*{text}'): Engine(RULES['adamw'], capturable=True, **kw)

def test_weights_on_another_gpu_are_not_stepped_unnoticed_in_a_capture(monkeypatch):
    "Only the stream of the current device is being captured"
    graph,now = {0},[0]
    class On:
        def __init__(self, device): self.i = torch.device(device).index
        def __enter__(self): now.append(self.i)
        def __exit__(self, *_): now.pop()
    for k,f in dict(is_initialized=lambda: True, is_current_stream_capturing=lambda: now[-1] in graph,
        current_device=lambda: now[-1], device=On).items(): monkeypatch.setattr(torch.cuda, k, f)
    first,second = torch.device('cuda', 0),torch.device('cuda', 1)
    assert capturing(first) and now==[0]
    with pytest.raises(RuntimeError, match='being captured on cuda:0, and weights on cuda:1'): capturing(second)
    graph.add(1) # A capture may include streams of other devices
    assert capturing(second)
    graph.clear()
    assert not capturing(first) and not capturing(second) and not capturing(torch.device('cpu'))
