"""The series about the logs of a worker's topics: offsets passed and lost, and changes of the logs."""

from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge

from watchkeeper.streams.fold.log_state import LogState

__all__ = ["LogSeries"]


class LogSeries:
    """Shows what became of the offsets of each stage and topic. The counts are exact across crashes.

    Args:
        counter: Creates a counter.
        gauge: Creates a gauge.
        raise_to: Raises the series of a counter to a total.
        owned: Returns a series that is removed with its stage and partition.
    """

    def __init__(
        self,
        counter: Callable[..., Counter],
        gauge: Callable[..., Gauge],
        raise_to: Callable[..., None],
        owned: Callable[..., Gauge],
    ) -> None:
        self._raise_to = raise_to
        self._owned = owned
        place = ("stage", "topic", "partition")
        self._passed = counter(
            "offsets_passed_total",
            "Offsets that a stage has passed, by outcome. The count is exact across crashes. `outcome` is "
            "folded, repeated (outputs that came again), gap (no record: ends of transactions, aborted, "
            "compacted) or lost.",
            *(*place, "outcome"),
        )
        self._changes = counter(
            "log_changes_total",
            "Times that the log of a topic was not the one of the checkpoint. `change` is recreated, "
            "truncated, overtaken, checkpoint_lost, checkpoint_behind or rewound.",
            *(*place, "change"),
        )
        self._lost = counter(
            "lost_offsets_total",
            "Offsets that were gone before they were read. `cause` is the change of the log.",
            *(*place, "cause"),
        )
        self._changed = gauge(
            "log_changed_timestamp_seconds",
            "Time at which a change of a log was last noticed. Absent without one.",
            *(*place, "change"),
        )
        self._lost_at = gauge(
            "lost_offsets_timestamp_seconds",
            "Time at which offsets were last noticed to be lost. Absent if none ever were.",
            *(*place, "cause"),
        )
        self._unread = gauge(
            "unread_partitions",
            "Partitions of a topic beyond those in the settings. Nobody reads them.",
            "topic",
        )

    def show(self, stage: str, partition: int, logs: Mapping[str, LogState]) -> None:
        """Show the account of the logs of one keeper.

        Args:
            stage: The stage.
            partition: The partition number.
            logs: Topic -> what is known of its log.
        """
        owner = (stage, partition)
        for topic, log in logs.items():
            labels = (stage, topic, str(partition))
            passage = log.passage
            totals = {"folded": passage.folded, "repeated": passage.repeated, "gap": passage.gaps}
            for outcome, total in (totals | {"lost": passage.lost}).items():
                self._raise_to(total, self._passed, owner, *labels, outcome)
            for change, noted in log.changes.items():
                self._raise_to(noted.count, self._changes, owner, *labels, change)
                self._owned(owner, self._changed, *labels, change).set(noted.at_ms / 1000)
                if noted.lost:
                    self._raise_to(noted.lost, self._lost, owner, *labels, change)
                    self._owned(owner, self._lost_at, *labels, change).set(noted.lost_at_ms / 1000)

    def show_unread(self, topic: str, partitions: int) -> None:
        """Set the number of partitions of a topic that nobody reads."""
        self._unread.labels(topic).set(partitions)
