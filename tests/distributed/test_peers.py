"Real processes train as in the simulation, and continue when one of them is killed, stalls, lies, or leaves and returns"
import fastai.callback.all, os, pytest, signal, time, torch # chkstyle: ignore - `fit_one_cycle`
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import OptimWrapper
from fastopt.distributed.data import polyak, tensor_dls
from fastopt.distributed.mixing import find_mixing
from fastopt.distributed.monna import MoNNA
from fastopt.distributed.peers import ClusterLink, MixWithPeers, PeerMixing, rule_name
from fastopt.distributed.transport import RoundResult, TCPLink
from fastopt.optim.adam import adamw
from fastopt.training.records import read_json_lines
from functools import partial
from multiprocessing import get_context
from peer_processes import peers
from torch import distributed as dist, nn
from torch.nn.parallel import DistributedDataParallel

torch.manual_seed(0)
N,F,STEPS = 4,1,50
X,Y = torch.randn(150, 6),torch.randint(3, (150,))
PARTS = [torch.arange(30*i, 30*i+30) for i in range(N)]
def rate(t): return 0.2/(1+t/20)

def mlp(): return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
def dropped(): return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
def normed(): return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))

def learner(dtype=torch.float64, rule=polyak(0.9), model=mlp):
    torch.manual_seed(1)
    x = X.to(dtype)
    dls = tensor_dls(x[:120], Y[:120], x[120:], Y[120:], bs=5)
    return Learner(dls, model().to(dtype), loss_func=CrossEntropyLossFlat(), opt_func=rule)

def monna(link=None, n=N, **kwargs):
    parts = PARTS if n==N else [torch.arange(24*i, 24*i+24) for i in range(n)]
    return MoNNA(learner(**kwargs), n=n, f=F, parts=parts, bs=5, link=link)

@pytest.fixture(scope='module', autouse=True)
def warmed():
    "Import what PyTorch needs at the first step before processes are forked"
    for kw in ({}, dict(model=normed), dict(rule=adamw)): monna(**kw).fit(1, 0.1)

# ---- without faults, real and simulated agree

def by_tcp(i, sock, at, kwargs):
    "One peer of a training over TCP: its weights, schedule and faults"
    with TCPLink(i, at, sock=sock, deadline=20) as link: m = monna(link, **kwargs).fit(STEPS, rate)
    return m.workers.xs[0],m.peers.schedule,link.faults

def by_gloo(i, sock, at, kwargs, path):
    "The same with torch.distributed"
    os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
    dist.init_process_group('gloo', init_method=f'file://{path}', rank=i, world_size=N)
    m = monna(ClusterLink(), **kwargs).fit(STEPS, rate)
    dist.destroy_process_group()
    return m.workers.xs[0],m.peers.schedule,[]

KINDS = [('tcp', {}), ('gloo', dict(rule=adamw)), ('tcp', dict(model=normed)), ('tcp', dict(model=dropped))]

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='Processes are forked here, which this system cannot')
@pytest.mark.parametrize('engine,kwargs', KINDS, ids=['tcp', 'gloo', 'loop', 'dropout'])
def test_real_and_simulated_agree(engine, kwargs, tmp_path):
    "50 steps of 4 processes in float64, replayed from their schedules"
    work,more = (by_tcp, []) if engine=='tcp' else (by_gloo, [tmp_path/'store'])
    with peers(N, work, kwargs, *more) as ps: res = [ps.result(i) for i in range(N)]
    xs,schedules,faults = zip(*res)
    assert not [o for said in faults for o in said if o.round<STEPS], 'A peer that has made all its steps may leave'
    sim = monna(**kwargs).replay(schedules, rate)
    apart = (torch.stack(xs)-sim.workers.xs).abs().max().item()
    start = (monna(**kwargs).workers.xs-sim.workers.xs).abs().max()
    assert apart<1e-9 and start>0.1
    rounds = [{o['round'] for o in s} for s in schedules]
    assert max(map(max, rounds))==STEPS-1
    for i,s in enumerate(schedules):
        assert all(o['heard'][0]==i and len(set(o['heard']))==len(o['heard']) for o in s)
        if engine=='gloo': assert all(len(o['heard'])==N for o in s) and len(s)==STEPS
        else: assert all(len(o['heard']) in (1, N-F) for o in s[:-1]) and sum(len(o['heard'])==N-F for o in s)>=STEPS//2

