"""What the parts of the house hand to one another: specs, episodes, protocols, records, policies.

    Protocol --episodes()--> Episode --env.reset--> start --policy--> Plan --env.advance--> Advanced ... --> Record

Everything here is plain data or a typing protocol; nothing here imports a simulator, torch or another layer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Protocol as Interface

import numpy as np
import numpy.typing as npt

from protocols.registry import require

FloatArray = npt.NDArray[np.float32]
ImageArray = npt.NDArray[np.uint8]
RENDER_PROFILES = ("official", "fast")


class Bounds(NamedTuple):
    """The range of actions, (A,) each."""

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class ActionSpec:
    """One action: what each entry means, its range, and the conventions that differ between robots.

    Args:
        entries: name of each entry, with unit and frame, in order.
        low: smallest value, one number for all entries or one for each.
        high: largest value, likewise.
        rate_hz: control steps per second of simulated time.
        rotation: form of the rotation entries, "none" where there are none.
        gripper: which sign opens and which closes.
    """

    entries: tuple[str, ...]
    low: float | tuple[float, ...]
    high: float | tuple[float, ...]
    rate_hz: float
    rotation: str
    gripper: str

    def bounds(self) -> Bounds:
        """Low and high of each entry as float32, as actions are: float32(0.15) is not 0.15."""
        shape = (len(self.entries),)
        return Bounds(*(np.broadcast_to(np.asarray(end, np.float32), shape) for end in (self.low, self.high)))


@dataclass(frozen=True)
class ObservationSpec:
    """What can be (env) or is (policy) looked at.

    Args:
        cameras: (height, width) in pixels by camera role, "agent" or "wrist".
        state: name of each entry of the state vector; a policy names those of the environment's that it reads, in the
            order in which it wants them, none where it reads none.
    """

    cameras: dict[str, tuple[int, int]]
    state: tuple[str, ...]


class EnvSpec(NamedTuple):
    """The two halves of what a policy has to fit."""

    observation: ObservationSpec
    action: ActionSpec


@dataclass(frozen=True)
class Episode:
    """One trial, complete enough that its start is a pure function of it.

    Args:
        suite: name of the suite.
        task: name of the task within the suite.
        instruction: what the policy is told.
        index: number of the episode within its task and split, from 0.
        seed: seed of everything random in the environment, derived from (starts, task, split, index).
        max_steps: control steps after which the episode has failed.
        split: "eval", or "train" for demonstrations; the two never share a seed.
        shift: the one thing that a perturbation changes: "light", "object", "camera", "distractor", "background",
            "instruction", or "none". A shifted episode has the seed, so the start, of its unshifted twin.
        repeat: number of the repeat over the same start, from 0: the policy draws other noise, see `decision_seeds`.
    """

    suite: str
    task: str
    instruction: str
    index: int
    seed: int
    max_steps: int
    split: str = "eval"
    shift: str = "none"
    repeat: int = 0


@dataclass(frozen=True)
class Task:
    """A row of a suite's task table."""

    name: str
    tier: str
    instruction: str


