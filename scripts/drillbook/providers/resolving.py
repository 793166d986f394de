"""Names as the controller resolves them."""

import socket
from ipaddress import ip_address


def addresses_of(name: str) -> tuple[str, ...]:
    """Return the addresses of a host, in order; none where it is not known. Loopback ones are each machine's own, and left out."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    addresses = {str(sockaddr[0]) for _family, _kind, _protocol, _canonical, sockaddr in found}
    return tuple(sorted(one for one in addresses if not ip_address(one.partition("%")[0]).is_loopback))
