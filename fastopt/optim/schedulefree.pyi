# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, TypeAlias
import torch

__all__ = ['Blend', 'schedulefree_sgd', 'schedulefree_adamw', 'schedulefree_radam', 'ScheduleFreeSGD', 'ScheduleFreeAdamW',
    'ScheduleFreeRAdam', 'after_create_opt', 'schedulefree', 'over_rms', 'over_late_rms', 'schedulefree_late', 'average_of', 'averages',
    'check_opt_func']

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
        """Gradient descent that averages instead of scheduling

        lr: Learning rate of the fast point (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how close to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Number of steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: The weight of a step in the average grows with this power of the step (in [-inf, inf])
        weight_lr_power: The weight of a step in the average is this power of the largest rate so far (in [0, inf))"""
schedulefree_sgd: _schedulefree_sgd
"""Gradient descent that averages instead of scheduling

| hyper           | default | range        | meaning |
|-----------------|---------|--------------|---------|
| lr              | 1       | 0 ≤ x        | Learning rate of the fast point |
| wd              | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom             | 0.9     | 0 < x ≤ 1    | β: how close to the average gradients are taken; 1 is at the average |
| warmup_steps    | 0       | 0 ≤ x, whole | Number of steps in which the rate rises to `lr` |
| r               | 0       | any finite x | The weight of a step in the average grows with this power of the step |
| weight_lr_power | 2       | 0 ≤ x        | The weight of a step in the average is this power of the largest rate so far |

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
        """Adam that averages instead of scheduling

        lr: Learning rate of the fast point (in [0, inf))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how close to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Number of steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: The weight of a step in the average grows with this power of the step (in [-inf, inf])
        weight_lr_power: The weight of a step in the average is this power of the largest rate so far (in [0, inf))"""
schedulefree_adamw: _schedulefree_adamw
"""Adam that averages instead of scheduling

| hyper           | default | range        | meaning |
|-----------------|---------|--------------|---------|
| lr              | 0.0025  | 0 ≤ x        | Learning rate of the fast point |
| sqr_mom         | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
| eps             | 1e-08   | 0 ≤ x        | Keeps the division finite |
| wd              | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom             | 0.9     | 0 < x ≤ 1    | β: how close to the average gradients are taken; 1 is at the average |
| warmup_steps    | 0       | 0 ≤ x, whole | Number of steps in which the rate rises to `lr` |
| r               | 0       | any finite x | The weight of a step in the average grows with this power of the step |
| weight_lr_power | 2       | 0 ≤ x        | The weight of a step in the average is this power of the largest rate so far |

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
        """Schedule-free Adam with a warm-up by rectification

        lr: Learning rate of the fast point (in [0, inf))
        sqr_mom: β₂ of the mean square, which determines how far to trust it (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how close to the average gradients are taken; 1 is at the average (in (0, 1])
        silent_sgd_phase: Do not move while the mean square cannot be trusted? (one of False, True)
        r: The weight of a step in the average grows with this power of the step (in [-inf, inf])
        weight_lr_power: The weight of a step in the average is this power of the largest rate so far (in [0, inf))"""
schedulefree_radam: _schedulefree_radam
"""Schedule-free Adam with a warm-up by rectification

| hyper            | default | range              | meaning |
|------------------|---------|--------------------|---------|
| lr               | 0.0025  | 0 ≤ x              | Learning rate of the fast point |
| sqr_mom          | 0.999   | 0 ≤ x < 1          | β₂ of the mean square, which determines how far to trust it |
| eps              | 1e-08   | 0 ≤ x              | Keeps the division finite |
| wd               | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom              | 0.9     | 0 < x ≤ 1          | β: how close to the average gradients are taken; 1 is at the average |
| silent_sgd_phase | True    | one of False, True | Do not move while the mean square cannot be trusted? |
| r                | 0       | any finite x       | The weight of a step in the average grows with this power of the step |
| weight_lr_power  | 2       | 0 ≤ x              | The weight of a step in the average is this power of the largest rate so far |

Paper: The Road Less Scheduled (2024), https://arxiv.org/abs/2405.15682
Faithful to: facebookresearch/schedule_free@70785b5"""

