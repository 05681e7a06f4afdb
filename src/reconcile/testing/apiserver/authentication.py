"""Who sends a request: a static token, a token of a service account, or everybody when nothing is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.testing.apiserver.requests import ApiRequest, User
from reconcile.testing.apiserver.status import unauthorized
from reconcile.testing.apiserver.tokens import TokenIssuer, VerifiedToken

__all__ = ["ADMIN", "ANONYMOUS", "AUTHENTICATED", "Authenticator"]

AUTHENTICATED = "system:authenticated"
ADMIN = User("kubernetes-admin", groups=("system:masters", AUTHENTICATED))
ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))


class Authenticator:
    """Maps bearer tokens to users.

    Args:
        tokens: static tokens.
        issuer: verifies tokens of service accounts.
        without_token: who sends requests that carry no token; None refuses them.
    """

    def __init__(self, tokens: Mapping[str, User], issuer: TokenIssuer, *, without_token: User | None) -> None:
        self._tokens = dict(tokens)
        self._issuer = issuer
        self._without_token = without_token

    def identify(self, request: ApiRequest) -> User:
        """The user of a request.

        Raises:
            StatusError: 401, without a token where one is needed, or with one that nobody knows.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            if self._without_token is None:
                raise unauthorized()
            return self._impersonated(request, self._without_token)
        return self._impersonated(request, self.user_of(token.strip()))

    def user_of(self, token: str) -> User:
        """The user behind a token.

        Raises:
            StatusError: 401.
        """
        known = self._tokens.get(token)
        if known is not None:
            return known
        verified = self._issuer.verify(token)
        if verified is None:
            raise unauthorized()
        return verified.user

    def static_user(self, token: str) -> User | None:
        """The user of a static token."""
        return self._tokens.get(token)

    def verify(self, token: str, audiences: Sequence[str]) -> VerifiedToken | None:
        """A token of a service account, checked for audiences."""
        return self._issuer.verify(token, audiences)

    @staticmethod
    def _impersonated(request: ApiRequest, user: User) -> User:
        name = request.headers.get("impersonate-user", "")
        if not name or "system:masters" not in user.groups:
            return user
        groups = tuple(
            group.strip() for group in request.headers.get("impersonate-group", "").split(",") if group.strip()
        )
        if name.startswith("system:serviceaccount:"):
            namespace = name.split(":")[2]
            groups += ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return User(name, groups=(*groups, AUTHENTICATED))
