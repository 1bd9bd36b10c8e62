"The four strategies are one sum: limits, unbiased weights, clients that are skipped or return, and a timeline that is saved"
import json, numpy as np, pytest, torch
from fastopt.distributed.aggregation import (STRATEGIES, FedAsync, FedAvg, FedBuff, FedFix, Timeline, aggregate, at_work, check_update,
    delta, find_strategy, participation, surrogate, weights_of)
from fastopt.distributed.clock import hardware
from hypothesis import given, settings, strategies as st
from itertools import combinations
from math import ceil, inf, prod

P = [.1, .3, .2, .25, .15]
TAUS = hardware(5, 80)
ALL = [FedAvg(), FedAsync(), FedAsync(identical=True), FedBuff(2), FedBuff(2, identical=False), FedFix(.3)]

def windows(s, n=20, taus=TAUS, **kwargs):
    line = Timeline(s, taus, **kwargs)
    return [line.next_window() for _ in range(n)]

def who(s, n=20, **kwargs): return [(o.clients, o.versions) for o in windows(s, n, **kwargs)]

# ---- limits

@pytest.mark.parametrize('dt', [1, 1.7, 10])
def test_a_window_for_all_is_fedavg(dt): assert who(FedFix(dt))==who(FedAvg()) and FedFix(dt).weights(P, TAUS)==FedAvg().weights(P, TAUS)==P

def test_a_buffer_for_all_is_fedavg_and_for_one_asynchronous():
    assert who(FedBuff(5))==who(FedBuff(99))==who(FedAvg()) and who(FedBuff(1))==who(FedAsync())
    assert FedBuff(5).weights(P, TAUS)==FedBuff(99).weights(P, TAUS)==[.2]*5

def test_a_short_window_is_asynchronous_with_gaps():
    a = [(i, v) for o in windows(FedFix(.01), 400) for i,v in zip(o.clients, o.versions)]
    assert [i for i,_ in a][:8]==[i for o in windows(FedAsync(), 8) for i in o.clients]

def test_equal_clients_make_all_strategies_alike():
    want = [1/4]*4
    for s in (FedAvg(), FedFix(.5), FedBuff(2), FedAsync()): assert max(abs(a-b) for a,b in zip(surrogate(s, [1.]*4), want))<1e-6

@pytest.mark.parametrize('s', [FedAvg(), FedAsync(), FedBuff(2, identical=False), FedFix(.15), FedFix(.3), FedFix(.7)], ids=repr)
def test_weights_make_up_for_speed(s):
    "The minimized loss is the intended one, and its weights sum to one"
    got = surrogate(s, TAUS, P)
    assert abs(sum(got)-1)<1e-12 and max(abs(a-b) for a,b in zip(got, P))<0.02

@pytest.mark.parametrize('sample', [1, 2, 4])
@pytest.mark.parametrize('s', [FedAvg(), FedAsync(), FedBuff(2, identical=False), FedFix(.15), FedFix(.3), FedFix(.7)], ids=repr)
def test_weights_make_up_for_sampling(s, sample):
    "Slow clients work longer once they are drawn, and are drawn less often"
    assert max(abs(a-b) for a,b in zip(surrogate(s, TAUS, P, sample=sample, windows=4000), P))<0.025

@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=7), st.data())
def test_who_is_at_work_is_the_share_of_sets_with_it(times, data):
    n = data.draw(st.integers(1, len(times)))
    sets = {o: prod(times[i] for i in o) for o in combinations(range(len(times)), n)}
    want = [sum(w for o,w in sets.items() if i in o)/sum(sets.values()) for i in range(len(times))]
    assert np.allclose(at_work(times, n), want, rtol=1e-6, atol=0)

@pytest.mark.parametrize('times,n', [([89.7165, .0102527, .0175107, .0305755, .208455, .033501, .0706248], 6),
    ([1000.]*4+[.001]*5, 4), (np.linspace(.2, 1, 120), 60), (np.linspace(.2, 1, 120), 119)])
