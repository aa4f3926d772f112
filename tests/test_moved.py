"""The import names of version 0.1 work in a checkout, with a warning, and load nothing twice."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "always", "-c", "; ".join(code)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from detectors import Sentinel as it", "from watchkeeper import Sentinel as now"),
        ("from detectors.multivariate.mmd import MmdTest as it",
         "from watchkeeper.detectors.multivariate.mmd import MmdTest as now"),
        ("from schemas.monitors import Monitor as it",
         "from watchkeeper.schemas.monitors import Monitor as now"),
        ("from client import Publisher as it", "from watchkeeper_client import Publisher as now"),
        ("from client.events import rfc3339 as it", "from watchkeeper_client.events import rfc3339 as now"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", ["old", "new"])
def test_an_old_name_is_the_very_same_thing(old: str, new: str, first: str) -> None:
    both = (old, new) if first == "old" else (new, old)
    done = run(*both, "assert it is now", "print('same')")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n"
    assert "FutureWarning" in done.stderr
    assert "the next version removes the old name" in done.stderr


def test_no_module_has_two_copies_after_an_old_import() -> None:
    done = run(
        "import sys, detectors.engine.bank",
        "files = [m.__file__ for m in set(sys.modules.values()) if getattr(m, '__file__', None)]",
        "ours = [f for f in files if '/detectors/' in f]",
        "bank = sys.modules['watchkeeper.detectors.engine.bank']",
        "print(len(ours) == len(set(ours)) > 5, bank.__spec__.name)",
    )
    assert done.stdout == "True watchkeeper.detectors.engine.bank\n", done.stderr


def test_pytest_by_the_old_path_names_the_new_one() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "schemas/times.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "(a path for pytest begins with watchkeeper/schemas/)" in done.stdout


def test_an_old_command_still_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: watchkeeper" in done.stdout
    assert "`streams` is now `watchkeeper.streams`" in done.stderr


def test_a_module_that_has_moved_is_missing_and_no_error_of_ours() -> None:
    done = run("import streams.no_such_module")
    assert "ModuleNotFoundError: No module named 'streams.no_such_module'" in done.stderr
