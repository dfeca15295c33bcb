"""The score functions of the contract, to the bit (docs/design/scores.md), on arrays of float32.

All integers are uint64, which hold a product of two words. A float64 holds every quotient and root before it is rounded.
"""

import numpy as np

U64 = np.uint64
#: (2^g - 1) / g on [0, 1) by powers of g, in units of 2^-32
EXP = (2977044472, 1031764901, 238389752, 41301092, 5750554, 627478, 89042)
#: ln(1 + t) / t on [0, 1] by powers of -t, in units of 2^-32
LOG = (
    4294967293, 2147482949, 1431625776, 1073236581, 854570521, 692739555, 535651859, 357296383, 180876845, 58868918,
    8976566,
)  # fmt: skip
#: log2(e) in units of 2^-63, in two words
LOG2_E = (0xB8AA3B29, 0x5C17F0BC)
ONE = 1 << 31
WORD = 1 << 32


def sigmoid(x):
    """1 / (1 + exp(-x)) of cleaned float32 values."""
    m, n = _exp_neg(np.abs(x))
    one_plus = U64(ONE) + _shift(m, n)
    negative = x < 0
    return _ratio(np.where(negative, m, U64(ONE)), one_plus, np.where(negative, n, U64(0)))


def sqrtsoftplus(x):
    """sqrt(ln(1 + exp(x))) of cleaned float32 values."""
    size = np.abs(x).astype(np.float64)
    steps = np.floor(size * 2.0**28 + 0.5) * 2.0**-28
    size = np.where(size < 2.0**-4, steps, size).astype(np.float32)
    power, n = _exp_neg(size)
    t = np.where(n == 0, U64(WORD - 1), _shift(power, np.maximum(n, U64(1)) - U64(1)))
    h = np.full_like(t, LOG[-1])
    for coefficient in LOG[-2::-1]:
        h = U64(coefficient) - (h * t >> U64(32))
    m = power * h >> U64(32)
    scale = -n.astype(np.int64)
    # x >= 0: ln(1 + exp(x)) = x + ln(1 + exp(-x))
    mantissa, exponent = _parts(size)
    whole = np.maximum(exponent + 1, 0)
    both = _shift(m, n + whole.astype(U64)) + _shift(mantissa, (whole - exponent).astype(U64))
    m, scale = np.where(x >= 0, both, m), np.where(x >= 0, whole, scale)
    rise = 32 - np.frexp(m.astype(np.float64))[1].astype(np.int64)
    m, scale = m << np.where(m == 0, 0, rise).astype(U64), scale - rise
    even = scale % 2 == 0
    m = np.where(even, m >> U64(1), m)
    half = np.where(even, scale - 30, scale - 31) // 2
    # A root of 32 bits is never so near to a halfway point that rounding twice could matter.
    return np.where(m == 0, 0, np.ldexp(np.sqrt(m.astype(np.float64)), half)).astype(np.float32)


def softmax(logits, chosen=None, among=None):
    """Softmax of cleaned float32 values [T, E] over the last axis.

    :param chosen: [T, K], which of the values to give; all without it
    :param among: [T, E], which values take part; those that do not are given as 0
    """
    if among is None:
        among = np.ones(logits.shape, bool)
    largest = np.where(among, logits, -np.inf).max(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        m, n = _exp_neg(np.abs(logits - largest.astype(np.float32)))
    m = np.where(among, m, U64(0))
    total = _shift(m, n).sum(axis=-1, keepdims=True, dtype=U64)
    if chosen is not None:
        m, n = np.take_along_axis(m, chosen, -1), np.take_along_axis(n, chosen, -1)
    return _ratio(m, total, n)


def _exp_neg(size):
    """exp(-size) as m · 2^(-31 - n) with 2^31 <= m < 2^32, or m = 0."""
    mantissa, exponent = _parts(size)
    # mantissa · log2(e), without the lowest of three words
    product = mantissa * U64(LOG2_E[0]) + (mantissa * U64(LOG2_E[1]) >> U64(32))
    t = _shift(product, (30 - np.clip(exponent, -34, 7)).astype(U64))
    n = t + U64(WORD - 1) >> U64(32)
    g = (n << U64(32)) - t
    h = np.full_like(g, EXP[-1])
    for coefficient in EXP[-2::-1]:
        h = U64(coefficient) + (h * g >> U64(32))
    m = U64(ONE) + (h * g >> U64(33))
    tiny, huge = exponent < -34, exponent > 7
    m = np.where(huge, U64(0), np.where(tiny, U64(ONE), m))
    return m, np.where(huge | tiny, U64(0), n)


def _parts(size):
    """A float32 of at least 0 as mantissa · 2^(exponent - 31), if it is a normal number."""
    bits = np.ascontiguousarray(size, np.float32).view(np.uint32)
    mantissa = ((bits & np.uint32(0x7FFFFF)) + np.uint32(0x800000)).astype(U64) << U64(8)
    return mantissa, (bits >> np.uint32(23)).astype(np.int64) - 127


def _shift(words, places):
    return np.where(places < 64, words >> np.minimum(places, U64(63)), U64(0))


def _ratio(numerator, denominator, places):
    """numerator / denominator · 2^-places to the nearest float32.

    A long division in two steps: 48 more bits, and the last one says that there is a rest. The first number has up to 32
    bits, the second 32 to 46.
    """
    first, rest = np.divmod(numerator << U64(31), denominator)
    second, rest = np.divmod(rest << U64(17), denominator)
    quotient = (first << U64(17)) + second
    quotient |= (rest > 0).astype(U64)
    exponent = -48 - places.astype(np.int64)
    with np.errstate(under="ignore"):
        return np.ldexp(quotient.astype(np.float64), exponent).astype(np.float32)
