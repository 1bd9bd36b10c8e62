"The pages of the documentation: their contents, and that the check of the built site detects each kind of fault"
import ast, fastopt.all, inspect, json, math, os, pytest, re, subprocess, sys
from base64 import b64decode
from fastcore.basics import first
from fastcore.nbio import mk_cell, new_nb, read_nb, write_nb
from fastopt import docs
from fastopt.core.engine import engines
from fastopt.core.registry import named_rules, replayed_cases
from fastopt.vision.train import suitable_lr
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from site_check import count_pictures, find_chromium, look, missing_outputs, notebook_pictures, scan

root = Path(__file__).parents[1]
BOOKS = sorted((root/'nbs').rglob('*.ipynb'))

def cells(nb, kind='code'):
    return [''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if c['cell_type']==kind]

# ---- contents

def defining_cell(name, module):
    "The exported cell that assigns `name` in the notebook of `module`"
    for nb in BOOKS:
        code = cells(nb)
        if f'#| default_exp {module.removeprefix("fastopt.")}' not in code: continue
        for c in code:
            if c.startswith('#| export') and any(name in docs._assigned(o) for o in ast.parse(c).body): return c

def test_the_source_of_every_rule_and_term_is_on_its_page():
    folded = [k for k,o in named_rules().items() if not defining_cell(k, o.__module__).startswith('#| exports')]
    marked = [c for nb in BOOKS for c in cells(nb) if re.search('^@term$', c, re.M) and c.startswith('#| export')]
    assert not folded and len(marked)>60 and not [c for c in marked if not c.startswith('#| exports')]

@pytest.mark.parametrize('name', named_rules())
def test_a_card_says_what_the_registry_says(name):
    rule,said = named_rules()[name],docs.card(name, named_rules()[name])
    whole,short = docs.state_bytes(rule)
    assert 1<len(rule.info['doc'].split())<=8, 'the idea on a card has at most eight words'
    assert rule.info['doc'] in said and all(f'`{t}`' in said for t in rule.terms) and 0<=short<=whole and f'{whole:.3g} bytes' in said
    assert ('cannot be sharded' in said)==any(t.across for t in rule.terms)
    assert all(f'| `{k}` |' in docs.hyper_table(rule) for k in (*rule.hypers, *rule.options))
    lr = f"{rule.hypers['lr']:g}"
    assert f'| **Default learning rate** | `{lr}`' in said and ('pass it to `fit`' in said)==(lr!='0.001')
    assert (f'`fastopt-train` uses `{suitable_lr(name):g}`' in said)==(suitable_lr(name)!=rule.hypers['lr'])
    assert f'lr {lr} · ' in docs.gallery_page([('A', 'a.ipynb', {f'x.{name}':rule})])

def written_by_hand():
    "Public functions, classes, terms and values by full name; a rule, and its class, have the description of the rule"
    return {k:o for k,o in docs.public_objects(docs.library_modules()).items() if docs.kind_of(o) not in ('rule', 'optimizer')}

def functions_of(cls):
    "The functions of fastopt that `cls` defines under public names, methods and properties, by name; it need not be a class of ours"
    found = {k: unwrap_property(o) for k,o in vars(cls).items() if k[0]!='_'}
    return {k:f for k,f in found.items() if inspect.isfunction(f) and f.__module__.startswith('fastopt.')}

def unwrap_property(o):
    "The function under a property, a class method or the like"
    return first(getattr(o, k) for k in ('__func__', 'fget', 'func') if hasattr(o, k)) or o

def public_methods():
    "All public methods and properties that fastopt defines, also those that it adds to fastai's classes, by full name"
    classes = {o for m in docs.library_modules().values() for o in vars(m).values() if isinstance(o, type)}
    return {f'{c.__module__}.{c.__name__}.{k}': f for c in classes for k,f in functions_of(c).items() if c.__name__[0]!='_'}

