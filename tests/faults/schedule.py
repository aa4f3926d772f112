"""Schedules of faults. Each is drawn from a seed, so that a failing schedule can be repeated."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

FAULTS_AT_LEAST = 20

WORKER = {"killed": 4, "frozen": 3, "stopped": 2, "added": 1, "removed": 1, "clock": 3}
BROKER = {"broker_killed": 2, "broker_frozen": 2, "outage": 2, "cut": 4, "slow": 2, "disk_full": 1}
SAVES = {"frozen_in_save": 1}
STREAM = {"poison": 2, "repeats": 3, "stall": 1}
RECEIVER = {"alertmanager_down": 1}
PUBLISHERS = {
    "held_back": 3,
    "clock_ahead": 2,
    "clock_behind": 2,
    "bad_team": 1,
    "environment": 1,
    "label_flood": 1,
}
HELD_AT_FIRST_SECONDS = 1.5
"""How long one topic is held back at the beginning, chosen by hand: nearly three minutes of event time."""
HELD_TOPICS = 3
"""The topics that publishers write: any of them can be held back."""
TRAFFIC = {"traffic_lost": 1, "traffic_doubled": 1}
TRAFFIC_AT_SECONDS = 12.0, 14.0
"""When the traffic of a model changes, of `SECONDS`: after enough whole windows to know what is usual."""

LASTS_SECONDS = {
    "frozen": (4.0, 5.5),  # longer than the group waits for a silent worker
    "frozen_in_save": (4.0, 5.5),
    "broker_killed": (0.5, 2.0),
    "broker_frozen": (1.0, 6.0),
    "outage": (1.0, 6.0),
    "slow": (1.0, 3.0),
    "stall": (0.5, 2.0),
    "alertmanager_down": (2.0, 6.0),
    "held_back": (0.5, 3.0),  # up to five minutes of event time
    "traffic_lost": (5.0, 6.0),  # at least three whole windows
    "traffic_doubled": (5.0, 6.0),
}
CLOCK_JUMPS_SECONDS = (-86_400, -3600, -60, -5, 5, 60, 3600, 86_400)


class Fault(NamedTuple):
    """One fault."""

    at_seconds: float
    kind: str
    for_seconds: float
    who: int
    """Number of the worker or broker, modulo how many there are."""
    how: float
    """Size of the fault in seconds: by how much a clock jumps, or by how much the network is delayed."""

    def __str__(self) -> str:
        lasts = f" for {self.for_seconds:.1f} s" if self.for_seconds else ""
        return f"{self.at_seconds:5.1f} s  {self.kind}{lasts} (who {self.who}, how {self.how:g})"


class Schedule(NamedTuple):
    """All faults of one run, as one list per lane. The faults of a lane happen one after another."""

    seed: int
    lanes: list[list[Fault]]

    @property
    def faults(self) -> list[Fault]:
        """All faults in order of time."""
        return sorted(fault for lane in self.lanes for fault in lane)


def draw(seed: int, seconds: float, possible: Sequence[str]) -> Schedule:
    """Draw a schedule of faults that these brokers support.

    >>> draw(7, 24, ["cut"]) == draw(7, 24, ["cut"])
    True
    >>> len(draw(7, 24, ["cut"]).faults) >= FAULTS_AT_LEAST
    True
    """
    source = random.Random(f"schedule {seed}")  # noqa: S311
    lanes = [
        list(_lane(source, WORKER, possible, 1.0, seconds, (0.8, 2.0))),
        list(_lane(source, BROKER, possible, 2.0, seconds, (0.8, 2.5))),
        list(_lane(source, STREAM, possible, 1.5, seconds, (2.5, 5.0))),
        list(_lane(source, RECEIVER, possible, 3.0, seconds, (5.0, 12.0))),
    ]
    # A separate generator, so that the other faults of earlier seeds stay the same.
    saves = random.Random(f"saves {seed}")  # noqa: S311
    lanes.append(list(_lane(saves, SAVES, possible, 2.0, seconds, (1.0, 6.0))))
    # No event follows the end of the stream, so nothing would reveal the loss of state in memory.
    last = Fault(seconds + source.uniform(0.2, 1.2), "killed", 0.0, source.randrange(12), 0.0)
    lanes[0].append(last)
    while sum(map(len, lanes)) < FAULTS_AT_LEAST:
        at = source.uniform(1.0, seconds)
        lanes[0] = sorted([*lanes[0], Fault(at, "killed", 0.0, source.randrange(12), 0.0)])
    return Schedule(seed, [*lanes, *_mishaps(seed, possible, seconds)])


def _mishaps(seed: int, possible: Sequence[str], seconds: float) -> Iterator[list[Fault]]:
    """Yield the lanes of the publishers' faults, from generators of their own for the same reason."""
    source = random.Random(f"publishers {seed}")  # noqa: S311
    faults = list(_lane(source, PUBLISHERS, possible, HELD_AT_FIRST_SECONDS, seconds, (0.5, 2.5)))
    if "held_back" in possible:
        # Before the first prediction is read, nothing is known of the model.
        faults.insert(0, Fault(0.0, "held_back", HELD_AT_FIRST_SECONDS, seed % HELD_TOPICS, 0.0))
    yield faults
    source = random.Random(f"traffic {seed}")  # noqa: S311
    kinds = [kind for kind in TRAFFIC if kind in possible]
    if kinds:
        at, kind = source.uniform(*TRAFFIC_AT_SECONDS), source.choice(kinds)
        yield [Fault(round(at, 2), kind, round(source.uniform(*LASTS_SECONDS[kind]), 2), 0, 0.0)]


def _lane(
    source: random.Random,
    weights: dict[str, int],
    possible: Sequence[str],
    start: float,
    seconds: float,
    gap: tuple[float, float],
) -> Iterator[Fault]:
    kinds = [kind for kind in weights if kind in possible]
    at = start + source.uniform(0, gap[1])
    while kinds and at < seconds:
        kind = source.choices(kinds, [weights[kind] for kind in kinds])[0]
        lasts = source.uniform(*LASTS_SECONDS[kind]) if kind in LASTS_SECONDS else 0.0
        how = float(source.choice(CLOCK_JUMPS_SECONDS)) if kind == "clock" else source.uniform(0.02, 0.3)
        yield Fault(round(at, 2), kind, round(lasts, 2), source.randrange(12), round(how, 3))
        # Workers fail while others are frozen. The brokers and the rest have one fault at a time.
        at += source.uniform(*gap) + (0 if weights is WORKER else lasts)
