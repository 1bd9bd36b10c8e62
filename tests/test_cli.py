"The command lines are answered before anything slow is imported, and their help is correct"
import ast, contextlib, json, os, re, shlex, subprocess, sys, warnings
from configparser import ConfigParser
from hypothesis import given, strategies as st
from inspect import Parameter, signature
from pathlib import Path
import pytest
from fastopt import __version__, cli
from fastopt.core import engine
from fastopt.evidence import step_bench as bench
from fastopt.vision import recipe
from fastopt.vision import train as T
from fresh import fresh
from stranger import ROOT, Page

ini = ConfigParser(delimiters=['='])
ini.read_string((Path(__file__).parents[1]/'settings.ini').read_text(encoding='utf-8'))
ENTRIES = dict(o.split('=') for o in ini.defaults()['console_scripts'].split())
SLOW = 'torch torchvision fastai numpy pandas matplotlib scipy sklearn PIL'.split()
DECLARED = [f for o in cli.SCRIPTS.values() for f in (o if isinstance(o, list) else [o])]
PROGS = {f'{k} {f.__name__}' if isinstance(o, list) else k: f for k,o in cli.SCRIPTS.items() for f in (o if isinstance(o, list) else [o])}

def _used(): return sum(os.times()[2:4]) # By children that have ended

def script(name, *args):
    "Run a console script as installed by `pip`; returns code, output, errors, the slow modules it imported, and seconds of CPU"
    module,_,func = ENTRIES[name].partition(':')
    seen = f'print([o for o in {SLOW} if o in sys.modules], file=sys.stderr)'
    code = f'import sys; from {module} import {func}\ntry: {func}()\nfinally: {seen}'
    start = _used()
    res = subprocess.run([sys.executable, '-c', code, *args], capture_output=True, text=True)
    *err,slow = res.stderr.splitlines()
    return res.returncode,res.stdout,'\n'.join(err),slow,_used()-start

def test_every_script_is_declared(): assert list(ENTRIES)==list(cli.SCRIPTS)

HELP = {'fastopt-train':'--arch', 'fastopt-bench':'--tiny', 'fastopt-bench-step':'--shapes', 'fastopt-check':'spec',
    'fastopt-leaderboard':'compare', 'fastopt-federate':'--strategy', 'fastopt-collaborate':'--attack', 'fastopt-docs':'--run',
    'fastopt-new':'name', 'fastopt-help':'--completion', 'fastopt-opts':'like'}

@pytest.mark.parametrize('name', ENTRIES)
@pytest.mark.parametrize('args,code', [('--help', 0), ('--version', 0), ('--hepl', 2)])
def test_answered_at_once(name, args, code, record_property):
    got,out,err,slow,seconds = script(name, args)
    record_property('seconds of CPU', seconds)
    assert (got, slow)==(code, '[]'), err
    assert seconds<1, 'It takes a tenth of that'
    if args=='--help': assert out.startswith(f'usage: {name} ') and HELP[name] in out and not err and '%%' not in out
    elif args=='--version': assert out==f'fastopt {__version__}\n' and not err
    else: assert not out and f'{name}: error: ' in err

def test_alike_names_are_told_apart():
    for a,b in (('fastopt-bench', 'fastopt-bench-step'), ('fastopt-bench-step', 'fastopt-bench ')):
        assert b in ' '.join(script(a, '--help')[1].split())

@pytest.mark.parametrize('args,says', [('fastopt-train --opt difgrad', "did you mean 'diffgrad'"),
    ('fastopt-train --arch xresnet81', "did you mean 'xresnet18'"), ('fastopt-train --epochs many', 'invalid int value'),
    ('fastopt-train --how warp', "The list of engines has no 'warp'"), ('fastopt-train --epoch-s 3', 'unrecognized arguments: --epoch-s'),
    ('fastopt-bench-step --quik', 'unrecognized arguments: --quik'), ('fastopt-check', 'required: spec'),
    ('fastopt-bench-step --only adamm', "did you mean 'adam'"), ('fastopt-bench-step --shapes smal,many', "did you mean 'small'"),
    ('fastopt-train --epochs 0', '--epochs 0 is too small: give 1 or more'),
    ('fastopt-check a:b --lr fast', 'invalid float value'), ('fastopt-leaderboard runn', "invalid choice: 'runn'"),
    ('fastopt-leaderboard run --noise 2', 'invalid choice: 2'), ('fastopt-leaderboard run skript', "did you mean 'script'"),
    ('fastopt-leaderboard tune --opt difgrad', "did you mean 'diffgrad'"),
    ('fastopt-leaderboard run --opt fastai.adm', "did you mean 'fastai.adam'"),
    ('fastopt-leaderboard speed --dataset imagenete', "did you mean 'imagenette'"), ('fastopt-leaderboard export', 'required: path'),
    ('fastopt-bench --tasks digit,mnist-vae', "did you mean 'digits'"),
    ('fastopt-bench --opts adamw,difgrad', "did you mean 'diffgrad'"),
    ('fastopt-bench --track tune', "did you mean 'tuned'"), ('fastopt-federate --strategy fedfx', "did you mean 'fedfix'"),
    ('fastopt-collaborate --mixing nan', "did you mean 'nna'"),
    ('fastopt-leaderboard run --hypers zzz', '--hypers zzz is not a list such as k=5,alpha=.5'),
    ('fastopt-leaderboard tune --lrs a,b', '--lrs a,b is not a list such as 1e-3,4e-3'),
    ('fastopt-leaderboard run --arch nope', "The list of networks has no 'nope'"),
    ('fastopt-federate --percents a', "--percents: 'a' is not a number"), ('fastopt-collaborate --scale a', 'must be numbers of workers'),
    ('fastopt-train --valid-pct 2', '--valid-pct 2.0 is too large: give less than 1'),
    ('fastopt-check nope', "'nope' is not of the form module:attribute"),
    ('fastopt-federate --strategies nope', "--strategies has no 'nope'"), ('fastopt-federate --engine flowr', "invalid choice: 'flowr'"),
    ('fastopt-collaborate --mixings nope', "The list of mixing rules has no 'nope'"), ('fastopt-opts lionn', "did you mean 'lion'"),
    ('fastopt-help trian', "did you mean 'train'"), ('fastopt-new Foo', "'Foo' cannot name a rule"),
    ('fastopt-collaborate --rank 1', '--rank and --peers go together')])
