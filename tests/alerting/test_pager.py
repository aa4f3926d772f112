import json

from rich.console import Console

from tests.alerting.samples import alerts
from tests.alerting.windows import Session, bad, window
from watchkeeper.alerting.pager import heading, show


def shown(alert, as_json=False, width=100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        show(console, alert, as_json)
    return captured.get()


def test_a_page_says_what_broke_since_when_how_bad_and_what_to_do():
    text = shown(alerts()[0])
    assert "PAGE  ModelPerformanceDegraded  critical" in text
    for expected in (
        "AUROC is 0.61, 0.06 below the reference.",
        "2013-09-01 02:00 UTC (event time)",
        "auroc 0.61, threshold 0.2, p 1e-09",
        "Rule out broken features first",
        "docs/runbooks/ModelPerformanceDegraded.md",
        "team ops-ml",
        "model flight-delay, model_version 1",
    ):
        assert expected in text


def test_a_resolved_page_says_until_when_and_why():
    text = shown(alerts()[1])
    assert "RESOLVED  ModelPerformanceDegraded" in text
    assert "until 2013-09-01 04:00 UTC" in text
    assert "It was not detected again." in text
    assert "Do now" not in text


def test_what_the_data_says_is_printed_as_it_is():
    odd = "[bold]temp[/] is \N{DEGREE SIGN}C [/x]"
    (alert,) = Session().take(window(0, bad("unit_change", "temp", explanation=odd)))
    assert odd in shown(alert)


def test_on_a_narrow_terminal_nothing_is_cut():
    text = "".join(shown(alerts()[0], width=40).replace("│", "").split())
    assert "docs/runbooks/ModelPerformanceDegraded.md" in text
    assert "AUROCis0.61,0.06belowthereference." in text


def test_as_json_an_alert_is_one_line_however_wide():
    alert = alerts()[0]
    text = shown(alert, as_json=True, width=40)
    assert text.count("\n") == 1
    assert json.loads(text) == json.loads(alert.model_dump_json())


def test_only_what_wakes_somebody_is_called_a_page():
    session = Session()
    session.take(window(0, bad("drift", "x1"), bad("volume")))
    drift, volume = sorted(
        [
            *session.take(window(1, bad("drift", "x1"), bad("volume"))),
            *Session().take(window(0, bad("volume"))),
        ],
        key=heading,
    )[:2]
    assert heading(drift) == "NOTE  FeatureDrift  info"
    assert heading(volume) == "TICKET  VolumeChange  warning"
