"""Settings come from one file and the environment, and what is wrong is said in one sentence."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from canonical.connections import Connection, Role
from canonical.errors import Misconfigured
from tieline.configure import load_settings
from tieline.settings import Settings, WebhookSource

EXAMPLE = Path(__file__).parents[1] / "tieline.example.toml"
STRIPE = """
[connections.stripe]
role = "billing"
vendor = "stripe"
base_url = "https://api.stripe.com"
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in an empty folder with no TIELINE_ variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIELINE_CONFIG", raising=False)


def refusal(text: str, tmp_path: Path) -> str:
    """The sentence that loading this file ends in."""
    file = tmp_path / "tieline.toml"
    file.write_text(text)
    with pytest.raises(Misconfigured) as refused:
        load_settings(file)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_without_a_file_the_defaults_stand() -> None:
    """Nothing has to be configured to begin."""
    settings = load_settings()

    assert settings.temporal.address == "127.0.0.1:7233"
    assert settings.ledger_url == "sqlite:///.tieline/ledger.db"
    assert settings.webhooks.body_bytes_max == 262_144


def test_the_example_file_loads() -> None:
    """The documented file is a valid one."""
    settings = load_settings(EXAMPLE)

    assert [c.name for c in settings.connections_of(Role.ERP)] == ["netsuite"]
    assert settings.webhooks.sources["salesforce"].connection == "salesforce"
    assert settings.webhooks.sources.keys() == settings.connections.keys()
    assert all(one.poll.every_seconds for one in settings.connections.values())


def shown(table: str) -> str:
    """A table without the comment signs that its lines begin with."""
    return re.sub(r"(?m)^# ?", "", table)


def test_what_the_example_file_leaves_off_loads_too(tmp_path: Path) -> None:
    """Commented tables are settings that somebody will use: a drop, NATS, a subscriber."""
    file = tmp_path / "tieline.toml"
    off = r"(?m)^# \[(?:drops|relay\.nats|subscribers)\b.*\n(?:#.*\n)*"
    file.write_text(re.sub(off, lambda table: shown(table[0]), EXAMPLE.read_text()))

    settings = load_settings(file)

    assert settings.drops["legacy-billing"].kind == "invoice"
    assert settings.relay_targets == ["nats", "finance-hub"]


DROP = """
[drops.legacy]
folder = "/srv/drops/legacy"
columns = { id = "INVOICE_NO" }
"""


def test_a_drop_is_a_source_under_its_own_name(tmp_path: Path) -> None:
    """Beside the connections, in the same environment."""
    file = tmp_path / "tieline.toml"
    file.write_text(STRIPE + DROP)

    drop = load_settings(file).drops["legacy"]

    assert (drop.name, drop.columns) == ("legacy", {"id": "INVOICE_NO"})
    taken = refusal(STRIPE + DROP.replace("legacy]", "stripe]"), tmp_path)
    assert "drops.stripe: a connection has this name" in taken
    mixed = refusal(STRIPE + DROP + 'environment = "live"\n', tmp_path)
    assert "live and test connections are mixed" in mixed


USAGE = """
[usage.warehouse]
url = "env:USAGE_WAREHOUSE_URL"
table = "analytics.daily_usage"
columns = { account = "account_id", user = "user_id", day = "day" }
"""


def test_usage_is_declared_once_and_by_safe_names(tmp_path: Path) -> None:
    """A table, its columns, and where the secret URL is; nothing that could be a statement."""
    file = tmp_path / "tieline.toml"
    file.write_text(STRIPE + USAGE)

    source = load_settings(file).usage["warehouse"]

    assert (source.name, source.columns.at, source.stale_days) == ("warehouse", "day", 7)
    for given, wrong, sentence in (
        ("analytics.daily_usage", "usage; DROP TABLE usage", "usage.warehouse.table"),
        ("analytics.daily_usage", "a.b.c", "usage.warehouse.table"),
        ("user_id", 'u"', "usage.warehouse.columns.user"),
        ("env:USAGE_WAREHOUSE_URL", "postgresql://u:p@db/w", "usage.warehouse.url"),
        (", day =", ", days =", "usage.warehouse.columns.days"),
        (', day = "day"', "", "name either the column day or the column timestamp"),
        ("usage.warehouse]", "usage.stripe]", "usage.stripe: another source has this name"),
    ):
        quoted = wrong.replace('"', '\\"') if wrong == 'u"' else wrong
        assert sentence in refusal(STRIPE + USAGE.replace(given, quoted), tmp_path)
    assert "p@db" not in refusal(
        STRIPE + USAGE.replace("env:USAGE_WAREHOUSE_URL", "postgresql://u:p@db/w"), tmp_path
    )
    live = refusal(STRIPE + USAGE + 'environment = "live"\n', tmp_path)
    assert "live and test connections are mixed" in live
    second = USAGE.replace("usage.warehouse", "usage.other")
    assert "usage" in refusal(STRIPE + USAGE + second, tmp_path)