def test_mistyped(args, says, record_property):
    code,out,err,slow,seconds = script(*args.split())
    record_property('seconds of CPU', seconds)
    assert (code, out, slow)==(2, '', '[]') and says in err
    assert seconds<1, 'It takes a tenth of that'

def ends_of(r):
    "The least value of the range `r`, the largest one, and its brackets"
    return (*r, '[]')[:3] if isinstance(r, tuple) else (r, None, '[]')

# The arguments that a command requires, in a form that is valid
REQUIRED = dict(check=['a:b'], export=['board.md'], new=['my_rule'])

def out_of_range():
    "Each number of each command beyond either end of its range, as (arguments, message)"
    for prog,f in PROGS.items():
        kinds = {k: o.annotation for k,o in signature(f).parameters.items()}
        for k,r in cli.RANGES.get(f.__name__, {}).items():
            if k not in kinds: continue # `tune` has no --lr
            (lo,hi,ends),kind = ends_of(r),kinds[k]
            start,opt,beyond = [*prog.split(), *REQUIRED.get(f.__name__, [])],f"--{k.replace('_', '-')}",1 if kind is int else .5
            low,high = f'{lo} or more' if ends[0]=='[' else f'more than {lo}',f'{hi} or less' if ends[1]==']' else f'less than {hi}'
            for v in (lo-beyond, *([lo] if ends[0]=='(' else [])):
                yield [*start, opt, str(kind(v))],f'{opt} {kind(v)} is too small: give {low}'
            if kind is int: yield [*start, opt, str(2**63)],'is too large: give less than 2**63'
            if kind is float: yield from (([*start, opt, v], f'is not a finite number: give {low}') for v in ('nan', 'inf'))
            if hi:
                for v in (hi+beyond, *([hi] if ends[1]==')' else [])): yield [*start, opt, str(kind(v))],f'is too large: give {high}'

@pytest.fixture
def refused(capsys, monkeypatch):
    "A function that returns the last line that a command prints if it is refused at once, before the module of its work is imported"
    def fail(declaration, own): raise AssertionError('The work has begun')
    monkeypatch.setattr(cli, 'worker', fail)
    def run(args):
        with pytest.raises(SystemExit) as e: cli.start(args[0], args[1:])
        out,err = capsys.readouterr()
        assert (e.value.code, out)==(2, ''), err
        *usage,said = err.splitlines()
        assert not usage or usage[0].startswith('usage: ')
        return said
    return run

@pytest.mark.parametrize('args,says', [*out_of_range()], ids=lambda o: ' '.join(o) if isinstance(o, list) else '')
def test_a_number_out_of_range(args, says, refused): assert says in refused(args)

def test_the_smallest_and_largest_numbers_are_accepted(monkeypatch):
    monkeypatch.setattr(cli, 'CONFLICTS', {}) # Some need another option
    for prog,f in PROGS.items():
        known,given = signature(f).parameters,{}
        monkeypatch.setattr(cli, 'worker', lambda declaration, own: lambda *args, **kwargs: given.update(kwargs))
        for k,r in cli.RANGES.get(f.__name__, {}).items():
            if k not in known or (f.__name__, k)==('tune', 'holdout'): continue # At 0 it would set aside nothing
            lo,hi,ends = ends_of(r)
            for v in (lo if ends[0]=='[' else lo+1e-9, *([] if hi is None else [hi if ends[1]==']' else hi-1e-9])):
                name,*rest = prog.split()
                cli.start(name, [*rest, *REQUIRED.get(f.__name__, []), f"--{k.replace('_', '-')}={v}"])
                assert given[k]==v

