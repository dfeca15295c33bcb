"""JAX 0.10.2: softmax, then lax.top_k or argsort, compiled for its default device."""

import os
from functools import partial

# Other libraries want memory of the same GPU.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import numpy as np

from numpy_router import ROUTER

ORDERS = {
    "top_k": lambda scores, top_k: jax.lax.top_k(scores, top_k)[1],
    "argsort": lambda scores, top_k: jnp.argsort(scores, descending=True)[:, :top_k],
}


def compose(order):
    @partial(jax.jit, static_argnums=1)
    def compiled(logits, top_k):
        scores = jax.nn.softmax(logits)
        experts = order(scores, top_k)
        weights = jnp.take_along_axis(scores, experts, -1)
        return experts, weights / weights.sum(-1, keepdims=True)

    return lambda logits, top_k: [np.asarray(array) for array in compiled(logits, top_k)]


def implementations():
    device = jax.devices()[0]
    about = {"version": f"jax {jax.__version__}", "device": "CPU" if device.platform == "cpu" else device.device_kind, "router": ROUTER}
    return [
        {"name": f"jax-{device.platform}-{name}", **about, "route": compose(order)} for name, order in ORDERS.items()
    ]
