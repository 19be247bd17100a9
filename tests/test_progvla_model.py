"""ProgVLA's network and losses do what the paper's equations say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from policies.layers.flow import ActionExpert, heun
from policies.progvla import budget, losses
from policies.progvla.config import CONFIGS, PAPER, TINY, Config, config
from policies.progvla.model import Network, Sizes
from policies.progvla.vision import places, stem

LIBERO, META_WORLD = (sizes._replace(text=8) for sizes in budget.ROBOTS.values())
SMALL = TINY.changed(
    {"width": "16", "heads": "2", "vit_width": "16", "vit_heads": "2", "vit_stem": "4,4,8,16", "image_size_px": "32"}
)
# 16 px per token, four tokens


def network(sizes: Sizes = LIBERO, chosen: Config = SMALL) -> Network:
    torch.manual_seed(0)
    return Network(chosen, sizes)


def context(made: Network, text: torch.Tensor, ignored: torch.Tensor, sizes: Sizes = LIBERO) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(2, 3, 32, 32, generator=generator) for _ in sizes.cameras]
    return made.encoder(images, torch.rand(2, sizes.state, generator=generator), made.encoder.told(text, ignored))


def told(tokens: int = 6, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Two instructions of which the second has two tokens less."""
    ignored = torch.zeros(2, tokens, dtype=torch.bool)
    ignored[1, -2:] = True
    return torch.rand(2, tokens, 8, generator=torch.Generator().manual_seed(seed)), ignored


@pytest.mark.parametrize(("sizes", "tokens"), [(LIBERO, 33), (META_WORLD, 25)])
def test_the_paper_fuses_33_tokens_of_two_cameras_and_25_of_one_into_four(sizes: Sizes, tokens: int) -> None:
    paper_sized = PAPER.changed({"width": "16", "vit_width": "12", "vit_depth": "1", "expert_depth": "2"})
    made = network(sizes, paper_sized)
    assert len(made.encoder.position) == tokens
    assert len(made.encoder.resampler.latents) == 4
    assert made.encoder.vision.tokens == 64


@pytest.mark.parametrize(("sizes", "reported"), [(LIBERO, 72.4), (META_WORLD, 68.8)])
def test_the_paper_sized_network_has_the_parameters_that_the_paper_implies(sizes: Sizes, reported: float) -> None:
    with torch.device("meta"):
        counts = budget.budget(Network(PAPER, sizes._replace(text=512)))
    assert counts["trained without heads"] == pytest.approx(reported, abs=0.4)
    assert counts["heads"] == pytest.approx(7.7, abs=0.05)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_budget_command_counts_every_parameter_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["--set", "expert_depth=1", "--set", "vit_depth=1"]
    assert budget.main(["--config", name, *changes]) == 0
    lines = {line[:24].strip(): line[24:].split() for line in capsys.readouterr().out.splitlines()[1:]}
    parts = [float(values[0]) for part, values in lines.items() if not part.startswith(("trained", "all", "frozen"))]
    assert sum(parts) == pytest.approx(float(lines["trained"][0]), abs=0.3)


def test_the_budget_command_refuses_a_config_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert budget.main(["--config", "papr"]) == 2
    assert "did you mean 'paper'" in capsys.readouterr().err


def test_tokens_that_are_no_text_leave_the_context_unchanged() -> None:
    made = network().eval()
    text, ignored = told()
    noisy = text.clone()
    noisy[1, -2:] = torch.tensor([9.0, -9.0])[:, None]
    assert torch.equal(context(made, text, ignored), context(made, noisy, ignored))
    assert not torch.allclose(context(made, text, ignored), context(made, noisy.flip(0), ignored))


def test_the_context_depends_on_every_camera_the_state_and_the_instruction() -> None:
    made = network().eval()
    text, ignored = told()
    images = [torch.rand(2, 3, 32, 32) for _ in range(2)]
    state, language = torch.rand(2, 15), made.encoder.told(text, ignored)
    before = made.encoder(images, state, language)
    for changed in (([images[0] * 0.5, images[1]], state, language), ([images[0], images[1] * 0.5], state, language)):
        assert not torch.allclose(before, made.encoder(*changed), atol=1e-6)
    assert not torch.allclose(before, made.encoder(images, state * 2, language), atol=1e-6)
    assert not torch.allclose(before, made.encoder(images, state, language.flip(0)), atol=1e-6)


