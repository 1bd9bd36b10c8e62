"Problems match their descriptions, each optimizer has one style, sweeps equal direct runs, pages work offline, planes leave no trace"
import base64, io, math, matplotlib.pyplot as plt, numpy as np, pytest, random, re, sys, torch
from fastai.callback.schedule import LRFinder
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from fastai.torch_core import get_random_states
from fastopt.core.registry import opts
from fastopt.evidence import animations as A, landscapes as L, loss_plane as P, sweeps as S
from fastopt.evidence.adaptive_rates import RateHistogram, plot_rates
from fastopt.evidence.problems import PROBLEMS, Problem, descend_differences, difference, find_problem, gradient
from fastopt.optim import all as every
from fastopt.optim.adam import adam, adamw
from fastopt.optim.adamod import adamod
from fastopt.optim.diffgrad import DiffGrad, diffgrad
from fastopt.optim.sgd import sgd
from functools import partial
from PIL import Image
from torch import nn

@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close('all')

def spread(p, n=300, seed=0):
    "Random points of the domain of `p`"
    lo,hi = torch.tensor(p.domain, dtype=torch.float64).T
    return lo + (hi-lo)*torch.rand(n, p.dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

each_problem = pytest.mark.parametrize('p', PROBLEMS.values(), ids=list(PROBLEMS))

# ---- problems

@each_problem
def test_gradients_are_those_of_differences(p):
    x = spread(p)
    g,d = gradient(p, x),difference(p, x, 1e-6)
    near = (g-d).abs() < 1e-6*(1 + g.abs())
    assert near.all() if p.smooth else near.all(1).sum()>=298 # A difference across a kink equals neither slope

@each_problem
def test_starts_and_minima_lie_in_the_domain(p):
    for o in (*p.starts, *p.minima, *p.others): assert len(o)==p.dims and all(lo<=v<=hi for v,(lo,hi) in zip(o, p.domain))
    assert p.starts and p.minima

@each_problem
def test_minima_are_minima(p):
    "No point in the neighbourhood is lower; where the function is smooth, its gradient is 0 and its Hessian positive"
    rng = torch.Generator().manual_seed(0)
    for m in map(lambda o: torch.tensor(o, dtype=torch.float64), (*p.minima, *p.others)):
        for r in (1e-6, 1e-3, 1e-2):
            around = m + r*(2*torch.rand(500, p.dims, generator=rng, dtype=torch.float64) - 1)
            assert (p(*around.T) >= p(*m) - 1e-13).all()
        if not p.smooth: continue
        assert gradient(p, m).abs().max() < 1e-9
        assert torch.linalg.eigvalsh(torch.autograd.functional.hessian(lambda x: p(*x), m)).min() > -1e-9

@each_problem
def test_no_point_is_lower_than_the_lowest(p):
    low = torch.stack([p(*m) for m in p.minima])
    assert torch.allclose(low, low.amin().expand_as(low), atol=1e-12)
    assert (p(*spread(p, 20_000).T) >= low.amin() - 1e-12).all() and all(p(*o) > low.amin()+1e-3 for o in p.others)

@pytest.mark.parametrize('name,at,value', [('ackley', (0, 0), 0), ('rosenbrock', (0, 0), 1), ('rastrigin', (0.5, 0.5), 40.5), ('beale',
    (0, 0), 14.203125), ('himmelblau', (0, 0), 170),
    ('styblinski_tang', (1, 1), -10), ('ravine', (2, 1), 12), ('valley', (0, 0), 1), ('saddle', (0, 1), -0.25), ('F1', (-1,), 0.49),
    ('F2', (-1,), 4.85), ('F2', (0,), 0.85),
    ('F3', (-0.45,), 0.3), ('F3', (0.4,), 0.35), ('F3', (0.6,), 0.36), ('adabelief1', (-1, 2), 3), ('adabelief2', (1, 2), 3.1),
    ('adabelief3', (1, 2), 9.1), ('adabelief4', (-1, -2), 2.1)])
def test_by_hand(name, at, value): assert PROBLEMS[name](*at).item()==pytest.approx(value, abs=1e-12)

def test_the_saddle_has_one():
    H = torch.autograd.functional.hessian(lambda x: PROBLEMS['saddle'](*x), torch.zeros(2).double())
    assert gradient(PROBLEMS['saddle'], torch.zeros(2)).abs().max()==0 and torch.linalg.eigvalsh(H).tolist()==[-1., 1.]

def test_recalled_definitions_say_that_they_are():
    assert [k for k,p in PROBLEMS.items() if 'recalled' in p.note]==['F1', 'F2', 'F3', *(f'adabelief{i}' for i in range(1, 7))]
    assert PROBLEMS['adabelief5'].f is PROBLEMS['beale'].f and PROBLEMS['adabelief6'].f is PROBLEMS['rosenbrock'].f

def test_ackley_has_a_gradient_at_its_tip(): assert gradient(PROBLEMS['ackley'], torch.zeros(2, dtype=torch.float64)).tolist()==[0., 0.]

@pytest.mark.parametrize('mom,steps', [(0., 139), (0.1, 127)])
def test_the_tutorial_counts_come_from_its_missing_bracket(mom, steps):
    told = dict(lr=1e-5, h=1e-3, mom=mom)
    assert len(descend_differences(PROBLEMS['ackley'], (-2., -2.), kind='unbracketed', **told))-1==steps
    assert len(descend_differences(PROBLEMS['ackley'], (-2., -2.), **told))-1==1

def test_with_a_momentum_of_09_even_the_mistake_diverges():
    assert descend_differences(PROBLEMS['ackley'], (-2., -2.), 1e-5, mom=0.9, kind='unbracketed', most=600)[-1].min() > 100

def test_errors_of_differences_fall_as_their_order_says():
    x = spread(PROBLEMS['himmelblau'], 50)
    for kind,order in (('forward', 1), ('central', 2)):
        a,b = [(difference(PROBLEMS['himmelblau'], x, h, kind) - gradient(PROBLEMS['himmelblau'], x)).norm() for h in (1e-2, 1e-3)]
        assert math.log10(a/b)==pytest.approx(order, abs=0.05)

@pytest.mark.parametrize('call,error,says', [(lambda: find_problem('rosenbrok'), ValueError,
    "has no 'rosenbrok'; did you mean 'rosenbrock'?"), (lambda: find_problem(3), TypeError, '3 is not a problem'),
    (lambda: PROBLEMS['F1'](0, 0), TypeError, 'F1 is a function of 1 coordinate; 2 were given'),
    (lambda: difference(PROBLEMS['F1'], torch.zeros(1), kind='centre'), ValueError, "did you mean 'central'?")])
def test_bad_problems(call, error, says):
    with pytest.raises(error, match=re.escape(says)): call()

# ---- styles

def test_every_rule_has_a_style_of_its_own_that_can_be_read_without_colour():
    assert not set(opts().index) - set(L.STYLE_ORDER), 'Add the new rule to the end of STYLE_ORDER in evidence/landscapes'
    looks = [L.optimizer_style(k) for k in L.STYLE_ORDER]
    assert len({(o['linestyle'], o['marker']) for o in looks})==len(L.STYLE_ORDER)==len(set(L.STYLE_ORDER))

def test_styles_are_stable():
    "The styles of the first rules, which published pictures use"
    kept = dict(adam=('#0072B2', '-', 'o'), sgd=('#D55E00', '--', 's'), diffgrad=('#009E73', '-.', '^'), momentum=('#CC79A7', ':', 'D'),
        adamw=('#E69F00', (0, (5, 1, 1, 1, 1, 1)), 'v'))
    assert {k: tuple(L.optimizer_style(k).values()) for k in kept}==kept
    for many in (['adam', 'sgd'], ['sgd', 'adam', 'lion'], ['sgd', 'sgd', 'adam']):
        assert L.optimizer_styles(many)[many.index('adam')]==L.optimizer_style('adam')

def test_a_picture_has_no_style_twice():
    for many in (['adam']*30, ['nothing known']*3, list(opts().index)*1, ['adam', 'sgd']*10):
        looks = L.optimizer_styles(many)
        assert len({(o['linestyle'], o['marker']) for o in looks})==len(many)

def test_a_picture_has_no_colour_twice_while_there_is_another():
    "Styles of rules on the list, which keep line and marker, of others, and of one that is drawn several times"
    names = [*L.STYLE_ORDER, 'nothing known', 'another', 'a third']
    for i in range(0, len(names), 3):
        many = [names[(i + 7*j)%len(names)] for j in range(len(L.STYLE_COLOURS))] # Usually all on the list have one colour
        for n in range(2, len(many)+1):
            looks = L.optimizer_styles(many[:n])
            assert len({o['color'] for o in looks})==n
            for k,o in zip(many, looks):
                if k in L.STYLE_ORDER: assert {**L.optimizer_style(k), 'color':o['color']}==o
    assert len({o['color'] for o in L.optimizer_styles(['nothing known']*5)})==5

@pytest.mark.parametrize('o', [torch.optim.Adam, partial(torch.optim.Adam, lr=1.), partial(OptimWrapper, opt=torch.optim.Adam), adam,
    partial(adam, mom=0.5), partial(partial(adam, lr=1.), mom=0.5)])
def test_one_style_however_an_optimizer_is_given(o): assert L.optimizer_style(L.optimizer_name(o))==L.optimizer_style('adam')

# ---- paths

@pytest.mark.parametrize('ours,theirs,hypers', [(adam, torch.optim.Adam, {}), (adamw, torch.optim.AdamW, {}), (sgd, torch.optim.SGD, {})])
@pytest.mark.parametrize('name', ['beale', 'himmelblau', 'F1', 'saddle'])
def test_a_path_is_the_one_of_torch(ours, theirs, hypers, name):
    problem,lr = PROBLEMS[name],0.01 if ours is sgd and name!='F1' else 0.1
    p = torch.tensor(problem.starts[0], dtype=torch.float64, requires_grad=True)
    opt,points = theirs([p], lr=lr, **hypers),[p.detach().clone()]
    for _ in range(60):
        opt.zero_grad()
        problem(*p).backward()
        opt.step()
        points.append(p.detach().clone())
    assert torch.allclose(L.path(ours, name, n=60, lr=lr), torch.stack(points), rtol=1e-9, atol=1e-10)

def test_friction_under_the_path_is_that_of_the_step():
    "ξ is the step divided by that of Adam with the same gradients"
    d = L.descent(diffgrad, 'F2', n=40, lr=0.1)
    g,m,v = gradient(PROBLEMS['F2'], d.points[:-1]),0.,0.
    for t,(x,gt) in enumerate(zip(d.points[:-1], g), 1):
        m,v = 0.9*m + 0.1*gt,0.999*v + 0.001*gt**2
        free = 0.1*(m/(1-0.9**t))/((v/(1-0.999**t)).sqrt() + 1e-8)
        assert torch.allclose(d.points[t], x - free*d.friction[t-1], atol=1e-6)
    assert torch.equal(L.descent(DiffGrad, 'F2', n=40, lr=0.1).friction, d.friction)
    assert L.descent(partial(diffgrad, version=1), 'F2', n=40, lr=0.1).friction.min() < 0.5

def test_divergence_is_drawn_to_the_edge_and_said():
    d = L.descent(sgd, 'ravine', lr=10.)
    assert d.stopped==L.descent(torch.optim.SGD, 'ravine', lr=10.).stopped and d.points[d.stopped+1:].isnan().all() and len(d)==100
    cut = L.cut_path(d, PROBLEMS['ravine'].domain)
    assert cut.isfinite().all() and torch.equal(cut[0], d.points[0]) and len(cut)<=d.stopped+1
    step,seen = d.points[1]-d.points[0],cut[-1]-cut[-2]
    assert len(cut)>2 or torch.allclose(step/step.norm(), seen/seen.norm()) # Cut along the step
    ax = L.plot_paths('ravine', [sgd, adam], lr=[10., 0.1])
    assert [o.get_text() for o in ax.get_legend().get_texts()][0]==f'sgd, lr=10: diverged, step {d.stopped}'
    assert L.legend_text('a', L.descent(sgd, 'ravine', lr=1e300), ()).endswith('diverged, step 1')

def test_a_legend_says_the_rate_and_the_end():
    d = L.descent(adam, 'beale', lr=0.1)
    ax = L.plot_paths('beale', adam, lr=0.1)
    assert ax.get_legend().get_texts()[0].get_text()==f'adam, lr=0.1: {d.values[-1].item():.2g}'
    assert '(outside)' in L.legend_text('a', L.descent(sgd, 'F1', start=(-1.,), lr=0.), ((-0.5, 0.5),))
    assert L.descent('adam', 'F1').lr==adam.hypers['lr']

def test_noise_is_the_same_for_all_and_none_in_the_heights():
    a,b = L.descent(sgd, 'noisy', lr=0.1, n=2),L.descent(sgd, 'noisy', lr=0.2, n=2)
    g = gradient(PROBLEMS['noisy'], a.points[0])
    assert torch.allclose((a.points[0]-a.points[1])/0.1 - g, (b.points[0]-b.points[1])/0.2 - g)
    assert torch.equal(a.values, PROBLEMS['noisy'](*a.points.T))

@pytest.mark.parametrize('call,error,says', [(lambda: L.plot_paths('akley', 'adam'), ValueError, "did you mean 'ackley'?"),
    (lambda: L.plot_paths('ackley', 'difgrad'), ValueError, "did you mean 'diffgrad'?"),
    (lambda: L.plot_paths('ackley', []), ValueError, 'no optimizer to draw'),
    (lambda: L.plot_paths([], 'adam'), ValueError, 'no problem to draw on'),
    (lambda: L.plot_paths('ackley', 'adam', lr=math.nan), ValueError, 'lr=nan must be a finite number'),
    (lambda: L.plot_paths('ackley', 'adam', lr=math.inf), ValueError, 'lr=inf must be a finite'),
    (lambda: L.plot_paths('ackley', torch.optim.Adam, lr=-1.), ValueError, 'lr=-1.0 must be'),
    (lambda: L.plot_paths('ackley', 'adam', lr='fast'), ValueError, "lr='fast' must be"),
    (lambda: L.plot_paths('ackley', ['adam', 'sgd'], lr=[0.1]), ValueError, '1 learning rates for 2 optimizers'),
    (lambda: L.plot_paths('ackley', 'adam', n=0), ValueError, 'n=0 must be at least 1'),
    (lambda: L.plot_paths('ackley', 3), TypeError, '3 does not make an optimizer'),
    (lambda: L.plot_paths('ackley', adam([torch.ones(2, requires_grad=True)])), TypeError, 'does not make an optimizer'),
    (lambda: L.path(lambda ps: sgd(ps), 'ackley', lr=0.1), TypeError, 'takes no lr'),
    (lambda: L.plot_landscape('ackley', 'surfaces'), ValueError, "did you mean 'surface'?"),
    (lambda: L.plot_paths(named=adam, lr=[0.1, 0.2]), ValueError, '2 learning rates for 1'),
    (lambda: L.plot_paths('ackley', dict(a=(sgd, sgd))), ValueError, 'a tuple of 2 optimizers for 1')])
def test_bad_input(call, error, says):
    with pytest.raises(error, match=re.escape(says)): call()

@pytest.mark.parametrize('kind', L.LANDSCAPES)
def test_every_kind_draws(kind):
    for name in ('rosenbrock', 'F2'):
        ax = L.plot_landscape(name, kind)
        ax.figure.canvas.draw()
        assert ax.get_title()==name

def test_the_two_usual_problems_are_a_case():
    axs = L.plot_paths(SGD=(partial(sgd, lr=0.02), partial(sgd, lr=1e-2)), Adam=partial(adam, lr=0.1))
    assert [o.get_title() for o in axs]==['ravine, 100 steps', 'valley, 100 steps']
    assert [o.get_text().split(':')[0] for o in axs[1].get_legend().get_texts()]==['SGD, lr=0.01', 'Adam, lr=0.1']

def test_curves_have_friction_below_if_there_is_any():
    assert len(L.plot_paths('F1', ['adam', 'diffgrad'], lr=0.1, n=20).figure.axes)==3
    assert len(L.plot_paths('F1', ['adam'], lr=0.1, n=20).figure.axes)==2

# ---- sweeps

ROWS = {k:o for k in opts().index for o in [getattr(every, k)] if S.sweep_together(o, PROBLEMS['himmelblau'], [0.01, 0.02], 2) is not None}

def test_most_rules_can_be_swept_together():
    assert {'sgd', 'momentum', 'adam', 'adamw', 'diffgrad', 'adamod', 'adabelief', 'lion', 'rmsprop'} <= set(ROWS)

@pytest.mark.parametrize('name', ROWS)
@pytest.mark.parametrize('problem', ['himmelblau', 'F2', 'noisy'])
def test_a_sweep_equals_direct_runs(name, problem):
    lrs = [1e-3, 0.03, 5.]
    (a,i),(b,j) = [f(ROWS[name], PROBLEMS[problem], lrs, 12) for f in (S.sweep_together, S.sweep_apart)]
    assert torch.equal(i, j) and torch.allclose(a, b, rtol=1e-6, atol=1e-8, equal_nan=True)

def test_a_sweep_of_what_cannot_go_together_equals_direct_runs():
    s = S.lr_sweep('beale', [torch.optim.Adam, 'muon'], [0.01, 0.1], n=20, show=False).table
    for r in s.itertuples():
        end = L.path(dict(Adam=torch.optim.Adam, muon=every.muon)[r.optimizer], 'beale', n=20, lr=r.lr)[-1]
        assert [r.x, r.y]==end.tolist() and r.height==PROBLEMS['beale'](*end).item()

def test_counts_on_the_curves_of_diffgrad():
    "Number of 60 rates that end within 0.05 of the best point; none is so close to that border that rounding decides"
    lrs,hypers = np.geomspace(0.01, 0.5, 60),dict(mom=0.95, sqr_mom=0.999)
    for name,want in (('F1', (43, 46, 44)), ('F2', (44, 45, 51)), ('F3', (46, 32, 41))):
        runs = [S.lr_sweep(name, partial(o, **hypers), lrs*k, n=299, show=False).table for o,k in ((adam, 1), (diffgrad, 1), (adam, 0.5))]
        assert tuple(int(t.arrived.sum()) for t in runs)==want
        assert min((np.abs(t.x - PROBLEMS[name].minima[0][0]) - 0.05).abs().min() for t in runs) > 1e-6

def test_a_sweep_says_what_diverged():
    s = S.lr_sweep('ravine', ['sgd', 'adam'], [0.01, 0.05, 10.], n=100)
    assert s.table.diverged.notna().tolist()==[False, False, True, False, False, False] and s.table.height.isna().tolist()[2]
    assert s.summary.loc['sgd'].diverged==1 and s.summary.loc['sgd'].arrived=='1 of 3'
    assert S.lr_sweep('ravine', sgd, [50.], n=20).summary.loc['sgd'].arrived=='0 of 1' # All diverged: still a picture and a table

@pytest.mark.parametrize('lrs,says', [([], 'no learning rates to sweep over'), ([0.], 'lr=0.0 must be a finite number above 0'),
    ([math.nan], 'lr=nan'), ([0.1, math.inf], 'lr=inf'), (['a'], "lr='a'")])
def test_bad_rates(lrs, says):
    with pytest.raises(ValueError, match=re.escape(says)): S.lr_sweep('F1', adam, lrs)

def test_decays_and_rates_are_scored_where_they_are_drawn():
    seen = []
    def score(o, lr, wd):
        seen.append((o, lr, wd))
        return lr*10 + wd
    t = S.lr_wd_sweep(score, ['adam', 'adamw'], [0.1, 0.2], dict(adam=[1., 2.], adamw=[3.]))
    assert t['adam'].to_dict()=={0.1: {1.: 2., 2.: 3.}, 0.2: {1.: 3., 2.: 4.}} and t['adamw'].loc[3., 0.2]==5. and len(seen)==6
    with pytest.raises(ValueError, match='nothing to sweep over'): S.lr_wd_sweep(score, 'adam', [0.1], [])

# ---- functions of a user

def _if(x, y): return (x-1)**2 + y**2 if x>0 else (x+2)**2 + 3*y**2
def _reduces(x, y): return torch.stack([x, y]).pow(2).sum()
def _item(x, y): return (x**2 + y**2).item()
def _python(x, y): return math.sin(x)**2 + float(y)**2
def _vector(x, y): return torch.stack([x, y])
def _text(x, y): return 'high'
def _any(x, y): return x**2 + y**2 if (x>0).all() else x**2 + 3*y**2
def _centred(x, y): return (x - x.max())**2 + x**2 + y**2 # Couples the points, in the right shape
def _square(x, y): return x**2 + y**2

def own(f): return Problem(f.__name__, f, ((-2., 2.), (-2., 2.)), ((1., 1.5),), ((0., 0.),))

each_odd = pytest.mark.parametrize('f', [_if, _reduces, _any, _centred], ids=lambda o: o.__name__)

@each_odd
def test_a_function_of_one_point_works_point_by_point(f):
    "Its heights, gradients, paths, sweeps and pictures are those of single points"
    p,x = own(f),torch.tensor([[-1., 0.3], [0.5, 1.], [2., -0.7], [1.2, 0.1]], dtype=torch.float64)
    alone = torch.stack([f(*o) for o in x])
    assert torch.allclose(p(*x.T), alone) and torch.allclose(p(*x.T.reshape(2, 2, 2)), alone.reshape(2, 2))
    assert torch.allclose(gradient(f, x), torch.stack([gradient(f, o) for o in x]))
    assert torch.allclose(difference(f, x), gradient(f, x), atol=1e-4)
    for o,kw in ((f, dict(start=(1., 1.5))), (p, {})):
        d = L.descent('sgd', o, lr=0.3, n=20, **kw)
        assert torch.allclose(d.values, torch.stack([f(*o) for o in d.points]))
    (a,i),(b,j) = [s(sgd, p, [0.01, 0.1, 0.4], 20) for s in (S.sweep_together, S.sweep_apart)]
    assert torch.equal(i, j) and torch.allclose(a, b)
    assert len(S.lr_sweep(p, 'sgd', [0.01, 0.1], n=5).table)==2
    for kind in L.LANDSCAPES: L.plot_landscape(p, kind)

def test_the_path_of_a_reducing_function_is_that_of_a_plain_one():
    for o in ('sgd', 'adam'): assert torch.allclose(L.path(o, _reduces, (1., 1.5)), L.path(o, _square, (1., 1.5)))

@pytest.mark.parametrize('f,says', [(_item, 'no gradient'), (_python, 'no gradient'), (_vector, 'a tensor of shape (2,) at one point'),
    (_text, 'returned str at one point')])
@pytest.mark.parametrize('call', [lambda f, o: L.path(o, f, (1., 1.)), lambda f, o: L.descent(o, own(f)),
    lambda f, o: S.lr_sweep(own(f), o, [0.1], show=False), lambda f, o: gradient(f, torch.ones(2))],
    ids=['path', 'descent', 'sweep', 'grad'])
@pytest.mark.filterwarnings('ignore:Converting a tensor with requires_grad')
def test_a_function_without_gradient_is_refused_before_any_step(f, says, call):
    steps = []
    class Counted(torch.optim.SGD):
        def step(self, closure=None): steps.append(super().step())
    with pytest.raises(TypeError, match=re.escape(says)): call(f, Counted)
    assert not steps

def test_a_function_that_returns_numbers_is_drawn():
    for o in (_item, _python): L.plot_landscape(own(o))

@pytest.mark.parametrize('scores', [[math.nan]*4, [math.nan, math.inf, -math.inf, 1.], [math.nan, math.nan, 1., 2.], [-math.inf]*4])
def test_scores_that_are_no_numbers_leave_the_tables(scores):
    rest = iter([*scores, *scores])
    tables = S.lr_wd_sweep(lambda o, lr, wd: next(rest), ['adam', 'adamw'], [0.1, 0.2], [0., 1.])
    plt.gcf().canvas.draw()
    told = [o.get_title() for o in plt.gcf().axes[:2]]
    assert ['all scores are NaN' in o for o in told]==[np.isnan(scores).all()]*2
    for t in tables.values(): assert np.array_equal(t.to_numpy().ravel(), scores, equal_nan=True)

# ---- files

LOADS = re.compile(r'https?://|\b(?:src|href)\s*=\s*["\'](?!plotly\.min\.js["\'])|@import|url\(')

def test_a_page_with_an_animation_is_whole(tmp_path):
    f = A.animate_paths('beale', ['sgd', 'adam'], lr=[0.2, 0.1], n=10, file=tmp_path/'a.html')
    text = f.read_text(encoding='utf-8')
    assert not LOADS.search(text) and not re.search('TITLE|DATA', re.sub(r'"data:[^"]*"', '', text)) and list(tmp_path.iterdir())==[f]
    land = Image.open(io.BytesIO(base64.b64decode(re.search(r'base64,([^"]+)"', text)[1])))
    assert land.size==(600, 450)

def test_an_animation_as_a_gif(tmp_path):
    im = Image.open(A.animate_paths('F1', ['adam', 'diffgrad'], lr=0.1, n=20, frames=4, fps=2, file=tmp_path/'a.gif'))
    assert (im.format, im.n_frames)==('GIF', 4) and not plt.get_fignums()

def test_names_cannot_break_out_of_a_page(tmp_path):
    odd = Problem('</script><b>', lambda x, y: x**2 + y**2, ((-1, 1), (-1, 1)), ((0.5, 0.5),), ((0., 0.),))
    assert A.animate_paths(odd, {'</script>': sgd}, n=3, file=tmp_path/'a.html').read_text(encoding='utf-8').count('</script>')==1

def test_a_surface_needs_no_network_and_shares_its_script(tmp_path):
    pytest.importorskip('plotly', reason='an extra: pip install fastopt[plots]')
    pages = [A.surface_html(o, ['sgd', 'adam'], lr=[10., 0.1], n=10, file=tmp_path/f'{o}.html') for o in ('ravine', 'ackley')]
    assert sorted(o.name for o in tmp_path.iterdir())==['ackley.html', 'plotly.min.js', 'ravine.html']
    for o in pages:
        text = o.read_text(encoding='utf-8')
        assert not LOADS.search(text) and text.count('plotly.min.js')==1 and len(text)<2e6 and 'NaN' not in text
    assert (tmp_path/'plotly.min.js').stat().st_size > 1e6

def test_without_plotly_all_else_works(monkeypatch, tmp_path):
    for o in ('plotly', 'plotly.offline'): monkeypatch.setitem(sys.modules, o, None)
    L.plot_paths('beale', 'adam', n=3)
    A.animate_paths('beale', 'adam', n=3, file=tmp_path/'a.html')
    says = "surface_html needs plotly, which is not installed; run pip install 'fastopt[plots]'"
    with pytest.raises(ImportError, match=re.escape(says)): A.surface_html('beale', 'adam')

@pytest.mark.parametrize('call,says', [(lambda: A.animate_paths('beale', 'adam', file='a.mp4'), 'writes .gif and .html'),
    (lambda: A.animate_paths('beale', 'adam', n=0), 'n=0 must be at least 1'),
    (lambda: A.animate_paths('beale', []), 'no optimizer'), (lambda: A.surface_html('F1', 'adam'), 'F1 is a curve')])
def test_bad_files(call, says):
    with pytest.raises(ValueError, match=re.escape(says)): call()

# ---- adaptive rates and planes of a network

def learner(norm=True, seed=0, cbs=None, opt_func=adam):
    torch.manual_seed(seed)
    random.seed(seed)
    x = torch.randn(96, 1, 6, 6)
    data = list(zip(x, x.mean((1, 2, 3)).mul(20).long().clamp(-1, 1) + 1))
    dls = DataLoaders.from_dsets(data[:64], data[64:], bs=16, num_workers=0, device='cpu')
    middle = nn.BatchNorm2d(4) if norm else nn.Identity()
    model = nn.Sequential(nn.Conv2d(1, 4, 3), middle, nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3))
    learn = Learner(dls, model, loss_func=nn.CrossEntropyLoss(), opt_func=opt_func, cbs=cbs, lr=0.01)
    return learn

