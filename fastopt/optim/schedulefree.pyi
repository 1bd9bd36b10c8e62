# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, TypeAlias
import torch

__all__ = ['Blend', 'schedulefree_sgd', 'schedulefree_adamw', 'schedulefree_radam', 'ScheduleFreeSGD', 'ScheduleFreeAdamW',
    'ScheduleFreeRAdam', 'schedulefree', 'over_rms', 'over_late_rms', 'schedulefree_late', 'averaged', 'averages']

Blend: TypeAlias = float # in (0, 1]

class _schedulefree_sgd(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in (0, 1]'] = 0.9,
        warmup_steps: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        r: Annotated[Hyper, 'in [-inf, inf]'] = 0.0,
        weight_lr_power: Annotated[Hyper, 'in [0, inf)'] = 2.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradient descent whose average needs no schedule

        lr: Learning rate of the fast point (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how near to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: Later steps count more in the average: by this power of the step (in [-inf, inf])
        weight_lr_power: Steps count by this power of the largest rate so far (in [0, inf))"""
schedulefree_sgd: _schedulefree_sgd
"""Gradient descent whose average needs no schedule

| hyper           | default | range        | meaning |
|-----------------|---------|--------------|---------|
| lr              | 1       | 0 ≤ x        | Learning rate of the fast point |
| wd              | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom             | 0.9     | 0 < x ≤ 1    | β: how near to the average gradients are taken; 1 is at the average |
| warmup_steps    | 0       | 0 ≤ x, whole | Steps in which the rate rises to `lr` |
| r               | 0       | any finite x | Later steps count more in the average: by this power of the step |
| weight_lr_power | 2       | 0 ≤ x        | Steps count by this power of the largest rate so far |

Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
Faithful to: facebookresearch/schedule_free@70785b5"""

class _schedulefree_adamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.0025,
        *,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in (0, 1]'] = 0.9,
        warmup_steps: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        r: Annotated[Hyper, 'in [-inf, inf]'] = 0.0,
        weight_lr_power: Annotated[Hyper, 'in [0, inf)'] = 2.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam whose average needs no schedule and replaces momentum

        lr: Learning rate of the fast point (in [0, inf))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how near to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: Later steps count more in the average: by this power of the step (in [-inf, inf])
        weight_lr_power: Steps count by this power of the largest rate so far (in [0, inf))"""
schedulefree_adamw: _schedulefree_adamw
"""Adam whose average needs no schedule and replaces momentum

| hyper           | default | range        | meaning |
|-----------------|---------|--------------|---------|
| lr              | 0.0025  | 0 ≤ x        | Learning rate of the fast point |
| sqr_mom         | 0.999   | 0 ≤ x < 1    | β₂: how slowly the mean of squares forgets |
| eps             | 1e-08   | 0 ≤ x        | Keeps the division finite |
| wd              | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom             | 0.9     | 0 < x ≤ 1    | β: how near to the average gradients are taken; 1 is at the average |
| warmup_steps    | 0       | 0 ≤ x, whole | Steps in which the rate rises to `lr` |
| r               | 0       | any finite x | Later steps count more in the average: by this power of the step |
| weight_lr_power | 2       | 0 ≤ x        | Steps count by this power of the largest rate so far |

Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
Faithful to: facebookresearch/schedule_free@70785b5"""

class _schedulefree_radam(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.0025,
        *,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in (0, 1]'] = 0.9,
        silent_sgd_phase: bool = True,
        r: Annotated[Hyper, 'in [-inf, inf]'] = 0.0,
        weight_lr_power: Annotated[Hyper, 'in [0, inf)'] = 2.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Schedule-free Adam that warms up by rectification

        lr: Learning rate of the fast point (in [0, inf))
        sqr_mom: β₂ of the mean square, which says how far it can be trusted (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how near to the average gradients are taken; 1 is at the average (in (0, 1])
        silent_sgd_phase: Stand still while it cannot be trusted? (one of False, True)
        r: Later steps count more in the average: by this power of the step (in [-inf, inf])
        weight_lr_power: Steps count by this power of the largest rate so far (in [0, inf))"""
schedulefree_radam: _schedulefree_radam
"""Schedule-free Adam that warms up by rectification

| hyper            | default | range              | meaning |
|------------------|---------|--------------------|---------|
| lr               | 0.0025  | 0 ≤ x              | Learning rate of the fast point |
| sqr_mom          | 0.999   | 0 ≤ x < 1          | β₂ of the mean square, which says how far it can be trusted |
| eps              | 1e-08   | 0 ≤ x              | Keeps the division finite |
| wd               | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom              | 0.9     | 0 < x ≤ 1          | β: how near to the average gradients are taken; 1 is at the average |
| silent_sgd_phase | True    | one of False, True | Stand still while it cannot be trusted? |
| r                | 0       | any finite x       | Later steps count more in the average: by this power of the step |
| weight_lr_power  | 2       | 0 ≤ x              | Steps count by this power of the largest rate so far |

Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
Faithful to: facebookresearch/schedule_free@70785b5"""

class ScheduleFreeSGD(TorchOptimizer):
    """Gradient descent whose average needs no schedule

    | hyper           | default | range        | meaning |
    |-----------------|---------|--------------|---------|
    | lr              | 1       | 0 ≤ x        | Learning rate of the fast point |
    | weight_decay    | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum        | 0.9     | 0 < x ≤ 1    | β: how near to the average gradients are taken; 1 is at the average |
    | warmup_steps    | 0       | 0 ≤ x, whole | Steps in which the rate rises to `lr` |
    | r               | 0       | any finite x | Later steps count more in the average: by this power of the step |
    | weight_lr_power | 2       | 0 ≤ x        | Steps count by this power of the largest rate so far |

    Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
    Faithful to: facebookresearch/schedule_free@70785b5"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        momentum: Annotated[Number, 'in (0, 1]'] = 0.9,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        warmup_steps: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        r: Annotated[Number, 'in [-inf, inf]'] = 0.0,
        weight_lr_power: Annotated[Number, 'in [0, inf)'] = 2.0,
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
        """Gradient descent whose average needs no schedule

        lr: Learning rate of the fast point (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: β: how near to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: Later steps count more in the average: by this power of the step (in [-inf, inf])
        weight_lr_power: Steps count by this power of the largest rate so far (in [0, inf))"""

class ScheduleFreeAdamW(TorchOptimizer):
    """Adam whose average needs no schedule and replaces momentum

    | hyper           | default | range        | meaning |
    |-----------------|---------|--------------|---------|
    | lr              | 0.0025  | 0 ≤ x        | Learning rate of the fast point |
    | betas[1]        | 0.999   | 0 ≤ x < 1    | β₂: how slowly the mean of squares forgets |
    | eps             | 1e-08   | 0 ≤ x        | Keeps the division finite |
    | weight_decay    | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]        | 0.9     | 0 < x ≤ 1    | β: how near to the average gradients are taken; 1 is at the average |
    | warmup_steps    | 0       | 0 ≤ x, whole | Steps in which the rate rises to `lr` |
    | r               | 0       | any finite x | Later steps count more in the average: by this power of the step |
    | weight_lr_power | 2       | 0 ≤ x        | Steps count by this power of the largest rate so far |

    Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
    Faithful to: facebookresearch/schedule_free@70785b5"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.0025,
        betas: tuple[Annotated[Number, 'in (0, 1]'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        warmup_steps: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        r: Annotated[Number, 'in [-inf, inf]'] = 0.0,
        weight_lr_power: Annotated[Number, 'in [0, inf)'] = 2.0,
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
        """Adam whose average needs no schedule and replaces momentum

        lr: Learning rate of the fast point (in [0, inf))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β: how near to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: Later steps count more in the average: by this power of the step (in [-inf, inf])
        weight_lr_power: Steps count by this power of the largest rate so far (in [0, inf))"""

class ScheduleFreeRAdam(TorchOptimizer):
    """Schedule-free Adam that warms up by rectification

    | hyper            | default | range              | meaning |
    |------------------|---------|--------------------|---------|
    | lr               | 0.0025  | 0 ≤ x              | Learning rate of the fast point |
    | betas[1]         | 0.999   | 0 ≤ x < 1          | β₂ of the mean square, which says how far it can be trusted |
    | eps              | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | weight_decay     | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]         | 0.9     | 0 < x ≤ 1          | β: how near to the average gradients are taken; 1 is at the average |
    | silent_sgd_phase | True    | one of False, True | Stand still while it cannot be trusted? |
    | r                | 0       | any finite x       | Later steps count more in the average: by this power of the step |
    | weight_lr_power  | 2       | 0 ≤ x              | Steps count by this power of the largest rate so far |

    Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
    Faithful to: facebookresearch/schedule_free@70785b5"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.0025,
        betas: tuple[Annotated[Number, 'in (0, 1]'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        r: Annotated[Number, 'in [-inf, inf]'] = 0.0,
        weight_lr_power: Annotated[Number, 'in [0, inf)'] = 2.0,
        silent_sgd_phase: bool | None = True,
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
        """Schedule-free Adam that warms up by rectification

        lr: Learning rate of the fast point (in [0, inf))
        betas[1]: β₂ of the mean square, which says how far it can be trusted (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β: how near to the average gradients are taken; 1 is at the average (in (0, 1])
        silent_sgd_phase: Stand still while it cannot be trusted? (one of False, True)
        r: Later steps count more in the average: by this power of the step (in [-inf, inf])
        weight_lr_power: Steps count by this power of the largest rate so far (in [0, inf))"""

schedulefree: Term
"""Schedule-free: step at z, average in x, train at y between them"""

over_rms: Term
"""The gradient over its root mean square"""

over_late_rms: Term
"""The gradient, over its root mean square once that can be trusted"""

schedulefree_late: Term
"""`schedulefree` with the rate that RAdam's rectification gives"""

def averaged(y: Any, z: Any, mom: Any) -> Any:
    """x, the average, of the weights `y`"""

def averages(rule: Any) -> Any:
    """Does `rule` keep an average?"""
