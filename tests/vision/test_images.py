"Archives are unpacked completely or rejected; decoded images are complete or absent"
import errno, gzip, hashlib, io, os, pytest, random, shutil, signal, stat, tarfile, time, torch, warnings, zipfile
import numpy as np
from fastai.data.all import get_image_files
from fastai.vision.core import PILImage
from PIL import Image
from fastopt.names import InputError
from fastopt.vision import images as I
from fastopt.vision.leaderboard import image_size
from fastopt.vision.images import extract_archive, fingerprint, folder_source, image_source, open_store, resolve_data
from fastopt.vision.loaders import image_datasets
from forked import Forked
from functools import partial
from inspect import signature
from hypothesis import given, settings, strategies as st
from pathlib import Path
from pictures import draw_edges, paint
from types import FunctionType

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    "Run in a separate folder that contains fastai's data folder"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(I, 'fastai_path', lambda folder: tmp_path/'cache'/folder)

@pytest.fixture
def tree(tmp_path): return paint(tmp_path/'colours')

@pytest.fixture(scope='module')
def images(tmp_path_factory): return draw_edges(tmp_path_factory.mktemp('images'))

@pytest.fixture
def fp(images): return fingerprint(images)

# ---- paths

def test_a_python_without_safe_archives_is_told(tree, monkeypatch, tmp_path):
    "Debian 12, for example, has Python 3.11.2, whose tarfile has no filters"
    path = pack(tree, tree.with_suffix('.tgz'))
    monkeypatch.delattr(tarfile, 'data_filter')
    with pytest.raises(InputError, match='Update Python, or unpack .* yourself'): I.extract_archive(path, tmp_path/'new')
    assert not (tmp_path/'new').exists()

TAKE_PATHS = ['find_splits', 'folder_source', 'fingerprint', 'image_source', 'resolve_data', 'extract_archive', 'noisy_labels']

@pytest.mark.parametrize('name', TAKE_PATHS)
def test_a_path_may_be_a_string(name, tree):
    "And one that does not exist raises an error of one line that names it"
    f,path = getattr(I, name),pack(tree, tree.with_suffix('.tgz')) if name=='extract_archive' else tree
    if name=='noisy_labels':
        f = partial(f, noise=5)
        (tree/'noisy_set.csv').write_text('path,noisy_labels_5\ntrain/red/0.png,blue\n')
    def plain(o): return {k:v for k,v in o.items() if not callable(v)} if isinstance(o, dict) else o
    assert plain(f(str(path)))==plain(f(path))
    for o in (str(tree/'none'), tree/'none'):
        with pytest.raises(InputError, match='none') as e: f(o)
        assert '\n' not in str(e.value)

def test_all_functions_that_take_a_path_are_tried():
    "Those with a path that they create are not in the list"
    first_ = {k:next(iter(signature(getattr(I, k)).parameters.values()), None) for k in I.__all__ if callable(getattr(I, k))}
    takes = {k for k,o in first_.items() if o and o.name in ('path', 'fname', 'data', 'dest') and isinstance(getattr(I, k), FunctionType)}
    assert takes=={*TAKE_PATHS, 'digits_folder', 'image_digest'}

def test_a_folder_to_create_may_be_a_string(tmp_path): assert (I.digits_folder(str(tmp_path/'new'/'digits'))/'train').is_dir()

@pytest.mark.parametrize('pct', [None, .2])
def test_a_folder_that_is_not_there(pct, tree):
    with pytest.raises(InputError, match='^Cannot read --data nowhere: No such file or directory; give an existing folder of images$'):
        folder_source('nowhere', valid_pct=pct)
    with pytest.raises(InputError, match='Not a directory'): folder_source(tree/'val'/'red'/'0.png', valid_pct=pct)

# ---- archives

def pack(src, fname):
    "`src` as a gzip'd tar with its folder inside"
    with tarfile.open(fname, 'w:gz') as t: t.add(src, src.name)
    return fname

