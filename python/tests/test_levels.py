"""Which level an implementation reaches."""

import numpy as np
import pytest
from helpers import expected_of, routing_call
from moe_conformance.levels import Agreement, agreement_of, format_levels

# Experts 1 and 3 tie in the first token.
LOGITS = [[0, 2, 1, 2], [3, 1, 2, 0]]
CALL = routing_call(LOGITS, {"topK": 2})
RIGHT = expected_of(CALL)


def agreement(experts=None, weights=None, call=CALL, right=RIGHT):
    found = dict(right.outputs)
    if experts is not None:
        found["topKIndices"] = np.asarray(experts, np.int32)
    if weights is not None:
        found["expertScalesFloat"] = np.asarray(weights, np.float32)
    return agreement_of(call, right, found)


def test_the_right_experts():
    assert RIGHT.outputs["topKIndices"].tolist() == [[1, 3], [0, 2]]
    assert agreement() == Agreement("same bytes", "same bytes")


@pytest.mark.parametrize(("factor", "weights"), [(1 + 1e-6, "within a bound"), (1.001, "none")])
def test_weights_that_are_a_little_off(factor, weights):
    found = agreement(weights=RIGHT.outputs["expertScalesFloat"] * np.float32(factor))
    assert (found.routing, found.weights) == ("same experts and order", weights)
    assert found.reaches("same experts") == (weights != "none")
    assert not found.reaches("same bytes")


def test_another_order():
    found = agreement([[3, 1], [2, 0]], RIGHT.outputs["expertScalesFloat"][:, ::-1].copy())
    assert (found.routing, found.weights) == ("same experts", "same bytes")
    assert agreement([[3, 1], [2, 0]]).weights == "none"


def test_the_higher_of_equal_logits():
    call = routing_call(LOGITS, {"topK": 1})
    right = expected_of(call)
    found = agreement([[3], [0]], call=call, right=right)
    assert (found.routing, found.weights) == ("same up to ties", "same bytes")
    assert agreement([[2], [0]], call=call, right=right).routing == "none"


@pytest.mark.parametrize("experts", [[[1, 1], [0, 2]], [[1, 3], [0, 4]], [[1, -2], [0, 2]], [[1, -1], [0, 2]]])
def test_what_is_no_choice(experts):
    assert agreement(experts).routing == "none"


def test_ties_of_biased_scores_are_as_near_as_scores_are():
    bias = np.float32([0, 0, 1e-8, 0])
    call = routing_call([[1, 2, 2, 0]], {"topK": 1, "scoringFunc": "sigmoid"}, eScoreCorrectionBias=bias)
    right = expected_of(call)
    assert agreement([[2]], call=call, right=right).routing in ("same up to ties", "same bytes")
    assert agreement([[0]], call=call, right=right).routing == "none"


def test_safe_says_something_where_there_is_something_to_say():
    assert agreement().safe is None
    call = routing_call([[np.nan, 2, 1, 0], [3, np.inf, 2, 0]], {"topK": 2})
    right = expected_of(call)
    assert agreement(call=call, right=right).safe is True
    assert agreement(weights=np.full((2, 2), np.nan), call=call, right=right).safe is False
    assert agreement([[1, 7], [1, 0]], call=call, right=right).safe is False


def test_padding_goes_nowhere():
    call = routing_call(LOGITS, {"topK": 2}, tokenMask=np.uint8([1, 0]))
    right = expected_of(call)
    assert agreement(call=call, right=right).safe is True
    assert agreement([[1, 3], [0, 2]], call=call, right=right).safe is False


def test_a_group_reaches_what_its_worst_call_does():
    a = Agreement("same bytes", "same bytes", None, True)
    b = Agreement("same experts", "within a bound", "same bytes", None, False)
    assert a.and_also(b) == Agreement("same experts", "within a bound", "same bytes", True, False)


def test_what_is_not_reached_is_told_once():
    short = {"routing": "same experts", "weights": "within a bound", "repeatable": True, "safe": False}
    levels = [{"group": "golden", **short}, {"group": "random", **short}, {"group": "x", "routing": "same bytes"}]
    assert format_levels(levels) == ["routing same experts, weights within a bound, not safe: golden, random"]
