"""All models at a glance: does anything fire, where is it worst, does the watch itself work."""

from typing import get_args

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.parts import ANY_IS_BAD, ANY_IS_ODD, Panel, bars, firing, lines, number, page
from watchkeeper.schemas.tasks import Metric

LINK = "/d/watchkeeper-model?var-subject=${__field.labels.subject}"
PERFORMANCE = "|".join(metric for metric in get_args(Metric) if metric != "bias")
"""A pattern of the metrics that are plotted: all but the bias."""


def fleet() -> Dashboard:
    """Return the dashboard."""
    return page(
        "watchkeeper-fleet",
        "Watchkeeper: fleet",
        "All models at a glance. Red wakes somebody; follow a name to its model or its runbook.",
        "sum by (alertname, severity, subject) (watchkeeper_alerts_firing) > 0",
        [],
        [("Now", _now()), ("Where it is worst", _worst()), ("Over time", _over_time())],
    )


def _now() -> list[Panel]:
    return [
        number(
            "Critical",
            "Alerts that wake somebody.",
            'sum(watchkeeper_alerts_firing{severity="critical"}) or vector(0)',
            steps=ANY_IS_BAD,
        ),
        number(
            "Warnings",
            "Alerts that are tickets.",
            'sum(watchkeeper_alerts_firing{severity="warning"}) or vector(0)',
            steps=ANY_IS_ODD,
        ),
        number(
            "Models and views",
            "Subjects with a closed window.",
            'count(count by (subject) (watchkeeper_statistic{statistic="rows"}))',
        ),
        number(
            "Events a second",
            "Accepted and not, of all topics.",
            "sum(topic_outcome:watchkeeper_events:rate1m)",
            "ops",
        ),
        number(
            "Rejected",
            "Share of the last ten minutes' events that can't be used; see the topic `rejected`.",
            'sum(rate(watchkeeper_events_total{outcome="rejected"}[10m])) '
            "/ sum(rate(watchkeeper_events_total[10m]))",
            "percentunit",
            [(None, "green"), (0.01, "orange"), (0.05, "red")],
        ),
        number(
            "Workers",
            "Workers that answer.",
            'sum(up{job="watchkeeper"})',
            steps=[(None, "red"), (1, "green")],
        ),
        firing(
            "What fires now",
            "Each alert has a runbook; each model its dashboard.",
            "sum by (alertname, severity, subject) (watchkeeper_alerts_firing) > 0",
        ),
    ]


def _worst() -> list[Panel]:
    return [
        bars(
            "Drift",
            "The feature of each model that is furthest from its reference: PSI beyond what chance does.",
            ("topk(10, max by (subject) (subject_version:watchkeeper_psi_excess:max))", "{{subject}}"),
            steps=[(None, "green"), (0.1, "orange"), (0.25, "red")],
            wide=8,
            link=LINK,
        ),
        bars(
            "Missing values",
            "The feature of each model that is missing most often.",
            ("topk(10, max by (subject) (subject_version:watchkeeper_missing_ratio:max))", "{{subject}}"),
            "percentunit",
            [(None, "green"), (0.05, "orange"), (0.2, "red")],
            wide=8,
            link=LINK,
        ),
        bars(
            "Performance",
            "What the newest window of labels says, by its owner's choice of metrics.",
            (
                f'watchkeeper_statistic{{kind="labels", segment="", statistic=~"{PERFORMANCE}"}}',
                "{{subject}} {{version}} {{statistic}}",
            ),
            wide=8,
            link=LINK,
        ),
    ]


def _over_time() -> list[Panel]:
    return [
        lines(
            "Events by outcome",
            "Rejected: see the topic `rejected`. Late: after their window had closed.",
            ("sum by (outcome) (topic_outcome:watchkeeper_events:rate1m)", "{{outcome}}"),
            unit="ops",
        ),
        lines(
            "Alerts",
            "Alerts that fire, by severity.",
            ("sum by (severity) (subject_severity:watchkeeper_alerts_firing:sum)", "{{severity}}"),
        ),
        lines(
            "Rows of the newest window",
            "What each model was asked; a fall to nothing is StreamSilent.",
            (
                'sum by (subject) (watchkeeper_statistic{statistic="rows", segment="", kind!="labels"})',
                "{{subject}}",
            ),
        ),
        lines(
            "Requests to retrain",
            "Since the workers began; RetrainingRepeated tells of more than two a week.",
            ("sum by (model) (watchkeeper_retraining_requests_total)", "{{model}}"),
        ),
    ]
