# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from typing import Any, TypeAlias
import fastopt.core.fastai_face
import fastopt.core.torch_face

__all__ = ['Finite', 'NonNeg', 'Pos', 'Unit', 'Share', 'Count', 'Steps', 'Flag', 'TERM_ARGS', 'HOST', 'RESERVED', 'THEIRS', 'as_number',
    'Range', 'OneOf', 'Whole', 'zeros', 'clone', 'Borrowed', 'Memo', 'Across', 'Term', 'term', 'decay', 'shrink', 'descend', 'maximize',
    'Rule', 'Question', 'Route', 'matrices', 'route', 'ema_', 'ema_sqr_', 'unbias', 'unbias_root', 'at_least', 'root', 'cond', 'larger',
    'smaller', 'waits', 'number_of', 'each', 'norm', 'mean', 'row_mean']

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

RESERVED: Any

THEIRS: Any

def as_number(x: Any) -> Any:
    """What Python, numpy or a tensor of one element have as a number, as a float; NaN if `x` is none, as text and lists are"""

class Range:
    """The numbers from `lo` to `hi` that a hyper may be; `also` maps other spellings of the hyper to a function that converts them"""
    def __contains__(self, x: Any) -> Any: ...
    def __init__(self, lo: Any = ..., hi: Any = ..., ends: Any = '[]', whole: Any = False, also: Any = None) -> None: ...
    also: Any
    ends: Any
    hi: Any
    lo: Any
    whole: Any

class OneOf:
    """The `choices` of an option: fixed when the optimizer is made, never scheduled; `why` says why there are no others"""
    def __contains__(self, x: Any) -> Any: ...
    def __init__(self, *choices: Any, why: Any = '') -> None: ...
    choices: Any
    why: Any

class Whole(OneOf):
    """An option that is a whole number, at least `lo`"""
    def __contains__(self, x: Any) -> Any: ...
    def __init__(self, lo: Any = 0) -> None: ...
    lo: Any

def zeros(p: Any) -> Any: ...

def clone(p: Any) -> Any: ...

class Borrowed:
    """Annotates state that an earlier term of the chain declares"""

class Memo:
    """Annotates plain numbers that a term remembers: `start`, handed in as a dict with attributes, written to by the term"""
    def __init__(self, **start: Any) -> None: ...
    start: Any

class Across:
    """Annotates `n` numbers about all weights, `f` of the lists of tensors (in any cutting) and of the hypers and memos it names"""
    def __init__(self, f: Any, n: Any = 1) -> None: ...
    f: Any
    given: Any
    knobs: Any
    memos: Any
    n: Any

class Term:
    """An update's map to the next one, `f(u, …)`, with `given`, `state`, `hypers` and `options` read from its signature"""
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __init__(self, f: Any) -> None: ...
    across: Any
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

def term(f: Any) -> Term:
    """Make `f` a `Term`"""

decay: Term
"""Weight decay: $L_2$ before the first term with state, decoupled after it"""

shrink: Term
"""Decoupled weight decay for a `u` that `lr` is already part of"""

descend: Term
"""A direction becomes a step of length `lr`"""

maximize: Term
"""Climb instead: turn the gradient round"""

class Rule(Any):
    """`terms` in order: `u` starts as the gradient and ends as what is subtracted from the weights"""
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
        """The fastai optimizer that runs this rule on `params`"""
    def __init__(self, *terms: Any, doc: Any = '', paper: Any = (), code: Any = '', **defaults: Any) -> None: ...
    def __iter__(self) -> Any: ...
    def about(self, called: Any = ...) -> Any:
        """The idea, a table of hypers and options, and where they come from"""
    def apply(self, p: Any, g: Any, state: Any, hyper: Any) -> Any:
        """The update that `run` returns, where `p` is all the weights there are"""
    asked: Any
    @property
    def chain(self) -> Any:
        """The names of the terms, in order"""
    def check(self, name: Any, value: Any, called: Any = None) -> Any:
        """Raise `ValueError` unless `value` is in the range of `name`, which the user knows as `called`"""
    def chosen(self, given: Any) -> Any:
        """The rule that the user's `given` asks for, and what of it that rule has to be told"""
    @property
    def core(self) -> Any:
        """The terms without decay and descent"""
    defaults: Any
    docs: Any
    @property
    def elementwise(self) -> Any:
        """Does no term need a whole tensor?"""
    def hyper_of(self, p: Any, hyper: Any) -> Any:
        """What of the dict `hyper` concerns the rule that trains the weight `p`: all, see `Route`"""
    hypers: Any
    @property
    def kernel(self) -> Any: ...
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
        """The turns that the weight `p` takes on its way to its rule: none, see `Route`"""
    ranges: Any
    @property
    def row_by_row(self) -> Any:
        """Does no term need more of a tensor than whole rows?"""
    def rule_of(self, p: Any) -> Any:
        """The rule that trains the weight `p`: this one, see `Route`"""
    def run(self, p: Any, g: Any, state: Any, hyper: Any) -> Any:
        """Yields each `Question` about all weights; returns the update: what is to be subtracted from `p`"""
    def settle(self, given: Any, called: Any = ...) -> Any:
        """All hypers and all options, after the user's `given` ones, checked; who knows hypers by other names has them in `called`"""
    @property
    def spellings(self) -> Any:
        """Other spellings of hypers: dict of name to (hyper, conversion)"""
    def starts(self, knobs: Any) -> Any:
        """For each state the function of a weight that makes it; one with keywords is told those that the dict `knobs` has"""
    state: Any
    terms: Any
    told: Any
    def torch(self, name: Any, **keys: Any) -> type[fastopt.core.torch_face.TorchOptimizer]:
        """The subclass of `torch.optim.Optimizer` that runs this rule, called `name`; `keys` name its hypers, as `etas=('drop', 'grow')`"""
    def translate(self, name: Any, value: Any) -> Any:
        """The hyper, and its value, that `name=value` spells"""
    def unknown(self, name: Any) -> Any:
        """The message for a hyper or option called `name`, which this rule does not have"""
    variants: Any

