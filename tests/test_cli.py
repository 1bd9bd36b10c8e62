"The command lines are answered before anything slow is imported, and their help is correct"
import os, subprocess, sys, warnings
from configparser import ConfigParser
from inspect import signature
from pathlib import Path
import pytest
from fastopt import __version__, cli
from fastopt.core import engine
from fastopt.evidence import step_bench as bench
from fastopt.vision import recipe
from fastopt.vision import train as T

ini = ConfigParser(delimiters=['='])
ini.read_string((Path(__file__).parents[1]/'settings.ini').read_text(encoding='utf-8'))
ENTRIES = dict(o.split('=') for o in ini.defaults()['console_scripts'].split())
SLOW = 'torch torchvision fastai numpy pandas matplotlib scipy sklearn PIL'.split()
DECLARED = [f for o in cli.SCRIPTS.values() for f in (o if isinstance(o, list) else [o])]

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
    'fastopt-leaderboard':'compare', 'fastopt-federate':'--strategy', 'fastopt-collaborate':'--attack', 'fastopt-docs':'--run'}

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
    ('fastopt-train --how warp', 'invalid choice'), ('fastopt-train --epoch-s 3', 'unrecognized arguments: --epoch-s'),
    ('fastopt-bench-step --quik', 'unrecognized arguments: --quik'), ('fastopt-check', 'required: spec'),
    ('fastopt-check a:b --lr fast', 'invalid float value'), ('fastopt-leaderboard runn', "invalid choice: 'runn'"),
    ('fastopt-leaderboard run --noise 2', 'invalid choice: 2'), ('fastopt-leaderboard run skript', "did you mean 'script'"),
    ('fastopt-leaderboard tune --opt difgrad', "did you mean 'diffgrad'"),
    ('fastopt-leaderboard run --opt fastai.adm', "did you mean 'fastai.adam'"),
    ('fastopt-leaderboard speed --dataset imagenete', "did you mean 'imagenette'"), ('fastopt-leaderboard export', 'required: path'),
    ('fastopt-bench --tasks digit,mnist-vae', "did you mean 'digits'"),
    ('fastopt-bench --opts adamw,difgrad', "did you mean 'diffgrad'"),
    ('fastopt-bench --track tune', 'invalid choice'), ('fastopt-federate --strategy fedfx', "did you mean 'fedfix'"),
    ('fastopt-collaborate --mixing nan', "did you mean 'nna'")])
def test_mistyped(args, says):
    code,out,err,slow,_ = script(*args.split())
    assert (code, out, slow)==(2, '', '[]') and says in err

@pytest.mark.parametrize('cmd', cli.SCRIPTS['fastopt-leaderboard'], ids=lambda o: o.__name__)
def test_help_of_commands(cmd):
    code,out,_,slow,_ = script('fastopt-leaderboard', cmd.__name__, '--help')
    assert (code, slow)==(0, '[]') and cmd.__doc__ in ' '.join(out.split())

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
    assert cli.OPTS==sorted(recipe.named_rules()) and cli.ARCHS==list(T.archs)
    assert set(cli.ENGINES)==set(engine.engines) and cli.RECIPES==list(recipe.PRESETS)

def test_names_of_machines():
    from fastopt.distributed import aggregation, attacks, data, mixing
    assert cli.STRATEGIES_BY_NAME==list(aggregation.STRATEGIES) and cli.MIXINGS_BY_NAME==list(mixing.MIXINGS)
    assert cli.ATTACKS_BY_NAME==list(attacks.ATTACKS) and cli.IMAGES_BY_NAME==list(data.READERS)==list(data.NETWORKS)==list(data.SETTINGS)

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
    def command(spec, lr): raise error
    with pytest.raises(SystemExit) as e: cli.start('fastopt-check', ['a:b'], dict(check_command=command))
    assert (e.value.code, capsys.readouterr().err)==(code, says)

# ---- imports

def test_all_imports_little():
    "After fastai's own imports only fastopt is new"
    code = 'import sys, fastai.vision.all; before = set(sys.modules); import fastopt.all; '
    code += 'print(*{o.partition(".")[0] for o in set(sys.modules)-before})'
    res = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=True)
    assert set(res.stdout.split())=={'fastopt'}

def test_the_report_for_bugs_names_versions_and_no_home(capsys, monkeypatch):
    from importlib.metadata import version
    from fastopt.__main__ import main
    monkeypatch.setenv('FASTOPT_CACHE', str(Path.home()/'kernels'))
    main(['--env'])
    lines = dict(o.split(maxsplit=1) for o in capsys.readouterr().out.splitlines())
    assert (lines['fastopt'], lines['torch'], lines['kernels'])==(__version__, version('torch'), str(Path('~/kernels')))
    assert str(Path.home()) not in '\n'.join(lines.values())
    with pytest.raises(SystemExit, match='--nev is unknown; use --env, --version or --help'): main(['--nev'])

def test_commands_are_listed(capsys):
    from fastopt.__main__ import main
    main([])
    out = capsys.readouterr().out
    assert all(o in out for o in ENTRIES)
