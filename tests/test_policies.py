"""Every policy in the folder keeps the contract on every suite; and how policies are found, made and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import envs
import policies
from policies.expert import Manner, Noise
from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, FloatArray, ObservationSpec
from tests.conformance import PolicyTests, made

SIZE = (16, 16)
SPEC = EnvSpec(
    ObservationSpec({"agent": SIZE, "wrist": SIZE}, ("x", "y")),
    ActionSpec(("dx", "dy"), (-0.5, 0.0), 2.0, 10.0, "none", "none"),
)
START = Episode("line", "near", "go", 0, 1, 40)


@pytest.mark.parametrize("suite", envs.names())
@pytest.mark.parametrize("policy", policies.names())
class TestEveryPolicy(PolicyTests):
    pass


@pytest.mark.parametrize(("policy", "suite"), [("tests.line.pointer", "tests.line")])
class TestThePointer(PolicyTests):
    """The policy of the harness's tests keeps the contract too."""


@pytest.mark.parametrize("suite", envs.names())
def test_no_two_policies_share_a_fingerprint(suite: str) -> None:
    prints = {made(name, suite).fingerprint() for name in policies.names()}
    assert len(prints) == len(policies.names())


def test_an_unknown_policy_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(LookupError, match="no policy named 'experts'; did you mean 'expert'"):
        policies.make("experts", SPEC, {})


def test_an_argument_that_a_policy_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match=r"policy 'zero' takes no argument chunks\. There are: chunk, cameras"):
        policies.make("zero", SPEC, {"chunks": "3"})


def test_an_argument_that_a_policy_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="policy 'replay' needs --policy-arg actions="):
        policies.make("replay", SPEC, {})


def test_a_number_from_the_command_line_is_a_number() -> None:
    assert policies.make("zero", SPEC, {"chunk": "3"}).execute == 3
    with pytest.raises(ValueError, match=r"policy 'zero': chunk must be a number \(int\), not 'three'"):
        policies.make("zero", SPEC, {"chunk": "three"})
    with pytest.raises(ValueError, match="chunk must be at least 1, not 0"):
        policies.make("zero", SPEC, {"chunk": "0"})


@pytest.mark.parametrize("name", ["zero", "random"])
def test_cameras_are_chosen_by_role(name: str) -> None:
    assert policies.make(name, SPEC, {}).observation.cameras == {}
    assert policies.make(name, SPEC, {"cameras": "wrist,agent"}).observation.cameras == {"wrist": SIZE, "agent": SIZE}
    with pytest.raises(LookupError, match="no camera named 'wrst'; did you mean 'wrist'"):
        policies.make(name, SPEC, {"cameras": "agent,wrst"})


@pytest.mark.parametrize(
    ("arguments", "execution", "called"),
    [
        ({}, "own", "zero"),
        ({"chunk": "10", "cameras": "agent"}, "own", "zero(cameras=agent, chunk=10)"),
        ({}, "first", "zero first"),
        ({"chunk": 5}, "ensemble", "zero(chunk=5) ensemble"),
        ({"store": "/somewhere", "of": "expert"}, "own", "zero(of=expert)"),
        ({"checkpoint": "weights.pt"}, "own", "zero"),
    ],
)
def test_a_policy_is_recorded_under_its_arguments_but_no_place(
    arguments: dict[str, str], execution: str, called: str
) -> None:
    assert policies.described("zero", arguments, execution) == called


def batch(*slots: int, seed: int = 7, steps: int = 0) -> Batch:
    """Rows that show nothing, with seeds from `seed` on, `steps` control steps after their episodes' starts."""
    rows = len(slots)
    seeds = np.arange(seed, seed + rows, dtype=np.uint64)
    return Batch({}, np.zeros((rows, 2), np.float32), ("go",) * rows, seeds, slots, (steps,) * rows)


def test_zero_does_nothing() -> None:
    assert not policies.make("zero", SPEC, {"chunk": 4}).act(batch(0)).actions.any()


def test_random_covers_the_range_of_each_entry() -> None:
    actions = policies.make("random", SPEC, {"chunk": 2000}).act(batch(0)).actions
    for entry, (low, high) in enumerate([(-0.5, 2.0), (0.0, 2.0)]):
        drawn = actions[..., entry]
        assert low <= drawn.min() < low + 0.01 and high - 0.01 < drawn.max() <= high
        assert abs(drawn.mean() - (low + high) / 2) < 0.05


def test_random_acts_by_the_seed_of_a_row_and_not_by_its_place() -> None:
    random = policies.make("random", SPEC, {"chunk": 5})
    one, other = random.act(batch(0, 1, seed=7)).actions, random.act(batch(0, 1, seed=8)).actions
    np.testing.assert_array_equal(one[1], other[0])
    assert not (one == other).any()


