"""The recipe "Add a task" in CONTRIBUTING, followed in a copy of the code with a task of counts."""

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PACKAGES = ("watchkeeper", "schemas", "detectors", "alerting", "streams", "demo")
STATISTICS = Path("docs", "reference", "statistics.md")
PLACES_MAX = 5
ROWS = """\
| `counts` | `value`, 0 or more | a whole number | `deviance` | `deviance` |
"""
METRIC = """\
| `deviance` | mean Poisson deviance |
"""


def edit(path, *edits):
    """Replace each pattern once."""
    text = path.read_text()
    for pattern, by in edits:
        text, found = re.subn(pattern, by, text, count=1, flags=re.MULTILINE)
        assert found, f"{path} has no {pattern}"
    path.write_text(text)


def add_the_task(root):
    """Follow the recipe, up to the tests: those are here."""
    edit(
        root / "schemas" / "tasks.py",
        (r'(TaskName = Literal\[.*)\]', r'\1, "counts"]'),
        (r'(Metric = Literal\[.*)\]', r'\1, "deviance"]'),
        (r'(SCHEMAS: (?:.*\n)*?)\}', r'\1    "counts": TaskSchema(("deviance",), None),\n}'),
    )  # fmt: skip
    shutil.copy(HERE / "counts_task.py", root / "detectors" / "tasks" / "counts.py")
    edit(
        root / "detectors" / "tasks" / "__init__.py",
        (r"^from (\S*detectors\.tasks)\.regression .*\n", r"\g<0>from \1.counts import Counts\n"),
        (r'^    "regression": .*\n', r'\g<0>    "counts": Counts(),\n'),
    )
    edit(
        root / STATISTICS,
        (r"^\| `regression` .*\n", r"\g<0>" + ROWS),
        (r"^\| `bias` .*\n", r"\g<0>" + METRIC),
    )


def changed(root):
    """Name the files of a copy that are not those of the repository."""
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return sorted(
        str(path)
        for path in files
        if not (ROOT / path).exists() or not filecmp.cmp(root / path, ROOT / path, shallow=False)
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    root = tmp_path_factory.mktemp("watchkeeper")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, root / package, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    (root / STATISTICS).parent.mkdir(parents=True)
    shutil.copy(ROOT / STATISTICS, root / STATISTICS)
    assert changed(root) == []
    add_the_task(root)
    return root


@pytest.fixture(scope="module")
def came_out(copied):
    ran = subprocess.run(
        [sys.executable, "-P", HERE / "counts_through.py"],
        cwd=copied, env=os.environ | {"PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_new_task_is_added_in_five_places(copied, came_out):
    assert changed(copied) == [
        "detectors/tasks/__init__.py", "detectors/tasks/counts.py", str(STATISTICS), "schemas/tasks.py",
    ]  # fmt: skip
    assert len([*changed(copied), "its tests"]) <= PLACES_MAX


def test_its_events_become_statistics(came_out):
    statistics = came_out["statistics"]
    assert statistics["labels"] > 500
    assert statistics["deviance"] > 5, "twice as many as predicted; 1 would be right"


def test_it_is_judged_against_its_reference(came_out):
    assert ["performance", "bad", "deviance"] in came_out["findings"]


def test_its_online_detectors_are_fed(came_out):
    assert came_out["statistics"]["detector_alarm"] > 0


def test_what_it_can_not_be_is_rejected(came_out):
    output, label = came_out["rejected"]
    assert output == "Expected `float` >= 0.0 - at `$.prediction.value`"
    assert label == "`$.label` must be a whole number that is not below 0"
