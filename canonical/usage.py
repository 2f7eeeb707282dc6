"""A usage source: a table or view of a warehouse in which product usage is found."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canonical.connections import Environment

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]{0,62}$")]
TableName = Annotated[
    str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_$]{0,62}\.)?[A-Za-z_][A-Za-z0-9_$]{0,62}$")
]


class _Part(BaseModel):
    """Base of what the table consists of: a key that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UsageColumns(_Part):
    """Who used it and when: by `day`, or by `timestamp`, whose days are those of UTC."""

    account: Identifier
    user: Identifier
    day: Identifier | None = None
    timestamp: Identifier | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.day is None) == (self.timestamp is None):
            raise ValueError("name either the column day or the column timestamp")
        return self

    @property
    def at(self) -> str:
        """The column that says when."""
        return self.day or self.timestamp or ""

    @property
    def names(self) -> list[str]:
        """All columns."""
        return [self.account, self.user, self.at]


class Seats(_Part):
    """Where the number of users is that an account has paid for; several rows are added up."""

    table: TableName
    account: Identifier
    licensed: Identifier

    @property
    def names(self) -> list[str]:
        """All columns."""
        return [self.account, self.licensed]


class UsageSource(BaseModel):
    """One `[usage.NAME]` of `tieline.toml`.

    `url` is where the database's URL is, `env:NAME` or `file:PATH`, since it holds a password.
    `table` may name a schema (`analytics.daily_usage`). A source whose newest usage is older than
    `stale_days` does not pass its check. `timeout_seconds` bounds each question.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    url: str = Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")
    environment: Environment = Environment.TEST
    table: TableName
    columns: UsageColumns
    seats: Seats | None = None
    stale_days: int = Field(default=7, ge=1, le=366)
    timeout_seconds: float = Field(default=20.0, gt=0, le=300)
