import json
from pathlib import Path

import msgspec
import pytest

from watchkeeper.schemas.profiles import (
    OTHER_PUBLISHERS,
    PUBLISHERS_MAX,
    KindAccount,
    Pane,
    PublisherClock,
    RowsCounts,
    SubjectAccount,
    ToEvaluate,
    Watermark,
)

GOLDEN = Path(__file__).parent / "golden"
MESSAGES = {
    "pane": Pane("delays", "7", "origin=EWR", "predictions", 0, 300_000, "0a1b", 12, b"counts"),
    "watermark": Watermark(
        "ingest/3", 1_700_000_000_000, {"labels": {"delays": 299_999}}, {"features": ["weather"]}
    ),
    "account": SubjectAccount(
        "ingest/3",
        1_700_000_000_000,
        "delays",
        {
            "predictions": KindAccount(
                50, 7, 2, 3, 1, {"malformed_json": 3}, {"gate-a": PublisherClock(12, 7, 1, -80_000, 61_000)}
            )
        },
        ["predictions/3/41: it is not JSON"],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_reads_back_as_what_it_was(name):
    data = msgspec.msgpack.encode(MESSAGES[name])
    assert msgspec.msgpack.decode(data, type=ToEvaluate) == MESSAGES[name]


@pytest.mark.parametrize("name", MESSAGES)
def test_the_fields_of_a_message_are_pinned(name):
    written = json.loads(msgspec.json.encode(MESSAGES[name]))
    assert written == json.loads((GOLDEN / f"{name}.json").read_text())


def test_counts_without_spans_can_be_read():
    old = msgspec.msgpack.encode([1, 0, 0, None, None, [], [], []])
    assert msgspec.msgpack.decode(old, type=RowsCounts).spans is None


def test_accounts_add_up_and_tell_a_bounded_number_of_publishers_apart():
    whole = KindAccount()
    for i in range(2 * PUBLISHERS_MAX):
        clock = PublisherClock(2, 1, 0, -i - 1, i)
        whole.add(KindAccount(1, 2, 3, 4, 5, {"empty": 4}, {f"p{i}": clock}))
    assert len(whole.clocks) == PUBLISHERS_MAX + 1
    assert whole.published == 2 * PUBLISHERS_MAX * (1 + 2 + 4 + 5)
    assert whole.duplicate == 2 * PUBLISHERS_MAX * 3
    assert whole.reasons == {"empty": 2 * PUBLISHERS_MAX * 4}
    assert whole.clocks["p3"] == PublisherClock(2, 1, 0, -4, 3)
    assert whole.clocks[OTHER_PUBLISHERS] == PublisherClock(
        2 * PUBLISHERS_MAX, PUBLISHERS_MAX, 0, -2 * PUBLISHERS_MAX, 2 * PUBLISHERS_MAX - 1
    )
