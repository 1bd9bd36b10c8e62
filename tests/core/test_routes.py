"A fork of rules: each weight is trained by its own rule on every engine, and groups, slices, freezing, saving and pickling work as usual"
import pickle
from copy import deepcopy
from functools import partial
import fastopt.all as every, pytest, torch
from fastai.callback.schedule import * # chkstyle: ignore - it patches Learner
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastopt.optim.adam import adam, adamw
from fastopt.optim.clipping import clip_norm
from fastopt.optim.diffgrad import diffgrad
from fastopt.core.engine import Engine
from fastopt.core.fastai_face import FastOptimizer
from fastopt.optim.muon import muon
from fastopt.core.rules import Rule, decay, descend, matrices, route
from fastopt.optim.sgd import sgd
from rules_under_test import far, trained, weights
from torch import nn

def wide(p): return p.ndim==2 and p.shape[1]>40

both = route(matrices, muon, adamw, lr_ratio=0.1)
nested = route(matrices, route(wide, muon, sgd), diffgrad)
clipped = route(matrices, Rule(clip_norm, *sgd, max_norm=0.5), Rule(adam, decay, descend))

def own_group(p, rule, other, steps=7, **hypers):
    "The results of the two rules when each is given its own weights"
    ps,state = weights(torch.float64),{}
    (ha,oa),(hb,ob) = rule.resolve_hypers({}),other.resolve_hypers({})
    a,b = Engine(rule, oa, 'eager'),Engine(other, ob, 'eager')
    for _ in range(steps):
        for q in ps: q.grad = torch.randn(q.shape).to(q.dtype)
        a.step([([q for q in ps if p(q)], {**ha, 'lr':0.01})], state)
        b.step([([q for q in ps if not p(q)], {**hb, 'lr':0.001})], state)
    return torch.cat([q.detach().flatten() for q in ps]).double()

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_each_weight_by_its_rule(how): assert far(trained(both, how, torch.float64, lr=0.01), own_group(matrices, muon, adamw)) < 1e-9

