"""What a policy is denied under each arm, what it still has, and that records stay independent of the machinery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

import envs
import policies
import protocols
from harness.evaluation import Evaluation
from harness.run import main
from policies.arms import NAMES, Delayed, armed
from policies.execution import wrapped
from protocols.contracts import ActionSpec, Batch, Episode, ObservationSpec, Plan, Policy, Record, content_hash
from results.export import jsonl
from results.groups import by_policy
from results.pairs import agreement, pair
from results.store import Store
from tests.conformance import made, other_arguments, shown
from tests.traces import SMALL_PX, some_episodes

LINE = str(Path(__file__).parent / "line" / "line.yaml")
RELAY = str(Path(__file__).parent / "line" / "relay.yaml")
ARMS = ("blind", "frozen", "no-language", "shuffled", "zero-state", "delayed=1", "delayed=3", "clock")
TOLD = ("push", "pull", "turn")
START = Episode("line", "near", "push", 0, 1, 40)


class Witness:
    """Keeps what it is shown, and plans the same whatever that is."""

    observation = ObservationSpec(cameras={"agent": (2, 3), "wrist": (1, 1)}, state=("x", "y"))
    action = ActionSpec(("dx",), -1.0, 1.0, 10.0, "none", "none")
    chunk = execute = 2
    in_worker = False

    def __init__(self, batch_size: int = 2) -> None:
        self.batch_size = batch_size
        self.shown: list[Batch] = []
        self.resets: list[int] = []

    def reset(self, slot: int, episode: Episode) -> None:
        self.resets.append(slot)

    def act(self, batch: Batch) -> Plan:
        self.shown.append(batch)
        rows = len(batch.slots)
        return Plan(np.ones((rows, 2, 1), np.float32), np.full(rows, 0.5, np.float32), np.full(rows, 0.25, np.float32))

    def fingerprint(self) -> str:
        return content_hash("witness")


def batch(look: int, slots: tuple[int, ...] = (0, -1), told: str = "push", steps: int | None = None) -> Batch:
    """What is seen at a look: images of 10 * slot + look, a state of slot and look."""
    rows, step = len(slots), 2 * look if steps is None else steps
    value = np.array([10 * slot + look if slot >= 0 else 0 for slot in slots], np.uint8)
    images = {
        camera: np.broadcast_to(value[:, None, None, None], (rows, *size, 3)).copy()
        for camera, size in Witness.observation.cameras.items()
    }
    state = np.array([[slot, look] for slot in slots], np.float32)
    seeds = np.arange(rows, dtype=np.uint64) + np.uint64(look)
    return Batch(images, state, tuple(told if slot >= 0 else "" for slot in slots), seeds, slots, (step,) * rows)


def under(arm: str, looks: int, told: str = "push") -> list[Batch]:
    """What a policy is shown under an arm, of an episode in slot 0."""
    inner = Witness()
    policy = armed(inner, arm, TOLD)
    policy.reset(0, START)
    for look in range(looks):
        seen = batch(look, told=told)
        policy.act(seen._replace(images={} if arm == "blind" else seen.images))
    return inner.shown


def brightness(shown: list[Batch], row: int = 0) -> list[int]:
    """Of the agent's and the wrist's images, which are of one colour."""
    assert all(np.ptp(one.images[camera][row]) == 0 for one in shown for camera in ("agent", "wrist"))
    assert all((one.images["agent"][row, 0, 0] == one.images["wrist"][row, 0, 0]).all() for one in shown)
    return [int(one.images["agent"][row].max()) for one in shown]


def test_a_blind_policy_sees_black_images_that_nobody_draws() -> None:
    assert armed(Witness(), "blind").observation == ObservationSpec({}, ("x", "y"))
    shown = under("blind", 3)
    assert brightness(shown) == [0, 0, 0]
    assert shown[0].images["agent"].shape == (2, 2, 3, 3) and shown[0].images["agent"].dtype == np.uint8
    assert [one.state[0, 1] for one in shown] == [0, 1, 2] and shown[0].instructions == ("push", "")


def test_a_frozen_image_is_the_first_of_the_episode_also_after_another_instruction() -> None:
    inner = Witness()
    policy = armed(inner, "frozen")
    for began in (0, 7):
        policy.reset(0, START)
        policy.act(batch(began, steps=0))
        policy.act(batch(began + 1, steps=2))
        policy.reset(0, START)  # the instruction has changed
        policy.act(batch(began + 2, told="pull", steps=4))
    assert brightness(inner.shown) == [0, 0, 0, 7, 7, 7]
    assert [one.state[0, 1] for one in inner.shown] == [0, 1, 2, 7, 8, 9], "the state goes on"
    assert inner.resets == [0] * 4


def test_without_language_the_instruction_is_empty_and_all_else_is_there() -> None:
    shown = under("no-language", 2)
    assert {one.instructions for one in shown} == {("", "")}
    assert brightness(shown) == [0, 1]


@given(st.integers(0, 2**32 - 1), st.sampled_from(TOLD))
def test_a_shuffled_instruction_is_another_and_the_same_at_every_look(seed: int, told: str) -> None:
    inner = Witness()
    policy = armed(inner, "shuffled", [*TOLD, "push"])
    policy.reset(0, replace(START, seed=seed))
    for look in range(3):
        policy.act(batch(look, told=told))
    assert len({one.instructions for one in inner.shown}) == 1
    assert inner.shown[0].instructions[0] in set(TOLD) - {told} and inner.shown[0].instructions[1] == ""


def test_shuffled_instructions_differ_from_episode_to_episode() -> None:
    drawn = set()
    for seed in range(20):
        inner = Witness()
        policy = armed(inner, "shuffled", TOLD)
        policy.reset(0, replace(START, seed=seed))
        policy.act(batch(0))
        drawn.add(inner.shown[0].instructions[0])
    assert drawn == {"pull", "turn"}


def test_a_zero_state_is_all_zeros_of_the_same_shape() -> None:
    shown = under("zero-state", 3)
    assert all(not one.state.any() and one.state.shape == (2, 2) for one in shown)
    assert brightness(shown) == [0, 1, 2]


@given(st.integers(1, 6), st.integers(1, 12))
def test_a_delayed_look_is_that_of_so_many_looks_ago(looks: int, count: int) -> None:
    shown = under(f"delayed={looks}", count)
    past = [max(0, look - looks) for look in range(count)]
    assert brightness(shown) == past
    assert [one.state[0, 1] for one in shown] == past
    assert [one.steps[0] for one in shown] == [2 * look for look in range(count)], "what time it is, it knows"


def test_a_delay_begins_anew_with_an_episode_or_an_instruction() -> None:
    policy, inner = Delayed(Witness(), 2), Witness()
    policy.policy = inner
    policy.reset(0, START)
    for look in range(4):
        policy.act(batch(look))
    policy.reset(0, START)
    for look in range(4, 8):
        policy.act(batch(look))
    assert brightness(inner.shown) == [0, 0, 0, 1, 4, 4, 4, 5]


def test_the_clock_takes_elapsed_time_for_progress_and_changes_no_action() -> None:
    policy = armed(Witness(), "clock")
    policy.reset(0, START)
    plans = [policy.act(batch(look)) for look in range(3)]
    assert [plan.progress.tolist() for plan in plans if plan.progress is not None] == [
        pytest.approx([2 * look / 40, 0]) for look in range(3)
    ]
    assert all((plan.actions == 1).all() and plan.success is not None for plan in plans)


@pytest.mark.parametrize("arm", ARMS)
def test_slots_do_not_mix_and_padding_rows_leave_no_trace(arm: str) -> None:
    alone, together = Witness(), Witness(batch_size=3)
    one, both = armed(alone, arm, TOLD), armed(together, arm, TOLD)
    order = [(5, 0, -1), (0, 5, -1), (0, -1, -1), (5, 0, -1)]
    for policy in (one, both):
        policy.reset(0, START)
    both.reset(5, replace(START, seed=9))
    for look, slots in enumerate(order):
        one.act(batch(look))
        both.act(batch(look, slots))
        place = slots.index(0)
        for camera in Witness.observation.cameras:
            row = together.shown[look].images[camera][place]
            np.testing.assert_array_equal(row, alone.shown[look].images[camera][0])
        np.testing.assert_array_equal(together.shown[look].state[place], alone.shown[look].state[0])
        assert together.shown[look].instructions[place] == alone.shown[look].instructions[0]


@pytest.mark.parametrize("arm", ARMS)
def test_what_is_shown_is_not_changed_in_its_place(arm: str) -> None:
    policy = armed(Witness(), arm, TOLD)
    policy.reset(0, START)
    policy.act(batch(0))
    seen, kept = batch(1), batch(1)
    policy.act(seen)
    np.testing.assert_array_equal(seen.state, kept.state)
    np.testing.assert_array_equal(seen.images["agent"], kept.images["agent"])


def test_every_arm_is_another_policy_under_another_name() -> None:
    arms = ("none", *ARMS)
    inner = Witness()
    assert len({armed(inner, arm, TOLD).fingerprint() for arm in arms}) == len(arms)
    assert armed(inner, "shuffled", TOLD).fingerprint() != armed(inner, "shuffled", TOLD[:2]).fingerprint()
    assert armed(inner, "none") is inner
    names = [policies.described("vla", {"size": 3}, "first", arm) for arm in arms]
    assert names[:2] == ["vla(size=3) first", "vla(size=3) first blind"] and len(set(names)) == len(arms)


def test_an_arm_goes_with_every_execution() -> None:
    for execution in ("own", "first", "chunk=2", "ensemble"):
        policy = wrapped(armed(Witness(), "delayed=1"), execution)
        policy.reset(0, START)
        assert policy.act(batch(0)).actions.shape == (2, policy.chunk, 1)


@pytest.mark.parametrize("name", policies.names())
@pytest.mark.parametrize("arm", ARMS)
def test_every_policy_that_plans_takes_every_arm(name: str, arm: str) -> None:
    spec, suite = envs.load("tests.line").spec(SMALL_PX), "tests.line"
    seeing = [one for one in other_arguments(name, spec) if "cameras" in one] or [{}]
    inner = made(name, suite, **seeing[0])
    if inner.in_worker:
        with pytest.raises(ValueError, match=f"acts beside the simulator and is shown nothing; --arm {arm} does not"):
            armed(inner, arm, TOLD)
        return
    policy: Policy = armed(inner, arm, TOLD)
    assert policy.fingerprint() != inner.fingerprint()
    for slot in range(policy.batch_size):
        policy.reset(slot, some_episodes(suite)[0])
    plan = policy.act(shown(policy, spec, policy.batch_size))
    assert plan.actions.shape[0] == policy.batch_size and plan.actions.shape[1] >= policy.execute


@pytest.mark.parametrize(
    ("arm", "complaint"),
    [
        ("deaf", "no arm 'deaf'; there are: none, blind, frozen, no-language, shuffled, zero-state, delayed=K, clock"),
        ("delayed", "no arm 'delayed'"),
        ("delayed=two", "no arm 'delayed=two'"),
        ("blind=1", "no arm 'blind=1'"),
        ("delayed=0", "delayed must be at least 1, not 0"),
        ("shuffled", "needs a protocol whose tasks have different instructions"),
    ],
)
def test_another_word_is_refused(arm: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        armed(Witness(), arm, ["push"])


def test_an_arm_that_would_change_nothing_is_refused() -> None:
    inner = Witness()
    inner.observation = ObservationSpec({}, ())
    for arm in ("blind", "frozen"):
        with pytest.raises(ValueError, match=f"looks through no camera; --arm {arm} would change nothing"):
            armed(inner, arm)
    with pytest.raises(ValueError, match="reads no state; --arm zero-state would change nothing"):
        armed(inner, "zero-state")


def evaluated(folder: Path, arm: str, protocol: str = LINE, workers: int = 1) -> list[Record]:
    """Records of the pointer, which looks, under an arm."""
    evaluation = Evaluation(protocols.load(protocol), "tests.line.pointer", {}, arm=arm)
    with Store(folder, write=True) as store:
        return list(evaluation.run(store, workers=workers))


@pytest.mark.parametrize("arm", ["blind", "frozen", "shuffled", "delayed=2", "clock"])
def test_records_of_an_arm_do_not_depend_on_workers_where_instructions_change(tmp_path: Path, arm: str) -> None:
    protocol = LINE if arm == "shuffled" else RELAY
    usual, other = (evaluated(tmp_path / str(workers), arm, protocol, workers) for workers in (1, 3))
    assert all(record.error is None for record in usual)
    assert jsonl(usual, times=False) == jsonl(other, times=False)


def test_an_arm_is_recorded_and_pairs_with_the_normal_one(tmp_path: Path) -> None:
    normal, blind = evaluated(tmp_path / "a", "none"), evaluated(tmp_path / "b", "blind")
    assert {record.policy for record in blind} == {"tests.line.pointer blind"}
    assert {record.renders for record in blind} == {0} and all(record.renders for record in normal)
    assert len(by_policy([*normal, *blind])) == 2
    pairing = pair(normal, blind)
    assert len(pairing.pairs) == len(normal)
    assert agreement(pairing.pairs).courses == 0, "the pointer goes by the brightness too"


def test_instructions_to_shuffle_are_those_of_the_whole_protocol_whatever_is_chosen() -> None:
    whole = protocols.load("metaworld_mt10")
    assert protocols.instructions(whole.changed(tasks=["push-v3"])) == {task.instruction for task in whole.tasks}
    chains = protocols.instructions(protocols.load("calvin_abc_d"))
    assert len(chains) >= 34 and "five instructions, one after another" not in chains


def test_the_command_line_takes_an_arm_and_refuses_it_for_the_expert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what = ["--protocol", LINE, "--store", str(tmp_path), "--trials", "1", "--workers", "1", "--arm"]
    assert main(["--policy", "random", *what, "zero-state"]) == 0
    assert "random zero-state on line" in capsys.readouterr().err
    assert main(["--policy", "expert", *what, "no-language"]) == 2
    assert capsys.readouterr().err.startswith("error: this policy acts beside the simulator and is shown nothing")
    assert set(NAMES) >= {"none", "blind"}
