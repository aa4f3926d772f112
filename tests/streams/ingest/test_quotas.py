"""What one subject may use does not depend on the others; what goes beyond it is counted for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.ingest.test_stage import MONITOR, NOW_MS, prediction, records
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.ingest import join
from watchkeeper.streams.ingest.eviction import evict
from watchkeeper.streams.ingest.panes import SEGMENTS_MAX, VERSIONS_MAX
from watchkeeper.streams.ingest.stage import IngestFold

OTHER = Monitor.model_validate({**MONITOR.model_dump(mode="json", exclude_unset=True), "model": "flood"})
BOTH = Registry.fixed({"risk": Watched(MONITOR, {}), "flood": Watched(OTHER, {})})


def fold() -> IngestFold:
    return IngestFold(0, 2, BOTH)


class Version:
    """Chunks of predictions of one version, as (offset, number)."""

    def __init__(self, chunks: list[tuple[int, int]]) -> None:
        self.chunks = chunks

    def __len__(self) -> int:
        return sum(count for _, count in self.chunks)

    @property
    def first_offset(self) -> int | None:
        return self.chunks[0][0] if self.chunks else None

    def forget_oldest(self) -> int:
        return self.chunks.pop(0)[1]


chunks = st.lists(st.integers(1, 20), max_size=8).map(lambda counts: Version(list(enumerate(counts))))
subjects = st.dictionaries(st.sampled_from("abcdef"), st.lists(chunks, max_size=4))


@given(subjects, st.integers(0, 200))
def test_a_subject_with_less_than_its_equal_part_loses_nothing(
    versions: dict[str, list[Version]], most: int
) -> None:
    before = {name: sum(map(len, each)) for name, each in versions.items()}
    forgotten = evict(versions, most)
    left = {name: sum(map(len, each)) for name, each in versions.items()}
    assert {name: left[name] + forgotten.get(name, 0) for name in left} == before
    assert sum(left.values()) <= most or not any(left.values())
    if sum(before.values()) <= most:
        assert not forgotten
    for name in forgotten:
        assert before[name] * len(versions) >= most


def test_a_flood_in_many_versions_forgets_none_of_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "WAITING_MAX", 400)
    ingest = fold()
    ingest.fold("predictions", records([prediction(i, i / 10) for i in range(150)]), NOW_MS)
    flood = [{**prediction(i, i / 100), "model": "flood", "model_version": f"v{i % 15}"} for i in range(3000)]
    for first in range(0, 3000, 300):
        ingest.fold("predictions", records(flood[first : first + 300], first=1000 + first), NOW_MS)
    waiting = {name: sum(map(len, each)) for name, each in ingest.partition.join.of_subject.items()}
    assert waiting["risk"] == 150
    assert waiting["flood"] <= 250
    assert ingest.partition.exceeded.rows == {"flood": {"waiting": 3000 - waiting["flood"]}}


def test_rows_of_too_many_versions_and_segments_are_counted_for_their_subject() -> None:
    ingest = fold()
    events: list[object] = [prediction(i, 1) for i in range(10)]
    for i in range(100):
        given_features = {**prediction(i, 1)["features"], "country": f"c{i}"}  # type: ignore[dict-item]
        event = prediction(1000 + i, 1, model="flood", features=given_features)
        events += [event, {**event, "prediction_id": f"v{i}", "model_version": f"v{i}"}]
    ingest.fold("predictions", records(events), NOW_MS)
    versions = 100 - (VERSIONS_MAX - 1)
    assert ingest.partition.exceeded.rows["flood"]["versions"] == versions
    assert ingest.partition.exceeded.rows["flood"]["segments"] == 2 * (100 - SEGMENTS_MAX)
    assert "risk" not in ingest.partition.exceeded.rows
    again = fold()
    again.restore(ingest.snapshot())
    assert again.partition.exceeded.rows == ingest.partition.exceeded.rows
    assert json.dumps(again.partition.exceeded.rows)