def fit(learn, n=2):
    with learn.no_logging(): learn.fit(n)
    return learn

def everything(learn):
    "Everything that a plane might change, as lists"
    s,m = get_random_states(),learn.model
    weights = [(p.requires_grad, None if p.grad is None else p.grad.tolist(), p.data_ptr()) for p in m.parameters()]
    numpy,own = s['numpy_state'],[o.rng.getstate() for o in learn.dls.loaders]
    rngs = s['torch_state'].tolist(),s['random_state'],numpy[1].tolist(),numpy[2],own
    return [(k, v.tolist()) for k,v in m.state_dict().items()],[o.training for o in m.modules()],weights,rngs,torch.is_grad_enabled()

@pytest.mark.parametrize('how', ['together', 'apart'])
@pytest.mark.parametrize('dl', ['valid', 'train'])
def test_a_plane_leaves_all_as_it_was(how, dl):
    learn = fit(learner())
    learn.model.train()
    learn.model[1].eval()
    before,weights = everything(learn),[*learn.model.parameters()]
    P.loss_plane(learn, n=3, how=how, dl=getattr(learn.dls, dl))
    assert everything(learn)==before and all(a is b for a,b in zip(weights, learn.model.parameters()))

@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError('of the loss')])
def test_an_interrupted_plane_leaves_all_as_it_was(error):
    learn,calls = fit(learner()),[]
    def loss(x, y):
        calls.append(random.random())
        if len(calls)==5: raise error
        return nn.functional.cross_entropy(x, y)
    learn.loss_func = loss
    before = everything(learn)
    with pytest.raises((KeyboardInterrupt, RuntimeError)): P.loss_plane(learn, n=3, how='apart')
    assert everything(learn)==before and len(calls)==5

