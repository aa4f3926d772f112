import io
import subprocess
import sys

import pytest

from benchmarks.contest import ContestantFailed
from benchmarks.watchkeeper_json import Scrape, follow, read_scrape

METRICS = """\
# TYPE watchkeeper_rows_total counter
watchkeeper_rows_total{partition="0",stage="ingest",topic="predictions"} 100.0
watchkeeper_rows_total{partition="1",stage="ingest",topic="predictions"} 7.0
watchkeeper_rows_total{partition="1",stage="ingest",topic="labels"} 70.0
watchkeeper_rows_total{partition="1",stage="evaluate",topic="profiles"} 3.0
watchkeeper_events_total{outcome="accepted",partition="0",topic="predictions"} 90.0
watchkeeper_events_total{outcome="late",partition="0",topic="predictions"} 5.0
process_cpu_seconds_total 2.25
"""


def test_only_predictions_are_counted_over_all_partitions() -> None:
    assert read_scrape(METRICS, 1.0) == Scrape(1.0, partitions=2, folded=107, accepted=90, cpu_seconds=2.25)


def test_a_worker_that_has_folded_nothing_yet_has_no_events() -> None:
    assert read_scrape("process_cpu_seconds_total 1.0\n", 1.0).folded == 0


def test_a_worker_that_ends_is_shown_with_what_it_said_last() -> None:
    worker = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    worker.wait()
    with pytest.raises(ContestantFailed, match=r"exit code 3[\s\S]*no broker"):
        follow(worker, io.StringIO("no broker"), port=1, events=10)
