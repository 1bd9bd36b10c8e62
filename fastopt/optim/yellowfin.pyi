# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated
import torch

__all__ = ['yellowfin', 'YellowFin', 'shield']

class _yellowfin(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        beta: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        adapt_clip: bool = True,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        first_lr: Annotated[Hyper, 'in [0, inf)'] = 0.0001,
        window: Annotated[Hyper, 'whole numbers in [1, inf)'] = 20,
        zero_debias: bool = True,
        log_min: bool = True,
        log_max: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum that tunes its own hyperparameters

        lr: Factor of the tuned rate (in [0, inf))
        beta: β: decay rate of all measurements (in [0, 1))
        adapt_clip: Shorten gradients that are longer than the range of curvatures suggests, and bound the rate? (one of False, True)
        wd: Weight decay, added to the gradient (in [0, inf))
        first_lr: Learning rate of the first step, when nothing has been measured yet (in [0, inf))
        window: Number of recent steps whose smallest and largest curvatures are used (whole numbers in [1, inf))
        zero_debias: Debias the means? (one of False, True)
        log_min: Average the smallest curvatures as logarithms? (one of False, True)
        log_max: Average the largest curvatures as logarithms? (one of False, True)"""
yellowfin: _yellowfin
"""Momentum that tunes its own hyperparameters

| hyper       | default | range              | meaning |
|-------------|---------|--------------------|---------|
| lr          | 1       | 0 ≤ x              | Factor of the tuned rate |
| beta        | 0.999   | 0 ≤ x < 1          | β: decay rate of all measurements |
| adapt_clip  | True    | one of False, True | Shorten gradients that are longer than the range of curvatures suggests, and bound the rate? |
| wd          | 0       | 0 ≤ x              | Weight decay, added to the gradient |
| first_lr    | 0.0001  | 0 ≤ x              | Learning rate of the first step, when nothing has been measured yet |
| window      | 20      | 1 ≤ x, whole       | Number of recent steps whose smallest and largest curvatures are used |
| zero_debias | True    | one of False, True | Debias the means? |
| log_min     | True    | one of False, True | Average the smallest curvatures as logarithms? |
| log_max     | True    | one of False, True | Average the largest curvatures as logarithms? |

Paper: YellowFin and the art of momentum tuning (2017), https://arxiv.org/abs/1706.03471
Faithful to: JianGoForIt/YellowFin_Pytorch@b87aed1"""

class YellowFin(TorchOptimizer):
    """Momentum that tunes its own hyperparameters

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 1       | 0 ≤ x              | Factor of the tuned rate |
    | beta         | 0.999   | 0 ≤ x < 1          | β: decay rate of all measurements |
    | adapt_clip   | True    | one of False, True | Shorten gradients that are longer than the range of curvatures suggests, and bound the rate? |
    | weight_decay | 0       | 0 ≤ x              | Weight decay, added to the gradient |
    | first_lr     | 0.0001  | 0 ≤ x              | Learning rate of the first step, when nothing has been measured yet |
    | window       | 20      | 1 ≤ x, whole       | Number of recent steps whose smallest and largest curvatures are used |
    | zero_debias  | True    | one of False, True | Debias the means? |
    | log_min      | True    | one of False, True | Average the smallest curvatures as logarithms? |
    | log_max      | True    | one of False, True | Average the largest curvatures as logarithms? |

    Paper: YellowFin and the art of momentum tuning (2017), https://arxiv.org/abs/1706.03471
    Faithful to: JianGoForIt/YellowFin_Pytorch@b87aed1"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        *,
        beta: Annotated[Number, 'in [0, 1)'] = 0.999,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        first_lr: Annotated[Number, 'in [0, inf)'] = 0.0001,
        window: Annotated[Number, 'whole numbers in [1, inf)'] = 20,
        adapt_clip: bool | None = True,
        zero_debias: bool | None = True,
        log_min: bool | None = True,
        log_max: bool | None = True,
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
        """Momentum that tunes its own hyperparameters

        lr: Factor of the tuned rate (in [0, inf))
        beta: β: decay rate of all measurements (in [0, 1))
        adapt_clip: Shorten gradients that are longer than the range of curvatures suggests, and bound the rate? (one of False, True)
        weight_decay: Weight decay, added to the gradient (in [0, inf))
        first_lr: Learning rate of the first step, when nothing has been measured yet (in [0, inf))
        window: Number of recent steps whose smallest and largest curvatures are used (whole numbers in [1, inf))
        zero_debias: Debias the means? (one of False, True)
        log_min: Average the smallest curvatures as logarithms? (one of False, True)
        log_max: Average the largest curvatures as logarithms? (one of False, True)"""

shield: Term
"""Shorten bursts and keep the mean gradient"""
