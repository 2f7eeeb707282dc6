"""Checks that a wheel holds the packages that pyproject.toml names, all of them and no others."""

import sys
import tomllib
import zipfile
from pathlib import Path


def main(wheel: str) -> None:
    """Compare; exits with a sentence when they differ."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    expected = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    names = zipfile.ZipFile(wheel).namelist()
    found = {name.split("/", 1)[0] for name in names if ".dist-info/" not in name}
    if found != expected:
        sys.exit(f"{wheel}: unexpected {found - expected}, missing {expected - found}")
    print(f"{Path(wheel).name}: {', '.join(sorted(found))}")


if __name__ == "__main__":
    main(sys.argv[1])