def test_a_step_in_float32_agrees_from_equal_state():
    def work(i, sock, at):
        with TCPLink(i, at, sock=sock, deadline=20) as link: m = monna(link, dtype=torch.float32).fit(1, 0.3)
        return m.workers.xs[0],m.peers.schedule
    with peers(N, work) as ps: xs,schedules = zip(*[ps.result(i) for i in range(N)])
    sim = monna(dtype=torch.float32).replay(schedules, 0.3)
    assert (torch.stack(xs)-sim.workers.xs).abs().max()<1e-6

def test_a_replay_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match='2 schedules for n=4'): monna().replay([[], []])
    m = MoNNA(learner(), n=7, f=1, attack='sf', alpha=100., bs=5)
    with pytest.raises(ValueError, match='without link and attack'): m.replay([[]]*7)

def told(*rounds): return [dict(round=t, heard=list(js)) for t,*js in rounds]

ALL = [told((0, i, (i+1)%4, (i+2)%4), (1, i, (i+1)%4, (i+2)%4), (2, i, (i+1)%4, (i+2)%4)) for i in range(N)]
HOLES = [([*ALL[:3], []], 'Peer 3 was heard in round 0, .* and later as well'), # It was killed, and its record is lost
    ([*ALL[:3], ALL[3][:1]], 'Peer 3 was heard in round 1, .* give its whole schedule, or of all peers only the rounds up to 1'),
    ([ALL[0], ALL[1][:1]+ALL[1][2:], *ALL[2:]], 'Peer 1 was heard in round 1'), # It came back, with other weights perhaps
    ([ALL[0], ALL[1]+told((0, 1), (3, 1, 0, 2)), *ALL[2:]], 'Peer 1 has round 0 twice in its schedule, so it was started again'),
    ([told((0, 0, 4, 1)), [], [], []], r'Peer 0 says that it has heard \[0, 4, 1\] in round 0: these must be ranks from 0 to 3, 0 among'),
    ([[], told((0, 0, 2, 3)), [], []], 'Peer 1 says that it has heard .* 1 among them')]

@pytest.mark.parametrize('schedules,says', HOLES)
def test_a_replay_refuses_schedules_with_holes(schedules, says):
    with pytest.raises(ValueError, match=says): monna().replay(schedules, 0.1)

def test_a_replay_needs_no_schedule_of_the_last_round_of_a_peer():
    "A peer that was killed in the wait of round 2 has taken part in it"
    monna().replay([*ALL[:3], ALL[3][:2]], 0.1)
    monna().replay([o[:1] for o in ALL[:3]]+[[]], 0.1)

# ---- the callback

def by_callback(i, sock, at):
    "A Learner with its own loader, schedule and callbacks"
    torch.manual_seed(1)
    part = PARTS[i]
    learn = Learner(tensor_dls(X[part], Y[part], X[120:], Y[120:], bs=6), mlp(), loss_func=CrossEntropyLossFlat(), opt_func=adamw)
    with TCPLink(i, at, sock=sock, deadline=20) as link, learn.no_bar(), learn.no_logging():
        cb = MixWithPeers(link, f=F)
        learn.fit_one_cycle(4, 0.1, cbs=cb)
    states = [len(learn.opt.state[p]) for p in learn.model.parameters()]
    return torch.cat([p.detach().flatten() for p in learn.model.parameters()]),cb.peers.schedule,min(states)

def test_a_learner_trains_with_peers_and_keeps_its_own_momentum():
    with peers(N, by_callback) as ps: xs,schedules,states = zip(*[ps.result(i) for i in range(N)])
    xs = torch.stack(xs)
    assert (xs-xs.mean(0)).norm(dim=1).max()<0.5*xs.mean(0).norm() and all(states)
    heard = [len(o['heard']) for s in schedules for o in s] # On a busy machine a peer that falls behind keeps its own weights for a round
    assert {*heard}<={1, N-F} and sum(n==N-F for n in heard)>len(heard)/2 and all(any(len(o['heard'])==N-F for o in s) for s in schedules)

def by_new_callback(learn, link):
    cb = MixWithPeers(link, f=0, mixing='mean')
    with learn.no_bar(), learn.no_logging(): learn.fit(1, .05, cbs=cb)
    return cb.peers.schedule