def descriptions():
    "The docstring of each public name, without that of a base class"
    names = {k: vars(o).get('__doc__') if isinstance(o, type) else o.__doc__ for k,o in written_by_hand().items()}
    return {k: str(o or '').strip() for k,o in (names | {k: f.__doc__ for k,f in public_methods().items()}).items()}

def test_every_public_name_has_a_description():
    "Functions, classes, terms, methods and properties, also the events of callbacks; special methods such as `__call__` need none"
    every = descriptions()
    lack = sorted(k for k,o in every.items() if not o)
    assert len(every)>1500 and not lack, f'without a docstring: {", ".join(lack)}'

def test_methods_of_each_kind_are_seen():
    every = public_methods()
    assert {'fastai.learner.Learner.fit_fc', 'fastopt.training.schedules.SwitchOpt.before_step', 'fastopt.core.engine.Part.step',
        'fastopt.core.backends.triton.TritonLauncher.can_sum', 'fastopt.core.rules.Route.docs', 'fastopt.core.rules.Route.core',
        'fastopt.core.fastai_face.FastOptimizer.param_groups', 'fastopt.core.backends.cpp.CppLauncher.build'} <= every.keys()

FILLING = {*'a an are as at by for from get gets in is it its make makes of on or return returns that the this to with'.split()}

def words_of(text):
    "The words of `text` without endings, and without those that say nothing"
    parts = re.findall('[a-z]+', re.sub('(?<=[a-z])(?=[A-Z])', ' ', text).lower().replace('_', ' '))
    return {o.removesuffix('s') for o in parts if o not in FILLING}

def repeats(name, said):
    "Does the docstring `said` only repeat the full `name`, or its last two parts and the kind of object?"
    return not words_of(said) - words_of(' '.join(name.split('.')[-2:])) - {'clas', 'command', 'function', 'method', 'property'}

@pytest.mark.parametrize('name,said', [('a.Pool.take', 'Take from the pool.'), ('a.fastopt_train', 'The command `fastopt-train`'),
    ('a.SaveResume', 'SaveResume class'), ('a.state_dict', 'Returns the state dict'), ('a.C.step', '')])
def test_a_docstring_that_repeats_is_seen(name, said): assert repeats(name, said) and not repeats(name, f'{said}, or `None`')

def test_no_docstring_merely_repeats_its_name():
    bad = sorted(f'{k}: {o}' for k,o in descriptions().items() if o and repeats(k, o))
    assert not bad, '; '.join(bad)

def test_names_after_a_heading_are_links():
    linked = docs.link_names('# `diffgrad`\n\n`diffgrad`\n\n## `diffgrad`\n', dict(diffgrad='fastopt.optim.diffgrad.diffgrad'))
    assert linked=='# `diffgrad`\n\n{py:obj}`diffgrad <fastopt.optim.diffgrad.diffgrad>`\n\n## `diffgrad`\n'

def test_parameters_are_no_links():
    "One of `run_benchmark` has the name of a function, `opts`"
    from fastopt.evidence.benchmark import run_benchmark
    table = docs.parameter_table(run_benchmark)
    assert '| ``opts`` |' in table and docs.link_names('``opts`` and `opts`', dict(opts='a.opts'))=='``opts`` and {py:obj}`opts <a.opts>`'

@pytest.mark.parametrize('code,says', [('def a(): pass\nb = 1', 'Source of a, b'), ('1 + 1', 'Source'),
    ('a=b=c=d=1', 'Source of a, b, c, d'), ('@patch\ndef fit(self:Learner): pass', 'Source of Learner.fit'),
    ('a=1\nb=1\nc=1\nd=1', 'Source of a, b, c, …')])
def test_hidden_code_is_named(code, says): assert docs._source_of(ast.parse(code).body)==says

@pytest.mark.parametrize('name', ['board', 'ledger'])
def test_pages_of_records_have_the_present_style(name):
    "`save_ledger` and `fastopt-leaderboard export` write them"
    from fastopt.training.pages import SORT, STYLE
    text = (root/'nbs'/'board'/f'{name}.html').read_text(encoding='utf-8')
    assert STYLE in text and SORT in text