def test_the_expert_is_never_asked_for_a_plan() -> None:
    expert = policies.make("expert", SPEC, {})
    assert expert.in_worker
    with pytest.raises(AssertionError, match="acts in the worker"):
        expert.act(batch(0))


@pytest.mark.parametrize("noise", ["-0.1", "nan", "inf"])
def test_noise_that_is_no_share_of_the_range_is_refused(noise: str) -> None:
    with pytest.raises(ValueError, match=f"noise must be a share of half the action range, 0 or more, not {noise}"):
        policies.make("expert", SPEC, {"noise": noise})


def test_a_disturbed_expert_is_another_policy_and_one_without_noise_is_not() -> None:
    prints = [policies.make("expert", SPEC, {"noise": noise}).fingerprint() for noise in ("0", "0.1", "0.2")]
    prints += [policies.make("expert", SPEC, {"bursts": bursts}).fingerprint() for bursts in ("0.1", "0.2")]
    prints += [policies.make("expert", SPEC, {"bursts": "0.1", "push": "0.5"}).fingerprint()]
    prints += [policies.make("expert", SPEC, {"steady": "1"}).fingerprint()]
    assert prints[0] == policies.make("expert", SPEC, {"steady": "0"}).fingerprint()
    assert prints[0] == policies.make("expert", SPEC, {}).fingerprint()
    prints += [policies.make("expert", SPEC, {"bursts": "0.1", "grip": "0.5"}).fingerprint()]
    assert len(set(prints)) == 8


def test_an_expert_is_steady_or_not() -> None:
    with pytest.raises(ValueError, match="steady must be 0 or 1, not 2"):
        policies.make("expert", SPEC, {"steady": "2"})


def test_a_driver_is_a_checkpoint_that_drives_in_bursts_and_its_content_counts(tmp_path: Path) -> None:
    first, copy, other = (tmp_path / name for name in ("first", "copy", "other"))
    for path, content in ((first, "a"), (copy, "a"), (other, "b")):
        path.write_text(content)
    prints = [
        policies.make("expert", SPEC, {"bursts": "0.1", "driver": str(path)}).fingerprint()
        for path in (first, copy, other)
    ]
    assert prints[0] == prints[1] != prints[2]
    assert prints[0] != policies.make("expert", SPEC, {"bursts": "0.1"}).fingerprint()
    with pytest.raises(ValueError, match="driver must be the checkpoint of a learned policy; there is no file nowhere"):
        policies.make("expert", SPEC, {"bursts": "0.1", "driver": "nowhere"})
    with pytest.raises(ValueError, match="a driver drives in bursts, and there are none: add --policy-arg bursts="):
        policies.make("expert", SPEC, {"driver": str(first)})


@pytest.mark.parametrize("bursts", ["-0.1", "nan", "1.5"])
def test_bursts_that_are_no_probability_are_refused(bursts: str) -> None:
    with pytest.raises(ValueError, match=f"bursts must be a probability per control step, from 0 to 1, not {bursts}"):
        policies.make("expert", SPEC, {"bursts": bursts})


@pytest.mark.parametrize("push", ["0", "nan", "1.5"])
def test_a_push_that_is_no_share_is_refused(push: str) -> None:
    with pytest.raises(ValueError, match=f"push must be a share of an action, above 0 and up to 1, not {push}"):
        policies.make("expert", SPEC, {"push": push})


def disturbances(
    episode: Episode, share: float, wanted: FloatArray, steps: int = 20_000, bursts: float = 0.0, grip: float = 0.0
) -> FloatArray:
    """(steps, 3) what is executed in the place of `wanted`."""
    action = ActionSpec(("dx", "dy", "gripper"), (-1.0, 0.0, -1.0), (1.0, 5.0, 1.0), 10.0, "none", "none")
    noise = Noise(action, episode, Manner(share, bursts, grip=grip))
    return np.stack([noise.disturbed(wanted) for _ in range(steps)])


def test_noise_has_the_deviation_asked_for_and_stays_for_a_few_steps() -> None:
    wanted = np.array([0.0, 2.5, 1.0], np.float32)
    noise = disturbances(START, 0.1, wanted) - wanted
    np.testing.assert_allclose(noise.std(axis=0), [0.1, 0.25, 0.0], rtol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.02)
    for entry in noise.T[:2]:
        assert abs(np.corrcoef(entry[1:], entry[:-1])[0, 1] - 0.8) < 0.02
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.05