def by_new_monna(learn, link):
    m = MoNNA(learn, f=0, mixing='mean', parts=PARTS[:3], bs=5, link=link).fit(6, .05)
    return m.peers.schedule

TRAININGS = [(by_new_callback,)*2, (by_new_monna,)*2]

def one_after_the_other(i, sock, at, trainings):
    learn = learner()
    with TCPLink(i, at, sock=sock, deadline=60) as link: return [o(learn, link) for o in trainings],link.faults

@pytest.mark.parametrize('trainings', TRAININGS, ids=['callbacks', 'MoNNA'])
def test_trainings_on_one_link_go_on_with_its_rounds(trainings):
    "A new callback began with round 0, in which it waited for honest peers until the deadline, and called them silent"
    with peers(3, one_after_the_other, trainings) as ps: ends = [ps.result(i) for i in range(3)]
    for (a,b),faults in ends:
        assert [o['round'] for o in a+b]==[*range(2*len(a))] and not faults
        assert all(len(o['heard'])==3 for o in a+b)

@pytest.mark.parametrize('same', [False, True])
def test_two_callbacks_have_two_links(same):
    "The second one waited in each round for vectors that the first one had got"
    link,learn = EchoLink(),learner()
    cbs = [MixWithPeers(o, mixing='mean') for o in (link, link if same else EchoLink())]
    with learn.no_bar(), learn.no_logging():
        if same:
            with pytest.raises(ValueError, match='twice with the same link.*: remove one'): learn.fit(1, .1, cbs=cbs)
        else: learn.fit(1, .1, cbs=cbs)

class EchoLink:
    "A peer that sends zeros, so that the plain mean halves the weights"
    rank,n,faults,finished = 0,2,[],{1}
    def open(self, *args): pass
    def exchange(self, t, x): return RoundResult(t, [0, 1], {1: torch.zeros_like(x)}, t+1)

class PressedLink(EchoLink):
    "Somebody presses Ctrl-C in the wait of round 1"
    pressed = False
    def exchange(self, t, x):
        if t==1 and not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt
        return super().exchange(t, x)

def echoed(link): return MoNNA(learner(), f=0, parts=[range(60), range(60, 120)], bs=5, mixing='mean', link=link)

@pytest.mark.parametrize('saved', [False, True])
def test_after_an_interrupted_wait_the_local_step_is_not_made_again(saved):
    a,b = echoed(PressedLink()),echoed(EchoLink()).fit(3, 0.1)
    with pytest.raises(KeyboardInterrupt): a.fit(3, 0.1)
    assert a.t==1
    if saved:
        sd,a = a.state_dict(),echoed(EchoLink())
        a.load_state_dict(sd)
    a.fit(2, 0.1)
    assert torch.equal(a.workers.xs, b.workers.xs) and a.losses==b.losses and a.peers.schedule==b.peers.schedule

def test_a_step_whose_mixture_is_interrupted_keeps_its_loss():
    "Ctrl-C comes in `combine` of round 1, which is made to its end"
    def press(xs, f, heard, mean=find_mixing('mean')):
        if a.t==1 and len(a.losses)==1: signal.raise_signal(signal.SIGINT)
        return mean(xs, f, heard)
    a,b = echoed(EchoLink()),echoed(EchoLink()).fit(3, 0.1)
    a.peers.mixing = press
    with pytest.raises(KeyboardInterrupt): a.fit(3, 0.1)
    assert a.t==len(a.losses)==2
    a.fit(1, 0.1)
    assert torch.equal(a.workers.xs, b.workers.xs) and a.losses==b.losses and a.peers.schedule==b.peers.schedule

def test_a_round_that_raises_for_lack_of_patience_is_over():
    "Its local step is not made again, and it is not twice in the schedule"
    class Alone(EchoLink):
        def exchange(self, t, x): return RoundResult(t, [0], {}, t+1)
    m = MoNNA(learner(), f=0, parts=[range(60), range(60, 120)], bs=5, link=Alone())
    m.peers.enough = 2
    for t in (10, 11):
        with pytest.raises(RuntimeError, match=f'too few vectors in {t} rounds'): m.fit(20, 0.1)
        assert m.t==len(m.losses)==t and [o['round'] for o in m.peers.schedule]==[*range(t)]

