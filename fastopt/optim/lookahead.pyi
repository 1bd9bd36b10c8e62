# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal
import torch

__all__ = ['ranger', 'ranger20', 'rangerqh', 'Ranger', 'RangerQH', 'ranger19', 'lookahead', 'reset_momentum', 'pull_momentum', 'centralize']

class _ranger(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        conv_only: bool = False,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-05,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        k: Annotated[Hyper, 'whole numbers in [1, inf)'] = 6,
        alpha: Annotated[Hyper, 'in [0, 1]'] = 0.5,
        slow_from: Literal['start', 'step', 'merge'] = 'start',
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """RAdam with lookahead and centralized gradients

        lr: Learning rate: the length of a step (in [0, inf))
        conv_only: Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? (one of False, True)
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""
ranger: _ranger
"""RAdam with lookahead and centralized gradients

| hyper     | default | range                           | meaning |
|-----------|---------|---------------------------------|---------|
| lr        | 0.001   | 0 ≤ x                           | Learning rate: the length of a step |
| conv_only | False   | one of False, True              | Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? |
| mom       | 0.95    | 0 ≤ x < 1                       | β₁ of the mean |
| sqr_mom   | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
| eps       | 1e-05   | 0 ≤ x                           | Keeps the division finite |
| n_min     | 5       | 4 ≤ x                           | Shortest moving average to trust, in steps |
| wd        | 0       | 0 ≤ x                           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| k         | 6       | 1 ≤ x, whole                    | Number of fast steps between two merges |
| alpha     | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
| slow_from | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

Faithful to: lessw2020/Ranger-Deep-Learning-Optimizer@c82a304"""

class _ranger20(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        conv_only: bool = False,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-05,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        k: Annotated[Hyper, 'whole numbers in [1, inf)'] = 6,
        alpha: Annotated[Hyper, 'in [0, 1]'] = 0.5,
        slow_from: Literal['start', 'step', 'merge'] = 'start',
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Ranger of 2020, which also rectifies decay

        lr: Learning rate: the length of a step (in [0, inf))
        conv_only: Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? (one of False, True)
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""
ranger20: _ranger20
"""Ranger of 2020, which also rectifies decay

| hyper     | default | range                           | meaning |
|-----------|---------|---------------------------------|---------|
| lr        | 0.001   | 0 ≤ x                           | Learning rate: the length of a step |
| conv_only | False   | one of False, True              | Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? |
| mom       | 0.95    | 0 ≤ x < 1                       | β₁ of the mean |
| sqr_mom   | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
| eps       | 1e-05   | 0 ≤ x                           | Keeps the division finite |
| n_min     | 5       | 4 ≤ x                           | Shortest moving average to trust, in steps |
| wd        | 0       | 0 ≤ x                           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| k         | 6       | 1 ≤ x, whole                    | Number of fast steps between two merges |
| alpha     | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
| slow_from | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

Faithful to: lessw2020/Ranger-Deep-Learning-Optimizer@c82a304"""

class _rangerqh(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        nu1: Annotated[Hyper, 'in [-inf, inf]'] = 0.7,
        nu2: Annotated[Hyper, 'in [-inf, inf]'] = 1.0,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        k: Annotated[Hyper, 'whole numbers in [1, inf)'] = 6,
        alpha: Annotated[Hyper, 'in [0, 1]'] = 0.5,
        slow_from: Literal['start', 'step', 'merge'] = 'start',
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """QHAdam with lookahead

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        nu1: ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam (in [-inf, inf])
        nu2: ν₂: share of the mean square in the denominator; 1 is Adam (in [-inf, inf])
        eps: Keeps the division finite (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""
rangerqh: _rangerqh
"""QHAdam with lookahead

| hyper     | default | range                           | meaning |
|-----------|---------|---------------------------------|---------|
| lr        | 0.001   | 0 ≤ x                           | Learning rate: the length of a step |
| wd        | 0       | 0 ≤ x                           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom       | 0.9     | 0 ≤ x < 1                       | β₁: decay rate of the mean of gradients |
| sqr_mom   | 0.999   | 0 ≤ x < 1                       | β₂: decay rate of the mean of squares |
| nu1       | 0.7     | any finite x                    | ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam |
| nu2       | 1       | any finite x                    | ν₂: share of the mean square in the denominator; 1 is Adam |
| eps       | 1e-08   | 0 ≤ x                           | Keeps the division finite |
| k         | 6       | 1 ≤ x, whole                    | Number of fast steps between two merges |
| alpha     | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
| slow_from | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

Faithful to: lessw2020/Ranger-Deep-Learning-Optimizer@c82a304"""

class Ranger(TorchOptimizer):
    """RAdam with lookahead and centralized gradients

    | hyper        | default | range                           | meaning |
    |--------------|---------|---------------------------------|---------|
    | lr           | 0.001   | 0 ≤ x                           | Learning rate: the length of a step |
    | conv_only    | False   | one of False, True              | Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? |
    | betas[0]     | 0.95    | 0 ≤ x < 1                       | β₁ of the mean |
    | betas[1]     | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
    | eps          | 1e-05   | 0 ≤ x                           | Keeps the division finite |
    | n_min        | 5       | 4 ≤ x                           | Shortest moving average to trust, in steps |
    | weight_decay | 0       | 0 ≤ x                           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | k            | 6       | 1 ≤ x, whole                    | Number of fast steps between two merges |
    | la_alpha     | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
    | slow_from    | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

    Faithful to: lessw2020/Ranger-Deep-Learning-Optimizer@c82a304"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.95, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-05,
        n_min: Annotated[Number, 'in [4, inf)'] = 5.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        k: Annotated[Number, 'whole numbers in [1, inf)'] = 6,
        la_alpha: Annotated[Number, 'in [0, 1]'] = 0.5,
        conv_only: bool | None = False,
        slow_from: Literal['start', 'step', 'merge'] | None = 'start',
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
        """RAdam with lookahead and centralized gradients

        lr: Learning rate: the length of a step (in [0, inf))
        conv_only: Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? (one of False, True)
        betas[0]: β₁ of the mean (in [0, 1))
        betas[1]: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        la_alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""

class RangerQH(TorchOptimizer):
    """QHAdam with lookahead

    | hyper        | default | range                           | meaning |
    |--------------|---------|---------------------------------|---------|
    | lr           | 0.001   | 0 ≤ x                           | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x                           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1                       | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1                       | β₂: decay rate of the mean of squares |
    | nu1          | 0.7     | any finite x                    | ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam |
    | nu2          | 1       | any finite x                    | ν₂: share of the mean square in the denominator; 1 is Adam |
    | eps          | 1e-08   | 0 ≤ x                           | Keeps the division finite |
    | k            | 6       | 1 ≤ x, whole                    | Number of fast steps between two merges |
    | la_alpha     | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
    | slow_from    | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

    Faithful to: lessw2020/Ranger-Deep-Learning-Optimizer@c82a304"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        nu1: Annotated[Number, 'in [-inf, inf]'] = 0.7,
        nu2: Annotated[Number, 'in [-inf, inf]'] = 1.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        k: Annotated[Number, 'whole numbers in [1, inf)'] = 6,
        la_alpha: Annotated[Number, 'in [0, 1]'] = 0.5,
        slow_from: Literal['start', 'step', 'merge'] | None = 'start',
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
        """QHAdam with lookahead

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        nu1: ν₁: share of the mean in the numerator; the rest is this step's gradient, and 1 is Adam (in [-inf, inf])
        nu2: ν₂: share of the mean square in the denominator; 1 is Adam (in [-inf, inf])
        eps: Keeps the division finite (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        la_alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""

class _ranger19(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.01,
        k: Annotated[Hyper, 'whole numbers in [1, inf)'] = 6,
        alpha: Annotated[Hyper, 'in [0, 1]'] = 0.5,
        slow_from: Literal['start', 'step', 'merge'] = 'start',
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Ranger of 2019 (and fastai): RAdam with lookahead

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""
ranger19: _ranger19
"""Ranger of 2019 (and fastai): RAdam with lookahead

| hyper     | default | range                           | meaning |
|-----------|---------|---------------------------------|---------|
| lr        | 0.001   | 0 ≤ x                           | Learning rate: the length of a step |
| mom       | 0.95    | 0 ≤ x < 1                       | β₁ of the mean |
| sqr_mom   | 0.99    | 0 ≤ x < 1                       | β₂ of the mean square |
| eps       | 1e-06   | 0 ≤ x                           | Keeps the division finite |
| n_min     | 5       | 4 ≤ x                           | Shortest moving average to trust, in steps |
| wd        | 0.01    | 0 ≤ x                           | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| k         | 6       | 1 ≤ x, whole                    | Number of fast steps between two merges |
| alpha     | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
| slow_from | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

Faithful to: fastai 2.8.12"""

lookahead: Term
"""Move slow weights part of the way to the fast ones every `k` steps, and continue from there (Lookahead)"""

reset_momentum: Term
"""Reset the velocity to 0 at each merge of `lookahead`"""

pull_momentum: Term
"""Merge the velocity as well at each merge of `lookahead`"""

centralize: Term
"""Subtract from the gradient of each output its mean over the inputs (gradient centralization)"""
