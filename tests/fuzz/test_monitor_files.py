"""Monitor and reference files are applied completely, or refused in one sentence that names the place."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import broken_bytes, broken_value, odd
from tests.streams.cli.cli_runs import COLUMNS, MONITOR, rows, write_csv
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.revisions import MonitorRecord, MonitorRevision
from watchkeeper.streams.config.changing import next_start
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.reference_file import ReferenceFile
from watchkeeper.streams.ingest.decode import SubjectDecoder
from watchkeeper.streams.ingest.spans import PaneDurations

WHOLE = (
    MONITOR
    + """\
windows: {pane: PT5M, size: PT1H, every: PT15M, rows: 500, lateness: PT1M}
reference: {file: rows.csv}
retraining: {cooldown: P1D, min_labels: 100}
sensitivity: {p_value: 0.001, psi: 0.3, missing_ratio: 0.1, fire_after: 2, silent_after: PT3H}
runbooks: https://runbooks.example/
"""
)
PIECES = [
    "&a [*a]", "*nowhere", "!!python/object:os.system {}", "!!binary aGVsbG8=", ".nan", ".inf", "1e400",
    "9" * 5000, "P1e400D", "PT0.0001S", "P999999999D", "P99999999999999D", "-PT1M", "PT0S", '"\\ud800"',
    '"\\0"', "[1.7e308, -1.7e308]", "[-1.7e308, 1.7e308]", "[" * 300, "{a: " * 300, "2020-01-01", "0o17",
    "1:30", "~", "{<<: {size: PT1H}}", "? [a]\n: 1", "---", "\t", "\0", "on", "[5e-324, 1e-323]",
    "1" + "0" * 30,
]  # fmt: skip
SEEN: Counter[str] = Counter()
values = re.compile(r"(?<=[:,\[]) *[^,\[\]{}\n]+")


@st.composite
def with_a_piece(draw: st.DrawFn) -> bytes:
    """Replace a value with a piece of valid or invalid YAML."""
    at = draw(st.sampled_from(list(values.finditer(WHOLE))))
    return f"{WHOLE[: at.start()]} {draw(st.sampled_from(PIECES))}{WHOLE[at.end() :]}".encode()


other_values = broken_value(yaml.safe_load(WHOLE)).map(lambda each: yaml.dump(each, allow_unicode=True))
texts = st.one_of(
    broken_bytes(WHOLE.encode()), with_a_piece(), other_values.map(lambda s: s.encode(errors="surrogatepass"))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(text=texts)
def test_a_monitor_file_is_fit_for_workers_or_is_refused(folder: Path, text: bytes) -> None:
    path = folder / "m.yaml"
    path.write_bytes(text)
    found = _tried(lambda: read_monitor(path))
    if isinstance(found, Monitor):
        SEEN["read"] += 1
        _is_fit(found)
        return
    SEEN["refused"] += 1
    for line in found.splitlines():
        assert re.match(rf"{re.escape(str(path))}:(\d+:)? .", line), line


def _tried(action: Callable[[], Any]) -> Any:
    """Return the result of an action, or the sentences with which it refuses."""
    try:
        return action()
    except UserError as error:
        return str(error)


def _is_fit(monitor: Monitor) -> None:
    """Check that workers can decode the record and count rows with it."""
    configuration = Configuration()
    record = MonitorRecord(revisions=[MonitorRevision(monitor=monitor)]).encode()
    configuration.learn("monitors", monitor.subject.encode(), record)
    assert configuration.broken == {}
    watched = configuration.watched(monitor.subject)
    assert watched is not None
    assert watched.latest.monitor == monitor
    SubjectDecoder(monitor)
    assert PaneDurations.of(monitor).pane_ms > 0
    Layout.of(monitor, None)
    try:
        assert next_start(monitor, monitor, 1_700_000_000_000).at_ms >= 1_700_000_010_000
    except UserError:
        SEEN["never"] += 1


def test_what_grows_without_end_is_refused_at_once(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(20)
    )
    for text in (
        bomb,
        MONITOR + "#" * 10_000_000,
        "a: " + "[" * 3000,
        "a: &a {b: *a}",
        MONITOR + "windows: &a {x: *a}",
    ):
        path = tmp_path / "m.yaml"
        path.write_text(text)
        with pytest.raises(UserError, match=r"m\.yaml:"):
            read_monitor(path)


TABLE_MONITOR = Monitor.model_validate(yaml.safe_load(MONITOR))


@pytest.fixture(scope="module")
def good_files(folder: Path) -> dict[str, bytes]:
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    table = write_csv(folder / "good.csv", rows(60))
    pq.write_table(pacsv.read_csv(table), folder / "good.parquet")
    return {suffix: (folder / f"good{suffix}").read_bytes() for suffix in (".csv", ".parquet")}


@pytest.mark.filterwarnings("ignore")
@given(suffix=st.sampled_from([".csv", ".parquet"]), data=st.data())
def test_a_reference_is_built_or_its_file_is_named(
    folder: Path, good_files: dict[str, bytes], suffix: str, data: st.DataObject
) -> None:
    path = folder / f"broken{suffix}"
    path.write_bytes(data.draw(broken_bytes(good_files[suffix])))
    _build(path)


@pytest.mark.filterwarnings("ignore")
@given(column=st.sampled_from(COLUMNS), cells=st.lists(odd.map(str), min_size=1, max_size=4))
def test_a_reference_of_odd_cells_is_built_or_its_file_is_named(
    folder: Path, column: str, cells: list[str]
) -> None:
    table = rows(20)
    for i, row in enumerate(table):
        row[column] = cells[i % len(cells)]
    try:
        path = write_csv(folder / "odd.csv", table)
    except UnicodeEncodeError:
        return
    _build(path)


def _build(path: Path) -> None:
    reference = _tried(lambda: ReferenceFile(path, TABLE_MONITOR).examples.reference(None, 0))
    if isinstance(reference, str):
        assert str(path) in reference
        SEEN["no reference"] += 1
        return
    configuration = Configuration()
    configuration.learn("references", b"flight-delay", reference.encode())
    assert configuration.broken == {}
    SEEN["reference"] += 1


def test_that_was_not_vacuous() -> None:
    if len(SEEN) < 4:
        pytest.skip("the other tests of this file did not run")
    assert min(SEEN["read"], SEEN["refused"], SEEN["reference"], SEEN["no reference"]) > 3, SEEN