class ScheduleFreeSGD(TorchOptimizer):
    """Gradient descent that averages instead of scheduling

    | hyper           | default | range        | meaning |
    |-----------------|---------|--------------|---------|
    | lr              | 1       | 0 ≤ x        | Learning rate of the fast point |
    | weight_decay    | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum        | 0.9     | 0 < x ≤ 1    | β: how close to the average gradients are taken; 1 is at the average |
    | warmup_steps    | 0       | 0 ≤ x, whole | Number of steps in which the rate rises to `lr` |
    | r               | 0       | any finite x | The weight of a step in the average grows with this power of the step |
    | weight_lr_power | 2       | 0 ≤ x        | The weight of a step in the average is this power of the largest rate so far |

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
        """Gradient descent that averages instead of scheduling

        lr: Learning rate of the fast point (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: β: how close to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Number of steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: The weight of a step in the average grows with this power of the step (in [-inf, inf])
        weight_lr_power: The weight of a step in the average is this power of the largest rate so far (in [0, inf))"""

class ScheduleFreeAdamW(TorchOptimizer):
    """Adam that averages instead of scheduling

    | hyper           | default | range        | meaning |
    |-----------------|---------|--------------|---------|
    | lr              | 0.0025  | 0 ≤ x        | Learning rate of the fast point |
    | betas[1]        | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
    | eps             | 1e-08   | 0 ≤ x        | Keeps the division finite |
    | weight_decay    | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]        | 0.9     | 0 < x ≤ 1    | β: how close to the average gradients are taken; 1 is at the average |
    | warmup_steps    | 0       | 0 ≤ x, whole | Number of steps in which the rate rises to `lr` |
    | r               | 0       | any finite x | The weight of a step in the average grows with this power of the step |
    | weight_lr_power | 2       | 0 ≤ x        | The weight of a step in the average is this power of the largest rate so far |

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
        """Adam that averages instead of scheduling

        lr: Learning rate of the fast point (in [0, inf))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β: how close to the average gradients are taken; 1 is at the average (in (0, 1])
        warmup_steps: Number of steps in which the rate rises to `lr` (whole numbers in [0, inf))
        r: The weight of a step in the average grows with this power of the step (in [-inf, inf])
        weight_lr_power: The weight of a step in the average is this power of the largest rate so far (in [0, inf))"""

class ScheduleFreeRAdam(TorchOptimizer):
    """Schedule-free Adam with a warm-up by rectification

    | hyper            | default | range              | meaning |
    |------------------|---------|--------------------|---------|
    | lr               | 0.0025  | 0 ≤ x              | Learning rate of the fast point |
    | betas[1]         | 0.999   | 0 ≤ x < 1          | β₂ of the mean square, which determines how far to trust it |
    | eps              | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | weight_decay     | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]         | 0.9     | 0 < x ≤ 1          | β: how close to the average gradients are taken; 1 is at the average |
    | silent_sgd_phase | True    | one of False, True | Do not move while the mean square cannot be trusted? |
    | r                | 0       | any finite x       | The weight of a step in the average grows with this power of the step |
    | weight_lr_power  | 2       | 0 ≤ x              | The weight of a step in the average is this power of the largest rate so far |

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
        """Schedule-free Adam with a warm-up by rectification

        lr: Learning rate of the fast point (in [0, inf))
        betas[1]: β₂ of the mean square, which determines how far to trust it (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β: how close to the average gradients are taken; 1 is at the average (in (0, 1])
        silent_sgd_phase: Do not move while the mean square cannot be trusted? (one of False, True)
        r: The weight of a step in the average grows with this power of the step (in [-inf, inf])
        weight_lr_power: The weight of a step in the average is this power of the largest rate so far (in [0, inf))"""

after_create_opt: Any

schedulefree: Term
"""Step the fast point z, and move the weights to y between z and its average x (schedule-free)"""

over_rms: Term
"""Divide the gradient by its root mean square"""

over_late_rms: Term
"""Divide the gradient by its root mean square once that can be trusted"""

schedulefree_late: Term
"""Do the same as `schedulefree`, with a rate multiplied by RAdam's rectification"""

def average_of(y: Any, z: Any, mom: Any) -> Any:
    """Return the average x from the weights `y` and the fast point `z`"""

def averages(rule: Any) -> Any:
    """Test whether `rule` keeps an average"""

def check_opt_func(f: Any) -> Any:
    """Raise `TypeError` if `f` is the name of an optimizer, or one term, in place of a rule"""
