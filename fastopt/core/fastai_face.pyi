# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from typing import Any
import fastai.optimizer

__all__ = ['FASTAI_HYPERS', 'Hypers', 'scaler_says', 'FastOptimizer', 'LiveGroup', 'stepper']

FASTAI_HYPERS: Any

class Hypers(dict):
    """The hypers of a group; those of `FASTAI_HYPERS` that the rule lacks read as NaN, for callbacks that record what they have set"""

def scaler_says(opt: Any) -> Any:
    """What a `GradScaler` has given to the optimizer `opt`, if that can make use of it: what gradients are divided by, and whether to skip"""

class FastOptimizer(fastai.optimizer.Optimizer):
    """fastai's `Optimizer` running `rule`"""
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
    chosen: Any
    engine: Any
    def eval(self) -> Any:
        """Replace the weights by the average, if the rule keeps one"""
    def for_engine(self) -> Any: ...
    def freeze_to(self, n: Any) -> Any: ...
    frozen_idx: Any
    hypers: Any
    def load_state_dict(self, sd: Any) -> Any: ...
    looked: Any
    param_groups: Any
    param_lists: Any
    def refresh(self) -> Any:
        """Send hypers that have changed to the GPU, where a step that was captured reads them"""
    rule: Any
    def set_hyper(self, k: Any, v: Any) -> Any:
        """Set the hyper `k` of all groups to `v`, or of each to its own of a list, or spread the slice `v` over them"""
    @property
    def skipped(self) -> Any: ...
    state: Any
    def state_dict(self) -> Any: ...
    def step(self, closure: Any = None) -> Any: ...
    def train(self) -> Any:
        """Restore the trained weights after `eval`"""
    def updates(self, **hypers: Any) -> dict:
        """What `step` would add to each weight; afterwards all is as it was, to the bit"""
    warned: Any
    def write(self, groups: Any) -> Any:
        """Write what `groups` says, a dict of group number to dict of `params`, hypers and other keys, or raise and write nothing"""
    def zero_grad(self) -> Any: ...

class LiveGroup(dict):
    """A view of the group `i` of the optimizer `opt`: `params` and the hypers, which can be written to"""
    def __init__(self, opt: Any, i: Any) -> None: ...
    def __setitem__(self, k: Any, v: Any) -> Any: ...
    i: Any
    opt: Any
    def setdefault(self, k: Any, v: Any = None) -> Any: ...
    def update(self, *args: Any, **kwargs: Any) -> Any: ...

def stepper(rule: Any, how: Any = 'eager', **hypers: Any) -> Any:
    """A callback for fastai's `Optimizer` that runs `rule`"""
