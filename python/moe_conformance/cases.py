"""What `moe-conformance export` writes: a line of JSON for each case, and its tensors as safetensors."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .call import Call, Spec, Tensor
from .dtypes import ARRAY_TYPES

VERSION = 1
_DTYPES = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "I64": "int64",
    "I8": "int8",
    "U8": "uint8",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


class CasesError(Exception):
    """The folder holds no cases, or not such as this version reads."""


@dataclass(frozen=True)
class Expected:
    """The right answer to a call."""

    outputs: dict
    #: (low, high) of the results that a backend which is not exact may miss by a little
    bounds: dict
    #: "all" or "routing": asked only of backends that are exact, or at least right up to ties
    exact_only: str = None
    #: a refusal that is as right as the outputs
    may_refuse: str = None
    #: the refusal that must come
    error: str = None


@dataclass(frozen=True)
class Case:
    """One case: its calls are read when they are asked for."""

    id: str
    group: str
    about: str
    #: why there are no calls
    reason: str
    _entry: dict
    _folder: Path

    def calls(self):
        """Pairs of a call and its expected answer."""
        file = self._entry.get("file")
        tensors = read_safetensors(self._folder / file) if file else {}
        for index, entry in enumerate(self._entry["calls"]):
            own = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{index}.")}
            yield _read_call(entry, own, index)


def read_cases(folder):
    """The header of the manifest, and its cases."""
    folder = Path(folder)
    manifest = folder / "manifest.jsonl"
    try:
        header, *entries = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise CasesError(f"{manifest}: {error}") from error
    if header.get("kind") != "cases" or header.get("version") != VERSION:
        raise CasesError(f"{manifest}: expected a manifest of version {VERSION}, found {json.dumps(header)[:100]}")
    cases = [
        Case(entry["id"], entry["group"], entry["about"], entry.get("reason"), entry, folder) for entry in entries
    ]
    return header, cases


def _read_call(entry, tensors, index):
    def part(kind):
        prefix = f"{index}.{kind}."
        return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    outputs, low, high = part("out"), part("low"), part("high")
    specs = {name: Spec(tensor.dtype, tensor.array.shape) for name, tensor in outputs.items()}
    call = Call(entry["operation"], part("in"), specs, entry.get("router", {}), entry.get("attributes", {}))
    expected = Expected(
        outputs={name: tensor.array for name, tensor in outputs.items()},
        bounds={name: (low[name].array, high[name].array) for name in low},
        exact_only=entry.get("exactOnly"),
        may_refuse=entry.get("mayRefuse"),
        error=entry.get("error"),
    )
    return call, expected


def read_safetensors(path):
    """The tensors of a file, by name: views of its bytes, which cannot be written to."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = _DTYPES[entry["dtype"]]
        count = math.prod(entry["shape"])
        array = np.frombuffer(data, ARRAY_TYPES[dtype], count, 8 + length + entry["data_offsets"][0])
        tensors[name] = Tensor(dtype, array.reshape(entry["shape"]))
    return tensors
