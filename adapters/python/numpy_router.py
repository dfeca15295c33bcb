"""numpy 2.4.6: softmax, then argsort or argpartition."""

import numpy as np

ROUTER = {"scoringFunc": "softmax", "normTopkProb": True}


def compose(order, xp=np):
    """Routes with `order(scores, top_k)`, which gives the places of the K largest. `xp`: numpy, or what has its functions."""

    def route(logits, top_k):
        logits = xp.asarray(logits)
        exp = xp.exp(logits - logits.max(-1, keepdims=True))
        scores = exp / exp.sum(-1, keepdims=True)
        experts = order(scores, top_k)
        weights = xp.take_along_axis(scores, experts, -1)
        return experts, weights / weights.sum(-1, keepdims=True)

    return route


def partition(scores, top_k, xp=np):
    chosen = xp.argpartition(-scores, top_k - 1, -1)[:, :top_k]
    order = xp.argsort(-xp.take_along_axis(scores, chosen, -1), -1)
    return xp.take_along_axis(chosen, order, -1)


ORDERS = {
    "argsort": lambda scores, top_k: np.argsort(-scores, -1)[:, :top_k],
    "argsort-stable": lambda scores, top_k: np.argsort(-scores, -1, kind="stable")[:, :top_k],
    "argsort-reversed": lambda scores, top_k: np.argsort(scores, -1)[:, ::-1][:, :top_k],
    "argpartition": partition,
}


def implementations():
    np.seterr(all="ignore")
    about = {"version": f"numpy {np.__version__}", "device": "CPU", "router": ROUTER}
    return [{"name": f"numpy-{name}", **about, "route": compose(order)} for name, order in ORDERS.items()]
