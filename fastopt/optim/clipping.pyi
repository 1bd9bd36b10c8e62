# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any
import fastai.callback.core
import torch

__all__ = ['sgd_clip', 'sgdm_clip', 'adam_clip', 'SGDClip', 'SGDMClip', 'AdamClip', 'clip_value', 'clip_norm', 'clip_coords', 'Clipped']

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
        """Descent with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        q: Fraction of the entries that is clipped, the largest ones (in [0, 1))
        sample: Entries among which the threshold is sought; 0 for all (whole numbers in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
sgd_clip: _sgd_clip
"""Descent with the largest coordinates clipped

| hyper  | default | range        | meaning |
|--------|---------|--------------|---------|
| lr     | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
| q      | 0.1     | 0 ≤ x < 1    | Fraction of the entries that is clipped, the largest ones |
| sample | 0       | 0 ≤ x, whole | Entries among which the threshold is sought; 0 for all |
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
        mom: Momentum: how slowly the velocity forgets (in [0, 1))
        damp: Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum (in [0, 1))
        nesterov: Look one step of the velocity ahead? (one of False, True)
        q: Fraction of the entries that is clipped, the largest ones (in [0, 1))
        sample: Entries among which the threshold is sought; 0 for all (whole numbers in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
sgdm_clip: _sgdm_clip
"""Momentum with the largest coordinates clipped

| hyper    | default | range              | meaning |
|----------|---------|--------------------|---------|
| lr       | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom      | 0.9     | 0 ≤ x < 1          | Momentum: how slowly the velocity forgets |
| damp     | 0       | 0 ≤ x < 1          | Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum |
| nesterov | False   | one of False, True | Look one step of the velocity ahead? |
| q        | 0.1     | 0 ≤ x < 1          | Fraction of the entries that is clipped, the largest ones |
| sample   | 0       | 0 ≤ x, whole       | Entries among which the threshold is sought; 0 for all |
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
        mom: β₁: how slowly the mean of gradients forgets (in [0, 1))
        sqr_mom: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        q: Fraction of the entries that is clipped, the largest ones (in [0, 1))
        sample: Entries among which the threshold is sought; 0 for all (whole numbers in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""
adam_clip: _adam_clip
"""Adam with the largest coordinates clipped

| hyper   | default | range              | meaning |
|---------|---------|--------------------|---------|
| lr      | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
| mom     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
| sqr_mom | 0.999   | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
| eps     | 1e-08   | 0 ≤ x              | Keeps the division finite |
| eps_hat | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
| q       | 0.5     | 0 ≤ x < 1          | Fraction of the entries that is clipped, the largest ones |
| sample  | 0       | 0 ≤ x, whole       | Entries among which the threshold is sought; 0 for all |
| wd      | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |

Paper: Toward understanding why Adam converges faster than SGD for transformers (2023), https://arxiv.org/abs/2306.00204"""

class SGDClip(TorchOptimizer):
    """Descent with the largest coordinates clipped

    | hyper        | default | range        | meaning |
    |--------------|---------|--------------|---------|
    | lr           | 0.001   | 0 ≤ x        | Learning rate: the length of a step |
    | q            | 0.1     | 0 ≤ x < 1    | Fraction of the entries that is clipped, the largest ones |
    | sample       | 0       | 0 ≤ x, whole | Entries among which the threshold is sought; 0 for all |
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
        """Descent with the largest coordinates clipped

        lr: Learning rate: the length of a step (in [0, inf))
        q: Fraction of the entries that is clipped, the largest ones (in [0, 1))
        sample: Entries among which the threshold is sought; 0 for all (whole numbers in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class SGDMClip(TorchOptimizer):
    """Momentum with the largest coordinates clipped

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | momentum     | 0.9     | 0 ≤ x < 1          | Momentum: how slowly the velocity forgets |
    | dampening    | 0       | 0 ≤ x < 1          | Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum |
    | nesterov     | False   | one of False, True | Look one step of the velocity ahead? |
    | q            | 0.1     | 0 ≤ x < 1          | Fraction of the entries that is clipped, the largest ones |
    | sample       | 0       | 0 ≤ x, whole       | Entries among which the threshold is sought; 0 for all |
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
        momentum: Momentum: how slowly the velocity forgets (in [0, 1))
        dampening: Dampening: how much less than a whole gradient is added, from the second step on; nothing without momentum (in [0, 1))
        nesterov: Look one step of the velocity ahead? (one of False, True)
        q: Fraction of the entries that is clipped, the largest ones (in [0, 1))
        sample: Entries among which the threshold is sought; 0 for all (whole numbers in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

class AdamClip(TorchOptimizer):
    """Adam with the largest coordinates clipped

    | hyper        | default | range              | meaning |
    |--------------|---------|--------------------|---------|
    | lr           | 0.001   | 0 ≤ x              | Learning rate: the length of a step |
    | betas[0]     | 0.9     | 0 ≤ x < 1          | β₁: how slowly the mean of gradients forgets |
    | betas[1]     | 0.999   | 0 ≤ x < 1          | β₂: how slowly the mean of squares forgets |
    | eps          | 1e-08   | 0 ≤ x              | Keeps the division finite |
    | eps_hat      | False   | one of False, True | Add `eps` to the root before it is debiased (ε̂ in the paper)? |
    | q            | 0.5     | 0 ≤ x < 1          | Fraction of the entries that is clipped, the largest ones |
    | sample       | 0       | 0 ≤ x, whole       | Entries among which the threshold is sought; 0 for all |
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
        betas[0]: β₁: how slowly the mean of gradients forgets (in [0, 1))
        betas[1]: β₂: how slowly the mean of squares forgets (in [0, 1))
        eps: Keeps the division finite (in [0, inf))
        eps_hat: Add `eps` to the root before it is debiased (ε̂ in the paper)? (one of False, True)
        q: Fraction of the entries that is clipped, the largest ones (in [0, 1))
        sample: Entries among which the threshold is sought; 0 for all (whole numbers in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))"""

clip_value: Term
"""Bound each entry"""

clip_norm: Term
"""Bound the length of the gradients of all weights together"""

clip_coords: Term
"""Bound the largest entries of all weights by the largest of the others"""

class Clipped(fastai.callback.core.Callback):
    """Records at every step the fraction of entries that `clip_coords` clipped, in `q`, and its thresholds, in `top`"""
    def after_step(self) -> Any: ...
    def before_fit(self) -> Any: ...
    q: Any
    top: Any
