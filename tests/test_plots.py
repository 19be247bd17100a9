"""Figures: that they show what the records say, are written, and refuse what is not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import protocols
from results.groups import by_policy
from results.plots import episodes_figure, held_curves, main, progress_figure, success_figure
from results.store import Store
from tests.records import make_evaluation, make_record, with_errors

MT10 = protocols.load("metaworld_mt10")


def texts(figure: Figure) -> list[str]:
    """Every text of a figure, titles and annotations included."""
    return [text.get_text() for text in figure.findobj(Text)]


def test_success_figure_has_a_line_per_tier_task_and_mean_best_first() -> None:
    (group,) = by_policy(make_evaluation(MT10, "vla"))
    figure = success_figure(group, "note")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 10 + 3 + 2
    assert labels[0] == "easy" and labels[-2:] == ["tier mean", "task mean"]
    rates = [
        sum(record.success is True for record in group.records if record.episode.task == label) for label in labels
    ]
    easy = rates[1 : labels.index("medium")]
    assert easy == sorted(easy, reverse=True)


def test_success_figure_shows_errors_and_tasks_without_any_verdict() -> None:
    (group,) = by_policy(with_errors(make_evaluation(MT10, "vla"), 11))
    shown = texts(success_figure(group, "note"))
    assert "0/0, 10 errors" in shown
    assert any(text.endswith("/9, 1 error") for text in shown)


def test_progress_figure_has_a_panel_per_task_with_its_counts() -> None:
    (group,) = by_policy(make_evaluation(MT10, "vla"))
    figure = progress_figure(group, "note")
    assert {axes.get_title() for axes in figure.axes} == {task.name for task in MT10.tasks}
    assert {"easy", "medium", "hard"} <= set(texts(figure))


def test_an_episode_that_has_ended_keeps_its_last_value_and_an_error_is_left_out() -> None:
    short = make_record(steps=2, progress=np.array([0.5, 1.0], np.float32))
    full = make_record(index=1, success=False, steps=4, progress=np.array([0.1, 0.2, 0.3, 0.2], np.float32))
    curves = held_curves([short, full, make_record(index=2, success=None)], longest=4)
    assert curves == pytest.approx(np.array([[0.5, 1.0, 1.0, 1.0], [0.1, 0.2, 0.3, 0.2]]))


def test_episodes_figure_draws_each_curve_and_numbers_the_failures() -> None:
    records = [make_record(index=index, success=index not in (3, 7), steps=10) for index in range(8)]
    (group,) = by_policy(records)
    figure = episodes_figure(group, "reach-v3", "note")
    assert len(figure.axes[0].lines) == 2 * 8
    assert "3, 7" in texts(figure)
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[::2]}
    assert len(styles) == 2


@pytest.fixture
def store(tmp_path: Path) -> Path:
    records = make_evaluation(MT10.changed(trials=2), "vla") + make_evaluation(
        MT10.changed(trials=1, max_steps=9), "vla"
    )
    with Store(tmp_path / "store", write=True) as opened:
        for record in [*records, make_record("one-v3", success=None, steps=0, protocol="mine", policy="p q/r")]:
            opened.add(record)
    return tmp_path / "store"


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_command_writes_two_figures_per_policy_and_setting(store: Path, tmp_path: Path, form: str) -> None:
    assert main(["--store", str(store), "--out", str(tmp_path / "new" / "figures"), "--format", form]) == 0
    assert sorted(path.name for path in (tmp_path / "new" / "figures").iterdir()) == [
        f"progress_metaworld-mt10_max-steps=9_vla.{form}",
        f"progress_metaworld-mt10_vla.{form}",
        f"progress_mine_p-q-r.{form}",
        f"success_metaworld-mt10_max-steps=9_vla.{form}",
        f"success_metaworld-mt10_vla.{form}",
        f"success_mine_p-q-r.{form}",
    ]


def test_policies_whose_file_names_would_be_equal_get_a_file_each(tmp_path: Path) -> None:
    with Store(tmp_path / "store", write=True) as opened:
        for policy in ("p q", "p/q"):
            opened.add(make_record(policy=policy))
    assert main(["--store", str(tmp_path / "store"), "--out", str(tmp_path / "figures")]) == 0
    assert len(list((tmp_path / "figures").iterdir())) == 4


def test_a_task_gets_one_figure_per_policy_that_has_it(store: Path, tmp_path: Path) -> None:
    command = ["--store", str(store), "--out", str(tmp_path), "--protocol", "metaworld_mt10", "--task", "reach-v3"]
    assert main(command) == 0
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "episodes_metaworld-mt10_max-steps=9_vla_reach-v3.png",
        "episodes_metaworld-mt10_vla_reach-v3.png",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--store", "{folder}/nowhere", "--out", "{folder}"], "there is no store in"),
        (["--store", "{store}", "--out", "{folder}", "--task", "reach"], "did you mean 'reach-v3'"),
        (["--store", "{store}", "--out", "{store}/store.sqlite/below"], "Not a directory"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(store=store, folder=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert len(error.splitlines()) == 1
