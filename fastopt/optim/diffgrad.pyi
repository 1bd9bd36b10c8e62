# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal, TypeAlias
import torch

__all__ = ['Version', 'diffgrad', 'DiffGrad', 'diffrgrad', 'diffrgrad_hold', 'DiffRGrad', 'friction', 'late_friction']

Version: TypeAlias = Literal[0, 1, 2]

class _diffgrad(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_hat: bool = True,
        version: Literal[0, 1, 2] = 0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with smaller steps where gradients stop changing

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        version: Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) (one of 0, 1, 2; versions above 2 have no trustworthy published definition)"""
diffgrad: _diffgrad
"""Adam with smaller steps where gradients stop changing

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat | True    | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| version | 0       | one of 0, 1, 2     | Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) |

Paper: diffGrad: An Optimization Method for Convolutional Neural Networks (2019), https://arxiv.org/abs/1909.11015
Faithful to: shivram1987/diffGrad@73233ba"""

class DiffGrad(TorchOptimizer):
    """Adam with smaller steps where gradients stop changing

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | True    | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | version      | 0       | one of 0, 1, 2     | Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) |

    Paper: diffGrad: An Optimization Method for Convolutional Neural Networks (2019), https://arxiv.org/abs/1909.11015
    Faithful to: shivram1987/diffGrad@73233ba"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        eps_hat: bool | None = True,
        version: Literal[0, 1, 2] | None = 0,
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
        """Adam with smaller steps where gradients stop changing

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        version: Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) (one of 0, 1, 2; versions above 2 have no trustworthy published definition)"""

class _diffrgrad(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        version: Literal[0, 1, 2] = 1,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Rectified Adam with friction

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        version: As in `friction` (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
diffrgrad: _diffrgrad
"""Rectified Adam with friction

| hyper   | default | range          | meaning |
|---------|---------|----------------|---------|
| lr      | 0.001   | 0 ≤ x          | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1      | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1      | β₂ of the mean square |
| eps     | 1e-08   | 0 ≤ x          | Keeps the division finite |
| n_min   | 5       | 4 ≤ x          | Shortest moving average to trust, in steps |
| version | 1       | one of 0, 1, 2 | As in `friction` |
| wd      | 0       | 0 ≤ x          | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""

class _diffrgrad_hold(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        n_min: Annotated[Hyper, 'in [4, inf)'] = 5.0,
        version: Literal[0, 1, 2] = 1,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """diffRGrad that first waits without moving

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁ of the mean (in [0, 1))
        sqr_mom: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        version: As in `friction` (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
diffrgrad_hold: _diffrgrad_hold
"""diffRGrad that first waits without moving

| hyper   | default | range          | meaning |
|---------|---------|----------------|---------|
| lr      | 0.001   | 0 ≤ x          | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1      | β₁ of the mean |
| sqr_mom | 0.999   | 0 ≤ x < 1      | β₂ of the mean square |
| eps     | 1e-08   | 0 ≤ x          | Keeps the division finite |
| n_min   | 5       | 4 ≤ x          | Shortest moving average to trust, in steps |
| version | 1       | one of 0, 1, 2 | As in `friction` |
| wd      | 0       | 0 ≤ x          | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""

class DiffRGrad(TorchOptimizer):
    """Rectified Adam with friction

    | hyper        | default | range          | meaning |
    |--------------|---------|----------------|---------|
    | lr           | 0.001   | 0 ≤ x          | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1      | β₁ of the mean |
    | betas[1]     | 0.999   | 0 ≤ x < 1      | β₂ of the mean square |
    | eps          | 1e-08   | 0 ≤ x          | Keeps the division finite |
    | n_min        | 5       | 4 ≤ x          | Shortest moving average to trust, in steps |
    | version      | 1       | one of 0, 1, 2 | As in `friction` |
    | weight_decay | 0       | 0 ≤ x          | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        n_min: Annotated[Number, 'in [4, inf)'] = 5.0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        version: Literal[0, 1, 2] | None = 1,
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
        """Rectified Adam with friction

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁ of the mean (in [0, 1))
        betas[1]: β₂ of the mean square (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        n_min: Shortest moving average to trust, in steps (in [4, inf))
        version: As in `friction` (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

friction: Term
"""Multiply the direction by diffGrad's friction ξ, which is small where the gradient has stopped changing"""

late_friction: Term
"""Apply `friction` once the mean square can be trusted"""
