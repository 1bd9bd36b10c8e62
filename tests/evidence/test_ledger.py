"The ledger of claims: no claim is missing, verdicts follow from the numbers by fixed rules, and each rule can give each verdict"
import json, math, pytest, shlex, torch
from functools import partial
from pathlib import Path
from scipy.optimize import linprog
import fastopt.optim.all as every
from fastopt import cli
from fastopt.evidence.claims import CLAIMS, LEAST_PAIRS, LITERATURE, VERDICTS, Ask, answer, judge
from fastopt.evidence.compare import Entry
from fastopt.evidence.ledger import NOT_YET, ledger_table, note_untried, numbers_of, plot_ledger, read_ledger, save_ledger, settle
from fastopt.evidence.trials import PLANS, StackedNet, Trials, train_stacked
from fastopt.names import InputError

BOARD = Path(__file__).parents[2]/'nbs'/'board'
RECORDS = read_ledger(BOARD/'ledger.jsonl')
PLACES = ('collaborate','reduction','federate','one scheme') # Plans of `fastopt.distributed`, which `evidence` does not import

# Every claim of the literature list, by its source
LISTED = '''diffgrad-locks-in diffgrad-escapes diffgrad-beats-adam diffgrad-beats-sgdm diffgrad-cifar-300 diffgrad-v1-beats-v0
    diffgrad-flat-anneal diffgrad-near-record diffgrad-activations
    adabelief-fast adabelief-generalizes adabelief-eps adabelief-gan adabelief-samples
    sharpness-sgd-adam sharpness-few-coordinates clipping-lowers-sharpness clipping-helps
    monna-attack-free monna-momentum monna-reduction monna-overhead
    federated-one-scheme federated-async-fast federated-async-unstable federated-fedfix
    adamw-separates adamw-matches-sgdm qhadam-generalizes qhadam-steadier qhadamw-early lamb-no-warm-up lamb-early lamb-large-batches
    adamod-no-warm-up adamod-rates adamod-beats-warm-adam adamod-sgdm-overtakes adamod-then-sgdm diffgrad-early-variance diffmod-combines
    top-five radam-no-warm-up
    ackley-iterations adamax-best-in-training four-alike adam-lowest-loss adagrad-behind demon-six-tasks demon-late yellowfin-tunes-itself
    imagenette-record'''.split()

def test_no_claim_is_forgotten():
    assert sorted(CLAIMS)==sorted(LISTED)==sorted({*LISTED})
    assert sorted(o['claim'] for o in RECORDS)==sorted(LISTED)
    assert {o.plan for o in CLAIMS.values() if o.plan}<={*PLANS, *PLACES}

# ---- records

@pytest.mark.parametrize('rec', RECORDS, ids=lambda o: o['claim'])
def test_each_verdict_follows_from_its_record(rec):
    claim = CLAIMS[rec['claim']]
    assert rec['protocol']==claim.protocol, 'the questions were changed after the run'
    verdict,asks,controls = judge(claim, rec['values'])
    assert rec['verdict']==VERDICTS[verdict]
    if rec['values'] is None: return
    for told,found in zip(rec['asks']+rec['controls'], asks+controls, strict=True):
        assert (told['question'], told['answer'], told['n'])==(found['question'], found['answer'], found['n'])
        for k in ('difference','low','high'): assert math.isclose(told[k], found[k], rel_tol=1e-9, abs_tol=1e-12)

@pytest.mark.parametrize('rec', RECORDS, ids=lambda o: o['claim'])
def test_form_of_records(rec):
    claim = CLAIMS[rec['claim']]
    assert (rec['says'], rec['source'])==(claim.says, LITERATURE[claim.source]) and rec['command']
    if rec['values'] is None:
        assert rec['why']==(claim.why or NOT_YET) and rec['verdict']==VERDICTS['untried']
        return
    numbers = [v for arms in rec['values'].values() for v in arms.values()]
    assert {len(o) for o in numbers}=={1 if claim.exact else rec['n']} and rec['setting'] and rec['date'] and rec['device']
    assert claim.exact or rec['n']>=LEAST_PAIRS
    assert {'python','torch','fastai'}<={*rec['versions']} and rec['commit']
    for o in rec['asks']+rec['controls']:
        if rec['verdict']==VERDICTS['open'] and o['answer']=='open' and o['n']>1: assert o['detectable']>0
    assert all(v is None or math.isfinite(v) for o in numbers for v in o)

def test_enough_is_settled():
    run = [o for o in RECORDS if o['values'] is not None]
    decided = [o for o in run if o['verdict']!=VERDICTS['open']]
    assert len(run)>=14 and len(decided)>=10
    assert len((BOARD/'ledger.jsonl').read_bytes())<300_000

def test_the_page_has_every_claim_and_verdict():
    page = (BOARD/'ledger.html').read_text(encoding='utf-8')
    assert all(f'data-v="{o["claim"]}"' in page for o in RECORDS) and page.count('<svg')==1
    for v in VERDICTS.values():
        n = sum(o['verdict']==v for o in RECORDS)
        assert not n or f'{n} {v}' in page

