"Groups, hypers, hooks and checkpoints of both faces: foreign keys stay, and mistakes raise an error that names them and change nothing"
import copy, warnings
from fractions import Fraction
from functools import partial
from itertools import product
import numpy as np, pytest, torch
import torch.distributed as dist
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from fastai.test_utils import synth_learner
from fastopt.all import AdamW, DiffGrad, NAdam, RMSprop, SGD, adamod, adamw, mars, nadam, soap
from fastopt.core.engine import WEIGHT_DTYPES
from fastopt.core.groups import FOREIGN, check_foreign, edit_distance, is_slip, torch_keys
from fastopt.core.rules import NonNeg, Rule, decay, descend, term
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn
from torch.optim import lr_scheduler as sched
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._pytree import tree_map
from rules_under_test import RULES, TORCH

pytestmark = pytest.mark.filterwarnings('ignore:.*has no .*no effect', 'ignore:Detected call of', 'ignore:.*is deprecated',
    'ignore:numpy.core')
FACES = dict(fastai=(adamw, nadam, mars, adamod), torch=(AdamW, NAdam, TORCH['MARS'], TORCH['AdaMod']))
FLAT = [(face, o) for face,os in FACES.items() for o in os]

def weight(*shape): return nn.Parameter(torch.ones(*(shape or (3,))))

def two(face, make=None, how='eager', **hypers):
    "An optimizer of two groups, and their weights, with a matrix in each group"
    ps = [weight(3, 2), weight(2, 4)]
    make = make or FACES[face][0]
    return make([[p] for p in ps] if face=='fastai' else [dict(params=[p]) for p in ps], how=how, **hypers),ps

def step(opt, ps, n=1):
    for i in range(n):
        for p in ps: p.grad = torch.full_like(p, 0.5+i)
        opt.step()

def groups(opt): return opt.hypers if hasattr(opt, 'hypers') else opt.param_groups

def plain(o):
    "`o` in a form that can be compared bit for bit"
    if isinstance(o, torch.Tensor): return str(o.dtype),tuple(o.shape),o.detach().double().tolist().__repr__()
    if isinstance(o, dict): return {str(k):plain(v) for k,v in o.items()}
    return [plain(v) for v in o] if isinstance(o, (list, tuple)) or type(o).__name__=='L' else repr(o)

def everything(opt, ps): return plain([opt.state_dict(), list(ps), [p.requires_grad for p in ps], getattr(opt, 'frozen_idx', None)])

# Weights

@pytest.mark.parametrize('where', ['one group', 'two groups', 'added later'])
@pytest.mark.parametrize('face', FACES)
def test_a_weight_listed_twice_is_refused(face, where):
    p,q = weight(3, 2),weight(5)
    text = r'adamw: a weight of shape \(3, 2\) is listed twice.*[Aa] splitter must put a tied weight into one group only'
    if where=='added later' and face=='fastai':
        opt = adamw([[p], [q]])
        with pytest.raises(ValueError, match=text): opt.param_groups[1]['params'] = [p]
        return
    if where=='added later':
        opt = AdamW([p, q])
        with pytest.raises(ValueError, match=text): opt.add_param_group(dict(params=[p]))
        assert len(opt.param_groups)==1
        return
    lists = [[p, q, p]] if where=='one group' else [[p], [q, p]]
    with pytest.raises(ValueError, match=text): adamw(lists) if face=='fastai' else AdamW([dict(params=o) for o in lists])

def test_tied_weights_of_a_splitter():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    def bad(m): return [list(o.parameters()) for o in m]
    def good(m): return [list(m[0].parameters()), [p for p in m[1].parameters() if all(p is not q for q in m[0].parameters())]]
    learn = Learner(synth_learner().dls, model, nn.MSELoss(), opt_func=adamw, splitter=bad)
    with pytest.raises(ValueError, match='listed twice'): learn.create_opt()
    learn.splitter = good
    learn.create_opt()
    assert [len(o) for o in learn.opt.param_lists]==[2, 1]

@pytest.mark.parametrize('bad,text', [('weight', 'adamw: a str is no weight'), (3., 'adamw: a float is no weight'),
    ([[weight()]], 'is no weight')])
def test_what_is_no_weight_is_said(bad, text):
    for make in (adamw, AdamW):
        with pytest.raises(TypeError, match=text): make([weight(), bad])

DTYPES = sorted({o for o in vars(torch).values() if isinstance(o, torch.dtype)}, key=str)

@pytest.mark.parametrize('dtype', DTYPES, ids=str)
@pytest.mark.parametrize('face', FACES)
def test_a_weight_of_any_dtype_is_trained_or_refused_at_once(face, dtype):
    p = torch.empty(4, dtype=dtype, device='meta' if 'bits' in str(dtype) or 'q' in str(dtype) else None)
    if dtype not in WEIGHT_DTYPES:
        with pytest.raises(TypeError, match='of shape .4,. (has dtype|is complex)'): FACES[face][0]([p])
        return
    p = nn.Parameter(p.zero_())
    step(FACES[face][0]([p]), [p])
    assert p.all()

@pytest.mark.parametrize('face', FACES)
def test_the_result_of_a_computation_is_no_weight(face):
    p = nn.Parameter(torch.ones(3))
    with pytest.raises(ValueError, match='of shape .3,. is a non-leaf tensor.*train the tensors'): FACES[face][0]([p*2])
    kept = p*2
    kept.retain_grad()
    assert FACES[face][0]([kept, (p*2).detach().requires_grad_()])

def test_a_set_has_no_order():
    for params in ({weight(), weight()}, [dict(params={weight()})]):
        if isinstance(params, set): continue # PyTorch makes a list of it, and fastopt does the same
        with pytest.raises(TypeError, match='adamw: the params of a group need an order.*pass a list'): AdamW(params)

@pytest.mark.parametrize('face', FACES)
def test_a_gradient_without_requires_grad_is_said_once(face):
    a,b = weight(3),torch.ones(2, 2)
    opt = FACES[face][0]([a, b])
    with pytest.warns(UserWarning, match=r'adamw: a weight of shape \(2, 2\) has a gradient and `requires_grad=False`') as seen:
        step(opt, [a, b], 3)
    assert len([o for o in seen if 'requires_grad' in str(o.message)])==1
    assert torch.equal(b, torch.ones(2, 2)) and not torch.equal(a.detach(), torch.ones(3)) # Freezing takes precedence

# Hypers written after construction

BAD = dict(negative=-1, nan=float('nan'), text='x', numeral='1e-3', bytes=b'1', none=None, list=[1e-3], tuple=(1e-3,), huge=10**400,
    complex=1j, tensor=torch.ones(2), negative_tensor=torch.tensor(-1.), numpy=np.float32('nan'), dict={})
GOOD = dict(float=0.25, int=0, tensor=torch.tensor(0.25), one=torch.tensor([0.25]), numpy=np.float32(0.25),
    array=np.array(0.25), fraction=Fraction(1, 4), double=torch.tensor(0.25).double())

