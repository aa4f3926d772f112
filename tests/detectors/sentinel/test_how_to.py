"""The programs of the how-to page do what it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "watch-a-table.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_page_runs(program, capsys):
    exec(compile(program, str(PAGE), "exec"), {})  # noqa: S102
    if "print(" in program:
        assert "amount: the mean rose from" in capsys.readouterr().out


def test_there_are_some():
    assert len(PROGRAMS) == 4
