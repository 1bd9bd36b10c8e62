"Typical first mistakes, and the one line that says what to do instead"
import re
from functools import partial
from inspect import signature
import fastopt.all as every, numpy as np, pytest, torch, warnings
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import OptimWrapper
from fastopt.all import DiffGrad, Rule, adam, adamw, descend, diffgrad, opts, term
from fastopt.core import fused
from fastopt.core.program import record
from fastopt.core.engine import LOWP, Engine, engines
from fastopt.core.rules import Across, Flag, Memo, OneOf, Range, each, mean, norm, row_mean
from fastopt.optim.learning_rate_free import Factor
from rules_under_test import RULES, TORCH
from torch import nn

def learner(opt_func):
    gen = torch.Generator().manual_seed(0)
    data = list(zip(torch.randn(8, 4, generator=gen), torch.arange(8)%2))
    return Learner(DataLoaders.from_dsets(data, data, bs=4, device='cpu'), nn.Linear(4, 2), CrossEntropyLossFlat(), opt_func=opt_func)

def fit(opt_func):
    learn = learner(opt_func)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-2)
    return learn

def weights(): return list(nn.Linear(4, 2).parameters())

def says(message, f, *args, error=TypeError, **kwargs):
    with pytest.raises(error, match=re.escape(message)): f(*args, **kwargs)

def test_the_class_in_place_of_the_rule():
    says("DiffGrad is a class for PyTorch and has no 'set_hypers' for fastai; pass a Learner the rule, opt_func=diffgrad, "
        'or opt_func=partial(OptimWrapper, opt=DiffGrad)', fit, DiffGrad, error=AttributeError)
    assert type(fit(partial(OptimWrapper, opt=DiffGrad)).opt) is OptimWrapper
    assert not hasattr(DiffGrad(weights()), 'no_such_thing')
    says("'DiffGrad' object has no attribute 'no_such_thing'", getattr, DiffGrad(weights()), 'no_such_thing', error=AttributeError)

@pytest.mark.parametrize('name', ['ranger', 'diffgrad', 'Adam'])
def test_the_name_in_place_of_the_rule(name): says(f"opt_func='{name}' is a name; give the optimizer itself: opt_func={name}", fit, name)

def test_a_term_in_place_of_the_rule():
    says('opt_func=lookahead is a term, which is one part of a rule; give a whole rule, such as adamw, or combine', fit, every.lookahead)

@pytest.mark.parametrize('make', [diffgrad, DiffGrad])
def test_something_else_than_weights(make):
    says('diffgrad: Linear is a model; pass its weights, `model.parameters()`', make, nn.Linear(4, 2))
    says('diffgrad: a Tensor is no list of weights; pass `model.parameters()` or a list of tensors', make, torch.ones(3))
    says('diffgrad: a float is no list of weights', make, 1e-3)
    says('diffgrad: no weights were given. To choose hypers for a Learner, write opt_func=partial(diffgrad, lr=1e-3)', make, None)

def test_a_rule_that_is_called_to_give_it_hypers():
    says('To choose hypers for a Learner, write opt_func=partial(diffgrad, lr=1e-3)', lambda: learner(diffgrad(lr=1e-2)))
    assert fit(partial(diffgrad, lr=1e-3)).opt.hypers[0]['lr']==1e-2

def test_names_of_other_libraries():
    "Each of PyTorch's names, for each rule that has the hyper"
    n = 0
    for name,rule in RULES.items():
        for theirs,ours in dict(betas=('mom', 'sqr_mom'), weight_decay=('wd',), momentum=('mom',), learning_rate=('lr',)).items():
            if theirs in rule.ranges or theirs in rule.spellings or theirs in rule.variants: continue
            has = all(o in rule.ranges for o in ours)
            n += has
            said = f"has no {theirs!r}" + (f", which is called {' and '.join(ours)} here" if has else '')
            says(said, rule, weights(), **{theirs: .9})
    assert n>150

@pytest.mark.parametrize('cls,given,hyper', [('DiffGrad', dict(mom=.5, betas=(.7, .8)), 'mom'),
    ('DiffGrad', dict(betas=(.7, .8), sqr_mom=.5), 'sqr_mom'), ('AdamW', dict(wd=.5, weight_decay=.1), 'wd'),
    ('RMSprop', dict(alpha=.9, sqr_mom=.9), 'sqr_mom'), ('AdaMod', dict(len_memory=3, mom3=.9), 'mom3')])
