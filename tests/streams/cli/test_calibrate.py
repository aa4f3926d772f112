"""`watchkeeper calibrate`, as a user runs it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.streams.cli.cli_runs import MONITOR, run


def files(folder: Path, rows: int = 2400) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    lines = [
        f"2026-01-{1 + i * 20 // rows:02d}T12:00:00Z,{rng.integers(24)},"
        f"{rng.choice(['UA', 'AA'])},{rng.normal(900, 200):.1f}"
        for i in range(rows)
    ]
    data = folder / "history.csv"
    data.write_text("event_time,dep_hour,carrier,distance\n" + "\n".join(lines) + "\n")
    monitor = folder / "monitor.yaml"
    monitor.write_text(MONITOR)
    return monitor, data


def test_figures_are_printed_written_and_drawn(tmp_path: Path) -> None:
    monitor, data = files(tmp_path)
    written, plots = tmp_path / "figures.json", tmp_path / "plots"
    result = run(
        "calibrate", monitor, "--on", data, "--budget", 5000, "--repetitions", 1,
        "--detector", "Sentinel", "--json", written, "--plots", plots,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "one false alarm in 5000 rows" in result.output
    assert "always fires" in result.stdout
    assert "never fires" in result.stdout
    figures = json.loads(written.read_text())
    assert {each["detector"] for each in figures["delays"]} == {"Sentinel", "always fires", "never fires"}
    assert sorted(path.name for path in plots.iterdir()) == ["delays.png", "false-alarms.png"]


def test_the_default_budget_is_that_of_the_monitor(tmp_path: Path) -> None:
    monitor, data = files(tmp_path)
    result = run("calibrate", monitor, "--on", data, "--repetitions", 1, "--detector", "always fires")
    assert result.exit_code == 0, result.output
    assert "one false alarm in 4000 rows" in result.output  # 1200 rows in 9 days, one false page in 30 days


def test_a_mistake_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, data = files(tmp_path, rows=300)
    mistakes = {
        "there is no such file": [monitor, "--on", tmp_path / "none.csv"],
        "it has 300 rows; calibration needs at least 2000": [monitor, "--on", data],
        # The data are not read before this: there are none.
        "can't be written: the folder": [
            monitor,
            "--on",
            data.with_name("x"),
            "--json",
            tmp_path / "no/f",
        ],
        "can't be written: it is a folder": [monitor, "--on", data.with_name("x"), "--json", tmp_path],
        "can't be created": [monitor, "--on", data.with_name("x"), "--plots", data / "plots"],
        "there is no detector 'magic'": [monitor, "--on", data, "--detector", "magic"],
    }
    for sentence, arguments in mistakes.items():
        result = run("calibrate", *arguments)
        assert result.exit_code == 2
        assert sentence in result.stderr
    monkeypatch.setattr("watchkeeper.streams.cli.calibrate_plots.find_spec", lambda _: None)
    result = run("calibrate", monitor, "--on", data, "--plots", tmp_path / "plots")
    assert result.exit_code == 2
    assert "plots require matplotlib" in result.stderr
