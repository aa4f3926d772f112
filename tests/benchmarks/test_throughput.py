import json
from pathlib import Path

import pytest

from benchmarks import throughput


@pytest.mark.timeout(120)
def test_the_report_says_what_was_measured_on_a_real_broker(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    code = throughput.main(
        ["--events", "2000", "--rounds", "1", "--only", "consume_and_decode", "--json", str(file)]
    )
    report = json.loads(file.read_text())
    assert code == 0
    assert (report["features"], report["events"], report["broker"]) == (20, 2000, "embedded")
    floor = report["consume_and_decode"]
    assert floor["events"] == 2000
    assert floor["events_per_second"] > 0 < floor["cpu_seconds"]
    assert "watchkeeper_json" not in report