def test_no_digits_of_the_share_at_work_cancel(times, n):
    "Sums over sets of clients in whole numbers, which are exact, give the same shares"
    ts = [round(float(o)*2**60) for o in times]
    def sums(ts):
        e = [1]+[0]*n
        for t in ts: e = [e[0], *(b + t*a for a,b in zip(e, e[1:]))]
        return e
    whole,got = sums(ts)[n],at_work(times, n)
    assert abs(sum(got)/n-1)<1e-12 and max(got)<=1+1e-12
    for i in {0, 1, len(ts)-1}: assert abs(got[i]/(ts[i]*sums(ts[:i]+ts[i+1:])[n-1]/whole)-1)<1e-9

def test_ten_thousand_clients_have_weights():
    "Their sum in a window is 1 on average, as for all clients"
    taus,p = hardware(10_000, 80),[1e-4]*10_000
    windows = [ceil(t/.2-1e-9) for t in taus]
    q = [o/n for o,n in zip(at_work(windows, 100), windows)]
    assert abs(sum(at_work(windows, 100))-100)<1e-6
    assert abs(sum(a*b for a,b in zip(FedFix(.2).weights(p, taus, 100), q))-1)<1e-6

@pytest.mark.parametrize('sample,share', [(3, 1/3), (5, 1/4), (None, 1/4)])
def test_a_buffer_that_cannot_fill_counts_as_one(sample, share):
    "A window has no more deliveries than clients work"
    assert weights_of(FedBuff(4), P, TAUS, sample)==[share]*5
    assert len(windows(FedBuff(4), 1, sample=sample)[0].clients)==round(1/share)

def test_a_strategy_of_ones_own_and_sampling():
    class Own:
        dt = None
        def ends(self, delivered, working): return delivered>0
        def weights(self, p, taus): return p
    assert weights_of(Own(), P, TAUS)==weights_of(Own(), P, TAUS, 5)==P
    with pytest.raises(ValueError, match='has no weights for sample=2: give its `weights` a third argument'): weights_of(Own(), P, TAUS, 2)

def test_a_loss_of_nobody_is_refused():
    for kw in (dict(p=[0., 0.]), dict(p=[1., 0.], away={0: [(0, 1e6)]})):
        with pytest.raises(ValueError, match='No client whose importance p is above 0 delivers'): surrogate(FedFix(.5), [1., .5], **kw)

@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 1), min_size=1, max_size=6), st.floats(0.05, 2))
def test_fedfix_is_unbiased_in_every_case(taus, dt):
    q = participation(FedFix(dt), taus, windows=120)
    for w,part in zip(FedFix(dt).weights([1/len(taus)]*len(taus), taus), q): assert abs(w*part*len(taus)-1)<0.3

@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.data())
def test_windows_of_a_fraction_are_those_of_the_paper(k, data):
    "A client with the time n/k delivers in the n-th window of 1/k, and counts n"
    n = data.draw(st.integers(1, k))
    assert FedFix(1/k).weights([1.], [n/k])==[n]
    line = Timeline(FedFix(1/k), [n/k])
    assert [len(line.next_window().clients) for _ in range(n)]==[0]*(n-1)+[1]

@pytest.mark.parametrize('dt,ns', [(.1, 10), (.2, 5), (.7, 2), (.3, 4), (.05, 20), (1/3, 3), (2/3, 2), (1e-6, 10**6), (3e8, 1),
    (np.float32(.1), 10)])
def test_windows_until_the_slowest_delivers(dt, ns): assert FedFix(dt).weights([1.], [1.])==[ns]

# ---- who delivers

@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ALL), st.integers(1, 7), st.integers(0, 9), st.data())
def test_windows(s, m, seed, data):
    "Versions are past, no client is twice in a window, time increases, at most `sample` work, and a saved timeline continues"
    sample,away = data.draw(st.integers(1, m)),{}
    if m>1 and data.draw(st.booleans()): away = {0: [(0.3, 1.1), (1.6, 2.)]}
    line = Timeline(s, hardware(m, 80), sample=sample, away=away, seed=seed)
    got = []
    for _ in range(12):
        got.append(w := line.next_window())
        assert len(w.clients)==len(set(w.clients))<=m and len(line.working)<=sample and all(v<w.number for v in w.versions)
        assert all(not (0.3<w.time<1.1) or i!=0 or not away for i in line.working)
    assert [w.number for w in got]==list(range(1, 13)) and all(a.time<=b.time for a,b in zip(got, got[1:]))
    other = Timeline(s, hardware(m, 80), sample=sample, seed=seed+1)
    other.load_state_dict(json.loads(json.dumps(line.state_dict())))
    assert [line.next_window() for _ in range(8)]==[other.next_window() for _ in range(8)]

