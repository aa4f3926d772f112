"""The benchmark of two workers reports plausible figures on a small stream."""

import json
from pathlib import Path

import pytest

from benchmarks.two_workers import main


@pytest.mark.long
@pytest.mark.timeout(400)
def test_it_measures_rates_and_rebalances(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["--events", "4000", "--json", str(file)]) == 0
    report = json.loads(file.read_text())
    assert report["workers_1"].keys() == report["workers_2"].keys()
    assert all(value > 0 for count in (1, 2) for value in report[f"workers_{count}"].values())
    assert report["rebalance_seconds"].keys() == {"joins", "leaves", "dies"}
