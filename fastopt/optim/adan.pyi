# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Route, Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['adan_no_prox', 'adan', 'Adan', 'adoptw', 'adopt', 'ADOPT', 'ADOPTW', 'mars_adamw', 'mars_lion', 'mars', 'MARS', 'MARSAdamW',
    'MARSLion', 'prox', 'look_first', 'sign_of_mean', 'two_dims']

class _adan_no_prox(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.98,
        diff_mom: Annotated[Hyper, 'in [0, 1)'] = 0.92,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adan with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        diff_mom: β₂: decay rate of the mean of their changes, and how far to look ahead (in [0, 1))
        sqr_mom: β₃: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adan_no_prox: _adan_no_prox
"""Adan with decoupled weight decay

| hyper    | default | range     | meaning |
|----------|---------|-----------|---------|
| lr       | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom      | 0.98    | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| diff_mom | 0.92    | 0 ≤ x < 1 | β₂: decay rate of the mean of their changes, and how far to look ahead |
| sqr_mom  | 0.99    | 0 ≤ x < 1 | β₃: decay rate of the mean of squares |
| eps      | 1e-08   | 0 ≤ x     | Keeps the division finite |
| wd       | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models (2022), https://arxiv.org/abs/2208.06677
Faithful to: sail-sg/Adan@2c65bea"""

class _adan(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.98,
        diff_mom: Annotated[Hyper, 'in [0, 1)'] = 0.92,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam that looks ahead along gradient changes

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        diff_mom: β₂: decay rate of the mean of their changes, and how far to look ahead (in [0, 1))
        sqr_mom: β₃: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
adan: _adan
"""Adam that looks ahead along gradient changes

| hyper    | default | range     | meaning |
|----------|---------|-----------|---------|
| lr       | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom      | 0.98    | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| diff_mom | 0.92    | 0 ≤ x < 1 | β₂: decay rate of the mean of their changes, and how far to look ahead |
| sqr_mom  | 0.99    | 0 ≤ x < 1 | β₃: decay rate of the mean of squares |
| eps      | 1e-08   | 0 ≤ x     | Keeps the division finite |
| wd       | 0       | 0 ≤ x     | Weight decay, multiplied by `lr` |

Paper: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models (2022), https://arxiv.org/abs/2208.06677
Faithful to: sail-sg/Adan@2c65bea"""

class Adan(TorchOptimizer):
    """Adam that looks ahead along gradient changes

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.98    | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | diff_mom     | 0.92    | 0 ≤ x < 1 | β₂: decay rate of the mean of their changes, and how far to look ahead |
    | betas[1]     | 0.99    | 0 ≤ x < 1 | β₃: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x     | Keeps the division finite |
    | weight_decay | 0       | 0 ≤ x     | Weight decay, multiplied by `lr` |

    Paper: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models (2022), https://arxiv.org/abs/2208.06677
    Faithful to: sail-sg/Adan@2c65bea"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.98, 0.99),
        *,
        diff_mom: Annotated[Number, 'in [0, 1)'] = 0.92,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
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
        """Adam that looks ahead along gradient changes

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        diff_mom: β₂: decay rate of the mean of their changes, and how far to look ahead (in [0, 1))
        betas[1]: β₃: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay, multiplied by `lr` (in [0, inf))"""

class _adoptw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.9999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        clip: bool = True,
        clip_pow: Annotated[Hyper, 'in [0, inf)'] = 0.25,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """ADOPT with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of normalized gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalized gradients to `(step-1)**clip_pow`? (one of False, True)
        clip_pow: Exponent of the bound of `clip` (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adoptw: _adoptw
"""ADOPT with decoupled weight decay

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom      | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of normalized gradients |
| sqr_mom  | 0.9999  | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps      | 1e-06   | 0 ≤ x              | Least divisor |
| clip     | True    | one of False, True | Clip normalized gradients to `(step-1)**clip_pow`? |
| clip_pow | 0.25    | 0 ≤ x              | Exponent of the bound of `clip` |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate (2024), https://arxiv.org/abs/2411.02853
Faithful to: iShohei220/adopt@6468572"""

class _adopt(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.9999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        clip: bool = True,
        clip_pow: Annotated[Hyper, 'in [0, inf)'] = 0.25,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam divided by the previous mean square

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of normalized gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalized gradients to `(step-1)**clip_pow`? (one of False, True)
        clip_pow: Exponent of the bound of `clip` (in [0, inf))"""
adopt: _adopt
"""Adam divided by the previous mean square

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of normalized gradients |
| sqr_mom  | 0.9999  | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps      | 1e-06   | 0 ≤ x              | Least divisor |
| clip     | True    | one of False, True | Clip normalized gradients to `(step-1)**clip_pow`? |
| clip_pow | 0.25    | 0 ≤ x              | Exponent of the bound of `clip` |

Paper: ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate (2024), https://arxiv.org/abs/2411.02853
Faithful to: iShohei220/adopt@6468572"""

class ADOPT(TorchOptimizer):
    """Adam divided by the previous mean square

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of normalized gradients |
    | betas[1]     | 0.9999  | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-06   | 0 ≤ x              | Least divisor |
    | clip         | True    | one of False, True | Clip normalized gradients to `(step-1)**clip_pow`? |
    | clip_pow     | 0.25    | 0 ≤ x              | Exponent of the bound of `clip` |

    Paper: ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate (2024), https://arxiv.org/abs/2411.02853
    Faithful to: iShohei220/adopt@6468572"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.9999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-06,
        clip_pow: Annotated[Number, 'in [0, inf)'] = 0.25,
        clip: bool | None = True,
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
        """Adam divided by the previous mean square

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of normalized gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalized gradients to `(step-1)**clip_pow`? (one of False, True)
        clip_pow: Exponent of the bound of `clip` (in [0, inf))"""

class ADOPTW(TorchOptimizer):
    """ADOPT with decoupled weight decay

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of normalized gradients |
    | betas[1]     | 0.9999  | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-06   | 0 ≤ x              | Least divisor |
    | clip         | True    | one of False, True | Clip normalized gradients to `(step-1)**clip_pow`? |
    | clip_pow     | 0.25    | 0 ≤ x              | Exponent of the bound of `clip` |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate (2024), https://arxiv.org/abs/2411.02853
    Faithful to: iShohei220/adopt@6468572"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.9999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-06,
        clip_pow: Annotated[Number, 'in [0, inf)'] = 0.25,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        clip: bool | None = True,
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
        """ADOPT with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of normalized gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalized gradients to `(step-1)**clip_pow`? (one of False, True)
        clip_pow: Exponent of the bound of `clip` (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class _mars_adamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.003,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        gamma: Annotated[Hyper, 'in [0, inf)'] = 0.025,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_hat: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """AdamW on gradients corrected by their change

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        gamma: γ: how much of the change is added (in [0, inf))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
mars_adamw: _mars_adamw
"""AdamW on gradients corrected by their change

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.95    | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| gamma   | 0.025   | 0 ≤ x              | γ: how much of the change is added |
| sqr_mom | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
Faithful to: AGI-Arena/MARS@4831e28"""

class _mars_lion(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.003,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        gamma: Annotated[Hyper, 'in [0, inf)'] = 0.025,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """The sign of the mean of corrected gradients

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        gamma: γ: how much of the change is added (in [0, inf))
        sqr_mom: β₂, which has no effect here; the authors' class has it for AdamW (in [0, 1))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
mars_lion: _mars_lion
"""The sign of the mean of corrected gradients

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.003   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.95    | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| gamma   | 0.025   | 0 ≤ x     | γ: how much of the change is added |
| sqr_mom | 0.99    | 0 ≤ x < 1 | β₂, which has no effect here; the authors' class has it for AdamW |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
Faithful to: AGI-Arena/MARS@4831e28"""

class _mars(Route):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.003,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        gamma: Annotated[Hyper, 'in [0, inf)'] = 0.025,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_hat: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        other_mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        other_sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        other_wd: Annotated[Hyper, 'in [0, inf)'] = 0.1,
        lr_ratio: Annotated[Hyper, 'in [0, inf)'] = 1.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """MARS-AdamW for matrices, AdamW for other weights

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        gamma: γ: how much of the change is added (in [0, inf))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        other_mom: β₁: decay rate of the mean of gradients (in [0, 1))
        other_sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        other_wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lr_ratio: Factor on `lr` for the other rule (in [0, inf))"""
mars: _mars
"""MARS-AdamW for matrices, AdamW for other weights

| hyper         | default | range              | meaning |
|---------------|---------|--------------------|---------|
| lr            | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
| mom           | 0.95    | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| gamma         | 0.025   | 0 ≤ x              | γ: how much of the change is added |
| sqr_mom       | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps           | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat       | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd            | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| other_mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| other_sqr_mom | 0.95    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| other_wd      | 0.1     | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| lr_ratio      | 1       | 0 ≤ x              | Factor on `lr` for the other rule |

Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
Faithful to: AGI-Arena/MARS@4831e28"""

class MARS(TorchOptimizer):
    """MARS-AdamW for matrices, AdamW for other weights

    | hyper           | default | range              | meaning |
    |-----------------|---------|--------------------|---------|
    | lr              | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]        | 0.95    | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | gamma           | 0.025   | 0 ≤ x              | γ: how much of the change is added |
    | betas[1]        | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps             | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat         | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay    | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas_1d[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas_1d[1]     | 0.95    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | weight_decay_1d | 0.1     | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | lr_ratio        | 1       | 0 ≤ x              | Factor on `lr` for the other rule |

    Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
    Faithful to: AGI-Arena/MARS@4831e28"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.003,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.95, 0.99),
        *,
        gamma: Annotated[Number, 'in [0, inf)'] = 0.025,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        betas_1d: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.95),
        weight_decay_1d: Annotated[Number, 'in [0, inf)'] = 0.1,
        lr_ratio: Annotated[Number, 'in [0, inf)'] = 1.0,
        eps_hat: bool | None = False,
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
        """MARS-AdamW for matrices, AdamW for other weights

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        gamma: γ: how much of the change is added (in [0, inf))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas_1d[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas_1d[1]: β₂: decay rate of the mean of squares (in [0, 1))
        weight_decay_1d: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lr_ratio: Factor on `lr` for the other rule (in [0, inf))"""

class MARSAdamW(TorchOptimizer):
    """AdamW on gradients corrected by their change

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.95    | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | gamma        | 0.025   | 0 ≤ x              | γ: how much of the change is added |
    | betas[1]     | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
    Faithful to: AGI-Arena/MARS@4831e28"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.003,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.95, 0.99),
        *,
        gamma: Annotated[Number, 'in [0, inf)'] = 0.025,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps_hat: bool | None = False,
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
        """AdamW on gradients corrected by their change

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        gamma: γ: how much of the change is added (in [0, inf))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class MARSLion(TorchOptimizer):
    """The sign of the mean of corrected gradients

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.003   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.95    | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | gamma        | 0.025   | 0 ≤ x     | γ: how much of the change is added |
    | betas[1]     | 0.99    | 0 ≤ x < 1 | β₂, which has no effect here; the authors' class has it for AdamW |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
    Faithful to: AGI-Arena/MARS@4831e28"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.003,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.95, 0.99),
        *,
        gamma: Annotated[Number, 'in [0, inf)'] = 0.025,
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
        """The sign of the mean of corrected gradients

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        gamma: γ: how much of the change is added (in [0, inf))
        betas[1]: β₂, which has no effect here; the authors' class has it for AdamW (in [0, 1))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

prox: Term
"""Apply weight decay computed at the weight to which the step leads (proximal decay)"""

look_first: Term
"""Do not move at the first step"""

sign_of_mean: Term
"""Return the sign of the mean gradient (Lion as MARS uses it)"""

def two_dims(p: Any) -> Any:
    """Test whether the weight `p` has exactly two dimensions (kernels of convolutions have four)"""
