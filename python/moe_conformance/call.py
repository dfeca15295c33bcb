"""One call of an operation: what a backend is given, in another process or by the runner."""

from dataclasses import dataclass, field

import numpy as np

from .dtypes import ARRAY_TYPES, from_float32, to_float32

#: Every operation, by its name in the protocol, and the method of a backend that does it.
METHODS = {
    "moeDispatch": "moe_dispatch",
    "routeTokens": "route_tokens",
    "planDispatch": "plan_dispatch",
    "permuteRows": "permute_rows",
    "moeReduce": "moe_reduce",
}


@dataclass(frozen=True)
class Tensor:
    """A numpy array and the dtype of its elements, which for bfloat16 and float8 are raw words."""

    dtype: str
    array: np.ndarray


@dataclass(frozen=True)
class Spec:
    """dtype and shape of a result."""

    dtype: str
    shape: tuple


@dataclass(frozen=True)
class Call:
    """An operation, its router or its attributes, and its tensors by name (docs/protocol.md)."""

    operation: str
    inputs: dict
    outputs: dict
    router: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)

    def __contains__(self, name):
        return name in self.inputs

    def __getitem__(self, name):
        """The elements of an input as they are."""
        return self.inputs[name].array

    def dtype(self, name):
        """The dtype of an input, or of a result."""
        return (self.inputs.get(name) or self.outputs[name]).dtype

    def floats(self, name):
        """The values of a float input as float32."""
        return to_float32(self[name], self.dtype(name))

    def rounded(self, name, values):
        """float32 values as the elements of a result, rounded to its dtype."""
        return from_float32(values, self.dtype(name))


def results_of(call, returned):
    """The arrays that a backend returned, checked, as the results of the call.

    :raises ValueError: naming the result that is missing or of another kind
    """
    if not isinstance(returned, dict):
        raise ValueError(f"{call.operation} returned {type(returned).__name__}, not a dict of arrays")
    results = {}
    for name, spec in call.outputs.items():
        if name not in returned:
            raise ValueError(f"{call.operation} returned no {name}")
        array = np.asarray(returned[name])
        kind = ARRAY_TYPES[spec.dtype]
        if array.dtype != kind or array.shape != tuple(spec.shape):
            found = f"{array.dtype} {list(array.shape)}"
            raise ValueError(f"{name}: expected {kind} {list(spec.shape)} ({spec.dtype}), found {found}")
        results[name] = np.ascontiguousarray(array)
    return results


def has_operation(backend, operation):
    """Whether it has a method for it, which a derived class may have set to None."""
    return getattr(backend, METHODS[operation], None) is not None


def claims_of(backend):
    """What a backend claims: its attributes, with their defaults, and the operations that it has methods for.

    :raises ValueError: if it is a class, or has no method that is looked for
    """
    if isinstance(backend, type):
        raise ValueError(f"expected a backend, found the class {backend.__name__}: make an object of it")
    for name, method in METHODS.items():
        if name != method and hasattr(backend, name):
            raise ValueError(f"{name}: a backend's method of that name is {method}")
    operations = [name for name in METHODS if has_operation(backend, name)]
    if not operations:
        raise ValueError(f"expected a backend with some of {', '.join(METHODS.values())}, found {backend!r}")
    stages = ("routeTokens", "planDispatch", "permuteRows")
    if "moeDispatch" not in operations and all(stage in operations for stage in stages):
        operations.insert(0, "moeDispatch")
    return {
        "name": getattr(backend, "name", type(backend).__name__),
        "device": getattr(backend, "device", "CPU"),
        "operations": operations,
        "dtypes": list(getattr(backend, "dtypes", ARRAY_TYPES)),
        "limits": dict(getattr(backend, "limits", {})),
        "exact": bool(getattr(backend, "exact", True)),
    }
