"""A Sentinel that commit f91deb0 saved is loaded, and raises the same alarms as in that commit."""

from typing import Any

import msgspec
import pytest

from tests.upgrades import golden
from watchkeeper.detectors import Sentinel

CASES = golden.read("sentinels", golden.FORMAT_2)


def _comparable(alarms: Any) -> Any:
    """Remove sentences, and the last digits of numbers, which differ between processors."""
    if isinstance(alarms, dict):
        return {name: _comparable(each) for name, each in alarms.items() if name != "explanation"}
    if isinstance(alarms, list | tuple):
        return [_comparable(each) for each in alarms]
    return float(f"{alarms:.9g}") if isinstance(alarms, float) else alarms


@pytest.mark.parametrize("case", CASES)
def test_it_continues_from_each_moment(case: str) -> None:
    moments = CASES[case]["moments"]
    for first in range(len(moments)):
        sentinel = Sentinel.load(moments[first]["saved"])
        for moment in moments[first:]:
            alarms = msgspec.to_builtins(sentinel.update(moment["rows"]))
            assert _comparable(alarms) == _comparable(moment["alarms"])
        assert (sentinel.rows, sentinel.alarms) == (CASES[case]["seen"], CASES[case]["raised"])


def test_they_were_in_the_middle_of_something() -> None:
    assert set(CASES) == {"relearn", "hold", "restart", "losses", "errors"}
    assert all(each["raised"] > 0 for each in CASES.values())
