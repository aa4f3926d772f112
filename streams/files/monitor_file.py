"""Reads a monitor file. Reports each mistake with its line, its key and how to correct it."""

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
"""Limit for the size of a monitor file in bytes. Chosen by hand, far above the longest useful file."""
_NODES_MAX = 100_000
"""Limit for the keys and values of a file once its aliases are expanded. Chosen by hand: it bounds memory."""
_DEPTH_MAX = 20
"""Limit for the levels of nesting in a file. Chosen by hand: a monitor needs five."""
_NAME_RULE = "use at most 100 letters, digits, '.', '_' and '-', and begin with a letter or digit"
_YAML_TYPES = {
    "bool": "a boolean",
    "int": "a number",
    "float": "a number",
    "null": "null",
    "timestamp": "a date",
}
"""What YAML reads an unquoted text as, by the last part of the tag that it gives it."""
_TYPE_CHECKS = {
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "int_parsing": "an integer",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "url_parsing": "a valid URL, like https://example.com/runbooks",
    "time_delta_parsing": "an ISO 8601 duration, like PT5M, PT12H or P30D",
}
"""What a value should be, by the type of pydantic's error, where pydantic's sentence names Python types."""


def read_monitor(path: Path) -> Monitor:
    """Read and check a monitor file.

    Raises:
        UserError: if the file can't be read or is not a valid monitor. It has one line for each mistake.
    """
    node, document = _parse(path)
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{path}:1: should be a mapping, with keys like 'model', 'owner' and 'features'")
    if mistakes := list(_bad_keys(node)):
        raise UserError("\n".join(f"{path}:{line}: {what}" for line, what in mistakes))
    try:
        monitor = Monitor.model_validate(document)
    except ValidationError as error:
        raise UserError("\n".join(f"{path}:{_sentence(node, one)}" for one in error.errors())) from None
    if limits := list(_impossible_limits(monitor)):
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
        raise UserError(f"{path}:{line}: is not valid YAML: {error.problem}") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply; a monitor has at most {_DEPTH_MAX} levels") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise UserError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_BYTES_MAX + 1)
    if len(data) > _BYTES_MAX:
        raise UserError(f"{path}: is too large; a monitor file has at most {_BYTES_MAX:,} bytes")
    return data.decode("utf-8-sig")


def _check_size(path: Path, root: yaml.Node) -> None:
    """Refuse a small file that becomes huge or endless once its aliases are expanded."""
    left = [(root, 1)]
    seen = 0
    while left:
        node, depth = left.pop()
        seen += 1
        if seen > _NODES_MAX or depth > _DEPTH_MAX:
            line = node.start_mark.line + 1
            raise UserError(
                f"{path}:{line}: has too many values or levels; a monitor has at most {_NODES_MAX:,} values "
                f"and {_DEPTH_MAX} levels, with its aliases expanded"
            )
        if isinstance(node, yaml.MappingNode):
            left += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += [(part, depth + 1) for part in node.value]


def _bad_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Find duplicate keys, which YAML drops silently, keys that are not text, and keys without a value."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _bad_keys(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag != "tag:yaml.org,2002:str":
            read_as = _yaml_type(key)
            yield (
                line,
                f"the key {key.value} should be text, but YAML reads it as {read_as}; put it in quotes",
            )
        elif key.value in seen:
            yield line, f"the key {key.value!r} appears twice; remove one of them"
        else:
            seen.add(key.value)
        if value.tag == "tag:yaml.org,2002:null":
            yield (
                line,
                f"{key.value}: has no value; remove the key, or write {{}} to use a section's defaults",
            )
        yield from _bad_keys(value)


def _yaml_type(node: yaml.Node) -> str:
    return _YAML_TYPES.get(node.tag.rpartition(":")[2], "another type")


def _impossible_limits(monitor: Monitor) -> Iterator[tuple[list[int | str], str]]:
    """Find limits that no value of the metric can meet, so that their alert would never resolve.

    The schema does not refuse these limits: workers must continue with monitors that are in force already.
    """
    metrics = task_of(monitor.task).metrics
    for metric, tolerance in (monitor.labels.metrics if monitor.labels else {}).items():
        at: list[int | str] = ["labels", "metrics", metric]
        least, most = metrics[metric].least, metrics[metric].most
        if most is not None and tolerance.at_least is not None and tolerance.at_least > most:
            why = f"should be at most {most:g}, the highest possible {metric}, not {tolerance.at_least:g}"
            yield [*at, "at_least"], why
        if least is not None and tolerance.at_most is not None and tolerance.at_most < least:
            why = f"should be at least {least:g}, the lowest possible {metric}, not {tolerance.at_most:g}"
            yield [*at, "at_most"], why


def _sentence(root: yaml.Node, error: ErrorDetails) -> str:
    path = [part for part in error["loc"] if part != "[key]"]
    node = _find(root, path)
    dotted = ".".join(map(str, path))
    what = _what(error, node)
    line = node.start_mark.line + 1
    return f"{line}: {what}" if not dotted or what.startswith(dotted) else f"{line}: {dotted}: {what}"


def _find(root: yaml.Node, path: list[int | str]) -> yaml.Node:
    """Return the node at a path; if it does not exist, the last existing node on the way."""
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
        return "is missing; add it"
    if kind == "extra_forbidden":
        return "is not a valid key here; " + _suggestion(str(error["loc"][-1]))
    if kind == "string_pattern_mismatch":
        return f"{given!r} is not a valid name; {_NAME_RULE}"
    if kind == "string_type" and isinstance(node, yaml.ScalarNode):
        return f'should be text, but YAML reads it as {_yaml_type(node)}; put it in quotes: "{node.value}"'
    if kind in ("too_short", "too_long"):
        return _wrong_length(error)
    if kind in _TYPE_CHECKS:
        message = f"should be {_TYPE_CHECKS[kind]}"
    else:
        message = uncapital(error["msg"].removeprefix("Value error, ").removeprefix("Input "))
    shown = isinstance(given, str | int | float) and kind != "value_error"
    return f"{message}, not {given!r}" if shown else message


def _wrong_length(error: ErrorDetails) -> str:
    limits = error.get("ctx", {})
    if error["type"] == "too_short":
        return f"should have at least {limits['min_length']} entry, not {limits['actual_length']}"
    return f"should have at most {limits['max_length']} entries, not {len(error['input'])}"


def _suggestion(key: str) -> str:
    of_files = [each for each in Section.__subclasses__() if each.__module__ == Monitor.__module__]
    known = {name for section in of_files for name in section.model_fields}
    close = get_close_matches(key, known, 1)
    return f"did you mean '{close[0]}'?" if close else "remove it"
