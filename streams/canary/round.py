"""One round: drift until the alert is seen at every place. The alert and its end must come in time.

This module has no clock: the caller passes times in milliseconds of the wall clock.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

__all__ = ["PANES_MIN", "Place", "Plan", "Result", "Round"]

PANES_MIN = 3
"""Minimum number of windows until the alert can fire: two consecutive windows must drift, and the second must
close."""

Place = Literal["topic", "alertmanager"]
"""Where the alert must be seen: on the topic `alerts`, and in Alertmanager's list."""


class Plan(NamedTuple):
    """When rounds begin, and how long they may take."""

    pane_ms: int
    """The length of a pane, which is also that of a window."""
    every_ms: int
    """The time between the beginnings of two rounds."""
    within_ms: int
    """The longest time until the alert is seen, and again until its end is."""

    @property
    def round_ms(self) -> int:
        """The longest time that a round can take: until its alert fires, and until it ends."""
        return 2 * self.within_ms

    def next_pane_ms(self, now_ms: int) -> int:
        """Return the start of the first pane with a whole pane of normal events before it.

        >>> Plan(pane_ms=60, every_ms=3600, within_ms=600).next_pane_ms(61)
        180
        """
        return -(-(now_ms + self.pane_ms) // self.pane_ms) * self.pane_ms

    def next_round_ms(self, now_ms: int) -> int:
        """Return when the next round begins: a multiple of `every_ms`, the same for all probes.

        A probe that restarts in the middle of a round waits for the next, and two probes never interfere.

        >>> plan = Plan(pane_ms=60, every_ms=3600, within_ms=600)
        >>> plan.next_round_ms(100), plan.next_round_ms(3599), plan.next_round_ms(3601)
        (3600, 7200, 7200)
        """
        return -(-(now_ms + self.pane_ms) // self.every_ms) * self.every_ms


class Result(Struct, frozen=True, omit_defaults=True):
    """How a round ended."""

    model: str
    """The probe's subject."""
    outcome: Literal["detected", "missed"]
    """Whether the alert and its end were seen in time."""
    began_ms: int
    """When the drift began."""
    seen_after_seconds: dict[Place, float]
    """Place -> seconds from the start of the drift until the alert was seen there."""
    why: str = ""
    """What was not seen, if the round was missed."""

    @property
    def detection_seconds(self) -> float:
        """Seconds from the start of the drift until the alert was seen everywhere."""
        return max(self.seen_after_seconds.values(), default=0.0)


class Round:
    """One round, from before its drift until its result.

    Args:
        model: The probe's subject.
        begins_ms: When the drift begins.
        plan: How long the round may take.
        places: Where the alert must be seen.

    >>> round = Round("m", 600, Plan(pane_ms=60, every_ms=3600, within_ms=600), ["topic"])
    >>> round.see("topic", True, 750)
    >>> round.drifts(750), round.result(800)  # the end of the alert must be seen too
    (False, None)
    >>> round.see("topic", False, 900)
    >>> round.result(900)
    Result(model='m', outcome='detected', began_ms=600, seen_after_seconds={'topic': 0.15}, why='')
    """

    def __init__(self, model: str, begins_ms: int, plan: Plan, places: Iterable[Place]) -> None:
        self.begins_ms = begins_ms
        self._model = model
        self._plan = plan
        self._places = tuple(places)
        self._seen_ms: int | None = None
        self._firing: set[Place] = set()
        self._stale: set[Place] = set()
        self._fired_ms: dict[Place, int] = {}

    def drifts(self, at_ms: int) -> bool:
        """Whether an event of this time is a drifted one.

        The drift lasts until its alert is seen. Otherwise workers that catch up could raise and resolve the
        alert between two looks.
        """
        return self.begins_ms <= at_ms < self.begins_ms + self._plan.within_ms and self._seen_ms is None

    def see(self, place: Place, firing: bool, now_ms: int) -> None:
        """Note whether the alert is firing at a place."""
        if not firing:
            self._firing.discard(place)
            self._stale.discard(place)
            return
        self._firing.add(place)
        if now_ms < self.begins_ms:
            self._stale.add(place)  # the alert of an earlier drift proves nothing
        elif place not in self._stale:
            self._fired_ms.setdefault(place, now_ms)
            if self._seen_ms is None and len(self._fired_ms) == len(self._places):
                self._seen_ms = now_ms

    def result(self, now_ms: int) -> Result | None:
        """Return how the round ended, or None while it goes on."""
        unseen = [place for place in self._places if place not in self._fired_ms]
        if self._seen_ms is None:
            if now_ms < self.begins_ms + self._plan.within_ms:
                return None
            stale = [place for place in unseen if place in self._stale]
            what = "the alert of an earlier drift still fires" if stale else "the drift raised no alert"
            return self._missed(what, stale or unseen, self._plan.within_ms)
        if self._firing:
            late = now_ms >= self._seen_ms + self._plan.within_ms
            firing = [place for place in self._places if place in self._firing]
            what = "the alert still fires after the drift"
            return self._missed(what, firing, self._plan.within_ms) if late else None
        return Result(self._model, "detected", self.begins_ms, self._seen())

    def _missed(self, what: str, places: list[Place], after_ms: int) -> Result:
        why = f"{what} {' and '.join(_NAMES[place] for place in places)}, after {after_ms / 1000:g} seconds"
        return Result(self._model, "missed", self.begins_ms, self._seen(), why)

    def _seen(self) -> dict[Place, float]:
        return {place: (at_ms - self.begins_ms) / 1000 for place, at_ms in self._fired_ms.items()}


_NAMES: dict[Place, str] = {"topic": "on the topic alerts", "alertmanager": "in Alertmanager"}
"""Place -> its words in a sentence."""
