"""The report: accounts to the last event, faults by name, pages from firing to resolved."""

from collections import Counter

import msgspec
import pytest

from tests.demo.making import alert, day
from watchkeeper.demo.faults import FAULTS
from watchkeeper.demo.report import Report, count_events, find_faults, incidents, pages_of

HUMID, TEMP, CARRIER = FAULTS


def report(**changes: object) -> Report:
    events = count_events(Counter(labels=2), Counter({("labels", "accepted"): 2}))
    whole = Report(events, [], [], [], None, 1.0, 2.0)
    return msgspec.structs.replace(whole, **changes)


def test_accounts_balance_only_if_each_topic_does() -> None:
    published = Counter(labels=3, predictions=3)
    counted = Counter({("labels", "accepted"): 4, ("predictions", "late"): 1, ("predictions", "rejected"): 1})
    events = count_events(published, counted)
    assert (events.published, events.folded, events.rejected) == (6, 5, 1)
    assert not events.balance
    (problem,) = report(events=events).problems()
    assert problem.startswith("The accounts do not balance (labels: 3 published, 4 folded, 0 rejected, ")
    assert count_events(Counter(labels=4), Counter({("labels", "accepted"): 4})).balance


def test_an_event_that_nobody_published_is_reported() -> None:
    assert not count_events(Counter(), Counter({("labels", "duplicate"): 1})).balance


def test_a_fault_is_found_by_the_first_alert_on_it() -> None:
    second = alert("FeatureDrift", HUMID.began, day(6, 13), feature="humid")
    first = alert("FeatureMissing", HUMID.began, day(6, 12), feature="humid")
    (found,) = find_faults(FAULTS, [second, first], day(7, 1))
    assert (found.named_as, found.delay_hours, found.right) == ("missing", 24.0, True)


@pytest.mark.parametrize(
    "other",
    [
        alert("FeatureMissing", day(6, 1), day(6, 12), feature="humid"),
        alert("FeatureMissing", HUMID.began, day(6, 12), feature="dewp"),
        alert("FeatureMissing", HUMID.began, day(6, 12), feature_view="weather", feature="humid"),
        alert("FeatureMissing", HUMID.began, day(6, 17), feature="humid"),
    ],
    ids=["began before", "another feature", "another subject", "long after the end"],
)
def test_an_alert_on_something_else_is_no_find(other) -> None:
    (found,) = find_faults(FAULTS, [other], day(7, 1))
    assert found.named_as is None
    assert report(faults=[found]).problems() == ["The null burst of humid was not detected."]


def test_a_fault_called_drift_is_a_problem() -> None:
    drift = alert("FeatureDrift", TEMP.began, day(9, 10), feature="temp")
    wrong = find_faults([TEMP], [drift], day(12, 1))
    assert report(faults=wrong).problems() == [
        "The unit change of temp was detected as drift instead of unit_change."
    ]


def test_an_alert_on_several_features_is_about_each_of_them() -> None:
    several = alert("FeatureMissing", HUMID.began, day(6, 12), several="dewp, humid")
    assert find_faults([HUMID], [several], day(7, 1))[0].right


def test_faults_that_the_stream_has_not_come_to_are_not_asked_for() -> None:
    assert [fault.name for fault in find_faults(FAULTS, [], day(10, 1))] == ["null burst", "unit change"]


def test_a_page_runs_from_firing_to_resolved() -> None:
    fired = alert("FeatureMissing", day(6, 11), day(6, 12), feature="humid")
    worse = fired.model_copy(update={"updated_at": day(6, 13)})
    over = alert("FeatureMissing", day(6, 11), day(6, 15), status="resolved", feature="humid")
    ticket = alert("FeatureDrift", day(6, 1), day(6, 2), pages=False)
    again = alert("FeatureMissing", day(8, 1), day(8, 2), feature="humid")
    followed = [ticket, fired, worse, over, again]
    assert len(incidents(followed)) == 3
    first, second = pages_of(followed)
    assert (first.started, first.fired, first.resolved) == (day(6, 11), day(6, 12), day(6, 15))
    assert (second.started, second.resolved) == (day(8, 1), None)


def test_the_json_has_what_the_readme_promises() -> None:
    found = find_faults(
        [HUMID], [alert("FeatureMissing", HUMID.began, day(6, 12), feature="humid")], day(7, 1)
    )
    pages = pages_of([alert("FeatureMissing", day(6, 11), day(6, 12), feature="humid")])
    written = msgspec.json.decode(msgspec.json.encode(report(faults=found, pages=pages)))
    assert {"events", "faults", "pages", "retraining", "auroc", "seconds", "events_per_second"} <= set(
        written
    )
    assert {"published", "folded", "rejected"} <= set(written["events"])
    assert {"name", "began", "found", "named_as"} <= set(written["faults"][0])
    wanted = {"alertname", "severity", "runbook_url", "started", "resolved", "explanation"}
    assert wanted <= set(written["pages"][0])


def test_pages_that_nothing_explains_are_held_against_the_budget() -> None:
    pages = pages_of(
        [alert("FeatureMissing", day(month, 1), day(month, 2), feature="dewp") for month in (6, 8)]
    )
    false = [msgspec.structs.replace(page, cause="unexplained") for page in pages]
    assert report(pages=false, false_pages_at_most=0.9).problems() == []
    (problem,) = report(pages=false, false_pages_at_most=0.1).problems()
    assert (
        problem
        == "2 pages are unexplained. That is more than chance explains under a budget of 0.1 false pages."
    )
    real = [msgspec.structs.replace(page, cause="real") for page in pages]
    assert report(pages=real, false_pages_at_most=0.01).problems() == []
