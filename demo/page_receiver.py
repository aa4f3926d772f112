"""Prints the pages that it receives. Replaces PagerDuty, Slack and webhooks in the stack of `compose/`.

`python -m watchkeeper.demo.page_receiver` listens on port 8090. `/received` returns the last messages as
JSON. The runbooks are at `/docs/runbooks/`, so the links in pages work.
"""

import argparse
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from aiohttp import web

__all__ = ["ReceivedPage", "page_receiver"]

Way = Literal["webhook", "pagerduty", "slack", "heartbeat"]
WAYS: tuple[Way, ...] = ("webhook", "pagerduty", "slack", "heartbeat")
KEPT = 1000
"""Messages that `/received` returns at most. Chosen by hand: enough for a demo, and bounds the memory."""
BODY_BYTES_MAX = 4 * 2**20
"""Largest request body in bytes. Chosen by hand: far above one group of alerts, and bounds the memory."""
_STATUS: dict[Way, int] = {"webhook": 200, "pagerduty": 202, "slack": 200, "heartbeat": 200}


class ReceivedPage(NamedTuple):
    """One received message. `way` is the path that received it, `body` the parsed JSON."""

    way: Way
    body: dict[str, Any]


def page_receiver(
    pages: deque[ReceivedPage], runbooks: Path | None = None, quiet: bool = False
) -> web.Application:
    """Build the web application.

    Args:
        pages: Received messages are appended to it.
        runbooks: The folder of runbooks to serve; None serves none.
        quiet: Do not print messages.
    """
    app = web.Application(client_max_size=BODY_BYTES_MAX)

    def handler(way: Way) -> Any:
        async def receive(request: web.Request) -> web.Response:
            page = ReceivedPage(way, await request.json())
            pages.append(page)
            if not quiet:
                for line in lines(page):
                    print(line, flush=True)  # noqa: T201 - printing is its purpose
            return web.Response(status=_STATUS[way], text="ok")

        return receive

    async def received(_: web.Request) -> web.Response:
        return web.json_response([page._asdict() for page in pages])

    for way in WAYS:
        app.router.add_post(f"/{way}", handler(way))
    app.router.add_get("/received", received)
    if runbooks is not None:
        app.router.add_static("/docs/runbooks", runbooks, show_index=True)
    return app


def lines(page: ReceivedPage) -> Iterator[str]:
    """Describe a message in lines.

    >>> alert = {"status": "firing", "annotations": {"summary": "Silent", "runbook_url": "http://r/Silent"}}
    >>> list(lines(ReceivedPage("webhook", {"alerts": [alert]})))
    ['webhook firing: Silent  http://r/Silent']
    >>> list(lines(ReceivedPage("pagerduty", {"event_action": "trigger", "payload": {"summary": "Silent"}})))
    ['pagerduty trigger: Silent']
    """
    if page.way == "webhook":
        for alert in page.body.get("alerts", []):
            texts = alert["annotations"]
            runbook = texts.get("runbook_url", "")
            yield f"webhook {alert['status']}: {texts.get('summary')}  {runbook}".rstrip()
    elif page.way == "pagerduty":
        summary = page.body.get("payload", {}).get("summary", page.body.get("dedup_key", ""))
        yield f"pagerduty {page.body.get('event_action')}: {summary}"
    elif page.way == "slack":
        yield from (f"slack: {each.get('title')}" for each in page.body.get("attachments", []))


def main() -> None:
    """Listen until stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--runbooks", type=Path, default=Path("docs/runbooks"))
    given = parser.parse_args()
    app = page_receiver(deque(maxlen=KEPT), given.runbooks)
    print(f"waiting for pages at http://{given.host}:{given.port}", flush=True)  # noqa: T201
    web.run_app(app, host=given.host, port=given.port, print=lambda *_: None)


if __name__ == "__main__":
    main()
