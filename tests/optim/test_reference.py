"Replays every recorded trajectory of each rule, from the whole collection if it is next to the project and otherwise from the subset here"
import json, numpy as np
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path
import pytest, replay as replays, shutil
from cases import RULES
from fastcore.basics import groupby
from fastopt.core.registry import replayed_cases
from kernels import Ahead
from record import main as record
from replay import UNKNOWN, WAYS, arrays, dtypes_of, expected, find, judge, main, owner, replay

TESTS = Path(__file__).parents[1]
NEWER = TESTS.parents[1]/'shared'/'reference2026'
ROOTS = [o for o in (TESTS/'reference', TESTS.parents[1]/'shared'/'reference') if (o/'index.json').exists()]

def by_default(i, engine):
    "The first case of each optimizer is replayed on every engine, and each of the others on one, in turn"
    return not i or engine==('eager', 'foreach', 'eager', 'fused')[i%4]

def index_of(root): return json.loads((root/'index.json').read_text())

@lru_cache
def collection():
    "For each optimizer, its cases as (folder, index of the folder, name); those of tests/record.py are only in the subset"
    every = {k: (o, index, k) for o in ROOTS for index in [index_of(o)] for k in index['cases']}
    trusted = [o for _,o in sorted(every.items()) if o[1]['cases'][o[2]]['trust'] in ('primary', 'port')]
    return groupby(trusted, lambda o: o[1]['cases'][o[2]]['optimizer'])

def replayed(name, engines=tuple(WAYS), full=False, **changed):
    """Error over tolerance, or what is wrong, for each case, engine and dtype of those that run by default or, in `full`, of the others.
    `changed` replaces entries of the index"""
    return {(case, o, dtype): judge(root, index | changed, arrays(root/'gradients.npz'), case, o, dtype)
        for i,(root,index,case) in enumerate(collection().get(name, [])) for o in engines if by_default(i, o)!=full
        for dtype in dtypes_of(index['cases'][case], o) if dtype in index['cases'][case]['dtypes']}

# Most cases have hypers that need a kernel of their own, and need all of their kernels in the first 12 steps
AHEAD = {full: Ahead(partial(replayed, engines=['fused'], full=full, n_steps=12), RULES, size=6) for full in (False, True)}

@pytest.mark.parametrize('full', [False, pytest.param(True, marks=pytest.mark.full)], ids=['default', 'full'])
@pytest.mark.parametrize('name', RULES)
def test_replay(name, full):
    with AHEAD[full](name): errors = replayed(name, full=full)
    assert errors or full, f'no case of {name} was replayed'
    assert all(not isinstance(o, str) and o<=1 for o in errors.values()), {k:v for k,v in errors.items() if isinstance(v, str) or not v<=1}

beside = pytest.mark.skipif(len(ROOTS)<2, reason='the whole collection is not next to the project')

@beside
def test_the_committed_subset_is_part_of_the_whole():
    "Replaying the subset as well would show nothing more"
    ours,whole = map(index_of, ROOTS)
    at = [whole['record_after_steps'].index(o) for o in ours['record_after_steps']]
    added = {k for k,o in ours['cases'].items() if 'by' in o}
    for k,case in ours['cases'].items(): assert k in added or case=={o: whole['cases'][k].get(o) for o in case}
    for f in ROOTS[0].glob('*.npz'):
        own = [k for k in np.load(f).files if k.split('/')[0] not in added]
        if not own: continue
        a,b = np.load(f),np.load(ROOTS[1]/f.name)
        for k in own:
            want = b[k][:len(a[k])] if f.stem=='gradients' else b[k][at] # The first steps of gradients, and the recorded steps of weights
            assert np.array_equal(a[k], want, equal_nan=True), (f.name, k)

@beside
def test_the_subset_counts_the_cases_of_the_whole():
    cases = index_of(ROOTS[1])['cases'].values()
    assert index_of(ROOTS[0])['counts']==Counter(owner(c) for c in cases if c['trust']=='primary' and find(c))

def lacking(have, index):
    "What `have`, the content of replayed.json, must get"
    do = 'run python tests/replay.py tests/reference --update'
    return [f'{k}: fastopt/replayed.json counts {have[k]}, and not {n}: {do}' if k in have else
        f'{k} has a recording but no entry in fastopt/replayed.json: {do}' for k,n in expected(index).items() if have.get(k)!=n]

