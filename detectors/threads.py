"""Limits BLAS and OpenMP to one thread: oversubscription made tree fitting five times slower."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Limit OpenMP and BLAS to one thread within the context.

    Beside two busy processes on two cores, trees with two threads took five times as long as with one.

    Returns:
        A context manager. It has no effect where threadpoolctl is not installed.

    >>> with one_thread():
    ...     pass
    """
    try:
        from threadpoolctl import threadpool_limits  # comes with scikit-learn
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits
