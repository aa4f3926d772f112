"""A small client of Alertmanager's v2 API.

Each alert is sent to every URL, as Alertmanager's documentation requires for a cluster. It has arrived when
one of them accepted it. While an alert fires, each request sets its end a little ahead: if the sender dies,
the alert ends instead of firing forever.
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
"""HTTP status codes below 500 after which a retry makes sense: timeout, and too many requests."""
CLOCKS_AGREE_SECONDS = 2.0
"""Two clocks that differ by at most this many seconds count as equal.

The header `Date` of an answer has whole seconds, and an answer takes some time to arrive.
"""
_REFUSAL_BYTES_MAX = 2000
"""Most bytes that are read of an error answer. Chosen by hand: more than the log line shows."""
_ANSWER_BYTES_MAX = 4 * 2**20
"""Most bytes that are read of a list of alerts. Chosen by hand, so that an answer can't fill our memory."""


class Credentials(NamedTuple):
    """How to log in. Secrets are read from files at each request, so that they can be renewed.

    >>> Credentials().headers()
    {}
    """

    username: str | None = None
    """The user, for basic authentication."""
    password_file: Path | None = None
    """Path of the file with that user's password."""
    bearer_file: Path | None = None
    """Path of the file with a bearer token, which is used instead of user and password."""

    def headers(self) -> dict[str, str]:
        """Return the HTTP headers of the login.

        Raises:
            OSError: if a file can't be read.
        """
        if self.bearer_file is not None:
            return {"Authorization": f"Bearer {self.bearer_file.read_text().strip()}"}
        if self.username is not None and self.password_file is not None:
            pair = f"{self.username}:{self.password_file.read_text().strip()}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {}


ANONYMOUS = Credentials()
"""No login."""


class AlertmanagerRefusal(NamedTuple):
    """Why an Alertmanager did not accept alerts."""

    recoverable: bool
    """Whether a retry may succeed."""
    message: str
    """One sentence with the URL and the reason."""