def test_names_of_engines_are_not_links():
    every = {o:f'fastopt.core.x.{o}' for o in (*engines, 'diffgrad')}
    text = ' '.join(f'`{o}`' for o in every)
    assert docs.link_names(text, every)==text.replace('`diffgrad`', '{py:obj}`diffgrad <fastopt.core.x.diffgrad>`')

def test_ranges_are_formulas():
    said = [str(inspect.signature(t.f)) for o in named_rules().values() for t in o.terms]
    assert any('0 ≤ x < 1' in o for o in said) and not [o for o in said if 'in [0' in o]

def test_the_first_page_counts_the_rules():
    assert (root/'nbs'/'site'/'index.md').read_text(encoding='utf-8').count(f'\n{len(named_rules())} optimizers for ')==1

def test_pages_count_the_rules_with_recordings():
    n = sum(k in replayed_cases() for k in named_rules())
    for o in ('nbs/site/index.md', 'nbs/index.ipynb', 'README.md'):
        said = ' '.join((root/o).read_text(encoding='utf-8').replace('\\n",\n    "', ' ').split())
        there = f"{n} of them are compared, step by step, with runs recorded from their authors' code" in said
        assert there, f'{o}: run python tests/readme.py'

COLUMN = 736 # Pixels of a page's column, to which wider pictures are reduced
SMALL = {'6fb1928c':'numbers in the cells of a map', '16d53e93':'ten panels',
    '37d81980':'a picture for a wider page, where 9 pixels are ensured'}

@pytest.mark.parametrize('nb', [o for o in BOOKS if 'fontsize=' in o.read_text(encoding='utf-8')], ids=lambda o: o.stem)
def test_text_in_pictures_has_at_least_9_pixels(nb):
    for c in json.loads(nb.read_text(encoding='utf-8'))['cells']:
        source = ''.join(c['source'])
        if c['id'] in SMALL or '#| slow' in source: continue # Slow cells change when they run next
        dpi,width = (float(m[1]) if (m := re.search(o, source)) else d for o,d in ((r'dpi=(\d+)', 80), (r'figsize=\(([\d.]+),', 1)))
        small = [o for o in re.findall(r'fontsize=([\d.]+)', source) if float(o)*min(dpi, COLUMN/width)/72 < 9]
        assert not small, (c['id'], small)

def brightness_and_blue(colour):
    "What readers who do not tell red from green see of an RRGGBB `colour`, from 0 to 1"
    r,g,b = (int(colour[i:i+2], 16)/255 for i in (0, 2, 4))
    return .3*r + .6*g + .1*b,b

def test_colours_of_lines_differ_in_more_than_red_and_green():
    def differ(a, b): return max(abs(x-y) for x,y in zip(brightness_and_blue(a), brightness_and_blue(b))) > .15
    colours = re.findall("'([0-9A-F]{6})'", (root/'nbs'/'matplotlibrc').read_text(encoding='utf-8'))
    assert len(colours)==10 and all(differ(*o) for o in combinations(colours, 2))
    assert not differ('2CA02C', 'D62728') # The green and the red that Matplotlib takes by default

@pytest.mark.parametrize('nb', BOOKS, ids=lambda o: o.stem)
def test_no_picture_names_red_and_green(nb):
    for c in cells(nb): assert not ({'red', 'green'} <= {*re.findall(r"'(?:tab:)?(red|green)'", c)}), c

# ---- the order of a page

@pytest.mark.parametrize('nb', [o for o in BOOKS if '"## Results' in o.read_text(encoding='utf-8')], ids=lambda o: o.stem)
def test_results_come_before_the_code(nb):
    "Unless the section with that name defines something"
    book = read_nb(nb).cells
    for c in book: c.directives_ = c.directives if c.cell_type=='code' else {}
    before,after = (re.findall('^## (.*)', '\n'.join(c.source for c in o if c.cell_type=='markdown'), re.M)
        for o in (book, docs.results_first(book)))
    assert sorted(before)==sorted(after) and (before==after if nb.stem=='13_benchmark' else after[1]=='Results')

