"""What the demo has to tell at its end, as data: what was published, put in, found, asked for and done."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Struct
from scipy.stats import poisson

from watchkeeper.alerting.names import NAMES
from watchkeeper.demo.faults import DemoFault
from watchkeeper.demo.workers import EventCount
from watchkeeper.schemas.alerts import Alert

__all__ = ["Auroc", "Events", "FaultFound", "Report", "ReportedPage", "ReportedRetraining", "Span"]

CHECK_OF = {name.alertname: check for check, name in NAMES.items()}
CHANCE = 0.01
"""In a short time a budget is less than one page, and one may come all the same."""
FOUND_WITHIN_HOURS = 48
"""A fault that is told of later than this after its end was not found."""


class TopicEvents(Struct):
    """What became of the events of one topic."""

    published: int
    accepted: int = 0
    late: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def folded(self) -> int:
        """Events that were used or counted as late or repeated."""
        return self.accepted + self.late + self.duplicate


class Events(Struct):
    """The accounts: every event that was published was folded or rejected."""

    published: int
    folded: int
    rejected: int
    topics: dict[str, TopicEvents]

    @property
    def balance(self) -> bool:
        """Whether they agree to the last event, in each topic."""
        return all(t.published == t.folded + t.rejected for t in self.topics.values())


class FaultFound(Struct):
    """One injected fault, and when and as what it was found."""

    name: str
    feature: str
    story: str
    began: datetime
    ended: datetime
    found: datetime | None
    delay_hours: float | None
    expected: str
    named_as: str | None
    """The check that found it first."""
    alertname: str | None

    @property
    def right(self) -> bool:
        """Whether it was named for what it is."""
        return self.named_as == self.expected


class ReportedPage(Struct):
    """One page, from firing to resolved."""

    alertname: str
    severity: str
    runbook_url: str
    subject: str
    version: str | None
    segment: str | None
    feature: str | None
    features: list[str]
    """Where it tells of several."""
    started: datetime
    told: datetime
    resolved: datetime | None
    explanation: str
    cause: Literal["injected", "real", "unexplained"] = "unexplained"
    because: str = ""


class Auroc(Struct):
    """Two versions over the same flights."""

    before: float
    after: float
    old: str
    new: str
    flights: int
    start: datetime
    end: datetime


class Span(Struct):
    """A span of event time."""

    start: datetime
    end: datetime


class ReportedRetraining(Struct):
    """A request to retrain, and what was done."""

    requested: datetime
    reasons: list[str]
    model_version: str
    data_window: Span
    excluded: list[Span]
    trained: str
    """The new version."""
    trained_on: int
    answers_from: datetime
    auroc: Auroc | None = None


class Report(Struct):
    """The whole of it."""

    events: Events
    faults: list[FaultFound]
    pages: list[ReportedPage]
    retraining: list[ReportedRetraining]
    auroc: Auroc | None
    seconds: float
    events_per_second: float
    false_pages_at_most: float = 0.0
    """By the budgets of all monitors, in the time that was published."""

    @property
    def unexplained(self) -> int:
        """Count the pages for which no reason is known."""
        return sum(page.cause == "unexplained" for page in self.pages)

    def problems(self) -> list[str]:
        """Say in one sentence each what is not as it must be; empty: all is well."""
        problems = [] if self.events.balance else [_imbalance(self.events)]
        for fault in self.faults:
            if fault.named_as is None:
                problems.append(f"The {fault.name} of {fault.feature} was not found.")
            elif not fault.right:
                problems.append(
                    f"The {fault.name} of {fault.feature} was named {fault.named_as}, not {fault.expected}."
                )
        if poisson.sf(self.unexplained - 1, self.false_pages_at_most) < CHANCE:
            problems.append(
                f"{self.unexplained} pages are unexplained, more than chance makes of a budget of "
                f"{self.false_pages_at_most:.3g}."
            )
        return problems


def _imbalance(events: Events) -> str:
    wrong = ", ".join(
        f"{topic}: {t.published} published, {t.folded} folded, {t.rejected} rejected"
        for topic, t in events.topics.items()
        if t.published != t.folded + t.rejected
    )
    return f"The accounts do not balance ({wrong})."


def count_events(published: Counter[str], counted: EventCount) -> Events:
    """Put what was published beside what the workers say became of it.

    >>> count_events(Counter(labels=3), Counter({("labels", "accepted"): 2, ("labels", "late"): 1})).balance
    True
    """
    topics = {topic: TopicEvents(number) for topic, number in published.items()}
    for (topic, outcome), number in counted.items():
        setattr(topics.setdefault(topic, TopicEvents(0)), outcome, number)
    return Events(
        published=sum(t.published for t in topics.values()),
        folded=sum(t.folded for t in topics.values()),
        rejected=sum(t.rejected for t in topics.values()),
        topics=topics,
    )


class ReportedIncident(NamedTuple):
    """An alert from the first word on it to the last."""

    first: Alert
    last: Alert


def incidents(alerts: Iterable[Alert]) -> list[ReportedIncident]:
    """Put together what was said of each incident, in the order in which they were told."""
    found: dict[tuple[str, datetime], ReportedIncident] = {}
    for alert in alerts:
        key = alert.fingerprint, alert.started_at
        found[key] = ReportedIncident(found[key].first if key in found else alert, alert)
    return sorted(found.values(), key=lambda incident: incident.first.updated_at)


def pages_of(alerts: Iterable[Alert]) -> list[ReportedPage]:
    """Tell of the incidents that woke somebody."""
    return [_page(each) for each in incidents(alerts) if each.first.pages]


def _page(incident: ReportedIncident) -> ReportedPage:
    labels = incident.first.labels
    return ReportedPage(
        alertname=labels["alertname"],
        severity=labels["severity"],
        runbook_url=incident.first.annotations["runbook_url"],
        subject=labels.get("model") or labels["feature_view"],
        version=labels.get("model_version"),
        segment=labels.get("segment"),
        feature=labels.get("feature"),
        features=_several(incident.first),
        started=incident.first.started_at,
        told=incident.first.updated_at,
        resolved=incident.last.ended_at,
        explanation=incident.first.annotations["description"],
    )


def _several(alert: Alert) -> list[str]:
    return [name for name in alert.annotations.get("features", "").split(", ") if name]


def find_faults(faults: Sequence[DemoFault], alerts: Sequence[Alert], until: datetime) -> list[FaultFound]:
    """Say when each fault that began before a time was first told of, and as what."""
    return [_found(fault, alerts) for fault in faults if fault.began < until]


def _found(fault: DemoFault, alerts: Sequence[Alert]) -> FaultFound:
    about = [incident.first for incident in incidents(alerts) if _is_about(incident.first, fault)]
    alert = about[0] if about else None
    return FaultFound(
        name=fault.name,
        feature=fault.feature,
        story=fault.story,
        began=fault.began,
        ended=fault.ended,
        found=alert.updated_at if alert else None,
        delay_hours=(alert.updated_at - fault.began).total_seconds() / 3600 if alert else None,
        expected=fault.check,
        named_as=CHECK_OF[alert.labels["alertname"]] if alert else None,
        alertname=alert.labels["alertname"] if alert else None,
    )


def _is_about(alert: Alert, fault: DemoFault) -> bool:
    """Whether an alert began with the fault and is on its feature; of several features it names them all."""
    subject = alert.labels.get("model") or alert.labels.get("feature_view")
    features = [alert.labels.get("feature"), *_several(alert)]
    late_hours = (alert.updated_at - fault.ended).total_seconds() / 3600
    began = fault.began <= alert.started_at < fault.ended
    return (
        subject in fault.subjects and fault.feature in features and began and late_hours <= FOUND_WITHIN_HOURS
    )
