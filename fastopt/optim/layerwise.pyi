# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['lamb', 'lamb_debiased', 'LAMB', 'lars', 'LARS', 'unless_zero', 'trust', 'biased_adam', 'local_rate']

class _lamb(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        norm_max: Annotated[Hyper, 'in [0, inf)'] = 10.0,
        adapt_all: bool = True,
        clip: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with steps proportional to tensor norms

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay of this tensor (in [0, inf))
        norm_max: Upper bound of the norm of the weights in the ratio; 0: no bound (in [0, inf))
        adapt_all: Apply the ratio also to tensors without weight decay? (one of False, True)
        clip: Limit the ratio to 1? (one of False, True)"""
lamb: _lamb
"""Adam with steps proportional to tensor norms

| hyper     | default | range              | meaning |
|-----------|---------|--------------------|---------|
| lr        | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom       | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom   | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps       | 1e-06   | 0 ≤ x              | Keeps the division finite |
| wd        | 0       | 0 ≤ x              | Weight decay of this tensor |
| norm_max  | 10      | 0 ≤ x              | Upper bound of the norm of the weights in the ratio; 0: no bound |
| adapt_all | True    | one of False, True | Apply the ratio also to tensors without weight decay? |
| clip      | False   | one of False, True | Limit the ratio to 1? |

Paper: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes (2019), https://arxiv.org/abs/1904.00962
Faithful to: cybertronai/pytorch-lamb@d3ab8dc"""

class _lamb_debiased(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        eps_hat: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        norm_max: Annotated[Hyper, 'in [0, inf)'] = 10.0,
        adapt_all: bool = True,
        clip: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """LAMB with the debiased direction of Adam

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay of this tensor (in [0, inf))
        norm_max: Upper bound of the norm of the weights in the ratio; 0: no bound (in [0, inf))
        adapt_all: Apply the ratio also to tensors without weight decay? (one of False, True)
        clip: Limit the ratio to 1? (one of False, True)"""
lamb_debiased: _lamb_debiased
"""LAMB with the debiased direction of Adam

| hyper     | default | range              | meaning |
|-----------|---------|--------------------|---------|
| lr        | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom       | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom   | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps       | 1e-06   | 0 ≤ x              | Keeps the division finite |
| eps_hat   | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd        | 0       | 0 ≤ x              | Weight decay of this tensor |
| norm_max  | 10      | 0 ≤ x              | Upper bound of the norm of the weights in the ratio; 0: no bound |
| adapt_all | True    | one of False, True | Apply the ratio also to tensors without weight decay? |
| clip      | False   | one of False, True | Limit the ratio to 1? |

Paper: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes (2019), https://arxiv.org/abs/1904.00962"""

class LAMB(TorchOptimizer):
    """Adam with steps proportional to tensor norms

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-06   | 0 ≤ x              | Keeps the division finite |
    | weight_decay | 0       | 0 ≤ x              | Weight decay of this tensor |
    | norm_max     | 10      | 0 ≤ x              | Upper bound of the norm of the weights in the ratio; 0: no bound |
    | adapt_all    | True    | one of False, True | Apply the ratio also to tensors without weight decay? |
    | clip         | False   | one of False, True | Limit the ratio to 1? |

    Paper: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes (2019), https://arxiv.org/abs/1904.00962
    Faithful to: cybertronai/pytorch-lamb@d3ab8dc"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-06,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        norm_max: Annotated[Number, 'in [0, inf)'] = 10.0,
        adapt_all: bool | None = True,
        clip: bool | None = False,
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
        """Adam with steps proportional to tensor norms

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay of this tensor (in [0, inf))
        norm_max: Upper bound of the norm of the weights in the ratio; 0: no bound (in [0, inf))
        adapt_all: Apply the ratio also to tensors without weight decay? (one of False, True)
        clip: Limit the ratio to 1? (one of False, True)"""

class _lars(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0005,
        trust_coeff: Annotated[Hyper, 'in (0, inf)'] = 0.001,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        adapt_all: bool = False,
        clip: bool = False,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum with a rate for each tensor

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay of this tensor (in [0, inf))
        trust_coeff: η: share of its norm by which a tensor may change (in (0, inf))
        eps: Keeps the division finite (in [0, inf))
        adapt_all: Apply the ratio also to tensors without weight decay? (one of False, True)
        clip: Limit the rate of a tensor to `lr`, as LARC does? (one of False, True)
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
lars: _lars
"""Momentum with a rate for each tensor

| hyper       | default | range              | meaning |
|-------------|---------|--------------------|---------|
| lr          | 1       | 0 ≤ x              | Learning rate: the length of a step |
| wd          | 0.0005  | 0 ≤ x              | Weight decay of this tensor |
| trust_coeff | 0.001   | 0 < x              | η: share of its norm by which a tensor may change |
| eps         | 1e-08   | 0 ≤ x              | Keeps the division finite |
| adapt_all   | False   | one of False, True | Apply the ratio also to tensors without weight decay? |
| clip        | False   | one of False, True | Limit the rate of a tensor to `lr`, as LARC does? |
| mom         | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp        | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov    | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

Paper: Large Batch Training of Convolutional Networks (2017), https://arxiv.org/abs/1708.03888
Faithful to: huggingface/pytorch-image-models@aa4b585"""

class LARS(TorchOptimizer):
    """Momentum with a rate for each tensor

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 1       | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0.0005  | 0 ≤ x              | Weight decay of this tensor |
    | trust_coeff  | 0.001   | 0 < x              | η: share of its norm by which a tensor may change |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | adapt_all    | False   | one of False, True | Apply the ratio also to tensors without weight decay? |
    | clip         | False   | one of False, True | Limit the rate of a tensor to `lr`, as LARC does? |
    | momentum     | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

    Paper: Large Batch Training of Convolutional Networks (2017), https://arxiv.org/abs/1708.03888
    Faithful to: huggingface/pytorch-image-models@aa4b585"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.9,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0005,
        trust_coeff: Annotated[Number, 'in (0, inf)'] = 0.001,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        dampening: Annotated[Number, 'in [0, 1)'] = 0.0,
        adapt_all: bool | None = False,
        clip: bool | None = False,
        nesterov: bool | None = False,
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
        """Momentum with a rate for each tensor

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay of this tensor (in [0, inf))
        trust_coeff: η: share of its norm by which a tensor may change (in (0, inf))
        eps: Keeps the division finite (in [0, inf))
        adapt_all: Apply the ratio also to tensors without weight decay? (one of False, True)
        clip: Limit the rate of a tensor to `lr`, as LARC does? (one of False, True)
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

def unless_zero(r: Any, a: Any, b: Any) -> Any:
    """Return the ratio `r`, or 1 where one of the lengths `a` and `b` is 0"""

trust: Term
"""Scale the update by the norm of the weights over its own norm (LAMB's trust ratio)"""

biased_adam: Term
"""Compute Adam's direction without debiasing, so that the first steps are up to $(1-\\beta_1)/\\sqrt{1-\\beta_2}$ times as long"""

local_rate: Term
"""Add the weight decay and scale each tensor by its own rate (LARS)"""
