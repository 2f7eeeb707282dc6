"""The Temporal client: one plugin for client, worker and replayer, and one way to connect."""

import asyncio
import dataclasses
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import temporalio.client
import temporalio.worker
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.envconfig import ClientConfigProfile
from temporalio.plugin import SimplePlugin
from temporalio.service import TLSConfig
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from canonical.errors import Misconfigured, Unavailable
from tieline.encryption import AesGcmCodec, KeyRing
from tieline.settings import Settings, Tls

CONNECT_TIMEOUT_SECONDS = 15.0

# Pure by the layering, so the sandbox need not import them again for each workflow instance.
PASSED_THROUGH = (
    "canonical",
    "domain",
    "governance",
    "workflows",
    "activities",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "rfc8785",
    "iso4217",
    "pycountry",
)

Interceptor = temporalio.client.Interceptor | temporalio.worker.Interceptor


def data_converter(settings: Settings) -> DataConverter:
    """Pydantic models as JSON; encrypted, with failure texts, where payload keys are set."""
    if not settings.payload_keys:
        return pydantic_data_converter
    ring = KeyRing.from_references(settings.payload_keys, os.environ)
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=AesGcmCodec(ring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def plugin(settings: Settings, interceptors: Sequence[Interceptor] = ()) -> SimplePlugin:
    """What client, worker and replayer must agree on: converter, sandbox and interceptors."""
    return SimplePlugin(
        "tieline",
        data_converter=data_converter(settings),
        interceptors=list(interceptors),
        workflow_runner=_runner,
    )


def _runner(existing: WorkflowRunner | None) -> WorkflowRunner:
    if existing is not None and not isinstance(existing, SandboxedWorkflowRunner):
        return existing  # a worker that chose to run without the sandbox
    sandbox = existing or SandboxedWorkflowRunner()
    restrictions = sandbox.restrictions.with_passthrough_modules(*PASSED_THROUGH)
    return dataclasses.replace(sandbox, restrictions=restrictions)


async def connect(
    settings: Settings,
    *,
    interceptors: Sequence[Interceptor] = (),
    lazy: bool = False,
    timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
) -> Client:
    """A client for the cluster of the settings; `lazy` connects with the first call.

    Raises Unavailable when it cannot be reached, Misconfigured for a wrong profile or certificate.
    """
    options = _connect_options(settings)
    address = options["target_host"]
    plugins = [plugin(settings, interceptors)]
    try:
        async with asyncio.timeout(timeout_seconds):
            return await Client.connect(
                **options,
                plugins=plugins,
                lazy=lazy,
                connect_timeout=timedelta(seconds=timeout_seconds),
            )
    except (RuntimeError, TimeoutError) as error:
        raise Unavailable(
            f"Temporal does not answer at {address}; start it, or correct temporal.address",
            about=address,
        ) from error
    except ValueError as error:
        raise Misconfigured(
            f"temporal: {error}; correct address, profile or certificates", about="temporal"
        ) from error


def _connect_options(settings: Settings) -> dict[str, Any]:
    temporal = settings.temporal
    options: dict[str, Any] = _profile_options(temporal.profile) if temporal.profile else {}
    for option, setting in (("target_host", "address"), ("namespace", "namespace")):
        if option not in options or setting in temporal.model_fields_set:
            options[option] = getattr(temporal, setting)
    if temporal.tls is not None:
        options["tls"] = _tls(temporal.tls)
    return options


def _profile_options(profile: str) -> dict[str, Any]:
    try:
        return dict(ClientConfigProfile.load(profile).to_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise Misconfigured(
            f"temporal.profile: {profile!r} cannot be loaded ({error}); "
            "add it to Temporal's own configuration or remove the setting",
            about="temporal.profile",
        ) from error


def _tls(tls: Tls) -> TLSConfig:
    return TLSConfig(
        domain=tls.server_name or None,
        server_root_ca_cert=_pem("ca_file", tls.ca_file),
        client_cert=_pem("cert_file", tls.cert_file),
        client_private_key=_pem("key_file", tls.key_file),
    )


def _pem(setting: str, file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"temporal.tls.{setting}: {file} cannot be read ({error.strerror}); correct the path",
            about=f"temporal.tls.{setting}",
        ) from error