@pytest.mark.parametrize('norm', [True, False])
def test_a_plane_is_the_plain_loop(norm):
    "Weights written into the model, point by point, and a loss over all of the data"
    learn = fit(learner(norm))
    a,b = [P.loss_plane(learn, n=3, how=how, span=0.5, seed=3) for how in ('together', 'apart')]
    assert torch.allclose(a.losses, b.losses, rtol=1e-5)
    rng,w = torch.Generator().manual_seed(3),P.flat_weights(learn.model)
    u,v = [P.filter_direction(learn.model, rng) for _ in range(2)]
    learn.model.eval()
    x,y = map(torch.stack, zip(*[(x, y) for x,y in learn.dls.valid_ds]))
    for i,sy in enumerate((-0.5, 0., 0.5)):
        for j,sx in enumerate((-0.5, 0., 0.5)):
            with torch.no_grad():
                nn.utils.vector_to_parameters(w + sx*u + sy*v, learn.model.parameters())
                assert nn.functional.cross_entropy(learn.model(x), y).item()==pytest.approx(a.losses[i,j].item(), rel=1e-5)
    assert a.xs.tolist()==a.ys.tolist()==[-0.5, 0., 0.5]

def test_filters_of_a_direction_are_as_long_as_those_of_the_weights():
    m = learner().model
    d = P._split(m, P.filter_direction(m, torch.Generator().manual_seed(0)))
    for k,p in m.named_parameters():
        if p.ndim<2: assert not d[k].any()
        else: assert torch.allclose(d[k].flatten(1).norm(dim=1), p.flatten(1).norm(dim=1), rtol=1e-5)

