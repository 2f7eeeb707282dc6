"""NATS JetStream as the stream of canonical events."""

from adapters.nats.connecting import StreamPlace
from adapters.nats.stream import JetStream
from adapters.nats.subjects import subject_of, subjects_of

__all__ = ["JetStream", "StreamPlace", "subject_of", "subjects_of"]
