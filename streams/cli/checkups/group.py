"""The check of the workers: they are in the group, and own every partition."""

from collections.abc import Iterator

from watchkeeper.streams.cli.checkups.checkup import Checkup, ago, named
from watchkeeper.streams.cli.checkups.facts import Facts, WorkerGroup
from watchkeeper.streams.cli.checkups.lag import oldest_ms

__all__ = ["check_group"]

JOINING_MS = 60_000
"""Milliseconds for which records may wait while workers share out partitions. It is `STUCK_SECONDS` of the
probes, after which a worker that joins answers 503 at `/live`."""
_WITHOUT_MEMBERS = ("empty", "dead", "unknown")


def check_group(facts: Facts) -> Iterator[Checkup]:
    """Check that workers are members of the group, that they have shared out the partitions, and all of them.

    Args:
        facts: What was read from the broker.
    """
    group = facts.group
    if group is None:
        return  # `unreadable` says why
    if group.state in _WITHOUT_MEMBERS and not group.members:
        yield _without_workers(facts, group)
    elif group.state != "stable":
        yield _rebalancing(facts, group)
    else:
        yield _stable(facts, group)


def _without_workers(facts: Facts, group: WorkerGroup) -> Checkup:
    if not facts.saved:
        return Checkup(
            "warn", f"group {group.name}: no worker has saved anything yet; run: watchkeeper worker"
        )
    waiting = sum(each.lag for each in facts.inputs)
    return Checkup(
        "fail",
        f"group {group.name}: no worker is a member, and {waiting} records wait; run: watchkeeper worker",
    )


def _rebalancing(facts: Facts, group: WorkerGroup) -> Checkup:
    what = f"group {group.name}: {group.state}: workers are joining, and nothing is read"
    since_ms = oldest_ms(facts.inputs)
    waited_ms = 0 if since_ms is None else facts.now_ms - since_ms
    if waited_ms < JOINING_MS:
        return Checkup("warn", f"{what}; this may last seconds: run the command again")
    return Checkup(
        "fail",
        f"{what}; records have waited for {ago(waited_ms)}: see the logs and /ready of the workers, and "
        "restart those that do not join",
    )


def _stable(facts: Facts, group: WorkerGroup) -> Checkup:
    owned = {place for member in group.members for place in member.places}
    lacking = sorted({(each.topic, each.partition) for each in facts.inputs} - owned) if owned else []
    if lacking:
        places = named([f"{topic}/{number}" for topic, number in lacking])
        return Checkup(
            "fail", f"group {group.name}: no worker owns {places}; restart the workers one after the other"
        )
    hosts = sorted(member.host for member in group.members)
    known = f"workers: {len(hosts)} ({named(hosts)})" if hosts else "the broker does not list its members"
    return Checkup("ok", f"group {group.name}: stable, {known}")
