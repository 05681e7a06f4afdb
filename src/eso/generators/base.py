"""What every generator implements.

A generator makes values (tokens, passwords, keys). Some leave something behind that must be revoked later; they return a
`state`, which is kept in a GeneratorState until `cleanup` has undone it.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from eso.identity.context import SignInContext
from eso.providers.base import ProviderCalls
from eso.values import SecretMap
from reconcile.client.client import Client

__all__ = ["Generated", "Generator", "GeneratorContext"]

SpecT = TypeVar("SpecT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Generated:
    """What a generator made.

    Attributes:
        values: keys and values for the Secret.
        state: JSON that `cleanup` needs to undo it, or None when nothing is left behind.
    """

    values: SecretMap = field(repr=False)
    state: Any = field(default=None, repr=False)


class GeneratorContext(SignInContext, Protocol):
    """What a generator is given: references always resolve in the consumer's namespace."""

    @property
    def kube(self) -> Client:
        """The operator's own client of the API server."""

    @property
    def option(self) -> Mapping[str, Any]:
        """Process-wide feature flags, by flag name without dashes in front."""

    def calls(self, provider: str) -> ProviderCalls:
        """A counted way to a vendor; nothing is shared, so that every value is new. See `StoreContext.calls`."""


class Generator(abc.ABC, Generic[SpecT]):
    """One generator kind. Stateless."""

    kind: ClassVar[str]
    """The Kubernetes kind, for example `Password`."""

    spec_type: ClassVar[type[BaseModel]]
    """Model of its `spec`."""

    leaves_state: ClassVar[bool] = False
    """Whether what it makes may have to be undone: `generate` returns a state, and is not interrupted by a cancellation."""

    tells_missing: ClassVar[bool] = False
    """Whether a NoSecretError of `generate` says that the vendor has no values: `deletionPolicy` applies then."""

    def intent(self, spec: SpecT) -> Any:
        """A state for what `generate_intended` is about to make, recorded before it is called; None to record only afterwards.

        With it `cleanup` finds what was made also when the process has ended before the vendor's answer was recorded.
        """
        return None

    async def generate_intended(self, spec: SpecT, intent: Any, context: GeneratorContext) -> Generated:
        """As `generate`, marked so that `cleanup` finds it by the intent."""
        return await self.generate(spec, context)

    @abc.abstractmethod
    async def generate(self, spec: SpecT, context: GeneratorContext) -> Generated:
        """Make new values.

        Raises:
            EsoError: the text names the field or the endpoint, never a value.
        """

    def left_behind(self, state: Any) -> bool:
        """Whether a state names something that `cleanup` has to undo; for other states it is not called."""
        return self.leaves_state

    async def cleanup(self, spec: SpecT, state: Any, context: GeneratorContext) -> None:
        """Undo what `state` describes; already gone is success. Safe to call twice."""
        return
