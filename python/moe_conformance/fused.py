"""Operators that take x and logits and give only y: probes make y show which experts were chosen, and their weights.

An expert whose weights are zero gives its output bias, whatever x is. With a bias of 1 in a column of its own for each expert,
``y[t]`` is the token's weight in the column of each expert that was chosen, and 0 elsewhere.
"""

import numpy as np

from .dtypes import clean
from .errors import unsupported
from .reference import Reference
from .routing import best_first


class FusedRouting(Reference):
    """The routing of a fused operator, as a backend. Plan and rows are the reference's; sums are not claimed.

    The order of a token's choices does not show in y, nor does a choice that weighs nothing: the latter counts as right.

    :param operator: ``operator(call, x, bias)`` gives y [T, D] as float32, for logits ``call.floats("gatingOutput")`` and the
        router ``call.router``. x is [T, D], ``bias`` [E, D] the output bias of each expert, whose weights are all zero. It raises
        :class:`Refusal` for routers that it does not have: :meth:`only` helps.
    :param hidden: D; with more experts than that, it is called several times
    """

    level = "same experts"
    exact = False
    refuses = False
    moe_reduce = None

    def __init__(self, operator, hidden=64, name="fused", device="CPU"):
        self.operator, self.hidden, self.name, self.device = operator, hidden, name, device

    def route_tokens(self, call):
        logits = call.floats("gatingOutput")
        tokens, num_experts = logits.shape
        x = np.ones((tokens, self.hidden), np.float32)
        weights = np.zeros((tokens, num_experts), np.float32)
        for first in range(0, num_experts, self.hidden):
            shown = min(self.hidden, num_experts - first)
            bias = np.zeros((num_experts, self.hidden), np.float32)
            bias[first + np.arange(shown), np.arange(shown)] = 1
            weights[:, first : first + shown] = self.operator(call, x, bias)[:, :shown]
        experts = _shown(weights, clean(logits), call.router["topK"])
        return {
            "topKIndices": experts.astype(np.int32),
            "expertScalesFloat": np.take_along_axis(weights, experts, 1),
        }


def only(call, *options):
    """Refuses calls whose router says more than topK and these options, or that have tensors beside the logits."""
    others = set(call.router) - {"topK", *options} | set(call.inputs) - {"x", "gatingOutput"}
    if others:
        raise unsupported(", ".join(sorted(others)))


def _shown(weights, logits, top_k):
    """The experts that weigh something, the heaviest first; then, as nobody can tell, the best of the others."""
    # A NaN shows, too.
    weigh = weights != 0
    rank = np.argsort(best_first(logits), axis=1)
    order = np.lexsort((rank, -np.where(weigh, weights, 0), ~weigh))
    if (weigh.sum(axis=1) > top_k).any():
        raise ValueError("more experts than topK weigh something")
    return order[:, :top_k]
