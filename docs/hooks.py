"""Fits the Markdown of the repository into the site: pages from outside docs/, and links that leave it.

On GitHub every link is relative to the file that holds it. The site holds only `docs/` and `ROOT_PAGES`.
A link to any other file becomes a link to the repository (`DOCS_REPOSITORY`), or plain text without one.
"""

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
ROOT_PAGES = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files at the top of the repository, and the page of the site that shows each."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
_DOCTEST = re.compile(r"^(>>> .*(?:\n(?!\s*$).*)*)", re.MULTILINE)
_FENCED = re.compile(r"(^```.*?^```|^~~~.*?^~~~)", re.MULTILINE | re.DOTALL)


class Doctests(Extension):
    """Shows a doctest as a block of code, also where no "Examples:" stands above it."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register it; the name is Markdown's."""
        md.preprocessors.register(_FenceDoctests(md), "doctests", 28)  # before fenced blocks, at 25


class _FenceDoctests(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        parts = _FENCED.split(text)
        parts[::2] = [_DOCTEST.sub(r"```pycon\n\1\n```", part) for part in parts[::2]]
        return "".join(parts).split("\n")


def on_config(config: Any) -> Any:
    """Add `Doctests` to the extensions of Markdown."""
    config.markdown_extensions.append(Doctests())
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from the top of the repository."""
    for name, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Return the page with links that lead somewhere in the site."""
    del files
    shown = {page: name for name, page in ROOT_PAGES.items()}
    here = shown.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    parts = _FENCED.split(markdown)
    parts[::2] = [
        _LINK.sub(lambda match: _link(match, here, page.file.src_uri, config), text) for text in parts[::2]
    ]
    return "".join(parts)


def _link(match: re.Match[str], here: str, page: str, config: Any) -> str:
    image, text, link = match.groups()
    path, _, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", link):
        return match[0]
    target = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
    within = ROOT_PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if within:
        relative = posixpath.relpath(within, posixpath.dirname(page) or ".")
        return f"{image}[{text}]({relative}{'#' + anchor if anchor else ''})"
    if not (repository := config.repo_url):
        return text
    return (
        f"{image}[{text}]({repository.rstrip('/')}/blob/{os.environ.get('DOCS_REVISION', 'main')}/{target})"
    )
