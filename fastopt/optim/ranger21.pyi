# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal
import torch

__all__ = ['ranger21', 'Ranger21', 'unit_norm', 'agc', 'deviation', 'normalize_gradient', 'unit_lengths', 'deviation_from', 'mean_square',
    'positive_negative', 'calibrate', 'stable_decay', 'norm_loss', 'warmup_length', 'warm_up', 'warm_down']

class _ranger21(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        clip_ratio: Annotated[Hyper, 'in (0, inf)'] = 0.01,
        least_norm: Annotated[Hyper, 'in (0, inf)'] = 0.001,
        whole_units: bool = False,
        conv_only: bool = False,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        pnm: Annotated[Hyper, 'in [0, inf)'] = 1.0,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        smooth: Annotated[Hyper, 'in (0, inf)'] = 50.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0001,
        norm_wd: Annotated[Hyper, 'in [0, inf)'] = 0.0001,
        total: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        pct_start: Annotated[Hyper, 'in [0, 1]'] = 0.72,
        min_lr: Annotated[Hyper, 'in [0, inf)'] = 3e-05,
        k: Annotated[Hyper, 'whole numbers in [1, inf)'] = 5,
        alpha: Annotated[Hyper, 'in [0, 1]'] = 0.5,
        slow_from: Literal['start', 'step', 'merge'] = 'start',
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Clipped, centralized, normalized positive-negative Adam with lookahead

        lr: Learning rate (in [0, inf))
        clip_ratio: λ: longest gradient of an output, in lengths of its weights (in (0, inf))
        least_norm: Weights count as at least this long (in (0, inf))
        whole_units: Are all weights of an output one unit, also those with three dimensions? (one of False, True)
        conv_only: Convolutions only (more than 3 dimensions), not the weights of linear layers? (one of False, True)
        sqr_mom: β₂ of the mean square (in [0, 1))
        mom: β₁ of the mean (in [0, 1))
        pnm: β₀: how much of the other mean is subtracted; 0 leaves two means that take turns (in [0, inf))
        eps: Keeps the division finite (in [0, inf))
        smooth: β of softplus: roots far above 1/β stay as they are, the least becomes ln 2/β (in (0, inf))
        wd: Weight decay, over the root of the mean of `v` (in [0, inf))
        norm_wd: λ of λ(1-‖w‖)² (in [0, inf))
        total: Steps of the whole training; 0 is no warm-down (whole numbers in [0, inf))
        pct_start: Share of the training after which the rate goes down (in [0, 1])
        min_lr: Towards this rate (in [0, inf))
        k: Fast steps between two merges (whole numbers in [1, inf))
        alpha: α: how far the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Slow weights begin as the first, those after the first step, or at the first merge (one of 'start', 'step', 'merge')"""
ranger21: _ranger21
"""Clipped, centralized, normalized positive-negative Adam with lookahead

| hyper       | default | range                           | meaning |
|-------------|---------|---------------------------------|---------|
| lr          | 0.001   | 0 ≤ x                           | Learning rate |
| clip_ratio  | 0.01    | 0 < x                           | λ: longest gradient of an output, in lengths of its weights |
| least_norm  | 0.001   | 0 < x                           | Weights count as at least this long |
| whole_units | False   | one of False, True              | Are all weights of an output one unit, also those with three dimensions? |
| conv_only   | False   | one of False, True              | Convolutions only (more than 3 dimensions), not the weights of linear layers? |
| sqr_mom     | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
| mom         | 0.9     | 0 ≤ x < 1                       | β₁ of the mean |
| pnm         | 1       | 0 ≤ x                           | β₀: how much of the other mean is subtracted; 0 leaves two means that take turns |
| eps         | 1e-08   | 0 ≤ x                           | Keeps the division finite |
| smooth      | 50      | 0 < x                           | β of softplus: roots far above 1/β stay as they are, the least becomes ln 2/β |
| wd          | 0.0001  | 0 ≤ x                           | Weight decay, over the root of the mean of `v` |
| norm_wd     | 0.0001  | 0 ≤ x                           | λ of λ(1-‖w‖)² |
| total       | 0       | 0 ≤ x, whole                    | Steps of the whole training; 0 is no warm-down |
| pct_start   | 0.72    | 0 ≤ x ≤ 1                       | Share of the training after which the rate goes down |
| min_lr      | 3e-05   | 0 ≤ x                           | Towards this rate |
| k           | 5       | 1 ≤ x, whole                    | Fast steps between two merges |
| alpha       | 0.5     | 0 ≤ x ≤ 1                       | α: how far the slow weights follow the fast ones; 1 is no lookahead |
| slow_from   | 'start' | one of 'start', 'step', 'merge' | Slow weights begin as the first, those after the first step, or at the first merge |

Paper: Ranger21: a synergistic deep learning optimizer (2021), https://arxiv.org/abs/2106.13731
Faithful to: lessw2020/Ranger21@1a96777"""

class Ranger21(TorchOptimizer):
    """Clipped, centralized, normalized positive-negative Adam with lookahead

    | hyper           | default | range                           | meaning |
    |-----------------|---------|---------------------------------|---------|
    | lr              | 0.001   | 0 ≤ x                           | Learning rate |
    | clip_ratio      | 0.01    | 0 < x                           | λ: longest gradient of an output, in lengths of its weights |
    | least_norm      | 0.001   | 0 < x                           | Weights count as at least this long |
    | whole_units     | False   | one of False, True              | Are all weights of an output one unit, also those with three dimensions? |
    | conv_only       | False   | one of False, True              | Convolutions only (more than 3 dimensions), not the weights of linear layers? |
    | betas[1]        | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
    | betas[0]        | 0.9     | 0 ≤ x < 1                       | β₁ of the mean |
    | pnm             | 1       | 0 ≤ x                           | β₀: how much of the other mean is subtracted; 0 leaves two means that take turns |
    | eps             | 1e-08   | 0 ≤ x                           | Keeps the division finite |
    | smooth          | 50      | 0 < x                           | β of softplus: roots far above 1/β stay as they are, the least becomes ln 2/β |
    | weight_decay    | 0.0001  | 0 ≤ x                           | Weight decay, over the root of the mean of `v` |
    | norm_wd         | 0.0001  | 0 ≤ x                           | λ of λ(1-‖w‖)² |
    | total           | 0       | 0 ≤ x, whole                    | Steps of the whole training; 0 is no warm-down |
    | pct_start       | 0.72    | 0 ≤ x ≤ 1                       | Share of the training after which the rate goes down |
    | warmdown_min_lr | 3e-05   | 0 ≤ x                           | Towards this rate |
    | k               | 5       | 1 ≤ x, whole                    | Fast steps between two merges |
    | la_alpha        | 0.5     | 0 ≤ x ≤ 1                       | α: how far the slow weights follow the fast ones; 1 is no lookahead |
    | slow_from       | 'start' | one of 'start', 'step', 'merge' | Slow weights begin as the first, those after the first step, or at the first merge |

    Paper: Ranger21: a synergistic deep learning optimizer (2021), https://arxiv.org/abs/2106.13731
    Faithful to: lessw2020/Ranger21@1a96777"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        clip_ratio: Annotated[Number, 'in (0, inf)'] = 0.01,
        least_norm: Annotated[Number, 'in (0, inf)'] = 0.001,
        pnm: Annotated[Number, 'in [0, inf)'] = 1.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        smooth: Annotated[Number, 'in (0, inf)'] = 50.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0001,
        norm_wd: Annotated[Number, 'in [0, inf)'] = 0.0001,
        total: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        pct_start: Annotated[Number, 'in [0, 1]'] = 0.72,
        warmdown_min_lr: Annotated[Number, 'in [0, inf)'] = 3e-05,
        k: Annotated[Number, 'whole numbers in [1, inf)'] = 5,
        la_alpha: Annotated[Number, 'in [0, 1]'] = 0.5,
        whole_units: bool | None = False,
        conv_only: bool | None = False,
        slow_from: Literal['start', 'step', 'merge'] | None = 'start',
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
        """Clipped, centralized, normalized positive-negative Adam with lookahead

        lr: Learning rate (in [0, inf))
        clip_ratio: λ: longest gradient of an output, in lengths of its weights (in (0, inf))
        least_norm: Weights count as at least this long (in (0, inf))
        whole_units: Are all weights of an output one unit, also those with three dimensions? (one of False, True)
        conv_only: Convolutions only (more than 3 dimensions), not the weights of linear layers? (one of False, True)
        betas[1]: β₂ of the mean square (in [0, 1))
        betas[0]: β₁ of the mean (in [0, 1))
        pnm: β₀: how much of the other mean is subtracted; 0 leaves two means that take turns (in [0, inf))
        eps: Keeps the division finite (in [0, inf))
        smooth: β of softplus: roots far above 1/β stay as they are, the least becomes ln 2/β (in (0, inf))
        weight_decay: Weight decay, over the root of the mean of `v` (in [0, inf))
        norm_wd: λ of λ(1-‖w‖)² (in [0, inf))
        total: Steps of the whole training; 0 is no warm-down (whole numbers in [0, inf))
        pct_start: Share of the training after which the rate goes down (in [0, 1])
        warmdown_min_lr: Towards this rate (in [0, inf))
        k: Fast steps between two merges (whole numbers in [1, inf))
        la_alpha: α: how far the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Slow weights begin as the first, those after the first step, or at the first merge (one of 'start', 'step', 'merge')"""

def unit_norm(x: Any, whole: Any = False) -> Any:
    """The length of each unit of `x`: over all dimensions but the first, of three over the second unless `whole`; of a vector as a whole"""

agc: Term
"""Adaptive gradient clipping: no output's gradient is too long for its weights"""

def deviation(x: Any) -> Any:
    """The standard deviation of all that is in `x`, kept from 0, or 1 for fewer than three numbers"""

normalize_gradient: Term
"""Gradient normalization: the standard deviation of each weight's gradient becomes 1"""

def unit_lengths(rows: Any, square: Any, x: Any, whole: Any = False) -> Any:
    """`unit_norm` of `x`, from the mean squares of its rows, and of all that is in it"""

def deviation_from(square: Any, p: Any) -> Any:
    """`deviation` of what is as large as `p`, from its mean `square`"""

mean_square: Term
"""Keep Adam's mean of squares for terms to come"""

positive_negative: Term
"""Positive-negative momentum: two means learn in turn, and the one that did not is subtracted"""

calibrate: Term
"""Divide by the root mean square, which softplus keeps from vanishing"""

stable_decay: Term
"""Stable weight decay: small where gradients are large, and Adam's rate in effect is small too"""

norm_loss: Term
"""Norm loss: pulls the weights of each output to length 1"""

def warmup_length(sqr_mom: Any, total: Any) -> Any:
    """Steps of warm-up: `2/(1-sqr_mom)`, or 22% of a training for which that is too long"""

warm_up: Term
"""Linear warm-up"""

warm_down: Term
"""Linear warm-down of a step that `lr` is already part of"""
