"""ProgVLA as a policy and as a learner: what it answers, what it minimises, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.testing as npt
import pytest
import torch
from safetensors.torch import load_file

import envs
import policies
from policies import progvla
from policies.progvla import checkpoint
from policies.progvla.learning import Learner, shifted
from protocols.contracts import ActionSpec, Batch, EnvSpec, ObservationSpec, misfits
from protocols.samples import Samples, Statistics
from tests.conformance import shown

SPEC = EnvSpec(
    ObservationSpec({"agent": (40, 40), "wrist": (24, 24)}, ("x", "y", "z")),
    ActionSpec(("dx", "dy"), (-0.5, 0.0), 2.0, 10.0, "none", "none"),
)
STATISTICS = Statistics(*(np.array(values, np.float32) for values in ([1, 2, 3], [1, 2, 4], [0, 0.5], [0.25, 1])))
SIZES = {
    "image_size_px": "32",
    "vit_stem": "4,4,8,16",
    "width": "16",
    "heads": "2",
    "vit_width": "16",
    "vit_heads": "2",
}
SIZES |= {"expert_depth": "2", "vit_depth": "1"}


def learner(**changes: str) -> Learner:
    torch.manual_seed(0)
    return progvla.learner("tiny", SIZES | changes, SPEC, STATISTICS)


def samples(rows: int = 4, seed: int = 0) -> Samples:
    random = np.random.default_rng(seed)
    return Samples(
        images={camera: random.integers(0, 256, (rows, 32, 32, 3), np.uint8) for camera in SPEC.observation.cameras},
        state=random.normal(size=(rows, 3)).astype(np.float32),
        instructions=tuple(["push the button", "open the door"][row % 2] for row in range(rows)),
        actions=random.normal(size=(rows, 16, 2)).astype(np.float32),
        padded=np.zeros((rows, 16), bool),
        to_go=np.arange(rows) * 30,
        goal=random.normal(size=(rows, 3)).astype(np.float32),
        reaching=np.arange(rows) < rows - 1,
    )


def gradients(made: Learner, losses: dict[str, torch.Tensor]) -> dict[str, float]:
    """Largest gradient of each part of the network."""
    made.zero_grad()
    losses["loss"].backward()
    parts = {"encoder": made.network.encoder, "expert": made.network.expert, "heads": made.network.heads}
    found = {name: [weight.grad for weight in part.parameters()] for name, part in parts.items()}
    sizes = {
        name: [grad.abs().max().item() for grad in grads if grad is not None and grad.numel()]
        for name, grads in found.items()
    }
    return {name: max(of_part, default=0.0) for name, of_part in sizes.items()}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "example.safetensors"
    progvla.make_example(SPEC, path)
    return path


def values(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in losses.items()}


def test_the_loss_of_a_sample_depends_on_the_generator_alone() -> None:
    made = learner()
    first, again = (values(made.losses(samples(), seeded())) for _ in range(2))
    assert first == again
    assert values(made.losses(samples(), torch.Generator().manual_seed(4)))["loss"] != first["loss"]


def test_the_heads_losses_reach_the_context_encoder() -> None:
    made = learner()
    for head in ("q", "value", "success"):
        torch.nn.init.ones_(getattr(made.network.heads, head).last.weight)
    with_heads = gradients(made, made.losses(samples(), seeded()))
    assert with_heads["encoder"] > 0 and with_heads["heads"] > 0
    alone = learner(q_head="off", value_head="off", success_head="off")
    without = gradients(alone, alone.losses(samples(), seeded()))  # the expert begins as zero, so nothing else does
    assert without["encoder"] == 0 < without["expert"]


@pytest.mark.parametrize("head", ["q", "value", "success"])
def test_a_head_that_is_off_has_no_loss_and_the_others_stay(head: str) -> None:
    seen = learner(**{f"{head}_head": "off"}).losses(samples(), seeded())
    assert {"q", "value", "success"} - set(seen) == {head}
    if head in ("q", "value"):
        assert float(seen["advantage_weight_min"]) == float(seen["advantage_weight_max"]) == 1
    else:
        assert float(seen["success_weight_mean"]) == 1


def test_a_goal_head_is_there_when_its_loss_counts_and_makes_the_context_tell_the_goal() -> None:
    assert learner().network.heads.goal is None
    made = learner(goal_share="0.5", q_head="off", value_head="off", success_head="off")
    seen = made.losses(samples(), seeded())
    found = values(seen)
    assert found["loss"] == pytest.approx(found["flow"] + 0.5 * found["goal"], rel=1e-5)
    assert gradients(made, seen)["encoder"] > 0
    other = samples()._replace(goal=samples().goal + 1)
    assert values(made.losses(other, seeded()))["goal"] != found["goal"]
    held = samples()._replace(goal=samples().goal + 9 * ~samples().reaching[:, None])  # the gripper has turned before
    assert values(made.losses(held, seeded()))["goal"] == pytest.approx(found["goal"])


def test_a_learner_may_begin_with_a_checkpoint_and_says_so(tmp_path: Path) -> None:
    first = learner(goal_share="0.5")
    path, told = tmp_path / "first.safetensors", {"training": {"steps": 3}, "data": {"hash": "d"}}
    checkpoint.save(path, first.state_dict(), first.card() | told)
    other = Statistics(*(values + 1 for values in STATISTICS))
    begun = progvla.learner("tiny", SIZES | {"goal_share": "0.5"}, SPEC, other, path)
    npt.assert_array_equal(begun.state_mean, STATISTICS.state_mean)
    for name, weight in begun.state_dict().items():
        npt.assert_allclose(weight, first.state_dict()[name], atol=2e-3)  # kept in half precision
    assert begun.card()["began_from"] == told and "began_from" not in first.card()
    with pytest.raises(ValueError, match=r"first.safetensors has more than expected: network.heads.goal"):
        progvla.learner("tiny", SIZES, SPEC, other, path)
    action = replace(SPEC.action, rate_hz=20.0)
    with pytest.raises(ValueError, match="is no checkpoint of progvla for this robot"):
        progvla.learner("tiny", SIZES | {"goal_share": "0.5"}, SPEC._replace(action=action), other, path)
    turned = ObservationSpec(SPEC.observation.cameras, ("z", "y", "x"))
    with pytest.raises(ValueError, match=r"has state \['x', 'y', 'z'\] and cameras \['agent', 'wrist'\]: name them so"):
        progvla.learner("tiny", SIZES | {"goal_share": "0.5"}, SPEC._replace(observation=turned), other, path)


def test_frozen_vision_gets_no_gradient() -> None:
    made = learner(freeze_vision="on")
    made.losses(samples(), seeded())["loss"].backward()
    assert all(parameter.grad is None for parameter in made.network.encoder.vision.parameters())


def test_more_draws_of_noise_leave_the_context_encoded_once_and_the_loss_alike() -> None:
    one, many = (float(learner(flow_draws=draws).losses(samples(64), seeded())["flow"]) for draws in ("1", "8"))
    assert many == pytest.approx(one, rel=0.15)


def test_images_are_moved_in_training_only() -> None:
    made = learner(shift_px="3", brightness="0")
    pixels = torch.from_numpy(samples().images["agent"])
    made.eval()
    npt.assert_allclose(made._augmented(pixels, seeded()).permute(0, 2, 3, 1) * 255, pixels, atol=1e-3)
    made.train()
    moved = shifted(pixels, 3, seeded())
    assert not torch.equal(moved, pixels)
    assert any(
        torch.equal(moved[0, 3:-3, 3:-3], pixels[0, 3 + y : 29 + y, 3 + x : 29 + x])
        for y in range(-3, 4)
        for x in range(-3, 4)
    )


def test_the_state_is_blurred_in_training_only() -> None:
    state = torch.zeros(500, 3)
    blurring = learner(state_noise="0.5")
    assert blurring.train()._blurred(state, seeded()).std() == pytest.approx(0.5, rel=0.1)
    assert blurring.eval()._blurred(state, seeded()) is state
    assert learner().train()._blurred(state, seeded()) is state


def test_actions_are_unnormalised_and_kept_within_the_range() -> None:
    made = learner()
    actions = np.array([[[0.25, 1.5]]], np.float32)
    normal = made.normal_actions(actions)
    npt.assert_allclose(normal, [[[1, 1]]])
    npt.assert_allclose(made.raw_actions(normal), actions)
    npt.assert_allclose(made.raw_actions(normal * 99), [[[2.0, 2.0]]])


def test_a_saved_learner_is_the_same_policy(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    made = learner()
    checkpoint.save(path, made.state_dict(), made.card())
    policy = progvla.make(SPEC, str(path))
    assert misfits(policy, SPEC) == []
    assert (policy.chunk, policy.execute) == (16, 8)
    for name, weight in load_file(path).items():
        npt.assert_array_equal(weight.float(), policy.agent.state_dict()[name])


def test_a_plan_has_actions_progress_success_and_advantage(example: Path) -> None:
    plan = progvla.make(SPEC, str(example), batch=3).act(shown(progvla.make(SPEC, str(example), batch=3), SPEC, 3))
    assert plan.actions.shape == (3, 16, 2)
    for estimate in (plan.progress, plan.success, plan.advantage):
        assert estimate is not None and estimate.shape == (3,)


@pytest.mark.parametrize("rows", [2, 8])
def test_a_row_depends_neither_on_its_neighbours_nor_on_the_threads_of_torch(example: Path, rows: int) -> None:
    policy = progvla.make(SPEC, str(example), batch=rows)
    batch = shown(policy, SPEC, rows)
    plan = policy.act(batch)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    other = Batch({camera: images.copy() for camera, images in batch.images.items()}, batch.state.copy(), *batch[2:])
    for images in other.images.values():
        images[1:] = 7
    other.state[1:] = 0
    try:
        again = policy.act(other._replace(instructions=(batch.instructions[0], *["another"] * (rows - 1))))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    npt.assert_array_equal(again.actions[0], plan.actions[0])


def test_the_noise_of_a_row_comes_from_its_seed(example: Path) -> None:
    policy = progvla.make(SPEC, str(example))
    batch = shown(policy, SPEC, 1)
    first, again = policy.act(batch), policy.act(batch)
    npt.assert_array_equal(first.actions, again.actions)
    other = policy.act(batch._replace(seeds=batch.seeds + np.uint64(1)))
    assert not np.array_equal(first.actions, other.actions)
    npt.assert_array_equal(first.progress, other.progress)


def test_without_noise_a_plan_follows_from_what_is_seen(example: Path) -> None:
    rewritten(example, lambda weights, card: card["config"].update(noise_scale=0.0))
    policy = progvla.make(SPEC, str(example))
    batch = shown(policy, SPEC, 1)
    other = batch._replace(seeds=batch.seeds + np.uint64(1))
    npt.assert_array_equal(policy.act(batch).actions, policy.act(other).actions)


def test_an_instruction_beyond_the_text_limit_is_refused(example: Path) -> None:
    policy = progvla.make(SPEC, str(example))
    with pytest.raises(ValueError, match="at most 32 tokens"):
        policy.act(shown(policy, SPEC, 1)._replace(instructions=("push " * 40,)))


def test_a_checkpoint_of_another_robot_does_not_fit(example: Path) -> None:
    policy = progvla.make(envs.load("metaworld").spec(64), str(example))
    lines = misfits(policy, envs.load("metaworld").spec(64))
    assert any("state: the environment has no x, y, z" in line for line in lines)
    assert any(line.startswith("action entries") for line in lines)


@pytest.mark.parametrize("path", sorted(progvla.CHECKPOINTS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_reference_checkpoint_is_small_says_what_it_knows_and_is_found_by_its_robot(path: Path) -> None:
    assert path.stat().st_size < 20e6
    spec = envs.load(path.stem).spec()
    assert progvla.reference(spec) == path
    policy = policies.make("progvla", spec, {})
    about = policies.about(policy)
    assert min(about["data"]["demonstrations_by_task"].values()) >= 20
    assert about["training"]["steps_done"] == about["training"]["steps"]
    assert about["data"]["hash"] and about["versions"]["torch"]
    plan = policy.act(shown(policy, spec, 1))
    assert np.isfinite(plan.actions).all() and np.isfinite(plan.progress).all()


def test_without_a_reference_checkpoint_a_checkpoint_must_be_named() -> None:
    with pytest.raises(LookupError, match=r"not for this one; train one \(python -m harness.train\)"):
        policies.make("progvla", SPEC._replace(action=replace(SPEC.action, rate_hz=11.0)), {})


def test_a_file_that_is_not_there_or_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"no checkpoint .*none"):
        progvla.make(SPEC, str(tmp_path / "none"))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no tensors here")
    with pytest.raises(ValueError, match="broken or no checkpoint of Headway"):
        progvla.make(SPEC, str(broken))


def rewritten(path: Path, change: Any) -> None:
    """The checkpoint with its weights and card changed."""
    weights, card = checkpoint.load(path)
    change(weights, card)
    checkpoint.save(path, weights, card)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda weights, card: weights.pop("network.encoder.position"),
            r"example\.safetensors lacks network\.encoder\.position$",
        ),
        (
            lambda weights, card: weights.update(other=torch.zeros(1)),
            r"example\.safetensors has more than expected: other$",
        ),
        (
            lambda weights, card: weights.update({"network.encoder.position": torch.zeros(2)}),
            r"encoder\.position is \(2,\), not \(",
        ),
        (lambda weights, card: card.update(policy="other"), "it is a checkpoint of policy 'other'"),
        (lambda weights, card: card.pop("statistics"), "its card is incomplete"),
        (lambda weights, card: card["config"].update(knob=1), "its card is incomplete or of another version: .*knob"),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_card_is_refused(example: Path, change: Any, said: str) -> None:
    rewritten(example, change)
    with pytest.raises(ValueError, match=said):
        progvla.make(SPEC, str(example))


def test_a_full_disk_leaves_the_old_checkpoint_whole(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = example.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        rewritten(example, lambda weights, card: card.update(new=1))
    assert example.read_bytes() == before
    assert list(example.parent.iterdir()) == [example]
