"""Tickets, their comments, and the idempotency keys of their creation."""

import hashlib
from typing import Any

from starlette.responses import Response

from simulators.kernel import json_response
from simulators.zendesk.errors import ZendeskRefusal, invalid
from simulators.zendesk.hooks import ticket_event
from simulators.zendesk.metric_events import METRICS, MetricEvents
from simulators.zendesk.store import Account, Record

KEY_SECONDS = 2 * 3600
KEY_LENGTH_MAX = 255
GIVEN = (
    "subject", "priority", "type", "status", "requester_id", "organization_id", "external_id",
    "assignee_id", "group_id", "tags", "custom_fields", "due_at",
)  # fmt: skip
SOLVED = ("solved", "closed")
CHOICES = {
    "priority": ("urgent", "high", "normal", "low"),
    "type": ("problem", "incident", "question", "task"),
    "status": ("new", "open", "pending", "hold", "solved", "closed"),
}


class Tickets:
    """Creates and changes tickets."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.table = account.tickets
        self.keys: dict[str, tuple[float, str, bytes]] = {}
        # What the export and the metrics tell beyond the ticket itself, by its id.
        self.generated: dict[int, int] = {}
        self.solved: dict[int, str] = {}
        self.deleted: dict[int, Record] = {}
        self.events: list[Record] = []
        self.metrics = MetricEvents()
        self._comment_id = 9_000_000_000
        self._job_id = 0

    def get(self, key: int) -> Record:
        """One ticket; raises ZendeskRefusal 404 when there is none."""
        if key not in self.table.records:
            raise ZendeskRefusal(404)
        return self.table.records[key]

    def replayed(self, key: str, raw: bytes) -> Response | None:
        """The stored answer of a key used within two hours; None for a new or old key."""
        if len(key) > KEY_LENGTH_MAX:
            raise ZendeskRefusal(400, "IdempotentRequestError", "Idempotency key is too long")
        at, digest, body = self.keys.get(key, (float("-inf"), "", b""))
        if at + KEY_SECONDS <= self.account.now():
            return None
        if digest != hashlib.sha256(raw).hexdigest():
            detail = "Request parameters don't match the given idempotency key"
            raise ZendeskRefusal(400, "IdempotentRequestError", detail)
        return Response(body, 201, media_type="application/json")

    def remember(self, key: str, raw: bytes, answer: bytes) -> None:
        """Store the answer of a key."""
        self.keys[key] = (self.account.now(), hashlib.sha256(raw).hexdigest(), answer)

    def create(self, body: Record) -> Record:
        """A new ticket with its first comment."""
        comment = body.get("comment") or (
            {"body": body["description"]} if "description" in body else {}
        )
        if not (comment.get("body") or comment.get("html_body")):
            raise invalid("base", "Description: cannot be blank", "BlankValue")
        record: Record = {
            "url": "", "subject": comment.get("body", ""), "priority": None, "type": None,
            "status": "new", "requester_id": None, "organization_id": None, "external_id": None,
            "assignee_id": None, "group_id": None, "tags": [], "custom_fields": [],
            "due_at": None, "created_at": self.account.timestamp(),
            "description": comment.get("body") or comment.get("html_body"),
        }  # fmt: skip
        requester = self.account.users.records.get(body.get("requester_id") or 0)
        if requester is not None:
            record["organization_id"] = requester["organization_id"]
        self._save(record, body)
        self._comment(record, comment)
        return record

    def update(self, key: int, body: Record) -> Record:
        """Change the given fields and add a comment; a stale `safe_update` is refused."""
        record = dict(self.get(key))
        if body.get("safe_update") and body.get("updated_stamp") != record["updated_at"]:
            raise ZendeskRefusal(
                409, "UpdateConflict",
                "Safe Update prevented the update due to outdated ticket data. "
                "Please fetch the latest ticket data and try again.",
            )  # fmt: skip
        if record["status"] == "closed":
            raise invalid("status", "Status: closed prevents ticket update")
        self._save(record, body)
        if body.get("comment"):
            self._comment(record, body["comment"])
        return record

    def delete(self, key: int) -> None:
        """Delete a ticket; exports tell of it, with the status `deleted`."""
        gone = {**self.get(key), "status": "deleted", "updated_at": self.account.timestamp()}
        self.table.remove(key)
        self.deleted[key] = gone
        self.touch(key)
        self.events.append(ticket_event(self._event_number(), "soft_deleted", gone, {}))
        self.account.search.changed("ticket", key, None)

    def breach(
        self, key: int, metric: str = "reply_time", time: str = "", deleted: bool = False
    ) -> Record:
        """A service-level target of a ticket is missed, at a given time or now."""
        ticket = self.get(key)
        if metric not in METRICS:
            raise invalid("metric", f"Metric: {metric} is not valid")
        self.touch(key)
        at = time or self.account.timestamp()
        return self.metrics.note(ticket["id"], metric, "breach", at, deleted=deleted)

    def touch(self, key: int) -> None:
        """Change what only Zendesk itself keeps of a ticket: exported again, `updated_at` as it
        was."""
        self.generated[key] = int(self.account.now())

    def exported(self) -> list[Record]:
        """Every ticket as exports show it, in the order of their last change by anybody."""
        held = [*self.table.records.values(), *self.deleted.values()]
        stamped = [{**t, "generated_timestamp": self.generated[t["id"]]} for t in held]
        return sorted(stamped, key=lambda t: (t["generated_timestamp"], t["id"]))

    def _event_number(self) -> int:
        return len(self.events) + 1

    def _note(self, before: Record, record: Record) -> None:
        """What Zendesk makes of a change: the export's stamp, the metrics, an event a field."""
        self.touch(record["id"])
        if record["status"] not in SOLVED:
            self.solved.pop(record["id"], None)
        elif before.get("status") not in SOLVED:
            self.solved[record["id"]] = record["updated_at"]
            self.metrics.solved(record["id"], record["updated_at"])
        if not before:
            self.metrics.opened(record["id"], record["created_at"])
            self.events.append(ticket_event(self._event_number(), "created", record, {}))
            return
        for field in ("status", "priority", "type", "tags"):
            if before[field] != record[field]:
                change = {"previous": before[field], "current": record[field]}
                name = f"{field}_changed"
                self.events.append(ticket_event(self._event_number(), name, record, change))

    def _save(self, record: Record, body: Record) -> None:
        before = self.table.records.get(record.get("id", 0), {})
        for name in GIVEN:
            if name in body:
                record[name] = body[name]
        for field, allowed in CHOICES.items():
            if record[field] is not None and record[field] not in allowed:
                raise invalid(field, f"{field.capitalize()}: {record[field]} is not valid")
        for field, table in (
            ("requester_id", self.account.users), ("organization_id", self.account.organizations),
        ):  # fmt: skip
            if field in body and body[field] is not None and body[field] not in table.records:
                raise invalid(field.removesuffix("_id"), f"{field}: is invalid")
        record["updated_at"] = self.account.timestamp()
        self.table.put(record)
        record["url"] = f"/api/v2/tickets/{record['id']}.json"
        self.account.search.changed("ticket", record["id"], record)
        self._note(before, record)

    def _comment(self, ticket: Record, body: Record) -> None:
        self._comment_id += 1
        text = body.get("body") or body.get("html_body") or ""
        self.account.comments[ticket["id"]].append({
            "id": self._comment_id, "type": "Comment", "body": text, "plain_body": text,
            "public": body.get("public", True), "attachments": [],
            "author_id": body.get("author_id") or ticket["requester_id"] or 0,
            "created_at": self.account.timestamp(),
        })  # fmt: skip

    def job(self, results: list[dict[str, Any]]) -> Response:
        """A finished bulk job and the answer that names it."""
        self._job_id += 1
        job: Record = {
            "id": f"{self._job_id:032x}", "status": "completed", "total": len(results),
            "progress": len(results), "results": results, "message": "Completed",
        }  # fmt: skip
        self.account.jobs[job["id"]] = job
        return json_response({"job_status": {**job, "status": "queued", "results": None}})
