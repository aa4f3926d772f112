"""A small client of Alertmanager's v2 API.

An alert is sent to every URL given, as Alertmanager's own documentation asks for a cluster; it has arrived
when one of them took it. While it fires, its end is set a little ahead each time: should the sender die, the
alert ends by itself instead of firing for ever.
"""

import asyncio
import base64
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiohttp

from watchkeeper.schemas.alerts import Notice

logger = logging.getLogger(__name__)

_TRY_LATER = {408, 429}
CLOCKS_AGREE_SECONDS = 2.0
"""The time of an answer is told in whole seconds."""
_REFUSAL_BYTES_MAX = 2000
_ANSWER_BYTES_MAX = 4 * 2**20


class Credentials(NamedTuple):
    """How to log in. Secrets are read from files at each request, so that they can be renewed."""

    username: str | None = None
    password_file: Path | None = None
    bearer_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """Return the header to send."""
        if self.bearer_file is not None:
            return {"Authorization": f"Bearer {self.bearer_file.read_text().strip()}"}
        if self.username is not None and self.password_file is not None:
            pair = f"{self.username}:{self.password_file.read_text().strip()}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {}


ANONYMOUS = Credentials()


class Refusal(NamedTuple):
    """Why an Alertmanager did not take alerts, and whether trying again is sane."""

    recoverable: bool
    message: str


class Alertmanager:
    """All Alertmanagers of one cluster.

    `failures` counts the requests that failed, for each URL; `ahead_seconds` is how far the clock of the one
    that answered last is ahead of ours, None before any has.
    """

    def __init__(
        self,
        urls: Sequence[str],
        credentials: Credentials = ANONYMOUS,
        timeout_seconds: float = 10,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.ahead_seconds: float | None = None
        self._clock = clock
        self._urls = [url.rstrip("/") for url in urls]
        self._credentials = credentials
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._failing: set[str] = set()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connect(self) -> aiohttp.ClientSession:
        plain = {"Accept-Encoding": "identity"}  # what is not decompressed can't grow
        return aiohttp.ClientSession(timeout=self._timeout, headers=plain, auto_decompress=False)

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> Refusal | None:
        """Send to all; return None if at least one took the alerts, else why not."""
        self._session = self._session or self._connect()
        refusals = await asyncio.gather(*(self._post(self._session, url, alerts) for url in self._urls))
        if None in refusals:
            return None
        reasons = [refusal for refusal in refusals if refusal is not None]
        messages = "; ".join(refusal.message for refusal in reasons)
        return Refusal(any(refusal.recoverable for refusal in reasons), messages)

    async def firing(self, labels: Mapping[str, str]) -> list[dict[str, str]] | Refusal:
        """Return the labels of the alerts that fire at any of the cluster and have these among their labels.

        Those that are silenced or inhibited are among them. Refusal where none answers.
        """
        self._session = self._session or self._connect()
        answers = await asyncio.gather(*(self._firing(self._session, url, labels) for url in self._urls))
        lists = [answer for answer in answers if not isinstance(answer, Refusal)]
        if lists:
            return [alert for found in lists for alert in found]
        return Refusal(True, "; ".join(answer.message for answer in answers if isinstance(answer, Refusal)))

    async def _firing(
        self, session: aiohttp.ClientSession, url: str, labels: Mapping[str, str]
    ) -> list[dict[str, str]] | Refusal:
        wanted = [("filter", f'{name}="{value}"') for name, value in labels.items()]
        try:
            headers = self._credentials.headers()
            path = f"{url}/api/v2/alerts"
            async with session.get(path, params=wanted, headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    return _refusal(url, answer, await _read(answer, _REFUSAL_BYTES_MAX))
                found = json.loads(await _read(answer, _ANSWER_BYTES_MAX))
                return [dict(alert["labels"]) for alert in found]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _unasked(url, error)
        except (ValueError, TypeError, KeyError, RecursionError):
            return Refusal(True, f"{url} answered with something that is no list of alerts")

    async def _post(
        self, session: aiohttp.ClientSession, url: str, alerts: Sequence[Mapping[str, Any]]
    ) -> Refusal | None:
        try:
            headers = self._credentials.headers()
            path = f"{url}/api/v2/alerts"
            # A login page at the end of a redirect would answer 200, and nobody would be paged.
            async with session.post(path, json=alerts, headers=headers, allow_redirects=False) as answer:
                taken = 200 <= answer.status < 300
                self._note_clock(answer.headers.get("Date"))
                refusal = None if taken else _refusal(url, answer, await _read(answer, _REFUSAL_BYTES_MAX))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            refusal = _unasked(url, error)
        self._note(url, refusal)
        return refusal

    def _note_clock(self, date: str | None) -> None:
        """Note how far Alertmanager's clock is ahead of ours: it alone decides what has ended."""
        with contextlib.suppress(ValueError, TypeError):
            ahead = parsedate_to_datetime(date or "").timestamp() - self._clock()
            self.ahead_seconds = ahead if abs(ahead) > CLOCKS_AGREE_SECONDS else 0.0

    def _note(self, url: str, refusal: Refusal | None) -> None:
        """Count each failure; say it once, until it is over."""
        if refusal is not None:
            self.failures[url] += 1
            if url not in self._failing:
                logger.warning("Alertmanager refused alerts: %s", refusal.message)
                self._failing.add(url)
        elif url in self._failing:
            logger.info("Alertmanager takes alerts again: %s", url)
            self._failing.discard(url)


def payload(notices: Iterable[Notice], now: datetime, expire: timedelta) -> list[dict[str, Any]]:
    """Return what is posted; of several notices of one alert only the last counts."""
    newest = {notice.alert.fingerprint: notice for notice in notices}
    return [_payload(notice, now, expire) for notice in newest.values()]


def _payload(notice: Notice, now: datetime, expire: timedelta) -> dict[str, Any]:
    alert = notice.alert
    ends_at = notice.resolved_at or max(now, notice.fired_at) + expire
    times = {"began": _text(alert.started_at), "ended": _text(alert.ended_at) if alert.ended_at else ""}
    body = {
        "labels": alert.labels,
        "annotations": alert.annotations | {name: value for name, value in times.items() if value},
        "startsAt": _text(notice.fired_at),
        "endsAt": _text(max(ends_at, notice.fired_at)),
    }
    dashboard = alert.annotations.get("dashboard_url")
    return body | ({"generatorURL": dashboard} if dashboard else {})


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


async def _read(answer: aiohttp.ClientResponse, bytes_max: int) -> str:
    """Read an answer as text, and no more of it than a bound: whoever answers must not fill our memory."""
    data = b""
    while len(data) < bytes_max and (part := await answer.content.read(bytes_max - len(data))):
        data += part
    return data.decode(errors="replace")


def _unasked(url: str, error: Exception) -> Refusal:
    why = " ".join(str(error).split()) or type(error).__name__
    return Refusal(True, f"{url} could not be asked: {why[:500]}")  # it may hold what was answered


def _refusal(url: str, answer: aiohttp.ClientResponse, text: str) -> Refusal:
    status = answer.status
    if 300 <= status < 400:
        where = answer.headers.get("Location", "nowhere")[:200]
        return Refusal(True, f"{url} answered {status} and leads to {where}: give the address itself")
    recoverable = status >= 500 or status in _TRY_LATER
    return Refusal(recoverable, f"{url} answered {status}: {text.strip()[:500]}")
