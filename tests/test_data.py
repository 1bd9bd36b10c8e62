"Decoded images are whole or not there, and the fast pipeline gives what fastai's own gives."
import errno, multiprocessing, numpy as np, os, pytest, random, shutil, signal, time, torch, warnings
from fastai.callback.core import Callback
from fastai.callback.mixup import MixUp
from fastai.learner import Learner, load_learner
from fastai.metrics import accuracy
from fastai.torch_core import set_seed
from fastai.vision.augment import FlipItem, RandomResizedCrop, Resize, ResizeMethod, Rotate
from fastai.vision.core import PILImage, image2tensor
from fastopt.vision import data as fd
from fastopt.optim.adam import adamw
from fastopt.vision.data import Boxes, classic_dls, fast_dls, fingerprint, labeller, located, resize_boxes, resize_each, rrc_boxes, store
from fastopt.training.resume import SaveResume
from fastopt.training.flat_anneal import fit_fc # chkstyle: ignore - patches Learner
from fastopt.vision.train import InputError
from fastcore.basics import first
from pathlib import Path
from PIL import Image
from torch import nn

SIZES = [(64,48), (48,64), (56,56), (90,40)]
STD = .22 # The least of ImageNet's

@pytest.fixture(scope='module')
def images(tmp_path_factory):
    "Three classes of eight images of four shapes, full of edges, and four each to validate on"
    root,rng = tmp_path_factory.mktemp('images'),np.random.default_rng(0)
    for split,n in (('train',8), ('val',4)):
        for c in 'abc':
            (root/split/c).mkdir(parents=True)
            for i in range(n):
                w,h = SIZES[i%4]
                Image.fromarray(rng.integers(0, 256, (h,w,3), dtype=np.uint8)).save(root/split/c/f'{c}{i}.png')
    return root

@pytest.fixture
def fp(images): return fingerprint(images)

def fast(images, cache, size=32, bs=6, **kwargs): return fast_dls(images, size, bs, cache=cache, device='cpu', **kwargs)

def left(cache): return sorted(o.name.split('-')[0] for o in (cache/'pixels').iterdir() if o.is_dir())

# What is on disk

def test_bytes(fp, tmp_path):
    kept = store(fp, 100, tmp_path)
    for i,o in enumerate(fp.train+fp.valid): assert np.array_equal(kept[i].numpy(), np.array(PILImage.create(o)))
    assert [kept.find(o) for o in fp.valid]==list(range(24, 36)) and kept.find('elsewhere/train/a/a0.png')==-1 and kept.find(3)==-1

def test_shorter_side(fp, tmp_path):
    sizes = store(fp, 45, tmp_path).sizes
    assert sizes[:4].tolist()==[[60,45],[45,60],[45,45],[90,40]]

def _slow(monkeypatch, log, die=None, s=.005):
    "Decoding that is slow, writes a line to `log` for each image, and kills this process at image `die`"
    was = fd.decoded
    def decoded(file, side=None):
        with open(log, 'a') as f: f.write('.')
        if die and os.path.getsize(log)>=die: os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(s)
        return was(file, side)
    monkeypatch.setattr(fd, 'decoded', decoded)

def test_many_writers(fp, tmp_path, monkeypatch):
    "Four processes ask at once: each image is decoded once"
    _slow(monkeypatch, tmp_path/'log')
    jobs = [multiprocessing.get_context('fork').Process(target=store, args=(fp, 100, tmp_path)) for _ in range(4)]
    for o in jobs: o.start()
    for o in jobs: o.join()
    assert [o.exitcode for o in jobs]==[0]*4 and (tmp_path/'log').stat().st_size==36
    assert len(store(fp, 100, tmp_path))==36 and len(left(tmp_path))==1

def test_lock(tmp_path):
    "One at a time, in whatever process; who will not wait is told; nothing is left of it"
    lock = tmp_path/'new'/'work.lock'
    def tries(wait):
        with fd.alone(lock, wait=wait) as ours: os._exit(ours)
    with fd.alone(lock) as ours:
        assert ours is True and [_end(_start(tries, False)) for _ in range(2)]==[0,0]
        waits = _start(tries, True)
        with fd.alone(lock, wait=False) as too: assert too is False
        assert lock.exists() and waits.is_alive()
    assert _end(waits)==1
    with fd.alone(lock): pass
    assert not lock.exists()

