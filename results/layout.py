"""A document of headings, paragraphs, lists and tables, as Markdown or as LaTeX (booktabs).

Blocks are plain values; `markdown` and `latex` are pure. Table cells are plain text, escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: "\\" + character for character in "%&#$_"},
}


@dataclass(frozen=True)
class Heading:
    """A heading of the second level, which names a setting."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """Cells of a table row.

    Args:
        cells: plain text.
        strong: significant; bold in every format.
        rule: draw a line above, where the format has one.
        total: stands for several other rows; bold too, but in LaTeX, whose bold means significant, slanted.
    """

    cells: tuple[str, ...]
    strong: bool = False
    rule: bool = False
    total: bool = False


@dataclass(frozen=True)
class Band:
    """A row that is one remark about the rows below it."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first column is text, the others are set flush right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[Row | Band, ...]


Block = Heading | Paragraph | Bullets | Table


def markdown(blocks: Sequence[Block]) -> str:
    """GitHub-flavoured Markdown; the columns line up in the source too."""
    return "\n\n".join(markdown_block(block) for block in blocks) + "\n"


def markdown_block(block: Block) -> str:
    """One block."""
    match block:
        case Heading(text):
            return f"## {text}"
        case Paragraph(text):
            return text
        case Bullets(lines):
            return "\n".join(f"- {line}" for line in lines)
        case Table():
            return f"### {block.caption}\n\n{markdown_table(block)}"


def markdown_table(table: Table) -> str:
    """A pipe table."""
    lines = [list(table.header), *(markdown_cells(row, len(table.header)) for row in table.rows)]
    lines = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(padded(line, widths))} |" for line in (lines[0], rule, *lines[1:]))


def markdown_cells(row: Row | Band, columns: int) -> list[str]:
    """The cells of a row; a band is its first cell."""
    if isinstance(row, Band):
        return [f"*{row.text}*", *[""] * (columns - 1)]
    return [f"**{cell}**" if (row.strong or row.total) and cell else cell for cell in row.cells]


def padded(cells: list[str], widths: list[int]) -> list[str]:
    """Cells of their columns' widths, the first flush left and the others flush right."""
    first, *rest = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]


def latex(blocks: Sequence[Block]) -> str:
    r"""LaTeX to be put into a paper with \input; tables are floats with booktabs rules, no wider than the text."""
    return "% \\usepackage{booktabs,adjustbox}\n\n" + "\n\n".join(latex_block(block) for block in blocks) + "\n"


def latex_block(block: Block) -> str:
    """One block; headings are set as paragraphs' titles, so that the section numbers of the paper stay."""
    match block:
        case Heading(text):
            return f"\\paragraph{{{escaped(text)}}}"
        case Paragraph(text):
            return escaped(text)
        case Bullets(lines):
            items = "\n".join(f"  \\item {escaped(line)}" for line in lines)
            return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
        case Table():
            return latex_table(block)


def latex_table(table: Table) -> str:
    """A float; long and wide tables are set smaller, so that 50 tasks fit a page and four tiers its width."""
    columns = len(table.header)
    lines = [[escaped(cell) for cell in table.header], *(latex_cells(row) for row in table.rows)]
    aligned = [line for line in lines if len(line) == columns]
    widths = [max(len(cell) for cell in column) for column in zip(*aligned, strict=True)]
    body = [" & ".join(padded(lines[0], widths)) + r" \\", r"\midrule"]
    for row, line in zip(table.rows, lines[1:], strict=True):
        ruled = isinstance(row, Band) or row.rule
        body += [r"\midrule"] * (ruled and body[-1] != r"\midrule")
        spanning = rf"\multicolumn{{{columns}}}{{l}}{{\emph{{{line[0]}}}}}"
        body.append((spanning if isinstance(row, Band) else " & ".join(padded(line, widths))) + r" \\")
    size = r"\scriptsize" if len(table.rows) > 30 or columns > 7 else r"\small"
    return "\n".join(
        (
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(table.caption)}}}",
            f"  {size}",
            r"  \begin{adjustbox}{max width=\linewidth}",
            rf"  \begin{{tabular}}{{l{'r' * (columns - 1)}}}",
            r"    \toprule",
            *(f"    {line}" for line in body),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"  \end{adjustbox}",
            r"\end{table}",
        )
    )


def latex_cells(row: Row | Band) -> list[str]:
    """The escaped cells of a row; a band has one."""
    if isinstance(row, Band):
        return [escaped(row.text)]
    style = r"\textbf{{{}}}" if row.strong else r"\textsl{{{}}}" if row.total else "{}"
    return [style.format(escaped(cell)) if cell else "" for cell in row.cells]


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(LATEX_ESCAPES.get(character, character) for character in text)
