"""Which proxy a request goes through, as `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say it."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network


def proxy_for(scheme: str, host: str, environment: Mapping[str, str]) -> str | None:
    """Find the proxy's URL for a host, or None when it is reached directly.

    The names are those of curl: small letters go before capitals. `NO_PROXY` lists hosts, domains
    (with what lies below them), addresses and networks, parted by commas; `*` is everything.

    >>> proxies = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "example.org,10.0.0.0/8"}
    >>> proxy_for("https", "api.openai.com", proxies)
    'http://proxy:3128'
    >>> proxy_for("https", "models.example.org", proxies), proxy_for("https", "10.1.2.3", proxies)
    (None, None)
    """
    proxy = _said(f"{scheme}_proxy", environment) or _said("all_proxy", environment)
    exempt = [each.strip() for each in _said("no_proxy", environment).split(",") if each.strip()]
    if not proxy or any(_covers(entry, host.lower()) for entry in exempt):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _said(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _covers(entry: str, host: str) -> bool:
    """Say whether an entry of `NO_PROXY` is, or has below it, a host."""
    if entry == "*":
        return True
    try:
        return ip_address(host.strip("[]")) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        domain = entry.lower().removeprefix("*").lstrip(".")
        return host == domain or host.endswith(f".{domain}")
