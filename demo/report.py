"""The demo's report as data: events, injected faults, pages and retrainings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Struct, field
from scipy.stats import poisson

from watchkeeper.alerting.names import NAMES
from watchkeeper.demo.faults import DemoFault
from watchkeeper.demo.workers import EventCount
from watchkeeper.schemas.alerts import Alert

__all__ = ["Auroc", "Events", "FaultFound", "Report", "ReportedPage", "ReportedRetraining", "Span"]

CHECK_OF = {name.alertname: check for check, name in NAMES.items()}
CHANCE = 0.01
"""The report has a problem if this many unexplained pages have less than this probability under the budget.

Chosen by hand: a short demo has a budget below one page, and a page can still occur by chance.
"""
FOUND_WITHIN_HOURS = 48
"""An alert later than this many hours after a fault's end does not count as its detection.

Chosen by hand: the last window that holds the fault, a day long, closes within that time.
"""


class TopicEvents(Struct):
    """How many events of one topic were published, and how the workers counted them."""

    published: int
    accepted: int = 0
    late: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def folded(self) -> int:
        """Events that were accepted, late or duplicate."""
        return self.accepted + self.late + self.duplicate


class Events(Struct):
    """The accounts: every published event must be folded or rejected."""

    published: int
    folded: int
    rejected: int
    topics: dict[str, TopicEvents]

    @property
    def balance(self) -> bool:
        """Whether every topic balances to the last event."""
        return all(t.published == t.folded + t.rejected for t in self.topics.values())


class FaultFound(Struct):
    """One injected fault, with the time and the name of its detection."""

    name: str
    feature: str
    story: str
    began: datetime
    ended: datetime
    found: datetime | None
    delay_hours: float | None
    expected: str
    named_as: str | None
    """The check that detected the fault first; None if it was not detected."""
    alertname: str | None

    @property
    def right(self) -> bool:
        """Whether the expected check detected the fault."""
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
    """The features that the page names, if it is about several."""
    started: datetime
    fired: datetime = field(name="told")
    """Event time of the alert."""
    resolved: datetime | None
    explanation: str
    cause: Literal["injected", "real", "unexplained"] = "unexplained"
    because: str = ""


class Auroc(Struct):
    """The AUROC of two versions on the same flights."""

    before: float
    after: float
    old: str
    new: str
    flights: int
    start: datetime
    end: datetime


class Span(Struct):
    """A span of event time, start inclusive, end exclusive."""

    start: datetime
    end: datetime


class ReportedRetraining(Struct):
    """A retraining request and the version trained for it."""

    requested: datetime
    reasons: list[str]
    model_version: str
    data_window: Span
    excluded: list[Span]
    trained: str
    """The new model version."""
    trained_on: int
    answers_from: datetime
    auroc: Auroc | None = None


class Report(Struct):
    """The whole report of a demo."""

    events: Events
    faults: list[FaultFound]
    pages: list[ReportedPage]
    retraining: list[ReportedRetraining]
    auroc: Auroc | None
    seconds: float
    events_per_second: float
    false_pages_at_most: float = 0.0
    """False pages that the budgets of all monitors allow in the published period."""

    @property
    def unexplained(self) -> int:
        """Number of pages without a known cause."""
        return sum(page.cause == "unexplained" for page in self.pages)

    def problems(self) -> list[str]:
        """Return one sentence for each problem; an empty list means success."""
        problems = [] if self.events.balance else [_imbalance(self.events)]
        for fault in self.faults:
            if fault.named_as is None:
                problems.append(f"The {fault.name} of {fault.feature} was not detected.")
            elif not fault.right:
                problems.append(
                    f"The {fault.name} of {fault.feature} was detected as {fault.named_as} "
                    f"instead of {fault.expected}."
                )
        if poisson.sf(self.unexplained - 1, self.false_pages_at_most) < CHANCE:
            problems.append(
                f"{self.unexplained} pages are unexplained. That is more than chance explains under a "
                f"budget of {self.false_pages_at_most:.3g} false pages."
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
    """Compare the published events with the counts of the workers.

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
    """Group alerts into incidents, in the order in which they fired."""
    found: dict[tuple[str, datetime], ReportedIncident] = {}
    for alert in alerts:
        key = alert.fingerprint, alert.started_at
        found[key] = ReportedIncident(found[key].first if key in found else alert, alert)
    return sorted(found.values(), key=lambda incident: incident.first.updated_at)


def pages_of(alerts: Iterable[Alert]) -> list[ReportedPage]:
    """Return the incidents that page."""
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
        features=_features(incident.first),
        started=incident.first.started_at,
        fired=incident.first.updated_at,
        resolved=incident.last.ended_at,
        explanation=incident.first.annotations["description"],
    )


def _features(alert: Alert) -> list[str]:
    return [name for name in alert.annotations.get("features", "").split(", ") if name]


def find_faults(faults: Sequence[DemoFault], alerts: Sequence[Alert], until: datetime) -> list[FaultFound]:
    """Return the detection of each fault.

    Args:
        faults: The injected faults.
        alerts: All alerts of the demo.
        until: The end of the demo; faults that begin later are left out.
    """
    return [_found(fault, alerts) for fault in faults if fault.began < until]


def _found(fault: DemoFault, alerts: Sequence[Alert]) -> FaultFound:
    matching = [each.first for each in incidents(alerts) if _is_about(each.first, fault)]
    alert = matching[0] if matching else None
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
    """Return whether an alert started during the fault and names its feature."""
    subject = alert.labels.get("model") or alert.labels.get("feature_view")
    features = [alert.labels.get("feature"), *_features(alert)]
    late_hours = (alert.updated_at - fault.ended).total_seconds() / 3600
    began = fault.began <= alert.started_at < fault.ended
    return (
        subject in fault.subjects and fault.feature in features and began and late_hours <= FOUND_WITHIN_HOURS
    )
