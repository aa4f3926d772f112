"""Runs the code of an earlier commit, if the git history has it."""

import io
import os
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import msgspec
import pytest

from tests.upgrades import golden
from tests.upgrades.world import Memory

HERE = Path(__file__).parent
COMMITS = {golden.FORMAT_1: "14df77e", golden.FORMAT_2: "f91deb0"}
"""The commits that wrote the golden files, by folder."""
THEN_FIELDS = 5
"""Number of fields that a record had in the old code."""


def unpack(golden_folder: str, into: Path) -> Path:
    """Unpack the code that wrote golden files. Skip the test if the history lacks it."""
    commit = COMMITS[golden_folder]
    made = subprocess.run(
        ["git", "-C", HERE.parent.parent, "archive", commit], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"the history has no {commit}: {made.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as tar:
        tar.extractall(into, filter="data")
    return into


def go_on(golden_folder: str, memory: Memory, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let the old code continue from a broker. It writes its result to the file `told` in the folder."""
    old = unpack(golden_folder, folder / "old")
    logs = {name: [tuple(record)[:THEN_FIELDS] for record in log] for name, log in memory.logs.items()}
    broker = {"round": memory.round, "checkpoints": memory.checkpoints, "logs": logs}
    given = msgspec.msgpack.encode(broker | {"configuration": golden.configuration(golden_folder)})
    (folder / "broker.zz").write_bytes(zlib.compress(given))
    command = [sys.executable, HERE / "then" / "go_on.py", folder / "broker.zz", folder / "told"]
    environment = {**os.environ, "PYTHONPATH": str(old)}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
