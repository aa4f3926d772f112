"""Finds a category that was renamed: a new one took the share of one that vanished."""

from collections.abc import Mapping
from typing import NamedTuple

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.quality.proportions import rise_p_value
from watchkeeper.detectors.checks.quality.share_rise import RowShare
from watchkeeper.detectors.checks.window_case import Case, category_of
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.summaries import CategorySummary
from watchkeeper.schemas.findings import Finding

_GONE = 0.1
"""A category has vanished if it keeps less than this part of its share; a new one had less before. Chosen by
hand: publishers that are not updated yet still send the old name."""
_ALIKE = 1.5
"""The largest ratio between the shares of the old and the new category. Chosen by hand."""
_CHANCE = 1e-3
"""The smallest p-value of a difference between both shares for them to count as equal. Chosen by hand."""
_LIKELY = 0.05
"""The same p-value where the shares differ by more than `_ALIKE`, as those of few rows may. Chosen by
hand."""
_OF_LEAST = 0.2
"""Part of `sensitivity.missing_ratio` that the renamed share must reach. Chosen by hand: a rename is
specific, so a smaller effect is enough than for other checks."""


class Renamed(NamedTuple):
    """A category that has a new name."""

    old: str
    """The name before."""
    new: str
    """The name now."""
    before: RowShare
    """The share of the old name before."""
    now: RowShare
    """The share of the new name now."""
    p_value: float
    """The probability of the old name's fall by chance."""


def check(case: Case, feature: str) -> Finding | None:
    """Find categories that vanished while a new one appeared with about the same share.

    The fall and the rise must be significant, and the difference of the two shares must not be (Fisher's
    exact test). Names with the same letters and digits are respelled (NL, nl, " NL"). For those it is enough
    that the fall of all old names together is significant, so that a few rows of many categories are enough.

    Args:
        case: The window and what it is compared with.
        feature: The category feature.

    Returns:
        A finding that names the pairs, or None.
    """
    now = category_of(case.window, feature)
    pasts = [category_of(past.profile, feature) for past in case.pasts]
    known = [past for past in pasts if past is not None and past.usable >= SHARE_ROWS_MIN]
    if now is None or now.usable < SHARE_ROWS_MIN or not known:
        return None
    pairs = _pairs(case, now, known, case.level_of(feature))
    return _finding(case, feature, pairs) if pairs else None


def _pairs(case: Case, now: CategorySummary, pasts: list[CategorySummary], level: float) -> list[Renamed]:
    new = {name: share for name, share in _shares(now).items() if _is_new(name, share, pasts)}
    before = _shares(pasts[0])
    pairs = _respelled(case, now, before, new, level)
    for pair in pairs:
        del new[pair.new], before[pair.old]
    for old in sorted(before, key=lambda name: (-before[name].found, name)):
        fits = [_renamed(old, name, before[old], now, share) for name, share in new.items()]
        good = [fit for fit in fits if _holds(case, fit, level)]
        if good:
            pairs.append(min(good, key=_unlikeness))
            del new[pairs[-1].new]
    return pairs


def _respelled(
    case: Case,
    now: CategorySummary,
    before: Mapping[str, RowShare],
    new: Mapping[str, RowShare],
    level: float,
) -> list[Renamed]:
    spelled: dict[str, list[str]] = {}
    for name in before:
        spelled.setdefault(_letters(name), []).append(name)
    pairs = []
    for name, share in sorted(new.items(), key=lambda each: (-each[1].found, each[0])):
        olds = spelled.pop(_letters(name), [])
        if len(olds) == 1 and _letters(name) and _share_of(now, olds[0]).value < _GONE * share.value:
            pairs.append(Renamed(olds[0], name, before[olds[0]], share, 1.0))
    if not pairs:
        return []
    rows, usable = pairs[0].before.rows, now.usable
    were = sum(pair.before.found for pair in pairs)
    left = sum(_share_of(now, pair.old).found for pair in pairs)
    p_value = rise_p_value(usable - left, usable, rows - were, rows)
    least = case.monitor.sensitivity.missing_ratio * _OF_LEAST
    return (
        [pair._replace(p_value=p_value) for pair in pairs]
        if p_value <= level and were >= least * rows
        else []
    )


def _shares(summary: CategorySummary) -> dict[str, RowShare]:
    return {name: RowShare(count, summary.usable) for name, count in summary.counts().items() if count}


def _share_of(summary: CategorySummary, name: str) -> RowShare:
    return RowShare(summary.counts().get(name, 0), summary.usable)


def _is_new(name: str, share: RowShare, pasts: list[CategorySummary]) -> bool:
    return all(_share_of(past, name).value < _GONE * share.value for past in pasts)


def _renamed(old: str, new: str, before: RowShare, now: CategorySummary, share: RowShare) -> Renamed:
    left = _share_of(now, old)
    # The fall of the old category is the rise of all others.
    fall = rise_p_value(left.rows - left.found, left.rows, before.rows - before.found, before.rows)
    gone = left.value < _GONE * before.value
    return Renamed(old, new, before, share, fall if gone else 1.0)


def _holds(case: Case, pair: Renamed, level: float) -> bool:
    before, now = pair.before, pair.now
    least = case.monitor.sensitivity.missing_ratio * _OF_LEAST
    if min(before.value, now.value) < least or pair.p_value > level:
        return False
    rise = rise_p_value(now.found, now.rows, before.found, before.rows)
    fall = rise_p_value(before.found, before.rows, now.found, now.rows)
    alike = 1 / _ALIKE <= now.value / before.value <= _ALIKE
    return min(rise, fall) > (_CHANCE if alike else _LIKELY)


def _unlikeness(pair: Renamed) -> tuple[bool, float, str]:
    """Give the rank of a pair: the same letters first, then the closest share."""
    return _letters(pair.old) != _letters(pair.new), abs(pair.now.value - pair.before.value), pair.new


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _finding(case: Case, feature: str, pairs: list[Renamed]) -> Finding:
    first, more = pairs[0], f" {len(pairs) - 1} more were renamed." if len(pairs) > 1 else ""
    was = case.pasts[0].name
    return Finding(
        check="category_renamed",
        state="bad",
        explanation=(
            f"{case.where}{feature} {first.old!r} is now called {first.new!r}: the old name had "
            f"{first.before} of the rows in {was} and has almost vanished; the new name has "
            f"{first.now}.{more}"
        ),
        value=first.now.value,
        threshold=case.monitor.sensitivity.missing_ratio * _OF_LEAST,
        p_value=max(pair.p_value for pair in pairs),
        feature=feature,
        segment=case.segment,
        evidence={
            "renamed": {pair.old: pair.new for pair in pairs},
            "share_before": {pair.old: wording.tidy(pair.before.value) for pair in pairs},
            "share_now": {pair.new: wording.tidy(pair.now.value) for pair in pairs},
        },
    )
