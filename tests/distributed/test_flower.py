"""Three real SuperNodes train by each of the four schemes: one client raises, one is killed, the server continues from its state, and the
simulation replays it"""
import json, os, pytest, subprocess, sys, torch
from fastopt.distributed import flower as F
from fastopt.distributed.flower import FederatedServer, FlowerMail, LocalFlower, flower_apps, local_flower, write_app
from flower_case import federated
from pathlib import Path
from types import SimpleNamespace

TESTS = Path(__file__).parents[1]
NO_FLOWER = 'Flower is the extra `federated`, for an environment of its own'

def test_without_flower_it_is_said_how_to_get_it(monkeypatch):
    for o in ('flwr', 'flwr.app'): monkeypatch.setitem(sys.modules, o, None) # As if it were not installed
    with pytest.raises(ImportError, match=r"pip install 'fastopt\[federated\]'"): flower_apps(federated)

def test_the_app_in_a_relative_folder_is_found(tmp_path, monkeypatch):
    "Flower's programs run in another folder than this process"
    monkeypatch.chdir(tmp_path)
    said,done = [],SimpleNamespace(returncode=0, stdout='Successfully')
    monkeypatch.setattr(F.subprocess, 'run', lambda words, **kwargs: said.append(words) or done)
    LocalFlower(1, 'run').submit(write_app(Path('run')/'app', 'a:b', {}))
    assert said[0][2]==str(tmp_path/'run'/'app')

def test_what_flower_refuses_is_one_line(tmp_path, monkeypatch):
    box = '\u256d\u2500 Error \u2500\u256e\n\u2502 No such \u2502\n\u2502 app. \u2502\n\u2570\u2500\u256f\n'
    monkeypatch.setattr(F.subprocess, 'run', lambda words, **kwargs: SimpleNamespace(returncode=1, stdout=box))
    monkeypatch.setattr(F.time, 'monotonic', iter(range(0, 10_000, 100)).__next__)
    monkeypatch.setattr(F.time, 'sleep', lambda seconds: None)
    with pytest.raises(RuntimeError, match='^Flower did not accept the app: Error No such app.$'): LocalFlower(1, tmp_path).submit(tmp_path)

def ended(code): return SimpleNamespace(poll=lambda: code)

@pytest.mark.parametrize('codes,says', [(dict(superlink=1), 'superlink has ended with "the port is taken": look at the logs'),
    ({'superlink': None, 'supernode-0': 1, 'supernode-1': 1}, 'supernode-0 has ended with'),
    ({'superlink': None, 'supernode-0': 1, 'supernode-1': None}, '1 windows were not finished in 0.3 s')])
def test_programs_that_end_are_not_waited_for(codes, says, tmp_path):
    o = LocalFlower(2, tmp_path)
    for k,code in codes.items():
        (tmp_path/f'{k}.log').write_text('it starts\n\u2502 the port is taken \u2502\n\n')
        o.procs[k] = ended(code)
    with pytest.raises((RuntimeError, TimeoutError), match=says): o.wait(tmp_path/'state.pt', 1, .3)

# ---- answers that cannot be read

class Torn:
    def to_torch_state_dict(self): raise ValueError('the array has no bytes')

def message(content): return SimpleNamespace(metadata=SimpleNamespace(reply_to_message_id='7'), has_error=lambda: False, content=content)

def test_an_answer_that_cannot_be_read_is_a_failure_of_its_client():
    mail = object.__new__(FlowerMail)
    bad = [message(o) for o in (dict(model=Torn()), dict(config=5), None)]
    mail.grid = SimpleNamespace(pull_messages=lambda ids: [*bad, message(dict(config=dict(loss=1.)))])
    *said,good = mail.fetch(['7'])
    assert all(o.id=='7' and o.tensors is None and 'its answer cannot be read: ' in o.error for o in said) and len(said)==3
    assert good==('7', {}, dict(loss=1.), '')

# Windows before and after the server is started again; those of FedFix last 45 seconds, and a delivery may take longer
SCHEMES = dict(fedasync=(3, 5), fedavg=(2, 3), fedbuff=(2, 4), fedfix=(4, 7))

