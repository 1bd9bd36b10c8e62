"What `fastopt-bench-step` prints, counts, writes and rejects. Nothing here depends on how long a step takes."
import errno, json, math, os, runpy, sys
from pathlib import Path
from types import SimpleNamespace
import pytest, torch
from fastcore.basics import first
from fastopt.core import engine, fused
from fastopt.core.backends import base
from fastopt.evidence import step_bench as B
from fastopt.training.records import git_commit

@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    "A model of three small tensors in place of the large ones, and no new processes"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(B, 'nets', {o: lambda: [(3,4), (5,), ()] for o in ('xresnet50','small')})
    monkeypatch.setattr(B, 'first_steps', lambda: dict(cold=dict(adamw=2.), warm=dict(adamw=1.)))
    monkeypatch.setattr(B, 'overheads',
        lambda *args, **kwargs: [dict(face='fastopt', groups=n, median_us=99., spread=[98., 100.], n=3) for n in B.groups])
    monkeypatch.setattr(B, 'corners', {k: (lambda: [(3,4), (5,), ()], *o[1:]) for k,o in B.corners.items()})
    monkeypatch.setattr(B, 'default_device', lambda: torch.device('cpu'))
    monkeypatch.setitem(B.homes, 'heavyball', 'no_such_library') # If it is installed, it compiles for half a minute

@pytest.fixture
def uncompiled(monkeypatch):
    "Engines that need no compiler"
    monkeypatch.setattr(B, 'engines', {k:v for k,v in B.engines.items() if k in ('eager','foreach')})

@pytest.fixture
def no_corners(monkeypatch):
    "Most of the time of a short record; `test_record` has them"
    monkeypatch.setattr(B, 'corners', {})

def measure(name, **kw): return B.measure_family(name, 'small', 'cpu', n=2, **kw)
def keys(rows): return {(o['name'],o['library'],o['engine']) for o in rows}

# ---- counts

@pytest.mark.parametrize('name,n', dict(sgd=5, adam=7, adamw=7, radam=7, diffgrad=9, diffrgrad=9, adamod=9, diffmod=11, deepmemory=11,
    ranger=8+2/6, lookahead=5+2/5).items())
def test_floats(name, n): assert math.isclose(B.state_numbers(B.competitors[name]), n)

two_phases = dict( # (read by the first phase, written by it, read by the second, written by it), and without sums in kernels
    lamb=('gpmv mv mvp p', 12), lamb_debiased=('gpmv mv mvp p', 12), lars=('gp - gpb pb', 7), stableadamw=('gv v gmvp mp', 11),
    cautious_adamw=('gmv mv gmvp p', 12), cautious_lion=('gm - gmp mp', 9),
    mars_adamw=('ga - gamvp amvp', 13), mars_lion=('ga - gamp amp', 11))

@pytest.mark.parametrize('name', two_phases)
def test_byte_floor_by_hand(name):
    columns,apart = two_phases[name]
    assert B.phases(B.competitors[name])==2
    assert B.state_numbers(B.competitors[name])==len(columns.replace(' ', '').replace('-', ''))
    assert B.state_numbers(B.competitors[name], sums=False)==apart

def test_single_phases():
    "The gradient is read, weights and all state are read and written; `sophia` only reads a state, and lookahead uses its own at times"
    for name,r in B.competitors.items():
        if B.phases(r)==1 and B.period(r)==1: assert B.state_numbers(r)==3+2*len(r.state)-(name=='sophia'), name

def test_sums_are_no_traffic_and_functions_are():
    # A mean first; the function reads it and writes; the step reads two and writes
    assert B.state_numbers(B.every.muon)==4+2+3
    assert B.state_numbers(B.every.yellowfin)==12 and B.phases(B.every.yellowfin) is None

def test_counted_for_this_device(uncompiled):
    "`bytes` is the floor everywhere; what our kernels move depends on whether they can sum"
    assert {o['bytes'] for o in measure('lamb')}=={4*18*10}

def test_route_moves_what_its_branches_move(uncompiled): assert {o['bytes'] for o in measure('mars')}=={4*(11*12 + 7*6)}

def test_moved():
    row = first(o for o in measure('cautious_adamw') if o['engine']=='fused')
    assert row['moved']==row['bytes']==4*18*10

