"Every recorded trajectory that a rule claims: the committed subset always, the whole collection where it lies beside the project"
import json
from collections import Counter
from pathlib import Path
import pytest
from cases import RULES
from fastopt.core.registry import replayed_cases
from replay import UNKNOWN, find, main, owner, replay

TESTS = Path(__file__).parents[1]
NEWER = TESTS.parents[1]/'shared'/'reference2026'
ROOTS = [o for o in (TESTS/'reference', TESTS.parents[1]/'shared'/'reference') if (o/'index.json').exists()]

@pytest.mark.parametrize('name', RULES)
@pytest.mark.parametrize('root', ROOTS, ids=lambda o: o.parent.name)
def test_replay(root, name):
    errors = {(case, engine, dtype): err for _,case,engine,dtype,err in replay(root, [name], trust=('primary', 'port'))}
    assert errors, f'no case of {name} was replayed'
    assert all(not isinstance(o, str) and o<=1 for o in errors.values()), {k:v for k,v in errors.items() if isinstance(v, str) or not v<=1}

@pytest.mark.skipif(len(ROOTS)<2, reason='the whole collection does not lie beside the project')
def test_the_registry_counts_every_case_as_passed():
    cases = json.loads((ROOTS[1]/'index.json').read_text())['cases'].values()
    assert replayed_cases()=={k:[n, n] for k,n in Counter(owner(c) for c in cases if c['trust']=='primary' and find(c)).items()}

@pytest.mark.parametrize('root', ROOTS, ids=lambda o: o.parent.name)
def test_what_is_known_to_be_wrong_is_not_matched(root):
    errors = {case: err for _,case,_,_,err in replay(root, trust=('known-wrong',), engine='eager')}
    assert all(err>1e3 for err in errors.values()), errors

@pytest.mark.skipif(not NEWER.exists(), reason='the newer collection does not lie beside the project')
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