def test_a_plane_goes_through_its_checkpoints():
    way = P.WeightPath()
    learn = fit(learner(cbs=way))
    assert len(way.points)==9 and torch.equal(way.points[-1], P.flat_weights(learn.model))
    plane = P.loss_plane(learn, 'path', way, n=3)
    centre,u,v = P.plane_through(way.points[-1], way.points[0], way.points[4])
    ends = way.points[0],way.points[4],way.points[-1]
    for (x,y),w in zip(plane.three.float(), ends): assert torch.allclose(centre + x*u + y*v, w, atol=1e-5)
    assert plane.path.shape==(9, 2) and 0.5<plane.held<=1 and (plane.path - plane.three[0])[0].abs().max()<1e-4
    assert plane.xs[0]<plane.path[:,0].min() and plane.ys[-1]>plane.path[:,1].max()
    sds = [learner(seed=i).model.state_dict() for i in range(3)]
    flat = [torch.cat([o[k].flatten() for k,_ in learn.model.named_parameters()]) for o in sds]
    assert torch.equal(P.loss_plane(learn, sds, n=2).losses, P.loss_plane(learn, flat, n=2).losses)

@pytest.mark.parametrize('earlier', [0, 1])
def test_a_search_for_a_rate_is_no_part_of_the_way(earlier, tmp_path):
    "It raised an error before the first fit, and was recorded after one"
    way = P.WeightPath()
    learn = learner(cbs=way)
    learn.path = tmp_path # The search saves the weights there
    if earlier: fit(learn)
    with learn.no_logging(): learn.fit(2, cbs=LRFinder(num_it=6))
    assert len(way.points)==9*earlier
    fit(learn)
    assert len(way.points)==9 + 8*earlier

