"""The episodes of a report as data for its script: one short row each, and the curves in files of their own.

`episodes.js` holds the rows and is read at once. `curves/N.js` holds the progress, actions, estimates and events of at
most `PER_FILE` episodes of one policy and task; the page reads it when such an episode is opened. Both are scripts
and not JSON, because a page that was opened from disk may not fetch. Curves are the records' own float32, in base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from protocols.contracts import FloatArray, Record
from results.cells import spoken
from results.comparison import Comparison
from results.pairs import discordant
from results.sections import setting_name
from results.sides import Side
from results.videos import HOLD_S

PER_FILE = 40
OUTCOMES = {True: "success", False: "failure", None: "error"}


class Placed(NamedTuple):
    """A record of a report: the place of its policy among all of the report's, the file of its curves, its video."""

    policy: int
    file: int
    record: Record
    video: str


def placed(policies: Sequence[Side], videos: Mapping[str, str]) -> list[Placed]:
    """Every record of every policy, by policy, task and index.

    Args:
        policies: all of the report.
        videos: addresses by the records' keys.
    """
    made, file = list[Placed](), 0
    for policy, side in enumerate(policies):
        for _, members in groupby(side.measured.records, key=lambda record: record.episode.task):
            some = list(members)
            made += [
                Placed(policy, file + place // PER_FILE, record, videos.get(record.key, ""))
                for place, record in enumerate(some)
            ]
            file += -(-len(some) // PER_FILE)
    return made


@dataclass(frozen=True)
class Versus:
    """Two policies and the places of their discordant pairs among the report's episodes."""

    first: int
    second: int
    pairs: tuple[tuple[int, int], ...]


def all_versus(comparisons: Iterable[Comparison], policies: Sequence[Side], episodes: Sequence[Placed]) -> list[Versus]:
    """Each comparison, in their order, pairs by `urgency`."""
    place = {(one.policy, one.record.key): number for number, one in enumerate(episodes)}
    order = {id(side): number for number, side in enumerate(policies)}
    made = []
    for comparison in comparisons:
        first, second = order[id(comparison.first)], order[id(comparison.second)]
        pairs = list(discordant(comparison.pairing.pairs))
        mostly_first = 2 * sum(bool(pair.first.success) for pair in pairs) > len(pairs)
        numbers = [(place[first, pair.first.key], place[second, pair.second.key]) for pair in pairs]
        numbers.sort(key=lambda pair: urgency(episodes[pair[0]], episodes[pair[1]], mostly_first))
        made.append(Versus(first, second, tuple(numbers)))
    return made


def urgency(first: Placed, second: Placed, mostly_first: bool) -> tuple[bool, int]:
    """Pairs of the rarer direction first, and in each direction those with more videos."""
    return first.record.success == mostly_first, (not first.video) + (not second.video)


def scripts(settings: Sequence[Sequence[Side]], episodes: Sequence[Placed], versus: Sequence[Versus]) -> dict[str, str]:
    """The files of the data, by name.

    Args:
        settings: the policies of each setting.
        episodes: as `placed` gives them.
        versus: as `all_versus` gives them.
    """
    tasks = list(dict.fromkeys(one.record.episode.task for one in episodes))
    failures = list(dict.fromkeys(one.record.failure for one in episodes))
    places = {name: place for place, name in enumerate(tasks)}, {name: place for place, name in enumerate(failures)}
    index = {
        "settings": [setting_name(sides[0].measured) for sides in settings],
        "policies": [
            [number, side.name, colour] for number, sides in enumerate(settings) for colour, side in enumerate(sides)
        ],
        "tasks": tasks,
        "failures": [spoken(name) for name in failures],
        "rows": [index_row(one, *places) for one in episodes],
        "hold_s": HOLD_S,
        "versus": [[one.first, one.second, one.pairs] for one in versus],
    }
    made = {"episodes.js": f"window.headway = {compact(index)};\n"}
    numbered = groupby(enumerate(episodes), key=lambda item: item[1].file)
    for file, members in numbered:
        curves = {number: course(one.record) for number, one in members}
        made[f"curves/{file}.js"] = f"headwayCurves({file}, {compact(curves)});\n"
    return made


def index_row(one: Placed, tasks: Mapping[str, int], failures: Mapping[str, int]) -> list[Any]:
    """Policy, task, index, outcome, steps, progress at the end, failure mode, file of the curves, video."""
    record = one.record
    reached = round(float(record.progress[-1]), 4) if len(record.progress) else None
    outcome = list(OUTCOMES).index(record.success)
    numbers = (one.policy, tasks[record.episode.task], record.episode.index, outcome, record.steps, reached)
    return [*numbers, failures[record.failure], one.file, one.video]


def course(record: Record) -> dict[str, Any]:
    """What is drawn of one episode."""
    return {
        "instruction": record.episode.instruction,
        "horizon": record.episode.max_steps,
        "progress": coded(record.progress),
        "actions": coded(record.actions),
        "width": record.actions.shape[1] if record.actions.ndim == 2 else 0,
        "looks": [[look.step, look.progress, look.success] for look in record.looks if look.progress is not None],
        "events": [list(event) for event in record.events],
        "error": record.error,
        "fingerprint": record.fingerprint,
        "key": record.key,
    }


def coded(array: FloatArray) -> str:
    """Little-endian float32 in base64."""
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def compact(value: Any) -> str:
    """JSON without spaces, in ASCII, and nothing in it that could end a script."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("</", "<\\/")
