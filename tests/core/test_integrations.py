"""Training loops of other libraries: each finds the losses and weights of the plain loop, with every kind of rule, in parts of a batch,
and after it was stopped and went on from its own checkpoint. The loops are the cells of the page about them. With all libraries,
`pytest -m integrations tests/core/test_integrations.py` records that it passed"""
import json, pytest, torch, warnings
from fastopt import all as every
from importlib.util import find_spec
from pathlib import Path

PAGE = Path(__file__).parents[2]/'nbs'/'guides'/'integrations.ipynb'
LIBRARIES = ['transformers', 'lightning', 'accelerate']
pytestmark = pytest.mark.integrations

@pytest.fixture(scope='module')
def page():
    "What the cells of the page define, without its last one, which runs the loops"
    space,cells = {},json.loads(PAGE.read_text(encoding='utf-8'))['cells']
    for c in cells:
        source = ''.join(c['source'])
        if c['cell_type']=='code': exec(source.partition('\nwant = ')[0], space)
    return space

def needs(library): return pytest.mark.skipif(not find_spec(library), reason=f'{library} is not installed')

def each(*names): return pytest.mark.parametrize('library', [pytest.param(o, marks=needs(o)) for o in names])

@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield

def equal(a, b): return a.losses==b.losses and len(a.losses)>0 and all(map(torch.equal, a.parameters(), b.parameters()))

KINDS = dict(AdamW={}, DiffGrad=dict(weight_decay=0.01), SGD={}, Lion=dict(lr=1e-3), Ranger={}, Muon={}, LAMB={}, AdaMod={}, SOAP={},
    Prodigy=dict(lr=1.), ScheduleFreeAdamW={}, AdamMini={})

@each(*LIBRARIES)
@pytest.mark.parametrize('name', KINDS)
def test_a_loop_has_the_losses_of_the_plain_one(library, name, page):
    cls,hypers = getattr(every, name),KINDS[name]
    assert equal(page['trained'](page['LOOPS'][library], cls, **hypers), page['trained'](page['plain'], cls, **hypers))

@each(*LIBRARIES)
@pytest.mark.parametrize('how', ['eager', 'foreach', 'fused'])
def test_a_loop_has_the_losses_of_the_plain_one_with_each_engine(library, how, page):
    want = page['trained'](page['plain'], every.DiffGrad, how=how)
    assert equal(page['trained'](page['LOOPS'][library], every.DiffGrad, how=how), want)

@pytest.mark.parametrize('name', ['DiffGrad', 'Muon', 'ScheduleFreeAdamW'])
@pytest.mark.parametrize('library', [pytest.param('transformers', marks=needs('transformers'))])
def test_trainer_makes_the_optimizer_with_its_own_groups(library, name, page, tmp_path):
    "Weights with decay and without, as `Trainer` groups them"
    from transformers import Trainer, TrainingArguments
    args = TrainingArguments(tmp_path, num_train_epochs=2, per_device_train_batch_size=64, max_grad_norm=0., use_cpu=True, weight_decay=0.1,
        train_sampling_strategy='sequential', save_strategy='no', report_to='none', disable_tqdm=True, lr_scheduler_type='constant')
    model,cls = page['Net'](),getattr(every, name)
    trainer = Trainer(model, args, train_dataset=page['data'], optimizer_cls_and_kwargs=(cls, dict(lr=1e-2)))
    trainer.train()
    want = page['Net']()
    ps = dict(want.named_parameters())
    groups = [dict(params=[p for k,p in ps.items() if k.endswith('bias')==b], weight_decay=wd) for b,wd in ((False, 0.1), (True, 0.))]
    opt = cls(groups, lr=1e-2)
    page['plain'](want, opt, torch.optim.lr_scheduler.LambdaLR(opt, lambda i: 1.))
    assert equal(model, want)
    assert sorted(g['weight_decay'] for g in trainer.optimizer.param_groups)==[0., 0.1]

@pytest.mark.parametrize('library', [pytest.param('transformers', marks=needs('transformers'))])
def test_trainer_keeps_weights_and_state_in_bfloat16(library, page, tmp_path):
    "As the page says, and with the same steps as in a plain loop"
    from transformers import Trainer, TrainingArguments
    class Half(page['Net']):
        def __init__(self):
            super().__init__()
            self.bfloat16()
        def forward(self, pixels, labels): return super().forward(pixels.bfloat16(), labels)
    args = TrainingArguments(tmp_path, num_train_epochs=2, per_device_train_batch_size=64, max_grad_norm=0., use_cpu=True,
        train_sampling_strategy='sequential', save_strategy='no', report_to='none', disable_tqdm=True, lr_scheduler_type='constant')
    how = dict(lr=1e-5, lowp='stochastic', state_dtype=torch.bfloat16)
    model,want = Half(),Half()
    trainer = Trainer(model, args, train_dataset=page['data'], optimizer_cls_and_kwargs=(every.AdamW, how))
    trainer.train()
    opt = every.AdamW(want.parameters(), weight_decay=0., **how)
    page['plain'](want, opt, torch.optim.lr_scheduler.LambdaLR(opt, lambda i: 1.))
    assert equal(model, want) and {p.dtype for p in model.parameters()}=={torch.bfloat16}
    assert {trainer.optimizer.state[p][o].dtype for p in model.parameters() for o in ('m', 'v')}=={torch.bfloat16}

