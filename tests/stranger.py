"""A stranger's first hour: python tests/stranger.py [TREE] [--python PROGRAM] [--record]

A fresh clone of TREE goes into a temporary folder, with a fresh environment. Then come the first training, a training on an own folder of
images, an own rule, a board of runs and the website. All commands and all code are read from README.md and from pages of the site, so
that a step fails if one of them is wrong. Only the images, three drawn shapes, are made here. What is not committed is not in the clone.

Each line gives the seconds of a step, and the seconds of all processors, which depend less on what else the machine has to do.
`--python` takes the environment of a Python that has fastopt's requirements, so that nothing is installed. `--record` writes down the
seconds of each step in stranger.json, which tests/test_stranger.py reads. The first failure ends the script: it names the step and its
command, with the last lines of the output. Nothing but Python is needed to run this script."""
import json, os, re, shlex, signal, subprocess, sys
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RECORD = Path(__file__).with_name('stranger.json')
LIMIT = 600 # Seconds of the processors that all steps may take together beyond the install
PATIENCE = 1800 # Seconds that a command may take on a busy machine
INSTALL = ('clone', 'install') # Steps that depend on the network

class Stumble(Exception):
    "Raised with what a stranger could not do, and with the output of the command"

class Page:
    "README.md or a notebook, as a stranger reads it: its prose and its blocks of code"
    def __init__(self, path):
        self.path,text = path,path.read_text(encoding='utf-8')
        cells = json.loads(text)['cells'] if path.suffix=='.ipynb' else []
        sources = [(c['cell_type'], ''.join(c['source'])) for c in cells]
        self.prose = '\n\n'.join(o for k,o in sources if k=='markdown') if cells else text
        self.code = [o for k,o in sources if k=='code' and not o.startswith('#|')] if cells else self._blocks('python')
    def _blocks(self, lang): return re.findall(rf'^```{lang}\n(.*?)^```$', self.prose, re.M|re.S)
    def _first(self, found, what):
        if o := next(found, None): return o
        raise Stumble(f'{self.path.name} has no {what}')
    def command(self, start):
        "The first command that starts with `start`, from the blocks of the shell or from back-quoted words, without its comment"
        lines = [o for b in self._blocks('sh') for o in b.splitlines()] + re.findall(r'(?<!`)`([^`\n]+)`(?!`)', self.prose)
        return self._first((re.sub(r'\s+#.*', '', o) for o in lines if o.startswith(start)), f'command that starts with {start!r}')
    def block(self, part):
        "The first block of Python that contains `part`"
        return self._first((o for o in self.code if part in o), f'Python with {part!r}')
    def output(self, start):
        "The first block without a language whose first word is `start`"
        return self._first((o for o in self._blocks('') if o.split()[0]==start), f'output that starts with {start!r}')

class Step(NamedTuple):
    commands: list # For a shell
    files: dict = {} # Files that are written first, as a dict of name to text
    where: str = '.' # Folder of the commands
    check: Callable = lambda output, place: '' # What is wrong with the output or with the files in `place`

SHAPES = '''
import random
from pathlib import Path
from PIL import Image, ImageDraw

random.seed(0)
for kind in ('circles', 'squares', 'triangles'):
    folder = Path('photos')/kind
    folder.mkdir(parents=True)
    for i in range(40):
        img,colour = Image.new('RGB', (40, 40), 'black'),tuple(random.choices(range(120, 256), k=3))
        (x,y),r = random.choices(range(12, 29), k=2),random.randint(6, 11)
        box,draw = (x-r, y-r, x+r, y+r),ImageDraw.Draw(img)
        if kind=='circles': draw.ellipse(box, fill=colour)
        elif kind=='squares': draw.rectangle(box, fill=colour)
        else: draw.polygon([(x, y-r), (x-r, y+r), (x+r, y+r)], fill=colour)
        img.save(folder/f'{i}.png')
'''

def rows(text): return [o.split() for o in re.split('[\r\n]', text)]

