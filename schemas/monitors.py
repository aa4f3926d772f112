"""The monitor file: what the owner of a model or feature view states, once.

The JSON Schema in `docs/reference/monitor.schema.json` is generated from these classes.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[timedelta, Field(gt=timedelta(0))]


class Section(BaseModel):
    """A part of the file; a key that is not known is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Owner(Section):
    """Who is told, and how loudly at most."""

    team: Name
    severity: Literal["page", "ticket"] = "page"


class Feature(Section):
    """One declared feature. `integer` and `number` are numeric, `category` is text, `boolean` is true or false."""

    type: Literal["number", "integer", "category", "boolean"]
    range: tuple[float, float] | None = None
    categories: list[str] | None = None
    """The whole list, where it is closed; otherwise the reference's categories are the known ones."""
    required: bool = True
    """False: absent values are normal and not counted as missing beyond the reference's share."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range is not None and self.type not in ("number", "integer"):
            raise ValueError(f"range is for numbers, not for type {self.type}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range must rise, got {list(self.range)}")
        if self.categories is not None and self.type != "category":
            raise ValueError(f"categories is for type category, not for type {self.type}")
        return self


class Windows(Section):
    """Spans of event time. A window is made of panes; it closes by time, or earlier by count."""

    pane: Positive = timedelta(minutes=5)
    size: Positive = timedelta(hours=1)
    every: Positive | None = None
    """How often a window ends; default: its size (tumbling)."""
    rows: int | None = Field(default=None, gt=0)
    """Close at the pane that reaches this count, even if `size` has not passed."""
    lateness: timedelta = Field(default=timedelta(minutes=1), ge=timedelta(0))

    @model_validator(mode="after")
    def _divide(self) -> Self:
        for name, span in (("size", self.size), ("every", self.every or self.size)):
            if span % self.pane:
                raise ValueError(f"windows.{name} must be a multiple of windows.pane")
        if self.every is not None and self.every > self.size:
            raise ValueError("windows.every must not exceed windows.size, or rows fall between two windows")
        return self


class Reference(Section):
    """What normal looks like: built from a file, or from the first events of the stream."""

    file: str | None = None
    first: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.file is None) == (self.first is None):
            raise ValueError("reference needs exactly one of: file, first")
        return self


class Tolerance(Section):
    """How much worse than the reference a metric may be before it counts as harm."""

    worse_by: float | None = Field(default=None, ge=0)
    at_least: float | None = None
    at_most: float | None = None


Metric = Literal["auroc", "log_loss", "accuracy", "f1", "brier", "ece", "mae", "rmse", "bias"]


class Labels(Section):
    """When labels come and what is measured on them."""

    expected_within: Positive = timedelta(days=1)
    window: Positive | None = None
    """Size of the window for performance; default: `windows.size`."""
    min_labels: int = Field(default=200, gt=0)
    """Fewer in a window is "no data", never "ok"."""
    threshold: Share = 0.5
    """The score from which a row counts as predicted positive, where no label is published."""
    metrics: dict[Metric, Tolerance] = {}


class Retraining(Section):
    """When a retraining request may be emitted."""

    cooldown: Positive = timedelta(days=1)
    data_window: Positive = timedelta(days=30)
    after_windows: int = Field(default=2, gt=0)
    """Bad performance windows in a row before retraining is asked for."""
    min_labels: int = Field(default=1000, gt=0)


class Sensitivity(Section):
    """Overrides of the checks' settings; the defaults suit most."""

    p_value: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """Every test's level, shared over features (Bonferroni)."""
    psi: float = Field(default=0.2, gt=0)
    """The least effect (PSI above what the sample size alone gives) that is called drift."""
    missing_ratio: Share = 0.05
    """The least rise of the missing share that is called a fault; the same for wrong types and unseen categories."""
    fire_after: int = Field(default=1, gt=0)
    """Bad windows in a row before a data-quality alert fires (drift and performance: one more)."""
    resolve_after: int = Field(default=2, gt=0)
    """Good windows in a row before an alert resolves."""
    silent_after: Positive | None = None
    """Silence, in event time of the other subjects, that is a fault; default: two windows."""


class Monitor(Section):
    """One model or feature view and how it is watched."""

    model: Name | None = None
    feature_view: Name | None = None
    owner: Owner
    task: Literal["binary-classification", "regression"] | None = None
    features: dict[Name, Feature] = Field(min_length=1, max_length=2000)
    segments: list[Name] = Field(default=[], max_length=8)
    windows: Windows = Windows()
    reference: Reference | None = None
    labels: Labels | None = None
    retraining: Retraining | None = None
    sensitivity: Sensitivity = Sensitivity()
    runbooks: HttpUrl | None = None
    dashboard: HttpUrl | None = None

    @property
    def subject(self) -> str:
        """The name of what is watched."""
        return self.model or self.feature_view or ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.model is None) == (self.feature_view is None):
            raise ValueError("a monitor is for exactly one of: model, feature_view")
        if self.model is not None and self.task is None:
            raise ValueError("a model needs its task: binary-classification or regression")
        if self.feature_view is not None and (self.task or self.labels or self.retraining):
            raise ValueError("task, labels and retraining are for models, not for a feature_view")
        if self.retraining is not None and self.labels is None:
            raise ValueError("retraining is decided on performance, so it needs labels")
        pane = self.windows.pane
        if self.labels is not None and self.labels.window is not None and self.labels.window % pane:
            raise ValueError("labels.window must be a multiple of windows.pane")
        return self
