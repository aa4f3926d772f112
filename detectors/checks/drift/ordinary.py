"""Measures how far the windows of a reference ordinarily lie from the whole reference."""

from collections.abc import Sequence

from watchkeeper.detectors.checks.drift.moved import Drift, NumberDrift, of_feature, of_output
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import DriftRange


def ordinary_moves(then: RowsProfile, windows: Sequence[RowsProfile]) -> dict[str, DriftRange]:
    """Measure windows against the whole reference.

    Windows of a feature with seasons, or of one that is constant all day, differ from the whole without any
    fault. A change that a healthy window showed does not count as drift. Cost: 0.1 ms for each feature of
    each window.

    Args:
        then: The rows of the whole reference.
        windows: The rows of each of its windows.

    Returns:
        The extremes of the windows by feature; the model's output has the empty name.
    """
    filled = [window for window in windows if window.rows >= SHARE_ROWS_MIN]
    names = [*then.layout.numeric, *then.layout.categorical]
    moves = {name: _extremes([of_feature(window, then, name) for window in filled]) for name in names}
    moves[OUTPUT] = _extremes([of_output(window, then) for window in filled])
    return {name: move for name, move in moves.items() if move is not None}


def _extremes(drifts: Sequence[Drift | None]) -> DriftRange | None:
    excesses = [drift.psi.excess for drift in drifts if drift is not None]
    means = [drift.now.mean for drift in drifts if isinstance(drift, NumberDrift)]
    if not excesses:
        return None
    return DriftRange(max(excesses), min(means, default=0.0), max(means, default=0.0))
