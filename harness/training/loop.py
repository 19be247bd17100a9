"""The loop: batch after batch moves the weights; what it needs to go on after a kill is saved now and then."""

from __future__ import annotations

import importlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from harness import provenance
from harness.training import state
from harness.training.curves import Curves
from harness.training.dataset import DataSet, Order
from harness.training.optimisation import RunningMean, optimiser, random_state, rate, restore_random
from harness.training.prefetch import Next, Prefetch
from harness.training.sources import Rows
from harness.training.state import CHECKPOINT, Settings
from protocols.samples import Samples

PACKAGES = ("headway", "numpy", "torch", "safetensors")
VALIDATION_BATCHES = 4
VALIDATION_SEED = 0


class NotFiniteError(ArithmeticError):
    """A loss or gradient is no number: the weights are left as they were, and going on is no use."""


class Every(NamedTuple):
    """Steps between two lines of the curves, between two saved states, and between two evaluations; 0 for never."""

    log: int
    save: int
    evaluate: int


class Training:
    """A learner and all that learns with it; `step` steps are done.

    Args:
        policy: the policy's module.
        learner: see `policies.progvla.learner`; on the CPU, with its first weights.
        data: what it learns from, with its images.
        settings: all that decides the weights.
        out: folder for what is saved.
        device: "cpu" or "cuda".

    Raises:
        ValueError: a saved state is broken or does not fit the learner.
    """

    def __init__(
        self, policy: ModuleType, learner: nn.Module, data: DataSet, settings: Settings, out: Path, device: str
    ) -> None:
        self.checkpoint = importlib.import_module(f"{policy.__name__}.checkpoint")
        self.learner: Any = learner.to(device)
        self.data, self.settings, self.out, self.device = data, settings, out, device
        self.places = data.dealt(settings.reaching)
        self.optimiser = optimiser(learner, settings.lr, settings.weight_decay)
        self.mean = RunningMean(learner, settings.ema)
        self.generator = torch.Generator(device).manual_seed(settings.seed)
        self.step = 0
        self.seconds: dict[str, float] = defaultdict(float)
        if (before := state.saved(out)) is not None:
            self._restore(before)
        self.curves = Curves(out, self.step)

    def _restore(self, before: dict[str, Any]) -> None:
        try:
            self.learner.load_state_dict(before["learner"])
            self.optimiser.load_state_dict(before["optimiser"])
            for name, mean in self.mean.means.items():
                mean.copy_(before["mean"][name])
        except (RuntimeError, KeyError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise ValueError(f"the state in {self.out} is of another network ({said}); name another --out") from error
        self.generator.set_state(before["generator"])
        restore_random(before["random"])
        self.step = before["step"]

    def order(self) -> Order:
        """Which samples each step learns from."""
        return Order(self.places, self.settings.batch, self.settings.seed)

    def learn(self, batch: Next) -> dict[str, Tensor]:
        """One step; the mean of each loss over its samples.

        Raises:
            NotFiniteError: the weights are as before.
        """
        self.learner.train()
        losses: dict[str, Tensor] = {}
        with self._timed("computing"):
            for part in parts(batch.samples, self.settings.accumulate):
                with self._cast():
                    found = self.learner.losses(part, self.generator)
                (found["loss"] / self.settings.accumulate).backward()
                for name, value in found.items():
                    losses[name] = losses.get(name, 0.0) + value.detach().float() / self.settings.accumulate
            norm = nn.utils.clip_grad_norm_(self.learner.parameters(), self.settings.clip)
            self._check(losses, norm, batch.chosen)
        with self._timed("optimising"):
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate()
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.mean.update(self.step)
        self.step += 1
        return losses | {"gradient": norm}

    def rate(self) -> float:
        """Learning rate of the next step."""
        chosen = self.settings
        return rate(self.step, chosen.steps, chosen.warm_up, chosen.lr, chosen.floor)

    def _check(self, losses: dict[str, Tensor], norm: Tensor, chosen: Rows) -> None:
        wrong = [name for name, value in (losses | {"gradient": norm}).items() if not torch.isfinite(value)]
        if not wrong:
            return
        names = sorted({name.partition(" row ")[0] for name in self.data.names(chosen)})
        few = ", ".join(names[:8]) + f" and {len(names) - 8} more" * (len(names) > 8)
        path = self.out / "not_finite.txt"
        path.write_text("\n".join(self.data.names(chosen)) + "\n", encoding="utf-8")
        raise NotFiniteError(
            f"step {self.step + 1}: {', '.join(wrong)} is not finite; its batch has samples of {few} (all: {path}); "
            f"what was saved before is as it was; a smaller --lr or other --data may help, with another --out"
        )

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.settings.precision == "bfloat16")

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - began

    def validate(self) -> dict[str, float]:
        """Mean of each loss over a few batches of what is held out, with the running mean of the weights."""
        places = self.data.validation
        if not len(places):
            return {}
        count = min(len(places), VALIDATION_BATCHES * self.settings.batch)
        chosen = places[np.linspace(0, len(places) - 1, count).astype(np.int64)]
        sums: dict[str, float] = defaultdict(float)
        before = random_state()
        generator = torch.Generator(self.device).manual_seed(VALIDATION_SEED)
        torch.manual_seed(VALIDATION_SEED)
        self.learner.eval()
        for some in np.array_split(chosen, -(-count // self.settings.batch)):
            with torch.no_grad(), self.mean.in_place(), self._cast():
                found = self.learner.losses(self.data.samples(some), generator)
            for name, value in found.items():
                sums[f"validation_{name}"] += float(value) * len(some) / count
        restore_random(before)
        return dict(sums)

    def save(self, *, at_once: bool = True) -> None:
        """Keep all that is needed to go on, the checkpoint, and the curves, whose picture can wait unless at once.

        Raises:
            OSError: it cannot be written; what was saved before is whole.
        """
        with self._timed("saving"):
            whole = {
                "step": self.step,
                "learner": self.learner.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "mean": self.mean.means,
                "generator": self.generator.get_state(),
                "random": random_state(),
            }
            state.save(self.out, whole)
            weights = self.mean.state_dict(self.learner)
            weights = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
            self.checkpoint.save(self.out / CHECKPOINT, weights, self.card())
            self.curves.draw(at_once=at_once)

    def card(self) -> dict[str, Any]:
        """All that is to be known about the checkpoint; no place on this machine."""
        return {
            **self.learner.card(),
            "training": asdict(self.settings) | {"steps_done": self.step, "epochs": round(self.epochs(), 2)},
            "data": self.data.card(),
            "metrics": {key: value for key, value in self.curves.last().items() if not key.endswith("_s")},
            "parameters": parameters(self.learner),
            "versions": provenance.versions(PACKAGES) | {"git": provenance.git_state()},
        }

    def epochs(self) -> float:
        """How often every sample was learnt from."""
        return self.step * self.settings.batch / len(self.places)

    def run(
        self,
        every: Every,
        stop: Callable[[], bool],
        tell: Callable[[dict[str, float]], None],
        evaluate: Callable[[Path], dict[str, Any]] | None = None,
    ) -> Iterator[int]:
        """Learn to the end, or until `stop` says so; yields the number of each step that is done, saved where due.

        Args:
            every: how often what is done.
            stop: asked after each step; what is done by then is saved.
            tell: given each new line of the curves.
            evaluate: from a checkpoint to what is noted in the curves.
        """
        steps, window = self.settings.steps, Window(self.settings.batch)
        with Prefetch(self.data, self.order(), self.step, steps) as ahead:
            self._evaluate(every, evaluate, tell)
            while self.step < steps:
                with self._timed("waiting"):
                    batch = ahead.take()
                window.add(self.learn(batch))
                ended = self.step == steps or stop()
                if ended or self.step % every.log == 0:
                    self._note(window.line(self.seconds) | {"lr": self.rate()}, tell)
                if ended or self.step % every.save == 0:
                    self._note(self.validate(), tell)
                    self.save(at_once=ended)
                self._evaluate(every, evaluate, tell)
                yield self.step
                if ended:
                    return

    def _note(self, line: dict[str, Any], tell: Callable[[dict[str, float]], None]) -> None:
        if line:
            self.curves.add(step=self.step, **line)
            tell(self.curves.lines[-1])

    def _evaluate(
        self, every: Every, evaluate: Callable[[Path], dict[str, Any]] | None, tell: Callable[[dict[str, float]], None]
    ) -> None:
        if evaluate is None or not self.step or (self.step % every.evaluate and self.step < self.settings.steps):
            return
        if any(line["step"] == self.step and "success_rate" in line for line in self.curves.lines):
            return
        self.save(at_once=False)
        with self._timed("evaluating"):
            found = evaluate(self.out / CHECKPOINT)
        self._note(found, tell)
        self.save()


def parts(samples: Samples, count: int) -> Iterator[Samples]:
    """The samples in so many equal parts."""
    size = len(samples.to_go) // count
    for first in range(0, size * count, size):
        rows = slice(first, first + size)
        yield Samples(
            images={camera: images[rows] for camera, images in samples.images.items()},
            **{key: value[rows] for key, value in samples._asdict().items() if key != "images"},
        )


def parameters(learner: nn.Module) -> dict[str, int]:
    """Numbers of parameters that are trained, and that stay as they are."""
    counts = Counter(trained=0, frozen=0)
    for parameter in learner.parameters():
        counts["trained" if parameter.requires_grad else "frozen"] += parameter.numel()
    return dict(counts)


class Window:
    """Losses and times since the last line of the curves.

    Args:
        batch: samples in a step.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.seconds: dict[str, float] = defaultdict(float)
        self._begin()

    def _begin(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.steps, self.began = 0, time.perf_counter()

    def add(self, losses: dict[str, Tensor]) -> None:
        """One more step."""
        self.steps += 1
        for name, value in losses.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def line(self, seconds: dict[str, float]) -> dict[str, float]:
        """Means of the losses, samples per second, and where the seconds of a step went; a new window begins."""
        means = {name: float(value) / self.steps for name, value in self.sums.items()}
        spent = {f"{what}_s": (seconds[what] - self.seconds.get(what, 0.0)) / self.steps for what in STEP_PARTS}
        speed = self.steps * self.batch / (time.perf_counter() - self.began)
        self.seconds = dict(seconds)
        self._begin()
        return means | {"samples_per_s": round(speed, 1)} | {what: round(value, 6) for what, value in spent.items()}


STEP_PARTS = ("waiting", "computing", "optimising")
