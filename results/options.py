"""Options that commands share which read records: where from, and which."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocols.contracts import Record
from results.export import load_records
from results.groups import chosen_records


def add_source_options(add: Callable[..., Any]) -> None:
    """`--store` and `--protocol`, through `add_argument`."""
    about = "folder of a store, or a file that results.export wrote"
    add("--store", type=Path, required=True, metavar="DIR", help=about)
    add("--protocol", metavar="N", help="only this protocol's records")


def records_of(chosen: argparse.Namespace) -> list[Record]:
    """The records that the options name.

    Raises:
        StoreError, ValueError: see `results.export.load_records`.
        LookupError: there are none.
    """
    return chosen_records(load_records(chosen.store), chosen.protocol, chosen.store)
