"""Users and their memberships of organizations."""

from typing import Any

from simulators.zendesk.errors import ZendeskRefusal, invalid, taken
from simulators.zendesk.store import Account, Record

GIVEN = (
    "name", "email", "external_id", "organization_id", "role", "phone", "tags", "notes", "details",
    "user_fields", "verified", "suspended", "time_zone", "locale", "alias",
)  # fmt: skip
ROLES = ("end-user", "agent", "admin")


class Users:
    """Creates, matches and changes users."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.table = account.users

    def get(self, key: int) -> Record:
        """One user; raises ZendeskRefusal 404 when there is none."""
        if key not in self.table.records:
            raise ZendeskRefusal(404)
        return self.table.records[key]

    def create(self, body: Record) -> Record:
        """A new user; e-mail and external id must be free."""
        blank: Record = {
            "url": "", "name": None, "email": None, "external_id": None, "organization_id": None,
            "role": "end-user", "active": True, "verified": False, "suspended": False, "tags": [],
            "created_at": self.account.timestamp(), "user_fields": {},
        }  # fmt: skip
        return self._save(blank, body)

    def update(self, key: int, body: Record) -> Record:
        """Change the given fields."""
        return self._save(dict(self.get(key)), body)

    def create_or_update(self, body: Record) -> tuple[Record, bool]:
        """The user matched by e-mail or external id and changed, or a new one (True)."""
        found = self.table.one_by("email", body.get("email")) or self.table.one_by(
            "external_id", body.get("external_id")
        )
        if found is None:
            return self.create(body), True
        return self.update(found["id"], body), False

    def delete(self, key: int) -> Record:
        """Deactivate a user."""
        record = self.get(key)
        self.table.remove(key)
        self.account.search.changed("user", key, None)
        return {**record, "active": False}

    def _save(self, record: Record, body: Record) -> Record:
        for name in GIVEN:
            if name in body:
                record[name] = body[name]
        if not record["name"]:
            raise invalid("name", "Name: is too short (minimum one character)", "BlankValue")
        for field in ("email", "external_id"):
            holder = self.table.one_by(field, record[field])
            if holder is not None and holder["id"] != record.get("id"):
                raise taken(field, record[field])
        if record["role"] not in ROLES:
            raise invalid("role", f"Role: {record['role']} is not a role")
        organization = record["organization_id"]
        if organization is not None and organization not in self.account.organizations.records:
            raise invalid("organization_id", "Organization: is invalid")
        record["updated_at"] = self.account.timestamp()
        self.table.put(record)
        record["url"] = f"/api/v2/users/{record['id']}.json"
        if organization is not None and not self._membership(record["id"], organization):
            self._join(record["id"], organization)
        self.account.search.changed("user", record["id"], record)
        return record

    def join(self, body: Record) -> Record:
        """A new membership; raises ZendeskRefusal when there already is one."""
        user_id, organization_id = body.get("user_id"), body.get("organization_id")
        if user_id not in self.table.records:
            raise invalid("user", "User: is invalid")
        if organization_id not in self.account.organizations.records:
            raise invalid("organization", "Organization: is invalid")
        if self._membership(user_id, organization_id):
            raise taken("user_id", str(user_id))
        user = self.table.records[user_id]
        if user["organization_id"] is None:
            self.table.put({**user, "organization_id": organization_id})
        return self._join(user_id, organization_id)

    def _membership(self, user_id: Any, organization_id: Any) -> Record | None:
        held = self.account.memberships.by("user_id", user_id)
        return next((m for m in held if m["organization_id"] == organization_id), None)

    def _join(self, user_id: Any, organization_id: Any) -> Record:
        first = not self.account.memberships.by("user_id", user_id)
        stamp = self.account.timestamp()
        return self.account.memberships.put({
            "user_id": user_id, "organization_id": organization_id, "default": first,
            "created_at": stamp, "updated_at": stamp,
        })  # fmt: skip
