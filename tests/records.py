"""Made-up records for the tests of results: single ones, and whole evaluations that look like a policy's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

import protocols
from protocols.contracts import Episode, EvaluationProtocol, Event, FloatArray, Look, Record, content_hash, episode_seed

CONDITIONS = protocols.load("metaworld_mt50").conditions_hash()
TIER_RATES = {"easy": 0.85, "medium": 0.6, "hard": 0.45, "very_hard": 0.35}


def make_record(
    task: str = "reach-v3",
    index: int = 0,
    *,
    success: bool | None = True,
    steps: int = 3,
    suite: str = "metaworld",
    max_steps: int = 400,
    split: str = "eval",
    shift: str = "none",
    **fields: Any,
) -> Record:
    """One record; `success=None` gives an error. Its key is a hash of what tells it from others, `version` included."""
    seed = episode_seed(suite, task, split, index)
    episode = Episode(suite, task, f"Do {task}", index, seed, max_steps, split, shift)
    common: dict[str, Any] = {
        "run": "run-a",
        "tier": "easy",
        "protocol": "metaworld_mt50",
        "conditions": CONDITIONS,
        "deviations": (),
        "policy": "expert",
        "policy_fingerprint": "f" * 32,
        "error": "the worker died" if success is None else None,
        "renders": 0,
        "fingerprint": content_hash([task, index]),
        "renderer": "none",
        "progress": np.linspace(0, 1 if success else 0.4, steps, dtype=np.float32),
        "actions": np.zeros((steps, 4), dtype=np.float32),
    }
    common |= fields
    version = common.pop("version", "1")
    decides = [common[name] for name in ("conditions", "policy", "policy_fingerprint")]
    common.setdefault("deciding", content_hash([version, *decides]))
    common.setdefault("key", content_hash([task, index, split, common["deciding"]]))
    return Record(episode=episode, success=success, steps=steps, **common)


def make_evaluation(
    protocol: EvaluationProtocol, policy: str = "vla", *, seed: int = 0, rates: dict[str, float] = TIER_RATES
) -> list[Record]:
    """Every episode of a protocol, tasks scattered around their tier's rate, progress in stages that may stall."""
    random = np.random.default_rng(seed)
    tiers = {task.name: task.tier for task in protocol.tasks}
    easiness = {name: random.beta(6 * rates[tier] + 0.1, 6 * (1 - rates[tier]) + 0.1) for name, tier in tiers.items()}
    pace = {name: random.uniform(0.1, 0.4) * protocol.horizon(tier) for name, tier in tiers.items()}
    records = []
    for episode in protocol.episodes():
        success = bool(random.random() < easiness[episode.task])
        steps = episode.max_steps
        if success:
            steps = int(np.clip(random.lognormal(np.log(pace[episode.task]), 0.3), 5, episode.max_steps))
        records.append(
            make_record(
                episode.task,
                episode.index,
                success=success,
                steps=steps,
                max_steps=episode.max_steps,
                tier=tiers[episode.task],
                protocol=protocol.name,
                conditions=protocol.conditions_hash(),
                deviations=protocol.deviations,
                policy=policy,
                renders=-(-steps // 10),
                progress=made_up_progress(random, steps, success),
            )
        )
    return records


def made_up_progress(random: np.random.Generator, steps: int, success: bool) -> FloatArray:
    """(steps,) progress that climbs in three stages; a failure stalls in one of them, and may slip back."""
    time = np.linspace(0, 1, steps)
    stages = np.sort(random.uniform(0.1, 0.95, 3))
    reached = 3 if success else int(random.integers(0, 3))
    curve = sum(1 / (1 + np.exp(-(time - stage) * 40)) for stage in stages[:reached]) / 3 + np.zeros(steps)
    if not success and reached:
        curve = curve - 0.2 / (1 + np.exp(-(time - random.uniform(0.5, 0.9)) * 60))
    curve = curve + 0.02 * np.cumsum(random.normal(size=steps)) / np.sqrt(steps)
    curve[-1] = 1.0 if success else curve[-1]
    return np.asarray(np.clip(curve, 0, 1), dtype=np.float32)


def with_errors(records: list[Record], count: int) -> list[Record]:
    """The same records, the first `count` of them without a verdict."""
    return [replace(record, success=None, error="the worker died") for record in records[:count]] + records[count:]


finite = st.floats(-1e3, 1e3, width=32)


@st.composite
def any_records(draw: st.DrawFn) -> Record:
    """Records of few keys, so that some collide, with verdicts, errors, looks, events and odd text."""
    steps = draw(st.integers(0, 4))
    success = draw(st.sampled_from([True, False, None]))
    floats = st.one_of(st.none(), finite)
    estimates = st.tuples(st.integers(0, 9), floats, floats, floats)
    return make_record(
        draw(st.sampled_from(["reach-v3", "push-v3"])),
        draw(st.integers(0, 2)),
        success=success,
        steps=steps,
        run=draw(st.sampled_from(["run-a", "run-b"])),
        error=draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)) if success is None else None,
        deviations=tuple(draw(st.lists(st.sampled_from(["max_steps=9", "render=fast"]), max_size=2, unique=True))),
        renders=draw(st.integers(0, 9)),
        progress=np.array(draw(st.lists(finite, min_size=steps, max_size=steps)), dtype=np.float32),
        actions=np.array(draw(st.lists(finite, min_size=steps * 2, max_size=steps * 2)), np.float32).reshape(steps, 2),
        looks=tuple(Look(*look) for look in draw(st.lists(estimates, max_size=2))),
        events=tuple(
            Event(*event) for event in draw(st.lists(st.tuples(st.integers(1, 9), st.text(max_size=5)), max_size=2))
        ),
        failure=draw(st.sampled_from(["", "dropped"])) if success is False else "",
        wall_s=draw(st.floats(0, 9)),
    )
