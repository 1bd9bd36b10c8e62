# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from typing import Any
import fastopt.core.rules
import torch.optim.optimizer

__all__ = ['FASTAI_CALLS', 'check_torch_keys', 'maximizing', 'TorchOptimizer']

FASTAI_CALLS: Any

def check_torch_keys(rule: Any, hypers: Any, given: Any) -> Any:
    """Raise `ValueError` if `given` has a key with a meaning to PyTorch's classes that this rule cannot give it"""

def maximizing(rule: Any) -> fastopt.core.rules.Rule:
    """The rule that climbs where `rule` descends"""

class TorchOptimizer(torch.optim.optimizer.Optimizer):
    """PyTorch's `Optimizer` running the `rule` of its class"""
    def __init__(
        self,
        params: Any,
        lr: Any = None,
        *args: Any,
        how: Any = 'auto',
        lowp: Any = 'plain',
        skip_nonfinite: Any = False,
        state_dtype: Any = None,
        capturable: Any = False,
        **hypers: Any,
    ) -> None: ...
    def add_param_group(self, param_group: Any) -> Any: ...
    called: Any
    engine: Any
    def eval(self) -> Any:
        """Replace the weights by the average, if the rule keeps one"""
    def for_engine(self) -> Any: ...
    keys: Any
    def load_state_dict(self, state_dict: Any) -> Any: ...
    looked: Any
    manner: Any
    order: Any
    def refresh(self) -> Any:
        """Send hypers that have changed to the GPU, where a step that was captured reads them"""
    rule: Any
    @property
    def skipped(self) -> Any: ...
    def state_dict(self) -> Any: ...
    def step(self, closure: Any = None) -> Any: ...
    def train(self) -> Any:
        """Restore the trained weights after `eval`"""
    def updates(self, **hypers: Any) -> dict:
        """What `step` would add to each weight; afterwards all is as it was, to the bit"""