def _start(f, *args):
    p = multiprocessing.get_context('fork').Process(target=f, args=args)
    p.start()
    return p

def _end(p):
    p.join(60)
    return p.exitcode

def test_lock_is_never_held_twice(tmp_path):
    "Though its file comes and goes, none of many short works overlaps another"
    def work():
        for _ in range(15):
            with fd.alone(tmp_path/'lock'):
                (tmp_path/'busy').mkdir() # Refused, if it is there
                (tmp_path/'busy').rmdir()
    assert [_end(o) for o in [_start(work) for _ in range(4)]]==[0]*4 and not list(tmp_path.iterdir())

@pytest.mark.parametrize('child', [False, True], ids=['alone','with a process it started'])
def test_lock_of_the_killed(tmp_path, child):
    "SIGKILL opens the lock, though a process that was started inside lives on; so does an error"
    def hang():
        with fd.alone(tmp_path/'lock'):
            if child: _start(time.sleep, 60)
            (tmp_path/'in').write_text(str(multiprocessing.active_children()[0].pid) if child else '')
            time.sleep(60)
    p = _start(hang)
    while not (tmp_path/'in').exists() or child and not (tmp_path/'in').read_text(): time.sleep(.01)
    with fd.alone(tmp_path/'lock', wait=False) as ours: assert not ours
    p.kill()
    p.join() # With a limit it would wait for both
    assert p.exitcode==-signal.SIGKILL
    with fd.alone(tmp_path/'lock', wait=False) as ours: assert ours
    if child: os.kill(int((tmp_path/'in').read_text()), signal.SIGKILL)
    with pytest.raises(ZeroDivisionError), fd.alone(tmp_path/'lock'): 1/0
    with fd.alone(tmp_path/'lock', wait=False) as ours: assert ours

def test_writers_without_lock(fp, tmp_path, monkeypatch):
    "Without a lock the second to finish throws its own away"
    dest = tmp_path/'all'
    fd.write_store(fp.train, fp.train[0].parents[2], dest, 100)
    before = (dest/'index.npz').stat().st_ino
    fd.write_store(fp.train, fp.train[0].parents[2], dest, 100)
    assert (dest/'index.npz').stat().st_ino==before and [o.name for o in tmp_path.iterdir()]==['all']

@pytest.mark.parametrize('at', [1, 20, 36])
def test_killed(fp, tmp_path, monkeypatch, at):
    "SIGKILL while writing: nothing is taken for a store, the next call makes one and clears up"
    with monkeypatch.context() as m:
        _slow(m, tmp_path/'log', die=at)
        job = multiprocessing.get_context('fork').Process(target=store, args=(fp, 100, tmp_path))
        job.start()
        job.join()
    assert job.exitcode==-signal.SIGKILL and left(tmp_path)==['part']
    assert len(store(fp, 100, tmp_path))==36 and left(tmp_path)==[fp.mark]

def test_ctrl_c(fp, tmp_path, monkeypatch):
    "Ctrl-C leaves nothing behind"
    was = fd.decoded
    def decoded(file, side=None):
        if file.name=='b5.png': raise KeyboardInterrupt
        return was(file, side)
    with monkeypatch.context() as m:
        m.setattr(fd, 'decoded', decoded)
        with pytest.raises(KeyboardInterrupt): store(fp, 100, tmp_path)
    assert left(tmp_path)==[]
    assert len(store(fp, 100, tmp_path))==36

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

@pytest.mark.parametrize('harm', [_cut, _flip, _cut_index, _no_index, _empty_index, _no_pixels, _swap, _flip_index], ids=lambda o: o.__name__)
def test_damage(fp, tmp_path, harm):
    "Any damage is told by name, and mended"
    kept = store(fp, 100, tmp_path)
    want,path = kept.pixels.clone(),kept.path
    del kept
    harm(path)
    with pytest.warns(UserWarning, match=f'{fp.mark}-100 is damaged and made again: .'): kept = store(fp, 100, tmp_path)
    assert torch.equal(kept.pixels, want)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        store(fp, 100, tmp_path)

