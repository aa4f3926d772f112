"""What a finding shows besides its sentence: now against the reference, in the feature's own units."""

from typing import Any

import numpy as np

from watchkeeper.detectors.checks.wording import tidy
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary

_TOP = 3
"""Number of bins or categories that the evidence names. Chosen by hand: a page has no room for more."""
_QUANTILES = (0.05, 0.5, 0.95)


def of_numbers(now: NumberSummary, then: NumberSummary) -> dict[str, Any]:
    """Compare two summaries of a number: moments, quantiles and the bins that moved most."""
    return {"now": _moments(now), "reference": _moments(then), "moved": _moved_bins(now, then)}


def of_categories(now: CategorySummary, then: CategorySummary) -> dict[str, Any]:
    """Compare two summaries of a category: the ones whose share moved most."""
    return {
        "now": {"rows": now.usable},
        "reference": {"rows": then.usable},
        "moved": {
            name: {"now": tidy(after), "reference": tidy(before)} for name, before, after in moved(now, then)
        },
    }


def moved(now: CategorySummary, then: CategorySummary) -> list[tuple[str, float, float]]:
    """List the categories whose share moved most, with the share then and now."""
    after, before = now.counts(), then.counts()
    shares = [
        (name, before.get(name, 0) / max(1, then.usable), after.get(name, 0) / max(1, now.usable))
        for name in {**before, **after}
    ]
    return sorted(shares, key=lambda share: (-abs(share[2] - share[1]), share[0]))[:_TOP]


def _moments(summary: NumberSummary) -> dict[str, float | None]:
    quantiles = {f"p{100 * share:02.0f}": tidy(summary.quantile(share)) for share in _QUANTILES}
    return {"rows": summary.usable, "mean": tidy(summary.mean), "sd": tidy(summary.sd), **quantiles}


def _moved_bins(now: NumberSummary, then: NumberSummary) -> list[dict[str, float | None]]:
    shares = [summary.bins / max(1, summary.usable) for summary in (now, then)]
    order = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:_TOP].tolist()
    edges = [None, *now.shape.edges, None]
    return [
        {"from": edges[i], "to": edges[i + 1], "now": tidy(shares[0][i]), "reference": tidy(shares[1][i])}
        for i in order
    ]
