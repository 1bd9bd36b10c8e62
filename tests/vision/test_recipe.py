"The recipe's parts: what they are equal to, and what they reject"
import math, re, shutil, sys
from functools import partial
from inspect import signature
from types import SimpleNamespace
import fastai.optimizer as native, pytest, torch
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.mixup import MixUp
from fastai.data.transforms import parent_label
from fastai.learner import AvgSmoothLoss, Learner
from fastai.torch_core import set_seed
from fastopt.vision import recipe as R
from fastopt.names import InputError
from fastopt.vision.images import fingerprint, resolve_data
from fastopt.vision.loaders import split_holdout
from torch import nn

TINY = dict(size=16, epochs=1, arch='small', opt='adamw', lr=3e-3, precision='fp32', limit=192)

@pytest.fixture(scope='module')
def digits(tmp_path_factory): return resolve_data('digits', cache=tmp_path_factory.mktemp('digits'))

@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch): monkeypatch.setenv('FASTAI_HOME', str(tmp_path_factory.getbasetemp()/'home'))

def cfg_of(**kw): return R.recipe_settings('base-2020', **TINY|kw)

def made(cfg, path, seed=0, **kw):
    set_seed(seed)
    return R.recipe_learner(cfg, R.recipe_loaders(cfg, path, 0, kw.get('channels_last')), **kw)

def trained(cfg, path, **kw):
    learn = made(cfg, path, **kw)
    with learn.no_bar(), learn.no_logging(): R.fit_recipe(learn, cfg)
    return learn

def weights(learn): return [p.detach().clone() for p in learn.model.parameters()]
def apart(a, b): return max((x.float()-y.float()).abs().max().item() for x,y in zip(weights(a), weights(b)))

# ---- settings

FLAGS = dict(lr=1e-2, size=128, sqrmom=.99, mom=.9, eps=1e-6, wd=1e-2, epochs=5, bs=64, mixup=0., opt='ranger', arch='xresnet50', sh=0.,
    sa=0, sym=0, beta=0., act_fn='Mish', fp16=0, pool='AvgPool') # Arguments of fastai's train_imagenette.py, with their defaults
OURS = dict(sqrmom='sqr_mom', act_fn='act', fp16='precision')

@pytest.mark.parametrize('sched', R.SCHEDS)
@pytest.mark.parametrize('kw', [dict(pct_start=.5), dict(warmup=2), dict(pct_start=.25, warmup=1)], ids=str)
def test_settings_of_a_schedule_act_or_are_refused(sched, kw):
    "Before images are read; what is accepted reaches the fit"
    try: cfg = R.recipe_settings('base-2020', sched=sched, **kw)
    except InputError as e: return re.search(f'do nothing.* schedule {sched} has none', str(e)) or pytest.fail(str(e))
    got = {}
    R.fit_recipe(SimpleNamespace(**{R.SCHEDS[sched]: lambda *args, cbs, **given: got.update(given)}), cfg)
    assert {k:got[k] for k in kw}==kw and signature(getattr(Learner, R.SCHEDS[sched])).bind(None, 1, **got)

@pytest.mark.parametrize('flag', FLAGS)
def test_script(flag):
    "Each flag of the script has its counterpart, with the same default"
    want = dict(opt='fastai.ranger', fp16='fp32').get(flag, FLAGS[flag])
    assert R.recipe_settings('script')[OURS.get(flag, flag)]==want

def test_presets():
    df = R.preset_table()
    assert list(df.columns)==list(R.PRESETS)
    r = R.recipe_settings('record-128-5')
    assert (r['bs'],r['crop'],r['normalize'],r['wd'],r['lr'],r['blur'],r['precision'])==(32,'resize',False,1e-4,8e-3,True,'fp32')
    b = R.recipe_settings('base-2020')
    assert (b['arch'],b['sa'],b['pool'],b['lr'],b['mom'],b['sqr_mom'],b['eps'],b['bs'],b['precision'],
        b['sched'])==('xse_resnext50',True,'MaxPool',8e-3,.95,.99,1e-6,64,'fp16','fc')

