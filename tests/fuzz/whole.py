"""The folds of all stages with non-empty states, and records that each of them accepts."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tests.upgrades import golden
from tests.upgrades.world import SETTINGS, registry, wire
from watchkeeper.streams.fold.protocol import Fold, Record
from watchkeeper.streams.stages import stages

Make = Callable[[], Fold]


@cache
def registered() -> Any:
    return registry(golden.configuration())


def _maker(name: str) -> Make:
    return lambda: next(each for each in stages(SETTINGS, registered()) if each.name == name).fold(1)


FOLDS: Mapping[str, Make] = {name: _maker(name) for name in ("ingest", "evaluate", "page", "notify")}


@cache
def states() -> Mapping[str, bytes]:
    """Return a state of each stage in the middle of an incident."""
    _, checkpoints, _ = golden.crashed()
    return {name: wire.decode(checkpoints[f"{name}/1"], f"{name}/1").state for name in FOLDS}


@cache
def records(topic: str) -> list[Record]:
    """Return the records of an internal topic."""
    _, _, logs = golden.crashed()
    return [record for name, log in sorted(logs.items()) if name.split("/")[0] == topic for record in log]
