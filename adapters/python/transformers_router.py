"""transformers 5.17.0: the routers of some models, on the CPU and a CUDA device. The product of the hidden states and the
gate's weight is replaced by the logits."""

import importlib
from types import SimpleNamespace
from unittest.mock import patch

import torch
import transformers

from numpy_router import ROUTER
from torch_router import devices

PLAIN = {"scoringFunc": "softmax", "normTopkProb": False}
# The module, its class of router, and the router as ours has it.
ROUTERS = {
    "mixtral": ("MixtralTopKRouter", ROUTER),
    "qwen3_moe": ("Qwen3MoeTopKRouter", ROUTER),
    "olmoe": ("OlmoeTopKRouter", PLAIN),
    "gpt_oss": ("GptOssTopKRouter", ROUTER),
}


def router_of(model, name, normalise, device):
    cls = getattr(importlib.import_module(f"transformers.models.{model}.modeling_{model}"), name)

    def route(logits, top_k):
        experts = logits.shape[1]
        config = SimpleNamespace(
            num_experts=experts, num_local_experts=experts, num_experts_per_tok=top_k, hidden_size=experts,
            norm_topk_prob=normalise, router_jitter_noise=0.0,
        )
        given = torch.from_numpy(logits).to(device)
        with torch.no_grad(), patch("torch.nn.functional.linear", lambda *_: given):
            _, weights, chosen = cls(config).eval()(given)
        if weights.shape != chosen.shape:
            weights = weights.gather(-1, chosen)
        return chosen.cpu().numpy(), weights.float().cpu().numpy()

    return route


def implementations():
    version = f"transformers {transformers.__version__}, torch {torch.__version__}"
    return [
        {
            "name": f"transformers-{device}-{model.replace('_', '-')}",
            "version": version,
            "device": words,
            "router": router,
            "route": router_of(model, name, router["normTopkProb"], device),
        }
        for device, words in devices().items()
        for model, (name, router) in ROUTERS.items()
    ]
