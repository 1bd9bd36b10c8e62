# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, TypeAlias
import torch

__all__ = ['adamw', 'adam', 'Adam', 'AdamW', 'amsgrad', 'AMSGrad', 'Length', 'radam', 'radam_hold', 'RAdam', 'rectification', 'adapt',
    'rectify', 'hold', 'rectified']

class _adamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_hat: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.01,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adamw: _adamw
"""Adam with decoupled weight decay

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd      | 0.01    | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Decoupled weight decay regularization (2017), https://arxiv.org/abs/1711.05101
Faithful to: torch 2.15.0"""

class _adam(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_hat: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adaptive moments with L2 weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)"""
adam: _adam
"""Adaptive moments with L2 weight decay

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |

Paper: Adam: a method for stochastic optimization (2014), https://arxiv.org/abs/1412.6980
Faithful to: torch 2.15.0"""

class Adam(TorchOptimizer):
    """Adaptive moments with L2 weight decay

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |

    Paper: Adam: a method for stochastic optimization (2014), https://arxiv.org/abs/1412.6980
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        *,
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
        """Adaptive moments with L2 weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)"""

class AdamW(TorchOptimizer):
    """Adam with decoupled weight decay

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay | 0.01    | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Decoupled weight decay regularization (2017), https://arxiv.org/abs/1711.05101
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.01,
        *,
        eps_hat: bool | None = False,
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
        """Adam with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class _amsgrad(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with the largest mean square so far

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))"""
amsgrad: _amsgrad
"""Adam with the largest mean square so far

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x     | Keeps the division finite |

Paper: On the convergence of Adam and beyond (2018), https://arxiv.org/abs/1904.09237
Faithful to: torch 2.15.0"""

class AMSGrad(TorchOptimizer):
    """Adam with the largest mean square so far

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x     | Keeps the division finite |

    Paper: On the convergence of Adam and beyond (2018), https://arxiv.org/abs/1904.09237
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = True,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Adam with the largest mean square so far

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))"""

Length: TypeAlias = float # in [4, inf)

class _radam(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Rectified Adam: momentum until squares can be trusted

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
radam: _radam
"""Rectified Adam: momentum until squares can be trusted

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
| eps     | 1e-08   | 0 ≤ x     | Keeps the division finite |
| n_min   | 5       | 4 ≤ x     | Shortest moving average to trust, in steps |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: On the variance of the adaptive learning rate and beyond (2019), https://arxiv.org/abs/1908.03265
Faithful to: LiyuanLucasLiu/RAdam@d9fd30a"""

class _radam_hold(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Rectified Adam that first waits without moving

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
radam_hold: _radam_hold
"""Rectified Adam that first waits without moving

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
| eps     | 1e-08   | 0 ≤ x     | Keeps the division finite |
| n_min   | 5       | 4 ≤ x     | Shortest moving average to trust, in steps |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: On the variance of the adaptive learning rate and beyond (2019), https://arxiv.org/abs/1908.03265
Faithful to: LiyuanLucasLiu/RAdam@d9fd30a"""

class RAdam(TorchOptimizer):
    """Rectified Adam: momentum until squares can be trusted

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁ of the mean |
    | betas[1]     | 0.999   | 0 ≤ x < 1 | β₂ of the mean square |
    | eps          | 1e-08   | 0 ≤ x     | Keeps the division finite |
    | n_min        | 5       | 4 ≤ x     | Shortest moving average to trust, in steps |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: On the variance of the adaptive learning rate and beyond (2019), https://arxiv.org/abs/1908.03265
    Faithful to: LiyuanLucasLiu/RAdam@d9fd30a"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        *,
        n_min: Annotated[Number, 'in [4, inf)'] = 5.0,
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
        """Rectified Adam: momentum until squares can be trusted

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁ of the mean (in [0, 1))
        betas[1]: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

def rectification(β: Any, t: Any, n_min: Any = 5.0) -> Any:
    """Return how far to trust the mean square after `t` steps at decay rate `β`, from 0 (it has no more than `n_min` gradients) to 1"""

adapt: Term
"""Divide the mean gradient by its root mean square once that can be trusted"""

rectify: Term
"""Debias the direction of `adapt` and rectify its variance"""

hold: Term
"""Do not move while the mean square cannot be trusted"""

rectified: Term
"""Rectify the variance of a debiased direction by a factor that rises from 0 to 1"""
