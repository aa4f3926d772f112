"""Every text that comes in has a limit, the same for workers, client and documentation."""

import re
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.schemas.events import FeatureEvent, Label, Prediction
from watchkeeper.schemas.limits import PREDICTION_ID_MAX, TEXT_LIMITS, short
from watchkeeper_client import events

WIRE = Path(__file__).parents[2] / "docs/reference/wire.md"
FOR_READERS = {"entity_id", "trace_id"}
"""Fields that workers do not read."""


@given(st.text(), st.integers(10, 300))
def test_a_text_is_never_longer_than_its_limit_and_a_short_one_stays(text: str, limit: int) -> None:
    cut = short(text, limit)
    assert len(cut) <= limit
    assert (cut == text) == (len(text) <= limit)
    assert short(cut, limit) == cut


def test_texts_with_the_same_beginning_stay_apart() -> None:
    assert len({short("v" * 200_000 + str(i), 100) for i in range(100)}) == 100


def test_a_text_that_utf_8_can_not_encode_becomes_one_that_it_can() -> None:
    assert short("a\ud800b", 100).encode() == b"a?b"


@pytest.mark.parametrize("event", [Prediction, Label, FeatureEvent])
def test_every_text_of_an_event_is_in_the_table(event: type) -> None:
    limited = {each.field for each in TEXT_LIMITS} | FOR_READERS
    texts = {name for name, kind in get_type_hints(event).items() if "str" in str(kind)}
    assert texts - {"prediction", "label"} <= limited, "label and prediction hold numbers, not texts"


def test_the_documentation_has_the_table() -> None:
    found = re.findall(
        r"^\| `(\w+)`[^|]*\| (\d+) \| (?:the )?[^|]*?(refused|cut|unknown)", WIRE.read_text(), re.MULTILINE
    )
    assert [(name, int(characters), beyond) for name, characters, beyond in found] == [
        (each.field, each.characters, each.beyond) for each in TEXT_LIMITS
    ]


def test_the_client_has_the_same_limit() -> None:
    assert events.PREDICTION_ID_MAX == PREDICTION_ID_MAX
    for i in (0, 1):
        given_id = "p" * (PREDICTION_ID_MAX + i)
        make = lambda: events.label(given_id, "2026-01-01T00:00:00.000Z", "/m", {"label": True})  # noqa: E731, B023
        if i:
            with pytest.raises(ValueError, match="has 257 characters; the limit is 256"):
                make()
            continue
        assert msgspec.json.decode(make().value, type=Label).prediction_id == given_id
