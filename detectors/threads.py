"""Keeps libraries from threads of their own, which spin and wait for cores that others have."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Let OpenMP and BLAS use one thread in here: beside busy processes several took minutes for seconds.

    >>> with one_thread():
    ...     pass
    """
    try:
        from threadpoolctl import threadpool_limits  # comes with scikit-learn
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits
