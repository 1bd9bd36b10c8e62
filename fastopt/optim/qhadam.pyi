# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['qhadamw', 'qhadam', 'QHAdam', 'QHAdamW']

class _qhadamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.995,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        nu1: Annotated[Hyper, 'in [-inf, inf]'] = 0.7,
        nu2: Annotated[Hyper, 'in [-inf, inf]'] = 1.0,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.01,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """QHAdam with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        nu1: ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam (in [-inf, inf])
        nu2: ν₂: share of the mean square in the denominator; 1 is Adam (in [-inf, inf])
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
qhadamw: _qhadamw
"""QHAdam with decoupled weight decay

| hyper   | default | range        | meaning |
|---------|---------|--------------|---------|
| lr      | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
| mom     | 0.995   | 0 ≤ x < 1    | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
| nu1     | 0.7     | any finite x | ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam |
| nu2     | 1       | any finite x | ν₂: share of the mean square in the denominator; 1 is Adam |
| eps     | 1e-08   | 0 ≤ x        | Keeps the division finite |
| wd      | 0.01    | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
Faithful to: iprally/qhadamw-pytorch@8951294"""

class _qhadam(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.995,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        nu1: Annotated[Hyper, 'in [-inf, inf]'] = 0.7,
        nu2: Annotated[Hyper, 'in [-inf, inf]'] = 1.0,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with present gradients mixed into its means

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        nu1: ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam (in [-inf, inf])
        nu2: ν₂: share of the mean square in the denominator; 1 is Adam (in [-inf, inf])
        eps: Keeps the division finite (in [0, inf))"""
qhadam: _qhadam
"""Adam with present gradients mixed into its means

| hyper   | default | range        | meaning |
|---------|---------|--------------|---------|
| lr      | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.995   | 0 ≤ x < 1    | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
| nu1     | 0.7     | any finite x | ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam |
| nu2     | 1       | any finite x | ν₂: share of the mean square in the denominator; 1 is Adam |
| eps     | 1e-08   | 0 ≤ x        | Keeps the division finite |

Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
Faithful to: facebookresearch/qhoptim@e81dea3"""

class QHAdam(TorchOptimizer):
    """Adam with present gradients mixed into its means

    | hyper        | default | range        | meaning |
    |--------------|---------|--------------|---------|
    | lr           | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.995   | 0 ≤ x < 1    | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
    | nu1          | 0.7     | any finite x | ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam |
    | nu2          | 1       | any finite x | ν₂: share of the mean square in the denominator; 1 is Adam |
    | eps          | 1e-08   | 0 ≤ x        | Keeps the division finite |

    Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
    Faithful to: facebookresearch/qhoptim@e81dea3"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.995, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        nu1: Annotated[Number, 'in [-inf, inf]'] = 0.7,
        nu2: Annotated[Number, 'in [-inf, inf]'] = 1.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
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
        """Adam with present gradients mixed into its means

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        nu1: ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam (in [-inf, inf])
        nu2: ν₂: share of the mean square in the denominator; 1 is Adam (in [-inf, inf])
        eps: Keeps the division finite (in [0, inf))"""

class QHAdamW(TorchOptimizer):
    """QHAdam with decoupled weight decay

    | hyper        | default | range        | meaning |
    |--------------|---------|--------------|---------|
    | lr           | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
    | betas[0]     | 0.995   | 0 ≤ x < 1    | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
    | nu1          | 0.7     | any finite x | ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam |
    | nu2          | 1       | any finite x | ν₂: share of the mean square in the denominator; 1 is Adam |
    | eps          | 1e-08   | 0 ≤ x        | Keeps the division finite |
    | weight_decay | 0.01    | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
    Faithful to: iprally/qhadamw-pytorch@8951294"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.995, 0.999),
        *,
        nu1: Annotated[Number, 'in [-inf, inf]'] = 0.7,
        nu2: Annotated[Number, 'in [-inf, inf]'] = 1.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.01,
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
        """QHAdam with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        nu1: ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam (in [-inf, inf])
        nu2: ν₂: share of the mean square in the denominator; 1 is Adam (in [-inf, inf])
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
