"""Alerts in, notices out: told once, said again while it fires, and not one page too many."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.alerting.samples import alerts
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.fold.interfaces import NotOwner
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.notify.alertmanager import AlertmanagerDeliverer
from watchkeeper.streams.notify.receiver import NoticesRefused
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.notify.terminal import TerminalDeliverer

FIRING, RESOLVED, _ = alerts()
MINUTE_MS = 60_000


def record(alert: Alert, offset: int = 0) -> Record:
    return Record(offset, 0, alert.fingerprint.encode(), alert.model_dump_json().encode())


def later(alert: Alert, hours: int, **changes) -> Alert:
    return alert.model_copy(update={"updated_at": alert.updated_at + timedelta(hours=hours), **changes})


def again(hours: int) -> Alert:
    """The same alert in a new episode."""
    return later(FIRING, hours, started_at=FIRING.started_at + timedelta(hours=hours))


def notices(fold: NotifyFold) -> list[Notice]:
    return [Notice.model_validate_json(message.value) for message in fold.outputs()]


def said(fold: NotifyFold) -> list[str]:
    return [notice.change for notice in notices(fold)]


def folded(*given_alerts: Alert, now_ms: int = 0) -> NotifyFold:
    fold = NotifyFold()
    fold.fold("alerts", [record(alert, i) for i, alert in enumerate(given_alerts)], now_ms)
    return fold


def test_an_alert_is_told_when_it_fires_changes_and_ends():
    fold = folded(FIRING, now_ms=1000)
    (fired,) = notices(fold)
    assert (fired.change, fired.fired_at.timestamp(), fired.resolved_at) == ("fired", 1.0, None)
    fold.fold("alerts", [record(later(FIRING, 1))], 2000)
    (updated,) = notices(fold)
    assert (updated.change, updated.fired_at) == ("updated", fired.fired_at)
    fold.fold("alerts", [record(RESOLVED)], 3000)
    (resolved,) = notices(fold)
    assert (resolved.change, resolved.fired_at, resolved.alert) == ("resolved", fired.fired_at, RESOLVED)
    assert resolved.resolved_at.timestamp() == 3.0


def test_the_compacted_topic_read_again_tells_nothing_twice():
    states = [FIRING, later(FIRING, 1), RESOLVED, again(10), later(again(10), 2)]
    fold = folded(*states)
    assert said(fold) == ["fired", "updated", "resolved", "fired", "updated"]
    for tail in range(len(states)):
        fold.fold("alerts", [record(alert) for alert in states[tail:]], 0)
    assert fold.outputs() == []


def test_an_alert_that_was_over_before_it_was_heard_of_is_not_told():
    fold = folded(RESOLVED)
    fold.fold("alerts", [record(FIRING)], 0)
    fold.tick(10 * MINUTE_MS)
    assert fold.outputs() == []
    fold.fold("alerts", [record(again(10))], 0)
    assert said(fold) == ["fired"]


def test_what_fires_is_said_again_each_minute_and_what_is_over_for_five():
    fold = folded(FIRING)
    fold.outputs()
    for second in range(0, 181, 1):
        fold.tick(second * 1000)
    assert said(fold) == ["repeated"]  # never more than one is owed
    counts = []
    for minute in range(3, 8):
        fold.tick(minute * MINUTE_MS + 500)
        counts += said(fold)
    assert counts == ["repeated"] * 4
    fold.fold("alerts", [record(RESOLVED)], 8 * MINUTE_MS)
    assert said(fold) == ["resolved"]
    ends = []
    for minute in range(9, 30):
        fold.tick(minute * MINUTE_MS)
        ends += [notice.resolved_at.timestamp() for notice in notices(fold)]
    assert ends == [8 * 60.0] * 5


def test_an_alert_that_is_over_is_told_to_be_over_once():
    fold = folded(FIRING, RESOLVED, later(RESOLVED, 1))
    assert said(fold) == ["fired", "resolved"]


def test_a_repeat_that_waits_is_dropped_when_the_alert_ends():
    fold = folded(FIRING)
    fold.tick(2 * MINUTE_MS)
    fold.fold("alerts", [record(RESOLVED)], 2 * MINUTE_MS)
    assert said(fold) == ["fired", "resolved"]


def test_a_restored_fold_goes_on_as_if_never_stopped():
    fold, lived = folded(FIRING), folded(FIRING)
    fold.outputs(), lived.outputs()
    restored = NotifyFold()
    restored.restore(fold.snapshot())
    for each in (restored, lived):
        each.fold("alerts", [record(FIRING)], 1)
        each.tick(MINUTE_MS)
        each.fold("alerts", [record(RESOLVED)], MINUTE_MS)
    assert restored.outputs() == lived.outputs()
    assert restored.snapshot() == lived.snapshot()


def test_what_is_no_alert_is_counted_and_goes_to_rejected():
    fold = NotifyFold(number=2)
    fold.fold("alerts", [Record(i, 0, b"k", value) for i, value in enumerate([None, b"{", b"{}"])], 0)
    assert fold.unreadable == 3
    rejected = [msgspec.msgpack.decode(m.value, type=Rejection) for m in fold.outputs()]
    assert [(r.name, r.reason) for r in rejected] == [(f"alerts/2/{i}", "unreadable") for i in range(3)]


histories = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=5, max_size=30)


def history(drawn) -> list[Alert]:
    """States of one alert as the page stage publishes them: in turn, ever later."""
    states, hours = [], 0
    for _, updates in drawn:
        states += [again(hours), *(later(again(hours), update) for update in range(1, updates + 1))]
        hours += 20
        states.append(later(again(hours - 20), 10, status="resolved", annotations=RESOLVED.annotations))
    return states


@settings(max_examples=40, deadline=None)
@given(histories)
def test_each_episode_is_told_once_wherever_it_is_restarted_and_read_again(drawn):
    states, fold, changes = history(drawn), NotifyFold(), []
    for i, alert in enumerate(states):
        back = 3 if drawn[i % len(drawn)][0] else 0
        fold.fold("alerts", [record(each) for each in states[max(0, i - back) : i]] + [record(alert)], i)
        changes += [change for change in said(fold) if change in ("fired", "resolved")]
        state, fold = fold.snapshot(), NotifyFold()
        fold.restore(state)
    assert changes == ["fired", "resolved"] * len(drawn)


class Receiver:
    """Stands in for an Alertmanager that refuses as often as it is told to."""

    def __init__(self, *refusals) -> None:
        self.refusals = list(refusals)
        self.posted = []
        self.ahead_seconds = 0.0

    async def post(self, sent):
        self.posted.append(sent)
        return self.refusals.pop(0) if self.refusals else None


def deliverer(*refusals) -> tuple[AlertmanagerDeliverer, Receiver, list[float]]:
    slept: list[float] = []
    now = [1_800_000_000.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    made = AlertmanagerDeliverer(["http://nowhere"], clock=lambda: now[0], sleep=sleep)
    made.alertmanager = receiver = Receiver(*refusals)
    return made, receiver, slept


def test_delivery_is_tried_until_it_succeeds_ever_more_slowly():
    from watchkeeper.alerting.alertmanager import AlertmanagerRefusal

    made, receiver, slept = deliverer(*[AlertmanagerRefusal(True, "down")] * 8)
    asyncio.run(made.deliver(folded(FIRING).outputs()))
    assert slept == [0.5, 1, 2, 4, 8, 15, 15, 15]
    ends = [sent[0]["endsAt"] for sent in receiver.posted]
    assert ends == sorted(set(ends))  # each try moves the end


def test_a_worker_that_lost_its_partition_while_it_tried_tells_nothing_more():
    """It was frozen between two tries, and whoever took over has told of the end meanwhile."""
    from watchkeeper.alerting.alertmanager import AlertmanagerRefusal

    answers = [True, True, False]
    made, receiver, slept = deliverer(*[AlertmanagerRefusal(True, "down")] * 8)
    with pytest.raises(NotOwner):
        asyncio.run(made.deliver(folded(FIRING).outputs(), lambda: answers.pop(0)))
    assert (len(receiver.posted), slept, answers) == (2, [0.5, 1], [])


def test_what_is_refused_for_good_is_raised_with_the_reason():
    from watchkeeper.alerting.alertmanager import AlertmanagerRefusal

    made, receiver, slept = deliverer(AlertmanagerRefusal(False, "bad label"))
    with pytest.raises(NoticesRefused, match="bad label"):
        asyncio.run(made.deliver(folded(FIRING).outputs()))
    assert (len(receiver.posted), slept) == (1, [])


def test_the_terminal_shows_what_fired_and_what_ended_but_no_repeats():
    fold = folded(FIRING, later(FIRING, 1))
    outputs = fold.outputs()
    fold.tick(MINUTE_MS)
    outputs += fold.outputs()
    fold.fold("alerts", [record(RESOLVED)], MINUTE_MS)
    outputs += fold.outputs()
    assert len(outputs) == 4
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        asyncio.run(TerminalDeliverer(console).deliver(outputs))
    assert captured.get().count("PAGE") == 1
    assert captured.get().count("RESOLVED") == 1


def test_messages_are_for_the_sink_and_keyed_by_the_alert():
    (message,) = folded(FIRING).outputs()
    assert (message.topic, message.key) == ("notify", FIRING.fingerprint.encode())
    assert isinstance(message, Message)
