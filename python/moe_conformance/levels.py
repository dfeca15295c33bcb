"""How nearly routing agrees with the contract: levels instead of a bare pass (docs/levels.md)."""

from dataclasses import dataclass

import numpy as np

from .compare import same_bytes, within
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


def agreement_of(call, expected, found):
    """How nearly the results of routeTokens or moeDispatch agree with the right ones.

    :param expected: an :class:`Expected` with bounds of the weights, where they have some
    """
    experts, weights = found["topKIndices"], found["expertScalesFloat"]
    with np.errstate(all="ignore"):
        logits = clean(call.floats("gatingOutput"))
        agreement = Agreement(*_routing(call, logits, expected, experts, weights))
    agreement.safe = _is_safe(call, logits, expected.outputs["expertScalesFloat"], experts, weights)
    return agreement


def _routing(call, logits, right, experts, weights):
    expected, exact = right.outputs["topKIndices"], right.outputs["expertScalesFloat"]
    bounds = right.bounds.get("expertScalesFloat", (exact, exact))
    if (experts == expected).all():
        nearness = _nearness(weights, exact, bounds)
        return "same bytes" if nearness == "same bytes" else "same experts and order", nearness
    # By expert, for each token.
    order, right_order = np.argsort(experts, 1, kind="stable"), np.argsort(expected, 1, kind="stable")
    if (np.take_along_axis(experts, order, 1) == np.take_along_axis(expected, right_order, 1)).all():
        return "same experts", _nearness(weights, exact, bounds, order, right_order)
    if not _up_to_ties(call, logits, expected, experts):
        return "none", "none"
    # Equal values have equal weights, but for factors of the experts.
    order, right_order = np.argsort(-weights, 1, kind="stable"), np.argsort(-exact, 1, kind="stable")
    return "same up to ties", _nearness(weights, exact, bounds, order, right_order)


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


def _nearness(weights, exact, bounds, order=None, right_order=None):
    """How near weights are, each to the one in its place, in the order of the places that are given."""
    if order is not None:
        weights = np.take_along_axis(weights, order, 1)
        exact, low, high = (np.take_along_axis(array, right_order, 1) for array in (exact, *bounds))
        bounds = (low, high)
    same = same_bytes(weights, exact, "float32", computed=True)
    if same.all():
        return "same bytes"
    return "within a bound" if (same | within(weights, bounds, "float32")).all() else "none"


def _is_safe(call, logits, exact, experts, weights):
    hostile = not np.isfinite(call.floats("gatingOutput")).all()
    if not hostile and "tokenMask" not in call:
        return None
    in_range = ((experts >= -1) & (experts < logits.shape[1])).all()
    # Where the right weight is a number, so is this one.
    numbers = (np.isfinite(weights) | ~np.isfinite(exact)).all()
    padding = True
    if "tokenMask" in call:
        masked = call["tokenMask"] == 0
        padding = (experts[masked] == -1).all() and (weights[masked] == 0).all()
    return bool(in_range and numbers and padding)


def format_levels(levels):
    """Lines: what groups do not reach, and which they are. Nothing of groups that reach all."""
    groups = {}
    for entry in levels:
        short = {name: value for name, value in entry.items() if value not in ("same bytes", True) and name != "group"}
        words = ", ".join(f"not {name}" if value is False else f"{name} {value}" for name, value in short.items())
        if words:
            groups.setdefault(words, []).append(entry["group"])
    return [f"{words}: {', '.join(names)}" for words, names in groups.items()]