def test_a_random_plane_holds_little_of_the_way():
    way = P.WeightPath(every=2)
    assert P.loss_plane(fit(learner(cbs=way)), path=way, n=2).held < 0.3 and len(way.points)==5

def test_a_plane_is_drawn():
    way = P.WeightPath()
    learn = fit(learner(cbs=way))
    for kind in ('random', 'path'): assert 'weights' in P.plot_loss_plane(learn, kind, way, n=4).get_title()

OTHER = nn.Linear(1, 1).state_dict()

@pytest.mark.parametrize('call,error,says', [(lambda o: P.loss_plane(o, 'rand'), ValueError, "did you mean 'random'?"),
    (lambda o: P.loss_plane(o, 'path'), ValueError, 'this one has 0'),
    (lambda o: P.loss_plane(o, [torch.zeros(3)]*3), TypeError, 'a vector of all'),
    (lambda o: P.loss_plane(o, [P.flat_weights(o.model)]*3), ValueError, 'lie on one line or coincide'),
    (lambda o: P.loss_plane(o, how='fast'), ValueError, "has no 'fast'"), (lambda o: P.loss_plane(o, n=1), ValueError, 'n=1 points'),
    (lambda o: P.loss_plane(o, batches=0), ValueError, 'gave no batch'),
    (lambda o: P.loss_plane(o, [OTHER]*3), ValueError, "no weight '0.weight'"), (lambda o: P.WeightPath(0), ValueError, 'every=0 must be')])
