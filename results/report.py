"""A report as one folder to open from disk: `python -m results.report --store DIR --out report/`.

`report/index.html` needs no server and no network. It has an overview, success per task, progress and time to success,
failures, comparisons of every two policies, the episodes that only one of two solves next to each other, every episode
with its video, progress and actions, where the numbers come from and how to cite them. Episodes without a verdict are
counted, and in no number; repeats are left out, see `results.repeats`. A folder that is not a report of ours is
refused; the files of a former one are replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

from protocols.contracts import Record
from results.export import load_records
from results.groups import chosen_records, known_protocols
from results.literature import read_published
from results.report_page import render
from results.sides import Argument
from results.store import Store, StoreError
from results.videos import path_of

MARK = "headway-report.json"  # in a report's folder; names its files
VIDEOS = ("link", "copy", "none")
VIDEO_NAME = re.compile(r"(?P<episode>.+-\d{3,}-[0-9a-f]{8})(?P<cameras>-.+)?")


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(
        prog="python -m results.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--store", type=Path, required=True, metavar="DIR", help="a store, or a file that results.export wrote"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write, new or a former report"
    )
    parser.add_argument("--protocol", metavar="N", help="only this protocol's records")
    parser.add_argument(
        "--videos",
        choices=VIDEOS,
        default="link",
        help="the store's videos: hard links, which need no room and are copies on another disk; copies; or none",
    )
    chosen = parser.parse_args(arguments)
    try:
        check_ours(chosen.out)
        records = chosen_records(load_records(chosen.store), chosen.protocol, chosen.store)
        report = make(records, chosen.store, chosen.videos != "none")
        write(report, chosen.out, link=chosen.videos == "link")
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{chosen.out / 'index.html'}: {report.episodes} episodes, {len(report.videos)} videos")
    return 0


class Report(NamedTuple):
    """How many episodes it shows; texts by name, and videos: where they lie, by name."""

    episodes: int
    texts: Mapping[str, str]
    videos: Mapping[str, Path]


def make(records: list[Record], source: Path, with_videos: bool) -> Report:
    """A report of some records but repeats, which are only counted, with the videos and provenance beside them.

    Raises:
        ValueError: there are only repeats, or see `results.report_page.render`.
    """
    shown = [record for record in records if record.episode.repeat == 0]
    if not shown:
        raise ValueError(f"there are only repeats in {source}, which no report shows; see results.repeats")
    found = videos_of(shown, source / "videos") if with_videos else {}
    addresses = {key: f"videos/{quote(path.name)}" for key, path in found.items()}
    label = source.resolve().name if source.is_dir() else source.stem
    argument = Argument(label, source, records)
    texts = render(argument, known_protocols(records), read_published(), runs_of(source), addresses)
    return Report(len(shown), texts, {f"videos/{path.name}": path for path in found.values()})


def videos_of(records: Iterable[Record], folder: Path) -> dict[str, Path]:
    """The videos that `harness.film` has made, by the records' keys; the usual camera before others."""
    there: dict[str, Path] = {}
    for path in sorted(folder.glob("*.mp4"), key=lambda path: (len(path.stem), path.stem)):
        if name := VIDEO_NAME.fullmatch(path.stem):
            there.setdefault(name["episode"], path)
    names = {record.key: path_of(record, folder).stem for record in records}
    return {key: there[name] for key, name in names.items() if name in there}


def runs_of(source: Path) -> dict[str, dict[str, Any]]:
    """Provenance by run, as far as the source keeps it."""
    if source.is_file():
        return {}
    with Store(source) as store:
        return store.runs()


def check_ours(folder: Path) -> None:
    """Raise ValueError where a report would be written over something else."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise ValueError(f"{folder} is there and is no report of ours; name a new or an empty folder")


def write(report: Report, folder: Path, *, link: bool) -> None:
    """Write a report in place of a former one; what else lies in the folder stays.

    The mark is written first, so that a report that could not be finished can be written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [*report.texts, *report.videos]
    for name in set(former(folder)) - set(names):
        (folder / name).unlink(missing_ok=True)
    (folder / MARK).write_text(json.dumps({"files": sorted(names)}, indent=1) + "\n", encoding="utf-8")
    for name, text in report.texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name, path in report.videos.items():
        (folder / name).parent.mkdir(exist_ok=True)
        place(path, folder / name, link)
    for name in ("curves", "videos"):
        if (folder / name).is_dir() and not any((folder / name).iterdir()):
            (folder / name).rmdir()


def former(folder: Path) -> list[str]:
    """The files of the former report; names that lead out of the folder are none of ours."""
    if not (folder / MARK).exists():
        return []
    try:
        names = json.loads((folder / MARK).read_text(encoding="utf-8"))["files"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("files must be a list of texts")
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{folder / MARK} cannot be read; name a new folder") from None
    paths = (PurePosixPath(name) for name in names)
    return [str(path) for path in paths if not path.is_absolute() and ".." not in path.parts]


def place(path: Path, target: Path, link: bool) -> None:
    """Put a video into the folder, as a hard link where that is asked for and can be."""
    target.unlink(missing_ok=True)
    if link:
        try:
            os.link(path, target)
            return
        except OSError:  # another disk, or a file system without links
            pass
    shutil.copyfile(path, target)


if __name__ == "__main__":
    sys.exit(main())
