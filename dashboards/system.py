"""Watchkeeper itself: does it keep up, does it save, does it deliver, what does it cost."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.parts import ANY_IS_BAD, ANY_IS_ODD, Panel, lines, number, page

BEHIND = [(None, "transparent"), (60, "orange"), (120, "red")]


def system() -> Dashboard:
    """Return the dashboard."""
    return page(
        "watchkeeper-system",
        "Watchkeeper: the system",
        "From above: is anything wrong, does it keep up, does it save and deliver, what does it cost.",
        'sum by (alertname, severity, subject) (watchkeeper_alerts_firing{severity="critical"}) > 0',
        [],
        [
            ("Now", _now()),
            ("Does it keep up?", _flow()),
            ("Does it save and deliver?", _delivery()),
            ("What does it cost?", _cost()),
        ],
    )


def _now() -> list[Panel]:
    return [
        number(
            "Workers",
            "WorkersAbsent, WorkerDown.",
            'sum(up{job="watchkeeper"})',
            steps=[(None, "red"), (1, "green")],
        ),
        number(
            "Waiting",
            "LagGrowing: records that wait, all stages.",
            "sum(stage_topic:watchkeeper_lag_records:sum)",
            steps=[(None, "green"), (100_000, "orange"), (1_000_000, "red")],
        ),
        number(
            "Oldest checkpoint",
            "CheckpointOld: how long ago the stage that is furthest behind has saved.",
            "max(stage:watchkeeper_checkpoint_age_seconds:max)",
            "s",
            [(None, "green"), (60, "orange"), (120, "red")],
        ),
        number(
            "Not delivered",
            "NotificationsFailing: deliveries that failed or were refused in five minutes.",
            'sum(increase(watchkeeper_notifications_total{outcome!="delivered"}[5m]))',
            steps=ANY_IS_BAD,
        ),
        number(
            "Canary",
            "CanaryMissed: 1 when its last drift was not seen.",
            "max(watchkeeper_canary_missed)",
            steps=ANY_IS_BAD,
        ),
        number(
            "Broken monitors",
            "ConfigurationIgnored: records that workers ignore.",
            "max(watchkeeper_config_ignored_records)",
            steps=ANY_IS_ODD,
        ),
    ]


def _flow() -> list[Panel]:
    return [
        lines(
            "Events by topic",
            "EventsRejected, TopicSilent.",
            ("topic_outcome:watchkeeper_events:rate1m", "{{topic}} {{outcome}}"),
            unit="ops",
        ),
        lines(
            "Waiting by stage",
            "LagGrowing.",
            ("stage_topic:watchkeeper_lag_records:sum", "{{stage}} {{topic}}"),
        ),
        lines(
            "Rejected, by reason",
            "EventsRejected; `watchkeeper rejected list` names the newest.",
            (
                "sum by (topic, reason) (rate(watchkeeper_rejected_total[$__rate_interval]))",
                "{{topic}} {{reason}}",
            ),
            unit="ops",
        ),
        lines(
            "Share rejected",
            "RejectedShareHigh: at half, a worker stops and pages.",
            ("max by (topic) (watchkeeper_rejected_ratio)", "{{topic}}, last events"),
            ("topic:watchkeeper_events_rejected:ratio_rate10m", "{{topic}}, ten minutes"),
            unit="percentunit",
            steps=[(None, "transparent"), (0.05, "orange"), (0.5, "red")],
        ),
        lines(
            "Labels by outcome",
            "Orphaned: no prediction has come. Evicted: forgotten for lack of room.",
            ("sum by (outcome) (rate(watchkeeper_labels_total[$__rate_interval]))", "{{outcome}}"),
            unit="ops",
        ),
        lines(
            "Event time",
            "How far behind now the events are that panes are closed up to; of old data, years.",
            ("time() - max by (kind) (watchkeeper_watermark_timestamp_seconds)", "{{kind}}"),
            unit="s",
        ),
        lines(
            "Last record",
            "PartitionSilent, TopicSilent: how long ago each input has brought anything.",
            (
                "time() - max by (stage, topic) (watchkeeper_last_row_timestamp_seconds)",
                "{{stage}} {{topic}}",
            ),
            unit="s",
        ),
        lines(
            "Time to fold a chunk",
            "99 of 100 chunks stay below.",
            (
                (
                    "histogram_quantile(0.99, sum by (stage, le) "
                    "(rate(watchkeeper_chunk_seconds_bucket[$__rate_interval])))"
                ),
                "{{stage}}",
            ),
            unit="s",
        ),
    ]


def _delivery() -> list[Panel]:
    return [
        lines(
            "Age of checkpoints",
            "CheckpointOld.",
            ("stage:watchkeeper_checkpoint_age_seconds:max", "{{stage}}"),
            unit="s",
            steps=BEHIND,
        ),
        lines(
            "Time to save",
            "99 of 100 checkpoints stay below.",
            (
                (
                    "histogram_quantile(0.99, sum by (stage, le) "
                    "(rate(watchkeeper_checkpoint_seconds_bucket[$__rate_interval])))"
                ),
                "{{stage}}",
            ),
            unit="s",
        ),
        lines(
            "Size of checkpoints",
            "All partitions of a stage.",
            ("sum by (stage) (watchkeeper_checkpoint_bytes)", "{{stage}}"),
            unit="bytes",
        ),
        lines(
            "Sent on",
            "What each stage has sent to the next.",
            (
                "sum by (stage, topic) (rate(watchkeeper_outputs_total[$__rate_interval]))",
                "{{stage}} {{topic}}",
            ),
            unit="ops",
        ),
        lines(
            "Deliveries of alerts",
            "NotificationsFailing.",
            (
                "sum by (receiver, outcome) (rate(watchkeeper_notifications_total[$__rate_interval]))",
                "{{receiver}} {{outcome}}",
            ),
            unit="ops",
        ),
        lines(
            "Alertmanager's own deliveries",
            "To PagerDuty, Slack, webhooks, mail; failed ones drawn apart.",
            (
                "sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval]))",
                "{{integration}}",
            ),
            (
                "sum by (integration) (rate(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
                "{{integration}} failed",
            ),
            unit="ops",
        ),
        lines(
            "Alerts begun and ended",
            "By alert.",
            ("sum by (alertname, status) (watchkeeper_alerts_total)", "{{alertname}} {{status}}"),
        ),
        lines(
            "Rounds of the canary",
            "CanaryStalled, CanaryMissed.",
            ("sum by (outcome) (watchkeeper_canary_rounds_total)", "{{outcome}}"),
        ),
    ]


def _cost() -> list[Panel]:
    return [
        lines(
            "Processor",
            "1 is a whole core; a worker uses no more.",
            ('rate(process_cpu_seconds_total{job=~"watchkeeper.*"}[$__rate_interval])', "{{instance}}"),
            unit="percentunit",
            steps=[(None, "transparent"), (0.9, "orange")],
            wide=8,
        ),
        lines(
            "Memory",
            "Of each process.",
            ('process_resident_memory_bytes{job=~"watchkeeper.*"}', "{{instance}}"),
            unit="bytes",
            wide=8,
        ),
        lines(
            "Series",
            "SeriesLimitReached: statistics on show, and what `watchkeeper doctor` says is the most.",
            ("count by (instance) (watchkeeper_statistic)", "{{instance}}"),
            ('sum by (instance) (scrape_samples_scraped{job="watchkeeper"})', "{{instance}} all"),
            wide=8,
        ),
        lines(
            "Series left out",
            "SeriesLimitReached.",
            ("sum by (instance) (increase(watchkeeper_statistic_series_dropped_total[10m]))", "{{instance}}"),
            wide=8,
        ),
        lines(
            "Starts",
            "WorkerRestarting: in an hour.",
            ('changes(process_start_time_seconds{job="watchkeeper"}[1h])', "{{instance}}"),
            wide=8,
        ),
        lines(
            "What runs",
            "Versions of Watchkeeper; two of them: an upgrade is under way.",
            ("count by (version, python) (watchkeeper_build_info)", "{{version}} on Python {{python}}"),
            wide=8,
        ),
    ]
