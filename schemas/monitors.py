"""The monitor file: what the owner of a model or feature view states, once.

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

from watchkeeper.schemas.tasks import SCHEMAS, Metric, TaskName

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Many = Annotated[int, Field(gt=0, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]


def _iso(value: Any) -> Any:
    # YAML reads 1:30 as ninety and pydantic reads a number as seconds: nobody could say what a file means.
    if isinstance(value, timedelta) or (isinstance(value, str) and value.lstrip("+-").startswith("P")):
        return value
    raise ValueError("should be an ISO 8601 duration, like PT5M, PT12H or P30D")


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("should be longer than nothing")
    return _whole(span)


def _not_negative(span: timedelta) -> timedelta:
    if span < timedelta(0):
        raise ValueError("should not be negative")
    return _whole(span)


def _whole(span: timedelta) -> timedelta:
    # All times are whole milliseconds: a pane of half of one would have no length.
    if span % timedelta(milliseconds=1):
        raise ValueError("should be whole milliseconds")
    return span


def _category(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("should be text, and half a character is in it") from None
    return value


def _text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("should be text that can be printed")
    return value


# Not Field(gt=...): that puts a `gt` into the JSON Schema, which is no keyword for text.
Positive = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_positive)]
NotNegative = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_not_negative)]


Text = Annotated[str, AfterValidator(_text)]
Category = Annotated[str, AfterValidator(_category)]


class Section(BaseModel):
    """A part of the file; a key that is not known is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Owner(Section):
    """Who is told, and how loudly at most."""

    team: Name
    """The team, as Alertmanager's routes know it: the label `team` of every alert."""
    severity: Literal["page", "ticket"] = "page"
    """`page`: on-call is woken for what hurts. `ticket`: nobody is woken."""


class Feature(Section):
    """One feature. `integer` and `number` are numeric, `category` is text, `boolean` is true or false."""

    type: Literal["number", "integer", "category", "boolean"]
    """What values must be; others are counted as of a wrong type, and an integer may be written as 3.0."""
    range: tuple[Finite, Finite] | None = None
    """Lowest and highest value that can be right; numbers only."""
    categories: list[Category] | None = None
    """The whole list, where it is closed; otherwise the reference's categories are the known ones."""
    required: bool = True
    """False: values may be absent in any share, and only a feature that vanishes altogether is a fault."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range is not None and self.type not in ("number", "integer"):
            raise ValueError(f"range is for numbers, not for type {self.type}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range must rise, got {list(self.range)}")
        if self.range is not None and not isfinite(self.range[1] - self.range[0]):
            raise ValueError(f"range is too wide to be divided, got {list(self.range)}")
        if self.categories is not None and self.type != "category":
            raise ValueError(f"categories is for type category, not for type {self.type}")
        return self


class Windows(Section):
    """Spans of event time. A window is made of panes; it closes by time, or earlier by count."""

    pane: Positive = timedelta(minutes=5)
    """The grain of time: rows of one pane are counted together."""
    size: Positive = timedelta(hours=1)
    """The span that is judged at once; a multiple of `pane`."""
    every: Positive | None = None
    """How often a window ends; default: its size (tumbling)."""
    rows: Many | None = None
    """Close at the pane that reaches this count, even if `size` has not passed."""
    lateness: NotNegative = timedelta(minutes=1)
    """How long a pane waits for events that come out of order."""

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

    file: Text | None = None
    """Parquet, CSV or NDJSON, relative to this file."""
    first: Many | None = None
    """So many of the stream's first events, for `watchkeeper reference build --from-stream`."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.file is None) == (self.first is None):
            raise ValueError("reference needs exactly one of: file, first")
        return self


class Tolerance(Section):
    """How much worse than the reference a metric may be before it counts as harm."""

    worse_by: Annotated[Finite, Field(ge=0)] | None = None
    """How far it may fall behind the reference, in the metric's own unit."""
    at_least: Finite | None = None
    """A floor, whatever the reference says."""
    at_most: Finite | None = None
    """A ceiling, whatever the reference says."""


class Labels(Section):
    """When labels come and what is measured on them."""

    expected_within: Positive = timedelta(days=1)
    """The longest that a label may take to follow its prediction; so long a prediction waits for it."""
    window: Positive | None = None
    """Size of the window for performance; default: `windows.size`."""
    min_labels: Many = 200
    """Fewer in a window is "no data", never "ok"."""
    threshold: Share = 0.5
    """The score from which a row counts as predicted positive, where no label is published."""
    metrics: dict[Metric, Tolerance] = {}
    """What is judged, beside what is only measured; `{}` after a metric takes the default tolerance."""


class Retraining(Section):
    """When a retraining request may be emitted."""

    cooldown: Positive = timedelta(days=1)
    """The least time between two requests for one model."""
    data_window: Positive = timedelta(days=30)
    """How far back the data to train on goes."""
    after_windows: Many = 2
    """Bad performance windows in a row before retraining is asked for."""
    min_labels: Many = 1000
    """Fewer labels in those windows are too few to decide on."""


class FalsePages(Section):
    """How many pages for nothing the owner puts up with: every threshold follows from it."""

    at_most: Annotated[Finite, Field(gt=0)] = 1
    """So many false pages on average..."""
    per: Positive = timedelta(days=30)
    """...in so much time."""


class Sensitivity(Section):
    """Overrides of the checks' settings; the defaults suit most."""

    p_value: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Every test's level, shared over features (Bonferroni); default: by `false_pages`, at most 1e-4."""
    psi: Annotated[Finite, Field(gt=0)] = 0.2
    """The least effect (PSI above what the sample size alone gives) that is called drift."""
    missing_ratio: Share = 0.05
    """The least rise of the missing share that is a fault; also of wrong types and unseen categories."""
    fire_after: Many = 1
    """Bad windows in a row before a data-quality alert fires (drift and performance: one more)."""
    resolve_after: Many = 2
    """Good windows in a row before an alert resolves."""
    silent_after: Positive | None = None
    """So long a silence, by the clock of those who read the topic, is a fault; default: two windows."""


class Monitor(Section):
    """One model or feature view and how it is watched."""

    model: Name | None = None
    """The model, as its predictions name it."""
    feature_view: Name | None = None
    """The feature view, as its rows name it; instead of a model."""
    owner: Owner
    """Who is told."""
    task: TaskName | None = None
    """What the model does; it decides which metrics are measured."""
    features: dict[Name, Feature] = Field(min_length=1, max_length=2000)
    """The features that are watched; others in the events are passed over."""
    segments: list[Name] = Field(default=[], max_length=8)
    """Features, or names in the events' `segments`, whose values are also watched each by itself."""
    windows: Windows = Windows()
    """Spans of event time."""
    reference: Reference | None = None
    """What normal looks like; without one there is no drift and no unseen category."""
    labels: Labels | None = None
    """When the truth is learned; without it performance is not measured."""
    retraining: Retraining | None = None
    """When a new training may be asked for; without it, never."""
    false_pages: FalsePages = FalsePages()
    """The budget of false pages: instead of thresholds."""
    sensitivity: Sensitivity = Sensitivity()
    """Overrides, for the few whom the defaults do not suit."""
    runbooks: HttpUrl | None = None
    """Where your own runbooks are: the alert's name is put after it."""
    dashboard: HttpUrl | None = None
    """What on-call opens to see more."""

    @property
    def subject(self) -> str:
        """The name of what is watched."""
        return self.model or self.feature_view or ""

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
