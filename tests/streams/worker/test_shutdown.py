"""A worker ends when it is told to, whatever it is doing; each case is a process of its own."""

import signal
import subprocess
import sys

import pytest

from watchkeeper.streams.worker.shutdown import EXIT_STOPPED, EXIT_UNRECOVERABLE

BEGIN = """
import asyncio, logging, sys, time
import numpy, uvloop  # numpy has threads that know nothing of our signals
from watchkeeper.streams.worker.shutdown import Shutdown, give_up, leave
logging.basicConfig(stream=sys.stderr, level="INFO")
shutdown = Shutdown(deadline_seconds=0.2)
shutdown.watch()
"""
LOOP = """
async def main():
    shutdown.listen()
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    shutdown.stop_by(lambda: loop.call_soon_threadsafe(asked.set))
    print("running", flush=True)
    {turn}
    await asked.wait()
    {stop}
uvloop.run(main())
"""
CASES = {
    "before the loop runs": ("print('running', flush=True)\ntime.sleep(600)", False),
    "in good order": (LOOP.format(turn="pass", stop="leave(0)"), False),
    "while a stop hangs": (LOOP.format(turn="pass", stop="await asyncio.sleep(600)"), True),
    "while the loop stands still": (LOOP.format(turn="time.sleep(600)", stop="leave(0)"), True),
}


def run(script: str, number: signal.Signals | None = None) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        if number is not None:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            process.send_signal(number)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, said


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(case: str, number: signal.Signals) -> None:
    script, is_late = CASES[case]
    code, said = run(script, number)
    assert (code, f"{number.name}: stopping" in said) == (EXIT_STOPPED, True), said
    assert ("Nothing is lost" in said) == is_late, said


def test_what_can_not_go_on_says_so_in_one_line() -> None:
    code, said = run("give_up('checkpoint %s is damaged', 'page/3')")
    assert code == EXIT_UNRECOVERABLE
    assert said.splitlines() == [
        "CRITICAL:watchkeeper.run:checkpoint page/3 is damaged; stopping before anything is acknowledged"
    ]


TAKEN = """
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.worker.run import run
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker.web import listen
taken = listen("127.0.0.1", 0)
try:
    run(Settings(broker="127.0.0.1:1", web_port=taken.getsockname()[1]))
except UserError as error:
    print(error, file=sys.stderr)
    leave(2)
"""


def test_a_port_that_is_taken_is_found_before_anything_is_asked_of_the_broker() -> None:
    code, said = run(TAKEN)
    assert (code, said.count("\n")) == (2, 1)
    assert "can't be listened on (Address already in use)" in said


WITHOUT_MEMORY = """
import resource

def use_up_memory():
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
    held, size = [], 1 << 24
    while size > 32:
        try:
            held.append(bytearray(size))
        except MemoryError:
            size //= 2
    raise MemoryError(held)  # Its frames keep the memory.
"""
DIES = {
    "the main thread": """
try:
    use_up_memory()
except MemoryError as error:
    give_up("a stage met an error: %s", type(error).__name__, exc_info=True)
""",
    "another thread": """
import threading
threading.Thread(target=use_up_memory).start()
time.sleep(600)
""",
}


@pytest.mark.parametrize("case", DIES)
def test_a_process_without_memory_ends_all_the_same(case: str) -> None:
    code, said = run(WITHOUT_MEMORY + DIES[case])
    assert code == EXIT_UNRECOVERABLE, said


NO_THREAD = """
import threading

def refuse(self):
    raise RuntimeError("can't start new thread")

def hang(self):
    time.sleep(600)

threading.Thread.start = {start}
give_up("no thread can be started")
"""


@pytest.mark.parametrize("start", ["refuse", "hang"])
def test_a_process_that_can_start_no_thread_says_why_and_ends(start: str) -> None:
    code, said = run(NO_THREAD.format(start=start))
    assert (code, "no thread can be started; stopping" in said) == (EXIT_UNRECOVERABLE, True), said


def test_a_log_that_nobody_reads_does_not_keep_a_process() -> None:
    full = """
import fcntl, os
fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) & ~os.O_NONBLOCK)
import threading
threading.Thread(target=lambda: os.write(2, b"x" * (4 << 20)), daemon=True).start()
time.sleep(1)
give_up("nobody reads")
"""
    with subprocess.Popen([sys.executable, "-c", BEGIN + full], stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(60) == EXIT_UNRECOVERABLE
        finally:
            process.kill()


UNSPOKEN = """
class Silent(logging.Handler):
    def emit(self, record):
        raise MemoryError

logging.getLogger("watchkeeper.run").addHandler(Silent())
give_up("it can not be logged")
"""


def test_a_process_that_can_not_log_ends() -> None:
    assert run(UNSPOKEN)[0] == EXIT_UNRECOVERABLE