def test_every_rule_is_an_entrant():
    from fastopt.all import opts
    assert set(opts().index) <= set(B.competitors) and set(B.choice) <= set(B.competitors)

def test_warm_up(): assert [B.steps_to_settle(B.competitors[o]) for o in ('sgd','adamw','diffrgrad')]==[2,1,6]

def test_floor(uncompiled):
    n = 3*4+5+1
    for o in measure('diffgrad'):
        assert o['bytes']==n*36
        assert math.isclose(o['vs_floor'], o['median_ms']/(o['bytes']/(o['copy_gbs']*1e6)))

def test_reference_in_every_family(uncompiled):
    rows = measure('sgd')
    assert all(o['vs_torch_fused']>0 for o in rows) and not keys(rows) & {B.COPY, B.TORCH}
    own = {(o['library'],o['engine']): o['vs_torch_fused'] for o in measure('adamw')}
    assert own['torch','fused']==1

# ---- rules and peers

homes = {'muon': {'products', *(['timm'] if not B.why_missing('timm') else [])}} # PyTorch's Muon accepts only matrices

@pytest.mark.parametrize('name', B.competitors)
def test_every_family_runs(name, uncompiled):
    left_out = {}
    rows = measure(name, left_out=left_out)
    assert list(left_out)==(['muon torch eager'] if name=='muon' else [])
    assert {(name,'fastopt','eager'), (name,'fastopt','foreach')} <= keys(rows)
    known = {o for o,known in B.peers.items() if name in known and not B.why_missing(o)}
    assert {o for _,o,_ in keys(rows)} == {'fastopt', *homes.get(name, known)}
    for o in rows: assert o['n']==2 and o['spread'][0]<=o['median_ms']<=o['spread'][1] and o['first_ms']>0

same = dict(sgd='torch fastai optimi', adam='torch fastai optimi', adamw='torch fastai optimi', radam='torch', diffgrad='pytorch_optimizer',
    lookahead='fastai pytorch_optimizer', rmsprop='torch fastai', qhadam='fastai pytorch_optimizer', qhadamw='fastai pytorch_optimizer',
    adan='optimi pytorch_optimizer', adan_no_prox='optimi pytorch_optimizer', lion='optimi pytorch_optimizer',
    adamax='torch pytorch_optimizer', adadelta='torch pytorch_optimizer', stableadamw='optimi pytorch_optimizer', ranger19='fastai')
same |= dict.fromkeys('nesterov amsgrad adagrad rmsprop_centered rprop nadam nadamw asgd adafactor'.split(), 'torch')
same |= dict.fromkeys("""adabelief adabelief_plain adabelief_ams qhm aggmo laprop lars prodigy dadapt_adam dadapt_adamw
    schedulefree_adamw schedulefree_sgd mars_adamw mars_lion soap""".split(), 'pytorch_optimizer')
same |= {o: f'{same.get(o, "")} timm' for o in '''adamw radam lookahead adabelief adabelief_plain adan adan_no_prox adoptw laprop lion
    cautious_adamw cautious_lion lamb_debiased lars mars_lion'''.split()}
for o in ('schedulefree_adamw', 'schedulefree_sgd'): same[o] += ' schedulefree'

@pytest.mark.parametrize('name,home', [(o,h) for o,hs in same.items() for h in hs.split()])
def test_peers_are_the_same_optimizer(name, home):
    "Two steps, one with each gradient; more would show what peers write into gradients"
    if why := B.why_missing(home): pytest.skip(why)
    def walk(make):
        f = B.BenchWeights([(4,5)])
        B.time_steps(make(f.ps), f, 2)
        return f.ps[0]-f.fresh[0][0]
    family = B.family_makers(name)
    ours = walk(family[name,'fastopt','eager'])
    for key in family:
        if key[:2]==(name, home): assert (walk(family[key])-ours).norm() < 2e-3*ours.norm(), key

def test_library_missing(monkeypatch, uncompiled, no_corners):
    monkeypatch.setattr(B, 'homes', {**B.homes, 'optimi': 'no_such_library'})
    rec = B.bench(['adamw'], ['small'], lambda o: None, n=1)
    assert 'no_such_library' in rec['left_out']['optimi']
    assert not any(o['library']=='optimi' for o in rec['rows']) and 'optimi' not in rec['versions']

