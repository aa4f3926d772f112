"""One core for the contestants, which run in turn, and the others for the broker.

Where the system cannot pin processes (macOS), nothing is pinned.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_CAN_PIN = hasattr(os, "sched_setaffinity")
_ALLOWED = os.sched_getaffinity(0) if _CAN_PIN else set()  # before anything is pinned

CONTESTANT_CORE = {max(_ALLOWED)} if _CAN_PIN else set()
OTHER_CORES = _ALLOWED - CONTESTANT_CORE or CONTESTANT_CORE


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Pin this thread to cores. A process that it starts inside the block inherits the cores for good."""
    if not _CAN_PIN:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
