"""The rules of the layout, as far as a program can check them."""

import importlib
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "detectors", "alerting", "streams", "client")
LINES_MAX = 300
LONGER: dict[str, str] = {}
"""Files that may be longer, each with its reason."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_names() -> list[str]:
    paths = [path.relative_to(ROOT).with_suffix("") for path in sources(*PACKAGES)]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def test_imports_go_one_way() -> None:
    # Called in this process it would switch off all loggers that there are.
    linted = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "Only streams knows Kafka" in linted.stdout


@pytest.mark.parametrize("name", module_names())
def test_every_name_that_a_module_offers_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert [public for public in getattr(module, "__all__", ()) if not hasattr(module, public)] == []


def test_no_other_distribution_takes_our_names() -> None:
    owners = packages_distributions()
    others = {name: set(owners.get(name, ())) - {"watchkeeper"} for name in PACKAGES}
    assert {name: found for name, found in others.items() if found} == {}


def test_files_are_short_or_it_is_said_why_not() -> None:
    paths = sources(*PACKAGES, "benchmarks")
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {name for name, lines in lengths.items() if lines > LINES_MAX} == set(LONGER)
    assert max(lengths.values()) > 100
