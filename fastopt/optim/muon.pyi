# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, Literal
import torch

__all__ = ['muon', 'Muon', 'as_matrix', 'as_matrices', 'newton_schulz', 'gain', 'matrix_step', 'mean_ahead', 'orthogonalize',
    'hidden_matrices']

class _muon(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.02,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.95,
        nesterov: bool = True,
        ns_steps: Annotated[Hyper, 'whole numbers in [1, inf)'] = 5,
        ns_eps: Annotated[Hyper, 'in [0, inf)'] = 1e-07,
        ns_norm: Literal['added', 'least'] = 'added',
        ns_dtype: Literal['auto', 'bfloat16', 'weights'] = 'auto',
        adjust_lr_fn: Literal['original', 'match_rms_adamw', 'spectral_unclamped'] = 'original',
        flatten: bool = False,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum with all singular values made about 1

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β: decay rate of the mean of gradients (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)
        ns_steps: Number of rounds of the polynomial (whole numbers in [1, inf))
        ns_eps: Keeps the division by the norm finite (in [0, inf))
        ns_norm: Add `ns_eps` to the norm, or use it as the least norm? (one of 'added', 'least')
        ns_dtype: Iterate in bfloat16 or in the dtype of the computation? 'auto': bfloat16 on CUDA (one of 'auto', 'bfloat16', 'weights')
        adjust_lr_fn: How the step depends on the shape of the weight (one of 'original', 'match_rms_adamw', 'spectral_unclamped')
        flatten: Treat every weight as one matrix, with a row for each entry of its first dimension? (one of False, True)
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
muon: _muon
"""Momentum with all singular values made about 1

| hyper        | default    | range                                                      | meaning |
|--------------|------------|------------------------------------------------------------|---------|
| lr           | 0.02       | 0 ≤ x                                                      | Learning rate: the length of a step |
| mom          | 0.95       | 0 ≤ x < 1                                                  | β: decay rate of the mean of gradients |
| nesterov     | True       | one of False, True                                         | Use Nesterov momentum, which looks one step ahead? |
| ns_steps     | 5          | 1 ≤ x, whole                                               | Number of rounds of the polynomial |
| ns_eps       | 1e-07      | 0 ≤ x                                                      | Keeps the division by the norm finite |
| ns_norm      | 'added'    | one of 'added', 'least'                                    | Add `ns_eps` to the norm, or use it as the least norm? |
| ns_dtype     | 'auto'     | one of 'auto', 'bfloat16', 'weights'                       | Iterate in bfloat16 or in the dtype of the computation? 'auto': bfloat16 on CUDA |
| adjust_lr_fn | 'original' | one of 'original', 'match_rms_adamw', 'spectral_unclamped' | How the step depends on the shape of the weight |
| flatten      | False      | one of False, True                                         | Treat every weight as one matrix, with a row for each entry of its first dimension? |
| wd           | 0          | 0 ≤ x                                                      | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Muon: An optimizer for hidden layers in neural networks (2024), https://kellerjordan.github.io/posts/muon/
Faithful to: KellerJordan/Muon@857d1ad"""

class Muon(TorchOptimizer):
    """Momentum with all singular values made about 1

    | hyper        | default    | range                                                      | meaning |
    |--------------|------------|------------------------------------------------------------|---------|
    | lr           | 0.02       | 0 ≤ x                                                      | Learning rate: the length of a step |
    | momentum     | 0.95       | 0 ≤ x < 1                                                  | β: decay rate of the mean of gradients |
    | nesterov     | True       | one of False, True                                         | Use Nesterov momentum, which looks one step ahead? |
    | ns_steps     | 5          | 1 ≤ x, whole                                               | Number of rounds of the polynomial |
    | eps          | 1e-07      | 0 ≤ x                                                      | Keeps the division by the norm finite |
    | ns_norm      | 'added'    | one of 'added', 'least'                                    | Add `ns_eps` to the norm, or use it as the least norm? |
    | ns_dtype     | 'auto'     | one of 'auto', 'bfloat16', 'weights'                       | Iterate in bfloat16 or in the dtype of the computation? 'auto': bfloat16 on CUDA |
    | adjust_lr_fn | 'original' | one of 'original', 'match_rms_adamw', 'spectral_unclamped' | How the step depends on the shape of the weight |
    | flatten      | False      | one of False, True                                         | Treat every weight as one matrix, with a row for each entry of its first dimension? |
    | weight_decay | 0          | 0 ≤ x                                                      | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Muon: An optimizer for hidden layers in neural networks (2024), https://kellerjordan.github.io/posts/muon/
    Faithful to: KellerJordan/Muon@857d1ad"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.02,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.95,
        nesterov: bool | None = True,
        *,
        ns_steps: Annotated[Number, 'whole numbers in [1, inf)'] = 5,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-07,
        ns_norm: Literal['added', 'least'] | None = 'added',
        ns_dtype: Literal['auto', 'bfloat16', 'weights'] | None = 'auto',
        adjust_lr_fn: Literal['original', 'match_rms_adamw', 'spectral_unclamped'] | None = 'original',
        flatten: bool | None = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        differentiable: bool = False,
        maximize: bool = False,
        amsgrad: bool = False,
        centered: bool = False,
        ns_coefficients: Any = (3.4445, -4.775, 2.0315),
        decoupled_weight_decay: bool = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> None:
        """Momentum with all singular values made about 1

        lr: Learning rate: the length of a step (in [0, inf))
        momentum: β: decay rate of the mean of gradients (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)
        ns_steps: Number of rounds of the polynomial (whole numbers in [1, inf))
        eps: Keeps the division by the norm finite (in [0, inf))
        ns_norm: Add `ns_eps` to the norm, or use it as the least norm? (one of 'added', 'least')
        ns_dtype: Iterate in bfloat16 or in the dtype of the computation? 'auto': bfloat16 on CUDA (one of 'auto', 'bfloat16', 'weights')
        adjust_lr_fn: How the step depends on the shape of the weight (one of 'original', 'match_rms_adamw', 'spectral_unclamped')
        flatten: Treat every weight as one matrix, with a row for each entry of its first dimension? (one of False, True)
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

def as_matrix(x: Any) -> Any:
    """Return `x` as a matrix with all dimensions after the first flattened"""

def as_matrices(x: Any, flatten: Any = False) -> Any:
    """Return `x` as a matrix, or as a stack of matrices if it has three or more than four dimensions and not `flatten`"""

def newton_schulz(
    x: Any,
    steps: Any,
    eps: Any,
    norm: Any,
    dtype: Any,
    flatten: Any = False,
    lead: Any = 0,
) -> Any:
    """Approximate the orthogonal matrix nearest to `x`, or to each `x` in `lead` dimensions, with a polynomial applied `steps` times"""

def gain(x: Any, adjust_lr_fn: Any, flatten: Any = False) -> Any:
    """Return the factor by which the step of a weight like `x` exceeds an orthogonal matrix, which depends on its shape only"""

def matrix_step(
    x: Any,
    steps: Any,
    eps: Any,
    norm: Any,
    dtype: Any,
    adjust_lr_fn: Any,
    flatten: Any = False,
    lead: Any = 0,
) -> Any:
    """Return `newton_schulz` of `x`, or of each `x` in `lead` dimensions, times its `gain`"""

mean_ahead: Term
"""Return the mean gradient, or with `nesterov` its value if the next gradient equals this one"""

orthogonalize: Term
"""Make all singular values of `u` about 1"""

def hidden_matrices(model: Any, last: Any) -> Any:
    """A function for `route`: is a weight a matrix of `model`, but neither of an embedding nor of the module `last`?"""
