"Make README.md from nbs/index.ipynb, without the Quarto that `nbdev-readme` needs: python tests/readme.py [--picture]"
from fastcore.nbio import preferred_msg_out, read_nb
from fastcore.script import call_parse, store_true
from fastopt.cli import OPTS
from functools import partial
from pathlib import Path
from posixpath import join, normpath
import json, re

COUNTED = 'nbs/index.ipynb','nbs/site/index.md'
_hidden = {'hide', 'export', 'exporti', 'default_exp'}

# PyPI shows the README as well, without the files beside it
FILES,PICTURES = 'https://github.com/fastopt/fastopt/blob/main/','https://raw.githubusercontent.com/fastopt/fastopt/main/'

def _absolute(nb, m):
    "Make the link `m` to a file near the notebook `nb` absolute; other text is returned unchanged"
    path,*section = m[2].split('#')
    if not path or not (nb.parent/path).is_file(): return m[0]
    return f"{m[1]}({'#'.join([(PICTURES if m[1][0]=='!' else FILES) + normpath(join(nb.parent.name, path)), *section])})"

def _output(o):
    "Format one output as markdown"
    mime,text = preferred_msg_out(o, html1st=False, include_imgs=True)
    if mime.startswith('image'): raise ValueError('Save the picture in nbs/images and link it: README.md holds text only')
    return text.strip() if mime in ('text/markdown', 'text/html') else f'```\n{text.rstrip()}\n```'

def _cell(nb, c):
    "Convert the cell `c` of the notebook `nb` to blocks of markdown; none if it is hidden"
    if c.cell_type=='raw' or _hidden & c.directives.keys(): return []
    c.remove_directives()
    if c.cell_type=='markdown': return [re.sub(r'(!?\[[^\[\]]*\])\(([^)\s]+)\)', partial(_absolute, nb), c.source).strip()]
    return [f'```python\n{c.source.strip()}\n```'] + [_output(o) for o in c.outputs]

def render(nb):
    "The text of README.md for the notebook `nb`"
    blocks = [b for c in read_nb(nb).cells for b in _cell(nb, c)]
    return '\n\n'.join(['<!-- Made from nbs/index.ipynb by tests/readme.py: edit the notebook -->'] + blocks) + '\n'

COMPARED = re.compile(r'\d+(?= of them are compared, step by step)')

def count_compared(root):
    "Write into the pages of the clone at `root` how many optimizers of `fastopt-opts` have an entry in replayed.json"
    n = len({*OPTS} & json.loads((root/'fastopt'/'replayed.json').read_text(encoding='utf-8')).keys())
    for o in COUNTED:
        text = (root/o).read_text(encoding='utf-8')
        if (new := COMPARED.sub(str(n), text))!=text: (root/o).write_text(new, encoding='utf-8')

def draw_paths(path):
    "Draw the picture of README and of the site's first page"
    from fastopt.evidence.landscapes import plot_paths # Only the picture needs PyTorch
    axes = plot_paths(['ravine', 'himmelblau'], ['sgd', 'adamw', 'diffgrad'], lr=[0.01, 0.1, 0.1])
    axes[0].figure.savefig(path, dpi=160)

@call_parse
def main(
    picture:store_true=False # Draw nbs/images/paths.png again, too
):
    """Make README.md from nbs/index.ipynb, after counting there and in nbs/site/index.md the optimizers that are compared with recorded
    runs"""
    root = Path(__file__).parents[1]
    if picture: draw_paths(root/'nbs'/'images'/'paths.png')
    count_compared(root)
    (root/'README.md').write_text(render(root/'nbs'/'index.ipynb'), encoding='utf-8')
