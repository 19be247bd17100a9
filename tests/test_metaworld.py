"""Meta-World against the package that it is made of: the same physics, verdicts and frames, and a true first frame.

Stock upstream is set up as its users do: `set_task` makes the goal visible, then `seeded_rand_vec`, `seed`, `reset`.
"""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv
from metaworld.types import Task

import envs
import protocols
from envs.metaworld.env import MetaWorld
from envs.metaworld.lean import make_lean
from envs.rendering import Renderer
from protocols.contracts import Episode, FloatArray, ImageArray

FACTS = Path(__file__).parent.parent.parent / "shared" / "facts" / "metaworld_tasks.json"
MT50 = protocols.load("metaworld_mt50")
EPISODES = {episode.task: episode for episode in MT50.changed(trials=1).episodes()}
TASKS = tuple(EPISODES)
SIZE_PX = 64
STEPS = 30
EXPERT_STEPS = 60  # enough to grasp, where there is something to grasp

pytestmark = [pytest.mark.simulator, pytest.mark.filterwarnings("ignore:Constant")]  # the experts' actions exceed 1


def some_and_all(*some: str) -> pytest.MarkDecorator:
    """Parametrise `task` over these tasks, and over all others where time is no matter."""
    others = [pytest.param(task, marks=pytest.mark.slow) for task in TASKS if task not in some]
    return pytest.mark.parametrize("task", [*some, *others])


def stock(task: str, **options: Any) -> SawyerXYZEnv:
    """A simulator as upstream makes it, which shows the goal and draws its starts from `seed`."""
    sim = ALL_V3_ENVIRONMENTS[task](**options)
    sim.set_task(Task(task, pickle.dumps({"env_cls": type(sim), "rand_vec": None, "partially_observable": False})))
    sim.seeded_rand_vec, sim._freeze_rand_vec = True, False
    return sim


def begin(sim: SawyerXYZEnv, seed: int) -> Any:
    """(39,) upstream's first observation, in which objects and goals are out of date in some tasks."""
    sim.seed(seed)
    return sim.reset()[0]


def expert_of(task: str) -> Any:
    """Upstream's scripted policy for the task."""
    policy: Any = ENV_POLICY_MAP[task]
    return policy()


def inside(env: MetaWorld) -> SawyerXYZEnv:
    """Our environment's simulator."""
    assert env._sim is not None
    return env._sim


def physics(sim: SawyerXYZEnv) -> bytes:
    """Everything that later steps depend on."""
    data = sim.data
    parts = (data.qpos, data.qvel, data.qacc_warmstart, data.mocap_pos, sim.model.body_pos, sim._target_pos)
    return b"".join(np.asarray(part, np.float64).tobytes() for part in parts)


def random_actions(steps: int = STEPS) -> FloatArray:
    return np.random.default_rng(0).uniform(-1, 1, (steps, 4)).astype(np.float32)


class Simulators(NamedTuple):
    """One task: upstream's simulator, the same made lean, and our environment, which draws nothing."""

    task: str
    stock: SawyerXYZEnv
    lean: SawyerXYZEnv
    ours: MetaWorld


@pytest.fixture(scope="module")
def blind() -> Iterator[MetaWorld]:
    with closing(envs.load("metaworld").make(cameras=())) as env:
        yield env


@pytest.fixture(scope="module", params=TASKS)
def simulators(request: pytest.FixtureRequest, blind: MetaWorld) -> Simulators:
    upstreams, lean = stock(request.param), stock(request.param)
    make_lean(lean)
    return Simulators(request.param, upstreams, lean, blind)


def test_a_lean_step_is_upstreams_bit_for_bit(simulators: Simulators) -> None:
    sims, experts = simulators[1:3], [expert_of(simulators.task) for _ in range(2)]
    observations = [begin(sim, 1000) for sim in sims]
    for step in range(EXPERT_STEPS + STEPS):
        actions = [expert.get_action(seen) for expert, seen in zip(experts, observations, strict=True)]
        assert actions[0].tobytes() == actions[1].tobytes(), "the expert acts alike"
        action = actions[0].clip(-1, 1) if step < EXPERT_STEPS else random_actions()[step - EXPERT_STEPS]
        one, other = (sim.step(action) for sim in sims)
        observations = [one[0], other[0]]
        assert physics(sims[0]) == physics(sims[1]), f"step {step}"
        assert one[1:] == other[1:], "reward, verdict and all else that upstream reports"
        assert one[0][:7].tobytes() == other[0][:7].tobytes()


