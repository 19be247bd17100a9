"""Every protocol in the folder keeps the contract; and the loader takes nothing that it does not understand."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import protocols
from protocols.contracts import Task
from tests.conformance import ProtocolTests

FACTS = Path(__file__).parents[2] / "shared" / "facts" / "libero_tasks.csv"
with_facts = pytest.mark.skipif(not FACTS.exists(), reason="needs the shared folder beside the repository")
TABLE = "task,tier,plain,repaired\nnear,easy,go,go near\nfar,hard,go,go far\nup,hard,go,go up\n"
VALUES: dict[str, Any] = {
    "suite": "line",
    "starts": "circle",
    "shift": "light",
    "split": "eval",
    "task_table": "line.csv",
    "instruction_column": "plain",
    "tasks": "all",
    "episodes_per_task": 4,
    "max_steps": 40,
    "image_size_px": 8,
    "render": "official",
    "max_error_share": 0.1,
    "floors": {"expert": 0.9},
}


@pytest.mark.parametrize("protocol", [*protocols.names(), "tests/line/line.yaml", "tests/line/wild.yaml"])
class TestEveryProtocol(ProtocolTests):
    pass


def written(folder: Path, *without: str, **values: Any) -> str:
    """Path of a protocol file with these values changed or left out, beside its task table."""
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / "line.csv").write_text(TABLE, encoding="utf-8")
    path = folder / "made_up.yaml"
    left = {key: value for key, value in (VALUES | values).items() if key not in without}
    path.write_text(yaml.safe_dump(left), encoding="utf-8")
    return str(path)


def test_a_file_says_all_that_a_protocol_is(tmp_path: Path) -> None:
    loaded = protocols.load(written(tmp_path, instruction_column="repaired"))
    assert (loaded.name, loaded.suite, loaded.split, loaded.render) == ("made_up", "line", "eval", "official")
    assert (loaded.starts, loaded.shift) == ("circle", "light")
    assert (loaded.episodes_per_task, loaded.max_steps, loaded.image_size_px) == (4, 40, 8)
    assert (loaded.max_error_share, loaded.floors, loaded.deviations) == (0.1, {"expert": 0.9}, ())
    assert loaded.tasks == (Task("near", "easy", "go near"), Task("far", "hard", "go far"), Task("up", "hard", "go up"))


def test_tasks_are_taken_in_the_order_in_which_the_file_lists_them(tmp_path: Path) -> None:
    loaded = protocols.load(written(tmp_path, tasks=["up", "near"]))
    assert loaded.tasks == (Task("up", "hard", "go"), Task("near", "easy", "go"))


def test_a_tier_stands_for_all_its_tasks_in_the_order_of_the_table(tmp_path: Path) -> None:
    loaded = protocols.load(written(tmp_path, tasks=["hard", "near"]))
    assert [task.name for task in loaded.tasks] == ["far", "up", "near"]


def test_each_tier_may_have_its_own_horizon(tmp_path: Path) -> None:
    loaded = protocols.load(written(tmp_path, max_steps={"hard": 50, "easy": 40}))
    assert {episode.task: episode.max_steps for episode in loaded.episodes()} == {"near": 40, "far": 50, "up": 50}


@pytest.mark.parametrize(
    ("horizons", "said"),
    [
        ({"easy": 40}, "max_steps must name the tiers easy, hard, not easy"),
        ({"easy": 40, "hard": 50, "harder": 60}, "max_steps must name the tiers easy, hard, not easy, hard, harder"),
        ({}, "max_steps must name the tiers easy, hard, not"),
        ({"easy": 40, "hard": "50"}, "max_steps of hard is '50', which has the wrong type"),
        ({"easy": True, "hard": 50}, "max_steps of easy is True, which has the wrong type"),
        ({"easy": 40, "hard": 0}, "max_steps of hard must be at least 1, not 0"),
    ],
)
def test_horizons_of_other_tiers_than_there_are_are_refused(
    tmp_path: Path, horizons: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        protocols.load(written(tmp_path, max_steps=horizons))


def test_the_same_file_in_another_folder_is_the_same_protocol(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, other = (protocols.load(written(folder)) for folder in folders)
    assert one == other and one.hash() == other.hash()


@pytest.mark.parametrize("key", VALUES)
def test_a_missing_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match=rf"made_up\.yaml lacks the keys: {key}$"):
        protocols.load(written(tmp_path, key))


def test_unknown_keys_are_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown keys: horizon, seed\. There are: suite, starts, shift, split,"):
        protocols.load(written(tmp_path, horizon=3, seed=1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("suite", 3),
        ("shift", None),
        ("split", None),
        ("tasks", 50),
        ("tasks", {"near": 1}),
        ("episodes_per_task", "4"),
        ("episodes_per_task", 4.0),
        ("max_steps", True),
        ("image_size_px", [224, 224]),
        ("max_error_share", "1 %"),
        ("floors", ["expert"]),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{key} is .*, which has the wrong type"):
        protocols.load(written(tmp_path, **{key: value}))


def test_unknown_keys_of_any_kind_are_refused(tmp_path: Path) -> None:
    path = Path(written(tmp_path))
    path.write_text(f"{path.read_text(encoding='utf-8')}2: a\non: b\nhorizon: 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has unknown keys: 2, True, horizon"):
        protocols.load(str(path))


@pytest.mark.parametrize(
    "values", [{"max_error_share": -0.1}, {"max_error_share": float("nan")}, {"floors": {"a": "b"}}]
)
def test_a_share_that_is_none_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be a number from 0 to 1, not"):
        protocols.load(written(tmp_path, **values))


@pytest.mark.parametrize("key", ["episodes_per_task", "max_steps", "image_size_px"])
def test_a_number_below_1_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} must be at least 1, not 0"):
        protocols.load(written(tmp_path, **{key: 0}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"split": "evl"}, "no split named 'evl'; did you mean 'eval'"),
        ({"tasks": ["near", 3]}, "no task named '3'"),
        ({"tasks": ["near", "fra"]}, "no task named 'fra'; did you mean 'far'"),
        ({"render": "ofical"}, "no render profile named 'ofical'; did you mean 'official'"),
        ({"instruction_column": "repared"}, "no instruction column named 'repared'; did you mean 'repaired'"),
        ({"instruction_column": "tier"}, "no instruction column named 'tier'"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_the_nearest(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(LookupError, match=said):
        protocols.load(written(tmp_path, **values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tasks": "near"}, "tasks must be 'all' or a list of different task names or tiers, not 'near'"),
        ({"tasks": []}, r"tasks must be 'all' or a list of different task names or tiers, not \[\]"),
        ({"tasks": ["near", "near"]}, "tasks must be 'all' or a list of different .*, not .'near', 'near'"),
        ({"tasks": ["hard", "far"]}, "tasks must be 'all' or a list of different .*, not .'hard', 'far'"),
        ({"task_table": "circle.csv"}, r"there is no task table .*circle\.csv"),
    ],
)
def test_tasks_that_cannot_be_found_are_refused(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        protocols.load(written(tmp_path, **values))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"suite: [", "is not YAML: "),
        (b"suite: !!python/object/apply:os.getcwd []", "is not YAML: "),
        (b"\xff\xfe\xfa", "is not YAML: "),
        (b"- suite\n- split\n", "must be a mapping with the keys suite, starts"),
        (b"", "must be a mapping with the keys suite, starts"),
        (b"metaworld", "must be a mapping with the keys suite, starts"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "made_up.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"made_up.yaml {said}"):
        protocols.load(str(path))


def test_a_file_or_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"no protocol file .*nowhere\.yaml"):
        protocols.load(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(LookupError, match="no protocol named 'metaworld_mt5'; did you mean 'metaworld_mt50'"):
        protocols.load("metaworld_mt5")


def test_a_paraphrase_says_the_same_in_other_words() -> None:
    plain, told = protocols.load("piper_table4").tasks, protocols.load("piper_shift_instruction").tasks
    assert len({task.instruction for task in (*plain, *told)}) == len(plain) + len(told)
    for task, other in zip(plain, told, strict=True):
        said, again = set(task.instruction.split()), set(other.instruction.split())
        kept = {"left", "right", "red", "green", "blue", "yellow", "orange", "front"}
        assert said & kept == again & kept
        assert not again & {"close", "cabinet", "pick", "sink", "cup", "pot", "stove", "plate"}


def test_every_shifted_protocol_has_an_unshifted_twin_with_its_starts_and_conditions() -> None:
    loaded = [protocols.load(name) for name in protocols.names()]
    plain = [protocol for protocol in loaded if protocol.shift == "none"]
    for shifted in (protocol for protocol in loaded if protocol.shift != "none"):
        alike = replace(shifted, shift="none", name="", tasks=())
        twins = [one for one in plain if one.conditions_hash() == replace(alike, name=one.name).conditions_hash()]
        starts = {(episode.task, episode.index, episode.seed) for episode in shifted.episodes()}
        assert any(starts <= {(one.task, one.index, one.seed) for one in twin.episodes()} for twin in twins)


def test_the_protocols_of_libero_share_their_starts() -> None:
    whole = {(one.task, one.index): one for one in protocols.load("libero").episodes()}
    for name in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        assert all(whole[one.task, one.index] == one for one in protocols.load(name).episodes())
    for name in ("libero_lerobot", "libero_official", "libero_bddl"):
        seeds = {where: episode.seed for where, episode in whole.items()}
        assert all(seeds[one.task, one.index] == one.seed for one in protocols.load(name).episodes())


def test_libero_has_the_horizons_that_others_evaluate_with() -> None:
    """OpenVLA's run_libero_eval.py at 7ea2742, LeRobot's envs/libero.py at 7427f31, LIBERO's eval/default.yaml."""
    openvla = {"spatial": 220, "object": 280, "goal": 300, "long": 520}
    assert protocols.load("libero").max_steps == protocols.load("libero_bddl").max_steps == openvla
    assert protocols.load("libero_lerobot").max_steps == openvla | {"spatial": 280}
    alone = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90", "libero_official")
    assert [protocols.load(name).max_steps for name in alone] == [220, 280, 300, 520, 400, 600]