class Watched:
    "A strategy that checks before each event that clients at work and deliveries fill no more places than there are, and leave none empty"
    def __init__(self, strategy): self.s,self.dt,self.line = strategy,strategy.dt,None
    def weights(self, *args): return self.s.weights(*args)
    def ends(self, delivered, working):
        if l := self.line:
            present = len(l.taus)-len(l.absent)
            assert delivered+working<=l.sample and (delivered+working==l.sample or present-working<=delivered)
        return self.s.ends(delivered, working)

@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ALL), st.integers(2, 7), st.integers(0, 99), st.data())
def test_places_of_clients_that_leave_are_filled(s, m, seed, data):
    "With `sample=s` no more than s deliver in a window, and the training goes on as long as anybody, here the last client, is there"
    sample = data.draw(st.integers(1, m))
    spans = st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True).map(sorted)
    away = {i: [(a/5, b/5) for a,b in zip(o[::2], o[1::2])] for i,o in enumerate(data.draw(st.lists(spans, min_size=m-1, max_size=m-1)))}
    watched = Watched(s)
    watched.line = line = Timeline(watched, hardware(m, 80), sample=sample, away=away, seed=seed)
    for _ in range(20): assert len(line.next_window().clients)<=sample

def test_a_client_that_leaves_is_replaced():
    for s in (FedAvg(), FedAsync(), FedBuff(1)):
        i, = Timeline(s, [1.]*4, sample=1).working
        w = Timeline(s, [1.]*4, sample=1, away={i: [(.5, inf)]}).next_window()
        assert w.time==1.5 and len(w.clients)==1 and w.clients!=[i]

@pytest.mark.parametrize('seed', range(12))
def test_who_returns_takes_no_place_of_one_that_has_delivered(seed):
    line = Timeline(FedAvg(), [1, .9, .8, .1], sample=2, away={3: [(0, .85)]}, seed=seed)
    assert [len(line.next_window().clients) for _ in range(5)]==[2]*5

def test_work_that_is_left_behind_is_lost():
    "Client 0 leaves with nine tenths of its work done, and starts anew"
    ws = windows(FedAvg(), 2, [1., .5], away={0: [(.9, 3.)]})
    assert ws[0].clients==[1] and [i for o in ws for i in o.clients].count(0)==0
    assert 0 in [i for o in windows(FedAvg(), 9, [1., .5], away={0: [(.9, 3.)]}) for i in o.clients]

@pytest.mark.parametrize('make,says', [(lambda: Timeline(FedAvg(), []), 'no clients'),
    (lambda: Timeline(FedAvg(), [1, 0]), 'Client 1 needs'),
    (lambda: Timeline(FedAvg(), [1, float('nan')]), 'Client 1 needs'), (lambda: Timeline(FedAvg(), [1], sample=0), 'give 1 to 1'),
    (lambda: Timeline(FedAvg(), [1], away={0: [(2, 1)]}), 'earlier time first'),
    (lambda: Timeline(FedAvg(), [1], away={1: []}), 'give 0 to 0'),
    (lambda: Timeline(FedAvg(), [1], away={0: [(1, 1+1e-9)]}), 'earlier time first'),
    (lambda: Timeline(FedAvg(), [1], away={0: [(2, 3), (.5, 2.1)]}), 'away until 2.1 and again from 2: make one absence'),
    (lambda: find_strategy(FedFix(.3), dt=.5), r'FedFix\(dt=0.3\) is complete, so dt has no effect'),
    (lambda: find_strategy(FedAvg, dt=.5), "fedavg has no argument 'dt'; it has none"), (lambda: find_strategy([]), r'has no \[\]'),
    (lambda: FedBuff(0), '1 or more'), (lambda: FedBuff(1.5), '1 or more'), (lambda: FedBuff(True), '1 or more'),
    (lambda: FedFix('1'), 'greater than 0'), (lambda: FedFix(0), 'greater than 0'),
    (lambda: FedFix(float('nan')), 'greater than 0'), (lambda: find_strategy('fedbuf'), "did you mean 'fedbuff'")])