@pytest.mark.parametrize('rule', [both, nested, clipped], ids=['both', 'nested', 'clipped'])
@pytest.mark.parametrize('dtype,tol', [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_engines_agree(rule, dtype, tol):
    want = trained(rule, 'eager', dtype, lr=0.01)
    for how in ('foreach', 'fused', 'auto'): assert far(trained(rule, how, dtype, lr=0.01), want) < tol, how

def test_numbers_about_all_weights_are_about_those_of_the_branch():
    ps = [torch.zeros(2, 2, requires_grad=True), torch.zeros(3, requires_grad=True)]
    for p in ps: p.grad = torch.full_like(p, 100.)
    Engine(clipped, how='fused').step([(ps, {**clipped.hypers, 'lr':1.})], {})
    assert torch.allclose(ps[0], torch.full((2, 2), -0.25)) # Length 0.5 over four equal entries; the vector does not count

def net(): return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

def learner(opt_func=both, **kwargs):
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    items = list(zip(x, (x[:,0]>0).long()))
    dls = DataLoaders.from_dsets(items[:48], items[48:], bs=16, num_workers=0, device='cpu', shuffle=False)
    return Learner(dls, net(), nn.CrossEntropyLoss(), opt_func=opt_func,
        splitter=lambda m: [list(m[0].parameters()), list(m[2].parameters())], **kwargs)

def quiet(learn, fit, *args, **kwargs):
    with learn.no_bar(), learn.no_logging(): getattr(learn, fit)(*args, **kwargs)
    return learn

def test_slices_and_groups():
    learn = quiet(learner(), 'fit', 1, slice(1e-3, 1e-2))
    assert [h['lr'] for h in learn.opt.hypers]==[1e-3, 1e-2] and len(learn.opt.param_lists)==2
    assert all(h['lr_ratio']==0.1 for h in learn.opt.hypers)
    learn.opt.set_hyper('other_mom', 0.5)
    assert learn.opt.hypers[0]['other_mom']==0.5 and learn.opt.hypers[0]['mom']==muon.hypers['mom']

def test_freezing():
    learn = learner()
    learn.create_opt()
    learn.freeze_to(1)
    before = deepcopy(learn.model[0].state_dict())
    quiet(learn, 'fit', 1, 0.1)
    assert all(torch.equal(v, before[k]) for k,v in learn.model[0].state_dict().items())
    learn.unfreeze()
    quiet(learn, 'fit_one_cycle', 1, 0.1)
    assert not torch.equal(learn.model[0].weight, before['weight'])

def test_state_is_that_of_the_weights_rule():
    learn = quiet(learner(), 'fit', 1)
    kept = [set(learn.opt.state[p]) - {'step', 'do_wd', 'force_train'} for p in learn.model.parameters()]
    assert kept==[set(muon.state), set(adamw.state)]*2

def test_save_load_continue(tmp_path):
    a,b = learner(path=tmp_path),learner(path=tmp_path)
    quiet(a, 'fit', 1, 0.01).save('half')
    b.create_opt()
    b.load('half')
    for learn in (a, b):
        torch.manual_seed(1)
        quiet(learn, 'fit', 1, 0.01)
    assert all(map(torch.equal, a.model.parameters(), b.model.parameters()))
    with pytest.warns(UserWarning, match='Could not load the optimizer state'):
        other = learner(route(matrices, sgd, adamw), path=tmp_path)
        other.create_opt()
        other.load('half')

def test_pickles_and_prints():
    assert pickle.loads(pickle.dumps(both)) is both
    again = pickle.loads(pickle.dumps(route(matrices, muon, adamw, lr_ratio=0.5)))
    assert again.chain==both.chain and again.hypers['lr_ratio']==0.5
    assert 'muon' in both.__doc__ and 'matrices' in both.__doc__ and ' | ' in repr(both)
    assert isinstance(partial(both, lr_ratio=0.2)([torch.ones(2, 2, requires_grad=True)]), FastOptimizer)

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_copied_model_needs_a_route_of_its_own(how):
    "A copied weight that the function of the route does not know would go on with the other rule, and the state of its own"
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    last = {model[1].weight}
    cls = route(lambda p: p.ndim>1 and p not in last, muon, adamw).torch('Both')
    opt = cls(model.parameters(), lr=0.1, how=how)
    def step(model, opt):
        for p in model.parameters(): p.grad = torch.ones_like(p)
        opt.step()
    step(model, opt)
    model2,opt2 = deepcopy((model, opt))
    before = [p.clone() for p in model2.parameters()]
    with pytest.raises(ValueError, match='has the state of adamw, but goes to muon.*Make a route and an optimizer for this model'):
        step(model2, opt2)
    assert all(map(torch.equal, before, model2.parameters()))
    step(model, opt)
    opt2.state.pop(model2[1].weight) # As the message advises
    step(model2, opt2)

def test_torch_class():
    cls,ps = both.torch('Both'),[torch.ones(2, 2, requires_grad=True), torch.ones(2, requires_grad=True)]
    opt = cls(ps, lr=0.1, lr_ratio=0.5)
    for p in ps: p.grad = torch.ones_like(p)
    opt.step()
    assert torch.allclose(ps[1], torch.full((2,), 1 - 0.05*(1 + adamw.hypers['wd'])))
    opt.load_state_dict(deepcopy(opt.state_dict()))

class Holds:
    "An object that can be called, a function of a weight as good as any"
    def __call__(self, p): return p.ndim>1
    def method(self, p): return p.ndim>1
    @staticmethod
    def static(p, n=1): return p.ndim>n

def at_least(n, p): return p.ndim>=n
PREDICATES = [matrices, lambda p: p.ndim>1, lambda *args: args[0].ndim>1, lambda p, n=1: p.ndim>n, lambda p: p.ndim>1 and 'yes',
    partial(at_least, 2), partial(partial(at_least), 2), Holds(), Holds().method, Holds.static,
    {(2, 2)}.__contains__, torch.nn.Parameter.dim]

@pytest.mark.parametrize('f', PREDICATES[:10])
def test_any_function_of_a_weight_decides(f):
    rule = route(f, muon, adamw)
    assert rule.rule_of(torch.ones(2, 2)) is muon and rule.rule_of(torch.ones(2)) is adamw
    assert '0x' not in rule.__doc__ and ' where ' in rule.__doc__ and repr(rule).count('|')==1

@pytest.mark.parametrize('f', PREDICATES[10:])
def test_a_function_written_in_C_is_accepted(f): assert route(f, muon, adamw)

def test_a_route_by_a_partial_is_pickled():
    rule = pickle.loads(pickle.dumps(route(partial(at_least, 2), muon, adamw)))
    assert rule.rule_of(torch.ones(2, 2)).chain==muon.chain

@pytest.mark.parametrize('f,why', [('weight', "'weight' is a str"), (None, 'None is a NoneType'), (True, 'True is a bool'),
    (1, '1 is a int'), ([], r'\[\] is a list'), (torch.ones(2), 'is a Tensor'), (muon, 'muon is a rule'), (both, 'both is a route'),
    (every.AdamW, 'AdamW is a class'),
    (nn.Linear, 'Linear is a class'), (bool, 'bool is a class'), (descend, 'descend is a term'), (nn.Linear(1, 1), 'is a Linear'),
    (lambda: True, r'<lambda>\(\) does not accept one argument'), (lambda n, p: True, r'<lambda>\(n, p\) does not accept one'),
    (lambda *, p: True, 'does not accept one'), (at_least, r'at_least\(n, p\) does not'),
    (partial(at_least, 2, 3), r'at_least\(\) does not'),
    (Holds.method, r'method\(self, p\) does not')])
def test_what_is_no_function_of_a_weight(f, why):
    "One line, when the route is made, which shows how to write it"
    with pytest.raises(TypeError, match=f'A route begins with a function of a weight, and .*{why}.*; write for example route') as e:
        route(f, muon, adamw)
    assert '\n' not in str(e.value)

@pytest.mark.parametrize('f', [lambda p: p.sum()>0, lambda p: p>0, lambda p: p.norm(), torch.isfinite])
def test_a_function_of_the_values_of_a_weight(f):
    "They change, and the state of one rule would be given to the other"
    for n in (1, 2):
        with pytest.raises(TypeError, match='of a weight returned a tensor, but a route must not depend on the values'):
            step([torch.ones(2, n)], route(f, muon, adamw))

def step(ps, rule):
    for p in ps: p.requires_grad_().grad = torch.ones_like(p)
    Engine(rule, how='eager').step([(ps, rule.hypers)], {})

@pytest.mark.parametrize('make', [Rule, partial(route, matrices, muon), lambda o: route(matrices, o, muon)], ids=['rule', 'other', 'one'])
@pytest.mark.parametrize('o,says', [(every.AdamW, 'AdamW is a class for PyTorch; pass its rule, adamw'),
    (nn.Linear, 'Linear is a type; pass'), (partial(muon, lr=0.1), r'a partial of muon makes optimizers; write Rule\(\*muon, lr=0.1\)'),
    ('sgd', "'sgd' is a str; pass"), (matrices, 'matrices is a function; '), (None, 'None is a NoneType; pass')])
def test_what_is_no_rule(make, o, says):
    with pytest.raises(TypeError, match=says) as e: make(o)
    assert '\n' not in str(e.value)

@pytest.mark.parametrize('make,says', [(lambda: route(matrices, muon, 'adamw'), "'adamw' is a str"),
    (lambda: route(matrices, muon, adamw, lr_rate=1), "did you mean 'lr_ratio'"), (lambda: Rule(both, descend), 'is a fork, not a chain'),
    (lambda: partial(both, other_moment=1)([torch.ones(1, requires_grad=True)]), "did you mean 'other_mom'")])
def test_errors(make, says):
    with pytest.raises(TypeError, match=says): make()
