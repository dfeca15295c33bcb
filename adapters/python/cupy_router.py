"""CuPy: softmax, then argsort or argpartition, on a CUDA device."""

import cupy

from numpy_router import ROUTER, compose, partition

ORDERS = {
    "argsort": lambda scores, top_k: cupy.argsort(-scores, -1)[:, :top_k],
    "argpartition": lambda scores, top_k: partition(scores, top_k, cupy),
}


def on_host(route):
    return lambda logits, top_k: [cupy.asnumpy(array) for array in route(logits, top_k)]


def implementations():
    device = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    about = {"version": f"cupy {cupy.__version__}", "device": device, "router": ROUTER}
    return [{"name": f"cupy-{name}", **about, "route": on_host(compose(order, cupy))} for name, order in ORDERS.items()]
