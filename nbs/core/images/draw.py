"Draws the picture at the head of each notebook of the core, as SVG beside this file: python nbs/core/images/draw.py"
from html import escape
from pathlib import Path

WIDTH,LEFT,COL,GAP = 844,96,118,6 # The names of the lanes are to the left of the six columns
INK,DIM,LINE = '#1b1f24','#6a7179','#c3c9cf'
HOT,EDGE,PALE = '#ffe3a8','#c77700','#f3f5f7' # The subject of a notebook, its border, and everything else

STAGES = dict(gradient='from backward', terms='the equations', program='nodes, numbers', phases='one kernel each', kernel='compiled',
    weights='p ← p − u')
TRACE = dict(gradient=('ln 3', '−ln 9'), terms=('u = 0.075', '−0.090'), program=('22 nodes', '9 numbers'), phases=('1 phase', '17 nodes'),
    kernel=('reads 5', 'writes 4'), weights=('0.925', '−1.910'))
LANES = dict(step='one step', batch='a batch', opt='an optimizer', process='a process', disk='on disk')

THINGS = {}

def lives(name, lane, first, columns, *lines):
    "Add the thing `name` to `lane`, which says how long it lives, with `lines` of text over `columns` from the `first` one on"
    THINGS[name] = lane,first,columns,lines

lives('grad', 'step', 0, 1, 'p.grad')
lives('u', 'step', 1, 1, 'u, temporaries', 'of eager, foreach')
lives('prog', 'step', 2, 1, 'Program', 'of symbols')
lives('temps', 'step', 3, 1, 'temporaries', 'between phases')
lives('consts', 'step', 4, 1, 'c0, c1, … by', 'set; address of g')
lives('question', 'step', 5, 1, 'Questions', 'about all weights')
lives('batch', 'batch', 0, 2, 'Batch: weights of one rule,', 'dtype and device; addresses')
lives('plan', 'batch', 3, 1, 'Plan', 'of a program')
lives('launcher', 'batch', 4, 1, 'Launcher:', 'addresses, sizes')
lives('groups', 'opt', 0, 2, 'groups: weights and', 'their lr, mom, wd')
lives('engine', 'opt', 2, 2, 'Engine: batches,', 'options, how, lowp')
lives('state', 'opt', 4, 1, 'state: step,', 'm, v, prev')
lives('p', 'opt', 5, 1, 'p', '(with the model)')
lives('rule', 'process', 0, 2, 'Rule and its Terms: names of', 'hypers and state, ranges')
lives('func', 'process', 4, 1, 'the compiled', 'function')
lives('ckpt', 'disk', 0, 3, 'checkpoint: state, hypers,', 'a label with the chain of terms')
lives('checked', 'disk', 3, 1, 'replayed.json:', 'test results')
lives('lib', 'disk', 4, 1, 'cached kernel,', 'by its hash')

PICTURES = {}

def about(name, title, stages, things, *notes, face=False, direct=False):
    "Add a picture that highlights `stages` and `things` (words in a string), the face, and the direct path; `notes` go below"
    PICTURES[name] = title,stages.split(),things.split(),notes,face,direct

about('tour', 'The core: from a gradient to new weights', ' '.join(STAGES), ' '.join(THINGS),
    'The numbers in italics follow one step of diffgrad, with lr=0.1 on the weights 1 and −2, from stage to stage.',
    'Memory: for each weight, fused reads 5 numbers (p, g, m, v, prev) and writes 4 (p, m, v, prev).', face=True, direct=True)
about('rules', 'Rules: only the maths', 'terms', 'rule',
    'A rule is made once and used by every optimizer, engine and face. It holds no tensors; it only declares which state is needed.',
    'Memory: a term may write to its own state in place (m, v, prev), but never to u, g or p.')
about('memory', 'Memory: where tensors are, and whether that has changed', 'gradient weights', 'batch grad state p',
    'A batch keeps the addresses, shapes and strides of p, g and all state, and compares them at each step before anything is written.',
    'Memory: no elements are read or written here, only the descriptions of tensors.')
about('memory_reader', 'Memory reader: all tensors of a list in one call', 'gradient kernel weights', 'batch grad state p',
    'It is compiled with the kernels of a batch, and inspects each tensor of the batch at each step before anything is written.',
    'Memory: no elements are read or written here. The description of a tensor is in its object; the objects are read one by one.')
about('engine', 'Engines: which weights step together, and how', 'gradient terms weights', 'grad u question batch engine state p',
    'The engine makes state at the first step with a gradient, and keeps a batch until something about its weights changes.',
    'Memory: in eager and foreach, each operation reads its arguments and writes a temporary; foreach works in pieces of 2 MiB.',
    direct=True)
