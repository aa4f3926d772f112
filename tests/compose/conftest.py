"""The table of what the stack's panels and rules returned, at the end of the run."""

import pytest

TABLE = pytest.StashKey[list[tuple[str, str, str, str]]]()


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> list[tuple[str, str, str, str]]:
    """Rows of the table: where, what, how many series, the newest value or why there is none."""
    return request.config.stash.setdefault(TABLE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print it."""
    rows = config.stash.get(TABLE, [])
    if rows:
        terminalreporter.section("what the stack's panels and rules returned")
        for where, what, count, value in rows:
            terminalreporter.line(f"{where:<10} {what[:58]:<58} {count:>6}  {value}")
