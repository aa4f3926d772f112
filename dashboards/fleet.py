"""All models at a glance: which alerts fire, which models are worst, and whether Watchkeeper works."""

from typing import get_args

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.parts import ANY_IS_BAD, ANY_IS_ODD, Panel, bars, firing, lines, number, page
from watchkeeper.schemas.tasks import Metric

LINK = "/d/watchkeeper-model?var-subject=${__field.labels.subject}"
"""Path of the dashboard of the model that a series belongs to."""
PERFORMANCE = "|".join(metric for metric in get_args(Metric) if metric != "bias")
"""A regular expression for the statistics of performance, without the bias, which may be negative."""


def fleet() -> Dashboard:
    """Return the dashboard."""
    return page(
        "watchkeeper-fleet",
        "Watchkeeper: fleet",
        "All models at a glance. Red alerts wake on-call. Click a name for its model or its runbook.",
        "sum by (alertname, severity, subject) (watchkeeper_alerts_firing) > 0",
        [],
        [("Now", _now()), ("Worst models", _worst()), ("Over time", _over_time())],
    )


def _now() -> list[Panel]:
    return [
        number(
            "Critical",
            "Alerts that wake on-call.",
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
            "Models and feature views with a closed window.",
            'count(count by (subject) (watchkeeper_statistic{statistic="rows"}))',
        ),
        number(
            "Events a second",
            "Events of all topics, with every outcome.",
            "sum(topic_outcome:watchkeeper_events:rate1m)",
            "ops",
        ),
        number(
            "Rejected",
            "Share of events that were rejected in the last ten minutes. See the topic `rejected`.",
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
            "Click an alert for its runbook, and a model for its dashboard.",
            "sum by (alertname, severity, subject) (watchkeeper_alerts_firing) > 0",
        ),
    ]


def _worst() -> list[Panel]:
    return [
        bars(
            "Drift",
            "The feature of each model that is furthest from its reference: PSI corrected for sample size.",
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
            "The performance metrics of the newest window of labels.",
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
            "Rejected: see the topic `rejected`. Late: the event came after its pane had closed.",
            ("sum by (outcome) (topic_outcome:watchkeeper_events:rate1m)", "{{outcome}}"),
            unit="ops",
        ),
        lines(
            "Alerts",
            "Firing alerts, by severity.",
            ("sum by (severity) (subject_severity:watchkeeper_alerts_firing:sum)", "{{severity}}"),
        ),
        lines(
            "Rows of the newest window",
            "Number of predictions of each model. StreamSilent fires when it falls to zero.",
            (
                'sum by (subject) (watchkeeper_statistic{statistic="rows", segment="", kind!="labels"})',
                "{{subject}}",
            ),
        ),
        lines(
            "Requests to retrain",
            "Requests since the workers started. RetrainingRepeated fires at more than two a week.",
            ("sum by (model) (watchkeeper_retraining_requests_total)", "{{model}}"),
        ),
    ]