about('program', 'Program: a recorded rule', 'program phases', 'prog consts',
    'Each step is recorded, once for all sets of numbers, because numbers change. The nodes stay the same, so kernels are reused.',
    'Memory: no tensors are read or written. A symbol stands for a tensor, and an operation on it is a node in a list.')
about('fused', 'Fused: the phases of a program on a batch', 'phases kernel weights', 'temps consts question plan state p',
    'A plan is made at the first step of a program on a batch. Later steps pass new numbers and addresses to the same kernels.',
    'Memory: each phase reads its columns once and writes its results once. There are temporaries only between phases.')
about('capture', 'Capture: a step that a graph can replay', 'program kernel weights', 'consts plan state p',
    'Hypers and counts of steps are on the GPU, where one small kernel computes the numbers. A replay runs the kernels but no Python.',
    'Memory: that kernel reads and writes a few dozen numbers. The others read and write the same as without a graph.')
about('groups', 'Groups: what a user may set, and under which names', '', 'groups rule',
    'fastai and PyTorch use different names for hypers. A group keeps those of its library; the engine receives the names of the rule.',
    'Memory: no tensors are read or written. A group lists its weights and holds a handful of numbers.', face=True)
about('checkpoints', 'Checkpoints: what is saved to disk', '', 'groups state ckpt',
    'A checkpoint holds state and hypers, and names the rule that wrote it. Programs, plans and kernels are made again, not saved.',
    'Memory: saving returns the state itself. Loading checks all of it first, and then copies it.', face=True)
about('fastai_face', 'The face for fastai: a rule is an opt_func', '', 'groups engine state rule',
    'FastOptimizer is fastai’s Optimizer with an engine inside. It lives as long as its Learner, or until a fit resets it.',
    'Memory: the face reads and writes no tensors. zero_grad sets gradients to None and does not fill them with zeros.', face=True)
about('torch_face', 'The face for PyTorch: a class for each rule', '', 'groups engine state rule',
    'DiffGrad(model.parameters()) is a torch.optim.Optimizer with an engine inside. Class and rule live as long as the process.',
    'Memory: the face reads and writes no tensors. State is in opt.state, weight by weight, as PyTorch’s users expect.', face=True)
about('trial', 'A step that leaves no trace', 'weights', 'groups engine state p',
    'A copy of the engine makes the step with a copy of the state. Both live until the step is made and the weights are restored.',
    'Memory: as much again as weights and state, plus the updates. The optimizer’s own state is only read.', face=True)
about('registry', 'Registry: every rule on one page', 'terms', 'rule checked',
    'The table is made from the rules on request. No step depends on it.',
    'Memory: the state of one weight is made to count what each rule keeps, for diffgrad 3 numbers per weight.')
about('base', 'What all backends share: from a phase to a kernel', 'phases kernel', 'consts launcher',
    'A phase becomes source code once, when its kernel is built. A launcher keeps tables of addresses as long as its batch holds.',
    'Memory: a launch needs one address for each weight and column. Only those of gradients and temporaries change.')
about('cache', 'The cache: compiled kernels on disk', 'kernel', 'func lib',
    'The name of a cached kernel has hashes of its source and of its bytes. The folder may be deleted at any time.',
    'Memory: one file of about 16 kB per kernel, read once per process.')
about('blocks', 'Blocks: a program as calls of PyTorch’s own functions', 'program weights', 'prog consts batch state p',
    'The calls are planned once per program. At each step all calls are made on one block of every tensor before the next block.',
    'Memory: each call is a pass over its block, which stays in the cache until all calls on it are done.', direct=True)
about('cpp', 'C++: the kernel on a CPU', 'kernel weights', 'consts launcher func lib state p',
    'The source is compiled once per machine and loaded once per process. A step is one foreign call for all tensors of a batch.',
    'Memory: blocks of 16,384 elements are distributed to the threads. Each element of a column is read once and written once.')
about('triton', 'Triton: the kernel on a GPU', 'kernel weights', 'consts launcher func state p',
    'Triton compiles the source once and keeps the kernel in its own cache. The tables are on the device; new addresses are sent.',
    'Memory: blocks of 1,024 elements, accesses of 16 bytes if all addresses are aligned, and 8 bytes per block for each sum.')
about('inductor', 'Inductor: the kernel on all other devices', 'kernel weights', 'consts func state p',
    'torch.compile compiles the source once per process and keeps kernels in its own cache. A step is one call for each weight.',
    'Memory: flat views of the same columns. All columns are read before any is written.')
