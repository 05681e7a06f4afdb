"""Where a secret of a key/value mount is: the mount point, and the path below it."""

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

    def data_of(self, relative: str) -> tuple[str, str]:
        """Mount point and path of the data of what `relative` gave, or of a listing."""
        if self.path:
            return self.path, relative
        marker = "/data/" if self.v2 and "/data/" in relative else "/"
        first, _, rest = relative.partition(marker)
        return first, rest

    def metadata_of(self, relative: str) -> tuple[str, str]:
        """Mount point and path of the metadata of what `relative` gave, or of a folder (version 2 only).

        Raises:
            InvalidSpecError: the store has no path, and the key does not say where its data are.
        """
        if not self.path and "data" not in relative:
            raise InvalidSpecError(f"the key {relative} must contain data, or the store must have a path")
        return self.data_of(relative)

    def folder(self, relative: str) -> tuple[str, str]:
        """Mount point and path whose listing shows what is in a folder; raises as `metadata_of`."""
        if self.v2:
            return self.metadata_of(relative)
        if not self.path:
            raise InvalidSpecError("dataFrom.find needs a path in a store of version 1")
        return self.data_of(relative)