@dataclass(frozen=True)
class EvaluationProtocol:
    """What is evaluated, under which conditions. Loaded from a YAML file by `protocols.load`.

    Args:
        name: name of the protocol, the stem of its file.
        suite: suite that it runs on.
        starts: name from which the seeds are derived, a suite's. A variant of a suite, with other actions say, that
            names the suite itself has its very starts.
        shift: what is perturbed in every episode, "none" for nothing (see `Episode`).
        split: which starts it draws.
        tasks: tasks in order.
        episodes_per_task: episodes 0..n-1 of each task.
        max_steps: horizon in control steps, of all tasks or by tier; success at any step ends an episode.
        image_size_px: height and width of camera images; a suite's `spec` says which cameras differ, and how.
        render: "official" quality or "fast" (see the suite's docstring).
        max_error_share: tables refuse a result where a larger share of episodes has no verdict.
        floors: smallest acceptable success rate per policy name, for the pytest plugin.
        deviations: conditions that were changed on the command line; such records are not comparable.
        repeats: how often each episode is run, with other noise of the policy's.
    """

    name: str
    suite: str
    starts: str
    shift: str
    split: str
    tasks: tuple[Task, ...]
    episodes_per_task: int
    max_steps: int | dict[str, int]
    image_size_px: int
    render: str
    max_error_share: float
    floors: dict[str, float]
    deviations: tuple[str, ...] = ()
    repeats: int = 1

    def episodes(self) -> list[Episode]:
        """Every episode, task by task, indices ascending, repeats of an index together."""
        return [
            Episode(
                suite=self.suite,
                task=task.name,
                instruction=task.instruction,
                index=index,
                seed=episode_seed(self.starts, task.name, self.split, index),
                max_steps=self.horizon(task.tier),
                split=self.split,
                shift=self.shift,
                repeat=repeat,
            )
            for task in self.tasks
            for index in range(self.episodes_per_task)
            for repeat in range(self.repeats)
        ]

    def horizon(self, tier: str) -> int:
        """Control steps after which an episode of a task of that tier has failed."""
        return self.max_steps[tier] if isinstance(self.max_steps, dict) else self.max_steps

    def hash(self) -> str:
        """Content hash of the whole protocol."""
        values = asdict(self)
        if self.repeats == 1:
            del values["repeats"]  # so that hashes from before there were repeats hold
        return content_hash(values)

    def conditions_hash(self) -> str:
        """Content hash of what can change the outcome of an episode: all but the choice of episodes.

        Two runs of one protocol with different numbers of trials share their common episodes.
        """
        chosen = {"tasks", "episodes_per_task", "max_error_share", "floors", "deviations", "repeats"}
        return content_hash({key: value for key, value in asdict(self).items() if key not in chosen})

    def changed(
        self,
        *,
        tasks: list[str] | None = None,
        trials: int | None = None,
        repeats: int | None = None,
        max_steps: int | None = None,
        render: str | None = None,
    ) -> EvaluationProtocol:
        """The same protocol with another choice of episodes or, recorded as deviations, other conditions.

        Raises:
            LookupError: a task that the protocol does not have.
            ValueError: a number below 1 or an unknown render profile.
        """
        changed, deviations = self, list(self.deviations)
        if tasks is not None:
            by_name = {task.name: task for task in self.tasks}
            names = list(dict.fromkeys(require("task", name, by_name) for name in tasks))
            changed = replace(changed, tasks=tuple(by_name[name] for name in names))
        if trials is not None:
            changed = replace(changed, episodes_per_task=at_least_one("trials", trials))
        if repeats is not None:
            changed = replace(changed, repeats=at_least_one("repeats", repeats))
        if max_steps is not None and max_steps != self.max_steps:
            changed = replace(changed, max_steps=at_least_one("max-steps", max_steps))
            deviations.append(f"max_steps={max_steps}")
        if render is not None and render != self.render:
            changed = replace(changed, render=require("render profile", render, RENDER_PROFILES))
            deviations.append(f"render={render}")
        return replace(changed, deviations=tuple(deviations))


def at_least_one(what: str, value: int) -> int:
    """`value`, or ValueError where it is below 1."""
    if value < 1:
        raise ValueError(f"{what} must be at least 1, not {value}")
    return value


def episode_seed(starts: str, task: str, split: str, index: int) -> int:
    """The seed of an episode, 32 bits, a pure function of its four coordinates.

    The names enter through SHA-256, the index as a word of its own, so that splits and tasks share no stream.
    """
    names = hashlib.sha256(json.dumps([starts, task, split]).encode()).digest()
    words = [*np.frombuffer(names, dtype="<u4").tolist(), index]
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def identity(episode: Episode) -> dict[str, Any]:
    """The values of an episode, for a hash; no repeat where that is 0, so that hashes from before repeats hold."""
    values = asdict(episode)
    if not episode.repeat:
        del values["repeat"]
    return values


