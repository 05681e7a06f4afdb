"""Which domain a region of Oracle Cloud is in.

Source: the region table of Oracle's SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from eso.errors import InvalidSpecError

__all__ = ["Region", "region_of"]

_COMMERCIAL: Final = "oraclecloud.com"

_DOMAINS: Final[Mapping[str, str]] = MappingProxyType(
    {
        region: domain
        for domain, regions in {
            "oraclegovcloud.com": "us-langley-1 us-luke-1 us-gov-ashburn-1 us-gov-chicago-1 us-gov-phoenix-1",
            "oraclegovcloud.uk": "uk-gov-london-1 uk-gov-cardiff-1",
            "oraclecloud8.com": "ap-chiyoda-1 ap-ibaraki-1",
            "oraclecloud9.com": "me-dcc-muscat-1",
            "oraclecloud10.com": "ap-dcc-canberra-1",
            "oraclecloud14.com": (
                "eu-dcc-milan-1 eu-dcc-milan-2 eu-dcc-dublin-1 eu-dcc-dublin-2 eu-dcc-rating-1 eu-dcc-rating-2"
            ),
            "oraclecloud15.com": "ap-dcc-gazipur-1",
            "oraclecloud.eu": "eu-madrid-2 eu-frankfurt-2",
            "oraclecloud20.com": "eu-jovanovac-1",
            "oraclecloud21.com": "me-dcc-doha-1",
            "oraclecloud23.com": "us-somerset-1 us-thames-1",
            "oraclecloud24.com": "eu-dcc-zurich-1 eu-crissier-1",
            "oraclecloud26.com": "me-abudhabi-3",
            "oraclecloud29.com": "me-abudhabi-2 me-abudhabi-4",
            "oraclecloud35.com": "ap-seoul-2 ap-suwon-1 ap-chuncheon-2",
        }.items()
        for region in regions.split()
    }
)
"""Regions that are not in the commercial domain."""

_SHORT: Final[Mapping[str, str]] = MappingProxyType(
    dict(
        pair.split("=")
        for pair in [
            "yny=ap-chuncheon-1",
            "hyd=ap-hyderabad-1",
            "mel=ap-melbourne-1",
            "bom=ap-mumbai-1",
            "kix=ap-osaka-1",
            "icn=ap-seoul-1",
            "syd=ap-sydney-1",
            "nrt=ap-tokyo-1",
            "yul=ca-montreal-1",
            "yyz=ca-toronto-1",
            "ams=eu-amsterdam-1",
            "fra=eu-frankfurt-1",
            "zrh=eu-zurich-1",
            "jed=me-jeddah-1",
            "dxb=me-dubai-1",
            "gru=sa-saopaulo-1",
            "cwl=uk-cardiff-1",
            "lhr=uk-london-1",
            "iad=us-ashburn-1",
            "phx=us-phoenix-1",
            "sjc=us-sanjose-1",
            "vcp=sa-vinhedo-1",
            "scl=sa-santiago-1",
            "mtz=il-jerusalem-1",
            "mrs=eu-marseille-1",
            "sin=ap-singapore-1",
            "auh=me-abudhabi-1",
            "lin=eu-milan-1",
            "arn=eu-stockholm-1",
            "jnb=af-johannesburg-1",
            "cdg=eu-paris-1",
            "qro=mx-queretaro-1",
            "mad=eu-madrid-1",
            "ord=us-chicago-1",
            "mty=mx-monterrey-1",
            "aga=us-saltlake-2",
            "bog=sa-bogota-1",
            "vap=sa-valparaiso-1",
            "xsp=ap-singapore-2",
            "ruh=me-riyadh-1",
            "lfi=us-langley-1",
            "luf=us-luke-1",
            "ric=us-gov-ashburn-1",
            "pia=us-gov-chicago-1",
            "tus=us-gov-phoenix-1",
            "ltn=uk-gov-london-1",
            "brs=uk-gov-cardiff-1",
            "nja=ap-chiyoda-1",
            "ukb=ap-ibaraki-1",
            "mct=me-dcc-muscat-1",
            "wga=ap-dcc-canberra-1",
        ]
    )
)
"""What the metadata service and old configurations call a region."""


class Region:
    """A region and its domain.

    Attributes:
        name: for example `eu-frankfurt-1`.
        domain: for example `oraclecloud.com`.
    """

    def __init__(self, name: str, domain: str) -> None:
        self.name = name
        self.domain = domain

    def url(self, template: str) -> str:
        """A template with `{region}` and `{domain}` in it, filled in."""
        return template.replace("{region}", self.name).replace("{domain}", self.domain)


def region_of(name: str, environ: Mapping[str, str]) -> Region:
    """The region of this name, also of its short one.

    Args:
        name: any case.
        environ: `OCI_DEFAULT_REALM` is the domain of regions that nobody knows.

    Raises:
        InvalidSpecError: it is no name of a region, and would become another host.
    """
    lower = name.strip().lower()
    found = _SHORT.get(lower, lower)
    if not found or not all(part.isascii() and part.isalnum() for part in found.split("-")):
        raise InvalidSpecError("region is not the name of a region of Oracle Cloud, such as eu-frankfurt-1")
    return Region(found, _DOMAINS.get(found) or environ.get("OCI_DEFAULT_REALM") or _COMMERCIAL)