# Texts without a format, by command or for all, and why
ANY = dict(data='a name, a folder or an archive, which is looked up', url='a link', family='part of a row', cls='compared with the name')
ANY |= {('run', 'name'):'of an entry', ('tune', 'name'):'of an entry', ('show', 'like'):'part of a name'}
WRONG = {o[0]: o[1:] for o in (('spec', 'nope', ':b', 'a:', ''), ('hypers', 'zzz', 'k', 'k=', 'k=a', 'k=5,', '=,='), ('holdout', '0'),
    ('lrs', 'a,b', '', '1e-3;1e-2', 'nan', '-1', '1,inf'), ('path', 'board', 'board.pdf', 'board.', ''), ('table', 't.png', 'x/T.PNG'),
    ('strategies', 'nope', ' , ', 'fedavg:2', 'fedbuff:x', 'fedbuff:', 'fedbuff:0', 'fedfix:0', 'fedfix:inf', 'fedavg@x', 'fedavg@nan',
        'fedavg@-1', 'fedavg@', 'fedavg,nope'), ('percents', 'a', '0,x', '100', '-1', 'nan', ','),
    ('scale', 'a', '8,many', '0', '8,', '-8'), ('peers', 'a', 'a:b', ':1', 'a:0', 'a:70000', 'a:1,a:1', 'a:1,'),
    ('topic', 'trian', 'fastopt-'), ('like', 'adamm', 'Adam', 'a:', ':b'), ('name', 'Foo', 'a-b', 'for', '1st', 'adam', 'a__b', ''))}

def texts():
    "(command, its declaration, name, annotation) of each option or argument of each command"
    for prog,f in PROGS.items():
        for k,o in signature(f).parameters.items():
            if o.kind!=o.VAR_POSITIONAL: yield prog,f,k,o.annotation

def wrong_texts():
    "A wrong text for each option or argument that is more than any text, as arguments"
    for prog,f,k,kind in texts():
        own = cli.FORMATS.get(f.__name__, {})
        wrong = WRONG[k] if k in own else ['zzz'] if kind not in (str, cli.FILE, cli.DIR, bool) else []
        positional = k in ('preset', 'like', 'topic') or signature(f).parameters[k].default is Parameter.empty
        for o in wrong:
            yield [*prog.split(), *(['--', o] if positional else [*REQUIRED.get(f.__name__, []), f"--{k.replace('_', '-')}={o}"])]

@pytest.mark.parametrize('args', [*wrong_texts()], ids=' '.join)
def test_a_wrong_text_is_refused_at_once(args, refused):
    "The property of all options that have names, numbers or a format of their own"
    assert ': error: ' in refused(args)

def test_each_option_has_a_check():
    "A number has a range, and a text names, a format, or a reason why it may be any text"
    for prog,f,k,kind in texts():
        if kind in (int, float): assert k in cli.RANGES.get(f.__name__, {}), (prog, k)
        elif kind is str: assert (k in cli.FORMATS.get(f.__name__, {})) != (k in ANY or (f.__name__, k) in ANY), (prog, k)
    known = {(f.__name__, k) for _,f,k,_ in texts()}
    assert {(f, k) for f,o in cli.FORMATS.items() for k in o}<=known and {k if isinstance(k, tuple) else ('', k) for k in ANY}<={
        *known, *(('', k) for _,k in known)} and {*WRONG}=={k for o in cli.FORMATS.values() for k in o}

# ---- options that contradict each other

