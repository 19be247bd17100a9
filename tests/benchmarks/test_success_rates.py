"""Run with `pytest --policy P --suite S tests/benchmarks`; see `harness.pytest_plugin`."""

from harness.pytest_plugin import TaskSuccess


def test_success_rate_is_not_below_reference_or_floor(task_success: TaskSuccess) -> None:
    assert not task_success.shortfalls()
