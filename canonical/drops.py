"""A file drop: a folder where a system without an API leaves what changed."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from canonical.connections import Environment, Polling
from canonical.facts import Kind


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("not the name of a time zone, such as Europe/Berlin") from None
    return name


class Drop(BaseModel):
    """One `[drops.NAME]` of `tieline.toml`; NAME is the source that its events count for.

    `kind` is the kind of every row where no column says it. `columns` maps our field names to the
    file's column names, where they differ. A time without a zone is in `time_zone`. A file is taken
    once nothing has been written to it for `settle_seconds`; 0 where files are renamed into place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    folder: Path
    format: Literal["auto", "csv", "jsonl"] = "auto"
    environment: Environment = Environment.TEST
    kind: Kind | None = None
    columns: dict[str, str] = {}
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    settle_seconds: float = Field(default=60.0, ge=0, le=86_400)
    poll: Polling = Polling()
