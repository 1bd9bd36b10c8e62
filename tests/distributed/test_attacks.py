"The vectors of liars have the right shape and meaning, and the search finds the worst one"
import pytest, torch
from fastopt.distributed.attacks import (ATTACKS, ATTACKS_ON_EACH, TimingFault, alie, displacement, find_attack, flip_labels, foe,
    label_flip, lie, line_search, mimic, sign_flip)
from fastopt.distributed.mixing import MIXINGS, mean_mixing, nna
from functools import partial
from hypothesis import given, settings, strategies as st

torch.manual_seed(0)
XS = torch.randn(9, 40)+1

@pytest.mark.parametrize('name', [k for k,o in ATTACKS.items() if callable(o)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_every_lie_is_a_vector_like_the_others(name, dtype):
    xs = XS.to(dtype)
    got = lie(ATTACKS[name], xs, 2, mixing='nna', flipped=xs, lr=0.1)
    assert got.shape==(2, 40) and got.dtype==dtype and torch.equal(got[0], got[1])
    assert lie(ATTACKS[name], xs, 0, mixing='nna', flipped=xs, lr=0.1).shape==(0, 40)

def test_what_they_are():
    mu = XS.mean(0)
    torch.testing.assert_close(alie(XS, 1, z=1.5)[0], mu+1.5*XS.std(0))
    torch.testing.assert_close(foe(XS, 1, z=1.5)[0], -0.5*mu)
    torch.testing.assert_close(sign_flip(XS, 1)[0], -mu)
    torch.testing.assert_close(label_flip(XS, 1, XS, 0.1)[0], 0.9*mu)
    assert torch.equal(mimic(XS, 1, who=3)[0], XS[3])
    torch.testing.assert_close(alie(XS, 1, z=0.), foe(XS, 1, z=0.))

@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_flipped_labels_flip_back(ys):
    y = torch.tensor(ys)
    assert torch.equal(flip_labels(flip_labels(y, 10), 10), y) and flip_labels(y, 10).min()>=0 and flip_labels(y, 10).max()<=9

@settings(max_examples=50, deadline=None)
@given(st.floats(0.05, 300), st.integers(4, 24))
def test_the_search_never_returns_what_is_worse_than_not_lying(best, evals):
    tried = []
    def gain(z):
        tried.append(z)
        return -abs(z-best)
    z = line_search(gain, evals)
    assert len(tried)<=evals and gain(z)==max(map(gain, tried[:])) and gain(z)>=gain(0.)
    if evals>=20: assert abs(z-best)<=max(0.05*best, 0.05)

def test_against_the_mean_the_search_goes_as_far_as_it_can():
    z = line_search(displacement(XS, XS.mean(0), XS.std(0), 2, 'mean'), 16)
    assert z>=2**14

@pytest.mark.parametrize('name', MIXINGS)
def test_displacement_is_what_the_rule_does(name):
    "The displacement of the honest mean is the same from distances alone and by mixing"
    xs,f = XS.double(),2
    mu,v = xs.mean(0),xs.std(0)
    moved = displacement(xs, mu, v, f, name)
    heard = torch.ones(9, 11, dtype=torch.bool)
    for z in (0.3, 2.):
        ys = MIXINGS[name](torch.cat([xs, (mu+z*v).expand(f, -1)]), f, heard)
        torch.testing.assert_close(torch.tensor(moved(z)), (ys.mean(0)-mu).square().sum(), rtol=1e-6, atol=1e-9, check_dtype=False)

@pytest.mark.parametrize('name', MIXINGS)
def test_displacement_of_a_receiver_is_what_the_rule_does_to_it(name):
    xs,f = XS.double(),2
    mu,v,heard = xs.mean(0),xs.std(0),torch.ones(9, 11, dtype=torch.bool)
    for z in (0.3, 2.):
        want = (MIXINGS[name](torch.cat([xs, (mu+z*v).expand(f, -1)]), f, heard)-mu).square().sum(1)
        for i in (0, 4, 8):
            for mixing in (name, lambda *a: MIXINGS[name](*a)):
                assert displacement(xs, mu, v, f, mixing, i)(z)==pytest.approx(want[i].item(), rel=1e-6, abs=1e-9)

@pytest.mark.parametrize('name', ATTACKS_ON_EACH)
def test_each_receiver_gets_a_lie_of_its_own(name):
    "It is the best one of its search, and the receivers differ under a rule that looks at their own vectors"
    attack,xs = find_attack(name),XS.double()
    lies = [lie(attack, xs, 2, receiver=i, mixing='nna') for i in range(9)]
    assert all(o.shape==(2, 40) and torch.equal(o[0], o[1]) for o in lies) and len({o.sum().item() for o in lies})>1
    mu,v = xs.mean(0),xs.std(0) if name=='alie_each' else -xs.mean(0)
    for i,o in enumerate(lies):
        z = line_search(displacement(xs, mu, v, 2, 'nna', i))
        torch.testing.assert_close(o[0], mu+z*v)

@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(1, 8), st.floats(0, 20), st.sampled_from(['cwtm', 'median']), st.integers(0, 99))
def test_a_lie_among_sorted_numbers(f, more, z, name, seed):
    "For any numbers of honest workers and liars, and with many equal numbers"
    xs = torch.randint(-3, 4, (f+more, 30), generator=torch.Generator().manual_seed(seed)).double()
    mu,v = xs.mean(0),xs.std(0, correction=0).round()
    ys = MIXINGS[name](torch.cat([xs, (mu+z*v).expand(f, -1)]), f)[0]
    torch.testing.assert_close(displacement(xs, mu, v, f, name)(z), (ys-mu).square().sum().item(), rtol=1e-9, atol=1e-12)

def test_a_partial_rule_keeps_its_settings():
    rule = partial(MIXINGS['scc'], tau=0.1)
    a,b = (displacement(XS, XS.mean(0), XS.std(0), 2, o)(5.) for o in (rule, 'scc'))
    assert a<b

def test_nna_bounds_what_the_mean_does_not():
    heard = torch.ones(9, 11, dtype=torch.bool)
    bad = foe(XS, 2, z=1e4)
    honest = XS.mean(0)
    far = [(rule(torch.cat([XS, bad]), 2, heard)[:9].mean(0)-honest).norm() for rule in (mean_mixing, nna)]
    assert far[1]<XS.std(0).norm() and far[0]>1000*far[1]

@pytest.mark.parametrize('make,says', [(lambda: alie(XS, 2), 'give mixing=…, or a fixed z'),
    (lambda: label_flip(XS, 1, XS, slice(.1, .2)), 'one learning rate, but lr=slice'), (lambda: find_attack('ali'), "did you mean 'alie'"),
    (lambda: lie(lambda xs, f: xs, XS, 2), r'must return \(2, 40\)'),
    (lambda: lie(lambda xs, f: None, XS, 2), 'The attack returned NoneType: it must')])
def test_errors(make, says):
    with pytest.raises(ValueError, match=says): make()

def test_attacks_by_name():
    assert find_attack(None) is None and find_attack('foe') is foe and find_attack(foe) is foe
    assert find_attack('crash')==TimingFault(after=100) and find_attack(t := TimingFault(3.)) is t
