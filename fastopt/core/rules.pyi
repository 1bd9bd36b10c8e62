# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from typing import Any, TypeAlias
import fastopt.core.fastai_face
import fastopt.core.torch_face

__all__ = ['Finite', 'NonNeg', 'Pos', 'Unit', 'Share', 'Count', 'Steps', 'Flag', 'TERM_ARGS', 'HOST', 'RESERVED_NAMES', 'USUAL_HYPERS',
    'THEIRS', 'as_number', 'Range', 'OneOf', 'Whole', 'zeros', 'clone', 'Borrowed', 'Memo', 'Across', 'Term', 'term', 'decay', 'shrink',
    'descend', 'maximize', 'LazyDoc', 'Rule', 'Question', 'count_writes', 'ReadOnly', 'Route', 'matrices', 'route', 'ema_', 'ema_sqr_',
    'unbias', 'unbias_root', 'at_least', 'root', 'cond', 'larger', 'smaller', 'waits', 'number_of', 'beside', 'total', 'run_whole', 'each',
    'norm', 'mean', 'row_mean', 'reachable']

Finite: TypeAlias = float # in [-inf, inf]

NonNeg: TypeAlias = float # in [0, inf)

Pos: TypeAlias = float # in (0, inf)

Unit: TypeAlias = float # in [0, 1)

Share: TypeAlias = float # in [0, 1]

Count: TypeAlias = int # whole numbers in [1, inf)

Steps: TypeAlias = int # whole numbers in [0, inf)

Flag: TypeAlias = bool

TERM_ARGS: Any

HOST: Any

RESERVED_NAMES: Any

USUAL_HYPERS: Any

THEIRS: Any

def as_number(value: Any) -> Any:
    """The number `value` (Python, numpy or a tensor of one element) as a float; NaN if it is not a number, such as text or a list"""

class Range:
    """The range `lo` to `hi` of a hyper; `also` maps other spellings of the hyper to functions that convert them"""
    def __contains__(self, value: Any) -> Any: ...
    def __init__(self, lo: Any = ..., hi: Any = ..., ends: Any = '[]', whole: Any = False, also: Any = None) -> None: ...
    also: Any
    ends: Any
    hi: Any
    lo: Any
    whole: Any

class OneOf:
    """The `choices` of an option, which is fixed when the optimizer is made and never scheduled; `why` explains why there are no others"""
    def __contains__(self, value: Any) -> Any: ...
    def __init__(self, *choices: Any, why: Any = '') -> None: ...
    choices: Any
    why: Any

class Whole(OneOf):
    """An option that is a whole number of at least `lo`"""
    def __contains__(self, value: Any) -> Any: ...
    def __init__(self, lo: Any = 0) -> None: ...
    lo: Any

def zeros(p: Any) -> Any:
    """State like the weight `p` that begins with zeros"""

def clone(p: Any) -> Any:
    """State that begins as a copy of the weight `p`"""

class Borrowed:
    """Annotates state that an earlier term of the chain declares"""

class Memo:
    """Annotates plain numbers that a term remembers: a dict with attribute access that begins as `start` and that the term writes to"""
    def __init__(self, **start: Any) -> None: ...
    start: Any

class Across:
    """Annotates `n` numbers about all weights: `func` of the lists of tensors (split in any way), hypers and memos that it names. Where
    hypers differ between groups, they are those of the first group with a gradient"""
    def __init__(self, func: Any, n: Any = 1) -> None: ...
    def answer(self, tensors: Any, knobs: Any) -> Any:
        """The number that the function returns, or a list of `n` numbers; a function that writes to one of `tensors` raises an error"""
    f: Any
    given: Any
    knobs: Any
    memos: Any
    n: Any

class Term:
    """A map from one update to the next, `f(u, …)`, with `given`, `state`, `hypers` and `options` read from its signature"""
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __init__(self, func: Any) -> None: ...
    across: Any
    assigns: Any
    borrowed: Any
    docs: Any
    f: Any
    given: Any
    hypers: Any
    knobs: Any
    memos: Any
    options: Any
    ranges: Any
    state: Any

def term(func: Any) -> Term:
    """Turn the function `func` into a `Term`; use it as a decorator"""

decay: Term
"""Weight decay: $L_2$ before the first term with state, decoupled after it"""

shrink: Term
"""Decoupled weight decay for an update `u` that is already multiplied by `lr`"""

descend: Term
"""Turn a direction into a step by multiplying it by `lr`"""

maximize: Term
"""Maximize the loss by flipping the sign of the gradient"""

class LazyDoc:
    """A `__doc__` that the function `write` of the instance, or of `None` for the class itself, returns when somebody reads it"""
    def __init__(self, write: Any) -> None: ...
    write: Any

