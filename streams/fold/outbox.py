"""The outputs of a fold that its keeper has not delivered yet."""

from collections.abc import Container, Iterable

from watchkeeper.streams.errors import UndeclaredOutput
from watchkeeper.streams.fold.protocol import Message

REPEATABLE_TOPICS = frozenset({"rejected"})
"""Topics whose records may be repeated, because their keys identify them. These outputs are delivered before
the checkpoint and are not part of it."""


class Outbox:
    """Collects the outputs of one keeper's fold.

    Args:
        source: The stage and partition, as `stage/partition`.
        destinations: The topics and sinks to which the fold may send.
    """

    def __init__(self, source: str, destinations: Container[str]) -> None:
        self.owed: list[Message] = []
        """Outputs that go into the next checkpoint, in order."""
        self.repeatable: list[Message] = []
        """Outputs that may be repeated."""
        self._source = source
        self._destinations = destinations

    def add(self, messages: Iterable[Message]) -> None:
        """Add outputs.

        Raises:
            UndeclaredOutput: One is for a topic or sink that the stage does not declare.
        """
        for message in messages:
            if message.topic not in self._destinations:
                raise UndeclaredOutput(self._source, message.topic)
            (self.repeatable if message.topic in REPEATABLE_TOPICS else self.owed).append(message)

    def take(self) -> tuple[list[Message], list[Message]]:
        """Return the owed and the repeatable outputs, and forget both."""
        taken = self.owed, self.repeatable
        self.owed, self.repeatable = [], []
        return taken
