"""The page on blind spots names only alerts and tests that exist, and leaves no alert out."""

import re
from pathlib import Path

import pytest
import yaml

from tests.faults.ruins import RUINS
from tests.faults.schedule import PUBLISHERS, TRAFFIC
from watchkeeper.alerting.names import NAMES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "blind-spots.md"
NO_ALERTS = {"MiB", "FOLDER"}
"""Words in mixed case that are no alerts."""
DRIFT_AND_QUALITY = re.compile(r"Feature\w+|PredictionDrift|ModelPerformanceDegraded|LatencyHigh|Canary\w+")
"""Alerts about what is seen. The page is about what is not."""


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def rules() -> set[str]:
    files = (ROOT / "compose" / "prometheus" / "rules").glob("*.yml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def alerts() -> set[str]:
    return rules() | {name.alertname for name in NAMES.values()}


def named(page: str) -> set[str]:
    return set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", page)) - NO_ALERTS


def rows(page: str) -> list[list[str]]:
    """Return the cells of each row of the tables that name a test."""
    lines = re.findall(r"^\| (?!how |kind |---)(.*) \|$", page, re.MULTILINE)
    return [cells for line in lines if len(cells := line.split(" | ")) == 5]


def test_every_alert_on_the_page_exists() -> None:
    assert named(text()) - alerts() == set()


def test_an_alert_that_does_not_exist_would_be_noticed() -> None:
    assert named("| [StreamSilent](x) | NothingFires |") - alerts() == {"NothingFires"}


def test_every_alert_about_blindness_is_on_the_page() -> None:
    missing = alerts() - named(text())
    assert {name for name in missing if not DRIFT_AND_QUALITY.fullmatch(name)} == set()


def test_every_row_names_a_test_that_exists() -> None:
    found = rows(text())
    assert len(found) > 60
    for cells in found:
        paths = re.findall(r"`(tests/[\w/]+\.py)`", cells[4])
        assert paths or "not-noticed" in cells[2], cells[0]
        assert [path for path in paths if not (ROOT / path).exists()] == [], cells[0]


def test_nothing_is_left_to_be_said() -> None:
    assert "TODO" not in text()


@pytest.mark.parametrize("kind", [*PUBLISHERS, *TRAFFIC, *RUINS])
def test_every_kind_of_fault_is_on_the_page(kind: str) -> None:
    assert f"`{kind}`" in text()
