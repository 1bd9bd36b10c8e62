# Made by tests/stubs.py: edit the notebook of the module, and run `python tests/stubs.py`
from fastopt.core._types import How, Hyper, LowP, Number, Params
from fastopt.core.fastai_face import FastOptimizer
from fastopt.core.rules import Rule, Term
from fastopt.core.torch_face import TorchOptimizer
from torch.optim.optimizer import ParamsT
from typing import Annotated, Any, TypeAlias
import fastopt.core.rules
import torch

__all__ = ['Growth', 'Beta3', 'Found', 'prodigy_l2', 'prodigy', 'Prodigy', 'dadapt_adamw', 'dadapt_adam', 'DAdaptAdam', 'dadapt_sgd',
    'DAdaptSGD', 'Factor', 'distance', 'evidence', 'shrink_d', 'every_pth', 'pth_zeros', 'add_pth', 'way', 'sliced_evidence',
    'evidence_adam', 'evidence_sgd']

Growth: TypeAlias = float # in [1, inf]

Beta3: TypeAlias = float # in [-1, 1)

Found: Any

class _prodigy_l2(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        mom3: Annotated[Hyper, 'in [-1, 1)'] = -1.0,
        d0: Annotated[Hyper, 'in (0, inf)'] = 1e-06,
        safeguard_warmup: bool = False,
        use_bias_correction: bool = False,
        eps: Annotated[Hyper, 'in (0, inf)'] = 1e-08,
        d_coef: Annotated[Hyper, 'in (0, inf)'] = 1.0,
        growth_rate: Annotated[Hyper, 'in [1, inf]'] = ...,
        beta3: Number | None = ...,
        slice_p: Any = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Prodigy with L2 weight decay

        lr: Factor of d (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares; its root is that of the estimate of d (in [0, 1))
        mom3: β₃: decay rate of the estimate of d; the root of `sqr_mom` if negative (in [-1, 1))
        d0: First guess of the distance (in (0, inf))
        safeguard_warmup: Keep `lr` out of s, so that a warm-up does not raise d? (one of False, True)
        use_bias_correction: Multiply the rate by Adam's bias correction? (one of False, True)
        eps: Keeps the division finite (in (0, inf))
        d_coef: Factor of the estimate of d; change it for longer or shorter steps (in (0, inf))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])"""
prodigy_l2: _prodigy_l2
"""Prodigy with L2 weight decay

| hyper               | default | range              | meaning |
|---------------------|---------|--------------------|---------|
| lr                  | 1       | 0 ≤ x              | Factor of d |
| wd                  | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom                 | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom             | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares; its root is that of the estimate of d |
| mom3                | -1      | -1 ≤ x < 1         | β₃: decay rate of the estimate of d; the root of `sqr_mom` if negative |
| d0                  | 1e-06   | 0 < x              | First guess of the distance |
| safeguard_warmup    | False   | one of False, True | Keep `lr` out of s, so that a warm-up does not raise d? |
| use_bias_correction | False   | one of False, True | Multiply the rate by Adam's bias correction? |
| eps                 | 1e-08   | 0 < x              | Keeps the division finite |
| d_coef              | 1       | 0 < x              | Factor of the estimate of d; change it for longer or shorter steps |
| growth_rate         | inf     | 1 ≤ x              | Largest factor by which d grows at a step |

Paper: Prodigy: an expeditiously adaptive parameter-free learner (2023), https://arxiv.org/abs/2306.06101
Faithful to: konstmish/prodigy@3efb213"""

class _prodigy(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        mom3: Annotated[Hyper, 'in [-1, 1)'] = -1.0,
        d0: Annotated[Hyper, 'in (0, inf)'] = 1e-06,
        safeguard_warmup: bool = False,
        use_bias_correction: bool = False,
        eps: Annotated[Hyper, 'in (0, inf)'] = 1e-08,
        d_coef: Annotated[Hyper, 'in (0, inf)'] = 1.0,
        growth_rate: Annotated[Hyper, 'in [1, inf]'] = ...,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        beta3: Number | None = ...,
        slice_p: Any = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam that estimates its own learning rate

        lr: Factor of d (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares; its root is that of the estimate of d (in [0, 1))
        mom3: β₃: decay rate of the estimate of d; the root of `sqr_mom` if negative (in [-1, 1))
        d0: First guess of the distance (in (0, inf))
        safeguard_warmup: Keep `lr` out of s, so that a warm-up does not raise d? (one of False, True)
        use_bias_correction: Multiply the rate by Adam's bias correction? (one of False, True)
        eps: Keeps the division finite (in (0, inf))
        d_coef: Factor of the estimate of d; change it for longer or shorter steps (in (0, inf))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])
        wd: Weight decay, multiplied by `lr` and d (in [0, inf))"""
