# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import fastai.callback.core
import torch

__all__ = ['stableadamw', 'StableAdamW', 'adam_mini', 'AdamMini', 'sophia', 'Sophia', 'stabilize', 'blocks', 'ema_blocks',
    'learn_curvature', 'SophiaHessian']

class _stableadamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        eps_hat: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.01,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """AdamW that brakes where gradients suddenly grow

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Least root to divide by (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
stableadamw: _stableadamw
"""AdamW that brakes where gradients suddenly grow

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | [0, inf)           | Learning rate: the length of a step |
| mom     | 0.9     | [0, 1)             | β₁: how slowly the mean of gradients forgets |
| sqr_mom | 0.99    | [0, 1)             | β₂ of the mean square |
| eps     | 1e-06   | [0, inf)           | Least root to divide by |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd      | 0.01    | [0, inf)           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Stable and low-precision training for large-scale vision-language models (2023), https://arxiv.org/abs/2304.13013
Faithful to: warner-benjamin/optimi@17a3d54"""

class StableAdamW(TorchOptimizer):
    """AdamW that brakes where gradients suddenly grow

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | [0, inf)           | Learning rate: the length of a step |
    | betas[0]     | 0.9     | [0, 1)             | β₁: how slowly the mean of gradients forgets |
    | betas[1]     | 0.99    | [0, 1)             | β₂ of the mean square |
    | eps          | 1e-06   | [0, inf)           | Least root to divide by |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay | 0.01    | [0, inf)           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Stable and low-precision training for large-scale vision-language models (2023), https://arxiv.org/abs/2304.13013
    Faithful to: warner-benjamin/optimi@17a3d54"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.99),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-06,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.01,
        eps_hat: bool | None = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """AdamW that brakes where gradients suddenly grow

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        betas[1]: β₂ of the mean square (in [0, 1))
        eps: Least root to divide by (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class _adam_mini(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """AdamW with one mean square for a whole row

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adam_mini: _adam_mini
"""AdamW with one mean square for a whole row

| hyper   | default | range    | meaning |
|---------|---------|----------|---------|
| lr      | 0.001   | [0, inf) | Learning rate: the length of a step |
| mom     | 0.9     | [0, 1)   | β₁: how slowly the mean of gradients forgets |
| sqr_mom | 0.999   | [0, 1)   | β₂: how slowly the mean of squares forgets |
| eps     | 1e-08   | [0, inf) | Keeps the division finite |
| wd      | 0       | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Adam-mini: Use Fewer Learning Rates To Gain More (2024), https://arxiv.org/abs/2406.16793
Faithful to: zyushun/Adam-mini@402aadf"""

class AdamMini(TorchOptimizer):
    """AdamW with one mean square for a whole row

    | hyper        | default | range    | meaning |
    |--------------|---------|----------|---------|
    | lr           | 0.001   | [0, inf) | Learning rate: the length of a step |
    | betas[0]     | 0.9     | [0, 1)   | β₁: how slowly the mean of gradients forgets |
    | betas[1]     | 0.999   | [0, 1)   | β₂: how slowly the mean of squares forgets |
    | eps          | 1e-08   | [0, inf) | Keeps the division finite |
    | weight_decay | 0       | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Adam-mini: Use Fewer Learning Rates To Gain More (2024), https://arxiv.org/abs/2406.16793
    Faithful to: zyushun/Adam-mini@402aadf"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """AdamW with one mean square for a whole row

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

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
    ) -> FastOptimizer:
        """The mean gradient over the curvature, cut at 1

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        rho: ρ: larger takes more weights at their curvature, and fewer at their sign (in (0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
sophia: _sophia
"""The mean gradient over the curvature, cut at 1

| hyper | default | range    | meaning |
|-------|---------|----------|---------|
| lr    | 0.0001  | [0, inf) | Learning rate: the length of a step |
| mom   | 0.965   | [0, 1)   | β₁: how slowly the mean of gradients forgets |
| rho   | 0.04    | (0, inf) | ρ: larger takes more weights at their curvature, and fewer at their sign |
| wd    | 0.1     | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training (2023), https://arxiv.org/abs/2305.14342
Faithful to: Liuhong99/Sophia@a7e1572"""

class Sophia(TorchOptimizer):
    """The mean gradient over the curvature, cut at 1

    | hyper        | default | range    | meaning |
    |--------------|---------|----------|---------|
    | lr           | 0.0001  | [0, inf) | Learning rate: the length of a step |
    | momentum     | 0.965   | [0, 1)   | β₁: how slowly the mean of gradients forgets |
    | rho          | 0.04    | (0, inf) | ρ: larger takes more weights at their curvature, and fewer at their sign |
    | weight_decay | 0.1     | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

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
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """The mean gradient over the curvature, cut at 1

        lr: Learning rate: the length of a step (in [0, inf))
        momentum: β₁: how slowly the mean of gradients forgets (in [0, 1))
        rho: ρ: larger takes more weights at their curvature, and fewer at their sign (in (0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

stabilize: Term
"""Shorten the steps of a tensor whose gradients outgrow their mean square"""

def blocks(x: Any) -> Any:
    """Zeros, one for each block of `x`: each row of a matrix, or else all of it"""

def ema_blocks(avg: Any, x: Any, β: Any) -> Any:
    """`avg` after it forgot at rate `β` and learned the mean of each block of `x`"""

def learn_curvature(ps: Any, gs: Any, state: Any, n: Any, sqr_mom: Any = 0.99) -> Any:
    """Let the curvature `h` in the `state` of each weight learn from its gradient"""

class SophiaHessian(fastai.callback.core.Callback):
    """Every `k` steps, teach `sophia` the curvature, by labels sampled from the model's predictions (logits of classes)"""
    def __init__(self, k: Any = 10, sqr_mom: Any = 0.99) -> None: ...
    def after_pred(self) -> Any: ...
    k: Any
    order: Any
    sqr_mom: Any
