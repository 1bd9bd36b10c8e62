# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['stableadamw', 'StableAdamW', 'stabilize']

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
        capturable: bool = False,
    ) -> FastOptimizer:
        """AdamW with shorter steps where gradients jump

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Least root to divide by (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
stableadamw: _stableadamw
"""AdamW with shorter steps where gradients jump

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.99    | 0 ≤ x < 1          | β₂ of the mean square |
| eps     | 1e-06   | 0 ≤ x              | Least root to divide by |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| wd      | 0.01    | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Stable and low-precision training for large-scale vision-language models (2023), https://arxiv.org/abs/2304.13013
Faithful to: warner-benjamin/optimi@17a3d54"""

class StableAdamW(TorchOptimizer):
    """AdamW with shorter steps where gradients jump

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.99    | 0 ≤ x < 1          | β₂ of the mean square |
    | eps          | 1e-06   | 0 ≤ x              | Least root to divide by |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | weight_decay | 0.01    | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

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
        """AdamW with shorter steps where gradients jump

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂ of the mean square (in [0, 1))
        eps: Least root to divide by (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

stabilize: Term
"""Shorten the step of a tensor whose gradients are larger than their mean square suggests"""
