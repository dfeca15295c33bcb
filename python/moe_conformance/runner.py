"""Runs exported cases on a backend, and makes the report that `moe-conformance merge` and `diff` take."""

import platform
import sys
import time
from datetime import datetime, timezone

import numpy as np

from .call import METHODS, Call, Tensor, claims_of, results_of
from .compare import same_bytes
from .errors import Refusal
from .judge import judge
from .levels import LEVELS, Agreement


class NotClaimed(Exception):
    """The backend does not claim what a call needs."""


class Runner:
    """One backend, and what it claims."""

    def __init__(self, backend):
        self.backend = backend
        self.claims = claims_of(backend)
        level = getattr(backend, "level", None)
        self.claims["level"] = level or (LEVELS[0] if self.claims["exact"] else LEVELS[1])
        if self.claims["level"] not in LEVELS[:-1]:
            raise ValueError(f"level: expected one of {', '.join(LEVELS[:-1])}, found {level!r}")
        self.claims["exact"] = self.claims["level"] == LEVELS[0]
        #: whether it checks routers itself, and refuses those that cannot be had
        self.refuses = bool(getattr(backend, "refuses", False))

    def run(self, case):
        """The result of a case as a report has it, and what its calls reach."""
        started = time.perf_counter()
        result = {"id": case.id, "status": "passed", "ms": 0, "differences": []}
        agreement = Agreement()
        try:
            if case.reason is not None:
                raise NotClaimed(case.reason)
            for call, expected in case.calls():
                agreement = agreement.and_also(self._run_call(result, call, expected))
        except NotClaimed as reason:
            if not result["differences"]:
                result.update(status="not claimed", reason=str(reason))
        except Refusal as refusal:
            result["error"] = {"name": "Refusal", "code": refusal.code, "message": str(refusal)}
        except Exception as error:  # noqa: BLE001 - whatever a backend throws fails its case
            result["error"] = {"name": type(error).__name__, "message": str(error)}
        if result["differences"] or "error" in result:
            result["status"] = "failed"
        if known(agreement):
            result["agreement"] = known(agreement)
        result["ms"] = round(1000 * (time.perf_counter() - started), 3)
        return result, agreement

    def _run_call(self, result, call, expected):
        self._require(call, expected)
        try:
            results = self.perform(call)
        except Refusal as refusal:
            if refusal.code in (expected.error, expected.may_refuse):
                return Agreement()
            if refusal.code == "UNSUPPORTED_OPERATION":
                raise NotClaimed(str(refusal)) from refusal
            raise
        if expected.error is not None:
            result["differences"].append(
                {"case": "the bad call", "tensor": "error", "index": [], "expected": expected.error,
                 "found": "no error", "count": 1}
            )  # fmt: skip
        if not expected.outputs:
            return Agreement()
        judgement = judge(call, expected, results, self.claims)
        result["differences"] += judgement.differences
        if judgement.not_judged:
            result.setdefault("notJudged", []).extend(judgement.not_judged)
        repeatable = _are_same(call, results, self.perform(call))
        return (judgement.agreement or Agreement()).and_also(Agreement(repeatable=repeatable))

    def perform(self, call):
        """The results of a call, of its own method or of the three stages in a row."""
        method = getattr(self.backend, METHODS[call.operation], None)
        if method is not None:
            return results_of(call, method(call))
        results = {}
        for stage in _stages(call):
            stage_call = stage(results)
            results.update(results_of(stage_call, getattr(self.backend, METHODS[stage_call.operation])(stage_call)))
        return results

    def _require(self, call, expected):
        claims, limits = self.claims, self.claims["limits"]
        if expected.error is not None and not self.refuses:
            raise NotClaimed("refusals: the backend has no `refuses`")
        if call.operation not in claims["operations"]:
            raise NotClaimed(call.operation)
        # Where only the last bit of a score decides, one that is right up to ties is as right as another.
        up_to_ties = expected.exact_only == "routing" and claims["level"] == "same up to ties"
        if expected.exact_only and not claims["exact"] and not up_to_ties:
            raise NotClaimed("exact weights and sums")
        for tensor in (*call.inputs.values(), *call.outputs.values()):
            if tensor.dtype not in claims["dtypes"]:
                raise NotClaimed(f"dtype {tensor.dtype}")
        experts, choices = _sizes(call)
        if experts > limits.get("maxExperts", experts):
            raise NotClaimed(f"{experts} experts; maxExperts is {limits['maxExperts']}")
        if choices > limits.get("maxTopK", choices):
            raise NotClaimed(f"{choices} choices per token; maxTopK is {limits['maxTopK']}")


