"A peer that lies about sizes, sends garbage, floods or stalls is named, and neither stops the honest ones nor fills their memory"
import asyncio, os, pickle, pytest, signal, socket, struct, threading, time, torch
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fastcore.basics import first
from fastopt.distributed import transport as T
from fastopt.distributed.transport import DATA, DONE, FRAME, HELLO, LAST_ROUND, MAGIC, SIGNED_BYTES, TCPLink, WELCOME
from hashlib import sha256
from hypothesis import given, settings, strategies as st
from pathlib import Path

D = 50

def sockets(n): return [socket.create_server(('127.0.0.1', 0)) for _ in range(n)]
def here(socks): return [o.getsockname()[:2] for o in socks]

@contextmanager
def opened(socks, honest, f=1, like=torch.zeros(D), **kwargs):
    "Links of the `honest` peers among all that listen on `socks`"
    ls = [TCPLink(i, here(socks), sock=socks[i], **{'deadline':2, 'stall':0.3, **kwargs}) for i in honest]
    for o in ls: o.open(like, f=f)
    try: yield ls
    finally:
        for o in ls: o.close(0.1)

def rounds(ls, ts, pool):
    "The result of each link in the rounds `ts`"
    return [list(pool.map(lambda o: o.exchange(t, torch.full((o.d,), 10.*o.rank+t, dtype=o.dtype)), ls)) for t in ts]

def take(conn, n):
    data = b''
    while len(data)<n:
        got = conn.recv(n-len(data))
        if not got: raise ConnectionError
        data += got
    return data

def frame(key, t, data, size=None, magic=DATA, digest=None):
    head = FRAME.pack(magic, t, len(data) if size is None else size, digest or sha256(data).digest(), b'')[:SIGNED_BYTES]
    return head + T._mac(key, head) + data

def numbers(x): return x.numpy().tobytes()

class Liar:
    "A peer of plain sockets, which follows the protocol until it is asked, and then does what `act(conn, key)` does"
    def __init__(self, sock, like, act, key=b'', model=None, rule=None):
        self.sock,self.act,self.key,self.like,self.met = sock,act,key,like,0
        self.model,self.rule = model or like.model,rule or like.rule
        threading.Thread(target=self.run, daemon=True).start()
    def run(self):
        with suppress(OSError):
            while True: threading.Thread(target=self.meet, args=(self.sock.accept()[0],), daemon=True).start()
    def meet(self, conn):
        with suppress(OSError), conn:
            self.met += 1
            hello = take(conn, HELLO.size)
            mine = os.urandom(32)
            welcome = (MAGIC, self.model, self.rule, mine)
            conn.sendall(WELCOME.pack(*welcome, T._mac(self.key, b'welcome', hello, *welcome)))
            take(conn, 32)
            self.act(conn, T._mac(self.key, b'frames', hello, mine))

class Touch:
    "Code that a careless receiver would run"
    def __init__(self, path): self.path = path
    def __reduce__(self): return (open, (str(self.path), 'w'))

good = numbers(torch.ones(D))
def nan(): return numbers(torch.full((D,), float('nan')))

def slowly(conn, key):
    for b in frame(key, 0, good):
        conn.sendall(bytes([b]))
        time.sleep(0.05)

def again(conn, key):
    for t in (0, 1, 1, 0): conn.sendall(frame(key, t, good))
    time.sleep(1)

def says_round(t, data=None): return lambda c,k: c.sendall(frame(k, t, good if data is None else data))
def announces(data, size=None): return lambda c,k: c.sendall(frame(k, 0, data, size))
def sends(data): return lambda c,k: c.sendall(data)

LIES = [('oversized', 'shape', announces(b'x'*5000, 1<<30)), ('impossible', 'shape', announces(b'', (1<<64)-1)),
    ('longer', 'shape', announces(good+b'1234')), ('shorter', 'shape', announces(good[:-4])), ('nan', 'nonfinite', announces(nan())),
    ('garbage', 'garbage', sends(os.urandom(4000))), ('text', 'garbage', sends(b'GET / HTTP/1.1\r\n'*20)),
    ('no header', 'cut', sends(DATA)), ('truncated', 'cut', lambda c,k: c.sendall(frame(k, 0, good)[:-30])), ('slow loris', 'slow', slowly),
    ('repeated', 'repeated', again), ('gone', 'left', lambda c,k: None), ('forged', 'key', lambda c,k: c.sendall(frame(b'guess', 0, good))),
    ('changed', 'key', lambda c,k: c.sendall(frame(k, 0, good, digest=sha256(b'other').digest()))),
    ('round 2^63', 'garbage', says_round(1<<63)), ('last of 64 bits', 'garbage', says_round((1<<64)-1, nan())),
    ('beyond the last', 'garbage', says_round(LAST_ROUND+1)), ('the last', 'left', says_round(LAST_ROUND)),
    ('finished far away', 'garbage', lambda c,k: c.sendall(frame(k, 1<<63, b'', magic=DONE)))]

