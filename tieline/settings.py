"""Settings: `tieline.toml` and the environment (`TIELINE_...`, levels joined by `__`), which wins.

Secrets are never in settings, only where they are: `env:NAME` or `file:PATH`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, field_validator
from pydantic import model_validator as model_rule
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from canonical.connections import Connection, Environment, Polling, Role
from canonical.drops import Drop
from canonical.usage import UsageSource

DEFAULT_FILE = Path("tieline.toml")
FILE_VARIABLE = "TIELINE_CONFIG"
PREFIX = "TIELINE_"
SOURCES_MAX = 20
SECRETS_PER_SOURCE_MAX = 4
SUBSCRIBERS_MAX = 50
USAGE_SOURCES_MAX = 1  # an account's usage is asked of one place
STREAM_TARGET = "nats"  # how the stream is called where targets are named

SecretReference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
KeyReference = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}:env:[A-Za-z_][A-Za-z0-9_]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Section(BaseModel):
    """Base of a table of the file: a key that is not known is refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tls(Section):
    """Certificates for a Temporal cluster that asks for them (PEM files)."""

    server_name: str = ""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_rule(mode="after")
    def _pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self


class Temporal(Section):
    """Where Temporal is; a profile of Temporal's own client configuration may supply the rest."""

    address: str = "127.0.0.1:7233"
    namespace: str = "default"
    profile: str = ""
    ui_url: HttpUrl = HttpUrl("http://127.0.0.1:8233")
    tls: Tls | None = None


class WebhookSource(Section):
    """Who may post to `/webhooks/NAME`: a connection and its signing secrets.

    Several secrets are valid at once, so that they can be rotated without losing an event.
    """

    connection: str
    secrets: list[SecretReference] = Field(min_length=1, max_length=SECRETS_PER_SOURCE_MAX)


class Webhooks(Section):
    """The webhook receiver."""

    host: str = "127.0.0.1"
    port: int = Field(default=8088, ge=0, le=65535)
    body_bytes_max: int = Field(default=262_144, gt=0, le=1_048_576)
    sources: dict[Name, WebhookSource] = Field(default={}, max_length=SOURCES_MAX)


class Worker(Section):
    """What one worker process takes on; `roles` limits it to connections of these roles.

    `cached_max` processes are kept in memory, 0.25 MB each; one that was let go is replayed (25 ms)
    when it wakes up.
    """

    concurrent_max: int = Field(default=100, gt=0, le=1000)
    cached_max: int = Field(default=2000, ge=1, le=100_000)
    roles: list[Role] = []
    workflows: bool = True


