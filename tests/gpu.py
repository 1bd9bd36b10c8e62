"""Run all checks that need a GPU with one command: python tests/gpu.py [--minutes 9] [--part NAME …] [--out FOLDER]

Each part runs in its own process, so that neither an exception nor a crash of the driver ends the others, and gets a share of the
minutes. It writes its record, a JSON file in FOLDER, after each result, and lists what it had no time for. The table of all results is
printed last. Nothing is downloaded; for a machine without a network, run `gpu_pack.sh` beforehand to download what it needs. `--board`,
best in a second call, trains the leaderboard's recipes instead; `--tables FOLDER` writes the records in FOLDER into the notebooks, and
runs nothing. Without a GPU, or with `--tiny`, everything runs at the smallest size, with Triton's interpreter. This is a rehearsal, whose
figures mean nothing, and its record says so."""
import argparse, json, os, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = dict(correct=150, memory=90, speed=120, recipe=90, board=180) # Of nine minutes; `--minutes` scales them
DEFAULT = [o for o in SECONDS if o!='board']
GRACE = 20 # Seconds that a part has to end by itself after its time is up

class Report:
    "The record of `part`, written to `path` after each result; there are `seconds` in total"
    def __init__(self, path, part, seconds, **about):
        self.path,self.end,self.rows = path,time.monotonic()+seconds,[]
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

def line(row):
    "Format a result as a line of text"
    v = row['value']
    shown = f'{v:.4g}' if isinstance(v, float) else '' if v is None else str(v)
    reached = {True:'yes', False:'NO', None:''}[row['reached']]
    return f"{row['what']:<66} {shown:>14}  {row['bar'] or '':<12} {reached}".rstrip()

def print_table(records):
    "Format all `records`, a line for each result"
    for o in records:
        where = o.get('device', 'an unknown device') + (', a rehearsal' if o.get('tiny') else '')
        print(f"\n{o['part']} on {where}: {o.get('ended', 'did not end by itself')}")
        for row in o['rows']: print('  '+line(row))
    rows = [r for o in records for r in o['rows']]
    print(f"\n{len(rows)} results: {sum(r['reached'] is True for r in rows)} reached, {sum(r['reached'] is False for r in rows)} not")

def run_part(part, seconds, out, tiny):
    "Run `part` in its own process, and return its record"
    path = out/f'{part}.json'
    path.unlink(missing_ok=True)
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, [os.environ.get('PYTHONPATH')])])}
    if tiny: env |= dict(TRITON_INTERPRET='1', CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1')
    code = 'import sys, gpu_parts; gpu_parts.main(*sys.argv[1:])'
    p = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', code, part, str(seconds), str(path), str(int(tiny))], env=env)
    try: ended = f'ended with status {s}' if (s := p.wait(seconds+GRACE)) else None
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        ended = f'was stopped after {seconds+GRACE:.0f} seconds'
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
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--minutes', type=float, default=9., help='for all parts together (default 9)')
    p.add_argument('--part', nargs='+', choices=DEFAULT, default=DEFAULT, help='run only these')
    p.add_argument('--board', action='store_true', help='train the recipes of the leaderboard instead')
    p.add_argument('--tiny', action='store_true', help='a rehearsal on the CPU, as without a GPU')
    p.add_argument('--out', type=Path, default=Path('gpu-records'), help='folder for the records')
    p.add_argument('--tables', type=Path, metavar='FOLDER', help='write the records in FOLDER into the notebooks, and run nothing')
    args = p.parse_args(argv)
    if args.tables:
        import gpu_tables
        return gpu_tables.write(args.tables)
    args.out.mkdir(parents=True, exist_ok=True)
    parts,tiny = ['board'] if args.board else args.part,args.tiny or not has_gpu()
    share,records = 60*args.minutes/sum(SECONDS[o] for o in parts),[]
    pool = ThreadPoolExecutor(2 if tiny else 1) # In a rehearsal the parts may share the device
    runs = [pool.submit(run_part, o, SECONDS[o]*share, args.out.resolve(), tiny) for o in parts]
    try:
        for o in runs: records.append(o.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        print_table(records)
    return int(any(r['reached'] is False for o in records for r in o['rows']))

if __name__=='__main__': sys.exit(main())