def test_the_registry_counts_every_case_as_passed():
    index = index_of(ROOTS[0])
    lacks = lacking(replayed_cases(), index)
    assert not lacks, '; '.join(lacks)
    assert not replayed_cases().keys()-expected(index).keys()

def test_what_is_known_to_be_wrong_is_not_matched():
    errors = {case: err for _,case,_,_,err in replay(ROOTS[-1], trust=('known-wrong',), engine='eager')}
    assert all(err>1e3 for err in errors.values()), errors

@pytest.mark.skipif(not NEWER.exists(), reason='the newer collection is not next to the project')
def test_newer_options_and_newer_optimizers():
    found = {case: err for _,case,_,_,err in replay(NEWER, ['SOAP', 'Prodigy', 'AdaMuon', 'CAME', 'NorMuon'], engine='eager')}
    ours = {case for case in found if case.startswith(('SOAP.', 'Prodigy.'))}
    assert all(found[o]<=1 for o in ours) and {found[o] for o in found.keys()-ours}=={UNKNOWN}

def test_a_case_that_cannot_be_replayed_fails_alone(tmp_path, capsys):
    index = json.loads((ROOTS[0]/'index.json').read_text())
    cases = {k:v for k,v in index['cases'].items() if v['optimizer'] in ('SOAP', 'QHM') and v['trust']=='primary'}
    bad = next(k for k,v in cases.items() if v['optimizer']=='SOAP')
    cases[bad]['hyperparameters']['turbo'] = 1
    cases['Mystery.official'] = {**cases[bad], 'optimizer':'Mystery'}
    for f in ROOTS[0].glob('*.npz'): (tmp_path/f.name).symlink_to(f)
    (tmp_path/'index.json').write_text(json.dumps({**index, 'cases':cases}))
    with pytest.raises(SystemExit) as e: main(str(tmp_path), engine='eager', save=str(tmp_path/'counts.json'))
    said,n = capsys.readouterr().out,len(cases)
    assert e.value.code==1 and f"{bad}: TypeError: soap has no 'turbo'. It has: " in said and 'Mystery.official: no rule yet' in said
    assert said.endswith(f'primary {n-2}/{n}\n')
    counts = json.loads((tmp_path/'counts.json').read_text())
    assert all(good==total for k,(good,total) in counts.items() if k!='soap') and counts['soap'][0]==counts['soap'][1]-1

# ---- recordings of one's own

@pytest.fixture
def folder(tmp_path):
    "A copy of the subset, without the cases that tests/record.py has added"
    to,index = shutil.copytree(ROOTS[0], tmp_path/'reference'),index_of(ROOTS[0])
    index['cases'] = {k:v for k,v in index['cases'].items() if 'by' not in v}
    (to/'index.json').write_text(json.dumps(index))
    return to

AUTHORS = """import torch
class Walk(torch.optim.SGD):
    def __init__(self, params, speed=.1, betas=(.5,), wide=False):
        assert isinstance(betas, tuple)
        super().__init__(params, lr=speed, momentum=betas[0])
class Broken(Walk):
    def step(self): raise RuntimeError('no\\nidea')
"""

