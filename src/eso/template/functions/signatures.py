"""The functions whose modules need the cryptography library, by their parameters; a module is loaded on first call."""

from __future__ import annotations

from typing import Final

from eso.template.functions.lazy import Deferred
from eso.template.gotext.function import Function, Param

__all__ = ["TABLE"]

_PACKAGE: Final = "eso.template.functions"
_S: Final = Param.STRING
_I: Final = Param.INT
_L: Final = Param.LIST
_C: Final = Param.CERTIFICATE
_NAMES: Final = (_S, _L, _L, _I)
"""Common name, addresses, DNS names, days."""


def _function(name: str, module: str, attribute: str, params: tuple[Param, ...]) -> Function:
    return Function(name, Deferred(f"{_PACKAGE}.{module}", attribute), params)


TABLE: Final = (
    _function("bcrypt", "passwords", "bcrypt_hash", (_S,)),
    _function("htpasswd", "passwords", "htpasswd", (_S, _S, Param.NAMED_STRING)),
    _function("derivePassword", "passwords", "derive_password", (Param.UINT32, _S, _S, _S, _S)),
    _function("encryptAES", "aes", "encrypt_aes", (_S, _S)),
    _function("decryptAES", "aes", "decrypt_aes", (_S, _S)),
    _function("genPrivateKey", "certificates", "gen_private_key", (_S,)),
    _function("genCA", "certificates", "gen_ca", (_S, _I)),
    _function("genCAWithKey", "certificates", "gen_ca_with_key", (_S, _I, _S)),
    _function("genSelfSignedCert", "certificates", "gen_self_signed_cert", _NAMES),
    _function("genSelfSignedCertWithKey", "certificates", "gen_self_signed_cert_with_key", (*_NAMES, _S)),
    _function("genSignedCert", "certificates", "gen_signed_cert", (*_NAMES, _C)),
    _function("genSignedCertWithKey", "certificates", "gen_signed_cert_with_key", (*_NAMES, _C, _S)),
    _function("buildCustomCert", "certificates", "build_custom_cert", (_S, _S)),
    _function("pkcs12key", "pkcs12", "pkcs12_key", (_S,)),
    _function("pkcs12keyPass", "pkcs12", "pkcs12_key_pass", (_S, _S)),
    _function("pkcs12cert", "pkcs12", "pkcs12_cert", (_S,)),
    _function("pkcs12certPass", "pkcs12", "pkcs12_cert_pass", (_S, _S)),
    _function("pemToPkcs12", "pkcs12", "pem_to_pkcs12", (_S, _S)),
    _function("pemToPkcs12Pass", "pkcs12", "pem_to_pkcs12_pass", (_S, _S, _S)),
    _function("fullPemToPkcs12", "pkcs12", "full_pem_to_pkcs12", (_S, _S)),
    _function("fullPemToPkcs12Pass", "pkcs12", "full_pem_to_pkcs12_pass", (_S, _S, _S)),
    _function("pemTruststoreToPKCS12", "pkcs12", "pem_truststore_to_pkcs12", (_S,)),
    _function("pemTruststoreToPKCS12Pass", "pkcs12", "pem_truststore_to_pkcs12_pass", (_S, _S)),
    _function("filterPEM", "pemfilters", "filter_pem", (_S, _S)),
    _function("filterCertChain", "pemfilters", "filter_cert_chain", (_S, _S)),
    _function("certSANs", "pemfilters", "cert_sans", (_S,)),
    _function("jwkPublicKeyPem", "jwk", "jwk_public_key_pem", (_S,)),
    _function("jwkPrivateKeyPem", "jwk", "jwk_private_key_pem", (_S,)),
    _function("rsaDecrypt", "rsadecrypt", "rsa_decrypt", (_S, _S, _S, _S)),
)