def test_fingerprint_is_of_content(tree, tmp_path):
    shutil.copytree(tree, tmp_path/'twin')
    a,b = (folder_source(o).fingerprint for o in (tree,tmp_path/'twin'))
    assert a==b
    shutil.copy(tree/'val'/'red'/'0.png', tmp_path/'twin'/'val'/'red'/'1.png')
    assert folder_source(tmp_path/'twin').fingerprint!=a

def test_unpacking_on_a_full_disk(tree, tmp_path, monkeypatch):
    def full(*args, **kw): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(tarfile.TarFile, 'extractall', full)
    with pytest.raises(InputError, match='No space left'): image_source(str(pack(tree, tmp_path/'c.tgz')))
    assert not (tmp_path/'cache'/'data').ls()

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
    "Add the `TarInfo` `o` as Info-ZIP would, with the kind in the upper half of the attributes, and the target of a link as its content"
    i,kinds = zipfile.ZipInfo(o.name + '/'*o.isdir()),{v:k for k,v in I._TAR_TYPES.items()}
    i.create_system,i.external_attr,i.compress_type = 3,(kinds.get(o.type, stat.S_IFREG)|0o644)<<16,zipfile.ZIP_DEFLATED
    z.writestr(i, o.linkname if o.issym() else data)

def member(name, type=tarfile.REGTYPE, to=''):
    o = tarfile.TarInfo(name)
    o.type,o.linkname = type,to
    return o

def link(name, to): return member(name, tarfile.SYMTYPE, to)

def hard(name, to): return member(name, tarfile.LNKTYPE, to)

def refused(fname, says):
    "Is it rejected, with nothing of it left, here or elsewhere?"
    before = sorted(fname.parent.rglob('*'))
    with pytest.raises(InputError, match=f'{fname.name}.* {says}'): image_source(str(fname))
    assert sorted(set(fname.parent.rglob('*'))-set(before)-{Path('cache').absolute()})==[Path('cache','data').absolute()]

long = 'd'*247

bad_members = dict(up=[member('../../out.png')], absolute=[member('/tmp/out.png')], link=[link('train','/etc')],
    linkup=[link('a/b','../../..')], hidden=[member('a/../../../out.png')], through=[member('b/1.png'), link('a','b'), member('a/2.png')],
    over=[member('b'), link('a','b'), member('a')], device=[member('null', tarfile.CHRTYPE)], disk=[member('sda', tarfile.BLKTYPE)],
    pipe=[member('pipe', tarfile.FIFOTYPE)], chain=[link('a','b/..'), link('b','c'), link('a/d','..')], nowhere=[link('a','b')],
    deep=[o for i in range(16) for o in (member('/'.join([long]*(i+1)), tarfile.DIRTYPE), link('/'.join([long]*i+['l']), long))][:4]
    + [link('l/l/x', '../..'), link('e', 'l/l/x/../etc')])

hard_members = dict(hardup=[hard('a','../../../etc/passwd')], hardabsolute=[hard('a','/etc/passwd')],
    hardthrough=[member('c/d'), link('b','c'), hard('a','b/d')])

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
    got = extract_archive(fname, tmp_path/'new')
    assert (got/'val').is_symlink() and (got/'train'/'red'/'more.png').read_bytes()==(tree/'train'/'red'/'0.png').read_bytes()
    assert len(image_source(str(fname)).valid)==17

def test_hard_links_inside(tmp_path):
    got = extract_archive(evil(tmp_path/'c.tgz', (member('a/b'), b'one'), hard('c','a/b')), tmp_path/'new')
    assert (got/'c').read_bytes()==b'one'

@pytest.mark.parametrize('end,infos', [*((end,o) for end in ('.tgz','.zip') for o in ([(member('0.png'), bytes(2**20+1))],
    [(member(f'{i}.png'), bytes(2**16)) for i in range(17)])), ('.tgz',[member(f'{i}') for i in range(257)])])
