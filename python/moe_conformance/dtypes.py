"""Element types. numpy has no bfloat16 and no float8: those are arrays of their words."""

import numpy as np

#: What holds the elements of each dtype.
ARRAY_TYPES = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "float8_e4m3fn": np.dtype("u1"),
    "float8_e5m2": np.dtype("u1"),
}

#: Those that are computed with.
FLOATS = ("float32", "float16", "bfloat16")


def to_float32(array, dtype):
    """The values of an array of a float dtype, exactly, as float32."""
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


def from_float32(values, dtype):
    """float32 values as an array of a float dtype, each rounded once: to nearest, ties to even."""
    values = np.ascontiguousarray(values, np.float32)
    if dtype == "float32":
        return values
    if dtype == "float16":
        with np.errstate(all="ignore"):
            return values.astype(np.float16)
    bits = values.view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> np.uint64(16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded.astype(np.uint16))


def clean(values):
    """float32 values without NaN and infinities, as logits are ranked: the largest and the smallest float32 instead."""
    largest = np.finfo(np.float32).max
    return np.nan_to_num(values, nan=-largest, posinf=largest, neginf=-largest)
