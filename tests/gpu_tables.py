"Write the records of `gpu.py` into the notebooks: python tests/gpu.py --tables FOLDER. Missing results are \"not measured\""
import json, subprocess, sys
from fastopt.names import markdown_table
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = '<!-- Made by tests/gpu.py: run `python tests/gpu.py --tables FOLDER` -->\n'
PARTS = dict(correct='Correctness', memory='Changes between steps', speed='Speed', recipe='The recipe', board='The leaderboard')
# In the README
SHORT = 'recipe in','record-128-5',*(o for k in ('adamw', 'diffgrad') for o in (f'xresnet50: {k} over', f'giant: {k}, share'))
REACHED = {True:'yes', False:'**no**', None:''}

def read(folder):
    "The records in `folder` by part, without rehearsals"
    found = [json.loads(o.read_text(encoding='utf-8')) for o in sorted(Path(folder).glob('*.json'))]
    return {o['part']: o for o in found if o.get('part') in PARTS and not o.get('tiny')}

def cells(row):
    "The cells of a result"
    v = row['value']
    shown = f'{v:.4g}' if isinstance(v, float) else '' if v is None else v
    return row['what'],shown,row['bar'] or '',REACHED[row['reached']]

def table(rows): return markdown_table([('what', 'measured', 'should be', 'reached'), *map(cells, rows)])

def where(record):
    "Device, versions and time of a record"
    versions = ', '.join(f'{k} {v}' for k,v in record['versions'].items())
    return f"{record['device']}; {versions}; {record['time'][:10]}; {record['ended']}"

def full(records):
    "The complete tables, for the notebook of benchmarks"
    def part(k, title):
        return f'### {title}\n\n' + (f'{where(records[k])}.\n\n{table(records[k]["rows"])}' if k in records else 'Not measured.')
    head = '## On a GPU\n\n`python tests/gpu.py` runs the checks that need a GPU, in at most eight minutes.'
    return MARK + '\n\n'.join([head, *(part(*o) for o in PARTS.items())])

UNKNOWN = """Nothing has been measured on a GPU yet. The generated Triton code is tested in Triton's interpreter, compiled for several GPUs
without running on them, and found to use 16-byte accesses; `python tests/gpu.py` runs the checks that need a GPU, in at most
eight minutes."""

def short(records):
    "The short table for the README"
    rows = [r for o in records.values() for r in o['rows'] if r['what'].startswith(SHORT)]
    if not rows: return MARK + UNKNOWN
    return MARK + f'On a GPU ({where(next(iter(records.values())))}):\n\n{table(rows)}'

def put(path, text):
    "Put `text` into the only cell of the notebook `path` that starts with `MARK`, and return whether it changed"
    nb = json.loads(path.read_text(encoding='utf-8'))
    mine = [c for c in nb['cells'] if ''.join(c['source']).startswith(MARK.strip())]
    if len(mine)!=1: raise ValueError(f'{path} has {len(mine)} cells that begin with {MARK.strip()}, where one is needed')
    new = text.splitlines(True)
    if mine[0]['source']==new: return False
    mine[0]['source'] = new
    path.write_text(json.dumps(nb, indent=1, ensure_ascii=False)+'\n', encoding='utf-8')
    return True

NOTEBOOKS = {'nbs/index.ipynb': short, 'nbs/evidence/02_step_bench.ipynb': full}

def write(folder):
    "Write the records in `folder` into the notebooks, and make the README"
    records = read(folder)
    for name,text in NOTEBOOKS.items(): print(name, 'is new' if put(ROOT/name, text(records)) else 'was so already')
    subprocess.run([sys.executable, str(ROOT/'tests'/'readme.py')], check=True)
    if missing := [o for o in PARTS if o not in records]: print('Not measured:', ', '.join(missing))
    return 0
