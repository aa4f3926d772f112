"""What a fold reports if too many of the latest events were rejected and name no subject."""

from typing import NamedTuple

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.topics.flow import TopicName


class RejectedShare(NamedTuple):
    """The rejected events of one topic and partition that name no subject, among the latest events."""

    topic: TopicName
    """The topic, without its prefix."""
    partition: int
    """The number of the partition."""
    rejected: int
    """Number of these events."""
    events: int
    """Number of latest events."""
    reason: Reason
    """The most frequent reason."""
    sample: str
    """The place of the last of these events, and what is wrong with it."""

    @property
    def sentence(self) -> str:
        """Return how many events of which partition were rejected, and why."""
        return (
            f"{self.rejected} of the last {self.events} events of {self.topic}, partition {self.partition}, "
            f"were rejected and name no model or feature view, most as {self.reason}"
        )