def test_two_names_of_one_hyper(cls, given, hyper):
    "Otherwise the order of the arguments would decide"
    make,(a,b) = getattr(every, cls),given
    for names in ((a, b), (b, a)):
        said,hypers = f'{names[0]!r} and {names[1]!r} both set {hyper!r}; give one of them',{k: given[k] for k in names}
        says(said, make, weights(), **hypers)
        says(said, make, [dict(params=weights(), **hypers)])
        says(said, make(weights()).updates, **hypers)
    if cls=='AdaMod':
        for hypers in (given, dict(len_memory=[3, 5], mom3=.9), dict(mom3=[.9, .8], len_memory=3)): # fastai spreads a list over the groups
            says("both set 'mom3'", make.rule, [weights(), weights()], **hypers)

def test_another_spelling_as_a_default():
    says("takes 'len_memory', another spelling of 'mom3', only when an optimizer is made; as a default give mom3",
        Rule, *every.adamod, len_memory=3)

def test_betas_of_another_length():
    for bad in ((.9,), (.9, .9, .9), .9): says('must be 2 numbers, for mom and sqr_mom', DiffGrad, weights(), betas=bad, error=ValueError)

@pytest.mark.parametrize('value,kind', [('1e-3', 'str'), (None, 'NoneType'), ({}, 'dict'), (1j, 'complex'), ([1e-3], 'list'),
    ((1e-3, 1e-2), 'tuple'), (slice(1), 'slice')])
def test_a_hyper_that_is_no_number(value, kind):
    for make in (adamw, every.AdamW) if kind in ('str', 'dict', 'complex') else (): # The others have a meaning for both
        for k in ('lr', 'eps'): says(f', but it is a {kind}, not a number', make, weights(), **{k: value}, error=ValueError)
    with pytest.raises(ValueError) as e: adamw.check('lr', value)
    assert str(e.value)==f'adamw: lr={value!r} must be in [0, inf), but it is a {kind}, not a number'

@pytest.mark.parametrize('value', [-1, -1., float('nan'), float('inf'), np.float32(-1), torch.tensor(-1.)])
def test_a_number_out_of_range(value):
    "It is a number, and the message does not doubt it"
    with pytest.raises(ValueError) as e: adamw.check('lr', value)
    assert str(e.value)==f'adamw: lr={value!r} must be in [0, inf)'

@pytest.mark.parametrize('name,value', [('how', 'fuse'), ('how', 'Fused'), ('lowp', 'kahn'), ('how', None), ('lowp', 3)])
def test_a_choice_that_is_not_there(name, value):
    with pytest.raises(ValueError, match=f'adamw: {name}={value!r} must be one of ') as e: adamw(weights(), **{name: value})
    assert all(repr(o) in str(e.value) for o in (engines if name=='how' else LOWP))
    assert ('did you mean' in str(e.value))==(type(value) is str)

def test_weight_decay_of_a_rule_without_it():
    for name in ('wd', 'weight_decay'):
        said = f"has no {name!r}, because it has no weight decay; put `decay` in its chain, as in Rule(adam, decay, descend)"
        says(said, Rule, *adam.core, descend, **{name: .1})
        says(said, Rule(*adam.core, descend), weights(), **{name: .1})

def test_a_dtype_as_text():
    "The quotes in the message show the mistake"
    says("state_dtype='bfloat16' must be None or torch.bfloat16", DiffGrad, weights(), state_dtype='bfloat16', error=ValueError)

def test_a_table_of_a_rule_that_is_not_there():
    says("opts() has no 'diffgrd'; did you mean 'diffgrad' or", opts, 'diffgrd', error=ValueError)
    says("opts() has no 'zzzzzz'. opts() lists all", opts, 'zzzzzz', error=ValueError)
    assert len(opts('zzz*'))==0 and len(opts('diffgrad'))==1 and len(opts('diffgrad', state__lt=0))==0

def test_a_checkpoint_that_is_not_there(tmp_path, capsys):
    assert learner(diffgrad).resume(tmp_path/'nope') is False
    assert capsys.readouterr().out==f"{tmp_path/'nope'} does not exist: the training starts from the beginning\n"
    assert learner(diffgrad).resume(tmp_path/'nope', quiet=True) is False and capsys.readouterr().out==''

# ---- A user's own term