def test_what_is_executed_stays_within_the_range() -> None:
    executed = disturbances(START, 3.0, np.array([1.0, 5.0, -1.0], np.float32))
    assert (executed.min(axis=0) == [-1, 0, -1]).all() and (executed.max(axis=0) == [1, 5, -1]).all()


def test_a_burst_is_one_action_for_8_to_24_steps_that_leaves_the_gripper_alone() -> None:
    wanted = np.array([0.0, 2.5, 1.0], np.float32)
    calm, pushed = disturbances(START, 0.1, wanted), disturbances(START, 0.1, wanted, bursts=0.02)
    np.testing.assert_array_equal(pushed[:, 2], 1.0)
    burst = (pushed != calm).all(axis=1, where=[True, True, False])
    (starts,) = np.nonzero(burst[1:] & ~burst[:-1])
    assert len(starts) > 150
    assert all((pushed[first + 1 : first + 9] == pushed[first + 1]).all() for first in starts)
    assert not any((pushed[first + 1 : first + 26] == pushed[first + 1]).all() for first in starts)
    assert 0.15 < burst.mean() < 0.4
    np.testing.assert_array_equal(pushed[~burst], calm[~burst])


def test_some_bursts_open_or_close_the_gripper_when_they_shall() -> None:
    wanted = np.array([0.0, 2.5, 0.5], np.float32)
    calm, pushed = disturbances(START, 0, wanted), disturbances(START, 0, wanted, bursts=0.02, grip=0.5)
    burst = (pushed[:, :2] != calm[:, :2]).any(axis=1)
    shares = [(pushed[burst, 2] == grip).mean() for grip in (-1, 0.5, 1)]
    np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=0.08)
    np.testing.assert_array_equal(pushed[~burst], calm[~burst])
    with pytest.raises(ValueError, match="grip must be a probability per burst, from 0 to 1, not 2"):
        policies.make("expert", SPEC, {"bursts": "0.1", "grip": "2"})


def test_a_driver_moves_the_gripper_too() -> None:
    action = ActionSpec(("dx", "gripper"), (-1.0, -1.0), (1.0, 1.0), 10.0, "none", "none")
    learnt = np.array([[0.25, -0.5]] * 8, np.float32)
    noise = Noise(action, START, Manner(bursts=1.0, driver="learner"), lambda: learnt)
    np.testing.assert_array_equal(noise.disturbed(np.array([1.0, 1.0], np.float32)), learnt[0])
    assert noise.pushed


def test_noise_is_a_matter_of_the_episode_and_its_repeat() -> None:
    wanted = np.array([0.0, 2.5, 1.0], np.float32)
    usual, again, *others = (
        disturbances(episode, 0.1, wanted, 9)
        for episode in (START, START, replace(START, seed=2), replace(START, repeat=1))
    )
    np.testing.assert_array_equal(usual, again)
    assert not any((usual[:, 0] == other[:, 0]).any() for other in others)


def test_replay_plays_what_was_recorded_then_zeros() -> None:
    recorded = np.random.default_rng(0).normal(size=(70, 2)).astype(np.float32)
    replay = policies.make("replay", SPEC, {"actions": {START: recorded}})
    replay.reset(0, START)
    played = np.concatenate([replay.act(batch(0, steps=steps)).actions[0] for steps in (0, 50, 100)])
    np.testing.assert_array_equal(played, np.concatenate([recorded, np.zeros((80, 2), np.float32)]))


def test_replay_goes_on_from_the_step_that_was_reached() -> None:
    replay = policies.make("replay", SPEC, {"actions": {START: np.arange(140, dtype=np.float32).reshape(70, 2)}})
    replay.reset(0, START)
    for step in (0, 7, 0):  # a chunk that was cut short, an episode that begins again
        first = replay.act(batch(0, steps=step)).actions[0]
        np.testing.assert_array_equal(first[:2], [[2 * step, 2 * step + 1], [2 * step + 2, 2 * step + 3]])


def test_replay_refuses_an_episode_that_was_not_recorded() -> None:
    replay = policies.make("replay", SPEC, {"actions": {}})
    with pytest.raises(LookupError, match="no verdict for episode 0 of near"):
        replay.reset(0, START)


def test_the_fingerprint_of_replay_covers_every_action() -> None:
    actions, later = np.zeros((3, 2), np.float32), replace(START, index=1)
    recordings = [{}, {START: actions}, {later: actions}, {START: actions + 1}, {START: actions[:2]}]
    prints = {policies.make("replay", SPEC, {"actions": recorded}).fingerprint() for recorded in recordings}
    assert len(prints) == len(recordings)
