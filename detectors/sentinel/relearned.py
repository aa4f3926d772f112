"""Channels that are fitted again on few rows keep the variability that more rows have shown."""

import numpy as np
from msgspec.structs import replace

from watchkeeper.detectors.engine.channel import Channel


def keep_variability(channel: Channel, before: Channel | None, season: bool) -> Channel:
    """Raise the variability of a channel to that of its earlier fit on more rows.

    A score that the earlier fit did not have, such as that of a category that was rare, gets the largest
    variability of any score.

    Args:
        channel: The channel, fitted on few rows.
        before: Its earlier fit; None if there is none.
        season: Whether the earlier fit's season is kept, too.
    """
    if before is None:
        return channel
    mine, its = channel.column, before.column
    scores = [before.moves.index(move) if move in before.moves else -1 for move in channel.moves]
    bets = replace(
        mine.bets,
        inflation=_largest(mine.bets.inflation, its.bets.inflation, scores, len(before.moves)),
        margin=_largest(mine.bets.margin, its.bets.margin, scores, len(before.moves)),
    )
    inflation = _largest(mine.inflation, its.inflation, scores, len(before.moves))
    kept = channel.season
    if season and before.season is not None:
        means = np.array(before.season)
        kept = np.column_stack(
            [means[:, score] if score >= 0 else 0 * means[:, 0] for score in scores]
        ).tolist()
    return replace(channel, column=replace(mine, bets=bets, inflation=inflation), season=kept)


def _largest(mine: list[float], its: list[float], scores: list[int], count: int) -> list[float]:
    """Return the larger of two vectors, score by score; `scores` are indices in the second, or -1."""
    of_scores = np.array(its).reshape(count, -1)
    of_scores = np.vstack((of_scores, of_scores.max(axis=0)))[scores]
    ours = np.array(mine).reshape(len(scores), -1)
    if ours.shape != of_scores.shape:  # bets on one side now, on both sides before
        of_scores = of_scores.max(axis=1, keepdims=True)
    larger: list[float] = np.maximum(ours, of_scores).ravel().tolist()
    return larger