# A command line, and what it is told
CONFLICTS = """
fastopt-train --resume d --lr .1 --epochs 9 # leave out --lr, --epochs, or start
fastopt-train --resume= --lr .1 # leave out --lr
fastopt-train --valid-pct .2 # have their own split
fastopt-bench --tiny --track tuned # leave out --tiny, or --track tuned
fastopt-bench-step --resume # continues the record in --out
fastopt-leaderboard compare # two entries or more
fastopt-leaderboard compare a # two entries or more
fastopt-leaderboard run script --mom 1 # --mom 1.0 is too large; give less than 1
fastopt-leaderboard run --hypers lr=.1 # give --lr
fastopt-leaderboard run blur-2020 --size 100 # --size 100 does not work with blur
fastopt-leaderboard run record-128-5 --limit 31 # --limit 31 is too small: give 32 or more
fastopt-leaderboard run --opt fastai.sgd --sqr-mom 1.5 # --sqr-mom 1.5 is too large
fastopt-leaderboard run --noise 5 --data photos --valid-pct .2 # leave out --noise or --valid-pct
fastopt-leaderboard run --arch small --sa true # because the network small has none
fastopt-leaderboard run --sched one_cycle --mom .9 # because one_cycle sets its own
fastopt-leaderboard run --warmup 9 # --warmup would do nothing
fastopt-leaderboard run --opt schedulefree_adamw --pct-start .5 # because the schedule constant has none
fastopt-leaderboard tune --blur true --size 100 # give a multiple of 32
fastopt-leaderboard speed script --sched wsd --pct-start .5 # because the schedule wsd has none
fastopt-federate --table t --engine flower # leave out --engine and --resume
fastopt-federate --table t --resume d # leave out --engine and
fastopt-federate --strategy fedavg --dt 1 # --dt is for fedfix
fastopt-federate --c 3 # --c is for fedbuff
fastopt-federate --time 1e300 # would never end
fastopt-federate --windows 3 # --windows works only with Flower
fastopt-federate --table t --percent 0 # --percent has no effect on a table
fastopt-federate --seeds 2 # --seeds describes a table
fastopt-federate --engine flower --every 2 # --every works only with simulated clients
fastopt-federate --resume d --sample 2 # --sample works only with simulated
fastopt-federate --sample 21 # --sample 21 of 20 clients is impossible
fastopt-federate --data mnist # mnist is not downloaded
fastopt-collaborate --rank 1 # --rank and --peers go together
fastopt-collaborate PEERS --engine cluster # --engine cluster knows its workers
fastopt-collaborate --engine processes --attack foe # --attack works only with simulated
fastopt-collaborate PEERS --scale 8 # --table and --scale work only
fastopt-collaborate --mixings nna # add --table FILE
fastopt-collaborate --table t --scale 8 # are two commands
fastopt-collaborate --table t --mixing mean # --mixing has no effect
fastopt-collaborate --scale 8 --n 5 # --n has no effect on --scale
fastopt-collaborate --key-file k # --key-file is for --peers
fastopt-collaborate --deadline 5 # is for real workers
fastopt-collaborate --opt adam --lr .1 --mom .5 # not for adam
fastopt-collaborate --opt adam # --opt adam needs --lr
fastopt-collaborate --n 4 --f 2 # give 1 or less
fastopt-collaborate PEERS --rank 2 # --rank 2 is not one of 2 workers: give 0 to 1
fastopt-collaborate --rank 0 --peers 127.0.0.1:1,127.0.0.1:2 --f 1 # give 0 or less
fastopt-collaborate PEERS --n 3 # --n 3 is not the number of workers, 2
fastopt-collaborate PEERS # need --key-file
fastopt-collaborate --data cifar10 # cifar10 is not downloaded
fastopt-new my_rule --cls MyRul # such as MyRule
"""
CONFLICTS = CONFLICTS.strip().replace('PEERS', '--rank 0 --peers 10.0.0.1:1,10.0.0.2:1').splitlines()
CONFLICTS = [(args.split(), says) for args,_,says in (o.partition(' # ') for o in CONFLICTS)]

@pytest.mark.parametrize('args,says', CONFLICTS, ids=lambda o: ' '.join(o) if isinstance(o, list) else '')
def test_options_that_contradict_each_other_are_refused_at_once(args, says, refused): assert says in refused(args)

def test_each_refusal_of_conflicts_is_tried():
    "Each `raise` among the functions of `cli.CONFLICTS` is reached by one of the lines above"
    reached = set()
    for (script,*rest),_ in CONFLICTS:
        args = vars(cli.parser(script).parse_args(rest))
        with pytest.raises(cli.InputError) as e: cli.check_options(args, args['declaration'])
        reached |= {o.lineno+1 for o in e.traceback if o.frame.code.path==Path(cli.__file__)}
    first,end = (f.__code__.co_firstlineno for f in (cli.refuse_unused, cli.check_options))
    tree = ast.parse(Path(cli.__file__).read_text(encoding='utf-8'))
    assert not {o.lineno for o in ast.walk(tree) if isinstance(o, ast.Raise) and first<o.lineno<end}-reached

ODD = dict(preset=cli.RECIPES, opt=['fastai.sgd', 'adamw', 'schedulefree_sgd'], sched=cli.SCHEDS, arch=['small', 'xresnet18'], mom=[.9, 1.],
    sqr_mom=[1.], pct_start=[.5], warmup=[9], sa=[True], blur=[False, True], size=[100], bs=[16], limit=[20, 40], hypers=['', 'wd=.1'])

@given(st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k,v in ODD.items()}))
def test_the_recipe_says_the_same_of_its_options(args):
    def said(f, *args, **kwargs):
        try: f(*args, **kwargs)
        except cli.InputError as e: return str(e)
    given = {'preset':'base-2020', 'hypers':'', **args}
    want = said(recipe.recipe_settings, **given | dict(hypers=cli.parse_hypers(given['hypers'])))
    assert said(cli.check_options, {k: given.get(k) for k in signature(cli.run).parameters}, cli.run)==want

@pytest.mark.parametrize('declaration', [f for fs in cli.SCRIPTS.values() for f in (fs if isinstance(fs, list) else [fs])],
    ids=lambda o: o.__name__)
def test_calls_from_python_suggest_a_name_before_anything_else(declaration):
    "`implements` checks names of calls that no parser has seen"
    known = signature(declaration).parameters
    args = {k: p.default if p.default is not Parameter.empty else '' for k,p in known.items()}
    for k,p in known.items():
        choices = getattr(p.annotation, '__metadata__', [{}])[0].get('choices')
        if not choices or not isinstance(next(iter(choices)), str): continue
        with pytest.raises(cli.InputError, match=f'has no {"nope"!r}'): cli.check_options({**args, k:'nope'}, declaration)

