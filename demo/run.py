"""The demo from start to end: a stage, a model in service, a year of events, and the report."""

import contextlib
import time
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console

from watchkeeper.demo.guest import play
from watchkeeper.demo.interrupt import Interrupt
from watchkeeper.demo.live import Live
from watchkeeper.demo.report import Report
from watchkeeper.demo.stage import apply, demo_settings, own_topics, some_broker
from watchkeeper.demo.summary import make_report
from watchkeeper.demo.telling import tell
from watchkeeper.demo.workers import Workers
from watchkeeper.demo.world import make_world
from watchkeeper.demo.year import END, START, Year, at_ms
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.settings import Settings, read_settings
from watchkeeper.streams.topics.topics import topic_problems

__all__ = ["run"]

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
WATCH_SECONDS = 1.0
WIDE = 160


def run(
    broker: str | None = None,
    keep: bool = False,
    json_file: Path | None = None,
    until: date = END,
    workers: int = 1,
    join: bool = False,
    since: date = START,
) -> int:
    """Run the demo; 0 if the accounts balance and all faults were found and named, 1 if not.

    With `join` it only publishes, to the installation of the settings, and judges nothing.
    """
    if not START < until <= END:
        raise UserError(f"--until must be a day after {START} and at most {END}, not {until}")
    if not START <= since < until or (since > START and not join):
        raise UserError(
            f"--since goes with --join, and is a day from {START} on and before the end, not {since}"
        )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise UserError(
            f"--json {json_file}: there is no folder {json_file.absolute().parent}; make it first"
        )
    console, interrupt = _console(), Interrupt()
    try:
        if join:
            with interrupt.heard():
                return play(_joined(broker), console, since, until, interrupt.check)
        with contextlib.ExitStack() as stack:
            stack.enter_context(interrupt.heard())
            return _run(stack, console, broker, keep, json_file, until, workers, interrupt)
    except BrokerError as error:
        console.print(f"The demo can't go on: {error}", style="bold red", markup=False, soft_wrap=True)
        return EXIT_FAILED
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return EXIT_INTERRUPTED


def _run(
    stack: contextlib.ExitStack,
    console: Console,
    broker: str | None,
    keep: bool,
    json_file: Path | None,
    until: date,
    workers: int,
    interrupt: Interrupt,
) -> int:
    began = time.monotonic()
    settings = demo_settings(stack.enter_context(some_broker(broker)))
    stack.enter_context(own_topics(settings, keep=broker is None))
    crew = stack.enter_context(contextlib.closing(Workers(settings, workers)))
    console.print(f"Kafka answers at {settings.broker}; version 1 learns from January to March 2013 …")
    world = make_world(at_ms(START))
    interrupt.check()
    apply(settings, world.monitors.values(), world.references)
    crew.wait_until_ready(settings.partitions)
    live = Live(console, at_ms(START), at_ms(until))

    def check() -> None:
        interrupt.check()
        crew.check()

    year = stack.enter_context(contextlib.closing(Year(world, settings, live, check, until)))
    with live:
        year.run()
    report = make_report(year, world, crew, until, time.monotonic() - began)
    tell(report, console)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if keep:
        _stay(console, settings.broker, settings.topic_prefix, crew)
    return _exit_code(report)


def _joined(broker: str | None) -> Settings:
    settings = read_settings(broker=broker)
    reach(settings)
    if problems := topic_problems(settings):
        raise UserError(problems[0])
    return settings


def _console() -> Console:
    console = Console(highlight=False)
    # What goes to a file or another program is not broken into lines of a terminal's width.
    return console if console.is_terminal else Console(highlight=False, width=WIDE)


def _exit_code(report: Report) -> int:
    return EXIT_FAILED if report.problems() else 0


def _stay(console: Console, broker: str, prefix: str, crew: Workers) -> None:
    console.print(f"\nStill running, until Ctrl-C: Kafka at {broker}, topics under {prefix}; metrics at")
    for url in crew.metrics_urls:
        console.print(f"  {url}")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            crew.check()
            time.sleep(WATCH_SECONDS)
