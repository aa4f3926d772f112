"""`watchkeeper calibrate`: test detectors on a user's own history, with injected faults."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from watchkeeper.detectors.calibration.contestants import NAMES
from watchkeeper.detectors.calibration.injection import KINDS
from watchkeeper.detectors.calibration.measure import Calibration, Delays, names
from watchkeeper.detectors.calibration.measure import calibrate as measured
from watchkeeper.detectors.tables.table import Table
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.calibrate_plots import draw, require_matplotlib
from watchkeeper.streams.cli.output import note, print_table, progress
from watchkeeper.streams.cli.writing import must_be_writable
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.reference_file import ReferenceFile

_ROWS = 100_000
"""Default budget, in rows per false alarm, for history without event times.

Chosen by hand: fewer rows allow more false alarms and detect faults sooner.
"""

MonitorPath = Annotated[Path, typer.Argument(metavar="MONITOR", help="Monitor file.")]
On = Annotated[
    Path,
    typer.Option(
        "--on", metavar="DATA", help="Healthy historical rows or events, as Parquet, CSV or NDJSON."
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        "--budget",
        min=1,
        metavar="ROWS",
        help="Allow one false alarm in this many rows.  [default: false_pages of the monitor, or 100000 for "
        "history without event times]",
    ),
]
Repetitions = Annotated[
    int, typer.Option("--repetitions", min=1, help="Number of faults of each kind and size.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed for the random places of faults.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="Test only this detector.  Can be repeated.  [default: all except kswin and risk]",
    ),
]
ToJson = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all results to this file.")
]
ToPlots = Annotated[
    Path | None, typer.Option("--plots", metavar="FOLDER", help="Write plots to this folder.")
]


def calibrate(
    monitor_file: MonitorPath,
    data: On,
    budget: Budget = None,
    repetitions: Repetitions = 5,
    seed: Seed = 1,
    detector: Only = None,
    json: ToJson = None,
    plots: ToPlots = None,
) -> None:
    """Test detectors on your own historical data.

    The command measures false alarms and the delay until injected faults are detected. The history must be
    healthy. In order of time, detectors learn from its first half. On its second half, every alarm is false.

    The command then injects faults at random places of the second half: sudden, gradual and recurring shifts;
    changes of spread, shape, correlation and unit; missing values; new categories.

    \b
    Examples:
      watchkeeper calibrate monitors/flight-delay.yaml --on january.parquet
      watchkeeper calibrate monitors/flight-delay.yaml --on january.csv --budget 50000 --repetitions 30
      watchkeeper calibrate monitors/flight-delay.yaml --on january.csv --json figures.json --plots plots
    """  # noqa: D301
    unknown = [name for name in detector or () if name not in NAMES]
    if unknown:
        raise UserError(f"there is no detector {unknown[0]!r}; the detectors are {', '.join(NAMES)}")
    must_be_writable(json)
    if plots is not None:
        require_matplotlib()
        _create_folder(plots)
    monitor = read_monitor(monitor_file)
    history = _history(data, monitor)
    at_most, per = _budget(monitor, history, budget)
    with progress() as bar:
        task = bar.add_task("faults", total=None)
        try:
            found = measured(
                history, at_most, per,
                detectors=names(detector or ()), seed=seed, repetitions=repetitions,
                step=lambda done, of: bar.update(task, completed=done, total=of),
            )  # fmt: skip
        except ValueError as error:
            raise UserError(f"{data}: {error}") from None
    _print_results(found)
    _write(found, json, plots)


def _history(path: Path, monitor: Monitor) -> Table:
    note(f"reading {path}")
    source = ReferenceFile(path, monitor)
    if source.not_found:
        note(f"{path}: has no columns for these features: {', '.join(source.not_found)}")
    table = source.examples.table()
    if table.times_ms is None:
        note(f"{path}: some rows have no event_time, so rows are used in the order of the file")
    return table


def _budget(monitor: Monitor, history: Table, rows: int | None) -> tuple[float, int | timedelta]:
    if rows is not None:
        return 1.0, rows
    times = history.times_ms
    if times is None or times[0] == times[len(times) // 2 - 1]:
        return 1.0, _ROWS
    return monitor.false_pages.at_most, monitor.false_pages.per


def _print_results(found: Calibration) -> None:
    note(
        f"learned from {found.reference_rows} rows, tested on {found.healthy_rows} rows; "
        f"the budget is one false alarm in {found.budget_rows:.0f} rows"
    )
    for column, why in found.ignored.items():
        note(f"{column} is not monitored: {why}")
    typer.echo("False alarms on healthy rows")
    print_table(
        ["detector", "rows", "alarms", "budget", "95 % interval", ""],
        [
            (
                each.detector,
                each.rows,
                each.alarms,
                f"{each.allowed:.2f}",
                f"{each.low:.1f} - {each.high:.1f}",
                each.judgement,
            )
            for each in found.false_alarms
        ],
    )
    typer.echo(f"\nMean rows from a fault to its alarm (share not detected within {found.limit} rows)")
    columns = [each.detector for each in found.false_alarms]
    cells = {(each.kind, each.size, each.detector): each for each in found.delays}
    faults = list(dict.fromkeys((each.kind, each.size) for each in found.delays))
    print_table(
        ["fault", "size", *columns],
        [(kind, f"{size:g}", *(_cell(cells[kind, size, name]) for name in columns)) for kind, size in faults],
    )
    typer.echo("\nSizes: " + "; ".join(f"{name}: {kind.unit}" for name, kind in KINDS.items()))


def _cell(each: Delays) -> str:
    if each.miss_rate == 1:
        return "missed"
    return f"{each.delay_mean:.0f}" + (f" ({each.miss_rate:.0%})" if each.miss_rate else "")


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: can't be created: {error.strerror}") from None


def _write(found: Calibration, json: Path | None, plots: Path | None) -> None:
    try:
        if json is not None:
            json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            note(f"written to {json}")
        if plots is not None:
            for path in draw(found, plots):
                note(f"written to {path}")
    except OSError as error:
        raise UserError(f"{error.filename}: can't be written: {error.strerror}") from None
