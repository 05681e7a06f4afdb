"""What a test says about the provider under test and its backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from eso.errors import EsoError, NoSecretError
from eso.providers.base import Capabilities, FindRef, Provider, SecretsClient

__all__ = ["ContractError", "Subject"]


class ContractError(AssertionError):
    """A provider does not do what every provider must do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A provider under test, and what its backend holds.

    Attributes:
        provider: the provider.
        connect: makes a client; the checks close it.
        key: of a secret that exists and is a JSON object.
        value: its bytes.
        property_name: of a member of that object.
        property_value: bytes that selecting it answers with.
        missing: key of a secret that does not exist.
        credentials: what must not be seen either: tokens, passwords.
        failures: name -> makes the backend fail for the length of a block, where the backend of the test can do so. Let it
            repeat secrets in its answers. Those named in `FAULTS` are judged by `run_fault`.
        exempt: name in `FAULTS` -> why this backend cannot fail like that.
        retry_after: seconds that the failure `throttled` asks for; None where the vendor has no way to ask.
        patience: seconds within which a read must give up; see `impatient`.
        find: finds at least `key`, where the provider supports `dataFrom.find`.
        absent_property: class of the error for a property that a secret does not have, where ESO has another one.
        push_key: where values may be pushed; needed when the provider can write.
        push_property: the property there, where a push needs one.
        deletes: False for a backend that keeps what is deleted.
    """

    provider: Provider[Any]
    connect: Callable[[], Awaitable[SecretsClient]]
    key: str
    value: bytes
    property_name: str
    property_value: bytes
    missing: str
    credentials: Sequence[bytes] = ()
    failures: Mapping[str, Callable[[], AbstractAsyncContextManager[object]]] = field(default_factory=dict)
    exempt: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = 7.0
    patience: float = 10.0
    find: FindRef | None = None
    absent_property: type[EsoError] = NoSecretError
    push_key: str = ""
    push_property: str = ""
    deletes: bool = True

    @property
    def reads(self) -> bool:
        """Whether the provider claims to read."""
        return self.provider.capabilities is not Capabilities.WRITE_ONLY

    @property
    def writes(self) -> bool:
        """Whether the provider claims to write."""
        return self.provider.capabilities is not Capabilities.READ_ONLY
