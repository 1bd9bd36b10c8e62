"Mixing rules agree with their definitions in float64, whatever liars send; NNA's bound; attacks that know the rule"
import fastopt.distributed.mixing as mixing_module, numpy as np, pytest, torch
from fastopt.distributed.attacks import ATTACKS, TimingFault, displacement, lie
from fastopt.distributed.mixing import (COLUMNS, MIXINGS, cwtm, finite_rows, find_mixing, mean_mixing, median, nna, nna_bound, reduction,
    squared_distances, variance_of)
from hypothesis import given, settings, strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

D = COLUMNS+5000 # Two pieces

def hears(h, f, gen):
    "Each honest worker receives from all liars, itself, and random others: n-f vectors"
    rank = torch.rand(h, h, generator=gen).fill_diagonal_(-1).argsort(1).argsort(1)
    return torch.cat([rank<h-f, torch.ones(h, f, dtype=torch.bool)], 1)

def definition(name, xs, f, heard, i):
    "The mixture of worker i by the definition, in float64"
    own,got = xs[i].double(),xs[heard[i]].double()
    m,far = len(got),(got-own).norm(dim=1)
    if name=='mean': return got.mean(0)
    if name=='nna': return got[far.argsort()[:m-f]].mean(0)
    if name=='cwtm': return got.sort(0)[0][f:m-f].mean(0)
    if name=='median': return got.quantile(0.5, 0)
    scores = torch.stack([(got-x).square().sum(1).sort()[0][1:m-f-1].sum() for x in got])
    if name=='krum': return got[scores.argmin()]
    if name=='multikrum': return got[scores.argsort()[:m-f-2]].mean(0)
    z = torch.zeros_like(own) if name=='gm3' else got.mean(0) if name=='gm' else own
    for _ in range(dict(gm=50).get(name, 3)):
        d = (got-z).norm(dim=1)
        if name=='scc': z = z + ((got-z)*(2/d.clamp(min=1e-300)).clamp(max=1)[:,None]).mean(0)
        else:
            w = 1/d.clamp(min=0.1 if name=='gm3' else 1e-12)
            z = (w[:,None]*got).sum(0)/w.sum()
    return z

