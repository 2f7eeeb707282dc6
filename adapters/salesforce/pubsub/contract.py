"""The messages of the Pub/Sub API (`eventbus.v1`) that a subscriber needs, built at run time.

They live in a descriptor pool of their own: generated modules would register the same names in the
process-wide one, where any other copy of the contract then refuses to load.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "eventbus.v1"
SERVICE = f"/{PACKAGE}.PubSub"

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING, "bytes": _Field.TYPE_BYTES, "int32": _Field.TYPE_INT32,
    "bool": _Field.TYPE_BOOL,
}  # fmt: skip
_PRESETS = {"LATEST": 0, "EARLIEST": 1, "CUSTOM": 2}
EARLIEST, CUSTOM = _PRESETS["EARLIEST"], _PRESETS["CUSTOM"]

# name -> fields in the order of their numbers, from 1; `*` marks a list.
_MESSAGES: dict[str, list[tuple[str, str]]] = {
    "TopicRequest": [("topic_name", "string")],
    "TopicInfo": [
        ("topic_name", "string"), ("tenant_guid", "string"), ("can_publish", "bool"),
        ("can_subscribe", "bool"), ("schema_id", "string"), ("rpc_id", "string"),
    ],
    "SchemaRequest": [("schema_id", "string")],
    "SchemaInfo": [("schema_json", "string"), ("schema_id", "string"), ("rpc_id", "string")],
    "EventHeader": [("key", "string"), ("value", "bytes")],
    "ProducerEvent": [
        ("id", "string"), ("schema_id", "string"), ("payload", "bytes"),
        ("headers", "*EventHeader"),
    ],
    "ConsumerEvent": [("event", "ProducerEvent"), ("replay_id", "bytes")],
    "FetchRequest": [
        ("topic_name", "string"), ("replay_preset", "ReplayPreset"), ("replay_id", "bytes"),
        ("num_requested", "int32"), ("auth_refresh", "string"),
    ],
    "FetchResponse": [
        ("events", "*ConsumerEvent"), ("latest_replay_id", "bytes"), ("rpc_id", "string"),
        ("pending_num_requested", "int32"),
    ],
}  # fmt: skip


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tieline/salesforce_pubsub.proto", package=PACKAGE, syntax="proto3"
    )
    presets = file.enum_type.add(name="ReplayPreset")
    for name, number in _PRESETS.items():
        presets.value.add(name=name, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            _add(message, field, number, kind)
    return file


def _add(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if kind.startswith("*"):
        field.label = _Field.LABEL_REPEATED
    kind = kind.removeprefix("*")
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _Field.TYPE_ENUM if kind == "ReplayPreset" else _Field.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{kind}"


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_described())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


FetchRequest = _message("FetchRequest")
FetchResponse = _message("FetchResponse")
SchemaRequest = _message("SchemaRequest")
SchemaInfo = _message("SchemaInfo")
TopicRequest = _message("TopicRequest")
TopicInfo = _message("TopicInfo")