@pytest.mark.parametrize('epochs,on', [(5,False),(20,False),(80,True),(200,True)])
def test_mixup_from_80_epochs(epochs, on, digits):
    learn = made(cfg_of(epochs=epochs), digits)
    assert bool(learn._grab_cbs(MixUp))==on

@pytest.mark.parametrize('kw,says', [(dict(opt='difgrad'), "did you mean 'diffgrad'"), (dict(precision='fp8'), '--precision'),
    (dict(holdout=.95), '.9 or less'), (dict(holdout=-.1), 'give 0 or more'), (dict(limit=10), 'give 64 or more'),
    (dict(blur=True, size=100), 'multiple of 32'), (dict(sched='cosine'), '--sched'), (dict(colour=3), "no 'colour'"),
    (dict(epochs=0), 'give 1 or more')], ids=str)
def test_refused(kw, says):
    with pytest.raises(InputError, match=says.replace('(', r'\(')): cfg_of(**kw)

@pytest.mark.parametrize('opt', ['ranger','ranger20','fastai.ranger','fastai.adam'])
def test_rangers_keep_the_presets_numbers(opt):
    assert [R.recipe_settings('base-2020', opt=opt)[k] for k in ('wd','mom','sqr_mom','eps')]==[1e-2,.95,.99,1e-6]

def test_preset_is_fastai_ranger():
    "The preset's optimizer follows fastai's own, step by step"
    def path(f):
        torch.manual_seed(0)
        ps = [nn.Parameter(torch.randn(5, 4).double()), nn.Parameter(torch.randn(7).double())]
        opt = f(ps, lr=8e-3)
        for i in range(30):
            for k,p in enumerate(ps): p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(9*i+k)).double()+p.detach()
            opt.step()
        return torch.cat([p.detach().flatten() for p in ps])
    ours,theirs = R.recipe_optimizer(R.recipe_settings('base-2020')),partial(native.ranger, mom=.95, sqr_mom=.99, eps=1e-6, wd=1e-2)
    assert (path(ours)-path(theirs)).abs().max()<1e-6 # eps is added elsewhere

# ---- images

def test_carved(digits):
    fp = fingerprint(digits)
    trn,val = split_holdout(fp.train, fp.valid, holdout=.1)
    assert not set(trn)&set(val) and sorted([*trn, *val])==sorted(fp.train) and not set(val)&set(fp.valid)
    share = [sum(parent_label(o)==c for o in val)/sum(parent_label(o)==c for o in fp.train) for c in '0123456789']
    assert all(.08<o<.12 for o in share)
    assert split_holdout(fp.train, fp.valid, holdout=.1)==(trn, val)!=split_holdout(fp.train, fp.valid, holdout=.1, seed=1)

@pytest.mark.parametrize('pipeline', R.PIPELINES)
def test_holdout(digits, pipeline):
    dls = R.recipe_loaders(cfg_of(holdout=.1, pipeline=pipeline), digits, 0)
    assert {parent_label(o) for o in dls.valid.items}==set('0123456789') and not set(dls.train.items)&set(dls.valid.items)
    assert all(o.parent.parent.name=='train' for o in [*dls.valid.items, *dls.train.items]) and dls.train.n==192

def test_pipelines_agree(digits):
    "The same images, the same labels, the same validation pixels"
    a,b = (R.recipe_loaders(cfg_of(pipeline=o, size=32), digits, 0) for o in R.PIPELINES)
    assert a.train.items==b.train.items and list(a.vocab)==list(b.vocab)
    for (x,y),(x2,y2) in zip(a.valid, b.valid, strict=True): assert torch.equal(y, y2) and (x-x2).abs().max()<1.01/255/.22

def test_noise_in_the_holdout(tmp_path, digits):
    "A learning rate is chosen by the labels that a training has; the official validation images keep their labels"
    root = shutil.copytree(digits, tmp_path/'noisy')
    names = [o.relative_to(root).as_posix() for o in sorted(root.glob('train/*/*.png'))]
    labels = {o:'0' if i%2 else o.split('/')[1] for i,o in enumerate(names)}
    rows = [f'{k},{v},{v},False' for k,v in labels.items()]
    (root/'noisy_d.csv').write_text('\n'.join(['path,noisy_labels_0,noisy_labels_5,is_valid', *rows]))
    cfg = cfg_of(noise=5, limit=None)
    def seen(cfg):
        dl = R.recipe_loaders(cfg, root, 0).valid
        return [(o.relative_to(root).as_posix(), str(int(y))) for o,y in zip(dl.items, torch.cat([ys for _,ys in dl]))]
    assert all(y==labels[o] for o,y in seen(cfg|dict(holdout=.1))) and all(y==o.split('/')[1] for o,y in seen(cfg))

