"""A process that trains small models while everything under them is changed; `test_memory.py` sends the changes and checks the results

It loads PyTorch and compiles kernels once, then serves each connection in its own child, forked in milliseconds, so that a crash ends
only that child. Run as a script, it listens at the given address, and calls the methods of `Subject` by name."""
import gc, os, sys, traceback, warnings
from copy import deepcopy
from multiprocessing.connection import Listener
import torch
from fastopt.core import fused
from fastopt.core.backends import cpp
from fastopt.core.backends.numba import NumbaLauncher
from fastopt.all import adafactor, adamw, diffgrad, lamb, momentum, muon, prodigy, ranger
from fastopt.core.engine import DROP, Engine, compute_dtype
from fastopt.core.memory import overlaps_itself, lacks_memory
from kernels import Ahead
from torch import nn
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_map_only

RULES = dict(adamw=adamw, diffgrad=diffgrad, momentum=momentum, lamb=lamb, ranger=ranger, adafactor=adafactor, prodigy=prodigy, muon=muon)
CLASSES = {k: r.torch('Made') for k,r in RULES.items()}
SHAPES = (7,),(8, 6),(8, 6),(4, 3, 3, 3),(),(0,),(2, 3, 2, 2, 2)
CLOSE = {torch.float64: 1e-11, torch.float32: 1e-5, torch.bfloat16: 2**-6, torch.float16: 2**-8}

class Wrapped(torch.Tensor):
    "A tensor whose elements are stored in another one, like those of a `DTensor`"
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=inner.device)
    def __init__(self, inner): self.inner = inner
    def __repr__(self): return f'Wrapped({self.inner})'
    @classmethod
    def __torch_dispatch__(cls, f, types, args=(), kwargs=None):
        bare = tree_map_only(cls, lambda o: o.inner, (args, kwargs or {}))
        out = tree_map_only(torch.Tensor, cls, f(*bare[0], **bare[1]))
        return return_and_correct_aliasing(f, args, kwargs or {}, out)

def value(t):
    "The contents of the tensor `t`, as an ordinary tensor of its own"
    return (t.inner if isinstance(t, Wrapped) else t).detach().resolve_neg().clone(memory_format=torch.contiguous_format)

def gapped(t): return torch.stack([value(t), torch.full_like(value(t), 7.)], -1)[...,0]
def shifted(t): return torch.cat([value(t).new_zeros(1), value(t).flatten()])[1:].view(t.shape)
def turned(t): return value(t).permute(tuple(reversed(range(t.ndim)))).contiguous().permute(tuple(reversed(range(t.ndim))))
def lasted(t):
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(t.ndim, torch.contiguous_format)
    return value(t).contiguous(memory_format=last)
LAYOUTS = dict(cloned=value, gapped=gapped, shifted=shifted, turned=turned, lasted=lasted, negated=lambda t: torch._neg_view(-value(t)))
DTYPES = dict(double=torch.float64, float=torch.float32, bfloat16=torch.bfloat16, half=torch.float16)

def numbers(o): return torch.tensor([float(v) for v in (o.values() if isinstance(o, dict) else [o]) if v is not None])

