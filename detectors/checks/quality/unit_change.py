"""Finds a number that is now published in another unit."""

from math import hypot, inf, log2, sqrt
from typing import NamedTuple

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.quality.unit_odds import SampleMoments, UnitOdds
from watchkeeper.detectors.checks.quality.unit_part import MARGIN, part_of
from watchkeeper.detectors.checks.quality.units import Conversion, conversions_for, rivals, suggests_quantity
from watchkeeper.detectors.checks.window_case import Case, number_of
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import RECENT_SPANS_MIN
from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.detectors.profiles.summaries import NumberSummary
from watchkeeper.schemas.findings import Finding

_SHOWN = 2
"""The most other conversions that the evidence lists."""
_SPREADS = 3.0
"""The largest ordinary step between windows, in standard deviations, where the reference has none. Chosen by
hand."""
_BETTER = 8.0
"""How many times closer the mean must be to the converted one than to the old one, if it is more than one
ordinary step from the converted one. Chosen by hand."""

_TYPICAL = 0.5, 0.9
"""The quantiles that a conversion of all rows must move: a few extreme values move the mean as well."""
_PART = 0.25
"""The smallest part of the way to their converted values that these quantiles must move. Chosen by hand."""


class NumberChange(NamedTuple):
    """A number now and in the recent windows, and the ordinary step between them."""

    now: SampleMoments
    """The number now."""
    past: NumberSummary
    """The number in the recent windows."""
    step: Step
    """The ordinary step between a window and the windows before it."""


class Fit(NamedTuple):
    """A conversion that maps the recent windows onto the rows of this one."""

    badness: float
    """How far the rows are from the converted ones: 0 is a perfect fit."""
    conversion: Conversion
    """The conversion."""
    change: NumberChange
    """The change that it explains."""
    share: float = 1.0
    """The share of the window's rows that were converted, 0 to 1."""


def check(case: Case, feature: str) -> Finding | None:
    """Find a known conversion that explains the window better than any other change.

    Let J be the largest distance of a window's mean from that of the windows before it, in the reference. A
    conversion f * x + c differs from ordinary change if it moves the recent mean by more than J and |f| J
    together. It fits if the mean of this window is within |f| J of the converted one, and the deviation is as
    near to the converted one as it ever was. The best of the conversions that the feature's name allows is
    reported if it is more probable than a change of the number itself: the more conversions a name allows and
    the fewer rows there are, the more often one fits by chance.

    A conversion may explain a part of the rows only, such as those of some publishers.

    Args:
        case: The window and what it is compared with.
        feature: The numeric feature.

    Returns:
        A finding that names the conversion, or None.
    """
    now, past = number_of(case.window, feature), number_of(case.recent, feature)
    if (
        now is None
        or past is None
        or min(now.usable, past.usable) < SHARE_ROWS_MIN
        or min(now.sd, past.sd) == 0.0
    ):
        return None
    step = _ordinary(case, feature, past)
    explained = [
        fits for fits in (_of_all(now, past, step, feature), _of_a_part(now, past, step, feature)) if fits
    ]
    best = max(explained, key=lambda fits: _odds(fits[0], feature), default=None)
    return _finding(case, feature, now, best) if best and _odds(best[0], feature) >= 1 else None


def applies(case: Case) -> bool:
    """Whether there are enough recent windows.

    Args:
        case: The window and what it is compared with.
    """
    return case.recent is not None and case.recent.spans.count >= RECENT_SPANS_MIN


def _of_all(now: NumberSummary, past: NumberSummary, step: Step, feature: str) -> list[Fit]:
    """Fit conversions to all rows, the best first; only those that differ from ordinary change."""
    change, fits = _change(now, past, step), []
    for conversion in conversions_for(feature):
        away = abs(conversion.apply(past.mean) - past.mean)
        is_apart = away > change.step.jump_max * (MARGIN + abs(conversion.factor))
        if is_apart and _typical(now, past, conversion):
            fits.append(_fit(change, conversion, suggests_quantity(feature)))
    return _ranked(fits)


def _of_a_part(now: NumberSummary, past: NumberSummary, step: Step, feature: str) -> list[Fit]:
    """Fit conversions to the rows that look converted, the best first."""
    fits = []
    for conversion in conversions_for(feature):
        part = part_of(now, past, step, conversion)
        if part is not None:
            widened = step._replace(jump_max=step.jump_max + part.margin / abs(conversion.factor))
            fit = _fit(_change(part, past, widened), conversion, suggests_quantity(feature))
            fits.append(fit._replace(share=part.share))
    return _ranked(fits)


