"""Schedules keep their earlier faults when kinds are added, and what is not told would be noticed."""

import json
from collections import Counter

from tests.faults.healthy_models import Healthy, models, records
from tests.faults.mishaps import REJECTED, TOLD, Mishaps, miscounted, untold
from tests.faults.neighbours import BAD, START
from tests.faults.oracle import Outcome
from tests.faults.ruin import Ruined, troubles
from tests.faults.ruins import RUINS
from tests.faults.schedule import BROKER, PUBLISHERS, RECEIVER, SAVES, STREAM, TRAFFIC, WORKER, draw

BEFORE = sorted({*WORKER, *BROKER, *SAVES, *STREAM, *RECEIVER})
SEEDS = range(1, 51)


def test_faults_of_publishers_change_no_other_fault() -> None:
    for seed in SEEDS:
        known = draw(seed, 22, BEFORE).lanes[:5]
        assert draw(seed, 22, [*BEFORE, *PUBLISHERS, *TRAFFIC]).lanes[:5] == known


def test_every_kind_happens_in_the_schedules() -> None:
    drawn = Counter(
        fault.kind for seed in SEEDS for fault in draw(seed, 22, [*BEFORE, *PUBLISHERS, *TRAFFIC]).faults
    )
    assert {*PUBLISHERS, *TRAFFIC} <= drawn.keys()
    assert all(hasattr(Mishaps, f"_{kind}") for kind in (*PUBLISHERS, *TRAFFIC))


def outcome(alerts: list[tuple[str, str]], rejected: int = 0) -> Outcome:
    values = [json.dumps({"labels": {"model": model, "alertname": name}}).encode() for model, name in alerts]
    model, reason = REJECTED["bad_team"]
    places = {f"predictions/0/{n}": (reason, b"{" + model + b"}") for n in range(rejected)}
    counts = Counter({"labels late": 0, "labels orphaned": 0})
    return Outcome({"alerts": Counter(values)}, places, counts)


def test_what_on_call_was_not_told_is_found() -> None:
    for kind, told in TOLD.items():
        for name in told.alerts:
            assert untold(Counter({kind: 1}), outcome([(told.model, name)])) == []
            assert len(untold(Counter({kind: 1}), outcome([("risk", name)]))) == 1
        assert untold(Counter(), outcome([])) == []


def test_an_event_that_is_nowhere_is_found() -> None:
    assert miscounted(Counter({"bad_team": 2}), outcome([], 2 * BAD)) == []
    assert len(miscounted(Counter({"bad_team": 2}), outcome([], 2 * BAD - 1))) == 1
    lost = outcome([])
    lost.accounts["labels late"] = 1
    assert len(miscounted(Counter(), lost)) == 1
    assert len(miscounted(Counter({"label_flood": 1}), outcome([]))) == 1


def ruined(counted: int, lost: int, **changes: int) -> Ruined:
    return Ruined("", Counter({0: 600, 2: 600}), Counter({0: 600, 2: counted}), 100, lost, changes, [])


def test_a_ruin_that_is_not_told_or_not_counted_is_found() -> None:
    how = RUINS["overtaken"]
    assert troubles(how, ruined(500, 100, overtaken=1)) == []
    assert len(troubles(how, ruined(500, 100))) == 1
    assert len(troubles(how, ruined(500, 99, overtaken=1))) == 1
    assert len(troubles(how, ruined(499, 100, overtaken=1))) == 1
    assert len(troubles(how, ruined(700, 100, overtaken=1))) == 2


def test_healthy_batches_come_in_order_of_event_time() -> None:
    [batch] = [model for model in models(2) if model.batch_minutes]
    sent = sorted(records(batch, START, START.replace(day=2)))
    assert len(sent) > 500
    for topic in ("predictions", "labels"):
        times = [each.time for each in sent if each.topic == topic]
        assert times == sorted(times)
    assert all(each.at.minute % batch.batch_minutes == 0 for each in sent)


def test_healthy_models_are_of_every_kind() -> None:
    fleet = models(30)
    assert len({model.name for model in fleet}) == 30
    assert {model.is_classifier for model in fleet} == {model.has_labels for model in fleet} == {True, False}
    assert any(model.batch_minutes for model in fleet)
    assert any(isinstance(model, Healthy) and not model.batch_minutes for model in fleet)