@contextmanager
def memory_grows_by(kilobytes):
    "Inside, the resident memory never exceeds that at the beginning by more than `kilobytes`; measured on Linux only"
    peak = Path('/proc/self/clear_refs')
    def high(): return int(first(o for o in Path('/proc/self/status').read_text().splitlines() if o.startswith('VmHWM')).split()[1])
    if not peak.exists(): return (yield)
    peak.write_text('5') # The peak is now what is resident; `ru_maxrss` would keep that of the tests before
    before = high()
    yield
    assert high()-before<kilobytes

@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='The peak can only be read on Linux')
def test_memory_is_measured():
    with memory_grows_by(60_000): torch.zeros(10_000_000).fill_(1)
    with pytest.raises(AssertionError), memory_grows_by(60_000): torch.zeros(20_000_000).fill_(1)

@pytest.mark.parametrize('name,kind,act', LIES, ids=[o[0] for o in LIES])
def test_a_lie_is_named_and_the_honest_go_on(name, kind, act):
    socks = sockets(3)
    # A gigabyte is announced
    with memory_grows_by(100_000), opened(socks, [0, 1]) as ls, ThreadPoolExecutor(2) as pool:
        Liar(socks[2], ls[0], act)
        heard = rounds(ls, range(2), pool)
        until = time.monotonic()+5
        while not all((2, kind) in o.counts for o in ls) and time.monotonic()<until: time.sleep(0.005)
        heard += rounds(ls, range(2, 5), pool)
    for hs in heard:
        for h in hs: assert all(v.isfinite().all() and len(v)==D for v in h.vectors.values())
    assert all(h.ranks==[i, 1-i] for hs in heard[2:] for i,h in enumerate(hs)), 'The honest peers receive from each other'
    for o in ls: assert any(e.peer==2 and e.kind==kind and 'peer 2: ' in e.detail for e in o.faults), o.faults

def test_pickles_are_numbers(tmp_path):
    "In place of a hello, of a frame, or of the numbers of a frame, they are treated as bytes only"
    bomb = pickle.dumps(Touch(tmp_path/'run'))
    data = bomb.ljust(4*D, b'\0')[:4*D]
    socks = sockets(3)
    with opened(socks, [0, 1]) as ls, ThreadPoolExecutor(2) as pool:
        Liar(socks[2], ls[0], lambda c,k: [c.sendall(frame(k, 0, data)), c.sendall(bomb)])
        with socket.create_connection(here(socks)[0]) as c:
            c.sendall(bomb*20)
            rounds(ls, range(3), pool)
    assert not (tmp_path/'run').exists() and not any('pickle' in o for o in vars(T))

@pytest.mark.parametrize('what', ['model', 'rule', 'key'])
def test_a_peer_with_another_model_rule_or_key_is_named(what):
    socks,other = sockets(3),dict(model=b'm'*16) if what=='model' else dict(rule=b'r'*16) if what=='rule' else dict(key=b'guess')
    with opened(socks, [0, 1], key=b'secret') as ls, ThreadPoolExecutor(2) as pool:
        Liar(socks[2], ls[0], lambda c,k: time.sleep(1), **{'key':b'secret', **other})
        heard = rounds(ls, range(3), pool)
        until = time.monotonic()+5
        while not all((2, what) in o.counts for o in ls) and time.monotonic()<until: time.sleep(0.005)
        for o in ls: assert (2, what) in o.counts
    assert all(h.ranks==[i, 1-i] for hs in heard for i,h in enumerate(hs))

