"""Organizations, their custom fields and the rules both keep."""

import re
from datetime import date
from typing import Any

from simulators.zendesk.errors import ZendeskRefusal, invalid, taken
from simulators.zendesk.store import Account, Record

GIVEN = (
    "name", "external_id", "domain_names", "tags", "group_id", "notes", "details",
    "shared_tickets", "shared_comments",
)  # fmt: skip


class Organizations:
    """Creates, matches and changes organizations."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.table = account.organizations

    def get(self, key: int) -> Record:
        """One organization; raises ZendeskRefusal 404 when there is none."""
        if key not in self.table.records:
            raise ZendeskRefusal(404)
        return self.table.records[key]

    def create(self, body: Record) -> Record:
        """A new organization; its name and external id must be free."""
        stamp = self.account.timestamp()
        blank: Record = {
            "url": "", "name": None, "created_at": stamp, "external_id": None, "domain_names": [],
            "details": "", "notes": "", "group_id": None, "shared_tickets": False,
            "shared_comments": False, "tags": [],
            "organization_fields": dict.fromkeys(self.account.organization_fields.index["key"]),
        }  # fmt: skip
        return self._save(blank, body)

    def update(self, key: int, body: Record) -> Record:
        """Change the given fields; lists are replaced whole."""
        return self._save(dict(self.get(key)), body)

    def create_or_update(self, body: Record) -> tuple[Record, bool]:
        """The organization matched by id or external id and changed, or a new one (True)."""
        found = self.table.one_by("external_id", body.get("external_id"))
        if "id" in body:
            found = self.get(int(body["id"]))
        # The name is no key: the same name under another external id is refused as a duplicate.
        if found is None:
            return self.create(body), True
        return self.update(found["id"], body), False

    def delete(self, key: int) -> None:
        """Delete an organization; its users and tickets stay behind without one."""
        self.get(key)
        self.table.remove(key)
        for user in self.account.users.by("organization_id", key):
            self.account.users.put({**user, "organization_id": None})
        for membership in self.account.memberships.by("organization_id", key):
            self.account.memberships.remove(membership["id"])
        self.account.search.changed("organization", key, None)

    def _save(self, record: Record, body: Record) -> Record:
        for name in GIVEN:
            if name in body:
                record[name] = body[name]
        if not record["name"]:
            raise invalid("name", "Name: cannot be blank", "BlankValue")
        for field in ("name", "external_id"):
            holder = self.table.one_by(field, record[field])
            if holder is not None and holder["id"] != record.get("id"):
                raise taken(field, record[field])
        if fields := body.get("organization_fields"):
            record["organization_fields"] = {
                **record["organization_fields"], **self._field_values(fields),
            }  # fmt: skip
        record["updated_at"] = self.account.timestamp()
        self.table.put(record)
        record["url"] = f"/api/v2/organizations/{record['id']}.json"
        self.account.search.changed("organization", record["id"], record)
        return record

    def _field_values(self, given: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in given.items():
            field = self.account.organization_fields.one_by("key", key)
            # A key no field has is ignored without a word.
            if field is None:
                continue
            if value is not None:
                check_field_value(field, value)
            values[key] = value
        return values


def check_field_value(field: Record, value: Any) -> None:
    """Raise ZendeskRefusal when a value does not fit its custom field."""
    good = True
    if field["type"] == "dropdown":
        good = value in [option["value"] for option in field["custom_field_options"]]
    elif field["type"] == "date":
        good = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value) is not None
        try:
            date.fromisoformat(str(value)[:10])
        except ValueError:
            good = False
    if not good:
        raise invalid("base", f"{field['title']}: {value} is not a valid value")


def new_field(account: Account, body: Record) -> Record:
    """A new organization field; raises ZendeskRefusal for a key already used."""
    key, kind = body.get("key"), body.get("type", "text")
    if not key:
        raise invalid("key", "Key: cannot be blank", "BlankValue")
    if account.organization_fields.one_by("key", key):
        raise taken("key", key)
    stamp = account.timestamp()
    record = {
        "key": key, "type": kind, "title": body.get("title", key), "active": True,
        "created_at": stamp, "updated_at": stamp,
    }  # fmt: skip
    if kind == "dropdown":
        record["custom_field_options"] = [
            {"name": option.get("name", option["value"]), "value": option["value"]}
            for option in body.get("custom_field_options", [])
        ]
    return account.organization_fields.put(record)
