"""Attribution of an alarm: which columns changed, how, and since when."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.engine.group import Group
from watchkeeper.detectors.engine.involved import MEMBER, involved
from watchkeeper.detectors.sentinel import summary
from watchkeeper.detectors.sentinel.alarm import Moved
from watchkeeper.detectors.sentinel.history import Sums
from watchkeeper.detectors.sentinel.joint import JOINT
from watchkeeper.detectors.sentinel.summary import Summary
from watchkeeper.detectors.tables.table import Cells

_SHAPES = ("spread", "skew", "tails")
"""Moves other than that of the mean."""
_SURE = 4.0
"""Number of standard errors by which a mean must move to be named instead of the shape. Chosen by hand: with
fewer, a chance move of the mean hides the change of shape."""
_SHOWS = 0.01
"""Share of the evidence for an alarm from which a single column counts as changed. Chosen by hand: columns of
broken rows show a little evidence, and are named before all numbers together."""


class ColumnEvidence(NamedTuple):
    """The evidence of a column, and its channel that contributes most."""

    evidence: float
    """Evidence in multiples of the budget."""
    group: Group
    """Group of the channel."""
    channel: int
    """Index of the channel in its group."""


def by_column(groups: Sequence[Group]) -> dict[str, ColumnEvidence]:
    """Sum the evidence of each column over its channels.

    If the column's values changed, the channel of its new values is not the one that is named.

    Args:
        groups: The groups.
    """
    found: dict[str, ColumnEvidence] = {}
    most: dict[str, tuple[bool, float]] = {}
    for group in groups:
        for index, evidence in enumerate(group.bank.evidence().columns.tolist()):
            channel = group.channels[index]
            before = found.get(channel.name, ColumnEvidence(0.0, group, index))
            rank = channel.part != "new" and evidence >= 1, evidence
            best = (group, index) if rank >= most.get(channel.name, rank) else before[1:]
            most[channel.name] = max(most.get(channel.name, rank), rank)
            found[channel.name] = ColumnEvidence(before.evidence + evidence, *best)
    return found


def ranked(columns: Mapping[str, ColumnEvidence]) -> list[str]:
    """Return the names of the columns that changed, most evidence first.

    A column that changes moves the whole row, too. So if a single column changed, all numbers together come
    last.

    Args:
        columns: The evidence of each column.
    """
    evidence = {name: each.evidence for name, each in columns.items()}
    shows = any(of >= _SHOWS for name, of in evidence.items() if name not in JOINT)
    found = involved({name: of for name, of in evidence.items() if not (shows and name in JOINT)})
    found |= {name for name in JOINT if evidence.get(name, 0.0) >= MEMBER * sum(evidence.values())}
    return sorted(found, key=lambda name: (shows and name in JOINT, -evidence[name], name))


def blocks_since(
    groups: Sequence[Group], history: Sequence[Sums], group: Group, index: int, margin: float = 0.0
) -> int:
    """Estimate how many blocks ago a channel changed: the start that is best for the bet that gained most.

    Args:
        groups: The groups.
        history: The last blocks of each group.
        group: Group of the channel.
        index: Index of the channel in its group.
        margin: How much less log likelihood a later start may have; the fewest blocks are returned. With 0
            the start is the most likely one.
    """
    sums, rows = history[list(groups).index(group)]
    gains = group.bank.log_gains(index, group.bank.best_bet(index), sums[:, index], rows[:, index])
    gained = np.cumsum(gains[::-1])
    return int(np.argmax(gained >= gained.max() - margin)) + 1


def moved(name: str, column: ColumnEvidence, total: float, before: Summary, changed: Cells) -> Moved:
    """Describe what moved most in a column.

    Args:
        name: Name of the column.
        column: The evidence of the column.
        total: Evidence of all columns.
        before: Summary of the column in the reference.
        changed: The column's values since the change.
    """
    bank, channel = column.group.bank, column.group.channels[column.channel]
    score, side = bank.score_and_side(column.channel, bank.best_bet(column.channel))
    move, after = channel.moves[score], summary.of_cells(changed, before)
    if move in _SHAPES and bank.is_alarm(column.channel, channel.moves.index("mean")):
        move = "mean" if _is_far(before, after, len(changed)) else move
    rare = getattr(channel.bins, "rare", ())
    if move in _SHAPES and before.of(move) == after.of(move):
        move = "mean"  # a column of few values may have its quantiles at both ends, where they cannot move
    was, now = before.of(move, rare), after.of(move, rare)
    return Moved(name, move, now > was if now != was else side > 0, column.evidence / total, was, now)


def _is_far(before: Summary, after: Summary, rows: int) -> bool:
    """Whether a mean moved so far that all scores move with it; then the mean is named."""
    moved = abs(after.mean - before.mean)
    return moved > before.spread and moved > _SURE * after.spread / np.sqrt(rows)
