"""Runs every implementation in Python that this machine has on the inputs of ../inputs.mjs.

    python3 adapters/python/observe.py --out observations.json [--only TEXT] [--filter TEXT] [--seconds N] [--total N]

Needs numpy alone; each implementation whose library is missing is named with the reason. The observations are judged
elsewhere: pnpm divergence --observations observations.json
"""

import argparse
import base64
import hashlib
import importlib
import json
import platform
import time

import numpy as np

KINDS = ["float32", "bfloat16", "equal", "nan", "infinite", "padding"]
TOKENS = [1, 2, 16, 256]
SHAPES = [(8, 2), (64, 8), (128, 4), (256, 8), (512, 8)]
TRIALS = 20
MODULES = [
    "numpy_router", "torch_router", "torch_grouped_mm", "jax_router", "cupy_router", "transformers_router", "onnxruntime_moe",
]


def mix(bits):
    """The finaliser of MurmurHash3."""
    h = np.asarray(bits, np.uint32)
    with np.errstate(over="ignore"):
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def draw(seed, i, n):
    return mix((int(mix(seed + 1)) + 5 * i + n) & 0xFFFFFFFF)


def bell_shaped(seed, i):
    total = sum((draw(seed, i, n) >> np.uint32(10)).astype(np.int64) for n in range(4))
    return ((total - 2**23) * 2.0**-21).astype(np.float32)


def make_logits(kind, tokens, experts, seed):
    """[T, E] in float32"""
    i = np.arange(tokens * experts, dtype=np.int64)
    token = i // experts
    logits = bell_shaped(seed, i)
    if kind == "bfloat16":
        bits = logits.view(np.uint32)
        bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
        logits = bits.view(np.float32)
    elif kind == "equal":
        logits = ((token % 8) / 8).astype(np.float32)
    elif kind == "nan":
        logits[(token == 0) | (draw(seed, i, 4) % 4 == 0)] = np.nan
    elif kind == "infinite":
        drawn = draw(seed, i, 4) % 16
        logits[drawn < 4] = -np.inf
        logits[drawn == 4] = np.inf
    elif kind == "padding":
        logits[token % 4 == 3] = np.nan
    return logits.reshape(tokens, experts)


def cases():
    for i, (experts, top_k) in enumerate(SHAPES):
        for j, kind in enumerate(KINDS):
            for k, tokens in enumerate(TOKENS):
                seed = (i * len(KINDS) + j) * len(TOKENS) + k
                case_id = f"{kind}/e={experts},k={top_k},t={tokens}"
                yield case_id, make_logits(kind, tokens, experts, seed), top_k


def encode(array, dtype):
    return base64.b64encode(np.ascontiguousarray(array, dtype)).decode()


def trials_of(route, logits, top_k):
    """Each different result, and how often it came."""
    trials = []
    for _ in range(TRIALS):
        experts, weights = route(logits, top_k)
        found = {"experts": encode(experts, np.int32), "weights": encode(weights, np.float32)}
        same = next((t for t in trials if t["experts"] == found["experts"] and t["weights"] == found["weights"]), None)
        if same is None:
            trials.append({"times": 1, **found})
        else:
            same["times"] += 1
    return trials


def observe(implementation, inputs, wanted, seconds):
    """An implementation is a dict: name, version, device, router, route(logits, top_k) -> experts, weights [T, K]."""
    end = time.monotonic() + seconds
    observed = []
    for case_id, logits, top_k in inputs:
        if wanted not in case_id or time.monotonic() > end:
            continue
        try:
            observed.append({"id": case_id, "trials": trials_of(implementation["route"], logits, top_k)})
        except Exception as error:  # whatever a library throws is what it says to this input
            text = (str(error) or type(error).__name__).split("\n")[0][:300]
            observed.append({"id": case_id, "refused": text})
    about = {key: value for key, value in implementation.items() if key != "route"}
    return {**about, "machine": machine(), "runtime": f"Python {platform.python_version()}", "cases": observed}


def machine():
    """The processor's name."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def find_implementations():
    """Those that run here, on a GPU first, and why the others do not."""
    found, missing = [], []
    for module in MODULES:
        try:
            found += importlib.import_module(module).implementations()
        except Exception as error:
            missing.append({"name": module, "reason": f"{type(error).__name__}: {error}".split("\n")[0]})
    return sorted(found, key=lambda implementation: implementation["device"].upper() == "CPU"), missing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", default="", help="only implementations with this text in their name")
    parser.add_argument("--filter", default="", help="only cases with this text in their id")
    parser.add_argument("--seconds", type=float, default=120, help="after which an implementation begins no further case")
    parser.add_argument("--total", type=float, default=3600, help="seconds, from the last import on, after which no implementation begins")
    options = parser.parse_args()
    inputs = list(cases())
    digest = hashlib.sha256(b"".join(logits.tobytes() for _, logits, _ in inputs)).hexdigest()
    # Those first that are said to be in observe.mjs.
    inputs.sort(key=lambda case: (case[1].shape[1] != SHAPES[0][0] and case[1].shape[0] != 1, case[1].size))
    found, missing = find_implementations()
    started = time.monotonic()
    observations = []
    for implementation in found:
        name = implementation["name"]
        if options.only not in name:
            continue
        if time.monotonic() - started > options.total:
            missing.append({"name": name, "reason": "no time was left"})
            continue
        observations.append(observe(implementation, inputs, options.filter, options.seconds))
        print(name, implementation["device"], f"{time.monotonic() - started:.0f} s", flush=True)
    for entry in missing:
        print("not run:", entry["name"], entry["reason"], flush=True)
    with open(options.out, "w") as file:
        json.dump({"inputs": digest, "observations": observations, "missing": missing}, file)


if __name__ == "__main__":
    main()
