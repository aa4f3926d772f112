"""A mistake is reported in one sentence, with place and fix, and ends with code 2."""

from pathlib import Path

import pytest

from tests.streams.cli.cli_runs import COLUMNS, MONITOR, rows, run, write_csv, write_monitor

NOBODY = "127.0.0.1:1"  # nothing listens on this port

FILES = {
    "good.yaml": MONITOR,
    "twin.yaml": MONITOR,
    "weather.yaml": "feature_view: weather\nowner: {team: ops}\nfeatures: {temp: {type: number}}\n",
    "typo.yaml": MONITOR.replace("features:", "feature:"),
    "with_no_file.yaml": MONITOR + "reference: {file: nowhere.csv}\n",
    "with_other_rows.yaml": MONITOR + "reference: {file: other.csv}\n",
    "with_first.yaml": MONITOR + "reference: {first: 100}\n",
    "other.csv": "a,b\n1,2\n",
    "empty.csv": "",
    "only_header.csv": ",".join(COLUMNS) + "\n",
    "twice.csv": "a,a\n1,2\n",
    "ragged.csv": "prediction_id,carrier\np1,UA,what\n",
    "numbers.csv": "dep_hour,carrier,distance,holiday\nnoon,UA,1,true\nnight,AA,2,false\n",
    "score.csv": "carrier,score\nUA,1.5\n",
    "text.csv": "carrier,score\nUA,high\n",
    "label.csv": "carrier,score,label\nUA,0.5,late\n",
    "rows.xlsx": "",
    "no.parquet": "this is no parquet",
    "latin.csv": "carrier\nZ\udce9\n",
    "events.ndjson": '{"prediction_id": "p1"}\n{"prediction_id": \n[1]\n',
    "naive.ndjson": '{"prediction_id": "p", "model": "m", "event_time": "2026-01-01T00:00:00", '
    '"features": {}, "prediction": {}}\n',
}

MISTAKES = [
    # arguments, message
    ("frobnicate", "No such command 'frobnicate'"),
    ("apply --frobnicate", "No such option: --frobnicate"),
    ("apply", "nothing to apply; give monitor files, or a subject with --remove"),
    ("apply nowhere.yaml", "nowhere.yaml: there is no such file"),
    ("apply .", ".: can't be read: [Errno 21] Is a directory"),
    ("apply typo.yaml", "typo.yaml:4: feature: is not a valid key here; did you mean 'features'?"),
    ("apply good.yaml twin.yaml", "twin.yaml: flight-delay is also declared in another file; keep only one"),
    (
        "apply good.yaml --remove flight-delay",
        "flight-delay: is both in a monitor file and in --remove; keep only one of",
    ),
    ("apply with_no_file.yaml", "nowhere.csv: there is no such file"),
    (
        "apply with_other_rows.yaml",
        "other.csv: has none of the 4 declared features; its columns are a, b",
    ),
    ("reference build good.yaml", "a reference requires exactly one of: --from FILE, --from-stream"),
    (
        "reference build good.yaml --from other.csv --from-stream",
        "exactly one of: --from FILE, --from-stream",
    ),
    (
        "reference build good.yaml --from-stream",
        "the number of events is missing; pass --first, or set reference.first in",
    ),
    ("reference build good.yaml --from rows.xlsx", "its name should end in .parquet, .csv, .ndjson, .jsonl"),
    (
        "reference build good.yaml --from no.parquet",
        "no.parquet: can't be read: Parquet magic bytes not found",
    ),
    ("reference build good.yaml --from latin.csv", "latin.csv: can't be read: 'utf-8' codec"),
    ("reference build good.yaml --from empty.csv", "empty.csv: has no rows to build"),
    ("reference build good.yaml --from only_header.csv", "only_header.csv: has no rows to build"),
    ("reference build good.yaml --from twice.csv", "the column 'a' appears twice; rename one of them"),
    (
        "reference build good.yaml --from ragged.csv",
        "ragged.csv:2: has 3 cells, but the header has 2; correct or remove the row",
    ),
    (
        "reference build good.yaml --from numbers.csv",
        "numbers.csv: no value of dep_hour has the declared type integer; correct the column or the monitor",
    ),
    (
        "reference build good.yaml --from score.csv",
        "score.csv:2: the score is 1.5; it must be a number from 0 to 1; correct or remove the row",
    ),
    (
        "reference build good.yaml --from text.csv",
        "text.csv:2: the score is 'high'; it must be a number from 0 to 1; correct or remove the row",
    ),
    (
        "reference build good.yaml --from label.csv",
        "label.csv:2: the label is 'late'; it must be true, false or a number",
    ),
    ("reference build good.yaml --from events.ndjson", "events.ndjson:2: is not valid JSON"),
    ("publish nowhere.csv --topic labels", "nowhere.csv: there is no such file"),
    ("publish other.csv --topic alerts", "'alerts' is not one of 'predictions', 'labels', 'features'"),
    ("publish other.csv --topic predictions --speed 0", "--speed must be more than 0, not 0"),
    (
        "publish other.csv --topic labels --monitor weather.yaml",
        "weather, whose events do not belong on the topic labels",
    ),
    (
        "publish other.csv --topic features --monitor good.yaml",
        "flight-delay, whose events do not belong on the topic features",
    ),
    ("publish empty.csv --topic labels", "empty.csv: has nothing to publish to labels"),
    ("publish other.csv --topic predictions", "other.csv:2: Object missing required field `prediction_id`"),
    ("publish events.ndjson --topic predictions", "3 of 3 rows are bad, so nothing was published; fix them"),
    ("publish events.ndjson --topic predictions", "events.ndjson:3: is not a JSON object"),
    ("publish naive.ndjson --topic predictions", "naive.ndjson:1: Expected `datetime` with a timezone"),
    ("rejected show 17", "17: must be TOPIC/PARTITION/OFFSET, like predictions/0/4711"),
    ("rejected list --since yesterday", "--since must be a time like 2026-01-31T12:00Z, not 'yesterday'"),
    ("rejected replay predictions/x/1", "predictions/x/1: must be TOPIC/PARTITION/OFFSET, like"),
    ("rejected list --reason boredom", "'boredom' is not one of 'empty'"),
    ("doctor --broker kafka", "--broker: must be host:port"),
    ("topics list --topic-prefix a/b", "--topic-prefix: "),
    ("worker --alertmanager nowhere", "--alertmanager: must be a URL like"),
    ("worker --web-port 99999", "--web-port: input should be less than or equal to 65535"),
    ("demo --until yesterday", "'yesterday'"),
]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "sentence"), MISTAKES, ids=[f"{c}: {s[:30]}" for c, s in MISTAKES])
def test_a_mistake_is_reported_in_a_sentence(files: Path, command: str, sentence: str) -> None:
    result = run(*command.split(), WATCHKEEPER_BROKER=NOBODY)
    assert sentence in result.stderr.replace("\n", " ") or sentence in result.stderr
    assert result.exit_code == 2
    assert result.stdout == ""