class Rule(Any):
    """An optimizer as a chain of `terms`: `u` starts as the gradient, and what the last term returns is subtracted from the weights"""
    def __call__(
        self,
        params: Any = None,
        lr: Any = None,
        how: Any = 'auto',
        lowp: Any = 'plain',
        skip_nonfinite: Any = False,
        state_dtype: Any = None,
        capturable: Any = False,
        **hypers: Any,
    ) -> fastopt.core.fastai_face.FastOptimizer:
        """Make a fastai optimizer that runs this rule on `params`"""
    def __init__(self, *terms: Any, doc: Any = '', paper: Any = (), code: Any = '', **defaults: Any) -> None: ...
    def __iter__(self) -> Any: ...
    def about(self, called: Any = ...) -> Any:
        """The help text: the idea, a table of hypers and options, and the sources"""
    across_names: Any
    def apply(self, p: Any, g: Any, state: Any, hyper: Any) -> Any:
        """The update that `run` returns if `p` is the only weight"""
    @property
    def chain(self) -> Any:
        """The names of the terms, in order"""
    def check(self, name: Any, value: Any, called: Any = None) -> Any:
        """Raise `ValueError` unless `value` is in the range of `name`, which the user knows as `called`"""
    def check_given_once(self, given: Any, keys: Any = ...) -> Any:
        """Raise `TypeError` if two names in `given` set one hyper; `keys` has the names of PyTorch's classes: dict of name to hyper or hypers"""
    @property
    def core(self) -> Any:
        """The terms without decay and descent"""
    defaults: Any
    docs: Any
    @property
    def elementwise(self) -> Any:
        """Can tensors be split anywhere, because no term needs a whole row or tensor?"""
    def hyper_of(self, p: Any, hyper: Any) -> Any:
        """The part of the dict `hyper` for the rule that trains the weight `p`: all of it, unless this is a `Route`"""
    hypers: Any
    info: Any
    @property
    def kernel(self) -> Any:
        """The source of the kernels of this rule in Triton, see `kernel_source`"""
    @property
    def knobs(self) -> Any:
        """All hypers and options with their defaults, `lr` first"""
    learnt: Any
    manner: Any
    memos: Any
    @property
    def named(self) -> Any:
        """The variable of its module that holds this rule, or `None`"""
    def number(self, name: Any, value: Any, called: Any = None) -> Any:
        """The `value` of the hyper `name` as an int or a float, checked"""
    options: Any
    def path_of(self, p: Any) -> Any:
        """The branches that lead from this rule to the one that trains the weight `p`: none, unless this is a `Route`"""
    ranges: Any
    def resolve_hypers(self, given: Any, called: Any = ...) -> Any:
        """All hypers and all options with the user's `given` values, checked; `called` holds the names that the user knows hypers by"""
    @property
    def row_by_row(self) -> Any:
        """Can tensors be split between rows, because no term needs more than whole rows?"""
    def rule_of(self, p: Any) -> Any:
        """The rule that trains the weight `p`: this one, unless this is a `Route`"""
    def run(self, p: Any, g: Any, state: Any, hyper: Any) -> Any:
        """A generator that yields each `Question` about all weights and returns the update, which is to be subtracted from `p`"""
    def select_variant(self, given: Any) -> Any:
        """The rule that the user's arguments `given` ask for, and the arguments that are left for it"""
    @property
    def spellings(self) -> Any:
        """Other spellings of hypers: dict of name to (hyper, conversion)"""
    def starts(self, knobs: Any) -> Any:
        """For each state, the function of a weight that makes it; its keywords are bound to those values that the dict `knobs` has"""
    state: Any
    terms: Any
    def torch(self, name: Any, **keys: Any) -> type[fastopt.core.torch_face.TorchOptimizer]:
        """Make a subclass of `torch.optim.Optimizer` called `name` that runs this rule; `keys` rename its hypers. The name of the class's
        argument comes first: `beta1='mom'`, or `etas=('drop', 'grow')` for an argument with several hypers"""
    def translate(self, name: Any, value: Any) -> Any:
        """The hyper that `name=value` stands for, and its value"""
    def unknown(self, name: Any) -> Any:
        """The error message for a hyper or option `name` that this rule does not have"""
    variants: Any

class Question(tuple):
    """A number about all weights that a rule needs; its generator yields this and is sent the answer"""
    across: Any
    knobs: Any
    tensors: Any

def count_writes(tensor: Any) -> Any:
    """How often the `tensor` has been written to, or `None` if PyTorch does not count"""