class Subject:
    """An optimizer of `rule` and the weights `ps` that it trains, for tests that change them; `how` is an engine, or 'numba' for the fused
    one with its kernels"""
    def __init__(self, rule, how, lowp, device='cpu'):
        torch.manual_seed(0)
        self.device = torch.device(device)
        fused.backends['cpu'],how = (NumbaLauncher, 'fused') if how=='numba' else (cpp.CppLauncher, how)
        self.name,self.how,self.autocast,self.rng = rule,how,False,torch.Generator().manual_seed(1)
        self.ps = [nn.Parameter(torch.randn(s).to(device)) for s in SHAPES]
        given = dict(ns_dtype='weights') if 'ns_dtype' in RULES[rule].options else {} # Products in bfloat16 depend on how they are stacked
        self.opt = CLASSES[rule](self.ps, lr=0.01, how=how, lowp=lowp, **given)
    def states(self):
        "All state tensors, as pairs of a state dict and a name"
        return [(st, k) for st in map(self.opt.state.get, self.ps) if st for k,t in st.items() if isinstance(t, torch.Tensor)]
    def state(self, i, j):
        "The state dict of weight `i` and the name of the `j`th tensor in it"
        st = self.opt.state[self.ps[i]]
        ks = [k for k,t in st.items() if isinstance(t, torch.Tensor)]
        return (st, ks[j%len(ks)]) if ks else ({}, None)
    def active(self, i): return self.ps[i].grad is not None and self.ps[i].requires_grad
    # Methods that the parent calls
    def grads(self, without=()):
        "New gradients for all weights except those in `without`"
        for i,p in enumerate(self.ps):
            g = torch.randn(p.shape, generator=self.rng).to(p.device, p.dtype)
            p.grad = None if i in without else Wrapped(g) if isinstance(p, Wrapped) else g
    def change(self, name, i, j):
        "Make the change `name` to weight `i`, and possibly `j`"
        return FINE[name](self, i, j)
    def train(self, changes, late, without):
        "Make `changes`, a list of (name, i, j), and a step; with `late`, make them after the gradients"
        if late: self.grads(without)
        for o in changes: self.change(*o)
        if not late: self.grads(without)
        with torch.autocast(self.device.type, enabled=self.autocast): return self.step()
    def harm(self, name, i, j):
        "Make the damage `name`, for which a step must raise an error, and undo it; `None` if there was nothing to damage"
        if not self.active(i) or not self.ps[i].numel() or isinstance(self.ps[i], Wrapped): return None
        undo = HARM[name](self, i, j)
        if undo is None: return None
        before = self.bits()
        try: self.opt.step()
        except (ValueError, TypeError) as e:
            if not str(e).startswith(self.opt.rule.__name__): return f'an error that does not name the rule: {e!r}'
        else: return 'a step was made'
        if self.bits()!=before: return 'the step was refused, but something had changed'
        undo()
        return 'refused'
    def step(self):
        "Compare a step with that of an optimizer without any history"
        refuse = self.how in ('foreach', 'fused') and any(isinstance(p, Wrapped) and self.active(i) for i,p in enumerate(self.ps))
        before,want = self.bits(),self.wanted()
        try: self.opt.step()
        except TypeError as e:
            fine = refuse and 'use how=' in str(e) and self.bits()==before
            return 'refused' if fine else f'{type(e).__name__}: {e}'
        if refuse: return 'a step was made on memory that only a wrapper knows'
        for k,(got,ref) in {**self.compared(want), **self.witness(want)}.items():
            far = ((got-ref).abs() / (1 + ref.abs())).nan_to_num(1.).max().item() if got.numel() else 0.
            if got.dtype!=ref.dtype or not far<=CLOSE[ref.dtype]: return f'{k} is off by {far} in {got.dtype}, not {ref.dtype}'
        return self.misplaced() or 'fine'
    def bits(self):
        "All weights and state to the bit, with names and memory layout"
        def of(t):
            bits = value(t).flatten().view(torch.uint8).cpu().numpy().tobytes() if t.numel() and not lacks_memory(t) else None
            return t.dtype,t.shape,bits
        sts = [self.opt.state.get(p, {}) for p in self.ps]
        return [of(p) for p in self.ps],[{k: of(t) if isinstance(t, torch.Tensor) else deepcopy(t) for k,t in st.items()} for st in sts]
    def wanted(self):
        "Copies of the weights and their state after a step of an engine made only for it"
        qs,state,lowp = {},{},self.opt.engine.lowp
        for i,p in enumerate(self.ps):
            if not self.active(i): continue
            q = qs[i] = value(p).requires_grad_()
            q.grad,st,ct = value(p.grad).to(q.dtype),self.opt.state.get(p, {}),compute_dtype(q.dtype)
            state[q] = {k: value(t).to(q.dtype if k=='comp' else ct) if isinstance(t, torch.Tensor) else deepcopy(t) for k,t in st.items()}
            if not (lowp=='kahan' and q.dtype in DROP): state[q].pop('comp', None)
        pg = self.opt.param_groups[0]
        self.before = {i: (q.detach().clone(), deepcopy(state[q])) for i,q in qs.items()}
        Engine(self.opt.rule, self.opt.engine.options, 'eager', lowp).step([(list(qs.values()), self.opt._hyper(pg))], state)
        return {i: (q, state[q]) for i,q in qs.items()}
    def compared(self, want):
        pairs = {f'weight {i}': (value(self.ps[i]), q.detach()) for i,(q,_) in want.items()}
        for i,(q,st) in want.items():
            mine = self.opt.state[self.ps[i]]
            if mine.keys()!=st.keys(): raise AssertionError(f'weight {i} keeps {list(mine)}, not {list(st)}')
            pairs |= {f'{k} of weight {i}': (value(mine[k]), t) for k,t in st.items() if isinstance(t, torch.Tensor)}
            pairs |= {f'{k} of weight {i}': (numbers(mine[k]), numbers(t)) for k,t in st.items() if not isinstance(t, torch.Tensor)}
        return pairs
    def witness(self, want):
        "For `adamw`, weights after a step of PyTorch's"
        told = {i: o for i,o in self.before.items() if o[0].dtype not in DROP and o[1].get('do_wd', True)}
        if self.name!='adamw' or not told: return {}
        rs = {i: nn.Parameter(q) for i,(q,_) in told.items()}
        opt = torch.optim.AdamW(rs.values(), lr=self.opt.param_groups[0]['lr'])
        for i,r in rs.items():
            st = told[i][1]
            opt.state[r] = dict(step=torch.tensor(float(st.get('step', 0))),
                **{o: st.get(k, torch.zeros_like(r)) for k,o in dict(m='exp_avg', v='exp_avg_sq').items()})
            r.grad = want[i][0].grad
        opt.step()
        return {f'weight {i} beside torch': (value(self.ps[i]), r.detach()) for i,r in rs.items()}
    def misplaced(self):
        "State that does not follow its weight"
        for p in self.ps:
            for k,t in self.opt.state.get(p, {}).items():
                if not isinstance(t, torch.Tensor) or p.grad is None or not p.requires_grad: continue
                if t.dtype!=(p.dtype if k=='comp' else compute_dtype(p.dtype)) or t.device!=p.device:
                    return f'{k} is {t.dtype} beside {p.dtype}'

