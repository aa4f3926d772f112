"""Prints the report at the end of the demo."""

from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from watchkeeper.demo.report import Auroc, FaultFound, Report, ReportedPage, ReportedRetraining

__all__ = ["print_report"]

INDENT = 4
"""Spaces before the details of a page or retraining."""
_STYLES = {"injected": "red", "real": "yellow", "unexplained": "bold magenta"}


def print_report(report: Report, console: Console) -> None:
    """Print the report."""
    _events(report, console)
    _faults(report, console)
    _pages(report, console)
    _retraining(report, console)
    _result(report, console)


def _events(report: Report, console: Console) -> None:
    console.rule("Events", align="left")
    table = _table("topic", "published", "accepted", "late", "duplicate", "rejected")
    for topic, t in report.events.topics.items():
        table.add_row(topic, *(f"{n:,}" for n in (t.published, t.accepted, t.late, t.duplicate, t.rejected)))
    console.print(table)
    events = report.events
    console.print(
        f"{events.published:,} published = {events.folded:,} folded + {events.rejected:,} rejected"
        if events.balance
        else "The accounts do not balance.",
        f"in {report.seconds:.0f} seconds, {report.events_per_second:,.0f} per second.",
    )


def _faults(report: Report, console: Console) -> None:
    console.rule("Injected faults", align="left")
    table = _table("fault", "began", "detected", "after", "alert")
    for fault in report.faults:
        table.add_row(f"{fault.feature}: {fault.story}", _day(fault.began), *_detection(fault))
    console.print(table if report.faults else "None before this day of the year.")


def _detection(fault: FaultFound) -> tuple[str, str, str]:
    if fault.found is None or fault.delay_hours is None:
        return "never", "", ""
    alert = f"{fault.alertname}" + ("" if fault.right else f" instead of {fault.expected}")
    return _day(fault.found), f"{fault.delay_hours:.0f} hours", alert


def _pages(report: Report, console: Console) -> None:
    console.rule("Pages", align="left")
    for page in report.pages:
        console.print(_heading(page))
        _indented(console, page.explanation)
        _indented(console, f"{page.cause}: {page.because or 'no known cause'}", _STYLES[page.cause])
        _indented(console, page.runbook_url, "dim")
    if not report.pages:
        console.print("None.")
    console.print(
        f"{len(report.pages)} pages, {report.unexplained} of them unexplained. In this period, the budgets "
        f"(`false_pages`) of all monitors allow {report.false_pages_at_most:.3g} false pages."
    )


def _heading(page: ReportedPage) -> Text:
    parts = (page.subject, page.version and f"version {page.version}", page.feature, page.segment)
    where = ", ".join(part for part in parts if part)
    end = f"resolved {_day(page.resolved)}" if page.resolved else "still firing"
    return Text(f"{_day(page.fired)}  {page.alertname} of {where}; since {_day(page.started)}, {end}", "bold")


def _retraining(report: Report, console: Console) -> None:
    console.rule("Retraining", align="left")
    for each in report.retraining:
        console.print(Text(f"{_day(each.requested)}  {each.reasons[0]}", "bold"))
        for reason in each.reasons[1:]:
            _indented(console, reason)
        _indented(console, _training(each))
        if each.auroc is not None:
            _indented(console, _comparison(each.auroc))
    if not report.retraining:
        console.print("None was requested.")


def _training(each: ReportedRetraining) -> str:
    without = f", without {len(each.excluded)} spans with faults" if each.excluded else ""
    span = f"{_day(each.data_window.start)} to {_day(each.data_window.end)}{without}"
    return (
        f"Version {each.trained} was trained on {each.trained_on:,} flights with known labels ({span}). "
        f"It is in service from {_day(each.answers_from)}."
    )


def _comparison(auroc: Auroc) -> str:
    return (
        f"AUROC on the same {auroc.flights:,} flights, {_day(auroc.start)} to {_day(auroc.end)}: "
        f"version {auroc.old} (in shadow) {auroc.before:.3f}, version {auroc.new} {auroc.after:.3f}."
    )


def _result(report: Report, console: Console) -> None:
    console.rule(align="left")
    problems = report.problems()
    for problem in problems:
        console.print(Text(problem, "bold red"))
    if not problems:
        faults = "every fault was detected as expected" if report.faults else "no fault was injected yet"
        console.print(Text(f"All accounts balance, and {faults}.", "bold green"))
    console.print(CHOSEN, style="dim")


CHOSEN = (
    "Some settings (length of the training data, tolerated log loss, size of the model) were chosen on this "
    "same year. The demo shows how monitoring works, not how well it performs on unseen years."
)


def _indented(console: Console, text: str, style: str = "") -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, INDENT), expand=False))


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="dim")


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d}"
