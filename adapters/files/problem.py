"""Why a file or line is not taken: a few codes, for counting."""

CODES = {
    "file_too_large": "the file is larger than can be read",
    "changed_after_taken": "the file was written to after it had been taken; it is read again",
    "bad_header": "the header is no line of distinct column names",
    "column_missing": "a column that is needed is not there",
    "line_too_long": "the line is longer than can be read",
    "not_utf8": "the line is not UTF-8",
    "unclosed_quote": "a quote is opened and never closed",
    "not_csv": "the line is not CSV",
    "not_json": "the line is not a JSON object",
    "wrong_columns": "the line has more or fewer fields than the header",
    "unknown_kind": "the row is of no kind that a file may tell of",
    "bad_time": "a time cannot be understood",
    "bad_value": "a field cannot be understood",
}


class Problem(Exception):
    """A line or file that is not taken; `reason` says why and repeats nothing of its content."""

    def __init__(self, code: str, about: str = "") -> None:
        self.code = code
        self.reason = f"{CODES[code]}: {about}" if about else CODES[code]
        super().__init__(self.reason)
