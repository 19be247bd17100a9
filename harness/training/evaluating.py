"""Evaluates checkpoints while the policy trains, through the harness itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import torch

from harness.evaluation import Evaluation
from protocols.contracts import EvaluationProtocol
from results.store import Store

FOLDER = "evaluations"


class Evaluator:
    """From a checkpoint to its success rate; records go to a store below the training's folder.

    Args:
        policy: name of the policy, which takes `checkpoint=FILE`.
        protocol: what is evaluated.
        out: the training's folder.
        workers: processes, by default one per core.
        assets: where the suite's asset files come from.
    """

    def __init__(
        self, policy: str, protocol: EvaluationProtocol, out: Path, workers: int | None, assets: str | None
    ) -> None:
        self.policy, self.protocol, self.out, self.workers, self.assets = policy, protocol, out, workers, assets

    def prepared(self, checkpoint: Path) -> Evaluation:
        """The evaluation of a checkpoint. Raises what `Evaluation` raises where it does not fit the suite."""
        arguments = {"checkpoint": str(checkpoint)}
        with torch.random.fork_rng():  # a network that is made draws its first weights
            return Evaluation(self.protocol, self.policy, arguments, assets=self.assets)

    def __call__(self, checkpoint: Path) -> dict[str, Any]:
        """Evaluate; what an interrupted evaluation of the same weights has found is not done again."""
        evaluation, threads = self.prepared(checkpoint), torch.get_num_threads()
        with torch.random.fork_rng(), Store(self.out / FOLDER, write=True) as store:
            for _ in evaluation.run(store, workers=self.workers):
                pass
            records = evaluation.settled(store)
        torch.set_num_threads(threads)
        done = Counter(record.episode.task for record in records)
        solved = Counter(record.episode.task for record in records if record.success)
        return {
            "success_rate": solved.total() / max(1, len(records)),
            "episodes": len(records),
            "tasks": {task: [solved[task], count] for task, count in sorted(done.items())},
        }