@pytest.mark.long
@pytest.mark.parametrize('strategy', [pytest.param(o, marks=[] if o=='fedasync' else pytest.mark.full) for o in SCHEMES])
def test_real_processes(strategy, tmp_path, monkeypatch):
    pytest.importorskip('flwr.serverapp', reason=NO_FLOWER)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get('PYTHONPATH', '')]))
    state,fails,(before,after) = tmp_path/'state.pt',tmp_path/'fails',SCHEMES[strategy]
    fails.touch()
    config = dict(strategy=strategy, windows=before, state=str(state), deadline=240., dt=45., fails=str(fails))
    with local_flower(3, tmp_path/'flower') as flower:
        flower.submit(write_app(tmp_path/'flower'/'app', 'flower_case:federated', config))
        flower.wait(state, 1)
        flower.kill('supernode-1')
        flower.wait(state, before)
        flower.submit(write_app(tmp_path/'flower'/'app', 'flower_case:federated', dict(config, windows=after, deadline=200.)))
        sd = flower.wait(state, after)
    print(sd['schedule'], sd['faults'])
    check_run(strategy, sd, before)
    sim = federated(config).replay(sd['schedule'])
    assert max((sim.x[k]-v).abs().max() for k,v in sd['fed']['x'].items())<1e-9
    assert max((sim.x[k]-v).abs().max() for k,v in federated(config).x.items())>1e-3, 'It has learned something'
    assert torch.equal(FederatedServer(federated(config), None, state, log=lambda o: None).fed.x['0.weight'], sd['fed']['x']['0.weight'])

def check_run(strategy, sd, before):
    "Faults are named, and the windows of the schedule `sd` are those of the scheme"
    ws,names = sd['schedule'],{i: [o['fault'] for o in sd['faults'] if o['client']==i] for i in range(3)}
    assert any('ZeroDivisionError: the disk of this client is full' in o for o in names[2])
    assert any('gone' in o or 'no answer' in o for o in names[1]) or all(1 not in o['clients'] for o in ws[before:])
    assert [o['number'] for o in ws]==list(range(1, len(ws)+1)) and len({i for o in ws[before:] for i in o['clients']})
    assert all(v<o['number'] for o in ws for v in o['versions'])
    sizes = [len(o['clients']) for o in ws]
    if strategy=='fedasync': assert sizes==[1]*len(ws)
    if strategy=='fedbuff': assert sizes==[2]*len(ws) and all(w==0.5 for o in ws for w in o['weights'])
    if strategy=='fedavg':
        assert 0 in ws[0]['clients'] and all(sorted(o['clients'])==[0, 2] for o in ws[before:]), 'A client that fails may be left out'
        assert all(abs(w-1/3)<1e-12 for o in ws for w in o['weights'])
    if strategy=='fedfix':
        spans = [b['time']-a['time'] for part in (ws[:before], ws[before:]) for a,b in zip(part, part[1:])]
        assert min(spans)>=45 and all(abs(w*3-round(w*3))<1e-9 for o in ws for w in o['weights'])

@pytest.mark.full
def test_the_command_and_its_continuation(tmp_path):
    "`fastopt-federate --engine flower`, and with `--resume` after its first windows"
    pytest.importorskip('flwr.serverapp', reason=NO_FLOWER)
    def federate(*words):
        code = 'from fastopt.cli import fastopt_federate; fastopt_federate()'
        res = subprocess.run([sys.executable, '-c', code, *words], capture_output=True, text=True)
        assert not res.returncode, res.stderr
        path, = tmp_path.glob('*flower*')
        return path,json.loads((path/'record.json').read_text()),res.stdout
    first = ['--strategy', 'fedbuff', '--c', '2', '--clients', '3', '--limit', '300', '--steps', '3', '--windows', '1']
    path,a,out = federate('--engine', 'flower', *first, '--out', str(tmp_path))
    assert a['status']=='done' and len(a['schedule'])==1 and 'after 1 windows and 2 deliveries' in out
    _,b,out = federate('--resume', str(path), '--windows', '2')
    assert b['status']=='done' and b['schedule'][0]==a['schedule'][0] and len(b['schedule'])==2 and 'after 2 windows' in out
    assert (path/'model.pkl').is_file() and (path/'curves.png').is_file() and len(b['history'])==2
    assert sum(o['deliveries'] for o in b['clients'])==4
