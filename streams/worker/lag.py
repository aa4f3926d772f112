"""Tells a keeper how far its topics are read: what waits, and whether an end is reached."""

from faust.types import TP

from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.worker.transport import ChunkConsumer


def follow_lag(
    keeper: Keeper, topic: str, tp: TP, consumer: ChunkConsumer, metrics: Metrics, now_ms: int, exact: bool
) -> None:
    """Set the lag of a topic, and tell the fold whether the topic is read to its end.

    Args:
        keeper: The keeper of the partition.
        topic: The topic, without the prefix.
        tp: The partition on the broker.
        consumer: It knows the ends.
        metrics: They show the lag.
        now_ms: The current time, since 1970.
        exact: Whether the broker gives exact ends. Then an end before the position is that of another log.
    """
    ends = consumer.end_offsets(tp)
    at = consumer.next_offset(tp, keeper.position(topic))
    if ends is None or (exact and ends[1] < at):
        keeper.waiting.pop(topic, None)
        keeper.fold.end_unknown(topic)
        return
    # Records of an open transaction count as lag, although they may still be aborted.
    keeper.waiting[topic], lag = (max(0, end - at) for end in ends)
    metrics.observe_lag(keeper.stage, topic, tp.partition, lag)
    if lag == 0:
        keeper.fold.caught_up(topic, now_ms)
