"""One round: drift until its alert is seen at every place, which must be in time, and so must its end.

Pure: times are passed in, in milliseconds of the wall clock.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

__all__ = ["LEAST_PANES", "Place", "Plan", "Result", "Round"]

LEAST_PANES = 3
"""Windows that pass at least until the alert comes: it wants two that drift, and the second must close."""

Place = Literal["topic", "alertmanager"]
"""Where the alert must be seen: on the topic `alerts`, and in Alertmanager's list."""


class Plan(NamedTuple):
    """When rounds begin, and how long they may take."""

    pane_ms: int
    every_ms: int
    within_ms: int

    @property
    def round_ms(self) -> int:
        """The longest that a round can take: until its alert comes, and until it goes."""
        return 2 * self.within_ms

    def next_pane_ms(self, now_ms: int) -> int:
        """Return the start of the first pane that has a whole pane before it, to publish what is normal.

        >>> Plan(pane_ms=60, every_ms=3600, within_ms=600).next_pane_ms(61)
        180
        """
        return -(-(now_ms + self.pane_ms) // self.pane_ms) * self.pane_ms

    def next_round_ms(self, now_ms: int) -> int:
        """Return when the next round begins: at a multiple of `every_ms`, so that all canaries agree on it.

        A canary that restarts in the middle of a round waits for the next, and two never disturb each other.

        >>> plan = Plan(pane_ms=60, every_ms=3600, within_ms=600)
        >>> plan.next_round_ms(100), plan.next_round_ms(3599), plan.next_round_ms(3601)
        (3600, 7200, 7200)
        """
        return -(-(now_ms + self.pane_ms) // self.every_ms) * self.every_ms


class Result(Struct, frozen=True, omit_defaults=True):
    """How a round ended."""

    model: str
    outcome: Literal["detected", "missed"]
    began_ms: int
    seen_after_seconds: dict[Place, float]
    """From the beginning of the drift until the alert was seen, for each place that it was seen at."""
    why: str = ""
    """Of a round that was missed, what was not seen."""

    @property
    def detection_seconds(self) -> float:
        """From the beginning of the drift until it was seen everywhere."""
        return max(self.seen_after_seconds.values(), default=0.0)


class Round:
    """One round, from before its drift until its result.

    >>> round = Round("m", 600, Plan(pane_ms=60, every_ms=3600, within_ms=600), ["topic"])
    >>> round.see("topic", True, 750)
    >>> round.drifts(750), round.result(800)  # its end must be seen, too
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
        """Whether an event of now is a drifted one.

        The drift goes on until it is seen: else workers that catch up would raise and resolve its alert
        between two looks.
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
            self._stale.add(place)  # of an earlier drift: it proves nothing
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
            what = "the alert of an earlier drift goes on" if stale else "the drift raised no alert"
            return self._missed(what, stale or unseen, self._plan.within_ms)
        if self._firing:
            late = now_ms >= self._seen_ms + self._plan.within_ms
            firing = [place for place in self._places if place in self._firing]
            what = "the alert goes on after the drift"
            return self._missed(what, firing, self._plan.within_ms) if late else None
        return Result(self._model, "detected", self.begins_ms, self._seen())

    def _missed(self, what: str, places: list[Place], after_ms: int) -> Result:
        why = (
            f"{what} at {' and '.join(_NAMES[place] for place in places)}, after {after_ms / 1000:g} seconds"
        )
        return Result(self._model, "missed", self.begins_ms, self._seen(), why)

    def _seen(self) -> dict[Place, float]:
        return {place: (at_ms - self.begins_ms) / 1000 for place, at_ms in self._fired_ms.items()}


_NAMES: dict[Place, str] = {"topic": "the topic alerts", "alertmanager": "Alertmanager"}