def bare(s): return nn.ParameterList(p for p in s.ps if not isinstance(p, Wrapped)) # Weights whose `.data` can be assigned

def _layout(name):
    def weight(s, i, j):
        if not isinstance(s.ps[i], Wrapped): s.ps[i].data = LAYOUTS[name](s.ps[i])
    def weights(s, i, j):
        for p in bare(s): p.data = LAYOUTS[name](p)
    def gradient(s, i, j):
        if s.ps[i].grad is not None: s.ps[i].grad = LAYOUTS[name](s.ps[i].grad)
    def gradient_data(s, i, j):
        if s.ps[i].grad is not None: s.ps[i].grad.data = LAYOUTS[name](s.ps[i].grad)
    def state(s, i, j):
        st,k = s.state(i, j)
        if k: st[k] = LAYOUTS[name](st[k])
    def state_data(s, i, j):
        st,k = s.state(i, j)
        if k: st[k].data = LAYOUTS[name](st[k])
    def states(s, i, j):
        for st,k in s.states(): st[k] = LAYOUTS[name](st[k])
    return {f'{f.__name__} {name}': f for f in (weight, weights, gradient, gradient_data, state, state_data, states)}

def _cast(name, dtype):
    def model(s, i, j): bare(s).to(dtype)
    def state(s, i, j):
        st,k = s.state(i, j)
        if k: st[k] = st[k].to(dtype)
    return {f'{f.__name__} {name}': f for f in (model, state)}

