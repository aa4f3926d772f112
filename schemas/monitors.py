"""The monitor file: what the owner of a model or feature view states about it.

The JSON Schema in `docs/reference/monitor.schema.json` is generated from these classes.
"""

from datetime import timedelta
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    model_validator,
)

from watchkeeper.schemas.subjects import PRODUCTION, subject_of
from watchkeeper.schemas.tasks import SCHEMAS, Metric, TaskName

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A name: at most 100 letters, digits, `.`, `_` and `-`, the first a letter or digit."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A number that is neither infinite nor NaN."""
Many = Annotated[int, Field(gt=0, le=1_000_000_000)]
"""A count of at least 1. The upper bound is chosen by hand: it keeps sums of counts far below 64 bits."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A share, from 0 to 1."""


def _iso(value: Any) -> Any:
    # YAML reads 1:30 as ninety, and pydantic reads a number as seconds: such a file is ambiguous.
    if isinstance(value, timedelta) or (isinstance(value, str) and value.lstrip("+-").startswith("P")):
        return value
    raise ValueError("should be an ISO 8601 duration, like PT5M, PT12H or P30D")


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("should be longer than zero")
    return _whole(span)


def _not_negative(span: timedelta) -> timedelta:
    if span < timedelta(0):
        raise ValueError("should not be negative")
    return _whole(span)


def _whole(span: timedelta) -> timedelta:
    # All times are whole milliseconds: a pane of half a millisecond would have no length.
    if span % timedelta(milliseconds=1):
        raise ValueError("should be a whole number of milliseconds")
    return span


def _category(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("should be valid text, but contains half a character") from None
    return value


def _text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("should be printable text")
    return value


# Not Field(gt=...): that puts a `gt` into the JSON Schema, which is not a keyword for text.
Positive = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_positive)]
"""An ISO 8601 duration above zero, in whole milliseconds."""
NotNegative = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_not_negative)]
"""An ISO 8601 duration of zero or more, in whole milliseconds."""
Text = Annotated[str, AfterValidator(_text)]
"""Printable text."""
Category = Annotated[str, AfterValidator(_category)]
"""The name of a category: text that UTF-8 can encode."""


class Section(BaseModel):
    """A part of the file. An unknown key is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Owner(Section):
    """Who is notified, and at most how urgently."""

    team: Name
    """The team, as Alertmanager's routes name it. It becomes the label `team` of every alert."""
    severity: Literal["page", "ticket"] = "page"
    """`page`: critical alerts wake on-call. `ticket`: no alert wakes anybody."""


class Feature(Section):
    """One feature. `integer` and `number` are numeric, `category` is text, `boolean` is true or false."""

    type: Literal["number", "integer", "category", "boolean"]
    """The type of valid values; other values count as of a wrong type. An integer may be written as 3.0."""
    range: tuple[Finite, Finite] | None = None
    """Lowest and highest valid value; for numbers only."""
    categories: list[Category] | None = None
    """The complete list of known categories. Default: those of the reference."""
    required: bool = True
    """With `false`, any share of values may be absent. Only a feature without any value is a fault."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range is not None and self.type not in ("number", "integer"):
            raise ValueError(f"range is for numbers, not for type {self.type}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range must rise, got {list(self.range)}")
        if self.range is not None and not isfinite(self.range[1] - self.range[0]):
            raise ValueError(f"range is too wide, its width is not a finite number: got {list(self.range)}")
        if self.categories is not None and self.type != "category":
            raise ValueError(f"categories is for type category, not for type {self.type}")
        return self


class WindowsSection(Section):
    """Spans of event time. A window consists of panes. It closes by time, or earlier by count."""

    pane: Positive = timedelta(minutes=5)
    """The smallest span: rows of one pane are counted together."""
    size: Positive = timedelta(hours=1)
    """The span whose rows are judged together; a multiple of `pane`."""
    every: Positive | None = None
    """How often a window ends. Default: its size, so that windows do not overlap."""
    rows: Many | None = None
    """A window also closes at the pane that reaches this number of rows, even before `size` has passed."""
    lateness: NotNegative = timedelta(minutes=1)
    """How long a pane waits for events that arrive out of order."""

    @model_validator(mode="after")
    def _divide(self) -> Self:
        for name, span in (("size", self.size), ("every", self.every or self.size)):
            if span % self.pane:
                raise ValueError(f"windows.{name} must be a multiple of windows.pane")
        if self.every is not None and self.every > self.size:
            raise ValueError("windows.every must not exceed windows.size, or some rows would be in no window")
        return self


class ReferenceSection(Section):
    """The baseline: built from a file, or from the first events of the stream."""

    file: Text | None = None
    """Path of a Parquet, CSV or NDJSON file, relative to the monitor file."""
    first: Many | None = None
    """Number of first events of the stream to use, for `watchkeeper reference build --from-stream`."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.file is None) == (self.first is None):
            raise ValueError("reference needs exactly one of: file, first")
        return self


class Tolerance(Section):
    """How much worse than the reference a metric may be before it counts as harm."""

    worse_by: Annotated[Finite, Field(ge=0)] | None = None
    """By how much the metric may be worse than in the reference, in its own unit."""
    at_least: Finite | None = None
    """The lowest acceptable value, regardless of the reference."""
    at_most: Finite | None = None
    """The highest acceptable value, regardless of the reference."""


