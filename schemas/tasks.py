"""What the monitor file and the events state about each task: its name, its output's range, its metrics.

How a task is measured is in `detectors/tasks`, one file a task.
"""

from typing import Literal, NamedTuple

TaskName = Literal["binary-classification", "regression"]
"""What a model does, as a monitor names it."""
Metric = Literal["auroc", "log_loss", "accuracy", "f1", "brier", "ece", "mae", "rmse", "bias"]
"""Every metric of every task."""


class TaskSchema(NamedTuple):
    """What can be declared for the models of one task."""

    metrics: tuple[Metric, ...]
    """The metrics that can be measured, in the order of a window's statistics."""
    output_range: tuple[float, float] | None
    """The lowest and highest output. None: any number."""


SCHEMAS: dict[TaskName, TaskSchema] = {
    "binary-classification": TaskSchema(("auroc", "log_loss", "accuracy", "f1", "brier", "ece"), (0.0, 1.0)),
    "regression": TaskSchema(("mae", "rmse", "bias"), None),
}