def to_and_fro(s, i, j):
    bare(s).bfloat16()
    bare(s).float()
def channels_last_model(s, i, j): nn.ParameterList(p for p in bare(s) if p.ndim==4).to(memory_format=torch.channels_last)
def to_vector_and_back(s, i, j):
    ps = [p for p in bare(s) if p.is_contiguous()] # Others have no view as a vector
    if len({p.dtype for p in ps})==1: nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(ps).detach().clone(), ps)
def one_buffer(s, i, j):
    ps = bare(s)
    flat = torch.cat([value(p).flatten().to(ps[0].dtype) for p in ps])
    for p,o in zip(ps, flat.split([p.numel() for p in ps])): p.data = o.view(p.shape).to(p.dtype)
def columns_of_one(s, i, j):
    a,b = s.ps[1:3]
    if isinstance(a, Wrapped) or isinstance(b, Wrapped) or a.dtype!=b.dtype: return
    both = torch.cat([value(a), value(b)], 1)
    a.data,b.data = both[:,:6],both[:,6:]
def to_empty(s, i, j):
    ps = bare(s)
    old,gs = [value(p) for p in ps],[p.grad if p.grad is None else value(p.grad) for p in ps]
    ps.to_empty(device=s.device)
    for p,o,g in zip(ps, old, gs):
        p.data.copy_(o)
        p.grad = g
def freed_and_back(s, i, j):
    p,old = s.ps[i],value(s.ps[i])
    if isinstance(p, Wrapped): return
    p.data = old.clone()
    p.untyped_storage().resize_(0)
    ballast = torch.full_like(old, 3.) # May take the place that was freed
    p.untyped_storage().resize_(old.nbytes)
    p.data.copy_(old)
    del ballast
def swapped(s, i, j):
    p,grad = s.ps[i],s.ps[i].grad
    if type(p) is not nn.Parameter: return
    torch.utils.swap_tensors(p, nn.Parameter(value(p), p.requires_grad))
    p.grad = grad
def replaced(s, i, j):
    "Replace weight `i` by another `Parameter`, with its state"
    old,s.ps[i] = s.ps[i],nn.Parameter(value(s.ps[i]), s.ps[i].requires_grad)
    _take(s, i, old)
def wrapped(s, i, j):
    old,s.ps[i] = s.ps[i],nn.Parameter(Wrapped(value(s.ps[i])), s.ps[i].requires_grad)
    _take(s, i, old)
    for k,t in s.opt.state.get(s.ps[i], {}).items():
        if isinstance(t, torch.Tensor): s.opt.state[s.ps[i]][k] = Wrapped(value(t))
def _take(s, i, old):
    new = s.ps[i]
    if old.grad is not None: new.grad = Wrapped(value(old.grad)) if isinstance(new, Wrapped) else value(old.grad)
    if old in s.opt.state: s.opt.state[new] = {k: value(t) if isinstance(t, torch.Tensor) else t for k,t in s.opt.state.pop(old).items()}
    s.opt.param_groups[0]['params'] = list(s.ps)
def frozen(s, i, j): s.ps[i].requires_grad_(not s.ps[i].requires_grad)
def no_gradient(s, i, j): s.ps[i].grad = None
def expanded_gradient(s, i, j):
    p = s.ps[i]
    if p.grad is not None and not isinstance(p, Wrapped): p.grad = torch.full((), 0.5, dtype=p.dtype, device=p.device).expand(p.shape)
def shared_gradient(s, i, j):
    a,b = s.ps[1:3]
    if a.dtype==b.dtype and not isinstance(a, Wrapped) and not isinstance(b, Wrapped) and a.grad is not None: b.grad = a.grad
def accumulated(s, i, j):
    g = s.ps[i].grad
    if g is not None and (isinstance(g, Wrapped) or not overlaps_itself(g)): g.mul_(2) # Otherwise PyTorch raises an error
def state_gone(s, i, j): s.opt.state.pop(s.ps[i], None)
def state_tensor_gone(s, i, j):
    st,k = s.state(i, j)
    if k: del st[k]
