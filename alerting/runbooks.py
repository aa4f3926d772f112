"""The address of an alert's runbook."""

from watchkeeper.schemas.monitors import Monitor

OWN_RUNBOOKS = "docs/runbooks/"
"""The folder of the runbooks that come with Watchkeeper."""


def runbook_url(monitor: Monitor, alertname: str, base: str = OWN_RUNBOOKS) -> str:
    """Return the address of the runbook: in the owner's folder if the monitor names one, else under `base`.

    Args:
        monitor: The monitor of the subject.
        alertname: The name of the alert.
        base: The folder for monitors that name none: a URL or a path.

    >>> from watchkeeper.schemas.monitors import Feature, Owner
    >>> features = {"temp": Feature(type="number")}
    >>> view = Monitor(feature_view="weather", owner=Owner(team="ml"), features=features)
    >>> runbook_url(view, "FeatureMissing")
    'docs/runbooks/FeatureMissing.md'
    """
    if monitor.runbooks is not None:
        return f"{str(monitor.runbooks).rstrip('/')}/{alertname}"
    return runbook_url_of(alertname, base)


def runbook_url_of(alertname: str, base: str = OWN_RUNBOOKS) -> str:
    """Return the address of the runbook of an alert about Watchkeeper itself.

    Args:
        alertname: The name of the alert.
        base: The folder of the runbooks: a URL or a path.

    >>> runbook_url_of("CanaryMissed", "https://docs.example.com/runbooks/")
    'https://docs.example.com/runbooks/CanaryMissed.md'
    """
    return f"{base.rstrip('/')}/{alertname}.md"
