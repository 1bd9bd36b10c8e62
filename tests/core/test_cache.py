"The cache of kernels: files are intact and one's own, or made again; a compiler that fails or hangs never stops training"
import errno, os, shutil, subprocess, sys, warnings
from functools import partial
from pathlib import Path
import pytest, torch
from fastcore.basics import first
from hypothesis import given, settings, strategies as st
from fastopt import files
from fastopt.core import fused
from fastopt.core.backends import cache as kernels, cpp, memory_reader
from fastopt.optim.adam import adamw
from fastopt.core.engine import Engine
from fastopt.optim.lion import lion
from forked import Forked

if not hasattr(os, 'fork') or not cpp.compiler(): pytest.skip('needs a C++ compiler, and processes that fork', allow_module_level=True)

def steps(rule=adamw, how='fused', n=3):
    "One weight after `n` steps of `rule`"
    p,state,engine = torch.linspace(-1, 1, 50).requires_grad_(),{},Engine(rule, how=how)
    for _ in range(n):
        p.grad = p.detach()**2 - .1
        engine.step([([p], rule.hypers)], state)
    return p.detach()

def fork(f, *args, **env):
    "Run `f` in its own process, with nothing loaded before and with warnings as errors, so that a crash fails only one test"
    def run():
        os.environ.update(env)
        for o in (cpp.cpp_build, cpp.compiler, kernels.warn_once): o.cache_clear()
        cpp._failed.clear()
        fused._warned.clear()
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            f(*args)
    return Forked(run)

def ended(p): return p.wait(60)

def trains(rule=adamw):
    "Does fused training equal eager training?"
    assert torch.allclose(steps(rule), steps(rule, 'eager'), atol=1e-6)

def told(*says, rule=adamw, how='fused'):
    "Training continues as with engine `how`, and each of the texts `says` is warned of once"
    with warnings.catch_warnings(record=True) as ws:
        warnings.simplefilter('always')
        for _ in range(2): assert torch.allclose(steps(rule), steps(rule, how), atol=1e-6)
    ms = [str(o.message) for o in ws]
    assert len(ms)==len(says) and all(s in m for s,m in zip(says, ms)), ms

def script(path, text):
    "Write an executable shell script"
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return str(path)

def library(path, code):
    "Compile `code` and return the library"
    path.with_suffix('.cpp').write_text(code)
    subprocess.run([cpp.compiler(), '-shared', '-fPIC', path.with_suffix('.cpp'), '-o', path], check=True)
    return path

@pytest.fixture(scope='module', autouse=True)
def no_reader():
    "The memory reader is a library of its own, which would be counted, and which a compiler that copies a kernel cannot make"
    with pytest.MonkeyPatch.context() as m:
        m.setattr(memory_reader, 'memory_reader', lambda kind: None)
        yield

@pytest.fixture(scope='module')
def made(tmp_path_factory, no_reader):
    "A folder with AdamW's kernel `so`, kept as `name` in `cache`, and a compiler `cxx` that copies it and counts its calls in `log`"
    d = tmp_path_factory.mktemp('made')
    script(d/'cxx', f'echo >> {d}/log; cp {d}/so kernel.so')
    os.environ['FASTOPT_CACHE'],was = str(d/'first'),os.environ.get('FASTOPT_CACHE')
    try: assert ended(fork(trains))==0
    finally: os.environ.pop('FASTOPT_CACHE') if was is None else os.environ.update(FASTOPT_CACHE=was)
    shutil.copy(first((d/'first').iterdir()), d/'so')
    assert ended(fork(trains, FASTOPT_CACHE=str(d/'cache'), CXX=str(d/'cxx')))==0
    return d

@pytest.fixture
def cache(made, tmp_path):
    "A separate cache with the kept kernel; nothing has been compiled yet"
    (made/'log').write_text('')
    return Path(shutil.copytree(made/'cache', tmp_path/'cache'))

def go(made, cache, f=trains, *args, **kwargs): return ended(fork(f, *args, **dict(FASTOPT_CACHE=str(cache), CXX=str(made/'cxx')) | kwargs))
def compiled(made): return len((made/'log').read_text())
def whole(cache): return {o.name for o in cache.iterdir()}=={first(cache.iterdir()).name} and all(
    o.name==kernels.kept_name(o.name[:24], o.read_bytes()) for o in cache.iterdir())

# What is kept

def test_a_kept_kernel_is_taken(made, cache): assert go(made, cache)==0 and compiled(made)==0 and whole(cache)

def _edited(data, edits):
    data = bytearray(data)
    for at,bit in edits: data[int(at*len(data))] ^= 1<<bit
    return bytes(data)