def state_copied(s, i, j):
    if s.ps[i] in s.opt.state: s.opt.state[s.ps[i]] = deepcopy(s.opt.state[s.ps[i]])
def expanded_state(s, i, j):
    st,k = s.state(i, j)
    if k and not isinstance(st[k], Wrapped): st[k] = torch.full((), 0.25, dtype=st[k].dtype, device=st[k].device).expand(st[k].shape)
def step_counted(s, i, j):
    "More steps of a weight or, where they decide whose numbers about all weights hold, of all weights"
    for p in s.ps if s.opt.rule.learnt else [s.ps[i]]:
        if 'step' in s.opt.state.get(p, {}): s.opt.state[p]['step'] += 3
def no_decay(s, i, j):
    if s.ps[i] in s.opt.state: s.opt.state[s.ps[i]]['do_wd'] = False
def saved_and_loaded(s, i, j):
    whole = all({*s.opt.rule.rule_of(p).state, 'step'} <= st.keys() for p,st in s.opt.state.items() if st) # Otherwise a load is refused
    if whole and not any(isinstance(p, Wrapped) for p in s.ps): s.opt.load_state_dict(deepcopy(s.opt.state_dict()))
def other_rate(s, i, j): s.opt.param_groups[0]['lr'] = 0.02/(1+j)
def autocast(s, i, j): s.autocast = not s.autocast

FINE = {k:f for n in LAYOUTS for k,f in _layout(n).items()} | {k:f for n,d in DTYPES.items() for k,f in _cast(n, d).items()}
FINE |= {f.__name__: f for f in (to_and_fro, channels_last_model, to_vector_and_back, one_buffer, columns_of_one, to_empty, freed_and_back,
    swapped, replaced, wrapped, frozen, no_gradient, expanded_gradient, shared_gradient, accumulated, state_gone, state_tensor_gone,
    state_copied, expanded_state, step_counted, no_decay, saved_and_loaded, other_rate, autocast)}

# Damage that a step must report; each function returns how to undo it
def _hold(s, i):
    "A function that restores the memory of weight `i`"
    p,data = s.ps[i],s.ps[i].data
    return lambda: setattr(p, 'data', data)
def weight_freed(s, i, j):
    p,undo = s.ps[i],_hold(s, i)
    p.data = value(p)
    p.untyped_storage().resize_(0)
    return undo
def weight_cut_short(s, i, j):
    p,undo = s.ps[i],_hold(s, i)
    if p.numel()<2: return
    p.data = value(p)
    p.untyped_storage().resize_(p.element_size())
    return undo
def _shrunk(t):
    "Free the memory of `t` and allocate it again with a smaller size, usually at the same address"
    mem = t.untyped_storage()
    if t.numel()<2 or mem.nbytes()!=t.nbytes or not mem.resizable(): return False
    for n in (0, t.element_size()): mem.resize_(n)
    return True
def weight_shrunk(s, i, j):
    p,old = s.ps[i],value(s.ps[i])
    if not isinstance(p, Wrapped) and _shrunk(p): return lambda: setattr(p, 'data', old)
def state_shrunk(s, i, j):
    st,k = s.state(i, j)
    if not k or isinstance(st[k], Wrapped): return
    old = value(st[k])
    if _shrunk(st[k]): return lambda: st.update({k: old})
def weight_expanded(s, i, j):
    p,undo = s.ps[i],_hold(s, i)
    if p.ndim<1 or p.numel()<2: return
    p.data = value(p).flatten()[0].expand(p.shape)
    return undo
def weight_of_another_shape(s, i, j):
    undo = _hold(s, i)
    s.ps[i].data = s.ps[i].data.new_ones(3, 5, 2)
    return undo
