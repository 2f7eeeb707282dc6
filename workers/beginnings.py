"""What account- and contract-long processes are started with, by the settings and the preset."""

from dataclasses import dataclass

from canonical.connections import Role
from canonical.events import OutboxEvent
from canonical.renewal_messages import RenewalStart
from canonical.risk_messages import AccountRisk
from governance.catalogue import Catalogue
from governance.ownership import invoice_sources, owning
from tieline.settings import Settings

CONTRACT_STATE = "subscription_state"


@dataclass(frozen=True)
class Beginnings:
    """Which connections a process of an account or contract works with."""

    settings: Settings
    catalogue: Catalogue

    def account_risk(self, event: OutboxEvent) -> AccountRisk:
        """The risk of the account that an event is about."""
        return AccountRisk(
            account_id=str(event.body.get("account_id", "")),
            cause=event.id,
            sources=self.invoice_sources(),
            crm=self._serving(Role.CRM, event.legal_entity),
            success=self._serving(Role.SUCCESS, event.legal_entity),
            support=self._serving(Role.SUPPORT, event.legal_entity),
        )

    def renewal(self, event: OutboxEvent) -> RenewalStart | None:
        """The renewal of the contract that an event is about; None for a contract of a system that
        does not own its state under the preset: its dates are a copy, and one clock is enough."""
        connection = str(event.body.get("connection", ""))
        known = self.settings.connections.get(connection)
        if known is None or known.role is not self.catalogue.systems.owner_of(CONTRACT_STATE):
            return None
        return self.renewal_of(
            connection,
            str(event.body.get("external_id", "")),
            str(event.body.get("opportunity_id", "")),
            event.legal_entity,
        )

    def renewal_of(
        self, connection: str, contract_id: str, opportunity_id: str, legal_entity: str
    ) -> RenewalStart:
        """The renewal of a contract."""
        return RenewalStart(
            contract_id=contract_id,
            connection=connection,
            opportunity_id=opportunity_id,
            sources=self.invoice_sources(),
            crm=self._serving(Role.CRM, legal_entity),
            success=self._serving(Role.SUCCESS, legal_entity),
            support=self._serving(Role.SUPPORT, legal_entity),
            usage=next(iter(self.settings.usage), ""),
        )

    def contract_sources(self) -> list[str]:
        """The connections that own contracts, by the preset in force."""
        return owning(self.settings.connections.values(), self.catalogue.systems, CONTRACT_STATE)

    def invoice_sources(self) -> list[str]:
        """The connections that own invoices, by the preset in force."""
        return invoice_sources(self.settings.connections.values(), self.catalogue.systems)

    def _serving(self, role: Role, legal_entity: str) -> str:
        """The connection of a role that serves a legal entity; empty when there is none."""
        for connection in self.settings.connections_of(role):
            if not connection.legal_entities or legal_entity in connection.legal_entities:
                return connection.name
        return ""