def test_links_with_other_models_do_not_talk():
    "Even if the vector has the same length: [2, 25] is not [25, 2]"
    socks = sockets(2)
    ls = [TCPLink(i, here(socks), sock=socks[i], deadline=0.3) for i in range(2)]
    for o,layout in zip(ls, ('w [2, 25]', 'w [25, 2]')): o.open(torch.zeros(D), layout)
    with ThreadPoolExecutor(2) as pool: heard = rounds(ls, range(2), pool)
    for o in ls: o.close(0)
    assert all(len(h.ranks)==1 for hs in heard for h in hs) and all((1-o.rank, 'model') in o.counts for o in ls)
    with pytest.raises(ValueError, match='50 numbers of torch.float32, but the vector has 3'): ls[0].exchange(2, torch.zeros(3))

def test_an_impostor_without_the_key_displaces_nobody():
    socks = sockets(3)
    with opened(socks, [0, 1, 2], f=0, key=b'secret') as ls, ThreadPoolExecutor(3) as pool:
        rounds(ls, [0], pool)
        with socket.create_connection(here(socks)[0]) as c: # It says that it is peer 1
            c.sendall(HELLO.pack(MAGIC, 1, 0, -1, ls[0].model, ls[0].rule, os.urandom(32)))
            take(c, WELCOME.size)
            c.sendall(os.urandom(32))
            assert c.recv(1)==b''
        assert ls[0].counts=={(-1, 'key'): 1}
        assert {len(h.ranks) for hs in rounds(ls, range(1, 4), pool) for h in hs}=={3}

def test_a_flood_of_connections_has_little_room():
    socks = sockets(3)
    with opened(socks, [0, 1], stall=5) as ls, ThreadPoolExecutor(2) as pool:
        held = []
        for _ in range(150):
            held.append(socket.create_connection(here(socks)[0]))
            assert len(ls[0].newcomers)<=T.NEWCOMERS
        heard = rounds(ls, range(5), pool) # Here they may connect anew as well
        assert ls[0].counts[-1,'flood']>=50 and len(ls[0].newcomers)<=T.NEWCOMERS and len(ls[0].faults)<10
        for c in held: c.close()
    assert all(h.ranks==[i, 1-i] for hs in heard for i,h in enumerate(hs))

def test_who_does_not_read_costs_no_memory():
    "Peer 2 listens to peer 0 and reads nothing; 40 rounds of 4 MB each are not kept for it"
    socks,d = sockets(3),1_000_000
    with opened(socks, [0], f=1, like=torch.zeros(d), deadline=0.01, stall=0.5) as (o,):
        with socket.create_connection(here(socks)[0]) as c:
            hello = HELLO.pack(MAGIC, 2, 0, -1, o.model, o.rule, os.urandom(32))
            c.sendall(hello)
            theirs = WELCOME.unpack(take(c, WELCOME.size))[3]
            c.sendall(T._mac(b'', b'proof', hello, theirs))
            with memory_grows_by(60_000):
                for t in range(40): o.exchange(t, torch.zeros(d))
            until = time.monotonic()+5
            while o.subscribers and time.monotonic()<until: time.sleep(0.01)
            assert not o.subscribers, 'The slow peer had its half second'

def test_a_peer_far_ahead_is_bounded_and_cannot_lead_others_away():
    "A single liar that sends thousands of future rounds cannot make the honest peers skip any"
    socks = sockets(4)
    with opened(socks, [0, 1, 2]) as ls, ThreadPoolExecutor(3) as pool:
        Liar(socks[3], ls[0], lambda c,k: [c.sendall(frame(k, t, good)) for t in range(10, 20_000, 100)])
        for hs in rounds(ls, range(6), pool):
            assert all(h.next==h.round+1 and len(h.ranks)==3 and 3 not in h.ranks for h in hs)
            assert all(len(o.inbox[3])<=o.ahead+1 for o in ls)

@pytest.mark.parametrize('n,f', [(2, 0), (3, 0), (3, 1), (5, 1), (5, 2)])
def test_peers_out_of_step_meet_again(n, f):
    "Each begins in another round, and later than the one before: peers that overtake each other would mix in no round"
    mixed,until = [0]*n,time.monotonic()+30
    def train(o):
        t = 2*o.rank
        time.sleep(0.01*o.rank)
        while min(mixed)<12 and time.monotonic()<until:
            h = o.exchange(t, torch.zeros(D))
            t,mixed[o.rank] = h.next,mixed[o.rank]+(len(h.ranks)==n-f)
            time.sleep(0.005)
    with opened(sockets(n), range(n), f=f, deadline=0.5) as ls, ThreadPoolExecutor(n) as pool: list(pool.map(train, ls))
    assert min(mixed)>=12

