"""What each check is called when it fires, how loud it is, and what to do first.

What pages is what is broken or what hurts. That a distribution moved, that traffic changed, that labels are
late is worth a ticket; nobody is woken for it.
"""

from typing import Literal, NamedTuple

from watchkeeper.schemas.alerts import Severity
from watchkeeper.schemas.findings import Check
from watchkeeper.schemas.monitors import Owner

AlertKind = Literal[
    "data_quality", "freshness", "traffic", "performance", "prediction_drift", "feature_drift"
]


class Name(NamedTuple):
    """How one check is presented."""

    alertname: str
    kind: AlertKind
    severity: Severity
    title: str
    action: str
    """What to do first, in one sentence; the runbook says the rest."""


NAMES: dict[Check, Name] = {
    "silent": Name(
        "StreamSilent",
        "freshness",
        "critical",
        "No events",
        "Check that the service runs and can reach Kafka; the model may be down, not only unwatched.",
    ),
    "volume": Name(
        "VolumeChange",
        "traffic",
        "warning",
        "Traffic changed",
        "Ask the callers whether traffic was moved, doubled or dropped on purpose.",
    ),
    "latency": Name(
        "LatencyHigh",
        "traffic",
        "warning",
        "Serving is slow",
        "Look at the serving hosts and at what was deployed just before.",
    ),
    "duplicates": Name(
        "DuplicateEvents",
        "data_quality",
        "critical",
        "Events published twice",
        "Find the publisher that retries or replays; whatever counts its events now counts too many.",
    ),
    "unit_change": Name(
        "FeatureUnitChange",
        "data_quality",
        "critical",
        "Feature in another unit",
        "Find the upstream change of unit and undo it, or convert at the edge; do not retrain.",
    ),
    "category_renamed": Name(
        "FeatureCategoryRenamed",
        "data_quality",
        "critical",
        "Category renamed",
        "Map the new name back to the one the model knows; do not retrain before that.",
    ),
    "missing": Name(
        "FeatureMissing",
        "data_quality",
        "critical",
        "Feature values missing",
        "Find the source that stopped filling the feature; fall back to the model's default meanwhile.",
    ),
    "wrong_type": Name(
        "FeatureWrongType",
        "data_quality",
        "critical",
        "Feature of the wrong type",
        "Find the publisher that changed the feature's type and roll it back.",
    ),
    "out_of_range": Name(
        "FeatureOutOfRange",
        "data_quality",
        "critical",
        "Feature out of its range",
        "Look at the values: a sentinel such as -999, an overflow, or a range stated too narrowly.",
    ),
    "unseen_category": Name(
        "FeatureUnseenCategory",
        "data_quality",
        "warning",
        "Categories never seen before",
        "Decide whether the new categories are real; if so, plan a retraining with them.",
    ),
    "stuck": Name(
        "FeatureStuck",
        "data_quality",
        "critical",
        "Feature stuck at one value",
        "Restart or bypass the source that repeats its last value.",
    ),
    "performance": Name(
        "ModelPerformanceDegraded",
        "performance",
        "critical",
        "Model performs worse",
        "Rule out broken features first; then roll back to the last good version or retrain.",
    ),
    "labels_late": Name(
        "LabelsLate",
        "freshness",
        "warning",
        "Labels late",
        "Check the job that publishes labels; until they come, performance is not measured.",
    ),
    "prediction_drift": Name(
        "PredictionDrift",
        "prediction_drift",
        "warning",
        "Predictions drifted",
        "Compare with the features that drifted, and wait for labels to say whether it hurts.",
    ),
    "drift": Name(
        "FeatureDrift",
        "feature_drift",
        "info",
        "Features drifted",
        "Nothing at once: note which features moved and watch performance.",
    ),
}

# Faults that make data wrong, as against data that is unusual or absent. They hold back drift and retraining.
BROKEN: frozenset[Check] = frozenset(
    check for check, name in NAMES.items() if (name.kind, name.severity) == ("data_quality", "critical")
)


def severity(check: Check, owner: Owner) -> Severity:
    """Say how loud a check is for its owner; whoever asked for tickets is never paged.

    >>> severity("missing", Owner(team="ml")), severity("missing", Owner(team="ml", severity="ticket"))
    ('critical', 'warning')
    """
    own = NAMES[check].severity
    return "warning" if own == "critical" and owner.severity == "ticket" else own
