"""Tickets, their comments, and the idempotency keys of their creation."""

import hashlib
from typing import Any

from starlette.responses import Response

from simulators.kernel import json_response
from simulators.zendesk.errors import ZendeskRefusal, invalid
from simulators.zendesk.store import Account, Record

KEY_SECONDS = 2 * 3600
KEY_LENGTH_MAX = 255
GIVEN = (
    "subject", "priority", "type", "status", "requester_id", "organization_id", "external_id",
    "assignee_id", "group_id", "tags", "custom_fields", "due_at",
)  # fmt: skip
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
        """Delete a ticket."""
        self.get(key)
        self.table.remove(key)
        self.account.search.changed("ticket", key, None)

    def _save(self, record: Record, body: Record) -> None:
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
