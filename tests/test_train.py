"`fastopt-train` from end to end: what it writes, what it survives, and what it refuses"
import errno, gzip, io, json, multiprocessing, os, random, re, runpy, shutil, signal, stat, subprocess, sys, tarfile, time, warnings, zipfile
from pathlib import Path
from urllib.error import URLError
import numpy as np, pytest, torch
from fastai.data.all import get_image_files
from fastai.learner import Learner, load_learner
from fastcore.basics import first
from hypothesis import given, settings, strategies as st
from PIL import Image
from fastopt.vision import train as T

CMD = [sys.executable, '-m', 'fastopt.vision.train']

def paint(path, n=8, classes=('blue','red'), parts=('train','val'), size=12):
    "A tree of noisy images that tell their class by colour: `n` of each class in each of `parts`"
    rng = np.random.default_rng(0)
    for part in parts:
        for k,c in enumerate(classes):
            (path/part/c).mkdir(parents=True)
            for i in range(n):
                a = rng.integers(0, 90, (size,size,3))
                a[...,k%3] += 160
                Image.fromarray(a.astype('uint8')).save(path/part/c/f'{i}.png')
    return path

def pack(src, fname):
    "`src` as a gzip'd tar with its folder inside"
    with tarfile.open(fname, 'w:gz') as t: t.add(src, src.name)
    return fname

def quick(path, **kw): return T.main(**dict(data=str(path), arch='small', size=12, bs=8, epochs=1, how='eager') | kw)
def record(run): return json.loads((run/'record.json').read_text())
def names(run): return sorted(o.name for o in run.iterdir())
def metrics(run): return [{k:v for k,v in o.items() if k!='seconds'} for o in record(run)['epochs']]

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    "Run in a folder of its own, with fastai's data folder in it, on one thread, which is quick even where others work too"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(T, 'fastai_path', lambda folder: tmp_path/'cache'/folder)
    with T.threads(1): yield

@pytest.fixture
def tree(tmp_path): return paint(tmp_path/'colours')

def cli(monkeypatch, *args):
    "Run the command as `python -m fastopt.vision.train`, in this process; its exit code"
    monkeypatch.setattr(sys, 'argv', ['fastopt-train', *map(str, args)])
    with warnings.catch_warnings(record=True), pytest.raises(SystemExit) as e: runpy.run_module('fastopt.vision.train', run_name='__main__')
    return e.value.code

# ---- what it does

def test_default(tmp_path):
    res = subprocess.run(CMD, capture_output=True, text=True, cwd=tmp_path)
    assert res.returncode==0, res.stderr
    assert '\r' not in res.stdout and '█' not in res.stdout
    run = first((tmp_path/'runs').iterdir())
    assert names(run)==['curves.png','model.pkl','record.json'] and run.name in res.stdout
    rec = record(run)
    assert rec['status']=='done' and len(rec['epochs'])==5 and rec['epochs'][-1]['accuracy']>=.97
    assert set(rec['epochs'][0])=={'train_loss','valid_loss','accuracy','lr','seconds'}
    assert set(rec['versions'])=={'python','fastai','torch','torchvision','fastopt'}
    assert rec['data']['train']==1438 and rec['data']['valid']==359 and len(rec['data']['fingerprint'])==64
    assert '--opt diffgrad' in rec['command'] and '--seed 42' in rec['command'] and '--lr 0.008' in rec['command'] and rec['device']
    assert Image.open(run/'curves.png').size[0]>1000
    code = f'from fastai.vision.all import *; from sklearn.datasets import load_digits; l = load_learner({str(run/"model.pkl")!r})'
    code += '; d = load_digits(); l.remove_cb(l.progress); print(l.predict(PILImageBW.create((d.images[0]*15.9).astype("uint8")))[0], d.target[0])'
    res = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=tmp_path)
    assert res.stdout.split()==['0','0'], res.stderr