@pytest.mark.parametrize('library', [pytest.param('accelerate', marks=needs('accelerate'))])
@pytest.mark.parametrize('name', ['AdamW', 'Muon', 'ScheduleFreeAdamW'])
def test_accelerate_accumulates_and_clips(library, name, page):
    "Two parts for each step, and a norm that is too large without clipping"
    from accelerate import Accelerator
    def by_hand(model, opt, sched):
        for _ in range(page['EPOCHS']):
            for i,b in enumerate(page['batches']()):
                (model(**b)['loss']/2).backward()
                if i%2==0: continue
                torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
                for o in (opt, sched): o.step()
                opt.zero_grad()
    def with_accelerate(model, opt, sched):
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
        model,opt,dl,sched = accelerator.prepare(model, opt, page['batches'](), sched)
        for _ in range(page['EPOCHS']):
            for b in dl:
                with accelerator.accumulate(model):
                    accelerator.backward(model(**b)['loss'])
                    if accelerator.sync_gradients: accelerator.clip_grad_norm_(model.parameters(), 0.1)
                    for o in (opt, sched): o.step()
                    opt.zero_grad()
    assert equal(*(page['trained'](loop, getattr(every, name)) for loop in (with_accelerate, by_hand)))

def transformers_in_two(page, cls, at):
    "A network that `Trainer` trained for half of the steps, and its like that went on from the checkpoint"
    from transformers import Trainer, TrainingArguments
    steps = page['STEPS']
    args = TrainingArguments(at, max_steps=steps, per_device_train_batch_size=64, max_grad_norm=0., use_cpu=True, save_steps=steps//2,
        train_sampling_strategy='sequential', logging_strategy='no', report_to='none', disable_tqdm=True)
    def trainer():
        model,opt,sched = page['prepared'](cls)
        return model,Trainer(model, args, train_dataset=page['data'], optimizers=(opt, sched))
    trainer()[1].train()
    model,again = trainer()
    again.train(resume_from_checkpoint=str(at/f'checkpoint-{steps//2}'))
    return model

def lightning_in_two(page, cls, at):
    import lightning as L
    def module():
        model,opt,sched = page['prepared'](cls)
        class Module(L.LightningModule):
            def __init__(self):
                super().__init__()
                self.net = model
            def training_step(self, batch, i): return self.net(**batch)['loss']
            def configure_optimizers(self): return dict(optimizer=opt, lr_scheduler=dict(scheduler=sched, interval='step'))
        return model,Module()
    def trainer(epochs): return L.Trainer(max_epochs=epochs, accelerator='cpu', devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=at)
    half,(_,first) = trainer(page['EPOCHS']//2),module()
    half.fit(first, page['batches']())
    half.save_checkpoint(at/'half.ckpt')
    model,again = module()
    trainer(page['EPOCHS']).fit(again, page['batches'](), ckpt_path=at/'half.ckpt')
    return model

def accelerate_in_two(page, cls, at):
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True)
    def half(*args):
        model,opt,dl,sched = accelerator.prepare(*args[:2], page['batches'](), args[2])
        for b in dl:
            accelerator.backward(model(**b)['loss'])
            opt.step()
            sched.step()
            opt.zero_grad()
    half(*page['prepared'](cls))
    accelerator.save_state(at)
    accelerator.free_memory()
    model,opt,sched = page['prepared'](cls)
    prepared = accelerator.prepare(model, opt, sched)
    accelerator.load_state(at)
    half(model, prepared[1], prepared[2])
    return model

@each(*LIBRARIES)
@pytest.mark.parametrize('name', ['AdamW', 'DiffGrad', 'Ranger', 'ScheduleFreeAdamW', 'SOAP'])
def test_a_loop_goes_on_from_its_own_checkpoint(library, name, page, tmp_path):
    cls = getattr(every, name)
    model,whole = globals()[f'{library}_in_two'](page, cls, tmp_path),page['trained'](page['plain'], cls)
    assert model.losses==whole.losses[len(whole.losses)//2:] and all(map(torch.equal, model.parameters(), whole.parameters()))
