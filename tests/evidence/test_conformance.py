"The conformance kit: every rule passes every check, and every check finds the fault that it is made for"
import random, runpy, sys
from functools import partial
import numpy as np, pandas as pd, pytest, torch
from cover import met
from fastai.optimizer import Adam, Optimizer, OptimWrapper, l2_reg, ranger, sgd_step
from fastcore.script import CliError
from fastopt.optim.adam import adamw
from fastopt.evidence.conformance import CheckFixture, GLOBALS, check_from_spec, check_optimizer, checks
from fastopt.evidence.conformance import import_spec, run_check, wd_report, wrap_opt_func
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import matrices, route
from rules_under_test import KINDS, kind, RULES, TORCH
from torch import nn

pytestmark = pytest.mark.filterwarnings('ignore:load_learner')

# ---- every rule, as an opt_func or as a class in OptimWrapper

WRAPPED = {'live hypers', 'ReduceLROnPlateau', 'wd_bn_bias=False', 'frozen index is saved', 'misspelt hyper'}
TORCHS = {'only numbers in hypers', 'frozen weights rest'} # PyTorch's own optimizers fail these, and ours do not
NO_MOM = {'fit_one_cycle', 'fine_tune'} # They schedule `mom`, and OptimWrapper raises KeyError if an optimizer has none

CLASSES = {o.rule.named: o for o in TORCH.values()} | {f'torch.optim.{o.__name__}': o for o in (torch.optim.AdamW, torch.optim.Adagrad)}

