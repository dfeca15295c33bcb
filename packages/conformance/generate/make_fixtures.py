"""Makes conformance fixtures from Paddle's own moe_dispatch and moe_reduce.

Needs an NVIDIA GPU, paddlepaddle-gpu >= 3.0 and numpy (see README.md):

    python make_fixtures.py OUTPUT_FOLDER [--seed N]
"""

import argparse
import hashlib
import json
import pathlib
import struct

import numpy as np
import paddle
from paddle.incubate.nn.functional import moe_dispatch, moe_reduce

# name: (tokens, hidden, experts, top-k, dtype of x, gating, group_moe, topk_only_mode, with moe_reduce)
FIXTURES = {
    "softmax-e8-k2-bf16": (33, 16, 8, 2, "bfloat16", "normal", False, False, True),
    "softmax-e64-k6-f16": (128, 32, 64, 6, "float16", "normal", False, False, True),
    "softmax-e257-k3-bf16": (40, 7, 257, 3, "bfloat16", "normal", False, False, False),
    "softmax-masked-e12-k3-f16": (40, 6, 12, 3, "float16", "masked", False, False, False),
    "ties-e10-k4-bf16": (64, 4, 10, 4, "bfloat16", "ties", False, False, False),
    # Group mode only with few tokens, and E not a power of two: elsewhere Paddle differs (docs/semantics.md).
    "group-e6-k2-f16": (8, 8, 6, 2, "float16", "normal", True, False, True),
    "topk-only-e48-k6-bf16": (128, 16, 48, 6, "bfloat16", "probs", False, True, True),
}
REDUCES = [
    {"norm_topk_prob": False, "routed_scaling_factor": 1.0, "bias": True},
    {"norm_topk_prob": True, "routed_scaling_factor": 2.5, "bias": False},
]
SAFETENSORS_DTYPES = {
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int32": "I32",
    "int64": "I64",
}


def make_gating(kind, rng, shape):
    if kind == "masked":
        return np.where(rng.random(shape) < 0.3, np.float32(-1e9), rng.standard_normal(shape, np.float32))
    if kind == "ties":
        return rng.integers(0, 4, shape).astype(np.float32)
    if kind == "probs":
        return rng.random(shape, np.float32)
    return rng.standard_normal(shape, np.float32)


def raw(tensor):
    """dtype, shape and bytes of a tensor. Paddle's numpy() gives bfloat16 as its 16-bit words."""
    dtype = str(tensor.dtype).split(".")[-1]
    return SAFETENSORS_DTYPES[dtype], list(tensor.shape), np.ascontiguousarray(tensor.numpy()).tobytes()


def write(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    # The larger types first, so that every tensor is aligned.
    order = ["I64", "F32", "I32", "F16", "BF16"]
    for name, (dtype, shape, content) in sorted(tensors.items(), key=lambda item: order.index(item[1][0])):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make_fixture(spec, seed, source):
    tokens, hidden, experts, topk, dtype, kind, group, topk_only, with_reduce = spec
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return paddle.to_tensor(rng.standard_normal(shape, np.float32)).astype(dtype)

    x = normal(tokens, hidden)
    gating = paddle.to_tensor(make_gating(kind, rng, (tokens, experts)))
    # Paddle's second result is the inclusive prefix sum, whatever its name.
    rows, prefix_sum, indices, scales, chosen = moe_dispatch(x, gating, topk, group, topk_only)
    tensors = {
        "x": raw(x),
        "gating_output": raw(gating),
        "permute_input": raw(rows),
        "token_nums_per_expert": raw(prefix_sum.astype("int64")),
        "permute_indices_per_token": raw(indices),
        "expert_scales_float": raw(scales),
        "top_k_indices": raw(chosen),
    }
    metadata = {
        "op": "moe_dispatch",
        "moe_topk": str(topk),
        "group_moe": json.dumps(group),
        "topk_only_mode": json.dumps(topk_only),
        "gating": kind,
        "seed": str(seed),
        "source": source,
        "permute_input_sha256": hashlib.sha256(tensors["permute_input"][2]).hexdigest(),
    }
    for number, options in enumerate(REDUCES if with_reduce else []):
        name = f"reduce{number}"
        ffn_out = normal(topk * tokens, hidden)
        bias = normal(experts, 1, hidden) if options["bias"] else None
        output = moe_reduce(
            ffn_out,
            scales,
            indices,
            chosen,
            bias,
            options["norm_topk_prob"],
            options["routed_scaling_factor"],
        )
        tensors[f"{name}.ffn_out"] = raw(ffn_out)
        tensors[f"{name}.output"] = raw(output)
        if bias is not None:
            tensors[f"{name}.ffn2_bias"] = raw(bias)
        metadata[name] = json.dumps(options)
    return tensors, metadata


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=2000, help="seed of the first fixture")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    device = paddle.device.cuda.get_device_name()
    source = f"paddlepaddle-gpu {paddle.__version__}, CUDA {paddle.version.cuda()}, {device}"
    for number, (name, spec) in enumerate(FIXTURES.items()):
        tensors, metadata = make_fixture(spec, arguments.seed + number, source)
        write(arguments.folder / f"{name}.safetensors", tensors, metadata)
        print(name)


if __name__ == "__main__":
    main()
