"fastopt-new starts an optimizer with which all lists are complete"
import re, shutil
from pathlib import Path
from textwrap import dedent
import pytest
from fastcore.script import CliError
from fastopt import cli, new
from fastopt.names import InputError
from fresh import fresh

root = Path(__file__).parents[1]
LISTS = '''tests/test_cli.py::test_names tests/test_package.py::test_readme_names_every_rule tests/test_package.py::test_readme
    tests/test_package.py::test_a_star_import_brings_rules_classes_and_what_is_typed
    tests/test_package.py::test_links_of_the_readme_are_addresses_of_files_that_are_there
    tests/test_package.py::test_a_star_import_replaces_only_optimizers_of_fastai
    tests/evidence/test_landscapes.py::test_every_rule_has_a_style_of_its_own_that_can_be_read_without_colour
    tests/test_site.py::test_the_first_page_counts_the_rules'''.split()

def copy_tree(to):
    "A copy of the repository, without what git ignores"
    made = '.git __pycache__ *.egg-info runs _docs _proc .hypothesis .pytest_cache'.split()
    return shutil.copytree(root, to, ignore=shutil.ignore_patterns(*made))

def python(tree, code, *args, cwd=None):
    "Run `code` with the modules of `tree`, in its root or in the folder `cwd`"
    return fresh(code, *args, cwd=cwd or tree, path=(tree, tree/'tests'))

COMMAND = 'from fastopt.cli import fastopt_new; fastopt_new()'

def content(tree): return {o.relative_to(tree): o.read_bytes() for o in tree.rglob('*') if o.is_file() and '__pycache__' not in o.parts}

@pytest.mark.long
def test_a_new_optimizer_trains_and_completes_the_lists(tmp_path):
    tree = copy_tree(tmp_path/'fastopt')
    before = content(tree)
    wish = '--cls MyMOMentum --family Friction'.split()
    res = python(tree, COMMAND, 'my_momentum', *wish, cwd=tree/'nbs') # The clone is found from any of its folders
    assert not res.returncode, res.stderr
    after = content(tree)
    made,changed = sorted(map(str, {*after}-{*before})),{str(k) for k in before if after[k]!=before[k]}
    book, = [o for o in made if o.endswith('.ipynb')]
    assert re.fullmatch(r'nbs/optim/\d\d_my_momentum.ipynb', book) and {*made}=={book, 'fastopt/optim/my_momentum.py',
        'fastopt/optim/my_momentum.pyi', 'tests/cases/my_momentum.py'}
    assert {'README.md', 'fastopt/cli.py', 'nbs/cli.ipynb', 'nbs/index.ipynb', 'nbs/site/index.md', 'fastopt/all.py'}<=changed
    assert book in res.stdout and after[Path('README.md')].count(b'\n')==before[Path('README.md')].count(b'\n')
    assert re.search(r'[|] \[friction\]\(\S*\), \[MyMOMentum\]\(optim/', after[Path('nbs/index.ipynb')].decode())
    assert 'TODO: move' not in res.stdout
    assert set('Changed, nbs/index.ipynb tests/cases/my_momentum.py'.split())<={*res.stdout.split()}
    assert res.stdout.endswith(new.NEXT.replace('BOOK', book).replace('NAME', 'my_momentum'))
    steps = '''import torch; from fastopt.all import my_momentum, MyMOMentum, opts
w = torch.tensor([1., 2.], requires_grad=True)
for opt in (my_momentum([w], lr=.1), MyMOMentum([w], lr=.1)):
    for _ in range(2):
        w.grad = torch.tensor([1., -1.])
        opt.step()
print(w.tolist(), opts('my_momentum').index.tolist())'''
    res = python(tree, steps)
    assert res.stdout.startswith("[0.54") and "['my_momentum']" in res.stdout, res.stdout+res.stderr
    res = python(tree, 'import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))', *'-q -n 0 -p no:cacheprovider'.split(), *LISTS)
    assert not res.returncode and f'{len(LISTS)} passed' in res.stdout, res.stdout
    solves = 'tests/optim/test_invariants.py::test_solves_a_parabola_and_rosenbrocks_valley'
    both = [f'{solves}[my_momentum-{o}]' for o in ('parabola', 'valley')] # One is in the default run, depending on the name
    res = python(tree, 'import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))', *'-q -n 0 -p no:cacheprovider -m'.split(), '', *both)
    assert not res.returncode and '2 passed' in res.stdout, res.stdout
    again = python(tree, COMMAND, 'my_momentum')
    assert again.returncode==2 and 'There is a rule my_momentum already' in again.stderr and content(tree)==after