OBJECTS = docs.public_objects(docs.library_modules())

@pytest.mark.parametrize('nb', [o for o in BOOKS if o.parent.name=='optim'], ids=lambda o: o.stem)
def test_pages_of_optimizers_have_one_shape(nb):
    "Usage first, checks in a fold, and the names of a rule last"
    module,checks = docs.default_exp(read_nb(nb)),docs.notebook_checks(read_nb(nb))
    rules = {k:o for k,o in OBJECTS.items() if docs.kind_of(o)=='rule' and k.rpartition('.')[0]==module}
    for full,rule in rules.items():
        text = docs.rule_page(full, rule, OBJECTS, 'a.ipynb', checks)
        assert re.findall('^## (.*)', text, re.M)==['Use it', 'Card', 'Hypers', 'The maths, as it is run', 'Checks', 'Names']
        folded = re.search(r'^## Checks\n\n:::::\{dropdown\}(.*?)\n:::::\n\n## Names', text, re.S|re.M)[1]
        assert f'fastopt.all:{rule.__name__}`' in folded and '```python' in folded and not re.search(r'\]\((?!\.\./guides/)', folded)
    assert rules and all(hasattr(fastopt.all, o.__name__) for o in rules.values())

@pytest.mark.parametrize('nb', [o for o in BOOKS if o.parent.name=='optim'], ids=lambda o: o.stem)
def test_notebooks_of_optimizers_show_usage_and_fold_checks(nb):
    page,section = docs.notebook_page(read_nb(nb), f'optim/{nb.name}', OBJECTS, {})['cells'],''
    assert page[1]['source'].startswith('::::{tab-set}')
    for c in page:
        if c['cell_type']=='markdown': section = docs._section(mk_cell(c['source'], 'markdown'), section)
        elif section=='Checks' and not c['outputs']: assert 'hide-input' in c['metadata']['tags'], c['source']

# ---- a page that is run twice has the same numbers

LOADERS = {'DataLoaders', 'DataLoader', 'from_dsets', 'from_folder', 'dataloaders', 'source_loaders'} # What makes loaders that shuffle
# Cells that may make loaders before a seed is set, and why
UNSEEDED = {'577ebbff':'the batches of a text are not shuffled'}

def called(node): return getattr(node.func, 'attr', getattr(node.func, 'id', ''))

def unseeded(body, makers):
    "Names of `makers` that the statements `body` call, outside of definitions, before they set a seed; `x.show_batch()` only shows"
    calls = [o for b in body if not isinstance(b, ast.FunctionDef) for o in ast.walk(b) if isinstance(o, ast.Call)]
    shown = {id(o.func.value) for o in calls if called(o)=='show_batch' and isinstance(o.func.value, ast.Call)}
    seeds = [(o.lineno, o.col_offset) for o in calls if called(o)=='set_seed']
    first_seed = min(seeds, default=(math.inf, 0))
    return {called(o) for o in calls if called(o) in makers and id(o) not in shown and (o.lineno, o.col_offset)<first_seed}

def early_loaders(sources):
    "The cells, of a dict from ids to code, that make loaders before they set a seed, themselves or by functions of the page"
    parsed,makers = {k: ast.parse(o).body for k,o in sources.items()},{*LOADERS}
    defined = [o for body in parsed.values() for o in body if isinstance(o, ast.FunctionDef)]
    while new := {o.name for o in defined if unseeded(o.body, makers)} - makers: makers |= new
    return [k for k,body in parsed.items() if unseeded(body, makers)]

def code_by_id(nb):
    return {c['id']:''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if c['cell_type']=='code'}

