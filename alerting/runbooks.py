"""Where the runbook of an alert is."""

from watchkeeper.schemas.monitors import Monitor

OWN_RUNBOOKS = "docs/runbooks/"


def runbook_url(monitor: Monitor, alertname: str, base: str = OWN_RUNBOOKS) -> str:
    """Return the page for an alert: the owner's where the monitor names one, else the one shipped here.

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
    """Return the page for an alert on Watchkeeper itself.

    >>> runbook_url_of("CanaryMissed", "https://docs.example.com/runbooks/")
    'https://docs.example.com/runbooks/CanaryMissed.md'
    """
    return f"{base.rstrip('/')}/{alertname}.md"
