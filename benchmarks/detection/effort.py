"""How much is measured: more rows and repetitions are nearer to the truth, and slower."""

from typing import NamedTuple


class Effort(NamedTuple):
    """Bounds of one measurement."""

    stream_rows: int = 50_000
    """Healthy rows of each independent stream after its reference."""
    alarms: int = 60
    """The ARL is known well enough by so many alarms..."""
    events: int = 3_000_000
    """...or by so many healthy rows."""
    repetitions: int = 100
    """Of each change."""
    healthy_rows: int = 100_000
    """Of each stream that is healthy but not independent, after its reference..."""
    healthy_streams: int = 3
    """...and how many of them."""

    def with_more(self, repetitions: int, events: int, healthy_streams: int) -> "Effort":
        """Give so many repetitions, healthy rows and streams; with more rows, as many more alarms."""
        alarms = max(self.alarms, self.alarms * events // self.events)
        return self._replace(
            repetitions=repetitions, events=events, alarms=alarms, healthy_streams=healthy_streams
        )

    def of_dear(self) -> "Effort":
        """Give what is measured of a detector that takes a hundred times as long for a row."""
        return self._replace(
            alarms=min(self.alarms, 30),
            events=self.events // 10,
            repetitions=self.repetitions // 10 or 1,
            healthy_rows=self.healthy_rows // 5,
            healthy_streams=1,
        )


FULL = Effort()
QUICK = Effort(5000, 5, 10_000, 3, 5000, 1)