@pytest.mark.parametrize('bad', BAD)
@pytest.mark.parametrize('face', FACES)
def test_a_hyper_written_wrong_stops_the_step_before_anything_moves(face, bad):
    opt,ps = two(face)
    step(opt, ps)
    groups(opt)[1]['lr'] = BAD[bad] # An error in the second group: the first must not have been stepped
    before = everything(opt, ps)
    with pytest.raises(ValueError, match='adamw: lr=.* must be in'): step(opt, ps)
    assert everything(opt, ps)==before
    groups(opt)[1]['lr'] = 0.1
    step(opt, ps)

@pytest.mark.parametrize('bad', BAD)
def test_no_other_way_in_for_a_wrong_hyper(bad):
    bad = BAD[bad]
    opt,ps = two('fastai')
    before = everything(opt, ps)
    ways = [lambda: opt.param_groups[0].update(eps=0.5, lr=bad), lambda: opt.param_groups[0].__setitem__('lr', bad),
        lambda: opt.param_groups[0].setdefault('weight_decay', bad), lambda: setattr(opt, 'param_groups', [dict(lr=0.5), dict(lr=bad)]),
        lambda: opt.load_state_dict({**opt.state_dict(), 'hypers': [{'lr': 0.5}, {'lr': bad}]})]
    if not isinstance(bad, (list, tuple)) and bad is not BAD['tensor']: # These are spread over the groups
        ways += [lambda: opt.set_hyper('lr', bad), lambda: adamw([weight()], wd=bad)]
    for way in ways:
        with pytest.raises(ValueError, match='adamw: ((lr|wd)=.* must be in|.*values of)'): way()
        assert everything(opt, ps)==before
    opt,ps = two('torch')
    before = everything(opt, ps)
    sd = opt.state_dict()
    ways = [lambda: opt.add_param_group(dict(params=[weight()], weight_decay=bad)), lambda: AdamW([weight()], eps=bad),
        lambda: opt.load_state_dict({**sd, 'param_groups': [sd['param_groups'][0], {**sd['param_groups'][1], 'lr': bad}]})]
    for way in ways:
        with pytest.raises(ValueError, match='adamw: (lr|weight_decay|eps)=.* must be in'): way()
        assert everything(opt, ps)==before

@pytest.mark.parametrize('good', GOOD)
@pytest.mark.parametrize('face', FACES)
def test_numbers_of_every_kind_are_numbers(face, good):
    v = GOOD[good]
    want,ps = two(face, lr=float(v))
    step(want, ps, 3)
    opt,qs = two(face)
    for g in groups(opt): g['lr'] = v
    step(opt, qs, 3)
    rs = [weight(3, 2), weight(2, 4)]
    step(FACES[face][0](rs, lr=v, how='eager'), rs, 3)
    assert all(map(torch.equal, ps, qs)) and all(map(torch.equal, ps, rs))

def test_a_tensor_in_a_group_is_read_at_every_step():
    lr = torch.tensor(0.25)
    a,b = weight(),weight()
    opt,ref = AdamW([a], lr=lr, weight_decay=0.),AdamW([b], lr=0.25, weight_decay=0.)
    assert opt.param_groups[0]['lr'] is lr
    for v in (0.25, 0.5, 0.125):
        lr.fill_(v)
        ref.param_groups[0]['lr'] = v
        for o,p in ((opt, a), (ref, b)): step(o, [p])
    assert torch.equal(a, b)
    lr.fill_(-1.)
    with pytest.raises(ValueError, match=r'adamw: lr=tensor\(-1.\) must be in'): step(opt, [a])

@pytest.mark.parametrize('name', TORCH)
def test_refusals_of_classes_speak_pytorch(name):
    "Whichever hyper is wrong, and however it was set, the message has the key that the user knows"
    cls = TORCH[name]
    for key,hypers in cls.keys.items():
        hypers = [hypers] if isinstance(hypers, str) else hypers
        for i in range(len(hypers)):
            opt = cls([weight(2, 2)])
            old = opt.param_groups[0][key]
            bad = 'x' if len(hypers)==1 else tuple('x' if j==i else o for j,o in enumerate(old))
            text = f"{cls.rule.__name__}: {key}{f'[{i}]' if len(hypers)>1 else ''}='x' must be"
            for way in (lambda: cls([weight(2, 2)], **{key:bad}), lambda: opt.add_param_group({'params':[weight(2, 2)], key:bad})):
                with pytest.raises(ValueError) as e: way()
                assert text in str(e.value)
            opt.param_groups[0][key] = bad
            with pytest.raises(ValueError) as e: step(opt, opt.param_groups[0]['params'])
            assert text in str(e.value)
        if len(hypers)>1:
            with pytest.raises(ValueError, match=rf'{key}=\(0.5,\) must be {len(hypers)} numbers'): cls([weight(2, 2)], **{key:(0.5,)})
    with pytest.raises(TypeError) as e: cls([weight(2, 2)], no_such_hyper=1)
    listed = str(e.value).split('It has: ')[1].split(', ')
    assert set(cls.keys)<=set(listed) and not {'mom', 'sqr_mom', 'wd', 'damp'}&set(listed)

@pytest.mark.parametrize('key,value', [('maximize', True), ('amsgrad', True), ('capturable', True), ('differentiable', True),
    ('centered', True), ('lowp', 'kahan'), ('nesterov', 'other'), ('step_sizes', (1., 2.)), ('ns_coefficients', (1., 2., 3.))])
@pytest.mark.parametrize('name', ['AdamW', 'SGD', 'Nesterov', 'Muon', 'Rprop', 'RMSpropCentered', 'AMSGrad', 'DiffGrad'])
def test_what_a_new_group_refuses_is_refused_when_it_is_written_by_hand(name, key, value):
    def make(): return TORCH[name]([weight(2, 2)], how='eager')
    if value=='other': value = not make().engine.options.get(key)
    opt,new,error = make(),dict(params=[weight(2, 2)], **{key:value}),None
    try: make().add_param_group(new)
    except (TypeError, ValueError) as e: error = e
    ps = opt.param_groups[0]['params']
    step(opt, ps)
    opt.param_groups[0][key] = value
    before = everything(opt, ps)
    if error is None: return step(opt, ps)
    for _ in range(2):
        with pytest.raises(type(error)) as e: step(opt, ps)
        assert str(e.value)==str(error) and everything(opt, ps)==before
    del opt.param_groups[0][key]
    step(opt, ps)

@pytest.mark.parametrize('key,value', [('nesterov', True), ('capturable', True), ('lowp', 'kahan'), ('how', 'fused')])
def test_groups_of_the_fastai_face_refuse_what_holds_for_all(key, value):
    opt,_ = two('fastai', TORCH['SGD'].rule)
    before = plain(opt.state_dict())
    for way in (lambda: opt.param_groups[0].update({key: value}), lambda: setattr(opt, 'param_groups', [{key: value}, {}])):
        with pytest.raises(TypeError, match=f"sgd: '{key}' holds for all groups"): way()
    assert plain(opt.state_dict())==before

@pytest.mark.parametrize('name', TORCH)
def test_a_hyper_written_under_another_name_is_refused(name):
    cls = TORCH[name]
    for key in {*cls.rule.hypers, *cls.rule.spellings} - cls.keys.keys() - FOREIGN: # Schedulers write `min_lr`
        opt = cls([weight(2, 2)], how='eager')
        opt.param_groups[0][key] = value = cls.rule.hypers.get(key, 10 if key=='len_memory' else 0.5)
        with pytest.raises((TypeError, ValueError), match=key): step(opt, opt.param_groups[0]['params'])
        assert opt.param_groups[0][key]==value and not opt.state