def test_the_log_has_the_schedule_and_a_full_disk_does_not_end_the_training(tmp_path):
    peers = PeerMixing(EchoLink(), mixing='mean')
    peers.log = tmp_path/'schedule.jsonl'
    for _ in range(3): peers.mix(torch.ones(5))
    assert read_json_lines(peers.log)==peers.schedule and len(peers.schedule)==3
    peers.log = tmp_path # It cannot be written
    with pytest.warns(UserWarning, match='ends before round 3'): peers.mix(torch.ones(5))
    peers.mix(torch.ones(5))
    assert len(peers.schedule)==5

class FinishedLink(EchoLink):
    "The other has finished after round 2"
    def exchange(self, t, x): return super().exchange(t, x) if t<2 else RoundResult(t, [0], {}, t+1, True)

EARLY = r'Peer 0 ends its training {} early: the peers \[1\] have finished, so fewer than n-f=2 are left'

def test_a_training_that_ends_early_says_so(recwarn):
    with pytest.warns(UserWarning, match=EARLY.format('2 rounds')): assert echoed(FinishedLink()).fit(5, 0.1).t==3
    def batches(n):
        learn = learner()
        with learn.no_bar(), learn.no_logging(): learn.fit(n, 0.1, cbs=MixWithPeers(link, mixing='mean'))
        return learn
    link = FinishedLink()
    with pytest.warns(UserWarning, match=EARLY.format('45 batches')): batches(2)
    recwarn.clear()
    echoed(FinishedLink()).fit(3, 0.1)
    learn = learner()
    learn.dls = tensor_dls(X[:15], Y[:15], X[120:], Y[120:], bs=5)
    learn.model = learn.model.float()
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 0.1, cbs=MixWithPeers(FinishedLink(), mixing='mean'))
    assert not [o for o in recwarn.list if 'early' in str(o.message)], 'Who has made its last step ends regularly'
    assert len(learn.recorder.values)==1, 'with a validation'

def test_weights_keep_their_place_and_layout():
    "Kernels know the addresses of weights, and convolutions their layout"
    def conv(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2)).to(memory_format=torch.channels_last)
    x,y = torch.randn(8, 3, 4, 4),torch.randint(2, (8,))
    def fit(**kwargs):
        torch.manual_seed(0)
        learn = Learner(tensor_dls(x, y, x, y, bs=8), conv(), loss_func=CrossEntropyLossFlat(), opt_func=polyak(0.9), lr=.1, **kwargs)
        ps = [*learn.model.parameters()]
        at = [p.data_ptr() for p in ps]
        with learn.no_bar(), learn.no_logging(): learn.fit(1)
        assert [p.data_ptr() for p in ps]==at and ps[0].is_contiguous(memory_format=torch.channels_last)
        return ps
    for a,b in zip(fit(cbs=MixWithPeers(EchoLink(), mixing='mean')), fit()): torch.testing.assert_close(a, b/2)

def test_a_model_that_is_wrapped_is_refused(tmp_path):
    "Runs in a separate process because gloo leaves threads behind, after which no fork is safe"
    def work(i, *_):
        dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
        learn,link,said = learner(),ClusterLink(),[]
        learn.model = DistributedDataParallel(learn.model)
        for train in (lambda: MoNNA(learn, f=0, link=link), lambda: learn.fit(1, cbs=MixWithPeers(link))):
            try: train()
            except ValueError as e: said.append(str(e))
        return said
    with peers(1, work) as ps: said = ps.result(0)
    assert len(said)==2 and all('wrapped in DistributedDataParallel, which takes the plain mean' in o for o in said)

def test_ranks_with_another_model_or_rule_are_named_before_anything_is_sent(tmp_path):
    def work(i, *_):
        os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
        dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=i, world_size=2)
        link,said = ClusterLink(),[]
        for kw in (dict(model=[mlp, normed][i]), dict(rule=[adamw, polyak(0.9)][i])):
            try: MoNNA(learner(**kw), f=0, link=link, bs=5, alpha=100.).fit(1)
            except ValueError as e: said.append(str(e))
        return said
    with peers(2, work) as ps: said = [ps.result(i) for i in range(2)]
    for i,o in enumerate(said): assert [f'Rank {1-i} trains {k}' in t for k,t in zip(('another model', 'with another rule'), o)]==[True]*2

class LyingLink(ClusterLink):
    "Sends NaN in place of its weights from the fourth round on"
    def exchange(self, t, x): return super().exchange(t, x if t<3 else torch.full_like(x, torch.nan))