def by_default(o, name, way):
    """Every kind of rule is tested with every check, which its rules share, each with at least a quarter: as opt_funcs or, a third of them,
    as classes; both ways for checks that OptimWrapper fails, which say nothing about a rule"""
    if o not in RULES: return True
    alike,i = KINDS[kind(RULES[o])],list(checks).index(name)
    n = min(4, len(alike))
    if (alike.index(o)+i)%n: return False
    third = o in CLASSES and (alike.index(o)//n+i)%3==0
    return third if way=='class' else not third or name in WRAPPED|NO_MOM

def engine_of(o, name):
    """The properties of a face hold for every engine: some of the checks use the engine that it chooses, the others the one with the
    shortest steps"""
    return 'auto' if o not in RULES or (list(RULES).index(o) + list(checks).index(name))%7==0 else 'eager'

ALL = [(o, name, way, how) for way,os in (('rule', RULES), ('class', CLASSES)) for o in os for name in checks
    for how in (('auto', 'eager') if o in RULES else ('auto',))]

FULL = pytest.mark.parametrize('full', [False, pytest.param(True, marks=pytest.mark.full)], ids=['default', 'full'])

def checked(name, make, way, full):
    "Results of the checks that run by default or, in `full`, of the others, as one table"
    found = [pd.DataFrame(columns=['check', 'passed', 'what happened', 'how to fix']).astype({'passed': 'boolean'})]
    for how in ('auto', 'eager'):
        def default(o): return by_default(name, o, way) and engine_of(name, o)==how
        if asked := [o for o in checks if default(o)!=full and (not full or how=='auto')]:
            found.append(check_optimizer(make if how=='auto' else partial(make, how=how), asked))
            assert found[-1].check.tolist()==asked
    return pd.concat(found)

@FULL
@pytest.mark.parametrize('name', RULES)
def test_every_check_passes(name, full, record_property):
    "The total of all rules and checks is printed at the end, as N of N"
    df = checked(name, RULES[name], 'rule', full)
    record_property('checks', (int(df.passed.sum()), len(df)))
    assert df.passed.notna().all() and df.passed.all(), str(df[~df.passed.fillna(False)])

@FULL
@pytest.mark.parametrize('name', CLASSES)
def test_torch_classes_do_what_optim_wrapper_lets_them(name, full, record_property):
    """The remaining failures are those of OptimWrapper: it copies its groups, does not pass on the decay marks, saves no frozen index,
    accepts unknown names silently, and needs momentum"""
    opt,ours = CLASSES[name],name in RULES
    if full and not ours: return
    df = checked(name, opt, 'class', full).set_index('check')
    failed = df[~df.passed]
    mom = 'mom' in opt.rule.hypers if ours else opt is torch.optim.AdamW
    if ours:
        shown = df.passed[[o for o in df.index if not by_default(name, o, 'rule')]]
        record_property('checks', (int(shown.sum()), len(shown)))
    assert df.passed.notna().all()
    assert {*failed.index}==(WRAPPED | (set() if ours else TORCHS) | (set() if mom else NO_MOM)) & {*df.index}, str(df)
    for o in NO_MOM & {*failed.index}:
        assert failed['what happened'][o].endswith('`before_batch`: mom (raised by `_set_hyper` in optimizer.py)')

def test_every_two_of_kind_check_way_and_engine_meet_by_default():
    def of_kinds(cases): return [(kind(RULES[o]) if o in RULES else o, *rest) for o,*rest in cases]
    default = [o for o in ALL if by_default(*o[:3]) and engine_of(*o[:2])==o[3]]
    assert {o for o,*_ in default}=={o for o,*_ in ALL} and met(of_kinds(default))==met(of_kinds(ALL))

# ---- every check finds its fault

class Odd(FastOptimizer):
    "adamw, to be modified"
    def __init__(self, params, lr=0.01, wd=0.01, how='eager', **kwargs): super().__init__(params, adamw, how, lr=lr, wd=wd, **kwargs)

class OneGroup(Odd):
    def __init__(self, params, **kwargs): super().__init__(sum(params, []), **kwargs)

class NoSlices(Odd):
    def set_hyper(self, k, v): super().set_hyper(k, v.stop if isinstance(v, slice) else v)

class FirstRate(Odd):
    def step(self, closure=None): self.engine.step([(sum(self.param_lists, start=[]), self.hypers[0])], self.state)

class Still(Odd):
    def step(self, closure=None): pass

class Explodes(Odd):
    def step(self, closure=None):
        for p,*_ in self.all_params(with_grad=True): p.data.fill_(float('nan'))

class WritesHypers(Odd):
    def step(self, closure=None):
        super().step()
        for h in self.hypers: h['mom'] = 0.123

class CountsInHiding(Odd):
    "A step count that is in no state_dict and that `clear_state` does not reset"
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.n = 0
    def step(self, closure=None):
        self.n += 1
        for p,*_,h in self.all_params(with_grad=True): p.data.add_(p.grad, alpha=-h['lr']/self.n)

class Draws(Odd):
    def step(self, closure=None):
        torch.rand(1)
        super().step()

class NoForceTrain(Odd):
    _keep_on_clear = []
    def freeze_to(self, n):
        for st in self.state.values(): st.pop('force_train', None)
        super().freeze_to(n)

class StepsInBackward(Odd):
    "Gradient release: every gradient is used and dropped inside the backward pass"
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for p,*_,h in self.all_params(): p.register_post_accumulate_grad_hook(partial(self.release, h))
    def release(self, h, p):
        p.data.add_(p.grad, alpha=-h['lr'])
        p.grad = None
    def step(self, closure=None): pass

class ForeignClass: "Not allowed by `weights_only`"

class SavesObject(Odd):
    def state_dict(self): return {**super().state_dict(), 'extra': ForeignClass()}

class ForgetsState(Odd):
    def load_state_dict(self, sd): super().load_state_dict({**sd, 'state': [{} for _ in sd['state']]})

class Casts(Odd):
    def load_state_dict(self, sd):
        super().load_state_dict(sd)
        for p,*_ in self.all_params(): self.state[p] = {k: v.to(p.dtype) if torch.is_tensor(v) else v for k,v in self.state[p].items()}

class RefusesState(Odd):
    def load_state_dict(self, sd): raise ValueError("not mine")

class HoldsLambda(Odd):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.f = lambda: 0

class NotCopied(Odd):
    def __deepcopy__(self, memo): return self

def alias(p, prev=None, **kwargs): return dict(prev=p.grad, change=0. if prev is None else (p.grad-prev).norm())
def braked(p, lr, change, **kwargs): p.data.add_(p.grad, alpha=-lr/(1+change))
def Aliased(params, lr): return Optimizer(params, [alias, braked], lr=lr)
def ignored(p, **kwargs): pass
ignored.defaults = dict(wd=0.)
def NoDecay(params, lr): return Optimizer(params, [ignored, sgd_step], lr=lr)
def L2(params, lr): return Optimizer(params, [l2_reg, sgd_step], lr=lr)
def marks_ignored(p, lr, wd, **kwargs): p.data.mul_(1-lr*wd)
def DecaysAll(params, lr): return Optimizer(params, [marks_ignored, sgd_step], lr=lr, wd=0.)

spoilt = [('made with groups', OneGroup), ('set_hyper', NoSlices), ('discriminative rates', FirstRate), ('live hypers', Adam),
    ('ReduceLROnPlateau', torch.optim.SGD), ('only numbers in hypers', torch.optim.AdamW), ('any hyper scheduled', WritesHypers),
    ('misspelt hyper', Adam), ('misspelt hyper', torch.optim.AdamW), ('fit_one_cycle', torch.optim.Adagrad),
    ('fine_tune', torch.optim.Adagrad), ('lr_find', Explodes), ('lr_find leaves no trace', CountsInHiding),
    ('lr_find leaves no trace', Draws), ('lr_find leaves no trace', ForgetsState), ('wd decays', NoDecay), ('wd_bn_bias=False', DecaysAll),
    ('wd_bn_bias=False', torch.optim.AdamW), ('train_bn', NoForceTrain), ('frozen weights rest', Adam),
    ('frozen weights rest', torch.optim.SGD), ('freeze resets state', CountsInHiding), ('frozen index is saved', Adam),
    ('GradientClip', StepsInBackward), ('GradientAccumulation', StepsInBackward), ('MixedPrecision', StepsInBackward),
    ('weights_only', SavesObject), ('weights_only', RefusesState), ('exact resume', ForgetsState), ('exact resume', CountsInHiding),
    ('bf16 weights', Casts), ('export', RefusesState), ('pickle', HoldsLambda), ('deepcopy', NotCopied), ('gradients in place', Aliased)]
spoilt += [(o, f) for o in ('fit', 'fit_one_cycle', 'fit_flat_cos', 'fit_sgdr', 'fine_tune', 'MixUp') for f in (Still, Explodes)]

def test_unspoilt_passes(): assert check_optimizer(Odd).passed.all()

@pytest.mark.parametrize('name,opt_func', spoilt, ids=[f'{n}-{f.__name__}' for n,f in spoilt])
def test_fault_is_found(name, opt_func):
    r = check_optimizer(opt_func, name).iloc[0]
    assert r.check==name and not r.passed and r['what happened'] and r['how to fix'].endswith('.'), r.to_dict()

def test_every_check_has_a_fault_that_it_finds(): assert {o for o,_ in spoilt}==set(checks)

def test_l2_counts_as_decay(): assert check_optimizer(L2, ['wd decays', 'wd_bn_bias=False']).passed.all()

def test_messages_name_the_numbers_and_the_raiser():
    def what(opt_func, name): return check_optimizer(opt_func, name)['what happened'][0]
    assert what(torch.optim.SGD, 'ReduceLROnPlateau')=='2 reductions by 10 changed lr from 0.01 to 0.01'
    assert what(Adam, 'misspelt hyper')=="set_hyper accepts 'momm' silently"
    assert what(OneGroup, 'made with groups').startswith('2 lists of weights made 1 groups')
    df = check_optimizer(torch.optim.Adagrad, 'fit_one_cycle')
    assert 'mom (raised by `_set_hyper` in optimizer.py)' in df['what happened'][0]
    assert "Let `set_hyper` ignore 'mom'" in df['how to fix'][0] and 'lr, lr_decay, eps, wd' in df['how to fix'][0]

def test_what_cannot_be_made_or_cannot_step_is_told():
    df = check_optimizer(torch.optim.LBFGS)
    assert df.passed[0]==False and df.passed[1:].isna().all() and len(df)==len(checks) and "not tried: 'made with groups' failed" in str(df)
    df = check_optimizer(torch.optim.SparseAdam, 'fit')
    assert 'does not support dense gradients' in df['what happened'][0] and df['how to fix'][0].startswith('First make `step()` work')
    # New in PyTorch 2.9
    if hasattr(torch.optim, 'Muon'): assert 'Accept all weights' in check_optimizer(torch.optim.Muon, 'fit')['how to fix'][0]

def test_two_names_that_become_one():
    class Twin(torch.optim.SGD):
        def __init__(self, params, lr, alpha=0.5, betas=(0.9, 0.99)):
            torch.optim.Optimizer.__init__(self, params, dict(lr=lr, alpha=alpha, betas=betas))
    assert "both called 'sqr_mom'" in str(check_optimizer(Twin, 'any hyper scheduled'))

def test_random_numbers_and_folder_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check_optimizer(Adam, ['fit', 'lr_find', 'export'])
    assert torch.equal(before, torch.get_rng_state()) and not list(tmp_path.iterdir())

def test_skipped_is_neither_passed_nor_failed():
    df = check_optimizer(torch.optim.Rprop, ['fit', 'wd decays'])
    assert df.passed.isna().tolist()==[False, True]
    assert df.summary=='1 of 1 checks passed, 1 do not apply' and "has no hyper 'wd'" in str(df)

def test_a_selection_of_rows_counts_the_whole_report():
    "Only the failures of two checks are no `0 of 1 checks passed`"
    df = check_optimizer(torch.optim.Adam, ['fit', 'wd_bn_bias=False'])
    shown = df[df.passed.eq(False).fillna(False)]
    assert (df.passed.tolist(), df.summary)==([True, False], '1 of 2 checks passed')
    assert shown.summary==df.head(1).summary=='1 of 2 checks passed, 1 of 2 are shown' and str(shown).endswith(shown.summary)
    assert df.sort_values('check').summary==df.summary
    assert check_optimizer(torch.optim.Adam, ['wd_bn_bias=False']).summary=='0 of 1 checks passed'

def test_kinds_of_opt_func():
    def factory(ps, lr): return torch.optim.SGD(ps, lr=lr)
    for o in (torch.optim.SGD, partial(torch.optim.SGD, momentum=0.9), factory): assert wrap_opt_func(o).func is OptimWrapper
    for o in (Adam, ranger, adamw, partial(adamw, mom=0.8), partial(OptimWrapper, opt=torch.optim.SGD), Odd): assert wrap_opt_func(o) is o
    p = nn.Parameter(torch.ones(2))
    for o in (torch.optim.SGD([p]), Adam([p], lr=0.1), OptimWrapper([p], torch.optim.SGD), 'adam'):
        with pytest.raises(TypeError, match='is already made|does not make an optimizer'): check_optimizer(o)

def test_wd_report():
    learn = CheckFixture(adamw).learner()
    learn.create_opt()
    learn.opt.set_hyper('wd', [0.01, 0.1])
    learn.freeze()
    df = wd_report(learn).set_index('weight')
    assert df.wd.to_dict()=={'0.weight':0, '0.bias':0, '1.weight':0, '1.bias':0, '2.weight':0.1, '2.bias':0}
    assert df.why.tolist()==['frozen', 'frozen', 'norm or bias', 'norm or bias', '', 'norm or bias'] and df.group.tolist()==[0]*4+[1]*2
    df = wd_report(CheckFixture(wrap_opt_func(partial(torch.optim.SGD, weight_decay=0.2))).learner())
    assert df.wd.tolist()==[0.2]*6 and df.decayed.all() and 'OptimWrapper' in df.why[1]
    assert set(wd_report(CheckFixture(wrap_opt_func(torch.optim.Rprop)).learner()).why)=={"the optimizer has no hyper 'wd'"}

@pytest.mark.parametrize('name', RULES)
def test_wd_report_says_what_happens(name):
    "Which is what the check `wd_bn_bias=False` finds, of each rule by `test_every_check_passes`, of one of each kind also here"
    lab = CheckFixture(RULES[name])
    learn = lab.learner()
    learn.create_opt()
    learn.opt.set_hyper('wd', 0.1)
    said = wd_report(learn)
    assert said[said.decayed].weight.tolist()==['0.weight', '2.weight']
    if name==KINDS[kind(RULES[name])][0]: assert run_check(lab, 'wd_bn_bias=False')[0]

def test_names_are_resolved_with_help():
    assert import_spec('fastopt.all:adamw') is adamw
    for spec,text in (('fastopt.al:adamw', "fastopt has no module 'al'; did you mean 'all'"),
        ('fastopt.all:diffgrd', "did you mean 'diffgrad'"), ('torhc.optim:SGD', "did you mean 'torch'"),
        ('torch.optim.SGD', 'module:attribute'), ('torch.optim:', 'module:attribute')):
        with pytest.raises(CliError, match=text): check_from_spec(spec)

def test_a_hyper_is_driven_within_its_range():
    class Choosy(Odd):
        def set_hyper(self, k, v):
            if k=='eps' and min(v if isinstance(v, list) else [v])<1e-8: raise ValueError('eps is 1e-8 or more')
            super().set_hyper(k, v)
    assert check_optimizer(Choosy, 'any hyper scheduled').passed.all()
    class Refuses(Odd):
        def set_hyper(self, k, v):
            if k=='eps': raise ValueError('eps is fixed')
            super().set_hyper(k, v)
    assert 'eps is fixed' in check_optimizer(Refuses, 'any hyper scheduled')['what happened'][0]

def test_what_else_moves_weights_is_no_decay():
    "One class pulls to zero under gradients of zero, the other takes steps whose length depends on all weights"
    class Pulls(Odd):
        def step(self, closure=None):
            for p,*_ in self.all_params(with_grad=True): p.data.mul_(0.9)
            super().step()
    class Shares(Odd):
        def step(self, closure=None):
            size = sum(p.norm().item() for p,*_ in self.all_params(with_grad=True))
            for p,*_ in self.all_params(with_grad=True): p.data.mul_(1-1e-3*size)
            super().step()
    for o in (Pulls, Shares): assert check_optimizer(o, ['wd decays', 'wd_bn_bias=False']).passed.all()

def test_wd_report_of_a_route():
    "Each weight has the decay of the rule that trains it"
    rule = route(matrices, RULES['momentum'], RULES['adamw'], wd=0.2, other_wd=0.1)
    df = wd_report(CheckFixture(rule).learner(wd_bn_bias=True))
    assert df.wd.tolist()==[0.2, 0.1, 0.1, 0.1, 0.2, 0.1] and df.decayed.all()

@pytest.mark.filterwarnings('ignore:.*found in sys.modules')
def test_command_line(monkeypatch, capsys):
    "Run as a module; `test_cli.py` starts the program"
    said = []
    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['fastopt-check', *args])
        code = 0
        try: runpy.run_module('fastopt.evidence.conformance', run_name='__main__', alter_sys=True)
        except SystemExit as e: code = e.code
        out,err = capsys.readouterr()
        said.append(err)
        return code,out
    code,out = run('torch.optim:Adagrd')
    assert (code, out)==(1, '') and "did you mean 'Adagrad'?" in said[-1] and 'Traceback' not in said[-1]
    for lr in ('0', 'nan', '-1'):
        code,out = run('torch.optim:SGD', '--lr', lr)
        assert (code, out)==(2, '') and ': give more than 0\n' in said[-1] and 'Traceback' not in said[-1]
    code,out = run('torch.optim:SGD')
    assert code==1 and 'FAILED  live hypers' in out and 'checks passed' in out
    code,out = run('fastopt.all:adamw')
    assert code==0 and f'{len(checks)} of {len(checks)} checks passed' in out and 'FAILED' not in out

