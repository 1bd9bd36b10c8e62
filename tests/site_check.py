"""Checks the built documentation: python tests/site_check.py [_docs] [--pages FILE …] [--shots DIR]

The files are checked first: no page, style or script may request anything from another host, all links within the site must work, every
picture needs its file and an alternative text, no directive may be left as text, and the page of a notebook must show all its pictures
and the output of each cell that prints or ends in a value.
If Chromium is installed, each page is then checked in a browser at two widths: there must be no error messages, nothing broken or without
a size, no picture with shrunk text, nothing wider than the window, and the search must find what it should. Without Chromium, a line says
that this is skipped."""
from argparse import ArgumentParser
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit
import fcntl, json, os, re, select, shutil, signal, subprocess, sys, time

LOADS = {**dict.fromkeys(('script', 'img', 'iframe', 'source', 'video', 'audio', 'embed', 'input', 'track'), 'src'), 'object':'data',
    **dict.fromkeys(('link', 'use', 'image'), 'href')}
HARMLESS = {'canonical', 'index', 'search', 'next', 'prev', 'alternate'} # Kinds of `link` that a browser does not load
RAW = re.compile(r'(^|\n)\s*(:{3,}|`{3,})\s*\{|\{py:\w+\}`|\{doc\}`|\{ref\}`|^\s*#\|', re.M)

class Page(HTMLParser):
    "Contents of a page: what it loads, its links, its anchors, pictures without text, and its text outside code"
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.loads,self.links,self.ids,self.silent,self.words,self.inside = [],[],set(),[],[],[]
        self.boxes,self.outputs = [],0 # Open `div`s, and pictures within the outputs of a notebook
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag=='div': self.boxes.append('cell_output' in (a.get('class') or '').split())
        self.outputs += tag=='img' and any(self.boxes)
        if tag in ('pre', 'code', 'script', 'style', 'title'): self.inside.append(tag)
        for k in ('id', 'name'):
            if a.get(k): self.ids.add(a[k])
        if (k := LOADS.get(tag)) and a.get(k) and not (tag=='link' and {*(a.get('rel') or '').split()} & HARMLESS): self.loads.append(a[k])
        self.loads += [o.split()[0] for o in (a.get('srcset') or '').split(',') if o.strip()]
        self.loads += re.findall(r'url\(["\']?([^)"\']+)', a.get('style') or '')
        if tag=='a' and a.get('href'): self.links.append(a['href'])
        if tag=='img' and not (a.get('alt') or '').strip(): self.silent.append(a.get('src'))
    def handle_endtag(self, tag):
        if tag=='div' and self.boxes: self.boxes.pop()
        if tag in self.inside: self.inside = self.inside[:len(self.inside)-1-self.inside[::-1].index(tag)]
    def handle_data(self, data):
        if not self.inside: self.words.append(data)

def is_elsewhere(url): return bool(urlsplit(url).netloc) and urlsplit(url).scheme in ('', 'http', 'https', 'ws', 'wss')

def count_pictures(nb):
    "How many pictures the page of the notebook `nb` must show"
    shown = [c for c in nb.cells if c.cell_type=='code' and not {'hide', 'export', 'exports', 'exporti'} & c.directives.keys()]
    datas = [o.get('data', {}) for c in shown for o in c.get('outputs', ())]
    return sum(1 if any(k.startswith('image/') for k in o) else ''.join(o.get('text/html', '')).count('<img') for o in datas)

def notebook_pictures(root):
    "The pictures of all notebooks in `root`, executed or as committed, as a dict of page to number"
    from fastopt.docs import with_outputs
    nbs = root/'nbs'
    files = [o.relative_to(nbs) for o in nbs.rglob('*.ipynb') if not any(p[0] in '._' for p in o.relative_to(nbs).parts)]
    return {str(o.with_suffix('.html')): count_pictures(with_outputs(nbs/o, root/'_proc'/'executed'/o)[0]) for o in files}