def test_parameters_that_cannot_be_read():
    def float_before_star(u, a=.9): return u*a
    def no_default(u, *, a): return u*a
    def any_tensors(u, *args): return u
    def any_hypers(u, **kwargs): return u
    says("Term float_before_star: the parameter 'a' stands before `*`, which makes it a state, but its default is 0.9; "
        'put hypers after `*`: def float_before_star(u, *, a=0.9)', term, float_before_star)
    says("Term no_default: the parameter 'a' is a hyper without a default; give it one: a=…", term, no_default)
    for f,name in ((any_tensors, 'args'), (any_hypers, 'kwargs')):
        says(f"the parameter '{name}' takes any number of arguments; name each", term, f)

def test_rules_that_cannot_be():
    says('A Rule needs at least one term, and none was given; for example Rule(adam, decay, descend)', Rule)
    says('`lr`; end its chain with `descend`', fit, Rule(*adam.core))
    says("Two terms keep a state called 'm': adam and adam", Rule, *adam.core, *adam.core, descend, error=ValueError)

def forgets(u): u*2
def writes_u(u): return u.mul_(2)
def assigns_u(u):
    u *= 2
    return u
def writes_g(u, g): return u + g.neg_()
def writes_p(u, p): return u + p.zero_()
def writes_own(u, m): return m.mul_(.5).add_(u)

@pytest.mark.parametrize('f', [writes_u, assigns_u, writes_g, writes_p])
def test_a_term_that_writes_into_what_it_was_lent(f):
    for how in ('eager', 'foreach', 'fused'):
        name = 'u' if f is writes_g and how=='eager' else f.__name__[-1] # In the first term both are the same tensor
        says(f"Term {f.__name__} wrote into '{name}', which it may only read", fit, partial(Rule(term(f), descend), how=how))

def writes_a_view(u): return u.view_as(u).mul_(2)

@pytest.mark.parametrize('how', ['foreach', 'fused'])
def test_a_term_that_writes_into_a_view(how):
    says('Term writes_a_view wrote into a tensor, which it may only read', fit, partial(Rule(term(writes_a_view), descend), how=how))

def assigns_m(u, m, *, mom=0.9):
    m = mom*m + (1-mom)*u
    return m
def names_m(u, m, *, mom=0.9):
    m = m.mul_(mom).add_(u)
    return m
def by_turns(u, m, *, step):
    if step%2: m = m.add_(u)
    else: m = -m.mul_(0.9)
    return m

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_term_that_assigns_to_its_state_instead_of_writing(how):
    "It trains, with a state that stays zero, and all engines would agree"
    says("Term assigns_m assigns to its state 'm', which gives the name to another tensor and leaves the state as it was; write into it",
        fit, partial(Rule(term(assigns_m), descend), how=how))
    for f in (names_m, by_turns): fit(partial(Rule(term(f), descend), how=how))

def tensor_rate(u, v, rate): return v.mul_(.9).add_(u, alpha=1-rate)
def returns_pair(u): return u/pair_of(u)
@each
def pair_of(x): return x.abs().max(0)

def test_a_tensor_in_place_of_a_number_and_a_tuple_in_place_of_a_tensor():
    says("Term tensor_rate uses a tensor where PyTorch needs a number", stepped, tensor_rate, 'eager')
    for how in ('eager', 'foreach', 'fused'): says('pair_of is marked `each` and returned max', stepped, returns_pair, how)

def test_names_and_groups_of_a_class_given_to_a_rule():
    rule = Rule(term(names_m), descend)
    for name in ('beta', 'beta1'): says(f"has no {name!r}; did you mean 'mom'?", rule, weights(), **{name: .5})
    says('a dict is no weight; groups as dicts are for a class', rule, [dict(params=weights(), mom=.5)])

def first_column(u): return u[:, :1] if u.ndim>1 else u[:1]

def test_an_update_of_another_shape():
    "It would be broadcast"
    says('Term first_column returned an update of shape', fit, partial(Rule(term(first_column), descend), how='eager'))

@pytest.mark.parametrize('parameters,error', [("u, *, mom:'Nowhere'=0.9", "annotated with 'Nowhere'"),
    ('u, *, mom:float=0.9', "the parameter 'mom' is annotated with float, which is no range; give it one"),
    ('u, lr', "'lr' stands before `*`, which makes it a state, but it is the name of a hyper"),
    ('u, m, weight_decay', "'weight_decay' stands before `*`"),
    ('u, eps', 'put hypers after `*`: def f(u, *, eps=…)'), ('u, *, mom:3=0.9', 'annotated with 3')])
