# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['cautious_adamw', 'cautious_lion', 'lion', 'Lion', 'CautiousLion', 'CautiousAdamW', 'sign', 'cautious']

class _cautious_adamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        eps_hat: bool = True,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """AdamW that skips updates that the gradient opposes

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
cautious_adamw: _cautious_adamw
"""AdamW that skips updates that the gradient opposes

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-06   | 0 ≤ x              | Keeps the division finite |
| eps_hat | True    | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Cautious Optimizers: Improving Training with One Line of Code (2024), https://arxiv.org/abs/2411.16085
Faithful to: kyleliang919/C-Optim@2c0517c"""

class _cautious_lion(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.0001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Lion that skips updates that the gradient opposes

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: share of the mean in the direction (in [0, 1))
        sqr_mom: β₂: decay rate of the mean (nothing is squared) (in [0, 1))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
cautious_lion: _cautious_lion
"""Lion that skips updates that the gradient opposes

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.0001  | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁: share of the mean in the direction |
| sqr_mom | 0.99    | 0 ≤ x < 1 | β₂: decay rate of the mean (nothing is squared) |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Cautious Optimizers: Improving Training with One Line of Code (2024), https://arxiv.org/abs/2411.16085
Faithful to: kyleliang919/C-Optim@2c0517c"""

class _lion(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.0001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Steps along the sign of the mean gradient

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: share of the mean in the direction (in [0, 1))
        sqr_mom: β₂: decay rate of the mean (nothing is squared) (in [0, 1))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
lion: _lion
"""Steps along the sign of the mean gradient

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.0001  | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁: share of the mean in the direction |
| sqr_mom | 0.99    | 0 ≤ x < 1 | β₂: decay rate of the mean (nothing is squared) |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Symbolic Discovery of Optimization Algorithms (2023), https://arxiv.org/abs/2302.06675
Faithful to: google/automl@6a54c87"""

class Lion(TorchOptimizer):
    """Steps along the sign of the mean gradient

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.0001  | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁: share of the mean in the direction |
    | betas[1]     | 0.99    | 0 ≤ x < 1 | β₂: decay rate of the mean (nothing is squared) |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Symbolic Discovery of Optimization Algorithms (2023), https://arxiv.org/abs/2302.06675
    Faithful to: google/automl@6a54c87"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.0001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.99),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
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
        """Steps along the sign of the mean gradient

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: share of the mean in the direction (in [0, 1))
        betas[1]: β₂: decay rate of the mean (nothing is squared) (in [0, 1))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class CautiousLion(TorchOptimizer):
    """Lion that skips updates that the gradient opposes

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.0001  | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁: share of the mean in the direction |
    | betas[1]     | 0.99    | 0 ≤ x < 1 | β₂: decay rate of the mean (nothing is squared) |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Cautious Optimizers: Improving Training with One Line of Code (2024), https://arxiv.org/abs/2411.16085
    Faithful to: kyleliang919/C-Optim@2c0517c"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.0001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.99),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
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
        """Lion that skips updates that the gradient opposes

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: share of the mean in the direction (in [0, 1))
        betas[1]: β₂: decay rate of the mean (nothing is squared) (in [0, 1))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class CautiousAdamW(TorchOptimizer):
    """AdamW that skips updates that the gradient opposes

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-06   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | True    | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Cautious Optimizers: Improving Training with One Line of Code (2024), https://arxiv.org/abs/2411.16085
    Faithful to: kyleliang919/C-Optim@2c0517c"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-06,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps_hat: bool | None = True,
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
        """AdamW that skips updates that the gradient opposes

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

def sign(x: Any) -> Any:
    """Return the sign of `x`, which is NaN where `x` is NaN (PyTorch's is 0)"""

cautious: Term
"""Skip updates whose sign disagrees with the gradient, and scale up the others (caution)"""
