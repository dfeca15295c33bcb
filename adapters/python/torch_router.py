"""PyTorch 2.13.0: softmax, then topk or sort, on the CPU and a CUDA device."""

import numpy as np
import torch

from numpy_router import ROUTER

ORDERS = {
    "topk": lambda scores, top_k: torch.topk(scores, top_k).indices,
    "sort": lambda scores, top_k: torch.sort(scores, descending=True).indices[:, :top_k],
    "sort-stable": lambda scores, top_k: torch.sort(scores, descending=True, stable=True).indices[:, :top_k],
}


def compose(order, device):
    def route(logits, top_k):
        scores = torch.from_numpy(logits).to(device).softmax(-1)
        experts = order(scores, top_k)
        weights = scores.gather(-1, experts)
        return experts.cpu().numpy(), (weights / weights.sum(-1, keepdim=True)).cpu().numpy()

    return route


def devices():
    """The devices that PyTorch has here, and their names in words."""
    cuda = {"cuda": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {"cpu": "CPU", **cuda}


def implementations():
    return [
        {
            "name": f"torch-{device}-{name}",
            "version": f"torch {torch.__version__}",
            "device": words,
            "router": ROUTER,
            "route": compose(order, device),
        }
        for device, words in devices().items()
        for name, order in ORDERS.items()
    ]