def test_bad_planes(call, error, says):
    learn = learner()
    before = everything(learn)
    with pytest.raises(error, match=re.escape(says)): call(learn)
    assert everything(learn)==before

def test_rates_are_those_of_adam_by_its_state():
    cb = RateHistogram(2)
    learn = fit(learner(cbs=cb, opt_func=partial(adam, eps=1e-8)))
    assert cb.batches==[1, 3, 5, 7] and all(c.sum()<=sum(p.numel() for p in learn.model.parameters()) for c in cb.counts)
    st,ps = learn.opt.state,[p for p,*_ in learn.opt.all_params()]
    cb.learn,cb.seen = learn,0
    for p in ps: p.grad = torch.ones_like(p)
    cb.before_step()
    learn.opt.step()
    cb.after_step()
    want = torch.cat([(0.01/(1-0.9**st[p]['step'])/((st[p]['v']/(1-0.999**st[p]['step'])).sqrt() + 1e-8)).flatten() for p in ps])
    assert cb.medians[-1]==pytest.approx(want.log10().median().item(), abs=2e-3)

def test_adamod_holds_rates_down():
    a,b = RateHistogram(),RateHistogram()
    for cb,o in ((a, adam), (b, partial(adamod, len_memory=100))): fit(learner(cbs=cb, opt_func=o), 1)
    assert a.medians[0] - b.medians[0]==pytest.approx(2, abs=1e-2)
    assert len(plot_rates(dict(Adam=a, AdaMod=b)))==2
    with pytest.raises(ValueError, match='keeps no mean of gradients `m`'): fit(learner(cbs=RateHistogram(), opt_func=sgd), 1)

