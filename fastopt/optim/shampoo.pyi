# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import torch

__all__ = ['LONGEST', 'SIDES', 'shampoo', 'Shampoo', 'soap', 'SOAP', 'merge_shape', 'squares', 'matrix_squares', 'add_grams',
    'multiply_along', 'inverse_roots', 'whiten', 'eigenbases', 'power_turn', 'sort_along', 'eigen_adam', 'turn_axes', 'shrink_after']

LONGEST: int

SIDES: Any

class _shampoo(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.1,
        *,
        eps: Annotated[Hyper, 'in (0, inf)'] = 0.0001,
        every: Annotated[Hyper, 'whole numbers in [1, inf)'] = 1,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adagrad with a matrix for each dimension

        lr: Learning rate: the length of a step (in [0, inf))
        eps: Added to the diagonals (in (0, inf))
        every: Number of steps between two computations of the roots (whole numbers in [1, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
shampoo: _shampoo
"""Adagrad with a matrix for each dimension

| hyper | default | range        | meaning |
|-------|---------|--------------|---------|
| lr    | 0.1     | 0 ≤ x        | Learning rate: the length of a step |
| eps   | 0.0001  | 0 < x        | Added to the diagonals |
| every | 1       | 1 ≤ x, whole | Number of steps between two computations of the roots |
| wd    | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Shampoo: Preconditioned Stochastic Tensor Optimization (2018), https://arxiv.org/abs/1802.09568"""

class Shampoo(TorchOptimizer):
    """Adagrad with a matrix for each dimension

    | hyper        | default | range        | meaning |
    |--------------|---------|--------------|---------|
    | lr           | 0.1     | 0 ≤ x        | Learning rate: the length of a step |
    | eps          | 0.0001  | 0 < x        | Added to the diagonals |
    | every        | 1       | 1 ≤ x, whole | Number of steps between two computations of the roots |
    | weight_decay | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Shampoo: Preconditioned Stochastic Tensor Optimization (2018), https://arxiv.org/abs/1802.09568"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.1,
        *,
        eps: Annotated[Number, 'in (0, inf)'] = 0.0001,
        every: Annotated[Number, 'whole numbers in [1, inf)'] = 1,
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
        """Adagrad with a matrix for each dimension

        lr: Learning rate: the length of a step (in [0, inf))
        eps: Added to the diagonals (in (0, inf))
        every: Number of steps between two computations of the roots (whole numbers in [1, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class _soap(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.003,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        merge_dims: bool = False,
        max_precond_dim: int = 10000,
        precondition_1d: bool = False,
        normalize_grads: bool = False,
        correct_bias: bool = True,
        shampoo_beta: Annotated[Hyper, 'in [-1, 1)'] = -1.0,
        every: Annotated[Hyper, 'whole numbers in [1, inf)'] = 10,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.01,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam along the eigenvectors of Shampoo

        lr: Learning rate (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂, as in `eigen_adam` (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        merge_dims: As in `eigen_adam` (one of False, True)
        max_precond_dim: As in `eigen_adam` (a whole number, 1 or more)
        precondition_1d: Use a matrix for vectors as well? (one of False, True)
        normalize_grads: Divide the direction of each tensor by its root mean square? (one of False, True)
        correct_bias: Debias the means? (one of False, True)
        shampoo_beta: Decay rate of the matrices; `sqr_mom` if negative (in [-1, 1))
        every: Number of steps between two rotations of the axes (whole numbers in [1, inf))
        wd: Weight decay, multiplied by `lr` (in [0, inf))"""
soap: _soap
"""Adam along the eigenvectors of Shampoo

| hyper           | default | range                     | meaning |
|-----------------|---------|---------------------------|---------|
| lr              | 0.003   | 0 ≤ x                     | Learning rate |
| mom             | 0.95    | 0 ≤ x < 1                 | β₁: decay rate of the mean of gradients |
| sqr_mom         | 0.95    | 0 ≤ x < 1                 | β₂, as in `eigen_adam` |
| eps             | 1e-08   | 0 ≤ x                     | Keeps the division finite |
| merge_dims      | False   | one of False, True        | As in `eigen_adam` |
| max_precond_dim | 10000   | a whole number, 1 or more | As in `eigen_adam` |
| precondition_1d | False   | one of False, True        | Use a matrix for vectors as well? |
| normalize_grads | False   | one of False, True        | Divide the direction of each tensor by its root mean square? |
| correct_bias    | True    | one of False, True        | Debias the means? |
| shampoo_beta    | -1      | -1 ≤ x < 1                | Decay rate of the matrices; `sqr_mom` if negative |
| every           | 10      | 1 ≤ x, whole              | Number of steps between two rotations of the axes |
| wd              | 0.01    | 0 ≤ x                     | Weight decay, multiplied by `lr` |

Paper: SOAP: Improving and Stabilizing Shampoo using Adam (2024), https://arxiv.org/abs/2409.11321
Faithful to: nikhilvyas/SOAP@a1e5535"""

class SOAP(TorchOptimizer):
    """Adam along the eigenvectors of Shampoo

    | hyper           | default | range                     | meaning |
    |-----------------|---------|---------------------------|---------|
    | lr              | 0.003   | 0 ≤ x                     | Learning rate |
    | betas[0]        | 0.95    | 0 ≤ x < 1                 | β₁: decay rate of the mean of gradients |
    | betas[1]        | 0.95    | 0 ≤ x < 1                 | β₂, as in `eigen_adam` |
    | eps             | 1e-08   | 0 ≤ x                     | Keeps the division finite |
    | merge_dims      | False   | one of False, True        | As in `eigen_adam` |
    | max_precond_dim | 10000   | a whole number, 1 or more | As in `eigen_adam` |
    | precondition_1d | False   | one of False, True        | Use a matrix for vectors as well? |
    | normalize_grads | False   | one of False, True        | Divide the direction of each tensor by its root mean square? |
    | correct_bias    | True    | one of False, True        | Debias the means? |
    | shampoo_beta    | -1      | -1 ≤ x < 1                | Decay rate of the matrices; `sqr_mom` if negative |
    | every           | 10      | 1 ≤ x, whole              | Number of steps between two rotations of the axes |
    | weight_decay    | 0.01    | 0 ≤ x                     | Weight decay, multiplied by `lr` |

    Paper: SOAP: Improving and Stabilizing Shampoo using Adam (2024), https://arxiv.org/abs/2409.11321
    Faithful to: nikhilvyas/SOAP@a1e5535"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.003,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.95, 0.95),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        shampoo_beta: Annotated[Number, 'in [-1, 1)'] = -1.0,
        every: Annotated[Number, 'whole numbers in [1, inf)'] = 10,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.01,
        merge_dims: bool | None = False,
        max_precond_dim: int | None = 10000,
        precondition_1d: bool | None = False,
        normalize_grads: bool | None = False,
        correct_bias: bool | None = True,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        decoupled_weight_decay: bool = True,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Adam along the eigenvectors of Shampoo

        lr: Learning rate (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂, as in `eigen_adam` (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        merge_dims: As in `eigen_adam` (one of False, True)
        max_precond_dim: As in `eigen_adam` (a whole number, 1 or more)
        precondition_1d: Use a matrix for vectors as well? (one of False, True)
        normalize_grads: Divide the direction of each tensor by its root mean square? (one of False, True)
        correct_bias: Debias the means? (one of False, True)
        shampoo_beta: Decay rate of the matrices; `sqr_mom` if negative (in [-1, 1))
        every: Number of steps between two rotations of the axes (whole numbers in [1, inf))
        weight_decay: Weight decay, multiplied by `lr` (in [0, inf))"""

def merge_shape(shape: Any, sides: Any) -> Any:
    """Return `shape`, with neighboring dimensions merged if `sides` say so and the result is not too long for a matrix"""

def squares(p: Any, *, merge_dims: Any = False, max_precond_dim: Any = 10000) -> Any:
    """Return zeros for one square matrix for each dimension of `p`, in one vector"""

def matrix_squares(p: Any, *, merge_dims: Any = False, max_precond_dim: Any = 10000, precondition_1d: Any = False) -> Any:
    """Return `squares`, or none for a vector if not `precondition_1d`"""

def add_grams(packed: Any, x: Any, keep: Any, add: Any, sides: Any = (False, 10000), lead: Any = 0) -> Any:
    """Return `keep` times the matrices `packed` plus `add` times the products of the slices of `x` along each dimension"""

def multiply_along(x: Any, packed: Any, back: Any = False, sides: Any = (False, 10000), lead: Any = 0) -> Any:
    """Multiply `x` along each dimension by its matrix, which is transposed if not `back`"""

def inverse_roots(packed: Any, p: Any, eps: Any, lead: Any = 0) -> Any:
    """Add `eps` to the diagonal of each matrix and raise it to the power of -1/2k, where k is the number of dimensions of `p`"""

whiten: Term
"""Divide along each dimension by a root of the sum of the gradient's products (Shampoo)"""

def eigenbases(packed: Any, p: Any, sides: Any = (False, 10000), lead: Any = 0) -> Any:
    """Return the eigenvectors of all matrices, or the axes of `p` itself where sums of squares are too large for the dtype"""

def power_turn(basis: Any, grams: Any, p: Any, sides: Any = (False, 10000), lead: Any = 0) -> Any:
    """Rotate the axes towards the eigenvectors of `grams`, or only sort them where `grams` are too large for the dtype"""

def sort_along(v: Any, basis: Any, grams: Any, sides: Any = (False, 10000), lead: Any = 0) -> Any:
    """Sort `v` in the order in which `power_turn` puts the axes"""

eigen_adam: Term
"""Run Adam along the axes of `basis`, and do not move at the first step, whose gradient only determines the axes"""

turn_axes: Term
"""Rotate the axes of `eigen_adam` towards the eigenvectors of the gradient's mean products, after its step"""

shrink_after: Term
"""Apply decoupled weight decay to the weights after the step, except at the first step"""
