"""The rules of orders, invoices, credits and payments: totals, periods, what is open."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from simulators.netsuite.errors import user_error
from simulators.netsuite.money import exponent, rounded
from simulators.netsuite.records import Record, Records
from simulators.netsuite.schema import ORDER_STATUS, TRANSACTIONS

ZERO = Decimal(0)
PREFIXES = {"salesOrder": "SO", "invoice": "INV", "creditMemo": "CM", "customerPayment": "PYMT"}


class TransactionRules:
    """Completes a transaction before it is written and follows what is applied to invoices."""

    def __init__(self, records: Records, periods: dict[str, Record]) -> None:
        self.records = records
        self.periods = periods
        self.applied: dict[str, dict[str, Decimal]] = defaultdict(dict)
        self.numbers: dict[str, int] = defaultdict(int)

    def complete(self, record_type: str, record: Record) -> None:
        """Fill in what follows from the rest; raises NetSuiteRefusal when a rule is broken."""
        if record_type == "customerPayment" and "customer" in record:
            record["entity"] = record["customer"]
        if "entity" not in record:
            field = "Customer" if record_type == "customerPayment" else "Entity"
            raise user_error(f"Please enter value(s) for: {field}", "entity")
        customer = self.records.tables["customer"][record["entity"]["id"]]
        record["entity"] = {"id": customer["id"], "refName": customer.get("companyName", "")}
        inherited = ["subsidiary", "currency"]
        if record_type != "customerPayment":
            inherited.append("terms")
        for field in inherited:
            if field not in record and field in customer:
                record[field] = customer[field]
        record.setdefault("tranDate", self.records.timestamp()[:10])
        self._check_period(record["tranDate"])
        if "tranId" not in record:
            self.numbers[record_type] += 1
            record["tranId"] = f"{PREFIXES[record_type]}{self.numbers[record_type]:06d}"
        if record_type == "customerPayment":
            self._complete_payment(record)
        else:
            self._complete_lines(record_type, record)
        if record_type == "creditMemo":
            self._check_applications(record, record["total"])

    def digits(self, record: Record) -> int:
        """Digits after the point in the transaction's currency."""
        reference = record.get("currency")
        if reference is None:
            return 2
        return exponent(self.records.tables["currency"][reference["id"]]["symbol"])

    def _check_period(self, tran_date: str) -> None:
        period = self.periods.get(tran_date[:7])
        if period is not None and period["closed"]:
            raise user_error(
                "The transaction date you specified is not within the date range of your "
                "accounting period.",
                "tranDate",
            )

    def _complete_lines(self, record_type: str, record: Record) -> None:
        lines = record.get("item", [])
        if not lines:
            raise user_error("You must enter at least one line item for this transaction.", "item")
        digits = self.digits(record)
        for number, line in enumerate(lines, 1):
            if "item" not in line:
                raise user_error("Please choose an item to add", f"item.items[{number - 1}].item")
            line["line"] = number
            line.setdefault("quantity", Decimal(1))
            line.setdefault("isClosed", False)
            if "amount" not in line:
                line["amount"] = line["quantity"] * line.get("rate", ZERO)
            line["amount"] = rounded(line["amount"], digits)
            start, end = line.get("revRecStartDate"), line.get("revRecEndDate")
            if start and end and start > end:
                raise user_error("The revenue recognition end date must follow its start date.")
        record["subtotal"] = sum((line["amount"] for line in lines), ZERO)
        record["taxTotal"] = sum((line.get("tax1Amt", ZERO) for line in lines), ZERO)
        record["total"] = record["subtotal"] + record["taxTotal"]
        if record_type == "salesOrder":
            if all(line["isClosed"] for line in lines):
                record["orderStatus"] = {"id": "H", "refName": ORDER_STATUS["H"]}
            record.setdefault("orderStatus", {"id": "B", "refName": ORDER_STATUS["B"]})
            name = record["orderStatus"]["refName"]
            record["status"] = {"id": name, "refName": name}
        if record_type == "invoice" and "dueDate" not in record:
            days = 0
            if terms := record.get("terms"):
                days = self.records.tables["term"][terms["id"]]["daysUntilNetDue"]
            due = date.fromisoformat(record["tranDate"]) + timedelta(days=days)
            record["dueDate"] = due.isoformat()
        if record_type == "invoice":
            self._settle_invoice(record)

    def _complete_payment(self, record: Record) -> None:
        lines = record.get("apply", [])
        if "payment" not in record:
            record["payment"] = sum((line.get("amount", ZERO) for line in lines), ZERO)
        record["payment"] = rounded(record["payment"], self.digits(record))
        if record["payment"] <= 0:
            raise user_error("Please enter value(s) for: Payment Amount", "payment")
        record["total"] = record["payment"]
        record["status"] = {"id": "Deposited", "refName": "Deposited"}
        self._check_applications(record, record["payment"])

    def _check_applications(self, record: Record, available: Decimal) -> None:
        own = record.get("id", "")
        for index, line in enumerate(record.get("apply", ())):
            invoice = self.records.tables["invoice"][line["doc"]["id"]]
            others = sum(
                (v for k, v in self.applied[invoice["id"]].items() if k != own), start=ZERO
            )
            room = min(invoice["total"] - others, available)
            line.setdefault("amount", room)
            if line["amount"] > room:
                raise user_error(
                    "The amount applied exceeds what is open on the transaction.",
                    f"apply.items[{index}].amount",
                )
            available -= line["amount"]
        record["unapplied"] = available
        record["applied"] = record["total"] - available
        if "payment" not in record:
            state = "Open" if available else "Fully Applied"
            record["status"] = {"id": state, "refName": state}
            record["amountRemaining"] = available

    def apply(self, before: Record | None, after: Record | None) -> None:
        """Move what a payment or credit settles from how it was to how it is."""
        touched = {}
        for record, live in ((before, False), (after, True)):
            for line in (record or {}).get("apply", ()):
                invoice_id = line["doc"]["id"]
                assert record is not None
                if live:
                    self.applied[invoice_id][record["id"]] = line["amount"]
                else:
                    self.applied[invoice_id].pop(record["id"], None)
                touched[invoice_id] = self.records.tables["invoice"].get(invoice_id)
        for invoice in touched.values():
            if invoice is not None:
                self._settle_invoice(invoice)
                self.records.touch("invoice", invoice)

    def void(self, invoice: Record) -> None:
        """Take an invoice back as if it had never been; refused once something was applied."""
        if self.applied[invoice["id"]]:
            raise user_error("This transaction cannot be voided: payments are applied to it.")
        for line in invoice["item"]:
            line.update(amount=ZERO, rate=ZERO)
        invoice.update(subtotal=ZERO, taxTotal=ZERO, total=ZERO, amountRemaining=ZERO, voided=True,
                       status={"id": "Voided", "refName": "Voided"})  # fmt: skip
        self.records.touch("invoice", invoice)

    def _settle_invoice(self, invoice: Record) -> None:
        paid = sum(self.applied[invoice["id"]].values(), ZERO) if "id" in invoice else ZERO
        invoice["amountPaid"] = paid
        invoice["amountRemaining"] = invoice["total"] - paid
        if invoice.get("voided"):
            return
        state = "Open" if invoice["amountRemaining"] else "Paid In Full"
        invoice["status"] = {"id": state, "refName": state}


def status_letter(record_type: str, record: Record) -> str:
    """The status of a transaction as SuiteQL shows it."""
    if record_type == "salesOrder":
        return str(record["orderStatus"]["id"])
    if record_type == "customerPayment":
        return "C"
    if record.get("voided"):
        return "V"
    return "A" if record["status"]["id"] == "Open" else "B"


def is_transaction(record_type: str) -> bool:
    """Whether records of this type are transactions."""
    return record_type in TRANSACTIONS
