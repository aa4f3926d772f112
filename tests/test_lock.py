"""The lock file matches pyproject.toml, and can be installed from any package index."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()


def asked() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"].values()
    return [Requirement(line) for part in (project["dependencies"], *optional) for line in part]


def test_it_has_a_version_that_fits_for_each_dependency() -> None:
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", LOCK, re.MULTILINE))
    names = {each: locked.get(canonicalize_name(each.name), "0") for each in asked()}
    assert len(names) > 10
    assert [str(each) for each, version in names.items() if version not in each.specifier] == [], (
        "run: make lock"
    )


def test_each_package_is_known_by_its_hashes_and_not_by_an_address() -> None:
    packages = re.split(r"\n(?=[a-z])", LOCK)
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert not re.search(r"://|--index|--find-links|--trusted-host", LOCK)
