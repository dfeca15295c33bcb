"""The score functions against the hashes that prove them for every input (docs/design/scores.md)."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from moe_conformance import scores
from moe_conformance.dtypes import clean

HASHES = json.loads((Path(__file__).parents[2] / "packages/conformance/scores/hashes.json").read_text())


def exp(x):
    """exp(min(x, 0)), as softmax has it before its sum."""
    m, n = scores._exp_neg(np.abs(np.minimum(x, 0)))
    return np.ldexp(m.astype(np.float64), -31 - n.astype(np.int64)).astype(np.float32)


# Of 2^24 inputs each: from 0.5, from -2^-63 and from -8 on.
@pytest.mark.parametrize("chunk", [63, 160, 193])
@pytest.mark.parametrize("function", [exp, scores.sigmoid, scores.sqrtsoftplus], ids=lambda function: function.__name__)
def test_every_input(function, chunk):
    inputs = clean(np.arange(chunk << 24, (chunk + 1) << 24, dtype=np.uint32).view(np.float32))
    digest = hashlib.sha256()
    for part in np.split(inputs, 32):
        digest.update(function(part).tobytes())
    assert digest.hexdigest() == HASHES[function.__name__]["chunks"][chunk]
