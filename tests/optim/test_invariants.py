"Invariants of every rule, in one table, with the special settings that some rules need"
import gc, os, sys
import numpy as np, pytest, torch
from pathlib import Path
from torch._subclasses.fake_tensor import FakeTensorMode
from fastopt.optim.sophia import learn_curvature
from fastopt.core.engine import DROP, Engine, compute_dtype
from fastopt.optim.lookahead import centralize
from fastopt.all import DiffGrad, opts
from fastopt.core.registry import state_floats
from cover import covering, in_turn
from kernels import BUILT
from rules_under_test import RULES, SOME, far, weights

pytestmark = pytest.mark.usefixtures('usual_kernels')

ENGINES = ('eager', 'foreach', 'fused')
STATM = Path('/proc/self/statm') # Sizes of this process, in pages

# Rates for rules that need another one than 0.3, for the parabola and for Rosenbrock's valley. Velocities and steps of fixed length need
# small rates; rates that only fall, such as Adagrad's, need large ones. All are far from the values where the test would fail
LR = dict(momentum=(0.1, 0.1), nesterov=(0.1, 0.1), sgdm_clip=(0.1, 0.1), demon_sgdm=(0.1, 0.1), lars=(0.1, 0.1), aggmo=(0.1, 0.1),
    lamb=(0.1, 0.1), mars_lion=(0.1, 0.1), lion=(0.1, 0.03), cautious_lion=(0.1, 0.03), sophia=(0.025, 0.025), rmsprop=(0.03, 0.03),
    rmsprop_centered=(0.03, 0.03), lamb_debiased=(0.03, 0.03), diffmod=(0.6, 0.6), dadapt_sgd=(0.7, 0.7), adopt=(1., 1.), adoptw=(1., 1.),
    schedulefree_radam=(1., 1.), shampoo=(1., 1.8), adagrad=(3., 1.5), schedulefree_sgd=(3., 0.3), qhm=(5.6, 1.8), adadelta=(10., 1.8))
# Rules that need more than 250 steps for the parabola, and more than 1,000 for the valley
SLOW = set('''adadelta adamod adan adan_no_prox aggmo asgd diffmod diffrgrad diffrgrad_hold lamb qhm radam_hold ranger ranger20
    schedulefree_adamw schedulefree_radam sgd sgd_clip sophia yellowfin'''.split())
SLOW_IN_VALLEY = set('''adabelief adadelta adafactor adagrad adamax adamod adopt adoptw asgd dadapt_sgd demon_adam demon_adam_wolfe diffmod
    diffrgrad diffrgrad_hold lamb_debiased nadam nadamw qhm radam radam_hold ranger ranger20 ranger21 rangerqh rmsprop rmsprop_centered
    schedulefree_adamw schedulefree_radam schedulefree_sgd sgd sgd_clip shampoo'''.split())
# With few weights the largest entry is clipped to the next one, so it would stop once that has converged
FEW = dict(sgd_clip=dict(q=0.), adam_clip=dict(q=0.))

# Hypers other than weight decay that move weights without a gradient
RESTLESS = dict(asgd='lambd', # A decay of its own
    ranger21='norm_wd') # Norm loss pulls each row to length 1

# Rules whose steps do not change if all gradients are multiplied by the same number, as long as `eps` is negligible (Sophia only while it
# has no curvature). In other rules the size of gradients matters in friction (diffGrad), in first steps of plain descent (RAdam), in a
# bound on the norm of gradients (MARS, Ranger21), or in the initial state (Yogi)
SCALE_FREE = set('''adabelief_ams adabelief_plain adadelta adafactor adagrad adam adam_clip adam_mini adamax adamod adamw adan adan_no_prox
    adopt adoptw amsgrad cautious_adamw cautious_lion dadapt_adam dadapt_adamw dadapt_sgd demon_adam demon_adam_damped demon_adam_wolfe
    lamb lamb_debiased laprop lars lion muon nadam nadamw prodigy prodigy_l2 qhadam qhadamw radam_hold rangerqh rmsprop rmsprop_centered
    rprop schedulefree_adamw schedulefree_radam shampoo soap sophia stableadamw'''.split())
UNDECAYED = dict(lars=dict(adapt_all=True)) # Without decay it adapts nothing by default