class ReadOnly(TypeError):
    """Raised by the stand-in `what` for a tensor when a term tries to write to it"""
    def __init__(self, what: Any) -> None: ...
    what: Any

class Route(Rule):
    """Weights for which `predicate` holds are trained by `one`, the rest by `other`"""
    def __init__(
        self,
        predicate: Any,
        one: Any,
        other: Any,
        defaults: Any,
        doc: Any = '',
        **sources: Any,
    ) -> None: ...
    @property
    def chain(self) -> Any:
        """The chains of both rules"""
    @property
    def core(self) -> Any:
        """A route has no chain to borrow terms from; reading this raises `TypeError`, which says so"""
    defaults: Any
    docs: Any
    def fits(self, p: Any) -> Any:
        """Does `one` train the weight `p`?"""
    def hyper_of(self, p: Any, hyper: Any) -> Any:
        """The part of the dict `hyper` for the rule that trains `p`, in its own names; the other rule's rate is `lr` times `lr_ratio`"""
    learnt: Any
    names: Any
    one: Any
    other: Any
    def path_of(self, p: Any) -> Any:
        """The branches that lead to the rule that trains the weight `p`, as booleans: `True` where `one` trains it"""
    predicate: Any
    def rule_of(self, p: Any) -> Any:
        """The rule that trains the weight `p`, which is no `Route`"""
    terms: Any

def matrices(p: Any) -> Any:
    """Does the weight `p` have two or more dimensions? Convolution kernels do"""

def route(
    predicate: Any,
    one: Any,
    other: Any,
    doc: Any = '',
    paper: Any = (),
    code: Any = '',
    **defaults: Any,
) -> Rule:
    """Return a rule that trains the weights for which `predicate` holds by `one` and the rest by `other`"""

def ema_(avg: Any, x: Any, β: Any) -> Any:
    """Update the moving average `avg` of `x` in place, with decay rate `β`"""

def ema_sqr_(avg: Any, x: Any, β: Any) -> Any:
    """Update the moving average `avg` of the squares of `x` in place; only (1-`β`)·`x`² must fit into the dtype, not `x`² itself"""

def unbias(avg: Any, β: Any, t: Any) -> Any:
    """The moving average `avg` after `t` steps, corrected for its start at zero"""

def unbias_root(avg: Any, β: Any, t: Any) -> Any:
    """The root of `unbias(avg, β, t)`, which may fit into the dtype even if its square does not"""

def at_least(x: Any, least: Any) -> Any:
    """`x`, or `least` where `x` is smaller or NaN, like `max(least, x)` of plain numbers"""

def root(x: Any) -> Any:
    """The square root of `x`, which may be a number, a tensor or a symbol that stands for a number"""

def cond(pred: Any, then: Any, other: Any) -> Any:
    """`then` if `pred` holds, else `other`; functions are called, and only the chosen one if `pred` is a plain condition"""

def larger(a: Any, b: Any) -> Any:
    """The larger of `a` and `b`, which may be symbols that stand for numbers, as `max(a, b)`"""

def smaller(a: Any, b: Any) -> Any:
    """The smaller of `a` and `b`, which may be symbols that stand for numbers, as `min(a, b)`"""

def waits(device: Any) -> Any:
    """Would the host have to wait for a number on `device`? Such a device keeps the number and computes with it in float64"""

def number_of(value: Any) -> Any:
    """The number in the tensor `value`: a plain number, or a float64 tensor on a device that `waits`; numbers become floats"""

def beside(value: Any, tensor: Any) -> Any:
    """The number `value`, or each in the list `value`, on the device of `tensor` if it is a tensor"""

def total(func: Any, tensors: Any) -> Any:
    """The sum of `func(tensor)` over the `tensors`, in the form of `number_of`, on the device of the first"""

def run_whole(func: Any, args: Any, kwargs: Any) -> Any:
    """Call `func`, which is marked `each`, with tensors"""

def each(func: Any = None, *, rows: Any = False, narrow: Any = False, batched: Any = False) -> Any:
    """Mark `func` as needing whole tensors, or whole `rows`; tensor-like arguments decide by their method `each` how to run it"""

def norm(x: Any) -> Any:
    """The $L_2$ norm of the whole tensor `x`, as a tensor without dimensions"""

def mean(x: Any) -> Any:
    """The mean of the whole tensor `x`, as a tensor without dimensions"""

def row_mean(x: Any, above: Any = 1) -> Any:
    """The mean over all dimensions but the first, with `keepdim`, if `x` has more than `above` dimensions; otherwise 0"""

def reachable(func: Any, seen: Any = None) -> Any:
    """The set of the term or function `func` and what it may call, without what libraries and functions marked `each` call"""
