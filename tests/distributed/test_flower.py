"Three real SuperNodes train: one client raises, one is killed, the server continues from its state, and the simulation replays it"
import os, pytest, torch
from fastopt.distributed.flower import FederatedServer, flower_apps, local_flower, write_app
from flower_case import federated
from pathlib import Path

TESTS = Path(__file__).parents[1]

def test_without_flower_it_is_said_how_to_get_it():
    try: import flwr # chkstyle: ignore - is it there?
    except ImportError:
        with pytest.raises(ImportError, match=r"pip install 'fastopt\[federated\]'"): flower_apps(federated)

@pytest.mark.long
def test_real_processes(tmp_path, monkeypatch):
    pytest.importorskip('flwr.serverapp', reason='Flower is the extra `federated`, for an environment of its own')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get('PYTHONPATH', '')]))
    state,fails = tmp_path/'state.pt',tmp_path/'fails'
    fails.touch()
    config = dict(strategy='fedasync', windows=3, state=str(state), deadline=240., dt=1., fails=str(fails))
    with local_flower(3, tmp_path/'flower') as flower:
        flower.submit(write_app(tmp_path/'flower'/'app', 'flower_case:federated', config))
        flower.wait(state, 1)
        flower.kill('supernode-1')
        flower.wait(state, 3)
        flower.submit(write_app(tmp_path/'flower'/'app', 'flower_case:federated', dict(config, windows=5, deadline=60.)))
        sd = flower.wait(state, 5)
    names = {i: [o['fault'] for o in sd['faults'] if o['client']==i] for i in range(3)}
    assert any('ZeroDivisionError: the disk of this client is full' in o for o in names[2])
    assert any('gone' in o or 'no answer' in o for o in names[1]) or all(1 not in o['clients'] for o in sd['schedule'][3:])
    assert [o['number'] for o in sd['schedule']]==[1, 2, 3, 4, 5]
    sim = federated(config).replay(sd['schedule'])
    assert max((sim.x[k]-v).abs().max() for k,v in sd['fed']['x'].items())<1e-9
    assert torch.equal(FederatedServer(federated(config), None, state, log=lambda o: None).fed.x['0.weight'], sd['fed']['x']['0.weight'])
    print(sd['schedule'], sd['faults'])
