"""Each mistake in a monitor file is reported with its line, its key and how to correct it."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.streams.cli.cli_runs import MONITOR, write_monitor
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.monitor_file import read_monitor


def replaced(old: str, new: str) -> str:
    assert old in MONITOR
    return MONITOR.replace(old, new, 1)


MISTAKES = {
    "": "1: should be a mapping, with keys like 'model', 'owner' and 'features'",
    "- a\n": "1: should be a mapping, with keys like",
    "model: [\n": "2: is not valid YAML: expected the node content",
    "\0": "is not valid YAML: unacceptable character",
    "!!python/object:os.system {}\n": "1: is not valid YAML: could not determine a constructor",
    replaced("model: flight-delay\n", ""): "1: a monitor is for exactly one of: model, feature_view",
    replaced("flight-delay", "flight delay"): "1: model: 'flight delay' is not a valid name; use",
    replaced("owner: {team: ops-ml}\n", ""): "1: owner: is missing; add it",
    replaced("{team: ops-ml}", "{team: 12}"): "2: owner.team: should be text, but YAML reads it as a number; "
    'put it in quotes: "12"',
    replaced("{team: ops-ml}", "ops-ml"): "2: owner: should be a mapping of keys to values, not 'ops-ml'",
    replaced("{team: ops-ml}", "{team: a, severity: loud}"): "2: owner.severity: should be 'page' or "
    "'ticket', not 'loud'",
    replaced("task: binary-classification\n", ""): "1: a model needs its task",
    replaced("integer", "numeric"): "5: features.dep_hour.type: should be 'number', 'integer', 'category' "
    "or 'boolean', not 'numeric'",
    replaced("[0, 23]", "[23, 0]"): "5: features.dep_hour: range must rise, got [23.0, 0.0]",
    replaced("[0, 23]", "[0, .inf]"): "5: features.dep_hour.range.1: should be a finite number, not inf",
    replaced("[0, 23]", "[0]"): "5: features.dep_hour.range.1: is missing; add it",
    replaced("[0, 23]", "[0, 1, 2]"): "5: features.dep_hour.range: should have at most 2 entries, not 3",
    replaced("[0, 23]", "5"): "5: features.dep_hour.range: should be a list, not 5",
    replaced("{type: category}", "{type: category, range: [0, 1]}"): "6: features.carrier: range is for",
    replaced("{type: category}", "{type: category, categories: [NO]}"): "6: features.carrier.categories.0: "
    'should be text, but YAML reads it as a boolean; put it in quotes: "NO"',
    replaced("  carrier:", "  on:"): "6: the key on should be text, but YAML reads it as a boolean; "
    "put it in quotes",
    replaced("  carrier:", "  dep_hour:"): "6: the key 'dep_hour' appears twice; remove one of them",
    replaced("  carrier:", "  'car rier':"): "6: features.car rier: 'car rier' is not a valid name; use",
    replaced("segments:", "segment:"): "9: segment: is not a valid key here; did you mean",
    replaced("expected_within: PT12H", "expected: PT12H"): "10: labels.expected: is not a valid key here; "
    "did you mean 'expected_within'?",
    replaced("PT12H", "12"): "10: labels.expected_within: should be an ISO 8601 duration, like PT5M",
    replaced("PT12H", "1:30"): "10: labels.expected_within: should be an ISO 8601 duration, like PT5M",
    replaced("PT12H", "-PT5M"): "10: labels.expected_within: should be longer than zero",
    replaced("PT12H", "PTH"): "10: labels.expected_within: should be an ISO 8601 duration, like PT5M, "
    "PT12H or P30D, not 'PTH'",
    replaced("{expected_within: PT12H}", ""): "10: labels: has no value; remove the key, or write {} to use",
    MONITOR + "windows: {pane: PT7M}\n": "11: windows.size must be a multiple of windows.pane",
    MONITOR + "windows: {size: PT1H, every: PT2H}\n": "11: windows.every must not exceed windows.size",
    MONITOR + "windows: {lateness: -PT1M}\n": "11: windows.lateness: should not be negative",
    MONITOR + "reference: {}\n": "11: reference needs exactly one of: file, first",
    MONITOR + "sensitivity: {psi: -1}\n": "11: sensitivity.psi: should be greater than 0, not -1",
    MONITOR + "runbooks: nowhere\n": "11: runbooks: should be a valid URL",
    MONITOR + "windows: {rows: many}\n": "11: windows.rows: should be an integer, not 'many'",
    MONITOR + "unheard_of: 1\n": "11: unheard_of: is not a valid key here; remove it",
    MONITOR.split("features:")[0] + "features: {}\n": "4: features: should have at least 1 entry, not 0",
    MONITOR + "feature_view: weather\n": "1: a monitor is for exactly one of: model, feature_view",
    replaced("{expected_within: PT12H}", "{metrics: {auroc: {at_least: 2}}}"): "10: labels.metrics.auroc."
    "at_least: should be at most 1, the highest possible auroc, not 2",
    replaced("{expected_within: PT12H}", "{metrics: {log_loss: {at_most: -0.5}}}"): "10: labels.metrics."
    "log_loss.at_most: should be at least 0, the lowest possible log_loss, not -0.5",
    replaced("{expected_within: PT12H}", "{metrics: {mae: {}}}"): "1: labels.metrics: mae can't be measured "
    "for the task binary-classification",
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.items(), ids=MISTAKES.values())
def test_a_mistake_is_reported_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_monitor(path)
    assert sentence in str(error.value)
    assert str(error.value).startswith(f"{path}:")


def test_all_mistakes_are_reported_a_line_for_each(tmp_path: Path) -> None:
    path = write_monitor(tmp_path, "windows: {pane: 5, size: 6}\nno_such: 1\n")
    with pytest.raises(UserError) as error:
        read_monitor(path)
    places = [line.removeprefix(f"{path}:").partition(": ")[0] for line in str(error.value).splitlines()]
    assert places == ["11", "11", "12"]


def test_a_good_file_is_read_and_survives_the_topic(tmp_path: Path) -> None:
    monitor = read_monitor(write_monitor(tmp_path))
    assert monitor.subject == "flight-delay"
    assert monitor.labels is not None
    assert monitor.labels.expected_within == timedelta(hours=12)
    assert Monitor.model_validate_json(monitor.model_dump_json()) == monitor


def test_retraining_needs_labels(tmp_path: Path) -> None:
    text = MONITOR.replace("labels: {expected_within: PT12H}\n", "retraining: {}\n")
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(UserError, match="retraining is decided on performance, so it needs labels"):
        read_monitor(tmp_path / "m.yaml")
