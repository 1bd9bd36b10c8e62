"The fast pipeline gives the same results as fastai's, and resumes to the last bit"
import numpy as np, pytest, random, shutil, torch, warnings
from fastai.callback.core import Callback
from fastai.callback.mixup import MixUp
from fastai.learner import Learner, load_learner
from fastai.metrics import accuracy
from fastai.torch_core import set_seed
from fastai.vision.augment import FlipItem, RandomResizedCrop, Resize, ResizeMethod, Rotate
from fastai.vision.core import PILImage, image2tensor
from fastcore.basics import first
from fastopt.optim.adam import adamw
from fastopt.training.flat_anneal import fit_fc # chkstyle: ignore - patches Learner
from fastopt.names import InputError
from fastopt.training.resume import SaveResume
from fastopt.vision.images import fingerprint, make_labeller, open_store
from fastopt.vision.loaders import CropBoxes, classic_dls, fast_dls, resize_batch, resize_boxes, resize_each, rrc_boxes
from pathlib import Path
from PIL import Image
from pictures import draw_edges
from torch import nn

STD = .22 # The smallest of ImageNet's

@pytest.fixture(scope='module')
def images(tmp_path_factory): return draw_edges(tmp_path_factory.mktemp('images'))

@pytest.fixture
def fp(images): return fingerprint(images)

def fast(images, cache, size=32, bs=6, **kwargs): return fast_dls(images, size, bs, cache=cache, device='cpu', **kwargs)

# ---- contents of a batch

