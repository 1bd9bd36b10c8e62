# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Route, Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['adan_no_prox', 'adan', 'Adan', 'adoptw', 'adopt', 'ADOPT', 'ADOPTW', 'mars_adamw', 'mars_lion', 'mars', 'MARS', 'MARSAdamW',
    'MARSLion', 'prox', 'look_first', 'two_dims']

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
        """Adan with decoupled decay

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        diff_mom: β₂: how slowly the mean of their changes forgets, and how far ahead to look (in [0, 1))
        sqr_mom: β₃: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adan_no_prox: _adan_no_prox
"""Adan with decoupled decay

| hyper    | default | range     | meaning |
|----------|---------|-----------|---------|
| lr       | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom      | 0.98    | 0 ≤ x < 1 | β₁: how slowly the mean of gradients forgets |
| diff_mom | 0.92    | 0 ≤ x < 1 | β₂: how slowly the mean of their changes forgets, and how far ahead to look |
| sqr_mom  | 0.99    | 0 ≤ x < 1 | β₃: how slowly the mean of squares forgets |
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
        """Adam that looks ahead along the change of the gradient

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        diff_mom: β₂: how slowly the mean of their changes forgets, and how far ahead to look (in [0, 1))
        sqr_mom: β₃: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
adan: _adan
"""Adam that looks ahead along the change of the gradient

| hyper    | default | range     | meaning |
|----------|---------|-----------|---------|
| lr       | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom      | 0.98    | 0 ≤ x < 1 | β₁: how slowly the mean of gradients forgets |
| diff_mom | 0.92    | 0 ≤ x < 1 | β₂: how slowly the mean of their changes forgets, and how far ahead to look |
| sqr_mom  | 0.99    | 0 ≤ x < 1 | β₃: how slowly the mean of squares forgets |
| eps      | 1e-08   | 0 ≤ x     | Keeps the division finite |
| wd       | 0       | 0 ≤ x     | Weight decay, multiplied by `lr` |

Paper: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models (2022), https://arxiv.org/abs/2208.06677
Faithful to: sail-sg/Adan@2c65bea"""

class Adan(TorchOptimizer):
    """Adam that looks ahead along the change of the gradient

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.98    | 0 ≤ x < 1 | β₁: how slowly the mean of gradients forgets |
    | diff_mom     | 0.92    | 0 ≤ x < 1 | β₂: how slowly the mean of their changes forgets, and how far ahead to look |
    | betas[1]     | 0.99    | 0 ≤ x < 1 | β₃: how slowly the mean of squares forgets |
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
        """Adam that looks ahead along the change of the gradient

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        diff_mom: β₂: how slowly the mean of their changes forgets, and how far ahead to look (in [0, 1))
        betas[1]: β₃: how slowly the mean of squares forgets (in [0, 1))
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
        mom: β₁: how slowly the mean of normalised gradients forgets (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalised gradients? (one of False, True)
        clip_pow: At `(step-1)**clip_pow` (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adoptw: _adoptw
"""ADOPT with decoupled weight decay

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom      | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of normalised gradients forgets |
| sqr_mom  | 0.9999  | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| eps      | 1e-06   | 0 ≤ x              | Least divisor |
| clip     | True    | one of False, True | Clip normalised gradients? |
| clip_pow | 0.25    | 0 ≤ x              | At `(step-1)**clip_pow` |
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
        """Adam that divides by the mean square before this gradient

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: how slowly the mean of normalised gradients forgets (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalised gradients? (one of False, True)
        clip_pow: At `(step-1)**clip_pow` (in [0, inf))"""
adopt: _adopt
"""Adam that divides by the mean square before this gradient

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of normalised gradients forgets |
| sqr_mom  | 0.9999  | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| eps      | 1e-06   | 0 ≤ x              | Least divisor |
| clip     | True    | one of False, True | Clip normalised gradients? |
| clip_pow | 0.25    | 0 ≤ x              | At `(step-1)**clip_pow` |

Paper: ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate (2024), https://arxiv.org/abs/2411.02853
Faithful to: iShohei220/adopt@6468572"""

