"""A classifier that separates current rows from the reference's: how well, and by which columns."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables import table as tables
from watchkeeper.detectors.tables.table import Cells, Table
from watchkeeper.detectors.threads import one_thread

_FOLDS = 5
"""Number of spans of time for cross-validation. Chosen by hand: more folds train on more rows and cost
more."""
_LEVELS = 100
"""The most levels of a category that the trees see; rarer levels count as one. Chosen by hand, below the 255
bins of scikit-learn's histogram trees."""
_TABLE_ROWS_MIN = 4 * _FOLDS
"""Minimum number of rows of each table: 4 in each fold. Chosen by hand."""
_HUGE = 1e300
"""Numbers beyond this size are clipped to it, infinite ones too, which scikit-learn refuses."""


class ExplainedColumn(Struct, frozen=True):
    """A column by which the classifier separates the rows."""

    name: str
    """The name of the column."""
    share: float
    """The column's share of the AUC drops of all columns, 0 to 1."""
    auc_drop: float
    """How much the AUC drops when the column's values are shuffled."""


class Explanation(Struct, frozen=True):
    """How well the classifier separates current rows from the reference's."""

    auc: float
    """The probability that a current row has a higher score than one of the reference: 0.5 is no difference,
    1 is perfect separation."""
    low: float
    """The lower end of the AUC's confidence interval."""
    high: float
    """The upper end of the AUC's confidence interval."""
    p_value: float
    """The probability of such an AUC if there is no difference."""
    columns: list[ExplainedColumn]
    """The columns, those with the largest drop first."""


def explain(
    reference: Any,
    current: Any,
    *,
    level: float = 0.05,
    block: int = 1,
    rows_max: int = 10_000,
    seed: int = 0,
) -> Explanation:
    """Train gradient-boosted trees to separate current rows from the reference's, and rank the columns.

    Both tables are cut into 5 spans of time. Trees are trained on 4 and scored on the 5th, so the AUC is of
    rows that the trees have not seen. Its interval is DeLong's. The p-value needs no permutations: given the
    trees, each fold's AUC is Mann and Whitney's U of fresh rows, with variance (n + m + 1) / 12 n m if
    nothing differs. A column's importance is how much the AUC drops when its values are shuffled in the
    scored rows; columns with the same information share it. Columns of vectors and columns without a value
    are left out.

    Papers: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests; DeLong, DeLong and
    Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves; Breiman (2001), Random
    forests, for the shuffling.
    Cost: 5 fits; 3 s for two tables of 10,000 rows and 20 columns.

    Args:
        reference: The rows before, in order of time: a numpy array of shape (rows, columns), a pandas or
            polars table, or a dict of columns; at least 20 rows.
        current: The rows now, with the same columns.
        level: One less the confidence of the interval, between 0 and 1.
        block: Number of rows beyond which rows no longer depend on each other; 1 is independent rows.
        rows_max: The most rows of each table that are used, taken evenly.
        seed: Seed of the shuffling.

    Returns:
        The AUC with its interval and p-value, and the columns.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: There are fewer than 20 rows, the columns differ, no column can be used, or `level` or
            `block` is outside its range.

    >>> rng = np.random.default_rng(1)
    >>> then = {"amount": rng.normal(size=500), "age": rng.normal(size=500)}
    >>> now = {"amount": rng.normal(size=500) + 2, "age": rng.normal(size=500)}
    >>> found = explain(then, now)
    >>> found.auc > 0.85, found.p_value < 1e-9, found.columns[0].name, found.columns[0].share > 0.9
    (True, True, 'amount', True)
    """
    if not (0 < level < 1 and block >= 1):
        raise ValueError(f"level must be between 0 and 1 and block 1 or more, got {level} and {block}")
    before, after = _tables(reference, current, rows_max)
    x, categories = _matrix(before, after)
    is_new = np.repeat([False, True], [before.rows, after.rows])
    fold = np.concatenate([_folds(before.rows), _folds(after.rows)])
    rng = np.random.default_rng(seed)
    with one_thread():
        judged = [_judge(x, is_new, fold == number, categories, rng) for number in range(_FOLDS)]
    aucs, variances, nulls, drops = (np.array(part) for part in zip(*judged, strict=True))
    auc = float(aucs.mean())
    spread = float(np.sqrt(block * variances.sum())) / _FOLDS
    chance = float(np.sqrt(block * nulls.sum())) / _FOLDS
    reach = float(-ndtri(level / 2)) * spread
    p_value = float(ndtr((0.5 - auc) / chance))
    low, high = max(0.0, auc - reach), min(1.0, auc + reach)
    return Explanation(auc, low, high, p_value, _ranked(list(before.columns), drops.mean(axis=0)))


