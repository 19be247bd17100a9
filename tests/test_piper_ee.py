"""The arm driven by its hand: it goes where it is sent, and stays where it cannot turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import envs
from envs.piper.end_effector import EndEffectorPiper
from envs.piper.kinematics import Pose, forward, nearest
from protocols.contracts import Episode
from protocols.rotations import matrix_from_vector, vector_from_matrix

pytestmark = pytest.mark.simulator
STILL = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


@pytest.fixture(scope="module")
def env() -> Iterator[EndEffectorPiper]:
    made = envs.load("piper_ee").make(cameras=())
    yield made
    made.close()


def sent(env: EndEffectorPiper, seed: int, axis: int, amount: float, steps: int = 5) -> tuple[float, float, bool]:
    """Send the hand; how far it is from where it was sent, metres and rad, and whether that can be reached."""
    env.reset(options={"episode": Episode("piper_ee", "whale-plate", "go", 0, seed, 400)})
    before, action = forward(env.world.joints()), STILL.copy()
    action[axis] = amount
    env.advance(np.tile(action, (steps, 1)))
    env.advance(np.tile(STILL, (20, 1)))
    after, way = forward(env.world.joints()), np.zeros(6)
    way[axis] = amount * steps * (0.05 if axis < 3 else 0.5)
    asked = Pose(before.position + way[:3], matrix_from_vector(way[3:]) @ before.rotation)
    turned = float(np.linalg.norm(vector_from_matrix(after.rotation @ asked.rotation.T)))
    reachable = nearest(asked, env.world.joints()) is not None
    return float(np.linalg.norm(after.position - asked.position)), turned, reachable


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("amount", [0.1, -0.1])
def test_the_hand_goes_where_it_is_sent(env: EndEffectorPiper, axis: int, amount: float) -> None:
    for seed in range(3):
        off_m, off_rad, reachable = sent(env, seed, axis, amount)
        if reachable:
            assert off_m < 0.006 and off_rad < 0.03


@pytest.mark.parametrize("axis", [3, 4, 5])
@pytest.mark.parametrize("amount", [0.2, -0.2, 1.0])
def test_a_turn_that_the_wrist_cannot_make_does_not_take_the_hand_away(
    env: EndEffectorPiper, axis: int, amount: float
) -> None:
    for seed in range(3):
        assert sent(env, seed, axis, amount)[0] < 0.02


def test_doing_nothing_moves_nothing(env: EndEffectorPiper) -> None:
    env.reset(options={"episode": Episode("piper_ee", "whale-plate", "go", 0, 1, 400)})
    before = env.world.joints()
    env.advance(np.tile(STILL, (60, 1)))
    np.testing.assert_allclose(env.world.joints(), before, atol=0.01)


@pytest.mark.parametrize(("entry", "width_m"), [(-1.0, 0.07), (1.0, 0.0)])
def test_minus_one_opens_and_plus_one_closes(env: EndEffectorPiper, entry: float, width_m: float) -> None:
    observation, _ = env.reset(options={"episode": Episode("piper_ee", "whale-plate", "go", 0, 1, 400)})
    action = np.array([0, 0, 0, 0, 0, 0, entry], np.float32)
    observation = env.advance(np.tile(action, (30, 1))).observation
    assert observation["state"][12] == pytest.approx(width_m, abs=0.004)