@with_facts
def test_the_tasks_of_libero_are_those_of_the_fact_sheet_in_the_official_order() -> None:
    with FACTS.open(encoding="utf-8", newline="") as file:
        sheet = sorted(csv.DictReader(file), key=lambda row: int(row["i"]))
    for suite, count in (("spatial", 10), ("object", 10), ("goal", 10), ("10", 10), ("90", 90)):
        rows = [row for row in sheet if row["suite"] == f"libero_{suite}"]
        loaded = protocols.load(f"libero_{suite}").tasks
        assert [(task.name, task.instruction) for task in loaded] == [(row["name"], row["language"]) for row in rows]
        assert len(loaded) == count
    told = {row["name"]: row["bddl_language"] for row in sheet}
    assert all(task.instruction == told[task.name] for task in protocols.load("libero_bddl").tasks)


def test_every_task_table_is_used_by_a_protocol() -> None:
    used = {yaml.safe_load(path.read_text(encoding="utf-8"))["task_table"] for path in protocols.FOLDER.glob("*.yaml")}
    assert used == {path.name for path in (protocols.FOLDER / "tasks").iterdir()}


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = Path(written(tmp_path))
    path.write_text(path.read_text() + "max_steps: 7\n")
    with pytest.raises(ValueError, match="keys given twice: max_steps"):
        protocols.load(str(path))


@pytest.mark.parametrize("table", ["task,tier,plain\n", "name,tier,plain\nnear,easy,go\n"])
def test_a_task_table_without_tasks_or_columns_is_refused(tmp_path: Path, table: str) -> None:
    path = written(tmp_path)
    (tmp_path / "tasks" / "line.csv").write_text(table)
    with pytest.raises(ValueError, match="must have the columns task and tier, and at least one task"):
        protocols.load(path)