def test_a_record_is_continued(uncompiled, no_corners, monkeypatch):
    saved,measured,real = [],[],B.measure_family
    monkeypatch.setattr(B, 'measure_family', lambda name, *args, **kwargs: measured.append(name) or real(name, *args, **kwargs))
    def save(o): saved.append(json.loads(json.dumps(o, default=str)))
    old = B.bench(['adamw'], ['small'], save, n=1)
    new = B.bench(['adamw','sgd'], ['small'], save, saved[-1], n=1)
    assert measured==['adamw','sgd'] and {o['name'] for o in new['rows']}=={'adamw','sgd'} and len(new['runs'])==2
    # a tree without a commit, like an unpacked archive, has none to record
    assert all(o['commit']==git_commit() and o['load']>=0 for o in new['runs'])
    with pytest.raises(B.InputError, match='give another --out'): B.bench(['sgd'], ['small'], save, {**old, 'device': 'another'}, n=1)
    with pytest.raises(B.InputError, match='continues the record in --out'): B.bench_command(resume=True, quick=True)

def test_class_missing(monkeypatch, uncompiled):
    monkeypatch.setattr(B, 'peers', dict(torch=dict(radam=dict(cls='RAdamm'))))
    left_out = {}
    assert {o for _,o,_ in keys(measure('radam', left_out=left_out))}=={'fastopt'}
    assert 'RAdamm' in left_out['radam torch eager']

def test_fallback_is_not_called_fused(monkeypatch):
    class Broken(base.Launcher):
        @staticmethod
        def build(kernel): raise RuntimeError('no such chip')
    monkeypatch.setattr(fused, 'backends', dict(cpu=Broken))
    left_out = {}
    assert ('adamw','fastopt','fused') not in keys(measure('adamw', left_out=left_out))
    assert 'no such chip' in left_out['adamw fastopt fused']

def test_fused():
    rows = {o['engine']:o for o in measure('adamw') if o['library']=='fastopt'}
    assert set(rows)==set(B.engines)
    assert rows['fused']['extra']>0 and all('extra' not in o for k,o in rows.items() if k!='fused')

def test_field_is_laid_out_afresh():
    f = B.BenchWeights([(3,),(2,2)])
    class Vandal:
        def step(self):
            for p in f.ps:
                assert p.grad.abs().max()<9
                p.grad.fill_(9.)
                p.data.fill_(9.)
    B.time_interleaved(dict(vandal=Vandal()), f, 2, n=3)

def test_gradients_change():
    f,seen = B.BenchWeights([(3,)]),[]
    class See:
        def step(self): seen.append(f.ps[0].grad)
    B.time_steps(See(), f, 4)
    assert seen[0] is seen[2] and seen[0] is not seen[1] and not torch.equal(seen[0], seen[1]) and seen[0].data_ptr()!=seen[1].data_ptr()

# ---- the record

def test_record(capsys, uncompiled):
    B.bench_command(only='adamw', shapes='small,xresnet50', out='a.json', plot='a.svg', quick=True)
    rec = json.load(open('a.json'), parse_constant=pytest.fail) # JSON has no NaN
    assert {'device','versions','runs','left_out','first_step','rows','faces','bars'}<=set(rec)
    need = 'device shapes name library engine median_ms spread n bytes vs_torch_fused vs_floor first_ms'.split()
    for o in rec['rows']: assert set(need)<=set(o)<=set(B.columns)
    assert {o['shapes'] for o in rec['rows']}=={'small','xresnet50'} and {o['name'] for o in rec['rows']}=={'adamw'}
    assert '<svg' in open('a.svg').read()
    said = capsys.readouterr().out
    assert 'vs_torch_fused' in said and 'not measured' in said

def test_only(monkeypatch):
    seen = []
    def bench(rules, models, save, old, **kw):
        seen.append((rules, models))
        return dict(rows=[], bars=[], device='cpu', left_out={})
    monkeypatch.setattr(B, 'bench', bench)
    B.bench_command(quick=True, shapes='small')
    B.bench_command(only='sgd, ranger', quick=True, shapes='small')
    B.bench_command(shapes='small')
    B.bench_command(only='all', shapes='small')
    assert seen==[(o, ['small']) for o in (['adamw','diffgrad'], ['sgd','ranger'], B.choice, list(B.competitors))]