def test_faults_are_bounded(monkeypatch):
    monkeypatch.setattr(T, 'MAX_FAULTS', 5)
    with opened(sockets(2), [0], f=0) as (o,):
        for o.round in range(20):
            for _ in range(3): o.note(1, 'garbage')
        assert len(o.faults)==5 and o.counts[1,'garbage']==60

@pytest.fixture(scope='module')
def reader():
    with opened(sockets(2), [0], f=0) as (o,): yield o

KEY,DATA_FRAME = b'k'*32,frame(b'k'*32, 3, good)

def read(link, data):
    "The result of `link` for the bytes `data` in place of a frame"
    async def go():
        r = asyncio.StreamReader()
        r.feed_data(data)
        r.feed_eof()
        return await link._frame(1, await r.readexactly(1), r, KEY)
    return asyncio.run(go())

@settings(max_examples=60, deadline=None)
@given(st.data())
def test_only_the_frame_itself_is_taken(reader, data):
    "For any bytes that are changed, removed or added"
    b = bytearray(DATA_FRAME)
    for _ in range(data.draw(st.integers(1, 3))):
        i,kind = data.draw(st.integers(0, len(b)-1)),data.draw(st.sampled_from(['change', 'cut', 'put']))
        if kind=='change': b[i] ^= data.draw(st.integers(1, 255))
        elif kind=='cut': del b[i:i+data.draw(st.integers(1, 9))]
        else: b[i:i] = data.draw(st.binary(min_size=1, max_size=9))
        if not b: break
    if bytes(b[:len(DATA_FRAME)])==DATA_FRAME: return
    with pytest.raises((T.ProtocolError, asyncio.IncompleteReadError)): read(reader, bytes(b) or b'x')

def test_a_frame_is_what_was_sent(reader):
    magic,t,x = read(reader, DATA_FRAME)
    assert (magic, t)==(DATA, 3) and torch.equal(x, torch.ones(D))

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_every_dtype_arrives_as_it_was(dtype):
    x = torch.randn(D).to(dtype)
    with opened(sockets(2), [0, 1], f=0, like=x) as ls, ThreadPoolExecutor(2) as pool:
        a,b = pool.map(lambda o: o.exchange(0, x*(o.rank+1)), ls)
    assert torch.equal(a.vectors[1], x*2) and torch.equal(b.vectors[0], x)

edge = st.sampled_from([0, 1, LAST_ROUND-1, LAST_ROUND, LAST_ROUND+1, (1<<62)-1, (1<<63)-1, 1<<63, (1<<64)-1])
whole = edge | st.integers(0, (1<<64)-1)
signed = whole.map(lambda o: o-(1<<63))

class Drain:
    "A writer that keeps what is written"
    def __init__(self): self.data = b''
    def write(self, data): self.data += data

@settings(max_examples=100, deadline=None)
@given(frames=st.lists(st.tuples(st.sampled_from([DATA]*4+[DONE, b'what']), whole, st.sampled_from([4*D]*6+[0, 1, 1<<63, (1<<64)-1]),
    st.sampled_from([good, nan()]), st.sampled_from([True]*5+[False])), min_size=1, max_size=4),
    hello=st.tuples(st.sampled_from([MAGIC, b'fastopt2']), *[st.sampled_from([0, 1, 2, (1<<32)-1])]*2, signed, *[st.binary(max_size=16)]*2),
    welcome=st.tuples(st.sampled_from([MAGIC, b'fastopt2']), *[st.binary(max_size=16)]*2, st.binary(max_size=32)))
