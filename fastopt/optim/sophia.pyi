# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import fastai.callback.core
import torch

__all__ = ['sophia', 'Sophia', 'learn_curvature', 'SophiaHessian']

class _sophia(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.0001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.965,
        rho: Annotated[Hyper, 'in (0, inf)'] = 0.04,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.1,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Mean gradient over curvature, clipped to ±1

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        rho: ρ: with a larger value more weights use their curvature and fewer their sign (in (0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
sophia: _sophia
"""Mean gradient over curvature, clipped to ±1

| hyper | default | range     | meaning |
|-------|---------|-----------|---------|
| lr    | 0.0001  | 0 ≤ x     | Learning rate: the length of a step |
| mom   | 0.965   | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| rho   | 0.04    | 0 < x     | ρ: with a larger value more weights use their curvature and fewer their sign |
| wd    | 0.1     | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training (2023), https://arxiv.org/abs/2305.14342
Faithful to: Liuhong99/Sophia@a7e1572"""

class Sophia(TorchOptimizer):
    """Mean gradient over curvature, clipped to ±1

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.0001  | 0 ≤ x     | Learning rate: the length of a step |
    | momentum     | 0.965   | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | rho          | 0.04    | 0 < x     | ρ: with a larger value more weights use their curvature and fewer their sign |
    | weight_decay | 0.1     | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training (2023), https://arxiv.org/abs/2305.14342
    Faithful to: Liuhong99/Sophia@a7e1572"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.0001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.965,
        *,
        rho: Annotated[Number, 'in (0, inf)'] = 0.04,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.1,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Mean gradient over curvature, clipped to ±1

        lr: Learning rate: the length of a step (in [0, inf))
        momentum: β₁: decay rate of the mean of gradients (in [0, 1))
        rho: ρ: with a larger value more weights use their curvature and fewer their sign (in (0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

def learn_curvature(ps: Any, gs: Any, state: Any, n: Any, sqr_mom: Any = 0.99) -> Any:
    """Update the curvature `h` in the `state` of each weight with its gradient"""

class SophiaHessian(fastai.callback.core.Callback):
    """Update the curvature of `sophia` every `k` steps with labels sampled from the model's predictions (logits of classes)"""
    def __init__(self, k: Any = 10, sqr_mom: Any = 0.99) -> None: ...
    def after_pred(self) -> Any:
        """After the prediction of every `k`th training batch: update the curvature `h` of all weights with sampled labels"""
    k: Any
    order: Any
    sqr_mom: Any