def test_facts_of_recipes():
    for k,facts in cli.PRESET_FACTS.items(): assert facts=={o: (recipe.SCRIPT|recipe.PRESETS[k])[o] for o in facts}
    assert {*cli.PRESET_FACTS}=={*cli.RECIPES}
    takes = {k: signature(getattr(T.Learner, o)).parameters for k,o in recipe.SCHEDS.items()}
    assert cli.SCHED_OPTIONS=={o: [k for k in cli.SCHEDS if o in takes[k]] for o in ('pct_start','warmup')}

# ---- help

@pytest.mark.parametrize('cmd', cli.SCRIPTS['fastopt-leaderboard'], ids=lambda o: o.__name__)
def test_help_of_commands(cmd):
    code,out,_,slow,_ = script('fastopt-leaderboard', cmd.__name__, '--help')
    assert (code, slow)==(0, '[]') and cmd.__doc__ in ' '.join(out.split())

def help_of(prog, capsys, monkeypatch, columns=80):
    monkeypatch.setenv('COLUMNS', str(columns))
    name,*rest = prog.split()
    with pytest.raises(SystemExit) as e: cli.start(name, [*rest, '--help'])
    assert e.value.code==0
    return capsys.readouterr().out

@pytest.mark.parametrize('prog', [*PROGS, 'fastopt-leaderboard'])
def test_help_fits_80_columns(prog, capsys, monkeypatch):
    out = help_of(prog, capsys, monkeypatch)
    assert max(map(len, out.splitlines()))<=80 and not re.search(r'\((str|int|float|bool|name|names)\)', out) and '%%' not in out
    assert max(len(o.split(',')) for o in re.findall(r'\{(.*?)\}', out) or [''])<6, 'A long list belongs into a sentence'

@pytest.mark.parametrize('prog', [*PROGS, 'fastopt-leaderboard'])
def test_the_example_of_help_parses(prog, capsys, monkeypatch):
    out = help_of(prog, capsys, monkeypatch)
    example, = re.findall('^example: (.*)$', out, re.M)
    name,*args = shlex.split(example)
    assert example.startswith(f'{prog} ') and cli.parser(name).parse_args(args)

@pytest.mark.parametrize('page', [ROOT/'README.md', *sorted((ROOT/'nbs').rglob('*.ipynb'))], ids=lambda o: o.stem)
def test_commands_on_pages_parse(page, capsys):
    "Those in blocks for a shell, unless the shell fills something in"
    said = [re.sub(r'\s+#.*', '', o) for b in Page(page)._blocks('sh')
        for o in b.replace('\\\n', '').splitlines() if o.startswith('fastopt-')]
    for name,*args in (shlex.split(o) for o in said if not re.search('[$|>&]', o)):
        try: cli.parser(name).parse_args(args)
        except SystemExit as e: assert not e.code, (name, args, capsys.readouterr().err)

@pytest.mark.parametrize('prog', PROGS)
def test_help_names_the_exit_status(prog, capsys, monkeypatch):
    status, = re.findall('^exit status: (.*)$', help_of(prog, capsys, monkeypatch), re.M)
    assert re.fullmatch('0 done, 1 .+, 2 wrong usage, 130 Ctrl-C', status)

@pytest.mark.parametrize('prog', [*PROGS, 'fastopt-leaderboard'])
def test_every_command_knows_its_version(prog, capsys):
    name,*rest = prog.split()
    with pytest.raises(SystemExit): cli.parser(name).parse_args([*rest, '--version'])
    assert capsys.readouterr().out==f'fastopt {__version__}\n'

@pytest.mark.parametrize('name', cli.GROUPS)
def test_every_option_is_in_one_group(name):
    grouped = ' '.join(cli.GROUPS[name].values()).split()
    declared = signature(next(f for f in DECLARED if f.__name__==name)).parameters
    assert len(grouped)==len({*grouped}) and {*declared}-{'preset'}<={*grouped}

def test_groups_name_options_only():
    known = {k for f in DECLARED for k in signature(f).parameters}
    assert {o for g in cli.GROUPS.values() for v in g.values() for o in v.split()}|{*cli.METAVARS}<=known

@pytest.mark.parametrize('prog', [k for k,f in PROGS.items() if 'opt' in signature(f).parameters])
def test_help_names_where_optimizers_are_listed(prog, capsys, monkeypatch):
    assert 'names: fastopt-opts' in ' '.join(help_of(prog, capsys, monkeypatch).split())

def test_defaults_are_shown(capsys, monkeypatch):
    out = ' '.join(help_of('fastopt-federate', capsys, monkeypatch).split())
    assert '(default: False)' not in out
    shown = '(default: 0', '(default: 1.0', '(names: fastopt-opts; or your own, module:name; default: momentum'
    assert all(f'{o})' in out for o in shown)

