"""Writes a report as Markdown, for terminals and pull requests."""

import html
import re

from edgehybrid.report.document import Document, ReportTable

# What could start markup or a new cell. Underscores stay: inside a word they mean nothing.
_ACTIVE = re.compile(r"([\\`*\[\]|])")


def markdown_table(table: ReportTable) -> str:
    """A pipe table: header, rule, one line a row; numbers to the right."""
    rule = ["---:" if numbers else "---" for numbers in table.columns_of_numbers]
    lines = [table.names, rule, *table.rows]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines) + "\n"


def markdown_report(document: Document) -> str:
    """The whole report, without the drawings."""
    parts = (
        f"# {_escaped(document.title)}\n",
        _section(document.results),
        _bullets(document.comparisons),
        _bullets(document.notes),
        *(_section(table) for table in document.tables[1:]),
    )
    return "\n".join(part for part in parts if part)


def _section(table: ReportTable) -> str:
    return f"## {table.title}\n\n{markdown_table(table)}" if table.rows else ""


def _bullets(sentences: tuple[str, ...]) -> str:
    return "".join(f"- {_escaped(sentence)}\n" for sentence in sentences)


def _escaped(text: str) -> str:
    return _ACTIVE.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