def missing_outputs(root, out):
    "Faults of the pages in `out` of notebooks in `root`: no output of a cell that prints or ends in a value, as a list of lines"
    from fastopt.docs import lacking_outputs, with_outputs
    nbs,res = root/'nbs',[]
    for o in sorted(nbs.rglob('*.ipynb')):
        at = o.relative_to(nbs)
        if any(p[0] in '._' for p in at.parts) or not (out/at).with_suffix('.html').is_file(): continue
        for c in lacking_outputs(with_outputs(o, root/'_proc'/'executed'/at)[0]):
            res.append(f"{at.with_suffix('.html')}: no output of {c.source.strip().splitlines()[-1][:60]!r}")
    return res

def scan(out, pictures=None):
    "Faults of the files in the folder `out`, as a list of lines; `pictures` is a dict of page to its number of pictures in outputs"
    pages = {o: Page(o.read_text(encoding='utf-8')) for o in sorted(out.rglob('*.html'))}
    faults = []
    for path,page in pages.items():
        at = path.relative_to(out)
        faults += [f'{at}: asks for {o}' for o in page.loads if is_elsewhere(o)]
        faults += [f'{at}: a picture without a text: {str(o)[:80]}' for o in page.silent]
        if (n := (pictures or {}).get(str(at), page.outputs))!=page.outputs: faults.append(f'{at}: shows {page.outputs} of {n} pictures')
        if m := RAW.search('\n'.join(page.words)): faults.append(f'{at}: a directive is left as text: {m[0].strip()[:60]!r}')
        for url in [*page.loads, *page.links]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc: continue
            to = (path.parent/unquote(parts.path)).resolve() if parts.path else path
            if to.is_dir(): to = to/'index.html'
            if not to.is_file(): faults.append(f'{at}: {url} leads nowhere')
            elif parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].ids and url in page.links:
                faults.append(f'{at}: {url} has no such place')
    for path in out.rglob('*.css'):
        loads = re.findall(r'url\(["\']?([^)"\']+)|@import\s+["\']([^"\']+)', path.read_text(encoding='utf-8'))
        faults += [f'{path.relative_to(out)}: asks for {a or b}' for a,b in loads if is_elsewhere(a or b)]
    return faults

def _complaint(method, p):
    "What an event of the browser reports about a page, as (kind, text or nothing)"
    if method=='Runtime.exceptionThrown': return 'script', str(p['exceptionDetails'].get('exception', {}).get('description') or p)[:200]
    if method=='Runtime.consoleAPICalled' and p['type']=='error': return 'console', str(p['args'])[:200]
    if method=='Log.entryAdded' and p['entry']['level']=='error': return 'log', f"{p['entry']['text'][:120]} {p['entry'].get('url', '')}"
    if method=='Network.requestWillBeSent' and p['request']['url'].startswith('http'): return 'asks for', p['request']['url']
    return '', ''

FLAGS = '''headless=new no-sandbox disable-gpu no-first-run remote-debugging-pipe disable-background-networking disable-component-update
    allow-file-access-from-files hide-scrollbars'''.split()

PATIENCE = 120 # Seconds without an answer from Chromium