def test_a_checked_key_is_not_checked_against_later_hypers():
    p = weight()
    opt = TORCH['Rprop']([dict(params=[p], step_sizes=(1e-6, 50))], lr=0.01)
    sched.LambdaLR(opt, lambda i: 0.5)
    for o in (opt, copy.deepcopy(opt)): step(o, o.param_groups[0]['params'])

def test_eps_of_pytorchs_adafactor_may_be_written_by_hand():
    a,b = weight(3, 4),weight(3, 4)
    ours,theirs = TORCH['Adafactor']([a], eps=(1e-9, 1e-2)),torch.optim.Adafactor([b], eps=(1e-9, 1e-2))
    for opt,p in ((ours, a), (theirs, b)):
        opt.param_groups[0]['eps'] = None,0.5
        step(opt, [p], 3)
    assert torch.allclose(a, b)

def test_a_group_that_lost_a_hyper_says_which():
    opt,ps = two('torch')
    del opt.param_groups[1]['lr']
    with pytest.raises(ValueError, match='adamw: lr=None must be in'): step(opt, ps)

# Slices and lists

def test_slices_and_lists_are_spread_from_the_start():
    lists = [[weight()] for _ in range(3)]
    assert np.allclose([h['lr'] for h in adamw(lists, lr=slice(1e-5, 1e-3)).hypers], [1e-5, 1e-4, 1e-3])
    assert np.allclose([h['lr'] for h in adamw(lists, lr=slice(1e-3)).hypers], [1e-4, 1e-4, 1e-3])
    for v in ([0.1, 0.2, 0.3], (0.1, 0.2, 0.3), np.array([0.1, 0.2, 0.3]), torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)):
        assert [h['lr'] for h in partial(adamw, lr=v)(lists).hypers]==[0.1, 0.2, 0.3]
    assert [h['mom3'] for h in adamod(lists, len_memory=[2, 4, 10]).hypers]==[0.5, 0.75, 0.9]
    assert [h['lr'] for h in adamw(lists, lr=[0.5]).hypers]==[0.5]*3
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    learn = Learner(synth_learner().dls, model, nn.MSELoss(), opt_func=adamw, splitter=lambda m: [list(o.parameters()) for o in m],
        lr=slice(1e-5, 1e-3))
    learn.create_opt()
    assert np.allclose([h['lr'] for h in learn.opt.hypers], [1e-5, 1e-3])

@pytest.mark.parametrize('v,text', [([0.1, 0.2], '2 values of lr for 3 groups; give one'), (slice('a', 'b'), 'must be a slice of numbers'),
    (slice(1e-3, None), 'must be a slice of numbers'), ([0.1, -1, 0.1], r'lr=-1 must be in \[0, inf\)'),
    ([0.1, None, 0.1], 'lr=None must be in'), ([], '0 values of lr'), (slice(-1., 1.), 'lr=.* must be in')])
@pytest.mark.filterwarnings('ignore:invalid value')
def test_what_cannot_be_spread_is_said(v, text):
    lists = [[weight()] for _ in range(3)]
    with pytest.raises(ValueError, match=f'adamw: .*{text}'): adamw(lists, lr=v)
    opt = adamw(lists)
    with pytest.raises(ValueError, match=text): opt.set_hyper('lr', v)
    assert [h['lr'] for h in opt.hypers]==[1e-3]*3

# Frozen groups

def frozen_learner(path):
    torch.manual_seed(0)
    learn = Learner(synth_learner().dls, nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), nn.MSELoss(), opt_func=adamw,
        splitter=lambda m: [list(o.parameters()) for o in m], path=path)
    learn.create_opt()
    return learn

def test_load_does_not_undo_unfreeze_without_a_word(tmp_path):
    learn = frozen_learner(tmp_path)
    learn.freeze()
    learn.save('frozen')
    learn.unfreeze()
    with pytest.warns(UserWarning, match=r'adamw: saved with 1 groups frozen, but 0 are frozen now, which stays.*learn.freeze_to\(1\)'):
        learn.load('frozen')
    assert learn.opt.frozen_idx==0 and all(p.requires_grad for p in learn.model.parameters())
    learn.save('thawed')
    learn.freeze()
    with pytest.warns(UserWarning, match='saved with 0 groups frozen, but 1 are frozen now'): learn.load('thawed')
    assert learn.opt.frozen_idx==1 and not learn.model[0].weight.requires_grad
    new = frozen_learner(tmp_path) # The user has not called `freeze` or `unfreeze`
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        new.load('frozen')
        learn.load('frozen') # No warning if both agree
    assert not [o for o in seen if 'frozen' in str(o.message)]
    assert new.opt.frozen_idx==1 and not new.model[0].weight.requires_grad

# Foreign keys

SCHEDS = dict(step=lambda o, n: sched.StepLR(o, 2, 0.5, last_epoch=n), cosine=lambda o, n: sched.CosineAnnealingLR(o, 5, last_epoch=n),
    one_cycle=lambda o, n: sched.OneCycleLR(o, 0.1, total_steps=20, last_epoch=n),
    cyclic=lambda o, n: sched.CyclicLR(o, 1e-3, 0.1, cycle_momentum=False, last_epoch=n),
    swa=lambda o, n: torch.optim.swa_utils.SWALR(o, 0.05, last_epoch=n), linear=lambda o, n: sched.LinearLR(o, last_epoch=n))

@pytest.mark.parametrize('kind', SCHEDS)
def test_schedulers_go_on_from_last_epoch(kind):
    def lrs(cls, cut):
        p = weight()
        opt = cls([p], lr=1e-2)
        s,seen = SCHEDS[kind](opt, -1),[]
        for i in range(8):
            step(opt, [p])
            s.step()
            if i==cut: # A new optimizer from the groups of the old one, and a scheduler that continues
                opt = cls(opt.param_groups)
                s = SCHEDS[kind](opt, i+1)
            seen.append((opt.param_groups[0]['lr'], opt.param_groups[0]['betas']))
        return seen
    assert lrs(AdamW, None)==lrs(torch.optim.AdamW, None) and lrs(AdamW, 3)==lrs(torch.optim.AdamW, 3)

@pytest.mark.parametrize('name', TORCH)
def test_every_scheduler_runs_on_every_class(name):
    for make in SCHEDS.values():
        p = weight(2, 2)
        opt = TORCH[name]([p])
        if make is SCHEDS['one_cycle'] and not {'momentum', 'betas'}&set(opt.defaults):
            with pytest.raises(ValueError, match='momentum'): make(opt, -1) # As in PyTorch's Adagrad
            continue
        s,before = make(opt, -1),{k:v for k,v in opt.param_groups[0].items()
            if k not in ('params', 'lr', 'betas', 'momentum', 'initial_lr')}
        for _ in range(2):
            step(opt, [p])
            s.step()
        assert {k:v for k,v in opt.param_groups[0].items() if k in before}==before or name=='Rprop' # No other hyper is written by accident