def test_bad_images(images, tmp_path):
    "Images that cannot be decoded are left out, and named"
    root = shutil.copytree(images, tmp_path/'some')
    good = (root/'train/a/a0.png').read_bytes()
    (root/'train/a/a0.png').write_bytes(good[:len(good)//2])
    (root/'val/c/c0.png').write_bytes(b'no image')
    with pytest.warns(UserWarning, match='2 images cannot be decoded and are left out: train/a/a0.png, val/c/c0.png'):
        dls = fast(root, tmp_path)
    assert (dls.train.n, dls.valid.n, dls.fingerprint['skipped'])==(23, 11, ['train/a/a0.png','val/c/c0.png'])
    for x,_ in dls.valid: assert x.isfinite().all()
    for o in root.glob('train/*/*'): o.write_bytes(b'no image')
    with pytest.raises(InputError, match='contains no readable image'), pytest.warns(UserWarning): fast(root, tmp_path)

def by_fastai(img, box, flip, zoom, size):
    box = [int(o) for o in box]
    img = PILImage.create(img.numpy()).crop((*box[:2], box[0]+box[2], box[1]+box[3])).resize(zoom, Image.BILINEAR)
    img = PILImage.create(img).crop_pad(size)
    return image2tensor(img.flip_lr() if flip else img)

@pytest.mark.parametrize('size', [16, 32, 64])
@pytest.mark.parametrize('train', [True, False])
def test_pixels(fp, tmp_path, size, train):
    "Pillow, `interpolate` and matrix products give the same bytes, for noise too"
    kept,b = open_store(fp, 100, tmp_path),CropBoxes([RandomResizedCrop(size, min_scale=.35), FlipItem()])
    boxes,flips = map(torch.from_numpy, b.draw(kept.sizes, np.random.default_rng(0), train))
    imgs,zoom = [kept[i] for i in range(36)],b.zoom(train)
    pil = torch.stack([by_fastai(*o, zoom, b.size) for o in zip(imgs, boxes, flips)]).int()
    each = resize_each(imgs, boxes, flips, zoom, b.size).int()
    batch = resize_batch(kept.pixels.view(-1, 3), torch.from_numpy(kept.starts//3), torch.from_numpy(kept.sizes[:,0]), boxes, flips,
        boxes[:,2:].amax(0).tolist(), zoom, b.size).int()
    assert (pil-each).abs().max()<=1 and (pil-batch).abs().max()<=1

def test_validation_is_classic(images, tmp_path):
    ours,theirs = fast(images, tmp_path, spare=2),classic_dls(images, 32, 6, num_workers=0, device='cpu')
    for (x,y),(x2,y2) in zip(ours.valid, theirs.valid, strict=True): assert torch.equal(y, y2) and (x-x2).abs().max()<1.01/255/STD
    assert list(ours.vocab)==list(theirs.vocab) and len(ours.train)==len(theirs.train) and type(x)==type(x2)

@pytest.mark.parametrize('method', [ResizeMethod.Crop, ResizeMethod.Squish])
def test_resize_is_classic(images, tmp_path, method):
    "`Resize` without `Normalize`, as in the record of 2021"
    kw = dict(item_tfms=[Resize(32, method), FlipItem(.5)], batch_tfms=[])
    ours,theirs = fast(images, tmp_path, spare=2, **kw),classic_dls(images, 32, 6, num_workers=0, device='cpu', **kw)
    for (x,_),(x2,_) in zip(ours.valid, theirs.valid, strict=True): assert (x-x2).abs().max()<1.01/255
    assert ours.one_batch()[0].shape==(6,3,32,32)

def test_boxes_inside():
    sizes = np.random.default_rng(0).integers(8, 400, (3000,2))
    for tfm,f in ((RandomResizedCrop(32), rrc_boxes), (RandomResizedCrop(32, min_scale=.35), rrc_boxes), (Resize(32), resize_boxes)):
        b = f(tfm, sizes, np.random.default_rng(1))
        assert (b[:,:2]>=0).all() and (b[:,2:]>0).all() and (b[:,:2]+b[:,2:]<=sizes).all()

@pytest.mark.parametrize('tfm', [RandomResizedCrop(32), RandomResizedCrop(32, min_scale=.01, ratio=(.1,.4)),
    RandomResizedCrop(32, ratio=(3,4)), Resize(32), Resize((40,24)), Resize((24,40)), Resize(32, ResizeMethod.Squish)], ids=str)
@pytest.mark.parametrize('train', [True, False])
def test_boxes_of_small_images(tfm, train):
    "Also images of one pixel and of one row have boxes with a pixel, which lie inside"
    sizes = np.array([(w, h) for w in (1,2,3,5,300) for h in (1,2,3,5,300)]*20)
    b = CropBoxes([tfm]).draw(sizes, np.random.default_rng(0), train)[0]
    assert (b[:,:2]>=0).all() and (b[:,2:]>0).all() and (b[:,:2]+b[:,2:]<=sizes).all()

def test_a_line_of_pixels(images, tmp_path):
    "A spacer of a web page among the images trains and validates"
    root = shutil.copytree(images, tmp_path/'some')
    for at,size in (('train/a', (300,1)), ('train/b', (1,1)), ('val/a', (300,1))): Image.new('RGB', size, 'red').save(root/at/'spacer.png')
    for tfm in (Resize((40,24)), RandomResizedCrop(32)):
        for dl in fast(root, tmp_path, item_tfms=[tfm]): assert all(x.isfinite().all() for x,_ in dl)

def test_fallback_box():
    "No random box fits, so the centre is used, as in fastai"
    tfm = RandomResizedCrop(32, min_scale=.9)
    for size in ((400,20), (20,400)):
        tfm.before_call(Image.new('RGB', size), 0)
        assert rrc_boxes(tfm, np.array([size]), np.random.default_rng(0))[0].tolist()==[*tfm.tl, *tfm.cp_size]

@pytest.mark.parametrize('tfms', [[Rotate()], [RandomResizedCrop(32), Rotate()], [FlipItem()], [Resize(32, ResizeMethod.Pad)],
    [RandomResizedCrop(32, resamples=(Image.NEAREST,)*2)]], ids=str)
def test_refused(images, tmp_path, tfms):
    with pytest.raises(InputError, match='classic_dls'): fast(images, tmp_path, item_tfms=tfms)

def test_at_once(images, tmp_path):
    "The code path for GPUs gives the batches of the CPU's"
    def batches(at_once):
        set_seed(3)
        dls = fast(images, tmp_path)
        if at_once: dls.train.store.copies[dls.device] = dls.train.store.pixels.view(-1, 3)
        return [*dls.train, *dls.train, *dls.valid]
    for (x,y),(x2,y2) in zip(batches(False), batches(True), strict=True): assert torch.equal(y, y2) and (x-x2).abs().max()<1.01/255/STD

def test_flips(images, tmp_path):
    "About half of the images are flipped, none if p is 0, none in validation"
    kept = fast(images, tmp_path).train.store
    sizes = kept.sizes[np.zeros(1000, int)]
    share = lambda p, train: CropBoxes([RandomResizedCrop(32), FlipItem(p)]).draw(sizes, np.random.default_rng(0), train)[1].mean()
    assert abs(share(.5, True)-.5)<.06 and share(0, True)==0 and share(.5, False)==0

def test_epoch_is_all(images, tmp_path):
    "Each image once per epoch"
    dl = fast(images, tmp_path, bs=5, drop_last=False).train
    assert sorted(torch.cat([y for _,y in dl]).tolist())==[0]*8+[1]*8+[2]*8

# ---- in a training

def net():
    "Convolution, batch norm and dropout"
    return nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3))

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
    "Random numbers drawn elsewhere change no batch"
    def batches(noise):
        set_seed(5)
        for x,y in fast(images, tmp_path).train:
            if noise: torch.rand(3), np.random.rand(), random.random()
            yield x,y
    for (x,y),(x2,y2) in zip(batches(False), batches(True)): assert torch.equal(x, x2) and torch.equal(y, y2)

@pytest.mark.parametrize('at', [1, 4, 6, 10])
def test_resume(images, tmp_path, at):
    "Killed at a batch and resumed: the weights of the uninterrupted training, to the last bit"
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
    "new, test_dl, get_preds, predict, show_results and export work as for any loaders"
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
    "The arguments of fastai's train_imagenette.py"
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
    with pytest.raises(InputError, match='1 of 24 images.*another version: train/a/zz.png'): make_labeller(fingerprint(root).train, 5)
    with pytest.raises(InputError, match='use the archive'): fast(images, tmp_path, noise=5)