# ---- lists of commands and optimizers

def test_fastopt_help_lists_all_commands_in_one_line_each(capsys):
    cli.start('fastopt-help', [])
    lines = capsys.readouterr().out.splitlines()
    listed = [o for v in cli.KINDS.values() for o in v]
    assert max(map(len, lines))<=80 and listed==[o.split()[0] for o in lines if o.startswith('  fastopt-')] and {*listed}=={*ENTRIES}

def test_fastopt_help_imports_nothing_slow(): assert script('fastopt-help')[3]=='[]'

@pytest.mark.parametrize('topic', ['train', 'fastopt-train'])
def test_fastopt_help_explains_a_command(topic, capsys, monkeypatch):
    want = help_of('fastopt-train', capsys, monkeypatch)
    cli.start('fastopt-help', [topic])
    assert capsys.readouterr().out==want

def test_a_mistyped_topic_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as e: cli.start('fastopt-help', ['trian'])
    assert e.value.code==2 and "did you mean 'train'" in capsys.readouterr().err

def said_json(capsys, *args):
    "The JSON that a command prints, without anything else"
    cli.start(*args)
    out = capsys.readouterr()
    return json.loads(out.out)

def test_json_of_commands(capsys):
    got = {o['command']:o for o in said_json(capsys, 'fastopt-help', ['--json'])}
    assert {*got}=={*ENTRIES} and got['fastopt-leaderboard']['subcommands'][0]=='run'

def test_json_of_optimizers(capsys):
    from fastopt.core.registry import opts
    got = {o['name']:o for o in said_json(capsys, 'fastopt-opts', ['--json'])}
    assert [*got]==cli.OPTS and got['adamw']['year']==2017 and {*got['adamw']}=={'name', *opts().columns}

def test_optimizers_are_listed(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    cli.start('fastopt-opts', [])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines))<=80 and {*cli.OPTS}<={o.split()[0] for o in lines}
    monkeypatch.setenv('COLUMNS', '40')
    cli.start('fastopt-opts', [])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines))<=40 and {*cli.OPTS}<={o.split()[0] for o in lines}
    cli.start('fastopt-opts', ['adamw'])
    assert 'https://arxiv.org/abs/1711.05101' in capsys.readouterr().out
    with pytest.raises(SystemExit): cli.start('fastopt-opts', ['lionn'])
    err = capsys.readouterr().err
    assert "did you mean 'lion'" in err and "fastopt-opts 'ada*'" in err and 'opts()' not in err

@pytest.mark.parametrize('name', cli.OPTS)
def test_each_optimizer_is_described(name, capsys):
    "A field without a value is left out"
    cli.start('fastopt-opts', [name])
    first,*fields = capsys.readouterr().out.splitlines()
    assert first==name and fields and '<NA>' not in '\n'.join(fields)

def test_an_own_rule_is_described(capsys, tmp_path, monkeypatch):
    (tmp_path/'own_rule.py').write_text('from fastopt.core.rules import Rule, decay, descend\nmine = Rule(decay, descend, doc="Mine")\n')
    monkeypatch.syspath_prepend(tmp_path)
    cli.start('fastopt-opts', ['own_rule:mine'])
    assert capsys.readouterr().out.startswith('own_rule:mine\n  idea          Mine\n')
    assert [o['name'] for o in said_json(capsys, 'fastopt-opts', ['own_rule:mine', '--json'])]==['own_rule:mine']
    for spec,says in (('own_rule:min', "did you mean 'mine'"), ('own_rul:mine', "no module 'own_rul'"), ('own_rule:Rule', 'give a rule')):
        with pytest.raises(SystemExit) as e: cli.start('fastopt-opts', [spec])
        assert e.value.code==1 and says in capsys.readouterr().err

def test_json_of_recipes(capsys): assert [o['preset'] for o in said_json(capsys, 'fastopt-leaderboard', ['presets','--json'])]==cli.RECIPES

def test_json_of_a_check(capsys):
    from fastopt.evidence.conformance import check_from_spec
    df = check_from_spec('torch.optim:SGD', json=True)
    assert [o['check'] for o in json.loads(capsys.readouterr().out)]==df['check'].tolist()

# ---- completion

def completions(name, typed, tmp_path):
    "What a shell offers after `typed`, and what the script imported for it"
    out,line,seen = tmp_path/'offered',f'{name} {typed}',tmp_path/'imported'
    env = dict(os.environ, _ARGCOMPLETE='1', _ARGCOMPLETE_IFS='\n', _ARGCOMPLETE_STDOUT_FILENAME=str(out), COMP_LINE=line,
        COMP_POINT=str(len(line)), COMP_TYPE='9')
    module,_,func = ENTRIES[name].partition(':')
    note = f'''import os, sys
end = os._exit
def leave(code):
    with open({str(seen)!r}, 'w') as f: f.write(' '.join(sys.modules))
    end(code)
os._exit = leave'''
    subprocess.run([sys.executable, '-c', f'{note}\nfrom {module} import {func}; {func}()'], env=env, check=True)
    return [o.strip() for o in out.read_text().split('\n')],{*seen.read_text().split()}

