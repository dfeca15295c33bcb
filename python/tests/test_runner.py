"""The runner, the command and the plugin on backends with a fault each. The cases are exported ones: MOE_CASES."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from moe_conformance import Reference, Refusal, unsupported
from moe_conformance.call import claims_of
from moe_conformance.cases import CasesError, read_cases
from moe_conformance.runner import Runner, run_cases

CASES = os.environ["MOE_CASES"]
HEADER, ALL = read_cases(CASES)
PYTHON = Path(__file__).parents[1]


def report_of(backend, *texts):
    return run_cases(Runner(backend), HEADER, [case for case in ALL if any(text in case.id for text in texts)])


def causes(report):
    """The stages at fault."""
    return {d.get("operation") for case in report["cases"] for d in case["differences"]}


def test_the_reference_passes_all():
    report = run_cases(Runner(Reference()), HEADER, ALL)
    assert report["totals"]["failed"] == 0
    assert report["totals"]["passed"] > 900
    assert {entry.get("routing", "same bytes") for entry in report["levels"]} == {"same bytes"}
    assert all(entry["repeatable"] for entry in report["levels"])
    reasons = {case["reason"] for case in report["cases"] if case["status"] == "not claimed"}
    assert reasons <= {"about the API in JavaScript", "wrap"}


class HigherIndexFirst(Reference):
    def route_tokens(self, call):
        inputs = dict(call.inputs)
        gating = inputs["gatingOutput"]
        inputs["gatingOutput"] = type(gating)(gating.dtype, gating.array[:, ::-1])
        results = super().route_tokens(type(call)(call.operation, inputs, call.outputs, call.router, call.attributes))
        results["topKIndices"] = gating.array.shape[1] - 1 - results["topKIndices"]
        return results


def test_the_higher_index_of_equal_logits_is_seen_and_has_a_level():
    report = report_of(HigherIndexFirst(), "generated/ties/")
    assert report["totals"]["failed"] > 0
    assert causes(report) == {"routeTokens"}
    [entry] = report["levels"]
    assert entry["routing"] in ("same up to ties", "none")


class ByChoice(Reference):
    """Rows of an expert in the order of choices."""

    def plan_dispatch(self, call):
        experts = call["topKIndices"]
        results = super().plan_dispatch(call)
        flat = experts.T.ravel()
        pairs = np.flatnonzero(flat >= 0)
        pairs = pairs[np.argsort(flat[pairs], kind="stable")]
        rows = np.full(flat.size, -1, np.int32)
        rows[pairs] = np.arange(len(pairs))
        return {**results, "permuteIndicesPerToken": rows.reshape(experts.T.shape)}


class RoundsAfterEachChoice(Reference):
    def moe_reduce(self, call):
        return {"output": super().moe_reduce(call)["output"] + np.uint8(1)}


@pytest.mark.parametrize(
    ("backend", "text", "stage"),
    [(ByChoice, "golden/softmax-e8-k2-f32", "planDispatch"), (RoundsAfterEachChoice, "generated/reduce/dtype=bfloat16", "moeReduce")],
)  # fmt: skip
def test_a_fault_shows_in_its_own_stage(backend, text, stage):
    report = report_of(backend(), text)
    assert report["totals"]["failed"] > 0
    assert causes(report) == {stage}


class Faulty(Reference):
    def __init__(self, fault):
        self.fault = fault

    def route_tokens(self, call):
        return self.fault(super().route_tokens(call))


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (lambda results: _raise(RuntimeError("no memory")), "failed", "RuntimeError"),
        (lambda results: _raise(Refusal("DEVICE_ERROR", "the fan")), "failed", "the fan"),
        (lambda results: _raise(unsupported("softmax")), "not claimed", "softmax is not implemented"),
        (lambda results: {"topKIndices": results["topKIndices"]}, "failed", "returned no expertScalesFloat"),
        (lambda results: {**results, "topKIndices": results["topKIndices"].astype("i8")}, "failed", "found int64"),
        (lambda results: 7, "failed", "returned int, not a dict"),
    ],
)
def test_what_goes_wrong_fails_its_case(fault, status, words):
    report = report_of(Faulty(fault), "golden/softmax-e8-k2-f32")
    assert [case["status"] for case in report["cases"]] == [status]
    assert words in json.dumps(report["cases"])


def test_a_plan_of_wrong_experts_is_not_judged():
    class Wrong(Reference):
        def moe_dispatch(self, call):
            results = Runner(Reference()).perform(call)
            return {**results, "topKIndices": results["topKIndices"] + 1000}

    [case] = report_of(Wrong(), "golden/softmax-e8-k2-f32")["cases"]
    assert {d["operation"] for d in case["differences"]} == {"routeTokens"}
    assert case["notJudged"] == [{"operation": "planDispatch", "reason": "topKIndices has an expert that is none of 8"}]


def test_another_result_the_next_time_is_not_repeatable():
    class Restless(Reference):
        calls = 0

        def moe_reduce(self, call):
            self.calls += 1
            return {"output": super().moe_reduce(call)["output"] * np.float32(self.calls)}

    [entry] = report_of(Restless(), "generated/reduce/any-rows")["levels"]
    assert entry["repeatable"] is False


def test_a_backend_claims_less():
    class Less(Reference):
        limits = {"maxExperts": 64, "maxTopK": 2}
        dtypes = ("float32", "int32", "int64")

    report = report_of(Less(), "golden/softmax-e", "generated/rows/")
    assert report["totals"]["failed"] == 0
    reasons = {case.get("reason") for case in report["cases"]}
    assert {"128 experts; maxExperts is 64", "4 choices per token; maxTopK is 2", "dtype bfloat16"} <= reasons


def test_a_level_that_is_declared_is_what_must_be_reached():
    class UpToTies(HigherIndexFirst):
        level = "same up to ties"

    report = report_of(UpToTies(), "generated/ties/unequal", "golden/ties-e8")
    assert report["totals"]["failed"] == 0
    with pytest.raises(ValueError, match="level: expected one of same bytes, "):
        report_of(type("Wrong", (Reference,), {"level": "good"})(), "golden/")


@pytest.mark.parametrize(
    "backend, words",
    [
        (Reference, "found the class Reference: make an object of it"),
        (type("Named", (), {"routeTokens": None})(), "routeTokens: a backend's method of that name is route_tokens"),
        (object(), "expected a backend with some of moe_dispatch, route_tokens"),
    ],
)
def test_what_is_no_backend(backend, words):
    with pytest.raises(ValueError, match=words):
        claims_of(backend)


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "moe_conformance", "--cases", CASES, "--filter", "generated/permute"]
    run = lambda *more: subprocess.run([*command, *more], cwd=PYTHON, capture_output=True, text=True)  # noqa: E731
    file = tmp_path / "report.json"
    done = run("--backend", "moe_conformance.reference:make", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("11 passed, 0 failed, 0 not claimed\n")
    assert json.loads(file.read_text())["totals"]["passed"] == 11
    for backend, words in [("nowhere:make", "No module named 'nowhere'"), ("json", "expected module:attribute")]:
        wrong = run("--backend", backend)
        assert wrong.returncode == 2
        assert words in wrong.stderr


def test_a_backend_that_ends_or_blocks_its_process_fails_one_case(tmp_path):
    (tmp_path / "my.py").write_text("""