prodigy: _prodigy
"""Adam that estimates its own learning rate

| hyper               | default | range              | meaning |
|---------------------|---------|--------------------|---------|
| lr                  | 1       | 0 ≤ x              | Factor of d |
| mom                 | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom             | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares; its root is that of the estimate of d |
| mom3                | -1      | -1 ≤ x < 1         | β₃: decay rate of the estimate of d; the root of `sqr_mom` if negative |
| d0                  | 1e-06   | 0 < x              | First guess of the distance |
| safeguard_warmup    | False   | one of False, True | Keep `lr` out of s, so that a warm-up does not raise d? |
| use_bias_correction | False   | one of False, True | Multiply the rate by Adam's bias correction? |
| eps                 | 1e-08   | 0 < x              | Keeps the division finite |
| d_coef              | 1       | 0 < x              | Factor of the estimate of d; change it for longer or shorter steps |
| growth_rate         | inf     | 1 ≤ x              | Largest factor by which d grows at a step |
| wd                  | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` and d |

Paper: Prodigy: an expeditiously adaptive parameter-free learner (2023), https://arxiv.org/abs/2306.06101
Faithful to: konstmish/prodigy@3efb213"""

class Prodigy(TorchOptimizer):
    """Adam that estimates its own learning rate

    | hyper               | default | range              | meaning |
    |---------------------|---------|--------------------|---------|
    | lr                  | 1       | 0 ≤ x              | Factor of d |
    | betas[0]            | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]            | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares; its root is that of the estimate of d |
    | mom3                | -1      | -1 ≤ x < 1         | β₃: decay rate of the estimate of d; the root of `sqr_mom` if negative |
    | d0                  | 1e-06   | 0 < x              | First guess of the distance |
    | safeguard_warmup    | False   | one of False, True | Keep `lr` out of s, so that a warm-up does not raise d? |
    | use_bias_correction | False   | one of False, True | Multiply the rate by Adam's bias correction? |
    | eps                 | 1e-08   | 0 < x              | Keeps the division finite |
    | d_coef              | 1       | 0 < x              | Factor of the estimate of d; change it for longer or shorter steps |
    | growth_rate         | inf     | 1 ≤ x              | Largest factor by which d grows at a step |
    | weight_decay        | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` and d |

    Paper: Prodigy: an expeditiously adaptive parameter-free learner (2023), https://arxiv.org/abs/2306.06101
    Faithful to: konstmish/prodigy@3efb213"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        mom3: Annotated[Number, 'in [-1, 1)'] = -1.0,
        d0: Annotated[Number, 'in (0, inf)'] = 1e-06,
        eps: Annotated[Number, 'in (0, inf)'] = 1e-08,
        d_coef: Annotated[Number, 'in (0, inf)'] = 1.0,
        growth_rate: Annotated[Number, 'in [1, inf]'] = ...,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        safeguard_warmup: bool | None = False,
        use_bias_correction: bool | None = False,
        beta3: Number | None = ...,
        slice_p: Any = ...,
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
        """Adam that estimates its own learning rate

        lr: Factor of d (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares; its root is that of the estimate of d (in [0, 1))
        mom3: β₃: decay rate of the estimate of d; the root of `sqr_mom` if negative (in [-1, 1))
        d0: First guess of the distance (in (0, inf))
        safeguard_warmup: Keep `lr` out of s, so that a warm-up does not raise d? (one of False, True)
        use_bias_correction: Multiply the rate by Adam's bias correction? (one of False, True)
        eps: Keeps the division finite (in (0, inf))
        d_coef: Factor of the estimate of d; change it for longer or shorter steps (in (0, inf))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])
        weight_decay: Weight decay, multiplied by `lr` and d (in [0, inf))"""

class _dadapt_adamw(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in (0, inf)'] = 1e-08,
        use_bias_correction: bool = False,
        d0: Annotated[Hyper, 'in (0, inf)'] = 1e-06,
        growth_rate: Annotated[Hyper, 'in [1, inf]'] = ...,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """D-Adaptation of Adam with decoupled weight decay

        lr: Factor of d (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares; its root is that of the estimate of d (in [0, 1))
        eps: Keeps the division finite (in (0, inf))
        use_bias_correction: Multiply the rate by Adam's bias correction? (one of False, True)
        d0: First guess of the distance (in (0, inf))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])
        wd: Weight decay, multiplied by `lr` and d (in [0, inf))"""
dadapt_adamw: _dadapt_adamw
"""D-Adaptation of Adam with decoupled weight decay

