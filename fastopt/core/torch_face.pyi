# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from typing import Any
import fastopt.core.rules
import torch.optim.optimizer

__all__ = ['FASTAI_CALLS', 'check_torch_keys', 'maximizing', 'through_wrapper', 'TorchOptimizer']

FASTAI_CALLS: Any

def check_torch_keys(rule: Any, hypers: Any, given: Any) -> Any:
    """Raise `ValueError` if `given` has an argument of PyTorch's classes with a value that this rule does not support"""

def maximizing(rule: Any) -> fastopt.core.rules.Rule:
    """A rule that maximizes where `rule` minimizes"""

def through_wrapper(method: Any) -> Any:
    """Let `method` of a wrapper that inherits from the class of its `optimizer`, as those of Lightning do, run on that optimizer"""

class TorchOptimizer(torch.optim.optimizer.Optimizer):
    """Base class of optimizers for PyTorch, each of which runs the `rule` of its class"""
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
    def add_param_group(self, param_group: Any) -> Any:
        """Check the dict `param_group` and add it to the groups; hypers that it lacks are the defaults"""
    called: Any
    checked: Any
    engine: Any
    def eval(self) -> Any:
        """Replace the weights by the average, if the rule keeps one"""
    def for_engine(self) -> Any:
        """The list of (weights, hypers with the rule's names) of all groups and the dict from weights to their states, for the engine"""
    keys: Any
    def load_state_dict(self, state_dict: Any) -> Any:
        """Load `state_dict` after checking all of it; if it does not fit, raise an error and change nothing"""
    looked: Any
    manner: Any
    order: Any
    def refresh(self) -> Any:
        """Send changed hypers to the GPU, where a captured step reads them"""
    rule: Any
    @property
    def skipped(self) -> Any:
        """The number of steps that were skipped because a gradient was not finite; always 0 without `skip_nonfinite`"""
    def state_dict(self) -> Any:
        """PyTorch's state dict, with a label that names the rule and with flat memos"""
    def step(self, closure: Any = None) -> Any:
        """Make one step, after `closure` if there is one, whose loss is returned; gradients that are not finite may make it skip the step"""
    def train(self) -> Any:
        """Restore the trained weights after `eval`"""
    def updates(self, **hypers: Any) -> dict:
        """What `step` would add to each weight, without changing weights, state or random numbers"""