def quiet(rule, **hypers):
    "Return all hypers and options of `rule`, with `hypers` and without any kind of decay"
    off = {k:0. for k in rule.hypers if k=='wd' or k.endswith('_wd') or k==RESTLESS.get(rule.named)}
    return rule.resolve_hypers({**off, **hypers})

def move(rule, starts, grads, how='eager', lowp='plain', **hypers):
    "Return the weights that start at `starts` and their states, after one step for each list of gradients in `grads`"
    hypers,options = quiet(rule, **hypers)
    ps,state,engine = [p.clone().requires_grad_() for p in starts],{},Engine(rule, options, how, lowp)
    for gs in grads:
        for p,g in zip(ps, gs): p.grad = g.clone()
        engine.step([(ps, hypers)], state)
    return [p.detach() for p in ps],[state[p] for p in ps]

def noise(ps, n):
    "Return `n` lists of gradients for the weights `ps`"
    torch.manual_seed(1)
    return [[torch.randn(p.shape).to(p.dtype) for p in ps] for _ in range(n)]

def joined(ts): return torch.cat([t.flatten() for t in ts])

@pytest.fixture(autouse=True)
def seed(): torch.manual_seed(0)

def test_tables_name_rules(): assert {*LR, *SLOW, *SLOW_IN_VALLEY, *FEW, *RESTLESS, *SCALE_FREE, *UNDECAYED} <= RULES.keys()

STEEP = torch.logspace(-1, 0, 12, dtype=torch.float64)
BOTTOM = torch.linspace(-2, 2, 12, dtype=torch.float64)

def parabola(x): return ((x.flatten()-BOTTOM)**2 @ STEEP)/2
def parabola_slope(x): return ((x.flatten()-BOTTOM)*STEEP).view_as(x)

def valley(x): return ((1-x[0])**2 + 100*(x[1]-x[0]**2)**2)/100 # Rosenbrock's function, so flat that a gradient can serve as a step
def valley_slope(x):
    above = x[1]-x[0]**2
    return torch.stack([x[0]-1 - 200*x[0]*above, 100*above])/50

def remains(f, slope, rule, start, lr, steps, hypers):
    "Return the final value of `f` relative to that at `start`, with a rate that falls from `lr` to 0"
    (hypers,options),p,state = quiet(rule, **hypers),start.clone().requires_grad_(),{}
    engine = Engine(rule, options, 'eager')
    for t in range(steps):
        p.grad = slope(p.detach())
        engine.step([([p], {**hypers, 'lr':lr*(1-t/steps)})], state)
    return (f(p.detach())/f(start)).item()

# By default each rule has one problem: every other one of those that are fast in the valley descends into it
PROBLEMS = [(name, where) for name in RULES for where in ('parabola', 'valley')]
DEFAULT_PROBLEMS = {(name, 'valley') for name in [o for o in RULES if o not in SLOW_IN_VALLEY][::2]}
DEFAULT_PROBLEMS |= {(name, 'parabola') for name in RULES if (name, 'valley') not in DEFAULT_PROBLEMS}

SLOWER = 'A rule that needs another rate than 0.3, or more steps, is listed with them in LR, SLOW or SLOW_IN_VALLEY'

@pytest.mark.parametrize('name,where', covering(PROBLEMS, DEFAULT_PROBLEMS))
def test_solves_a_parabola_and_rosenbrocks_valley(name, where):
    rule,(a,b),few = RULES[name],LR.get(name, (0.3, 0.3)),FEW.get(name, {})
    if where=='parabola':
        start = torch.ones(12 if centralize in rule.terms else (4, 3), dtype=torch.float64) # Centralization keeps the mean of a row
        assert remains(parabola, parabola_slope, rule, start, a, 500 if name in SLOW else 250, few) <= 1e-5, SLOWER
    else:
        start = torch.tensor([-1.2, 1.], dtype=torch.float64)
        assert remains(valley, valley_slope, rule, start, b, 2500 if name in SLOW_IN_VALLEY else 1000, few) <= 1e-3, SLOWER

@pytest.mark.parametrize('name', RULES)
def test_zero_gradients_leave_weights_alone(name):
    rule,ps = RULES[name],[p.detach() for p in weights(shapes=[*SOME, (), (0,)])]
    zeros = [[torch.zeros_like(p) for p in ps]]*12
    for how in ENGINES:
        after,state = move(rule, ps, zeros, how)
        assert all(map(torch.equal, after, ps)), how
        assert all(torch.isfinite(t).all() for st in state for t in st.values() if isinstance(t, torch.Tensor)), how
    if name in RESTLESS: assert far(joined(move(rule, ps, zeros, **{RESTLESS[name]: 0.1})[0]), joined(ps))

