"""Throw-away credentials for the simulators, made once per folder, readable by its owner."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CONSUMER_KEY = "tieline-rehearsal"
CRM_USERNAME = "integration@rehearsal.example"
ERP_CLIENT_ID = "tieline-rehearsal"
ERP_CERTIFICATE_ID = "rehearsal-1"
SUPPORT_EMAIL = "integration@rehearsal.example"


@dataclass(frozen=True)
class Credentials:
    """Where each secret is; the files hold nothing that is worth anything elsewhere."""

    folder: Path

    @property
    def crm_key(self) -> Path:
        """The RSA key that signs Salesforce's JWT bearer assertion."""
        return self.folder / "crm-private-key.pem"

    @property
    def erp_key(self) -> Path:
        """The EC key that signs NetSuite's client assertion."""
        return self.folder / "erp-private-key.pem"

    @property
    def billing_key(self) -> Path:
        """Stripe's secret key."""
        return self.folder / "billing-api-key"

    @property
    def support_token(self) -> Path:
        """Zendesk's API token."""
        return self.folder / "support-api-token"

    @property
    def success_key(self) -> Path:
        """Gainsight's access key."""
        return self.folder / "success-access-key"

    @property
    def webhook_secret(self) -> Path:
        """What the CRM signs its callouts with."""
        return self.folder / "webhook-secret"


def make_credentials(folder: Path) -> Credentials:
    """The credentials of a folder; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Credentials(folder)
    _write(made.crm_key, _pem(rsa.generate_private_key(65537, 2048)))
    _write(made.erp_key, _pem(ec.generate_private_key(ec.SECP256R1())))
    _write(made.billing_key, f"sk_test_{secrets.token_hex(12)}")
    _write(made.support_token, secrets.token_urlsafe(24))
    _write(made.success_key, secrets.token_hex(16))
    webhook = base64.b64encode(secrets.token_bytes(24)).decode()
    _write(made.webhook_secret, f"whsec_{webhook}")
    return made


def public_key(private_key: Path) -> str:
    """The public half of a key file, as PEM."""
    key = serialization.load_pem_private_key(private_key.read_bytes(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _write(file: Path, text: str) -> None:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(text)
