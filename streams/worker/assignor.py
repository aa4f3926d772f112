"""Assigns only the partitions that the settings know, although a topic may have more."""

from typing import Any

from faust.assignor.partition_assignor import PartitionAssignor


class _Bounded:
    """The topics of a cluster, each with at most a number of partitions."""

    def __init__(self, cluster: Any, partitions: int) -> None:
        self._cluster = cluster
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Return the known partitions of a topic."""
        found = self._cluster.partitions_for_topic(topic) or ()
        return {number for number in found if number < self._partitions}


def known_partitions(partitions: int) -> type[PartitionAssignor]:
    """Return the assignor of an installation with this number of partitions.

    Faust keeps topics together that have the same number of partitions. If partitions were added to one
    topic, a stage would get partition 0 of its topics on different workers. So all get the known number.

    Args:
        partitions: The number of partitions in the settings.
    """

    class KnownPartitions(PartitionAssignor):  # type: ignore[misc]
        def _perform_assignment(self, cluster: Any, member_metadata: Any) -> Any:
            return super()._perform_assignment(_Bounded(cluster, partitions), member_metadata)

    return KnownPartitions