@pytest.mark.parametrize('name,says', [('My', 'cannot name a rule'), ('a-b', 'cannot name a rule'), ('2fast', 'cannot name a rule'),
    ('a__b', 'cannot name a rule'), ('class', 'cannot name a rule'), ('', 'cannot name a rule'), ('adamw', 'a rule adamw already'),
    ('shampoo', 'a rule shampoo already'), ('lookahead', 'exists already'), ('layerwise', 'exists already'),
    ('friction', 'all has friction'), ('accuracy', 'vision.all has accuracy'), ('learner', 'vision.all has Learner'),
    ('number_of', 'core.rules has number_of')])
def test_names_that_are_refused(name, says):
    with pytest.raises(InputError, match=says): new.check_new_name(name, root)

@pytest.mark.parametrize('cls', ['Mine', 'My_Momentum', 'myMomentum', 'MyMomentum2', 'My Momentum'])
def test_classes_that_are_refused(cls):
    with pytest.raises(InputError, match=f'--cls {cls} cannot be the class of my_momentum: .* such as MyMomentum$'):
        new.check_new_name('my_momentum', root, cls)

def test_families():
    def index(family): return str(new.new_files('my_momentum', root, family=family)[root/'nbs'/'index.ipynb'])
    for o,row in (('adam', 'Adam'), ('belief', 'belief'), ('Ranger21', 'Ranger21'), (None, 'learning rate')):
        assert re.search(rf'[|][^|]*{row}[^|]*, \[MyMomentum\]\(optim/', index(o)), o
    for o in ('a', 'nowhere'):
        with pytest.raises(InputError, match=f'--family {o}: the table has [0-9]+ such rows, .* choose one of: descent; Adam; '): index(o)

def test_contributing_lists_what_remains():
    assert f'```sh\n{new.NEXT}```' in dedent((root/'CONTRIBUTING.md').read_text(encoding='utf-8').replace('\n   ', '\n'))

def test_outside_a_clone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as e: cli.start('fastopt-new', ['my_momentum'])
    assert e.value.code==1 and 'run it in a clone' in capsys.readouterr().err

def test_a_list_of_another_form_stops_it_before_it_writes(tmp_path, monkeypatch):
    tree = copy_tree(tmp_path/'fastopt')
    page = tree/'nbs'/'site'/'index.md'
    page.write_text(page.read_text().replace(' optimizers for ', ' rules for '))
    monkeypatch.chdir(tree)
    before = content(tree)
    with pytest.raises(InputError, match='index.md: 0 places match'): new.new_command('my_momentum', None, None)
    assert content(tree)==before

def test_files_are_written_all_or_none(tmp_path):
    a,b = tmp_path/'a',tmp_path/'nowhere'/'b'
    a.write_text('old')
    with pytest.raises(CliError, match='Cannot write .*/nowhere/b: '): new.write_files({a:'new', b:'new'})
    assert a.read_text()=='old' and [*tmp_path.iterdir()]==[a]

@pytest.mark.parametrize('n', [1, 40])
def test_lists_stay_within_the_width(n):
    rules = ' '.join(f'rule{i}' for i in range(200))
    text = f"STYLE_ORDER = '''{rules}'''.split() # In order of their styles: a new rule goes to the end"
    for i in range(n): text = new._styled(text, f'added{i}', 'here')
    assert max(map(len, text.splitlines()))<=140 and text.split("'''")[1].split()[200:]==[f'added{i}' for i in range(n)]
