"""What each system role can be asked for: one small protocol a role, canonical types only."""

from canonical.ports.billing import BillingPort
from canonical.ports.crm import CrmPort
from canonical.ports.erp import ErpPort
from canonical.ports.port import Booking, Port, RecordSummary
from canonical.ports.success import SuccessPort
from canonical.ports.support import SupportPort

__all__ = [
    "BillingPort",
    "Booking",
    "CrmPort",
    "ErpPort",
    "Port",
    "RecordSummary",
    "SuccessPort",
    "SupportPort",
]
