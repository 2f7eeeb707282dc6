"""What people do in the account by hand: invoice an order, receive a payment, note a dispute."""

from typing import Any

from simulators.netsuite.books import Books
from simulators.netsuite.records import Record


class Clerk:
    """Makes transactions from others; each method answers the internal id of what it made.

    Records are named by internal id or `eid:`; raises NetSuiteRefusal when a rule is broken.
    """

    def __init__(self, books: Books) -> None:
        self.books = books

    def invoice(self, order: str, **fields: Any) -> str:
        """Invoice a sales order; `fields` are the invoice's own."""
        return self._made("salesOrder", order, "invoice", fields)

    def pay(self, invoice: str, amount: float | None = None) -> str:
        """Receive a payment for an invoice: all that is open, or an amount."""
        fields: dict[str, Any] = {}
        if amount is not None:
            applied = {"doc": {"id": self._held("invoice", invoice)["id"]}, "amount": amount}
            fields = {"payment": amount, "apply": {"items": [applied]}}
        return self._made("invoice", invoice, "customerPayment", fields)

    def credit(self, invoice: str, amount: float | None = None) -> str:
        """Credit an invoice: all of it, or an amount of its first item."""
        fields: dict[str, Any] = {}
        if amount is not None:
            item = self._held("invoice", invoice)["item"][0]["item"]
            fields = {"item": {"items": [{"item": item, "amount": amount}]}}
        return self._made("invoice", invoice, "creditMemo", fields)

    def dispute(self, invoice: str, disputed: bool = True) -> str:
        """Note that the customer disputes an invoice, or that the dispute is settled."""
        held = self._held("invoice", invoice)
        body = {"custbody_tieline_disputed": disputed}
        return str(self.books.save("invoice", held, body, strict=True)["id"])

    def void(self, invoice: str) -> str:
        """Take an invoice back."""
        held = self._held("invoice", invoice)
        self.books.rules.void(held)
        self.books.outbox.saved("invoice", held, held)
        return str(held["id"])

    def _held(self, kind: str, key: str) -> Record:
        return self.books.records.get(kind, key)

    def _made(self, kind: str, key: str, target: str, fields: dict[str, Any]) -> str:
        replaced = {"item", "apply"} & fields.keys()
        source = self._held(kind, key)
        made = self.books.transform(kind, source, target, fields, strict=True, replace=replaced)
        return str(made["id"])
