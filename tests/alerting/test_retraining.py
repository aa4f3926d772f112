"""When retraining is asked for, and above all when not."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.windows import HOUR_MS, START_MS, Session, bad, no_data, window
from watchkeeper.alerting.retraining import request_id

WORSE = bad("performance", value=0.61, explanation="AUROC is 0.61, 0.06 below the reference.")


def labels(hour, *findings, **more):
    return window(hour, *findings, kind="labels", **more)


def test_it_takes_bad_windows_in_a_row():
    session = Session()
    session.take(window(0), labels(0, WORSE), labels(1), labels(2, WORSE))
    assert session.requests == []
    session.take(labels(3, WORSE))
    (request,) = session.requests
    end_ms = START_MS + 4 * HOUR_MS
    assert request.request_id == request_id("flight-delay", "1", end_ms)
    assert request.data_window.end == request.requested_at
    assert request.data_window.end - request.data_window.start == timedelta(hours=10)
    assert request.cooldown_until - request.requested_at == timedelta(hours=5)
    assert "2 consecutive windows, on 2000 labels" in request.reasons[0]
    assert "AUROC" in request.reasons[1]
    assert request.evidence[0]["value"] == 0.61
    assert request.excluded == []


def test_it_takes_enough_labels():
    session = Session()
    session.take(window(0), *(labels(hour, WORSE, rows=300) for hour in range(3)))
    assert session.requests == []
    session.take(labels(3, WORSE, rows=300))
    assert len(session.requests) == 1


def test_labels_of_overlapping_windows_count_once():
    session = Session()
    session.take(window(0), labels(0, WORSE, rows=900, size=2), labels(1, WORSE, rows=900, size=2))
    assert session.requests == []


def test_a_window_without_enough_labels_neither_counts_nor_ends_the_row():
    session = Session()
    session.take(window(0), labels(0, WORSE), labels(1, no_data("performance")), labels(2, WORSE))
    assert len(session.requests) == 1


def test_a_metric_that_can_never_be_measured_does_not_keep_the_row_together():
    session = Session()
    worse = bad("performance", evidence={"metric": "auroc"})
    never = no_data("performance", metric="f1")
    session.take(window(0), labels(0, worse, never), labels(1, never), labels(2, worse, never))
    assert session.requests == []
    session.take(labels(3, no_data("performance", metric="auroc")), labels(4, worse, never))
    assert len(session.requests) == 1


def test_there_is_one_request_in_a_cooldown():
    session = Session()
    session.take(window(0), *(labels(hour, WORSE) for hour in range(7)))
    assert [request.requested_at.hour for request in session.requests] == [4, 9]


def test_the_same_window_twice_asks_once():
    session = Session(retraining={"cooldown": "PT1S", "min_labels": 1})
    session.take(window(0), labels(0, WORSE), labels(1, WORSE), labels(1, WORSE), labels(1, WORSE))
    assert len(session.requests) == 1


def test_a_window_read_twice_counts_once():
    session = Session()
    session.take(window(0), labels(0, WORSE), labels(0, WORSE), labels(0, WORSE))
    assert session.requests == []


def test_after_a_request_the_count_starts_anew():
    session = Session(retraining={"cooldown": "PT1S", "min_labels": 1})
    session.take(window(0), *(labels(hour, WORSE) for hour in range(5)))
    assert [request.requested_at.hour for request in session.requests] == [4, 6]


def test_broken_data_is_never_a_reason_and_the_wait_is_named_afterwards():
    session = Session()
    fault = bad("unit_change", "temp")
    session.take(window(0, fault), window(1, fault), window(2, fault))
    session.take(*(labels(hour, WORSE) for hour in range(3)))
    assert session.requests == []
    session.take(window(3), window(4), window(5))
    # The window at 3 holds labels of predictions made within the fault: labels come up to an hour later.
    session.take(labels(3, WORSE), labels(4, WORSE))
    assert session.requests == []
    session.take(labels(5, WORSE))
    (request,) = session.requests
    assert (
        "held back while data was broken: FeatureUnitChange of temp since 2013-09-01 02:00 UTC until"
        in (request.reasons[-1])
    )
    (excluded,) = request.excluded
    assert (excluded.start.hour, excluded.end.hour) == (2, 5)


def test_a_fault_vetoes_nothing_that_became_known_before_it_was_found():
    for ahead in (0, 6):  # windows by which predictions are ahead of labels
        session = Session()
        rows = [window(hour, *([bad("missing", "temp")] if hour > 1 else [])) for hour in range(8)]
        session.take(*rows[:ahead])
        for hour in range(ahead, 8):
            session.take(rows[hour], labels(hour - ahead, WORSE))
        assert [request.requested_at.hour for request in session.requests] == [4]
        assert session.requests[0].excluded == []


def test_what_is_only_unusual_vetoes_nothing():
    session = Session()
    unusual = [bad("unseen_category", "x1"), bad("volume"), bad("drift", "x2")]
    session.take(*(window(hour, *unusual) for hour in range(3)), labels(0, WORSE), labels(1, WORSE))
    assert len(session.requests) == 1


def test_a_version_that_was_replaced_never_triggers():
    session = Session()
    for hour in range(6):
        session.take(window(hour), window(hour, version="2"))
        session.take(labels(hour, WORSE), labels(hour, version="2"))
    assert session.requests == []


def test_a_version_that_is_back_after_a_rollback_triggers_again():
    session = Session()
    session.take(window(0), window(0, version="2"))
    session.take(*(window(hour) for hour in range(1, 6)))
    session.take(labels(5, WORSE), labels(6, WORSE))
    assert [request.model_version for request in session.requests] == ["1"]


def test_a_bad_segment_alone_does_not_trigger():
    session = Session()
    session.take(window(0), *(labels(hour, bad("performance", None, "origin=EWR")) for hour in range(4)))
    assert session.requests == []


def test_without_a_plan_nothing_is_asked():
    session = Session(retraining=None)
    session.take(window(0), *(labels(hour, WORSE) for hour in range(4)))
    assert session.requests == []


hours = st.lists(st.sampled_from(["bad", "bad", "ok", "no_data", "broken"]), min_size=10, max_size=40)


def asked(drawn) -> Session:
    session = Session()
    for hour, state in enumerate(drawn):
        session.take(window(hour, *([bad("stuck", "temp")] if state == "broken" else [])))
        found = {"bad": [WORSE], "broken": [WORSE], "no_data": [no_data("performance")]}.get(state, [])
        session.take(labels(hour, *found))
    return session


@settings(max_examples=60, deadline=None)
@given(hours)
def test_requests_keep_the_cooldown_and_rest_on_sound_windows(drawn):
    requests = asked(drawn).requests
    ends = [round(request.requested_at.timestamp() * 1000 - START_MS) // HOUR_MS for request in requests]
    assert all(later - earlier >= 5 for earlier, later in pairwise(ends))
    assert all(drawn[end - 1] == "bad" for end in ends)
    assert len({request.request_id for request in requests}) == len(requests)


def test_the_hours_drawn_do_lead_to_requests():
    counts = []

    @settings(max_examples=60, deadline=None)
    @given(hours)
    def draw(drawn):
        counts.append(len(asked(drawn).requests))

    draw()
    assert sum(count > 0 for count in counts) > len(counts) / 4
