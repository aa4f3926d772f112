"""What goes out, byte for byte. A change of a golden file is a change for everyone who reads these topics."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.alerting.samples import NOW, alerts, notices
from watchkeeper.alerting.alertmanager import payload
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.schemas.retraining import RetrainingRequest

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.json").read_text()


def pretty(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("name", "index"), [("alert-firing", 0), ("alert-resolved", 1), ("retraining", 2)])
def test_what_is_published_is_the_golden_file(name, index):
    assert pretty(alerts()[index].model_dump_json()) == golden(name)


def test_a_notice_is_the_golden_file():
    assert pretty(notices()[1].model_dump_json()) == golden("notice")


def test_what_alertmanager_is_sent_is_the_golden_file():
    sent = [payload([notice], NOW, timedelta(minutes=4))[0] for notice in notices()]
    assert json.dumps(sent, indent=2) + "\n" == golden("alertmanager")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("alert-firing", Alert),
        ("alert-resolved", Alert),
        ("retraining", RetrainingRequest),
        ("notice", Notice),
    ],
)
def test_what_is_read_is_what_was_published(name, model):
    assert pretty(model.model_validate_json(golden(name)).model_dump_json()) == golden(name)
