"""Reads a monitor file; what is wrong in it is said with the line and the key."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.monitors import Monitor, Section
from watchkeeper.streams.errors import UserError, uncapital

__all__ = ["read_monitor"]

_BYTES_MAX = 2**20
_NODES_MAX = 100_000
_DEPTH_MAX = 20
_NAME_RULE = "should be at most 100 letters, digits, '.', '_' and '-', the first a letter or digit"


def read_monitor(path: Path) -> Monitor:
    """Read and check a monitor file; UserError has a line for each mistake."""
    node, document = _parse(path)
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{path}:1: should be a monitor: keys like 'model' and 'features' with their values")
    if mistakes := list(_bad_keys(node)):
        raise UserError("\n".join(f"{path}:{line}: {what}" for line, what in mistakes))
    try:
        monitor = Monitor.model_validate(document)
    except ValidationError as error:
        raise UserError("\n".join(f"{path}:{_sentence(node, one)}" for one in error.errors())) from None
    if limits := list(_out_of_reach(monitor)):
        raise UserError(
            "\n".join(
                f"{path}:{_find(node, at).start_mark.line + 1}: {'.'.join(map(str, at))}: {what}"
                for at, what in limits
            )
        )
    return monitor


def _parse(path: Path) -> tuple[yaml.Node | None, Any]:
    try:
        loader = yaml.SafeLoader(_text(path))
        node = loader.get_single_node()
        if node is None:
            return None, None
        _check_size(path, node)
        return node, loader.construct_document(node)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: is not YAML: {error.problem}") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply to be a monitor") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise UserError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_BYTES_MAX + 1)
    if len(data) > _BYTES_MAX:
        raise UserError(f"{path}: has more than {_BYTES_MAX} bytes, and no monitor is so long")
    return data.decode("utf-8-sig")


def _check_size(path: Path, root: yaml.Node) -> None:
    """Refuse what is small in the file and endless once its anchors are followed."""
    left = [(root, 1)]
    seen = 0
    while left:
        node, depth = left.pop()
        seen += 1
        if seen > _NODES_MAX or depth > _DEPTH_MAX:
            line = node.start_mark.line + 1
            raise UserError(f"{path}:{line}: is too large or too deep to be a monitor; mind its anchors")
        if isinstance(node, yaml.MappingNode):
            left += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += [(part, depth + 1) for part in node.value]


def _bad_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Find keys that YAML would drop in silence, or read as something else than text."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _bad_keys(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag != "tag:yaml.org,2002:str":
            yield line, f"the key {key.value} is not text for YAML; write it in quotes"
        elif key.value in seen:
            yield line, f"the key {key.value!r} is there twice; remove one"
        else:
            seen.add(key.value)
        if value.tag == "tag:yaml.org,2002:null":
            yield line, f"{key.value}: has no value; remove it, or write {{}} for a section with its defaults"
        yield from _bad_keys(value)


def _out_of_reach(monitor: Monitor) -> Iterator[tuple[list[int | str], str]]:
    """Find limits that no value can keep, so that their alert would never end.

    It is not the monitor itself that refuses them: workers must go on with those that are in force.
    """
    metrics = task_of(monitor.task).metrics
    for metric, tolerance in (monitor.labels.metrics if monitor.labels else {}).items():
        at: list[int | str] = ["labels", "metrics", metric]
        least, most = metrics[metric].least, metrics[metric].most
        if most is not None and tolerance.at_least is not None and tolerance.at_least > most:
            why = f"{metric} is at most {most:g}, so it can't be at least {tolerance.at_least:g}"
            yield [*at, "at_least"], why
        if least is not None and tolerance.at_most is not None and tolerance.at_most < least:
            why = f"{metric} is at least {least:g}, so it can't be at most {tolerance.at_most:g}"
            yield [*at, "at_most"], why


def _sentence(root: yaml.Node, error: ErrorDetails) -> str:
    path = [part for part in error["loc"] if part != "[key]"]
    node = _find(root, path)
    dotted = ".".join(map(str, path))
    what = _what(error, node)
    line = node.start_mark.line + 1
    return f"{line}: {what}" if not dotted or what.startswith(dotted) else f"{line}: {dotted}: {what}"


def _find(root: yaml.Node, path: list[int | str]) -> yaml.Node:
    """Return the node at a path, or the last one on the way that is there."""
    node = root
    for part in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                return node
            key, node = found[0]
            if part == path[-1] and not isinstance(node, yaml.ScalarNode):
                node = key  # a section begins at its name
    return node


def _what(error: ErrorDetails, node: yaml.Node) -> str:
    kind, given = error["type"], error["input"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is no key that a monitor has here" + _meant(str(error["loc"][-1]))
    if kind == "string_pattern_mismatch":
        return f"{_NAME_RULE}, not {given!r}"
    if kind == "string_type" and isinstance(node, yaml.ScalarNode):
        return f'should be text, and YAML does not read it so; write "{node.value}" in quotes'
    if kind in ("model_type", "dict_type"):
        return "should be keys with their values"
    message = uncapital(error["msg"].removeprefix("Value error, ").removeprefix("Input "))
    plain = isinstance(given, str | int | float) and kind != "value_error"
    return f"{message}, not {given!r}" if plain else message


def _meant(key: str) -> str:
    known = {name for section in Section.__subclasses__() for name in section.model_fields}
    close = get_close_matches(key, known, 1)
    return f"; did you mean '{close[0]}'?" if close else ""
