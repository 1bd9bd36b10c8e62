# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated
import torch

__all__ = ['qhm', 'QHM']

class _qhm(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        nu: Annotated[Hyper, 'in [0, 1]'] = 0.7,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum with extra weight on the present gradient

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: decay rate of the mean of gradients (in [0, 1))
        nu: ν: share of the mean in the step; the rest is this step's gradient, and 0 is plain descent (in [0, 1])"""
qhm: _qhm
"""Momentum with extra weight on the present gradient

| hyper | default | range     | meaning |
|-------|---------|-----------|---------|
| lr    | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| wd    | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom   | 0.999   | 0 ≤ x < 1 | β: decay rate of the mean of gradients |
| nu    | 0.7     | 0 ≤ x ≤ 1 | ν: share of the mean in the step; the rest is this step's gradient, and 0 is plain descent |

Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
Faithful to: facebookresearch/qhoptim@e81dea3"""

class QHM(TorchOptimizer):
    """Momentum with extra weight on the present gradient

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0.999   | 0 ≤ x < 1 | β: decay rate of the mean of gradients |
    | nu           | 0.7     | 0 ≤ x ≤ 1 | ν: share of the mean in the step; the rest is this step's gradient, and 0 is plain descent |

    Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
    Faithful to: facebookresearch/qhoptim@e81dea3"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.999,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        nu: Annotated[Number, 'in [0, 1]'] = 0.7,
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
        """Momentum with extra weight on the present gradient

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: β: decay rate of the mean of gradients (in [0, 1))
        nu: ν: share of the mean in the step; the rest is this step's gradient, and 0 is plain descent (in [0, 1])"""