about('numba', 'Numba: the kernel without a C++ compiler', 'kernel weights', 'consts launcher func lib state p',
    'Numba compiles the source once per machine, and each process loads it once. A step calls the kernel once in each thread.',
    'Memory: the same blocks and addresses as in C++. A cached kernel takes about 45 kB.')

def text(x, y, s, size=13, colour=INK, anchor='middle', more=''):
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" {more}>{escape(s)}</text>'

def left(y, s, more=''):
    "The name of a row, to the left of the columns"
    return text(LEFT-6, y, s, 13, INK, 'end', more)

def box(x, y, w, h, hot, lines, size=13, more=''):
    "A box with `lines` of centred text"
    fill,edge,ink = (HOT, EDGE, INK) if hot else (PALE, LINE, DIM)
    top = y + h/2 + size*0.36 - (len(lines)-1)*(size+3)/2
    return ''.join([f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="5" fill="{fill}" stroke="{edge}"/>',
        *(text(x+w/2, top + i*(size+3), s, size, ink, more=more) for i,s in enumerate(lines))])

def arrow(path, hot):
    return f'<path d="{path}" fill="none" stroke="{EDGE if hot else DIM}" stroke-width="1.6" marker-end="url(#{"hot" if hot else "dim"})"/>'

def head(k, colour):
    "The marker of an arrow's head"
    frame = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return f'<marker id="{k}" {frame}><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'

def across(i, n=1):
    "Left edge and width of `n` columns from column `i` on"
    return LEFT + i*(COL+GAP),n*COL + (n-1)*GAP

def chain(hot, direct, y):
    "The six stages with arrows, the numbers of the trace below them, and the path of eager and foreach above"
    parts,names = [],[*STAGES]
    for i,s in enumerate(names):
        (x,w),ink = across(i),INK if s in hot else DIM
        parts += [box(x+6, y, w-12, 48, s in hot, [s], 15, 'font-weight="bold" dy="-7"'), text(x+w/2, y+39, STAGES[s], 12, ink)]
        parts += [text(x+w/2, y+67 + 16*j, o, 13, ink, more='font-style="italic"') for j,o in enumerate(TRACE[s])]
        if i<5: parts.append(arrow(f'M{x+w-6:g} {y+24} h11', s in hot and names[i+1] in hot))
    a,b = [x + w/2 for x,w in (across(1), across(5))]
    said = 'eager and foreach: directly to the weights, with PyTorch’s own functions'
    return parts + [arrow(f'M{a:g} {y} v-15 h{b-a:g} v11', direct), text((a+b)/2, y-20, said, 12, INK if direct else DIM)]

def lanes(things, y):
    "The things in lanes, one lane for each lifetime"
    parts,top = [],{s: y + 46*i for i,s in enumerate(LANES)}
    for s,t in top.items(): parts += [f'<line x1="8" x2="{WIDTH-8}" y1="{t-4}" y2="{t-4}" stroke="{LINE}"/>', left(t+23, LANES[s])]
    for k,(s,i,n,lines) in THINGS.items():
        x,w = across(i, n)
        parts.append(box(x+2, top[s], w-4, 38, k in things, lines, 12))
    return parts

def picture(title, hot, things, notes, face, direct):
    "One picture as SVG"
    bold,bottom = 'font-weight="bold"',234 + 46*len(LANES)
    height = bottom + 18 + 20*len(notes)
    calls = 'a face for fastai or PyTorch calls Engine.step with groups of weights and hypers'
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="DejaVu Sans, Verdana, Arial, sans-serif">']
    parts += [f'<title>{escape(title)}</title>', f'<defs>{head("hot", EDGE)}{head("dim", DIM)}</defs>']
    parts += [f'<rect width="{WIDTH}" height="{height}" rx="8" fill="white"/>', text(WIDTH/2, 28, title, 17, more=bold)]
    parts += [box(LEFT+6, 42, across(0, 6)[1]-12, 26, face, [calls])]
    parts += [left(130, 'stage', bold), left(179, 'the trace'), left(224, 'lives for', bold)]
    notes = [text(WIDTH/2, bottom+18 + 20*i, o, 12.5) for i,o in enumerate(notes)]
    return '\n'.join([*parts, *chain(hot, direct, 112), *lanes(things, 234), *notes, '</svg>', ''])

if __name__ == '__main__':
    for k,o in PICTURES.items(): Path(__file__).with_name(f'{k}.svg').write_text(picture(*o), encoding='utf-8')
