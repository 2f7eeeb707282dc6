"""Invoices, contracts and onboardings on record, as the definitions want them."""

from datetime import date

from canonical.facts import ContractFacts, InvoiceFacts, OnboardingFacts, TaskFacts
from canonical.subjects import AccountRecords
from domain.definitions.account_financial_status import Receivables
from domain.definitions.active_customer import Contracts
from domain.definitions.implementation_complete import Evidence
from domain.definitions.invoice_delinquent import InvoiceOnDay
from domain.definitions.subscription_entitlement_state import SubscriptionOnDay
from domain.explanations.cases import (
    Case,
    Found,
    Input,
    Rules,
    account_name,
    contract_name,
    record_input,
)


def invoices(records: AccountRecords, rules: Rules, today: date) -> Found:
    """Each invoice on the day."""
    for record, invoice in records.of(InvoiceFacts):
        given = InvoiceOnDay(invoice=invoice, today=today, rules=rules.risk)
        read = record_input(record)
        yield Case(read.name, given, [read])


def receivables(records: AccountRecords, rules: Rules, today: date) -> Found:
    """All invoices of the account together."""
    if found := list(records.of(InvoiceFacts)):
        given = Receivables(
            invoices=[invoice for _, invoice in found], today=today, rules=rules.risk
        )
        yield Case(account_name(records), given, [record_input(record) for record, _ in found])


def customer(records: AccountRecords, rules: Rules, today: date) -> Found:
    """All contracts of the account together."""
    if found := list(records.of(ContractFacts)):
        given = Contracts(
            contracts=[contract for _, contract in found], today=today, statuses=rules.statuses
        )
        yield Case(account_name(records), given, [record_input(record) for record, _ in found])


def subscriptions(records: AccountRecords, rules: Rules, today: date) -> Found:
    """Each contract on the day."""
    for record, contract in records.of(ContractFacts):
        given = SubscriptionOnDay(contract=contract, today=today, statuses=rules.statuses)
        yield Case(contract_name(record.connection, contract.id), given, [record_input(record)])


def implementations(records: AccountRecords, rules: Rules, today: date) -> Found:
    """The account's onboardings with their tasks."""
    if inputs := evidence_inputs(records):
        yield Case(account_name(records), evidence(records, rules), inputs)


def evidence(records: AccountRecords, rules: Rules) -> Evidence:
    """What customer success has on the account's implementation."""
    return Evidence(
        onboardings=[one for _, one in records.of(OnboardingFacts)],
        tasks=[one for _, one in records.of(TaskFacts)],
        required=rules.definitions.customers.required_milestones,
    )


def evidence_inputs(records: AccountRecords) -> list[Input]:
    """The records that the evidence of an implementation rests on."""
    found = [*records.of(OnboardingFacts), *records.of(TaskFacts)]
    return [record_input(record) for record, _ in found]
