"""PyTorch 2.13.0: a MoE layer of topk, grouped_mm and index_add, as a fused operator. Expert e gives 1 in column e, whatever its
input, so that y[t, e] is the weight of expert e."""

import torch
import torch.nn.functional as F

from numpy_router import ROUTER
from sums import read
from torch_router import devices

# What grouped_mm asks of a row of bfloat16.
WIDTH = 16


def layer(device):
    def route(logits, top_k):
        tokens, experts = logits.shape
        hidden = -(-experts // 64) * 64
        scores = torch.from_numpy(logits).to(device).softmax(-1)
        weights, chosen = scores.topk(top_k)
        weights = weights / weights.sum(-1, keepdim=True)
        order = chosen.flatten().argsort(stable=True)
        ends = torch.bincount(chosen.flatten(), minlength=experts).cumsum(0).to(torch.int32)
        rows = torch.zeros(len(order), WIDTH, device=device, dtype=torch.bfloat16)
        rows[:, 0] = 1
        matrices = torch.zeros(experts, WIDTH, hidden, device=device, dtype=torch.bfloat16)
        matrices[:, 0] = torch.eye(experts, hidden, device=device)
        outputs = F.grouped_mm(rows, matrices, offs=ends).float() * weights.flatten()[order, None]
        y = torch.zeros(tokens, hidden, device=device).index_add_(0, order // top_k, outputs)
        return read(y.cpu().numpy(), top_k)

    return route


def implementations():
    about = {"version": f"torch {torch.__version__}", "router": ROUTER, "fused": True, "columns": True}
    return [
        {"name": f"torch-{device}-grouped-mm", **about, "device": words, "route": layer(device)}
        for device, words in devices().items()
    ]
