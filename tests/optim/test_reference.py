"Replays every recorded trajectory of each rule, from the whole collection if it is next to the project and otherwise from the subset here"
import json, numpy as np
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path
import pytest
from cases import RULES
from fastcore.basics import groupby
from fastopt.core.registry import replayed_cases
from kernels import Ahead
from replay import UNKNOWN, WAYS, arrays, dtypes_of, find, judge, main, owner, replay

TESTS = Path(__file__).parents[1]
NEWER = TESTS.parents[1]/'shared'/'reference2026'
ROOTS = [o for o in (TESTS/'reference', TESTS.parents[1]/'shared'/'reference') if (o/'index.json').exists()]

def by_default(i, engine):
    "The first case of each optimizer is replayed on every engine, and each of the others on one, in turn"
    return not i or engine==('eager', 'foreach', 'eager', 'fused')[i%4]

@lru_cache
def collection():
    "The index of the recordings, the gradients, and for each optimizer its cases"
    index = json.loads((ROOTS[-1]/'index.json').read_text())
    trusted = [k for k,v in sorted(index['cases'].items()) if v['trust'] in ('primary', 'port')]
    return index,arrays(ROOTS[-1]/'gradients.npz'),groupby(trusted, lambda k: index['cases'][k]['optimizer'])

def replayed(name, engines=tuple(WAYS), full=False, **changed):
    """Error over tolerance, or what is wrong, for each case, engine and dtype of those that run by default or, in `full`, of the others.
    `changed` replaces entries of the index"""
    index,grads,cases = collection()
    index = index | changed
    return {(case, o, dtype): judge(ROOTS[-1], index, grads, case, o, dtype) for i,case in enumerate(cases[name]) for o in engines
        if by_default(i, o)!=full for dtype in dtypes_of(index['cases'][case], o) if dtype in index['cases'][case]['dtypes']}

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
    ours,whole = (json.loads((o/'index.json').read_text()) for o in ROOTS)
    at = [whole['record_after_steps'].index(o) for o in ours['record_after_steps']]
    for k,case in ours['cases'].items(): assert case=={o: whole['cases'][k].get(o) for o in case}
    for f in ROOTS[0].glob('*.npz'):
        a,b = np.load(f),np.load(ROOTS[1]/f.name)
        for k in a.files:
            want = b[k][:len(a[k])] if f.stem=='gradients' else b[k][at] # The first steps of gradients, and the recorded steps of weights
            assert np.array_equal(a[k], want, equal_nan=True), (f.name, k)

@beside
def test_the_registry_counts_every_case_as_passed():
    cases = json.loads((ROOTS[1]/'index.json').read_text())['cases'].values()
    assert replayed_cases()=={k:[n, n] for k,n in Counter(owner(c) for c in cases if c['trust']=='primary' and find(c)).items()}

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