@pytest.mark.parametrize('name', MIXINGS)
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_rules_are_what_they_are_called(name, dtype):
    gen = torch.Generator().manual_seed(0)
    for n,f in ((9, 2), (16, 3)):
        xs = torch.randn(n, D, generator=gen).mul_(0.02).add_(torch.randn(D, generator=gen)).to(dtype)
        xs[n-f:] += 1
        heard = hears(n-f, f, gen)
        got = MIXINGS[name](xs, f, heard)
        assert got.dtype==dtype and got.shape==(n-f, D)
        for i in (0, n-f-1):
            if name in ('krum', 'nna', 'multikrum') and dtype==torch.bfloat16: continue # Many distances are equal there
            tol = {torch.float64: 1e-6, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
            torch.testing.assert_close(got[i].double(), definition(name, xs, f, heard, i), rtol=tol, atol=tol)

@pytest.mark.parametrize('spread', [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize('liar', [0., 1e3, 1e9, 1e25, float('inf'), float('nan')])
@pytest.mark.parametrize('first', [False, True])
def test_neighbours_are_those_of_float64(spread, liar, first):
    "Any lie, even as the first row, which is subtracted from the others"
    torch.manual_seed(0)
    base,f = torch.randn(40_000)*0.05,5
    xs = base*(1 + spread*torch.linspace(0.5, 1.5, 21)[:,None]*torch.randn(21, 40_000))
    lies = base*0 + liar if liar else -base
    xs = torch.cat([lies.expand(f, -1), xs] if first else [xs, lies.expand(f, -1)])
    honest = slice(f, None) if first else slice(21)
    ours = squared_distances(xs)[honest,honest].argsort(1)[:,:16].sort(1)[0]
    exact = torch.cdist(xs[honest].double(), xs[honest].double(), compute_mode='donot_use_mm_for_euclid_dist')
    assert torch.equal(ours, exact.argsort(1)[:,:16].sort(1)[0])

def test_clusters_within_clusters_are_resolved():
    torch.manual_seed(0)
    xs = torch.zeros(12, 3000).add_(torch.randn(3000))
    for i,scale in enumerate([1e6, 1e3, 1., 1e-2]): xs[3*i:3*i+3] += scale*(1 + 1e-2*torch.randn(3, 3000))
    ours,exact = squared_distances(xs),torch.cdist(xs.double(), xs.double(), compute_mode='donot_use_mm_for_euclid_dist')**2
    torch.testing.assert_close(ours, exact, rtol=1e-4, atol=0)

@settings(max_examples=150, deadline=None)
@given(f=st.integers(1, 4), more=st.integers(0, 12), seed=st.integers(0, 10**6),
    kind=st.sampled_from(['alie', 'foe', 'sf', 'mimic', 'near', 'far']), tail=st.sampled_from([1., 3., 30.]), d=st.sampled_from([1, 2, 7]))
def test_the_bound_of_nna_holds(f, more, seed, kind, tail, d):
    "For n >= 11f, and for the two settings of the experiments, where the bound holds but promises nothing"
    gen = torch.Generator().manual_seed(seed)
    for n in (11*f+more, {5: 26, 3: 16}.get(f)):
        if n is None: continue
        h = n-f
        xs = torch.randn(h, d, generator=gen, dtype=torch.float64)
        xs[torch.rand(h, generator=gen)<0.2] *= tail
        z = torch.rand((), generator=gen)*4
        if kind in ATTACKS: lies = lie(ATTACKS[kind], xs, f, z=z, mixing='nna')
        else: lies = xs.mean(0) + z*(0.1 if kind=='near' else 5)*torch.randn(f, d, generator=gen, dtype=torch.float64)
        heard = hears(h, f, gen)
        α,λ = reduction(lambda o: nna(torch.cat([o, lies]), f, heard), xs)
        assert α+λ <= nna_bound(n, f)*(1+1e-9)
        if n>=12*f: assert nna_bound(n, f)<1

def test_the_plain_mean_has_no_bound():
    xs = torch.randn(20, 4)
    _,λ = reduction(lambda o: MIXINGS['mean'](torch.cat([o, o.mean(0, True)+1e4]), 1, torch.ones(20, 21)), xs)
    assert λ>1e3

@pytest.mark.parametrize('name', [o for o in MIXINGS if o!='mean'])
def test_no_lie_gets_far(name):
    torch.manual_seed(0)
    xs = torch.randn(21, 30)
    for z in (1., 1e3, 1e30, float('nan')):
        ys = MIXINGS[name](torch.cat([xs, torch.full((5, 30), z)]), 5, torch.ones(21, 26))
        assert ys.isfinite().all() and (ys.mean(0)-xs.mean(0)).norm()<2*30**0.5 # Twice how far honest ones are

@pytest.mark.parametrize('name', MIXINGS)
def test_liars_know_what_they_do(name):
    "The search in distances finds the result of the search on vectors"
    torch.manual_seed(0)
    xs = torch.randn(21, 40, dtype=torch.float64)
    f,g = (displacement(xs, xs.mean(0), xs.std(0), 5, o) for o in (name, lambda *a: MIXINGS[name](*a)))
    for z in (0.3, 1.1, 2.7): assert f(z)==pytest.approx(g(z), rel=1e-6, abs=1e-9)

def test_a_mixture_of_16_bit_vectors_is_computed_in_32():
    xs = torch.cat([torch.full((1, 10), 256.), torch.full((300, 10), 1.)]).bfloat16()
    assert torch.equal(MIXINGS['mean'](xs)[0], torch.full((10,), (256+300)/301).bfloat16())

def test_what_is_not_finite_is_found_in_every_piece():
    xs = torch.zeros(4, 100_000)
    xs[1,0],xs[2,99_999] = float('nan'),-float('inf')
    assert finite_rows(xs).tolist()==[True, False, False, True]

class Largest(TorchDispatchMode):
    "Keeps the size of the largest tensor that any operation makes"
    most = 0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        res = func(*args, **(kwargs or {}))
        for o in res if isinstance(res, (tuple, list)) else [res]:
            if isinstance(o, torch.Tensor): self.most = max(self.most, o.numel())
        return res

@pytest.mark.parametrize('heard', ['all', 'some'])
@pytest.mark.parametrize('name', ['krum', 'multikrum', 'gm'])
def test_triples_of_vectors_are_looked_at_in_pieces(name, heard, monkeypatch):
    "With the same result, and no tensor of n^3 numbers"
    gen,n,f = torch.Generator().manual_seed(0),40,6
    xs = torch.randn(n, 30, generator=gen)
    xs[5] = xs[:34].mean(0) # Close to the median
    heard = None if heard=='all' else hears(n-f, f, gen)
    want = MIXINGS[name](xs, f, heard)
    for triples in (1, 5*n**2):
        monkeypatch.setattr(mixing_module, 'TRIPLES', triples)
        with Largest() as seen: got = MIXINGS[name](xs, f, heard)
        assert torch.equal(got, want) and seen.most<=max(triples, n*n)

@pytest.mark.parametrize('name,n,f', [('krum', 7, 3), ('multikrum', 8, 3), ('cwtm', 6, 3), ('nna', 4, 2), ('median', 2, 1)])
def test_too_many_faulty(name, n, f):
    with pytest.raises(ValueError, match='not a minority|needs'): MIXINGS[name](torch.randn(n, 3), f)

def test_errors_name_the_way_out():
    with pytest.raises(ValueError, match="did you mean 'krum'"): find_mixing('krumm')
    for o in (torch.ones(4, 2).long(), torch.ones(4), torch.ones(0, 2), torch.ones(4, 2, dtype=torch.complex64)):
        for name in MIXINGS:
            with pytest.raises(ValueError, match='mixes floating point vectors'): MIXINGS[name](o, 1)
    with pytest.raises(ValueError, match=r'heard has the shape \(4,\)'): nna(torch.ones(4, 2), 1, torch.ones(4))
    with pytest.raises(ValueError, match='All inputs are the same'): reduction(lambda o: o, torch.randn(1, 4).repeat(7, 1)) # Up to rounding
    with pytest.raises(ValueError, match='it must return the honest'): reduction(lambda o: o[:2], torch.randn(3, 2))
    assert find_mixing(median) is median and find_mixing('cwtm') is cwtm
    assert [o.delay for o in ATTACKS.values() if isinstance(o, TimingFault)]==[float('inf'), float('inf'), 10.]

@pytest.mark.parametrize('name,setting,says', [('multikrum', dict(k=0), 'k=0 must be'), ('multikrum', dict(k=8), 'only 7 finite .* k=8'),
    ('scc', dict(tau=0.), 'tau=0.0 must be'), ('scc', dict(tau=float('nan')), 'tau=nan must be'), ('gm3', dict(nu=0.), 'nu=0.0 must be'),
    *((o, dict(steps=0), 'steps=0 must be') for o in ('scc', 'gm', 'gm3'))])
def test_settings_that_would_mix_what_was_not_received_are_refused(name, setting, says):
    "Nobody has received the last vector"
    xs,heard = torch.randn(8, 3),torch.ones(7, 8)
    xs[7],heard[:,7] = 1e9,0
    with pytest.raises(ValueError, match=says): MIXINGS[name](xs, 1, heard, **setting)

def test_multikrum_of_all_that_were_received_is_their_mean():
    xs,heard = torch.randn(8, 3),torch.ones(7, 8)
    heard[:,7] = 0
    torch.testing.assert_close(MIXINGS['multikrum'](xs, np.int64(1), heard.tolist(), k=7), xs[:7].mean(0).expand(7, -1))

@pytest.mark.parametrize('n,f,says', [(7, 1.5, 'f=1.5 must be a whole number: give 0'), (7, -1, 'f=-1 must be'),
    (7, True, 'f=True must be'), (7.5, 1, 'n=7.5 must be a whole number: give 1'), (0, 0, 'n=0 must be'),
    (7, 4, 'f=4 faulty of n=7 .* give f <= 3')])
def test_the_bound_is_for_numbers_of_workers(n, f, says):
    with pytest.raises(ValueError, match=says): nna_bound(n, f)

def lies_as_large_as(z, first):
    "Nine honest vectors and two lies of the size `z`, in different directions, of which worker 0 has not received the second"
    gen = torch.Generator().manual_seed(3)
    xs,lies = torch.randn(9, 6, generator=gen, dtype=torch.float64),z*torch.tensor([[1., -1]*3, [1.]*6], dtype=torch.float64)
    heard = torch.ones(9, 11, dtype=torch.bool)
    heard[0,10] = False
    return (torch.cat([lies, xs]), None) if first else (torch.cat([xs, lies]), heard)

@pytest.mark.parametrize('first', [False, True])
@pytest.mark.parametrize('name', [o for o in MIXINGS if o!='mean'])
@settings(max_examples=20, deadline=None)
@given(z=st.floats(20, 308.25))
def test_lies_whose_squares_are_no_number_are_like_other_enormous_ones(name, first, z):
    "One malicious peer of a model in float64 could send 1e160: the squares of its distances are infinite"
    rows = slice(2*first, 9+2*first)
    got,want = (MIXINGS[name](xs, 2, heard)[rows] for xs,heard in (lies_as_large_as(o, first) for o in (10**z, 1e20)))
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)

def test_distances_of_honest_vectors_survive_a_lie_in_the_first_row():
    xs,_ = lies_as_large_as(1e200, True)
    torch.testing.assert_close(squared_distances(xs)[2:,2:], torch.cdist(xs[2:], xs[2:])**2)

def test_who_was_not_heard_is_not_mixed_even_if_others_are_too_far():
    xs = torch.tensor([[0.], [1], [1e200], [2e200]], dtype=torch.float64)
    assert nna(xs, 0, torch.tensor([[True, False, True, True]]))[0].item()==1e200

@pytest.mark.parametrize('name', MIXINGS)
def test_vectors_may_require_gradients(name):
    xs = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ys = MIXINGS[name](xs.clone().requires_grad_(), 1)
    assert ys.requires_grad and torch.equal(ys.detach(), MIXINGS[name](xs, 1))

@settings(max_examples=30, deadline=None)
@given(at=st.floats(-1e4, 1e4), spread=st.floats(-4, 2), seed=st.integers(0, 99))
def test_the_variance_does_not_depend_on_where_vectors_are(at, spread, seed):
    "Weights of nearly equal workers in float32: the rounding of their mean must not count as variance"
    xs = (at + 10**spread*torch.randn(20, 50, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).float()
    exact = xs.double()
    want = (exact-exact.mean(0)).square().sum(1).mean().item()
    assert variance_of(xs)==pytest.approx(want, rel=1e-5, abs=1e-12) and variance_of(xs[:1].expand(20, -1))==0
    if want: assert reduction(mean_mixing, xs)[0]<1e-12

@pytest.mark.parametrize('value', [torch.nan, torch.inf])
def test_the_reduction_of_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match='finite'): reduction(lambda o: o, torch.tensor([[1., value], [0, 1]]))
