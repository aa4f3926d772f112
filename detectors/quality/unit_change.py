"""A number that is now published in another unit."""

from math import hypot, inf, log2
from typing import NamedTuple

from detectors import wording
from detectors.case import ROWS_MIN, Case, number_of
from detectors.drift import kolmogorov_smirnov
from detectors.quality.units import Conversion, conversions_for
from detectors.summaries import NumberSummary
from schemas.findings import Finding

_FAR = 3.0
"""So many deviations from the recent mean are no ordinary day."""
_TAIL = 0.5
"""The least distance of either extreme from the mean, in deviations; below it values pile up at one end."""
_STEADY = 0.1
"""Recent windows this close to the reference (KS) are those of a feature without seasons."""
_MOVED = 0.15
"""A steady feature that moves this far (KS) has moved."""


class Tolerance(NamedTuple):
    """How well a conversion must map the recent windows onto this one."""

    location: float
    """The most distance of the means, in converted deviations."""
    ratio_min: float
    ratio_max: float
    """Bounds of the deviation over the converted recent one."""
    ratio: float
    """What that ratio usually is."""


# One window of a feature with seasons is narrower than several together.
_SEASONAL = Tolerance(location=1.5, ratio_min=0.25, ratio_max=2.0, ratio=0.75)
_ALIKE = Tolerance(location=0.1, ratio_min=0.9, ratio_max=1.1, ratio=1.0)


class Fit(NamedTuple):
    """A conversion that maps the recent windows onto this one, and how badly: less is better."""

    badness: float
    conversion: Conversion


def check(case: Case, feature: str) -> Finding | None:
    """Find a known conversion that explains the window, where nothing else does.

    The recent windows must not fit as they are: the mean is three recent deviations off, or the ranges are
    disjoint, or the distribution of a feature that never moved has moved. A conversion must map their mean,
    deviation and range onto those of the window, better than the other conversions that the name allows.
    """
    now, past = number_of(case.window, feature), _past(case, feature)
    if now is None or past is None or min(now.usable, past.usable) < ROWS_MIN:
        return None
    if now.sd == 0.0 or past.sd == 0.0:
        return None
    fits = _fits(now, past, number_of(case.reference, feature), feature)
    return _finding(case, feature, now, past, fits) if fits else None


def _past(case: Case, feature: str) -> NumberSummary | None:
    return number_of(case.pasts[0].profile, feature) if case.pasts else None


def _fits(
    now: NumberSummary, past: NumberSummary, reference: NumberSummary | None, feature: str
) -> list[Fit]:
    conversions = conversions_for(feature)
    if _steady(past, reference) and _distance(past, now) >= _MOVED:
        fits = [_fit(now, past, conversion, _ALIKE) for conversion in conversions]
    elif _is_far(now, past) and _has_two_tails(past):
        fits = [_fit(now, past, conversion, _SEASONAL) for conversion in conversions]
    else:
        return []
    return sorted((fit for fit in fits if fit.badness < inf), key=lambda fit: fit.badness)


def _steady(past: NumberSummary, reference: NumberSummary | None) -> bool:
    return reference is not None and _distance(reference, past) <= _STEADY


def _distance(past: NumberSummary, now: NumberSummary) -> float:
    if past.shape.edges != now.shape.edges:
        return inf
    measure = kolmogorov_smirnov(past.bins, now.bins)
    return measure.statistic if measure else inf


def _is_far(now: NumberSummary, past: NumberSummary) -> bool:
    disjoint = now.highest < past.lowest or now.lowest > past.highest
    return disjoint or abs(now.mean - past.mean) > _FAR * past.sd


def _has_two_tails(past: NumberSummary) -> bool:
    # Rain is mostly 0: one wet day is far from dry ones by any factor, and says nothing about units.
    return min(past.mean - past.lowest, past.highest - past.mean) > _TAIL * past.sd


def _fit(now: NumberSummary, past: NumberSummary, conversion: Conversion, allowed: Tolerance) -> Fit:
    spread = abs(conversion.factor) * past.sd
    location = abs(now.mean - conversion.apply(past.mean)) / spread
    ratio = now.sd / spread
    ends = sorted((conversion.apply(past.lowest), conversion.apply(past.highest)))
    within = ends[0] - spread <= now.lowest and now.highest <= ends[1] + spread
    if location > allowed.location or not allowed.ratio_min <= ratio <= allowed.ratio_max or not within:
        return Fit(inf, conversion)
    badness = hypot(location / allowed.location, log2(ratio / allowed.ratio))
    # A conversion of the feature's own quantity goes before a bare power of ten.
    return Fit(badness + (conversion.quantity == "scale"), conversion)


def _finding(case: Case, feature: str, now: NumberSummary, past: NumberSummary, fits: list[Fit]) -> Finding:
    best = fits[0].conversion
    means = wording.number(past.mean), wording.number(now.mean), wording.number(best.apply(past.mean))
    return Finding(
        check="unit_change",
        state="bad",
        explanation=(
            f"{case.where}{feature} looks converted from {best.name}: its mean went from {means[0]} in "
            f"{case.pasts[0].name} to {means[1]}, and {best.formula} gives {means[2]}."
        ),
        value=now.mean,
        threshold=past.mean,
        feature=feature,
        segment=case.segment,
        evidence={
            "conversion": best.name,
            "factor": best.factor,
            "offset": best.offset,
            "also_fits": [fit.conversion.name for fit in fits[1:3]],
            "deviation": {"now": wording.tidy(now.sd), "converted": wording.tidy(abs(best.factor) * past.sd)},
            "range": {"now": [now.lowest, now.highest], "before": [past.lowest, past.highest]},
        },
    )
