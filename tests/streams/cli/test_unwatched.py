"""Events of subjects that nobody watches are counted by name, and can be replayed once somebody does."""

import json

from watchkeeper.schemas.rejections import Reason, Rejection, Replay
from watchkeeper.streams.cli.unwatched import NAMES_MAX, OTHERS, Unwatched, count_unwatched


def rejection(name: str, offset: int = 0, reason: Reason = "unknown_model", at_ms: int = 9) -> Rejection:
    field = "model" if reason == "unknown_model" else "feature_view"
    value = json.dumps({field: name}).encode()
    return Rejection("predictions", 0, offset, reason, "", at_ms, len(value), None, value, [])


def replayed(name: str, offset: int = 0) -> Rejection:
    first = rejection(name, offset)
    return Rejection(*(getattr(first, each) for each in first.__struct_fields__[:-1]), Replay(10, "me", 11))


def test_they_are_counted_by_name_the_most_first() -> None:
    given = [*(rejection("a", i) for i in range(2)), *(rejection("b", i) for i in range(5))]
    given += [rejection("w", reason="unknown_feature_view"), rejection("a", reason="invalid_event")]
    assert count_unwatched(given, [], 0) == [
        Unwatched("model", "b", 5),
        Unwatched("model", "a", 2),
        Unwatched("feature view", "w", 1),
    ]


def test_those_that_are_watched_now_or_were_replayed_or_are_old_do_not_count() -> None:
    given = [rejection("a"), rejection("b", 1), replayed("b", 1), rejection("c", at_ms=3)]
    assert count_unwatched(given, ["a"], 4) == []


def test_names_are_bounded() -> None:
    found = count_unwatched([rejection(f"m{i}") for i in range(5 * NAMES_MAX)], [], 0)
    assert len(found) == NAMES_MAX + 1
    assert found[0] == Unwatched("model", OTHERS, 4 * NAMES_MAX)
