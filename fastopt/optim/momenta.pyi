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
"""Momentum with a long memory, and the present gradient beside it

| hyper | default | range    | meaning |
|-------|---------|----------|---------|
| lr    | 0.001   | [0, inf) | Learning rate: the length of a step |
| wd    | 0       | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom   | 0.999   | [0, 1)   | β: how slowly the mean of gradients forgets |
| nu    | 0.7     | [0, 1]   | ν: share of the mean in the step, the rest is this step's gradient; 0 is plain descent |

Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
Faithful to: facebookresearch/qhoptim@e81dea3"""

class QHM(TorchOptimizer):
    """Momentum with a long memory, and the present gradient beside it

    | hyper        | default | range    | meaning |
    |--------------|---------|----------|---------|
    | lr           | 0.001   | [0, inf) | Learning rate: the length of a step |
    | weight_decay | 0       | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0.999   | [0, 1)   | β: how slowly the mean of gradients forgets |
    | nu           | 0.7     | [0, 1]   | ν: share of the mean in the step, the rest is this step's gradient; 0 is plain descent |

    Paper: Quasi-hyperbolic momentum and Adam for deep learning (2018), https://arxiv.org/abs/1810.06801
    Faithful to: facebookresearch/qhoptim@e81dea3"""
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
"""The mean of velocities that forget at different rates

| hyper | default | range    | meaning |
|-------|---------|----------|---------|
| lr    | 0.001   | [0, inf) | Learning rate: the length of a step |
| wd    | 0       | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom1  | 0       | [0, 1)   | How slowly this velocity forgets |
| mom2  | 0.9     | [0, 1)   | How slowly this velocity forgets |
| mom3  | 0.99    | [0, 1)   | How slowly this velocity forgets |

Paper: Aggregated momentum: stability through passive damping (2018), https://arxiv.org/abs/1804.00325
Faithful to: AtheMathmo/AggMo@f91730d"""

class AggMo(TorchOptimizer):
    """The mean of velocities that forget at different rates

    | hyper        | default | range    | meaning |
    |--------------|---------|----------|---------|
    | lr           | 0.001   | [0, inf) | Learning rate: the length of a step |
    | weight_decay | 0       | [0, inf) | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | mom1         | 0       | [0, 1)   | How slowly this velocity forgets |
    | mom2         | 0.9     | [0, 1)   | How slowly this velocity forgets |
    | mom3         | 0.99    | [0, 1)   | How slowly this velocity forgets |

    Paper: Aggregated momentum: stability through passive damping (2018), https://arxiv.org/abs/1804.00325
    Faithful to: AtheMathmo/AggMo@f91730d"""
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
"""Momentum that decays to 0 over the training

| hyper    | default | range                     | meaning |
|----------|---------|---------------------------|---------|
| lr       | 0.001   | [0, inf)                  | Learning rate: the length of a step |
| wd       | 0       | [0, inf)                  | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0.9     | [0, 1)                    | β: momentum at the start |
| total    | 0       | whole numbers in [0, inf) | T: steps of the whole training, after which there is no momentum left; 0 is no end |
| t0       | 0       | one of 0, 1               | The number of the first step: 0 starts with all momentum, 1 ends without any |
| nesterov | False   | one of False, True        | Look one step of the velocity ahead? |

Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952
Faithful to: wolfecameron/optimizers@1f547d8"""

class _demon_adam_wolfe(Rule):
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
"""Demon Adam with ε under the root

| hyper   | default | range                     | meaning |
|---------|---------|---------------------------|---------|
| lr      | 0.001   | [0, inf)                  | Learning rate: the length of a step |
| wd      | 0       | [0, inf)                  | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | [0, 1)                    | β₁: momentum at the start |
| sqr_mom | 0.999   | [0, 1)                    | β₂: how slowly the mean of squares forgets |
| eps     | 1e-08   | [0, inf)                  | Keeps the division finite |
| eps_in  | True    | one of False, True        | Add `eps` to the mean square, before the root? |
| total   | 0       | whole numbers in [0, inf) | T: steps of the whole training, after which there is no momentum left; 0 is no end |
| t0      | 0       | one of 0, 1               | The number of the first step |

Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952
Faithful to: wolfecameron/optimizers@1f547d8"""

class _demon_adam_damped(Rule):
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
"""Adam whose momentum decays to 0

| hyper   | default | range                     | meaning |
|---------|---------|---------------------------|---------|
| lr      | 0.001   | [0, inf)                  | Learning rate: the length of a step |
| mom     | 0.9     | [0, 1)                    | β₁: momentum at the start |
| sqr_mom | 0.999   | [0, 1)                    | β₂: how slowly the mean of squares forgets |
| eps     | 1e-08   | [0, inf)                  | Keeps the division finite |
| total   | 0       | whole numbers in [0, inf) | T: steps of the whole training, after which there is no momentum left; 0 is no end |
| t0      | 1       | one of 0, 1               | The number of the first step |
| wd      | 0       | [0, inf)                  | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952
Faithful to: JRC1995/DemonRangerOptimizer@5abd21a"""

class _demon_adam(Rule):
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
"""Adam with a sum of gradients that fades over the training

| hyper   | default | range                     | meaning |
|---------|---------|---------------------------|---------|
| lr      | 0.001   | [0, inf)                  | Learning rate: the length of a step |
| wd      | 0       | [0, inf)                  | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | [0, 1)                    | β₁: momentum at the start |
| sqr_mom | 0.999   | [0, 1)                    | β₂: how slowly the mean of squares forgets |
| eps     | 1e-08   | [0, inf)                  | Keeps the division finite |
| eps_in  | False   | one of False, True        | Add `eps` to the mean square, before the root? |
| total   | 0       | whole numbers in [0, inf) | T: steps of the whole training, after which there is no momentum left; 0 is no end |
| t0      | 0       | one of 0, 1               | The number of the first step |

Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952"""

class DemonSGDM(TorchOptimizer):
    """Momentum that decays to 0 over the training

    | hyper        | default | range                     | meaning |
    |--------------|---------|---------------------------|---------|
    | lr           | 0.001   | [0, inf)                  | Learning rate: the length of a step |
    | weight_decay | 0       | [0, inf)                  | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0.9     | [0, 1)                    | β: momentum at the start |
    | total        | 0       | whole numbers in [0, inf) | T: steps of the whole training, after which there is no momentum left; 0 is no end |
    | t0           | 0       | one of 0, 1               | The number of the first step: 0 starts with all momentum, 1 ends without any |
    | nesterov     | False   | one of False, True        | Look one step of the velocity ahead? |

    Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952
    Faithful to: wolfecameron/optimizers@1f547d8"""
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
    """Adam with a sum of gradients that fades over the training

    | hyper        | default | range                     | meaning |
    |--------------|---------|---------------------------|---------|
    | lr           | 0.001   | [0, inf)                  | Learning rate: the length of a step |
    | weight_decay | 0       | [0, inf)                  | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | [0, 1)                    | β₁: momentum at the start |
    | betas[1]     | 0.999   | [0, 1)                    | β₂: how slowly the mean of squares forgets |
    | eps          | 1e-08   | [0, inf)                  | Keeps the division finite |
    | eps_in       | False   | one of False, True        | Add `eps` to the mean square, before the root? |
    | total        | 0       | whole numbers in [0, inf) | T: steps of the whole training, after which there is no momentum left; 0 is no end |
    | t0           | 0       | one of 0, 1               | The number of the first step |

    Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952"""
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
