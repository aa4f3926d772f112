"""Checkpoints and headers of internal records are read completely, or refused in one sentence."""

import asyncio
import contextlib
import tracemalloc
import zlib
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import HUGE, broken_bytes, broken_msgpack
from tests.fuzz.whole import FOLDS, states
from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold import formats
from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.fold.protocol import Message

GOOD = wire.Checkpoint(
    wire.VERSION,
    {"predictions": 7, "labels": 0},
    5,
    {"ingest/0": 3},
    [Message("profiles", b"k", b"value", 1)],
    b"state",
    "ingest/0",
)
PACKED = zlib.decompress(wire.encode(GOOD))
SEEN: Counter[str] = Counter()


counts = st.dictionaries(st.text(max_size=5), st.integers(0, 2**63 - 1), max_size=3)
whole = st.builds(
    wire.Checkpoint,
    st.just(wire.VERSION),
    counts,
    st.integers(0, 2**63 - 1),
    counts,
    st.just([]),
    st.binary(max_size=20),
    st.just("ingest/0"),
).map(wire.encode)


@given(st.one_of(whole, broken_bytes(wire.encode(GOOD)), broken_msgpack(PACKED).map(zlib.compress)))
def test_a_checkpoint_is_read_or_refused(value: bytes) -> None:
    try:
        found = wire.decode(value, "ingest/0")
    except wire.UnreadableCheckpoint:
        SEEN["refused"] += 1
        return
    assert found.source == "ingest/0"
    assert found.version == wire.VERSION
    assert wire.decode(wire.encode(found), "ingest/0") == found
    SEEN["read"] += 1


def test_that_was_not_vacuous() -> None:
    if not SEEN:
        pytest.skip("the other tests of this file did not run")
    assert min(SEEN["read"], SEEN["refused"]) >= 3


def test_a_bomb_is_not_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BYTES_MAX", 2**20)
    bomb = zlib.compress(bytes(200 * 2**20), 9)
    assert len(bomb) < 2**20
    tracemalloc.start()
    with pytest.raises(wire.UnreadableCheckpoint, match="it has more than 1048576 bytes"):
        wire.decode(bomb, "ingest/0")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20


@pytest.mark.parametrize("head", HUGE)
def test_a_promise_of_four_billion_things_takes_no_memory(head: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(wire.UnreadableCheckpoint):
        wire.decode(zlib.compress(b"\x87\xa7version\x02\xa7offsets" + head), "ingest/0")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_a_newer_format_is_refused_before_the_rest_is_looked_at() -> None:
    newer = zlib.compress(msgspec.msgpack.encode({"version": 99, "offsets": "otherwise"}))
    with pytest.raises(wire.UnreadableCheckpoint) as refused:
        wire.decode(newer, "page/3")
    assert str(refused.value) == (
        "checkpoint page/3 has format 99, this program reads up to 2: upgrade this worker"
    )


def test_a_checkpoint_of_another_stage_is_refused() -> None:
    # Evaluate would decode the state of ingest as an empty state of its own.
    with pytest.raises(wire.UnreadableCheckpoint, match="is of 'ingest/0', not of evaluate/0"):
        wire.decode(wire.encode(GOOD), "evaluate/0")


class _Held:
    def __init__(self, state: bytes, source: str) -> None:
        self._found = wire.Checkpoint(wire.VERSION, {}, 0, {}, [], state, source)

    async def load(self, stage: str, partition: int) -> Any:
        return self._found, None

    async def read(self, *_: Any) -> Any:
        for nothing in ():
            yield nothing


@pytest.mark.parametrize("stage", sorted(FOLDS))
@given(data=st.data())
def test_a_state_is_taken_over_or_refused(stage: str, data: st.DataObject) -> None:
    state = data.draw(broken_msgpack(states()[stage]))
    held: Any = _Held(state, f"{stage}/0")
    keeper = Keeper(stage, 0, FOLDS[stage](), held, held)
    with contextlib.suppress(wire.UnreadableCheckpoint):
        asyncio.run(keeper.begin(0))


header = st.tuples(
    st.sampled_from([formats.FORMAT_HEADER, formats.SOURCE_HEADER, formats.SEQUENCE_HEADER, "other"]),
    st.one_of(
        st.none(),
        st.binary(max_size=5),
        st.sampled_from(
            [b"1", b"2", b"3", b"99", b"-1", b"1.5", b"9" * 30, b"ingest/0", b"\xff", b"x" * 200]
        ),
    ),
)


@given(st.lists(header, max_size=5))
def test_headers_are_read_or_foreign(given_headers: list[tuple[str, bytes | None]]) -> None:
    try:
        origin = formats.origin(given_headers)
    except formats.ForeignHeaders:
        return
    assert 0 <= origin.sequence < 2**63
    assert origin.format >= 0
