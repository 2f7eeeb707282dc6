"""Keeps the schemas of released events, which the compatibility test holds the models to.

Run `python -m tests.contracts.release` from the repository's root after an event was released or
has gained an optional field, and commit `tests/contracts/events/`. A schema that says less or
something else than it did is refused: that is a new version in `canonical.events.EVENT_DATA`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from canonical.events import EVENT_DATA
from governance.catalogue import Catalogue, load_catalogue
from governance.compatibility import breaking_changes
from governance.schemas import released_schema

RELEASED = Path(__file__).parent / "events"


def golden(event_type: str, version: int, folder: Path = RELEASED) -> Path:
    """Where the released schema of one version is kept."""
    return folder / f"{event_type}.v{version}.json"


def released_versions(catalogue: Catalogue) -> list[tuple[str, int]]:
    """Every version that somebody may rely on: all but the newest one of a draft."""
    events = catalogue.events.events
    return [
        (name, version)
        for name, version in EVENT_DATA
        if events[name].released or version < events[name].version
    ]


def text_of(schema: dict[str, Any]) -> str:
    """A schema as it is kept: readable, and the same for the same schema."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def release(catalogue: Catalogue, folder: Path = RELEASED) -> list[str]:
    """Keep what is new; returns what was refused, in sentences, with nothing of that written."""
    refused = []
    for name, version in released_versions(catalogue):
        file, schema = golden(name, version, folder), released_schema(name, version)
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else schema
        if broken := breaking_changes(kept, schema):
            refused += [f"{file.stem}: {change}" for change in broken]
        else:
            file.write_text(text_of(schema), encoding="utf-8")
    return refused


if __name__ == "__main__":
    problems = release(load_catalogue())
    print("\n".join(problems) or f"released schemas are in {RELEASED}")
    sys.exit(bool(problems))
