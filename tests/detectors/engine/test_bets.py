"""Margins of bets: the error of shares in a short reference."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from watchkeeper.detectors import Sentinel
from watchkeeper.detectors.engine.bets import share_margin


@pytest.mark.parametrize("count", [1, 4, 30, 100])
def test_the_margin_of_a_rare_share_is_the_difference_of_wilsons_bound_and_the_usual_one(count: int) -> None:
    rows, errors = 200, 1.25
    share = count / rows
    usual = share + errors * np.sqrt(share * (1 - share) / rows)
    upper = binomtest(count, rows).proportion_ci(2 * norm.cdf(errors) - 1, "wilson").high
    allowed = share_margin(np.array([share]), float(rows))[0] * np.sqrt(share * (1 - share))
    assert allowed == pytest.approx(max(0.0, upper - usual), abs=1e-12)


def test_rare_categories_of_a_short_reference_raise_no_more_alarms_than_allowed() -> None:
    alarms, streams, rows = 0, 20, 100_000
    for number in range(streams):
        rng = np.random.default_rng([5, number])
        shares = rng.dirichlet(np.ones(5), 10)
        table = {
            f"column {at}": rng.choice(list("abcde"), 200 + rows, p=each) for at, each in enumerate(shares)
        }
        sentinel = Sentinel.fit({name: cells[:200] for name, cells in table.items()}, per=rows)
        alarms += len(sentinel.update({name: cells[200:] for name, cells in table.items()}))
    assert alarms <= streams
