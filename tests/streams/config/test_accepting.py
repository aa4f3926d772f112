"""An acceptance is a revision of the monitor, and never lost."""

import yaml

from tests.streams.cli.cli_runs import MONITOR
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.revisions import Acceptance, MonitorRecord, MonitorRevision
from watchkeeper.streams.config.accepting import with_acceptance
from watchkeeper.streams.config.changing import MONITORS_MAX
from watchkeeper.streams.config.state import Configuration

OF = Monitor.model_validate(yaml.safe_load(MONITOR))
FIRST = MonitorRevision(revision=1, monitor=OF)
LATENCY = Acceptance(check="latency", by="alice")


def test_an_acceptance_keeps_the_monitor_and_takes_effect_at_its_time():
    first, second = with_acceptance([FIRST], LATENCY, 3_600_000)
    assert (first, second.monitor, second.revision) == (FIRST, OF, 2)
    configuration = Configuration()
    record = MonitorRecord(revisions=[first, second]).encode()
    configuration.learn("monitors", OF.subject.encode(), record)
    watched = configuration.watched(OF.subject)
    assert [each.accepted for each in watched.history] == [(), (LATENCY,)]
    assert watched.at(3_600_000).revision == 2


def test_an_acceptance_joins_a_change_that_is_pending():
    pending = MonitorRevision(revision=2, takes_effect_at_ms=7_200_000, monitor=OF)
    _, joined = with_acceptance([FIRST, pending], LATENCY, 3_600_000)
    assert (joined.revision, joined.takes_effect_at_ms, joined.accepted) == (2, 7_200_000, [LATENCY])


def test_many_acceptances_stay_bounded():
    revisions = [FIRST]
    for hour in range(1, 50):
        revisions = with_acceptance(revisions, LATENCY, hour * 3_600_000)
    assert len(revisions) == MONITORS_MAX
    assert revisions[-1].revision == 50