import os, signal, time
from moe_conformance import Reference

class Mine(Reference):
    calls = 0

    def permute_rows(self, call):
        self.calls += 1
        if self.calls == 1 and not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.calls == 1 and not os.path.exists("blocked"):
            open("blocked", "w").close()
            time.sleep(600)
        return super().permute_rows(call)

def leaves():
    os._exit(7)
""")
    command = [sys.executable, "-m", "moe_conformance", "--cases", CASES, "--filter", "generated/permute", "--timeout", "3"]
    env = {**os.environ, "PYTHONPATH": str(PYTHON)}
    run = lambda *more: subprocess.run([*command, *more], cwd=tmp_path, env=env, capture_output=True, text=True)  # noqa: E731
    done = run("--backend", "my:Mine", "--json", "report.json")
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("9 passed, 2 failed, 0 not claimed\n")
    cases = json.loads((tmp_path / "report.json").read_text())["cases"]
    said = [case["error"]["message"] for case in cases if case["status"] == "failed"]
    assert said == ["its process ended with signal 9", "took more than 3 s"]
    done = run("--backend", "my:leaves")
    assert (done.returncode, done.stderr) == (2, "its process ended with code 7\n")


def test_what_is_no_folder_of_cases(tmp_path):
    with pytest.raises(CasesError, match=r"manifest\.jsonl"):
        read_cases(tmp_path)
    (tmp_path / "manifest.jsonl").write_text('{"kind": "cases", "version": 99}\n')
    with pytest.raises(CasesError, match="expected a manifest of version 1"):
        read_cases(tmp_path)


def test_the_plugin(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PYTHON))
    pytester.makepyfile(
        my="""
        import numpy as np
        from moe_conformance import Reference

        class Mine(Reference):
            def permute_rows(self, call):
                results = super().permute_rows(call)
                return {"permuteInput": results["permuteInput"][::-1]}

        def make():
            return Mine()
        """
    )
    options = ["-p", "moe_conformance.pytest_plugin", "--moe-cases", CASES, "-k", "generated/plan or permute/any or wrap/inputs"]
    result = pytester.runpytest_subprocess("--moe-backend", "my:make", *options)
    result.assert_outcomes(passed=8, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*FAILED generated/permute/any-permutation*", "*permuteRows: permuteInput*"])
    result = pytester.runpytest_subprocess("--moe-backend", "nowhere:make", *options)
    assert "No module named 'nowhere'" in result.stderr.str()
