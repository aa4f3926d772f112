"""The canary's loop, with stand-ins for Kafka and Alertmanager: when it goes on and when it ends."""

import asyncio
import io
from collections.abc import Mapping
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.canary.canary import Canary
from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.canary.missed import MissedAlert
from watchkeeper.streams.canary.round import Plan, Result
from watchkeeper.streams.canary.run import CanaryOptions, _refuse_a_second
from watchkeeper.streams.canary.subject import monitor
from watchkeeper.streams.errors import UserError

pytestmark = pytest.mark.asyncio

PLAN = Plan(pane_ms=1000, every_ms=60_000, within_ms=10_000)
OURS = monitor("m", timedelta(seconds=1))


class Clock:
    """Time that goes on by a tenth of a second with each look at it."""

    def __init__(self) -> None:
        self.now_ms = 30_000

    def __call__(self) -> int:
        self.now_ms += 100
        return self.now_ms


class Stream:
    """Kafka and workers in one: drift raises the alert, what is normal ends it."""

    def __init__(self, workers: bool = True) -> None:
        self.monitor: Monitor | None = OURS
        self.applied_ms = 0
        self.firing = False
        self.workers = workers
        self.sent = 0
        self.flows = asyncio.Event()
        self.drifted_at_ms: list[int] = []

    def send(self, at_ms: int, drifted: bool) -> None:
        self.sent += 1
        if self.sent == 20:
            self.flows.set()
        self.firing = drifted and self.workers
        if drifted:
            self.drifted_at_ms.append(at_ms)

    def poll(self) -> None:
        pass


class NeverAnswers:
    """An Alertmanager that is asked and does not answer."""

    async def firing(self, _: Mapping[str, str]) -> None:
        await asyncio.Event().wait()


def canary(stream: Stream, alertmanager: object = None, clock: Clock | None = None) -> Canary:
    missed = MissedAlert("m", "ml", "", alertmanager, Console(file=io.StringIO()))  # type: ignore[arg-type]
    made = Canary(
        OURS, PLAN, 0.0, stream, stream, alertmanager, missed,  # type: ignore[arg-type]
        CanaryMetrics(CollectorRegistry(), "m"), clock or Clock(),
    )  # fmt: skip
    made._look_seconds = 0.0
    return made


async def test_one_round_begins_at_once_and_drifts_until_it_is_seen() -> None:
    stream = Stream()
    result = await asyncio.wait_for(canary(stream).run_once(), 10)
    assert result.outcome == "detected"
    assert 31_000 < result.began_ms <= 33_000
    drifted = stream.drifted_at_ms
    assert result.began_ms <= drifted[0] <= drifted[-1] < result.began_ms + PLAN.within_ms


async def test_without_workers_the_round_is_missed() -> None:
    result = await asyncio.wait_for(canary(Stream(workers=False)).run_once(), 10)
    assert (result.outcome, result.seen_after_seconds) == ("missed", {})


async def test_rounds_follow_one_another_on_the_clock() -> None:
    results: list[Result] = []
    enough = asyncio.Event()

    def ended(result: Result) -> None:
        results.append(result)
        if len(results) == 3:
            enough.set()

    running = asyncio.create_task(canary(Stream()).run_for_ever(ended))
    await asyncio.wait_for(enough.wait(), 20)
    running.cancel()
    assert [result.began_ms for result in results[:3]] == [60_000, 120_000, 180_000]
    assert {result.outcome for result in results} == {"detected"}


async def test_an_alertmanager_that_does_not_answer_does_not_stop_the_stream() -> None:
    stream = Stream()
    running = asyncio.create_task(canary(stream, NeverAnswers()).run_once())
    async with asyncio.timeout(10):
        await stream.flows.wait()
    running.cancel()


async def test_a_canary_whose_monitor_is_replaced_ends_and_says_so() -> None:
    stream = Stream()
    running = asyncio.create_task(canary(stream).run_for_ever(lambda _: None))
    async with asyncio.timeout(10):
        await stream.flows.wait()
        stream.monitor = monitor("m", timedelta(seconds=2))
        with pytest.raises(UserError, match="the monitor m was changed or removed by another"):
            await running


async def test_a_second_single_round_is_refused_until_the_first_must_be_over() -> None:
    options, stream = CanaryOptions(OURS, PLAN, "ml", once=True), Stream()
    stream.applied_ms = 100_000
    with pytest.raises(UserError, match=r"another `canary --once` seems to run: .* wait at most 12 seconds"):
        _refuse_a_second(stream, options, 110_000)  # type: ignore[arg-type]
    _refuse_a_second(stream, options, 122_001)  # type: ignore[arg-type]
    stream.monitor = None
    _refuse_a_second(stream, options, 110_000)  # type: ignore[arg-type]
