"""What the definitions say of accounts by what is on record, and whom another version would move.

Only definitions that such records feed: `UNFED` says of the others whom to ask instead.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from canonical.definitions import VERSIONS, Verdict
from canonical.errors import Misconfigured
from canonical.orders import Fact
from canonical.subjects import AccountRecords
from domain.definitions.registry import definition
from domain.explanations.cases import Case, Found, Gap, Input, Rules
from domain.explanations.families import hierarchies
from domain.explanations.health import CLOSED_CASES, health
from domain.explanations.records import (
    customer,
    implementations,
    invoices,
    receivables,
    subscriptions,
)
from domain.explanations.renewals import eligibilities, readinesses, renewal_dates
from governance.definitions import Definitions

__all__ = [
    "CLOSED_CASES",
    "UNFED",
    "Explained",
    "Explanation",
    "Moved",
    "Unanswered",
    "compare",
    "explain",
]
UNFED = {
    "order_activation": "it is about one order: see its progress",
    "revenue_status": "it is about one order: see its progress",
}
# Why an account is said nothing of by a definition that records feed.
NO_INVOICE = "no invoice of it is on record"
NO_CONTRACT = "no contract of it is on record"
SILENT = {
    "invoice_delinquent": NO_INVOICE,
    "invoice_collection_status": NO_INVOICE,
    "account_financial_status": NO_INVOICE,
    "customer_health": "no record or renewal of it is on record",
    "renewal_date": NO_CONTRACT,
    "renewal_readiness": "no open renewal of it is on record",
    "renewal_eligibility": NO_CONTRACT,
    "active_customer": NO_CONTRACT,
    "implementation_complete": "no onboarding of it is on record",
    "account_hierarchy": "it was never assessed, and no order of it was carried out",
    "subscription_entitlement_state": NO_CONTRACT,
}


class Explained(Fact):
    """What a definition says of one subject of an account: the account, an invoice, a contract.

    `inputs` are what is on record that led to it; `not_on_record` are inputs of the definition that
    are not, and without which it answers.
    """

    subject: str
    verdict: Verdict
    inputs: list[Input] = []
    not_on_record: list[str] = []


class Unanswered(Fact):
    """A subject of which a definition cannot say anything by what is on record: what is missing
    for that, and what there is."""

    subject: str
    definition: str
    missing: list[str]
    inputs: list[Input] = []


class Explanation(Fact):
    """What the definitions in force say of an account, what of it they cannot say, and why those
    that are in neither list are silent about the whole of it."""

    said: list[Explained] = []
    unanswered: list[Unanswered] = []
    not_on_record: dict[str, str] = {}


class Moved(Fact):
    """A subject of which a definition says another thing when a version changes."""

    account_id: str
    subject: str
    before: Verdict
    after: Verdict


def explain(
    records: AccountRecords,
    definitions: Definitions,
    today: date,
    *,
    names: Iterable[str] = tuple(VERSIONS),
) -> Explanation:
    """What the definitions in force say of an account, and on what that rests."""
    rules = Rules(definitions, {})
    said, unanswered, silent = list[Explained](), list[Unanswered](), dict[str, str]()
    for name in names:
        chosen = definition(name, definitions.versions[name])
        found = list(FEEDS[name](records, rules, today)) if name in FEEDS else []
        said += [
            _explained(one, chosen.evaluate(one.given)) for one in found if isinstance(one, Case)
        ]
        unanswered += [_unanswered(one, chosen.id) for one in found if isinstance(one, Gap)]
        if not found:
            silent[name] = UNFED.get(name) or SILENT[name]
    return Explanation(said=said, unanswered=unanswered, not_on_record=silent)


def compare(
    name: str,
    versions: tuple[int, int],
    records: AccountRecords,
    definitions: Definitions,
    today: date,
) -> list[Moved]:
    """What would be said differently of an account, also by definitions that build on this one.

    The signals of a renewal stay as they were judged when it was looked at. Raises NotFound for a
    version that is not there, Misconfigured for a definition that the records do not feed.
    """
    if name in UNFED:
        raise Misconfigured(f"{name} cannot be compared by what is on record: {UNFED[name]}")
    first, second = (
        dict(_verdicts(name, version, records, definitions, today)) for version in versions
    )
    return [
        Moved(account_id=records.account_id, subject=about[1], before=was, after=second[about])
        for about, was in first.items()
        if about in second and was.value != second[about].value
    ]


def _explained(case: Case, verdict: Verdict) -> Explained:
    return Explained(
        subject=case.subject, verdict=verdict, inputs=case.inputs, not_on_record=case.unknown
    )


def _unanswered(gap: Gap, name: str) -> Unanswered:
    return Unanswered(subject=gap.subject, definition=name, missing=gap.missing, inputs=gap.inputs)


def _verdicts(
    name: str, version: int, records: AccountRecords, definitions: Definitions, today: date
) -> Iterator[tuple[tuple[str, str], Verdict]]:
    """What every definition says while this version of one of them is in force."""
    versions = {**definitions.versions, name: version}
    rules = Rules(definitions, versions)
    for one, feed in FEEDS.items():
        for found in feed(records, rules, today):
            if isinstance(found, Case):
                yield (
                    (one, found.subject),
                    definition(one, versions[one]).evaluate(found.given),
                )


FEEDS: Mapping[str, Callable[[AccountRecords, Rules, date], Found]] = {
    "invoice_delinquent": invoices,
    "invoice_collection_status": invoices,
    "account_financial_status": receivables,
    "customer_health": health,
    "renewal_date": renewal_dates,
    "renewal_readiness": readinesses,
    "renewal_eligibility": eligibilities,
    "active_customer": customer,
    "implementation_complete": implementations,
    "account_hierarchy": hierarchies,
    "subscription_entitlement_state": subscriptions,
}