# ---- optimizers that change the process, or end it

CHANGES = dict(zip(GLOBALS, (partial(torch.set_grad_enabled, False), partial(torch.set_default_dtype, torch.float64),
    partial(torch.set_default_device, 'meta'), partial(torch.set_num_threads, 3), partial(torch.use_deterministic_algorithms, True),
    partial(torch.set_float32_matmul_precision, 'medium'), partial(torch.autograd.set_detect_anomaly, True),
    partial(torch.set_autocast_enabled, 'cpu', True)), strict=True))

@pytest.mark.parametrize('where', ['init', 'step', 'factory'])
@pytest.mark.parametrize('name,change', CHANGES.items(), ids=list(CHANGES))
def test_a_changed_setting_is_restored_and_told(name, change, where):
    "The other checks see no trace of it, and one that fails by it says so"
    class Changes(Odd):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            if where=='init': change()
        def step(self, closure=None):
            super().step()
            if where=='step': change()
    def make(*args, **kwargs):
        if where=='factory': change()
        return Odd(*args, **kwargs)
    before = [get() for get,_ in GLOBALS.values()]
    df = check_optimizer(make if where=='factory' else Changes, ['set_hyper', 'fit']).set_index('check')
    assert [get() for get,_ in GLOBALS.values()]==before
    said = df['what happened']['global state']
    assert not df.passed['global state'] and said.startswith(f'the optimizer changed {name} from ') and df['how to fix']['global state']
    for o in df.index[~df.passed]: assert df['how to fix'][o].startswith('Restore in the optimizer') and name in df['what happened'][o]
    if where=='step': assert df.passed['set_hyper']
    assert check_optimizer(Odd, ['fit']).passed.tolist()==[True]

