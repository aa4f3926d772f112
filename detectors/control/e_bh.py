"""The procedure of Benjamini and Hochberg for e-values."""

from collections.abc import Sequence

import numpy as np


def e_bh(e_values: Sequence[float], level: float, already: int = 0) -> list[int]:
    """Return the positions of the rejected hypotheses, with a bound on the share of false rejections.

    With F e-values, the k largest are rejected, with k the largest number for which the k-th largest is at
    least F / (level k). The share of false rejections is at most `level` on average, however the e-values
    depend on each other: 1{e >= t} <= e / t, and the threshold t makes the sum level k / F for each.

    Paper: Wang and Ramdas (2022), False discovery rate control with e-values. Cost: F log F.

    Args:
        e_values: One e-value for each hypothesis, shape (F,); NaN counts as no evidence.
        level: The false discovery rate, between 0 and 1.
        already: Number of earlier discoveries, which count as if they were among the k; see `ELond`.

    Returns:
        The positions of the rejected hypotheses in `e_values`, in ascending order.

    Raises:
        ValueError: `level` is not between 0 and 1.

    >>> e_bh([500.0, 0.4, 12.0, 45.0], level=0.1)
    [0, 3]
    >>> e_bh([500.0, 0.4, 12.0, 45.0], level=0.1, already=1)
    [0, 2, 3]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    evidence = np.nan_to_num(np.asarray(e_values, float), nan=0.0, posinf=np.inf)
    order = np.argsort(-evidence, kind="stable")
    needed = len(evidence) / (level * (already + np.arange(1, len(evidence) + 1)))
    enough = np.flatnonzero(evidence[order] >= needed)
    count = int(enough[-1]) + 1 if len(enough) else 0
    return sorted(order[:count].tolist())