def _tables(reference: Any, current: Any, rows_max: int) -> tuple[Table, Table]:
    before = tables.read(reference)
    after = tables.read(current, like={name: tables.kind_of(cells) for name, cells in before.columns.items()})
    for table in (before, after):
        if table.rows < _TABLE_ROWS_MIN:
            raise ValueError(f"each table needs at least {_TABLE_ROWS_MIN} rows, got {table.rows}")
    used = [name for name in before.columns if _usable(before.columns[name]) or _usable(after.columns[name])]
    if not used:
        raise ValueError("the tables need a column of numbers or texts, and have none")
    before, after = (
        each._replace(columns={name: each.columns[name] for name in used}) for each in (before, after)
    )
    return _thinned(before, rows_max), _thinned(after, rows_max)


def _usable(cells: Cells) -> bool:
    """Whether a column holds numbers or texts, and not all of them are missing."""
    if isinstance(cells, list):
        return any(cell is not None for cell in cells)
    return cells.ndim == 1 and bool((~np.isnan(cells)).any())


def _thinned(table: Table, rows: int) -> Table:
    """Take at most this many rows, evenly spaced."""
    index = np.unique(np.linspace(0, table.rows - 1, min(rows, table.rows)).astype(int))
    columns = {
        name: cells[index] if isinstance(cells, np.ndarray) else [cells[place] for place in index.tolist()]
        for name, cells in table.columns.items()
    }
    return Table(len(index), columns)


def _matrix(before: Table, after: Table) -> tuple[Floats, list[bool]]:
    """Give the rows of both tables as numbers, NaN where a value is missing; and which are categories."""
    columns, categories = [], []
    for name, then in before.columns.items():
        now = after.columns[name]
        categories.append(isinstance(then, list))
        if isinstance(then, list):
            columns.append(_numbered([*then, *now]))
        else:
            columns.append(np.clip(np.concatenate((then, np.asarray(now, float))), -_HUGE, _HUGE))
    return np.column_stack(columns), categories


def _numbered(cells: Sequence[str | None]) -> Floats:
    frequent = Counter(cell for cell in cells if cell is not None).most_common(_LEVELS)
    numbers: dict[str | None, float] = {level: float(number) for number, (level, _) in enumerate(frequent)}
    numbers[None] = float("nan")
    return np.array([numbers.get(cell, float(_LEVELS)) for cell in cells])


def _folds(rows: int) -> NDArray[np.intp]:
    """Give the number of each row's span of time."""
    return np.repeat(np.arange(_FOLDS), [end - start for start, end in pairwise(_cuts(rows))])


def _cuts(rows: int) -> list[int]:
    return [rows * number // _FOLDS for number in range(_FOLDS + 1)]


def _judge(
    x: Floats,
    is_new: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    categories: list[bool],
    rng: np.random.Generator,
) -> tuple[float, float, float, list[float]]:
    """Train on the other rows; give the AUC, its variance, its variance without a difference, and drops."""
    trees = _trees(categories)
    trees.fit(x[~judged], is_new[~judged])
    rows, truth = x[judged], is_new[judged]
    auc, variance = _delong(trees.predict_proba(rows)[:, 1], truth)
    drops = []
    for column in range(x.shape[1]):
        shuffled = rows.copy()
        shuffled[:, column] = rng.permutation(shuffled[:, column])
        drops.append(auc - _delong(trees.predict_proba(shuffled)[:, 1], truth)[0])
    new, old = int(truth.sum()), int((~truth).sum())
    return auc, variance, (new + old + 1) / (12 * new * old), drops


def _trees(categories: list[bool]) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise ImportError("explain() needs scikit-learn: pip install 'watchkeeper[explain]'") from error
    return HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, early_stopping=False, categorical_features=categories, random_state=0
    )


def _delong(scores: Floats, is_new: NDArray[np.bool_]) -> tuple[float, float]:
    """Give the AUC and its variance.

    >>> _delong(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    (0.75, 0.125)
    """
    new, old = scores[is_new], scores[~is_new]
    ranks = rankdata(scores)
    above = (ranks[is_new] - rankdata(new)) / len(old)
    below = 1 - (ranks[~is_new] - rankdata(old)) / len(new)
    variance = above.var(ddof=1) / len(new) + below.var(ddof=1) / len(old)
    return float(above.mean()), float(variance)


def _ranked(names: list[str], drops: Floats) -> list[ExplainedColumn]:
    total = float(np.maximum(drops, 0).sum())
    found = [
        ExplainedColumn(name, max(0.0, drop) / total if total > 0 else 0.0, drop)
        for name, drop in zip(names, drops.tolist(), strict=True)
    ]
    return sorted(found, key=lambda column: (-column.auc_drop, column.name))