def decision_seeds(episode: Episode) -> npt.NDArray[np.uint64]:
    """(max_steps,) seeds of a policy's decisions in an episode, one per look; another stream than the environment's.

    Each repeat has a stream of its own; that of repeat 0 is the one from before there were repeats.
    """
    words = [episode.seed, 1, *([episode.repeat] if episode.repeat else [])]
    seeds = np.random.SeedSequence(words).generate_state(episode.max_steps, np.uint64)
    return seeds.astype(np.uint64, copy=False)


class Event(NamedTuple):
    """Something that happened in the simulator: the control step (from 1) and its name."""

    step: int
    name: str


TINY_RENDERER = "TinyRenderer"  # pybullet's own: its frames are unlike those that policies for CALVIN learn from
CHAIN_TIER = "chain"  # of tasks that are subtasks in a row; the failure of such an episode names the unsolved one
CHAIN, SOLVED = "chain ", "solved "  # begin the events that name all subtasks, and a solved one
LATE = " latency="  # in a policy's recorded name, before how many control steps late its plans arrive


class Look(NamedTuple):
    """A policy's own estimates when it looked, after `step` control steps; None where it makes none.

    advantage: by how much the action that it is about to take is better than what it takes for usual.
    """

    step: int
    progress: float | None
    success: float | None
    advantage: float | None = None

    def written(self) -> list[float | None]:
        """The look in a file; no advantage where there is none, so that records from before there was one hold."""
        return list(self if self.advantage is not None else self[:3])


class Advanced(NamedTuple):
    """What `env.advance` returns after t control steps, at most as many as it was given.

    Fewer where the episode has ended or the observation's instruction is another one: the rest is not executed.

    reward: (t,) the suite's own reward. progress: (t,) ground truth in [0, 1]. events: in order.
    success: reached at the last step. terminated: the task is solved. truncated: the horizon is reached.
    observation: at the end of the chunk, None where the episode has ended, because nobody looks any more.
    failure: name of the failure mode of an episode that has ended in one, "" elsewhere or where the suite tells none.
    """

    reward: FloatArray
    progress: FloatArray
    events: tuple[Event, ...]
    stage: str
    success: bool
    terminated: bool
    truncated: bool
    observation: dict[str, Any] | None
    failure: str = ""


@dataclass(frozen=True, eq=False)
class Record:
    """The outcome of one episode: success or error, never both.

    Args:
        key: content hash of all that decides the outcome (see `harness.provenance.episode_key`).
        run: identifier of the run that made it; the store keeps that run's provenance once.
        episode: the episode.
        tier: tier of its task.
        protocol: name of the protocol.
        conditions: hash of the protocol's conditions.
        deviations: conditions that differ from the protocol's; not comparable with published numbers.
        policy: name and arguments of the policy.
        policy_fingerprint: hash of the policy's weights and configuration.
        deciding: hash of all that decides outcomes but the episode: conditions, policy, suite and package versions.
        success: verdict, None where there is an error.
        error: why there is no verdict, None where there is one.
        steps: control steps executed.
        renders: frames drawn because the policy looked.
        fingerprint: hash of the start that was reached.
        renderer: what drew the frames, "none" where the policy looks at none.
        progress: (steps,) ground-truth progress after each control step.
        actions: (steps, action entries) what was executed.
        looks: the policy's own estimates at each look.
        events: what happened, in order.
        failure: how it failed, as the suite names it; "" for a success, an error, or where the suite tells none.
        wall_s: wall seconds of the episode.
        cpu_s: CPU seconds of the worker in the episode.
    """

    key: str
    run: str
    episode: Episode
    tier: str
    protocol: str
    conditions: str
    deviations: tuple[str, ...]
    policy: str
    policy_fingerprint: str
    deciding: str
    success: bool | None
    error: str | None
    steps: int
    renders: int
    fingerprint: str
    renderer: str
    progress: FloatArray
    actions: FloatArray
    looks: tuple[Look, ...] = ()
    events: tuple[Event, ...] = ()
    failure: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __post_init__(self) -> None:
        assert (self.success is None) == (self.error is not None), "success or error, never both, never neither"