def _ranked(fits: list[Fit]) -> list[Fit]:
    return sorted((fit for fit in fits if fit.badness < inf), key=lambda fit: fit.badness)


def _odds(fit: Fit, feature: str) -> float:
    return UnitOdds(*fit.change).of(fit.conversion, rivals(feature, fit.conversion))


def _change(now: SampleMoments, past: NumberSummary, step: Step) -> NumberChange:
    # A few windows whose means happen to be equal do not show that means never vary.
    error = past.sd * sqrt(1 / now.usable + 1 / past.usable)
    return NumberChange(now, past, step._replace(jump_max=max(step.jump_max, error)))


def _ordinary(case: Case, feature: str, past: NumberSummary) -> Step:
    reference = number_of(case.reference, feature)
    if case.reference is not None and feature in case.reference.spans.steps:
        return case.reference.spans.steps[feature]
    # A front moves the weather out of a calm week, not out of a season.
    spread = max(past.sd, reference.sd if reference is not None else 0.0)
    return Step(_SPREADS * spread, 0.2, spread / past.sd)


def _fit(change: NumberChange, conversion: Conversion, is_named: bool) -> Fit:
    now, past, step = change
    factor, expected = abs(conversion.factor), conversion.apply(past.mean)
    ratio = now.sd / (factor * past.sd)
    alike = step.ratio_min / MARGIN <= ratio <= step.ratio_max * MARGIN
    jumps, left = (
        abs(now.mean - past.mean) / step.jump_max,
        abs(now.mean - expected) / (factor * step.jump_max),
    )
    if not alike or left > max(1.0, jumps / _BETTER):
        return Fit(inf, conversion, change)
    ordinary = sqrt(step.ratio_min * step.ratio_max)
    badness = hypot(left, log2(ratio / ordinary)) if ordinary else left
    # A conversion of the feature's own quantity ranks above a bare power of ten, which ranks above others.
    is_first = (conversion.quantity != "scale") == is_named
    return Fit(badness + (not is_first), conversion, change)


def _typical(now: NumberSummary, past: NumberSummary, conversion: Conversion) -> bool:
    """Whether typical values were converted too: a few extreme values move the mean as well."""
    for share in _TYPICAL:
        before = past.quantile(share)
        converted = conversion.apply(before)
        if converted != before and (now.quantile(share) - before) / (converted - before) < _PART:
            return False
    return True


def _verb(conversion: Conversion, name: str) -> str:
    if conversion.quantity != "scale":
        return f"converted from {name}"
    return f"multiplied by {name[1:]}" if conversion.factor > 1 else f"divided by {name[2:]}"


def _finding(case: Case, feature: str, now: NumberSummary, fits: list[Fit]) -> Finding:
    best, (rows, past, _), share = fits[0].conversion, fits[0].change, fits[0].share
    same = [
        fit.conversion for fit in fits if fit.conversion[1:3] == best[1:3] and fit.badness == fits[0].badness
    ]
    name = " or ".join(conversion.name for conversion in same)
    means = wording.number(past.mean), wording.number(rows.mean), wording.number(best.apply(past.mean))
    part, its = (
        ("", "its") if share == 1.0 else (f" in about {wording.share(share)} of {now.usable} rows", "their")
    )
    return Finding(
        check="unit_change",
        state="bad",
        explanation=(
            f"{case.where}{feature} looks {_verb(best, name)}{part}: {its} mean went from {means[0]} in "
            f"the recent windows to {means[1]}; the conversion {best.formula} predicts {means[2]}."
        ),
        value=rows.mean,
        threshold=past.mean,
        feature=feature,
        segment=case.segment,
        evidence={
            "conversion": name,
            "factor": best.factor,
            "offset": best.offset,
            **({"share": wording.tidy(share)} if part else {}),
            "also_fits": [fit.conversion.name for fit in fits if fit.conversion not in same][:_SHOWN],
            "deviation": {
                "now": wording.tidy(rows.sd),
                "converted": wording.tidy(abs(best.factor) * past.sd),
            },
            "range": {"now": [now.lowest, now.highest], "before": [past.lowest, past.highest]},
        },
    )