# ---- models that `vmap` cannot combine, and 16 bits

class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.body,self.head = kind(6, 4, batch_first=True),nn.Linear(4, 3)
    def forward(self, x): return self.head(self.body(x[:,0])[0][:,-1])

class Branches(nn.Module):
    "Reads a number from a tensor, which `vmap` refuses"
    def __init__(self, how):
        super().__init__()
        self.how,self.head = how,nn.Linear(36, 3)
    def forward(self, x):
        z = self.head(x.flatten(1))
        if self.how=='item': return z*(1 + abs(z.mean().item()))
        return z if z.mean()>0 else 2*z

UNBATCHED = dict(lstm=partial(Recurrent, nn.LSTM), gru=partial(Recurrent, nn.GRU), item=partial(Branches, 'item'),
    branch=partial(Branches, 'if'))

def learner_of(model):
    learn = learner()
    torch.manual_seed(1)
    learn.model = model()
    return learn

@pytest.mark.parametrize('name', UNBATCHED)
def test_a_model_that_cannot_be_combined_is_computed_apart(name):
    learn = learner_of(UNBATCHED[name])
    before = everything(learn)
    a,b = [P.loss_plane(learn, n=3, how=how, chunk=4).losses for how in ('auto', 'apart')]
    assert torch.equal(a, b) and a.isfinite().all() and len(a.unique())>1
    with pytest.raises(RuntimeError, match="how='apart'") as e: P.loss_plane(learn, n=3, how='together')
    assert '\n' not in str(e.value) and everything(learn)==before