def test_our_starts_and_steps_are_upstreams_bit_for_bit(simulators: Simulators) -> None:
    task, sim, _, env = simulators
    episode = EPISODES[task]
    observation = begin(sim, episode.seed)
    seen = env.reset(options={"episode": episode})[0]
    np.testing.assert_allclose(seen["state"], observation[:4], atol=1e-3)  # upstream's is a substep old in 7 tasks
    for action in random_actions():
        assert physics(inside(env)) == physics(sim)
        observation, reward, _, _, info = sim.step(action)
        seen, our_reward, terminated, _, our_info = env.step(action)
        np.testing.assert_array_equal(seen["state"], observation[:4].astype(np.float32))
        assert (np.float32(our_reward), our_info["success"]) == (np.float32(reward), bool(info["success"]))
        assert terminated == our_info["success"]
        if terminated:
            break
        np.testing.assert_array_equal(env.expert_action(), expert_of(task).get_action(observation).clip(-1, 1))


def test_the_start_has_nothing_out_of_date(simulators: Simulators) -> None:
    env = simulators.ours
    env.reset(options={"episode": EPISODES[simulators.task]})
    sim = inside(env)
    shown = [sim.data.xpos.copy(), sim.data.site_xpos.copy(), env._raw]
    mujoco.mj_forward(sim.model, sim.data)
    sim._get_obs()  # the first half of an observation is now, the second half is the step before
    for before, now in zip(shown, (sim.data.xpos, sim.data.site_xpos, sim._get_obs()), strict=True):
        np.testing.assert_array_equal(before, now)


def upstream_frame(renderer: Renderer, sim: SawyerXYZEnv) -> ImageArray:
    """What the agent camera sees, upright."""
    return renderer.draw(sim.model, sim.data, "corner4")[::-1, ::-1]


@pytest.mark.gl
@some_and_all("window-close-v3", "reach-v3", "peg-insert-side-v3")
def test_the_first_frame_shows_the_true_start_and_upstreams_does_not(task: str) -> None:
    sim = stock(task)
    begin(sim, EPISODES[task].seed)
    with (
        closing(envs.load("metaworld").make(image_size_px=SIZE_PX, render="fast")) as env,
        closing(Renderer(SIZE_PX, "fast")) as renderer,
    ):
        ours = env.reset(options={"episode": EPISODES[task]})[0]["images"]["agent"]
        stale = upstream_frame(renderer, sim)
        mujoco.mj_forward(sim.model, sim.data)
        np.testing.assert_array_equal(ours, upstream_frame(renderer, sim))
        assert bool((stale != ours).any()) == task_facts(task)["first_frame_stale"]


def task_facts(task: str) -> dict[str, Any]:
    """What was measured about the task; of the tasks that are always tested, the one fact that is asked for."""
    if not FACTS.exists():
        return {"first_frame_stale": True}
    (facts,) = (facts for facts in json.loads(FACTS.read_text())["tasks"] if facts["task"] == task)
    return dict(facts)


@pytest.mark.gl
@some_and_all("reach-v3", "coffee-pull-v3")
def test_frames_are_upstreams_and_the_agents_turned_by_180_degrees(task: str) -> None:
    env = envs.load("metaworld").make(cameras=("agent", "wrist"), image_size_px=SIZE_PX)
    view = {"render_mode": "rgb_array", "width": SIZE_PX, "height": SIZE_PX}
    sims: list[Any] = [stock(task, camera_name=camera, **view) for camera in ("corner4", "gripperPOV")]
    with closing(env), closing(sims[0]), closing(sims[1]):
        env.reset(options={"episode": EPISODES[task]})
        for sim in sims:
            begin(sim, EPISODES[task].seed)
        for action in random_actions(2):
            seen = env.step(action)[0]["images"]
            for sim in sims:
                sim.step(action)
            np.testing.assert_array_equal(seen["agent"], sims[0].render()[::-1, ::-1])
            np.testing.assert_array_equal(seen["wrist"], sims[1].render())


@pytest.mark.gl
def test_fast_frames_differ_from_official_ones_and_physics_does_not() -> None:
    seen = {}
    for render in ("official", "fast"):
        with closing(envs.load("metaworld").make(image_size_px=SIZE_PX, render=render)) as env:
            env.reset(options={"episode": EPISODES["push-v3"]})
            frame = env.advance(random_actions()).observation["images"]["agent"]
            seen[render] = (frame, physics(inside(env)))
    assert (seen["official"][0] != seen["fast"][0]).any(axis=2).mean() > 0.3
    assert seen["official"][1] == seen["fast"][1]