def compare_training(said):
    "A check that a training prints the columns of the output `said`, and ends in the same epoch with about the same accuracy"
    head,want = filter(None, rows(said))
    def _check(output, place):
        seen = rows(output)
        at = next((i for i,o in enumerate(seen) if o[:len(head)]==head), None)
        if at is None: return f"there is no table with the columns {' '.join(head)}"
        ends = [o for o in seen[at:] if o[:1]==want[:1] and len(o)>=len(head)]
        if not ends: return f'epoch {want[0]} is not in the table'
        got,told = float(ends[-1][len(head)-1]),float(want[-1])
        return '' if abs(got-told)<=.03 else f'the accuracy is {got:.3f}, and the page says {told:.3f}' # Weights and order have no seed
    return _check

def needs(*patterns):
    "A check that there are files for all of `patterns`"
    return lambda output, place: ', '.join(f'there is no {o}' for o in patterns if not [*place.glob(o)])

def check_board(output, place):
    "What is wrong with the board page"
    page = (place/'board.html').read_text(encoding='utf-8') if (place/'board.html').exists() else ''
    return '' if '<svg' in page and page.count('<tr>')>1 else 'board.html has no picture, or no row in its table'

def all_passed(output, place):
    "What is wrong with the reports on an optimizer in `output`"
    found = re.findall(r'(\d+) of (\d+) checks passed', output)
    return '' if found and all(a==b for a,b in found) else 'not all checks of the own rule passed'

def plan(tree):
    "The steps after the clone, as a dict of name to `Step`, from the pages in the folder `tree`"
    nbs = tree/'nbs'
    readme,docs,own,rule,conforms,row = map(Page, (tree/'README.md', nbs/'docs.ipynb', *(nbs/'tutorials'/f'{o}.ipynb' for o in
        ('own_folder', 'write_your_own_rule')), *(nbs/'guides'/f'{o}.ipynb' for o in ('check_your_optimizer', 'leaderboard_row'))))
    install = readme.command('pip install git+').split()
    example = [readme.block('fastai.vision.all'), readme.block('DiffGrad(')]
    imports,term,made = (rule.block(o) for o in ('from fastopt.all import *', '@term', 'signum = Rule('))
    check = conforms.block('check_optimizer(diffgrad)').replace('diffgrad', 'signum')
    spec = conforms.command('fastopt-check my_package').split()
    return {
        'install': Step([shlex.join([*install[:-1], str(tree)]), docs.command("pip install 'fastopt[docs]'")]),
        'first training': Step(['python example.py'], {'example.py':'\n'.join(example)}, check=compare_training(readme.output('epoch'))),
        'own folder': Step(['python shapes.py', own.command('fastopt-train --data photos')], {'shapes.py':SHAPES},
            check=needs('runs/*/record.json', 'runs/*/curves.png', 'runs/*/model.pkl')),
        'own rule': Step(['python guide.py', shlex.join([spec[0], 'my_rule:signum', *spec[2:]])],
            {'guide.py':'\n'.join([*rule.code, check]), 'my_rule.py':'\n'.join([imports, term, made])}, check=all_passed),
        'board': Step([row.command(f'fastopt-leaderboard {o}') for o in ('run base-2020 --data digits', 'show', 'export board.html')],
            check=check_board),
        'site': Step([readme.command('fastopt-docs')], where=tree.name, check=needs(*(f'_docs/{o}.html' for o in
            ('index', 'search', 'optimizers/diffgrad', 'tutorials/write_your_own_rule', 'board/board'))))}

STEPS = ['clone', 'install', 'first training', 'own folder', 'own rule', 'board', 'site']

def run(command, env, where, log, limit=None):
    "Run a command of the shell, and end all its processes with it; returns its exit status and its output"
    with open(log, 'w') as out:
        job = subprocess.Popen(command, shell=True, cwd=where, env=env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True)
        try: status = job.wait(limit)
        except subprocess.TimeoutExpired: status = f'none after {limit} s'
        finally:
            if job.poll() is None: os.killpg(job.pid, signal.SIGKILL)
            job.wait()
    return status,Path(log).read_text(errors='replace')

def spent():
    "Seconds so far, and seconds of the processors in all commands so far"
    o = os.times()
    return o.elapsed,o.children_user + o.children_system

