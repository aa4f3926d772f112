"""The name, severity and first action of each check's alert.

Broken data and measured harm page. A moved distribution, changed traffic or late labels are a ticket and do
not page.
"""

from typing import Literal, NamedTuple

from watchkeeper.schemas.alerts import Severity
from watchkeeper.schemas.findings import Check
from watchkeeper.schemas.monitors import Owner

AlertKind = Literal[
    "data_quality", "freshness", "traffic", "performance", "prediction_drift", "feature_drift"
]
"""A group of alerts that on-call can route or silence together."""


MODEL = "MODEL"
"""What stands for the subject in a command."""


class AlertName(NamedTuple):
    """How the alert of one check is presented."""

    alertname: str
    """The label `alertname`, which is also the file name of the runbook."""
    kind: AlertKind
    """The label `kind`, by which on-call can silence related alerts."""
    severity: Severity
    """The severity before the owner's limit is applied."""
    title: str
    """The first words of the summary."""
    action: str
    """What to do first, with `MODEL` for the subject. The runbook has the details."""


NAMES: dict[Check, AlertName] = {
    "silent": AlertName(
        "StreamSilent",
        "freshness",
        "critical",
        "No events",
        "Check that the service runs and can reach Kafka. The model itself may be down.",
    ),
    "volume": AlertName(
        "VolumeChange",
        "traffic",
        "warning",
        "Traffic changed",
        "Ask the callers whether they moved, doubled or dropped traffic on purpose.",
    ),
    "rejected": AlertName(
        "RejectedShareHigh",
        "data_quality",
        "critical",
        "Events rejected",
        "Roll the publisher back or correct the monitor. Then: `watchkeeper rejected replay --model MODEL`.",
    ),
    "clock": AlertName(
        "PublisherClockWrong",
        "data_quality",
        "critical",
        "A publisher's clock is wrong",
        "Correct the clock or the time zone of the publisher. Its events are in no statistic.",
    ),
    "late": AlertName(
        "EventsLate",
        "data_quality",
        "critical",
        "Events too late",
        "Find what delays the events, or raise `windows.lateness`. Late events are in no statistic.",
    ),
    "latency": AlertName(
        "LatencyHigh",
        "traffic",
        "warning",
        "Serving is slow",
        "Check the serving hosts and the last deployments.",
    ),
    "duplicates": AlertName(
        "DuplicateEvents",
        "data_quality",
        "critical",
        "Events published twice",
        "Find the publisher that retries or replays. Everything that counts its events now counts too many.",
    ),
    "unit_change": AlertName(
        "FeatureUnitChange",
        "data_quality",
        "critical",
        "Feature in another unit",
        "Find the upstream change of unit and undo it, or convert in the service. Do not retrain.",
    ),
    "category_renamed": AlertName(
        "FeatureCategoryRenamed",
        "data_quality",
        "critical",
        "Category renamed",
        "Map the new name to the one that the model knows. Do not retrain before that.",
    ),
    "missing": AlertName(
        "FeatureMissing",
        "data_quality",
        "critical",
        "Feature values missing",
        "Find the data source that stopped filling the feature. Until it is fixed, use the model's default.",
    ),
    "wrong_type": AlertName(
        "FeatureWrongType",
        "data_quality",
        "critical",
        "Feature of the wrong type",
        "Find the publisher that changed the feature's type and roll it back.",
    ),
    "out_of_range": AlertName(
        "FeatureOutOfRange",
        "data_quality",
        "critical",
        "Feature out of range",
        "Look at the values: a sentinel such as -999, an overflow, or a declared range that is too narrow.",
    ),
    "unseen_category": AlertName(
        "FeatureUnseenCategory",
        "data_quality",
        "warning",
        "Unknown categories",
        "Decide whether the new categories are real. If so, plan a retraining with them.",
    ),
    "stuck": AlertName(
        "FeatureStuck",
        "data_quality",
        "critical",
        "Feature stuck at one value",
        "Restart or bypass the data source that repeats its last value.",
    ),
    "performance": AlertName(
        "ModelPerformanceDegraded",
        "performance",
        "critical",
        "Model performs worse",
        "Rule out broken features first. Then roll back to the last good version or retrain.",
    ),
    "labels_late": AlertName(
        "LabelsLate",
        "freshness",
        "warning",
        "Labels late",
        "Check the job that publishes labels. Until they arrive, performance is not measured.",
    ),
    "prediction_drift": AlertName(
        "PredictionDrift",
        "prediction_drift",
        "warning",
        "Predictions drifted",
        "Compare with the features that drifted. Labels will show whether it hurts.",
    ),
    "drift": AlertName(
        "FeatureDrift",
        "feature_drift",
        "info",
        "Features drifted",
        "Nothing urgent: note which features moved, and watch performance.",
    ),
}
"""The name, severity and first action of the alert of each check."""

BROKEN: frozenset[Check] = frozenset(
    check for check, name in NAMES.items() if (name.kind, name.severity) == ("data_quality", "critical")
)
"""Checks for wrong data, not for unusual or absent data. They hold back drift alerts and retraining."""


def severity(check: Check, owner: Owner) -> Severity:
    """Return the severity of a check for its owner. An owner who asked for tickets is never paged.

    Args:
        check: The check.
        owner: The owner in the monitor.

    >>> severity("missing", Owner(team="ml")), severity("missing", Owner(team="ml", severity="ticket"))
    ('critical', 'warning')
    """
    own = NAMES[check].severity
    return "warning" if own == "critical" and owner.severity == "ticket" else own