def test_layer_decay_named_parameters_and_tags():
    m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    layers = [dict(params=list(o.parameters()), lr_scale=0.5**i, weight_decay=0., param_names=['weight', 'bias'], name=f'layer {i}',
        tag={'mine':i}) for i,o in enumerate(m)]
    opt = AdamW(layers, lr=0.1)
    for g in opt.param_groups: g['lr'] *= g['lr_scale'] # As timm's schedulers do
    assert [(g['lr'], g['name'], g['tag'], g['param_names']) for g in opt.param_groups]==[(0.1, 'layer 0', {'mine':0}, ['weight', 'bias']),
        (0.05, 'layer 1', {'mine':1}, ['weight', 'bias'])]
    saved = opt.state_dict()
    again = AdamW([dict(params=list(o.parameters())) for o in m])
    again.load_state_dict(saved)
    assert [(g['lr'], g['name'], g['tag']) for g in again.param_groups]==[(g['lr'], g['name'], g['tag']) for g in opt.param_groups]
    assert AdamW(m.named_parameters()).param_groups[0]['param_names']==['0.weight', '0.bias', '1.weight', '1.bias']

class SAM(torch.optim.Optimizer):
    "The usual wrapper, whose groups are those of the wrapped optimizer"
    def __init__(self, params, base, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, adaptive=False, **kwargs))
        self.base = base(self.param_groups, **kwargs)
        self.param_groups = self.base.param_groups
        self.defaults.update(self.base.defaults)
    def step(self, closure):
        for g in self.param_groups:
            for p in g['params']:
                self.state[p]['old'] = p.data.clone()
                p.data.add_(p.grad, alpha=g['rho']/p.grad.norm())
        closure()
        for g in self.param_groups:
            for p in g['params']: p.data.copy_(self.state[p]['old'])
        self.base.step()

def test_sam_wraps_a_class():
    def run(base):
        p = weight()
        opt = SAM([p], base, lr=0.1, weight_decay=0.01)
        def closure():
            opt.zero_grad()
            ((p-torch.arange(3.))**2).sum().backward()
        for _ in range(3):
            closure()
            opt.step(closure)
        return p.detach(),opt
    (a,mine),(b,_) = run(AdamW),run(torch.optim.AdamW)
    assert torch.allclose(a, b, atol=1e-6) and mine.base.param_groups[0]['rho']==0.05 and mine.param_groups[0] is mine.base.param_groups[0]

@pytest.mark.parametrize('name', [n for n in TORCH if hasattr(torch.optim, n)])
def test_groups_of_pytorchs_own_class_are_taken(name):
    p = weight(2, 2)
    theirs = getattr(torch.optim, name)([dict(params=[p], lr=0.01)])
    opt = TORCH[name](theirs.param_groups)
    group = opt.param_groups[0]
    assert group['lr']==0.01 and set(theirs.param_groups[0])<=set(group)
    assert group is theirs.param_groups[0] # As in PyTorch
    step(opt, [p])

@pytest.mark.parametrize('name', TORCH)
def test_a_slip_of_the_pen_is_refused_and_nothing_else(name):
    cls = TORCH[name]
    known = (*cls.keys, *cls.rule.options)
    told = ('capturable', 'differentiable', 'maximize', 'amsgrad', 'centered', 'decoupled_weight_decay') # These keys have a meaning
    for k in FOREIGN.difference(known, told): assert cls([{'params':[weight(2, 2)], k:'theirs'}]).param_groups[0][k]=='theirs'
    slips = st.tuples(st.sampled_from('dis'), st.integers(0, 20), st.sampled_from('aeit_x'))
    @settings(max_examples=10, deadline=None, derandomize=True)
    @given(st.sampled_from(known), st.lists(slips, min_size=1, max_size=2))
    def slip(k, ops):
        bad = k
        for op,i,c in ops:
            i %= len(bad)+1
            bad = bad[:i] + ('' if op=='d' else c) + bad[i+(op!='i'):]
        near = [o for o in known if is_slip(bad, o)]
        if bad in (*known, *FOREIGN, *cls.rule.ranges, *cls.rule.spellings, 'params'): return
        opt = cls([weight(2, 2)])
        if not near: return opt.add_param_group({'params':[weight(2, 2)], bad:1})
        with pytest.raises(TypeError) as e: opt.add_param_group({'params':[weight(2, 2)], bad:1})
        assert str(e.value).startswith(f"{cls.rule.__name__} has no {bad!r}; did you mean {near[0]!r}?")
        assert len(opt.param_groups)==1
    slip()

NAMES = sorted({name for rule in RULES.values() for name in (*rule.hypers, *torch_keys(rule))} | {'beta'}) # 'beta' is a frequent choice
NOTES = 'name lr_scale layer meta group_name depth stage tag lr_mult id head frozen initial_lr min_lr'.split()

@pytest.mark.parametrize('name', NAMES)
def test_slips_in_names_of_any_length(name):
    "Capitals, doubled letters, double letters made single, and neighbors in the wrong order"
    slips = {name.upper(), name.capitalize(), *(name[:i] + name[i:i+1] + name[i:] for i in range(len(name)))}
    slips |= {name[:i] + name[i+1:] for i in range(1, len(name)) if name[i]==name[i-1]}
    slips |= {name[:i] + name[i+1] + name[i] + name[i+2:] for i in range(len(name)-1)}
    for slip in slips - {name} - FOREIGN:
        with pytest.raises(TypeError, match=f"mine has no '{slip}'; did you mean '{name}'"): check_foreign('mine', slip, (name,))
    for note in NOTES:
        if note!=name: check_foreign('mine', note, (name,))

@pytest.mark.parametrize('cls', TORCH.values())
def test_names_of_a_class_are_no_slips_of_each_other(cls):
    "A group has its options beside its hypers"
    for key in (*cls.keys, *cls.rule.options, *FOREIGN): key in cls.keys or check_foreign('mine', key, tuple(cls.keys))

@pytest.mark.parametrize('slip', ['betta', 'beat', 'Beta', 'lrr', 'LR', 'wegiht_decay'])
def test_a_short_name_of_a_class_of_ones_own(slip):
    @term
    def pull(u, m, *, mom=0.9): return m.mul_(mom).add_(u)
    Gravity = Rule(pull, decay, descend).torch('Gravity', beta='mom')
    with pytest.raises(TypeError, match=f"has no '{slip}'; did you mean"): Gravity([dict(params=[weight()], **{slip: .5})])
    opt = Rule(pull, decay, descend)([[weight()]])
    for short in ('momm', 'omm', 'Mom', 'wdd'):
        with pytest.raises(TypeError, match=f"has no '{short}'; did you mean"): opt.param_groups[0][short] = .5
    assert Gravity([dict(params=[weight()], meta=1, name='a', layer=2, lr_scale=.5)]).param_groups[0]['meta']==1

def test_weigth_decay():
    opt,ps = two('torch')
    with pytest.raises(TypeError, match="adamw has no 'weigth_decay'; did you mean 'weight_decay'"):
        opt.add_param_group(dict(params=[weight()], weigth_decay=0.1))
    opt.param_groups[1]['weigth_decay'] = 0.1
    with pytest.raises(TypeError, match="did you mean 'weight_decay'"): step(opt, ps)
    opt,ps = two('fastai')
    with pytest.raises(TypeError, match="did you mean 'weight_decay'"): opt.param_groups[1]['weigth_decay'] = 0.1

