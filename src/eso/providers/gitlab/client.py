"""CI/CD variables as secrets, in the words of External Secrets Operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import FindRef, RemoteRef, SecretsClient, ValidationResult
from eso.providers.common import find_property
from eso.providers.gitlab.api import GitlabAPI, Place
from eso.transform.find import name_matcher
from eso.transform.gojson import loads
from eso.values import SecretMap, SecretValue

__all__ = ["GitlabClient"]

_TAG: Final = "environment_scope"


class GitlabClient(SecretsClient):
    """Reads the variables of a project and of groups.

    Args:
        api: GitLab.
        project: id or path; may be empty.
        groups: ids, the first one is the farthest.
        inherit: take the groups of the project instead.
        environment: the scope of the store; may be empty.
    """

    def __init__(self, api: GitlabAPI, project: str, groups: list[str], *, inherit: bool, environment: str) -> None:
        self._api = api
        self._project = project
        self._groups = groups
        self._inherit = inherit
        self._environment = environment

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The variable of the project, else of the closest group that has it; or a property of it."""
        text = await self._value(ref.key.replace("-", "_"))
        if not ref.property:
            if not text:
                raise ProviderError(f"variable {ref.key} is empty")
            return SecretValue(text)
        found = find_property(text.encode(), ref.property)
        if found is None:
            raise ProviderError(f"property {ref.property} does not exist in variable {ref.key}")
        return found

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The members of the JSON object in a variable, or in a property of it; they must be texts."""
        whole = await self.get_secret(ref)
        try:
            members = loads(whole.reveal())
        except ValueError:
            raise ProviderError(f"variable {ref.key} does not hold JSON") from None
        if not isinstance(members, dict) or not all(isinstance(value, str | None) for value in members.values()):
            raise ProviderError(f"variable {ref.key} does not hold a JSON object of texts")
        return {key: SecretValue(value or "") for key, value in members.items()}

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The variables whose name matches, of the groups and the project, in the effective environment."""
        if ref.path is not None:
            raise InvalidRequestError("find.path is not supported by gitlab: use find.name.regexp")
        if ref.name_regexp is None:
            raise InvalidRequestError("find.name.regexp is required by gitlab")
        matcher = name_matcher(ref.name_regexp)
        environment = self._effective(ref.tags)
        found: dict[str, tuple[str, bool]] = {}
        for group in await self._closest_last():
            for key, value, wildcard in await self._visible(("groups", group), environment):
                if matcher.search(key) and not (wildcard and key in found):
                    found[key] = value, wildcard
        own: dict[str, tuple[str, bool]] = {}
        project = await self._visible(("projects", self._project), environment) if self._project else []
        for key, value, wildcard in project:
            if matcher.search(key) and not (wildcard and key in own and not own[key][1]):
                own[key] = value, wildcard
        return {key: SecretValue(value) for key, (value, _) in {**found, **own}.items()}

    async def validate(self) -> ValidationResult:
        """List variables of the project and of each group."""
        if self._project:
            await self._api.probe(("projects", self._project))
        for group in await self._closest_last():
            await self._api.probe(("groups", group))
        return ValidationResult.READY

    async def _value(self, key: str) -> str:
        missing: NoSecretError | None = None
        if self._project:
            try:
                return await self._scoped(("projects", self._project), key)
            except NoSecretError as err:
                missing = err
        for group in reversed(await self._closest_last()):
            try:
                return await self._scoped(("groups", group), key)
            except NoSecretError as err:
                missing = missing or err
        # A variable that is missing never deletes anything: it may exist in another scope or group.
        raise InvalidRequestError(f"variable {key} was not found: the provider answered 404") from missing

    async def _scoped(self, place: Place, key: str) -> str:
        """In the environment of the store, else in all."""
        try:
            return str((await self._api.variable(place, key, self._environment))["value"])
        except NoSecretError:
            if self._environment in ("", "*"):
                raise
        return str((await self._api.variable(place, key, "*"))["value"])

    async def _closest_last(self) -> list[str]:
        if not self._inherit:
            return self._groups
        groups = await self._api.groups(self._project)
        # The longer its path, the closer a group is to the project.
        return [str(group["id"]) for group in sorted(groups, key=lambda group: len(str(group.get("full_path"))))]

    async def _visible(self, place: Place, environment: str) -> list[tuple[str, str, bool]]:
        """Key, value and whether the scope is a wildcard."""
        seen = []
        for variable in await self._api.variables(place):
            scope = str(variable.get("environment_scope") or "")
            wildcard = scope in ("", "*")
            if wildcard or environment in ("", "*") or scope == environment:
                seen.append((variable["key"], str(variable.get("value") or ""), wildcard))
        return seen

    def _effective(self, tags: Mapping[str, str] | None) -> str:
        if tags is None:
            return self._environment
        unknown = [key for key in tags if key != _TAG]
        if unknown:
            raise InvalidSpecError(f"find.tags: gitlab only knows {_TAG}, not {unknown[0]}")
        wanted = tags.get(_TAG, "")
        if self._environment not in ("", "*") and wanted not in ("", "*"):
            raise InvalidSpecError(f"find.tags: the store has an environment already, remove {_TAG}")
        return wanted