def test_parameters_that_are_no_hypers(parameters, error):
    exec(f'def f({parameters}): return u', env := {})
    says(error, term, env['f'])

@pytest.mark.parametrize('annotation,way', [('(0, 1)', 'write k:Range(0, 1)'), ('[0., 10]', 'write k:Range(0.0, 10)'),
    ("('a', 'b')", "write k:OneOf('a', 'b')"), ("['a']", "write k:OneOf('a')"), ('(1, 2, 3)', 'write k:OneOf(1, 2, 3)'),
    ('(True, False)', 'write k:OneOf(True, False)'), ('{3}', 'write k:OneOf(3)'), ('frozenset([3])', 'write k:OneOf(3)'),
    ('{3: 4}', 'write k:OneOf(3)'), ('range(1, 9)', "write k:Range(1, 9, '[)', whole=True)"), ('bool', 'write k:Flag'),
    *[(o, 'give it one, such as k:Unit or k:Pos, or no annotation') for o in ('()', '[]', "'text'", "'(0, '", 'float', 'int', '3', 'None',
        'tuple[float]', 'range', 'set', 'lambda x: 0<x<1', '[*range(100)]', 'object()', 'OneOf', 'Range', 'np.arange(2)')]])
def test_what_contains_values_is_not_yet_a_range(annotation, way):
    space = dict(np=np, Range=Range, OneOf=OneOf)
    exec(f'def f(u, *, k:{annotation}=0.5): return u', space)
    with pytest.raises(TypeError, match=r"Term f: the parameter 'k' is annotated with .*, which is no range; " + re.escape(way)+'$') as e:
        term(space['f'])
    assert '\n' not in str(e.value) and len(str(e.value))<240

@pytest.mark.parametrize('range', [Range(0, 1), OneOf(0.5, 1), Factor(0, 1), Memo(n=0), Flag])
def test_what_is_a_range(range):
    def f(u, *, k:range=True if range is Flag else 0.5): return u
    assert 'k' in (term(f).memos if isinstance(range, Memo) else term(f).ranges)

def assigning():
    "Functions that assign to a variable outside of them, by name"
    n = m = 0
    def of_global(u):
        global n_calls
        n_calls = n_calls+1
        return u*n_calls
    def deletes(u):
        global n_calls
        del n_calls
        return u
    def of_closure(u):
        nonlocal n
        n += 1
        return u*n
    def inside(u):
        def count():
            nonlocal m
            m += 1
        count()
        return u*m
    def deep(u):
        def outer(m):
            def inner():
                nonlocal n
                n = m
            inner()
        outer(3)
        return u*n
    def in_a_class(u):
        class A: global n_calls; n_calls = 1
        return u*n_calls
    def walrus(u):
        nonlocal n
        return u*[n := n+o for o in (1, 2)][0]
    return dict(of_global='n_calls', deletes='n_calls', of_closure='n', inside='m', deep='n', in_a_class='n_calls', walrus='n'),locals()

@pytest.mark.parametrize('name', assigning()[0])
def test_a_term_with_a_counter_outside(name):
    "Engines would count differently"
    names,fs = assigning()
    said = f"Term {name} assigns to '{names[name]}', a variable outside of it.*`step`.*`Memo`"
    with pytest.raises(TypeError, match=said) as e: term(fs[name])
    assert '\n' not in str(e.value)

def test_a_term_may_assign_to_variables_of_its_own():
    n = k = 2.
    def f(u, *, step):
        n = 0.
        def count(k):
            nonlocal n
            n += 1
            def inner():
                nonlocal k
                k += 1
            inner()
            return k
        total = [last := count(o) for o in (1, 2)]
        return u*(n + last + sum(total))
    def reads(u): return u*n*k
    for g,want in ((f, 2 + 3 + 5), (reads, 4.)):
        for how in ('eager', 'foreach', 'fused'):
            p = torch.zeros(2, 2, requires_grad=True)
            p.grad = torch.ones_like(p)
            Engine(rule := Rule(term(g), descend, lr=1.), how=how).step([([p], rule.hypers)], {})
            assert (p==-want).all()

def test_ranges_may_be_text():
    "As all annotations are after `from __future__ import annotations`"
    code = 'from __future__ import annotations\nfrom fastopt.core.rules import Unit\ndef f(u, m, *, mom:Unit=0.9): return u'
    exec(code, env := {})
    assert term(env['f']).ranges['mom'] is env['Unit']

