"""The command line as its user meets it: arguments in; exit code, output and complaints out."""

import asyncio
import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tieline.cli.app import run

PROCESS_SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return orjson.loads(self.out)

    @property
    def refusal(self) -> str:
        """The one sentence of a command that failed, which is all that it said."""
        assert self.code != 0, self
        assert self.out == "", self
        assert "Traceback" not in self.err, self.err
        (sentence,) = self.err.splitlines()
        return sentence


def tieline(*arguments: str | Path) -> Said:
    """Run a command through the entry point, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())


async def awaited(*arguments: str | Path) -> Said:
    """Run a command beside a living world, whose vendors this loop serves."""
    return await asyncio.to_thread(tieline, *arguments)


def process(
    *arguments: str | Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Said:
    """Run `python -m tieline` as a shell would, in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "tieline", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
