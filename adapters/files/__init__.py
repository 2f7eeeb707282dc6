"""A folder as a source of events: what on-premise and legacy systems drop as CSV or JSON lines."""

from adapters.files.drop import FileDrop
from adapters.files.report import RejectedLine

__all__ = ["FileDrop", "RejectedLine"]