def test_no_header_of_a_liar_ends_the_training(reader, frames, hello, welcome):
    """Whatever fields a peer with the key puts into its messages, the link names a fault or takes the vector, greets it again, and
    makes numbers of rounds from which seeds can be made"""
    def checked(magic, t, size, data, right):
        return frame(KEY, t, data if magic==DATA else b'', size if magic==DATA or size!=4*D else 0, magic, None if right else b'x'*32)
    def stream(data):
        r = asyncio.StreamReader()
        r.feed_data(data)
        r.feed_eof()
        return r
    def is_fault(e): return isinstance(e, (T.ProtocolError, asyncio.IncompleteReadError))
    async def go():
        ends = [reader._receive(1, stream(b''.join(checked(*o) for o in frames)), KEY, Drain()),
            reader._admit(stream(HELLO.pack(*hello, b'')+b'p'*32), Drain())]
        for o in await asyncio.gather(*ends, return_exceptions=True): assert o is None or is_fault(o), o
        w,told = Drain(),WELCOME.pack(*welcome, b'')[:-32]
        got, = await asyncio.gather(reader._greet(1, stream(told+bytes(32)), w), return_exceptions=True)
        assert is_fault(got) and HELLO.unpack(w.data[:HELLO.size])[3]==reader.latest[1]<=LAST_ROUND
        torch.manual_seed(reader.latest[1]*1009 + 1009)
    reader.latest[1],reader.useless[1],reader.round = -1,0,0
    asyncio.run_coroutine_threadsafe(go(), reader.loop).result(10)
    reader.finished.clear()

def test_the_format_is_fixed():
    "Peers with another version of fastopt would misread it"
    assert (HELLO.size, WELCOME.size, FRAME.size, T.PROOF.size)==(88, 104, 84, 32)
    assert struct.unpack_from('<4sQQ', DATA_FRAME)==(b'data', 3, 4*D)

# ---- those who leave, return, or are interrupted

def wait(what, seconds=10):
    until = time.monotonic()+seconds
    while not what():
        assert time.monotonic()<until
        time.sleep(0.005)

def test_who_ends_with_an_exception_has_not_finished():
    "It is named, and heard again when it returns"
    socks = sockets(3)
    at = here(socks)
    with opened(socks, [0, 1, 2]) as (*ls, lost), ThreadPoolExecutor(3) as pool:
        rounds([*ls, lost], range(3), pool)
        with pytest.raises(RuntimeError, match='out of memory'), lost: raise RuntimeError('out of memory')
        wait(lambda: all({(2, 'left'), (2, 'unreachable')} <= o.counts.keys() for o in ls))
        assert not any(o.finished for o in ls) and not any(h.over for hs in rounds(ls, range(3, 5), pool) for h in hs)
        with TCPLink(2, at, deadline=2) as back:
            back.open(torch.zeros(D), f=1)
            later = pool.submit(back.exchange, 5, torch.zeros(D))
            wait(lambda: all(o.latest[2]==5 for o in ls))
            assert [h.ranks for h in rounds(ls, [5], pool)[0]]==[[0, 2], [1, 2]] and len(later.result().ranks)==2
        wait(lambda: all(2 in o.finished for o in ls))

def test_who_ends_regularly_has_finished():
    with opened(sockets(2), [0, 1], f=0) as (a, b), ThreadPoolExecutor(2) as pool:
        rounds([a, b], range(2), pool)
        with b: pass
        wait(lambda: 1 in a.finished)
        assert not a.faults and a.exchange(2, torch.zeros(D)).over

@pytest.mark.parametrize('n', [2, 4])
def test_who_has_finished_is_told_before_the_last_one_leaves(n, monkeypatch):
    "Otherwise a peer whose own `DONE` has arrived records that the other has left"
    send = TCPLink._send
    async def slow_send(link, sub, t, magic, *args):
        if magic==DONE: await asyncio.sleep(0.05*link.rank)
        await send(link, sub, t, magic, *args)
    monkeypatch.setattr(TCPLink, '_send', slow_send)
    with opened(sockets(n), range(n), f=0, deadline=20) as ls, ThreadPoolExecutor(n) as pool:
        rounds(ls, range(2), pool)
        begin = time.monotonic()
        list(pool.map(TCPLink.close, ls))
        assert not [(o.rank, fault) for o in ls for fault in o.faults] and time.monotonic()-begin<10