class ADOPT(TorchOptimizer):
    """Adam that divides by the mean square before this gradient

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of normalised gradients forgets |
    | betas[1]     | 0.9999  | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
    | eps          | 1e-06   | 0 ≤ x              | Least divisor |
    | clip         | True    | one of False, True | Clip normalised gradients? |
    | clip_pow     | 0.25    | 0 ≤ x              | At `(step-1)**clip_pow` |

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
        """Adam that divides by the mean square before this gradient

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: how slowly the mean of normalised gradients forgets (in [0, 1))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalised gradients? (one of False, True)
        clip_pow: At `(step-1)**clip_pow` (in [0, inf))"""

class ADOPTW(TorchOptimizer):
    """ADOPT with decoupled weight decay

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of normalised gradients forgets |
    | betas[1]     | 0.9999  | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
    | eps          | 1e-06   | 0 ≤ x              | Least divisor |
    | clip         | True    | one of False, True | Clip normalised gradients? |
    | clip_pow     | 0.25    | 0 ≤ x              | At `(step-1)**clip_pow` |
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
        betas[0]: β₁: how slowly the mean of normalised gradients forgets (in [0, 1))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Least divisor (in [0, inf))
        clip: Clip normalised gradients? (one of False, True)
        clip_pow: At `(step-1)**clip_pow` (in [0, inf))
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
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        gamma: γ: how much of the change to add (in [0, inf))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
mars_adamw: _mars_adamw
"""AdamW on gradients corrected by their change

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.95    | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
| gamma   | 0.025   | 0 ≤ x              | γ: how much of the change to add |
| sqr_mom | 0.99    | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
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
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Lion on gradients corrected by their change

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: share of the mean in the direction (in [0, 1))
        gamma: γ: how much of the change to add (in [0, inf))
        sqr_mom: β₂: how slowly the mean forgets; nothing is squared (in [0, 1))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
mars_lion: _mars_lion
"""Lion on gradients corrected by their change

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.003   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.95    | 0 ≤ x < 1 | β₁: share of the mean in the direction |
| gamma   | 0.025   | 0 ≤ x     | γ: how much of the change to add |
| sqr_mom | 0.95    | 0 ≤ x < 1 | β₂: how slowly the mean forgets; nothing is squared |
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
        """mars_adamw for matrices, AdamW for the rest

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        gamma: γ: how much of the change to add (in [0, inf))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        other_mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        other_sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        other_wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lr_ratio: Factor on `lr` for the other rule (in [0, inf))"""
mars: _mars
"""mars_adamw for matrices, AdamW for the rest

| hyper         | default | range              | meaning |
|---------------|---------|--------------------|---------|
| lr            | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
| mom           | 0.95    | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
| gamma         | 0.025   | 0 ≤ x              | γ: how much of the change to add |
| sqr_mom       | 0.99    | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| eps           | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat       | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd            | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| other_mom     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
| other_sqr_mom | 0.95    | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| other_wd      | 0.1     | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| lr_ratio      | 1       | 0 ≤ x              | Factor on `lr` for the other rule |

Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
Faithful to: AGI-Arena/MARS@4831e28"""

class MARS(TorchOptimizer):
    """mars_adamw for matrices, AdamW for the rest

    | hyper           | default | range              | meaning |
    |-----------------|---------|--------------------|---------|
    | lr              | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]        | 0.95    | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
    | gamma           | 0.025   | 0 ≤ x              | γ: how much of the change to add |
    | betas[1]        | 0.99    | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
    | eps             | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat         | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay    | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas_1d[0]     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
    | betas_1d[1]     | 0.95    | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
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
        """mars_adamw for matrices, AdamW for the rest

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        gamma: γ: how much of the change to add (in [0, inf))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas_1d[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        betas_1d[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        weight_decay_1d: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lr_ratio: Factor on `lr` for the other rule (in [0, inf))"""

class MARSAdamW(TorchOptimizer):
    """AdamW on gradients corrected by their change

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.003   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.95    | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
    | gamma        | 0.025   | 0 ≤ x              | γ: how much of the change to add |
    | betas[1]     | 0.99    | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
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
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        gamma: γ: how much of the change to add (in [0, inf))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class MARSLion(TorchOptimizer):
    """Lion on gradients corrected by their change

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.003   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.95    | 0 ≤ x < 1 | β₁: share of the mean in the direction |
    | gamma        | 0.025   | 0 ≤ x     | γ: how much of the change to add |
    | betas[1]     | 0.95    | 0 ≤ x < 1 | β₂: how slowly the mean forgets; nothing is squared |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: MARS: Unleashing the Power of Variance Reduction for Training Large Models (2024), https://arxiv.org/abs/2411.10438
    Faithful to: AGI-Arena/MARS@4831e28"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.003,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.95, 0.95),
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
        """Lion on gradients corrected by their change

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: share of the mean in the direction (in [0, 1))
        gamma: γ: how much of the change to add (in [0, inf))
        betas[1]: β₂: how slowly the mean forgets; nothing is squared (in [0, 1))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

prox: Term
"""Proximal weight decay: by the weight that the step leads to"""

look_first: Term
"""Stay at the first step"""

def two_dims(p: Any) -> Any:
    """Does the weight `p` have exactly two dimensions? Kernels of convolutions have four"""
