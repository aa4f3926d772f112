"""Which columns the evidence speaks of, and since when."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.engine import summary
from detectors.engine.alarm import Moved
from detectors.engine.group import Group
from detectors.engine.history import Sums
from detectors.engine.summary import Summary
from detectors.engine.table import Cells


class Share(NamedTuple):
    """What a column gives to the evidence, and the channel of it that gives most."""

    evidence: float
    group: Group
    channel: int


def shares(groups: Sequence[Group]) -> dict[str, Share]:
    """Sum up the evidence in each column over its channels."""
    found: dict[str, Share] = {}
    most: dict[str, float] = {}
    for group in groups:
        for index, evidence in enumerate(group.bank.evidence().columns.tolist()):
            name = group.channels[index].name
            before = found.get(name, Share(0.0, group, index))
            best = (group, index) if evidence >= most.get(name, 0.0) else before[1:]
            most[name] = max(most.get(name, 0.0), evidence)
            found[name] = Share(before.evidence + evidence, *best)
    return found


def age(groups: Sequence[Group], history: Sequence[Sums], group: Group, index: int) -> int:
    """Estimate how many blocks ago a channel changed: where the winning bet would best have begun."""
    sums, rows = history[list(groups).index(group)]
    line = group.bank.line(index, group.bank.best(index), sums[:, index], rows[:, index])
    return int(np.argmax(np.cumsum(line[::-1]))) + 1


def moved(name: str, share: Share, total: float, before: Summary, changed: Cells) -> Moved:
    """Say what moved most in a column, from the cells since it changed."""
    bank = share.group.bank
    score, side = bank.score_of(share.channel, bank.best(share.channel))
    move = share.group.channels[share.channel].moves[score]
    was, now = before.of(move), summary.of_cells(changed, before).of(move)
    return Moved(name, move, now > was if now != was else side > 0, share.evidence / total, was, now)