def test_same_seed_same_numbers(tree):
    runs = [quick(tree, epochs=2, seed=s, limit=12) for s in (1,1,2)]
    assert metrics(runs[0])==metrics(runs[1])!=metrics(runs[2])
    assert len(set(runs))==3
    fps = [record(o)['data']['fingerprint'] for o in runs]
    assert len(set(fps))==1 and record(runs[0])['data']['train']==12

@pytest.mark.parametrize('valid', ['val','valid','test'])
def test_validation_folder(tmp_path, valid): assert record(quick(paint(tmp_path/'d', parts=('train',valid))))['data']['valid']==16

def test_command_repeats_the_run(tree):
    first_ = record(quick(tree, seed=5, limit=10))
    args = {k:v for k,v in first_['args'].items() if v is not None}
    assert metrics(T.main(**args))==[{k:v for k,v in o.items() if k!='seconds'} for o in first_['epochs']]

def test_archive_is_unpacked_once(tree, tmp_path):
    fname = pack(tree, tmp_path/'c.tgz')
    runs = [quick(fname) for _ in range(2)]
    assert len((tmp_path/'cache'/'data').ls())==1 and [o.name for o in tree.ls().sorted()]==['train','val']
    assert record(runs[0])['data']['fingerprint']==record(quick(tree))['data']['fingerprint']
    assert runs[0].name.split('-',2)[2].startswith('diffgrad-c')

def test_fingerprint_is_of_content(tree, tmp_path):
    shutil.copytree(tree, tmp_path/'twin')
    a,b = (T.photos(o).fingerprint for o in (tree,tmp_path/'twin'))
    assert a==b
    shutil.copy(tree/'val'/'red'/'0.png', tmp_path/'twin'/'val'/'red'/'1.png')
    assert T.photos(tmp_path/'twin').fingerprint!=a

def test_model_of_a_tree_predicts(tree):
    with warnings.catch_warnings(record=True): learn = load_learner(quick(tree, epochs=4, lr=1e-2)/'model.pkl')
    with learn.no_bar(): assert [learn.predict(tree/'val'/c/'3.png')[0] for c in ('blue','red')]==['blue','red']

@pytest.mark.parametrize('opt', T.rules())
def test_every_rule_trains(tree, opt):
    rec = record(quick(tree, opt=opt, how='auto'))
    assert rec['status']=='done' and rec['epochs'][0]['valid_loss']<10 and rec['rule']==repr(T.rules()[opt])

def test_every_rule_can_be_asked_for(monkeypatch, capsys):
    assert cli(monkeypatch, '--help')==0
    text = capsys.readouterr().out
    for o in (*T.rules(), *T.archs): assert o in text

def test_diverged_run_is_valid_json(tree):
    rec = record(quick(tree, lr=1e30, epochs=2))
    assert rec['status']=='done' and rec['epochs'][-1]['valid_loss'] is None

# ---- what it survives

