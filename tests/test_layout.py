"""Markdown and LaTeX of a small document."""

from __future__ import annotations

from results.layout import Band, Bullets, Heading, Paragraph, Row, Table, escaped, latex, markdown

TABLE = Table(
    "A_caption",
    ("policy", "%"),
    (Row(("a|b", "1.0")), Row(("zero", "100.0"), strong=True, rule=True), Band("others"), Row(("c_d", "-"))),
)


def test_markdown_tables_line_up_and_keep_pipes_in_cells() -> None:
    assert markdown([Heading("Title"), Paragraph("Text."), Bullets(("one", "two")), TABLE]) == (
        "## Title\n\nText.\n\n- one\n- two\n\n### A_caption\n\n"
        "| policy   |         % |\n"
        "| -------- | --------: |\n"
        "| a\\|b     |       1.0 |\n"
        "| **zero** | **100.0** |\n"
        "| *others* |           |\n"
        "| c_d      |         - |\n"
    )


def test_latex_tables_have_booktabs_rules_and_line_up() -> None:
    lines = latex([TABLE]).splitlines()
    assert lines[0] == "% \\usepackage{booktabs,adjustbox}"
    assert lines[lines.index("    \\toprule") :] == [
        "    \\toprule",
        "    policy        &             \\% \\\\",
        "    \\midrule",
        "    a|b           &            1.0 \\\\",
        "    \\midrule",
        "    \\textbf{zero} & \\textbf{100.0} \\\\",
        "    \\midrule",
        "    \\multicolumn{2}{l}{\\emph{others}} \\\\",
        "    c\\_d          &              - \\\\",
        "    \\bottomrule",
        "  \\end{tabular}",
        "  \\end{adjustbox}",
        "\\end{table}",
    ]


def test_latex_draws_one_rule_where_the_first_row_asks_for_one() -> None:
    table = Table("caption", ("a", "b"), (Row(("1", "2"), rule=True),))
    assert latex([table]).count("\\midrule") == 1


def test_latex_of_text_is_what_the_text_says() -> None:
    assert escaped("50 % of a_b & {c} \\ #1 ~ ^ $ <x>") == (
        "50 \\% of a\\_b \\& \\{c\\} \\textbackslash{} \\#1 \\textasciitilde{} \\textasciicircum{} \\$ "
        "\\textless{}x\\textgreater{}"
    )
    document = latex([Heading("a_b"), Paragraph("50 %"), Bullets(("x & y",))])
    assert "\\paragraph{a\\_b}\n\n50 \\%\n\n\\begin{itemize}\n  \\item x \\& y\n\\end{itemize}" in document