@pytest.mark.parametrize('how', ['auto', 'together', 'apart'])
def test_an_error_of_the_model_is_told_in_every_way(how):
    def loss(x, y): raise ValueError('of the loss')
    learn = learner()
    learn.loss_func = loss
    with pytest.raises((ValueError, RuntimeError), match='of the loss'): P.loss_plane(learn, n=2, how=how)

def head():
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).to(torch.bfloat16)

@pytest.mark.parametrize('how', ['together', 'apart'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
def test_inputs_have_the_dtype_of_the_weights(dtype, how):
    "The losses are in float32 at least, and those of a model of 16 bits are near those of the same weights in float32"
    got,want = [P.loss_plane(learner_of(lambda: head().to(o)), n=3, how=how, span=0.5).losses for o in (dtype, torch.float32)]
    assert torch.allclose(got, want, rtol=0.02) and (got*256 != (got*256).round()).any()

@pytest.mark.parametrize('bad', [dict(span=0), dict(span=-1.), dict(span=math.nan), dict(span='1'), dict(n=3.5), dict(n='3'), dict(n=1),
    dict(chunk=0), dict(chunk=-1), dict(chunk=2.5), dict(chunk=None)], ids=str)
def test_numbers_of_a_plane_are_refused_in_one_line(bad):
    (k,v), = bad.items()
    with pytest.raises(ValueError, match=re.escape(f'{k}={v!r} ')) as e: P.loss_plane(learner(), **bad)
    assert '\n' not in str(e.value)
