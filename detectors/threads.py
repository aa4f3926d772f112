"""Keeps libraries from threads of their own, which spin and wait for cores that others have."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Let OpenMP and BLAS use one thread in here.

    Beside two busy processes on two cores, trees of two threads took five times as long as of one.

    >>> with one_thread():
    ...     pass
    """
    try:
        from threadpoolctl import threadpool_limits  # comes with scikit-learn
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits
