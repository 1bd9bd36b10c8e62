# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import fastopt.core.rules
import torch

__all__ = ['aggmo', 'AggMo', 'Velocities', 'exp_betas', 'aggmo_of']

class _aggmo(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom1: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        mom2: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        mom3: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        betas: Any = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Mean of velocities with different decay rates

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom1: Decay rate of this velocity (in [0, 1))
        mom2: Decay rate of this velocity (in [0, 1))
        mom3: Decay rate of this velocity (in [0, 1))"""
aggmo: _aggmo
"""Mean of velocities with different decay rates

| hyper | default | range     | meaning |
|-------|---------|-----------|---------|
| lr    | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| wd    | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom1  | 0       | 0 ≤ x < 1 | Decay rate of this velocity |
| mom2  | 0.9     | 0 ≤ x < 1 | Decay rate of this velocity |
| mom3  | 0.99    | 0 ≤ x < 1 | Decay rate of this velocity |

Paper: Aggregated momentum: stability through passive damping (2018), https://arxiv.org/abs/1804.00325
Faithful to: AtheMathmo/AggMo@f91730d"""

class AggMo(TorchOptimizer):
    """Mean of velocities with different decay rates

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | mom1         | 0       | 0 ≤ x < 1 | Decay rate of this velocity |
    | mom2         | 0.9     | 0 ≤ x < 1 | Decay rate of this velocity |
    | mom3         | 0.99    | 0 ≤ x < 1 | Decay rate of this velocity |

    Paper: Aggregated momentum: stability through passive damping (2018), https://arxiv.org/abs/1804.00325
    Faithful to: AtheMathmo/AggMo@f91730d"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        mom1: Annotated[Number, 'in [0, 1)'] = 0.0,
        mom2: Annotated[Number, 'in [0, 1)'] = 0.9,
        mom3: Annotated[Number, 'in [0, 1)'] = 0.99,
        betas: Any = ...,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Mean of velocities with different decay rates

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom1: Decay rate of this velocity (in [0, 1))
        mom2: Decay rate of this velocity (in [0, 1))
        mom3: Decay rate of this velocity (in [0, 1))"""

class Velocities(fastopt.core.rules.Term):
    """A term that averages one velocity for each of the decay rates `betas`"""
    def __init__(self, *betas: Any) -> None: ...
    betas: Any
    docs: Any

def exp_betas(a: float = 0.1, k: int = 3) -> Any:
    """Return `k` decay rates for `aggmo_of`, from 0 towards 1"""

def aggmo_of(*betas: Any) -> fastopt.core.rules.Rule:
    """Return the rule `aggmo` with the decay rates `betas`, or raise a `ValueError` if there are none"""
