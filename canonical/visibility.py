"""The search attributes that operators find processes by; in the clear, so opaque ids only.

SQL visibility has room for ten Keyword and three Int attributes, so each one has to earn its place.
"""

from typing import Literal

PROCESS = "TielineProcess"
ACCOUNT = "TielineAccount"
LEGAL_ENTITY = "TielineLegalEntity"
STAGE = "TielineStage"
CAUSE = "TielineCause"
AMOUNT_HELD = "TielineAmountHeld"

SEARCH_ATTRIBUTES: dict[str, Literal["Keyword", "Int"]] = {
    PROCESS: "Keyword",
    ACCOUNT: "Keyword",
    LEGAL_ENTITY: "Keyword",
    STAGE: "Keyword",
    CAUSE: "Keyword",
    AMOUNT_HELD: "Int",
}
