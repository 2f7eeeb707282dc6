"""What can go wrong, on two axes: the class says what is true, `follows` what must happen next.

TielineError
├── Transient                 retried with backoff; never reaches a person before its objective
│   ├── RateLimited           the vendor asked us to slow down (`retry_after_seconds` when it said)
│   ├── Unavailable           no answer, or a 5xx before anything was done
│   │   └── NotBegun          a process that is put off, and answers nothing until it begins
│   ├── Busy                  another attempt holds the same effect or record
│   └── OutcomeUnknown        a write whose answer was lost: probe before writing again
├── Terminal                  a configuration or programming fault; retried only after a person acts
│   ├── Unauthorized          the credentials are refused, or lack a permission
│   ├── Misconfigured         a connection, setting or catalogue entry is wrong or missing
│   ├── Malformed             the vendor does not understand our request, or we its answer
│   ├── Conflict              the same key was used for a different request
│   └── CursorExpired         a change feed no longer knows our place in it; the gap is backfilled
└── NeedsPerson               a business rule failed; a person decides (retry, amend, skip, cancel)
    ├── NotFound              a record that should be there is not
    ├── Rejected              the vendor's own business rule refused
    │   ├── PeriodClosed      the accounting period is closed
    │   ├── CreditHold        the customer is on credit hold
    │   └── DuplicateRecord   several records answer to one key
    ├── InvalidOrder          the order cannot be fulfilled as it stands
    │   ├── OrderNotWon       the opportunity is not closed-won (any more)
    │   ├── AccountMissing    the deal has no account, or one the CRM does not show
    │   ├── HierarchyCycle    the account's parents lead back to itself
    │   ├── ParentMissing     a parent or bill-to account is not there
    │   ├── UnmappedProduct   a product code that the catalogue cannot place
    │   ├── UnplacedCountry   a country that the catalogue cannot place in a tax region
    │   ├── UnroutedLegalEntity   no legal entity, or none of our connections serves it
    │   ├── CurrencyMismatch  lines, order and legal entity do not agree on a currency
    │   ├── PriceMismatch     lines do not add up to the order
    │   └── UnsupportedTerms  a term, ramp or charge that cannot be billed as stated
    ├── RevenueMismatch       the ERP's revenue schedule differs from the order
    ├── DeadLetters           what came in or was to go out was given up, and nobody has seen to it
    └── IntakeGap             something that should have come in has not
        ├── CursorBehind      a change feed has not been read for too long, or lost its place
        ├── CountMismatch     a system told of more changes than the inbox has
        ├── EventMissing      what must follow an event has not arrived in time
        └── ClockUnkept       renewal clocks that are missing or wrong could not be put right
"""

from enum import StrEnum
from typing import Any, ClassVar

MESSAGE_CHARACTERS_MAX = 500


class Consequence(StrEnum):
    """What follows from an error."""

    RETRY = "transient"
    STOP = "terminal"
    PERSON = "needs a person"


class TielineError(Exception):
    """Base of every error this product raises on purpose.

    `cause_key` groups occurrences with one remedy (all deals with the unmapped product GTXPRO);
    `details` is JSON-ready evidence and never holds a secret.
    """

    follows: ClassVar[Consequence] = Consequence.STOP

    def __init__(
        self,
        message: str,
        *,
        about: str = "",
        details: dict[str, Any] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message[:MESSAGE_CHARACTERS_MAX])
        self.about = about
        self.details = details or {}
        self.retry_after_seconds = retry_after_seconds

    @property
    def cause(self) -> str:
        """The name of what is true."""
        return type(self).__name__

    @property
    def cause_key(self) -> str:
        """The cause and what it is about: the unit in which a person resolves."""
        return f"{self.cause}:{self.about}" if self.about else self.cause


class Transient(TielineError):
    """It may work if asked again."""

    follows = Consequence.RETRY


class RateLimited(Transient):
    """The vendor asked us to slow down; `retry_after_seconds` when it said for how long."""


class Unavailable(Transient):
    """No answer, or a refusal before anything was done."""


class NotBegun(Unavailable):
    """A process whose beginning is put off; `details` say until when (`begins_at`)."""


class Busy(Transient):
    """Another attempt holds the same effect, or the vendor has the record locked."""


class OutcomeUnknown(Transient):
    """A write whose answer was lost: it may stand, so the next attempt probes before it writes."""


class Terminal(TielineError):
    """Asking again changes nothing until a person repairs configuration or code."""


class Unauthorized(Terminal):
    """The credentials are refused, or lack a permission."""


class Misconfigured(Terminal):
    """A connection, setting or catalogue entry is wrong or missing."""


class Malformed(Terminal):
    """The vendor does not understand our request, or we do not understand its answer."""


class Conflict(Terminal):
    """The same key was used for a different request."""


class CursorExpired(Terminal):
    """A change feed no longer knows our place in it: the records themselves are read instead."""


class NeedsPerson(TielineError):
    """A business rule failed; never retried blindly."""

    follows = Consequence.PERSON


class NotFound(NeedsPerson):
    """A record that should be there is not."""


class Rejected(NeedsPerson):
    """The vendor's own business rule refused the request."""


class PeriodClosed(Rejected):
    """The accounting period of the posting date is closed."""


class CreditHold(Rejected):
    """The customer is on credit hold."""


class DuplicateRecord(Rejected):
    """Several records answer to one key, or a vendor's duplicate rule refused."""


class InvalidOrder(NeedsPerson):
    """The order cannot be fulfilled as it stands."""


class OrderNotWon(InvalidOrder):
    """The opportunity is not closed-won, or not any more."""


class AccountMissing(InvalidOrder):
    """The deal has no account, or one the CRM does not show."""


class HierarchyCycle(InvalidOrder):
    """The account's parents lead back to itself."""


class ParentMissing(InvalidOrder):
    """A parent or bill-to account is not there."""


class UnmappedProduct(InvalidOrder):
    """A product code that the catalogue cannot place in billing or ERP."""


class UnplacedCountry(InvalidOrder):
    """A country that the catalogue cannot place in a tax region."""


class UnroutedLegalEntity(InvalidOrder):
    """No legal entity can be derived, or no connection serves it."""


class CurrencyMismatch(InvalidOrder):
    """Lines, order and legal entity do not agree on a currency."""


class PriceMismatch(InvalidOrder):
    """Quantities times prices do not add up to the lines, or the lines not to the order."""


class UnsupportedTerms(InvalidOrder):
    """A term, ramp or charge that cannot be billed as stated."""


class RevenueMismatch(NeedsPerson):
    """The ERP's revenue schedule differs from the order's."""


class DeadLetters(NeedsPerson):
    """What came in could not be taken in, or a target did not take what was to go out; it was given
    up, and waits for a replay."""


class IntakeGap(NeedsPerson):
    """Something that should have come in has not."""


class CursorBehind(IntakeGap):
    """A change feed has not been read for too long, or lost its place and had to be backfilled."""


class CountMismatch(IntakeGap):
    """A system tells of more changes in a window than the inbox has from it."""


class EventMissing(IntakeGap):
    """What must follow an event (an activation after an order) has not arrived in time."""


class ClockUnkept(IntakeGap):
    """Renewal clocks that are missing or wrong could not be put right by the daily reconcile."""


def _tree(base: type[TielineError]) -> dict[str, type[TielineError]]:
    found = {base.__name__: base}
    for child in base.__subclasses__():
        found |= _tree(child)
    return found


ERRORS: dict[str, type[TielineError]] = _tree(TielineError)