# ---- precision and layout

def test_smooth_loss(digits):
    learn,old = trained(cfg_of(), digits),made(cfg_of(), digits)
    old.recorder.smooth_loss = AvgSmoothLoss()
    with old.no_bar(), old.no_logging(): R.fit_recipe(old, cfg_of())
    assert torch.allclose(torch.stack(learn.recorder.losses), torch.stack(old.recorder.losses), rtol=1e-6)

def test_bf16_is_autocast(digits):
    "Convolutions return bfloat16, and the first loss is that of PyTorch's autocast"
    def by_hand(dtype):
        learn = made(cfg_of(precision='bf16'), digits)
        x,y = (o.as_subclass(torch.Tensor) for o in next(iter(learn.dls.train)))
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype=='bf16'): return learn.loss_func(learn.model.train()(x).float(), y).item()
    for k,dtype in (('bf16',torch.bfloat16), ('fp32',torch.float32)):
        learn,seen = made(cfg_of(precision=k), digits),set()
        learn.model[0][0].register_forward_hook(lambda m, x, y: seen.add(y.dtype))
        with learn.no_bar(), learn.no_logging(): R.fit_recipe(learn, cfg_of(precision=k))
        # An average of one, debiased in float32
        assert seen=={dtype} and learn.recorder.losses[0].item()==pytest.approx(by_hand(k), rel=1e-5)

def test_fp16_is_fp32_on_a_cpu(digits):
    learn = made(cfg_of(precision='fp16'), digits)
    assert not learn._grab_cbs(MixedPrecision) and R.supported_precision(cfg_of(precision='fp16'), torch.device('cuda'))=='fp16'

