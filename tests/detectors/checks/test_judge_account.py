"""What became of events: shares of rejected and late events, and wrong clocks."""

import pytest
from scipy.stats import binom

from watchkeeper.detectors.checks.judge_account import is_above, judge_account
from watchkeeper.schemas.monitors import Sensitivity
from watchkeeper.schemas.profiles import KindAccount, PublisherClock

LIMIT = Sensitivity().missing_ratio


def judge(samples=(), **kinds):
    return {finding.check: finding for finding in judge_account(kinds, samples, Sensitivity())}


def test_a_share_that_is_at_the_limit_is_rarely_taken_for_one_above_it():
    for events in (3, 20, 300, 1000):
        least = next(count for count in range(events + 1) if is_above(count, events, LIMIT))
        assert binom.sf(least - 1, events, LIMIT) <= 1e-3
        assert not is_above(least - 1, events, LIMIT)


@pytest.mark.parametrize("account", [KindAccount(1000), KindAccount(960, 20, 400, 20), KindAccount()])
def test_a_few_late_and_rejected_events_and_repeats_are_no_fault(account):
    assert judge(predictions=account) == {}


def test_rejected_events_are_told_with_their_reason_and_samples():
    account = KindAccount(accepted=10, rejected=90, reasons={"empty": 30, "invalid_event": 60})
    found = judge(["labels/0/7: no label"], predictions=KindAccount(900), labels=account)
    assert set(found) == {"rejected"}
    assert found["rejected"].value == 0.9
    assert found["rejected"].evidence["samples"] == ["labels/0/7: no label"]
    assert found["rejected"].explanation == (
        "90% of 100 labels were rejected, most of them as invalid_event. One is labels/0/7: no label."
    )


def test_late_events_of_all_publishers_are_late_and_no_wrong_clock():
    clocks = {name: PublisherClock(50, 40, 0, -90_000, -10) for name in ("a", "b")}
    found = judge(predictions=KindAccount(20, 80, clocks=clocks))
    assert set(found) == {"late"}
    assert found["late"].evidence["late_seconds"] == {"a": 90.0, "b": 90.0}


def test_one_publisher_that_alone_is_late_has_a_clock_behind():
    clocks = {"a": PublisherClock(50, 49, 0, -4_200_000, -4_100_000), "b": PublisherClock(50, 0, 0, -90, 5)}
    found = judge(predictions=KindAccount(50, 49, clocks=clocks))
    assert "the publisher a is behind: 49 predictions are up to 70 min old" in found["clock"].explanation
    assert {"clock", "late"} == set(found)


def test_a_publisher_that_is_ahead_is_named_however_few_its_events_are_among_all():
    clocks = {"a": PublisherClock(12, 0, 12, 3_000_000, 3_000_500), "": PublisherClock(3000, 0, 0, -90, 5)}
    found = judge(predictions=KindAccount(9988, 0, 0, 12, clocks=clocks))
    assert set(found) == {"clock"}
    assert "12 predictions are up to 50 min ahead" in found["clock"].explanation
    assert found["clock"].evidence["publisher"] == "a"