def test_random_states_are_left_alone_by_all(monkeypatch):
    class DrawsNumpy(Odd):
        def step(self, closure=None):
            np.random.rand()
            super().step()
    def draws(*args, **kwargs):
        np.random.rand(), random.random(), torch.rand(1)
        return torch.optim.SGD(*args, **kwargs)
    def states(): return torch.get_rng_state().tolist(),random.getstate(),[np.asarray(o).tolist() for o in np.random.get_state()]
    before = states()
    assert not check_optimizer(DrawsNumpy, 'lr_find leaves no trace').passed[0]
    check_optimizer(draws, 'set_hyper')
    assert states()==before

class Mute(Exception):
    def __str__(self): raise RuntimeError('no text')

class NoText:
    def __str__(self): raise RuntimeError('no text')

@pytest.mark.parametrize('where', ['init', 'step', 'set_hyper', 'state_dict'])
@pytest.mark.parametrize('error', [Mute, partial(Mute, NoText()), partial(KeyError, NoText()), partial(SystemExit, 3), SystemExit])
def test_no_exception_ends_the_report(error, where):
    def bad(self, *args, **kwargs): raise error()
    cls = type('Bad', (Odd,), {'__init__' if where=='init' else where: bad})
    df = check_optimizer(cls, ['set_hyper', 'misspelt hyper', 'fit', 'exact resume'])
    kind = type(error()).__name__
    assert len(df)>=4 and any(kind in o for o in df['what happened'][df.passed.eq(False).fillna(False)]), str(df)