@pytest.mark.parametrize('name,typed,offers', [('fastopt-train', '--op', ['--opt']), ('fastopt-train', '--opt diffgr', ['diffgrad']),
    ('fastopt-leaderboard', 'sh', ['show']), ('fastopt-leaderboard', 'run --pre', ['--precision']), ('fastopt-help', '--js', ['--json'])])
def test_completion_imports_nothing_slow(name, typed, offers, tmp_path):
    pytest.importorskip('argcomplete')
    got,imported = completions(name, typed, tmp_path)
    assert got==offers and 'argcomplete' in imported and not imported & {*SLOW}

@pytest.mark.parametrize('shell', ['bash','zsh','fish'])
def test_completion_is_switched_on_for_all(shell, capsys):
    pytest.importorskip('argcomplete')
    cli.start('fastopt-help', ['--completion', shell])
    out = capsys.readouterr().out
    assert all(o in out for o in ENTRIES)

# ---- warnings

def test_work_is_done_in_silence():
    "Importing fastai prints no warning"
    code,out,err,slow,_ = script('fastopt-leaderboard', 'presets')
    assert not code and 'base-2020' in out and 'fastai' in slow and 'torch.jit.script' not in err

@pytest.mark.parametrize('name', ENTRIES)
def test_other_warnings_are_seen(name, monkeypatch):
    said = [('`torch.jit.script` is deprecated. Please switch', FutureWarning), ('`torch.jit.script` is deprecated', UserWarning),
        ('another', FutureWarning)]
    monkeypatch.setattr(cli, 'start', lambda script: [warnings.warn(*o) for o in said])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        getattr(cli, ENTRIES[name].partition(':')[2])()
    assert [(str(o.message), o.category) for o in seen]==said[1:]

# ---- declarations are correct

def test_names():
    assert cli.NETWORKS==list(recipe.ARCHS)
    assert cli.OPTS==sorted(recipe.named_rules()) and cli.ARCHS==list(T.archs)
    assert set(cli.ENGINES)==set(engine.engines) and cli.RECIPES==list(recipe.PRESETS)

def test_names_of_machines():
    from fastopt.distributed import aggregation, attacks, clock, data, mixing
    assert cli._FOREVER==clock.FOREVER
    assert cli.STRATEGIES_BY_NAME==list(aggregation.STRATEGIES) and cli.MIXINGS_BY_NAME==list(mixing.MIXINGS)
    assert cli.ATTACKS_BY_NAME==list(attacks.ATTACKS) and cli.IMAGES_BY_NAME==list(data.READERS)==list(data.NETWORKS)==list(data.SETTINGS)

def test_names_of_the_step_bench(): assert cli.MODELS_BY_NAME==list(bench.nets) and {*bench.competitors}=={*cli.OPTS, 'lookahead'}

@pytest.mark.parametrize('name', ['DATASETS','PIPELINES','SCHEDS','ACTS','POOLS','FASTAI_OPTS'])
def test_names_of_recipes(name): assert getattr(cli, name)==list(getattr(recipe, name))

@pytest.mark.parametrize('declaration,names', [(cli.run, recipe.FASTAI_OPTS), (cli.bench_step, bench.nets)], ids=['run','bench_step'])
def test_names_in_help(declaration, names):
    text = cli.anno_parser(declaration).format_help()
    assert not [o for o in names if o not in text]

@pytest.mark.parametrize('declaration', DECLARED, ids=lambda o: o.__name__)
def test_workers(declaration):
    "Each command can be called from Python with its declared arguments, and documents them"
    work = cli.worker(declaration)
    assert work.__module__+':'+work.__name__==cli.WORK[declaration.__name__]
    if declaration is cli.check: work = sys.modules['fastopt.evidence.conformance'].check_from_spec
    assert signature(work)==signature(declaration) and work.__doc__==declaration.__doc__

def test_nothing_else_works(): assert set(cli.WORK)=={o.__name__ for o in DECLARED}

@pytest.mark.parametrize('error,code,says', [(cli.CliError('no such thing'), 1, 'fastopt-check: no such thing\n'),
    (KeyboardInterrupt(), 130, 'fastopt-check: interrupted\n')], ids=['mistake','Ctrl-C'])
def test_how_it_ends(error, code, says, capsys):
    def command(**kwargs): raise error
    with pytest.raises(SystemExit) as e: cli.start('fastopt-check', ['a:b'], dict(check_command=command))
    assert (e.value.code, capsys.readouterr().err)==(code, says)

@pytest.fixture
def unread(monkeypatch):
    "Standard output is a pipe whose reader has gone"
    r,w = os.pipe()
    os.close(r)
    with open(w, 'w') as f:
        monkeypatch.setattr(sys, 'stdout', f)
        yield f

