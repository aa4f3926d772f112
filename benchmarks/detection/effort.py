"""Size of a measurement. More rows and repetitions are more exact, and slower."""

from typing import NamedTuple


class Effort(NamedTuple):
    """Limits of one measurement."""

    stream_rows: int = 50_000
    """Healthy rows of each independent stream after its reference."""
    alarms: int = 60
    """The measurement of the ARL ends after this number of alarms, or after `events` rows."""
    events: int = 3_000_000
    """Most healthy rows from which the ARL is measured."""
    repetitions: int = 100
    """Repetitions of each change."""
    healthy_rows: int = 100_000
    """Rows after the reference, for each stream that is healthy but not independent."""
    healthy_streams: int = 3
    """Number of streams of each kind that is healthy but not independent."""

    def with_more(self, repetitions: int, events: int, healthy_streams: int) -> "Effort":
        """Replace these three limits. With more rows, the limit of alarms grows in proportion."""
        alarms = max(self.alarms, self.alarms * events // self.events)
        return self._replace(
            repetitions=repetitions, events=events, alarms=alarms, healthy_streams=healthy_streams
        )

    def reduced(self) -> "Effort":
        """Return the effort for a detector that takes a hundred times as long per row."""
        return self._replace(
            alarms=min(self.alarms, 30),
            events=self.events // 10,
            repetitions=self.repetitions // 10 or 1,
            healthy_rows=self.healthy_rows // 5,
            healthy_streams=1,
        )


FULL = Effort()
QUICK = Effort(5000, 5, 10_000, 3, 5000, 1)