place = st.floats(0, 1, exclude_max=True)
damages = st.one_of(place.map(lambda x: lambda b: b[:int(x*len(b))]), st.integers(0, 12000).map(lambda n: lambda b: b[:n]),
    st.lists(st.tuples(place, st.integers(0, 7)), min_size=1, max_size=20).map(lambda o: lambda b: _edited(b, o)),
    st.binary(max_size=200).map(lambda o: lambda b: o), st.binary(min_size=1, max_size=200).map(lambda o: lambda b: b+o),
    st.tuples(place, place).map(lambda o: lambda b: b[:int(o[0]*len(b))] + bytes(int(o[1]*5000)) + b[int(o[0]*len(b)):]))

@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(damage=damages)
def test_any_damage_heals(made, tmp_path_factory, damage):
    "If the file is truncated, flipped, replaced or longer, a new process trains correctly, and the file is intact afterwards"
    cache,was = tmp_path_factory.mktemp('heals')/'cache',compiled(made)
    lib = first(Path(shutil.copytree(made/'cache', cache)).iterdir())
    before = lib.read_bytes()
    lib.write_bytes(damage(before))
    harmed = damage(before)!=before
    assert go(made, cache)==0 and compiled(made)==was+harmed and lib.read_bytes()==before and whole(cache)

def test_cut_file_with_a_real_compiler(made, tmp_path, n=1000):
    "As a user meets it: another Python process after the file was truncated"
    lib = first(Path(shutil.copytree(made/'first', tmp_path/'cache')).iterdir())
    os.truncate(lib, n)
    code = 'import test_cache; test_cache.memory_reader.memory_reader = lambda kind: None; test_cache.trains()'
    subprocess.run([sys.executable, '-c', code], env=os.environ|dict(FASTOPT_CACHE=str(lib.parent)),
        cwd=Path(__file__).parent, check=True)
    assert whole(lib.parent)

def _under(cache, key, path):
    "Keep the file `path` as the kernel `key`, under the name for its bytes"
    for o in cache.iterdir(): o.unlink()
    shutil.copy(path, cache/kernels.kept_name(key, path.read_bytes()))

@pytest.mark.parametrize('kind', ['symbol','text'])
def test_what_does_not_load_is_made_again(made, cache, tmp_path, kind):
    "A library without its symbol, and a file that is no library, both with the hash of their bytes"
    (tmp_path/'text').write_text('no library')
    other = library(tmp_path/'l.so', 'extern "C" void other() {}') if kind=='symbol' else tmp_path/'text'
    _under(cache, first(cache.iterdir()).name[:24], other)
    assert go(made, cache)==0 and compiled(made)==1 and len(list(cache.iterdir()))==2
    assert go(made, cache)==0 and compiled(made)==1

def _pipe(lib): os.mkfifo(lib)
def _nowhere(lib): lib.symlink_to('nowhere')
def _zeros(lib): lib.symlink_to('/dev/zero')
@pytest.mark.parametrize('make', [_pipe, _nowhere, _zeros], ids=lambda o: o.__name__)
def test_no_file_at_all(made, cache, make):
    lib = first(cache.iterdir())
    lib.unlink()
    make(lib)
    assert go(made, cache)==0 and compiled(made)==1 and not lib.is_symlink() and whole(cache)

def test_folder_in_place_of_a_file(made, cache):
    lib = first(cache.iterdir())
    lib.unlink()
    lib.mkdir()
    assert go(made, cache, told, 'A kernel cannot be kept')==0 and go(made, cache, told, 'A kernel cannot be kept')==0 and compiled(made)==2

def test_link_to_ones_own_folder(made, cache, tmp_path):
    (tmp_path/'link').symlink_to(cache)
    assert go(made, tmp_path/'link')==0 and compiled(made)==0

def test_deleted_while_running(made, cache):
    def run():
        trains()
        shutil.rmtree(cache)
        trains()
        cpp.cpp_build.cache_clear()
        trains()
    assert go(made, cache, run)==0 and compiled(made)==1 and whole(cache)

def test_fork_after_loading(made, cache):
    def run():
        trains()
        assert Forked(trains).wait()==0
    assert go(made, cache, run)==0

def test_many_compile_at_once(made, tmp_path):
    (made/'log').write_text('')
    slow = script(tmp_path/'cxx', f'while [ $(wc -l < {made}/log) -lt 3 ]; do echo >> {made}/log; sleep .1; done; cp {made}/so kernel.so')
    ps = [fork(trains, FASTOPT_CACHE=str(tmp_path/'cache'), CXX=slow) for _ in range(3)]
    assert [ended(o) for o in ps]==[0]*3 and whole(tmp_path/'cache')

# Ownership

