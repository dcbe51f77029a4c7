"""Extension for python-threatexchange: lists that an installation of hashmatch shares."""

from threatexchange.extensions.manifest import ThreatExchangeExtensionManifest

from .exchange import HashmatchExchangeAPI

TX_MANIFEST = ThreatExchangeExtensionManifest(apis=(HashmatchExchangeAPI,))
