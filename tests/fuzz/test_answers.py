"""Any answer of Alertmanager's address: only 2xx is a success, reading is bounded, nothing raises."""

import asyncio
import gzip
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import broken_bytes
from watchkeeper.alerting.alertmanager import Alertmanager, AlertmanagerRefusal

SEEN: Counter[str] = Counter()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def _answer(status: int, headers: list[tuple[str, bytes]], body: bytes) -> bytes:
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body)) + lines + b"\r\n" + body


NAMES = ["Content-Type", "Content-Encoding", "Location", "Set-Cookie", "Retry-After", "Connection"]
CONTENTS = [
    b"text/html; charset=no-such", b"gzip", b"deflate", b"http://127.0.0.1:1/", b"://", b"a=\xff", b"close",
]  # fmt: skip
STATUSES = [301, 302, 307, 308, 400, 401, 404, 408, 422, 429, 500, 502, 503, 599]
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(str.encode)
header = st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(CONTENTS), printable))
bodies = st.one_of(
    st.binary(max_size=300), st.sampled_from([gzip.compress(bytes(10**6)), b"\xff\xfe", b"[" * 5000])
)
answers = st.one_of(
    st.builds(_answer, st.sampled_from(STATUSES), st.lists(header, max_size=3), bodies),
    st.builds(_answer, st.sampled_from([200, 202, 204]), st.lists(header, max_size=1), bodies),
    broken_bytes(OK),
)


async def _ask(answer: bytes | Callable[[asyncio.StreamWriter], None], listing: bool = False) -> object:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Alertmanager([f"http://127.0.0.1:{port}"], timeout_seconds=5) as alertmanager:
        return await (alertmanager.firing({"a": "b"}) if listing else alertmanager.post([]))


@settings(max_examples=60)
@given(answers, st.booleans())
def test_an_answer_is_taken_or_refused(answer: bytes, listing: bool) -> None:
    found = asyncio.run(_ask(answer, listing))
    SEEN[type(found).__name__] += 1
    if isinstance(found, AlertmanagerRefusal):
        assert 0 < len(found.message) < 1000
    elif not listing:
        assert found is None
        assert answer.split()[1][:1] == b"2"


def test_that_was_not_vacuous() -> None:
    if not SEEN:
        pytest.skip("the other tests of this file did not run")
    assert min(SEEN["NoneType"], SEEN["AlertmanagerRefusal"]) > 3, SEEN


def test_a_redirect_to_a_login_page_is_no_delivery() -> None:
    found = asyncio.run(_ask(_answer(302, [("Location", b"https://login.example/")], b"")))
    assert isinstance(found, AlertmanagerRefusal)
    assert found.recoverable
    assert "redirects to https://login.example/: configure that address itself" in found.message


@pytest.mark.parametrize("status", [200, 400, 503])
def test_an_answer_without_end_takes_no_memory(status: int) -> None:
    def without_end(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 1000000000\r\n\r\n" % status)
        for _ in range(64):
            writer.write(bytes(2**20))

    async def flood() -> object:
        tracemalloc.start()
        found = await _ask(without_end, listing=True)
        return found, tracemalloc.get_traced_memory()[1]

    found, peak = asyncio.run(flood())
    tracemalloc.stop()
    assert isinstance(found, AlertmanagerRefusal)
    assert peak < 100 * 2**20  # the server of the test takes 64 MiB of it


def test_an_answer_in_an_unknown_charset_is_read() -> None:
    answer = _answer(400, [("Content-Type", b"text/plain; charset=no-such")], b"bad \xff")
    found = asyncio.run(_ask(answer))
    assert isinstance(found, AlertmanagerRefusal)
    assert not found.recoverable
