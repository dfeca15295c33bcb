"""Times torch's own code of the DeepSeek-V3 router (transformers) on a GPU: eager, and under a CUDA graph.

    python3 benchmarks/torch_router.py [--json FILE]

What is timed begins with the logits, as this library's routing does, and ends with indices and weights: nothing is moved.
Times are of 20 calls in a row by CUDA events, the median of 60.
"""

import argparse
import json
import statistics
from unittest import mock

import torch
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as model
from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config

CALLS, ROUNDS = 20, 60


def routing(config):
    """logits -> indices and weights: the router's forward, with the product by the gate's weight taken out."""
    gate = model.DeepseekV3TopkRouter(config).cuda()

    def route(logits):
        with mock.patch.object(torch.nn.functional, "linear", lambda *_: logits):
            _, weights, indices = gate(logits)
        return indices, weights

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
