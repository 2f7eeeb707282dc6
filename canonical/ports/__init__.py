"""What each system role can be asked for: one small protocol a role, canonical types only."""

from canonical.ports.billing import BillingPort
from canonical.ports.crm import CrmPort
from canonical.ports.erp import ErpPort
from canonical.ports.events import ChangePage, EventsPort
from canonical.ports.port import Booking, Port, RecordSummary
from canonical.ports.stream import Delivery, Endpoint, Publisher
from canonical.ports.success import SuccessPort
from canonical.ports.support import SupportPort
from canonical.ports.usage import UsagePort

__all__ = [
    "BillingPort",
    "Booking",
    "ChangePage",
    "CrmPort",
    "Delivery",
    "Endpoint",
    "ErpPort",
    "EventsPort",
    "Port",
    "Publisher",
    "RecordSummary",
    "SuccessPort",
    "SupportPort",
    "UsagePort",
]
