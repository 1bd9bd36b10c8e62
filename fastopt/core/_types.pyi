"What the stubs of fastopt call the types of arguments"
from collections.abc import Iterable, Sequence
from fastcore.foundation import L
from typing import Any, Literal, SupportsFloat, TypeAlias

Number: TypeAlias = SupportsFloat # Python's numbers, numpy's, tensors of one element
Hyper: TypeAlias = SupportsFloat | Sequence[SupportsFloat] | L | slice # One for all groups, one for each, or spread over them
Params: TypeAlias = Iterable[Any] # Weights, or lists of weights
How: TypeAlias = Literal['auto', 'fused', 'foreach', 'eager']
LowP: TypeAlias = Literal['plain', 'kahan', 'stochastic']
