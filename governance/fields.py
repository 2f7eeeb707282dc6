"""Names of canonical fields as the catalogue writes them: `Account.email`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel

from canonical import desk, events, orders, plan
from canonical.ports.crm import WriteBack


def _models() -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {"WriteBack": WriteBack}
    for module in (desk, events, orders, plan):
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, BaseModel):
                found[name] = value
    return found


MODELS = _models()


def _exists(name: str) -> str:
    model, _, field = name.partition(".")
    if model not in MODELS or field not in MODELS[model].model_fields:
        raise ValueError(f"{name!r} is not a field of a canonical model")
    return name


FieldName = Annotated[str, AfterValidator(_exists)]