class Alertmanager:
    """All Alertmanagers of one cluster.

    Attributes:
        failures: Number of failed requests, by URL.
        ahead_seconds: How far the clock of the Alertmanager that answered last is ahead of ours, in seconds;
            None before the first answer.

    Args:
        urls: The URL of each Alertmanager, such as `http://alertmanager:9093`.
        credentials: The login, the same for all.
        timeout_seconds: The longest time for one request, in seconds.
        clock: Returns the time in seconds since 1970.

    >>> import asyncio
    >>> async def firing() -> object:
    ...     async with Alertmanager(["http://127.0.0.1:1"], timeout_seconds=1) as alertmanager:
    ...         return await alertmanager.firing({"alertname": "FeatureMissing"})
    >>> asyncio.run(firing()).recoverable
    True
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
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connect(self) -> aiohttp.ClientSession:
        plain = {"Accept-Encoding": "identity"}  # an answer that is not decompressed can't grow
        return aiohttp.ClientSession(timeout=self._timeout, headers=plain, auto_decompress=False)

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> AlertmanagerRefusal | None:
        """Send alerts to all Alertmanagers.

        Args:
            alerts: The alerts in the form of the v2 API; see `payload`.

        Returns:
            None if at least one accepted the alerts, else the reason.
        """
        self._session = self._session or self._connect()
        refusals = await asyncio.gather(*(self._post(self._session, url, alerts) for url in self._urls))
        if None in refusals:
            return None
        reasons = [refusal for refusal in refusals if refusal is not None]
        messages = "; ".join(refusal.message for refusal in reasons)
        return AlertmanagerRefusal(any(refusal.recoverable for refusal in reasons), messages)

    async def firing(self, labels: Mapping[str, str]) -> list[dict[str, str]] | AlertmanagerRefusal:
        """Return the labels of the alerts that fire at any Alertmanager of the cluster.

        Silenced and inhibited alerts are included.

        Args:
            labels: Labels that the alerts must have.

        Returns:
            The labels of each alert, or a refusal if no Alertmanager answers.
        """
        self._session = self._session or self._connect()
        answers = await asyncio.gather(*(self._firing(self._session, url, labels) for url in self._urls))
        lists = [answer for answer in answers if not isinstance(answer, AlertmanagerRefusal)]
        if lists:
            return [alert for found in lists for alert in found]
        return AlertmanagerRefusal(
            True, "; ".join(answer.message for answer in answers if isinstance(answer, AlertmanagerRefusal))
        )

    async def _firing(
        self, session: aiohttp.ClientSession, url: str, labels: Mapping[str, str]
    ) -> list[dict[str, str]] | AlertmanagerRefusal:
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
            return _unreachable(url, error)
        except (ValueError, TypeError, KeyError, RecursionError):
            return AlertmanagerRefusal(True, f"{url} did not answer with a list of alerts")

    async def _post(
        self, session: aiohttp.ClientSession, url: str, alerts: Sequence[Mapping[str, Any]]
    ) -> AlertmanagerRefusal | None:
        try:
            headers = self._credentials.headers()
            path = f"{url}/api/v2/alerts"
            # A login page at the end of a redirect would answer 200, and nobody would be paged.
            async with session.post(path, json=alerts, headers=headers, allow_redirects=False) as answer:
                taken = 200 <= answer.status < 300
                self._note_clock(answer.headers.get("Date"))
                refusal = None if taken else _refusal(url, answer, await _read(answer, _REFUSAL_BYTES_MAX))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            refusal = _unreachable(url, error)
        self._note(url, refusal)
        return refusal

    def _note_clock(self, date: str | None) -> None:
        """Note how far Alertmanager's clock is ahead of ours: its clock decides when an alert has ended."""
        with contextlib.suppress(ValueError, TypeError):
            ahead = parsedate_to_datetime(date or "").timestamp() - self._clock()
            self.ahead_seconds = ahead if abs(ahead) > CLOCKS_AGREE_SECONDS else 0.0

    def _note(self, url: str, refusal: AlertmanagerRefusal | None) -> None:
        """Count each failure. Log the first of consecutive failures, and the end."""
        if refusal is not None:
            self.failures[url] += 1
            if url not in self._failing:
                logger.warning("Alertmanager refused alerts: %s", refusal.message)
                self._failing.add(url)
        elif url in self._failing:
            logger.info("Alertmanager takes alerts again: %s", url)
            self._failing.discard(url)


def payload(notices: Iterable[Notice], now: datetime, expire: timedelta) -> list[dict[str, Any]]:
    """Return alerts in the form of the v2 API. Of several notices of one alert only the last counts.

    Args:
        notices: The notices, oldest first.
        now: The time of the clock.
        expire: How long a firing alert lasts if it is not sent again.
    """
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
    """Read at most `bytes_max` bytes of an answer as text, so that an answer can't fill our memory."""
    data = b""
    while len(data) < bytes_max and (part := await answer.content.read(bytes_max - len(data))):
        data += part
    return data.decode(errors="replace")


def _unreachable(url: str, error: Exception) -> AlertmanagerRefusal:
    why = " ".join(str(error).split()) or type(error).__name__
    return AlertmanagerRefusal(
        True, f"{url} could not be reached: {why[:500]}"
    )  # the error may contain the answer


def _refusal(url: str, answer: aiohttp.ClientResponse, text: str) -> AlertmanagerRefusal:
    status = answer.status
    if 300 <= status < 400:
        where = answer.headers.get("Location", "nowhere")[:200]
        return AlertmanagerRefusal(
            True, f"{url} answered {status} and redirects to {where}: configure that address itself"
        )
    recoverable = status >= 500 or status in _TRY_LATER
    return AlertmanagerRefusal(recoverable, f"{url} answered {status}: {text.strip()[:500]}")
