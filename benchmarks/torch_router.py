"""Times torch's own code of the DeepSeek-V3 router (transformers) on a GPU: eager, and under a CUDA graph.

    python3 benchmarks/torch_router.py [--json FILE]

What is timed begins with the logits, as this library's routing does, and ends with indices and weights: nothing is moved.
Times are of 20 calls in a row by CUDA events, the median of 60.
"""

import argparse
import json
import statistics

import torch
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as model
from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config

CALLS, ROUNDS = 20, 60


def routing(config):
    """logits -> indices and weights, by whichever of its classes this release of transformers does it with."""
    moe = model.DeepseekV3MoE(config).cuda()
    if hasattr(moe, "route_tokens_to_experts"):
        return moe.route_tokens_to_experts
    gate = moe.gate if hasattr(moe, "gate") else model.DeepseekV3TopkRouter(config).cuda()
    for name in ("route_tokens_to_experts", "get_topk_indices"):
        if hasattr(gate, name):
            break
    else:
        raise SystemExit("this release of transformers routes in a way that is not known here")
    if name == "route_tokens_to_experts":
        return gate.route_tokens_to_experts

    def route(logits):
        scores = logits.sigmoid()
        indices = gate.get_topk_indices(scores)
        weights = scores.gather(1, indices)
        if gate.norm_topk_prob:
            weights = weights / (weights.sum(dim=-1, keepdim=True) + 1e-20)
        return indices, weights * gate.routed_scaling_factor

    return route


def microseconds(run):
    for _ in range(10):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(ROUNDS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1000 / CALLS)
    return statistics.median(times)


def graph_of(route, logits):
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        route(logits)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            route(logits)
    return graph


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    path = parser.parse_args().json
    # The router's own sizes; the experts are made tiny, because they do not run.
    config = DeepseekV3Config(
        hidden_size=64, moe_intermediate_size=8, intermediate_size=8, n_routed_experts=256, num_experts_per_tok=8,
        n_group=8, topk_group=4, norm_topk_prob=True, routed_scaling_factor=2.5, n_shared_experts=1,
    )
    rows = []
    with torch.no_grad():
        route = routing(config)
        for tokens in (64, 4096, 16384):
            logits = torch.randn(tokens, 256, device="cuda")
            eager = microseconds(lambda: [route(logits) for _ in range(CALLS)])
            graph = microseconds(graph_of(route, logits).replay)
            rows.append({"tokens": tokens, "eager": eager, "graph": graph})
            print(f"{tokens} tokens: eager {eager:.1f} µs, in a CUDA graph {graph:.1f} µs")
    if path:
        with open(path, "w") as file:
            json.dump({"torch": torch.__version__, "rows": rows}, file, indent=2)


if __name__ == "__main__":
    main()
