"""The metrics of a worker as a process: whether it has joined, reads its configuration, and has a broker."""

from collections.abc import Callable

from watchkeeper.streams.metrics.factory import MetricFactory

__all__ = ["ProcessMetrics"]


class ProcessMetrics(MetricFactory):
    """Metrics whose values are asked for whenever they are read."""

    def _define_worker(self) -> None:
        self._joining = self._gauge(
            "joining_seconds",
            "Seconds for which the worker has been joining the group, or rebalancing. 0 once it has joined.",
        )
        self._unrestored = self._gauge(
            "unrestored_partitions",
            "Partitions of stages that are assigned to the worker, and not restored from their checkpoints.",
        )
        self._broker_silence = self._gauge(
            "broker_silence_seconds", "Seconds since a broker last answered the worker."
        )
        self._ignored = self._gauge(
            "config_ignored_records",
            "Broken records on `monitors` and `references`. The previous revisions stay in force.",
        )

    def follow_worker(
        self,
        joining_seconds: Callable[[], float],
        unrestored: Callable[[], float],
        broker_silence_seconds: Callable[[], float],
    ) -> None:
        """Show the state of the worker. The functions are called whenever the metrics are read.

        Args:
            joining_seconds: Returns how long the worker has been joining the group.
            unrestored: Returns the number of partitions that are assigned and not restored.
            broker_silence_seconds: Returns how long no broker has answered.
        """
        self._joining.set_function(joining_seconds)
        self._unrestored.set_function(unrestored)
        self._broker_silence.set_function(broker_silence_seconds)
