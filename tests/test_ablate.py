"""Variants of a policy: trained alike, evaluated over the same starts, held against the full one, and resumed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import torch

import policies
from harness import collect
from harness.ablate import main, parser, split_changes, trainings
from harness.train import trainable
from policies import progvla
from policies.execution import wrapped
from policies.progvla import checkpoint as safetensors
from policies.progvla.config import config
from policies.progvla.variants import VARIANTS
from results.ablation import read_entries
from results.store import Store
from tests import cloner, line
from tests.cloner import checkpoint
from tests.commands import ROOT

LINE = ROOT / "tests" / "line" / "line.yaml"
ALIKE = ("--threads", "1", "--precision", "float32", "--device", "cpu", "--workers", "1", "--batch", "16")
LEARNING = ("--warm-up", "5", "--lr", "0.01", "--ema", "0.9", "--log-every", "50")


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demonstrations")
    usual = ["--policy", "expert", "--protocol", str(LINE), "--trials", "4", "--workers", "1", "--out", str(out)]
    assert collect.main(usual) == 0
    return out


def ablate(data: Path, out: Path, *arguments: str) -> int:
    usual = ("--policy", "tests.cloner", "--protocol", str(LINE), "--suite", "tests.line", "--trials", "2")
    places = ("--data", str(data), "--out", str(out))
    return main([*usual, *places, *ALIKE, *LEARNING, *arguments])


def test_variants_are_trained_alike_and_held_against_the_full_one_over_the_same_starts(
    demonstrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    options = ("--steps", "150", "--seeds", "0,1", "--format", "csv", "--table", str(table))
    assert ablate(demonstrations, tmp_path / "out", *options) == 0
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(table.read_text()))}
    assert list(rows) == ["full", "short"]
    assert rows["short"]["against"] == "full" and rows["short"]["seeds"] == "0 1"
    assert rows["short"]["episodes"] == "8"  # 2 tasks x 2 starts x 2 seeds
    assert float(rows["short"]["low_points"]) < 0 < float(rows["short"]["high_points"])
    cards = {
        name: checkpoint.load(tmp_path / "out" / name / "checkpoint.safetensors")[1]["training"]
        for name in ("full-0", "short-0", "full-1")
    }
    assert cards["short-0"] == cards["full-0"] | {"changes": {"chunk": "2"}}
    assert cards["full-1"] == cards["full-0"] | {"seed": 1}
    capsys.readouterr()

    assert ablate(demonstrations, tmp_path / "out", "--steps", "150", "--seeds", "0,1") == 0
    said = capsys.readouterr()
    assert said.out.count("is complete: 150 steps") == 4
    assert said.err.count("4 of 4 episodes are in the store already") == 4
    assert "- full: trained on 8 demonstrations of 2 tasks (expert under line), 150 steps of 16 samples" in said.out
    assert "- short: 2 trainings (seed 0, 1), 0.00 M parameters to train, 8 episodes" in said.out
    assert "Not trained alike" not in said.out
    with Store(tmp_path / "out" / "records") as store:
        assert len(list(store.records())) == 16
        names = {record.policy for record in store.records()}
        assert {run["program"] for run in store.runs().values()} == {"harness.ablate"}
    assert "tests.cloner(variant=short, seed=1)" in names


def test_a_variants_weights_are_those_of_harness_train(demonstrations: Path, tmp_path: Path) -> None:
    from harness.train import main as train

    assert ablate(demonstrations, tmp_path / "out", "--steps", "20", "--variants", "short,full") == 0
    usual = ["--policy", "tests.cloner", "--data", str(demonstrations), "--out", str(tmp_path / "alone")]
    alike = [*ALIKE[:6], "--batch", "16", *LEARNING, "--steps", "20"]
    assert train([*usual, *alike]) == 0
    alone, within = (
        checkpoint.load(folder / "checkpoint.safetensors")[0]
        for folder in (tmp_path / "alone", tmp_path / "out/full-0")
    )
    assert all(torch.equal(alone[name], within[name]) for name in alone)


def test_changes_may_be_of_one_variant_alone() -> None:
    common, own = split_changes(["chunk=4", "short:poison=2", "path=a:b"], ["full", "short"])
    assert common == {"chunk": "4", "path": "a:b"} and own == {"short": {"poison": "2"}}
    options = parser().parse_args(
        ["--policy", "tests.cloner", "--data", "d", "--out", "o", "--set", "chunk=3", "--set", "full:poison=9"]
    )
    made = {one.variant: one.changes for one in trainings(cloner, options)}
    assert made == {"full": {"chunk": "3", "poison": "9"}, "short": {"chunk": "2"}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "zero"), "policy 'zero' cannot be trained"),
        (("--variants", "shrt"), "no variant named 'shrt'; did you mean 'short'?"),
        (("--seeds", "a"), "--seeds takes numbers as 0,1, not 'a'"),
        (("--set", "shrt:chunk=1"), "no variant named 'shrt'; did you mean 'short'?"),
        (("--set", "chunck=1"), "did you mean 'chunk'?"),
        (("--tasks", "nearr"), "no task named 'nearr'; did you mean 'near'?"),
        (("--data", "nowhere"), "no demonstrations: there is no"),
    ],
)
def test_a_mistake_is_one_line(
    demonstrations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert ablate(demonstrations, tmp_path / "out", *arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("error: ") and words in said[-1]


def test_a_policy_without_variants_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    options = parser().parse_args(["--policy", "tests.cloner", "--data", "d", "--out", "o"])
    monkeypatch.setattr(cloner, "__name__", "tests.line")
    with pytest.raises(ValueError, match=r"policy 'tests.cloner' names no variants: it has no module variants"):
        trainings(trainable("tests.cloner"), options)


def test_progvla_tells_what_it_was_trained_on_through_any_wrapper(tmp_path: Path) -> None:
    path, spec = tmp_path / "example.safetensors", line.spec()
    progvla.make_example(spec, path)
    assert "data" not in policies.about(policies.make("progvla", spec, {"checkpoint": str(path)}))
    weights, card = safetensors.load(path)
    safetensors.save(path, weights, card | {"data": {"hash": "abc"}, "training": {"steps_done": 3}})
    told = policies.about(wrapped(policies.make("progvla", spec, {"checkpoint": str(path)}), "first"))
    assert told["data"] == {"hash": "abc"} and told["training"] == {"steps_done": 3}
    assert "statistics" not in told
    assert policies.about(policies.make("zero", spec, {})) == {}


def test_the_rows_of_progvlas_table_are_variants_of_ours_and_every_variant_is_a_config() -> None:
    assert {entry.variant for entry in read_entries("progvla")} <= VARIANTS.keys()
    made = {name: config("tiny", changes) for name, changes in VARIANTS.items()}
    assert len(set(made.values())) == len(VARIANTS)
    off = made["no-progress"]
    assert not (off.q_head or off.value_head or off.success_head) and off.weight == "none"