def test_full_disk(fp, tmp_path, monkeypatch):
    def full(path): raise OSError(errno.ENOSPC, 'No space left on device')
    with monkeypatch.context() as m:
        m.setattr(fd, '_sync', full)
        with pytest.raises(InputError, match='No space left.*another folder'): store(fp, 100, tmp_path)
    assert left(tmp_path)==[]

def test_bad_images(images, tmp_path):
    "Images that cannot be decoded are left out, and named"
    root = shutil.copytree(images, tmp_path/'some')
    good = (root/'train/a/a0.png').read_bytes()
    (root/'train/a/a0.png').write_bytes(good[:len(good)//2])
    (root/'val/c/c0.png').write_bytes(b'no image')
    with pytest.warns(UserWarning, match='2 images cannot be decoded and are left out: train/a/a0.png, val/c/c0.png'): dls = fast(root, tmp_path)
    assert (dls.train.n, dls.valid.n, dls.fingerprint['skipped'])==(23, 11, ['train/a/a0.png','val/c/c0.png'])
    for x,_ in dls.valid: assert x.isfinite().all()
    for o in root.glob('train/*/*'): o.write_bytes(b'no image')
    with pytest.raises(InputError, match='holds no image that can be read'), pytest.warns(UserWarning): fast(root, tmp_path)

def test_other_images(images, tmp_path):
    "A changed data set has another fingerprint, so another store"
    root = shutil.copytree(images, tmp_path/'more')
    was = fingerprint(root)
    assert was.mark==fingerprint(images).mark
    shutil.copy(root/'train/a/a0.png', root/'train/a/new.png')
    assert fingerprint(root).mark!=was.mark and len(fast(root, tmp_path).train.store)==37

def test_unknown(tmp_path, images):
    with pytest.raises(InputError, match='imagewoof'): located('imagewof')
    (tmp_path/'x/train/a').mkdir(parents=True)
    with pytest.raises(InputError, match='no validation folder'): located(tmp_path)
    (tmp_path/'x/val').mkdir()
    with pytest.raises(InputError, match='no image'): fast(tmp_path, tmp_path)

# What is in a batch

def by_fastai(img, box, flip, zoom, size):
    box = [int(o) for o in box]
    img = PILImage.create(img.numpy()).crop((*box[:2], box[0]+box[2], box[1]+box[3])).resize(zoom, Image.BILINEAR)
    img = PILImage.create(img).crop_pad(size)
    return image2tensor(img.flip_lr() if flip else img)

@pytest.mark.parametrize('size', [16, 32, 64])
@pytest.mark.parametrize('train', [True, False])
def test_pixels(fp, tmp_path, size, train):
    "Pillow, `interpolate` and products of matrices: the same bytes, for noise too"
    kept,b = store(fp, 100, tmp_path),Boxes([RandomResizedCrop(size, min_scale=.35), FlipItem()])
    boxes,flips = map(torch.from_numpy, b.draw(kept.sizes, np.random.default_rng(0), train))
    imgs,zoom = [kept[i] for i in range(36)],b.zoom(train)
    pil = torch.stack([by_fastai(*o, zoom, b.size) for o in zip(imgs, boxes, flips)]).int()
    each = resize_each(imgs, boxes, flips, zoom, b.size).int()
    batch = fd.resize_batch(kept.pixels.view(-1, 3), torch.from_numpy(kept.starts//3), torch.from_numpy(kept.sizes[:,0]), boxes, flips,
        boxes[:,2:].amax(0).tolist(), zoom, b.size).int()
    assert (pil-each).abs().max()<=1 and (pil-batch).abs().max()<=1

def test_validation_is_classic(images, tmp_path):
    ours,theirs = fast(images, tmp_path, spare=2),classic_dls(images, 32, 6, num_workers=0, device='cpu')
    for (x,y),(x2,y2) in zip(ours.valid, theirs.valid, strict=True): assert torch.equal(y, y2) and (x-x2).abs().max()<1.01/255/STD
    assert list(ours.vocab)==list(theirs.vocab) and len(ours.train)==len(theirs.train) and type(x)==type(x2)

@pytest.mark.parametrize('method', [ResizeMethod.Crop, ResizeMethod.Squish])
def test_resize_is_classic(images, tmp_path, method):
    "`Resize` without `Normalize`, as the record of 2021 has it"
    kw = dict(item_tfms=[Resize(32, method), FlipItem(.5)], batch_tfms=[])
    ours,theirs = fast(images, tmp_path, spare=2, **kw),classic_dls(images, 32, 6, num_workers=0, device='cpu', **kw)
    for (x,_),(x2,_) in zip(ours.valid, theirs.valid, strict=True): assert (x-x2).abs().max()<1.01/255
    assert ours.one_batch()[0].shape==(6,3,32,32)

def test_boxes_inside():
    sizes = np.random.default_rng(0).integers(8, 400, (3000,2))
    for tfm,f in ((RandomResizedCrop(32), rrc_boxes), (RandomResizedCrop(32, min_scale=.35), rrc_boxes), (Resize(32), resize_boxes)):
        b = f(tfm, sizes, np.random.default_rng(1))
        assert (b[:,:2]>=0).all() and (b[:,2:]>0).all() and (b[:,:2]+b[:,2:]<=sizes).all()

def test_fallback_box():
    "No random box fits: the middle, as fastai has it"
    tfm = RandomResizedCrop(32, min_scale=.9)
    for size in ((400,20), (20,400)):
        tfm.before_call(Image.new('RGB', size), 0)
        assert rrc_boxes(tfm, np.array([size]), np.random.default_rng(0))[0].tolist()==[*tfm.tl, *tfm.cp_size]

@pytest.mark.parametrize('tfms', [[Rotate()], [RandomResizedCrop(32), Rotate()], [FlipItem()], [Resize(32, ResizeMethod.Pad)],
    [RandomResizedCrop(32, resamples=(Image.NEAREST,)*2)]], ids=str)
def test_refused(images, tmp_path, tfms):
    with pytest.raises(InputError, match='classic_dls'): fast(images, tmp_path, item_tfms=tfms)

def test_at_once(images, tmp_path):
    "The way of a GPU gives the batches of the CPU's"
    def batches(at_once):
        set_seed(3)
        dls = fast(images, tmp_path)
        if at_once: dls.train.store.copies[dls.device] = dls.train.store.pixels.view(-1, 3)
        return [*dls.train, *dls.train, *dls.valid]
    for (x,y),(x2,y2) in zip(batches(False), batches(True), strict=True): assert torch.equal(y, y2) and (x-x2).abs().max()<1.01/255/STD

def test_flips(images, tmp_path):
    "About half of the images are flipped, none where p is 0, none to validate on"
    kept = fast(images, tmp_path).train.store
    sizes = kept.sizes[np.zeros(1000, int)]
    share = lambda p, train: Boxes([RandomResizedCrop(32), FlipItem(p)]).draw(sizes, np.random.default_rng(0), train)[1].mean()
    assert abs(share(.5, True)-.5)<.06 and share(0, True)==0 and share(.5, False)==0

def test_epoch_is_all(images, tmp_path):
    "Each image once an epoch"
    dl = fast(images, tmp_path, bs=5, drop_last=False).train
    assert sorted(torch.cat([y for _,y in dl]).tolist())==[0]*8+[1]*8+[2]*8

# In a training

def net():
    "Convolution, batch norm and dropout"
    return nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))

def learner(images, cache, **kwargs):
    set_seed(5)
    return Learner(fast(images, cache), net(), opt_func=adamw, metrics=accuracy, **kwargs)

def trained(learn, cbs=None):
    with learn.no_bar(), learn.no_logging(): learn.fit_fc(3, 1e-2, cbs=cbs)
    return [p.detach().clone() for p in learn.model.parameters()]

def equal(a, b): return all(map(torch.equal, a, b))

def test_seed(images, tmp_path):
    a,b = (trained(learner(images, tmp_path)) for _ in range(2))
    assert equal(a, b)

def test_own_chance(images, tmp_path):
    "What others draw changes no batch"
    def batches(noise):
        set_seed(5)
        for x,y in fast(images, tmp_path).train:
            if noise: torch.rand(3), np.random.rand(), random.random()
            yield x,y
    for (x,y),(x2,y2) in zip(batches(False), batches(True)): assert torch.equal(x, x2) and torch.equal(y, y2)

@pytest.mark.parametrize('at', [1, 4, 6, 10])
def test_resume(images, tmp_path, at):
    "Killed at a batch and resumed: the weights of the unbroken training, to the last bit"
    def stop(cb):
        if cb.training and cb.learn.train_iter==at: raise KeyboardInterrupt
    file = tmp_path/'resume.pth'
    want = trained(learner(images, tmp_path, cbs=MixUp()), SaveResume(tmp_path/'whole.pth', every=1))
    stopped = learner(images, tmp_path, cbs=[MixUp(), Callback(after_step=stop)])
    with pytest.raises(KeyboardInterrupt): trained(stopped, SaveResume(file, every=1))
    learn = learner(images, tmp_path, cbs=MixUp())
    assert learn.resume(file)
    assert equal(trained(learn, SaveResume(file, every=1)), want)

def test_native(images, tmp_path, fp):
    "new, test_dl, get_preds, predict, show_results, export: as any loaders"
    learn = learner(images, tmp_path)
    dls = learn.dls
    with learn.no_bar():
        preds,ys = learn.get_preds()
        again,_ = learn.get_preds(dl=dls.test_dl(fp.valid))
        other,y2 = learn.get_preds(dl=dls.test_dl([Path(shutil.copy(o, tmp_path/o.name)) for o in fp.valid]))
        known,y3 = learn.get_preds(dl=dls.test_dl(fp.valid, with_labels=True))
        one = learn.predict(fp.valid[0])[2]
        array = learn.predict(np.array(PILImage.create(fp.valid[0])))[2]
        learn.show_results(max_n=3)
    for o in (again,other,known): assert torch.allclose(o, preds, atol=1e-5)
    assert torch.equal(y3, ys) and y2 is None
    assert torch.allclose(one, preds[0], atol=1e-5) and torch.allclose(array, preds[0], atol=1e-5)
    assert dls.train.new(bs=4).one_batch()[0].shape[0]==4 and dls.valid.new(bs=3).one_batch()[1].shape==(3,)
    learn.export(tmp_path/'model.pkl')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        loaded = load_learner(tmp_path/'model.pkl')
    with loaded.no_bar(): assert torch.allclose(loaded.predict(fp.valid[0])[2], one, atol=1e-5)
    assert (tmp_path/'model.pkl').stat().st_size<200_000

def test_signed(images, tmp_path, fp):
    for name,dls in (('fast',fast(images, tmp_path)), ('classic',classic_dls(images, 32, 6, num_workers=0))):
        assert dls.pipeline==name and dls.fingerprint==dict(mark=fp.mark, official=None, train=24, valid=12, skipped=[])

def test_classic_is_the_script(images):
    "The words of fastai's train_imagenette.py"
    dl = classic_dls(images, 32, num_workers=0).train
    crop,flip = (first(o for o in dl.after_item.fs if isinstance(o, t)) for t in (RandomResizedCrop,FlipItem))
    assert (crop.min_scale, crop.ratio, crop.val_xtra, flip.p)==(.35, (3/4,4/3), .14, .5)
    assert sorted(type(o).__name__ for o in dl.after_batch.fs)==['IntToFloatTensor','Normalize']

def test_noise(images, tmp_path):
    root = shutil.copytree(images, tmp_path/'noisy')
    names = [o.relative_to(root).as_posix() for o in sorted(root.glob('*/*/*.png'))]
    rows = [f'{o},{o.split("/")[1]},{"a" if "b0" in o else o.split("/")[1]},{o.startswith("val")}' for o in names]
    (root/'noisy_images.csv').write_text('\n'.join(['path,noisy_labels_0,noisy_labels_5,is_valid', *rows]))
    for dls in (fast(root, tmp_path, noise=5), classic_dls(root, 32, 6, noise=5, num_workers=0)):
        assert [int(dls.train_ds[i][1]) for i in range(24)]==[0]*9+[1]*7+[2]*8 and [int(y) for _,y in dls.valid_ds]==[0]*4+[1]*4+[2]*4
    assert fast(root, tmp_path, noise=5).train.ys[0].tolist()==[0]*9+[1]*7+[2]*8
    with pytest.raises(InputError, match='give 0, 5'): fast(root, tmp_path, noise=50)
    (root/'train/a/a0.png').rename(root/'train/a/zz.png')
    with pytest.raises(InputError, match='1 of 24 images.*another version: train/a/zz.png'): labeller(fingerprint(root).train, 5)
    with pytest.raises(InputError, match='take the archive'): fast(images, tmp_path, noise=5)
