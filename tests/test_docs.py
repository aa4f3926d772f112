"""Links, commands, files, events and tables in the documentation are correct."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
import typer
import yaml
from pydantic import BaseModel, TypeAdapter

from watchkeeper.schemas.events import FeatureEvent, Label, Prediction
from watchkeeper.schemas.monitors import Monitor, Section
from watchkeeper.schemas.rejections import Reason
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.streams.cli.app import app
from watchkeeper.streams.sinks import SINKS
from watchkeeper.streams.topics.flow import FLOWS
from watchkeeper.streams.topics.topics import TOPICS

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
SOURCES = [path for folder in ("detectors", "streams") for path in sorted((ROOT / folder).rglob("*.py"))]


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    text: str


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(*languages: str) -> list[Block]:
    found = [Block(page, *match) for page in PAGES for match in FENCED.findall(read(page))]
    return [block for block in found if block.language in languages]


def prose(page: Path) -> str:
    return FENCED.sub("", read(page))


# Links


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def bad_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(bad_links(page)) == []


def test_a_link_to_nowhere_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n[a](#title) [b](#none) [c](none.md) [d](https://example.com)\n")
    assert list(bad_links(page)) == ["#none", "none.md"]


def test_every_page_is_linked_from_the_index_or_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s:]+)\)", prose(page))
    }
    assert [name_of(page) for page in PAGES if page not in linked and page.name != "README.md"] == []


FOLDERS = "streams|detectors|alerting|schemas|client|demo|tests|benchmarks|dashboards|compose|docs"
MADE_LATER = {"compose/secrets/"}
"""Folders that a documented command creates."""


def paths(text: str) -> set[str]:
    """Yield every path from the top, and in tables every name or glob beside one, from the same folder."""
    found = set(re.findall(rf"`((?:{FOLDERS})/[\w/.*-]+)`", text))
    for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        for cell in row.split("|"):
            found |= set(paths_in(cell))
    return found - MADE_LATER


def paths_in(cell: str) -> Iterator[str]:
    folder: str | None = None
    for name in re.findall(r"`([\w*/.-]+\.(?:py|c)|[\w*/.-]+/)`", cell):
        if re.match(rf"(?:{FOLDERS})/", name):
            folder = name.rpartition("/")[0]
        elif folder is not None:
            yield f"{folder}/{name}"


def exists(path: str) -> bool:
    return any(ROOT.glob(path.rstrip("/")))


def test_every_file_that_is_named_exists() -> None:
    named = [(name_of(page), path) for page in PAGES for path in sorted(paths(prose(page)))]
    assert len(named) > 50
    assert [each for each in named if not exists(each[1])] == []


def test_a_file_that_does_not_exist_would_be_noticed() -> None:
    text = "see `docs/none.md`\n| `tests/test_docs.py`, `none_*.py`, `test_*.py`, `fuzz/` | `x.py` |\n"
    assert sorted(path for path in paths(text) if not exists(path)) == ["docs/none.md", "tests/none_*.py"]


def test_every_decision_is_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs/adr").glob("0*.md")}
    index = re.findall(r"\[\d{4}\]\((.+?)\)", read(ROOT / "docs/adr/README.md"))
    assert sorted(index) == sorted(pages)


# Commands


def commands(page: Path) -> list[str]:
    """Yield every command of Watchkeeper in blocks and code spans, without redirections of the shell."""
    lines = [
        line for _, text in FENCED.findall(read(page)) for line in text.replace("\\\n", " ").splitlines()
    ]
    spans = re.findall(r"`([^`\n]+)`", prose(page))
    found = [re.sub(r"^(\$ |\w+=\S+ |\.venv/bin/)+", "", line.strip()) for line in [*lines, *spans]]
    return [re.split(r" [|>&;]|;$", line)[0] for line in found if re.match(r"watchkeeper( |$)", line)]


def parse(command: str) -> None:
    """Parse a command line as the program would, without running it."""
    args = shlex.split(command, comments=True)[1:]
    parser: Any = typer.main.get_command(app)
    context: Any = None
    try:
        context = parser.make_context("watchkeeper", list(args), resilient_parsing=not args)
        while hasattr(parser, "commands"):
            rest = [*getattr(context, "_protected_args", []), *context.args]
            if not rest:
                return
            name, parser, rest = parser.resolve_command(context, rest)
            context = parser.make_context(name, rest, parent=context, resilient_parsing=not rest)
    except typer.Exit:
        return  # --help, --version


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_every_command_is_one_that_the_program_knows(page: Path) -> None:
    for command in commands(page):
        try:
            parse(command)
        except Exception as error:
            if type(error).__name__ == "MissingParameter" and f"`{command}`" in prose(page):
                continue  # a mention, not a complete command
            pytest.fail(f"{command}: {getattr(error, 'message', error)}")


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 30
    for command in ("watchkeeper wrok", "watchkeeper worker --speed 2", "watchkeeper publish x --topic nope"):
        with pytest.raises(Exception, match=r"(?i)no such|not one of|got unexpected"):
            parse(command)


# Files and events


def monitors() -> list[Block]:
    return [b for b in blocks("yaml") if re.match(r"(#.*\n)*(model|feature_view):", b.text)]


@pytest.mark.parametrize("block", monitors(), ids=lambda block: name_of(block.page))
def test_every_monitor_is_valid(block: Block) -> None:
    Monitor.model_validate(yaml.safe_load(block.text))


def check_event(document: dict[str, Any]) -> str | None:
    """Decode a document as the event that it looks like; None if it is not an event."""
    if "specversion" in document:
        return check_event(document["data"])
    kinds: dict[str, Any] = {"prediction": Prediction, "label_time": Label, "feature_view": FeatureEvent}
    for field, kind in kinds.items():
        if field in document:
            msgspec.convert(document, kind)
            strange = document.keys() - kind.__struct_fields__
            assert not strange, f"{strange} are no fields of a {kind.__name__}"
            return field
    if "request_id" in document:
        RetrainingRequest.model_validate(document)
    return None


def test_every_event_is_valid() -> None:
    kinds = {check_event(json.loads(block.text)) for block in blocks("json")}
    assert {"prediction", "label_time", "feature_view"} <= kinds


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: name_of(block.page))
def test_every_program_is_python_and_imports_what_there_is(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = __import__(node.module, fromlist=["_"])
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


# Tables that repeat the code


def topic_rows() -> list[str]:
    kept = {
        t.name: "last of each key" if t.compacted else f"{t.retention.days} days" for t in TOPICS.values()
    }
    return [
        f"| `{t.name}` | {t.partitions or '`WATCHKEEPER_PARTITIONS`'} | {kept[t.name]} | {t.purpose} |"
        for t in TOPICS.values()
    ]


def test_the_topics_are_those_of_the_code() -> None:
    written = re.findall(r"^\| `\w+` \| [`1].*\|$", read(ROOT / "docs/reference/topics.md"), re.MULTILINE)
    assert written == topic_rows()


def test_the_stages_are_those_of_the_code() -> None:
    page = read(ROOT / "docs/reference/topics.md")
    wanted = [
        " | ".join(["", flow.name, *(", ".join(names) or "-" for names in flow[1:]), ""]).strip()
        for flow in FLOWS
    ]
    _, _, *written = page.partition("| stage |")[2].partition("\n\n")[0].splitlines()
    assert written == wanted


def test_the_receivers_are_those_of_the_code() -> None:
    page = read(ROOT / "docs/reference/topics.md")
    _, _, *written = page.partition("| sink |")[2].partition("\n\n")[0].splitlines()
    wanted = [f"| {sink} | {receiver} |" for sink, makers in SINKS.items() for receiver in makers]
    assert [row.rpartition(" |")[0].rpartition(" | ")[0] + " |" for row in written] == wanted


def sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    yield prefix, model
    for name, field in model.model_fields.items():
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, Section):
                inner = name + (".<name>" if name in ("features", "metrics") else "")
                yield from sections(part, f"{prefix}{inner}.")


def default_of(value: Any) -> str:
    if isinstance(value, timedelta):
        value = TypeAdapter(timedelta).dump_python(value, mode="json")
    return "" if value is None or isinstance(value, Section) else f"`{json.dumps(value).strip(chr(34))}`"


def key_rows(prefix: str, model: type[BaseModel]) -> list[str]:
    return [
        f"| `{prefix}{name}` | {'required' if field.is_required() else default_of(field.default)} "
        f"| {' '.join((field.description or '').split())} |"
        for name, field in model.model_fields.items()
    ]


def test_the_keys_of_a_monitor_are_those_of_the_code() -> None:
    rows = [row for prefix, model in sections(Monitor) for row in key_rows(prefix, model)]
    written = re.findall(r"^\| `.+` \|.*\|.*\|$", read(ROOT / "docs/reference/monitor.md"), re.MULTILINE)
    assert [row for row in rows if row not in written] == [], "write these rows"
    assert [row for row in written if row not in rows] == [], "remove these rows"


def test_the_example_of_a_monitor_shows_every_section() -> None:
    example = "\n".join(b.text for b in monitors() if b.page.name == "monitor.md")
    names = {name for prefix, model in sections(Monitor) if not prefix for name in model.model_fields}
    assert [name for name in sorted(names) if not re.search(rf"^{name}:", example, re.MULTILINE)] == []


def test_the_reasons_of_rejection_are_those_of_the_code() -> None:
    section = read(ROOT / "docs/reference/wire.md").partition("## What is rejected")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(get_args(Reason))


def statistic_names() -> set[str]:
    """Return the names of statistics in the code. Composed names are matched by their parts."""
    found = {name for path in SOURCES for name in re.findall(r'Statistic\(\s*"(\w+)"', read(path))}
    named = {
        name
        for path in SOURCES
        for call in re.findall(r"\bcounts\(([^)]*)\)", read(path))
        for name in re.findall(r"(\w+)=", call)
    }
    return found | named


def test_every_statistic_is_in_its_list() -> None:
    page = read(ROOT / "docs/reference/statistics.md")
    names = statistic_names()
    assert len(names) > 20
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
