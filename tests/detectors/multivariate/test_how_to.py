"""The programs of the how-to print what it says."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs/how-to/watch-many-columns-together.md"


def test_the_programs_print_what_the_page_says(capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)  # noqa: S102
    expected = re.findall(r"^print\(.*\)  # (.*)$", "".join(blocks), re.MULTILINE)
    assert len(expected) == 7
    assert capsys.readouterr().out.splitlines() == [each.partition(":")[0] for each in expected]
