"""Writes docs/reference/metrics.md: `python -m watchkeeper.streams.cli.metrics_page > ...`."""

import sys
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.metrics.metrics import Described, Metrics

__all__ = ["reference_page"]


def reference_page() -> str:
    """Return `docs/reference/metrics.md`."""
    canary = CanaryMetrics(CollectorRegistry(), "").described
    return _PAGE + _table(Metrics(CollectorRegistry()).described) + _CANARY + _table(canary)


def _table(metrics: Sequence[Described]) -> str:
    rows = (
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels) or 'none'} | {text} |"
        for name, kind, labels, text in metrics
    )
    return "| name | type | labels | what |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


_PAGE = """# Metrics

Every worker serves these at `/metrics`, together with `process_*` (processor time, memory, open files, and
`process_start_time_seconds`).
The settings, the monitors or `WATCHKEEPER_MAX_SERIES` bound the number of label values. When a partition
moves to another worker, its series move with it, so sums over all workers stay right.

"""

_CANARY = """
## Metrics of the canary

`watchkeeper canary` serves these at `/metrics`, together with `process_*`.

"""


if __name__ == "__main__":
    sys.stdout.write(reference_page())