@given(st.text('abc', max_size=6), st.text('abc', max_size=6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_edits_is_a_distance(a, b):
    n = edit_distance(a, b)
    assert n==edit_distance(b, a)==edit_distance(a+'c', b+'c') and (n==0)==(a==b) and abs(len(a)-len(b))<=n<=max(len(a), len(b))

@pytest.mark.parametrize('k,v,other', [('how', 'eager', 'foreach'), ('version', 1, 0), ('lowp', 'plain', 'kahan'),
    ('eps_hat', True, False)])
def test_options_in_a_group_are_the_optimizers_own(k, v, other):
    opt = DiffGrad([{'params':[weight()], k:v}], how='eager', version=1)
    assert opt.param_groups[0][k]==v
    with pytest.raises(TypeError, match=f"diffgrad: '{k}' holds for all groups and is {v!r} here"):
        opt.add_param_group({'params':[weight()], k:other})

# Names of PyTorch's own classes; their values are compared in test_torch_contract

def test_what_comes_by_place():
    p = weight()
    g = TORCH['Adam']([p], 1e-2, (0.8, 0.99), 1e-6, 0.1).param_groups[0]
    assert (g['lr'], g['betas'], g['eps'], g['weight_decay'])==(1e-2, (0.8, 0.99), 1e-6, 0.1)
    assert DiffGrad([p], 1e-2, (0.8, 0.99)).param_groups[0]['betas']==(0.8, 0.99)
    assert SGD([p], 0.1, 0.9, 0., 0.1).param_groups[0]['momentum']==0.9
    assert RMSprop([p], 0.1, 0.95).param_groups[0]['alpha']==0.95
    with pytest.raises(TypeError, match='DiffGrad takes params, lr, betas as positional arguments; pass the rest by name'):
        DiffGrad([p], 1e-2, (0.8, 0.99), 1e-6)
    with pytest.raises(TypeError, match="Adam: 'betas' is given twice"): TORCH['Adam']([p], 1e-2, (0.8, 0.99), betas=(0.9, 0.99))

@pytest.mark.parametrize('name', TORCH)
def test_signature_and_groups_agree(name):
    import inspect
    cls = TORCH[name]
    sig = inspect.signature(cls).parameters
    group = cls([weight(2, 2)]).param_groups[0]
    for k in cls.keys: assert sig[k].default==group[k]
    placed = [k for k,o in sig.items() if o.kind==o.POSITIONAL_OR_KEYWORD]
    opt = cls([weight(2, 2)], *[sig[k].default for k in placed[1:]])
    assert {k:opt.param_groups[0][k] for k in cls.keys}=={k:group[k] for k in cls.keys}

def test_rmsprop_says_alpha_and_momentum():
    g = RMSprop([weight()], alpha=0.9, momentum=0.5).param_groups[0]
    assert g['alpha']==0.9 and g['momentum']==0.5 and not {'betas', 'mom', 'sqr_mom'}&set(g)
    assert OptimWrapper([weight()], opt=RMSprop).hypers[0]['sqr_mom']==0.99

@pytest.mark.parametrize('kw,how', [(dict(foreach=True), 'foreach'), (dict(foreach=False), 'eager'), (dict(fused=True), 'fused'),
    (dict(foreach=None, fused=None), 'auto'), (dict(fused=False), 'foreach'), (dict(fused=False, foreach=False), 'eager'),
    (dict(how='eager', foreach=None), 'eager')])
def test_foreach_and_fused_say_how(kw, how): assert AdamW([weight()], **kw).engine.how==how

@pytest.mark.parametrize('kw,text', [(dict(differentiable=True), 'differentiable=True'),
    (dict(amsgrad=True), r"use the class AMSGrad, or for AdamW.s decay Rule\(amsgrad.terms"),
    (dict(foreach=True, fused=True), 'do not agree'), (dict(how='eager', fused=True), 'do not agree'),
    (dict(decoupled_weight_decay=False), 'decoupled_weight_decay=False')])
def test_what_pytorch_has_and_we_lack_is_refused_by_name(kw, text):
    with pytest.raises(ValueError, match=f'adamw: .*{text}'): AdamW([weight()], **kw)
    if 'how' in kw or 'fused' in kw: return
    with pytest.raises(ValueError, match=text): AdamW([dict(params=[weight()], **kw)])

def test_false_passes_where_true_is_refused():
    for name,cls in TORCH.items(): cls([weight(2, 2)], capturable=False, differentiable=False, maximize=False, foreach=False)

@pytest.mark.parametrize('name', TORCH)
def test_maximize_descends_on_the_other_side(name):
    cls = TORCH[name]
    def run(sign, **kw):
        torch.manual_seed(0)
        p = nn.Parameter(torch.randn(4, 3))
        opt = cls([p], how='eager', **kw)
        for _ in range(4):
            p.grad = torch.randn(4, 3)*sign
            opt.step()
        return p.detach(),opt
    a,opt = run(-1., maximize=True)
    assert torch.equal(a, run(1.)[0]) and 'maximize' in opt.rule.chain
    assert copy.deepcopy(opt).rule.chain==opt.rule.chain
    with pytest.raises(ValueError, match='was saved by .*maximize'): cls([weight(4, 3)]).load_state_dict(opt.state_dict())
    with pytest.raises(ValueError, match='maximize=True.*holds for all groups'): cls([dict(params=[weight(2, 2)], maximize=True)])

# fastai's groups

def test_groups_of_the_fastai_face_can_be_written_as_a_whole():
    opt,ps = two('fastai')
    opt.param_groups = [{**g, 'lr':0.5, 'initial_lr':1.} for g in opt.param_groups]
    assert [(h['lr'], h['initial_lr']) for h in opt.hypers]==[(0.5, 1.)]*2
    opt.param_groups[1].update(betas=(0.5, 0.9), weight_decay=np.float32(0.25))
    assert (opt.hypers[1]['mom'], opt.hypers[1]['sqr_mom'], opt.hypers[1]['wd'])==(0.5, 0.9, 0.25) and opt.hypers[0]['mom']==0.9
    g = opt.param_groups[0]
    g |= dict(lr=0.125)
    assert g.setdefault('eps', 1.)==1e-8 and g.setdefault('swa_lr', 1.)==1. and opt.hypers[0]['lr']==0.125 and opt.hypers[0]['swa_lr']==1.
    new = weight(3, 2)
    opt.param_groups[0]['params'] = [new]
    step(opt, [new, ps[1]])
    assert torch.equal(ps[0].detach(), torch.ones(3, 2)) and not torch.equal(new.detach(), torch.ones(3, 2))
    for bad in ([{}], [{}, 3], []):
        with pytest.raises(ValueError, match='adamw: param_groups must be 2 dicts'): opt.param_groups = bad

def test_accelerate_drives_the_fastai_face():
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer
    Accelerator(cpu=True)
    opt,ps = two('fastai')
    wrapped = AcceleratedOptimizer(opt)
    wrapped.param_groups = [dict(g, lr=0.25) for g in wrapped.param_groups]
    step(wrapped, ps)
    wrapped.load_state_dict(wrapped.state_dict())
    assert [h['lr'] for h in opt.hypers]==[0.25]*2 and not torch.equal(ps[0].detach(), torch.ones(3, 2))

# Hooks

def test_all_hooks_of_pytorchs_contract():
    opt,ps = two('torch')
    seen = []
    opt.register_step_pre_hook(lambda o, a, kw: seen.append('step pre'))
    opt.register_step_post_hook(lambda o, a, kw: seen.append('step post'))
    everywhere = [register_optimizer_step_pre_hook(lambda o, a, kw: seen.append('global pre')),
        register_optimizer_step_post_hook(lambda o, a, kw: seen.append('global post'))]
    opt.register_state_dict_pre_hook(lambda o: seen.append('state pre'))
    def label_is_there(o, sd): seen.append(f"state post {sd['fastopt']['rule']}")
    opt.register_state_dict_post_hook(label_is_there)
    opt.register_load_state_dict_pre_hook(lambda o, sd: seen.append('load pre'))
    opt.register_load_state_dict_post_hook(lambda o: seen.append(f"load post {o.state[ps[0]]['step']}"))
    step(opt, ps)
    for h in everywhere: h.remove()
    opt.load_state_dict(opt.state_dict())
    assert seen==['global pre', 'step pre', 'step post', 'global post', 'state pre', 'state post adamw', 'load pre', 'load post 1']
    with torch.profiler.profile() as prof: step(opt, ps)
    assert any('Optimizer.step#AdamW.step' in o.key for o in prof.key_averages())

@pytest.mark.parametrize('way', ['in place', 'another dict'])
def test_a_hook_before_a_load_says_what_is_loaded(way):
    opt,ps = two('torch')
    step(opt, ps, 2)
    saved = opt.state_dict()
    def hook(o, sd):
        new = copy.deepcopy(sd)
        new['state'][0]['m'].fill_(7.)
        new['param_groups'][1]['lr'] = 0.125
        if way=='another dict': return new
        sd.update(new)
    again,qs = two('torch')
    again.register_load_state_dict_pre_hook(hook)
    again.load_state_dict(saved)
    assert (again.state[qs[0]]['m']==7).all() and again.param_groups[1]['lr']==0.125 and not (saved['state'][0]['m']==7).any()
    assert torch.equal(again.state[qs[1]]['v'], saved['state'][1]['v'])

def test_a_hook_that_breaks_the_dict_is_refused():
    opt,ps = two('torch')
    step(opt, ps)
    saved = opt.state_dict()
    opt.register_load_state_dict_pre_hook(lambda o, sd: {**sd, 'state': {0: {'step': 1}}})
    before = everything(opt, ps)
    with pytest.raises(ValueError, match="adamw: the state saved for a weight .* has no 'm'"): opt.load_state_dict(saved)
    assert everything(opt, ps)==before

def test_a_hook_after_state_dict_may_return_another():
    opt,ps = two('torch')
    opt.register_state_dict_post_hook(lambda o, sd: {'wrapped': sd})
    assert list(opt.state_dict())==['wrapped'] and opt.state_dict()['wrapped']['fastopt']['rule']=='adamw'

@pytest.mark.parametrize('own', [dict(alpha='mix'), dict(momentum='mix'), dict(weight_decay='mix'), dict(betas=('mix', 'mom')),
    dict(betas='mix')])
def test_a_name_that_fastai_takes_for_another_hyper_is_refused(own):
    "`OptimWrapper` would write `sqr_mom` into `alpha`, whatever that stands for"
    def mixed(u, *, mom=0.9, sqr_mom=0.99, mix=2.): return u*(mom*sqr_mom*mix)
    rule = Rule(decay, term(mixed), descend)
    with pytest.raises(TypeError, match="the name '(alpha|momentum|weight_decay|betas)' for .* is taken: fastai's OptimWrapper writes"):
        rule.torch('Mixed', **own)
    assert OptimWrapper(opt=rule.torch('Mixed', mixing='mix')([torch.ones(2, requires_grad=True)])).hypers[0]['sqr_mom']==0.99

# Checkpoints that others write

def net(): return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))

