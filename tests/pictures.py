"Small random data sets of images"
from PIL import Image
import numpy as np

def paint(path, n=8, classes=('blue','red'), parts=('train','val'), size=12):
    "A tree of noisy images whose colour shows the class, with `n` of each class in each of `parts`"
    rng = np.random.default_rng(0)
    for part in parts:
        for k,c in enumerate(classes):
            (path/part/c).mkdir(parents=True)
            for i in range(n):
                a = rng.integers(0, 90, (size,size,3))
                a[...,k%3] += 160
                Image.fromarray(a.astype('uint8')).save(path/part/c/f'{i}.png')
    return path

SIZES = [(64,48), (48,64), (56,56), (90,40)]

def draw_edges(root):
    "Three classes of eight images in four shapes, full of edges, and four each for validation"
    rng = np.random.default_rng(0)
    for split,n in (('train',8), ('val',4)):
        for c in 'abc':
            (root/split/c).mkdir(parents=True)
            for i in range(n):
                w,h = SIZES[i%4]
                Image.fromarray(rng.integers(0, 256, (h,w,3), dtype=np.uint8)).save(root/split/c/f'{c}{i}.png')
    return root
