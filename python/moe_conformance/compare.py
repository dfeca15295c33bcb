"""Results against what they must be."""

import numpy as np

from .dtypes import FLOATS, to_float32

#: How many wrong elements a report shows.
SHOWN = 4


def same_bytes(found, expected, dtype, computed=False):
    """Element by element: whether the bytes are the same.

    :param computed: the bits of a NaN say nothing
    """
    kind = f"<u{found.dtype.itemsize}"
    same = found.view(kind) == np.ascontiguousarray(expected).view(kind)
    if computed and dtype in FLOATS:
        same |= np.isnan(to_float32(found, dtype)) & np.isnan(to_float32(expected, dtype))
    return same


def within(found, bounds, dtype):
    """Element by element: whether it lies within the bounds, or is NaN as they are."""
    value, low, high = (to_float32(array, dtype) for array in (found, *bounds))
    return ((value >= low) & (value <= high)) | (np.isnan(value) & np.isnan(low))


def differences(label, operation, tensor, wrong, found, expected, dtype):
    """The first elements that are wrong, as a report has them."""
    places = np.argwhere(wrong)
    return [
        {
            "case": label,
            "tensor": tensor,
            "operation": operation,
            "index": [int(i) for i in place],
            "expected": show(expected[tuple(place)], dtype),
            "found": show(found[tuple(place)], dtype),
            "count": len(places),
        }
        for place in places[:SHOWN]
    ]


def show(element, dtype):
    if dtype not in FLOATS:
        return str(element)
    array = np.asarray([element])
    bits = array.view(f"u{array.dtype.itemsize}")[0]
    return f"{to_float32(array, dtype)[0]} (0x{bits:0{2 * array.dtype.itemsize}x})"
