"""The checks of windows and labels: events become statistics, and labels arrive."""

from collections.abc import Iterator, Mapping

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.checkups.checkup import Checkup, ago, moment, named
from watchkeeper.streams.cli.checkups.facts import Facts
from watchkeeper.streams.ingest.clock import Clock

__all__ = ["check_labels", "check_windows"]

WINDOWS_BEHIND = 2
"""Windows that may be missing between the newest event and the newest statistics. Chosen by hand: one is
open, and the watermark of one partition may be behind the others."""


def check_windows(facts: Facts, monitors: Mapping[str, Monitor]) -> Iterator[Checkup]:
    """Check that windows close as event time advances.

    Args:
        facts: What was read from the broker.
        monitors: The newest monitor of each subject.
    """
    if not facts.ingest:
        return
    quiet = [name for name in sorted(monitors) if not _clocks(facts, name)]
    stalled = [
        f"{name} (last window until {moment(facts.windows[name].end_ms)})"
        for name, monitor in sorted(monitors.items())
        if _is_stalled(facts, name, monitor)
    ]
    if stalled:
        yield Checkup(
            "fail", f"no window closes although events come: {named(stalled)}; see StatisticsStalled"
        )
    if quiet:
        yield Checkup(
            "warn",
            f"no event has come for {named(quiet)}; check the name in the events, or remove the monitor",
        )
    written = {name: facts.windows[name].at_ms for name in monitors if name in facts.windows}
    if written:
        oldest = min(written, key=lambda name: written[name])
        newest_ms = max(written.values())
        yield Checkup(
            "ok",
            f"windows of {len(written)} subjects: the last closed {ago(facts.now_ms - newest_ms)} ago, "
            f"that of {oldest} {ago(facts.now_ms - written[oldest])} ago",
        )


def _clocks(facts: Facts, subject: str, kinds: tuple[Kind, ...] = ("predictions", "features")) -> list[Clock]:
    return [
        clock
        for partition in facts.ingest.values()
        for (kind, name), clock in partition.clocks.items()
        if name == subject and kind in kinds
    ]


def _is_stalled(facts: Facts, subject: str, monitor: Monitor) -> bool:
    """Whether event time has passed the end of the last window by more windows than may be open."""
    last = facts.windows.get(subject)
    if last is None:  # it has no window yet, or none among the records that were read
        return False
    latest_ms = max((clock.latest_ms for clock in _clocks(facts, subject)), default=0)
    reached_ms = latest_ms - milliseconds(monitor.windows.lateness)
    return reached_ms - last.end_ms > WINDOWS_BEHIND * milliseconds(monitor.windows.size)


def check_labels(facts: Facts, monitors: Mapping[str, Monitor]) -> Iterator[Checkup]:
    """Tell when the last labels came, and for which models none did.

    Args:
        facts: What was read from the broker.
        monitors: The newest monitor of each subject.
    """
    labelled = [name for name, monitor in sorted(monitors.items()) if monitor.labels is not None]
    last = {
        name: max((clock.seen_ms for clock in _clocks(facts, name, ("labels",))), default=0)
        for name in labelled
        if _clocks(facts, name)
    }
    came = [at_ms for at_ms in last.values() if at_ms > 0]
    if came:
        yield Checkup(
            "ok", f"labels: the last of {len(came)} models came {ago(facts.now_ms - max(came))} ago"
        )
    if without := [name for name, at_ms in last.items() if at_ms <= 0]:
        yield Checkup(
            "ok", f"labels: none have come yet for {named(without)}; LabelsLate fires when they are due"
        )