def test_a_rank_that_sends_nan_is_named_and_left_out(tmp_path):
    def work(i, *_):
        os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
        dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=i, world_size=N)
        m = monna((LyingLink if i==3 else ClusterLink)()).fit(20, rate)
        dist.destroy_process_group()
        return m.workers.xs[0],m.peers.schedule,m.peers.link.faults
    with peers(N, work) as ps: xs,schedules,faults = zip(*[ps.result(i) for i in range(N)])
    for said,schedule in zip(faults[:3], schedules):
        assert [(o.round, o.peer, o.kind) for o in said]==[(t, 3, 'nonfinite') for t in range(3, 20)]
        assert [sorted(o['heard']) for o in schedule]==[[*range(4)]]*3 + [[*range(3)]]*17
    assert (torch.stack(xs)-monna().replay(schedules, rate).workers.xs).abs().max()<1e-9

# ---- faults, with five processes

M,BAD = 5,4
SAID = dict(killed={'left', 'unreachable'}, nan={'nonfinite'}, shape={'model'}, stalled={'silent'}, returns={'left'})
HEALS = ('stalled', 'returns')

class Board:
    "Shared values of the processes: rounds, rounds with others' vectors, with `BAD`'s vector, whether `BAD` was met, its faults named"
    def __init__(self):
        ctx = get_context('fork')
        self.stop,self.rounds,self.mixed,self.heard,self.met,self.named = ctx.Event(),*(ctx.Array('l', M) for _ in range(5))
    def wait(self, what, seconds=60):
        until = time.monotonic()+seconds
        while not what():
            assert time.monotonic()<until, {k: list(o) for k,o in vars(self).items() if k!='stop'}
            time.sleep(0.005)
    def wait_rounds(self, n):
        "Until all but `BAD` have done n more rounds"
        before = list(self.rounds)
        self.wait(lambda: all(self.rounds[i]>=before[i]+n for i in range(BAD)))
    def wait_all(self, what): self.wait(lambda: all(what[i] for i in range(BAD)))

def faulty_peer(i, sock, at, board, kind):
    "One of five peers, the last of which has the fault `kind`. Its weights, schedule and faults when `board.stop` is set"
    link = TCPLink(i, at, sock=sock, deadline=0.3, stall=20)
    m = monna(link, n=M)
    if i==BAD and kind=='shape': m = MoNNA(learner(model=lambda: nn.Linear(6, 3)), n=M, f=F, bs=5, alpha=100., link=link)
    if i==BAD and kind=='nan':
        exchange = link.exchange
        link.exchange = lambda t, x: exchange(t, torch.full_like(x, float('nan')))
    m.peers.patience = 10_000 # This machine may be busy
    with link:
        while not board.stop.is_set():
            m.fit(1, 0.1)
            time.sleep(0.01)
            heard = m.peers.schedule[-1]['heard']
            board.rounds[i] += 1
            board.mixed[i] += len(heard)>F
            board.heard[i] += BAD in heard
            board.met[i] = BAD in link.met
            board.named[i] = SAID[kind]<={k for j,k in link.counts if j==BAD}
        link.deadline = 0.1 # Some will not come to say goodbye
    return m.workers.xs[0],m.peers.schedule,link.faults

def train_with_a_fault(kind, stall=1.):
    "Five processes, one of which has a fault, until the fault is named and the others have continued"
    board = Board()
    with peers(M, faulty_peer, board, kind) as ps:
        if kind not in ('nan', 'shape'):
            board.wait_rounds(5)
            board.wait_all(board.met)
        if kind in ('killed', 'returns'): ps.kill(BAD)
        if kind=='stalled': ps.signal(BAD, signal.SIGSTOP)
        start = time.monotonic()
        board.wait_all(board.named)
        board.wait_rounds(12)
        if kind in HEALS:
            time.sleep(max(0, stall-(time.monotonic()-start)) if kind=='stalled' else 0)
            before,mixed = sum(board.heard[:BAD]),board.mixed[BAD]
            if kind=='stalled': ps.signal(BAD, signal.SIGCONT)
            else: ps.again(BAD)
            board.wait(lambda: sum(board.heard[:BAD])>before+5 and board.mixed[BAD]>mixed+12)
        board.stop.set()
        return [ps.result(i) if i!=BAD or kind!='killed' else None for i in range(M)]