def fit(model, opt, n):
    for i in range(n):
        opt.zero_grad()
        model(torch.linspace(-1, 1, 8).view(2, 4)*(i+1)).pow(2).sum().backward()
        opt.step()

@pytest.mark.parametrize('flat', [False, True])
@pytest.mark.parametrize('name', TORCH)
def test_distributed_checkpoints_go_on_to_the_bit(name, flat):
    torch.manual_seed(0)
    a,b = net(),net()
    opt,again = (TORCH[name](m.parameters(), how='eager') for m in (a, b))
    fit(a, opt, 3)
    import torch.distributed.checkpoint.state_dict as dcp # Takes a second
    options = dcp.StateDictOptions(flatten_optimizer_state_dict=flat)
    saved = dcp.get_optimizer_state_dict(a, opt, options=options)
    b.load_state_dict(a.state_dict())
    dcp.set_optimizer_state_dict(b, again, saved, options=options)
    fit(a, opt, 2)
    fit(b, again, 2)
    assert all(map(torch.equal, a.parameters(), b.parameters()))

@pytest.mark.parametrize('name', TORCH)
def test_state_has_the_same_shapes_after_any_number_of_steps(name):
    "A distributed checkpoint is read into the state of an optimizer that has made one step, and must fit into it"
    import torch.distributed.checkpoint.state_dict as dcp
    def shapes(n):
        model = net()
        opt = TORCH[name](model.parameters(), how='eager')
        fit(model, opt, n)
        saved = dcp.get_optimizer_state_dict(model, opt)['state']
        return {f'{p}.{k}': tree_map(lambda o: tuple(getattr(o, 'shape', ())), v) for p,st in saved.items() for k,v in st.items()}
    assert shapes(0)==shapes(1)==shapes(2)==shapes(25)!={}

@pytest.fixture
def one_process():
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()

@pytest.mark.parametrize('own', [True, False])
@pytest.mark.parametrize('name', ['AdamW', 'NAdam', 'SGD', 'ScheduleFreeAdamW'])
def test_fsdp_saves_and_loads(name, own, one_process):
    from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
    def make():
        m = FSDP(net(), use_orig_params=own, device_id=torch.device('cpu'))
        return m,TORCH[name](m.parameters(), lr=0.01, how='eager')
    torch.manual_seed(0)
    (a,opt),(b,again) = make(),make()
    fit(a, opt, 3)
    saved = FSDP.optim_state_dict(a, opt)
    b.load_state_dict(a.state_dict())
    again.load_state_dict(FSDP.optim_state_dict_to_load(b, again, saved))
    fit(a, opt, 2)
    fit(b, again, 2)
    assert all(map(torch.equal, a.parameters(), b.parameters()))

def test_zero_copies_what_it_was_given(one_process):
    from torch.distributed.optim import ZeroRedundancyOptimizer
    def make():
        torch.manual_seed(0)
        return net()
    a,b = make(),make()
    zero = ZeroRedundancyOptimizer(a.parameters(), optimizer_class=DiffGrad, lr=0.01, how='eager', version=1, betas=(0.8, 0.99))
    opt = DiffGrad(b.parameters(), lr=0.01, how='eager', version=1, betas=(0.8, 0.99))
    fit(a, zero, 2)
    zero.consolidate_state_dict()
    zero.load_state_dict(zero.state_dict())
    fit(a, zero, 2)
    for _ in range(2): fit(b, opt, 2)
    assert all(map(torch.equal, a.parameters(), b.parameters()))