@pytest.mark.gl
def test_a_renderer_lives_as_long_as_its_task_is_open() -> None:
    with closing(envs.load("metaworld").make(image_size_px=SIZE_PX, render="fast")) as env:
        drawn = []
        for task, seed in (("reach-v3", 1), ("reach-v3", 2), ("push-v3", 1)):
            env.reset(options={"episode": replace(EPISODES[task], seed=seed)})
            drawn.append(env.renderer.renderer)
        assert drawn[0] is drawn[1] is not drawn[2]
        with pytest.raises(RuntimeError, match="after close"):
            drawn[0].render()
    with pytest.raises(RuntimeError, match="after close"):
        drawn[2].render()


def test_without_cameras_no_renderer_is_made(blind: MetaWorld) -> None:
    _, info = blind.reset(options={"episode": EPISODES["reach-v3"]})
    blind.advance(random_actions())
    assert blind.renderer.renderer is None and info["renderer"] == "none" and blind.renders == 0


def play(env: MetaWorld, episode: Episode, *, expert: bool) -> tuple[bool, int]:
    """Success and steps of the expert, or of doing nothing."""
    env.reset(options={"episode": episode})
    steps, ended, success = 0, False, False
    while not ended:
        done = env.advance(env.expert_action()[None] if expert else np.zeros((50, 4)))
        steps, ended, success = steps + len(done.progress), done.observation is None, done.success
    return success, steps


@pytest.mark.parametrize("task", ["reach-v3", "push-v3", "pick-place-v3"])
def test_the_expert_sees_goals_that_are_elsewhere_in_every_episode(blind: MetaWorld, task: str) -> None:
    for episode in MT50.changed(tasks=[task], trials=3).episodes():
        success, steps = play(blind, episode, expert=True)
        assert success and steps < 120, f"episode {episode.index}"


@pytest.mark.parametrize("task", ["reach-v3", "drawer-close-v3", "handle-press-v3", "hammer-v3", "soccer-v3"])
def test_doing_nothing_solves_nothing(blind: MetaWorld, task: str) -> None:
    assert play(blind, EPISODES[task], expert=False) == (False, 400)


def test_an_episode_may_be_longer_than_upstreams(blind: MetaWorld) -> None:
    longer = replace(EPISODES["reach-v3"], max_steps=SawyerXYZEnv.max_path_length + 20)
    blind.reset(options={"episode": longer})
    done = blind.advance(np.zeros((longer.max_steps + 1, 4)))
    assert done.truncated and len(done.progress) == 520


def test_a_default_task_gives_episodes_of_its_own() -> None:
    with closing(envs.load("metaworld").make(task="window-open-v3", cameras=(), max_steps=5)) as env:
        starts = [env.reset(seed=seed) for seed in (3, 4, 3)]
        assert starts[0][0]["instruction"] == "Push and open a window"
        assert starts[0][1]["fingerprint"] == starts[2][1]["fingerprint"] != starts[1][1]["fingerprint"]
        assert env.reset()[1]["fingerprint"] != env.reset()[1]["fingerprint"]
        assert env.advance(np.zeros((9, 4))).truncated
    with pytest.raises(LookupError, match="no task named 'window-open-v2'; did you mean 'window-open-v3'"):
        envs.load("metaworld").make(task="window-open-v2", cameras=())


def test_the_task_table_has_metaworlds_50_tasks_in_four_tiers() -> None:
    assert set(TASKS) == set(ALL_V3_ENVIRONMENTS) and len(MT50.tasks) == 50
    tiers = Counter(task.tier for task in MT50.tasks)
    assert tiers == {"easy": 28, "medium": 11, "hard": 6, "very_hard": 5}  # Seo et al. 2022, arXiv 2206.14244


@pytest.mark.skipif(
    not FACTS.exists(), reason="the measured facts lie beside the repository only where it is developed"
)
def test_tiers_and_instructions_are_lerobots() -> None:
    facts = {facts["task"]: (facts["tier"], facts["description"]) for facts in json.loads(FACTS.read_text())["tasks"]}
    assert {task.name: (task.tier, task.instruction) for task in MT50.tasks} == facts


def test_only_the_repaired_instructions_tell_all_tasks_apart() -> None:
    upstream = {task.name: task.instruction for task in MT50.tasks}
    repaired = {task.name: task.instruction for task in protocols.load("metaworld_mt50_repaired").tasks}
    assert (len(set(upstream.values())), len(set(repaired.values()))) == (49, 50)
    assert [name for name in upstream if upstream[name] != repaired[name]] == ["push-back-v3"]


def test_mt10_is_upstreams() -> None:
    from metaworld.env_dict import MT10_V3

    assert {task.name for task in protocols.load("metaworld_mt10").tasks} == set(MT10_V3)
