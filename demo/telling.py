"""The summary that the demo prints at its end."""

from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from watchkeeper.demo.report import Auroc, FaultFound, Report, ReportedPage, ReportedRetraining

__all__ = ["tell"]

INDENT = 4
_STYLES = {"injected": "red", "real": "yellow", "unexplained": "bold magenta"}


def tell(report: Report, console: Console) -> None:
    """Print the report."""
    _events(report, console)
    _faults(report, console)
    _pages(report, console)
    _retraining(report, console)
    _verdict(report, console)


def _events(report: Report, console: Console) -> None:
    console.rule("Events", align="left")
    table = _table("topic", "published", "accepted", "late", "repeated", "rejected")
    for topic, t in report.events.topics.items():
        table.add_row(topic, *(f"{n:,}" for n in (t.published, t.accepted, t.late, t.duplicate, t.rejected)))
    console.print(table)
    events = report.events
    console.print(
        f"{events.published:,} published = {events.folded:,} folded + {events.rejected:,} rejected"
        if events.balance
        else "The accounts do not balance.",
        f"in {report.seconds:.0f} seconds, {report.events_per_second:,.0f} a second.",
    )


def _faults(report: Report, console: Console) -> None:
    console.rule("Injected faults", align="left")
    table = _table("what was done", "began", "found", "after", "named")
    for fault in report.faults:
        table.add_row(f"{fault.feature}: {fault.story}", _day(fault.began), *_finding(fault))
    console.print(table if report.faults else "None so early in the year.")


def _finding(fault: FaultFound) -> tuple[str, str, str]:
    if fault.found is None or fault.delay_hours is None:
        return "never", "", ""
    named = f"{fault.alertname}" + ("" if fault.right else f" instead of {fault.expected}")
    return _day(fault.found), f"{fault.delay_hours:.0f} hours", named


def _pages(report: Report, console: Console) -> None:
    console.rule("Pages", align="left")
    for page in report.pages:
        console.print(_heading(page))
        _indented(console, page.explanation)
        _indented(console, f"{page.cause}: {page.because or 'no reason is known'}", _STYLES[page.cause])
        _indented(console, page.runbook_url, "dim")
    if not report.pages:
        console.print("None.")
    console.print(
        f"{len(report.pages)} pages, {report.unexplained} of them unexplained; in this time the budgets "
        f"(`false_pages`) of all monitors allow {report.false_pages_at_most:.3g} false ones."
    )


def _heading(page: ReportedPage) -> Text:
    parts = (page.subject, page.version and f"version {page.version}", page.feature, page.segment)
    where = ", ".join(part for part in parts if part)
    over = f"over {_day(page.resolved)}" if page.resolved else "still firing"
    return Text(f"{_day(page.told)}  {page.alertname} of {where}; since {_day(page.started)}, {over}", "bold")


def _retraining(report: Report, console: Console) -> None:
    console.rule("Retraining", align="left")
    for each in report.retraining:
        console.print(Text(f"{_day(each.requested)}  {each.reasons[0]}", "bold"))
        for reason in each.reasons[1:]:
            _indented(console, reason)
        _indented(console, _done(each))
        if each.auroc is not None:
            _indented(console, _compared(each.auroc))
    if not report.retraining:
        console.print("None was asked for.")


def _done(each: ReportedRetraining) -> str:
    out = f", without {len(each.excluded)} spans with faults" if each.excluded else ""
    span = f"{_day(each.data_window.start)} to {_day(each.data_window.end)}{out}"
    return (
        f"Version {each.trained} learned from {each.trained_on:,} flights known by then ({span}) "
        f"and answers from {_day(each.answers_from)} on."
    )


def _compared(auroc: Auroc) -> str:
    return (
        f"AUROC over the same {auroc.flights:,} flights, {_day(auroc.start)} to {_day(auroc.end)}: "
        f"version {auroc.old} (in shadow) {auroc.before:.3f}, version {auroc.new} {auroc.after:.3f}."
    )


def _verdict(report: Report, console: Console) -> None:
    console.rule(align="left")
    problems = report.problems()
    for problem in problems:
        console.print(Text(problem, "bold red"))
    if not problems:
        faults = "every fault was found and named" if report.faults else "no fault was injected so early"
        console.print(Text(f"All accounts balance, and {faults}.", "bold green"))
    console.print(CHOSEN, style="dim")


CHOSEN = (
    "The demo's settings (how long a past to learn from, what is too much log loss, the model's size) were "
    "chosen on this same year: it shows how the watch works, not how well it does on years not seen before."
)


def _indented(console: Console, text: str, style: str = "") -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, INDENT), expand=False))


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="dim")


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d}"