class Batch(NamedTuple):
    """What a policy is shown: B rows, padded to the policy's `batch_size`.

    images: by camera, (B, H, W, 3) uint8, upright. instructions: B texts.
    state: (B, S) float32, the entries that the policy's observation names, in its order.
    seeds: (B,) uint64, one per row and decision, the only source of randomness.
    slots: which episode in progress each row belongs to, -1 for a padding row.
    steps: control steps that each row's episode has behind it.
    """

    images: dict[str, ImageArray]
    state: FloatArray
    instructions: tuple[str, ...]
    seeds: npt.NDArray[np.uint64]
    slots: tuple[int, ...]
    steps: tuple[int, ...]


class Plan(NamedTuple):
    """What a policy answers: actions (B, T, A), and (B,) estimates of its own where it has them, see `Look`."""

    actions: FloatArray
    progress: FloatArray | None = None
    success: FloatArray | None = None
    advantage: FloatArray | None = None


class Policy(Interface):
    """Who acts. A policy module has `make(spec, **arguments) -> Policy`.

    observation: what it looks at; cameras that it does not name are not drawn.
    action: must equal the environment's.
    chunk: actions in a plan.
    execute: how many of them run before the next look, at most `chunk`.
    batch_size: rows of every batch that it is shown, so that a row's numbers do not depend on its neighbours.
    in_worker: the suite's scripted expert acts in its place, beside the simulator; `act` is never called.
    """

    observation: ObservationSpec
    action: ActionSpec
    chunk: int
    execute: int
    batch_size: int
    in_worker: bool

    def reset(self, slot: int, episode: Episode) -> None:
        """Forget the slot's history: an episode begins there, or goes on with another instruction."""

    def act(self, batch: Batch) -> Plan:
        """Plan for every row."""
        ...

    def fingerprint(self) -> str:
        """Hash of weights and configuration."""
        ...


def misfits(policy: Policy, env: EnvSpec) -> list[str]:
    """Every way in which the policy does not fit the environment, one line each; empty where it fits."""
    lines = []
    for camera, size in policy.observation.cameras.items():
        offered = env.observation.cameras.get(camera)
        if offered is None:
            lines.append(f"camera {camera!r}: the environment has {', '.join(env.observation.cameras)}")
        elif offered != size:
            lines.append(f"camera {camera!r}: the policy wants {size} pixels, the environment gives {offered}")
    if unknown := [name for name in policy.observation.state if name not in env.observation.state]:
        lines.append(
            f"state: the environment has no {', '.join(unknown)}. There are: {', '.join(env.observation.state)}"
        )
    wanted, given = asdict(policy.action), asdict(env.action)
    lines += [
        f"action {key}: the policy gives {wanted[key]!r}, the environment wants {given[key]!r}"
        for key in given
        if wanted[key] != given[key]
    ]
    return lines


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, the first 32 hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


class ActionError(ValueError):
    """A policy gave an action that no environment can execute. The policy is at fault, so trying again is no use."""


class BrokenFileError(ValueError):
    """A file that a suite needs is missing or broken. No episode that needs it can start, so trying again is no use."""


def check_actions(actions: npt.ArrayLike, spec: ActionSpec, steps_done: int) -> FloatArray:
    """(T, A) float32 actions clipped to the spec's range.

    Args:
        actions: what the policy gave.
        spec: what the environment takes.
        steps_done: control steps of the episode so far, for the error message.

    Raises:
        ActionError: another shape, or a number that is not finite; the message names the control step.
    """
    array = np.asarray(actions, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != len(spec.entries) or not len(array):
        raise ActionError(
            f"actions at step {steps_done + 1} have the shape {array.shape}, "
            f"the environment takes (T, {len(spec.entries)}): {', '.join(spec.entries)}"
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ActionError(f"the action at step {steps_done + bad + 1} is not finite: {array[bad].tolist()}")
    return array.clip(*spec.bounds())