def test_names_of_a_class_come_first():
    says("adamw has no hyper 'weight_decay' that 'wd' could stand for; a name of the class comes first, as in torch(…, weight_decay='wd')",
        adamw.torch, 'Mine', wd='weight_decay')

def test_a_hyper_of_a_class_has_one_name():
    says("adamw: the hyper 'mom' would have two names, 'b1' and 'betas': keep one of them",
        adamw.torch, 'Mine', b1='mom', betas=('mom', 'sqr_mom'))
    assert not {'mom','betas'} & {*signature(adamw.torch('Mine', b1='mom', b2='sqr_mom')).parameters}

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_term_that_returns_nothing(how):
    says('Term forgets returned nothing; end it with `return u`', fit, partial(Rule(term(forgets), descend), how=how))

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_term_that_returns_no_update(how):
    def pair(u): return u, u
    def text(u): return 'u'
    for f,what in ((pair, 'tuple'), (text, 'str')):
        says(f'Term {f.__name__} returned an object of type {what}; return one tensor', fit, partial(Rule(term(f), descend), how=how))
    def constant(u): return torch.ones(())
    rule = partial(Rule(term(constant), descend), how=how)
    if how=='eager': says('Term constant returned an update of shape () for a weight of shape (2, 4); return one of', fit, rule)
    else:
        with pytest.raises(NotImplementedError, match="it did not compute from its arguments, which only how='eager' accepts"): fit(rule)

def stepped(f, how):
    "The weight after one step of the term `f`, and the warnings"
    p,rule = torch.zeros(3, 3, requires_grad=True),Rule(term(f), descend, lr=1.)
    p.grad = torch.ones_like(p)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        Engine(rule, how=how).step([([p], rule.hypers)], {})
    return p.detach(),[str(o.message) for o in seen]

@pytest.mark.parametrize('text,what', [('u/max(norm(u), 1.)', 'The truth'), ('u*u.item()', '`item`'), ('u.T', '`T`'),
    ('u*float(u)', 'The number'), ('u - u.mean(1, keepdim=True)', '`mean`'), ('u + torch.randn_like(u)', '`randn_like`'),
    ('u*u[0]', 'An entry'), ('u*u.max()', '`max`'),
    ('u if norm(u)>1 else -u', 'The truth'), ('u/u.norm()', '`norm`'), ('torch.stack([u, u])[0]', '`stack`'), ('u*u.std()', '`std`'),
    ('u*u.shape[0]', '`shape`'), ('u@u', '`matmul`'), ('torch.ones(3, 3)', 'it returned a tensor')])
def test_what_no_fast_engine_can_run_is_one_error(text, what):
    "A warning that `foreach` continues would be wrong, because it fails at the same place"
    exec(f'def f(u): return {text}', space := dict(torch=torch, norm=norm))
    errors = []
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for how in ('foreach', 'fused'):
            with pytest.raises(NotImplementedError, match=rf"^f: {what}.*how='eager'") as e: stepped(space['f'], how)
            errors.append(str(e.value))
            assert (e.value.__suppress_context__ or not e.value.__context__) and '\n' not in errors[-1]
    assert errors[0]==errors[1]

@pytest.mark.parametrize('text,call', [('u.mean(1, keepdim=True)*u', 'mean(x, …, keepdim=…)'),
    ('u*torch.logaddexp(u, m)', 'logaddexp(x, y)'), ('u*u.item()', 'item(x)'), ('torch.std(u, correction=step)*u', 'std(x, correction=…)'),
    ('u**(65 + step)', 'pow(x, …)'), ('u.addcmul(u, m, weight=2)', 'addcmul(x, y, z, weight=…)'), ('m.zero_()', 'zero_(x)')])
def test_a_missing_kernel_names_the_call_and_the_functions(text, call):
    "In each step with the same words, because they are a warning that is shown once"
    exec(f'def f(u, m, *, step): return {text}', space := dict(torch=torch))
    for step in (1, 2):
        with pytest.raises(NotImplementedError) as e: record(Rule(term(space['f']), descend), dict(lr=1., step=step))
        assert str(e.value).startswith(f"f: No kernel for `{call}`; use how='eager', fastopt's `norm(x)`, `mean(x)` and `row_mean(x)`")