| hyper               | default | range              | meaning |
|---------------------|---------|--------------------|---------|
| lr                  | 1       | 0 ≤ x              | Factor of d |
| mom                 | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom             | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares; its root is that of the estimate of d |
| eps                 | 1e-08   | 0 < x              | Keeps the division finite |
| use_bias_correction | False   | one of False, True | Multiply the rate by Adam's bias correction? |
| d0                  | 1e-06   | 0 < x              | First guess of the distance |
| growth_rate         | inf     | 1 ≤ x              | Largest factor by which d grows at a step |
| wd                  | 0       | 0 ≤ x              | Weight decay, multiplied by `lr` and d |

Paper: Learning-rate-free learning by D-Adaptation (2023), https://arxiv.org/abs/2301.07733
Faithful to: facebookresearch/dadaptation@c984980"""

class _dadapt_adam(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.9,
        sqr_mom: Annotated[Hyper, 'in [0, 1)'] = 0.999,
        eps: Annotated[Hyper, 'in (0, inf)'] = 1e-08,
        use_bias_correction: bool = False,
        d0: Annotated[Hyper, 'in (0, inf)'] = 1e-06,
        growth_rate: Annotated[Hyper, 'in [1, inf]'] = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Adam with a learning rate from D-Adaptation

        lr: Factor of d (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        mom: β₁: decay rate of the mean of gradients (in [0, 1))
        sqr_mom: β₂: decay rate of the mean of squares; its root is that of the estimate of d (in [0, 1))
        eps: Keeps the division finite (in (0, inf))
        use_bias_correction: Multiply the rate by Adam's bias correction? (one of False, True)
        d0: First guess of the distance (in (0, inf))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])"""
dadapt_adam: _dadapt_adam
"""Adam with a learning rate from D-Adaptation

| hyper               | default | range              | meaning |
|---------------------|---------|--------------------|---------|
| lr                  | 1       | 0 ≤ x              | Factor of d |
| wd                  | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| mom                 | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
| sqr_mom             | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares; its root is that of the estimate of d |
| eps                 | 1e-08   | 0 < x              | Keeps the division finite |
| use_bias_correction | False   | one of False, True | Multiply the rate by Adam's bias correction? |
| d0                  | 1e-06   | 0 < x              | First guess of the distance |
| growth_rate         | inf     | 1 ≤ x              | Largest factor by which d grows at a step |

Paper: Learning-rate-free learning by D-Adaptation (2023), https://arxiv.org/abs/2301.07733
Faithful to: facebookresearch/dadaptation@c984980"""

class DAdaptAdam(TorchOptimizer):
    """Adam with a learning rate from D-Adaptation

    | hyper               | default | range              | meaning |
    |---------------------|---------|--------------------|---------|
    | lr                  | 1       | 0 ≤ x              | Factor of d |
    | weight_decay        | 0       | 0 ≤ x              | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | betas[0]            | 0.9     | 0 ≤ x < 1          | β₁: decay rate of the mean of gradients |
    | betas[1]            | 0.999   | 0 ≤ x < 1          | β₂: decay rate of the mean of squares; its root is that of the estimate of d |
    | eps                 | 1e-08   | 0 < x              | Keeps the division finite |
    | use_bias_correction | False   | one of False, True | Multiply the rate by Adam's bias correction? |
    | d0                  | 1e-06   | 0 < x              | First guess of the distance |
    | growth_rate         | inf     | 1 ≤ x              | Largest factor by which d grows at a step |

    Paper: Learning-rate-free learning by D-Adaptation (2023), https://arxiv.org/abs/2301.07733
    Faithful to: facebookresearch/dadaptation@c984980"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        betas: tuple[Annotated[Number, 'in [0, 1)'], Annotated[Number, 'in [0, 1)']] | list[Any] = (0.9, 0.999),
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        eps: Annotated[Number, 'in (0, inf)'] = 1e-08,
        d0: Annotated[Number, 'in (0, inf)'] = 1e-06,
        growth_rate: Annotated[Number, 'in [1, inf]'] = ...,
        use_bias_correction: bool | None = False,
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
        """Adam with a learning rate from D-Adaptation

        lr: Factor of d (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        betas[0]: β₁: decay rate of the mean of gradients (in [0, 1))
        betas[1]: β₂: decay rate of the mean of squares; its root is that of the estimate of d (in [0, 1))
        eps: Keeps the division finite (in (0, inf))
        use_bias_correction: Multiply the rate by Adam's bias correction? (one of False, True)
        d0: First guess of the distance (in (0, inf))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])"""

class _dadapt_sgd(Rule):
    def __call__(
        self,
        params: Params,
        lr: Annotated[Hyper, 'in [0, inf)'] | None = 1.0,
        *,
        wd: Annotated[Hyper, 'in [0, inf)'] = 0.0,
        d0: Annotated[Hyper, 'in (0, inf)'] = 1e-06,
        mom: Annotated[Hyper, 'in [0, 1)'] = 0.0,
        growth_rate: Annotated[Hyper, 'in [1, inf]'] = ...,
        how: How = 'auto',
        lowp: LowP = 'plain',
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        capturable: bool = False,
    ) -> FastOptimizer:
        """Gradient descent with a rate from D-Adaptation

        lr: Factor of d (in [0, inf))
        wd: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        d0: First guess of the distance (in (0, inf))
        mom: Share of the distance to the target that a step does not cover (in [0, 1))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])"""
dadapt_sgd: _dadapt_sgd
"""Gradient descent with a rate from D-Adaptation