def test_bomb(infos, end, tmp_path, monkeypatch):
    "One large file, several, and many of size 0"
    monkeypatch.setattr(I, 'MIN_ALLOWANCE', 2**20)
    refused(evil(tmp_path/f'bomb{end}', *infos), 'would unpack to more than 1,048,576, unlike any .* unpack it yourself')

def test_sparse_bomb(tmp_path):
    "A file of a few bytes, far behind a hole"
    o = member('0.png')
    o.pax_headers = {'GNU.sparse.map':f'{2**30},512', 'GNU.sparse.size':'512'}
    refused(evil(tmp_path/'bomb.tgz', (o, bytes(512))), 'would unpack to more')

@pytest.mark.parametrize('kind', [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize('at', [0, 1])
def test_bomb_for_memory(kind, at, tmp_path):
    refused(evil(tmp_path/'bomb.tgz', *[member('0.png')]*at, (member('x', kind), bytes(2**20+1))), 'is damaged')

def test_bomb_behind_the_end(tmp_path):
    with gzip.open(tmp_path/'bomb.tgz', 'wb') as f:
        with tarfile.open(fileobj=f, mode='w') as t: t.addfile(member('0.png'))
        f.write(bytes(2**24))
    refused(tmp_path/'bomb.tgz', 'would unpack to more')

@pytest.mark.parametrize('end', ['.tgz','.zip'])
def test_more_than_the_disk_has(end, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: type('usage', (), dict(free=9000)))
    refused(evil(tmp_path/f'c{end}', *[member(f'{i}.png') for i in range(3)]),
        'needs more than the 9,000 bytes that are free in .*Make room')

@pytest.mark.parametrize('end', ['.tgz','.zip'])
def test_full_disk_while_unpacking(end, tree, tmp_path, monkeypatch):
    def full(*args, **kw): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fname = evil(tmp_path/f'c{end}', (member('0.png'), bytes(1000)))
    monkeypatch.setattr(shutil, 'copyfileobj', full)
    monkeypatch.setattr(tarfile, 'copyfileobj', full)
    refused(fname, 'cannot be unpacked in .*No space left on device.*Make room there, or')

@pytest.mark.parametrize('infos', [[member('a'), member('a/b')], [member('a/b'), member('a')], [member('n'*300)],
    [(member('a/b'), b'x'), member('a/b/c/d')]])
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
    "However an archive is truncated or damaged, it is either unpacked completely or rejected with a message, and nothing is left"
    src,whole = packed[0],packed[1][kind]
    data,tmp = bytearray(whole),tmp_path_factory.mktemp('harmed')
    if not flips or not kind: data = data[:int(cut*len(data))//512*512 if block else int(cut*len(data))]
    elif kind: # The content of an uncompressed tar has no checksum
        for at,bit in flips: data[int(at*len(data))] ^= 1<<bit
    (tmp/'c.tgz').write_bytes(data)
    try: got = extract_archive(tmp/'c.tgz', tmp/'cache')
    except InputError as e:
        assert bytes(data)!=whole and str(tmp/'c.tgz') in str(e) and 'give the folder' in str(e) and not list((tmp/'cache').iterdir())
    else: assert _content(got)==_content(src) and list((tmp/'cache').iterdir())==[got]

def test_damaged_header_in_a_plain_tar(packed, tmp_path):
    "Where nothing else is compressed or has a checksum: each header but the first"
    data = packed[1]['']
    (tmp_path/'c.tar').write_bytes(data)
    with tarfile.open(tmp_path/'c.tar') as t: ats = [o.offset for o in t.getmembers()]
    for at in ats:
        (tmp_path/'c.tar').write_bytes(data[:at+20]+b'?'+data[at+21:])
        with pytest.raises(InputError, match='c.tar is damaged'): extract_archive(tmp_path/'c.tar', tmp_path/'new')
    assert not (tmp_path/'new').ls()

@pytest.mark.parametrize('name,raw', [('é', b'\xe9'), ('é', 'é'.encode()), ('日本', '日本'.encode())])
def test_names_in_a_tar(name, raw, tmp_path):
    "UTF-8, or read as Latin-1"
    with tarfile.open(tmp_path/'c.tar', 'w', format=tarfile.GNU_FORMAT, encoding='utf-8', errors='surrogateescape') as t:
        for o in (member(raw.decode(errors='surrogateescape')), link('link', raw.decode(errors='surrogateescape'))): t.addfile(o)
    got = extract_archive(tmp_path/'c.tar', tmp_path/'new')
    assert sorted(os.listdir(got))==['link',name] and os.readlink(got/'link')==name

@pytest.mark.parametrize('name,raw', [('é', b'\x82'), ('é', 'é'.encode()), ('日本', '日本'.encode())])
def test_names_in_a_zip(name, raw, tmp_path):
    "Code page 437, as its standard says, or UTF-8 without a mark"
    fname = evil(tmp_path/'c.zip', member('x'*len(raw)))
    fname.write_bytes(fname.read_bytes().replace(b'x'*len(raw), raw))
    assert os.listdir(extract_archive(fname, tmp_path/'new'))==[name]

def test_zip_of_wrong_utf8(tmp_path):
    fname = evil(tmp_path/'c.zip', member('é'))
    fname.write_bytes(fname.read_bytes().replace('é'.encode(), b'\xe9x'))
    refused(fname, 'is damaged')

def test_two_unpack_at_once(tree, tmp_path, monkeypatch):
    "The second process to finish uses the result of the first"
    fname,was = pack(tree, tmp_path/'c.tgz'),I._unpack
    def slow(fname, dest):
        was(fname, dest)
        monkeypatch.setattr(I, '_unpack', was)
        extract_archive(fname)
    monkeypatch.setattr(I, '_unpack', slow)
    assert len(image_source(str(fname)).train)==16 and len(Path('cache','data').ls())==1

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_killed_while_unpacking(tree, tmp_path, monkeypatch):
    "An incomplete result is never taken for a complete one"
    fname = pack(tree, tmp_path/'c.tgz')
    with monkeypatch.context() as m:
        m.setattr(I, '_safe_member', lambda member, *args, **kw: member if 'red' not in member.name
            else os.kill(os.getpid(), signal.SIGKILL))
        code = Forked(partial(image_source, str(fname))).wait()
    assert code==-signal.SIGKILL and [o.name.split('-')[0] for o in Path('cache','data').ls()]==['part']
    assert len(image_source(str(fname)).train)==16

@pytest.mark.parametrize('cut', ['noise','half','empty','flip'])
def test_damaged_archive(cut, tree, tmp_path):
    good = pack(tree, tmp_path/'c.tgz').read_bytes()
    flip = good[:len(good)//2]+bytes(200)+good[len(good)//2+200:]
    data = dict(noise=random.Random(0).randbytes(5000), half=good[:len(good)//2], empty=b'', flip=flip)[cut]
    (tmp_path/'c.tgz').write_bytes(data)
    says = r'c.tgz is damaged, or is not a tar or zip archive \(.*[^:]\)\. '
    with pytest.raises(InputError, match=says): image_source(str(tmp_path/'c.tgz'))
    assert not (tmp_path/'cache'/'data').ls()

# ---- decoded images

def left(cache): return sorted(o.name.split('-')[0] for o in (cache/'pixels').iterdir() if o.is_dir())

def test_bytes(fp, tmp_path):
    kept = open_store(fp, 100, tmp_path)
    for i,o in enumerate(fp.train+fp.valid): assert np.array_equal(kept[i].numpy(), np.array(PILImage.create(o)))
    assert [kept.index_of(o) for o in fp.valid]==list(range(24, 36))
    assert kept.index_of('elsewhere/train/a/a0.png')==-1 and kept.index_of(3)==-1

def test_shorter_side(fp, tmp_path):
    sizes = open_store(fp, 45, tmp_path).sizes
    assert sizes[:4].tolist()==[[60,45],[45,60],[45,45],[90,40]]

def _slow(monkeypatch, log, die=None, s=.005):
    "Decoding that is slow, writes a line to `log` for each image, and kills this process at image `die`"
    was = I.decode_image
    def decoded(file, side=None):
        with open(log, 'a') as f: f.write('.')
        if die and os.path.getsize(log)>=die: os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(s)
        return was(file, side)
    monkeypatch.setattr(I, 'decode_image', decoded)

def test_many_writers(fp, tmp_path, monkeypatch):
    "Four processes ask at once, and each image is decoded once"
    _slow(monkeypatch, tmp_path/'log')
    jobs = [Forked(partial(open_store, fp, 100, tmp_path)) for _ in range(4)]
    assert [o.wait() for o in jobs]==[0]*4 and (tmp_path/'log').stat().st_size==36
    assert len(open_store(fp, 100, tmp_path))==36 and len(left(tmp_path))==1

def test_writers_without_lock(fp, tmp_path, monkeypatch):
    "Without a lock, the second process to finish discards its own result"
    dest = tmp_path/'all'
    I.write_store(fp.train, fp.train[0].parents[2], dest, 100)
    before = (dest/'index.npz').stat().st_ino
    I.write_store(fp.train, fp.train[0].parents[2], dest, 100)
    assert (dest/'index.npz').stat().st_ino==before and [o.name for o in tmp_path.iterdir()]==['all']

@pytest.mark.parametrize('at', [1, 20, 36])
def test_killed(fp, tmp_path, monkeypatch, at):
    "SIGKILL while writing: nothing is taken for a store, and the next call makes one and cleans up"
    with monkeypatch.context() as m:
        _slow(m, tmp_path/'log', die=at)
        code = Forked(partial(open_store, fp, 100, tmp_path)).wait()
    assert code==-signal.SIGKILL and left(tmp_path)==['part']
    assert len(open_store(fp, 100, tmp_path))==36 and left(tmp_path)==[fp.mark]

def test_ctrl_c(fp, tmp_path, monkeypatch):
    "Ctrl-C leaves nothing behind"
    was = I.decode_image
    def decoded(file, side=None):
        if file.name=='b5.png': raise KeyboardInterrupt
        return was(file, side)
    with monkeypatch.context() as m:
        m.setattr(I, 'decode_image', decoded)
        with pytest.raises(KeyboardInterrupt): open_store(fp, 100, tmp_path)
    assert left(tmp_path)==[]
    assert len(open_store(fp, 100, tmp_path))==36

def _cut(p): os.truncate(p/'pixels', 1000)

def _flip(p):
    with open(p/'pixels', 'r+b') as f:
        f.seek(5000)
        b = f.read(1)[0]
        f.seek(5000)
        f.write(bytes([b^4]))

def _cut_index(p): os.truncate(p/'index.npz', 700)

def _no_index(p): (p/'index.npz').unlink()

def _empty_index(p): os.truncate(p/'index.npz', 0)

def _no_pixels(p): (p/'pixels').unlink()

def _swap(p): np.savez(p/'index.npz', other=np.zeros(3))

def _flip_index(p):
    b = bytearray((p/'index.npz').read_bytes())
    b[len(b)//2] ^= 1
    (p/'index.npz').write_bytes(b)

@pytest.mark.parametrize('harm', [_cut, _flip, _cut_index, _no_index, _empty_index, _no_pixels, _swap, _flip_index],
    ids=lambda o: o.__name__)
def test_damage(fp, tmp_path, harm):
    "Any damage is reported by name, and repaired"
    kept = open_store(fp, 100, tmp_path)
    want,path = kept.pixels.clone(),kept.path
    del kept
    harm(path)
    with pytest.warns(UserWarning, match=f'{fp.mark}-100 is damaged and rebuilt: .'): kept = open_store(fp, 100, tmp_path)
    assert torch.equal(kept.pixels, want)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        open_store(fp, 100, tmp_path)

def test_full_disk(fp, tmp_path, monkeypatch):
    def full(path): raise OSError(errno.ENOSPC, 'No space left on device')
    with monkeypatch.context() as m:
        m.setattr(I, 'sync_to_disk', full)
        with pytest.raises(InputError, match='No space left.*another folder'): open_store(fp, 100, tmp_path)
    assert left(tmp_path)==[]

def test_other_images(images, tmp_path):
    "A changed data set has another fingerprint, and therefore another store"
    root = shutil.copytree(images, tmp_path/'more')
    was = fingerprint(root)
    assert was.mark==fingerprint(images).mark
    shutil.copy(root/'train/a/a0.png', root/'train/a/new.png')
    assert fingerprint(root).mark!=was.mark and len(open_store(fingerprint(root), 100, tmp_path))==37

def as_format(root, dest, suffix):
    for o in get_image_files(root):
        (to := dest/o.relative_to(root).with_suffix(suffix)).parent.mkdir(parents=True, exist_ok=True)
        Image.open(o).save(to)
    return dest

@pytest.mark.parametrize('suffix', ['.bmp','.ppm','.tif','.TIFF'])
def test_other_images_of_the_same_size(images, tmp_path, suffix):
    "Files that are not compressed differ by their content only, and so do their stores"
    was = fingerprint(root := as_format(images, tmp_path/'plain', suffix))
    open_store(was, 100, tmp_path)
    data = bytearray((file := was.train[0]).read_bytes())
    data[len(data)//2] ^= 255
    file.write_bytes(data)
    now = fingerprint(root)
    assert now.mark!=was.mark and np.array_equal(open_store(now, 100, tmp_path)[0].numpy(), np.array(PILImage.create(file)))

def test_the_mark_of_compressed_images_is_that_of_names_and_sizes(images):
    "So the entries of boards keep their ids"
    told = [f'{o.relative_to(images).as_posix()} {o.stat().st_size}' for d in ('train','val') for o in get_image_files(images/d).sorted()]
    assert fingerprint(images).mark==hashlib.sha256('\n'.join(told).encode()).hexdigest()[:16]

# ---- gray levels

@pytest.mark.parametrize('suffix', ['.png','.tif','.pgm'])
@pytest.mark.parametrize('wide', [False, True])
def test_levels_of_grey_with_16_bits(tmp_path, suffix, wide):
    "They are seen as those with 8 bits"
    grey = np.arange(0, 256, dtype='uint8').reshape(16, 16)
    Image.fromarray(grey.astype('uint16')*257 if wide else grey).save(file := tmp_path/f'grey{suffix}')
    for a in (I.decode_image(file), np.array(I.load_photo(file)), np.array(I.load_photo(str(file)))):
        assert np.array_equal(a, np.stack([grey]*3, -1))

def test_every_path_to_an_image_reads_16_bits(tmp_path):
    "Those of `fastopt-train`, and of both pipelines"
    for i,part in enumerate(['train/a','train/b','val/a','val/b']):
        (tmp_path/'d'/part).mkdir(parents=True)
        Image.fromarray(np.full((8, 8), 256*(10+i), 'uint16')).save(tmp_path/'d'/part/'0.png')
    src,fp = folder_source(tmp_path/'d'),fingerprint(tmp_path/'d')
    dsets = src.block(8).datasets(src.train+src.valid),image_datasets(fp.train, fp.valid)
    assert [[int(np.array(o[0]).max()) for o in d.train]+[int(np.array(o[0]).max()) for o in d.valid] for d in dsets[1:]]==[[10,11,12,13]]
    assert {int(np.array(x).max()) for x,_ in dsets[0]}=={10,11,12,13}
    assert [int(o.max()) for o in map(open_store(fp, 8, tmp_path).__getitem__, range(4))]==[10,11,12,13]

def deep(file, a, **kw):
    Image.fromarray(a).save(file, **kw)
    return file

def _int(*levels): return np.array([levels], 'int32')

def _float(*levels): return np.array([levels], 'float32')

DEEP = dict(int8=(_int(0,7,255), [0,7,255]), int16=(_int(0,256,65535), [0,1,255]), unit=(_float(0,.2,1), [0,51,255]),
    bytes=(_float(0,7,255), [0,7,255]), black=(_float(0,0,0), [0,0,0]), int32=(_int(0,7,65536), None), minus=(_int(-1,7,9), None),
    below=(_float(-.1,0,1), None), above=(_float(0,7,256), None), nan=(_float(0,.5,np.nan), None), inf=(_float(0,.5,np.inf), None))

@pytest.mark.parametrize('kind', DEEP)
def test_levels_of_grey_with_32_bits_and_floats(kind, tmp_path):
    "Their values decide, and an image without a usual range counts as one that cannot be decoded"
    (a,want),got = DEEP[kind],I.decode_image(file := deep(tmp_path/'0.tif', DEEP[kind][0]))
    if want is None:
        assert got is None and I.image_digest(file) is None
        with pytest.raises(ValueError, match='no usual range'): I.load_photo(file)
    else: assert got[0,:,0].tolist()==want==np.array(I.load_photo(str(file)))[0,:,2].tolist() and I.image_digest(file)

@pytest.mark.parametrize('suffix', ['.png','.tif','.pgm','.jp2'])
def test_dark_images_of_16_bits_stay_dark(tmp_path, suffix):
    "Also where Pillow opens the file as one of 32 bits: the format decides, not the values"
    file = deep(tmp_path/f'0{suffix}', np.full((8, 8), 255, 'uint16'), **dict(irreversible=False) if suffix=='.jp2' else {})
    assert I.decode_image(file).max()==0 and I.image_digest(file)
    img = Image.fromarray(np.array([[0,255]], 'int32'))
    for img.format,want in dict(PNG=0, PPM=0, JPEG2000=0, TIFF=255).items(): assert I._grey_to_bytes(img).max()==want

@pytest.mark.parametrize('mode,rawmode', [('I;16','<u2'), ('I;16B','>u2')])
def test_both_byte_orders_of_16_bits(mode, rawmode):
    a = np.array([[0,255,256,65535]], rawmode)
    assert I._grey_to_bytes(Image.frombytes(mode, (4,1), a.tobytes())).tolist()==[[0,0,1,255]]

def test_images_without_a_usual_range_are_left_out_of_a_source(tree):
    for i,k in enumerate(['int32','nan','unit']): deep(tree/'train'/'red'/f'deep{i}.tif', DEEP[k][0])
    src = folder_source(tree)
    assert src.skipped==['train/red/deep0.tif','train/red/deep1.tif'] and len(src.train)==17
    with pytest.raises(InputError, match='2 images cannot be decoded.*deep0'): folder_source(tree, strict=True)

# ---- what is in a class folder

@pytest.mark.parametrize('find', [folder_source, fingerprint, partial(folder_source, valid_pct=.5)])
def test_links_to_folders_above(find, tree):
    "They are not followed in class folders, however many there are; a class folder may be a link"
    if isinstance(find, partial): tree = tree/'train'
    before,where = find(tree),tree if isinstance(find, partial) else tree/'train'
    for i in range(3): (where/'red'/f'up{i}').symlink_to('..')
    (where/'red'/'self').symlink_to('self')
    (where/'round').symlink_to('.')
    shutil.move(where/'blue', tree.parent/'elsewhere')
    (where/'blue').symlink_to(tree.parent/'elsewhere')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        now = find(tree)
    assert (now.train,now.valid)==(before.train,before.valid) and now.get('deeper', [])==[]

@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs pipes')
def test_only_regular_files_are_opened(tree, tmp_path):
    "A pipe, a device, a folder and a link to nothing with the name of an image; links to images are images"
    red,says = tree/'train'/'red','is not a regular file'
    os.mkfifo(red/'pipe.png')
    (red/'device.png').symlink_to('/dev/zero')
    (red/'folder.png').mkdir()
    (red/'gone.png').symlink_to('nowhere')
    (red/'link.png').symlink_to('0.png')
    odd = [f'train/red/{o}.png' for o in ('device','folder','gone','pipe')]
    src = folder_source(tree)
    assert src.skipped==odd and len(src.train)==17
    with pytest.warns(UserWarning, match='4 images are not regular files and are left out: train/red/device.png'): fp = fingerprint(tree)
    assert (fp.train,fp.valid)==(src.train,src.valid)
    for o in odd:
        assert I.image_digest(tree/o) is I.decode_image(tree/o) is image_size(tree/o) is None
        with pytest.raises(OSError, match='No such file' if 'gone' in o else says): I.load_photo(tree/o)
    os.mkfifo(tree/'noisy_set.csv')
    with pytest.raises(InputError, match='no noisy_'): I.noisy_labels(tree, 5)

def test_images_deeper_in_a_class_folder_are_counted(tree):
    "But not those in hidden folders"
    was = folder_source(tree)
    for o in ('x','x/y','.hidden'): shutil.copytree(tree/'val'/'red', tree/'train'/'red'/o)
    (tree/'train'/'red'/'x'/'up').symlink_to('..')
    n,src = len((tree/'val'/'red').ls()),folder_source(tree)
    assert (src.train,src.fingerprint)==(was.train,was.fingerprint) and len(src.deeper)==2*n and src.deeper[0]=='train/red/x/0.png'
    with pytest.warns(UserWarning, match=f'^{2*n} images in folders inside a class folder, such as train/red/x/0.png, are left out: '):
        assert fingerprint(tree).train==was.train
    assert I.describe_nested(['a/b/c.png']).startswith('1 image in folders inside a class folder, such as a/b/c.png, is left out')

def test_copies_of_images_are_told(tree):
    "In other classes, and of training images for validation; not within one class of the training images"
    def copy(a, b): shutil.copy(tree/a, tree/b)
    assert folder_source(tree).notes==[]
    copy('train/red/0.png', 'train/red/copy.png')
    assert folder_source(tree).notes==[]
    copy('train/blue/0.png', 'val/red/copy.png')
    mixed, = folder_source(tree).notes
    assert mixed.startswith('2 images have a copy in another class, such as train/blue/0.png and val/red/copy.png: ')
    copy('train/red/0.png', 'val/red/1.png')
    assert folder_source(tree).notes==[mixed, '1 validation image has a copy in the training images, '
        'such as val/red/1.png and train/red/0.png: the accuracy may be too high']

# ---- shares

@pytest.mark.parametrize('n', [1,2,3,4,10])
@pytest.mark.parametrize('share', [.01,.5,.75,.9,.99])
def test_of_each_class_some_images_are_left(n, share):
    files = [Path(c)/f'{i}' for c in 'ab' for i in range(n)]
    trn,val = I.hold_out(files, share)
    assert sorted(trn+val)==files and {o.parent.name for o in val}=={'a','b'}
    assert {o.parent.name for o in trn}==({'a','b'} if n>1 else set()) # One image of a class is told as an error

# ---- a home that cannot be written

def test_a_home_that_cannot_be_written(tree, monkeypatch):
    "It is not needed for a folder, and the message says what to set otherwise"
    def denied(folder): raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), '/.fastai')
    monkeypatch.setattr(I, 'fastai_path', denied)
    assert resolve_data(tree)==tree and len(image_source(str(tree)).train)==16
    tgz = pack(tree, tree.with_suffix('.tgz'))
    store = partial(open_store, fingerprint(tree), 8)
    for f in (partial(resolve_data, 'digits'), partial(resolve_data, tgz), partial(image_source, str(tgz)), store):
        with pytest.raises(InputError, match='Permission denied.*FASTAI_HOME'): f()

def test_unknown(tmp_path, images):
    with pytest.raises(InputError, match='imagewoof'): resolve_data('imagewof')
    (tmp_path/'x/train/a').mkdir(parents=True)
    with pytest.raises(InputError, match='no validation folder'): resolve_data(tmp_path)
    (tmp_path/'x/val').mkdir()
    with pytest.raises(InputError, match='no readable image'): fingerprint(resolve_data(tmp_path))