@pytest.mark.parametrize('kw,said', [(dict(only='diffgard'), "did you mean 'diffgrad'"), (dict(only='adamw,'), "has no ''"),
    (dict(shapes='smal'), "did you mean 'small'"), (dict(out='no/such.json'), 'there is no folder no'), (dict(out='.'), 'it is a folder'),
    (dict(plot='a.pgn'), "did you mean 'png'"), (dict(plot='a'), 'has no')])
def test_refused(kw, said, monkeypatch):
    monkeypatch.setattr(B, 'bench', lambda *args, **kw: pytest.fail('it measured before it looked'))
    with pytest.raises(B.InputError, match=said): B.bench_command(**kw)

@pytest.mark.parametrize('text,said', [('{"rows": [', 'cannot be read'), ('[]', 'is not a record'), ('{}', 'is not a record'),
    ('{"rows": 3}', 'is not a record')])
def test_what_cannot_be_resumed(text, said, tmp_path, monkeypatch):
    monkeypatch.setattr(B, 'bench', lambda *args, **kw: pytest.fail('it measured before it looked'))
    (tmp_path/'a.json').write_text(text)
    with pytest.raises(B.InputError, match=said): B.bench_command(out=str(tmp_path/'a.json'), resume=True)
    assert (tmp_path/'a.json').read_text()==text

def test_a_row_that_is_damaged_is_not_continued(tmp_path):
    record = json.loads((Path(__file__).parents[2]/'nbs/evidence/step_bench.json').read_text())
    def resume(**row):
        (tmp_path/'a.json').write_text(json.dumps(record | dict(rows=[{k: v for k,v in o.items() if v is not ...} for o in
            (record['rows'][0] | row, record['rows'][1])])))
        return B._read_old(tmp_path/'a.json')
    assert resume()['rows']==record['rows'][:2]
    for k in ('shapes', 'name', 'library', 'median_ms', 'bytes', 'device'):
        with pytest.raises(B.InputError, match='is not a record'): resume(**{k: ...})
    with pytest.raises(B.InputError, match='is not a record'): resume(name='diffgard')

def test_a_record_is_replaced_by_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(B, 'bench', lambda *args, **kw: pytest.fail('it measured before it looked'))
    for text in ('an hour of work', json.dumps(B.start_record())):
        (tmp_path/'a.json').write_text(text)
        for kw in ({}, dict(quick=True), dict(only='all')):
            with pytest.raises(B.InputError, match='Continue it with --resume, or give another --out'):
                B.bench_command(out=str(tmp_path/'a.json'), **kw)
        assert (tmp_path/'a.json').read_text()==text

def test_giant_needs_gpu(monkeypatch):
    monkeypatch.setattr(B, 'nets', {**B.nets, 'giant': None})
    with pytest.raises(B.InputError, match='needs a GPU'): B.bench_command(shapes='giant')

@pytest.mark.filterwarnings('ignore:.*found in sys.modules')
def test_command_line(monkeypatch, capsys):
    "Run as a module"
    monkeypatch.setattr(sys, 'argv', ['fastopt-bench-step', '--only', 'diffgard'])
    with pytest.raises(SystemExit) as e: runpy.run_module('fastopt.evidence.step_bench', run_name='__main__', alter_sys=True)
    said = capsys.readouterr().err
    assert e.value.code and "did you mean 'diffgrad'" in said and 'Traceback' not in said

def test_interrupted_keeps_rows(monkeypatch, uncompiled):
    "Each family is saved when it is done; an older record is kept until then"
    measured = B.measure_family
    def measure(name, *args, **kw):
        if name=='sgd': raise KeyboardInterrupt
        return measured(name, *args, **kw)
    monkeypatch.setattr(B, 'measure_family', measure)
    with pytest.raises(KeyboardInterrupt): B.bench_command(only='sgd', shapes='small', out='a.json', quick=True)
    assert not os.path.exists('a.json')
    with pytest.raises(KeyboardInterrupt): B.bench_command(only='adamw,sgd', shapes='small', out='a.json', quick=True)
    assert {o['name'] for o in json.load(open('a.json'))['rows']}=={'adamw'}
    old = open('a.json').read()
    with pytest.raises(KeyboardInterrupt): B.bench_command(only='sgd', shapes='small', out='a.json', quick=True, resume=True)
    assert open('a.json').read()==old