class Labels(Section):
    """When labels arrive and what is measured on them."""

    expected_within: Positive = timedelta(days=1)
    """The longest time from a prediction to its label: a prediction waits this long for its label."""
    window: Positive | None = None
    """Size of the windows for performance. Default: `windows.size`."""
    min_labels: Many = 200
    """A window with fewer labels is "no data", never "ok"."""
    threshold: Share = 0.5
    """A row counts as predicted positive from this score on, if its prediction has no `label`."""
    metrics: dict[Metric, Tolerance] = {}
    """The metrics that are judged; the others are only measured. `{}` means the default tolerance."""


class RetrainingSection(Section):
    """When Watchkeeper may request retraining."""

    cooldown: Positive = timedelta(days=1)
    """The shortest time between two requests for one model."""
    data_window: Positive = timedelta(days=30)
    """How far back the training data goes."""
    after_windows: Many = 2
    """Number of consecutive windows with bad performance before a request."""
    min_labels: Many = 1000
    """The lowest number of labels in those windows for a request."""


class FalsePages(Section):
    """The budget of false pages: every threshold follows from it."""

    at_most: Annotated[Finite, Field(gt=0)] = 1
    """How many false pages are acceptable on average in each span `per`."""
    per: Positive = timedelta(days=30)
    """The span of time of the budget."""


class Sensitivity(Section):
    """Overrides of the checks' settings. The defaults suit most monitors."""

    p_value: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Level of the tests, shared over features (Bonferroni). Default: by `false_pages`, at most 1e-4."""
    psi: Annotated[Finite, Field(gt=0)] = 0.2
    """The smallest PSI, after correcting for sample size, that counts as drift."""
    missing_ratio: Share = 0.05
    """Smallest rise that is a fault, of the share missing, mistyped, out of range, unseen or duplicate."""
    fire_after: Many = 1
    """Consecutive bad windows before a data-quality alert fires (drift and performance: one more)."""
    resolve_after: Many = 2
    """Consecutive good windows before an alert resolves."""
    silent_after: Positive | None = None
    """A subject without events for this long, by the workers' clock, is a fault. Default: two windows."""


class Monitor(Section):
    """One model or feature view, and how Watchkeeper monitors it."""

    model: Name | None = None
    """The name of the model in its predictions."""
    feature_view: Name | None = None
    """The name of the feature view in its rows; instead of a model."""
    environment: Name = PRODUCTION
    """The environment that is watched. Events that name none are of production."""
    owner: Owner
    """Who is notified."""
    task: TaskName | None = None
    """The kind of model. It decides which metrics are measured."""
    features: dict[Name, Feature] = Field(min_length=1, max_length=2000)
    """The features that are monitored; others in the events are ignored."""
    segments: list[Name] = Field(default=[], max_length=8)
    """Features, or names in the events' `segments`. Each of their values is also monitored separately."""
    windows: WindowsSection = WindowsSection()
    """The spans of event time that are counted and judged."""
    reference: ReferenceSection | None = None
    """The baseline. Without one, Watchkeeper detects no drift and no unseen categories."""
    labels: Labels | None = None
    """When labels arrive. Without it, performance is not measured."""
    retraining: RetrainingSection | None = None
    """When Watchkeeper may request retraining. Without it, never."""
    false_pages: FalsePages = FalsePages()
    """The budget of false pages, instead of thresholds."""
    sensitivity: Sensitivity = Sensitivity()
    """Overrides of the checks' defaults, which suit most monitors."""
    runbooks: HttpUrl | None = None
    """Address of your own runbooks; the alert's name is appended."""
    dashboard: HttpUrl | None = None
    """Address of the dashboard for on-call."""

    @property
    def name(self) -> str:
        """The name of the model or feature view."""
        return self.model or self.feature_view or ""

    @property
    def subject(self) -> str:
        """The model or feature view in its environment: `name`, or `name@environment` if not production."""
        return subject_of(self.name, self.environment)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.model is None) == (self.feature_view is None):
            raise ValueError("a monitor is for exactly one of: model, feature_view")
        if self.model is not None and self.task is None:
            raise ValueError(f"a model needs its task: {' or '.join(SCHEMAS)}")
        if self.feature_view is not None and (self.task or self.labels or self.retraining):
            raise ValueError("task, labels and retraining are for models, not for a feature_view")
        if self.retraining is not None and self.labels is None:
            raise ValueError("retraining is decided on performance, so it needs labels")
        if self.labels is not None and (strange := self._strange_metrics(self.labels)):
            raise ValueError(
                f"labels.metrics: {', '.join(strange)} can't be measured for the task {self.task}"
            )
        pane = self.windows.pane
        if self.labels is not None and self.labels.window is not None and self.labels.window % pane:
            raise ValueError("labels.window must be a multiple of windows.pane")
        return self

    def _strange_metrics(self, labels: Labels) -> list[Metric]:
        known = SCHEMAS[self.task].metrics if self.task is not None else ()
        return [metric for metric in labels.metrics if metric not in known]