NARROW = ['norm(u)', 'mean(u)', 'row_mean(u)', 'norm(u)*2 + 1', '0*row_mean(u)', 'mean(u*u).sqrt()', 'torch.where(mean(u)>0, mean(u), -1.)',
    'norm(u)/(mean(u) + 1)', 'mean(m.add_(u))', 'narrow(u)', 'norm(row_mean(u))', 'row_mean(u).clamp(0, 1)',
    'k*norm(u)*step', 'mean(u)*all_norm']
WIDE = ['u*norm(u)', 'm.copy_(norm(u))', 'm.copy_(norm(u))*2', 'm.copy_(row_mean(u))', 'u*0 + norm(u)', 'u - mean(u)', 'doubled(u)',
    'u/all_norm', 'torch.zeros_like(u) + mean(u)', 'torch.where(u>0, mean(u), norm(u))', 'torch.full_like(u, 3.)',
    '3.', 'k*step', 'row_mean(doubled(u))*u', 'm.zero_().add_(norm(u))', 'u.clamp(min=norm(u))']

def sized(text):
    "A term that returns what `text` computes"
    @each
    def doubled(x): return 2*x
    @each(narrow=True)
    def narrow(x): return x.sum()
    def length(u): return torch.stack([o.norm() for o in u]).norm()
    space = dict(torch=torch, norm=norm, mean=mean, row_mean=row_mean, doubled=doubled, narrow=narrow, Across=Across, length=length)
    exec(f'def f(u, m, all_norm:Across(length), *, k=0.5, step): return {text}', space)
    return space['f']

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
@pytest.mark.parametrize('text', NARROW)
def test_an_update_of_fewer_numbers_than_the_weight(text, how):
    "It would move all entries of the weight, or of a row, by one number"
    with pytest.raises(TypeError, match=r'^Term f returned an update of .*; return one of the same shape, such as `u\*norm\(u\)`'):
        stepped(sized(text), how)

@pytest.mark.parametrize('text', WIDE)
def test_an_update_may_be_computed_from_fewer_numbers(text):
    want,_ = stepped(sized(text), 'eager')
    for how in ('foreach', 'fused'): assert torch.allclose(stepped(sized(text), how)[0], want), how

@pytest.mark.parametrize('text,call,hows', [*[(o, 'mean(x)', ('eager', 'foreach', 'fused')) for o in ('mean(u, 1)', 'mean(u, dim=1)')],
    *[(o, 'norm(x)', ('eager', 'foreach', 'fused')) for o in ('norm(u, 2)', 'norm()', 'norm(u, keepdim=True)')],
    *[(o, 'row_mean(x, above=1)', ('eager', 'fused')) for o in ('row_mean(u, 1, True)', 'row_mean(u, keepdim=True)')]])
def test_arguments_that_a_whole_tensor_function_lacks(text, call, hows):
    exec(f'def f(u): return u*{text}', space := dict(mean=mean, norm=norm, row_mean=row_mean))
    for how in hows:
        with pytest.raises(TypeError, match=rf'^{re.escape(call)}: .*`row_mean\(x\)` of each row') as e: stepped(space['f'], how)
        assert '\n' not in str(e.value)

def test_a_tuple_of_a_whole_tensor_function_is_for_others_of_its_kind():
    @each
    def two(x): return x.mean(),x.abs().amax()
    @each
    def ratio(x):
        middle,most = two(x)
        return middle/most
    for how in ('eager', 'foreach', 'fused'):
        stepped(lambda u: u*ratio(u), how)
        with pytest.raises(TypeError, match='^two is marked `each` and returned tuple'): stepped(lambda u: u*two(u)[0], how)

def test_errors_inside_a_whole_tensor_function_are_its_own():
    @each
    def f(x, k=1): raise TypeError('my own')
    for how in ('eager', 'foreach', 'fused'):
        with pytest.raises(TypeError, match='^my own$'): stepped(lambda u: f(u), how)
    for how in ('eager', 'foreach'):
        with pytest.raises(TypeError, match=r'^f\(x, k=1\): too many positional arguments$'): stepped(lambda u: f(u, 1, 2), how)

@pytest.mark.parametrize('text', ['u*torch.erf(u)', 'u.round()', 'u + torch.ones(3, 3)', 'torch.logaddexp(u, u)'])
def test_foreach_continues_with_one_warning(text, monkeypatch):
    monkeypatch.setattr(fused, '_warned', set()) # Other tests of this process may have seen the same warning
    exec(f'def f(u): return {text}', space := dict(torch=torch))
    want,_ = stepped(space['f'], 'eager')
    got,seen = stepped(space['f'], 'fused')
    assert torch.allclose(got, want) and len(seen)==1 and "continuing with how='foreach'" in seen[0]

