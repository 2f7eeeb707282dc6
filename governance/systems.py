"""`systems.toml`: the system of record of each domain, what replicates, and how (R2, R28-R30)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from canonical.connections import Role
from governance.fields import FieldName
from governance.section import Key, Section


class Domain(Section):
    """A domain of data: who owns it, which fields may be copied where, who wins a conflict."""

    owner: Role
    conflict: Literal["owner-wins", "newest-wins", "steward"] = "owner-wins"
    replicas: list[Role] = []
    fields: list[FieldName] = []

    @model_validator(mode="after")
    def _owner_is_no_replica(self) -> Self:
        if self.owner in self.replicas:
            raise ValueError(f"{self.owner} is the owner and cannot be among the replicas")
        return self


class Link(Section):
    """Which system tells which, and whether the teller waits for the answer."""

    source: Role = Field(alias="from")
    target: Role = Field(alias="to")
    mode: Literal["synchronous", "asynchronous"]


class Systems(Section):
    """The ownership matrix under the chosen preset."""

    preset: str
    presets: dict[Key, dict[Key, Role]]
    domains: dict[Key, Domain]
    links: dict[Key, Link] = {}

    @model_validator(mode="after")
    def _presets_fit(self) -> Self:
        if self.preset not in self.presets:
            raise ValueError(f"preset {self.preset!r} is not one of {', '.join(self.presets)}")
        for preset, owners in self.presets.items():
            for domain in owners.keys() - self.domains.keys():
                raise ValueError(f"presets.{preset} names {domain!r}, which is not a domain")
        seen: dict[str, str] = {}
        for name, domain_of in self.domains.items():
            for field in domain_of.fields:
                if (other := seen.setdefault(field, name)) != name:
                    raise ValueError(f"{field} belongs to both {other} and {name}")
        return self

    def owner_of(self, domain: str) -> Role:
        """The system of record of a domain; raises KeyError when there is no such domain."""
        return self.presets[self.preset].get(domain, self.domains[domain].owner)

    def may_replicate(self, field: str, target: Role) -> bool:
        """Whether a field may be copied to a system: only what is listed may (R29)."""
        return any(
            field in domain.fields and target in {*domain.replicas, self.owner_of(name)}
            for name, domain in self.domains.items()
        )
