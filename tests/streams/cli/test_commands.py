"""Commands on a real broker: their output, the records they send, and the problems they report."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient
from typer.testing import Result

from tests.streams.cli.cli_runs import MONITOR, rows, run, write_csv, write_monitor
from watchkeeper.schemas.events import Label, Prediction
from watchkeeper.streams.cli.current import ConfigRecord, read_configuration, send_configuration
from watchkeeper.streams.kafka.client import describe, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, topic_name

Command = Callable[..., Result]


@pytest.fixture
def command(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder against the broker of this test; it should succeed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, code: int = 0) -> Result:
        shared = {"WATCHKEEPER_BROKER": settings.broker, "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix}
        result = run(*arguments, **shared)
        assert result.exit_code == code, result.output
        return result

    return call


def messages(settings: Settings, name: str) -> list[Message]:
    topic = topic_name(settings, name)
    parts = describe(settings).topics[topic].partitions
    return [message for part in sorted(parts) for message in read_to_end(settings, topic, part)]


def with_reference(folder: Path, more: str = "") -> Path:
    write_csv(folder / "rows.csv", rows())
    return write_monitor(folder, "reference: {file: rows.csv}\n" + more)


def test_applying_puts_monitor_and_reference_in_force_once(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    path = with_reference(tmp_path)
    assert "monitor new, reference new" in command("apply", path, "--dry-run").stdout
    assert read_configuration(settings).subjects() == []
    assert "monitor new, reference new" in command("apply", path).stdout
    watched = read_configuration(settings).watched("flight-delay")
    assert watched is not None
    reference = watched.latest.reference(None)
    assert reference is not None
    assert reference.rows == 300
    assert "monitor unchanged, reference unchanged" in command("apply", path).stdout
    assert len(messages(settings, "monitors")) == len(messages(settings, "references")) == 1


def test_applying_says_what_changed_key_by_key(command: Command, settings: Settings, tmp_path: Path) -> None:
    command("apply", write_monitor(tmp_path))
    changed = MONITOR.replace("PT12H", "P1D").replace("segments: [origin]\n", "windows: {rows: 500}\n")
    (tmp_path / "flight.yaml").write_text(changed)
    now_ms = time.time_ns() // 1_000_000
    printed = json.loads(command("apply", "flight.yaml", "--json").stdout)
    in_force = printed.pop("in_force")
    assert (in_force["workers_run"], in_force["workers"], in_force["not_yet"]) == (False, [], [0, 1, 2, 3])
    at_ms = printed["subjects"][0].pop("takes_effect_at_ms")
    assert at_ms % 3_600_000 == 0
    assert now_ms + 10_000 <= at_ms < now_ms + 2 * 3_600_000
    assert printed == {
        "applied": True,
        "subjects": [
            {
                "subject": "flight-delay",
                "monitor": "changed",
                "reference": "none",
                "changes": [
                    "segments: ['origin'] -> []",
                    "windows.rows: nothing -> 500",
                    "labels.expected_within: PT12H -> P1D",
                ],
                "cuts": [],
            }
        ],
    }


def test_nothing_is_sent_when_one_of_the_files_is_bad(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    good = write_monitor(tmp_path)
    bad = write_monitor(tmp_path, "windows: {size: 5}\n", "bad.yaml")
    command("apply", good, bad, code=2)
    assert messages(settings, "monitors") == []


def test_removing_takes_the_monitor_and_all_its_references(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    path = with_reference(tmp_path)
    command("apply", path)
    command("reference", "build", path, "--from", "rows.csv", "--version", "2", "--publish")
    assert set(read_configuration(settings).references("flight-delay")) == {None, "2"}
    assert "monitor removed, reference removed" in command("apply", "--remove", "flight-delay").stdout
    configuration = read_configuration(settings)
    assert configuration.subjects() == configuration.unwatched() == []
    output = command("apply", "--remove", "flight-delay", code=2).stderr
    assert output == "flight-delay: is not monitored, so it can't be removed; monitored: nothing\n"


def test_a_table_is_published_as_predictions_and_as_labels_with_the_same_keys(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "rows.csv", sorted(rows(), key=lambda row: row["event_time"]))
    monitor = write_monitor(tmp_path)
    command("apply", monitor)
    output = command("publish", table, "--topic", "predictions", "--monitor", monitor).stderr
    assert output.splitlines()[0] == "300 published"
    output = command("publish", table, "--topic", "labels", "--model", "flight-delay").stderr
    assert output == "225 published\n"
    predictions, labels = messages(settings, "predictions"), messages(settings, "labels")
    places = {message.key(): message.partition() for message in predictions}
    assert len(places) == 300
    assert len(set(places.values())) > 1
    assert all(places[message.key()] == message.partition() for message in labels)
    first = next(message for message in predictions if message.key() == b"p1")
    decoded = msgspec.json.decode(first.value(), type=Prediction)
    assert decoded.features == {"dep_hour": 1, "carrier": "AA", "distance": 1400.5, "holiday": True}
    assert decoded.segments == {"origin": "EWR"}
    assert decoded.prediction.score == 0.037
    assert decoded.prediction.label is None
    assert {msgspec.json.decode(message.value(), type=Label).label for message in labels} == {0, 1}


def test_rows_that_workers_would_leave_out_as_late_are_told(command: Command, tmp_path: Path) -> None:
    table = sorted(rows(10), key=lambda row: row["event_time"])
    table[0], table[7] = table[7], table[0]
    path, lax = write_csv(tmp_path / "rows.csv", table), "windows: {lateness: PT12H}\n"
    arguments = "publish", path, "--topic", "predictions", "--monitor"
    output = command(*arguments, write_monitor(tmp_path)).stderr.splitlines()
    assert output[0] == "10 published"
    assert output[1].startswith(f"{path}: 7 rows are more than 0:01:00 older than a row before them")
    assert "older than a row" not in command(*arguments, write_monitor(tmp_path, lax)).stderr


def test_events_of_ndjson_go_as_they_are(command: Command, settings: Settings, tmp_path: Path) -> None:
    golden = Path(__file__).parents[2] / "schemas" / "golden" / "events"
    documents = [json.loads(path.read_text()) for path in sorted(golden.glob("prediction-*.json"))]
    lines = [document["value"] for document in documents]
    (tmp_path / "events.ndjson").write_text("\n".join(lines) + "\n")
    command("publish", "events.ndjson", "--topic", "predictions")
    sent = messages(settings, "predictions")
    assert sorted(message.value().decode() for message in sent) == sorted(lines)
    assert {message.key().decode() for message in sent} == {document["key"] for document in documents}
    structured = [message for message in sent if b'"specversion"' in message.value()]
    assert len(structured) == 2
    assert all(dict(m.headers())["content-type"].startswith(b"application/cloudevents") for m in structured)


def test_bad_rows_stop_everything_or_are_left_out(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    table = rows(20)
    table[3]["score"] = "7"
    table[5]["event_time"] = "yesterday"
    path = write_csv(tmp_path / "rows.csv", table)
    arguments = "publish", path, "--topic", "predictions", "--monitor", write_monitor(tmp_path)
    output = command(*arguments, code=2).stderr
    assert f"{path}:5: the score is 7.0; it must be from 0 to 1\n" in output
    assert f"{path}:7: Invalid RFC3339 encoded datetime - at `$.event_time`\n" in output
    assert "2 of 20 rows are bad, so nothing was published" in output
    assert messages(settings, "predictions") == []
    output = command(*arguments, "--skip-bad").stderr
    assert f"{path}:5: the score is 7.0; it must be from 0 to 1\n" in output
    assert "18 published, 2 bad rows skipped\n" in output
    assert len(messages(settings, "predictions")) == 18


def test_a_reference_from_the_stream_is_that_of_the_file(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    table = sorted(rows(), key=lambda row: row["event_time"])
    path, monitor = write_csv(tmp_path / "rows.csv", table), write_monitor(tmp_path)
    write_csv(tmp_path / "first.csv", table[:200])
    for topic in ("predictions", "labels"):
        command("publish", path, "--topic", topic, "--monitor", monitor)
    build = "reference", "build", monitor
    command(*build, "--from", "first.csv", "--output", "from_file", "--version", "1")
    output = command(*build, "--from-stream", "--first", 200, "--output", "from_stream", "--version", "1")
    assert "flight-delay: 200 rows" in output.stdout
    documents = [
        msgspec.msgpack.decode((tmp_path / name).read_bytes()) for name in ("from_file", "from_stream")
    ]
    for document in documents:
        del document["built_at_ms"]
    assert documents[0] == documents[1]
    output = command(*build, "--from-stream", "--first", 301, code=2)
    assert "300 events have arrived, but 301 are required" in output.stderr


def test_publishing_says_what_workers_would_not_use(
    command: Command, settings: Settings, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "rows.csv", rows(20))
    path = write_monitor(tmp_path)
    output = command("publish", table, "--topic", "predictions", "--monitor", path).stderr
    assert f"{table}: the monitor of flight-delay does not declare these columns: note\n" in output
    assert (
        "flight-delay: has no monitor, so workers reject its events; run: watchkeeper apply, then" in output
    )
    command("apply", path)
    output = command("publish", table, "--topic", "labels", "--model", "flight-delay").stderr
    assert output == "15 published\n"
    output = command("publish", table, "--topic", "predictions", "--model", "delay").stderr
    assert "these columns were not published: dep_hour, carrier, " in output
    assert "then: watchkeeper rejected replay --model delay\n" in output


def test_topics_are_created_once_and_listed(command: Command, settings: Settings) -> None:
    again = settings.topic_prefix + "again."
    assert command("topics", "create", "--topic-prefix", again).stderr.endswith("12 created, 0 existed\n")
    assert command("topics", "create", "--topic-prefix", again).stderr == "0 created, 12 existed\n"
    listed = json.loads(command("topics", "list", "--json", "--topic-prefix", again).stdout)
    assert [each["topic"] for each in listed] == [again + name for name in TOPICS]
    assert {each["topic"]: each["partitions"] for each in listed}[again + "monitors"] == 1
    assert "last of each key" in command("topics", "list").stdout


def levels(result: Result) -> list[tuple[str, str]]:
    return [(line[:4].strip(), line[6:]) for line in result.stdout.splitlines()]


def of_level(found: list[tuple[str, str]], level: str) -> list[str]:
    """Return what the doctor says at a level, without what it says of the broker for trials."""
    return [what for each, what in found if each == level and "embedded broker" not in what]


def test_the_doctor_finds_nothing_wrong_where_nothing_is(command: Command, tmp_path: Path) -> None:
    command("apply", with_reference(tmp_path))
    found = levels(command("doctor"))
    assert of_level(found, "fail") == []
    [no_worker] = of_level(found, "warn")
    assert no_worker.endswith("no worker has saved anything yet; run: watchkeeper worker")
    well = of_level(found, "ok")
    assert well[2] == "flight-delay: 4 features, 300 rows in the reference"
    assert "series of statistics for each version, with a limit of 20000" in well[3]
    assert well[4] == "lag: every topic is read to its end"


def test_the_doctor_says_what_is_not_well(command: Command, settings: Settings, tmp_path: Path) -> None:
    command("apply", write_monitor(tmp_path, "reference: {first: 100}\n"))
    weather = "feature_view: weather\nowner: {team: ops}\nfeatures: {temp: {type: number}}\n"
    (tmp_path / "weather.yaml").write_text(weather)
    (tmp_path / "weather.csv").write_text("temp\n1\n2\n")
    command("reference", "build", "weather.yaml", "--from", "weather.csv", "--publish")
    send_configuration(settings, [ConfigRecord("monitors", "broken", b"{}")])
    found = levels(command("doctor", code=1))
    assert found[0][0] == "fail"
    [broken] = of_level(found, "fail")
    assert broken.startswith("monitors/broken: workers ignore it: ")
    assert of_level(found, "warn")[:2] == [
        "flight-delay: is monitored without a reference; run: watchkeeper reference build",
        "weather: has a reference but no monitor; apply a monitor, or remove the subject",
    ]


def test_the_doctor_says_which_topics_are_missing_or_wrong(command: Command, settings: Settings) -> None:
    admin = AdminClient(settings.client_config())
    gone = [topic_name(settings, name) for name in ("labels", "monitors")]
    for deleted in admin.delete_topics(gone).values():
        deleted.result()
    while set(gone) & describe(settings).topics.keys():
        pass
    result = run(
        "doctor",
        "--json",
        WATCHKEEPER_BROKER=settings.broker,
        WATCHKEEPER_TOPIC_PREFIX=settings.topic_prefix,
        WATCHKEEPER_PARTITIONS="7",
    )
    assert result.exit_code == 1
    found: list[dict[str, Any]] = json.loads(result.stdout)
    failures = [each["what"] for each in found if each["level"] == "fail"]
    assert any(what.startswith(f"topics that do not exist: {', '.join(gone)}; run: ") for what in failures)
    wrong = (
        f"topic {topic_name(settings, 'predictions')} has 4 partitions, not 7; set WATCHKEEPER_PARTITIONS=4"
    )
    assert wrong in failures
    output = command("publish", "nothing.csv", "--topic", "labels", code=2).stderr
    assert output == "nothing.csv: there is no such file\n"
    output = command("rejected", "list").stderr
    assert output == "0 rejected\n"


def test_a_command_says_which_topic_it_needs(command: Command, settings: Settings, tmp_path: Path) -> None:
    output = command("apply", write_monitor(tmp_path), "--topic-prefix", "nowhere.", code=2).stderr
    expected = (
        f"{settings.broker}: the topic nowhere.monitors does not exist; run: watchkeeper topics create\n"
    )
    assert output == expected


def test_a_broker_without_tls_is_named_when_tls_is_asked_for(settings: Settings) -> None:
    result = run("topics", "list", "--broker", settings.broker, WATCHKEEPER_SECURITY_PROTOCOL="SSL")
    assert result.exit_code == 2
    assert f"{settings.broker}: no Kafka broker answers over SSL (" in result.stderr
    assert "check the address and WATCHKEEPER_SECURITY_PROTOCOL" in result.stderr