def weights_overlap(s, i, j):
    a,b = s.ps[1:3]
    if not (s.active(1) and s.active(2)) or a.dtype!=b.dtype or isinstance(a, Wrapped) or isinstance(b, Wrapped): return
    undo,buf = (_hold(s, 1), _hold(s, 2)),torch.zeros(100, dtype=a.dtype, device=a.device)
    a.data,b.data = buf[:48].view(8, 6),(buf[5*j%48:][:48].view(8, 6) if j<5 else buf[:96].view(8, 12)[:,3:9])
    return lambda: [f() for f in undo]
def gradient_is_weight(s, i, j):
    p,g = s.ps[i],s.ps[i].grad
    p.grad = p.detach()
    return lambda: setattr(p, 'grad', g)
def gradient_freed(s, i, j):
    p,g = s.ps[i],s.ps[i].grad
    p.grad = value(g)
    p.grad.untyped_storage().resize_(0)
    return lambda: setattr(p, 'grad', g)
def gradient_is_state(s, i, j):
    p,g,(st,k) = s.ps[i],s.ps[i].grad,s.state(i, j)
    if not k or st[k].shape!=p.shape or st[k].dtype!=p.dtype: return
    p.grad = st[k]
    return lambda: setattr(p, 'grad', g)
def _replace(make):
    def f(s, i, j):
        st,k = s.state(i, j)
        if not k: return
        old = st[k]
        new = make(s, s.ps[i], old)
        if new is None: return
        st[k] = new
        def undo(): st[k] = old
        return undo
    return f
def _freed(t):
    t.untyped_storage().resize_(0)
    return t
HARM = {f.__name__: f for f in (weight_freed, weight_cut_short, weight_shrunk, state_shrunk, weight_expanded, weight_of_another_shape,
    weights_overlap, gradient_is_weight, gradient_freed, gradient_is_state)}
SPOILT = dict(of_another_shape=lambda s, p, t: t.new_ones(3, 1, 4, 2), freed=lambda s, p, t: _freed(value(t)) if t.numel() else None,
    a_list=lambda s, p, t: t.tolist(), whole_numbers=lambda s, p, t: t.long(),
    is_weight=lambda s, p, t: p.detach() if p.shape==t.shape else None)
HARM |= {f'state_{k}': _replace(f) for k,f in SPOILT.items()}

def warm():
    "Compile the kernels of most sequences, once for all children"
    fused.MIN_WEIGHTS = 0 # `auto` compiles for models of any size
    if 'FASTOPT_SANITIZE' in os.environ: cpp.FLAGS += ['-fsanitize=address']
    def run(case):
        name,lowp,cast = case
        s = Subject(name, 'fused', lowp)
        s.change(f'model {cast}', 0, 0)
        for _ in range(7):
            s.grads()
            s.opt.step()
    casts = dict(plain=('float', 'bfloat16', 'double', 'half'), kahan=('bfloat16',), stochastic=('bfloat16',))
    ahead = Ahead(run, [(name, lowp, cast) for name in RULES for lowp,os in casts.items() for cast in os])
    for n in {*ahead.where().values()}: ahead.compile(n)
    with ahead(ahead.cases[0]): run(ahead.cases[0]) # Builds what all kernels share
    return ahead

def load_numba():
    "Start Numba, once for all children; they find each other's kernels in the cache"
    s = Subject('adamw', 'numba', 'plain')
    s.grads()
    s.opt.step()

def serve(c):
    "Answer the calls that arrive over the connection `c`"
    s = None
    while True:
        try: name,*args = c.recv()
        except EOFError: return
        try:
            if name=='make': s,answer = Subject(*args),None
            else: answer = getattr(s, name)(*args)
        except BaseException: answer = traceback.format_exc()
        c.send(answer)

def main(address):
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    ahead = warm()
    load_numba()
    gc.collect()
    gc.freeze() # A garbage collection in a child would copy memory shared with this process
    with Listener(address) as listener, ahead.whenever():
        print('ready', flush=True)
        while True:
            with listener.accept() as c:
                if os.fork(): continue
                serve(c)
                os._exit(0)

if __name__=='__main__':
    import signal
    signal.signal(signal.SIGCHLD, signal.SIG_IGN) # No process waits for the children
    main(sys.argv[1])
