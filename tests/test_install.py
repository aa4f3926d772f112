"""The wheels work beside a project with folders of the same names."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from watchkeeper.streams.kafka.embedded import EmbeddedBroker, free_port

ROOT = Path(__file__).parent.parent
SHADOWS = ("schemas", "streams", "detectors", "alerting", "client", "demo", "tests")
"""Folders of the project. Each is a package that fails on import."""
READY_SECONDS = 90
SENTINEL = """
import random
from watchkeeper import Sentinel
chance = random.Random(1)
sentinel = Sentinel.fit({"amount": [chance.gauss(50, 10) for _ in range(1000)]})
assert sentinel.update({"amount": [chance.gauss(80, 10) for _ in range(200)]})
print(Sentinel.__module__)
"""
CLIENT = """
import watchkeeper_client
publisher = watchkeeper_client.Publisher("127.0.0.1:1")
print(watchkeeper_client.__file__)
"""


class Installed(NamedTuple):
    """A virtual environment with both wheels, and a project in whose folder it is used."""

    python: Path
    site: Path
    project: Path
    environment: dict[str, str]

    @property
    def watchkeeper(self) -> Path:
        return self.python.with_name("watchkeeper")

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *command: str | Path, log: Path, **settings: str) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                command, cwd=self.project, env=self.environment | settings, stdout=output, stderr=output
            )


def built(source: Path, folder: Path) -> Path:
    """Build a wheel with the installed packages. Nothing is downloaded or written beside the source."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return {
        "watchkeeper": built(ROOT, folder / "root"),
        "watchkeeper_client": built(ROOT / "client", folder / "client"),
    }


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(_said(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run(
        [*pip, "--no-index", "--disable-pip-version-check", *map(str, wheels.values())], check=True
    )
    _lend_dependencies(site, folder / "dependencies")
    project = folder / "project"
    for name in SHADOWS:
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").write_text(f'raise ImportError("{name} of the project")\n')
    ours = ("WATCHKEEPER_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # The project comes first on the path, as with `python -m` and the start script of a service.
    return Installed(python, site, project, environment | {"PYTHONPATH": str(project)})


def _said(python: Path, program: str) -> str:
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def _lend_dependencies(site: Path, links: Path) -> None:
    """Link the installed packages except Watchkeeper, and add the links to the path."""
    here = Path(_said(Path(sys.executable), "import sysconfig; print(sysconfig.get_path('purelib'))"))
    links.mkdir()
    for entry in here.iterdir():
        own = "watchkeeper" in entry.name.lower() or entry.suffix == ".pth" or entry.name == "__pycache__"
        if not own:
            (links / entry.name).symlink_to(entry)
    (site / "dependencies.pth").write_text(f"{links}\n")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with EmbeddedBroker() as running:
        yield running.address


@pytest.mark.parametrize("name", ["watchkeeper", "watchkeeper_client"])
def test_a_wheel_puts_one_package_at_the_top(wheels: dict[str, Path], name: str) -> None:
    with zipfile.ZipFile(wheels[name]) as wheel:
        names = wheel.namelist()
    top = {each.split("/")[0] for each in names}
    assert {each for each in top if not each.endswith(".dist-info")} == {name}
    assert name != "watchkeeper_client" or f"{name}/py.typed" in names
    assert not [each for each in names if each.endswith((".pyc", ".so")) or "/tests/" in each]


def test_the_wheel_holds_every_module_once(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels["watchkeeper"]) as wheel:
        names = [each for each in wheel.namelist() if each.endswith(".py")]
    assert len(names) == len(set(names)) > 250
    for folder in ("schemas", "streams", "detectors", "alerting", "demo"):
        expected = {f"watchkeeper/{each.relative_to(ROOT)}" for each in (ROOT / folder).rglob("*.py")}
        assert {each for each in names if each.startswith(f"watchkeeper/{folder}/")} == expected


def test_site_packages_gets_nothing_else(installed: Installed) -> None:
    found = {each.name for each in installed.site.iterdir() if not each.name.endswith(".dist-info")}
    assert found == {"watchkeeper", "watchkeeper_client", "dependencies.pth"}


def test_the_project_does_shadow_what_is_at_the_top(installed: Installed) -> None:
    for name in SHADOWS:
        program = f"import {name}"
        done = subprocess.run(
            [installed.python, "-c", program], cwd=installed.project, env=installed.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert f"{name} of the project" in done.stderr


def test_the_program_starts(installed: Installed) -> None:
    assert "worker" in installed.run(installed.watchkeeper, "--help")
    assert "--until" in installed.run(installed.watchkeeper, "demo", "--help")


def test_a_sentinel_finds_a_change(installed: Installed) -> None:
    assert installed.run(installed.python, "-c", SENTINEL).startswith("watchkeeper.detectors.")


def test_the_client_publishes(installed: Installed) -> None:
    assert str(installed.site) in installed.run(installed.python, "-c", CLIENT)


def test_the_client_needs_nothing_of_watchkeeper(installed: Installed) -> None:
    program = (
        "import sys, watchkeeper_client; print([n for n in sys.modules if n.split('.')[0] == 'watchkeeper'])"
    )
    assert installed.run(installed.python, "-c", program).strip() == "[]"


def test_a_worker_becomes_ready_and_ends(installed: Installed, broker: str, tmp_path: Path) -> None:
    port = free_port()
    own = f"installed-{port}"
    settings = {
        "WATCHKEEPER_BROKER": broker, "WATCHKEEPER_WEB_PORT": str(port),
        "WATCHKEEPER_APPLICATION": own, "WATCHKEEPER_TOPIC_PREFIX": f"{own}.",
    }  # fmt: skip
    installed._replace(environment=installed.environment | settings).run(
        installed.watchkeeper, "topics", "create"
    )
    log = tmp_path / "worker.log"
    worker = installed.start(installed.watchkeeper, "worker", log=log, **settings)
    try:
        _wait_until_ready(worker, port, log)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, log.read_text()[-3000:]
    finally:
        worker.kill()
        worker.wait()


def _wait_until_ready(worker: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert worker.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)


def test_the_demo_starts(installed: Installed, tmp_path: Path) -> None:
    """Its broker answers, its tables are read and its model trains. Then the test interrupts it."""
    log = tmp_path / "demo.log"
    demo = installed.start(installed.watchkeeper, "demo", log=log)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while "trains on" not in log.read_text():
            assert demo.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 130, log.read_text()[-3000:]
        assert "of the project" not in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        demo.kill()
        demo.wait()