@pytest.mark.parametrize('nb', [o for o in BOOKS if o.parent.name in ('tutorials', 'guides')], ids=lambda o: o.stem)
def test_pages_set_a_seed_before_they_make_loaders(nb):
    "Loaders draw a seed of their own when they are made"
    assert not {*early_loaders(code_by_id(nb))} - UNSEEDED.keys()

@pytest.mark.parametrize('code,early', [('set_seed(0)\nd = DataLoaders(a)', []), ('d = DataLoaders(a)\nset_seed(0)', ['a']),
    ('def f(): return x.dataloaders(8)\nf()', ['a']), ('def f(): return x.dataloaders(8)\nset_seed(0)\nf()', []),
    ('def f():\n    set_seed(0)\n    return DataLoader(x)\nf()', []), ('source_loaders(s).show_batch()', []),
    ('def g(): return f()\ndef f(): return DataLoader(x)\nLearner(g())', ['a'])])
def test_loaders_made_too_early_are_seen(code, early): assert early_loaders(dict(a=code))==early

def examples(nb):
    "The code cells and the code in the prose of a notebook"
    return [*cells(nb), *(o for text in cells(nb, 'markdown') for o in re.findall('```python\n(.*?)```', text, re.S))]

@pytest.mark.parametrize('nb', [o for o in BOOKS if 'vision_learner' in o.read_text(encoding='utf-8')], ids=lambda o: o.stem)
def test_pretrained_networks_that_are_compared_are_unfrozen(nb):
    "Otherwise only the head and the batch norms would be compared"
    from fastai.vision.learner import vision_learner
    for o in ast.walk(ast.parse('\n'.join(o for o in examples(nb) if 'vision_learner(' in o))):
        if not isinstance(o, ast.FunctionDef) or o.name!='learn_fn': continue
        assert '.unfreeze()' in ast.unparse(o) or 'vision_learner' not in ast.unparse(o)
    assert '.freeze()' in inspect.getsource(vision_learner)

# ---- the built site

GOOD = '''<html><body><h1 id="a">A</h1><a href="b.html#c">b</a><img src="p.png" alt="p"><link rel="stylesheet" href="s.css">
    <a href="https://arxiv.org">far</a></body></html>'''
FAULTS = {'asks for https://x.org/y.js': '<script src="https://x.org/y.js"></script>',
    'asks for //x.org/f.css': '<link rel="stylesheet" href="//x.org/f.css">',
    'asks for https://x.org/b.svg': '<div style="background:url(https://x.org/b.svg)"></div>',
    'without a text': '<img src="p.png">', 'leads nowhere': '<a href="nix.html">x</a>', 'has no such place': '<a href="b.html#nix">x</a>',
    'is left as text': '<p>:::{note}</p>', "is left as text: '{py": '<p>{py:obj}`x`</p>'}

def site(at, more=''):
    (at/'p.png').write_bytes(b'p')
    (at/'s.css').write_text('a{background:url(p.png)}')
    (at/'b.html').write_text('<html><body><p id="c">In code it is fine: <code>:::{note}</code></p></body></html>')
    (at/'a.html').write_text(GOOD.replace('</body>', more + '</body>'))
    return scan(at)

def test_a_sound_site_has_no_faults(tmp_path): assert site(tmp_path)==[]

@pytest.mark.parametrize('says', FAULTS)
def test_the_check_sees(says, tmp_path): assert [o for o in site(tmp_path, FAULTS[says]) if says in o]

def test_the_check_sees_what_a_style_asks_for(tmp_path):
    site(tmp_path)
    (tmp_path/'s.css').write_text('@import "https://x.org/f.css"; a{src:url(https://x.org/f.woff)}')
    assert len(scan(tmp_path))==2

PICTURE = '<div class="cell_output docutils"><div><img src="p.png" alt="p"></div></div>'