def test_the_page_is_made_from_the_records(tmp_path):
    save_ledger(RECORDS, tmp_path/'page.html')
    def table(o): return o.read_text(encoding='utf-8').split('<table>')[1]
    assert table(tmp_path/'page.html')==table(BOARD/'ledger.html')

# ---- rules

def levels(claim, wanted):
    "A number for each (measure, arm) such that each question of `wanted` has its answer, by a linear program of differences"
    at,bounds = {},[]
    for q,ans in wanted:
        a,b = [(q.measure, o) for o in (q.one, q.other)]
        up,m = q.how in ('above','not below'),max(q.margin, q.by)
        far,eps = m+max(m, 1)*.5,max(m, 1)*1e-3
        if q.how=='alike': bounds += [(a, b, 0.), (b, a, 0.)] if ans=='yes' else [(a, b, far)]
        elif (ans=='yes')==(q.how in ('above','below')): bounds.append((a, b, far) if up==(ans=='yes') else (b, a, far))
        elif ans=='yes': bounds.append((a, b, 0.) if up else (b, a, 0.))
        else: bounds.append((b, a, eps) if up else (a, b, eps))
        for k in (a, b): at.setdefault(k, (k[1], k[1]) if isinstance(k[1], (int,float)) else (None, None))
    keys = [*at]
    rows = [[(k==lo)-(k==hi) for k in keys] for hi,lo,_ in bounds]
    res = linprog([0.]*len(keys), rows, [-d for *_,d in bounds], bounds=[*at.values()])
    assert res.success, f'{claim.id} asks for what cannot be'
    return dict(zip(keys, res.x.tolist()))

def record_for(claim, at, spread=0.):
    n = 1 if claim.exact else 12
    values,first = {},(claim.asks[0].measure, claim.asks[0].one)
    for q in (*claim.asks, *claim.controls):
        for arm in (q.one, q.other):
            if not isinstance(arm, str): continue
            wide = spread if (q.measure, arm)==first else 0.
            values.setdefault(q.measure, {})[arm] = [at.get((q.measure, arm), 0.) + wide*(1 if i%2 else -1) for i in range(n)]
    return values

TRIED = [o for o in CLAIMS.values() if o.plan]
def yes(qs): return [(q, 'yes') for q in qs]

@pytest.mark.parametrize('claim', TRIED, ids=lambda o: o.id)
def test_each_rule_can_give_each_verdict(claim):
    good = levels(claim, yes(claim.asks)+yes(claim.controls))
    assert judge(claim, record_for(claim, good))[0]=='reproduced'
    assert judge(claim, record_for(claim, levels(claim, [(claim.asks[0], 'no')])))[0]=='missed'
    if not claim.exact: assert judge(claim, record_for(claim, good, spread=1e3))[0]=='open'
    for i,q in enumerate(claim.controls):
        others = [o for j,o in enumerate(claim.controls) if j!=i]
        assert judge(claim, record_for(claim, levels(claim, yes(claim.asks)+yes(others)+[(q, 'no')])))[0]=='explained'

@pytest.mark.parametrize('claim', [o for o in CLAIMS.values() if not o.plan], ids=lambda o: o.id)
def test_what_is_not_attempted_says_why(claim): assert judge(claim, None)[0]=='untried' and claim.why and claim.command

@pytest.mark.parametrize('claim', [o for o in CLAIMS.values() if o.command], ids=lambda o: o.id)
def test_published_commands_parse(claim):
    name,*args = shlex.split(claim.command)
    assert cli.parser(name).parse_args(args)
    assert [o['command'] for o in RECORDS if o['claim']==claim.id]==[claim.command]

ABOVE = Ask('a', 'above', 'b', 'score', .01)
def _judged(xs, **kwargs): return answer(ABOVE, dict(score=dict(a=xs, b=[0.]*len(xs))), **kwargs)['answer']

def test_few_pairs_and_lost_runs_resolve_nothing():
    ten = [.1+.001*i for i in range(10)]
    assert [_judged(ten), _judged(ten[:9]), _judged(ten[:9]+[None]), _judged([.1], exact=True)]==['yes','open','open','yes']

def test_an_interval_decides_and_not_a_mean():
    wide = [.02+(.1 if i%2 else -.1) for i in range(10)]
    assert _judged(wide)=='open' and _judged([.02+(.005 if i%2 else -.005) for i in range(10)])=='yes'

def test_unknown_names_are_told():
    with pytest.raises(InputError, match="did you mean 'diffgrad-locks-in'"): settle('diffgrad-lock-in')
    with pytest.raises(InputError, match="did you mean 'adam'"): answer(Ask('adm', 'above', 0., 'x'), dict(x=dict(adam=[1.]*10)))
    with pytest.raises(InputError, match='has no'): answer(Ask('adam', 'over', 0., 'x'), dict(x=dict(adam=[1.]*10)))

# ---- settling

