"""The incremental ticket export by cursor: everything since a time, but for the last minute."""

import base64

from simulators.zendesk.errors import ZendeskRefusal
from simulators.zendesk.store import Record
from simulators.zendesk.tickets import Tickets

EXCLUDED_SECONDS = 60
ROWS_MAX = 1000
Place = tuple[int, int]


class TicketExport:
    """Pages through the tickets in the order of `generated_timestamp`.

    `forget` makes every cursor given so far invalid; Zendesk does not document when it does.
    """

    def __init__(self, tickets: Tickets) -> None:
        self.tickets = tickets
        self.age = 1

    def forget(self) -> None:
        """Take no cursor any more that was given until now."""
        self.age += 1

    def page(self, cursor: str | None, start_time: str | None, per_page: str | None) -> Record:
        """The page at a cursor, or the first one since a time; raises ZendeskRefusal."""
        place = self._place(cursor) if cursor is not None else self._start(start_time)
        size = int(per_page) if per_page and per_page.isdigit() else ROWS_MAX
        now = int(self.tickets.account.now())
        rows = [
            row
            for row in self.tickets.exported()
            if place < (row["generated_timestamp"], row["id"])
            and row["generated_timestamp"] <= now - EXCLUDED_SECONDS
        ]
        shown = rows[: min(max(size, 1), ROWS_MAX)]
        if shown:
            place = shown[-1]["generated_timestamp"], shown[-1]["id"]
        return {
            "tickets": shown, "after_cursor": self._cursor(place), "before_cursor": None,
            "before_url": None, "after_url": None, "end_of_stream": len(shown) == len(rows),
        }  # fmt: skip

    def _start(self, start_time: str | None) -> Place:
        if start_time is None or not start_time.isdigit():
            raise ZendeskRefusal(400, "StartTimeMissing", "Missing parameter: start_time")
        if int(start_time) > self.tickets.account.now() - EXCLUDED_SECONDS:
            detail = "Too recent start_time. Use a start_time older than 60 seconds"
            raise ZendeskRefusal(422, "StartTimeTooRecent", detail)
        return int(start_time), 0

    def _cursor(self, place: Place) -> str:
        return base64.b64encode(f"{place[0]}.0||{place[1]}|{self.age}".encode()).decode()

    def _place(self, cursor: str) -> Place:
        try:
            stamp, _, key, age = (
                base64.b64decode(cursor, validate=True).decode().replace("||", "| |").split("|")
            )
            if int(age) == self.age:
                return int(float(stamp)), int(key)
        except ValueError:
            pass
        raise ZendeskRefusal(400, "InvalidCursor", "The cursor is not valid")
