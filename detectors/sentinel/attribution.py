"""Which columns the evidence speaks of, and since when."""

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
_SURE = 4.0
"""Standard errors."""
_SHOWS = 0.01
"""So much of the evidence for an alarm."""


class Share(NamedTuple):
    """What a column gives to the evidence, and the channel of it that gives most."""

    evidence: float
    group: Group
    channel: int


def shares(groups: Sequence[Group]) -> dict[str, Share]:
    """Sum up the evidence in each column over its channels.

    Where its values move, that they are new is not the news.
    """
    found: dict[str, Share] = {}
    most: dict[str, tuple[bool, float]] = {}
    for group in groups:
        for index, evidence in enumerate(group.bank.evidence().columns.tolist()):
            channel = group.channels[index]
            before = found.get(channel.name, Share(0.0, group, index))
            rank = channel.part != "new" and evidence >= 1, evidence
            best = (group, index) if rank >= most.get(channel.name, rank) else before[1:]
            most[channel.name] = max(most.get(channel.name, rank), rank)
            found[channel.name] = Share(before.evidence + evidence, *best)
    return found


def ranked(shares: Mapping[str, Share]) -> list[str]:
    """Name the columns that moved, with most evidence first.

    A column that moves moves the whole row too: it is named before all together if it shows by itself.
    """
    evidence = {name: share.evidence for name, share in shares.items()}
    shows = any(of >= _SHOWS for name, of in evidence.items() if name not in JOINT)
    found = involved({name: of for name, of in evidence.items() if not (shows and name in JOINT)})
    found |= {name for name in JOINT if evidence.get(name, 0.0) >= MEMBER * sum(evidence.values())}
    return sorted(found, key=lambda name: (shows and name in JOINT, -evidence[name], name))


def age(
    groups: Sequence[Group], history: Sequence[Sums], group: Group, index: int, doubt: float = 0.0
) -> int:
    """Estimate how many blocks ago a channel changed: where the winning bet would best have begun.

    With some doubt, a log of likelihoods: the fewest blocks for which it would have gained so little less.
    """
    sums, rows = history[list(groups).index(group)]
    line = group.bank.line(index, group.bank.best(index), sums[:, index], rows[:, index])
    gained = np.cumsum(line[::-1])
    return int(np.argmax(gained >= gained.max() - doubt)) + 1


def moved(name: str, share: Share, total: float, before: Summary, changed: Cells) -> Moved:
    """Say what moved most in a column, from the cells since it changed."""
    bank, channel = share.group.bank, share.group.channels[share.channel]
    score, side = bank.score_of(share.channel, bank.best(share.channel))
    move, after = channel.moves[score], summary.of_cells(changed, before)
    if move in _SHAPES and bank.shows(share.channel, channel.moves.index("mean")):
        move = "mean" if _far(before, after, len(changed)) else move
    rare = getattr(channel.bins, "rare", ())
    if move in _SHAPES and before.of(move) == after.of(move):
        move = "mean"  # of few values, those about the ends say nothing
    was, now = before.of(move, rare), after.of(move, rare)
    return Moved(name, move, now > was if now != was else side > 0, share.evidence / total, was, now)


def _far(before: Summary, after: Summary, rows: int) -> bool:
    """Whether a mean is so far off that people would speak of it first: where all is new, all scores move."""
    moved = abs(after.mean - before.mean)
    return moved > before.spread and moved > _SURE * after.spread / np.sqrt(rows)