def test_disk_full(tmp_path, uncompiled, monkeypatch):
    def full(fd): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, 'fsync', full)
    "The record that was to be continued is kept"
    old = json.dumps(B.start_record())
    (tmp_path/'a.json').write_text(old)
    with pytest.raises(Exception, match='No space left'):
        B.bench_command(only='adamw', shapes='small', out='a.json', quick=True, resume=True)
    assert (tmp_path/'a.json').read_text()==old

# ---- targets

def found(**kw): return dict(dict(shapes='xresnet50', library='fastopt', engine='fused', device='cpu (2 threads)'), **kw)
def reached(rows, what, **kw):
    df = B.bars(rows, **kw)
    return df[df.what.str.startswith(what)].reached.tolist()

@pytest.mark.parametrize('x,said', [(1.25,'yes'), (1.26,'no')])
def test_bar_worst_of_one_phase(x, said):
    rows = [found(name='adamw', vs_torch_fused=0.9), found(name='lion', vs_torch_fused=x*5/7-1e-9), found(name='lamb', vs_torch_fused=9.)]
    assert reached(rows, 'the worst of 2 rules of one phase, lion')==[said]

@pytest.mark.parametrize('x,said', [(1.4,'yes'), (1.41,'no')])
def test_bar_byte_floor(x, said):
    assert reached([found(name='lamb', vs_floor=x)], 'fused lamb vs its byte floor')==[said]
    for o in 'lamb lars ranger stableadamw cautious_adamw'.split(): assert len(reached([], f'fused {o} vs its byte floor'))==1

@pytest.mark.parametrize('x,said', [(12.,'yes'), (12.1,'no')])
def test_bar_products(x, said):
    rows = [found(name='muon', median_ms=x), found(name='muon', library='products', engine='alone', median_ms=10.)]
    assert reached(rows, 'fused muon vs its matrix products')==[said] and reached(rows[:1], 'fused muon vs')==['not measured']

def test_bars_of_nothing(): assert set(B.bars([]).reached)=={'not measured'}

@pytest.mark.parametrize('x,said', [(1.25,'yes'), (1.26,'no')])
def test_bar_adamw(x, said): assert reached([found(name='adamw', vs_torch_fused=x)], 'fused adamw')==[said]

@pytest.mark.parametrize('x,said', [(1.25*9/7-1e-9,'yes'), (1.25*9/7+1e-9,'no')])
def test_bar_per_byte(x, said):
    assert reached([found(name='diffgrad', vs_torch_fused=x)], 'fused diffgrad vs torch AdamW fused, per byte')==[said]

@pytest.mark.parametrize('x,said', [(6.9,'yes'), (7.,'no')])
def test_bar_fastest_peer(x, said):
    peers = [found(name='radam', library=o, median_ms=t) for o,t in (('optimi',7.), ('torch',8.))]
    rows = [found(name='radam', engine='auto', median_ms=x), *peers]
    assert reached(rows, 'auto radam')==[said] and reached(rows[:1], 'auto radam')==['not measured']

@pytest.mark.parametrize('x,said', [(3,'yes'), (3.1,'no')])
def test_bar_first_step(x, said):
    assert reached([found(name='adamw')], 'first fused step', first_step=dict(cold={'a':99}, warm={'a':1,'b':x}))==[said]

def test_bars_of_gpu_and_cpu_are_apart():
    cpu,gpu = found(name='diffgrad', vs_torch_fused=0.9),found(name='diffgrad', vs_torch_fused=0.9, device='NVIDIA H100')
    for o,where in ((cpu,'CPU'), (gpu,'GPU')):
        df = B.bars([o])
        assert set(df[df.reached!='not measured']['where'].str[:3])=={where}

@pytest.mark.parametrize('n,said', [(1,'yes'), (2,'no')])
def test_bar_kernels(n, said):
    rows = [found(name=o, launches=k, device='A100') for o,k in dict(adamw=1, diffmod=n, ranger=99, prodigy=99).items()]
    assert reached(rows, 'kernels')==[said]

@pytest.mark.parametrize('x,said', [(1/.85,'yes'), (1.2,'no')])
def test_bar_bandwidth(x, said):
    assert reached([found(name='adamw', shapes='giant', vs_floor=x, device='A100')], 'bandwidth of fused adamw')==[said]