@pytest.mark.parametrize('args', [[], ['adamw'], ['--help']], ids=str)
def test_a_reader_who_has_gone(unread, args):
    with contextlib.suppress(SystemExit): cli.start('fastopt-opts', args)
    print('silence', flush=True) # What follows goes nowhere, too

@pytest.mark.parametrize('args', [['--help'], ['--version'], []], ids=str)
def test_a_script_whose_reader_has_gone(args):
    code = 'from fastopt.cli import fastopt_help; fastopt_help()'
    p = subprocess.Popen([sys.executable, '-c', code, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stdout.close()
    assert (p.stderr.read(), p.wait())==('', 0)

def test_names_that_cannot_be_shown(tmp_path, monkeypatch):
    with open(tmp_path/'out', 'w', encoding='ascii') as f:
        monkeypatch.setattr(sys, 'stdout', f)
        cli.start('fastopt-check', ['a:b'], dict(check_command=lambda **kwargs: print('caf\udce9 ⇅')))
    assert (tmp_path/'out').read_text()=='caf\\udce9 \\u21c5\n'

def python(*args, **kwargs): return subprocess.run([sys.executable, *args], stderr=subprocess.PIPE, text=True, **kwargs)

def test_help_without_docstrings():
    code = 'from fastopt import cli, lists; print(lists.commands_text()); [print(cli.parser(o).format_help()) for o in cli.SCRIPTS]'
    res = python('-OO', '-c', code, stdout=subprocess.PIPE)
    assert res.returncode==0 and not res.stderr and 'None.' not in res.stdout and all(o in res.stdout for o in [*ENTRIES, '--valid-pct'])

@pytest.mark.parametrize('errors', ['strict', 'surrogateescape'])
def test_a_locale_without_utf_8(errors, tmp_path, monkeypatch):
    with open(tmp_path/'out', 'w', encoding='ascii', errors=errors) as f:
        monkeypatch.setattr(sys, 'stdout', f)
        cli.start('fastopt-check', ['a:b'], dict(check_command=lambda **kwargs: print('\u2264')))
    assert (tmp_path/'out').read_text(encoding='ascii')=='\\u2264\n'

FULL = Path('/dev/full')
@pytest.mark.skipif(not FULL.exists(), reason='a device of Linux')
@pytest.mark.parametrize('both', [False, True])
def test_a_full_disk_is_told_and_ends_no_training(both, tmp_path):
    work = """import sys; from fastopt import cli
def check_command(**kwargs):
    for i in range(3): print(i, flush=True); print('said', file=sys.stderr)
    open(sys.argv[1], 'w').write('trained')
cli.start('fastopt-check', ['a:b'], dict(check_command=check_command))"""
    for code,done in ((work, True), ("from fastopt.cli import fastopt_help; fastopt_help()", False)):
        with FULL.open('w') as f:
            kwargs = dict(stdout=f, stderr=f) if both else dict(stdout=f, stderr=subprocess.PIPE)
            args = [str(tmp_path/'done')]*done
            res = subprocess.run([sys.executable, '-c', code, *args], text=True, **kwargs)
        assert res.returncode==1
        if not both: assert [o for o in res.stderr.splitlines() if o!='said']==[
            'standard output cannot be written (No space left on device); the command goes on without it']
        if done: assert (tmp_path/'done').read_text(encoding='utf-8')=='trained'

@pytest.mark.parametrize('prog', ['fastopt-train', 'fastopt-leaderboard run', 'fastopt-federate', 'fastopt-collaborate'])
def test_a_seed_of_more_than_64_bits(prog, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name,*rest = prog.split()
    with pytest.raises(SystemExit) as e: cli.start(name, [*rest, '--seed', str(2**64)])
    assert e.value.code==2 and '--seed 18446744073709551616 is too large' in capsys.readouterr().err

# ---- imports

def test_all_imports_little():
    "After fastai's own imports only fastopt is new"
    code = 'import sys, fastai.vision.all; before = set(sys.modules); import fastopt.all; '
    code += 'print(*{o.partition(".")[0] for o in set(sys.modules)-before})'
    res = fresh(code)
    assert set(res.stdout.split())=={'fastopt'}, res.stderr

def test_the_report_for_bugs_names_versions_and_no_home(capsys, monkeypatch):
    from fastopt.__main__ import main
    from torch import __version__ as torch_version
    monkeypatch.setenv('FASTOPT_CACHE', str(Path.home()/'kernels'))
    main(['--env'])
    lines = dict(o.split(maxsplit=1) for o in capsys.readouterr().out.splitlines())
    assert (lines['fastopt'], lines['torch'], lines['kernels'])==(__version__, torch_version, str(Path('~/kernels')))
    assert str(Path.home()) not in '\n'.join(lines.values())
    with pytest.raises(SystemExit) as e: main(['--nev'])
    assert e.value.code==2 and '--nev is not known; it takes --env, --env --json, --version or --help' in capsys.readouterr().err

def test_commands_are_listed(capsys):
    from fastopt.__main__ import main
    main([])
    out = capsys.readouterr().out
    assert all(o in out for o in ENTRIES)
