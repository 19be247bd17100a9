"""What learned policies were trained on, as their checkpoints' cards say and a store keeps with each run.

    progvla: trained on 360 demonstrations of 18 tasks (expert(noise=0.1) under metaworld_mt50), 6000 steps of 64 ...

Of tasks that it was not trained on a table must not be read as of the others: the note has the mean of either kind.
Beside records that were kept in a file, as committed tables have them, lies a file with what they say of training.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

from protocols.contracts import Record
from results.cells import interval_cell, rate_cell
from results.chains import are_chains
from results.groups import PolicyRecords
from results.statistics import by_task, task_mean
from results.store import Store

Trained = Mapping[str, Mapping[str, Any]]  # what `policies.about` tells, by the policy's fingerprint


def read_trained(source: Path, records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """What is known of the training of those who made some records.

    Args:
        source: folder of a store, or a file of records, which may have been written by `keep_trained` too.
        records: read from there.

    Raises:
        StoreError: a folder without a readable store.
    """
    if source.is_file():
        path = beside(source)
        known: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return known
    with Store(source) as store:
        runs = store.runs()
    told = {record.policy_fingerprint: runs.get(record.run, {}).get("policy") for record in records}
    return {fingerprint: about for fingerprint, about in told.items() if about}


def keep_trained(trained: Trained, path: Path) -> None:
    """Write it beside a file of records; no file where there is nothing to tell."""
    if trained:
        beside(path).write_text(json.dumps(trained, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def beside(path: Path) -> Path:
    """Where it lies that belongs to a file of records."""
    return path.with_name(f"{path.name}.trained.json")


def trained_notes(group: Sequence[PolicyRecords], trained: Trained) -> Iterator[str]:
    """A line for each policy that says from what it was trained, and one for tasks that it was not trained on."""
    for measured in group:
        about = training_of(measured, trained)
        if about:
            yield f"{measured.policy}: {trained_on(about)}"
            yield from untrained_note(measured, about)


def training_of(measured: PolicyRecords, trained: Trained) -> Mapping[str, Any]:
    """What the policy of some records tells about its training; empty where it tells nothing."""
    told = trained.get(measured.records[0].policy_fingerprint, {})
    return told if "data" in told and "training" in told else {}


def trained_on(about: Mapping[str, Any]) -> str:
    """Demonstrations, tasks, who made them, and how long it learnt."""
    data, training = about["data"], about["training"]
    demonstrations = data["demonstrations_by_task"]
    made_by = f" ({'; '.join(data['made_by'])})" if data.get("made_by") else ""
    changes = "".join(f", {key}={value}" for key, value in sorted(training["changes"].items()))
    parameters = about.get("parameters", {}).get("trained")
    reaching = training.get("reaching", 1)
    dealt = f", rows before the gripper first turns {reaching} times as often" if reaching > 1 else ""
    size = f", {parameters / 1e6:.2f} M parameters" if parameters else ""
    return (
        f"trained on {sum(demonstrations.values())} demonstrations of {counted(demonstrations, 'task')}{made_by}, "
        f"{training['steps_done']} steps of {training['batch']} samples ({training['epochs']:g} epochs{dealt}), "
        f"seed {training['seed']}; config {training['config']}{changes}{size}; data {data['hash'][:8]}"
        + (f"; begun from weights {trained_on(about['began_from'])}" if "began_from" in about else "")
    )


def known_tasks(about: Mapping[str, Any]) -> set[str]:
    """All tasks that it has ever been trained on."""
    return {*about["data"]["demonstrations_by_task"]} | (
        known_tasks(about["began_from"]) if "began_from" in about else set()
    )


def trained_mark(measured: PolicyRecords, trained: Trained) -> tuple[str, ...]:
    """The short form, to stand beside a policy's name; empty where it tells nothing."""
    about = training_of(measured, trained)
    if not about:
        return ()
    known, tasks = about["data"]["demonstrations_by_task"], by_task(measured.records)
    both = known_tasks(about) & tasks.keys()
    share = "" if are_chains(measured.records) else f", {len(both)} of these {len(tasks)} tasks"
    return (f"trained on {sum(known.values())} demonstrations{share}",)


def counted(things: Sized, noun: str) -> str:
    """How many there are: "1 task", "4 tasks"."""
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"


def untrained_note(measured: PolicyRecords, about: Mapping[str, Any]) -> Iterator[str]:
    """Means over the tasks that it was trained on and over the others, which are named; none where all were trained."""
    tasks, known = by_task(measured.records), known_tasks(about)
    seen, unseen = ([task for task in tasks if (task in known) == kind] for kind in (True, False))
    if not unseen or are_chains(measured.records):
        return
    means = []
    for words, names in (("trained on", seen), ("not trained on", unseen)):
        mean = task_mean(record for name in names for record in tasks[name])
        if names:
            means.append(f"{rate_cell(mean)} % {interval_cell(mean)} over the {counted(names, 'task')} {words}")
    shown, words = (seen, "trained on") if 0 < len(seen) < len(unseen) else (unseen, "not trained on")
    yield f"{measured.policy}: task mean {'; '.join(means)}; {words}: {', '.join(shown)}"