| hyper       | default | range     | meaning |
|-------------|---------|-----------|---------|
| lr          | 1       | 0 ≤ x     | Factor of d |
| wd          | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
| d0          | 1e-06   | 0 < x     | First guess of the distance |
| mom         | 0       | 0 ≤ x < 1 | Share of the distance to the target that a step does not cover |
| growth_rate | inf     | 1 ≤ x     | Largest factor by which d grows at a step |

Paper: Learning-rate-free learning by D-Adaptation (2023), https://arxiv.org/abs/2301.07733
Faithful to: facebookresearch/dadaptation@c984980"""

class DAdaptSGD(TorchOptimizer):
    """Gradient descent with a rate from D-Adaptation

    | hyper        | default | range     | meaning |
    |--------------|---------|-----------|---------|
    | lr           | 1       | 0 ≤ x     | Factor of d |
    | weight_decay | 0       | 0 ≤ x     | Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it |
    | d0           | 1e-06   | 0 < x     | First guess of the distance |
    | momentum     | 0       | 0 ≤ x < 1 | Share of the distance to the target that a step does not cover |
    | growth_rate  | inf     | 1 ≤ x     | Largest factor by which d grows at a step |

    Paper: Learning-rate-free learning by D-Adaptation (2023), https://arxiv.org/abs/2301.07733
    Faithful to: facebookresearch/dadaptation@c984980"""
    def __init__(
        self,
        params: ParamsT,
        lr: Annotated[Number, 'in [0, inf)'] | None = 1.0,
        momentum: Annotated[Number, 'in [0, 1)'] = 0.0,
        *,
        weight_decay: Annotated[Number, 'in [0, inf)'] = 0.0,
        d0: Annotated[Number, 'in (0, inf)'] = 1e-06,
        growth_rate: Annotated[Number, 'in [1, inf]'] = ...,
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
        """Gradient descent with a rate from D-Adaptation

        lr: Factor of d (in [0, inf))
        weight_decay: Weight decay: pulls weights to zero, in units of the gradient before Adam and of `lr` after it (in [0, inf))
        d0: First guess of the distance (in (0, inf))
        momentum: Share of the distance to the target that a step does not cover (in [0, 1))
        growth_rate: Largest factor by which d grows at a step (in [1, inf])"""

class Factor(fastopt.core.rules.Range):
    """A `Range` that also contains infinity"""
    def __contains__(self, x: Any) -> Any: ...

def distance(opt: Any) -> Any:
    """Return the d that the optimizer `opt` has found, or `None` before its first step"""

evidence: Term
"""Update Prodigy's sums, and return for each element how far the gradient agrees with the distance covered"""

shrink_d: Term
"""Apply decoupled weight decay to a `u` that already contains `lr` and d"""

def every_pth(p: Any, *, slice_p: Any = 1) -> Any:
    """A copy of every `slice_p`-th entry of the weight `p`"""

def pth_zeros(p: Any, *, slice_p: Any = 1) -> Any:
    """A zero for every `slice_p`-th entry of the weight `p`"""

def add_pth(s: Any, w: Any, keep: Any, slice_p: Any) -> Any:
    """Return `s` times `keep`, plus every `slice_p`-th entry of `w`"""

def way(x0: Any, p: Any, slice_p: Any) -> Any:
    """Return `x0` minus `p` for every `slice_p`-th entry, which `x0` contains, and 0 for the others"""

sliced_evidence: Term
"""Do the same as `evidence` with every `slice_p`-th entry"""

evidence_adam: Term
"""Update the sums of D-Adaptation of Adam, and return for each element how far the gradient agrees with the steps so far"""

evidence_sgd: Term
"""Sum the steps, and return for each element how far the gradient agrees with the sum so far"""
