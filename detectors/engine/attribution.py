"""Which columns the evidence speaks of, and since when."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.engine.group import Group
from detectors.engine.history import Sums


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