def _mode(bits): return lambda o: o.chmod(bits)
def _given(o): os.chown(o, 12345, -1)
chown = pytest.param(_given, marks=pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid()!=0, reason='only root gives files away'))

@pytest.fixture
def poisoned(made, cache, tmp_path):
    "A cache whose kernel leaves a mark when it is loaded"
    mark = f'__attribute__((constructor)) static void go() {{ fopen("{tmp_path}/mark", "w"); }}'
    code = f'#include <cstdio>\nextern "C" void kernel() {{}}\n{mark}'
    _under(cache, first(cache.iterdir()).name[:24], library(tmp_path/'l.so', code))
    return cache

@pytest.mark.parametrize('change,says', [(_mode(0o777), 'can be written to by others'), (_mode(0o775), 'chmod go-w'),
    pytest.param(*chown.values, 'belongs to another user', marks=chown.marks)])
@pytest.mark.parametrize('linked', [False, True])
def test_folder_of_others(made, poisoned, tmp_path, change, says, linked):
    "Nothing is loaded from it or written to it; there is one warning, and training continues with kernels"
    change(poisoned)
    before = sorted(poisoned.iterdir())
    if linked: (tmp_path/'link').symlink_to(poisoned)
    assert go(made, tmp_path/'link' if linked else poisoned, told, says)==0 and compiled(made)==1
    assert not (tmp_path/'mark').exists() and sorted(poisoned.iterdir())==before

@pytest.mark.parametrize('change,says', [(_mode(0o666), 'can be written to by others'),
    pytest.param(*chown.values, 'belongs to another user', marks=chown.marks)])
def test_file_of_others(made, poisoned, tmp_path, change, says):
    "The file is not loaded; its kernel is compiled again, and loaded the next time"
    change(bad := first(poisoned.iterdir()))
    assert go(made, poisoned, told, f'{bad} {says}')==0 and compiled(made)==1 and not (tmp_path/'mark').exists()
    bad.unlink()
    assert go(made, poisoned)==0 and compiled(made)==1

def test_poison_would_leave_a_mark(made, poisoned, tmp_path):
    "The assumption of the tests above"
    assert go(made, poisoned, steps)==0 and (tmp_path/'mark').exists()

def test_what_is_kept_is_for_others_to_read_only(made, tmp_path):
    def run():
        os.umask(0)
        trains()
    assert go(made, tmp_path/'a'/'cache', run)==0
    assert (tmp_path/'a'/'cache').stat().st_mode&0o777==0o755 and first((tmp_path/'a'/'cache').iterdir()).stat().st_mode&0o777==0o644

def test_private_folder(made, cache, tmp_path):
    "Nobody else can look into the folder in which a kernel is compiled, and nothing is left of it"
    (tmp_path/'tmp').mkdir()
    cxx = script(tmp_path/'cxx', f'stat -c %a . > {tmp_path}/mode; cp {made}/so kernel.so')
    cache.chmod(0o777)
    def run():
        import tempfile
        tempfile.tempdir = str(tmp_path/'tmp')
        told('can be written to by others')
    assert go(made, cache, run, CXX=cxx)==0 and (tmp_path/'mode').read_text()=='700\n' and not list((tmp_path/'tmp').iterdir())

# Location

@pytest.mark.parametrize('env,want', [(dict(FASTOPT_CACHE='/own', XDG_CACHE_HOME='/xdg'), '/own'),
    (dict(XDG_CACHE_HOME='/xdg'), '/xdg/fastopt'), (dict(XDG_CACHE_HOME='relative'), '/home/me/.cache/fastopt'),
    (dict(XDG_CACHE_HOME=''), '/home/me/.cache/fastopt'), ({}, '/home/me/.cache/fastopt')])
def test_cache_dir(monkeypatch, env, want):
    for o in ('FASTOPT_CACHE','XDG_CACHE_HOME'): monkeypatch.delenv(o, raising=False)
    for k,v in dict(env, HOME='/home/me').items(): monkeypatch.setenv(k, v)
    assert kernels.cache_dir()==Path(want)

def test_relative_cache(made, tmp_path):
    "The cache is in the folder that was asked for, even if that is relative"
    def run():
        os.chdir(tmp_path)
        trains()
    assert [go(made, '.', run), go(made, 'sub', run)]==[0,0]
    (tmp_path/'sub').rename(tmp_path.parent/f'{tmp_path.name}-sub')
    assert whole(tmp_path)

def test_nobodys_home(made, monkeypatch, tmp_path):
    "Without a home folder, each user's kernels are kept beside temporary files"
    for o in ('FASTOPT_CACHE','XDG_CACHE_HOME','HOME'): monkeypatch.delenv(o, raising=False)
    def none(cls): raise RuntimeError('Could not determine home directory.')
    monkeypatch.setattr(Path, 'home', classmethod(none))
    monkeypatch.setattr(kernels, 'gettempdir', lambda: str(tmp_path))
    assert ended(fork(trains, CXX=str(made/'cxx')))==0 and whole(tmp_path/f'cache-{os.getuid()}'/'fastopt')

