"""python -m moe_conformance --cases DIR --backend my:make"""

import argparse
import json
import sys

from .cases import CasesError, read_cases
from .isolated import BackendError, IsolatedRunner
from .levels import format_levels
from .runner import run_cases


def main(arguments=None):
    """The command. Exit code 0: all passed; 1: a case failed, or none could be checked; 2: the command did not work."""
    parser = argparse.ArgumentParser(prog="python -m moe_conformance", description="Checks a backend in Python.")
    parser.add_argument("--cases", required=True, help="the folder that 'moe-conformance export' wrote")
    parser.add_argument("--backend", required=True, help="module:attribute, a backend or a function that makes one")
    parser.add_argument("--filter", default="", help="only cases whose id contains the text")
    parser.add_argument("--timeout", type=float, default=30, help="time limit of a case in seconds (default 30)")
    parser.add_argument("--json", help="also write the report here")
    options = parser.parse_args(arguments)
    try:
        header, cases = read_cases(options.cases)
        runner = IsolatedRunner(options.cases, options.backend, options.timeout)
    except (CasesError, BackendError) as error:
        print(error, file=sys.stderr)
        return 2
    exact = [case for case in cases if case.id == options.filter]
    cases = exact or [case for case in cases if options.filter in case.id]
    try:
        report = run_cases(runner, header, cases, _print_failure)
    finally:
        runner.close()
    _print_end(report)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file)
    totals = report["totals"]
    return 1 if totals["failed"] or not totals["passed"] else 0


def describe(result):
    """A failed case in words."""
    lines = [f"FAILED {result['id']}"]
    if "error" in result:
        error = result["error"]
        lines.append(f"  raised {error['name']} {error.get('code', '')}: {error['message']}".replace(" :", ":"))
    for difference in result["differences"]:
        element = f"{difference['tensor']}{difference['index'] or ''}"
        stage = difference.get("operation", difference["case"])
        counted = f" ({difference['count']} wrong in all)"
        lines.append(f"  {stage}: {element}: expected {difference['expected']}, found {difference['found']}{counted}")
    lines += [f"  {entry['operation']} was not judged: {entry['reason']}" for entry in result.get("notJudged", [])]
    return "\n".join(lines)


SHOWN_IN_FULL = 10
_failures = 0


def _print_failure(result, done):
    global _failures
    if result["status"] != "failed":
        return
    _failures += 1
    if _failures <= SHOWN_IN_FULL:
        print(describe(result))


def _print_end(report):
    totals, backend = report["totals"], report["backend"]
    for line in format_levels(report["levels"]):
        print(line)
    seconds = sum(result["ms"] for result in report["cases"]) / 1000
    print(f"{backend['name']} ({backend['device']}), {seconds:.1f} s")
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['notClaimed']} not claimed")


if __name__ == "__main__":
    sys.exit(main())
