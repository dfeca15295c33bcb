"""Each stage is judged on what it was given: so a fault shows in its own stage alone (docs/protocol.md)."""

from dataclasses import dataclass, field

import numpy as np

from .compare import differences, same_bytes, within
from .levels import Agreement, agreement_of
from .reference import permute, plan

PLAN = ("tokenNumsPerExpert", "expertOffsets", "permuteIndicesPerToken")


@dataclass
class Judgement:
    """What was found in the results of one call."""

    differences: list = field(default_factory=list)
    #: stages that could not be judged, and why
    not_judged: list = field(default_factory=list)
    #: of the results of routing, of sums, and of whatever else
    agreement: Agreement = None


def judge(call, expected, results, claims):
    """Compares the results of a call with the right ones, as exactly as the backend claims."""
    judgement = Judgement()
    _JUDGES[call.operation](judgement, call, expected, results, claims)
    return judgement


def _judge_routing(judgement, call, expected, results, claims):
    agreement = judgement.agreement = agreement_of(call, expected, results)
    if agreement.reaches(claims["level"]):
        return
    found, right = results["topKIndices"], expected.outputs["topKIndices"]
    _report(judgement, call, "routeTokens", "topKIndices", found != right, results, expected.outputs)
    found, right = results["expertScalesFloat"], expected.outputs["expertScalesFloat"]
    wrong = ~same_bytes(found, right, "float32", computed=True)
    bounds = expected.bounds.get("expertScalesFloat")
    if bounds and not claims["exact"]:
        wrong &= ~within(found, bounds, "float32")
    _report(judgement, call, "routeTokens", "expertScalesFloat", wrong, results, expected.outputs)


def _judge_plan(judgement, call, expected, results, claims):
    for name in PLAN:
        wrong = ~same_bytes(results[name], expected.outputs[name], None)
        _report(judgement, call, "planDispatch", name, wrong, results, expected.outputs)


def _judge_rows(judgement, call, expected, results, claims):
    weighed = "expertScalesFloat" in call
    _compare_rows(judgement, call, call["permuteIndicesPerToken"], expected.outputs, results, weighed)


def _compare_rows(judgement, call, rows, right, results, weighed):
    """Rows that the map does not name may hold anything."""
    found, dtype = results["permuteInput"], call.dtype("permuteInput")
    wrong = ~same_bytes(found, right["permuteInput"], dtype, computed=weighed)
    named = np.zeros(len(found), bool)
    named[rows[rows >= 0]] = True
    _report(judgement, call, "permuteRows", "permuteInput", wrong & named[:, None], results, right)


def _judge_dispatch(judgement, call, expected, results, claims):
    _judge_routing(judgement, call, expected, results, claims)
    experts, rows, weights = (results[name] for name in ("topKIndices", "permuteIndicesPerToken", "expertScalesFloat"))
    num_experts = call["gatingOutput"].shape[1]
    if ((experts < -1) | (experts >= num_experts)).any():
        _skip(judgement, "planDispatch", f"topKIndices has an expert that is none of {num_experts}")
    else:
        right = plan(experts, num_experts, call.router.get("zeroExperts", {"count": 0})["count"])
        for name in PLAN:
            wrong = ~same_bytes(results[name], right[name], None)
            _report(judgement, call, "planDispatch", name, wrong, results, right)
    named = rows[rows != -1]
    if ((named < 0) | (named >= rows.size)).any() or len(np.unique(named)) < len(named):
        _skip(judgement, "permuteRows", "permuteIndicesPerToken names a row twice, or one that is not there")
        return
    weighed = call.router.get("applyRouterWeightOnInput", False)
    right = {"permuteInput": permute(call["x"], call.dtype("x"), rows, weights if weighed else None)}
    _compare_rows(judgement, call, rows, right, results, weighed)


def _judge_sums(judgement, call, expected, results, claims):
    found, right, dtype = results["output"], expected.outputs["output"], call.dtype("output")
    wrong = ~same_bytes(found, right, dtype, computed=True)
    near = ~wrong | within(found, expected.bounds["output"], dtype)
    judgement.agreement = Agreement(sums="same bytes" if not wrong.any() else "within a bound" if near.all() else "none")
    _report(judgement, call, "moeReduce", "output", wrong if claims["exact"] else ~near, results, expected.outputs)


_JUDGES = {
    "moeDispatch": _judge_dispatch,
    "routeTokens": _judge_routing,
    "planDispatch": _judge_plan,
    "permuteRows": _judge_rows,
    "moeReduce": _judge_sums,
}


def _report(judgement, call, operation, name, wrong, found, right):
    if wrong.any():
        dtype = call.outputs[name].dtype
        judgement.differences += differences(call.operation, operation, name, wrong, found[name], right[name], dtype)


def _skip(judgement, operation, reason):
    judgement.not_judged.append({"operation": operation, "reason": reason})
