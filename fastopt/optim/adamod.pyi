# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal, TypeAlias
import torch

__all__ = ['Memory', 'adamod', 'AdaMod', 'diffmod', 'deepmemory', 'DiffMod', 'DeepMemory', 'from_length']

Memory: TypeAlias = float # in [0, 1)

class _adamod(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        mom3: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        average_step: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        len_memory: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with rates bounded by their averages

        lr: Learning rate (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        mom3: β₃: decay rate of the mean of rates; `len_memory=1000` is the same (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        average_step: Use the mean of the rate and its average instead of the smaller of the two? (one of False, True)
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
adamod: _adamod
"""Adam with rates bounded by their averages

| hyper        | default | range              | meaning |
|--------------|---------|--------------------|---------|
| lr           | 0.001   | 0 ≤ x              | Learning rate |
| mom          | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom      | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| mom3         | 0.999   | 0 ≤ x < 1          | β₃: decay rate of the mean of rates; `len_memory=1000` is the same |
| eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
| average_step | False   | one of False, True | Use the mean of the rate and its average instead of the smaller of the two? |
| wd           | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` |

Paper: An Adaptive and Momental Bound Method for Stochastic Learning (2019), https://arxiv.org/abs/1910.12249
Faithful to: lancopku/AdaMod@d866407"""

class AdaMod(TorchOptimizer):
    """Adam with rates bounded by their averages

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | mom3         | 0.999   | 0 ≤ x < 1          | β₃: decay rate of the mean of rates; `len_memory=1000` is the same |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | average_step | False   | one of False, True | Use the mean of the rate and its average instead of the smaller of the two? |
    | weight_decay | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` |

    Paper: An Adaptive and Momental Bound Method for Stochastic Learning (2019), https://arxiv.org/abs/1910.12249
    Faithful to: lancopku/AdaMod@d866407"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        mom3: Annotated[Number, 'in [0, 1)'] = 0.999,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        average_step: bool | None = False,
        len_memory: Number | None = ...,
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
        """Adam with rates bounded by their averages

        lr: Learning rate (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        mom3: β₃: decay rate of the mean of rates; `len_memory=1000` is the same (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        average_step: Use the mean of the rate and its average instead of the smaller of the two? (one of False, True)
        weight_decay: Weight decay, multiplied by `lr` (in [0, inf))"""

class _diffmod(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        mom3: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        average_step: bool = False,
        version: Literal[0, 1, 2] = 0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        len_memory: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """AdaMod with the friction of diffGrad

        lr: Learning rate (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        mom3: β₃: decay rate of the mean of rates; `len_memory=1000` is the same (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        average_step: Use the mean of the rate and its average instead of the smaller of the two? (one of False, True)
        version: Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
diffmod: _diffmod
"""AdaMod with the friction of diffGrad

| hyper        | default | range              | meaning |
|--------------|---------|--------------------|---------|
| lr           | 0.001   | 0 ≤ x              | Learning rate |
| mom          | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom      | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| mom3         | 0.999   | 0 ≤ x < 1          | β₃: decay rate of the mean of rates; `len_memory=1000` is the same |
| eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
| average_step | False   | one of False, True | Use the mean of the rate and its average instead of the smaller of the two? |
| version      | 0       | one of 0, 1, 2     | Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) |
| wd           | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` |

Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""

class _deepmemory(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.004,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        mom3: Annotated[Hyper, 'in [0, 1)'] = 0.995,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-06,
        average_step: bool = True,
        version: Literal[0, 1, 2] = 1,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        len_memory: Number | None = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """DiffMod with its rate halfway to the average

        lr: Learning rate (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        mom3: β₃: decay rate of the mean of rates; `len_memory=1000` is the same (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        average_step: Use the mean of the rate and its average instead of the smaller of the two? (one of False, True)
        version: Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
deepmemory: _deepmemory
"""DiffMod with its rate halfway to the average

| hyper        | default | range              | meaning |
|--------------|---------|--------------------|---------|
| lr           | 0.004   | 0 ≤ x              | Learning rate |
| mom          | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom      | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| mom3         | 0.995   | 0 ≤ x < 1          | β₃: decay rate of the mean of rates; `len_memory=1000` is the same |
| eps          | 1e-06   | 0 ≤ x              | Keeps the division finite |
| average_step | True    | one of False, True | Use the mean of the rate and its average instead of the smaller of the two? |
| version      | 1       | one of 0, 1, 2     | Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) |
| wd           | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` |

Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""

class DiffMod(TorchOptimizer):
    """AdaMod with the friction of diffGrad

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | mom3         | 0.999   | 0 ≤ x < 1          | β₃: decay rate of the mean of rates; `len_memory=1000` is the same |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | average_step | False   | one of False, True | Use the mean of the rate and its average instead of the smaller of the two? |
    | version      | 0       | one of 0, 1, 2     | Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) |
    | weight_decay | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` |

    Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        mom3: Annotated[Number, 'in [0, 1)'] = 0.999,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        average_step: bool | None = False,
        version: Literal[0, 1, 2] | None = 0,
        len_memory: Number | None = ...,
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
        """AdaMod with the friction of diffGrad

        lr: Learning rate (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        mom3: β₃: decay rate of the mean of rates; `len_memory=1000` is the same (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        average_step: Use the mean of the rate and its average instead of the smaller of the two? (one of False, True)
        version: Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        weight_decay: Weight decay, multiplied by `lr` (in [0, inf))"""

class DeepMemory(TorchOptimizer):
    """DiffMod with its rate halfway to the average

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.004   | 0 ≤ x              | Learning rate |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | mom3         | 0.995   | 0 ≤ x < 1          | β₃: decay rate of the mean of rates; `len_memory=1000` is the same |
    | eps          | 1e-06   | 0 ≤ x              | Keeps the division finite |
    | average_step | True    | one of False, True | Use the mean of the rate and its average instead of the smaller of the two? |
    | version      | 1       | one of 0, 1, 2     | Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) |
    | weight_decay | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` |

    Faithful to: lessw2020/Best-Deep-Learning-Optimizers@070a509"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.004,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        mom3: Annotated[Number, 'in [0, 1)'] = 0.995,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-06,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        average_step: bool | None = True,
        version: Literal[0, 1, 2] | None = 1,
        len_memory: Number | None = ...,
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
        """DiffMod with its rate halfway to the average

        lr: Learning rate (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        mom3: β₃: decay rate of the mean of rates; `len_memory=1000` is the same (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        average_step: Use the mean of the rate and its average instead of the smaller of the two? (one of False, True)
        version: Friction ξ as a function of the size of the change (0: ½ to 1, 2: ½ to 5) or of the change with its sign (1: 0 to 1) (one of 0, 1, 2; versions above 2 have no trustworthy published definition)
        weight_decay: Weight decay, multiplied by `lr` (in [0, inf))"""

def from_length(n: Any) -> Any:
    """Return the decay rate of an average over about `n` steps"""