def check_fault(kind, **kwargs):
    res = train_with_a_fault(kind, **kwargs)
    honest = res[:BAD]
    for x,schedule,faults in honest:
        assert {o.kind for o in faults if o.peer==BAD} >= SAID[kind] and all('peer 4: ' in o.detail for o in faults if o.peer==BAD)
        if kind not in HEALS: assert all(BAD not in o['heard'] for o in schedule[-8:])
    xs = torch.stack([o[0] for o in honest])
    far = 0.5*xs.mean(0).norm()
    assert xs.isfinite().all() and (xs-xs.mean(0)).norm(dim=1).max()<far, 'The others have stayed together'
    if kind in HEALS: assert (res[BAD][0]-xs.mean(0)).norm()<far, 'It has caught up with the others'

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='Processes are forked here, which this system cannot')
@pytest.mark.parametrize('kind', SAID)
def test_a_real_fault_is_named_and_the_honest_go_on(kind): check_fault(kind)

@pytest.mark.full
def test_a_stall_of_half_a_minute(): check_fault('stalled', stall=30.)

@pytest.mark.parametrize('engine', [None, 'gloo', 'cpu:gloo'])
def test_a_group_may_be_made_without_a_name_or_with_one_per_device(engine, tmp_path):
    def work(i, *_):
        os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
        dist.init_process_group(engine, init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
        return ClusterLink().exchange(0, torch.ones(3)).ranks
    with peers(1, work) as ps: assert ps.result(0)==[0]

@pytest.mark.parametrize('engine,device', [('gloo', 'cpu'), ('cpu:gloo', 'cpu'), ('undefined', 'cpu'), ('mpi', 'cpu'), ('nccl', 'cuda:1'),
    ('cpu:gloo,cuda:nccl', 'cuda:1')])
def test_vectors_travel_on_the_device_of_the_group(engine, device, monkeypatch):
    for k,v in dict(is_initialized=True, get_rank=0, get_world_size=1, get_backend=engine).items():
        monkeypatch.setattr(dist, k, lambda *_, v=v: v)
    for k,v in dict(is_available=True, current_device=1).items(): monkeypatch.setattr(torch.cuda, k, lambda v=v: v)
    assert str(ClusterLink().device)==device

@pytest.mark.parametrize('change,says', [(lambda m: m.requires_grad_(False), 'no trainable weights to mix: unfreeze it'),
    (lambda m: m[0].float(), 'must have the same dtype and device: convert or move')])
def test_weights_that_are_no_vector_are_refused_everywhere(change, says):
    learn,cb = learner(),MixWithPeers(EchoLink())
    cb.learn = learn
    change(learn.model)
    for train in (lambda: MoNNA(learn, n=3, f=0, alpha=100., bs=5), cb.before_fit):
        with pytest.raises(ValueError, match=says): train()

def test_fine_tune_is_refused_by_name():
    "It trains the head and then all weights, which one link cannot send"
    learn = learner()
    learn.splitter = lambda m: [[*m[:2].parameters()], [*m[2:].parameters()]]
    with TCPLink(0, [('127.0.0.1', 0)], deadline=5) as link, learn.no_bar(), learn.no_logging():
        with pytest.raises(ValueError, match='learn.fine_tune is two trainings, of the head and of all weights: call fit for each'):
            learn.fine_tune(1, .1, cbs=MixWithPeers(link, mixing='mean'))

def test_the_name_of_a_rule_says_which_one_is_wrapped():
    "Otherwise Adam and SGD of PyTorch would count as one rule"
    wrap = partial(OptimWrapper, opt=torch.optim.SGD)
    names = [rule_name(o) for o in (wrap, partial(OptimWrapper, opt=partial(torch.optim.SGD, momentum=.9)), partial(wrap, lr=.1),
        OptimWrapper(opt=torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=.1)))]
    assert set(names)=={'OptimWrapper of SGD'} and rule_name(partial(wrap, opt=torch.optim.Adam))=='OptimWrapper of Adam'

def test_a_rule_that_returns_one_vector_is_refused():
    "The first number of it would become all weights of the peer"
    class Link:
        n,rank = 3,0
        def exchange(self, t, x): return RoundResult(t, [0, 1, 2], {1: x, 2: x}, t+1)
    with pytest.raises(ValueError, match=r'returned \(5,\): it must return \(1, 5\)'):
        PeerMixing(Link(), mixing=lambda xs, f, heard: xs.mean(0)).mix(torch.ones(5))
