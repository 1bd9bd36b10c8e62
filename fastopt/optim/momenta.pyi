# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal, TypeAlias
import fastopt.core.rules
import torch

__all__ = ['qhm', 'QHM', 'aggmo', 'AggMo', 'FirstStep', 'demon_sgdm', 'demon_adam_wolfe', 'demon_adam_damped', 'demon_adam', 'DemonSGDM',
    'DemonAdam', 'Velocities', 'exp_betas', 'aggmo_of', 'fade', 'demon_ball', 'damped_demon']

class _qhm(Rule):
    """Momentum with a long memory, and the present gradient beside it"""
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        nu: Annotated[Hyper, 'in [0, 1]'] = 0.7,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """Momentum with a long memory, and the present gradient beside it

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: how slowly the mean of gradients forgets (in [0, 1))
        nu: ν: share of the mean in the step, the rest is this step's gradient; 0 is plain descent (in [0, 1])"""
qhm: _qhm

class QHM(TorchOptimizer):
    """Momentum with a long memory, and the present gradient beside it"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.999,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        nu: Annotated[Number, 'in [0, 1]'] = 0.7,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """Momentum with a long memory, and the present gradient beside it

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: β: how slowly the mean of gradients forgets (in [0, 1))
        nu: ν: share of the mean in the step, the rest is this step's gradient; 0 is plain descent (in [0, 1])"""

class _aggmo(Rule):
    """The mean of velocities that forget at different rates"""
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom1: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        mom2: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        mom3: Annotated[Hyper, 'in [0, 1)'] = 0.99,
        betas: Any = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """The mean of velocities that forget at different rates

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom1: How slowly this velocity forgets (in [0, 1))
        mom2: How slowly this velocity forgets (in [0, 1))
        mom3: How slowly this velocity forgets (in [0, 1))"""
aggmo: _aggmo

class AggMo(TorchOptimizer):
    """The mean of velocities that forget at different rates"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        mom1: Annotated[Number, 'in [0, 1)'] = 0.0,
        mom2: Annotated[Number, 'in [0, 1)'] = 0.9,
        mom3: Annotated[Number, 'in [0, 1)'] = 0.99,
        betas: Any = ...,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """The mean of velocities that forget at different rates

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom1: How slowly this velocity forgets (in [0, 1))
        mom2: How slowly this velocity forgets (in [0, 1))
        mom3: How slowly this velocity forgets (in [0, 1))"""

FirstStep: TypeAlias = Literal[0, 1]

class _demon_sgdm(Rule):
    """Momentum that decays to 0 over the training"""
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        total: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        t0: Literal[0, 1] = 0,
        nesterov: bool = False,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """Momentum that decays to 0 over the training

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: momentum at the start (in [0, 1))
        total: T: steps of the whole training, after which there is no momentum left; 0 is no end (whole numbers in [0, inf))
        t0: The number of the first step: 0 starts with all momentum, 1 ends without any (one of 0, 1)
        nesterov: Look one step of the velocity ahead? (one of False, True)"""
demon_sgdm: _demon_sgdm

class _demon_adam_wolfe(Rule):
    """Demon Adam with ε under the root"""
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_in: bool = True,
        total: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        t0: Literal[0, 1] = 0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """Demon Adam with ε under the root

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: momentum at the start (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_in: Add `eps` to the mean square, before the root? (one of False, True)
        total: T: steps of the whole training, after which there is no momentum left; 0 is no end (whole numbers in [0, inf))
        t0: The number of the first step (one of 0, 1)"""
demon_adam_wolfe: _demon_adam_wolfe

class _demon_adam_damped(Rule):
    """Adam whose momentum decays to 0"""
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        total: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        t0: Literal[0, 1] = 1,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """Adam whose momentum decays to 0

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: momentum at the start (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        total: T: steps of the whole training, after which there is no momentum left; 0 is no end (whole numbers in [0, inf))
        t0: The number of the first step (one of 0, 1)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
demon_adam_damped: _demon_adam_damped

class _demon_adam(Rule):
    """Adam with a sum of gradients that fades over the training"""
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_in: bool = False,
        total: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        t0: Literal[0, 1] = 0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> FastOptimizer:
        """Adam with a sum of gradients that fades over the training

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: momentum at the start (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_in: Add `eps` to the mean square, before the root? (one of False, True)
        total: T: steps of the whole training, after which there is no momentum left; 0 is no end (whole numbers in [0, inf))
        t0: The number of the first step (one of 0, 1)"""
demon_adam: _demon_adam

class DemonSGDM(TorchOptimizer):
    """Momentum that decays to 0 over the training"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.9,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        total: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        t0: Literal[0, 1] | None = 0,
        nesterov: bool | None = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """Momentum that decays to 0 over the training

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: β: momentum at the start (in [0, 1))
        total: T: steps of the whole training, after which there is no momentum left; 0 is no end (whole numbers in [0, inf))
        t0: The number of the first step: 0 starts with all momentum, 1 ends without any (one of 0, 1)
        nesterov: Look one step of the velocity ahead? (one of False, True)"""

class DemonAdam(TorchOptimizer):
    """Adam with a sum of gradients that fades over the training"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        total: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        eps_in: bool | None = False,
        t0: Literal[0, 1] | None = 0,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
    ) -> None:
        """Adam with a sum of gradients that fades over the training

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: momentum at the start (in [0, 1))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_in: Add `eps` to the mean square, before the root? (one of False, True)
        total: T: steps of the whole training, after which there is no momentum left; 0 is no end (whole numbers in [0, inf))
        t0: The number of the first step (one of 0, 1)"""

class Velocities(fastopt.core.rules.Term):
    """The term that averages one velocity for each of `betas`"""
    def __init__(self, *betas: Any) -> None: ...
    betas: Any
    docs: Any

def exp_betas(a: float = 0.1, k: int = 3) -> Any:
    """`k` decay rates for `aggmo_of`, from 0 towards 1"""

def aggmo_of(*betas: Any) -> fastopt.core.rules.Rule:
    """The rule `aggmo` with other velocities"""

def fade(mom: Any, t: Any, total: Any) -> Any:
    """Demon's momentum after `t` of `total` steps: its odds fall from those of `mom` to 0; 0 steps never end"""

demon_ball: Term
"""Demon: a velocity whose friction grows until nothing is left of it"""

damped_demon: Term
"""Adam whose mean of gradients gets shorter and shorter"""