def go(name, step, env, place):
    "Do a step, and return its seconds and those of the processors"
    start,outputs = spent(),''
    for k,text in step.files.items(): (place/k).write_text(text, encoding='utf-8')
    for command in step.commands:
        status,output = run(command, env, place/step.where, place/'log.txt', None if name in INSTALL else PATIENCE)
        outputs += output
        if status: raise Stumble(f'{name}: {command} (exit status {status})', output)
    if fault := step.check(outputs, place/step.where): raise Stumble(f'{name}: {step.commands[-1]}: {fault}', outputs)
    return [round(b-a, 1) for a,b in zip(start, spent())]

VERSIONS = 'import json; from fastopt.training.records import device_name, package_versions as v; print(json.dumps([device_name(), v()]))'

def first_hour(tree, place, python=None):
    "Do all steps in the folder `place`, with a line for each, and return the record"
    clone,seconds,processors = place/'fastopt',dict.fromkeys(STEPS),dict.fromkeys(STEPS)
    programs = Path(python).absolute().parent if python else place/'env'/'bin'
    env = {k:v for k,v in os.environ.items() if k not in ('PYTHONPATH', 'PYTHONHOME')} # Not those of the caller
    env |= dict(PATH=f"{programs}{os.pathsep}{env['PATH']}", VIRTUAL_ENV=str(programs.parent), MPLBACKEND='agg')
    own = env | {k:str(place/v) for k,v in dict(HOME='home', TMPDIR='tmp', FASTOPT_CACHE='kernels').items()} # With no warm caches
    if python: own['PYTHONPATH'] = str(clone)
    for o in ('home', 'tmp'): (place/o).mkdir()
    readme = Page(tree/'README.md').command('git clone').split(' && ')[0].split()
    def _do(name, step):
        seconds[name],processors[name] = go(name, step, env if name in INSTALL else own, place)
        print(f'{name:<18}{seconds[name]:6.1f} s, {processors[name]:6.1f} s of the processors', flush=True)
    _do('clone', Step([shlex.join([*readme[:-1], str(tree), str(clone)])]))
    for name,step in plan(clone).items():
        if name=='install' and python: print(f'{name:<18} left out: the environment of {python}', flush=True)
        elif name=='install':
            made = shlex.join([sys.executable, '-m', 'venv', str(place/'env')])
            _do(name, step._replace(commands=[made, *step.commands]))
        else: _do(name, step)
    whole,total = (round(sum(v for k,v in o.items() if k not in INSTALL), 1) for o in (seconds, processors))
    print(f'beyond the install{whole:6.1f} s, {total:6.1f} s of the processors')
    if total>LIMIT: raise Stumble(f'all steps together took {total:.0f} s of the processors, more than {LIMIT} s')
    device,versions = json.loads(run(f'python -c {shlex.quote(VERSIONS)}', own, place, place/'log.txt')[1].splitlines()[-1])
    commit = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=clone, capture_output=True, text=True).stdout.strip()
    return dict(date=str(date.today()), commit=commit, device=device, versions=versions, seconds=seconds, processors=processors,
        total=total)

if __name__=='__main__':
    p = ArgumentParser(description="Go through a stranger's first hour")
    p.add_argument('tree', nargs='?', type=Path, default=ROOT, help='repository to clone')
    p.add_argument('--python', help='use the environment of this Python, and install nothing')
    p.add_argument('--record', action='store_true', help=f'write the seconds to {RECORD.name}')
    args,load = p.parse_args(),round(os.getloadavg()[0], 1)
    signal.signal(signal.SIGTERM, signal.default_int_handler) # Otherwise the command would go on alone
    with TemporaryDirectory(prefix='stranger-', ignore_cleanup_errors=True) as folder:
        try: record = first_hour(args.tree.resolve(), Path(folder).resolve(), args.python)
        except KeyboardInterrupt:
            print('interrupted; the temporary folder is removed', file=sys.stderr)
            sys.exit(130)
        except Stumble as e: sys.exit('\n'.join(['', f'FAILED {e.args[0]}', *''.join(e.args[1:]).splitlines()[-25:]]))
    if args.record: RECORD.write_text(json.dumps(dict(record, load=load), indent=1) + '\n', encoding='utf-8')
