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
        """Adam whose steps are a share of each tensor

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay of this tensor (in [0, inf))
        norm_max: Weights longer than this count as this long; 0: no bound (in [0, inf))
        adapt_all: Also tensors that do not decay? (one of False, True)
        clip: Never take longer steps than without the ratio? (one of False, True)"""
lamb: _lamb
"""Adam whose steps are a share of each tensor

| hyper     | default | range              | meaning |
|-----------|---------|--------------------|---------|
| lr        | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom       | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
| sqr_mom   | 0.999   | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| eps       | 1e-06   | 0 ≤ x              | Keeps the division finite |
| wd        | 0       | 0 ≤ x              | Weight decay of this tensor |
| norm_max  | 10      | 0 ≤ x              | Weights longer than this count as this long; 0: no bound |
| adapt_all | True    | one of False, True | Also tensors that do not decay? |
| clip      | False   | one of False, True | Never take longer steps than without the ratio? |

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
        """LAMB on the debiased direction of Adam

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay of this tensor (in [0, inf))
        norm_max: Weights longer than this count as this long; 0: no bound (in [0, inf))
        adapt_all: Also tensors that do not decay? (one of False, True)
        clip: Never take longer steps than without the ratio? (one of False, True)"""
lamb_debiased: _lamb_debiased
"""LAMB on the debiased direction of Adam

| hyper     | default | range              | meaning |
|-----------|---------|--------------------|---------|
| lr        | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom       | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
| sqr_mom   | 0.999   | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| eps       | 1e-06   | 0 ≤ x              | Keeps the division finite |
| eps_hat   | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd        | 0       | 0 ≤ x              | Weight decay of this tensor |
| norm_max  | 10      | 0 ≤ x              | Weights longer than this count as this long; 0: no bound |
| adapt_all | True    | one of False, True | Also tensors that do not decay? |
| clip      | False   | one of False, True | Never take longer steps than without the ratio? |

Paper: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes (2019), https://arxiv.org/abs/1904.00962"""

class LAMB(TorchOptimizer):
    """Adam whose steps are a share of each tensor

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
    | eps          | 1e-06   | 0 ≤ x              | Keeps the division finite |
    | weight_decay | 0       | 0 ≤ x              | Weight decay of this tensor |
    | norm_max     | 10      | 0 ≤ x              | Weights longer than this count as this long; 0: no bound |
    | adapt_all    | True    | one of False, True | Also tensors that do not decay? |
    | clip         | False   | one of False, True | Never take longer steps than without the ratio? |

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
        """Adam whose steps are a share of each tensor

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay of this tensor (in [0, inf))
        norm_max: Weights longer than this count as this long; 0: no bound (in [0, inf))
        adapt_all: Also tensors that do not decay? (one of False, True)
        clip: Never take longer steps than without the ratio? (one of False, True)"""

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
        trust_coeff: η: by what share of its length a tensor may change (in (0, inf))
        eps: Keeps the division finite (in [0, inf))
        adapt_all: Also tensors that do not decay? (one of False, True)
        clip: LARC: never a larger rate than `lr`? (one of False, True)
        mom: Momentum: how slowly the velocity forgets (in [0, 1))
        damp: Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum (in [0, 1))
        nesterov: Look one step of the velocity ahead? (one of False, True)"""
lars: _lars
"""Momentum with a rate for each tensor

| hyper       | default | range              | meaning |
|-------------|---------|--------------------|---------|
| lr          | 1       | 0 ≤ x              | Learning rate: the length of a step |
| wd          | 0.0005  | 0 ≤ x              | Weight decay of this tensor |
| trust_coeff | 0.001   | 0 < x              | η: by what share of its length a tensor may change |
| eps         | 1e-08   | 0 ≤ x              | Keeps the division finite |
| adapt_all   | False   | one of False, True | Also tensors that do not decay? |
| clip        | False   | one of False, True | LARC: never a larger rate than `lr`? |
| mom         | 0.9     | 0 ≤ x < 1          | Momentum: how slowly the velocity forgets |
| damp        | 0       | 0 ≤ x < 1          | Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum |
| nesterov    | False   | one of False, True | Look one step of the velocity ahead? |

Paper: Large Batch Training of Convolutional Networks (2017), https://arxiv.org/abs/1708.03888
Faithful to: huggingface/pytorch-image-models@aa4b585"""

class LARS(TorchOptimizer):
    """Momentum with a rate for each tensor

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 1       | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0.0005  | 0 ≤ x              | Weight decay of this tensor |
    | trust_coeff  | 0.001   | 0 < x              | η: by what share of its length a tensor may change |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | adapt_all    | False   | one of False, True | Also tensors that do not decay? |
    | clip         | False   | one of False, True | LARC: never a larger rate than `lr`? |
    | momentum     | 0.9     | 0 ≤ x < 1          | Momentum: how slowly the velocity forgets |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum |
    | nesterov     | False   | one of False, True | Look one step of the velocity ahead? |

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
        trust_coeff: η: by what share of its length a tensor may change (in (0, inf))
        eps: Keeps the division finite (in [0, inf))
        adapt_all: Also tensors that do not decay? (one of False, True)
        clip: LARC: never a larger rate than `lr`? (one of False, True)
        momentum: Momentum: how slowly the velocity forgets (in [0, 1))
        dampening: Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum (in [0, 1))
        nesterov: Look one step of the velocity ahead? (one of False, True)"""

def unless_zero(r: Any, a: Any, b: Any) -> Any:
    """The ratio `r`, or 1 where one of the lengths `a` and `b` is 0"""

trust: Term
"""LAMB's trust ratio: the length of the weights over that of the update"""

biased_adam: Term
"""Adam without debiasing: the first steps are up to $(1-\\beta_1)/\\sqrt{1-\\beta_2}$ times as long"""

local_rate: Term
"""LARS: decay, and a rate for each tensor"""
