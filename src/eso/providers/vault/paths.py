"""Where a secret of a key/value mount is in the API."""

from __future__ import annotations

from dataclasses import dataclass

from eso.errors import InvalidSpecError

__all__ = ["Mount"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A key/value mount.

    Attributes:
        path: where it is mounted; empty when keys begin with it.
        v2: whether it is of version 2.
    """

    path: str
    v2: bool

    def relative(self, key: str) -> str:
        """A key below the mount: without the mount and `data/` that some people write in front."""
        if not self.path:
            return key
        key = key.removeprefix(f"{self.path}/")
        return key.removeprefix("data/") if self.v2 else key

    def data(self, key: str) -> str:
        """API path of the data of a key."""
        return self.data_of(self.relative(key))

    def data_of(self, relative: str) -> str:
        """API path of the data of what `relative` gave, or a listing."""
        if self.path:
            return f"{self.path}/data/{relative}" if self.v2 else f"{self.path}/{relative}"
        if not self.v2 or "/data/" in relative:
            return relative
        first, _, rest = relative.partition("/")
        return f"{first}/data/{rest}"

    def metadata(self, key: str) -> str:
        """API path of the metadata of a key; raises as `metadata_of`."""
        return self.metadata_of(self.relative(key))

    def metadata_of(self, relative: str) -> str:
        """API path of the metadata of what `relative` gave, or a folder (version 2 only).

        Raises:
            InvalidSpecError: the store has no path, and the key does not say where its data are.
        """
        if self.path:
            return f"{self.path}/metadata/{relative}"
        if "data" not in relative:
            raise InvalidSpecError(f"the key {relative} must contain data, or the store must have a path")
        return relative.replace("/data/", "/metadata/", 1)

    def folder(self, relative: str) -> str:
        """API path whose listing shows what is in a folder; raises as `metadata_of`."""
        if self.v2:
            return self.metadata_of(relative)
        if not self.path:
            raise InvalidSpecError("dataFrom.find needs a path in a store of version 1")
        return f"{self.path}/{relative}"
