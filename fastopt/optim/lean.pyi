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
    """AdamW that brakes where gradients suddenly grow"""
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

class StableAdamW(TorchOptimizer):
    """AdamW that brakes where gradients suddenly grow"""
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
    """AdamW with one mean square for a whole row"""
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

class AdamMini(TorchOptimizer):
    """AdamW with one mean square for a whole row"""
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
    """The mean gradient over the curvature, cut at 1"""
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

class Sophia(TorchOptimizer):
    """The mean gradient over the curvature, cut at 1"""
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
