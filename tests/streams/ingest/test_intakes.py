"""The partitions of a worker share what ingest knows of every subject."""

import subprocess
import sys

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stages import stages


def _watched(model: str, feature: str = "age") -> Watched:
    return Watched(
        Monitor.model_validate(
            {
                "model": model,
                "owner": {"team": "ml"},
                "task": "regression",
                "features": {feature: {"type": "number"}},
            }
        )
    )


def _change(registry: Registry, **watched: Watched) -> None:
    registry._watched = registry._watched | {name: Timeline(each) for name, each in watched.items()}
    registry.generation += 1


def test_what_one_partition_has_built_the_others_take_over():
    common = Subjects(registry := Registry.fixed({"a": _watched("a")}))
    first, second = Subjects(registry, common), Subjects(registry, common)
    for subjects in (first, second):
        subjects.refresh()
    assert first.intakes["a"] is second.intakes["a"]
    assert first.decoders["predictions"].by_struct is second.decoders["predictions"].by_struct


def test_partitions_of_a_worker_share_intakes():
    ingest = stages(Settings(), Registry.fixed({"a": _watched("a")}))[0]
    folds = [ingest.fold(number) for number in range(2)]
    for fold in folds:
        fold.caught_up("labels", 0)
    first, second = (fold.partition.subjects for fold in folds)
    assert first is not second
    assert first.intakes["a"] is second.intakes["a"]


def test_a_change_reaches_all_and_leaves_the_others_as_they_are():
    common = Subjects(registry := Registry.fixed({"a": _watched("a"), "b": _watched("b")}))
    subjects = Subjects(registry, common)
    subjects.refresh()
    before = dict(subjects.intakes)
    _change(registry, b=_watched("b", "income"), c=_watched("c"))
    subjects.refresh()
    assert subjects.intakes["a"] is before["a"]
    assert list(subjects.intakes["b"].revisions.latest.subject.features) == ["income"]
    assert list(subjects.decoders["predictions"].subjects) == ["a", "b", "c"]
    assert subjects.is_of_kind("c", "predictions")


def test_what_a_decoder_tries_first_is_its_own():
    registry = Registry.fixed({"a": Timeline(_watched("a"), (5, _watched("a", "income")))})
    common = Subjects(registry)
    one, other = Subjects(registry, common), Subjects(registry, common)
    for subjects in (one, other):
        subjects.refresh()
    old = one.intakes["a"].revisions.at(4).subject
    event = b'{"model":"a","event_time":"2026-01-01T00:00:00Z","prediction_id":"1",'
    event += b'"features":{"age":1},"prediction":{"value":1}}'
    one.decoders["predictions"].prefer([old])
    decoded = [each.decoders["predictions"].decode_fast(event) for each in (one, other, common)]
    new = other.intakes["a"].revisions.latest.subject
    assert [type(each) for each in decoded] == [old.struct, new.struct, new.struct]


def test_a_worker_begins_without_the_slow_imports_of_river():
    code = (
        "import sys, watchkeeper.streams.worker.run; print('river' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