@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_term_may_return_its_own_state_and_write_to_it(how):
    p = torch.ones(3, requires_grad=True)
    rule,state = Rule(term(writes_own), descend, lr=1.),{}
    for g in (1., 1.):
        p.grad = torch.full((3,), g)
        Engine(rule, how=how).step([([p], rule.hypers)], state)
    assert p.tolist()==[-1.5]*3

def test_weights_of_inference_mode_are_stepped_or_refused_as_ever():
    "PyTorch does not count writes to such tensors"
    with torch.inference_mode(): g = torch.ones(3)
    p = torch.ones(3, requires_grad=True)
    p.grad = g
    Engine(adamw, how='eager').step([([p], adamw.hypers)], {})
    assert p[0]<1

def test_no_rule_of_fastopt_writes_into_what_it_was_lent():
    for name,rule in RULES.items():
        p = torch.ones(6, 4, requires_grad=True)
        p.grad,before = torch.full((6, 4), .5),torch.full((6, 4), .5)
        opt = rule([p], how='eager')
        for _ in range(7): opt.step()
        assert torch.equal(p.grad, before), name
    assert every.diffgrad is diffgrad

def test_a_lambda_within_an_expression_can_be_a_term():
    "Python finds no complete statement for it, so it has no docments"
    fs = [(lambda u, *, scale=2.: u*scale), (lambda u, *, scale=2., other_hyper_that_takes_place=1.: u*scale*other_hyper_that_takes_place),
        lambda u, *, scale=2.: u*scale]
    for f in fs: assert (Rule(term(f), descend).hypers['scale'], term(f).docs.get('scale', ''))==(2., '')

@pytest.mark.parametrize('make', [lambda v: every.SaveResume('r.pt', every=v), lambda v: every.SophiaHessian(k=v), every.WatchUpdates,
    every.RateHistogram, every.WeightPath], ids=['SaveResume', 'SophiaHessian', 'WatchUpdates', 'RateHistogram', 'WeightPath'])
@pytest.mark.parametrize('value', [0, -1, 1.5, float('nan'), 'a'])
def test_an_interval_is_a_whole_number(make, value):
    "Python's `%` takes negative numbers and fractions, too, and does something else"
    with pytest.raises(ValueError, match='must be a whole number'): make(value)

@pytest.mark.parametrize('rule', ['adamw', every.AdamW, every.lookahead])
def test_what_is_no_rule_makes_no_callback(rule):
    with pytest.raises(TypeError, match='is not a rule; give one, such as adamw'): every.stepper(rule)

@pytest.mark.parametrize('lr', [0, -1, float('nan'), 'a'])
def test_a_check_needs_a_rate(lr):
    with pytest.raises(ValueError, match='lr=.* must be a finite number greater than 0'): every.check_optimizer(adamw, lr=lr)

def test_amsgrad_decays_as_the_user_means():
    "What the message advises is PyTorch's AdamW"
    mine,theirs = (torch.nn.Parameter(torch.full((3,), 2.)) for _ in range(2))
    ours = Rule(every.amsgrad.terms[1], every.decay, descend).torch('AMSGradW')([mine], lr=.1, weight_decay=.1)
    opt = torch.optim.AdamW([theirs], lr=.1, weight_decay=.1, amsgrad=True)
    for t in range(5):
        mine.grad,theirs.grad = (torch.tensor([0., 1., -t]) for _ in range(2))
        ours.step()
        opt.step()
    assert torch.allclose(mine, theirs, rtol=1e-5)

def test_a_class_for_a_learner_with_a_splitter():
    lists = [[nn.Parameter(torch.ones(2))], [nn.Parameter(torch.ones(2))]]
    says("are for the rule, opt_func=adamw; AdamW is a class for PyTorch", every.AdamW, lists)

@pytest.mark.parametrize('note', ['bias', 'meta', 'last', 'no_decay', 'head'])
@pytest.mark.parametrize('name', TORCH)
def test_notes_about_a_group_stay(name, note):
    opt = TORCH[name]([dict(params=[nn.Parameter(torch.ones(2, 2))], **{note: True})])
    assert opt.param_groups[0][note] is True
