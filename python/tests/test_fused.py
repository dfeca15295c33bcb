"""A fused operator in numpy: y alone shows what it has chosen."""

import numpy as np
import pytest
from helpers import expected_of, routing_call
from moe_conformance.fused import FusedRouting, only
from test_runner import report_of


def fused_moe(call, x, bias, last_first=False):
    """softmax → the best K → two layers of each expert, of which the weights are zero → the weighted sum."""
    only(call, "normTopkProb")
    largest = np.finfo(np.float32).max
    logits = np.nan_to_num(call.floats("gatingOutput"), nan=-largest, posinf=largest, neginf=-largest)
    exp = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True, initial=-np.inf))
    scores = exp / exp.sum(axis=1, keepdims=True)
    last = logits.shape[1] - 1
    experts = np.argsort(-logits[:, ::-1] if last_first else -logits, axis=1, kind="stable")[:, : call.router["topK"]]
    experts = last - experts if last_first else experts
    weights = np.take_along_axis(scores, experts, 1)
    if call.router.get("normTopkProb", False):
        weights /= weights.sum(axis=1, keepdims=True)
    w1, w2 = np.zeros((x.shape[1], 4), np.float32), np.zeros((4, x.shape[1]), np.float32)
    rows = np.maximum(x @ w1, 0) @ w2
    y = np.zeros(x.shape)
    for k in range(experts.shape[1]):
        y += weights[:, k][:, None] * (rows + bias[experts[:, k]])
    return y.astype(np.float32)


@pytest.mark.parametrize("hidden", [4, 3, 64])
def test_y_shows_experts_and_weights(hidden):
    call = routing_call([[0, 2, 1, 3], [3, 1, 2, 0]], {"topK": 2})
    found = FusedRouting(fused_moe, hidden).route_tokens(call)
    right = expected_of(call).outputs
    assert found["topKIndices"].tolist() == right["topKIndices"].tolist()
    assert found["expertScalesFloat"] == pytest.approx(right["expertScalesFloat"], rel=2e-6)


def test_a_choice_that_weighs_nothing_counts_as_right():
    call = routing_call([[0, 1000, 500, 200]], {"topK": 3})
    assert FusedRouting(fused_moe).route_tokens(call)["topKIndices"].tolist() == [[1, 2, 3]]


GROUPS = ("golden/softmax", "golden/ties", "generated/ties/", "generated/special/")


def test_a_right_operator_passes():
    report = report_of(FusedRouting(fused_moe), *GROUPS)
    assert report["totals"]["failed"] == 0
    assert report["totals"]["passed"] > 30
    assert {entry["weights"] for entry in report["levels"]} <= {"same bytes", "within a bound"}
    assert "moeReduce" not in report["backend"]["operations"]


def test_one_that_takes_the_higher_of_equal_logits_is_seen():
    faulty = FusedRouting(lambda call, x, bias: fused_moe(call, x, bias, last_first=True))
    report = report_of(faulty, *GROUPS)
    failed = {case["id"] for case in report["cases"] if case["status"] == "failed"}
    assert "golden/ties-e8-k3-f32" in failed
    assert not any(id.startswith("golden/softmax-e8-") for id in failed)
    assert {entry["group"]: entry["routing"] for entry in report["levels"]}["golden"] == "same up to ties"


def test_more_experts_than_k_are_an_error():
    dense = FusedRouting(lambda call, x, bias: np.tile(bias.sum(axis=0), (len(x), 1)))
    [case] = report_of(dense, "golden/softmax-e8-k2-f32")["cases"]
    assert case["error"]["message"] == "more experts than topK weigh something"