@pytest.mark.parametrize('name,how', in_turn(RULES, ENGINES))
def test_permuted_weights_make_permuted_steps(name, how):
    rule,p = RULES[name],torch.randn(6, 6, dtype=torch.float64) # Square; elsewhere some of SOAP's directions are arbitrary
    grads,entries,rows = noise([p], 12),torch.randperm(36),torch.randperm(6)
    def permuted(t): return t.flatten()[entries].view_as(t) if rule.elementwise else t[rows]
    (a,),_ = move(rule, [p], grads, how)
    (b,),_ = move(rule, [permuted(p)], [[permuted(g)] for g, in grads], how)
    assert far(b, permuted(a)) < 1e-12

@pytest.mark.parametrize('name', RULES)
def test_scaled_gradients(name):
    rule,ps = RULES[name],[torch.randn(s, dtype=torch.float64) for s in ((5,), (4, 3), (3, 2, 2, 2))]
    grads,bare = noise(ps, 20),{**UNDECAYED.get(name, {}), **{k:1e-15 for k in ('eps', 'ns_eps') if k in rule.hypers}}
    def steps(c): return joined(a-p for a,p in zip(move(rule, ps, [[g*c for g in gs] for gs in grads], **bare)[0], ps))
    one = steps(1)
    err = max((steps(c)-one).abs().max()/one.abs().max() for c in (2**10, 2**-10))
    if name in SCALE_FREE: assert err < 1e-4, f'{name} depends on the size of gradients (by {err:.3g}): take it out of SCALE_FREE'
    else: assert err > 0.01, f'{name} does not depend on the size of gradients (only by {err:.3g}): add it to SCALE_FREE'

@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)

@pytest.mark.parametrize('name,how', in_turn(RULES, ENGINES))
def test_steps_are_the_same_to_the_bit(name, how, threads):
    if how=='fused': threads(2)
    ps = [torch.randn(s) for s in ((40, 25, 40) if how=='fused' else (8, 5, 8), (7,), (3, 5))] # Large enough for two threads
    grads = noise(ps, 7)
    a,b = (move(RULES[name], ps, grads, how) for _ in range(2))
    assert all(map(torch.equal, a[0], b[0]))
    for st,other in zip(a[1], b[1]):
        assert all(torch.equal(v, other[k]) if isinstance(v, torch.Tensor) else v==other[k] for k,v in st.items())

@pytest.mark.parametrize('name,how', in_turn(RULES, ENGINES))
def test_state_keeps_its_dtype_shape_and_device(name, how):
    rule = RULES[name]
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        ps = [p.detach() for p in weights(dtype, shapes=None if dtype==torch.float32 else [*SOME, (), (0,)])]
        after,state = move(rule, ps, noise(ps, 6), how, 'kahan')
        for p,a,st in zip(ps, after, state):
            its,ct = rule.rule_of(p),compute_dtype(dtype)
            assert (a.dtype, a.shape, a.device)==(p.dtype, p.shape, p.device)
            want = {k:(f(p.to(ct)).shape, ct) for k,f in its.state.items()} | (dict(comp=(p.shape, dtype)) if dtype in DROP else {})
            got = {k:(v.shape, v.dtype) for k,v in st.items() if isinstance(v, torch.Tensor)}
            assert got==want and all(st[k].device==p.device and not st[k].requires_grad for k in got), dtype
            assert st.keys()=={*want, *its.memos, 'step'}

@pytest.fixture(scope='module')
def table(): return opts()

@pytest.mark.parametrize('name', RULES)
def test_memory_of_state_is_as_the_registry_says(name, table):
    rule,p = RULES[name],torch.randn(256, 256)
    for how in ENGINES:
        _,(st,) = move(rule, [p], noise([p], 1), how)
        n = sum(v.numel() for v in st.values() if isinstance(v, torch.Tensor)) / p.numel()
        assert n==state_floats(rule) and table.state[name]==round(n, 3), how
        assert all(type(o) in (int, float, list) for k in rule.rule_of(p).memos for o in st[k].values())

