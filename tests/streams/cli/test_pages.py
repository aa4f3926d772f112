"""The generated reference pages match the program."""

import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from tests.streams.cli.cli_runs import MONITOR
from watchkeeper.streams.cli.reference_pages import PAGES, ROOT

SCHEMA = ROOT / "docs/reference/monitor.schema.json"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_up_to_date(page: str) -> None:
    written = (ROOT / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run: python -m watchkeeper.streams.cli.reference_pages"


def test_the_page_of_commands_has_every_command() -> None:
    page = PAGES["docs/reference/cli.md"]()
    titles = re.findall("^## (.*)", page, re.MULTILINE)
    assert titles[:3] == ["watchkeeper", "watchkeeper demo", "watchkeeper worker"]
    assert "watchkeeper reference build" in titles
    assert len(titles) == page.count("Usage: ") == len(set(titles))


def test_the_schema_takes_a_good_monitor_and_refuses_a_bad_one() -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = yaml.safe_load(MONITOR)
    assert validator.is_valid(good)
    bad: tuple[dict[str, Any], ...] = ({"owner": {}}, {"task": "magic"}, {"features": {}}, {"no_such": 1})
    for change in bad:
        assert not validator.is_valid(good | change), change


def test_every_key_of_a_monitor_has_a_description() -> None:
    schema = json.loads(SCHEMA.read_text())
    sections = {"Monitor": schema, **schema["$defs"]}
    assert len(sections) >= 9
    silent = [f"{name}.{key}" for name, section in sections.items() for key in _silent(section)]
    assert silent == []


def _silent(section: dict[str, Any]) -> list[str]:
    return [key for key, field in section["properties"].items() if not field.get("description")]
