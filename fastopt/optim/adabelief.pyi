# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['adabelief', 'adabelief_plain', 'adabelief_ams', 'AdaBelief', 'yogi', 'Yogi', 'laprop', 'LaProp', 'belief', 'over_root',
    'over_top', 'over_root_late', 'millionth']

class _adabelief(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-16,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Rectified Adam, divided by the deviation of gradients

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Added to the root (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adabelief: _adabelief
"""Rectified Adam, divided by the deviation of gradients

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
| eps     | 1e-16   | 0 ≤ x     | Added to the root |
| n_min   | 5       | 4 ≤ x     | Shortest moving average to trust, in steps |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients (2020), https://arxiv.org/abs/2010.07468
Faithful to: juntang-zhuang/Adabelief-Optimizer@2855178"""

class _adabelief_plain(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-16,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam divided by the deviation of gradients

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Added to the root (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adabelief_plain: _adabelief_plain
"""Adam divided by the deviation of gradients

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
| eps     | 1e-16   | 0 ≤ x     | Added to the root |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients (2020), https://arxiv.org/abs/2010.07468
Faithful to: juntang-zhuang/Adabelief-Optimizer@2855178"""

class _adabelief_ams(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-16,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam divided by the largest deviation so far

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Added to the root (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adabelief_ams: _adabelief_ams
"""Adam divided by the largest deviation so far

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
| eps     | 1e-16   | 0 ≤ x     | Added to the root |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients (2020), https://arxiv.org/abs/2010.07468
Faithful to: juntang-zhuang/Adabelief-Optimizer@2855178"""

class AdaBelief(TorchOptimizer):
    """Rectified Adam, divided by the deviation of gradients

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
    | betas[1]     | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
    | eps          | 1e-16   | 0 ≤ x     | Added to the root |
    | n_min        | 5       | 4 ≤ x     | Shortest moving average to trust, in steps |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients (2020), https://arxiv.org/abs/2010.07468
    Faithful to: juntang-zhuang/Adabelief-Optimizer@2855178"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-16,
        n_min: Annotated[Number, 'in [4, inf)'] = 5.0,
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
        """Rectified Adam, divided by the deviation of gradients

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁ of the mean (in [0, 1))
        betas[1]: β₂ of the mean square (in [0, 1))
        eps: Added to the root (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class _yogi(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 0.001,
        eps_hat: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam whose mean square falls more slowly

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: `v` moves by 1-β₂ of the square of a gradient (in [0, 1))
        eps: Added to the root (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased? (one of False, True)"""
yogi: _yogi
"""Adam whose mean square falls more slowly

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.01    | 0 ≤ x              | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: `v` moves by 1-β₂ of the square of a gradient |
| eps     | 0.001   | 0 ≤ x              | Added to the root |
| eps_hat | True    | one of False, True | Add `eps` to the root before it is debiased? |

Paper: Adaptive Methods for Nonconvex Optimization (2018), https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization
Faithful to: tensorflow/addons@23bd494"""

class Yogi(TorchOptimizer):
    """Adam whose mean square falls more slowly

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.01    | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: `v` moves by 1-β₂ of the square of a gradient |
    | eps          | 0.001   | 0 ≤ x              | Added to the root |
    | eps_hat      | True    | one of False, True | Add `eps` to the root before it is debiased? |

    Paper: Adaptive Methods for Nonconvex Optimization (2018), https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization
    Faithful to: tensorflow/addons@23bd494"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in [0, inf)'] = 0.001,
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
        """Adam whose mean square falls more slowly

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: `v` moves by 1-β₂ of the square of a gradient (in [0, 1))
        eps: Added to the root (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased? (one of False, True)"""

class _laprop(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.0004,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-15,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum of normalised gradients

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of normalized gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
laprop: _laprop
"""Momentum of normalised gradients

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.0004  | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of normalized gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean square |
| eps     | 1e-15   | 0 ≤ x     | Keeps the division finite |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: LaProp: Separating Momentum and Adaptivity in Adam (2020), https://arxiv.org/abs/2002.04839
Faithful to: Z-T-WANG/LaProp-Optimizer@9373f13"""

class LaProp(TorchOptimizer):
    """Momentum of normalised gradients

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.0004  | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of normalized gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean square |
    | eps          | 1e-15   | 0 ≤ x     | Keeps the division finite |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: LaProp: Separating Momentum and Adaptivity in Adam (2020), https://arxiv.org/abs/2002.04839
    Faithful to: Z-T-WANG/LaProp-Optimizer@9373f13"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.0004,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-15,
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
        """Momentum of normalised gradients

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of normalized gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

belief: Term
"""Return the mean gradient, and keep in `s` the mean square of the deviations from it (AdaBelief)"""

over_root: Term
"""Divide by the root of the mean square, both debiased"""

over_top: Term
"""Divide by the root of the largest mean square so far, both debiased"""

over_root_late: Term
"""Divide by the root of the mean square once that can be trusted; `rectify` debiases"""

def millionth(p: Any) -> Any:
    """State like the weight `p` that begins with millionths"""
