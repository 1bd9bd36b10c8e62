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
        clip_ratio: λ: largest norm of a unit's gradient, relative to the norm of its weights (in (0, inf))
        least_norm: Weights count as at least this long (in (0, inf))
        whole_units: Treat all weights of an output as one unit, even if there are three dimensions? (one of False, True)
        conv_only: Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? (one of False, True)
        sqr_mom: β₂ of the mean square (in [0, 1))
        mom: β₁ of the mean (in [0, 1))
        pnm: β₀: how much of the other mean is subtracted; 0 leaves two means that are used in turn (in [0, inf))
        eps: Keeps the division finite (in [0, inf))
        smooth: β of softplus: roots far above 1/β do not change, and the least divisor is ln 2/β (in (0, inf))
        wd: Weight decay, which is divided by the root of the mean of `v` (in [0, inf))
        norm_wd: λ of λ(1-‖w‖)² (in [0, inf))
        total: Number of steps in the whole training; 0: no warm-down (whole numbers in [0, inf))
        pct_start: Share of the training after which the rate falls (in [0, 1])
        min_lr: Learning rate at the end of the training (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""
ranger21: _ranger21
"""Clipped, centralized, normalized positive-negative Adam with lookahead

| hyper       | default | range                           | meaning |
|-------------|---------|---------------------------------|---------|
| lr          | 0.001   | 0 ≤ x                           | Learning rate |
| clip_ratio  | 0.01    | 0 < x                           | λ: largest norm of a unit's gradient, relative to the norm of its weights |
| least_norm  | 0.001   | 0 < x                           | Weights count as at least this long |
| whole_units | False   | one of False, True              | Treat all weights of an output as one unit, even if there are three dimensions? |
| conv_only   | False   | one of False, True              | Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? |
| sqr_mom     | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
| mom         | 0.9     | 0 ≤ x < 1                       | β₁ of the mean |
| pnm         | 1       | 0 ≤ x                           | β₀: how much of the other mean is subtracted; 0 leaves two means that are used in turn |
| eps         | 1e-08   | 0 ≤ x                           | Keeps the division finite |
| smooth      | 50      | 0 < x                           | β of softplus: roots far above 1/β do not change, and the least divisor is ln 2/β |
| wd          | 0.0001  | 0 ≤ x                           | Weight decay, which is divided by the root of the mean of `v` |
| norm_wd     | 0.0001  | 0 ≤ x                           | λ of λ(1-‖w‖)² |
| total       | 0       | 0 ≤ x, whole                    | Number of steps in the whole training; 0: no warm-down |
| pct_start   | 0.72    | 0 ≤ x ≤ 1                       | Share of the training after which the rate falls |
| min_lr      | 3e-05   | 0 ≤ x                           | Learning rate at the end of the training |
| k           | 5       | 1 ≤ x, whole                    | Number of fast steps between two merges |
| alpha       | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
| slow_from   | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

Paper: Ranger21: a synergistic deep learning optimizer (2021), https://arxiv.org/abs/2106.13731
Faithful to: lessw2020/Ranger21@1a96777"""

class Ranger21(TorchOptimizer):
    """Clipped, centralized, normalized positive-negative Adam with lookahead

    | hyper           | default | range                           | meaning |
    |-----------------|---------|---------------------------------|---------|
    | lr              | 0.001   | 0 ≤ x                           | Learning rate |
    | clip_ratio      | 0.01    | 0 < x                           | λ: largest norm of a unit's gradient, relative to the norm of its weights |
    | least_norm      | 0.001   | 0 < x                           | Weights count as at least this long |
    | whole_units     | False   | one of False, True              | Treat all weights of an output as one unit, even if there are three dimensions? |
    | conv_only       | False   | one of False, True              | Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? |
    | betas[1]        | 0.999   | 0 ≤ x < 1                       | β₂ of the mean square |
    | betas[0]        | 0.9     | 0 ≤ x < 1                       | β₁ of the mean |
    | pnm             | 1       | 0 ≤ x                           | β₀: how much of the other mean is subtracted; 0 leaves two means that are used in turn |
    | eps             | 1e-08   | 0 ≤ x                           | Keeps the division finite |
    | smooth          | 50      | 0 < x                           | β of softplus: roots far above 1/β do not change, and the least divisor is ln 2/β |
    | weight_decay    | 0.0001  | 0 ≤ x                           | Weight decay, which is divided by the root of the mean of `v` |
    | norm_wd         | 0.0001  | 0 ≤ x                           | λ of λ(1-‖w‖)² |
    | total           | 0       | 0 ≤ x, whole                    | Number of steps in the whole training; 0: no warm-down |
    | pct_start       | 0.72    | 0 ≤ x ≤ 1                       | Share of the training after which the rate falls |
    | warmdown_min_lr | 3e-05   | 0 ≤ x                           | Learning rate at the end of the training |
    | k               | 5       | 1 ≤ x, whole                    | Number of fast steps between two merges |
    | la_alpha        | 0.5     | 0 ≤ x ≤ 1                       | α: share of the way that the slow weights follow the fast ones; 1 is no lookahead |
    | slow_from       | 'start' | one of 'start', 'step', 'merge' | Copy the slow weights at the start, after the first step, or at the first merge |

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
        clip_ratio: λ: largest norm of a unit's gradient, relative to the norm of its weights (in (0, inf))
        least_norm: Weights count as at least this long (in (0, inf))
        whole_units: Treat all weights of an output as one unit, even if there are three dimensions? (one of False, True)
        conv_only: Centralize only convolutions (more than 3 dimensions), and not the weights of linear layers? (one of False, True)
        betas[1]: β₂ of the mean square (in [0, 1))
        betas[0]: β₁ of the mean (in [0, 1))
        pnm: β₀: how much of the other mean is subtracted; 0 leaves two means that are used in turn (in [0, inf))
        eps: Keeps the division finite (in [0, inf))
        smooth: β of softplus: roots far above 1/β do not change, and the least divisor is ln 2/β (in (0, inf))
        weight_decay: Weight decay, which is divided by the root of the mean of `v` (in [0, inf))
        norm_wd: λ of λ(1-‖w‖)² (in [0, inf))
        total: Number of steps in the whole training; 0: no warm-down (whole numbers in [0, inf))
        pct_start: Share of the training after which the rate falls (in [0, 1])
        warmdown_min_lr: Learning rate at the end of the training (in [0, inf))
        k: Number of fast steps between two merges (whole numbers in [1, inf))
        la_alpha: α: share of the way that the slow weights follow the fast ones; 1 is no lookahead (in [0, 1])
        slow_from: Copy the slow weights at the start, after the first step, or at the first merge (one of 'start', 'step', 'merge')"""

def unit_norm(x: Any, whole: Any = False) -> Any:
    """Return the norm of each unit of `x`: of a vector, of each row, or over dimension 1 if there are three and not `whole`"""

agc: Term
"""Clip the gradient of each unit in proportion to the norm of its weights (adaptive gradient clipping)"""

def deviation(x: Any) -> Any:
    """Return the standard deviation of all entries of `x` plus 1e-8, or 1 for fewer than three entries and for equal ones"""

normalize_gradient: Term
"""Scale the gradient of each tensor to a standard deviation of 1 (gradient normalization)"""

def unit_lengths(rows: Any, square: Any, x: Any, whole: Any = False) -> Any:
    """Compute `unit_norm` of `x` from the mean squares of its rows and of all its entries"""

def deviation_from(square: Any, centre: Any, p: Any) -> Any:
    """Compute the `deviation` of a tensor of the size of `p` from its mean, `centre`, and the mean `square` of what remains without it"""

mean_square: Term
"""Keep Adam's mean of squares for later terms"""

positive_negative: Term
"""Update two means in turn, and subtract the other one (positive-negative momentum)"""

calibrate: Term
"""Divide by the softplus of the root mean square, which cannot vanish"""

stable_decay: Term
"""Divide the weight decay by the root mean square gradient of the tensor (stable weight decay)"""

norm_loss: Term
"""Pull the weights of each unit to length 1 (norm loss)"""

def warmup_length(sqr_mom: Any, total: Any) -> Any:
    """Return the number of warm-up steps: `2/(1-sqr_mom)`, or 22% of `total` if that would be more than 45%"""

warm_up: Term
"""Scale the step by a linear warm-up"""

warm_down: Term
"""Scale a step that already contains `lr` by a linear warm-down"""