def test_without_the_context_resampler_the_expert_reads_all_tokens() -> None:
    made = network(chosen=SMALL.changed({"context_resampler": "off"}))
    assert context(made, *told()).shape == (2, 2 * 8 + 8 + 1, 16)


POINTING = SMALL.changed({"pointer_heads": "4", "goal_share": "1", "vit_depth": "0", "image_size_px": "64"})


def test_a_pointer_adds_two_tokens_that_know_images_and_instruction_but_not_the_state() -> None:
    made = network(chosen=POINTING).eval()
    language = made.encoder.told(*told())
    images, state = [torch.rand(2, 3, 64, 64) for _ in range(2)], torch.rand(2, 15)

    def pointed(*changed: torch.Tensor) -> torch.Tensor:
        agent, wrist, felt, instruction = changed
        found = made.encoder([agent.clone(), wrist.clone()], felt, instruction)
        assert found.shape == (2, 4 + 2, 16)
        return found[:, 4:]

    before = pointed(*images, state, language)
    assert torch.equal(before, pointed(*images, state + 1, language))
    for place in (0, 1, 3):
        changed = [*images, state, language]
        changed[place] = changed[place].flip(0)
        assert not torch.allclose(before, pointed(*changed), atol=1e-3)


def test_a_token_of_an_image_begins_to_say_its_place_by_waves_of_amplitude_one_half() -> None:
    begun = places(8, 128)
    assert begun.square().sum(1).sqrt().numpy() == pytest.approx((128 / 2) ** 0.5 / 2)
    assert torch.cdist(begun, begun).add(torch.eye(64) * 9).min() > 0.5
    assert places(3, 10).shape == (9, 10)


def test_a_stem_begins_by_passing_on_what_differs_between_images() -> None:
    torch.manual_seed(0)
    passed = stem((16, 32, 64, 128))(torch.randn(32, 3, 112, 112))
    assert passed.std() > 0.3


def test_the_action_expert_begins_as_zero() -> None:
    expert = network().expert
    velocity = expert(torch.rand(3, 16, 7), expert.modulations(torch.rand(3)), expert.reading(torch.rand(3, 4, 16)))
    assert torch.equal(velocity, torch.zeros(3, 16, 7))


def test_cross_attention_blocks_read_the_context_and_the_others_the_chunk() -> None:
    expert = ActionExpert(width=16, depth=4, heads=2, chunk=3, entries=2)
    reading = expert.reading(torch.rand(1, 5, 16))
    assert [None if read is None else read.key.shape[-2] for read in reading] == [5, None, 5, None]


@given(st.floats(-1, 1), st.floats(-2, 2), st.integers(1, 12))
def test_heun_is_exact_for_a_velocity_that_is_linear_in_time(slope: float, offset: float, steps: int) -> None:
    end = heun(lambda state, index: slope * torch.tensor(index / steps) + offset, torch.zeros(1), steps)
    assert end.item() == pytest.approx(slope / 2 + offset, abs=1e-5)


