"""What is deployed agrees with the code: search attributes, secrets and settings."""

import re
from pathlib import Path

from canonical.visibility import SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
ENVIRONMENT = (ROOT / ".env.example").read_text()


def test_the_cluster_gets_the_search_attributes_that_processes_set() -> None:
    """An attribute that is not registered would refuse every start."""
    script = (ROOT / "deploy" / "temporal" / "namespace.sh").read_text()

    assert dict(re.findall(r"^add (\w+) (\w+)$", script, re.MULTILINE)) == SEARCH_ATTRIBUTES


def test_no_password_has_a_default() -> None:
    """Compose refuses to start until they are set."""
    passwords = re.findall(r"\$\{(\w*PASSWORD\w*)([^}]*)\}", COMPOSE)

    assert passwords
    assert [name for name, rest in passwords if not rest.startswith(":?")] == []
    assert re.findall(r"^\w*PASSWORD\w*=(.+)$", ENVIRONMENT, re.MULTILINE) == []


def test_every_variable_of_the_deployment_is_in_its_example() -> None:
    """What can be set is what the example shows."""
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE))
    shown = set(re.findall(r"^#? ?(\w+)=", ENVIRONMENT, re.MULTILINE))

    assert used - shown == set()


def test_the_secrets_of_the_example_settings_reach_the_containers() -> None:
    """A name in the settings that no container has would fail at the first call."""
    settings = (ROOT / "tieline.example.toml").read_text()
    variables = set(re.findall(r'^[^#\n]*"env:(\w+)"', settings, re.MULTILINE))
    files = set(re.findall(r'^[^#\n]*"file:/run/secrets/([\w.]+)"', settings, re.MULTILINE))

    assert variables and files
    assert {v for v in variables if not re.search(rf"^ +{v}:$", COMPOSE, re.MULTILINE)} == set()
    assert {f for f in files if not re.search(rf"^  {f}:$", COMPOSE, re.MULTILINE)} == set()


def test_what_the_settings_leave_off_has_its_place_in_the_deployment_too() -> None:
    """A subscriber's secret, the credentials of NATS and the drops' folder are named there."""
    settings = (ROOT / "tieline.example.toml").read_text()
    off = "\n".join(line for line in settings.splitlines() if line.startswith("#"))

    for variable in re.findall(r'= "env:([A-Z_]+)"', off):
        assert re.search(rf"^ +{variable}:$", COMPOSE, re.MULTILINE), variable
    for file in re.findall(r'"file:/run/secrets/([\w.]+)"', off):
        assert re.search(rf"^  {file}:$", COMPOSE, re.MULTILINE), file
    assert re.findall(r'folder = "(/srv/drops)/', off) and ":/srv/drops" in COMPOSE
