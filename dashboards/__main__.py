"""Writes the dashboards: `python -m dashboards`."""

from dashboards.written import PAGES, ROOT


def main() -> None:
    """Write all dashboards."""
    for path, write in PAGES.items():
        (ROOT / path).write_text(write(), encoding="utf-8")
        print(f"written: {path}")  # noqa: T201


if __name__ == "__main__":
    main()