@contextmanager
def pressed(seconds):
    "A Ctrl-C comes after so many seconds, and ends the block"
    press = threading.Timer(seconds, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    press.start()
    with pytest.raises(KeyboardInterrupt): yield
    press.join()

def test_an_interrupted_round_can_be_exchanged_again():
    "It does not go on by itself, and take the vectors of the next call with it"
    with opened(sockets(2), [0, 1], f=0, deadline=5) as (a, b), ThreadPoolExecutor(1) as pool:
        with pressed(0.1): a.exchange(0, torch.zeros(D))
        later = pool.submit(b.exchange, 0, torch.ones(D))
        wait(lambda: a.latest[1]==0)
        time.sleep(0.05)
        h = a.exchange(0, torch.zeros(D))
        assert h.ranks==[0, 1] and later.result().ranks==[1, 0] and not a.faults

def test_an_interrupted_goodbye_leaves_at_once():
    socks = sockets(2) # The other peer accepts connections and is silent
    a = TCPLink(0, here(socks), sock=socks[0], deadline=30)
    a.open(torch.zeros(D))
    thread = a.thread
    with pressed(0.1): a.close()
    assert a.thread is None and not thread.is_alive()
    socks[1].close()

# ---- two with one rank, and addresses

def test_a_displaced_subscription_is_named():
    "An insider with the key of all, or a machine with the same rank"
    socks = sockets(3)
    with opened(socks, [0, 1, 2], f=0, key=b'secret') as ls, ThreadPoolExecutor(3) as pool:
        rounds(ls, [0], pool)
        with socket.create_connection(here(socks)[0]) as c: # It says that it is peer 1
            hello = HELLO.pack(MAGIC, 1, 0, -1, ls[0].model, ls[0].rule, os.urandom(32))
            c.sendall(hello)
            theirs = WELCOME.unpack(take(c, WELCOME.size))[3]
            c.sendall(T._mac(b'secret', b'proof', hello, theirs))
            wait(lambda: (1, 'displaced') in ls[0].counts)
            said = first(o for o in ls[0].faults if o.kind=='displaced')
            assert said.peer==1 and f'127.0.0.1:{c.getsockname()[1]}' in said.detail
        assert {len(h.ranks) for hs in rounds(ls, range(1, 4), pool) for h in hs}=={3}, 'Peer 1 subscribes again'

def test_with_keys_for_pairs_an_insider_displaces_nobody():
    socks = sockets(3)
    with opened(socks, [0], f=0, key=[b'', b'key of 0 and 1', b'key of 0 and 2']) as (o,):
        with socket.create_connection(here(socks)[0]) as c:
            hello = HELLO.pack(MAGIC, 1, 0, -1, o.model, o.rule, os.urandom(32))
            c.sendall(hello)
            theirs = WELCOME.unpack(take(c, WELCOME.size))[3]
            c.sendall(T._mac(b'key of 0 and 2', b'proof', hello, theirs))
            assert c.recv(1)==b''
        assert (-1, 'key') in o.counts and not o.subscribers

@pytest.mark.parametrize('host,kwargs,listens', [('10.0.0.1', {}, '127.0.0.1'), ('[::1]', {}, '::1'), ('::1', {}, '::1'),
    ('fd00::7', dict(host='0.0.0.0'), '::'), ('10.0.0.1', dict(host='0.0.0.0'), '0.0.0.0'), ('fd00::7', dict(host='fd00::7'), 'fd00::7')])
def test_it_listens_where_its_address_is(host, kwargs, listens, monkeypatch):
    "The command listens at 0.0.0.0, which nobody reaches by IPv6"
    asked = []
    monkeypatch.setattr(socket, 'create_server', lambda at, **kw: asked.append((at, kw)))
    o = TCPLink(0, [(host, 7070), ('10.0.0.2', 7070)], key=b'secret', **kwargs)
    T._listening(o.host, o.addresses[0][1])
    (at,kw), = asked
    assert at==(listens, 7070) and o.addresses[0][0]==host.strip('[]')
    assert kw['family']==(socket.AF_INET6 if ':' in listens else socket.AF_INET) and (listens=='::' or not kw['dualstack_ipv6'])

def unusable(kind):
    o = socket.socket(type=socket.SOCK_DGRAM) if kind=='datagrams' else socket.create_server(('127.0.0.1', 0))
    if kind=='closed': o.close()
    return o

@pytest.mark.parametrize('kind', ['closed', 'datagrams'])
def test_a_socket_that_cannot_listen_is_refused(kind):
    "Rather than waited for without an end"
    before = threading.active_count()
    with TCPLink(0, [('127.0.0.1', 7070)]*2, sock=unusable(kind)) as o:
        for _ in range(2):
            with pytest.raises(OSError, match='Peer 0 cannot listen on .*Give a TCP socket that is bound and open'): o.open(torch.zeros(D))
        assert o.thread is None and threading.active_count()==before
    if kind!='closed': o.sock.close()
