# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal, TypeAlias
import torch

__all__ = ['FirstStep', 'demon_sgdm', 'demon_adam_wolfe', 'demon_adam_damped', 'demon_adam', 'DemonSGDM', 'DemonAdam', 'fade', 'demon_ball',
    'damped_demon']

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
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum that decays to 0 over the training

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β: momentum at the start (in [0, 1))
        total: T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end (whole numbers in [0, inf))
        t0: Number of the first step; with 0 the first step has full momentum, with 1 the last step has none (one of 0, 1)
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""
demon_sgdm: _demon_sgdm
"""Momentum that decays to 0 over the training

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom      | 0.9     | 0 ≤ x < 1          | β: momentum at the start |
| total    | 0       | 0 ≤ x, whole       | T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end |
| t0       | 0       | one of 0, 1        | Number of the first step; with 0 the first step has full momentum, with 1 the last step has none |
| nesterov | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

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
        capturable: bool = False,
    ) -> FastOptimizer:
        """Demon Adam with ε under the root

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: momentum at the start (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_in: Add `eps` to the mean square instead of its root? (one of False, True)
        total: T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end (whole numbers in [0, inf))
        t0: Number of the first step (one of 0, 1)"""
demon_adam_wolfe: _demon_adam_wolfe
"""Demon Adam with ε under the root

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: momentum at the start |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_in  | True    | one of False, True | Add `eps` to the mean square instead of its root? |
| total   | 0       | 0 ≤ x, whole       | T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end |
| t0      | 0       | one of 0, 1        | Number of the first step |

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
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam whose momentum decays to 0

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: momentum at the start (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        total: T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end (whole numbers in [0, inf))
        t0: Number of the first step (one of 0, 1)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
demon_adam_damped: _demon_adam_damped
"""Adam whose momentum decays to 0

| hyper   | default | range        | meaning |
|---------|---------|--------------|---------|
| lr      | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1    | β₁: momentum at the start |
| sqr_mom | 0.999   | 0 ≤ x < 1    | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x        | Keeps the division finite |
| total   | 0       | 0 ≤ x, whole | T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end |
| t0      | 1       | one of 0, 1  | Number of the first step |
| wd      | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

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
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with a gradient sum whose momentum decays

        lr: Learning rate: the length of a step (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: momentum at the start (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_in: Add `eps` to the mean square instead of its root? (one of False, True)
        total: T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end (whole numbers in [0, inf))
        t0: Number of the first step (one of 0, 1)"""
demon_adam: _demon_adam
"""Adam with a gradient sum whose momentum decays

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: momentum at the start |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_in  | False   | one of False, True | Add `eps` to the mean square instead of its root? |
| total   | 0       | 0 ≤ x, whole       | T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end |
| t0      | 0       | one of 0, 1        | Number of the first step |

Paper: Demon: improved neural network training with momentum decay (2019), https://arxiv.org/abs/1910.04952"""

class DemonSGDM(TorchOptimizer):
    """Momentum that decays to 0 over the training

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | momentum     | 0.9     | 0 ≤ x < 1          | β: momentum at the start |
    | total        | 0       | 0 ≤ x, whole       | T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end |
    | t0           | 0       | one of 0, 1        | Number of the first step; with 0 the first step has full momentum, with 1 the last step has none |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |

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
        """Momentum that decays to 0 over the training

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        momentum: β: momentum at the start (in [0, 1))
        total: T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end (whole numbers in [0, inf))
        t0: Number of the first step; with 0 the first step has full momentum, with 1 the last step has none (one of 0, 1)
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)"""

class DemonAdam(TorchOptimizer):
    """Adam with a gradient sum whose momentum decays

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: momentum at the start |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_in       | False   | one of False, True | Add `eps` to the mean square instead of its root? |
    | total        | 0       | 0 ≤ x, whole       | T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end |
    | t0           | 0       | one of 0, 1        | Number of the first step |

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
        """Adam with a gradient sum whose momentum decays

        lr: Learning rate: the length of a step (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: momentum at the start (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_in: Add `eps` to the mean square instead of its root? (one of False, True)
        total: T: number of steps in the whole training, after which the momentum is 0; 0: the training has no end (whole numbers in [0, inf))
        t0: Number of the first step (one of 0, 1)"""

def fade(mom: Any, t: Any, total: Any) -> Any:
    """Return Demon's momentum β after `t` of `total` steps, with β/(1-β) falling linearly to 0 (`total=0`: it stays `mom`)"""

demon_ball: Term
"""Follow a velocity whose momentum decays to 0 over the training (Demon SGDM)"""

damped_demon: Term
"""Compute Adam's direction with a momentum that decays to 0"""