def test_a_recording_is_replayed_and_counted(folder, monkeypatch, capsys):
    before = index_of(folder)
    have = {k:[n, n] for k,n in before['counts'].items()}
    assert not lacking(have, before)
    record(['AdamW', 'torch.optim:AdamW', 'lr=0.02', 'betas=(0.8,0.9)', '--data', 'base,zeros,quad', '--root', str(folder)])
    name = 'AdamW.pytorch.lr=0.02_betas=0.8,0.9'
    assert capsys.readouterr().out.splitlines()[:3]==[name, f'{name}@zeros', f'{name}@quad']
    index = index_of(folder)
    case = index['cases'][name]
    assert {k:v for k,v in index['cases'].items() if 'by' not in v}==before['cases'] and (case['rtol64'],case['rtol32'])==(1e-10, 1e-5)
    assert {*case}-{'by'}=={*before['cases']['AdamW.torch.amsgrad@wide']} and 'tests/record.py, torch ' in case['by']
    old,new = (np.load(o/case['file']) for o in (ROOTS[0], folder))
    assert all(np.array_equal(old[k], new[k]) for k in old.files) and {k.split('/')[0] for k in new.files if k not in old.files}=={
        name, f'{name}@zeros', f'{name}@quad'}
    found = {(case, err<=1) for _,case,_,_,err in replay(folder, own=True)}
    assert found=={(f'{name}{o}', True) for o in ('', '@zeros', '@quad')}
    n,do = before['counts']['adamw'],'run python tests/replay.py tests/reference --update'
    assert lacking(have, index)==[f'adamw: fastopt/replayed.json counts {[n, n]}, and not {[n+3, n+3]}: {do}']
    without = {k:v for k,v in have.items() if k!='adamw'}
    assert lacking(without, index)==[f'adamw has a recording but no entry in fastopt/replayed.json: {do}']
    monkeypatch.setattr(replays, 'REPLAYED', folder/'replayed.json')
    with pytest.raises(SystemExit) as e: main(str(folder), update=True)
    assert not e.value.code and json.loads((folder/'replayed.json').read_text())=={**have, 'adamw':[n+3, n+3]}
    record(['AdamW', 'torch.optim:AdamW', 'lr=0.02', 'betas=(0.8,0.9)', '--root', str(folder)]) # Again
    assert index_of(folder)['cases'].keys()==index['cases'].keys()

def test_what_fails_or_has_no_rule_is_not_counted(folder, monkeypatch, capsys):
    (folder/'walks.py').write_text(AUTHORS)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(replays, 'REPLAYED', folder/'replayed.json')
    record(f"Walk walks:Walk speed=0.1 betas=(.9,) --repo a/walk --commit {'0'*40} --root {folder} --label fast".split())
    case = index_of(folder)['cases']['Walk.a.fast']
    assert [case[o] for o in ('repo', 'path', 'commit', 'file')]==['a/walk', 'walks.py', '0'*40, 'Walk.npz']
    assert case['hyperparameters']=={'speed':0.1, 'betas':[0.9]}
    with pytest.raises(SystemExit, match='stays as it is: correct these cases, or map their optimizer'): main(str(folder), update=True)
    assert 'Walk.a.fast: no rule yet' in capsys.readouterr().out and not (folder/'replayed.json').exists()
    with pytest.raises(SystemExit, match='leave out --only'): main(str(folder), only='Walk', update=True)

@pytest.mark.parametrize('args,says', [
    ('A torch.optim', 'torch.optim: write MODULE:CLASS'), ('A torch.opt:Adam', 'torch.opt cannot be imported '),
    ('A torch.optim:Adm', 'torch.optim has no optimizer Adm; it has Adafactor, '), ('A walks:Nothing', 'it has Walk, Broken'),
    ('A/B torch.optim:Adam', 'A/B: the name of an optimizer'), ('A torch.optim:Adam lr', 'lr: write KEY=VALUE'),
    ('A torch.optim:Adam turbo=1', "cannot be recorded: TypeError: Adam.__init__() got an unexpected keyword argument 'turbo'"),
    ('A torch.optim:SGD lr=1e9 --data quad', 'infinite or NaN in float32; try a smaller lr'), ('A torch.optim:Adam lr=1e999', 'as JSON'),
    ('A torch.optim:Adam --data base,bse', 'bse: no such data set; there are base, '), ('A walks:Walk', 'give its --repo and --commit'),
    ('A walks:Walk --repo a', 'write OWNER/NAME'), ('A walks:Walk --repo a/b --commit 12', 'all 40 digits'),
    ('SGD torch.optim:SGD --label torch.nesterov_wd --root nowhere', 'nowhere: no index.json'),
    (f"A walks:Broken --repo a/b --commit {'0'*40}", 'Broken cannot be recorded: RuntimeError: no'),
    (f"SGD walks:Walk --repo torch/b --label nesterov_wd --commit {'0'*40}", 'is in the collection already: give another --label')])
def test_what_cannot_be_recorded(args, says, folder, monkeypatch):
    (folder/'walks.py').write_text(AUTHORS)
    monkeypatch.chdir(folder)
    before = {o: o.read_bytes() for o in folder.iterdir() if o.is_file()}
    with pytest.raises(SystemExit) as e: record([*args.split(), *([] if '--root' in args else ['--root', str(folder)])])
    assert says in e.value.code and '\n' not in e.value.code
    assert {o: o.read_bytes() for o in folder.iterdir() if o.is_file()}==before