def test_heun_converges_with_the_square_of_the_step() -> None:
    start = torch.ones(1, dtype=torch.float64)
    errors = [abs(heun(lambda state, _: state, start, steps).item() - np.e) for steps in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


def test_progress_ends_at_one_never_falls_and_is_not_zero_at_the_start_of_a_short_demonstration() -> None:
    r = losses.progress(torch.arange(120, -1, -1), PAPER.horizon)
    assert r[-1] == 1
    assert (r.diff() > 0).all()
    assert r[0].item() == pytest.approx(0.76)
    assert losses.progress(torch.tensor([501, 700]), PAPER.horizon).tolist() == [0, 0]


@pytest.mark.parametrize("last", [17, 40, 300])
def test_success_is_near_in_the_last_18_rows(last: int) -> None:
    assert losses.near_success(torch.arange(last, -1, -1), PAPER.near_steps).sum() == 18


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_the_expectile_of_one_half_is_half_the_square(values: list[float]) -> None:
    difference = torch.tensor(values)
    assert torch.allclose(losses.expectile(difference, 0.5), difference**2 / 2)


def test_the_expectile_weighs_values_that_are_too_low_more() -> None:
    below, above = losses.expectile(torch.tensor([1.0, -1.0]), 0.8)  # u = r - V
    assert (below.item(), above.item()) == (pytest.approx(0.8), pytest.approx(0.2))


def test_weights_carry_no_gradient_and_are_clipped() -> None:
    quality = torch.tensor([0.0, 0.5, 9.0], requires_grad=True)
    value = torch.zeros(3, requires_grad=True)
    weight = losses.policy_weight(PAPER, quality, value, torch.ones(3))
    assert not weight.requires_grad
    assert weight.tolist() == [1, pytest.approx(np.e), 20]
    assert not losses.success_weight(quality, torch.ones(3)).requires_grad
    assert losses.success_weight(torch.tensor([-99.0, 0, 99]), torch.ones(3)).tolist() == pytest.approx([0.5, 0.75, 1])


@pytest.mark.parametrize(("changes", "expected"), [({"weight": "none"}, [1, 1]), ({"weight": "progress"}, [0.25, 0.5])])
def test_other_weights_ignore_the_heads(changes: dict[str, str], expected: list[float]) -> None:
    r = torch.tensor([0.25, 0.5])
    assert losses.policy_weight(PAPER.changed(changes), torch.ones(2), torch.zeros(2), r).tolist() == expected


def test_without_heads_every_sample_weighs_one() -> None:
    ones = torch.ones(2)
    assert losses.policy_weight(PAPER, None, ones, ones / 2).tolist() == [1, 1]
    assert losses.success_weight(None, ones / 2).tolist() == [1, 1]


def test_the_total_is_the_weighted_flow_loss_and_the_shares_of_the_heads() -> None:
    heads = {"q": torch.tensor(1.0), "value": torch.tensor(2.0), "success": torch.tensor(3.0)}
    total = losses.total(PAPER, torch.tensor([1.0, 3.0]), torch.tensor([1.0, 0.5]), heads)
    assert total.item() == pytest.approx((1 + 1.5) / 2 + 1 * 1 + 0.5 * 2 + 0.2 * 3)


def test_times_follow_the_distribution_that_is_asked_for() -> None:
    generator = torch.Generator().manual_seed(0)
    middle = losses.sample_times(50_000, "beta22", generator)
    assert (middle.mean().item(), middle.var().item()) == (
        pytest.approx(0.5, abs=0.005),
        pytest.approx(0.05, abs=0.002),
    )
    smol = 1 - losses.sample_times(50_000, "smolvla", generator)  # t = 1 is noise there
    assert smol.mean().item() == pytest.approx(0.999 * 0.6 + 0.001, abs=0.005)  # Beta(1.5, 1) has the mean 0.6


def test_flow_goes_in_a_straight_line_from_noise_to_the_actions() -> None:
    actions = torch.rand(5, 4, 2)
    flow = losses.interpolated(actions, "beta22", torch.Generator().manual_seed(0))
    arrived = flow.noisy + (1 - flow.tau)[:, None, None] * flow.velocity
    assert torch.allclose(arrived, actions, atol=1e-6)


def test_an_unknown_value_of_a_config_is_named() -> None:
    with pytest.raises(LookupError, match="did you mean 'width'"):
        config("tiny", {"widht": "3"})
    with pytest.raises(ValueError, match="width must be a value like 128, not 'x'"):
        config("tiny", {"width": "x"})
    with pytest.raises(ValueError, match="q_head must be on or off"):
        config("tiny", {"q_head": "maybe"})
    with pytest.raises(ValueError, match="execute must be from 1 to chunk"):
        config("tiny", {"execute": "17"})
    for wrong in ("-1", "inf", "nan"):
        with pytest.raises(ValueError, match=f"noise_scale must be finite and 0 or more, not {wrong}"):
            config("tiny", {"noise_scale": wrong})
