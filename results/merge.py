"""Several stores in one: `python -m results.merge A B ... --into DIR`.

A set union by key: nothing is counted twice, a verdict replaces an error, and the order of the stores makes no
difference to what `results.export --without-times` writes. The sources stay as they are.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from results.store import Store, StoreError


def merge(sources: list[Path], into: Path) -> int:
    """Add the records and runs of all sources to the store in `into`, which is made where there is none.

    Returns:
        How many records it holds then.

    Raises:
        StoreError: a source that cannot be read, checked before anything is written; or a store that cannot be written.
    """
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(Store(source))) for source in sources]
        target = stack.enter_context(Store(into, write=True))
        for store in stores:
            target.merge(store)
        return sum(1 for _ in target.records())


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.merge", description=__doc__)
    parser.add_argument("sources", type=Path, nargs="+", metavar="DIR", help="folders of the stores to read")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="folder of the store to add them to")
    chosen = parser.parse_args(arguments)
    try:
        count = merge(chosen.sources, chosen.into)
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{count} records in {chosen.into}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
