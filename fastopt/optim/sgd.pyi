# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, TypeAlias
import torch

__all__ = ['sgd', 'momentum', 'nesterov', 'SGD', 'Momentum', 'Nesterov', 'Power', 'asgd', 'ASGD', 'heavy_ball', 'extrapolate', 'wear',
    'average', 'at_average']

class _sgd(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Stochastic gradient descent, with optional momentum

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
sgd: _sgd
"""Stochastic gradient descent, with optional momentum

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0       | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp     | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

Paper: A stochastic approximation method (1951), https://doi.org/10.1214/aoms/1177729586
Faithful to: torch 2.15.0"""

class _momentum(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradient descent with momentum (the heavy ball)

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
momentum: _momentum
"""Gradient descent with momentum (the heavy ball)

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp     | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

Paper: Some methods of speeding up the convergence of iteration methods (1964), https://doi.org/10.1016/0041-5553(64)90137-5
Faithful to: torch 2.15.0"""

class _nesterov(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum that looks one step ahead

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
nesterov: _nesterov
"""Momentum that looks one step ahead

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp     | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov | True    | one of False, True | Use Nesterov momentum, which looks one step ahead? |

Paper: On the importance of initialization and momentum in deep learning (2013), https://proceedings.mlr.press/v28/sutskever13.html
Faithful to: torch 2.15.0"""

class SGD(TorchOptimizer):
    """Stochastic gradient descent, with optional momentum

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0       | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

    Paper: A stochastic approximation method (1951), https://doi.org/10.1214/aoms/1177729586
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.0,
        dampening: Annotated[Number, 'in [0, 1)'] = 0.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        nesterov: bool | None = False,
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
        """Stochastic gradient descent, with optional momentum

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

class Momentum(TorchOptimizer):
    """Gradient descent with momentum (the heavy ball)

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

    Paper: Some methods of speeding up the convergence of iteration methods (1964), https://doi.org/10.1016/0041-5553(64)90137-5
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.9,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
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
        """Gradient descent with momentum (the heavy ball)

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

class Nesterov(TorchOptimizer):
    """Momentum that looks one step ahead

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | True    | one of False, True | Use Nesterov momentum, which looks one step ahead? |

    Paper: On the importance of initialization and momentum in deep learning (2013), https://proceedings.mlr.press/v28/sutskever13.html
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.9,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        dampening: Annotated[Number, 'in [0, 1)'] = 0.0,
        nesterov: bool | None = True,
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
        """Momentum that looks one step ahead

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

Power: TypeAlias = float # in [0, inf)

class _asgd(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.01,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        lambd: Annotated[Hyper, 'in [0, inf)'] = 0.0001,
        power: Annotated[Hyper, 'in [0, inf)'] = 0.75,
        t0: Annotated[Hyper, 'in [0, inf)'] = 1000000.0,
        alpha: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradient descent with an average of its points

        lr: Learning rate of the first step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lambd: λ: pulls the weights to zero and makes the rate fall (in [0, inf))
        power: α: how fast the rate falls (in [0, inf))
        t0: Number of steps before averaging begins (in [0, inf))"""
asgd: _asgd
"""Gradient descent with an average of its points

| hyper | default | range | meaning |
|-------|---------|-------|---------|
| lr    | 0.01    | 0 ≤ x | Learning rate of the first step |
| wd    | 0       | 0 ≤ x | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| lambd | 0.0001  | 0 ≤ x | λ: pulls the weights to zero and makes the rate fall |
| power | 0.75    | 0 ≤ x | α: how fast the rate falls |
| t0    | 1e+06   | 0 ≤ x | Number of steps before averaging begins |

Paper: Acceleration of stochastic approximation by averaging (1992), https://doi.org/10.1137/0330046
Faithful to: torch 2.15.0"""

class ASGD(TorchOptimizer):
    """Gradient descent with an average of its points

    | hyper        | default | range | meaning |
    |--------------|---------|-------|---------|
    | lr           | 0.01    | 0 ≤ x | Learning rate of the first step |
    | weight_decay | 0       | 0 ≤ x | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | lambd        | 0.0001  | 0 ≤ x | λ: pulls the weights to zero and makes the rate fall |
    | alpha        | 0.75    | 0 ≤ x | α: how fast the rate falls |
    | t0           | 1e+06   | 0 ≤ x | Number of steps before averaging begins |

    Paper: Acceleration of stochastic approximation by averaging (1992), https://doi.org/10.1137/0330046
    Faithful to: torch 2.15.0"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.01,
        lambd: Annotated[Number, 'in [0, inf)'] = 0.0001,
        alpha: Annotated[Number, 'in [0, inf)'] = 0.75,
        t0: Annotated[Number, 'in [0, inf)'] = 1000000.0,
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
        """Gradient descent with an average of its points

        lr: Learning rate of the first step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        lambd: λ: pulls the weights to zero and makes the rate fall (in [0, inf))
        alpha: α: how fast the rate falls (in [0, inf))
        t0: Number of steps before averaging begins (in [0, inf))"""

heavy_ball: Term
"""Add the gradient to a velocity, which decays by `mom` at each step, and follow the velocity"""

extrapolate: Term
"""Extrapolate the last change of the direction"""

wear: Term
"""Turn the direction into a step whose rate starts at `lr` and falls"""

average: Term
"""Keep the mean of all points after step `t0` (Polyak averaging) without changing the weights"""

def at_average(opt: Any) -> Any:
    """Replace each weight by the average that `opt` keeps of it, within the block"""
