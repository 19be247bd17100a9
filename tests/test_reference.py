"""Reference counts, and the exact one-sided tests against them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from scipy import stats

from results.reference import FOLDER, Counts, main, p_below_floor, p_below_reference, read, written
from tests.records import make_record, with_errors

counts = st.integers(0, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))).map(lambda pair: Counts(*pair))


@given(new=counts, reference=counts)
def test_the_reference_test_is_fishers(new: Counts, reference: Counts) -> None:
    table = [
        [new.successes, new.episodes - new.successes],
        [reference.successes, reference.episodes - reference.successes],
    ]
    assert p_below_reference(new, reference) == pytest.approx(stats.fisher_exact(table, "less").pvalue)


@given(new=counts, floor=st.floats(0.01, 0.99))
def test_the_floor_test_is_binomial(new: Counts, floor: float) -> None:
    assert p_below_floor(new, floor) == pytest.approx(stats.binom.cdf(new.successes, new.episodes, floor))


def test_counts_are_written_and_read_back_without_errors_in_the_denominator(tmp_path: Path) -> None:
    records = [make_record("push-v3", index, success=index < 2) for index in range(3)] + [make_record("reach-v3")]
    path = tmp_path / "reference.csv"
    path.write_text(written(with_errors(records, 1)))
    assert read(path) == {"push-v3": Counts(1, 2), "reach-v3": Counts(1, 1)}


def test_a_file_that_is_no_reference_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("task,rate\nreach-v3,1\n")
    with pytest.raises(ValueError, match="needs the columns task, successes, episodes"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_committed_references_can_be_read(path: Path) -> None:
    assert all(0 <= some.successes <= some.episodes for some in read(path).values())


def test_a_policy_without_records_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(tmp_path), "--protocol", "metaworld_mt50", "--policy", "expert"]) == 2
    assert "there is no store" in capsys.readouterr().err
