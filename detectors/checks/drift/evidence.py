"""The evidence of drift: the window against the reference, in the feature's unit."""

from typing import Any

import numpy as np

from watchkeeper.detectors.checks.wording import tidy
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary

_TOP = 3
"""Number of bins or categories that the evidence shows. Chosen by hand; it bounds the size of an alert."""
_QUANTILES = (0.05, 0.5, 0.95)
"""The quantiles that the evidence shows, as shares. Chosen by hand: the middle and both tails."""


def of_numbers(now: NumberSummary, then: NumberSummary) -> dict[str, Any]:
    """Compare a number: moments, quantiles and the bins whose share moved most.

    Args:
        now: The number in the window.
        then: The number in the reference, with the same bins.
    """
    return {"now": _moments(now), "reference": _moments(then), "moved": _moved_bins(now, then)}


def of_categories(now: CategorySummary, then: CategorySummary) -> dict[str, Any]:
    """Compare a category feature: the categories whose share moved most.

    Args:
        now: The categories in the window.
        then: The categories in the reference.
    """
    return {
        "now": {"rows": now.usable},
        "reference": {"rows": then.usable},
        "moved": {
            name: {"now": tidy(after), "reference": tidy(before)} for name, before, after in moved(now, then)
        },
    }


def moved(now: CategorySummary, then: CategorySummary) -> list[tuple[str, float, float]]:
    """List the categories whose share moved most.

    Args:
        now: The categories in the window.
        then: The categories in the reference.

    Returns:
        Name, share in the reference and share in the window, the furthest moved first.
    """
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
