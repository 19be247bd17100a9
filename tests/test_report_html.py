"""Blocks as HTML."""

from __future__ import annotations

from xml.etree import ElementTree

from results.layout import Band, Bullets, Heading, Paragraph, Row, Table
from results.report_html import html

TABLE = Table(
    "Success in % & more",
    ("policy", "easy"),
    (Row(("a<b>", "1"), strong=True, rule=True), Band("published, not matched"), Row(("c", "-"))),
)


def test_a_table_has_caption_headers_of_columns_and_rows_and_marks() -> None:
    root = ElementTree.fromstring(html([TABLE]))
    assert root.get("aria-label") == root.findtext("table/caption/span") == "Success in % & more"
    assert root.get("tabindex") == "0", "the keyboard can scroll it"
    assert [(cell.text, cell.get("scope")) for cell in root.findall("table/thead/tr/th")] == [
        ("policy", "col"),
        ("easy", "col"),
    ]
    first, band, last = root.findall("table/tbody/tr")
    assert (first.get("class"), first.findtext("th"), first.findtext("td")) == ("strong rule", "a<b>", "1")
    remark = band.find("th")
    assert remark is not None and remark.get("colspan") == "2" and remark.text == "published, not matched"
    assert last.get("class") is None


def test_text_is_escaped_in_every_block() -> None:
    made = html([Heading("<h>"), Paragraph("a & b"), Bullets(("<li>", "two"))], level=4)
    assert made == "<h4>&lt;h&gt;</h4>\n<p>a &amp; b</p>\n<ul><li>&lt;li&gt;</li><li>two</li></ul>"
