"""A report's folder: what is in it, that its numbers are the records', and what it refuses."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import protocols
from protocols.contracts import Record
from results.export import jsonl
from results.groups import by_policy
from results.pairs import discordant, pair
from results.report import MARK, main
from results.statistics import by_task, summarise
from results.store import Store
from tests.records import make_evaluation, make_record, with_errors
from tests.reports import fill, film, two_policies
from tests.test_chains import chain

RECORDS = two_policies()
Printed = pytest.CaptureFixture[str]


def report(records: list[Record], folder: Path, *options: str) -> Path:
    """The report of some records."""
    assert main(["--store", str(fill(folder / "store", records)), "--out", str(folder / "report"), *options]) == 0
    return folder / "report"


def index(folder: Path) -> dict[str, Any]:
    """The data of a report's script."""
    text = (folder / "episodes.js").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.removeprefix("window.headway = ").removesuffix(";\n"))
    return found


def curves(folder: Path, file: int) -> dict[str, Any]:
    """The curves of one file."""
    text = (folder / "curves" / f"{file}.js").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.removeprefix(f"headwayCurves({file}, ").removesuffix(");\n"))
    return found


def plain(page: str) -> str:
    """The page's text, without tags, spaces as one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def page(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_episode_is_listed_with_the_numbers_of_its_record(tmp_path: Path) -> None:
    folder = report(RECORDS, tmp_path)
    data = index(folder)
    listed = {
        (data["policies"][policy][1], data["tasks"][task], number): (outcome, steps, reached, data["failures"][failure])
        for policy, task, number, outcome, steps, reached, failure, _, _ in data["rows"]
    }
    assert len(listed) == len(RECORDS)
    for record in RECORDS:
        outcome, steps, reached, failure = listed[record.policy, record.episode.task, record.episode.index]
        assert outcome == {True: 0, False: 1, None: 2}[record.success]
        assert (steps, failure) == (record.steps, record.failure.replace("_", " "))
        assert reached == pytest.approx(float(record.progress[-1]), abs=5e-5)


def test_curves_are_the_record_s_own_numbers_bit_for_bit(tmp_path: Path) -> None:
    folder = report(RECORDS, tmp_path)
    by_key = {record.key: record for record in RECORDS}
    for number, row in enumerate(index(folder)["rows"]):
        course = curves(folder, row[7])[str(number)]
        record = by_key[course["key"]]
        assert base64.b64decode(course["progress"]) == record.progress.astype("<f4").tobytes()
        assert base64.b64decode(course["actions"]) == record.actions.astype("<f4").tobytes()
        assert course["width"] == 4 and course["events"] == [list(event) for event in record.events]
        assert len(course["looks"]) == len(record.looks)


def test_success_per_task_is_that_of_the_records_and_leads_to_its_episodes(tmp_path: Path) -> None:
    shown = page(report(RECORDS, tmp_path))
    for measured in by_policy(RECORDS):
        for task, records in by_task(measured.records).items():
            summary = summarise(records)
            policy = 0 if measured.policy == "bad(chunk=10)" else 1
            link = f'<a href="#episodes?policy={policy}&amp;task={task}" title="show these episodes">'
            assert f"{link}{summary.successes}/{summary.episodes}</a>" in shown


def test_errors_are_counted_and_in_no_rate(tmp_path: Path) -> None:
    shown = plain(page(report(RECORDS, tmp_path)))
    assert "29 episodes with a verdict, 1 without one" in shown
    assert re.search(r"bad\(chunk=10\) 50\.0 .* 7/14 ", shown) and ", 1 error" in shown


def test_a_policy_with_too_many_errors_is_named_and_has_no_numbers(tmp_path: Path) -> None:
    records = [replace(record, protocol="metaworld_mt50") for record in RECORDS]
    good = [record for record in records if record.policy == "good"]
    bad = with_errors([record for record in records if record.policy != "good"], 15)
    shown = plain(page(report([*good, *bad], tmp_path)))
    assert "bad(chunk=10): refused, 15 of 15 episodes have no verdict" in shown
    assert "There is only one policy with a verdict here" in shown


def test_only_errors_are_refused(tmp_path: Path, capsys: Printed) -> None:
    records = [replace(record, protocol="metaworld_mt50") for record in RECORDS]
    store = fill(tmp_path / "store", with_errors(records, len(records)))
    assert main(["--store", str(store), "--out", str(tmp_path / "report")]) == 2
    assert "have no verdict" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_one_policy_alone_gives_a_report_without_comparisons(tmp_path: Path) -> None:
    folder = report([record for record in RECORDS if record.policy == "good"], tmp_path)
    assert "nothing to compare" in page(folder)
    assert index(folder)["versus"] == []


def test_policies_that_share_no_episode_are_said_to(tmp_path: Path) -> None:
    moved = [replace(one, fingerprint="elsewhere") if one.policy == "good" else one for one in RECORDS]
    shown = plain(page(report(moved, tmp_path)))
    assert "good make no pair of 15 shared episodes" in shown


def test_discordant_pairs_are_those_of_the_records_rarer_direction_first(tmp_path: Path) -> None:
    data = index(report(RECORDS, tmp_path))
    bad, good = by_policy(RECORDS)
    wanted = {
        (one.first.episode.task, one.first.episode.index) for one in discordant(pair(bad.records, good.records).pairs)
    }
    ((first, second, pairs),) = data["versus"]
    rows = [(data["rows"][one], data["rows"][other]) for one, other in pairs]
    assert [data["policies"][side][1] for side in (first, second)] == [bad.policy, good.policy]
    assert {(data["tasks"][one[1]], one[2]) for one, _ in rows} == wanted and len(wanted) > 3
    assert all(one[:3] == [first, *other[1:3]] and {one[3], other[3]} == {0, 1} for one, other in rows)
    outcomes = [one[3] for one, _ in rows]
    assert outcomes == sorted(outcomes), "the bad policy's few successes come first"


def test_more_than_two_policies_have_letters_and_each_pair_its_own_box(tmp_path: Path) -> None:
    some = protocols.load("metaworld_mt10").changed(trials=3)
    records = [record for seed, name in enumerate("abc") for record in make_evaluation(some, name, seed=seed)]
    shown = page(report(records, tmp_path))
    assert shown.count('<details class="versus">') == 3
    assert "policies with a common letter" in shown


def test_chains_are_shown_as_chains(tmp_path: Path) -> None:
    shown = plain(page(report([chain(number, length) for number, length in enumerate((5, 3, 0, 4))], tmp_path)))
    assert "3.00 of 5" in shown and "Subtasks solved in a row in %" in shown
    assert "Success per task" not in shown


def test_text_of_records_is_never_markup(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    records = [
        make_record(f"t{evil}".replace("/", "|"), 0, policy=evil),
        make_record(success=None, error=evil, policy=evil),
    ]
    records = [replace(one, protocol="unknown", episode=replace(one.episode, instruction=evil)) for one in records]
    folder = report(records, tmp_path)
    assert "<img" not in page(folder) and "&lt;img" in page(folder)
    for name in ("episodes.js", "curves/0.js"):
        assert "</script" not in (folder / name).read_text(encoding="utf-8")


def test_a_page_asks_for_nothing_that_is_not_in_its_folder(tmp_path: Path) -> None:
    folder = report(RECORDS, tmp_path)
    asked = re.findall(r'(?:src|href)="([^"#]+)"', page(folder))
    assert {name for name in asked if name != "data:,"} <= files(folder)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page(folder) + (folder / "script.js").read_text())


@pytest.mark.parametrize(("how", "links"), [("link", 2), ("copy", 1)])
def test_videos_are_linked_or_copied(tmp_path: Path, how: str, links: int) -> None:
    store = fill(tmp_path / "store", RECORDS)
    film(store, RECORDS[:2])
    assert main(["--store", str(store), "--out", str(tmp_path / "report"), "--videos", how]) == 0
    named = [row[8] for row in index(tmp_path / "report")["rows"] if row[8]]
    assert len(named) == 2
    assert [(tmp_path / "report" / name).stat().st_nlink for name in named] == [links, links]


def test_videos_can_be_left_out_and_go_with_the_former_report(tmp_path: Path) -> None:
    store, out = fill(tmp_path / "store", RECORDS), tmp_path / "report"
    film(store, RECORDS[:1])
    assert main(["--store", str(store), "--out", str(out)]) == 0
    assert (out / "videos").exists()
    assert main(["--store", str(store), "--out", str(out), "--videos", "none"]) == 0
    assert not (out / "videos").exists()
    assert not any(row[8] for row in index(out)["rows"])


def test_a_video_of_other_cameras_is_shown_where_there_is_none_of_the_usual_one(tmp_path: Path) -> None:
    store = fill(tmp_path / "store", RECORDS)
    film(store, RECORDS[:1])
    (usual,) = (store / "videos").iterdir()
    both = usual.rename(usual.with_stem(f"{usual.stem}-agent-wrist"))
    assert main(["--store", str(store), "--out", str(tmp_path / "report")]) == 0
    assert [row[8] for row in index(tmp_path / "report")["rows"] if row[8]] == [f"videos/{both.name}"]


def test_a_report_is_written_over_a_former_one_and_what_else_lies_there_stays(tmp_path: Path) -> None:
    folder = report(RECORDS, tmp_path)
    (folder / "notes.txt").write_text("mine")
    fewer = fill(tmp_path / "fewer", RECORDS[:15])
    assert main(["--store", str(fewer), "--out", str(folder)]) == 0
    named = json.loads((folder / MARK).read_text())["files"]
    assert files(folder) == {*named, MARK, "notes.txt"}
    assert len(index(folder)["rows"]) == 15


def test_the_same_store_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = report(RECORDS, tmp_path)
    assert main(["--store", str(tmp_path / "store"), "--out", str(tmp_path / "again")]) == 0
    assert all((folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in files(folder))


def test_a_folder_that_is_not_ours_is_refused_and_untouched(tmp_path: Path, capsys: Printed) -> None:
    store, out = fill(tmp_path / "store", RECORDS), tmp_path / "thesis"
    out.mkdir()
    (out / "index.html").write_text("my thesis")
    assert main(["--store", str(store), "--out", str(out)]) == 2
    assert "is there and is no report of ours; name a new or an empty folder" in capsys.readouterr().err
    assert files(out) == {"index.html"} and (out / "index.html").read_text() == "my thesis"


def test_an_empty_folder_is_taken_and_a_file_is_refused(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "report").mkdir()
    report(RECORDS[:3], tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["--store", str(tmp_path / "store"), "--out", str(tmp_path / "file")]) == 2
    assert "is a file; name a folder" in capsys.readouterr().err


@pytest.mark.parametrize("names", [["../store/store.sqlite"], ["/etc/hostname"], ["curves/../../notes"]])
def test_a_mark_cannot_make_us_delete_what_lies_elsewhere(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "notes").write_text("mine")
    folder = report(RECORDS[:3], tmp_path)
    (folder / MARK).write_text(json.dumps({"files": names}))
    assert main(["--store", str(tmp_path / "store"), "--out", str(folder)]) == 0
    assert (tmp_path / "notes").exists() and (tmp_path / "store" / "store.sqlite").exists()


@pytest.mark.parametrize("mark", ["{", "[]", '{"files": 3}', '{"files": "abc"}', '{"files": [1]}'])
def test_a_mark_that_cannot_be_read_is_an_error_in_one_line(tmp_path: Path, capsys: Printed, mark: str) -> None:
    folder = report(RECORDS[:3], tmp_path)
    (folder / MARK).write_text(mark)
    assert main(["--store", str(tmp_path / "store"), "--out", str(folder)]) == 2
    assert "cannot be read; name a new folder" in capsys.readouterr().err


def test_exported_records_give_a_report_without_actions_and_runs(tmp_path: Path) -> None:
    (tmp_path / "ours.jsonl").write_text(jsonl(RECORDS))
    assert main(["--store", str(tmp_path / "ours.jsonl"), "--out", str(tmp_path / "report")]) == 0
    assert len(index(tmp_path / "report")["rows"]) == len(RECORDS)
    assert curves(tmp_path / "report", 0)["0"]["actions"] == ""


@pytest.mark.parametrize("mistake", ["no store", "no such protocol"])
def test_a_mistake_is_one_line(tmp_path: Path, capsys: Printed, mistake: str) -> None:
    store = tmp_path / "nowhere" if mistake == "no store" else fill(tmp_path / "store", RECORDS[:2])
    assert main(["--store", str(store), "--out", str(tmp_path / "report"), "--protocol", "metaworld_mt51"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_provenance_and_citation_name_commit_conditions_and_command(tmp_path: Path) -> None:
    shown = plain(page(report(RECORDS, tmp_path)))
    assert re.search(r"arguments\s+--policy good", shown) and "harness.run" not in shown
    assert f"commit {('c0ffee' * 6)[:12]}" in shown
    assert f"made_up (conditions {RECORDS[0].conditions[:8]})" in shown
    assert "@software{headway," in shown


@pytest.mark.parametrize("program", ["harness.run", "harness.duel"])
def test_the_command_names_the_program_that_was_run(tmp_path: Path, program: str) -> None:
    store = fill(tmp_path / "store", [])
    with Store(store, write=True) as opened:
        opened.add_run("run-b", {"program": program, "command": ["expert", "a b"], "git": {"commit": "beef" * 10}})
        for record in RECORDS[:3]:
            opened.add(replace(record, run="run-b"))
    assert main(["--store", str(store), "--out", str(tmp_path / "report")]) == 0
    shown = plain(page(tmp_path / "report"))
    assert f"python -m {program} expert &#39;a b&#39;" in shown
    assert "commit beefbeefbeef" in shown and "c0ffee" not in shown, "run-a made nothing that is shown"


def test_repeats_are_not_in_a_report(tmp_path: Path, capsys: Printed) -> None:
    again = [replace(one, episode=replace(one.episode, repeat=1), key=f"again {one.key}") for one in RECORDS]
    folder = report([*RECORDS, *again], tmp_path)
    assert f": {len(RECORDS)} episodes, 0 videos" in capsys.readouterr().out
    assert len(index(folder)["rows"]) == len(RECORDS)
    only = fill(tmp_path / "only", again)
    assert main(["--store", str(only), "--out", str(tmp_path / "other")]) == 2
    assert "there are only repeats" in capsys.readouterr().err


def test_a_thousand_episodes_take_less_than_a_minute_and_give_a_small_page(tmp_path: Path) -> None:
    mt50 = protocols.load("metaworld_mt50")
    records = [one for seed, name in enumerate(("vla", "expert")) for one in make_evaluation(mt50, name, seed=seed)]
    store = fill(tmp_path / "store", records)
    begun = time.process_time()
    assert main(["--store", str(store), "--out", str(tmp_path / "report")]) == 0
    assert time.process_time() - begun < 60
    assert len(index(tmp_path / "report")["rows"]) == 1000
    assert (tmp_path / "report" / "index.html").stat().st_size < 600_000
    assert (tmp_path / "report" / "episodes.js").stat().st_size < 100_000


def test_chains_of_two_policies_are_compared(tmp_path: Path) -> None:
    lengths = (5, 3, 0, 4, 5)
    one = [chain(number, length) for number, length in enumerate(lengths)]
    other = [replace(chain(number, 5), policy="better", deciding="d" * 32, key=f"{number:032}") for number in range(5)]
    folder = report([*one, *other], tmp_path)
    assert len(index(folder)["versus"][0][2]) == 3
    assert "5.00 of 5" in page(folder)


def test_each_setting_has_a_section_and_a_link_to_it(tmp_path: Path) -> None:
    moved = [replace(one, deviations=("max_steps=9",), key=f"moved {one.key}") for one in RECORDS]
    folder = report([*RECORDS, *moved], tmp_path)
    assert index(folder)["settings"] == ["made_up", "made_up, max_steps=9"]
    for number, name in enumerate(("made_up", "made_up, max_steps=9")):
        assert f'<li><a href="#setting-{number}">{name}</a></li>' in page(folder)
    assert [setting for setting, *_ in index(folder)["policies"]] == [0, 0, 1, 1]
    assert '<h2 id="overview-title">Overview</h2>' in page(folder), "with several settings one table for all of them"