def test_without_a_label_names_and_shapes_decide():
    opt,ps = two('torch')
    step(opt, ps)
    bare = {k:v for k,v in opt.state_dict().items() if k!='fastopt'}
    again,_ = two('torch')
    again.load_state_dict(bare)
    for theirs in (torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad):
        qs = [weight(3, 2), weight(2, 4)]
        other = theirs([dict(params=[q]) for q in qs])
        for n in (0, 1):
            step(other, qs, n)
            with pytest.raises(ValueError, match='adamw: this state_dict was not saved by a fastopt optimizer; .*Load only the weights'):
                again.load_state_dict(other.state_dict())
    alien = {**bare, 'state': {0: dict(step=1, m=ps[0], v=ps[0], prev=ps[0])}} # This one belongs to DiffGrad
    with pytest.raises(ValueError, match='not saved by a fastopt optimizer'): again.load_state_dict(alien)

@pytest.mark.parametrize('face', FACES)
def test_state_comes_in_the_dtype_it_is_computed_in(face):
    def make(dtype):
        p = nn.Parameter(torch.ones(3, dtype=dtype))
        return p,FACES[face][0]([p], how='eager')
    for a,b in ((torch.float32, torch.float64), (torch.float64, torch.float32), (torch.bfloat16, torch.float64)):
        (p,opt),(q,again) = make(a),make(b)
        step(opt, [p])
        again.load_state_dict(opt.state_dict())
        assert again.state[q]['m'].dtype==(torch.float64 if b==torch.float64 else torch.float32)
        step(again, [q])

# Malformed checkpoints

JUNK = [None, float('nan'), float('inf'), -1, 0.5, 3, 'x', b'x', [], [1.], {}, {'a':1}, (), True, torch.ones(7), torch.ones(3, 2).int(),
    torch.tensor(1.), torch.zeros(3, 2).to_sparse(), object, 10**400]

def paths(o, at=()):
    "The paths to all entries in `o`, through dicts and lists"
    yield at
    for k,v in (o.items() if isinstance(o, dict) else enumerate(o) if isinstance(o, (list, tuple)) else ()): yield from paths(v, (*at, k))

def mutate(o, at, new):
    "A copy of `o` with `new` at the path `at`, or without that entry if `new` is `mutate`"
    if not at: return new
    k,*rest = at
    o = dict(o) if isinstance(o, dict) else list(o)
    if not rest and new is mutate:
        del o[k]
        return o
    o[k] = mutate(o[k], rest, new)
    return o

def saved_by(face, make, lowp):
    opt,ps = two(face, make, lowp=lowp)
    if lowp=='kahan':
        ps = [nn.Parameter(p.detach().bfloat16()) for p in ps]
        opt = make([[p] for p in ps] if face=='fastai' else [dict(params=[p]) for p in ps], how='eager', lowp=lowp)
    step(opt, ps, 2)
    return opt,ps

@pytest.mark.parametrize('face,make,lowp', [*((*o, 'plain') for o in FLAT), ('fastai', adamw, 'kahan'), ('torch', NAdam, 'kahan')],
    ids=lambda o: getattr(o, '__name__', o))
def test_a_damaged_checkpoint_loads_right_or_not_at_all(face, make, lowp):
    opt,ps = saved_by(face, make, lowp)
    whole = copy.deepcopy(opt.state_dict())
    step(opt, ps)
    before,name = everything(opt, ps),(make if face=='fastai' else make.rule).__name__
    ways = list(paths(whole))
    @settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(ways), st.one_of(st.just(mutate), st.sampled_from(JUNK)))
    def damaged(at, new):
        if new is mutate and not at: return
        bad = mutate(whole, at, new)
        again = copy.deepcopy((opt, ps))
        try: again[0].load_state_dict(bad)
        except (ValueError, TypeError) as e:
            assert name in str(e) and len(str(e))>len(name)+20, f'{at} {new!r}: {e!r}'
            assert everything(*again)==before, f'{at} {new!r}'
            return
        got = again[0].state_dict()
        for k,sts in ((k, got['state'][k]) for k in (got['state'] if isinstance(got['state'], dict) else range(len(got['state'])))):
            want = bad['state'].get(k, {}) if isinstance(bad['state'], dict) else bad['state'][k]
            for n,v in want.items():
                same = torch.equal(torch.as_tensor(sts[n]).double(), v.double()) if isinstance(v, torch.Tensor) else sts[n]==v
                assert same, f'{at} {new!r} {n}'
        step(again[0], again[1]) # A step is possible after loading
        assert all(p.isfinite().all() for p in again[1])
    damaged()

@pytest.mark.parametrize('face,make', [('fastai', nadam), ('torch', NAdam)])
def test_a_memo_that_is_no_number_is_refused_by_name(face, make):
    "Also where there is no memory from which numbers could be read"
    opt,ps = saved_by(face, make, 'plain')
    sd,before = opt.state_dict(),everything(opt, ps)
    key = next(o for o in paths(sd['state']) if len(o)>1 and 'product' in str(o[-1]))
    for new in (torch.zeros(3, 2).to_sparse(), torch.ones(7), 'x', None, [1.]):
        with pytest.raises(ValueError, match="nadam: saved 'memo' is"): opt.load_state_dict(mutate(sd, ('state', *key), new))
        assert everything(opt, ps)==before

MANNERS = dict(plain={}, kahan=dict(lowp='kahan'), stochastic=dict(lowp='stochastic'), low_state=dict(state_dtype=torch.bfloat16))

def trained(face, manner, dtype, **hypers):
    ps = [nn.Parameter(torch.ones(3, 2, dtype=dtype)), nn.Parameter(torch.ones(4, dtype=dtype))]
    return FACES[face][0](ps, how='eager', **hypers, **MANNERS[manner]),ps

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize('face', FACES)
def test_a_state_that_another_manner_does_not_use_is_named_in_one_warning(face, dtype):
    for manner,other,after in product(MANNERS, MANNERS, (torch.bfloat16, torch.float32)):
        opt,ps = trained(face, manner, dtype)
        step(opt, ps, 2)
        again,qs = trained(face, other, after)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter('always')
            again.load_state_dict(copy.deepcopy(opt.state_dict()))
            step(again, qs, 2)
        lost = {name for p,q in zip(ps, qs) for name in opt.state[p].keys()-again.state[q].keys()}
        says = [str(o.message) for o in seen if 'drops' in str(o.message)]
        assert lost==({'comp'} if manner=='kahan' and dtype!=torch.float32 and (other!='kahan' or after==torch.float32) else set())
        assert len(says)==len(lost) and all(repr(name) in o for name,o in zip(lost, says)), (manner, other, after, says)

