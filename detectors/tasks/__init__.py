"""Tasks: what the models of one kind predict, how their labels are counted, and which metrics they have.

Each task has a file. `base.py` is the protocol. CONTRIBUTING describes how to add one.
"""

from typing import Any

from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.tasks.base import ERROR, Task
from watchkeeper.detectors.tasks.binary import BinaryClassification
from watchkeeper.detectors.tasks.regression import Regression
from watchkeeper.schemas.tasks import TaskName

__all__ = ["ERROR", "LABEL_SIGNALS", "TASKS", "Task", "labels_of", "read_label", "task_of"]

TASKS: dict[TaskName, Task[Any]] = {
    "binary-classification": BinaryClassification(),
    "regression": Regression(),
}
"""Every task by its name in a monitor."""
LABEL_SIGNALS = frozenset(signal for task in TASKS.values() for signal in task.signals)
"""The names of the label signals of all tasks."""


def task_of(name: TaskName | None) -> Task[Any]:
    """Return a task by its name.

    Args:
        name: The name. None is that of a feature view, which has no labels: a stray profile of labels of one
            is read as that of the first task, so that it cannot stop a worker.
    """
    return TASKS[name] if name is not None else next(iter(TASKS.values()))


def labels_of(layout: Layout) -> type[LabelsProfile]:
    """Return the class that counts the labels of a layout.

    Args:
        layout: The layout, which names the task.
    """
    profile: type[LabelsProfile] = task_of(layout.binning.task).profile
    return profile


def read_label(value: object) -> float | None:
    """Read the label of an event that names no model.

    Args:
        value: The label as it was published.

    Returns:
        The label as a number; None if it is not a label of any task.
    """
    for task in TASKS.values():
        if (label := task.label(value)) is not None:
            return label
    return None
