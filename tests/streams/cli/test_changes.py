"""When changes by `apply` and `reference build` take effect, on a real broker."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from tests.streams.cli.cli_runs import MONITOR, rows, run, write_csv, write_monitor
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.revisions import Acceptance, MonitorRecord, MonitorRevision
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

Command = Callable[..., Result]


@pytest.fixture
def command(settings: Settings) -> Command:
    """Run a command against the broker of this test."""

    def call(*arguments: object, code: int = 0) -> Result:
        shared = {"WATCHKEEPER_BROKER": settings.broker, "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix}
        result = run(*arguments, **shared)
        assert result.exit_code == code, result.output
        return result

    return call


def test_a_change_takes_effect_at_a_window_boundary_and_is_replaced_by_the_next(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    path = write_monitor(tmp_path)
    command("apply", path)
    path.write_text(MONITOR.replace("ops-ml", "ml-two"))
    printed = command("apply", path, "--effective-from", "2100-01-01T12:03Z")
    assert "takes effect for windows that start at 2100-01-01T12:05Z or later" in printed.stdout
    assert (
        "windows and labels.window has no window boundary there; the window is split in two" in printed.stderr
    )
    assert [each.monitor.owner.team for each in revisions(settings)] == ["ops-ml", "ml-two"]
    path.write_text(MONITOR.replace("ops-ml", "ml-three"))
    command("apply", path)
    assert [each.monitor.owner.team for each in revisions(settings)] == ["ops-ml", "ml-three"]
    path.write_text(MONITOR)
    assert "unchanged: the pending change is withdrawn" in command("apply", path).stdout
    assert [each.revision for each in revisions(settings)] == [1]


def test_a_past_time_may_be_stated_with_a_warning(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    write_csv(tmp_path / "rows.csv", rows())
    path = write_monitor(tmp_path, "reference: {file: rows.csv}\n")
    command("apply", write_monitor(tmp_path, name="none.yaml"))
    printed = command("apply", path, "--effective-from", "2026-01-01T12:00Z")
    assert "events that workers count before they read the change keep the old rules" in printed.stderr
    watched = read_configuration(settings).watched("flight-delay")
    assert watched is not None
    assert [bool(each.references) for each in watched.history] == [False, True]
    assert watched.revisions[-1].from_ms == 1_767_268_800_000
    command("apply", path, "--effective-from", "noon", code=2)


def test_a_model_does_not_become_a_feature_view(command: Command, tmp_path: Path) -> None:
    command("apply", write_monitor(tmp_path))
    view = "feature_view: flight-delay\nowner: {team: a}\nfeatures: {x: {type: number}}\n"
    (tmp_path / "view.yaml").write_text(view)
    stderr = command("apply", tmp_path / "view.yaml", code=2).stderr
    assert stderr == (
        "flight-delay: is in force as a model, but the file declares a feature view; "
        "remove the subject first\n"
    )


def test_a_new_reference_of_what_is_watched_takes_effect_at_a_window_boundary(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "rows.csv", rows())
    path = write_monitor(tmp_path, "reference: {file: rows.csv}\n")
    command("apply", path)
    build = "reference", "build", path, "--from", table, "--publish"
    assert "takes effect for windows that start at" in command(*build, "--version", "2").stdout
    command(*build)
    watched = read_configuration(settings).watched("flight-delay")
    assert watched is not None
    assert [set(each.references) for each in watched.history] == [{None}, {None, "2"}]
    assert len(read_configuration(settings).reference_revisions("flight-delay", None)) == 2


def revisions(settings: Settings) -> list[MonitorRevision]:
    return read_configuration(settings).monitor_revisions("flight-delay")


def test_a_record_holds_what_fits_and_reports_what_does_not(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    path = write_monitor(tmp_path)
    for team in ("a", "b", "c"):
        path.write_text(MONITOR.replace("ops-ml", team))
        command("apply", path, "--effective-from", f"2026-01-0{ord(team) - 96}T00:00Z")
    assert len(revisions(settings)) == 3
    size = len(MonitorRecord(revisions=revisions(settings)).encode())
    monkeypatch.setattr("watchkeeper.streams.cli.changes.RECORD_BYTES_MAX", size)
    path.write_text(MONITOR.replace("ops-ml", "d"))
    command("apply", path, "--effective-from", "2026-01-04T00:00Z")
    assert [each.monitor.owner.team for each in revisions(settings)] == ["b", "c", "d"]
    assert revisions(settings)[0].takes_effect_at_ms is None
    monkeypatch.setattr("watchkeeper.streams.cli.changes.RECORD_BYTES_MAX", 100)
    path.write_text(MONITOR)
    assert "at most 100 fit; declare less" in command("apply", path, code=2).stderr


def test_an_alert_is_accepted_by_its_fingerprint(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    write_csv(tmp_path / "rows.csv", rows())
    command("apply", write_monitor(tmp_path, "reference: {file: rows.csv}\n"))
    send_alert(settings, "3f9a1c0b52d7e684", alertname="VolumeChange", segment="origin=EWR")
    send_alert(settings, "3f9b000000000000", alertname="FeatureMissing", feature="distance")
    send_alert(settings, "4000000000000000", "resolved", alertname="LatencyHigh")
    printed = command("accept", "3f9a", "--by", "alice").stdout
    assert "flight-delay: VolumeChange, only origin=EWR accepted as the new normal by alice" in printed
    before, after = read_configuration(settings).monitor_revisions("flight-delay")
    assert (after.monitor, after.takes_effect_at_ms is not None) == (before.monitor, True)
    assert after.accepted == [Acceptance(check="volume", segment="origin=EWR", by="alice")]
    send_alert(settings, "5e00000000000000", alertname="LatencyHigh", environment="staging")
    assert "flight-delay@staging: is not monitored" in command("accept", "5e", code=2).stderr
    for alert, why in {
        "3f9": "2 alerts begin with",
        "3f9b": "compares with the reference",
        "4": "is resolved; there is nothing to accept",
        "6": "no alert has the fingerprint",
    }.items():
        assert why in command("accept", alert, code=2).stderr
    command("accept", "3f9a", "--by", "bob", "--dry-run")
    assert len(read_configuration(settings).monitor_revisions("flight-delay")) == 2


def send_alert(settings: Settings, fingerprint: str, status: str = "firing", **labels: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    alert = Alert(
        fingerprint=fingerprint, status=status, pages=False, labels={"model": "flight-delay", **labels},
        annotations={}, started_at=at, updated_at=at,
    )  # fmt: skip
    sender = producer(settings)
    sender.produce(topic_name(settings, "alerts"), alert.model_dump_json().encode(), fingerprint.encode())
    assert sender.flush(20) == 0