def test_errors(make, says):
    with pytest.raises(ValueError, match=says): make()

@settings(max_examples=100, deadline=None)
@given(st.sampled_from([FedAvg, FedAsync, lambda: FedBuff(5), lambda: FedFix(0.3), None]), st.floats(),
    st.lists(st.floats(), min_size=1, max_size=3))
def test_every_time_gives_windows_or_is_refused(make, dt, taus):
    "Times that never come, too: nothing may wait for them"
    try: line = Timeline(make() if make else FedFix(dt), taus)
    except ValueError: return
    for _ in range(5): assert line.next_window().time<inf

def test_a_strategy_that_never_ends_is_told():
    class Patient:
        dt = None
        def ends(self, delivered, working): return False
    with pytest.raises(RuntimeError, match='nobody will deliver any more'): Timeline(Patient(), [1., 2.]).next_window()

def test_nobody_left_is_said():
    line = Timeline(FedAvg(), [1., 1.], away={i: [(.5, float('inf'))] for i in range(2)})
    with pytest.raises(RuntimeError, match='none will return'): line.next_window()

def test_a_class_is_a_strategy_with_its_settings():
    assert find_strategy(FedAvg)==FedAvg() and find_strategy(FedFix, dt=.2)==FedFix(.2)==find_strategy(FedFix(.2))

def test_times_may_be_tensors():
    taus = [.25, 1.]
    for s in (FedFix(.4), FedAsync()): assert windows(s, 6, torch.tensor(taus))==windows(s, 6, np.float32(taus))==windows(s, 6, taus)

def test_names(): assert [type(find_strategy(k)).__name__.lower() for k in STRATEGIES]==list(STRATEGIES)

# ---- the sum

def model(seed, **kwargs):
    g = torch.Generator().manual_seed(seed)
    return dict(w=torch.randn(3, 2, generator=g, dtype=torch.float64), b=torch.randn((), generator=g, dtype=torch.float64),
        n=torch.tensor(seed), **kwargs)

@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 2), min_size=1, max_size=5), st.floats(0.1, 2))
def test_the_sum_is_that_of_the_paper(ws, server_lr):
    x = model(0)
    ys = [model(i+1) for i in range(len(ws))]
    new,bad = aggregate(x, {i: delta(y, x) for i,y in enumerate(ys)}, dict(enumerate(ws)), server_lr)
    want = x['w'] + server_lr*sum(w*(y['w']-x['w']) for w,y in zip(ws, ys))
    torch.testing.assert_close(new['w'], want)
    assert not bad and new['n']==len(ws) and new['n'].dtype==torch.int64 and x['n']==0

@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 9)), max_size=5), st.floats(0.1, 2))
def test_buffers_stay_between_old_and_delivered_values(clients, server_lr):
    "However old the versions are and however large the weights; the result is the sum of the paper if the weights sum to one"
    x,ys,sents = model(0),[model(10+i) for i in range(len(clients))],[model(seed) for _,seed in clients]
    ds,ws = {i: delta(y, sent, ['w']) for i,(y,sent) in enumerate(zip(ys, sents))},{i: w for i,(w,_) in enumerate(clients)}
    new,_ = aggregate(x, ds, ws, server_lr, ['w'])
    all_ws = torch.stack([x['w'], *(y['w'] for y in ys)])
    assert ((all_ws.amin(0)-1e-12<=new['w']) & (new['w']<=all_ws.amax(0)+1e-12)).all()
    plain,_ = aggregate(x, {i: delta(y, sent) for i,(y,sent) in enumerate(zip(ys, sents))}, ws, server_lr)
    assert torch.equal(new['b'], plain['b']) # What is not a buffer is moved as before
    if total := sum(ws.values()):
        ws = {i: w/total for i,w in ws.items()}
        new,want = (aggregate(x, {i: delta(y, x, o) for i,y in enumerate(ys)}, ws, buffers=o)[0]['w'] for o in (['w'], []))
        torch.testing.assert_close(new, want)