@pytest.mark.parametrize('shown', range(4))
def test_the_page_of_a_notebook_shows_all_its_pictures(shown, tmp_path):
    site(tmp_path, PICTURE*shown) # The page has another picture, in its prose
    faults = [] if shown==2 else [f'a.html: shows {shown} of 2 pictures']
    assert scan(tmp_path, {'a.html':2, 'b.html':0})==faults and scan(tmp_path)==[]

PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII='

def png(): return dict(output_type='display_data', metadata={}, data={'image/png':'iVBORw0KGgo=', 'text/plain':'<Figure>'})

def html_output(text): return dict(output_type='display_data', metadata={}, data={'text/html':text, 'text/plain':'x'})

def notebook(at):
    "A notebook with three pictures on its page: two of one cell, and one in HTML; those of hidden and exported cells are not on it"
    cells = [mk_cell('# A\n\n> b', 'markdown'), mk_cell('draw()', outputs=[png(), png()]), mk_cell('1', outputs=[html_output('<b>1</b>')]),
        mk_cell('#| hide\ndraw()', outputs=[png()]), mk_cell('#| export\nx = 1', outputs=[png()]),
        mk_cell('show()', outputs=[html_output('<p><img alt="a" src="data:image/png;base64,iVBORw0KGgo="></p>')])]
    at.parent.mkdir(parents=True, exist_ok=True)
    write_nb(new_nb(cells), at)
    return read_nb(at)

def test_pictures_of_a_notebook_are_counted(tmp_path):
    assert count_pictures(notebook(tmp_path/'nbs'/'evidence'/'a.ipynb'))==3
    assert notebook_pictures(tmp_path)=={'evidence/a.html':3}
    found = notebook_pictures(root)
    assert found.keys()>={'optim/07_diffgrad.html', 'vision/05_results.html'} and found['optim/07_diffgrad.html']>1

def test_the_check_sees_results_without_an_output(tmp_path):
    said = dict(output_type='stream', name='stdout', text='1')
    cells = [mk_cell('# A', 'markdown'), mk_cell('print(1)', outputs=[said]), mk_cell('x = 2'), mk_cell('#| hide\nx'),
        mk_cell('x\nprint(x)')]
    (tmp_path/'nbs').mkdir()
    (tmp_path/'a.html').touch()
    write_nb(new_nb(cells), tmp_path/'nbs'/'a.ipynb')
    assert missing_outputs(tmp_path, tmp_path)==["a.html: no output of 'print(x)'"]
    cells[-1].outputs = [said]
    kept = tmp_path/'_proc'/'executed'/'a.ipynb'
    kept.parent.mkdir(parents=True)
    write_nb(new_nb(cells), kept)
    assert missing_outputs(tmp_path, tmp_path)==[]

@pytest.mark.parametrize('nb', BOOKS, ids=lambda o: o.stem)
def test_no_notebook_is_stored_with_only_some_of_its_outputs(nb):
    "New cells beside stored outputs would be shown without theirs"
    nb = read_nb(nb)
    if any(c.get('outputs') for c in nb.cells): assert not [c.id for c in docs.lacking_outputs(nb)]

@pytest.mark.skipif(not all(map(find_spec, docs.SITE_NEEDS)), reason='what fastopt-docs needs is not installed')
@pytest.mark.parametrize('lost', [0, 1])
def test_a_built_page_shows_the_pictures_of_its_notebook(lost, tmp_path):
    "Or the check says how many are missing"
    from sphinx.application import Sphinx
    src,nb = tmp_path/'src',notebook(tmp_path/'nbs'/'index.ipynb')
    want,page = count_pictures(nb),docs.notebook_page(nb, 'index.ipynb', {}, {})
    for c in page['cells']:
        if c['cell_type']=='code': c['outputs'] = c['outputs'][lost:]
    (src/'_static').mkdir(parents=True)
    (src/'_extra').mkdir()
    (src/'index.ipynb').write_text(json.dumps(page))
    Sphinx(src, None, tmp_path/'out', tmp_path/'trees', 'html', confoverrides=docs.settings(), status=None, warning=None).build()
    faults = [o for o in scan(tmp_path/'out', {'index.html':want}) if 'pictures' in o]
    assert faults==([f'index.html: shows 1 of {want} pictures'] if lost else [])