# ---- the face

overheads = B.overheads # Before `tiny` replaces it

def test_face_asks_what_a_learner_asks():
    "Set rate and momentum for every group, step, zero, read"
    from fastai.test_utils import synth_learner
    def seen(f):
        opt,calls = B.adamw([[torch.nn.Parameter(torch.ones(2))] for _ in range(3)]),[]
        for k in ('set_hyper','step','zero_grad'): setattr(opt, k, lambda *args, k=k: calls.append(k if k!='set_hyper' else args[0]))
        f(opt)
        return calls
    def fit(opt):
        learn = synth_learner()
        learn.opt = opt
        with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1)
    batch = ['lr','mom','step','zero_grad']
    assert seen(lambda o: B.Face(o).step())==batch
    assert seen(fit)[-8:]==batch*2

def test_the_step_inside_is_not_counted(monkeypatch):
    import time
    class Slow(B.adamw([torch.nn.Parameter(torch.ones(1))]).__class__):
        def __init__(self, params):
            super().__init__(params, B.adamw)
            self.engine.step = lambda *args: time.sleep(0.05)
    monkeypatch.setattr(B, 'face_opts', dict(slow=Slow))
    assert B.overhead(1, n=3).slow.median()<25e3

def test_overheads():
    rows = overheads(n=3)
    assert [(o['face'],o['groups']) for o in rows]==[(o,n) for n in (1,50) for o in ('fastopt','OptimWrapper')]
    for o in rows: assert o['n']==3 and o['spread'][0]<=o['median_us']<=o['spread'][1]

@pytest.mark.parametrize('us,said', [((200.,1000.),['yes','yes']), ((201.,1001.),['no','no'])])
def test_bar_face(us, said):
    faces = [dict(face=o, groups=n, median_us=t) for o in ('OptimWrapper','fastopt') for n,t in zip((1,50), us)]
    assert reached([], 'microseconds', faces=faces)==said and reached([], 'microseconds', faces=faces[:2])==['not measured']*2

# ---- corner cases

def test_corners_are_what_they_are_called():
    for name in B.corners:
        row = B.corner(name, n=2)
        assert (row['corner'], row['n'])==(name, 2) and row['spread'][0]<=row['ratio']<=row['spread'][1]
    ps = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    assert len({o['lr'] for o in B.own_groups(ps)})==3
    opt = B.OneMissing(ps)
    for _ in range(3):
        for p in ps: p.grad = torch.ones(2)
        opt.step()
    assert [opt.opt.state[p]['step'] for p in ps]==[2]*3
    first_one = B.NewEachStep(lambda ps: B.AdamW(ps, lr=1.), ps)
    before = [p.detach().clone() for p in ps]
    for sign in (1, -1):
        for p in ps: p.grad = torch.full((2,), float(sign))
        first_one.step()
    # Each step is a first one, of length `lr` along its gradient; the momentum of the first would make the second shorter
    assert all(torch.allclose(p, o, atol=0.03) for p,o in zip(ps[:2], before))

@pytest.mark.parametrize('above,said', [(0., 'yes'), (0.1, 'no'), (None, 'not measured')])
def test_bars_of_corners(above, said):
    limits = {'1,000 groups of one tensor, vs torch AdamW fused': 1., 'another gradient missing at each step, vs none': 1.3,
        'first step of 100 million weights, vs torch AdamW fused': 1.2}
    limits |= {f'{rule}, 12 matrices of {n} by {n} stacked, vs one by one': limit
        for rule in ('muon', 'shampoo', 'soap') for n,limit in ((32, 0.6), (64, 1.))}
    rows = [] if above is None else [dict(corner=o, ratio=x+above) for o,x in limits.items()]
    table = B.bars([], corner_rows=rows)
    assert list(table.what)[-9:]==list(limits) and list(table.reached)[-9:]==[said]*9

def test_one_by_one_stacks_nothing_during_its_step():
    seen,before = [],engine.LARGEST_TO_STACK
    B.OneByOne(SimpleNamespace(step=lambda: seen.append(engine.LARGEST_TO_STACK))).step()
    assert seen==[0] and engine.LARGEST_TO_STACK==before>0

