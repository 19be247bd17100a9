"""Every job is taken exactly once, and workers stay with their task where they can."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, strategies as st

from harness.schedule import Job, Schedule
from protocols.contracts import Episode

TASKS = ("near", "far", "up")

tasks = st.lists(st.sampled_from(TASKS), max_size=12)
open_tasks = st.none() | st.sampled_from((*TASKS, "elsewhere"))
served = st.sets(st.sampled_from(TASKS))


def jobs(names: list[str]) -> list[Job]:
    """One job per name, numbered within its task."""
    return [job(name, names[:place].count(name)) for place, name in enumerate(names)]


def job(task: str, index: int) -> Job:
    return Job(Episode("line", task, "go", index, index, 40), key=f"{task} {index}")


def order(schedule: Schedule) -> list[str]:
    """Keys in the order in which one worker that serves alone takes them."""
    open_task, keys = None, []
    while job := schedule.take(open_task, ()):
        open_task = job.episode.task
        keys.append(job.key)
    return keys


@given(tasks, st.data())
def test_every_job_is_taken_once_and_again_after_each_time_it_is_put_back(
    names: list[str], data: st.DataObject
) -> None:
    schedule, left, taken = Schedule(jobs(names)), Counter(jobs(names)), Counter[Job]()
    chances = 6
    while len(schedule):
        assert len(schedule) == left.total()
        job = schedule.take(data.draw(open_tasks), data.draw(served))
        assert job is not None and left[job] == 1
        left[job] -= 1
        taken[job] += 1
        if chances and data.draw(st.booleans()):
            chances -= 1
            again = job._replace(attempt=job.attempt + 1)
            schedule.put_back(again)
            left[again] += 1
    assert schedule.take(None, ()) is None
    assert {job._replace(attempt=1) for job in taken} == set(jobs(names))
    assert set(taken.values()) <= {1}


@given(tasks, st.data())
def test_a_worker_goes_on_with_its_own_task_while_there_is_work_in_it(names: list[str], data: st.DataObject) -> None:
    schedule, left = Schedule(jobs(names)), Counter(names)
    while len(schedule):
        own, others = data.draw(open_tasks), data.draw(served)
        job = schedule.take(own, others)
        assert job is not None
        task = job.episode.task
        if left[own or ""]:
            assert task == own
        elif free := {name for name in left if left[name] and name not in others}:
            assert task in free
        else:
            assert left[task] == max(left.values())
        left[task] -= 1


@given(tasks)
def test_one_worker_takes_tasks_and_episodes_in_the_order_given(names: list[str]) -> None:
    by_task = [job.key for task in dict.fromkeys(names) for job in jobs(names) if job.episode.task == task]
    assert order(Schedule(jobs(names))) == by_task


def test_a_job_that_is_put_back_is_the_next_of_its_task() -> None:
    schedule = Schedule(jobs(["near", "near", "far"]))
    first = schedule.take(None, ())
    assert first == job("near", 0)
    schedule.put_back(first._replace(attempt=2))
    assert schedule.take("far", ()) == job("far", 0)
    assert schedule.take(None, ()) == job("near", 0)._replace(attempt=2)
    assert order(schedule) == ["near 1"]


def test_a_job_can_be_put_back_when_all_of_its_task_is_taken() -> None:
    schedule = Schedule(jobs(["near"]))
    taken = schedule.take(None, ())
    assert taken is not None and not schedule
    schedule.put_back(taken)
    assert schedule.take("near", ()) == taken


def test_two_workers_take_different_tasks() -> None:
    schedule = Schedule(jobs(["near", "near", "far", "far"]))
    assert schedule.take(None, ()) == job("near", 0)
    assert schedule.take(None, {"near"}) == job("far", 0)


def test_a_worker_without_a_task_of_its_own_helps_where_most_is_left() -> None:
    schedule = Schedule(jobs(["near", "far", "far", "far"]))
    assert schedule.take("up", {"near", "far"}) == job("far", 0)
