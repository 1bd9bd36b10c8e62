"""Run all checks that need a GPU with one command: python tests/gpu.py [--minutes 7] [--part NAME …] [--out FOLDER]

Each part runs in its own process, so that neither an exception nor a crash of the driver ends the others, and gets a share of the
minutes that are left. It writes its record, a JSON file in FOLDER, after each result, and lists what it had no time for. The table of
all results is written to a text file beside the records; what was not reached is printed last. Nothing is downloaded. `--board` trains
the leaderboard's recipes instead; `--tables FOLDER` writes the records in FOLDER into the notebooks, and runs nothing. Without a GPU, or
with `--tiny`, everything runs at the smallest size, with Triton's interpreter. This is a rehearsal, whose figures mean nothing, and its
record says so.

Some GPU machines can be had for a few minutes only and have no network. The two calls below take less than ten minutes each, and $OUT is
the folder for what they return. First pack what they need, with the archive imagenette2-160.tgz of the images:

  bash tests/gpu_pack.sh build/gpu ARCHIVE

Then copy the tree with build/gpu/1 to the machine, and run this in it. It takes 8 minutes:

  python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target ~/site build/gpu/1/whl/*.whl &&
  mkdir -p ~/data && tar xzf build/gpu/1/images.tgz -C ~/data &&
  PYTHONPATH=~/site python3 tests/gpu.py --minutes 7 --out "$OUT"

While the machine still has the first half of the images, copy build/gpu/2 to it, and run this. It takes 4 minutes:

  python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target ~/site build/gpu/2/whl/*.whl &&
  mkdir -p ~/data && tar xzf build/gpu/2/images.tgz -C ~/data &&
  PYTHONPATH=~/site python3 tests/gpu.py --board --minutes 3 --out "$OUT"
"""
import argparse, json, os, signal, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = dict(correct=180, memory=40, speed=100, recipe=100, board=180) # Of seven minutes; `--minutes` scales them
DEFAULT = [o for o in SECONDS if o!='board']
GRACE = 20 # Seconds that a part has to end by itself after its time is up
MOST,WIDTH = 36,120 # Rows of the closing table, and characters of a text in it; of a log, only the last 12,000 may come back
RUNNING = set() # Processes of parts

class Report:
    "The record of `part`, written to `path` after each result; there are `seconds` in total, by default from now"
    def __init__(self, path, part, seconds, begun=None, **about):
        self.path,self.end,self.rows = path,(time.monotonic() if begun is None else begun)+seconds,[]
        self.about = dict(part=part, seconds=seconds, **about)
        self.write()
    def left(self): return self.end-time.monotonic()
    def add(self, what, value=None, bar=None, reached=None, **more):
        "Record the result `value` of `what` with its target `bar`, and whether it was `reached`"
        self.rows.append(dict(what=what, value=value, bar=bar, reached=reached, **more))
        self.write()
        print(f'{self.about["part"]:8} {line(self.rows[-1])}', flush=True)
    def attempt(self, what, f, *args, needs=0., **kwargs):
        "Call `f(self, …)`, and record a failure as a result; skip it if fewer than `needs` seconds are left"
        if self.left()<needs: return self.add(what, 'cut: no time was left')
        try: f(self, *args, **kwargs)
        except (Exception, SystemExit) as e: self.add(what, f'{type(e).__name__}: {str(e)[:300]}', reached=False)
    def write(self, **more):
        self.about |= more
        new = self.path.with_suffix('.tmp')
        new.write_text(json.dumps(dict(self.about, rows=self.rows), indent=1)+'\n', encoding='utf-8')
        new.replace(self.path)

def line(row, width=None):
    "Format a result as a line of text; texts are cut to `width` characters"
    def cut(text): return ' '.join(text.split())[:width] if width else text
    v = row['value']
    shown = f'{v:.4g}' if isinstance(v, float) else '' if v is None else cut(str(v))
    reached = {True:'yes', False:'NO', None:''}[row['reached']]
    return f"{cut(row['what']):<66} {shown:>14}  {row['bar'] or '':<12} {reached}".rstrip()

def table(records, rows=None, width=None):
    "Format all `records`, a line for each result, or only for those of `rows`, and the totals"
    lines,every = [],[r for o in records for r in o['rows']]
    for o in records:
        where = o.get('device', 'an unknown device') + (', a rehearsal' if o.get('tiny') else '')
        lines += ['', f"{o['part']} on {where}: {o.get('ended', 'did not end by itself')}"]
        lines += ['  '+line(r, width) for r in o['rows'] if rows is None or any(r is one for one in rows)]
    return '\n'.join([*lines, '',
        f"{len(every)} results: {sum(r['reached'] is True for r in every)} reached, {sum(r['reached'] is False for r in every)} not"])

