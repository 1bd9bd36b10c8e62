# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['adam_mini', 'AdamMini', 'blocks', 'ema_blocks']

class _adam_mini(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """AdamW with one mean square per row

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adam_mini: _adam_mini
"""AdamW with one mean square per row

| hyper   | default | range     | meaning |
|---------|---------|-----------|---------|
| lr      | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x     | Keeps the division finite |
| wd      | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Adam-mini: Use Fewer Learning Rates To Gain More (2024), https://arxiv.org/abs/2406.16793
Faithful to: zyushun/Adam-mini@402aadf"""

class AdamMini(TorchOptimizer):
    """AdamW with one mean square per row

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 0.001   | 0 ≤ x     | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1 | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1 | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x     | Keeps the division finite |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Adam-mini: Use Fewer Learning Rates To Gain More (2024), https://arxiv.org/abs/2406.16793
    Faithful to: zyushun/Adam-mini@402aadf"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
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
        """AdamW with one mean square per row

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

def blocks(x: Any) -> Any:
    """Return a zero for each block of `x`, which is a row of a matrix or any other tensor as a whole"""

def ema_blocks(avg: Any, x: Any, β: Any) -> Any:
    """Return `avg` updated with the mean of each block of `x` at decay rate `β`"""
