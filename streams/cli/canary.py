"""`watchkeeper canary`: inject drift into a synthetic subject, and alert if it is not detected."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import msgspec
import typer
from pydantic import TypeAdapter, ValidationError

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor, Name, Positive
from watchkeeper.streams.canary.round import PANES_MIN, Plan, Result
from watchkeeper.streams.canary.subject import MODEL, MODEL_ONCE, monitor, reference
from watchkeeper.streams.cli.changes import DesiredState, plan
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.current import read_configuration, send_configuration
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix
from watchkeeper.streams.cli.worker import Alertmanagers
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings, read_settings
from watchkeeper.streams.topics.topics import topic_problems

__all__ = ["canary"]

EXIT_MISSED = 1
"""Exit code of `--once` if the drift was not detected in time."""
EXIT_INTERRUPTED = 130
"""Exit code of `--once` after Ctrl-C: 128 plus the number of SIGINT, as shells do."""
WEB_PORT = 6067
"""Default port of /metrics: the one after the default port of a worker."""
PANE_MS_MIN = 500
"""Shortest pane in milliseconds. Chosen by hand: shorter tests sooner and leaves fewer events for a pane."""
_span = TypeAdapter(Positive)
_name = TypeAdapter(Name)


def canary(
    once: Annotated[
        bool, typer.Option("--once", help="Run one round now.  Exit with code 0 if detected, 1 if missed.")
    ] = False,
    every: Annotated[str, typer.Option("--every", metavar="DURATION", help="Time between rounds.")] = "PT1H",
    within: Annotated[
        str,
        typer.Option(
            "--within",
            metavar="DURATION",
            help="Time limit for the alert to fire, and to resolve after the drift.",
        ),
    ] = "PT10M",
    pane: Annotated[
        str,
        typer.Option("--pane", metavar="DURATION", help="Window size.  Detection takes three windows."),
    ] = "PT1M",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help=f"Name of the synthetic model.  [default: {MODEL}; with --once {MODEL_ONCE}]",
        ),
    ] = None,
    team: Annotated[
        str | None,
        typer.Option(
            "--team",
            metavar="NAME",
            help="Label `team` of the alert CanaryMissed.  [default: the setting]",
        ),
    ] = None,
    alertmanager: Alertmanagers = None,
    web_port: Annotated[
        int, typer.Option("--web-port", metavar="PORT", help="Port of /metrics; 0 chooses a free port.")
    ] = WEB_PORT,
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Inject drift, and alert if it is not detected.

    The command tests the whole path from events to alerts. It applies a monitor for a synthetic model and
    continuously publishes a few events to every partition. In each round, it publishes drift until the alert
    appears on the topic `alerts` and, with --alertmanager, in Alertmanager.

    If the alert does not fire in time, or does not resolve after the drift, CanaryMissed fires until a later
    round is detected. Start workers first.

    \b
    Examples:
      watchkeeper canary --alertmanager http://am-1:9093 --alertmanager http://am-2:9093
      watchkeeper canary --once --json
      watchkeeper canary --once --pane PT5S --within PT2M
    """  # noqa: D301
    settings = read_settings(
        broker=broker,
        topic_prefix=topic_prefix,
        alertmanagers=tuple(alertmanager) if alertmanager else None,
        web_port=web_port,
    )
    name = model or (MODEL_ONCE if once else MODEL)
    _check_name("--model", name)
    _check_name("--team", team := team or settings.team)
    watched, times = _monitor_and_plan(name, every, within, pane)
    reach(settings)
    if problems := topic_problems(settings):
        raise UserError(problems[0])
    logging.basicConfig(
        stream=sys.stderr, level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    from watchkeeper.streams.canary.run import CanaryOptions, run_canary  # the web server is slow to import

    result = run_canary(
        settings,
        CanaryOptions(watched, times, team, once),
        lambda: _apply(settings, watched),
        lambda: _remove(settings, name),
        _printer(as_json),
    )
    if once:
        raise typer.Exit(_exit_code(result))


def _exit_code(result: Result | None) -> int:
    if result is None:
        return EXIT_INTERRUPTED
    return 0 if result.outcome == "detected" else EXIT_MISSED


def _monitor_and_plan(name: str, every: str, within: str, pane: str) -> tuple[Monitor, Plan]:
    """Return the monitor and the times of rounds. Raises UserError if the durations do not fit together."""
    pane_span = _duration("--pane", pane)
    times = Plan(
        milliseconds(pane_span),
        milliseconds(_duration("--every", every)),
        milliseconds(_duration("--within", within)),
    )
    if times.pane_ms < PANE_MS_MIN:
        raise UserError(f"--pane {pane} is too short; give at least PT0.5S")
    if times.within_ms <= PANES_MIN * times.pane_ms:
        raise UserError(
            f"--within {within} is too short: detection takes {PANES_MIN} windows of {pane}; give more"
        )
    if times.every_ms % times.pane_ms:
        raise UserError(
            f"--every {every} must be a multiple of --pane {pane}, so that rounds begin with a window"
        )
    if times.every_ms < times.round_ms + 2 * times.pane_ms:
        raise UserError(
            f"--every {every} is too short: a round can take {times.round_ms / 1000:g} seconds; give more"
        )
    return monitor(name, pane_span), times


def _duration(option: str, text: str) -> timedelta:
    try:
        return _span.validate_python(text)
    except ValidationError:
        raise UserError(f"{option} must be an ISO 8601 duration, like PT1M or PT1H, not {text!r}") from None


def _check_name(option: str, text: str) -> None:
    try:
        _name.validate_python(text)
    except ValidationError:
        raise UserError(f"{option} must contain only letters, digits and . _ -, not {text!r}") from None


def _apply(settings: Settings, watched: Monitor) -> None:
    wanted = DesiredState(watched, reference(watched, time.time_ns() // 1_000_000))
    send_configuration(settings, plan([wanted], [], read_configuration(settings))[1])


def _remove(settings: Settings, name: str) -> None:
    send_configuration(settings, plan([], [name], read_configuration(settings))[1])


def _printer(as_json: bool) -> Callable[[Result], None]:
    def print_result(result: Result) -> None:
        typer.echo(msgspec.json.encode(result) if as_json else _sentence(result))

    return print_result


def _sentence(result: Result) -> str:
    if result.outcome == "missed":
        return f"missed: {result.why}"
    return f"detected: the alert fired {result.detection_seconds:.1f} s after the drift began, and resolved"
