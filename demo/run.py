"""Runs the demo from start to end: environment, model, a year of events, and report."""

import contextlib
import time
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console

from watchkeeper.demo.environment import apply, demo_settings, own_topics, some_broker
from watchkeeper.demo.existing_installation import publish_only
from watchkeeper.demo.interrupt import Interrupt
from watchkeeper.demo.progress_display import ProgressDisplay
from watchkeeper.demo.report import Report
from watchkeeper.demo.report_builder import make_report
from watchkeeper.demo.report_printer import print_report
from watchkeeper.demo.scenario import make_scenario
from watchkeeper.demo.workers import Workers
from watchkeeper.demo.year import END, START, Year, at_ms
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.settings import Settings, read_settings
from watchkeeper.streams.topics.topics import topic_problems

__all__ = ["run"]

EXIT_FAILED = 1
"""Exit code when the report has a problem or the broker stops."""
EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of SIGINT, as shells do."""
CHECK_SECONDS = 1.0
"""Time in seconds between checks that the workers still run, with --keep. Chosen by hand."""
LINE_WIDTH = 160
"""Width in characters of output that does not go to a terminal. Chosen by hand: it fits the tables."""


def run(
    broker: str | None = None,
    keep: bool = False,
    json_file: Path | None = None,
    until: date = END,
    workers: int = 1,
    join: bool = False,
    since: date = START,
) -> int:
    """Run the demo and return its exit code.

    Args:
        broker: Address of a Kafka broker; None starts a broker in memory.
        keep: Keep everything running at the end.
        json_file: Also write the report to this file.
        until: The day before which to stop.
        workers: Number of worker processes.
        join: Only publish, to the installation of the settings, without a report.
        since: The first day to publish, with `join`.

    Returns:
        0 if the accounts balance and all faults were detected as expected, 1 if not, 130 after Ctrl-C.
    """
    if not START < until <= END:
        raise UserError(f"--until must be after {START} and at most {END}, not {until}")
    if not START <= since < until or (since > START and not join):
        raise UserError(
            f"--since requires --join and a day from {START} up to the day before --until, not {since}"
        )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise UserError(
            f"--json {json_file}: the folder {json_file.absolute().parent} does not exist; create it first"
        )
    console, interrupt = _console(), Interrupt()
    try:
        if join:
            with interrupt.handled():
                return publish_only(_existing_installation(broker), console, since, until, interrupt.check)
        with contextlib.ExitStack() as stack:
            stack.enter_context(interrupt.handled())
            return _run(stack, console, broker, keep, json_file, until, workers, interrupt)
    except BrokerError as error:
        console.print(f"The demo stopped: {error}", style="bold red", markup=False, soft_wrap=True)
        return EXIT_FAILED
    except KeyboardInterrupt:
        console.print("Stopped. Nothing is left running.")
        return EXIT_INTERRUPTED


def _run(
    stack: contextlib.ExitStack,
    console: Console,
    broker: str | None,
    keep: bool,
    json_file: Path | None,
    until: date,
    worker_count: int,
    interrupt: Interrupt,
) -> int:
    began = time.monotonic()
    settings = demo_settings(stack.enter_context(some_broker(broker)))
    stack.enter_context(own_topics(settings, keep=broker is None))
    workers = stack.enter_context(contextlib.closing(Workers(settings, worker_count)))
    console.print(f"Kafka runs at {settings.broker}. Version 1 trains on January to March 2013 …")
    scenario = make_scenario(at_ms(START))
    interrupt.check()
    apply(settings, scenario.monitors.values(), scenario.references)
    workers.wait_until_ready(settings.partitions)
    display = ProgressDisplay(console, at_ms(START), at_ms(until))

    def check() -> None:
        interrupt.check()
        workers.check()

    year = stack.enter_context(contextlib.closing(Year(scenario, settings, display, check, until)))
    with display:
        year.run()
    report = make_report(year, scenario, workers, until, time.monotonic() - began)
    print_report(report, console)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if keep:
        _keep_running(console, settings.broker, settings.topic_prefix, workers)
    return _exit_code(report)


def _existing_installation(broker: str | None) -> Settings:
    settings = read_settings(broker=broker)
    reach(settings)
    if problems := topic_problems(settings):
        raise UserError(problems[0])
    return settings


def _console() -> Console:
    console = Console(highlight=False)
    # Output to a file or program is not wrapped at the width of a terminal.
    return console if console.is_terminal else Console(highlight=False, width=LINE_WIDTH)


def _exit_code(report: Report) -> int:
    return EXIT_FAILED if report.problems() else 0


def _keep_running(console: Console, broker: str, prefix: str, workers: Workers) -> None:
    console.print(f"\nRunning until Ctrl-C. Kafka: {broker}. Topic prefix: {prefix} Metrics:")
    for url in workers.metrics_urls:
        console.print(f"  {url}")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            workers.check()
            time.sleep(CHECK_SECONDS)
