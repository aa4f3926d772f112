"""The checks of what waits: lag and its age, the log under the checkpoints, and the last checkpoints."""

from collections.abc import Iterator, Sequence

from watchkeeper.streams.cli.checkups.checkup import Checkup, ago, named
from watchkeeper.streams.cli.checkups.facts import Facts, Input

__all__ = ["WAIT_MS", "check_checkpoints", "check_lag", "oldest_ms"]

WAIT_MS = 120_000
"""Milliseconds that a record may wait. The alerts LagGrowing and CheckpointOld have the same limit."""


def oldest_ms(inputs: Sequence[Input]) -> int | None:
    """Return when the first unread record of all inputs was appended; None if none waits.

    Args:
        inputs: The inputs to look at.
    """
    times = [each.unread_ms for each in inputs if each.unread_ms is not None]
    return min(times, default=None)


def check_lag(facts: Facts) -> Iterator[Checkup]:
    """Check that no record waits for long in a topic that a stage reads.

    Args:
        facts: What was read from the broker.
    """
    lags: list[str] = []
    for topic in dict.fromkeys(each.topic for each in facts.inputs):
        inputs = [each for each in facts.inputs if each.topic == topic]
        count, since_ms = sum(each.lag for each in inputs), oldest_ms(inputs)
        if not count or since_ms is None:
            continue
        waited_ms = facts.now_ms - since_ms
        what = f"{topic}: {count} records wait, the first for {ago(waited_ms)}"
        if waited_ms >= WAIT_MS:
            yield _too_long(facts, what, inputs)
        else:
            lags.append(what)
    if facts.inputs and not lags and not any(each.lag for each in facts.inputs):
        yield Checkup("ok", "lag: every topic is read to its end")
    elif lags:
        yield Checkup("ok", "; ".join(lags))


def _too_long(facts: Facts, what: str, inputs: Sequence[Input]) -> Checkup:
    if not facts.saved:
        return Checkup("warn", f"{what}: no worker has read them yet")
    numbers = named([str(each.partition) for each in inputs if each.lag])
    return Checkup(
        "fail", f"{what}, in partition {numbers}: workers do not keep up or are stuck; see LagGrowing"
    )


def check_checkpoints(facts: Facts) -> Iterator[Checkup]:
    """Check that every stage saves while records wait for it.

    Args:
        facts: What was read from the broker.
    """
    if not facts.saved:
        return
    stuck = []
    for each in facts.inputs:
        saved = facts.saved.get((each.stage, each.partition))
        waits = each.unread_ms is not None and facts.now_ms - each.unread_ms >= WAIT_MS
        if saved is not None and waits and facts.now_ms - saved.at_ms >= WAIT_MS:
            stuck.append(f"{each.stage}/{each.partition} ({ago(facts.now_ms - saved.at_ms)})")
    if stuck:
        yield Checkup(
            "fail",
            f"checkpoints: nothing is saved although records wait: {named(sorted(set(stuck)))}; "
            "see CheckpointOld",
        )
        return
    newest: dict[str, int] = {}
    for (stage, _), saved in facts.saved.items():
        newest[stage] = max(newest.get(stage, 0), saved.at_ms)
    last = ", ".join(f"{stage} {ago(facts.now_ms - at_ms)}" for stage, at_ms in sorted(newest.items()))
    yield Checkup("ok", f"checkpoints: the last ones are this old: {last}")