class Question(tuple):
    """What a rule wants to know about all weights, which its generator yields and is sent the answer to"""
    across: Any
    knobs: Any
    tensors: Any

class Route(Rule):
    """Weights for which `predicate` holds are trained by `one`, the rest by `other`"""
    def __init__(
        self,
        predicate: Any,
        one: Any,
        other: Any,
        defaults: Any,
        doc: Any = '',
        **told: Any,
    ) -> None: ...
    @property
    def chain(self) -> Any:
        """The chains of both rules"""
    @property
    def core(self) -> Any: ...
    defaults: Any
    def hyper_of(self, p: Any, hyper: Any) -> Any: ...
    learnt: Any
    names: Any
    one: Any
    other: Any
    def path_of(self, p: Any) -> Any: ...
    predicate: Any
    def rule_of(self, p: Any) -> Any: ...
    terms: Any

def matrices(p: Any) -> Any:
    """Does the weight `p` have rows and columns? Kernels of convolutions do"""

def route(
    predicate: Any,
    one: Any,
    other: Any,
    doc: Any = '',
    paper: Any = (),
    code: Any = '',
    **defaults: Any,
) -> Rule:
    """The rule that trains some weights by `one` and the rest by the `other`"""

def ema_(avg: Any, x: Any, β: Any) -> Any:
    """In place: `avg` forgets at rate `β` and learns `x`"""

def ema_sqr_(avg: Any, x: Any, β: Any) -> Any:
    """In place: `avg` forgets at rate `β` and learns the square of `x`, of which only its share must not be too large for the dtype"""

def unbias(avg: Any, β: Any, t: Any) -> Any:
    """`avg` after `t` steps, as if it had not started from zero"""

def unbias_root(avg: Any, β: Any, t: Any) -> Any:
    """The root of `unbias(avg, β, t)`, also where only the root is not too large for the dtype"""

def at_least(x: Any, least: Any) -> Any:
    """`x`, or `least` where `x` is less or NaN, as `max(least, x)` of numbers is"""

def root(x: Any) -> Any:
    """The square root of the number `x`, or of what stands for one"""

def cond(pred: Any, then: Any, other: Any) -> Any:
    """`then` if `pred` holds, else `other`; of a function what it returns"""

def larger(a: Any, b: Any) -> Any:
    """The larger of the numbers `a` and `b`, or of what stands for them, as `max` has it"""

def smaller(a: Any, b: Any) -> Any:
    """The smaller of the numbers `a` and `b`, or of what stands for them, as `min` has it"""

def waits(device: Any) -> Any:
    """Must the host wait for a number on `device`, which can go on with it itself in float64?"""

def number_of(x: Any) -> Any:
    """The number in the tensor `x`: plain, or in float64 on a device that `waits`; plain numbers stay as they are"""

def each(f: Any = None, *, rows: Any = False, batched: Any = False) -> Any:
    """Mark `f` as needing whole tensors, or whole `rows`: stand-ins for tensors decide by their method `each` how to run it"""

def norm(x: Any) -> Any:
    """The length ($L_2$ norm) of the whole tensor `x`: a tensor without dimensions"""

def mean(x: Any) -> Any:
    """The mean of the whole tensor `x`: a tensor without dimensions"""

def row_mean(x: Any, above: Any = 1) -> Any:
    """The mean over all dimensions but the first, which are kept, if `x` has more than `above`; else 0"""
