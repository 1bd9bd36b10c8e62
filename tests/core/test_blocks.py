"Blocks: random programs on foreach equal eager, whatever is overwritten, copied or shared; which rules use blocks, and what falls back"
import random, pytest, torch
from fastopt.core import engine
from fastopt.core.backends import blocks
from fastopt.core.backends.blocks import Call, CallList, _Places, block_source
from fastopt.core.engine import Engine
from fastopt.core.program import record
from fastopt.core.rules import Rule, descend, row_mean, term
from rules_under_test import RULES, far

def random_term(seed):
    "A random term of sums, products, quotients and functions of its arguments and three states, which it writes and copies"
    rng,lines = random.Random(seed),[]
    names = ['u', 'g', 'p', 'a', 'b', 'c']
    def number(): return f'{rng.choice((0.5, -0.25, 1.5, 0., 1.)):g}'
    def x(): return rng.choice(names)
    forms = [lambda: f'{x()} + {x()}*{number()}', lambda: f'{x()}*{number()} - {x()}*{x()}', lambda: f'{x()} - {x()}',
        lambda: f'{number()} - {x()}*{number()}', lambda: f'{x()}/({x()}.abs() + 1.5)', lambda: f'-{x()}*{number()}',
        lambda: f'{x()}*{number()} + {x()}*{number()}/({x()}.square() + 0.5)', lambda: f'{number()} + {x()}',
        lambda: f'torch.addcmul({x()}, {x()}*{number()}, {x()}, value=0.5)', lambda: f'torch.lerp({x()}, {x()}, 0.3)',
        lambda: f'torch.where({x()}>{x()}, {x()}, {number()})', lambda: f'{x()}.sigmoid()', lambda: f'{x()}.clamp(-2., 3.)',
        lambda: f'({x()}.square() + 1.).sqrt()', lambda: f'{x()} - row_mean({x()})', lambda: f'torch.zeros_like({x()})*{x()}']
    for i in range(rng.randint(4, 14)):
        if rng.random()<0.35:
            name,call = rng.choice('abc'),rng.choice(['copy_({0})', 'mul_(0.5).add_({0}, alpha=0.5)', 'lerp_({0}, 0.2)'])
            lines.append(f'{name}.{call}'.format(x()))
        else:
            lines.append(f'x{i} = ({rng.choice(forms)()}).clamp(-5., 5.)')
            names.append(f'x{i}')
    space = dict(torch=torch, row_mean=row_mean, __name__=__name__)
    exec('\n    '.join(['def f(u, g, p, a, b, c):', *lines, f'return {x()} + {x()}*0.5']), space)
    return space['f'],lines

def after(rule, how, shapes, n=3):
    torch.manual_seed(0)
    ps,state = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes],{}
    runs = Engine(rule, how=how)
    for _ in range(n):
        for p in ps: p.grad = torch.randn_like(p)
        runs.step([(ps, {**rule.hypers, 'lr':0.1})], state)
    return torch.cat([t.detach().flatten() for p in ps for t in (p, *(state[p][k] for k in rule.state))])

@pytest.mark.parametrize('seeds', [range(i, i+40) for i in range(0, 160, 40)], ids=lambda o: f'{o[0]}')
def test_random_programs_do_on_blocks_what_they_do_tensor_by_tensor(seeds, monkeypatch):
    monkeypatch.setattr(blocks, 'BLOCK', 16)
    for seed in seeds:
        f,lines = random_term(seed)
        rule = Rule(term(f), descend)
        want,got = (after(rule, how, ((7, 5), (3,), (), (0,), (40,), (2, 3, 2, 2))) for how in ('eager', 'foreach'))
        assert far(got, want)<1e-12, (seed, lines)

def test_most_random_programs_are_recorded_for_blocks():
    "Otherwise the test above would compare lists with themselves"
    def fits(seed):
        f,_ = random_term(seed)
        try: return bool(block_source(record(Rule(term(f), descend), dict(lr=0.1, step=1)), tuple('pgabc')))
        except NotImplementedError: return False
    assert sum(map(fits, range(160)))>=120

def test_the_source_is_the_same_in_each_process():
    "Twenty temporaries that one call frees are reused in the order of their names, not in that of their hashes, which differ by process"
    prog = record(Rule(descend), dict(lr=0.1, step=1))
    places,names,nodes = _Places(prog, CallList(prog)),[f't_{i}' for i in range(20)],range(100, 120)
    places.place.update(zip(nodes, names))
    places.full.update(nodes)
    assert places.put(0, Call(200, 'add', tuple(nodes)))=='t_0'
    assert places.free==sorted(names)[1:]

def test_rules_that_need_no_whole_tensors_take_blocks(monkeypatch):
    lists = []
    monkeypatch.setattr(blocks, 'on_lists', lambda rule, *o: lists.append(rule) or engine.on_lists(rule, *o))
    fit = [r for r in RULES.values() if (r.elementwise or r.row_by_row) and type(r) is Rule and not any(t.across for t in r.terms)]
    for rule in fit:
        p = torch.ones(4, 3, requires_grad=True)
        p.grad = torch.ones_like(p)
        Engine(rule, how='foreach').step([([p], rule.hypers)], {})
    assert len(fit)>30 and not lists

def calls(f, *state):
    "The names of the calls of a term `f`"
    names = ', '.join(['u', 'p', *state])
    space = dict(f=f)
    exec(f'def asks({names}): return f({names})', space)
    return [o.f for o in CallList(record(Rule(term(space['asks']), descend), dict(lr=0.1, step=1))).calls]

def test_sums_take_over_factors_products_and_quotients():
    assert calls(lambda u, p: u*2. + p*3.)==['mul', 'add'] # p - (2u + 3p) is a multiple of each
    assert calls(lambda u, p: u.abs() + p*3.)==['abs', 'add', 'add'] # Nothing would be saved
    assert calls(lambda u, p: u + 3.*(p*u))==['addcmul', 'add']
    assert calls(lambda u, p: p - u*2./p.abs())==['abs', 'addcdiv', 'add']
    assert calls(lambda u, p: 1. - u*2.)==['add', 'add']
    assert calls(lambda u, p: u*2.*3.)==['add']
    def shared(u, p):
        d = u*2.
        return d*p + d
    assert calls(shared)==['mul', 'addcmul', 'add']

def test_a_weight_without_gradient_stays_and_the_others_step_alike():
    def run(how):
        torch.manual_seed(0)
        ps,state,runs = [torch.randn(6, 4, requires_grad=True) for _ in range(3)],{},Engine(RULES['adamw'], how=how)
        for t in range(4):
            for i,p in enumerate(ps): p.grad = None if i==t%2 else torch.randn_like(p)
            runs.step([(ps, RULES['adamw'].hypers)], state)
        return torch.cat([p.detach().flatten() for p in ps])
    assert far(run('foreach'), run('eager'))<1e-6
