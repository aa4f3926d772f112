import io
import subprocess
import sys

import pytest

from benchmarks.contest import ContestantFailed
from benchmarks.watchkeeper_json import Scrape, follow, read_scrape

METRICS = b"""\
# TYPE watchkeeper_events_total counter
watchkeeper_events_total{outcome="accepted",partition="0",topic="predictions"} 100.0
watchkeeper_events_total{outcome="late",partition="0",topic="predictions"} 5.0
watchkeeper_events_total{outcome="accepted",partition="0",topic="labels"} 70.0
watchkeeper_events_totals{topic="predictions"} 9.0
process_cpu_seconds_total 2.25
"""


def test_every_prediction_is_counted_whatever_became_of_it_and_nothing_else() -> None:
    assert read_scrape(METRICS, 1.0) == Scrape(1.0, 105, 2.25)


def test_a_worker_that_has_folded_nothing_yet_has_no_events() -> None:
    assert read_scrape(b"process_cpu_seconds_total 1.0\n", 1.0) == Scrape(1.0, 0, 1.0)


def test_a_worker_that_ends_is_shown_with_what_it_said_last() -> None:
    worker = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    worker.wait()
    with pytest.raises(ContestantFailed, match=r"exit code 3[\s\S]*no broker"):
        follow(worker, io.StringIO("no broker"), port=1, events=10)