def test_advice_that_fails_is_left_out():
    made = []
    def once(params, lr):
        made.append(0)
        if len(made)>4: raise ValueError('only four')
        return Odd(params, lr=lr)
    assert 'only four' in str(check_optimizer(once, ['set_hyper', 'fit', 'misspelt hyper']))

@pytest.mark.parametrize('where', ['__init__', 'step'])
def test_ctrl_c_ends_the_report(where):
    def stop(self, *args, **kwargs):
        torch.set_grad_enabled(False)
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): check_optimizer(type('Stops', (Odd,), {where: stop}), 'fit')
    assert torch.is_grad_enabled()

@pytest.mark.parametrize('lr', [torch.tensor(0.01), torch.tensor([0.01], dtype=torch.float64), np.float32(0.01), np.array(0.01)])
def test_a_rate_may_be_any_number(lr):
    assert check_optimizer(Odd, ['set_hyper', 'made with groups', 'discriminative rates'], lr=lr).passed.all()

@pytest.mark.parametrize('lr', [torch.tensor(0.), torch.tensor([0.1, 0.2]), torch.tensor(float('nan')), 'fast'])
def test_a_rate_is_one_positive_number(lr):
    with pytest.raises(ValueError, match='must be a finite number greater than 0'): check_optimizer(Odd, 'fit', lr=lr)
