"Both commands with real workers on 127.0.0.1, a run that is continued, and one line for each mistake of a user"
import json, os, re, pytest, signal, socket, subprocess, sys, time, torch
from contextlib import contextmanager
from fastai.learner import load_learner
from fastcore.basics import AttrDict
from fastcore.script import CliError
from fastopt import cli
from fastopt.distributed import commands
from fastopt.distributed.commands import collaborate_command, end_peers, federate_command, make_federated, resume_args
from fastopt.distributed.federated import Federated
from fastopt.distributed.flower import FederatedServer, free_ports
from fastopt.distributed.monna import MoNNA
from fastopt.names import InputError
from fastopt.training.records import command_line, exclusive_lock, read_json_lines
from itertools import permutations
from pathlib import Path
from peer_processes import peers
from types import SimpleNamespace

SMALL = dict(f=1, steps=6, limit=400, alpha=100., deadline=60.)
N = 4

def record_of(path): return json.loads((path/'record.json').read_text())

def check_records(records, whole=N):
    "At least `whole` of N workers have made all steps with others' weights and stayed together; one that was late may have been alone"
    assert sorted(o['rank'] for o in records)==list(range(N)) and all(o['status']=='done' for o in records)
    done = [o for o in records if sum(len(r['heard'])>1 for r in o['schedule'])>=SMALL['steps']//2]
    assert len(done)>=whole and all(o['history'][-1]['step']==SMALL['steps'] for o in done)
    ends = [o['history'][-1]['valid_loss'] for o in done]
    assert max(ends)-min(ends)<0.2

# ---- ranks and peers: processes forked from this one

def write_keys(path, n):
    "A folder for each worker, with a file for each of the others, named by its rank"
    for i,j in permutations(range(n), 2):
        (path/f'{i}').mkdir(parents=True, exist_ok=True)
        (path/f'{i}'/f'{j}').write_text(f'secret of {min(i, j)} and {max(i, j)}')

def as_rank(i, sock, at, port, out):
    os.environ.update(RANK=str(i), WORLD_SIZE=str(N), MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), GLOO_SOCKET_IFNAME='lo')
    return record_of(collaborate_command(engine='cluster', out=out, **SMALL))

def as_peer(i, sock, at, ports, out):
    at = ','.join(f'127.0.0.1:{p}' for p in ports)
    return record_of(collaborate_command(rank=i, peers=at, key_file=f'{out}/keys/{i}', out=out, **SMALL))

def test_a_key_file_may_be_a_folder_with_a_secret_for_each_pair(tmp_path):
    write_keys(tmp_path/'keys', 3)
    read = commands._key
    assert read(tmp_path/'keys'/'1', 3, 1)==[b'secret of 0 and 1', b'', b'secret of 1 and 2']
    (tmp_path/'one').write_text('secret\n')
    assert read(tmp_path/'one', 3, 1)==b'secret' and read(None, 3, 1) is None
    for rank,says in ((0, 'keys/1/1 cannot be read: No such file'.replace('/', os.sep)), (None, 'give its --rank and --peers')):
        with pytest.raises(InputError, match=re.escape(says)): read(tmp_path/'keys'/'1', 3, rank)
    for o in (tmp_path/'one', tmp_path/'keys'/'1'/'2'): o.write_text(' \n')
    for path,who in ((tmp_path/'one', 'the peers have'), (tmp_path/'keys'/'1', 'the workers 1 and 2 have')):
        with pytest.raises(InputError, match=f'is empty: write a secret into it that only {who}'): read(path, 3, 1)

@pytest.mark.parametrize('engine', ['cluster', 'peers'])
def test_four_workers_train_together(engine, tmp_path):
    write_keys(tmp_path/'keys', N)
    args = (as_rank, *free_ports(1)) if engine=='cluster' else (as_peer, free_ports(N))
    with peers(N, *args, str(tmp_path)) as ps: records = [ps.result(i, 120) for i in range(N)]
    check_records(records, N if engine=='cluster' else N-SMALL['f'])
    assert len([*tmp_path.glob('*/model.pkl')])==N
    logs = [read_json_lines(o) for o in tmp_path.glob('*/schedule.jsonl')]
    assert sorted(logs, key=str)==sorted((o['schedule'] for o in records), key=str)
    if engine=='cluster': assert all(len(r['heard'])==N for o in records for r in o['schedule'])

