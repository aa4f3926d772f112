"""What the demo prints, while it runs and at its end."""

from collections import Counter
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from tests.demo.making import alert, day
from watchkeeper.demo.faults import FAULTS
from watchkeeper.demo.follow import Followed
from watchkeeper.demo.progress_display import ProgressDisplay
from watchkeeper.demo.report import (
    Auroc,
    Report,
    ReportedRetraining,
    Span,
    count_events,
    find_faults,
    pages_of,
)
from watchkeeper.demo.report_printer import print_report

DAY_MS = 86_400_000
MAY_MS = round(datetime(2013, 5, 1, tzinfo=UTC).timestamp() * 1000)


def console() -> Console:
    return Console(file=StringIO(), width=160)


def written(target: Console) -> str:
    assert isinstance(target.file, StringIO)
    return target.file.getvalue()


def test_without_a_terminal_there_is_one_line_a_month() -> None:
    target = console()
    with ProgressDisplay(target, MAY_MS, MAY_MS + 90 * DAY_MS) as display:
        for at in range(60):
            display.show(MAY_MS + at * DAY_MS, 1234.0, Followed())
    lines = [line for line in written(target).splitlines() if line.strip()]
    assert lines == [f"2013-0{m}-01  1,234 events/s · 0 windows · 0 open alerts" for m in (5, 6)]


def test_a_page_is_printed_when_it_fires_and_when_it_is_resolved_and_not_between() -> None:
    target, followed = console(), Followed()
    fired = alert("FeatureMissing", day(6, 11), day(6, 12), feature="humid")
    worse = fired.model_copy(update={"updated_at": day(6, 13)})
    over = alert("FeatureMissing", day(6, 11), day(6, 15), status="resolved", feature="humid")
    ticket = alert("FeatureDrift", day(6, 1), day(6, 2), pages=False)
    with ProgressDisplay(target, MAY_MS, MAY_MS + DAY_MS) as display:
        for each in (fired, worse, ticket, over):
            followed.alerts.append(each)
            display.show(MAY_MS, 1.0, followed)
    printed = [line for line in written(target).splitlines() if "FeatureMissing" in line or "Drift" in line]
    assert printed == [
        "2013-06-12  PAGE FeatureMissing: FeatureMissing at length",
        "2013-06-15  RESOLVED FeatureMissing: FeatureMissing in short",
    ]


def whole_report() -> Report:
    events = count_events(Counter(labels=2), Counter({("labels", "accepted"): 2}))
    fired = alert("FeatureMissing", day(6, 11), day(6, 12), feature="humid")
    auroc = Auroc(0.7021, 0.7096, "1", "2", 5000, day(5, 5), day(12, 31))
    asked = ReportedRetraining(
        day(5, 2), ["It was bad.", "Twice."], "1", Span(day(1, 1), day(5, 2)), [], "2", 99, day(5, 5), auroc
    )
    return Report(
        events, find_faults(FAULTS[:1], [fired], day(7, 1)), pages_of([fired]), [asked], auroc, 3.0, 9.0, 2.0
    )


def test_the_whole_report_is_printed() -> None:
    target = console()
    print_report(whole_report(), target)
    text = written(target)
    for wanted in (
        "2 published = 2 folded + 0 rejected in 3 seconds, 9 per second.",
        "24 hours",
        "2013-06-12  FeatureMissing of flight-delay, humid; since 2013-06-11, still firing",
        "unexplained: no known cause",
        "docs/runbooks/FeatureMissing.md",
        "1 pages, 1 of them unexplained. In this period, the budgets",
        "allow 2 false pages.",
        "version 1 (in shadow) 0.702, version 2 0.710",
        "All accounts balance, and every fault was detected as expected.",
        "were chosen on this same year",
    ):
        assert wanted in text, wanted


def test_problems_are_printed_at_the_end() -> None:
    report, target = whole_report(), console()
    report.faults = find_faults(FAULTS[:1], [], day(7, 1))
    print_report(report, target)
    assert "The null burst of humid was not detected." in written(target)
    assert "All accounts balance" not in written(target)