@pytest.mark.parametrize('kind', ['file','below','loop','dangling'])
def test_cache_that_cannot_be(made, tmp_path, kind):
    "A warning, and kernels for this process only"
    (made/'log').write_text('')
    where = tmp_path/kind
    if kind=='loop': where.symlink_to(where)
    elif kind=='dangling': where.symlink_to('/dev/null/nowhere')
    else: where.write_text('')
    assert go(made, where/'sub' if kind=='below' else where, told, 'cannot be used')==0 and compiled(made)==1

def _full(*args, **kwargs): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
@pytest.mark.parametrize('at', ['fsync','replace','mkdir'])
def test_full_disk_while_keeping(made, tmp_path, monkeypatch, at):
    if at=='mkdir': monkeypatch.setattr(files, 'TemporaryDirectory', _full)
    else: monkeypatch.setattr(os, at, _full)
    assert go(made, tmp_path/'cache', told, 'No space left on device. Make room')==0 and not list((tmp_path/'cache').iterdir())

def test_full_disk_while_compiling(made, tmp_path):
    "Not even the source fits on the disk, and no partial file is kept"
    resource = pytest.importorskip('resource')
    def run():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        told("continuing with how='foreach'", how='foreach')
    assert go(made, tmp_path/'cache', run)==0 and not list((tmp_path/'cache').iterdir())

# Compilers

@pytest.mark.parametrize('text,says', [('printf "\\351t\\351"; exit 1', 'cxx failed: �t�; repair it, or set CXX'),
    ('exit 1', 'cxx failed: without a message'), ('exit 0', 'cxx failed: without a message'),
    ('echo >&2 "No space left on device"; exit 1', 'cxx failed: No space left on device'),
    ('echo > kernel.so', 'cxx made a library that cannot be loaded'), ('cp {other} kernel.so', 'cxx made a library that cannot be loaded'),
    ('kill -9 $$', 'cxx failed')])
def test_failing_compiler(made, tmp_path, text, says):
    "One warning and one attempt for all steps"
    (made/'log').write_text('')
    other = library(tmp_path/'l.so', 'extern "C" void other() {}')
    cxx = script(tmp_path/'cxx', f'echo >> {made}/log\n' + text.replace('{other}', str(other)))
    assert go(made, tmp_path/'cache', partial(told, says, how='foreach'), CXX=cxx)==0 and compiled(made)<=2

def test_compiler_that_cannot_be_run(made, tmp_path):
    (tmp_path/'cxx').write_text('no program')
    (tmp_path/'cxx').chmod(0o755)
    assert go(made, tmp_path/'cache', partial(told, "continuing with how='foreach'", how='foreach'), CXX=str(tmp_path/'cxx'))==0

def test_hanging_compiler(made, tmp_path, monkeypatch):
    "The compiler is stopped with its children, named in the warning, and not called again, not even for another kernel"
    (made/'log').write_text('')
    monkeypatch.setattr(cpp, 'PATIENCE', .5)
    os.mkfifo(tmp_path/'alive')
    cxx = script(tmp_path/'cxx', f'echo >> {made}/log\nexec 9<> {tmp_path}/alive\nsleep 1000 &\nsleep 1000')
    def run():
        for rule in (adamw, lion): told(f'{rule.__name__}: no fused kernel on cpu', rule=rule, how='foreach')
        cpp.cpp_build.cache_clear()
        with pytest.raises(RuntimeError, match=f'{cxx} did not end within 0.5 seconds and was stopped; set CXX to another compiler'):
            cpp.cpp_build('')
    assert go(made, tmp_path/'cache', run, CXX=cxx)==0 and compiled(made)==1
    with open(os.open(tmp_path/'alive', os.O_RDONLY | os.O_NONBLOCK), 'rb') as f: assert f.read()==b'' # No process holds it open

def test_kept_kernels_need_no_sound_compiler(made, cache, tmp_path):
    cxx = (made/'cxx').read_text()
    try:
        (made/'cxx').write_text('#!/bin/sh\nexit 1\n')
        assert go(made, cache)==0
    finally: (made/'cxx').write_text(cxx)

def test_compiler_is_found_from_anywhere(tmp_path, monkeypatch):
    script(tmp_path/'cxx', '')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('CXX', './cxx')
    cpp.compiler.cache_clear()
    try: assert cpp.compiler()==str(tmp_path/'cxx')
    finally: cpp.compiler.cache_clear()