def test_a_rank_whose_group_breaks_says_so_in_one_line(tmp_path):
    "Rank 1 ends at once; the other's error names the cause"
    def work(i, sock, at, port):
        os.environ.update(RANK=str(i), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), GLOO_SOCKET_IFNAME='lo')
        if i:
            from torch import distributed as dist
            dist.init_process_group('gloo')
            os._exit(0)
        try: collaborate_command(engine='cluster', out=str(tmp_path), **{**SMALL, 'f': 0})
        except CliError as e: return str(e)
    with peers(2, work, *free_ports(1)) as ps: said = ps.result(0, 120)
    assert re.search('The ranks cannot meet|Connection (closed|reset) by peer|Broken pipe', said) and '\n' not in said

# ---- the same as separate programs

def program(words, **env):
    "Start `fastopt-collaborate` as a program"
    code = 'from fastopt.cli import fastopt_collaborate; fastopt_collaborate()'
    return subprocess.Popen([sys.executable, '-c', code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ, **env))

def words_of(out, **kwargs):
    "Options of the program"
    return [o for k,v in {**SMALL, **kwargs, 'out': out}.items() for o in (f'--{k.replace("_", "-")}', str(v))]

@pytest.mark.full
def test_torchrun(tmp_path):
    script = Path(tmp_path/'collaborate.py')
    script.write_text('from fastopt.cli import fastopt_collaborate\nfastopt_collaborate()\n')
    res = subprocess.run([sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node', str(N), '--master-port', str(*free_ports(1)),
        str(script), *words_of(tmp_path, engine='cluster')], capture_output=True, text=True)
    assert not res.returncode and res.stdout.count(f'of {N}, which heard others in 6 of 6 rounds, with 0 faults of others')==N, res.stderr
    check_records([record_of(o.parent) for o in tmp_path.glob('*/record.json')])

@pytest.mark.full
def test_peers_that_are_started_one_by_one(tmp_path):
    at = ','.join(f'127.0.0.1:{p}' for p in free_ports(N))
    procs = [program(words_of(tmp_path, rank=i, peers=at)) for i in range(N)]
    for p in procs:
        out,err = p.communicate(timeout=500)
        assert not p.returncode and f'of {N}, which heard others in' in out, err
    check_records([record_of(o.parent) for o in tmp_path.glob('*/record.json')], N-SMALL['f'])

# ---- a run of Flower that is continued

@pytest.fixture
def halted(tmp_path):
    "The folder of a run with Flower that was interrupted after its first window; its clients are in this process"
    from test_federated import Mail
    args = AttrDict(args_of(cli.federate), strategy='fedbuff', c=2, clients=3, limit=200, steps=1, engine='flower', windows=4)
    make = lambda: make_federated(AttrDict(args, percent=0, sample=None))
    FederatedServer(make(), Mail(make, 3), tmp_path/'state.pt', deadline=20, poll=0.001, log=lambda o: None).run(1)
    (tmp_path/'record.json').write_text(json.dumps(dict(args=args, command=command_line('fastopt-federate', args))))
    return tmp_path

def args_of(declared):
    "The default values of a command"
    from inspect import signature
    return {k: o.default for k,o in signature(declared).parameters.items()}

def test_a_continued_run_keeps_its_settings(halted):
    args = resume_args(AttrDict(args_of(cli.federate), resume=str(halted), windows=6, clients=3))
    assert (args.engine, args.strategy, args.c, args.clients, args.limit, args.windows)==('flower', 'fedbuff', 2, 3, 200, 6)

@pytest.mark.parametrize('kwargs,says', [(dict(lr=0.1), 'started with --lr 0.05, not 0.1'),
    (dict(data='mnist'), 'with --data digits, not mnist'), (dict(windows=1), 'has finished 1 windows already')])
def test_what_does_not_fit_a_run_is_refused(halted, kwargs, says):
    (halted/'model.pkl').touch()
    with pytest.raises(CliError, match=says): federate_command(resume=str(halted), **kwargs)

def test_a_model_that_could_not_be_written_is_written_by_resuming(halted):
    "All windows are done, so no program of Flower is started"
    assert federate_command(resume=str(halted), windows=1)==halted
    assert json.loads((halted/'record.json').read_text())['status']=='done'
    assert (halted/'model.pkl').stat().st_size and (halted/'curves.png').is_file()

