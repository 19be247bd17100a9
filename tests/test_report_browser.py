"""A report in headless Chromium: it loads from disk without a complaint, filters, plays, and can be read by anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import protocols
from results.groups import by_policy
from results.pairs import discordant, pair
from results.report import main
from tests.browser import WHY_NONE, Browser
from tests.records import make_evaluation
from tests.reports import fill, film, two_policies

pytestmark = pytest.mark.skipif(bool(WHY_NONE), reason=WHY_NONE)

RECORDS = two_policies()
PAIRS = pair(*(measured.records for measured in by_policy(RECORDS))).pairs
LISTED = "#episodes .episodes > details"
READ = "[...document.querySelectorAll('details[open] > .body')].every(body => !body.textContent.includes('reading'))"
CONTRAST = """
(() => {
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const weights = [0.2126, 0.7152, 0.0722];
  const light = colour => weights.reduce((sum, weight, at) => sum + weight * channel(numbers(colour)[at]), 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = {};
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [one, other] = [light(node.namespaceURI.endsWith("svg") ? style.fill : style.color), light(behind(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) found[node.tagName + "." + node.className] = ratio;
  }
  return found;
})()
"""
UNNAMED = """
[...document.querySelectorAll("a, button, input, select, video, svg, .scroll, section, details")].filter(node => {
  if (node.closest("[hidden], [aria-hidden=true]")) return false;
  const named = node.getAttribute("aria-label") || node.getAttribute("aria-labelledby") || node.textContent.trim();
  return !(named || (node.labels && node.labels.length));
}).map(node => node.outerHTML.slice(0, 100))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report with two policies, of which the first two episodes of one task are filmed."""
    folder = tmp_path_factory.mktemp("report")
    store = fill(folder / "store", RECORDS)
    film(store, [record for record in RECORDS if record.episode.index < 2])
    assert main(["--store", str(store), "--out", str(folder / "report")]) == 0
    return folder / "report" / "index.html"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(started: Browser) -> Iterator[Browser]:
    """The browser; whatever a test does, pages log no error, throw nothing and ask for nothing but files."""
    started.complaints.clear()
    started.addresses.clear()
    yield started
    assert started.complaints == []
    assert [url for url in started.addresses if not url.startswith(("file:", "data:", "about:"))] == []


def count(browser: Browser, selector: str) -> int:
    """How many elements there are."""
    found: int = browser.evaluate(f"document.querySelectorAll({selector!r}).length")
    return found


def choose(browser: Browser, name: str, value: str) -> None:
    """Set a filter as a reader does; an option by its text."""
    browser.evaluate(
        f"(() => {{ const field = document.querySelector('.filters').elements[{name!r}];"
        f"if (field.type === 'checkbox') field.checked = {str(value == 'on').lower()};"
        f"else field.value = [...field.options].find(option => option.text === {value!r}).value;"
        "field.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def opened(browser: Browser, selector: str) -> None:
    """Open a box and wait for what is in it."""
    browser.evaluate(f"document.querySelector({selector!r}).open = true")
    browser.wait_for(f"document.querySelector({selector!r} + ' > .body').childElementCount > 0 && {READ}")


def test_the_page_loads_from_disk_with_every_section(browser: Browser, report: Path) -> None:
    browser.open(report)
    titles = browser.evaluate("[...document.querySelectorAll('h2')].map(title => title.textContent)")
    assert titles == ["made_up", "Episodes", "Methods", "Provenance", "How to cite"]
    for part in ("Success per task", "Time to success", "Progress", "Failures and events", "Comparison"):
        assert part in browser.evaluate("[...document.querySelectorAll('h3')].map(title => title.textContent)")
    assert count(browser, LISTED) == len(RECORDS)
    assert count(browser, "svg.panel") == 3 + 1 + 3


def test_the_list_shows_the_records_numbers(browser: Browser, report: Path) -> None:
    browser.open(report)
    shown = browser.evaluate(
        f"[...document.querySelectorAll({LISTED!r})].map(box => "
        "[...box.querySelectorAll('summary > span')].slice(1).map(part => part.textContent))"
    )
    outcomes = {True: "✓ success", False: "✗ missed grasp", None: "? no verdict"}
    wanted = [
        [
            f"{record.episode.task} #{record.episode.index}",
            record.policy,
            outcomes[record.success],
            f"{record.steps} steps{', video' if record.episode.index < 2 else ''}",
        ]
        for record in sorted(RECORDS, key=lambda record: (record.policy, record.episode.task, record.episode.index))
    ]
    assert [row[:4] for row in shown] == wanted
    assert sum(float(row[4]) for row in shown) == pytest.approx(
        sum(float(record.progress[-1]) for record in RECORDS), abs=0.005 * len(RECORDS)
    )


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"policy": "good"}, {one.key for one in RECORDS if one.policy == "good"}),
        ({"task": "push-v3"}, {one.key for one in RECORDS if one.episode.task == "push-v3"}),
        ({"outcome": "failure"}, {one.key for one in RECORDS if one.success is False}),
        ({"outcome": "no verdict"}, {one.key for one in RECORDS if one.error}),
        ({"failure": "missed grasp"}, {one.key for one in RECORDS if one.failure}),
        ({"discordant": "on"}, {one.key for both in discordant(PAIRS) for one in both}),
        ({"video": "on"}, {one.key for one in RECORDS if one.episode.index < 2}),
        (
            {"policy": "good", "task": "reach-v3", "video": "on"},
            {
                one.key
                for one in RECORDS
                if (one.policy, one.episode.task) == ("good", "reach-v3") and one.episode.index < 2
            },
        ),
    ],
)
def test_filters_leave_the_episodes_that_they_name(
    browser: Browser, report: Path, chosen: dict[str, str], wanted: set[str]
) -> None:
    browser.open(report)
    for name, value in chosen.items():
        choose(browser, name, value)
    assert count(browser, LISTED) == len(wanted)
    assert browser.evaluate("document.querySelector('.count').value") == f"{len(wanted)} of {len(RECORDS)} episodes"
    browser.evaluate("document.querySelector('.filters [type=reset]').click()")
    browser.wait_for(f"document.querySelectorAll({LISTED!r}).length === {len(RECORDS)}")


def test_what_is_chosen_stands_in_the_address_and_opens_again(browser: Browser, report: Path) -> None:
    browser.open(report)
    choose(browser, "task", "push-v3")
    choose(browser, "outcome", "failure")
    address = browser.evaluate("location.hash")
    browser.open(report, address)
    failed = [one for one in RECORDS if one.episode.task == "push-v3" and one.success is False]
    assert count(browser, LISTED) == len(failed)


def test_a_number_of_the_success_table_leads_to_its_episodes(browser: Browser, report: Path) -> None:
    browser.open(report)
    task = browser.evaluate(
        "(() => { const link = document.querySelector('.rates a'); link.click(); "
        "return link.closest('tr').firstElementChild.textContent; })()"
    )
    browser.wait_for(f"document.querySelectorAll({LISTED!r}).length === 5")
    first = browser.evaluate(f"document.querySelector({LISTED!r}).textContent")
    assert task in first and "bad(chunk=10)" in first


def test_an_episode_opens_by_keyboard_with_video_progress_and_actions_beside_each_other(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    browser.evaluate(f"document.querySelector({LISTED + ' > summary'!r}).focus()")
    browser.press("Enter", 13)
    browser.wait_for(f"document.querySelector({LISTED + ' .course'!r}) !== null")
    tops = browser.evaluate(
        f"[...document.querySelectorAll({LISTED + ' .course > div:not(.wide)'!r})]"
        ".map(part => part.getBoundingClientRect().top)"
    )
    assert len(tops) == 3 and len(set(tops)) == 1
    curve = f"document.querySelector({LISTED + ' .course .line.c0'!r}).points.numberOfItems"
    assert browser.evaluate(curve) in {record.steps for record in RECORDS}
    assert count(browser, f"{LISTED} .actions .line") == 4


def test_videos_play_and_the_slider_follows_and_leads_them(browser: Browser, report: Path) -> None:
    browser.open(report)
    opened(browser, LISTED)
    video = f"document.querySelector({LISTED + ' video'!r})"
    browser.wait_for(f"{video}.readyState >= 2")
    slider = f"document.querySelector({LISTED + ' input[type=range]'!r})"
    assert browser.evaluate(f"{slider}.value === {slider}.max")
    browser.evaluate(f"{slider}.value = 0; {slider}.dispatchEvent(new Event('input')); {video}.muted = true")
    browser.wait_for(f"{video}.currentTime === 0 && !{video}.seeking")
    browser.evaluate(f"{video}.play()")
    browser.wait_for(f"{video}.currentTime > 0.3 && Number({slider}.value) > 0")
    browser.evaluate(f"{slider}.value = {slider}.max; {slider}.dispatchEvent(new Event('input'))")
    assert browser.evaluate(f"{video}.paused && {video}.currentTime > 0.9")


def test_discordant_pairs_stand_next_to_each_other_and_play_together(browser: Browser, report: Path) -> None:
    browser.open(report)
    boxes = "[...document.querySelectorAll('.pairs details')]"
    filmed = browser.evaluate(f"{boxes}.findIndex(box => box.textContent.split('video').length === 3)")
    opened(browser, f".pairs details:nth-child({filmed + 1})")
    sides = browser.evaluate(
        "[...document.querySelectorAll('.both > div')].map(side => side.getBoundingClientRect().toJSON())"
    )
    assert len(sides) == 2 and sides[0]["top"] == sides[1]["top"] and sides[0]["right"] <= sides[1]["left"]
    browser.wait_for("[...document.querySelectorAll('.both video')].every(video => video.readyState >= 2)")
    browser.evaluate("document.querySelectorAll('.both video').forEach(video => { video.muted = true; })")
    browser.evaluate("document.querySelector('.pairs button').click()")
    browser.wait_for("[...document.querySelectorAll('.both video')].every(video => video.currentTime > 0.1)")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 390])
def test_all_text_can_be_read_and_nothing_is_wider_than_the_screen(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    browser.open(report, width=width, dark=dark)
    opened(browser, ".pairs details")
    opened(browser, LISTED)
    assert browser.evaluate(CONTRAST) == {}
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")


def test_everything_that_can_be_used_has_a_name_and_ids_are_there(browser: Browser, report: Path) -> None:
    browser.open(report)
    opened(browser, ".pairs details")
    opened(browser, LISTED)
    assert browser.evaluate(UNNAMED) == []
    assert browser.evaluate("document.documentElement.lang") == "en"
    inside = "[...document.querySelectorAll('nav a')].every(link => document.querySelector(link.getAttribute('href')))"
    assert browser.evaluate(inside)


def test_a_file_of_curves_that_is_missing_is_said_in_the_box(started: Browser, report: Path) -> None:
    curves = report.parent / "curves" / "0.js"
    away = curves.rename(curves.with_suffix(".away"))
    try:
        started.open(report)
        opened_box = f"document.querySelector({LISTED!r})"
        started.evaluate(f"{opened_box}.open = true")
        started.wait_for(f"{opened_box}.textContent.includes('curves/0.js is not there')")
    finally:
        away.rename(curves)
        started.complaints.clear()


def test_a_thousand_episodes_open_in_two_seconds(browser: Browser, tmp_path: Path) -> None:
    mt50 = protocols.load("metaworld_mt50")
    records = [one for seed, name in enumerate(("vla", "expert")) for one in make_evaluation(mt50, name, seed=seed)]
    acted = (replace(record, actions=np.zeros((record.steps, 4), np.float32)) for record in records)
    assert main(["--store", str(fill(tmp_path / "store", list(acted))), "--out", str(tmp_path / "report")]) == 0
    took = min(browser.open(tmp_path / "report" / "index.html") for _ in range(3))
    assert took < 2
    assert browser.evaluate("document.querySelector('.count').value") == "1000 of 1000 episodes"
    assert count(browser, LISTED) == 60
    browser.evaluate("document.querySelector('.more').click()")
    assert count(browser, LISTED) == 120
