"""All checks of the work. A new check is a function over facts, and one more line here."""

from collections.abc import Iterator, Mapping

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.checkups.alerts import check_alerts
from watchkeeper.streams.cli.checkups.checkup import Checkup
from watchkeeper.streams.cli.checkups.facts import Facts
from watchkeeper.streams.cli.checkups.group import check_group
from watchkeeper.streams.cli.checkups.lag import check_checkpoints, check_lag
from watchkeeper.streams.cli.checkups.outcomes import check_outcomes, check_rejections, check_unwatched
from watchkeeper.streams.cli.checkups.publishers import check_clocks, check_coverage
from watchkeeper.streams.cli.checkups.windows import check_labels, check_windows

__all__ = ["check_work"]


def check_work(facts: Facts, monitors: Mapping[str, Monitor]) -> Iterator[Checkup]:
    """Check whether events are read, counted, judged and told.

    Args:
        facts: What was read from the broker.
        monitors: The newest monitor of each subject.
    """
    yield from (Checkup("warn", what) for what in facts.unreadable)
    yield from check_group(facts)
    yield from check_lag(facts)
    yield from check_checkpoints(facts)
    yield from check_windows(facts, monitors)
    yield from check_labels(facts, monitors)
    yield from check_outcomes(facts)
    yield from check_coverage(facts)
    yield from check_clocks(facts)
    yield from check_rejections(facts)
    yield from check_unwatched(facts, monitors)
    yield from check_alerts(facts)
