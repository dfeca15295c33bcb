"""The other end of `moe-conformance run --command`: docs/protocol.md."""

import json
import math
import os
import sys
import traceback

import numpy as np

from .call import METHODS, Call, Spec, Tensor, claims_of, has_operation, results_of
from .dtypes import ARRAY_TYPES
from .errors import Refusal


def serve(backend, stdin=None, stdout=None):
    """Answers requests from stdin on stdout until there are no more.

    :param backend: an object with a method for each operation that it has: ``moe_dispatch(call)``, ``route_tokens(call)``,
        ``plan_dispatch(call)``, ``permute_rows(call)``, ``moe_reduce(call)``. Each returns its results, a dict of arrays, or
        raises :class:`Refusal`. Its ``name``, ``device``, ``dtypes``, ``limits`` and ``exact`` are what it claims.
    """
    stdin = stdin or sys.stdin.buffer
    stdout = stdout or _own_stdout()
    claims = claims_of(backend)
    # What only the helper makes of the stages, the suite makes of them as well.
    if hasattr(backend, "level"):
        claims.update(level=backend.level, exact=backend.level == "same bytes")
    claims["operations"] = [name for name in claims["operations"] if has_operation(backend, name)]
    _write(stdout, {"protocol": "moe-conformance", "version": 1, **claims})
    while line := stdin.readline():
        request = json.loads(line)
        call = _read_call(request, stdin)
        try:
            results = results_of(call, getattr(backend, METHODS[call.operation])(call))
        except Refusal as refusal:
            _write(stdout, {"id": request["id"], "error": {"code": refusal.code, "message": str(refusal)}})
        except Exception as error:  # noqa: BLE001 - the case fails, and the next one is tried
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            _write(stdout, {"id": request["id"], "error": {"code": "DEVICE_ERROR", "message": message}})
        else:
            headers = [entry for entry in request["outputs"]]
            arrays = [results[entry["name"]] for entry in headers]
            _write(stdout, {"id": request["id"], "outputs": headers}, arrays)


def _own_stdout():
    """The stdout of the protocol. What anything else prints from now on goes to stderr, down to C libraries."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _write(stdout, header, arrays=()):
    stdout.write(json.dumps(header).encode() + b"\n")
    for array in arrays:
        stdout.write(array.tobytes())
    stdout.flush()


def _read_call(request, stdin):
    inputs = {}
    for entry in request["inputs"]:
        kind = ARRAY_TYPES[entry["dtype"]]
        data = stdin.read(math.prod(entry["shape"]) * kind.itemsize)
        array = np.frombuffer(data, kind).reshape(entry["shape"])
        inputs[entry["name"]] = Tensor(entry["dtype"], array)
    outputs = {entry["name"]: Spec(entry["dtype"], tuple(entry["shape"])) for entry in request["outputs"]}
    return Call(request["operation"], inputs, outputs, request.get("router", {}), request.get("attributes", {}))
