"""`privacy.toml`: the data class of each field, and which classes are kept encrypted (R148)."""

from typing import Self

from pydantic import model_validator

from governance.fields import FieldName
from governance.section import Key, Section

DEFAULT_CLASS = "internal"


class DataClass(Section):
    """A data class: its meaning, whether it is kept encrypted, and its fields."""

    meaning: str
    encrypted: bool
    fields: list[FieldName] = []


class Privacy(Section):
    """All data classes; a field has one."""

    classes: dict[Key, DataClass]

    @model_validator(mode="after")
    def _fields_have_one_class(self) -> Self:
        if DEFAULT_CLASS not in self.classes:
            raise ValueError(f"classes.{DEFAULT_CLASS} is missing: it is the class of the rest")
        seen: dict[str, str] = {}
        for name, data_class in self.classes.items():
            for field in data_class.fields:
                if (other := seen.setdefault(field, name)) != name:
                    raise ValueError(f"{field} is in both {other} and {name}")
        return self

    def class_of(self, field: str) -> str:
        """The data class of a field (`Account.email`)."""
        return next((n for n, c in self.classes.items() if field in c.fields), DEFAULT_CLASS)

    def encrypted(self, field: str) -> bool:
        """Whether payloads that carry this field are encrypted."""
        return self.classes[self.class_of(field)].encrypted