def keys_of(model: type[BaseModel]) -> set[str]:
    """The names of all settings below a model."""
    found = set(model.model_fields)
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= keys_of(inner)
    return found


def test_every_setting_appears_in_the_example() -> None:
    """A setting that the example does not show is one that nobody finds."""
    text = EXAMPLE.read_text()

    expected = keys_of(Settings) | keys_of(Connection) | keys_of(WebhookSource)

    assert {"concurrent_requests", "key_file", "body_bytes_max"} <= expected
    missing = [k for k in expected - {"name"} if not re.search(rf"\b{k}\b", text)]
    assert missing == []


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container changes one value of a table and keeps the others of the file."""
    file = tmp_path / "other.toml"
    file.write_text('[temporal]\naddress = "temporal:7233"\nnamespace = "sales"\n' + STRIPE)
    monkeypatch.setenv("TIELINE_CONFIG", str(file))
    monkeypatch.setenv("TIELINE_TEMPORAL__ADDRESS", "eu.temporal:7233")
    monkeypatch.setenv("TIELINE_CONNECTIONS__STRIPE__BASE_URL", "http://127.0.0.1:9100")
    monkeypatch.setenv("TIELINE_CONNECTIONS__STRIPE__LIMITS__CONCURRENT_REQUESTS", "3")

    settings = load_settings()

    assert (settings.temporal.address, settings.temporal.namespace) == ("eu.temporal:7233", "sales")
    assert settings.connections["stripe"].url == "http://127.0.0.1:9100"
    assert settings.connections["stripe"].limits.concurrent_requests == 3


def test_a_file_in_the_working_folder_is_found(tmp_path: Path) -> None:
    """`./tieline.toml` needs no option."""
    (tmp_path / "tieline.toml").write_text('[log]\nlevel = "debug"\n')

    assert load_settings().log.level == "debug"


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt path must not fall back to the defaults."""
    with pytest.raises(Misconfigured, match=r"tieline\.example\.toml"):
        load_settings(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STRIPE + STRIPE, ["not valid TOML"]),
        ("adress = 1\n", ["adress: there is no such setting", "remove it"]),
        ('[temporal]\nadress = "x"\n', ["temporal.adress: there is no such setting"]),
        (STRIPE.replace("https://", ""), ["connections.stripe.base_url: ", "correct it"]),
        (
            STRIPE.replace("https://", "https://me:hunter2@"),
            ["connections: the base_url of 'stripe' carries credentials"],
        ),
        (STRIPE.replace('role = "billing"\n', ""), ["connections.stripe.role: it is missing"]),
        (STRIPE + 'name = "stripo"\n', ["'stripe' calls itself 'stripo'"]),
        (STRIPE + STRIPE.replace(".stripe]", ".stripe-eu]"), ["both serve every legal entity"]),
        (
            STRIPE + STRIPE.replace(".stripe]", ".eu]") + 'environment = "live"\n',
            ["live and test connections are mixed"],
        ),
        (STRIPE + 'secrets.api_key = "hunter2"\n', ["secrets.api_key of 'stripe'"]),
        (
            STRIPE + '[webhooks.sources.crm]\nconnection = "nowhere"\nsecrets = ["env:X"]\n',
            ["webhooks.sources.crm.connection", "not a connection"],
        ),
        ('payload_keys = ["hunter2"]\n', ["payload_keys.0"]),
        ('payload_keys = ["a:env:A", "a:env:B"]\n', ["a key id appears twice"]),
        ('[temporal.tls]\ncert_file = "a.pem"\n', ["cert_file and key_file go together"]),
    ],
)
def test_a_wrong_file_is_explained_in_one_sentence(
    text: str, words: list[str], tmp_path: Path
) -> None:
    """File, key and remedy are named, and no value that might be a secret."""
    sentence = refusal(text, tmp_path)

    assert sentence.startswith(str(tmp_path / "tieline.toml"))
    for word in words:
        assert word in sentence
    assert "hunter2" not in sentence


def test_a_wrong_variable_is_named_instead_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set the variable is told its name."""
    monkeypatch.setenv("TIELINE_WEBHOOKS__PORT", "eighty")

    with pytest.raises(Misconfigured, match=r"^TIELINE_WEBHOOKS__PORT: webhooks.port: "):
        load_settings()


def test_the_ledger_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv("TIELINE_LEDGER_URL", "postgresql+psycopg://tieline:hunter2@db/tieline")

    shown: Any = repr(load_settings())

    assert "hunter2" not in shown