def test_every_mistake_of_every_file_is_reported_at_once(files: Path) -> None:
    result = run("apply", "typo.yaml", "nowhere.yaml", "with_other_rows.yaml")
    lines = result.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "typo.yaml",
        "typo.yaml",
        "nowhere.yaml",
        "other.csv",
    ]


@pytest.mark.parametrize("command", ["doctor", "apply good.yaml", "worker"])
def test_a_broker_that_does_not_respond_is_named(files: Path, command: str) -> None:
    result = run(*command.split(), "--broker", NOBODY)
    assert result.exit_code == (1 if command == "doctor" else 2)
    assert f"{NOBODY}: no Kafka broker answers (" in result.output
    assert "Connection refused" in result.output
    assert "--broker or WATCHKEEPER_BROKER" in result.output


def test_an_unknown_host_is_named() -> None:
    result = run("topics", "list", "--broker", "no-such-host.invalid:9092")
    assert result.exit_code == 2
    assert "no-such-host.invalid:9092: the host name is unknown (" in result.stderr


def test_a_login_without_its_password_says_which_variable_is_missing() -> None:
    result = run("topics", "list", WATCHKEEPER_SECURITY_PROTOCOL="SASL_SSL", WATCHKEEPER_SASL_USERNAME="me")
    assert result.exit_code == 2
    assert "WATCHKEEPER_SASL_PASSWORD" in result.stderr


def test_a_correct_command_is_not_a_mistake(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "rows.csv", rows())
    result = run("reference", "build", write_monitor(tmp_path), "--from", table)
    assert result.exit_code == 0
    assert "flight-delay: 300 rows" in result.stdout


def test_without_a_command_it_prints_the_help() -> None:
    assert "Commands:" in run().output


@pytest.mark.parametrize(
    "command",
    ["demo", "worker", "apply", "publish", "doctor", "canary", "calibrate", "broker", "reference build",
     "topics create", "topics list", "topics acls", "rejected list", "rejected show", "rejected replay"],
)  # fmt: skip
def test_the_help_of_every_command_has_examples(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"    watchkeeper {command}" in result.stdout.partition("Examples:")[2]