class NatsStream(Section):
    """The NATS JetStream stream that canonical events are relayed to.

    `credentials` is where a credentials file, `USER:PASSWORD` or a token is. `retention_days` 0
    keeps events as long as the catalogue says for the type that is kept longest.
    """

    url: str = Field(pattern=r"^(nats|tls|ws|wss)://[^@\s]+$")
    credentials: SecretReference | None = None
    stream: str = Field(default="TIELINE", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    subject_prefix: str = Field(default="tieline", pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")
    retention_days: int = Field(default=0, ge=0, le=36_500)
    duplicate_window_seconds: float = Field(default=3600.0, ge=0.1, le=7 * 86_400.0)
    replicas: int = Field(default=1, ge=1, le=5)


class Relay(Section):
    """How canonical events leave the outbox; without `nats` and subscribers it is the stream."""

    poll_seconds: float = Field(default=0.5, gt=0, le=60)
    batch: int = Field(default=500, ge=1, le=1000)
    lease_seconds: float = Field(default=30.0, ge=1, le=600)
    nats: NatsStream | None = None


class Subscription(Section):
    """An endpoint that gets canonical events as signed webhooks.

    `types` are patterns; without `legal_entities` it gets all. `start` says where a new one begins.
    """

    url: HttpUrl
    secret: SecretReference
    types: list[str] = Field(default=["*"], min_length=1, max_length=100)
    legal_entities: list[str] = []
    start: Literal["beginning", "now"] = "beginning"
    allow_private: bool = False
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)
    concurrent: int = Field(default=8, ge=1, le=64)


class Log(Section):
    """What is logged, and whether as JSON lines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool = False


def _unique_ids(references: list[str]) -> list[str]:
    ids = [reference.split(":", 1)[0] for reference in references]
    if len(set(ids)) != len(ids):
        raise ValueError("a key id appears twice")
    return references


class Settings(BaseSettings):
    """Everything that can be set. `payload_keys` (`ID:env:NAME`) encrypt payloads, the first one
    new ones; older ones stay listed for as long as histories that they encrypted are kept."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    temporal: Temporal = Temporal()
    ledger_url: str = Field(default="sqlite:///.tieline/ledger.db", repr=False)
    catalogue: Path | None = None
    connections: dict[Name, Connection] = {}
    drops: dict[Name, Drop] = Field(default={}, max_length=SOURCES_MAX)
    usage: dict[Name, UsageSource] = Field(default={}, max_length=USAGE_SOURCES_MAX)
    webhooks: Webhooks = Webhooks()
    worker: Worker = Worker()
    relay: Relay = Relay()
    subscribers: dict[Name, Subscription] = Field(default={}, max_length=SUBSCRIBERS_MAX)
    payload_keys: Annotated[list[KeyReference], AfterValidator(_unique_ids)] = []
    log: Log = Log()

    @field_validator("connections", "drops", "usage", mode="before")
    @classmethod
    def _named(cls, tables: Any) -> Any:
        if not isinstance(tables, dict):
            return tables
        return {
            name: {"name": name, **table} if isinstance(table, dict) else table
            for name, table in tables.items()
        }

    @field_validator("connections")
    @classmethod
    def _consistent(cls, connections: dict[str, Connection]) -> dict[str, Connection]:
        for name, connection in connections.items():
            _check_connection(name, connection)
        _check_environments(list(connections.values()))
        _check_routes(list(connections.values()))
        return connections

    @model_rule(mode="after")
    def _sources_fit(self) -> Self:
        for name in self.drops.keys() & self.connections.keys():
            raise ValueError(f"drops.{name}: a connection has this name; each source has its own")
        for name in self.usage.keys() & (self.connections.keys() | self.drops.keys()):
            raise ValueError(f"usage.{name}: another source has this name; each has its own")
        _check_environments(
            [*self.connections.values(), *self.drops.values(), *self.usage.values()]
        )
        return self

    @model_rule(mode="after")
    def _sources_have_a_connection(self) -> Self:
        for name, source in self.webhooks.sources.items():
            if source.connection not in self.connections:
                raise ValueError(
                    f"webhooks.sources.{name}.connection names {source.connection!r}, "
                    "which is not a connection"
                )
        return self

    @field_validator("subscribers")
    @classmethod
    def _subscribers_are_told_apart(
        cls, subscribers: dict[str, Subscription]
    ) -> dict[str, Subscription]:
        for name, subscriber in subscribers.items():
            if name == STREAM_TARGET:
                raise ValueError(f"{name!r} is what the stream is called; name it otherwise")
            if subscriber.url.username or subscriber.url.password:
                raise ValueError(f"the url of {name!r} carries credentials")
        return subscribers

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file; nothing else."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def environment(self) -> Environment:
        """The one environment of all connections."""
        return (
            next(iter(self.connections.values())).environment
            if self.connections
            else Environment.TEST
        )

    @property
    def polling(self) -> dict[str, Polling]:
        """How often each source of events is asked, by its name."""
        connections = {name: one.poll for name, one in self.connections.items()}
        return connections | {name: drop.poll for name, drop in self.drops.items()}

    @property
    def relay_targets(self) -> list[str]:
        """Where canonical events are relayed to; empty when the outbox is the stream."""
        return [STREAM_TARGET] * (self.relay.nats is not None) + sorted(self.subscribers)

    def connections_of(self, role: Role) -> list[Connection]:
        """The connections of one role, in the order of the file."""
        return [c for c in self.connections.values() if c.role is role]


def _check_connection(name: str, connection: Connection) -> None:
    if connection.name != name:
        raise ValueError(f"connection {name!r} calls itself {connection.name!r}")
    if connection.base_url.username or connection.base_url.password:
        raise ValueError(f"the base_url of {name!r} carries credentials")
    for key, reference in connection.secrets.items():
        if not reference.startswith(("env:", "file:")):
            raise ValueError(f"secrets.{key} of {name!r} is not a reference env:NAME or file:PATH")


def _check_environments(sources: Sequence[Connection | Drop | UsageSource]) -> None:
    if len({source.environment for source in sources}) > 1:
        raise ValueError("live and test connections are mixed")


def _check_routes(connections: list[Connection]) -> None:
    """One legal entity has one connection a role; CRMs are told apart by where the deal is."""
    served: dict[tuple[Role, str], str] = {}
    for connection in connections:
        if connection.role is Role.CRM:
            continue
        for entity in connection.legal_entities or ["every legal entity"]:
            other = served.setdefault((connection.role, entity), connection.name)
            if other != connection.name:
                raise ValueError(
                    f"{other!r} and {connection.name!r} both serve {entity} as {connection.role}"
                )


def settings_file(given: Path | None = None) -> Path | None:
    """The file that settings come from: as given, by TIELINE_CONFIG, or `./tieline.toml` if any."""
    if given is not None:
        return given
    if named := os.environ.get(FILE_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None