MARKDOWN = '''# A

![alone](p.png)

The picture ![within](p.png) is a part of this sentence.

::::{grid-item-card} B
:img-top: p.png
:img-alt: of a card

A card
::::
'''

@pytest.mark.skipif(not all(map(find_spec, docs.SITE_NEEDS)), reason='what fastopt-docs needs is not installed')
def test_pictures_that_stand_alone_get_a_box_that_scrolls(tmp_path):
    "Those of outputs, with or without a width, and those in prose"
    from sphinx.application import Sphinx
    cells = [mk_cell(MARKDOWN, 'markdown'), mk_cell('draw()', outputs=[png(), dict(png(), metadata={'image/png':dict(width=300)})])]
    for o in ('src/_static', 'src/_extra'): (tmp_path/o).mkdir(parents=True)
    (tmp_path/'src'/'p.png').write_bytes(b64decode(PIXEL))
    write_nb(new_nb(cells), tmp_path/'src'/'index.ipynb')
    page = docs.notebook_page(read_nb(tmp_path/'src'/'index.ipynb'), 'index.ipynb', {}, {})
    for c in page['cells'][1:]:
        for o in c['outputs']: o['data']['image/png'] = PIXEL
    (tmp_path/'src'/'index.ipynb').write_text(json.dumps(page), encoding='utf-8')
    Sphinx(tmp_path/'src', None, tmp_path/'out', tmp_path/'trees', 'html', confoverrides=docs.settings(), status=None, warning=None).build()
    text = (tmp_path/'out'/'index.html').read_text(encoding='utf-8').partition('<article')[2]
    boxed = re.findall(r'<div class="picture" tabindex="0">\s*(?:<a [^>]*>)?<img alt="([^"]*)"', text)
    assert boxed==['alone', 'Figure, A: A card', 'Figure, A: A card'] and text.count('<img ')==5

@pytest.mark.skipif(not find_chromium(), reason='Chromium is not installed')
@pytest.mark.parametrize('style,shrunk', [('max-width: 100%', True), ('', False)])
def test_the_check_sees_pictures_with_shrunk_text(style, shrunk, tmp_path):
    (tmp_path/'p.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg" width="900" height="9"/>')
    box = f'<div style="overflow-x: auto"><img alt="p" src="p.svg" style="{style}"></div>'
    head,found = '<meta name="viewport" content="width=device-width">','<p id="search-results">AdaMod finished</p>'
    (tmp_path/'search.html').write_text(f'{head}<article>{box}</article>{found}')
    faults = look(tmp_path)
    assert len(faults)==shrunk and all('search.html at 390: shrunk' in o for o in faults)

DRAW = """import torch
from fastopt import docs
from pathlib import Path
torch.set_num_threads(2)
(torch.randn(600, 600) @ torch.randn(600, 600)).exp()
docs._draw_paths(['sgd', 'adam'], Path('kept'), lambda name, content: print(name, content[1:4]), 'x')"""

def test_paths_are_drawn_after_work_on_several_threads(tmp_path):
    "A fork of such a process hangs if it starts threads"
    res = subprocess.run([sys.executable, '-W', 'ignore', '-c', DRAW], cwd=tmp_path, capture_output=True, text=True, timeout=240,
        env={**os.environ, 'OMP_NUM_THREADS':'2'})
    assert res.stdout.splitlines()==[f"optimizers/paths/{o}.png b'PNG'" for o in ('sgd', 'adam')], res.stderr

CHECK = root/'tests'/'site_check.py'

def check(out, programs):
    "Exit status and output of the check of the site in `out`, where only the folder `programs` is searched for Chromium"
    res = subprocess.run([sys.executable, CHECK, out], env={**os.environ, 'PATH':str(programs)}, capture_output=True, text=True)
    return res.returncode,res.stdout + res.stderr

