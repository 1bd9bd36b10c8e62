# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from typing import Any
import fastai.optimizer

__all__ = ['FASTAI_HYPERS', 'Hypers', 'scaler_says', 'disable_tracing', 'FastOptimizer', 'LiveGroup', 'stepper']

FASTAI_HYPERS: Any

class Hypers(dict):
    """The hypers of a group; those of `FASTAI_HYPERS` that the rule lacks are NaN, for callbacks that record what they have set"""

def scaler_says(opt: Any) -> Any:
    """What a `GradScaler` has set on the optimizer `opt`: `grad_scale`, by which gradients are divided, and `found_inf`; `None` if not set"""

def disable_tracing(method: Any) -> Any:
    """Turn the `method` into one that `torch.compile` calls instead of tracing it; use it as a decorator"""

class FastOptimizer(fastai.optimizer.Optimizer):
    """A fastai `Optimizer` that runs `rule`"""
    def __init__(
        self,
        params: Any,
        rule: Any,
        how: Any = 'auto',
        lowp: Any = 'plain',
        skip_nonfinite: Any = False,
        state_dtype: Any = None,
        capturable: Any = False,
        **hypers: Any,
    ) -> None: ...
    engine: Any
    def eval(self) -> Any:
        """Replace the weights by the average, if the rule keeps one"""
    def for_engine(self) -> Any:
        """The list of (weights, hypers) of all groups and the dict from weights to their states, as the engine takes them"""
    freeze_called: Any
    def freeze_to(self, n: Any) -> Any:
        """Freeze the first `n` groups, and remember that the user chose this"""
    frozen_idx: Any
    hypers: Any
    def load_state_dict(self, sd: Any) -> Any:
        """Load the state dict `sd` after checking all of it; if it does not fit, raise an error and change nothing"""
    looked: Any
    param_groups: Any
    param_lists: Any
    def refresh(self) -> Any:
        """Send changed hypers to the GPU, where a captured step reads them"""
    rule: Any
    def set_hyper(self, k: Any, v: Any) -> Any:
        """Set the hyper `k` to `v` in all groups, or to one entry of a list `v` per group, or spread the slice `v` over the groups"""
    @property
    def skipped(self) -> Any:
        """The number of steps that were skipped because a gradient was not finite; always 0 without `skip_nonfinite`"""
    state: Any
    def state_dict(self) -> Any:
        """State, hypers and the frozen index, with a label that names the rule"""
    def step(self, closure: Any = None) -> Any:
        """Make one step, after `closure` if there is one, whose loss is returned; gradients that are not finite may make it skip the step"""
    def train(self) -> Any:
        """Restore the trained weights after `eval`"""
    def updates(self, **hypers: Any) -> dict:
        """What `step` would add to each weight, without changing weights, state or random numbers"""
    warned: Any
    def write(self, groups: Any) -> Any:
        """Write `groups`, a dict of group index to a dict of `params`, hypers and other keys; if one is invalid, raise and write nothing"""
    def zero_grad(self) -> Any:
        """Set the gradients of all weights to `None`"""

class LiveGroup(dict):
    """A writable view of the group `i` of the optimizer `opt`, with `params` and the hypers"""
    def __init__(self, opt: Any, i: Any) -> None: ...
    def __setitem__(self, k: Any, v: Any) -> Any: ...
    i: Any
    opt: Any
    def setdefault(self, k: Any, v: Any = None) -> Any:
        """The value of the key `k`, which is written to the optimizer as `v` first if there is none"""
    def update(self, *args: Any, **kwargs: Any) -> Any:
        """Write hypers or `params` to the optimizer, and to this dict; if one is invalid, it raises and writes nothing"""

def stepper(rule: Any, how: Any = 'eager', **hypers: Any) -> Any:
    """Make a callback for fastai's `Optimizer` that runs `rule`"""
