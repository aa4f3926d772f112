"""Incidents: what fires, once for each cause, and what ends it."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.windows import Session, bad, no_data, summaries, window
from watchkeeper.alerting.names import BROKEN, NAMES
from watchkeeper.alerting.subject import SubjectAlerts
from watchkeeper.schemas.findings import DISTORTING, EXPLAINED_BY, Check


def test_a_fault_fires_once_and_resolves_after_two_good_windows():
    session = Session()
    missing = bad("missing", "temp")
    alerts = session.take(window(0), window(1, missing), window(2, missing), window(3), window(4), window(5))
    assert summaries(alerts) == ["firing FeatureMissing temp", "resolved FeatureMissing temp"]
    fired, resolved = alerts
    assert fired.pages
    assert fired.labels == {
        "alertname": "FeatureMissing",
        "severity": "critical",
        "team": "ops-ml",
        "service": "watchkeeper",
        "model": "flight-delay",
        "environment": "production",
        "kind": "data_quality",
        "feature": "temp",
    }
    assert f"{fired.started_at:%H:%M}" == "03:00"
    assert f"{resolved.ended_at:%H:%M}" == "05:00"
    assert resolved.fingerprint == fired.fingerprint
    assert resolved.annotations["resolution"]


def test_a_firing_alert_is_told_again_when_its_explanation_changes_and_only_then():
    session = Session()
    alerts = session.take(
        window(0, bad("missing", "temp", value=0.3)),
        window(1, bad("missing", "temp", value=0.3)),
        window(2, bad("missing", "temp", value=0.5)),
    )
    assert summaries(alerts) == ["firing FeatureMissing temp"] * 2
    assert "0.5" in alerts[1].annotations["description"]
    assert alerts[1].started_at == alerts[0].started_at < alerts[1].updated_at


def test_windows_without_data_neither_fire_nor_resolve():
    session = Session()
    assert session.take(window(0, no_data("missing", "temp"))) == []
    session.take(window(1, bad("missing", "temp")))
    for hour in range(2, 8):
        blanket = no_data("missing") if hour % 2 else no_data("missing", "temp")
        assert session.take(window(hour, blanket)) == []
    assert summaries(session.take(window(8), window(9))) == ["resolved FeatureMissing temp"]


def test_a_check_that_was_not_made_is_no_data():
    session = Session()
    session.take(window(0, bad("missing", "temp")))
    labels = [window(hour, kind="labels") for hour in range(1, 6)]
    others = [msgspec.structs.replace(window(hour), checked=["stuck"]) for hour in range(1, 6)]
    assert session.take(*labels, *others) == []


def test_a_metric_that_can_never_be_measured_does_not_hold_an_alert_open():
    session = Session()
    worse, never = bad("performance", evidence={"metric": "auroc"}), no_data("performance", metric="f1")
    session.take(*(window(hour, worse, never, kind="labels") for hour in range(2)))
    assert (
        session.take(
            *(window(2 + i, no_data("performance", metric="auroc"), kind="labels") for i in range(3))
        )
        == []
    )
    alerts = session.take(window(6, never, kind="labels"), window(7, never, kind="labels"))
    assert summaries(alerts) == ["resolved ModelPerformanceDegraded 1"]


def test_labels_that_come_and_labels_that_do_not_are_judged_apart():
    session = Session(sensitivity={"fire_after": 2})
    cohort = msgspec.structs.replace(window(0, bad("labels_late"), kind="labels"), checked=["labels_late"])
    alerts = []
    for _ in range(3):
        alerts += session.take(cohort, window(0, kind="labels"))
    assert summaries(alerts) == ["firing LabelsLate"]


def test_segments_fold_into_the_alert_for_all_rows():
    findings = [bad("missing", "temp", segment) for segment in (None, "origin=EWR", "origin=JFK")]
    (alert,) = Session().take(window(0, *findings))
    assert summaries([alert]) == ["firing FeatureMissing temp"]
    assert alert.annotations["segments"] == "origin=EWR, origin=JFK"


def test_a_fault_in_one_segment_carries_it_until_it_spreads():
    session = Session()
    only = bad("missing", "temp", "origin=EWR")
    assert summaries(session.take(window(0, only))) == ["firing FeatureMissing temp origin=EWR"]
    alerts = session.take(window(1, only, bad("missing", "temp", "origin=JFK")))
    assert summaries(alerts) == ["resolved FeatureMissing temp origin=EWR", "firing FeatureMissing temp"]
    assert "wider" in alerts[0].annotations["resolution"]
    assert [a.status for a in session.take(window(2, only), window(3, only))] == ["firing"]
    assert summaries(session.take(window(4), window(5))) == ["resolved FeatureMissing temp"]


def test_the_same_fault_in_two_versions_is_one_incident():
    session = Session()
    missing = bad("missing", "temp")
    alerts = []
    for hour in range(3):
        for version in ("1", "2"):
            alerts += session.take(window(hour, missing, version=version))
    assert summaries(alerts) == ["firing FeatureMissing temp"] * 2
    assert alerts[-1].annotations["versions"] == "1, 2"


def test_a_fault_of_a_version_in_shadow_is_not_told_before_the_current_one_was_judged():
    session = Session()
    alerts = []
    for hour in range(4):
        found = [bad("missing", "temp")] if hour else []
        alerts += session.take(window(hour, *found), window(hour, *found, version="2"))
    assert {alert.labels["severity"] for alert in alerts} == {"critical"}
    assert len({alert.fingerprint for alert in alerts}) == 1


def test_an_alert_is_told_again_once_in_a_window_at_most():
    session = Session()
    alerts = session.take(window(0, bad("missing", "temp", value=0.3)))
    alerts += session.take(window(0, bad("missing", "temp", "origin=EWR", value=0.5), version="2"))
    assert len(alerts) == 1
    assert len(session.take(window(1, bad("missing", "temp", value=0.3)))) == 1


def test_drift_of_many_features_is_one_alert_ranked_by_effect():
    session = Session()
    drifts = [bad("drift", f"x{i}", value=0.3 + i / 10) for i in range(12)]
    assert session.take(window(0, *drifts)) == []
    (alert,) = session.take(window(1, *drifts))
    assert summaries([alert]) == ["firing FeatureDrift"]
    assert not alert.pages
    assert alert.annotations["features"].startswith("x11, x10, x9")
    assert "and 2 more" in alert.annotations["description"]


def test_a_fault_of_many_features_at_once_is_one_page():
    session = Session()
    findings = [bad("missing", f"x{i}") for i in range(8)]
    alerts = session.take(window(0, *findings), window(1, *findings), window(2, bad("missing", "x3")))
    assert summaries(alerts)[0] == "firing FeatureMissing"
    assert len({a.fingerprint for a in alerts}) == 1
    assert summaries(session.take(window(3), window(4)))[-1] == "resolved FeatureMissing"
    assert not session.subject.incidents


def test_a_feature_that_has_its_own_alert_keeps_it_when_many_follow():
    session = Session()
    session.take(window(0, bad("missing", "x1")))
    findings = [bad("missing", f"x{i}") for i in range(8)]
    assert summaries(session.take(window(1, *findings))) == ["firing FeatureMissing"]
    alerts = session.take(window(2), window(3))
    assert summaries(alerts) == ["resolved FeatureMissing", "resolved FeatureMissing x1"]


def test_broken_data_holds_drift_back():
    session = Session()
    findings = [bad("unit_change", "temp"), bad("out_of_range", "temp"), bad("drift", "temp")]
    findings.append(bad("prediction_drift"))
    alerts = session.take(*(window(hour, *findings) for hour in range(6)))
    assert summaries(alerts) == ["firing FeatureUnitChange temp"]


def test_drift_of_another_feature_is_not_held_back():
    session = Session()
    findings = [bad("missing", "temp"), bad("drift", "x1"), bad("drift", "temp")]
    alerts = session.take(window(0, *findings), window(1, *findings))
    assert summaries(alerts) == ["firing FeatureMissing temp", "firing FeatureDrift"]
    assert alerts[1].annotations["features"] == "x1"


def test_what_the_old_version_shows_explains_nothing_of_the_new_one():
    session = Session()
    alerts = []
    for hour in range(4):
        alerts += session.take(window(hour, bad("category_renamed", "temp")))
        alerts += session.take(window(hour, bad("drift", "temp"), version="2"))
    assert "firing FeatureDrift" in summaries(alerts)


def test_an_alert_that_a_fault_explains_later_is_resolved_and_returns_only_on_its_own():
    session = Session()
    drift = bad("drift", "temp")
    assert summaries(session.take(window(0, drift), window(1, drift))) == ["firing FeatureDrift"]
    alerts = session.take(window(2, drift, bad("unit_change", "temp")))
    assert summaries(alerts) == ["resolved FeatureDrift", "firing FeatureUnitChange temp"]
    assert "data-quality fault" in alerts[0].annotations["resolution"]
    fault = bad("unit_change", "temp")
    assert session.take(*(window(hour, drift, fault) for hour in range(3, 8))) == []
    # The first windows after the fault: drift ends with it, and nothing of it is left.
    assert summaries(session.take(window(8), window(9))) == ["resolved FeatureUnitChange temp"]
    assert session.take(window(10, drift)) == []
    assert summaries(session.take(window(11, drift))) == ["firing FeatureDrift"]


def test_a_performance_alert_names_the_fault_that_may_have_caused_it():
    session = Session()
    worse = bad("performance", explanation="AUROC is 0.61, 0.06 below the reference.")
    session.take(window(0, bad("unit_change", "temp")))
    (alert,) = session.take(window(0, worse, kind="labels"), window(1, worse, kind="labels"))
    assert summaries([alert]) == ["firing ModelPerformanceDegraded 1"]
    assert alert.pages
    assert alert.annotations["likely_cause"] == "FeatureUnitChange of temp since 2013-09-01 02:00 UTC"
    assert "Likely cause: FeatureUnitChange" in alert.annotations["description"]


def test_a_fault_found_after_the_performance_alert_is_named_with_the_next_labels():
    session = Session()
    worse = bad("performance")
    session.take(window(0, worse, kind="labels"), window(1, worse, kind="labels"))
    stuck = bad("stuck", "temp")
    assert summaries(session.take(window(2, stuck), window(3, stuck))) == ["firing FeatureStuck temp"]
    (alert,) = session.take(window(2, worse, kind="labels"))
    assert summaries([alert]) == ["firing ModelPerformanceDegraded 1"]
    assert "FeatureStuck of temp" in alert.annotations["likely_cause"]


def test_whoever_asked_for_tickets_is_never_paged():
    session = Session(owner={"team": "ops-ml", "severity": "ticket"})
    every = [bad(check, None if check in ("silent", "duplicates") else "temp") for check in NAMES]
    alerts = session.take(*(window(hour, *every) for hour in range(3)))
    assert len(alerts) > 5
    assert not any(alert.pages for alert in alerts)
    assert {alert.labels["severity"] for alert in alerts} <= {"warning", "info"}


def test_what_is_only_unusual_never_pages():
    session = Session()
    findings = [bad(check) for check in ("volume", "latency", "prediction_drift")]
    findings += [bad("drift", "x1"), bad("unseen_category", "x2")]
    rows = [window(hour, *findings) for hour in range(4)]
    labels = [window(hour, bad("labels_late"), kind="labels") for hour in range(4)]
    alerts = session.take(*rows, *labels)
    assert len({alert.labels["alertname"] for alert in alerts}) == 6
    assert not any(alert.pages for alert in alerts)


def test_a_version_that_was_replaced_wakes_nobody():
    session = Session()
    worse = bad("performance")
    session.take(window(0), window(0, worse, kind="labels"), window(1), window(1, worse, kind="labels"))
    alerts = []
    for hour in range(2, 6):  # version 1 goes on in shadow, and is as bad as before
        alerts += session.take(window(hour), window(hour, version="2"))
        alerts += session.take(window(hour, worse, kind="labels"), window(hour, kind="labels", version="2"))
    assert summaries(alerts) == [
        "resolved ModelPerformanceDegraded 1",
        "firing ModelPerformanceDegraded 1",
    ]
    assert alerts[0].labels["severity"] == "critical"
    assert alerts[1].labels["severity"] == "warning"
    assert "replaced" in alerts[1].annotations["description"]


def test_a_version_that_was_replaced_wakes_nobody_even_while_its_successor_does_badly():
    session = Session()
    worse = bad("performance")
    alerts = []
    for hour in range(6):
        alerts += session.take(window(hour, version="2"), window(hour))
        alerts += session.take(
            window(hour, worse, kind="labels", version="2"), window(hour, worse, kind="labels")
        )
        if hour == 0:
            alerts.clear()  # which of them is the newer one was not known before
    paged = {alert.labels["model_version"] for alert in alerts if alert.labels["severity"] == "critical"}
    assert len(paged) == 1


def test_a_canary_does_not_silence_the_version_that_serves():
    session = Session()
    worse = bad("performance")
    alerts = []
    for hour in range(4):
        alerts += session.take(window(hour), window(hour, version="2", rows=50))
        alerts += session.take(window(hour, worse, kind="labels"), window(hour, kind="labels", version="2"))
    assert summaries(alerts) == ["firing ModelPerformanceDegraded 1"]
    assert alerts[0].pages


def test_a_fault_that_only_the_old_reference_sees_becomes_a_ticket():
    session = Session()
    renamed = bad("category_renamed", "carrier")
    alerts = session.take(window(0, renamed))
    for hour in range(1, 5):
        alerts += session.take(window(hour, renamed), window(hour, version="2"))
    assert [(a.status, a.labels["severity"]) for a in alerts] == [
        ("firing", "critical"),
        ("resolved", "critical"),
        ("firing", "warning"),
    ]


def test_the_alerts_of_a_version_that_publishes_no_more_end():
    session = Session()
    session.take(window(0, bad("missing", "temp")))
    alerts = session.take(*(window(hour, version="2") for hour in range(1, 6)))
    assert alerts[0].status == "resolved"
    assert not session.subject.incidents
    assert not session.subject.symptoms


def test_the_silence_of_a_retired_version_is_no_alert():
    session = Session()
    alerts = session.take(window(0), window(0, version="2"))
    for hour in range(1, 6):
        alerts += session.take(window(hour, bad("silent"), rows=0), window(hour, version="2"))
    assert alerts == []


def test_silence_of_the_subject_pages_and_ends_with_the_next_events():
    session = Session()
    alerts = session.take(window(0), window(1, bad("silent"), rows=0), window(2, bad("silent"), rows=0))
    assert summaries(alerts) == ["firing StreamSilent"]
    assert summaries(session.take(window(3), window(4))) == ["resolved StreamSilent"]


def test_labels_that_are_not_expected_any_more_end_their_alerts():
    session = Session()
    worse = bad("performance")
    session.take(window(0, worse, kind="labels"), window(1, worse, kind="labels"))
    session.monitor = session.monitor.model_copy(update={"labels": None, "retraining": None})
    assert summaries(session.take(window(2))) == ["resolved ModelPerformanceDegraded 1"]


def test_closing_resolves_all_that_is_open():
    session = Session()
    session.take(window(0, bad("missing", "temp"), bad("stuck", "x1")))
    closed = session.subject.close("Its monitor was removed.")
    assert summaries(closed) == ["resolved FeatureMissing temp", "resolved FeatureStuck x1"]
    assert not session.subject.incidents


checks = st.sampled_from(["missing", "unit_change", "drift", "prediction_drift", "unseen_category"])
finding = st.builds(
    lambda check, feature, segment: bad(check, None if check == "prediction_drift" else feature, segment),
    checks,
    st.sampled_from(["temp", "x1", "x2", "x3", "x4"]),
    st.sampled_from([None, None, "origin=EWR", "origin=JFK"]),
)
windows = st.lists(
    st.tuples(st.lists(finding, max_size=6), st.sampled_from(["1", "1", "2"]), st.booleans()),
    min_size=15,
    max_size=40,
)


def episodes(drawn) -> dict[str, list[str]]:
    """Return the statuses of each alert in order, with every restart in between."""
    session = Session()
    statuses: dict[str, list[str]] = {}
    for hour, (findings, version, broken) in enumerate(drawn):
        for alert in session.take(window(hour, *(findings if broken else []), version=version)):
            statuses.setdefault(alert.fingerprint, []).append(alert.status)
    open_now = {incident.published().fingerprint for incident in session.subject.incidents.values()}
    assert open_now == {name for name, states in statuses.items() if states[-1] == "firing"}
    return statuses


@settings(max_examples=50, deadline=None)
@given(windows)
def test_no_alert_is_resolved_before_it_fired_and_each_episode_ends_once(drawn):
    for states in episodes(drawn).values():
        assert states[0] == "firing"
        assert "resolved resolved" not in " ".join(states)


@settings(max_examples=50, deadline=None)
@given(windows)
def test_whatever_happened_good_windows_end_it(drawn):
    session = Session()
    for hour, (findings, version, _) in enumerate(drawn):
        session.take(window(hour, *findings, version=version))
    for hour in range(40, 45):
        session.take(window(hour, version="1"), window(hour, version="2"))
    assert not session.subject.incidents
    assert not session.subject.symptoms


def test_the_windows_drawn_do_fire_and_resolve():
    counts = []

    @settings(max_examples=50, deadline=None)
    @given(windows)
    def draw(drawn):
        counts.append(sum("resolved" in states for states in episodes(drawn).values()))

    draw()
    assert sum(count > 0 for count in counts) > len(counts) / 2


def test_labels_of_a_version_that_is_gone_are_not_missed():
    session = Session()
    late = msgspec.structs.replace(window(0, bad("labels_late"), kind="labels"), checked=["labels_late"])
    session.take(*(window(hour, version="2") for hour in range(5)))
    assert session.take(late) == []
    assert not session.subject.symptoms


def test_late_labels_of_a_new_version_do_not_acquit_the_old_one():
    session = Session()
    worse = bad("performance")
    session.take(window(0), window(0, worse, kind="labels"), window(1), window(1, worse, kind="labels"))
    session.take(window(2), window(2, version="2"))
    late = window(2, bad("labels_late"), kind="labels", version="2")
    alerts = session.take(msgspec.structs.replace(late, checked=["labels_late"]))
    assert summaries(alerts) == [
        "resolved ModelPerformanceDegraded 1",  # the page: it became a ticket, as another version answers
        "firing ModelPerformanceDegraded 1",
        "firing LabelsLate",
    ]
    assert not any(incident.published().pages for incident in session.subject.incidents.values())


def test_a_flood_of_findings_is_told_by_the_worst_and_stays_small():
    features = {f"f{i}": {"type": "number"} for i in range(1000)}
    session = Session(features=features)
    flood = [bad("missing", f"f{i}", value=0.3 + i / 2000) for i in range(1000)]
    (alert,) = session.take(window(0, *flood))
    assert alert.annotations["features"].startswith("f999, f998")
    assert len(alert.evidence) == 20
    assert len(session.subject.symptoms) == 1000
    assert sum(bool(symptom.findings) for symptom in session.subject.symptoms.values()) == 100
    assert len(msgspec.msgpack.encode(session.subject)) < 200_000


def test_a_state_that_kept_labels_among_the_rows_is_gone_on_from():
    seen = {
        "1": {"first_ms": 10, "rows": 1000, "last_ms": {"predictions": 20, "labels": 30}},
        "2": {"first_ms": 15, "rows": 0, "last_ms": {"labels": 30}},
    }
    subject = msgspec.convert({"versions": {"seen": seen}}, SubjectAlerts)
    assert {name: known.last_ms for name, known in subject.versions.seen.items()} == {
        "1": {"predictions": 20}
    }
    assert {name: known.last_ms for name, known in subject.labelled.seen.items()} == {
        "1": {"labels": 30},
        "2": {"labels": 30},
    }
    assert subject.versions.as_of(0).current == "1"


@pytest.mark.parametrize("cause", sorted(EXPLAINED_BY["stuck"]))
def test_a_stuck_feature_needs_no_alert_while_another_fault_of_it_explains_that(cause):
    session = Session()
    session.take(*(window(hour, bad(cause, "temp")) for hour in range(2)))
    alerts = session.take(window(2, bad(cause, "temp"), bad("stuck", "temp"), bad("stuck", "x1")))
    assert summaries(alerts) == ["firing FeatureStuck x1"]


EXPLANATIONS = {
    "out_of_range": "unit_change",
    "unseen_category": "category_renamed",
    "stuck": "unit_change out_of_range unseen_category",
    "prediction_drift": "unit_change category_renamed missing wrong_type out_of_range stuck",
    "drift": "unit_change category_renamed missing wrong_type out_of_range stuck unseen_category",
}
"""What a reader of the docs expects: for a check, the faults of the same feature that explain it."""


@pytest.mark.parametrize(
    ("check", "cause"), [(check, cause) for check, causes in EXPLANATIONS.items() for cause in causes.split()]
)
def test_a_check_needs_no_alert_while_a_fault_of_the_feature_explains_it(check, cause):
    found = bad(check) if check == "prediction_drift" else bad(check, "temp")
    for fault, alerts in ([bad(cause, "temp")], 0), ([], 1):
        session = Session()
        session.take(*(window(hour, *fault) for hour in range(2)))
        lines = summaries(session.take(*(window(hour, *fault, found) for hour in range(2, 8))))
        assert sum(line.startswith(f"firing {NAMES[check].alertname}") for line in lines) == alerts


def test_nothing_else_explains_anything():
    assert {check: set(causes.split()) for check, causes in EXPLANATIONS.items()} == EXPLAINED_BY


def test_every_explanation_comes_before_what_it_explains():
    order = get_args(Check)
    for check, causes in EXPLAINED_BY.items():
        assert all(order.index(cause) < order.index(check) for cause in causes)


def test_what_distorts_a_feature_is_what_pages_for_its_data():
    assert set(DISTORTING) == BROKEN - {"duplicates"}
