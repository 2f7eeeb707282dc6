"""The Pub/Sub API's contract (`eventbus.v1`) as the server speaks it, read from its definition."""

import re
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

# The part that is served here, in the vendor's notation.
DEFINITION = """
enum ReplayPreset { LATEST = 0; EARLIEST = 1; CUSTOM = 2; }
message TopicRequest { string topic_name = 1; }
message TopicInfo {
  string topic_name = 1; string tenant_guid = 2; bool can_publish = 3; bool can_subscribe = 4;
  string schema_id = 5; string rpc_id = 6;
}
message SchemaRequest { string schema_id = 1; }
message SchemaInfo { string schema_json = 1; string schema_id = 2; string rpc_id = 3; }
message EventHeader { string key = 1; bytes value = 2; }
message ProducerEvent {
  string id = 1; string schema_id = 2; bytes payload = 3; repeated EventHeader headers = 4;
}
message ConsumerEvent { ProducerEvent event = 1; bytes replay_id = 2; }
message FetchRequest {
  string topic_name = 1; ReplayPreset replay_preset = 2; bytes replay_id = 3;
  int32 num_requested = 4; string auth_refresh = 5;
}
message FetchResponse {
  repeated ConsumerEvent events = 1; bytes latest_replay_id = 2; string rpc_id = 3;
  int32 pending_num_requested = 4;
}
"""
_BLOCK = re.compile(r"(enum|message)\s+(\w+)\s*\{([^}]*)\}")
_FIELD = re.compile(r"(repeated\s+)?(\w+)\s+(\w+)\s*=\s*(\d+);")
_VALUE = re.compile(r"(\w+)\s*=\s*(\d+);")


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="pubsub_served.proto", package="eventbus.v1", syntax="proto3")
    enums = {name for kind, name, _ in _BLOCK.findall(DEFINITION) if kind == "enum"}
    for kind, name, inside in _BLOCK.findall(DEFINITION):
        if kind == "enum":
            values = file.enum_type.add(name=name).value
            for value, number in _VALUE.findall(inside):
                values.add(name=value, number=int(number))
            continue
        fields = file.message_type.add(name=name).field
        for many, of, field, number in _FIELD.findall(inside):
            label = FieldDescriptorProto.Label.Value(f"LABEL_{'REPEATED' if many else 'OPTIONAL'}")
            plain = of in ("string", "bytes", "int32", "bool")
            other = "ENUM" if of in enums else "MESSAGE"
            fields.add(
                name=field, number=int(number), label=label,
                type=FieldDescriptorProto.Type.Value(f"TYPE_{of.upper() if plain else other}"),
                type_name=None if plain else f".eventbus.v1.{of}",
            )  # fmt: skip
    return file


_pool = DescriptorPool()
_pool.Add(_file())


def message(name: str) -> Any:
    """A message class of the contract."""
    return GetMessageClass(_pool.FindMessageTypeByName(f"eventbus.v1.{name}"))
