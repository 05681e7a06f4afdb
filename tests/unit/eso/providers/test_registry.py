"""Finding providers."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import eso.providers
from eso.errors import InvalidSpecError, ProviderNotAvailableError
from eso.providers.base import Maintenance, Provider
from eso.providers.fake.provider import FakeProvider
from eso.providers.registry import PROVIDERS, ProviderRegistry, provider_key
from eso.providers.schema import PROVIDER_SPECS


def test_every_key_of_the_schema_has_a_provider() -> None:
    assert set(PROVIDERS) == set(PROVIDER_SPECS)


def written() -> list[str]:
    directory = Path(eso.providers.__file__).parent
    return [key for key in PROVIDERS if (directory / key.lower() / "provider.py").exists()]


@pytest.mark.parametrize("key", written())
def test_the_table_names_the_class_of_the_module(key: str) -> None:
    directory = Path(eso.providers.__file__).parent
    text = (directory / key.lower() / "provider.py").read_text()
    assert re.search(rf"^class {PROVIDERS[key]}\b", text, re.MULTILINE)


@pytest.mark.parametrize(("spec", "number"), [({}, 0), ({"aws": {}, "vault": {}}, 2), ({"fake": None}, 0)])
def test_exactly_one_backend(spec: dict[str, Any], number: int) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        ProviderRegistry().resolve(spec, "s")
    assert (
        str(caught.value)
        == f"store error for s: secret stores must only have exactly one backend specified, found {number}"
    )
    assert provider_key({"aws": {}, "vault": None}, "s") == "aws"


def test_an_unknown_backend() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        ProviderRegistry().get("nope", "s")
    assert str(caught.value) == "failed to find registered store backend for type: nope, name: s"


def test_a_provider_is_made_once_and_its_spec_is_read() -> None:
    registry = ProviderRegistry()
    provider, spec = registry.resolve({"fake": {"data": [{"key": "a", "value": "b"}]}}, "s")
    assert provider is registry.get("fake")
    assert spec.data[0].key == "a"  # type: ignore[attr-defined]


def test_a_spec_that_does_not_fit_names_the_field_and_not_the_value() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        ProviderRegistry().resolve({"fake": {"data": [{"key": "a", "value": ["hunter2"]}]}}, "s")
    assert str(caught.value).startswith("spec.provider.fake: data.0.value: ")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "no_such_package.provider:X",
            "the provider acme is not available: no_such_package is not installed; install the package",
        ),
        ("eso.values:SecretValue", "is not a Provider"),
        ("eso.values:Nothing", "is not a Provider"),
    ],
)
def test_a_provider_that_cannot_be_loaded(path: str, text: str) -> None:
    with pytest.raises(ProviderNotAvailableError, match=re.escape(text)):
        ProviderRegistry({"acme": path}).get("acme")


def test_a_missing_sdk_names_the_extra(tmp_path: Path) -> None:
    module = "tests.support.provider_without_sdk"
    with pytest.raises(ProviderNotAvailableError, match=re.escape('pip install "eso[aws]"')):
        ProviderRegistry({"aws": f"{module}:AWSProvider"}).get("aws")


@pytest.mark.parametrize(
    ("key", "line", "text"),
    [
        (
            "onepasswordSDK",
            "raise OSError('libop.so: cannot open shared object file')",
            "the provider onepasswordSDK is not available: its module cannot be loaded (OSError: libop.so: cannot open shared "
            'object file); install its SDK anew with: pip install --force-reinstall "eso[onepassword]"',
        ),
        (
            "aws",
            "raise ImportError('libffi.so.7: wrong ELF class', name='_ffi')",
            "(ImportError: libffi.so.7: wrong ELF class); install its SDK anew",
        ),
        ("acme", "import ctypes; ctypes.CDLL('/no/such/library.so')", "(OSError: /no/such/library.so: "),
        ("acme", "raise RuntimeError('checksum')", "(RuntimeError: checksum); install it anew"),
        ("acme", "def broken(:", "(SyntaxError: "),
    ],
)
def test_an_sdk_that_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, line: str, text: str
) -> None:
    (tmp_path / "provider_that_does_not_load.py").write_text(f"{line}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ProviderNotAvailableError, match=re.escape(text)) as caught:
        ProviderRegistry({key: "provider_that_does_not_load:X"}).get(key)
    assert caught.value.__cause__ is not None


def test_registering_twice_is_an_error_unless_forced() -> None:
    registry = ProviderRegistry({})
    first, second = FakeProvider(), FakeProvider()
    registry.add(first)
    with pytest.raises(ValueError, match="fake"):
        registry.add(second)
    registry.add(second, force=True)
    found: Provider[Any] = registry.get("fake")
    assert found is second


def test_what_is_known_of_batches_without_importing_is_what_the_provider_says() -> None:
    registry = ProviderRegistry()
    known = {key for key in PROVIDERS if registry.batches(key)}
    assert known == {"aws"}
    assert not registry.batches("nope")
    for key in known:
        registry.get(key)
        assert registry.batches(key)


def test_only_fake_is_not_maintained() -> None:
    registry = ProviderRegistry()
    assert registry.maintenance("fake") is Maintenance.NOT_MAINTAINED
    assert {registry.maintenance(key) for key in PROVIDERS if key != "fake"} == {Maintenance.MAINTAINED}
    with pytest.raises(InvalidSpecError):
        registry.maintenance("nope")


async def test_a_provider_is_imported_beside_the_loop_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_provider_of_a_test.py").write_text(
        "import threading, time\n"
        "from eso.providers.fake.provider import FakeProvider\n"
        "THREAD = threading.get_ident()\n"
        "time.sleep(0.2)\n"
        "class SlowProvider(FakeProvider):\n"
        "    name = 'slow'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = ProviderRegistry({"slow": "slow_provider_of_a_test:SlowProvider"})
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(registry.load({"slow": {}}, "s") for _ in range(5)))
    watching.cancel()
    assert threading.get_ident() != sys.modules["slow_provider_of_a_test"].THREAD
    assert longest < 0.15
    assert registry.get("slow") is registry.get("slow")
    with pytest.raises(InvalidSpecError, match="failed to find"):
        await registry.load({"nope": {}}, "s")
