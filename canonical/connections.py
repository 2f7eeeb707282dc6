"""A connection to one account of one vendor: where, in which environment, for whom, how fast."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, HttpUrl


class Role(StrEnum):
    """What a system is to the business."""

    CRM = "crm"
    BILLING = "billing"
    ERP = "erp"
    SUPPORT = "support"
    SUCCESS = "success"


class Environment(StrEnum):
    """Live money, or not; part of every connection and key, and a mismatch is refused."""

    LIVE = "live"
    TEST = "test"


class Limits(BaseModel):
    """How fast and how long one process may ask one vendor account.

    `starts_per_second` limits how fast its events start processes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_second: float = Field(default=50.0, gt=0)
    concurrent_requests: int = Field(default=20, gt=0)
    timeout_seconds: float = Field(default=20.0, gt=0)
    starts_per_second: float = Field(default=20.0, gt=0)


class Polling(BaseModel):
    """How often a connection is asked what changed, besides what it tells us by itself.

    `every_seconds` 0 never asks. `behind_seconds` is how old a cursor may become before somebody is
    told. `lookback_seconds` is how far the first poll looks back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_seconds: int = Field(default=0, ge=0, le=86_400)
    behind_seconds: int = Field(default=3600, gt=0)
    lookback_seconds: int = Field(default=86_400, ge=0)


def task_queue(connection: str) -> str:
    """The activity task queue of a connection: bulkhead, rate limit and on-premise seam."""
    return f"connection.{connection}"


class Connection(BaseModel):
    """One `[connections.NAME]` of `tieline.toml`.

    `account` names the vendor account whose quota is shared; connections of one account share it.
    `legal_entities` are the ones it serves (empty: all). `secrets` maps what the vendor's adapter
    needs (say `private_key`) to where it is: `env:NAME` or `file:PATH`, never the secret itself.
    `options` are the vendor's own settings (consumer key, certificate id, ...).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    role: Role
    vendor: str
    base_url: HttpUrl
    environment: Environment = Environment.TEST
    account: str = ""
    legal_entities: list[str] = []
    limits: Limits = Limits()
    poll: Polling = Polling()
    secrets: dict[str, str] = {}
    options: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The base URL without a trailing slash."""
        return str(self.base_url).rstrip("/")

    @property
    def quota(self) -> str:
        """What shares one quota: the vendor account."""
        return f"{self.vendor}/{self.account or self.name}"