def test_ctrl_c(tmp_path):
    p = subprocess.Popen(CMD+['--epochs','500'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    for line in p.stdout:
        if re.match(r'1 ', line): break
    p.send_signal(signal.SIGINT)
    out,err = p.communicate(timeout=60)
    assert p.returncode==130 and 'Traceback' not in err and 'Interrupted' in out, err
    run = first((tmp_path/'runs').iterdir())
    assert names(run)==['curves.png','model.pkl','record.json'] and str(run.name) in out
    rec = record(run)
    assert rec['status']=='interrupted' and 2<=len(rec['epochs'])<500 and rec['seconds']>0

def test_ctrl_c_before_the_first_batch(tree, monkeypatch):
    monkeypatch.setattr(Learner, 'fit_fc', lambda *args, **kw: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt): quick(tree)
    run = first(Path('runs').iterdir())
    assert names(run)==['record.json'] and record(run)['status']=='interrupted'

def test_failure_is_recorded(tree, monkeypatch):
    monkeypatch.setattr(T.KeepRecord, 'before_epoch', lambda self: 1/0 if self.epoch else setattr(self, 'start', time.time()))
    with pytest.raises(ZeroDivisionError): quick(tree, epochs=2)
    rec = record(first(Path('runs').iterdir()))
    assert rec['status']=='failed' and 'ZeroDivisionError' in rec['error'] and len(rec['epochs'])==1

def test_full_disk_keeps_the_old_record(tmp_path, monkeypatch):
    f = tmp_path/'record.json'
    T.save_record(dict(epoch=1), f)
    def full(self, text):
        self.write_bytes(text.encode()[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(Path, 'write_text', full)
    with pytest.raises(T.CliError, match='No space left'): T.save_record(dict(epoch=2), f)
    assert json.loads(f.read_bytes())==dict(epoch=1) and names(tmp_path)==['record.json']

@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
@pytest.mark.parametrize('name', ['record.json','curves.png','model.pkl'])
def test_disk_without_room(tree, tmp_path, name):
    run = quick(tree)
    old = (run/name).read_bytes()
    with pytest.raises(T.CliError, match=re.escape(name)), T.beside(run/name) as p:
        p.symlink_to('/dev/full')
        if name=='curves.png': T.Figure().savefig(p, format='png')
        elif name=='model.pkl': torch.save(torch.randn(10000), p)
        else: p.write_text('{}')
    assert (run/name).read_bytes()==old and names(run)==['curves.png','model.pkl','record.json']

def test_writers_of_one_file(tmp_path):
    "Each has a file of its own in hand, and the last to finish wins"
    f = tmp_path/'record.json'
    with T.beside(f) as p:
        p.write_text('first')
        T.save_record(dict(epoch=2), f)
        assert json.loads(f.read_text())==dict(epoch=2) and p.read_text()=='first'
    assert f.read_text()=='first' and names(tmp_path)==['record.json']

def test_links_are_not_written_through(tmp_path):
    "Neither the file's own name nor any other leads elsewhere"
    (tmp_path/'other').write_text('other')
    for o in ('record.json','part-record.json'): (tmp_path/o).symlink_to('other')
    T.save_record(dict(epoch=1), tmp_path/'record.json')
    assert (tmp_path/'other').read_text()=='other' and not (tmp_path/'record.json').is_symlink()

def test_mode_is_as_asked_for(tmp_path):
    was = os.umask(0o027)
    try: T.save_record(dict(epoch=1), tmp_path/'record.json')
    finally: os.umask(was)
    assert (tmp_path/'record.json').stat().st_mode&0o777==0o640

def test_disk_that_is_full_when_asked(tmp_path, monkeypatch):
    "Some say so only when they are forced to write"
    T.save_record(dict(epoch=1), tmp_path/'record.json')
    def full(fd): raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(T.CliError, match='quota exceeded. What was there is as it was'): T.save_record(dict(epoch=2), tmp_path/'record.json')
    assert json.loads((tmp_path/'record.json').read_text())==dict(epoch=1) and names(tmp_path)==['record.json']

def test_file_size_limit(tmp_path):
    resource = pytest.importorskip('resource')
    f,was = tmp_path/'record.json',resource.getrlimit(resource.RLIMIT_FSIZE)
    T.save_record(dict(epoch=1), f)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000,was[1]))
    try:
        with pytest.raises(T.CliError, match='record.json'): T.save_record(dict(epoch=2, much=['x'*100]*100), f)
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, was)
    assert json.loads(f.read_bytes())==dict(epoch=1) and names(tmp_path)==['record.json']

def test_training_goes_on_while_the_disk_is_full(tree, monkeypatch):
    "Two of three epochs cannot be saved; the training ends well and the record is whole"
    write,seen = Path.write_text,[]
    def sometimes(self, text):
        seen.append(self.name)
        if len(seen) in (3,4): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, text)
    monkeypatch.setattr(Path, 'write_text', sometimes)
    with pytest.warns(UserWarning, match='No space left'): run = quick(tree, epochs=3)
    assert len(record(run)['epochs'])==3 and record(run)['status']=='done'

