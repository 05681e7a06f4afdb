from __future__ import annotations

import asyncio

import pysequoia
import pytest

from eso.errors import InvalidSpecError, ProviderError
from eso.providers.passbolt.openpgp import PrivateKey
from eso.values import SecretValue
from tests.support.vendors.passbolt import FINGERPRINT, PASSPHRASE, PRIVATE_KEY

MINE = pysequoia.Tsk.from_bytes(PRIVATE_KEY.encode()).extract_certificate()


async def unlocked(armored: str | bytes = PRIVATE_KEY, passphrase: str | bytes = PASSPHRASE) -> PrivateKey:
    return await PrivateKey.unlocked(SecretValue(armored), SecretValue(passphrase), "the key")


def message(content: bytes) -> str:
    return pysequoia.encrypt(content, recipients=[MINE]).decode()


def truncated() -> list[str]:
    """A message, cut off behind each of its bytes: some of them make the library panic."""
    whole = pysequoia.encrypt(b"canary", recipients=[MINE], armor=False)
    return [str(pysequoia.armor(whole[:end], pysequoia.ArmorKind.Message)) for end in range(len(whole))]


async def test_a_message_is_opened_whoever_signed_it() -> None:
    key = await unlocked()
    assert key.fingerprint == FINGERPRINT
    stranger = pysequoia.Tsk.generate("stranger").signer()
    signed = pysequoia.encrypt(b"\xff\x00 signed", recipients=[MINE], signer=stranger).decode()
    for text, content in ((message(b"plain"), b"plain"), (message(b""), b""), (signed, b"\xff\x00 signed")):
        assert (await key.decrypt(text, "reading")).reveal() == content


async def test_a_damaged_message_is_an_error_and_does_no_harm_to_the_next_one() -> None:
    key, good = await unlocked(), message(b"good")
    for text in (*truncated(), "", "canary", "-----BEGIN PGP MESSAGE-----\n\ncanary"):
        with pytest.raises(ProviderError, match=r"^reading: the answer holds a message that") as caught:
            await key.decrypt(text, "reading")
        assert "canary" not in str(caught.value)
        assert (await key.decrypt(good, "reading")).reveal() == b"good"


async def test_a_damaged_message_does_no_harm_to_those_that_are_opened_at_the_same_time() -> None:
    key, good = await unlocked(), message(b"good")
    texts = [text for bad in truncated() for text in (bad, good)]
    answers = await asyncio.gather(*(key.decrypt(text, "reading") for text in texts), return_exceptions=True)
    assert all(isinstance(answer, ProviderError) for answer in answers[::2])
    assert all(isinstance(answer, SecretValue) and answer.reveal() == b"good" for answer in answers[1::2])


async def test_a_message_for_somebody_else() -> None:
    other = pysequoia.Tsk.generate("other").extract_certificate()
    with pytest.raises(ProviderError, match=FINGERPRINT):
        await (await unlocked()).decrypt(pysequoia.encrypt(b"canary", recipients=[other]).decode(), "reading")


async def test_a_key_without_passphrase() -> None:
    plain = pysequoia.Tsk.generate("plain")
    text = pysequoia.encrypt(b"content", recipients=[plain.extract_certificate()]).decode()
    for passphrase in ("", "whatever"):
        key = await unlocked(str(plain), passphrase)
        assert (await key.decrypt(text, "reading")).reveal() == b"content"


@pytest.mark.parametrize(
    ("armored", "passphrase", "text"),
    [
        (PRIVATE_KEY, "canary", "the passphrase does not unlock it"),
        (PRIVATE_KEY, "", "the passphrase does not unlock it"),
        (PRIVATE_KEY, b"\xff", "the passphrase does not unlock it"),
        ("canary", PASSPHRASE, "is not an armored OpenPGP private key"),
        ("", PASSPHRASE, "is not an armored OpenPGP private key"),
        (str(MINE), PASSPHRASE, "the key"),
        (PRIVATE_KEY[: len(PRIVATE_KEY) // 2], PASSPHRASE, "the key"),
    ],
)
async def test_keys_that_cannot_be_used(armored: str, passphrase: str, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text) as caught:
        await unlocked(armored, passphrase)
    assert "canary" not in str(caught.value)