def test_channels_last(digits):
    "Another layout gives the same training"
    a,b = (trained(cfg_of(opt='momentum', lr=1e-2), digits, channels_last=o) for o in (False,True))
    assert b.model[0][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not a.model[0][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert 0<apart(a, b)<1e-5 # Sums of convolutions are in another order

def test_compiled(digits, monkeypatch):
    "torch.compile compiles the network, and neither names nor weights change"
    was,calls = nn.Module.compile,[]
    def compile(self): calls.append(was(self, backend=lambda gm, _: calls.append(gm) or gm.forward))
    monkeypatch.setattr(nn.Module, 'compile', compile)
    a,b = (trained(cfg_of(), digits, compiled=o) for o in (False,True))
    assert len(calls)>1 and list(a.model.state_dict())==list(b.model.state_dict()) and apart(a, b)<1e-5

# ---- network, schedule

def test_blur():
    pytest.importorskip('kornia', reason='the extra [blur] is not installed')
    names = [type(o).__name__ for o in R.recipe_network(R.recipe_settings('blur-2020', arch='xresnet18'), 10).modules()]
    assert 'MaxBlurPool2D' in names and 'MaxPool2d' not in names

def test_blur_without_kornia(monkeypatch):
    monkeypatch.setitem(sys.modules, 'kornia.filters', None)
    with pytest.raises(InputError, match=r"pip install 'fastopt\[blur\]'"):
        R.recipe_network(R.recipe_settings('blur-2020', arch='xresnet18'), 10)

@pytest.mark.parametrize('name', [k for k in R.ARCHS if k!='small'])
def test_archs(name):
    with torch.device('meta'): model = R.recipe_network(cfg_of(arch=name, sa=True), 7)
    assert list(model.parameters())[-1].shape==(7,)

def test_no_fetch_in_a_batch(digits):
    "With fastai's own average each loss is fetched; with ours none is"
    class Fetches(torch.utils._python_dispatch.TorchDispatchMode):
        n = 0
        def __torch_dispatch__(self, f, types, args=(), kwargs=None):
            self.n += f is torch.ops.aten._local_scalar_dense.default
            return f(*args, **(kwargs or {}))
    learn = made(cfg_of(), digits)
    with Fetches() as seen, learn.no_bar(), learn.no_logging(): R.fit_recipe(learn, cfg_of())
    few = seen.n
    with Fetches() as seen, learn.no_bar(), learn.no_logging(): R.fit_recipe(learn, cfg_of(epochs=2))
    assert seen.n<=2*few and few<6*len(learn.dls.valid)+20 # Validation and the end of an epoch, however many batches

def test_numbers_stay_on_the_device(digits, monkeypatch):
    dl = made(cfg_of(), digits).dls.train
    def cpu(self): raise AssertionError('fetched')
    one,many = torch.tensor(1.),torch.ones(3)
    with monkeypatch.context() as m:
        m.setattr(torch.Tensor, 'cpu', cpu)
        assert dl.to_detach(one) is not None
        with pytest.raises(AssertionError, match='fetched'): dl.to_detach(many)

def test_speed(digits):
    cfg = cfg_of(limit=320)
    df = R.measure_throughput(cfg, digits, rounds=2, batches=2, workers=0)
    assert len(df)==2 and (df>0).all().all() and list(df.columns)==['fast','classic','network','training']
    res = R.throughput_ratios(df)
    assert res.loc['fast / classic loader','median']==pytest.approx((df.fast/df.classic).median())
    df = R.measure_throughput(cfg, digits, rounds=1, batches=2, workers=0, speeds=('network','fast'))
    assert list(df.columns)==['fast','network'] and list(R.throughput_ratios(df).index)==['fast','network','fast loader / network']
    with pytest.raises(InputError, match="'slow'"): R.measure_throughput(cfg, digits, speeds=['slow'])

@pytest.mark.parametrize('name,hypers', [('adamw',{}), ('sgd',{}), ('radam',{}), ('ranger19',{}), ('ranger',dict(k=9)), ('soap',{}),
    ('schedulefree_radam',{}), ('muon',{})], ids=str)
def test_after_the_warm_up_no_kernel_is_new(name, hypers):
    "Neither that of a merge, nor that after rectification; and the last step of the warm-up has one"
    opt = R.find_rule(name)([torch.ones(s).requires_grad_() for s in ((3,), (4,3))], lr=.1, **hypers)
    n,h = R._steps_to_settle(opt),opt.for_engine()[0][0][1]
    def keys(t): return {R.record(r, {**opt.rule.hyper_of(p, {**opt.engine.options, **h}), 'step':t}).key
        for p in opt.all_params().itemgot(0) for r in [opt.rule.rule_of(p)]}
    seen = [keys(t) for t in range(1, 300)]
    assert set().union(*seen[n:])<=set().union(*seen[:n]) and (n==1 or not seen[n-1]<=set().union(*seen[:n-1]))

def test_warm_up_longer_than_an_epoch(digits):
    "The clock starts in the first epoch that has enough batches left, and validation is not timed"
    cfg = cfg_of(opt='ranger19', bs=64)
    learn = made(cfg, digits)
    assert (len(learn.dls.train),R._steps_to_settle(learn.opt))==(3,7)
    assert R._training_throughput(learn, cfg, 2)>0 and learn.train_iter==9
    learn = made(cfg|dict(opt='fastai.ranger'), digits)
    assert R._training_throughput(learn, cfg, 2)>0 and learn.train_iter==3

@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, -1.])
@pytest.mark.parametrize('k', ['lr', 'holdout', 'pct_start', 'mixup', 'sh', 'smoothing', *R.HYPERS])
def test_no_number_of_a_recipe_is_negative_or_not_finite(k, value):
    "fastai's optimizers would accept it, and divide by zero or train to nothing"
    with pytest.raises(InputError, match=f"--{k.replace('_', '-')} {value} is "): R.recipe_settings('script', **{k:value})

@pytest.mark.parametrize('k', ['mom', 'sqr_mom'])
def test_a_mean_forgets_something(k):
    with pytest.raises(InputError, match='mom 1.0 is too large; give less than 1'): R.recipe_settings('script', **{k:1.})
    assert R.recipe_settings('script', **{k:0.})[k]==0
