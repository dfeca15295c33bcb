"""pytest --moe-backend my:make --moe-cases DIR: every case is a test."""

import pytest

from .__main__ import describe
from .cases import CasesError, read_cases
from .isolated import load_backend
from .levels import Agreement, format_levels
from .runner import Runner, known


def pytest_addoption(parser):
    group = parser.getgroup("moe-conformance")
    group.addoption("--moe-backend", metavar="MODULE:ATTRIBUTE", help="a backend, or a function that makes one")
    group.addoption("--moe-cases", metavar="DIR", default="cases", help="what 'moe-conformance export' wrote")


class CaseFailed(Exception):
    """Not an error of the test itself."""


class CaseItem(pytest.Item):
    """A case, as a test of its id."""

    def __init__(self, *, case, runner, levels, **others):
        super().__init__(**others)
        self.case, self.runner, self.levels = case, runner, levels

    def runtest(self):
        result, agreement = self.runner.run(self.case)
        if result["status"] == "not claimed":
            pytest.skip(f"not claimed: {result['reason']}")
        self.levels[self.case.group] = self.levels.get(self.case.group, Agreement()).and_also(agreement)
        if result["status"] == "failed":
            raise CaseFailed(describe(result))

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.case.id


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    name = config.getoption("--moe-backend")
    if name is None:
        return
    try:
        _, cases = read_cases(config.getoption("--moe-cases"))
        runner = Runner(load_backend(name))
    except (CasesError, ImportError, AttributeError, ValueError) as error:
        raise pytest.UsageError(str(error)) from error
    config.moe_levels = {}
    items += [
        CaseItem.from_parent(session, name=case.id, case=case, runner=runner, levels=config.moe_levels)
        for case in cases
    ]


def pytest_terminal_summary(terminalreporter, config):
    levels = getattr(config, "moe_levels", {})
    for line in format_levels({"group": group, **known(agreement)} for group, agreement in levels.items()):
        terminalreporter.write_line(line)