@pytest.mark.parametrize('face', FACES)
def test_weights_that_become_float32_lose_their_compensation_with_a_warning(face):
    opt,ps = trained(face, 'kahan', torch.bfloat16)
    step(opt, ps, 2)
    for p in ps: p.data,p.grad = p.data.float(),None
    with pytest.warns(UserWarning, match="adamw: the state has 'comp', .* has weights in torch.float32 and drops them"): step(opt, ps)

@pytest.mark.parametrize('face', FACES)
def test_what_was_found_in_checkpoints(face):
    "Cases that were once accepted, or raised internal errors"
    opt,ps = saved_by(face, FACES[face][0], 'kahan')
    sd = opt.state_dict()
    before = everything(opt, ps)
    key = (0,)
    for at,new,text in ((('state', 0, 'comp'), torch.ones(5), r"saved 'comp' has shape \(5,\)"),
        (('state', 1, 'm'), None, "saved 'm' is a NoneType"), (('state', 1, 'm'), mutate, "no 'm'"),
        (('state', 0, 'step'), 'x', "saved 'step' is 'x'"), (('state', 0, 'v'), torch.ones(3, 2).int(), "saved 'v' is torch.int32"),
        (('state', 1), None, 'state of .* weight must be a dict'), (('fastopt', 'format'), 'x', "'fastopt' is incomplete"),
        (('fastopt',), [], "'fastopt' is incomplete"), (('fastopt', 'terms'), mutate, "'fastopt' is incomplete"),
        ((), [], 'a state_dict must be a dict'),
        (('state',), None, 'state'), (('state',), 7, 'state')):
        with pytest.raises((ValueError, TypeError), match=f'adamw.*{text}'): opt.load_state_dict(mutate(sd, at, new))
        assert everything(opt, ps)==before
    if face=='torch': return
    for new in (None, float('nan'), [0], 'x', 5, -1, 0.5):
        with pytest.raises(ValueError, match='adamw: .*frozen_idx=.* must be a number of groups from 0 to 2'):
            opt.load_state_dict({**sd, 'frozen_idx':new})
        assert everything(opt, ps)==before
    opt.load_state_dict({k:v for k,v in sd.items() if k!='frozen_idx'}) # As in fastai, missing entries stay as they are
    assert everything(opt, ps)==before

@pytest.mark.parametrize('face', ['fastai', 'torch'])
def test_a_checkpoint_with_other_options_is_refused(face):
    p,make = weight(3),dict(fastai=soap, torch=TORCH['SOAP'])[face]
    step(opt := make([p], precondition_1d=True), [p])
    with pytest.raises(ValueError, match="soap: saved '.*' has shape .9,., the weight .3,.; load it .*with the same options"):
        make([p]).load_state_dict(opt.state_dict())

def test_a_checkpoint_with_other_groups_is_refused():
    opt,ps = two('torch')
    one = AdamW([weight(3, 2), weight(2, 4)])
    with pytest.raises(ValueError, match=r'adamw: saved with \[2\] weights in its groups, but this optimizer has \[1, 1\]'):
        opt.load_state_dict(one.state_dict())

def test_what_a_user_keeps_beside_the_state_of_weights_is_saved_as_it_is():
    p = nn.Parameter(torch.ones(2))
    for name in ('AdamW', 'NAdam'):
        opt = TORCH[name]([p])
        opt.state['seen'] = 5
        assert opt.state_dict()['state']=={'seen': 5}

def test_dicts_of_a_user_in_the_state_stay_dicts():
    "Only memos of the rule are taken apart"
    def same(a, b):
        if isinstance(a, dict): return a.keys()==b.keys() and all(same(a[k], b[k]) for k in a)
        return torch.equal(a, b) if isinstance(a, torch.Tensor) else a==b
    mine = dict(loss=dict(mean=1., names=['a', 'b']), at=torch.tensor(3.))
    for make in (TORCH['AdamW'], TORCH['DAdaptAdam']):
        p = nn.Parameter(torch.ones(2))
        opt,new = make([p]),make([p])
        p.grad = torch.ones(2)
        opt.step()
        opt.state['log'] = mine
        opt.state[p]['mine'] = mine
        sd = opt.state_dict()
        assert same(sd['state']['log'], mine) and same(sd['state'][0]['mine'], mine)
        new.load_state_dict(sd)
        assert same(new.state['log'], mine) and same(new.state[p]['mine'], mine)

@pytest.mark.parametrize('face', ['torch', 'fastai'])
def test_a_load_warns_of_other_options(face):
    "Options are not loaded; with the same ones, or in a checkpoint from before they were saved, nothing is said"
    def made(rule, **kw): return (TORCH[rule] if face=='torch' else RULES[rule.lower()])([nn.Parameter(torch.ones(2, 3))], lr=.1, **kw)
    for rule,own,other in (('SGD', dict(nesterov=True), {}), ('Muon', {}, dict(adjust_lr_fn='match_rms_adamw'))):
        momentum = {('momentum' if face=='torch' else 'mom'): .9}
        sd = made(rule, **own, **momentum).state_dict()
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            made(rule, **own, **momentum).load_state_dict(sd)
            old = {**sd, 'fastopt': {k:v for k,v in sd['fastopt'].items() if k!='options'}}
            made(rule, **other, **momentum).load_state_dict(old)
        k, = {*own, *other}
        with pytest.warns(UserWarning, match=f'saved with {k}=.*, but this optimizer has {k}='):
            made(rule, **other, **momentum).load_state_dict(sd)

def test_a_schedule_that_ends_a_rounding_error_below_0_is_at_0():
    "As `LinearLR` to 0 does in float64; a rate that is really below 0 is still refused"
    ps = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    opts = [cls([p], lr=.1) for cls,p in zip((AdamW, torch.optim.AdamW), ps)]
    scheds = [sched.LinearLR(o, end_factor=0.) for o in opts]
    for _ in range(8):
        for p,opt,s in zip(ps, opts, scheds):
            p.grad = torch.ones(2)
            opt.step()
            s.step()
    assert torch.allclose(*ps) and abs(opts[0].param_groups[0]['lr'])<1e-15
    opts[0].param_groups[0]['lr'] = -1e-9
    with pytest.raises(ValueError, match='lr=-1e-09 must be'): opts[0].step()

@pytest.mark.parametrize('name', ['param', 'parts', 'grams', 'paramss'])
def test_a_hyper_may_be_called_nearly_params(name):
    body = {}
    exec(f'def scaled(u, *, {name}:NonNeg=2.): return u*{name}', dict(NonNeg=NonNeg), body)
    p = nn.Parameter(torch.ones(2))
    opt = Rule(term(body['scaled']), descend).torch('Scaled')([p], lr=.5)
    p.grad = torch.ones(2)
    opt.step()
    assert p.tolist()==[0., 0.]

@pytest.mark.filterwarnings('ignore:.*frozen')
def test_the_old_gradient_of_a_frozen_weight_skips_no_step():
    ps = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    opt = adamw(ps, lr=.1, skip_nonfinite=True)
    for p,g in zip(ps, (1., float('nan'))): p.grad = torch.full_like(p, g)
    opt.step()
    assert all(p.tolist()==[1., 1.] for p in ps) and opt.skipped==1
    ps[1].requires_grad_(False)
    opt.step()
    assert ps[0][0]<1 and ps[1].tolist()==[1., 1.] and opt.skipped==1