def _are_same(call, results, again):
    """But for the bits of NaNs, and for rows, of which some may hold anything."""
    names = [name for name in results if name != "permuteInput"]
    return all(same_bytes(results[name], again[name], call.dtype(name), computed=True).all() for name in names)


def _sizes(call):
    if "gatingOutput" in call:
        top_k = call.router.get("topK", 1) if isinstance(call.router, dict) else 1
        return call["gatingOutput"].shape[1], top_k if isinstance(top_k, int) else 1
    experts = call.attributes.get("numExperts", len(call["ffn2Bias"]) if "ffn2Bias" in call else 0)
    map_or_choices = call["topKIndices"].shape[1] if "topKIndices" in call else len(call["permuteIndicesPerToken"])
    return experts, map_or_choices


def _stages(call):
    """moeDispatch as calls of the stages, each of what the ones before gave."""

    def some(names):
        return {name: call.outputs[name] for name in names}

    def route(_):
        inputs = {name: tensor for name, tensor in call.inputs.items() if name != "x"}
        return Call("routeTokens", inputs, some(["topKIndices", "expertScalesFloat"]), call.router)

    def plan(results):
        zero = call.router.get("zeroExperts", {"count": 0})["count"]
        attributes = {"numExperts": call["gatingOutput"].shape[1], "zeroExperts": zero}
        names = ["tokenNumsPerExpert", "expertOffsets", "permuteIndicesPerToken"]
        return Call("planDispatch", _tensors(call, results, ["topKIndices"]), some(names), {}, attributes)

    def permute(results):
        names = ["permuteIndicesPerToken"]
        if call.router.get("applyRouterWeightOnInput", False):
            names.append("expertScalesFloat")
        inputs = {"x": call.inputs["x"], **_tensors(call, results, names)}
        return Call("permuteRows", inputs, some(["permuteInput"]))

    return route, plan, permute


def _tensors(call, results, names):
    return {name: Tensor(call.outputs[name].dtype, results[name]) for name in names}


def failed(case_id, name, message):
    """The result of a case that could not be judged."""
    error = {"name": name, "message": message}
    return {"id": case_id, "status": "failed", "ms": 0, "differences": [], "error": error}


def run_cases(runner, header, cases, on_case=lambda result, done: None):
    """The report of all cases, by a Runner or what runs as one."""
    started = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    results, levels = [], {}
    for case in cases:
        result, agreement = runner.run(case)
        results.append(result)
        if result["status"] != "not claimed" and not case.id.startswith("errors/"):
            levels[case.group] = levels.get(case.group, Agreement()).and_also(agreement)
        on_case(result, len(results))
    return make_report(runner.claims, header, started, results, levels)


def make_report(claims, header, started, results, levels):
    def count(status):
        return sum(result["status"] == status for result in results)

    limits = {"maxExperts": None, "maxTensorBytes": None, **claims["limits"]}
    return {
        "version": 1,
        "backend": {**claims, "limits": limits, "wrap": False},
        "machine": {
            "runtime": f"python {platform.python_version()}, numpy {np.__version__}",
            "platform": f"{sys.platform} {platform.machine()}",
        },
        "started": started,
        "complete": True,
        "seed": header["seed"],
        "totals": {
            "passed": count("passed"),
            "failed": count("failed"),
            "notClaimed": count("not claimed"),
            "expectedFailures": 0,
        },
        "cases": results,
        "errors": [],
        "levels": [{"group": group, **known(agreement)} for group, agreement in levels.items() if known(agreement)],
    }


def known(agreement):
    return {name: value for name, value in vars(agreement).items() if value is not None}