class Browser:
    "Chromium without a window, controlled through a pipe"
    def __init__(self, program, folder):
        pipes = [os.pipe() for _ in range(2)]
        down,up = [[fcntl.fcntl(o, fcntl.F_DUPFD_CLOEXEC, 10) for o in ends] for ends in pipes] # Chromium's are 3 and 4
        for ends in pipes:
            for o in ends: os.close(o) # An end that stays open here would hide that Chromium has ended
        args = [program, *(f'--{o}' for o in FLAGS), f'--user-data-dir={folder}', 'about:blank']
        quiet = [(os.POSIX_SPAWN_OPEN, o, os.devnull, os.O_WRONLY, 0) for o in (1, 2)]
        own = [(os.POSIX_SPAWN_DUP2, down[0], 3), (os.POSIX_SPAWN_DUP2, up[1], 4)]
        self.pid = os.posix_spawn(program, args, os.environ, file_actions=quiet + own)
        self.to,self.back,self.n,self.buffer,self.events = os.fdopen(down[1], 'wb', 0),up[0],0,b'',[]
        for o in (down[0], up[1]): os.close(o)
    session = None
    def open(self):
        "Open a window; the following commands apply to it"
        target = self('Target.createTarget', url='about:blank')['targetId']
        self.session = self('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for o in ('Page', 'Runtime', 'Network', 'Log'): self(f'{o}.enable')
    def _read(self):
        while b'\0' not in self.buffer:
            if not select.select([self.back], [], [], PATIENCE)[0]: raise RuntimeError(f'Chromium has not answered in {PATIENCE} s')
            more = os.read(self.back, 1<<16)
            if not more: raise RuntimeError('Chromium has ended')
            self.buffer += more
        raw,_,self.buffer = self.buffer.partition(b'\0')
        return json.loads(raw)
    def __call__(self, method, **params):
        "The result of a command of Chromium's protocol"
        self.n += 1
        o = dict(id=self.n, method=method, params=params)
        if self.session: o['sessionId'] = self.session
        self.to.write(json.dumps(o).encode() + b'\0')
        while True:
            got = self._read()
            if got.get('id')==self.n:
                if 'error' in got: raise RuntimeError(f"{method}: {got['error']['message']}")
                return got['result']
            self.events.append(got)
    def value(self, code): return self('Runtime.evaluate', expression=code, returnByValue=True, awaitPromise=True)['result'].get('value')
    def visit(self, url, width, height=900):
        "Open `url`; returns the error messages of the browser, and the requests to other hosts"
        self('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width<600)
        self.events.clear()
        self('Page.navigate', url=url)
        while not any(o.get('method')=='Page.loadEventFired' for o in self.events): self.events.append(self._read())
        self.value('new Promise(f => setTimeout(f, 60))')
        said = ((o.get('method'), o.get('params', {})) for o in self.events)
        return [f'{kind}: {text}' for method,p in said for kind,text in [_complaint(method, p)] if text]
    def shot(self, file, whole=False):
        args = dict(captureBeyondViewport=True) if whole else {}
        if whole:
            size = self('Page.getLayoutMetrics')['cssContentSize']
            args['clip'] = dict(x=0, y=0, width=size['width'], height=min(size['height'], 8000), scale=1)
        Path(file).write_bytes(b64decode(self('Page.captureScreenshot', format='png', **args)['data']))
    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)

# Of a page: broken, invisible or shrunk pictures, formulas without a size, and elements that make it wider than the window.
# Text in pictures can be read at their own size, and at 46em in a wide one; the pictures of cards show no text
LOOK = '''(() => {
const open = e => {
  for (let d = e.closest('details'); d; d = d.parentElement.closest('details')) if (!d.open) return false;
  return e.checkVisibility(); };
const scrolls = e => { for (let p = e; p; p = p.parentElement) if (getComputedStyle(p).overflowX != 'visible') return true; };
const flat = e => { const r = e.getBoundingClientRect(); return !(r.width && r.height); };
const shown = [...document.querySelectorAll('article img, article math, article svg, .js-plotly-plot')].filter(open);
const text = e => e.outerHTML.slice(0, 100);
return { broken: [...document.images].filter(i => open(i) && i.complete && !i.naturalWidth).map(i => i.getAttribute('src').slice(0, 80)),
  shrunk: [...document.querySelectorAll('article img:not(.sd-card-img-top)')].filter(i => open(i) && i.naturalWidth
    && i.getBoundingClientRect().width < Math.min(i.getAttribute('width') || i.naturalWidth, 736) - 1).map(text),
  flat: shown.filter(flat).map(text), wide: document.documentElement.scrollWidth - innerWidth,
  who: [...document.querySelectorAll('body *')].filter(e => open(e) && e.getBoundingClientRect().right > innerWidth+1
    && !scrolls(e.parentElement)).slice(0, 2).map(text) } })()'''

@contextmanager
def browsing(program):
    "A `Browser` with a window, which ends with the context"
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            browser.open()
            yield browser
        finally: browser.close()

def look_at(browser, out, at, widths, shots):
    "Faults that `browser` finds in the page `at` of the folder `out`"
    faults = []
    for width in widths:
        faults += [f'{at} at {width}: {o}' for o in browser.visit((out/at).resolve().as_uri(), width)]
        seen = browser.value(LOOK) or {}
        told = dict(broken=seen.get('broken', []), **{k: seen.get(k, [])[:3] for k in ('flat', 'shrunk')})
        if seen.get('wide', 0)>1: told['too wide'] = [f"by {seen['wide']} pixels: {seen['who']}"]
        faults += [f'{at} at {width}: {k} {o}' for k,os in told.items() for o in os]
        if shots: browser.shot(Path(shots)/f"{at.replace('/', '-')[:-5]}-{width}.png", whole=True)
    return faults

def look_for(browser, out, word):
    "Faults of a search for `word`"
    faults,found = [f'search: {o}' for o in browser.visit((out/'search.html').resolve().as_uri() + f'?q={word}', 1280)],''
    for _ in range(100):
        found = browser.value("document.querySelector('#search-results')?.innerText || ''")
        if word in found and 'finished' in found.lower(): return faults
        time.sleep(.1)
    return faults if word in found else [*faults, f'search: {word} is not found: {found[:200]!r}']

def look(out, widths=(1280, 390), only=None, shots=None, search='AdaMod'):
    "Faults that two processes of Chromium find in the pages of the folder `out`"
    program,pages = find_chromium(),[str(o.relative_to(out)) for o in sorted(out.rglob('*.html'))]
    todo = [o for o in pages if not only or o in only]
    def half(i):
        try:
            with browsing(program) as browser:
                found = [o for at in todo[i::2] for o in look_at(browser, out, at, widths, shots)]
                return found + (look_for(browser, out, search) if i==0 else [])
        except (OSError, RuntimeError) as e: return [f'the look into a browser was broken off: {program}: {e}']
    with ThreadPoolExecutor(2) as pool: return sorted({o for os in pool.map(half, range(2)) for o in os})

def starts(program):
    "Does `program` print its version? A placeholder for a Chromium that is not installed, as on Ubuntu, does not"
    try: return not subprocess.run([program, '--version'], capture_output=True, timeout=PATIENCE).returncode
    except (OSError, subprocess.TimeoutExpired): return False

def find_chromium():
    found = filter(None, map(shutil.which, ('chromium', 'google-chrome', 'chromium-browser')))
    return next(filter(starts, found), None)

if __name__=='__main__':
    p = ArgumentParser(description='Check the built documentation')
    p.add_argument('out', nargs='?', type=Path, default=Path('_docs'))
    p.add_argument('--pages', nargs='*', help='only these pages in the browser, such as index.html')
    p.add_argument('--shots', help='folder for pictures of the pages')
    args = p.parse_args()
    n = len(list(args.out.rglob('*.html')))
    if not n: sys.exit(f'{args.out} has no pages; fastopt-docs makes them')
    root = Path(__file__).resolve().parents[1]
    faults = scan(args.out.resolve(), notebook_pictures(root)) + missing_outputs(root, args.out)
    if args.shots: Path(args.shots).mkdir(parents=True, exist_ok=True)
    if find_chromium(): faults += look(args.out, only=args.pages, shots=args.shots)
    else: print('No Chromium is installed, so the look into a browser is skipped: apt-get install chromium')
    print(*faults, sep='\n')
    sys.exit(f'{len(faults)} faults on {n} pages' if faults else print(f'{n} pages without a fault'))
