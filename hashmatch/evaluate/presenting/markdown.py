"""Documents as Markdown."""

from __future__ import annotations

from .interface import Cell, Document, Table


def as_markdown(document: Document) -> str:
    """Return the facts and tables of a document; charts are left to pages and plots."""
    parts = [f"# {document.title}", document.lead]
    parts.append("\n".join(f"- {name}: {value}" for name, value in document.facts.items()))
    parts += [markdown_of(table) for table in document.tables]
    if document.configuration:
        parts.append(f"```toml\n{document.configuration}```")
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_of(table: Table) -> str:
    """Return one table, with its title as a heading of the second level."""
    lines = [
        f"| {' | '.join(table.columns)} |",
        f"|{' --- |' * len(table.columns)}",
        *(f"| {' | '.join(map(_cell, row))} |" for row in table.rows),
    ]
    return "\n\n".join(part for part in (f"## {table.title}", table.note, "\n".join(lines)) if part)


def _cell(cell: Cell) -> str:
    # Names of files come from outside, and must not end a cell.
    text = "" if cell is None else f"{cell:,}" if isinstance(cell, int) else cell
    return text.replace("|", "\\|").replace("\n", " ")