def test_a_claim_is_settled_once_and_by_the_same_questions(tmp_path, monkeypatch):
    calls = []
    def measure():
        "How it was measured"
        calls.append(1)
        return {'accuracy under the worst attack': {k: [v]*10 for k,v in (('nna', .9), ('attack-free mean', .91), ('mean', .1))}}
    go = partial(settle, 'monna-attack-free', out=tmp_path, measure=measure, show=False)
    rec = go()
    assert rec['verdict']=='reproduced' and rec['setting']=='How it was measured' and go()['date']==rec['date'] and len(calls)==1
    assert [o['claim'] for o in read_ledger(tmp_path/'ledger.jsonl')]==['monna-attack-free']
    claim = CLAIMS['monna-attack-free']
    monkeypatch.setitem(CLAIMS, claim.id, claim._replace(asks=(claim.asks[0]._replace(margin=.5),)))
    with pytest.raises(InputError, match='judged by other questions'): go()

def test_what_was_not_attempted_can_be_settled_later(tmp_path):
    note_untried(tmp_path/'ledger.jsonl')
    recs = read_ledger(tmp_path/'ledger.jsonl')
    assert [o['claim'] for o in recs]==[*CLAIMS] and {o['verdict'] for o in recs}=={VERDICTS['untried']}
    assert settle('ackley-iterations', out=tmp_path, show=False)['verdict']==VERDICTS['explained']
    note_untried(tmp_path/'ledger.jsonl')
    recs = {o['claim']: o for o in read_ledger(tmp_path/'ledger.jsonl')}
    assert recs['ackley-iterations']['values'] and len((tmp_path/'ledger.jsonl').read_text().splitlines())==len(CLAIMS)+1

def test_trainings_of_many_seeds_are_those_of_each(tmp_path):
    rng = torch.Generator().manual_seed(0)
    data = torch.randn(64, 1, 5, 5, generator=rng),torch.arange(64)%3,torch.randn(20, 1, 5, 5, generator=rng),torch.arange(20)%3
    for o in (every.adam, every.ranger, every.yellowfin): # Elementwise, per tensor, and all weights together
        go = partial(train_stacked, StackedNet(((2, 3, 2),), (4,)), Entry('x', o), data, epochs=2, bs=16)
        assert go([3, 4])['loss']==pytest.approx(go([3])['loss'] + go([4])['loss'], rel=1e-4)

def test_what_was_trained_is_not_trained_again(tmp_path):
    t = Trials(out=tmp_path)
    a = t('digits', Entry('sgd', partial(every.sgd, lr=.1)), seeds=[1], epochs=1)
    lines = (tmp_path/'trials.jsonl').read_text().splitlines()
    again = Trials(out=tmp_path)
    assert again('digits', Entry('sgd', partial(every.sgd, lr=.1)), seeds=[1], epochs=1)==a and again.seconds==t.seconds
    assert (tmp_path/'trials.jsonl').read_text().splitlines()==lines and len(lines)==1
    again('digits', Entry('sgd', partial(every.sgd, lr=.2)), seeds=[1], epochs=1)
    assert len((tmp_path/'trials.jsonl').read_text().splitlines())==2

@pytest.mark.parametrize('change', [dict(seconds=None), dict(seconds='3'), *({k: ...} for k in ('key', 'found', 'seconds'))], ids=str)
def test_a_damaged_training_is_done_again(tmp_path, change):
    "The value `...` removes a key"
    def train(o): return Trials(out=tmp_path).get_or_run([1], lambda: o)
    assert train('a')==train('b')=='a'
    path = tmp_path/'trials.jsonl'
    rec = {k: v for k,v in (json.loads(path.read_text()) | change).items() if v is not ...}
    path.write_text(json.dumps(rec) + '\n')
    with pytest.warns(UserWarning, match='line 1 of .*trials.jsonl is damaged'): assert train('b')=='b'

def test_a_diverged_run_has_the_score_of_chance():
    x,y = torch.randn(64, 1, 4, 4, generator=torch.Generator().manual_seed(0)),torch.arange(64)%4
    got = train_stacked(StackedNet(hidden=(4,)), Entry('x', partial(every.sgd, lr=1e30)), (x, y, x, y), [0, 1], epochs=2, bs=16)
    assert got['accuracy']==[.25, .25] and got['loss']==pytest.approx([2*math.log(4)]*2)

def test_table_and_numbers():
    df = ledger_table(RECORDS)
    assert not df.setting.str.contains('`').any() # Readers know claims, but not the names of plans
    assert [*df.claim]==[o['claim'] for o in RECORDS] and all(df.numbers.str.len()>0)
    assert all('could have been found' in numbers_of(o) for o in RECORDS if o['verdict']==VERDICTS['open'])
    with pytest.raises(InputError, match='no record has an interval'): plot_ledger([o for o in RECORDS if o['values'] is None])

def test_a_damaged_record_is_named(tmp_path):
    (tmp_path/'l.jsonl').write_text(json.dumps(dict(claim='top-five'))+'\n')
    with pytest.warns(UserWarning, match="line 1 .*'says'"): assert read_ledger(tmp_path/'l.jsonl')==[]
