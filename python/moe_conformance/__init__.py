"""Checks any implementation of Mixture-of-Experts routing, dispatch and reduce. The contract is docs/semantics.md."""

from .call import Call, Spec, Tensor
from .dtypes import ARRAY_TYPES, FLOATS, from_float32, to_float32
from .errors import Refusal, unsupported
from .protocol import serve
from .reference import Reference

__all__ = [
    "ARRAY_TYPES",
    "FLOATS",
    "Call",
    "Reference",
    "Refusal",
    "Spec",
    "Tensor",
    "from_float32",
    "serve",
    "to_float32",
    "unsupported",
]
