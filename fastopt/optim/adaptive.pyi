# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, TypeAlias
import torch

__all__ = ['rprop', 'Rprop', 'Start', 'adagrad', 'Adagrad', 'Rho', 'adadelta', 'Adadelta', 'Alpha', 'rmsprop_centered', 'rmsprop',
    'RMSprop', 'RMSpropCentered', 'adamax', 'Adamax', 'MomDecay', 'nadamw', 'nadam', 'NAdam', 'NAdamW', 'FEW', 'adafactor', 'Adafactor',
    'standardize', 'mom_at', 'row_zeros', 'column_zeros', 'square_mean', 'mean_squares', 'outer', 'rank_one', 'rms']

class _rprop(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        drop: Annotated[Hyper, 'in (0, 1)'] = 0.5,
        grow: Annotated[Hyper, 'in (1, inf)'] = 1.2,
        least: Annotated[Hyper, 'in [0, inf)'] = 0.0001,
        most: Annotated[Hyper, 'in (0, inf)'] = 5000.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Sign steps that grow while signs agree

        lr: Learning rate: the length of a step (in [0, inf))
        drop: η⁻: factor of the step after the sign has changed (in (0, 1))
        grow: η⁺: factor of the step while the sign is the same (in (1, inf))
        least: Shortest step, as a multiple of `lr` (in [0, inf))
        most: Longest step, as a multiple of `lr` (in (0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
rprop: _rprop
"""Sign steps that grow while signs agree

| hyper | default | range     | meaning |
|-------|---------|-----------|---------|
| lr    | 0.01    | 0 ≤ x     | Learning rate: the length of a step |
| drop  | 0.5     | 0 < x < 1 | η⁻: factor of the step after the sign has changed |
| grow  | 1.2     | 1 < x     | η⁺: factor of the step while the sign is the same |
| least | 0.0001  | 0 ≤ x     | Shortest step, as a multiple of `lr` |
| most  | 5000    | 0 < x     | Longest step, as a multiple of `lr` |
| wd    | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: A direct adaptive method for faster backpropagation learning: the RPROP algorithm (1993), https://doi.org/10.1109/ICNN.1993.298623
Faithful to: torch 2.15.0"""

class Rprop(TorchOptimizer):
    """Sign steps that grow while signs agree

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.01    | 0 ≤ x     | Learning rate: the length of a step |
    | etas[0]      | 0.5     | 0 < x < 1 | η⁻: factor of the step after the sign has changed |
    | etas[1]      | 1.2     | 1 < x     | η⁺: factor of the step while the sign is the same |
    | least        | 0.0001  | 0 ≤ x     | Shortest step, as a multiple of `lr` |
    | most         | 5000    | 0 < x     | Longest step, as a multiple of `lr` |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: A direct adaptive method for faster backpropagation learning: the RPROP algorithm (1993), https://doi.org/10.1109/ICNN.1993.298623
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        etas: tuple[Annotated[Number, 'in (0, 1)'], Annotated[Number, 'in (1, inf)']] | list[Any] = (0.5, 1.2),
        *,
        least: Annotated[Number, 'in [0, inf)'] = 0.0001,
        most: Annotated[Number, 'in (0, inf)'] = 5000.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        step_sizes: Any = (1e-06, 50.0),
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Sign steps that grow while signs agree

        lr: Learning rate: the length of a step (in [0, inf))
        etas[0]: η⁻: factor of the step after the sign has changed (in (0, 1))
        etas[1]: η⁺: factor of the step while the sign is the same (in (1, inf))
        least: Shortest step, as a multiple of `lr` (in [0, inf))
        most: Longest step, as a multiple of `lr` (in (0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

Start: TypeAlias = float # in [0, inf)

class _adagrad(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        lr_decay: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        start: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-10,
        initial_accumulator_value: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Rates that fall with summed squared gradients

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lr_decay: How fast the rate falls in addition (in [0, inf))
        start: Initial sum of squares (in [0, inf))
        eps: Keeps the division finite (in [0, inf))"""
adagrad: _adagrad
"""Rates that fall with summed squared gradients

| hyper    | default | range | meaning |
|----------|---------|-------|---------|
| lr       | 0.01    | 0 ≤ x | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| lr_decay | 0       | 0 ≤ x | How fast the rate falls in addition |
| start    | 0       | 0 ≤ x | Initial sum of squares |
| eps      | 1e-10   | 0 ≤ x | Keeps the division finite |

Paper: Adaptive subgradient methods for online learning and stochastic optimization (2011), https://jmlr.org/papers/v12/duchi11a.html
Faithful to: torch 2.15.0"""

class Adagrad(TorchOptimizer):
    """Rates that fall with summed squared gradients

    | hyper                     | default | range | meaning |
    |---------------------------|---------|-------|---------|
    | lr                        | 0.01    | 0 ≤ x | Learning rate: the length of a step |
    | weight_decay              | 0       | 0 ≤ x | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | lr_decay                  | 0       | 0 ≤ x | How fast the rate falls in addition |
    | initial_accumulator_value | 0       | 0 ≤ x | Initial sum of squares |
    | eps                       | 1e-10   | 0 ≤ x | Keeps the division finite |

    Paper: Adaptive subgradient methods for online learning and stochastic optimization (2011), https://jmlr.org/papers/v12/duchi11a.html
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        lr_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        initial_accumulator_value: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-10,
        *,
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
        """Rates that fall with summed squared gradients

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lr_decay: How fast the rate falls in addition (in [0, inf))
        initial_accumulator_value: Initial sum of squares (in [0, inf))
        eps: Keeps the division finite (in [0, inf))"""

Rho: TypeAlias = float # in [0, 1)

class _adadelta(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        eps: Annotated[Hyper, 'in (0, inf)'] = 1e-06,
        rho: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Steps in units of past steps

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        sqr_mom: β₂: decay rate of both mean squares (in [0, 1))
        eps: Makes the first step larger than 0 (in (0, inf))"""
adadelta: _adadelta
"""Steps in units of past steps

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 1       | 0 ≤ x     | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| sqr_mom | 0.9     | 0 ≤ x < 1 | β₂: decay rate of both mean squares |
| eps     | 1e-06   | 0 < x     | Makes the first step larger than 0 |

Paper: ADADELTA: an adaptive learning rate method (2012), https://arxiv.org/abs/1212.5701
Faithful to: torch 2.15.0"""

class Adadelta(TorchOptimizer):
    """Steps in units of past steps

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 1       | 0 ≤ x     | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | rho          | 0.9     | 0 ≤ x < 1 | β₂: decay rate of both mean squares |
    | eps          | 1e-06   | 0 < x     | Makes the first step larger than 0 |

    Paper: ADADELTA: an adaptive learning rate method (2012), https://arxiv.org/abs/1212.5701
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        rho: Annotated[Number, 'in [0, 1)'] = 0.9,
        eps: Annotated[Number, 'in (0, inf)'] = 1e-06,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        *,
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
        """Steps in units of past steps

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        rho: β₂: decay rate of both mean squares (in [0, 1))
        eps: Makes the first step larger than 0 (in (0, inf))"""

Alpha: TypeAlias = float # in [0, 1)

class _rmsprop_centered(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = False,
        alpha: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradients over their standard deviation, with optional momentum

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        sqr_mom: β₂: decay rate of the means of gradients and of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
rmsprop_centered: _rmsprop_centered
"""Gradients over their standard deviation, with optional momentum

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.01    | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| sqr_mom  | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the means of gradients and of squares |
| eps      | 1e-08   | 0 ≤ x              | Keeps the division finite |
| mom      | 0       | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp     | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

Paper: Generating sequences with recurrent neural networks (2013), https://arxiv.org/abs/1308.0850
Faithful to: torch 2.15.0"""

class _rmsprop(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = False,
        alpha: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradients over their root mean square

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
rmsprop: _rmsprop
"""Gradients over their root mean square

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.01    | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| sqr_mom  | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps      | 1e-08   | 0 ≤ x              | Keeps the division finite |
| mom      | 0       | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp     | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

Paper: Neural networks for machine learning, lecture 6e (2012), https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
Faithful to: torch 2.15.0"""

class RMSprop(TorchOptimizer):
    """Gradients over their root mean square

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.01    | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | alpha        | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | momentum     | 0       | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

    Paper: Neural networks for machine learning, lecture 6e (2012), https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        alpha: Annotated[Number, 'in [0, 1)'] = 0.99,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.0,
        *,
        dampening: Annotated[Number, 'in [0, 1)'] = 0.0,
        nesterov: bool | None = False,
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
        """Gradients over their root mean square

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        alpha: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

class RMSpropCentered(TorchOptimizer):
    """Gradients over their standard deviation, with optional momentum

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.01    | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | alpha        | 0.99    | 0 ≤ x < 1          | β₂: decay rate of the means of gradients and of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | momentum     | 0       | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

    Paper: Generating sequences with recurrent neural networks (2013), https://arxiv.org/abs/1308.0850
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.0,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        alpha: Annotated[Number, 'in [0, 1)'] = 0.99,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        dampening: Annotated[Number, 'in [0, 1)'] = 0.0,
        nesterov: bool | None = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = True,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Gradients over their standard deviation, with optional momentum

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        alpha: β₂: decay rate of the means of gradients and of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

class _adamax(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.002,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in (0, inf)'] = 1e-08,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam divided by the largest gradient

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the maximum (in [0, 1))
        eps: Keeps the division finite (in (0, inf))"""
adamax: _adamax
"""Adam divided by the largest gradient

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.002   | 0 ≤ x     | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the maximum |
| eps     | 1e-08   | 0 < x     | Keeps the division finite |

Paper: Adam: a method for stochastic optimization (2014), https://arxiv.org/abs/1412.6980
Faithful to: torch 2.15.0"""

class Adamax(TorchOptimizer):
    """Adam divided by the largest gradient

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.002   | 0 ≤ x     | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the maximum |
    | eps          | 1e-08   | 0 < x     | Keeps the division finite |

    Paper: Adam: a method for stochastic optimization (2014), https://arxiv.org/abs/1412.6980
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.002,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        eps: Annotated[Number, 'in (0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        *,
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
        """Adam divided by the largest gradient

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the maximum (in [0, 1))
        eps: Keeps the division finite (in (0, inf))"""

MomDecay: TypeAlias = float # in [0, inf)

class _nadamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.002,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        mom_decay: Annotated[Hyper, 'in [0, inf)'] = 0.004,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        momentum_decay: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """NAdam with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        mom_decay: ψ: how fast the mean gradient gains its full share (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
nadamw: _nadamw
"""NAdam with decoupled weight decay

| hyper     | default | range     | meaning |
|-----------|---------|-----------|---------|
| lr        | 0.002   | 0 ≤ x     | Learning rate: the length of a step |
| mom       | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| sqr_mom   | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
| eps       | 1e-08   | 0 ≤ x     | Keeps the division finite |
| mom_decay | 0.004   | 0 ≤ x     | ψ: how fast the mean gradient gains its full share |
| wd        | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Incorporating Nesterov momentum into Adam (2016), https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
Faithful to: torch 2.15.0"""

class _nadam(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.002,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        mom_decay: Annotated[Hyper, 'in [0, inf)'] = 0.004,
        momentum_decay: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with Nesterov momentum

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        mom_decay: ψ: how fast the mean gradient gains its full share (in [0, inf))"""
nadam: _nadam
"""Adam with Nesterov momentum

| hyper     | default | range     | meaning |
|-----------|---------|-----------|---------|
| lr        | 0.002   | 0 ≤ x     | Learning rate: the length of a step |
| wd        | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom       | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| sqr_mom   | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
| eps       | 1e-08   | 0 ≤ x     | Keeps the division finite |
| mom_decay | 0.004   | 0 ≤ x     | ψ: how fast the mean gradient gains its full share |

Paper: Incorporating Nesterov momentum into Adam (2016), https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
Faithful to: torch 2.15.0"""

class NAdam(TorchOptimizer):
    """Adam with Nesterov momentum

    | hyper          | default | range     | meaning |
    |----------------|---------|-----------|---------|
    | lr             | 0.002   | 0 ≤ x     | Learning rate: the length of a step |
    | weight_decay   | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]       | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | betas[1]       | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
    | eps            | 1e-08   | 0 ≤ x     | Keeps the division finite |
    | momentum_decay | 0.004   | 0 ≤ x     | ψ: how fast the mean gradient gains its full share |

    Paper: Incorporating Nesterov momentum into Adam (2016), https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.002,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        momentum_decay: Annotated[Number, 'in [0, inf)'] = 0.004,
        *,
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
        """Adam with Nesterov momentum

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        momentum_decay: ψ: how fast the mean gradient gains its full share (in [0, inf))"""

class NAdamW(TorchOptimizer):
    """NAdam with decoupled weight decay

    | hyper          | default | range     | meaning |
    |----------------|---------|-----------|---------|
    | lr             | 0.002   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]       | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | betas[1]       | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
    | eps            | 1e-08   | 0 ≤ x     | Keeps the division finite |
    | momentum_decay | 0.004   | 0 ≤ x     | ψ: how fast the mean gradient gains its full share |
    | weight_decay   | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Incorporating Nesterov momentum into Adam (2016), https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.002,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        momentum_decay: Annotated[Number, 'in [0, inf)'] = 0.004,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
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
        """NAdam with decoupled weight decay

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        momentum_decay: ψ: how fast the mean gradient gains its full share (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

FEW: int

class _adafactor(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        power: Annotated[Hyper, 'in (-inf, 0]'] = -0.8,
        eps: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        least: Annotated[Hyper, 'in [0, inf)'] = 0.001,
        clip: Annotated[Hyper, 'in [1, inf)'] = 1.0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Mean squares kept only by row and column

        lr: Learning rate (in [0, inf))
        power: The share of a new square at step t is `t**power` (in (-inf, 0])
        eps: ε₁: gradients count as at least this large; 0 stands for the machine epsilon (in [0, inf))
        least: ε₂: weights count as at least this large (in [0, inf))
        clip: κ: largest rms of a direction (in [1, inf))
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
adafactor: _adafactor
"""Mean squares kept only by row and column

| hyper | default | range | meaning |
|-------|---------|-------|---------|
| lr    | 0.01    | 0 ≤ x | Learning rate |
| power | -0.8    | x ≤ 0 | The share of a new square at step t is `t**power` |
| eps   | 0       | 0 ≤ x | ε₁: gradients count as at least this large; 0 stands for the machine epsilon |
| least | 0.001   | 0 ≤ x | ε₂: weights count as at least this large |
| clip  | 1       | 1 ≤ x | κ: largest rms of a direction |
| wd    | 0       | 0 ≤ x | Weight decay, multiplied by `lr` |

Paper: Adafactor: adaptive learning rates with sublinear memory cost (2018), https://arxiv.org/abs/1804.04235
Faithful to: torch 2.15.0"""

class Adafactor(TorchOptimizer):
    """Mean squares kept only by row and column

    | hyper        | default | range | meaning |
    |--------------|---------|-------|---------|
    | lr           | 0.01    | 0 ≤ x | Learning rate |
    | beta2_decay  | -0.8    | x ≤ 0 | The share of a new square at step t is `t**power` |
    | eps[0]       | 0       | 0 ≤ x | ε₁: gradients count as at least this large; 0 stands for the machine epsilon |
    | eps[1]       | 0.001   | 0 ≤ x | ε₂: weights count as at least this large |
    | d            | 1       | 1 ≤ x | κ: largest rms of a direction |
    | weight_decay | 0       | 0 ≤ x | Weight decay, multiplied by `lr` |

    Paper: Adafactor: adaptive learning rates with sublinear memory cost (2018), https://arxiv.org/abs/1804.04235
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        beta2_decay: Annotated[Number, 'in (-inf, 0]'] = -0.8,
        eps: tuple[Number | None, Annotated[Number, 'in [0, inf)']] | list[Any] | Number = (0.0, 0.001),
        d: Annotated[Number, 'in [1, inf)'] = 1.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        *,
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
        """Mean squares kept only by row and column

        lr: Learning rate (in [0, inf))
        beta2_decay: The share of a new square at step t is `t**power` (in (-inf, 0])
        eps[0]: ε₁: gradients count as at least this large; 0 stands for the machine epsilon (in [0, inf))
        eps[1]: ε₂: weights count as at least this large (in [0, inf))
        d: κ: largest rms of a direction (in [1, inf))
        weight_decay: Weight decay, multiplied by `lr` (in [0, inf))"""

standardize: Term
"""Divide the gradient by its standard deviation (centered RMSprop)"""

def mom_at(t: Any, mom: Any, mom_decay: Any) -> Any:
    """Return NAdam's share μ of the mean gradient at step `t`"""

def row_zeros(p: Any) -> Any:
    """Return zeros for the mean of each row of `p`, or for each weight if `p` is a vector"""

def column_zeros(p: Any) -> Any:
    """Return zeros for the mean of each column of `p`, or none if `p` is a vector"""

def square_mean(u: Any, dim: Any) -> Any:
    """Return the mean of the squares of `u` over `dim`, which is kept with length 1"""

def mean_squares(avg: Any, u: Any, dim: Any, share: Any) -> Any:
    """Return `avg`, a mean of rows or columns, after it has moved by `share` to the squares of `u` averaged over `dim`"""

def outer(row: Any, col: Any) -> Any:
    """Return the product of `row` and `col`, broadcast to the shape of both"""

def rank_one(row: Any, col: Any, eps: Any) -> Any:
    """Compose mean squares from those of rows and columns, at least `eps`² (`eps=0` stands for the machine epsilon)"""

def rms(x: Any) -> Any:
    """Return the root mean square of a tensor"""
