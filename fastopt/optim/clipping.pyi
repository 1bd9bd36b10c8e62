# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import fastai.callback.core
import torch

__all__ = ['sgd_clip', 'sgdm_clip', 'adam_clip', 'SGDClip', 'SGDMClip', 'AdamClip', 'clip_value', 'clip_norm', 'clip_coords',
    'ClipRecorder']

class _sgd_clip(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        q: Annotated[Hyper, 'in [0, 1)'] = 0.1,
        sample: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradient descent with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        q: Fraction of the largest entries, which are clipped (in [0, 1))
        sample: Number of entries from which the threshold is estimated; 0: all (whole numbers in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
sgd_clip: _sgd_clip
"""Gradient descent with the largest coordinates clipped

| hyper  | default | range        | meaning |
|--------|---------|--------------|---------|
| lr     | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
| q      | 0.1     | 0 ≤ x < 1    | Fraction of the largest entries, which are clipped |
| sample | 0       | 0 ≤ x, whole | Number of entries from which the threshold is estimated; 0: all |
| wd     | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""

class _sgdm_clip(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        damp: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        nesterov: bool = False,
        q: Annotated[Hyper, 'in [0, 1)'] = 0.1,
        sample: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Momentum with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        mom: Momentum: decay rate of the velocity (in [0, 1))
        damp: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)
        q: Fraction of the largest entries, which are clipped (in [0, 1))
        sample: Number of entries from which the threshold is estimated; 0: all (whole numbers in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
sgdm_clip: _sgdm_clip
"""Momentum with the largest coordinates clipped

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom      | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
| damp     | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
| nesterov | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |
| q        | 0.1     | 0 ≤ x < 1          | Fraction of the largest entries, which are clipped |
| sample   | 0       | 0 ≤ x, whole       | Number of entries from which the threshold is estimated; 0: all |
| wd       | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""

class _adam_clip(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 0.001,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in [0, inf)'] = 1e-08,
        eps_hat: bool = False,
        q: Annotated[Hyper, 'in [0, 1)'] = 0.5,
        sample: Annotated[Hyper, 'whole numbers in [0, inf)'] = 0,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        q: Fraction of the largest entries, which are clipped (in [0, 1))
        sample: Number of entries from which the threshold is estimated; 0: all (whole numbers in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adam_clip: _adam_clip
"""Adam with the largest coordinates clipped

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| q       | 0.5     | 0 ≤ x < 1          | Fraction of the largest entries, which are clipped |
| sample  | 0       | 0 ≤ x, whole       | Number of entries from which the threshold is estimated; 0: all |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""

class SGDClip(TorchOptimizer):
    """Gradient descent with the largest coordinates clipped

    | hyper        | default | range        | meaning |
    |--------------|---------|--------------|---------|
    | lr           | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
    | q            | 0.1     | 0 ≤ x < 1    | Fraction of the largest entries, which are clipped |
    | sample       | 0       | 0 ≤ x, whole | Number of entries from which the threshold is estimated; 0: all |
    | weight_decay | 0       | 0 ≤ x        | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        *,
        q: Annotated[Number, 'in [0, 1)'] = 0.1,
        sample: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
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
        """Gradient descent with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        q: Fraction of the largest entries, which are clipped (in [0, 1))
        sample: Number of entries from which the threshold is estimated; 0: all (whole numbers in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class SGDMClip(TorchOptimizer):
    """Momentum with the largest coordinates clipped

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | momentum     | 0.9     | 0 ≤ x < 1          | Momentum: decay rate of the velocity |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 |
    | nesterov     | False   | one of False, True | Use Nesterov momentum, which looks one step ahead? |
    | q            | 0.1     | 0 ≤ x < 1          | Fraction of the largest entries, which are clipped |
    | sample       | 0       | 0 ≤ x, whole       | Number of entries from which the threshold is estimated; 0: all |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.9,
        *,
        dampening: Annotated[Number, 'in [0, 1)'] = 0.0,
        q: Annotated[Number, 'in [0, 1)'] = 0.1,
        sample: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
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
        """Momentum with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        momentum: Momentum: decay rate of the velocity (in [0, 1))
        dampening: Dampening: the share of the gradient that is not added, from the second step on; no effect if `mom` is 0 (in [0, 1))
        nesterov: Use Nesterov momentum, which looks one step ahead? (one of False, True)
        q: Fraction of the largest entries, which are clipped (in [0, 1))
        sample: Number of entries from which the threshold is estimated; 0: all (whole numbers in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class AdamClip(TorchOptimizer):
    """Adam with the largest coordinates clipped

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | q            | 0.5     | 0 ≤ x < 1          | Fraction of the largest entries, which are clipped |
    | sample       | 0       | 0 ≤ x, whole       | Number of entries from which the threshold is estimated; 0: all |
    | weight_decay | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

    Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 0.001,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        eps: Annotated[Number, 'in [0, inf)'] = 1e-08,
        q: Annotated[Number, 'in [0, 1)'] = 0.5,
        sample: Annotated[Number, 'whole numbers in [0, inf)'] = 0,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps_hat: bool | None = False,
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
        """Adam with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        q: Fraction of the largest entries, which are clipped (in [0, 1))
        sample: Number of entries from which the threshold is estimated; 0: all (whole numbers in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

clip_value: Term
"""Bound the absolute value of each entry"""

clip_norm: Term
"""Bound the norm of the gradients of all weights together"""

clip_coords: Term
"""Bound the largest entries of all updates by the largest of the other entries"""

class ClipRecorder(fastai.callback.core.Callback):
    """Record at every step the fraction of entries that `clip_coords` clipped, in `q`, and its threshold, in `top`"""
    def after_step(self) -> Any:
        """After each step: add what `clip_coords` has noted about it to both lists"""
    def before_fit(self) -> Any:
        """Before the fit: empty both lists"""
    q: Any
    top: Any