@pytest.mark.parametrize('stand_in', [None, '#!/bin/sh\nexit 1\n', 'no program'])
def test_without_chromium_the_files_are_checked(stand_in, tmp_path):
    out,programs = tmp_path/'out',tmp_path/'programs'
    for o in (out, programs): o.mkdir()
    if stand_in:
        (programs/'chromium-browser').write_text(stand_in)
        (programs/'chromium-browser').chmod(0o755)
    site(out)
    assert (said := check(out, programs))[0]==0 and 'the look into a browser is skipped' in said[1] and '2 pages without a fault' in said[1]
    site(out, FAULTS['leads nowhere'])
    assert (said := check(out, programs))[0]==1 and 'nix.html leads nowhere' in said[1] and '1 faults on 2 pages' in said[1]

def test_a_chromium_that_breaks_off_is_a_fault(tmp_path):
    site(tmp_path)
    (tmp_path/'chromium').write_text('#!/bin/sh\n[ "$1" = --version ]\n')
    (tmp_path/'chromium').chmod(0o755)
    status,said = check(tmp_path, tmp_path)
    assert status==1 and 'the look into a browser was broken off' in said and 'Traceback' not in said

def test_no_pages_are_a_fault(tmp_path): assert check(tmp_path, tmp_path)[0]==1

# ---- the folder of the pages

@pytest.mark.parametrize('out', ['.', 'nbs', 'settings.ini', '/', '..'])
def test_the_pages_replace_nothing_but_pages(out, monkeypatch):
    "The folder is refused before any work begins, and nothing is deleted"
    def fail(*args, **kwargs): raise AssertionError('The work has begun')
    for k in ('write_sources', 'execute_notebooks'): monkeypatch.setattr(docs, k, fail)
    monkeypatch.setattr(docs.shutil, 'rmtree', fail)
    monkeypatch.chdir(root)
    with pytest.raises(docs.InputError, match='--out .*(contains other files|cannot be made)'): docs.build_site(out, 'none')

# ---- formulas

@pytest.mark.skipif(not find_spec('latex2mathml'), reason='latex2mathml is not installed')
@pytest.mark.parametrize('nb', [o for o in BOOKS if '$' in o.read_text(encoding='utf-8')], ids=lambda o: o.stem)
def test_every_formula_is_mathml(nb):
    for text in cells(nb, 'markdown'):
        text = re.sub('```.*?```|`[^`]*`', '', text, flags=re.S)
        for block,inline in re.findall(r'\$\$(.+?)\$\$|(?<!\$)\$([^$\n]+)\$(?!\$)', text, re.S):
            assert docs.to_mathml(block or inline, bool(block)).startswith('<math')

# ---- names of other libraries

def table_of_names():
    code = next(c for c in cells(root/'nbs'/'guides'/'migrate.ipynb') if 'THEIRS = {' in c)
    space = {}
    exec(code, space)
    return {k: list(space['pairs'](k)) for k in space['THEIRS']}

def names_of(library):
    "The attribute or module in the installed `library`, or `None`"
    if library=='timm': return set(__import__('timm.optim', fromlist=['x']).list_optimizers()) if find_spec('timm') else None
    return set(dir(import_module(library))) if find_spec(library.split('.')[0]) else None

@pytest.mark.parametrize('library', table_of_names())
def test_names_of_other_libraries_are_theirs_and_ours(library):
    pairs,theirs = table_of_names()[library],names_of(library)
    assert not [o for o in pairs if o[1] and o[1] not in named_rules()]
    if theirs is None: pytest.skip(f'{library} is not installed')
    assert not [a for a,*_ in pairs if a not in theirs]

def test_the_table_has_every_rule_that_torch_has():
    theirs = {k for k,o in vars(import_module('torch.optim')).items() if isinstance(o, type)} & set(dir(fastopt.all))
    assert theirs=={a for a,b,_ in table_of_names()['torch.optim'] if a in theirs}
