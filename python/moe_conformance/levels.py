"""How nearly routing agrees with the contract: levels instead of a bare pass (docs/levels.md)."""

from dataclasses import dataclass

import numpy as np

from .compare import same_bytes
from .dtypes import clean
from .routing import choice_values

#: Of routing, the best first. The last is no level.
LEVELS = ("same bytes", "same experts and order", "same experts", "same up to ties", "none")


@dataclass
class Agreement:
    """What a call, or all calls of a group, reach; None where nothing tells."""

    routing: str = None
    #: "same bytes", "within a bound" or "none"
    weights: str = None
    sums: str = None
    #: the same call gave the same bytes again
    repeatable: bool = None
    #: no NaN, no expert out of range, nothing for padding: where logits hold NaN or infinities, or tokens are masked
    safe: bool = None

    def reaches(self, level):
        """Whether routing is as near as that level, and weights are within the bound where they need not be the same."""
        if LEVELS.index(self.routing) > LEVELS.index(level):
            return False
        return self.weights == "same bytes" if level == LEVELS[0] else self.weights != "none"

    def and_also(self, other):
        """The worse of the two, in everything."""
        return Agreement(
            *(
                _worst(getattr(self, name), getattr(other, name), order)
                for name, order in (
                    ("routing", LEVELS),
                    ("weights", ("same bytes", "within a bound", "none")),
                    ("sums", ("same bytes", "within a bound", "none")),
                    ("repeatable", (True, False)),
                    ("safe", (True, False)),
                )
            )
        )


def _worst(a, b, order):
    known = [value for value in (a, b) if value is not None]
    return max(known, key=order.index) if known else None


def agreement_of(call, right, found):
    """How nearly the results of routeTokens or moeDispatch agree with the right ones."""
    experts, weights = found["topKIndices"], found["expertScalesFloat"]
    with np.errstate(all="ignore"):
        logits = clean(call.floats("gatingOutput"))
        agreement = Agreement(*_routing(call, logits, right, experts, weights))
    agreement.safe = _is_safe(call, logits, right, experts, weights)
    return agreement


def _routing(call, logits, right, experts, weights):
    expected, exact = right["topKIndices"], right["expertScalesFloat"]
    same = same_bytes(weights, exact, "float32", computed=True)
    if (experts == expected).all():
        if same.all():
            return "same bytes", "same bytes"
        return "same experts and order", _near(logits, expected, exact, weights)
    # By expert, for each token.
    order, right_order = np.argsort(experts, 1, kind="stable"), np.argsort(expected, 1, kind="stable")
    sorted_experts = np.take_along_axis(expected, right_order, 1)
    sorted_exact, sorted_weights = (
        np.take_along_axis(array, places, 1) for array, places in ((exact, right_order), (weights, order))
    )
    if (np.take_along_axis(experts, order, 1) == sorted_experts).all():
        if same_bytes(sorted_weights, sorted_exact, "float32", computed=True).all():
            return "same experts", "same bytes"
        return "same experts", _near(logits, sorted_experts, sorted_exact, sorted_weights)
    if not _up_to_ties(call, logits, expected, experts):
        return "none", "none"
    # Equal values have equal weights, but for factors of the experts.
    return "same up to ties", _near(logits, expected, -np.sort(-exact, 1), -np.sort(-weights, 1))


def _up_to_ties(call, logits, expected, experts):
    """Whether the choices of each token have the same choice values, or as good as the same ones."""
    if "expertIds" in call or call.router.get("expertCapacity", 0) or ((experts < -1) | (experts >= logits.shape[1])).any():
        return False
    repeated = np.sort(experts, 1)
    if ((repeated[:, 1:] == repeated[:, :-1]) & (repeated[:, 1:] >= 0)).any():
        return False
    if ((experts == -1).sum(1) != (expected == -1).sum(1)).any():
        return False
    values = choice_values(call, logits).astype(np.float64)
    chosen, right = (
        -np.sort(-np.where(choices < 0, -np.inf, np.take_along_axis(values, np.maximum(choices, 0), 1)), 1)
        for choices in (experts, expected)
    )
    # Scores of another implementation are a little off; logits are not.
    slack = 1e-6 if "eScoreCorrectionBias" in call else 0
    return bool(((chosen == right) | (np.abs(chosen - right) <= slack * np.maximum(np.abs(right), 1))).all())


def _near(logits, experts, exact, weights):
    """Whether each weight lies within |w| · (1e-5 + 2^-23 · gap) + 1e-37, gap its logit's distance from the largest."""
    gap = logits.max(1, keepdims=True, initial=-np.inf) - np.take_along_axis(logits, np.maximum(experts, 0), 1)
    exact, weights = exact.astype(np.float64), weights.astype(np.float64)
    slack = np.abs(exact) * (1e-5 + 2.0**-23 * gap.astype(np.float64)) + 1e-37
    near = (np.abs(weights - exact) <= slack) | (weights == exact) | (np.isnan(weights) & np.isnan(exact))
    return "within a bound" if near.all() else "none"


def _is_safe(call, logits, right, experts, weights):
    hostile = not np.isfinite(call.floats("gatingOutput")).all()
    if not hostile and "tokenMask" not in call:
        return None
    in_range = ((experts >= -1) & (experts < logits.shape[1])).all()
    # Where the right weight is a number, so is this one.
    numbers = (np.isfinite(weights) | ~np.isfinite(right["expertScalesFloat"])).all()
    padding = True
    if "tokenMask" in call:
        masked = call["tokenMask"] == 0
        padding = (experts[masked] == -1).all() and (weights[masked] == 0).all()
    return bool(in_range and numbers and padding)
