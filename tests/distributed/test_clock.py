"Events come out in one order, whatever order they were added in; and workers receive the vectors that the queue gives"
import json, pytest, torch
from fastopt.distributed.clock import NEVER, UNIT, VirtualClock, receive_first, hardware, to_ticks
from hypothesis import given, settings, strategies as st
from math import inf, nan

events = st.lists(st.tuples(st.integers(0, 5), st.sampled_from('ab'), st.integers(0, 3), st.integers(-1, 2)), max_size=25)

def taken(clock, n=None): return [clock.next() for _ in range(len(clock) if n is None else n)]

@settings(max_examples=60, deadline=None)
@given(events, st.integers(0, 25))
def test_time_never_goes_back_and_a_saved_clock_goes_on(es, n):
    a = VirtualClock()
    for e in es: a.put(*e)
    n = min(n, len(es))
    first = taken(a, n)
    b = VirtualClock()
    b.load_state_dict(json.loads(json.dumps(a.state_dict())))
    for o in (a, b): o.put(3, 'late', 1)
    rest = taken(a)
    assert rest==taken(b) and a.time==b.time
    order = [(e.tick, e.rank, e.who) for e in first+rest if e.kind!='late']
    assert order==sorted(order) and len(order)==len(es)
    assert [e.tick for e in first+rest]==sorted(e.tick for e in first+rest)

def test_what_never_happens_is_not_put_in_and_times_are_whole():
    clock = VirtualClock()
    clock.put(to_ticks(inf), 'never')
    assert len(clock)==0 and to_ticks(inf)==NEVER and to_ticks(0.1)*10==to_ticks(1)==UNIT
    for bad in (nan, -1e-9, -inf):
        with pytest.raises(ValueError, match='not a time'): to_ticks(bad)

@given(st.integers(1, 50), st.floats(0, 99.9))
def test_hardware_falls_evenly(m, percent):
    taus = hardware(m, percent)
    assert len(taus)==m and taus[0]==1 and taus==sorted(taus, reverse=True) and taus[-1]>0
    if m>1: assert abs(taus[-1]-(1-percent/100))<1e-12
    if m>2: assert max(a-b for a,b in zip(taus, taus[1:])) - min(a-b for a,b in zip(taus, taus[1:])) < 1e-9

@pytest.mark.parametrize('percent', [-1, 100, nan])
def test_a_client_without_time_is_refused(percent):
    with pytest.raises(ValueError, match='some time'): hardware(3, percent)

@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.data())
def test_first_heard(n, data):
    """Exactly m vectors are received, including one's own, the earliest first, among equals those of the lower number, and nobody
    continues before it has sent"""
    w,m = data.draw(st.integers(1, n)),data.draw(st.integers(1, n))
    sent = torch.tensor(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    delay = torch.tensor(data.draw(st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=w, max_size=w)))
    heard,when = receive_first(sent, delay, m)
    at = sent+delay
    for i in range(w):
        assert heard[i].sum()==m and heard[i,i] and when[i]>=sent[i]
        others = [j for j in range(n) if j!=i]
        got,not_got = ([(at[i,j], j) for j in others if heard[i,j]==o] for o in (True, False))
        assert not got or not not_got or max(got)<min(not_got)
        assert when[i]==max([sent[i], *(t for t,_ in got)])

def test_who_waits_for_ever_is_named():
    delay = torch.tensor([[0, NEVER, NEVER], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(RuntimeError, match='Worker 0 waits for 2 vectors but will only ever receive 1'):
        receive_first(torch.zeros(3).long(), delay, 2)
    silent = torch.tensor([0, NEVER, NEVER])
    with pytest.raises(RuntimeError, match='give a larger f'): receive_first(silent, torch.zeros(3, 3).long(), 2)