def test_one_process_continues_a_run(halted, monkeypatch):
    monkeypatch.setattr(commands, 'import_flower', lambda: None)
    with exclusive_lock(halted/'lock'), pytest.raises(CliError, match='is still in use by another process: wait until it has ended'):
        federate_command(resume=str(halted), windows=6)

@pytest.mark.parametrize('error', [RuntimeError('The server has stopped: Client 1: failed: KeyError: 3'), KeyboardInterrupt()])
def test_what_the_server_has_done_is_kept(halted, monkeypatch, error):
    "However the command ends; times are those that were measured, and dt is no shorter than the deadline"
    said = []
    def wait(state, windows, seconds):
        said.append(seconds)
        raise error
    @contextmanager
    def local(n, folder): yield SimpleNamespace(submit=lambda app: None, wait=wait)
    monkeypatch.setattr(commands, 'import_flower', lambda: None)
    monkeypatch.setattr(commands, 'local_flower', local)
    with pytest.raises(CliError if isinstance(error, RuntimeError) else KeyboardInterrupt) as e:
        federate_command(resume=str(halted), windows=6, deadline=50.)
    assert str(e.value)==str(error) and said==[300+50*7]
    record = record_of(halted)
    assert record['status'] in ('failed', 'interrupted') and len(record['history'])==len(record['schedule'])==1
    assert sum(o['deliveries'] for o in record['clients'])==2 and all(0<o['time']<20 for o in record['clients'])
    assert len({o['time'] for o in record['clients']})>1 and (halted/'curves.png').is_file()
    assert len(load_learner(halted/'model.pkl').model)==4