def closing_table(records):
    "The table of what was not reached, short enough for a log of which only the end is kept"
    missed = [r for o in records for r in o['rows'] if r['reached'] is False]
    more = f', {len(missed)-MOST} of which are not shown here' if len(missed)>MOST else ''
    return table(records, missed[:MOST], WIDTH) + more

def stop(p):
    "End the process `p` of a part, and all that it has started, such as a pool"
    with suppress(ProcessLookupError): os.killpg(p.pid, signal.SIGKILL)
    p.kill() # If it has no group yet

def run_part(part, seconds, out, tiny):
    "Run `part` in its own process, and return its record"
    path = out/f'{part}.json'
    path.unlink(missing_ok=True)
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, [os.environ.get('PYTHONPATH')])])}
    if tiny: env |= dict(TRITON_INTERPRET='1', CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1')
    # A group of processes, not a session: who stops this process may look for all processes of its session
    code = 'import os, sys; os.setpgrp(); import gpu_parts; gpu_parts.main(*sys.argv[1:])'
    p = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', code, part, str(seconds), str(path), str(int(tiny))], env=env)
    RUNNING.add(p)
    try: ended = f'ended with status {s}' if (s := p.wait(seconds+GRACE)) else None
    except subprocess.TimeoutExpired: ended = f'was stopped after {seconds+GRACE:.0f} seconds'
    finally:
        stop(p)
        p.wait()
        RUNNING.discard(p)
    record = json.loads(path.read_text(encoding='utf-8')) if path.exists() else dict(part=part, rows=[])
    if ended: record |= dict(ended=ended, rows=[*record['rows'], dict(what=f'the part {part}', value=ended, bar=None, reached=False)])
    path.write_text(json.dumps(record, indent=1)+'\n', encoding='utf-8')
    return record

def has_gpu():
    "Is there a GPU? Another process checks this, because the process that checks holds the GPU"
    code = 'import sys, torch; sys.exit(not torch.cuda.is_available())'
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', code]).returncode==0

def main(argv=None):
    "The command line; returns 0 if every part ended by itself and reached its targets"
    begun = time.monotonic()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--minutes', type=float, default=7., help='for all parts together (default 7)')
    p.add_argument('--part', nargs='+', choices=DEFAULT, default=DEFAULT, help='run only these')
    p.add_argument('--board', action='store_true', help='train the recipes of the leaderboard instead')
    p.add_argument('--tiny', action='store_true', help='a rehearsal on the CPU, as without a GPU')
    p.add_argument('--out', type=Path, default=Path(os.environ.get('OUT', 'gpu-records')),
        help='folder for the records (default $OUT, or gpu-records)')
    p.add_argument('--tables', type=Path, metavar='FOLDER', help='write the records in FOLDER into the notebooks, and run nothing')
    args = p.parse_args(argv)
    if args.tables:
        import gpu_tables
        return gpu_tables.write(args.tables)
    args.out.mkdir(parents=True, exist_ok=True)
    parts,tiny,end = ['board'] if args.board else args.part,args.tiny or not has_gpu(),begun+60*args.minutes
    def run(i):
        "A part gets its share of what is left, so that one that is late or early does not move the end"
        share = SECONDS[parts[i]]/sum(SECONDS[o] for o in parts[i:])
        return run_part(parts[i], max(0., end-time.monotonic())*share, args.out.resolve(), tiny)
    pool = ThreadPoolExecutor(2 if tiny else 1) # In a rehearsal the parts may share the device
    runs,records = [pool.submit(run, i) for i in range(len(parts))],[]
    try:
        for o in runs: o.result()
    finally:
        for o in runs: o.cancel()
        for o in [*RUNNING]: stop(o) # Left over if this process is told to end
        pool.shutdown()
        records = [o.result() for o in runs if not o.cancelled() and not o.exception()]
        whole = args.out/('board.txt' if args.board else 'results.txt')
        whole.write_text(table(records).lstrip()+'\n', encoding='utf-8')
        print(f'{closing_table(records)}\nAll results: {whole}', flush=True)
    return int(any(r['reached'] is False for o in records for r in o['rows']))

if __name__=='__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # A time limit; there is still time for the table
    sys.exit(main())
