"""Revenue arrangements, elements and plans, generated from sales orders after the save."""

import re
from collections import deque
from datetime import date
from decimal import Decimal

from simulators.netsuite.errors import invalid_value
from simulators.netsuite.money import days_by_month, spread
from simulators.netsuite.records import Record, Records
from simulators.netsuite.transactions import TransactionRules

ZERO = Decimal(0)
ON_HOLD, NOT_STARTED, COMPLETED = "ONHOLD", "NOTSTARTED", "COMPLETED"


class Revenue:
    """Keeps each order's arrangement in step with it; recognized plan rows are never touched."""

    def __init__(self, records: Records, rules: TransactionRules, lag_seconds: float) -> None:
        self.records = records
        self.rules = rules
        self.lag_seconds = lag_seconds
        self.waiting: deque[tuple[float, str]] = deque()
        self.arrangement_of: dict[str, str] = {}
        self.element_of: dict[tuple[str, int], str] = {}
        self.lines_of: dict[str, set[int]] = {}
        self.plans_of: dict[str, list[str]] = {}
        self.released: dict[str, str] = {}

    def order_changed(self, order_id: str) -> None:
        """Queue an order for generation; without a lag it is generated at once."""
        self.waiting.append((self.records.now() + self.lag_seconds, order_id))
        self.settle()

    def settle(self) -> None:
        """Generate every arrangement that is due by now."""
        while self.waiting and self.waiting[0][0] <= self.records.now():
            self._generate(self.waiting.popleft()[1])

    def _generate(self, order_id: str) -> None:
        order = self.records.tables["salesOrder"].get(order_id)
        lines = {line["line"]: line for line in order["item"]} if order else {}
        arrangement_id = self.arrangement_of.get(order_id)
        if arrangement_id is None:
            if order is None or not any(self._recognizes(line) for line in lines.values()):
                return
            arrangement_id = self._new_arrangement(order)
        closed = order is None or order["orderStatus"]["id"] in ("C", "H")
        known = self.lines_of.setdefault(order_id, set())
        for number in known - set(lines):
            element = self.records.tables["revenueElement"][self.element_of[order_id, number]]
            self._plan(element, live=False)
        for number, line in lines.items():
            known.add(number)
            element = self._element(order_id, arrangement_id, line, order)
            self._plan(element, live=not closed and not line["isClosed"])
        if order is None and not any(self.plans_of[e] for e in self._elements(order_id)):
            self._forget(order_id, arrangement_id)
        else:
            self._total(arrangement_id, order_id)

    def _elements(self, order_id: str) -> list[str]:
        return [self.element_of[order_id, number] for number in self.lines_of[order_id]]

    def _forget(self, order_id: str, arrangement_id: str) -> None:
        for element_id in self._elements(order_id):
            self.records.remove("revenueElement", self.records.get("revenueElement", element_id))
        arrangement = self.records.get("revenueArrangement", arrangement_id)
        self.records.remove("revenueArrangement", arrangement)
        del self.arrangement_of[order_id]
        for number in self.lines_of.pop(order_id):
            del self.element_of[order_id, number]

    def _recognizes(self, line: Record) -> bool:
        return "revRecStartDate" in line or self._item_rule(line) is not None

    def _item_rule(self, line: Record) -> str | None:
        item = self.records.tables["serviceSaleItem"].get(line["item"]["id"])
        rule = (item or {}).get("revenueRecognitionRule")
        return rule["id"] if rule else None

    def _new_arrangement(self, order: Record) -> str:
        arrangement = self.records.put("revenueArrangement", {
            "entity": order["entity"], "tranDate": order["tranDate"],
            "createdFrom": {"id": order["id"], "refName": order["tranId"]},
            **({"currency": order["currency"]} if "currency" in order else {}),
        })  # fmt: skip
        self.arrangement_of[order["id"]] = arrangement["id"]
        return str(arrangement["id"])

    def _element(
        self, order_id: str, arrangement_id: str, line: Record, order: Record | None
    ) -> Record:
        rule = self._item_rule(line) or ("straight-line" if "revRecEndDate" in line else "")
        dated = "revRecStartDate" in line and "revRecEndDate" in line
        if not rule or (rule == "straight-line" and not dated):
            rule = "point-in-time"
        fallback = (order or {}).get("tranDate", "")
        record = {
            "revenueArrangement": {"id": arrangement_id, "refName": arrangement_id},
            "createdFrom": {"id": order_id, "refName": order_id},
            "sourceLine": line["line"], "item": line["item"], "lineAmount": line["amount"],
            "revenueRecognitionRule": {"id": rule, "refName": rule},
            "revRecStartDate": line.get("revRecStartDate", fallback),
            "revRecEndDate": line.get("revRecEndDate", line.get("revRecStartDate", fallback)),
        }  # fmt: skip
        element_id = self.element_of.get((order_id, line["line"]))
        if element_id is not None:
            record = {**self.records.tables["revenueElement"][element_id], **record}
        record = self.records.put("revenueElement", record)
        self.element_of[order_id, line["line"]] = record["id"]
        return record

    def _plan(self, element: Record, *, live: bool) -> None:
        plans = self.records.tables["revenuePlan"]
        kept = []
        for plan_id in self.plans_of.get(element["id"], []):
            if plans[plan_id]["status"] == COMPLETED:
                kept.append(plan_id)
            else:
                self.records.remove("revenuePlan", plans[plan_id])
        recognized = {plans[plan_id]["plannedPeriod"]: plans[plan_id]["amount"] for plan_id in kept}
        done = sum(recognized.values(), ZERO)
        element["revenueAmount"] = element["lineAmount"] if live else done
        self.records.touch("revenueElement", element)
        self.plans_of[element["id"]] = kept
        if live and (open_amount := element["lineAmount"] - done):
            for period, amount in self._rows(element, open_amount, set(recognized)):
                kept.append(self._new_row(element, period, amount))

    def _rows(
        self, element: Record, amount: Decimal, done: set[str]
    ) -> list[tuple[str | None, Decimal]]:
        rule = element["revenueRecognitionRule"]["id"]
        if rule == "milestone":
            return [(self.released.get(element["id"]), amount)]
        start = date.fromisoformat(element["revRecStartDate"])
        if rule == "point-in-time":
            return [(f"{start:%Y-%m}", amount)]
        days = days_by_month(start, date.fromisoformat(element["revRecEndDate"]))
        remaining = {month: count for month, count in days.items() if month not in done}
        # When every month is already recognized, a change can only be caught up in the last one.
        weights = remaining or {list(days)[-1]: 1}
        order = self.records.tables["salesOrder"][element["createdFrom"]["id"]]
        parts = spread(amount, list(weights.values()), self.rules.digits(order))
        return list(zip(weights, parts, strict=True))

    def _new_row(self, element: Record, period: str | None, amount: Decimal) -> str:
        row = {
            "revenueElement": {"id": element["id"], "refName": element["id"]},
            "amount": amount, "holdRevenueRecognition": period is None,
            "status": ON_HOLD if period is None else NOT_STARTED,
            **({} if period is None else {"plannedPeriod": period}),
        }  # fmt: skip
        return str(self.records.put("revenuePlan", row)["id"])

    def _total(self, arrangement_id: str, order_id: str) -> None:
        elements = self.records.tables["revenueElement"]
        arrangement = self.records.tables["revenueArrangement"][arrangement_id]
        arrangement["totalRevenueAmount"] = sum(
            (elements[key]["revenueAmount"] for key in self._elements(order_id)), ZERO
        )
        self.records.touch("revenueArrangement", arrangement)

    def replan(self, element: Record) -> None:
        """Plan an element again after its dates were changed by hand."""
        self._plan(element, live=True)

    def hold_changed(self, row: Record) -> None:
        """Release a plan row to its period (a milestone is reached), or put it on hold."""
        if row["status"] == COMPLETED:
            return
        if row["holdRevenueRecognition"]:
            row["status"] = ON_HOLD
            self.released.pop(row["revenueElement"]["id"], None)
        else:
            row.setdefault("plannedPeriod", self.records.timestamp()[:7])
            row["status"] = NOT_STARTED
            self.released[row["revenueElement"]["id"]] = row["plannedPeriod"]
        self.records.touch("revenuePlan", row)

    def recognize(self, through: str) -> int:
        """Post every plan row up to and including a period; how many were posted."""
        posted = 0
        for row in self.records.tables["revenuePlan"].values():
            if row["status"] == NOT_STARTED and row["plannedPeriod"] <= through:
                row["status"] = COMPLETED
                self.records.touch("revenuePlan", row)
                posted += 1
        return posted

    @staticmethod
    def check_period(period: str) -> None:
        """Raise NetSuiteRefusal unless the period is written YYYY-MM."""
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
            raise invalid_value("plannedPeriod", period)