def test_a_damaged_state_is_refused(halted):
    data = (halted/'state.pt').read_bytes()
    (halted/'state.pt').write_bytes(data[:len(data)//2])
    with pytest.raises(CliError, match='is not the state of a server, or is damaged'): federate_command(resume=str(halted))
    (halted/'record.json').write_text('{')
    with pytest.raises(CliError, match='no complete record.json'): federate_command(resume=str(halted))

@pytest.mark.parametrize('change,says', [(lambda rec: rec['args'].update(lr=.1), 'was changed: lr is 0.1 in args, and 0.05 in command'),
    (lambda rec: rec['args'].pop('clients'), 'clients is 20 in args, and 3 in command'),
    (lambda rec: rec.update(args=[]), 'is not one of fastopt-federate'), (lambda rec: rec.pop('args'), 'is not one of fastopt-federate')])
def test_a_changed_record_is_refused(halted, change, says):
    record = record_of(halted)
    change(record)
    (halted/'record.json').write_text(json.dumps(record))
    with pytest.raises(CliError, match=says): federate_command(resume=str(halted))

@pytest.mark.parametrize('within', [[], ['fed']])
def test_a_state_that_lacks_anything_is_refused(halted, within):
    whole = (halted/'state.pt').read_bytes()
    def part(sd): return sd[within[0]] if within else sd
    for k in part(torch.load(halted/'state.pt')):
        (halted/'state.pt').write_bytes(whole)
        del part(sd := torch.load(halted/'state.pt'))[k]
        torch.save(sd, halted/'state.pt')
        with pytest.raises(CliError, match='is not the state of a server, or is damaged: give'): federate_command(resume=str(halted))

# ---- runs that are interrupted

def stopped(monkeypatch, owner, name, at):
    "The method `name` raises `KeyboardInterrupt` when it is called for the `at`-th time"
    f,count = getattr(owner, name),[]
    def g(*args, **kwargs):
        count.append(1)
        if len(count)==at: raise KeyboardInterrupt
        return f(*args, **kwargs)
    monkeypatch.setattr(owner, name, g)

@pytest.mark.parametrize('run,owner,name,at,ends', [
    (lambda out: collaborate_command(n=5, f=1, steps=8, limit=400, out=out), MoNNA, 'one_step', 4, [3]),
    (lambda out: collaborate_command(n=5, f=1, steps=8, limit=400, every=2, out=out), MoNNA, 'one_step', 6, [2, 4]),
    (lambda out: federate_command(clients=4, time=3., limit=400, steps=2, strategy='fedavg', out=out),
        Federated, 'train_client', 10, [1, 2])])
def test_an_interrupted_run_leaves_its_record_its_picture_and_its_model(run, owner, name, at, ends, tmp_path, monkeypatch):
    stopped(monkeypatch, owner, name, at)
    with pytest.raises(KeyboardInterrupt): run(tmp_path)
    path, = tmp_path.iterdir()
    record = record_of(path)
    assert record['status']=='interrupted' and [o['step' if owner is MoNNA else 'time'] for o in record['history']]==ends
    assert {o.name for o in path.iterdir()}=={'record.json', 'curves.png', 'model.pkl'}
    assert load_learner(path/'model.pkl').model and (owner is MoNNA or len(record['clients'])==4)

@pytest.mark.parametrize('run', [lambda out: collaborate_command(n=5, f=1, steps=8, limit=400, out=out),
    lambda out: collaborate_command(engine='processes', n=2, f=0, limit=300, alpha=100., steps=1, out=out),
    lambda out: collaborate_command(scale='2', limit=300, steps=1, out=out),
    lambda out: federate_command(clients=4, time=3., limit=400, steps=2, out=out),
    lambda out: federate_command(engine='flower', clients=2, limit=200, steps=1, out=out)],
    ids=['workers', 'processes', 'scale', 'clients', 'flower'])
def test_an_interrupt_before_the_training_leaves_no_folder(run, tmp_path, monkeypatch):
    "The versions of packages and the device are asked for before the folder of the run is made, because that may take seconds"
    monkeypatch.setattr(commands, 'import_flower', lambda: None)
    stopped(monkeypatch, commands, 'run_facts', 1)
    with pytest.raises(KeyboardInterrupt): run(tmp_path)
    assert not [*tmp_path.iterdir()]

WORKER = """import json, sys, time
from pathlib import Path
path,rank = Path(sys.argv[1]),int(sys.argv[2])
path.mkdir()
try:
    (path/'started').touch()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    record = dict(rank=rank, status='interrupted', history=[], schedule=[dict(round=0, heard=[0])], faults=[])
    (path/'part').write_text(json.dumps(record))
    (path/'part').rename(path/'record.json')
"""

@pytest.mark.skipif(os.name=='nt', reason='Windows has no signals')
def test_the_rounds_of_a_killed_worker_are_kept(tmp_path, monkeypatch):
    "Also if it was killed while it wrote a line"
    rounds = [dict(round=t, heard=[0, 1]) for t in range(3)]
    code = 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)'
    def start(args, i, at, path):
        (o := path/f'w{i}').mkdir()
        (o/'record.json').write_text(json.dumps(dict(rank=i, status='running')))
        (o/'schedule.jsonl').write_text(''.join(json.dumps(r)+'\n' for r in rounds)+'{"round": 3, "hea')
        (path/f'peer{i}.log').touch()
        return subprocess.Popen([sys.executable, '-S', '-c', code])
    monkeypatch.setattr(commands, 'start_peer', start)
    with pytest.raises(CliError, match='No worker has finished'), pytest.warns(UserWarning, match='line 4 .*schedule.jsonl is damaged'):
        collaborate_command(engine='processes', n=2, f=0, limit=300, alpha=100., steps=1, out=tmp_path)
    path, = tmp_path.iterdir()
    assert [(o['status'], o['schedule']) for o in record_of(path)['peers']]==[('running', rounds)]*2

def test_workers_write_their_records_after_ctrl_c(tmp_path, monkeypatch):
    "They are interrupted once, and have time to end"
    procs,pressed = [],[]
    class Worker(subprocess.Popen):
        def wait(self, timeout=None):
            if timeout is None and not pressed:
                while not all(o.exists() for o in starts): time.sleep(.01)
                pressed.append(1)
                raise KeyboardInterrupt
            return super().wait(timeout)
    starts = []
    def start(args, i, at, path):
        starts.append(path/f'w{i}'/'started')
        procs.append(Worker([sys.executable, '-S', '-c', WORKER, str(path/f'w{i}'), str(i)], start_new_session=True))
        return procs[-1]
    monkeypatch.setattr(commands, 'start_peer', start)
    with pytest.raises(KeyboardInterrupt): collaborate_command(engine='processes', n=2, f=0, limit=300, alpha=100., steps=1, out=tmp_path)
    path, = tmp_path.iterdir()
    record = record_of(path)
    assert record['status']=='interrupted' and [(o['rank'], o['status'], len(o['schedule'])) for o in record['peers']]==[
        (i, 'interrupted', 1) for i in range(2)] and record['codes']==[0, 0]

@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT for one process')
def test_workers_that_do_not_end_are_killed():
    code = 'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)'
    p = subprocess.Popen([sys.executable, '-S', '-c', code], stdout=subprocess.PIPE)
    p.stdout.readline()
    end_peers([p], .2)
    assert p.returncode==-signal.SIGKILL
    p.stdout.close()

def test_a_worker_that_cannot_start_leaves_no_others(tmp_path, monkeypatch):
    procs = []
    def start(args, i, at, path):
        if i: raise OSError(11, 'Resource temporarily unavailable')
        procs.append(subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)']))
        return procs[0]
    monkeypatch.setattr(commands, 'start_peer', start)
    with pytest.raises(CliError, match='Worker 1 cannot be started: Resource temporarily unavailable'):
        collaborate_command(engine='processes', n=2, f=0, limit=300, alpha=100., steps=1, out=tmp_path)
    assert procs[0].returncode is not None

# ---- mistakes

TWO = dict(rank=0, peers='127.0.0.1:7070,127.0.0.1:7071', f=0)
AWAY = dict(rank=0, peers='10.0.0.1:7070,10.0.0.2:7070', f=0)

@pytest.mark.parametrize('kwargs,says', [
    (dict(engine='cluster'), '--engine cluster needs torchrun'), (dict(TWO, engine='cluster'), 'leave out --rank and --peers'),
    (dict(TWO, engine='processes'), 'leave out --rank and --peers'), (dict(rank=0), 'go together'), (dict(TWO, rank=5), 'give 0 to 1'),
    (dict(TWO, peers='127.0.0.1:70000,127.0.0.1:1'), "'127.0.0.1:70000' is not host:port"),
    (dict(TWO, peers='127.0.0.1:7070,127.0.0.1:7070'), 'occurs twice'), (dict(TWO, f=None), 'not a minority'),
    (dict(TWO, n=5), '--n 5 is not the number of workers, 2'), (dict(TWO, deadline=0.), '--deadline 0.0 is too small: give more than 0'),
    (dict(TWO, attack='foe'), 'only with simulated workers'), (dict(engine='cluster', attack='sf'), 'only with simulated workers'),
    (dict(engine='processes', attack='mimic'), 'only with simulated workers'), (AWAY, 'need --key-file'),
    (dict(AWAY, key_file='nofile'), 'nofile cannot be read: No such file'), (dict(AWAY, key_file=os.devnull), 'is empty'),
    (dict(engine='processes', n=3, f=1, key_file='nofile'), 'cannot be read'), (dict(key_file='nofile'), '--key-file is for --peers'),
    (dict(every=0), '--every 0 is too small'), (dict(table='t', scale='8'), 'are two commands'),
    (dict(TWO, table='t'), 'only with simulated'), (dict(scale='8,many', alpha=None), 'must be numbers of workers'),
    (dict(table='nofolder/t.json'), 'there is no folder nofolder'), (dict(table='.'), '--table . is a folder: give a file'),
    (dict(table='t', attack='foe'), '--attack has no effect on a table: use --mixings and --attacks'),
    (dict(table='t', mixing='mean'), '--mixing has no effect on a table'),
    *((dict(scale='8', alpha=None) | o, 'no effect on --scale') for o in (dict(attack='foe'), dict(n=5), dict(alpha=1.), dict(every=1))),
    (dict(deadline=5.), '--deadline is for real workers'), (dict(opt='adam'), '--opt adam needs --lr, because'),
    (dict(opt='adam', lr=.1, mom=.5), "--mom is for Polyak's momentum, not for adam"), (dict(table='t', opt='adam'), 'needs --lr'),
    (dict(TWO, opt='adam'), 'needs --lr')])
def test_mistakes_of_collaborate(kwargs, says, tmp_path):
    with pytest.raises(CliError, match=says) as e:
        collaborate_command(**{'limit': 300, 'steps': 1, 'alpha': 100., 'out': tmp_path, **kwargs})
    assert '\n' not in str(e.value) and not [*tmp_path.iterdir()]

@pytest.mark.parametrize('kwargs,says', [
    (dict(resume='nofolder'), 'nofolder has no state.pt'), (dict(engine='flower', windows=0), '--windows 0 is too small'),
    (dict(engine='flower', deadline=0.), '--deadline 0.0 is too small'), (dict(engine='flower', sample=2), 'only with simulated clients'),
    (dict(time=0.), '--time 0.0 is too small'), (dict(every=0.), '--every 0.0 is too small'),
    (dict(strategy='fedavg', dt=.2), '--dt is for fedfix: remove it, or use --strategy fedfix'), (dict(c=3), '--c is for fedbuff'),
    *((o, 'works only with Flower: remove it') for o in (dict(windows=5), dict(deadline=9.), dict(table='f.json', windows=5))),
    *((dict(engine='flower') | o, 'only with simulated clients') for o in (dict(time=3.), dict(every=.5), dict(percent=0.))),
    *((dict(table='f.json') | o, 'has no effect on a table') for o in (dict(strategy='fedavg'), dict(percent=0.)))])
def test_mistakes_of_federate(kwargs, says, tmp_path):
    with pytest.raises(CliError, match=says) as e: federate_command(**{'limit': 300, 'clients': 3, 'out': tmp_path, **kwargs})
    assert '\n' not in str(e.value) and not [*tmp_path.iterdir()]

@pytest.mark.filterwarnings('ignore:No delivery')
@pytest.mark.parametrize('dt', [.5, 20.])
def test_the_files_that_are_named_at_the_end_are_there(dt, tmp_path, capsys):
    "Without a delivery there is no model to keep"
    folder = federate_command(strategy='fedfix', dt=dt, clients=3, limit=300, time=2., out=tmp_path)
    assert {*capsys.readouterr().out.splitlines()[-1].split()}=={o.name for o in folder.iterdir()}
    assert (folder/'model.pkl').is_file()==(dt<2)

def test_a_port_in_use_is_one_line(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as o, pytest.raises(CliError, match='Cannot listen on 127.0.0.1:') as e:
        collaborate_command(rank=0, peers=f'127.0.0.1:{o.getsockname()[1]},127.0.0.1:1', f=0, limit=300, steps=1, alpha=100., out=tmp_path)
    assert '\n' not in str(e.value) and json.loads(next(tmp_path.glob('*/record.json')).read_text())['status']=='failed'

def test_workers_that_all_fail_are_quoted(tmp_path, monkeypatch):
    fail = 'import sys; sys.exit("fastopt-collaborate: no luck")'
    def start(args, i, at, path):
        with open(path/f'peer{i}.log', 'wb') as f: return subprocess.Popen([sys.executable, '-c', fail], stdout=f, stderr=f)
    monkeypatch.setattr(commands, 'start_peer', start)
    with pytest.raises(CliError, match='the first with "fastopt-collaborate: no luck": look at the logs'):
        collaborate_command(engine='processes', n=2, f=0, limit=300, steps=1, alpha=100., out=tmp_path)

def test_another_optimizer_has_no_momentum_of_the_setting(tmp_path, monkeypatch):
    "Workers that run as processes are not told one, which they would refuse"
    said = []
    monkeypatch.setattr(commands, 'run_processes', said.append)
    collaborate_command(engine='processes', opt='adam', lr=.01, n=2, f=0)
    assert said[0].mom is None and said[0].lr==.01
    collaborate_command(engine='processes', n=2, f=0)
    assert said[1].mom==.9

def test_options_reach_the_workers(tmp_path, monkeypatch):
    "Each option of a worker is one that the command knows"
    said = []
    monkeypatch.setattr(commands.subprocess, 'Popen', lambda words, **kwargs: said.append(words))
    args = AttrDict(args_of(cli.collaborate), engine='processes', n=2, f=0, data='mnist', data_path='images', key_file='key')
    commands.start_peer(args, 1, '127.0.0.1:1,127.0.0.1:2', tmp_path)
    got = vars(cli.parser('fastopt-collaborate').parse_args(said[0][3:]))
    assert (got['data_path'], got['key_file'], got['rank'], got['n'], got['engine'])==('images', 'key', 1, 2, 'simulated')