def held(o, seen):
    "Count the bytes of tensors and arrays, and the entries of lists, dicts and fastopt's objects, reachable from `o` and not in `seen`"
    if id(o) in seen: return np.zeros(2, dtype=int)
    seen[id(o)] = o
    if isinstance(o, (torch.Tensor, np.ndarray)): return np.array([o.nbytes, 0])
    inside = [*o, *o.values()] if isinstance(o, dict) else o if isinstance(o, (list, tuple, set)) else None
    if inside is None: inside = vars(o).values() if type(o).__module__.startswith('fastopt.') and hasattr(o, '__dict__') else ()
    return sum((held(i, seen) for i in inside), np.array([0, len(inside)]))

@pytest.fixture(scope='module')
def settled():
    "What earlier tests have made stays, so that no garbage collection visits it again"
    gc.collect()
    gc.freeze()

@pytest.mark.parametrize('name,how', in_turn(RULES, ENGINES))
def test_nothing_grows_in_hundreds_of_steps(name, how, settled):
    rule = RULES[name]
    (hypers,options),p,state = rule.resolve_hypers({}),torch.randn(4, 2).requires_grad_(),{}
    engine,grads = Engine(rule, options, how),noise([p], 8)
    def grown(steps):
        for t in range(steps):
            p.grad = grads[t%8][0]
            engine.step([([p], hypers)], state)
        gc.collect()
        return sys.getallocatedblocks(),held([dict(state), vars(engine)], {}),len(BUILT)
    # By then Python and PyTorch have made nearly everything that they keep after a first use. A leak shows again in the next steps
    blocks,size,built = grown(80)
    for _ in range(8):
        before,(blocks,size_then,built_then) = blocks,grown(100)
        if blocks-before < 50: break # Less than one object in two steps
    assert blocks-before < 50
    assert (size_then<=size).all() and built_then==built

def resident(): return int(STATM.read_text().split()[1])*os.sysconf('SC_PAGE_SIZE')//1024 # Kilobytes

@pytest.mark.skipif(not STATM.exists(), reason='The memory of the process can only be read on Linux')
@pytest.mark.parametrize('how', [pytest.param(o, marks=[pytest.mark.full]*(o!='fused')) for o in ENGINES])
def test_memory_of_the_process_in_20_000_steps(how):
    "With a rate that changes in each step, as schedules change it"
    ps = weights(shapes=[(8, 8), (8,)])
    opt = DiffGrad(ps, how=how)
    for p in ps: p.grad = torch.randn_like(p)
    def walk(steps):
        for t in range(steps):
            opt.param_groups[0]['lr'] = 1e-3*(1 + t%7)
            opt.step()
        gc.collect()
        return resident()
    before = walk(2_000)
    assert walk(18_000)-before < 1_000 # A leak of 56 bytes in each step, the size of one small object

@pytest.mark.filterwarnings('ignore:Accessing the data pointer')
@pytest.mark.parametrize('name', RULES)
def test_weights_may_be_on_several_gpus(name):
    "PyTorch refuses what it cannot compute even for tensors without memory, which may be on any device"
    rule,state = RULES[name],{}
    hypers,options = rule.resolve_hypers({})
    with FakeTensorMode(allow_non_fake_inputs=True):
        ps = [torch.empty(s, device=f'cuda:{i}').requires_grad_() for i,s in enumerate([(4, 3), (5,)])]
        engine = Engine(rule, options, 'eager')
        for with_gradient in ((0, 1), (1,), (0,), (0, 1)): # The first weight is on another device each time
            for i,p in enumerate(ps): p.grad = torch.empty_like(p) if i in with_gradient else None
            engine.step([(ps, hypers)], state)
    for p in ps: assert state[p]['step']==3 and all(t.device==p.device for t in state[p].values() if isinstance(t, torch.Tensor))

def test_curvature_in_bfloat16_reaches_its_mean():
    "Rounded to nearest, it would stop where a change is less than half a unit, at 0.58"
    p = torch.zeros(400)
    state,g = {p: dict(h=torch.ones(400, dtype=torch.bfloat16), step=0)},torch.full((400,), 0.3**0.5)
    for t in range(800):
        state[p]['step'] = t
        learn_curvature([p], [g], state, 1)
    h = state[p]['h']
    assert h.dtype==torch.bfloat16 and abs(h.float().mean()-0.3)<0.01