def test_a_change_is_on_the_device_of_the_server():
    "Also that of a buffer and of a counter"
    x = dict(w=torch.ones(2, device='meta'), b=torch.ones(2, device='meta'), n=torch.ones((), dtype=torch.int64, device='meta'))
    new = dict(w=torch.ones(2), b=torch.ones(2), n=torch.ones((), dtype=torch.int64))
    assert {k: v.device.type for k,v in delta(new, x, ['b']).items()}==dict.fromkeys('wbn', 'meta')

COUNTS = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]

@pytest.mark.parametrize('dtype', COUNTS)
@pytest.mark.parametrize('shape', [(), (3,), (0,)])
def test_counters_of_every_dtype_become_the_largest(dtype, shape):
    x,*ys = (dict(n=torch.full(shape, v).to(dtype)) for v in (0, 1, 100, 7))
    new,bad = aggregate(x, {i: delta(y, x, ['n']) for i,y in enumerate(ys)}, dict.fromkeys(range(3), .5), 1., ['n'])
    assert not bad and new['n'].dtype==dtype and torch.equal(new['n'], ys[1]['n'])

def test_changes_count_from_the_version_that_was_sent():
    "An idle client moves nothing, however old its version"
    x,old = model(0),model(7)
    new,_ = aggregate(x, {0: delta(old, old)}, {0: 1.})
    assert torch.equal(new['w'], x['w'])

@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_what_is_not_finite_is_left_out_with_its_counters(value):
    x,y = model(0),model(5)
    y['b'] = torch.tensor(value, dtype=torch.float64)
    new,bad = aggregate(x, {3: delta(y, x), 4: delta(model(2), x)}, {3: .5, 4: .5})
    assert bad==[3] and new['n']==2 and all(new[k].isfinite().all() for k in 'wb')
    new,bad = aggregate(x, {3: delta(y, x)}, {3: .5})
    assert bad==[3] and all(torch.equal(new[k], x[k]) for k in x)

@pytest.mark.parametrize('change,says', [(lambda o: o.pop('b'), "sent no 'b'"), (lambda o: o.update(c=o['b']), "sent 'c'"),
    (lambda o: o.update(w=o['w'].T), r"sent 'w' of shape \(2, 3\), but the server's has \(3, 2\)")])
def test_another_model_is_refused_by_name(change, says):
    y = model(1)
    change(y)
    with pytest.raises(ValueError, match=f'Client 9 {says}'): check_update(model(0), y, 'Client 9')
    with pytest.raises(ValueError, match=says): aggregate(model(0), {9: y}, {9: 1.})

def test_nothing_delivered_changes_nothing():
    x = model(0)
    new,bad = aggregate(x, {}, {})
    assert not bad and all(torch.equal(new[k], x[k]) for k in x)

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('buffers', [(), 'w'])
def test_small_changes_of_many_clients_add_up_in_16_bits(dtype, buffers):
    "Each of them is less than half of the distance to the next number"
    x,n,tiny = dict(w=torch.ones(3, dtype=dtype)),64,2*torch.finfo(dtype).eps
    new,_ = aggregate(x, {i: delta(dict(w=x['w']+tiny), x, buffers) for i in range(n)}, {i: 1/n for i in range(n)}, buffers=buffers)
    assert torch.equal(new['w'], x['w']+tiny) and new['w'].dtype==dtype

def test_complex_weights_and_buffers_are_moved():
    "A table of rotations, for example"
    def model(seed):
        g = torch.Generator().manual_seed(seed)
        return {k: torch.randn(3, generator=g, dtype=torch.complex64) for k in ('w', 'table')}
    x,ys = model(0),[model(1), model(2)]
    new,bad = aggregate(x, {i: delta(y, x, ['table']) for i,y in enumerate(ys)}, {0:.25, 1:.75}, buffers=['table'])
    for k in x: torch.testing.assert_close(new[k], .25*ys[0][k]+.75*ys[1][k])
    ys[0]['w'][0] = complex(0, float('nan'))
    assert not bad and aggregate(x, {i: delta(y, x) for i,y in enumerate(ys)}, {0:.5, 1:.5})[1]==[0]