def test_unpacking_on_a_full_disk(tree, tmp_path, monkeypatch):
    def full(*args, **kw): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(tarfile.TarFile, 'extractall', full)
    with pytest.raises(T.InputError, match='No space left'): quick(pack(tree, tmp_path/'c.tgz'))
    assert not (tmp_path/'cache'/'data').ls()

# ---- images that are no images

def spoil(tree, red='red'):
    "Four files that end in .png and cannot be decoded"
    whole = (tree/'val'/red/'0.png').read_bytes()
    for name,data in dict(empty=b'', text=b'<html>', half=whole[:len(whole)//2], zero=whole[:40]+bytes(500)).items():
        (tree/'train'/red/f'{name}.png').write_bytes(data)
    Image.effect_noise((64,64), 50).convert('RGB').save(tree/'train'/'blue'/'cut.jpg')
    cut = tree/'train'/'blue'/'cut.jpg'
    cut.write_bytes(cut.read_bytes()[:900])

def test_corrupt_images_are_left_out(tree, capsys):
    spoil(tree)
    rec = record(quick(tree))
    assert rec['data']['skipped']==5 and rec['data']['train']==16 and len(rec['data']['skipped_first'])==5
    out = capsys.readouterr().out
    assert 'Left out 5 images' in out and 'train/blue/cut.jpg' in out and 'and 2 more' in out

def test_strict_refuses_corrupt_images(tree):
    spoil(tree)
    with pytest.raises(T.InputError, match='5 images cannot be decoded.*cut.jpg.*without|leave out --strict'): quick(tree, strict=True)
    assert not Path('runs').exists()

def test_nothing_but_corrupt_images(tree):
    for o in get_image_files(tree/'val'): o.write_bytes(b'no')
    with pytest.raises(T.InputError, match='val holds no image that can be read'): quick(tree)

# ---- what it refuses

def evil(fname, *infos):
    "An archive of `infos`, each a `TarInfo`, or one with its content"
    with zipfile.ZipFile(fname, 'w', zipfile.ZIP_DEFLATED) if fname.suffix=='.zip' else tarfile.open(fname, 'w:gz') as t:
        for o in infos:
            o,data = o if isinstance(o, tuple) else (o,b'')
            if fname.suffix=='.zip': add_zip(t, o, data)
            else:
                o.size = o.size or len(data)
                t.addfile(o, io.BytesIO(data))
    return fname

def add_zip(z, o, data):
    "Add the `TarInfo` `o` as Info-ZIP would: the kind in the upper half of the attributes, where a link leads as its content"
    i,kinds = zipfile.ZipInfo(o.name + '/'*o.isdir()),{v:k for k,v in T._kinds.items()}
    i.create_system,i.external_attr,i.compress_type = 3,(kinds.get(o.type, stat.S_IFREG)|0o644)<<16,zipfile.ZIP_DEFLATED
    z.writestr(i, o.linkname if o.issym() else data)

def member(name, type=tarfile.REGTYPE, to=''):
    o = tarfile.TarInfo(name)
    o.type,o.linkname = type,to
    return o

def link(name, to): return member(name, tarfile.SYMTYPE, to)
def hard(name, to): return member(name, tarfile.LNKTYPE, to)

def refused(fname, says):
    "Is it refused, with nothing left of it, here or elsewhere?"
    before = sorted(fname.parent.rglob('*'))
    with pytest.raises(T.InputError, match=f'{fname.name}.* {says}'): quick(fname)
    assert sorted(set(fname.parent.rglob('*'))-set(before)-{Path('cache').absolute()})==[Path('cache','data').absolute()]

long = 'd'*247
bad_members = dict(up=[member('../../out.png')], absolute=[member('/tmp/out.png')], link=[link('train','/etc')], linkup=[link('a/b','../../..')],
    hidden=[member('a/../../../out.png')], through=[member('b/1.png'), link('a','b'), member('a/2.png')], over=[member('b'), link('a','b'), member('a')],
    device=[member('null', tarfile.CHRTYPE)], disk=[member('sda', tarfile.BLKTYPE)], pipe=[member('pipe', tarfile.FIFOTYPE)],
    chain=[link('a','b/..'), link('b','c'), link('a/d','..')], nowhere=[link('a','b')],
    deep=[o for i in range(16) for o in (member('/'.join([long]*(i+1)), tarfile.DIRTYPE), link('/'.join([long]*i+['l']), long))][:4] + [link('l/l/x', '../..'), link('e', 'l/l/x/../etc')])
hard_members = dict(hardup=[hard('a','../../../etc/passwd')], hardabsolute=[hard('a','/etc/passwd')], hardthrough=[member('c/d'), link('b','c'), hard('a','b/d')])
@pytest.mark.parametrize('end', ['.tgz','.zip'])
@pytest.mark.parametrize('kind', bad_members)
def test_unsafe_archive(kind, end, tmp_path): refused(evil(tmp_path/f'evil{end}', *bad_members[kind]), 'is not safe to unpack')

@pytest.mark.parametrize('kind', hard_members)
def test_unsafe_hard_links(kind, tmp_path): refused(evil(tmp_path/'evil.tgz', *hard_members[kind]), 'is not safe to unpack')

@pytest.mark.parametrize('end', ['.tgz','.zip'])
def test_links_inside(tree, tmp_path, end):
    "A folder under two names, and a file"
    files = [(member(o.relative_to(tree).as_posix()), o.read_bytes()) for o in get_image_files(tree/'train')]
    fname = evil(tmp_path/f'c{end}', *files, link('val','train'), link('train/red/more.png','0.png'))
    got = T.extract(fname, tmp_path/'new')
    assert (got/'val').is_symlink() and (got/'train'/'red'/'more.png').read_bytes()==(tree/'train'/'red'/'0.png').read_bytes()
    assert record(quick(fname))['data']['valid']==17

def test_hard_links_inside(tmp_path):
    got = T.extract(evil(tmp_path/'c.tgz', (member('a/b'), b'one'), hard('c','a/b')), tmp_path/'new')
    assert (got/'c').read_bytes()==b'one'

@pytest.mark.parametrize('end,infos', [*((end,o) for end in ('.tgz','.zip') for o in ([(member('0.png'), bytes(2**20+1))],
    [(member(f'{i}.png'), bytes(2**16)) for i in range(17)])), ('.tgz',[member(f'{i}') for i in range(257)])])
def test_bomb(infos, end, tmp_path, monkeypatch):
    "One large file, several, and many of no size"
    monkeypatch.setattr(T, 'LITTLE', 2**20)
    refused(evil(tmp_path/f'bomb{end}', *infos), 'would unpack to more than 1,048,576, as no .* unpack it yourself')

def test_sparse_bomb(tmp_path):
    "A file of a few bytes, far behind a hole"
    o = member('0.png')
    o.pax_headers = {'GNU.sparse.map':f'{2**30},512', 'GNU.sparse.size':'512'}
    refused(evil(tmp_path/'bomb.tgz', (o, bytes(512))), 'would unpack to more')

@pytest.mark.parametrize('kind', [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize('at', [0, 1])
def test_bomb_for_memory(kind, at, tmp_path): refused(evil(tmp_path/'bomb.tgz', *[member('0.png')]*at, (member('x', kind), bytes(2**20+1))), 'is damaged')

def test_bomb_behind_the_end(tmp_path):
    with gzip.open(tmp_path/'bomb.tgz', 'wb') as f:
        with tarfile.open(fileobj=f, mode='w') as t: t.addfile(member('0.png'))
        f.write(bytes(2**24))
    refused(tmp_path/'bomb.tgz', 'would unpack to more')

@pytest.mark.parametrize('end', ['.tgz','.zip'])
def test_more_than_the_disk_has(end, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: type('usage', (), dict(free=9000)))
    refused(evil(tmp_path/f'c{end}', *[member(f'{i}.png') for i in range(3)]), 'needs more than the 9,000 bytes that are free in .*Make room')

@pytest.mark.parametrize('end', ['.tgz','.zip'])
def test_full_disk_while_unpacking(end, tree, tmp_path, monkeypatch):
    def full(*args, **kw): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fname = evil(tmp_path/f'c{end}', (member('0.png'), bytes(1000)))
    monkeypatch.setattr(shutil, 'copyfileobj', full)
    monkeypatch.setattr(tarfile, 'copyfileobj', full)
    refused(fname, 'cannot be unpacked in .*No space left on device.*Make room there, or')

@pytest.mark.parametrize('infos', [[member('a'), member('a/b')], [member('a/b'), member('a')], [member('n'*300)], [(member('a/b'), b'x'), member('a/b/c/d')]])
@pytest.mark.parametrize('end', ['.tgz','.zip'])
def test_members_that_cannot_be(infos, end, tmp_path): refused(evil(tmp_path/f'c{end}', *infos), 'is damaged, or')

def test_zip_with_a_password(tmp_path):
    data = bytearray(evil(tmp_path/'c.zip', member('a')).read_bytes())
    data[6],data[data.index(b'PK\1\2')+8] = 1,1
    (tmp_path/'c.zip').write_bytes(data)
    refused(tmp_path/'c.zip', 'is damaged, or .*encrypted.*give the folder itself')

def _packed(src, kind):
    "The bytes of an archive of `src`"
    f = io.BytesIO()
    if kind=='zip':
        with zipfile.ZipFile(f, 'w', zipfile.ZIP_DEFLATED) as z: [z.write(o, o.relative_to(src)) for o in sorted(src.rglob('*'))]
    else:
        with tarfile.open(fileobj=f, mode=f'w:{kind}') as t: t.add(src, '.')
    return f.getvalue()

def _content(path): return {o.relative_to(path):o.read_bytes() if o.is_file() else None for o in path.rglob('*')}

@pytest.fixture(scope='module')
def packed(tmp_path_factory):
    "A tree of files that do not compress, packed in each way"
    src,rng = tmp_path_factory.mktemp('packed'),random.Random(0)
    for i in range(4):
        (src/f'{i}').mkdir()
        for j in range(3): (src/f'{i}'/f'{j}.png').write_bytes(rng.randbytes(rng.randrange(1200)))
    return src,{k:_packed(src, k) for k in ('','gz','bz2','xz','zip')}

@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(kind=st.sampled_from(['','gz','bz2','xz','zip']), cut=st.floats(0, 1), block=st.booleans(),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=3))
def test_all_or_nothing(packed, tmp_path_factory, kind, cut, flips, block):
    "However an archive is cut or harmed: all of it is unpacked, or it is refused in words, and nothing is there"
    src,whole = packed[0],packed[1][kind]
    data,tmp = bytearray(whole),tmp_path_factory.mktemp('harmed')
    if not flips or not kind: data = data[:int(cut*len(data))//512*512 if block else int(cut*len(data))]
    elif kind: # What is in a tar that is not compressed has no checksum
        for at,bit in flips: data[int(at*len(data))] ^= 1<<bit
    (tmp/'c.tgz').write_bytes(data)
    try: got = T.extract(tmp/'c.tgz', tmp/'cache')
    except T.InputError as e:
        assert bytes(data)!=whole and str(tmp/'c.tgz') in str(e) and 'give the folder' in str(e) and not list((tmp/'cache').iterdir())
    else: assert _content(got)==_content(src) and list((tmp/'cache').iterdir())==[got]

def test_damaged_header_in_a_plain_tar(packed, tmp_path):
    "Where nothing else is compressed or summed up: each header but the first"
    data = packed[1]['']
    (tmp_path/'c.tar').write_bytes(data)
    with tarfile.open(tmp_path/'c.tar') as t: ats = [o.offset for o in t.getmembers()]
    for at in ats:
        (tmp_path/'c.tar').write_bytes(data[:at+20]+b'?'+data[at+21:])
        with pytest.raises(T.InputError, match='c.tar is damaged'): T.extract(tmp_path/'c.tar', tmp_path/'new')
    assert not (tmp_path/'new').ls()

@pytest.mark.parametrize('name,raw', [('é', b'\xe9'), ('é', 'é'.encode()), ('日本', '日本'.encode())])
def test_names_in_a_tar(name, raw, tmp_path):
    "UTF-8, or taken for Latin-1"
    with tarfile.open(tmp_path/'c.tar', 'w', format=tarfile.GNU_FORMAT, encoding='utf-8', errors='surrogateescape') as t:
        for o in (member(raw.decode(errors='surrogateescape')), link('link', raw.decode(errors='surrogateescape'))): t.addfile(o)
    got = T.extract(tmp_path/'c.tar', tmp_path/'new')
    assert sorted(os.listdir(got))==['link',name] and os.readlink(got/'link')==name

@pytest.mark.parametrize('name,raw', [('é', b'\x82'), ('é', 'é'.encode()), ('日本', '日本'.encode())])
def test_names_in_a_zip(name, raw, tmp_path):
    "Code page 437, as its standard says, or UTF-8 that does not say so"
    fname = evil(tmp_path/'c.zip', member('x'*len(raw)))
    fname.write_bytes(fname.read_bytes().replace(b'x'*len(raw), raw))
    assert os.listdir(T.extract(fname, tmp_path/'new'))==[name]

def test_zip_of_wrong_utf8(tmp_path):
    fname = evil(tmp_path/'c.zip', member('é'))
    fname.write_bytes(fname.read_bytes().replace('é'.encode(), b'\xe9x'))
    refused(fname, 'is damaged')

def test_folder_with_names_that_are_not_utf8(tree, capsys):
    "They are trained on, told apart, and shown"
    odd = os.fsdecode(b'r\xe9d')
    try: [(tree/o/'red').rename(tree/o/odd) for o in ('train','val')]
    except OSError: pytest.skip('no such names on this disk')
    spoil(tree, odd)
    rec = record(quick(tree))
    assert rec['data']['classes']==['blue',odd] and rec['data']['skipped']==5 and 'train/r\\udce9d/empty.png' in capsys.readouterr().out

def test_archive_as_zip(tree, tmp_path):
    "The same images, the same training"
    shutil.make_archive(tmp_path/'c', 'zip', tmp_path, 'colours')
    assert metrics(quick(tmp_path/'c.zip'))==metrics(quick(tree))

def test_two_unpack_at_once(tree, tmp_path, monkeypatch):
    "The second to finish takes what the first has made"
    fname,was = pack(tree, tmp_path/'c.tgz'),T._unpack
    def slow(fname, dest):
        was(fname, dest)
        monkeypatch.setattr(T, '_unpack', was)
        T.extract(fname)
    monkeypatch.setattr(T, '_unpack', slow)
    assert record(quick(fname))['data']['train']==16 and len(Path('cache','data').ls())==1

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_killed_while_unpacking(tree, tmp_path, monkeypatch):
    "Nothing is taken for whole that is not"
    fname = pack(tree, tmp_path/'c.tgz')
    with monkeypatch.context() as m:
        m.setattr(T, '_allowed', lambda member, *args, **kw: member if 'red' not in member.name else os.kill(os.getpid(), signal.SIGKILL))
        p = multiprocessing.get_context('fork').Process(target=quick, args=(fname,))
        p.start()
        p.join()
    assert p.exitcode==-signal.SIGKILL and [o.name.split('-')[0] for o in Path('cache','data').ls()]==['part']
    assert record(quick(fname))['data']['train']==16

@pytest.mark.parametrize('cut', ['noise','half','empty','flip'])
def test_damaged_archive(cut, tree, tmp_path):
    good = pack(tree, tmp_path/'c.tgz').read_bytes()
    flip = good[:len(good)//2]+bytes(200)+good[len(good)//2+200:]
    data = dict(noise=random.Random(0).randbytes(5000), half=good[:len(good)//2], empty=b'', flip=flip)[cut]
    (tmp_path/'c.tgz').write_bytes(data)
    with pytest.raises(T.InputError, match='c.tgz is damaged, or no tar archive'): quick(tmp_path/'c.tgz')
    assert not (tmp_path/'cache'/'data').ls() and not Path('runs').exists()

def folders(p, *names): [(p/o).mkdir(parents=True) for o in names]
def renamed(p): (paint(p)/'val'/'red').rename(p/'val'/'green')

@pytest.mark.parametrize('make,says', [(folders, 'no folder `train`'),
    (lambda p: folders(p, 'train'), 'no validation folder'), (lambda p: folders(p, 'train/a', 'val/a'), 'train holds no image'),
    (lambda p: paint(p, classes=('red',)), 'one class only'), (renamed, 'val has classes that .*train has not: green')])
def test_layouts_that_cannot_be_learnt(make, says, tmp_path):
    (tmp_path/'d').mkdir()
    make(tmp_path/'d')
    with pytest.raises(T.InputError, match=says): quick(tmp_path/'d')
    assert not Path('runs').exists()

@pytest.mark.parametrize('kw,says', [(dict(bs=17), '--bs 17 is more than the 16 training images'), (dict(bs=1), '--bs 1 .*2 or more'),
    (dict(size=0), '--size 0 .*1 or more'), (dict(epochs=0), '--epochs 0'), (dict(limit=0), '--limit 0'), (dict(limit=1), 'the 2 classes'),
    (dict(lr=-1.), 'lr'), (dict(wd=-1.), 'wd'), (dict(how='warp'), 'how'), (dict(opt='difgrad'), "did you mean 'diffgrad'"),
    (dict(arch='xresnet81'), "did you mean 'xresnet18'"), (dict(data='imagenete'), "did you mean 'imagenette'"), (dict(data='digit'), "'digits'"),
    (dict(data='/no/such/folder'), 'no such file or folder')])
def test_bad_arguments(tree, kw, says):
    with pytest.raises(T.InputError, match=says): quick(tree, **kw)
    assert not Path('runs').exists()

def test_out_that_cannot_be_written(tree, tmp_path):
    (tmp_path/'file').write_text('old')
    with pytest.raises(T.InputError, match='--out .*file'): quick(tree, out=str(tmp_path/'file'))
    assert (tmp_path/'file').read_text()=='old'

def test_unreadable_folder(tree, monkeypatch):
    def denied(self): raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
    monkeypatch.setattr(Path, 'iterdir', denied)
    with pytest.raises(T.InputError, match='Cannot read --data .*Permission denied'): quick(tree)

def test_download_without_a_network(monkeypatch):
    def offline(url): raise URLError('no route to host')
    monkeypatch.setattr(T, 'untar_data', offline)
    with pytest.raises(T.InputError, match='Cannot read --data imagewoof.*no route'): quick('imagewoof')

@pytest.mark.parametrize('args,code,says', [(['--opt','difgrad'], 2, "did you mean 'diffgrad'"), (['--arch','xresnet81'], 2, "did you mean 'xresnet18'"),
    (['--how','warp'], 2, "invalid choice: 'warp'"), (['--epochs','many'], 2, 'invalid int value'), (['--data','imagenete'], 1, "did you mean 'imagenette'")])
def test_exit_codes(monkeypatch, capsys, args, code, says):
    "argparse's own code for what it can see, and 1 for the rest"
    assert cli(monkeypatch, *args)==code and says in capsys.readouterr().err
