"""Blocks of `results.layout` as HTML: tables that scroll by themselves on a narrow screen, cells escaped."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from results.layout import Band, Block, Bullets, Heading, Paragraph, Row, Table


def html(blocks: Iterable[Block], level: int = 3) -> Markup:
    """All blocks.

    Args:
        blocks: what to write.
        level: of a heading; captions of tables are no headings.
    """
    return Markup("\n").join(html_block(block, level) for block in blocks)


def html_block(block: Block, level: int) -> Markup:
    """One block."""
    match block:
        case Heading(text):
            return Markup("<h{0}>{1}</h{0}>").format(level, text)
        case Paragraph(text):
            return Markup("<p>{}</p>").format(text)
        case Bullets(lines):
            return Markup("<ul>{}</ul>").format(Markup().join(Markup("<li>{}</li>").format(line) for line in lines))
        case Table():
            return html_table(block)


def html_table(table: Table) -> Markup:
    """A table in a region that the keyboard can scroll."""
    header = Markup().join(Markup('<th scope="col">{}</th>').format(cell) for cell in table.header)
    rows = Markup("\n").join(html_row(row, len(table.header)) for row in table.rows)
    return Markup(
        '<div class="scroll" role="region" aria-label="{0}" tabindex="0"><table><caption><span>{0}</span></caption>'
        "<thead><tr>{1}</tr></thead>\n<tbody>{2}</tbody></table></div>"
    ).format(table.caption, header, rows)


def html_row(row: Row | Band, columns: int) -> Markup:
    """A row; a band spans the table."""
    if isinstance(row, Band):
        return Markup('<tr class="remark"><th scope="rowgroup" colspan="{}">{}</th></tr>').format(columns, row.text)
    first, *rest = row.cells
    named = " ".join(name for name, held in (("strong", row.strong or row.total), ("rule", row.rule)) if held)
    cells = Markup().join(Markup("<td>{}</td>").format(cell) for cell in rest)
    mark = Markup(' class="{}"').format(named) if named else ""
    return Markup('<tr{}><th scope="row">{}</th>{}</tr>').format(mark, first, cells)
