"""A backend in numpy that speaks the protocol: softmax routing, dispatch and reduce.

    npx moe-conformance run --command 'python3 my_backend.py'
"""

import numpy as np
from moe_conformance import serve, unsupported


class MyBackend:
    name = "my-backend"
    device = "CPU, numpy " + np.__version__
    # Weights and sums are near the defined ones, not equal to the last bit.
    exact = False

    def route_tokens(self, call):
        """gatingOutput [T, E] → topKIndices [T, K], expertScalesFloat [T, K]"""
        other = set(call.router) - {"topK"} | set(call.inputs) - {"gatingOutput"}
        if other:
            raise unsupported(", ".join(sorted(other)))
        largest = np.finfo(np.float32).max
        logits = np.nan_to_num(call.floats("gatingOutput"), nan=-largest, posinf=largest, neginf=-largest)
        # A stable sort: of equal logits, the lower index comes first.
        experts = np.argsort(-logits, axis=1, kind="stable")[:, : call.router["topK"]]
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf)
        exp = np.exp(shifted)
        weights = np.take_along_axis(exp / exp.sum(axis=1, keepdims=True), experts, 1)
        return {"topKIndices": experts.astype(np.int32), "expertScalesFloat": weights.astype(np.float32)}

    def plan_dispatch(self, call):
        """topKIndices [T, K] → tokenNumsPerExpert [E], expertOffsets [E + 1], permuteIndicesPerToken [K, T]"""
        experts = call["topKIndices"]
        num_experts = call.attributes["numExperts"] - call.attributes["zeroExperts"]
        tokens, top_k = experts.shape
        flat = experts.ravel()
        # -1 and experts without weights go nowhere.
        pairs = np.flatnonzero((flat >= 0) & (flat < num_experts))
        pairs = pairs[np.argsort(flat[pairs], kind="stable")]
        counts = np.bincount(flat[pairs], minlength=num_experts)
        rows = np.full((top_k, tokens), -1, np.int32)
        rows[pairs % top_k, pairs // top_k] = np.arange(len(pairs))
        return {
            "tokenNumsPerExpert": counts.astype(np.int64),
            "expertOffsets": np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            "permuteIndicesPerToken": rows,
        }

    def permute_rows(self, call):
        """x [T, D], permuteIndicesPerToken [K, T] → permuteInput [K·T, D]"""
        if "expertScalesFloat" in call:
            raise unsupported("expertScalesFloat")
        x, rows = call["x"], call["permuteIndicesPerToken"]
        choice, token = np.nonzero((rows >= 0) & (rows < rows.size))
        permuted = np.zeros((rows.size, x.shape[1]), x.dtype)
        permuted[rows[choice, token]] = x[token]
        return {"permuteInput": permuted}

    def moe_reduce(self, call):
        """The weighted sum of each token's rows: ffnOut [K·T, D] → output [T, D]"""
        if "x" in call or call.attributes["applyRouterWeightOnInput"]:
            raise unsupported("identity experts, weights on the input")
        values = call.floats("ffnOut")
        rows, experts, weights = call["permuteIndicesPerToken"], call["topKIndices"], call["expertScalesFloat"]
        with np.errstate(all="ignore"):
            if call.attributes["normTopkProb"]:
                total = np.zeros(len(weights), np.float32)
                for k in range(weights.shape[1]):
                    total += weights[:, k]
                weights = np.where(total[:, None] == 0, np.float32(0), weights / total[:, None])
            weights = weights * np.float32(call.attributes["routedScalingFactor"])
            output = np.zeros((len(weights), values.shape[1]), np.float32)
            for k in range(len(rows)):
                (token,) = np.nonzero((rows[k] >= 0) & (rows[k] < len(values)))
                if "ffn2Bias" in call:
                    bias = call.floats("ffn2Bias")
                    token = token[(experts[token, k] >= 0) & (experts[token, k] < len(bias))]
                value = values[rows[k, token]]
                if "ffn2Bias" in call:
                    value = value + bias[experts[token, k]]
                output[token] += weights[token, k][:, None] * value
        return {"output": call.rounded("output", output)}


if __name__ == "__main__":
    serve(MyBackend())
