"""The file of the stack: valid, pinned in one place, bounded, without root and without secrets in it."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.brokers import KAFKA
from tests.compose.locally import COMPOSE, PLACES, ROOT
from tests.compose.test_alertmanager import CONFIG, FILE, SECRETS
from watchkeeper.streams.settings import PREFIX, Settings

STACK: dict[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
IMAGES = dict(re.findall(r"^(\w+)=(\S+)$", (COMPOSE / ".env").read_text(), re.MULTILINE))
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
DOCKERFILE = (COMPOSE / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.secure.yml"])
def test_it_is_what_the_compose_specification_asks_for(name: str) -> None:
    # As of compose-go 2.16.2, whose licence is Apache 2.0: github.com/compose-spec/compose-go.
    schema = json.loads((ROOT / "tests/compose/compose-spec.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    stack = yaml.safe_load((COMPOSE / name).read_text())
    assert [error.message for error in validator.iter_errors(stack)] == []
    assert not validator.is_valid(stack | {"services": {"kafka": {"imagee": "x"}}})


def test_images_are_pinned_and_only_in_one_place() -> None:
    for name, image in IMAGES.items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", image), name
    used = {each["image"] for name, each in SERVICES.items() if name not in OURS}
    assert used == {f"${{{name}}}" for name in IMAGES if name != "PYTHON_IMAGE"}
    assert IMAGES["KAFKA_IMAGE"] == f"apache/kafka:{KAFKA}"
    assert f"ARG PYTHON_IMAGE={IMAGES['PYTHON_IMAGE']}\n" in DOCKERFILE
    text = (COMPOSE / "docker-compose.yml").read_text()
    assert [image for image in IMAGES.values() if image in text] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_has_no_rights_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["logging"]["options"]["max-size"]
    if name != "kafka":  # its image runs as appuser
        assert int(service["user"].split(":")[0]) > 0
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or name in ("topics", "demo")  # these two end


@pytest.mark.parametrize("name", OURS)
def test_settings_of_our_services_are_settings(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    known = {PREFIX + each.upper() for each in Settings.model_fields}
    assert environment.keys() <= known
    values = {each.removeprefix(PREFIX).lower(): value for each, value in environment.items()}
    assert Settings(**values).broker == environment.get(f"{PREFIX}BROKER", "localhost:9092")
    assert all(isinstance(value, str) for value in environment.values())


def test_workers_are_alike_and_two() -> None:
    assert SERVICES["worker-1"] == SERVICES["worker-2"]


def test_every_address_leads_to_a_service() -> None:
    text = (COMPOSE / "docker-compose.yml").read_text()
    for name in ("prometheus/prometheus.yml", "alertmanager/alertmanager.yml"):
        text += (COMPOSE / name).read_text()
    named = set(re.findall(rf"\b((?:{'|'.join(SERVICES)}):\d{{4,5}})\b", text))
    assert named <= set(PLACES)
    assert len(named) >= 7


def routes(route: dict[str, Any], inherited: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = inherited | {name: value for name, value in route.items() if name != "routes"}
    yield whole
    for inner in route.get("routes", []):
        yield from routes(inner, whole)


def test_what_ends_at_once_is_told_as_workers_hold_it_long_enough() -> None:
    held = float(SERVICES["worker-1"]["environment"]["WATCHKEEPER_ALERTMANAGER_HOLD_SECONDS"])
    seconds = {"s": 1, "m": 60, "h": 3600}
    for route in routes(CONFIG["route"], {}):
        text = route["group_interval"]
        assert float(text[:-1]) * seconds[text[-1]] <= held


def test_secrets_are_files_that_the_script_makes() -> None:
    script = (COMPOSE / "secrets.sh").read_text()
    named = {secret for each in SERVICES.values() for secret in each.get("secrets", [])}
    assert named == set(STACK["secrets"])
    for name, secret in STACK["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert f"give {name} " in script
    assert set(re.findall(r"/run/secrets/(\w+)", FILE.read_text())) == set(SECRETS)
    assert set(SECRETS) == set(SERVICES["alertmanager"]["secrets"])
    assert "compose/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_files_that_are_mounted_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("."):
                assert (COMPOSE / source).is_dir()
                assert rest.endswith(":ro")
            else:
                assert source in STACK["volumes"]


# The image


def test_the_image_is_made_in_stages_and_does_not_run_as_root() -> None:
    stages = dict(re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert DOCKERFILE.count("\nFROM ") == 5
    assert {"${PYTHON_IMAGE}", "build", "slim"} >= set(stages)
    slim = DOCKERFILE.partition(" AS slim\n")[2]
    assert re.search(r"^USER 10001:10001$", slim, re.MULTILINE)
    assert "pip install" not in slim
    assert {service["build"]["target"] for service in OURS.values()} == {"worker", "demo"}


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    wanted = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*$", DOCKERFILE, re.MULTILINE)]
    allowed = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
    for name in {name for names in wanted for name in names}:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in allowed


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-demo.lock"])
def test_the_image_has_the_versions_that_tests_run_on(name: str) -> None:
    def versions(path: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9.-]+==\S+)", path.read_text(), re.MULTILINE))

    mine = versions(COMPOSE / name)
    assert len(mine) > 40
    assert mine - versions(ROOT / "requirements.lock") == set(), "run: make lock"
    assert not re.search(r"://|--index", (COMPOSE / name).read_text())
    assert not {each.split("==")[0] for each in mine} & {"pytest", "mypy", "ruff", "uv"}


def test_the_image_lacks_no_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name, lines in {
        "requirements.lock": project["dependencies"],
        "requirements-demo.lock": project["dependencies"] + project["optional-dependencies"]["demo"],
    }.items():
        locked = set(re.findall(r"^([a-z0-9.-]+)==", (COMPOSE / name).read_text(), re.MULTILINE))
        asked = {canonicalize_name(Requirement(line).name) for line in lines} - {"watchkeeper"}
        assert asked <= locked, "run: make lock"
