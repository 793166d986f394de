"""The HTTP interface of Proxmox VE: a token, verified TLS, and errors that say which of them is unknown rather than failed."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import requests
from proxmoxer import ProxmoxAPI, ResourceException

from drillbook.credentials import read_credentials
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, UnknownOutcomeError
from drillbook.providers.proxmox.answers import malformed, understood
from drillbook.providers.proxmox.errors import from_answer

__all__ = ["ProxmoxApi", "ProxmoxEndpoint", "Token", "UnknownOutcomeError", "api_of", "is_verdict"]

_TIMEOUT = timedelta(seconds=30)
_VERDICT = 500
_UNKNOWN_STATUS = frozenset({502, 503, 504, 595, 596})


@dataclass(frozen=True, slots=True)
class ProxmoxEndpoint:
    """Where the interface is, and who asks. ``token`` is a file with ``{"id": "user@realm!name", "secret": ...}``.

    ``others`` are further nodes of the cluster, each of which answers for all: they are asked while ``host`` can't be reached.
    """

    host: str
    port: int
    ca_file: Path | None
    token: Path
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """An API token; ``identifier`` is user@realm!name."""

    identifier: str
    secret: str = field(repr=False)

    @classmethod
    def read(cls, path: Path, *, refuse_exposed: bool = True) -> "Token":
        """Read it from its file; raises ConfigurationError, as for a file that others may read unless ``refuse_exposed`` is off."""
        identifier, secret = read_credentials(
            path,
            ("id", "secret"),
            what="the token's id and secret",
            remedy='Write {"id": "user@realm!name", "secret": "..."} there, mode 0600.',
            fault=ConfigurationError,
            refuse_exposed=refuse_exposed,
        )
        return cls(identifier, secret)


class _AwayError(Exception):
    """Nothing could be sent there."""


class ProxmoxApi:
    """Calls by path, with the endpoint's token unless one is given."""

    def __init__(self, endpoint: ProxmoxEndpoint, token: Token | None = None) -> None:
        token = token or Token.read(endpoint.token)
        user, _, name = token.identifier.partition("!")
        self.user = token.identifier
        self.hosts = (endpoint.host, *endpoint.others)
        self._port = endpoint.port
        self._first = 0
        self._local = threading.local()  # a session of requests belongs to one thread
        self._connect: Callable[[str], ProxmoxAPI] = partial(
            ProxmoxAPI,
            port=endpoint.port,
            user=user,
            token_name=name,
            token_value=token.secret,
            verify_ssl=str(endpoint.ca_file) if endpoint.ca_file else True,
            timeout=int(_TIMEOUT.total_seconds()),
            service="PVE",
        )

    def get(self, path: str, /, **parameters: Any) -> Any:
        """Read; raises DrillbookError."""
        return self._call("get", path, parameters)

    def post(self, path: str, /, **parameters: Any) -> Any:
        """Write; raises UnknownOutcomeError where it may have been done all the same."""
        return self._call("post", path, parameters)

    def put(self, path: str, /, **parameters: Any) -> Any:
        """Change; as `post`."""
        return self._call("put", path, parameters)

    def delete(self, path: str, /, **parameters: Any) -> Any:
        """Remove; as `post`."""
        return self._call("delete", path, parameters)

    def _session(self, host: str) -> ProxmoxAPI:
        if not hasattr(self._local, "sessions"):
            self._local.sessions = {}
        if host not in self._local.sessions:
            self._local.sessions[host] = self._connect(host)
        return self._local.sessions[host]

    def _call(self, method: str, path: str, parameters: dict[str, Any]) -> Any:
        """A node that nothing could be sent to is passed over, also by the calls that follow."""
        asked = f"{method.upper()} {path}"
        order = [(self._first + step) % len(self.hosts) for step in range(len(self.hosts))]
        for number in order:
            host = self.hosts[number]
            try:
                return self._ask(host, method, path, parameters, f"{host}:{self._port}, {asked}")
            except _AwayError:
                self._first = (number + 1) % len(self.hosts)
        raise _unreachable(", ".join([*(f"{self.hosts[number]}:{self._port}" for number in order), asked]))

    def _ask(self, host: str, method: str, path: str, parameters: dict[str, Any], where: str) -> Any:
        try:
            answer = getattr(self._session(host)(path.lstrip("/")), method)(**parameters)
        except ResourceException as error:
            if method != "get" and error.status_code in _UNKNOWN_STATUS:
                raise _unknown(f"{error.status_code} {error.status_message}", where) from error
            raise from_answer(error.status_code, _reason(error), error.errors, where) from error
        except requests.exceptions.SSLError as error:
            raise ConfigurationError(
                "the certificate of Proxmox VE is not trusted",
                where=where,
                remedy="Give the cluster's CA (/etc/pve/pve-root-ca.pem) as ca_file, and the name that is in the certificate.",
            ) from error
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            if _never_sent(error):
                raise _AwayError from error
            if method == "get":
                raise _unreachable(where) from error
            raise _unknown(type(error).__name__, where) from error
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:  # proxmoxer's, of a body that is not {"data": ...}
            if method != "get":
                raise _unknown("it can't be read", where) from error
            raise malformed("its body is another", where) from error
        return understood(method, path, answer, where)


def api_of(access: Mapping[str, Any]) -> ProxmoxApi:
    """The interface as the variables of the role `proxmox_vm` say it: api_host api_port api_user api_token_id api_token_secret, and ca_file."""
    ca_file = Path(str(access["ca_file"])) if access.get("ca_file") else None
    endpoint = ProxmoxEndpoint(str(access["api_host"]), int(access["api_port"]), ca_file, Path())
    return ProxmoxApi(
        endpoint, Token(f"{access['api_user']}!{access['api_token_id']}", str(access["api_token_secret"]))
    )


def is_verdict(error: DrillbookError) -> bool:
    """Whether Proxmox VE itself says that it can't be done (500), rather than that the caller may not, or can't be answered."""
    return isinstance(error.__cause__, ResourceException) and error.__cause__.status_code == _VERDICT


def _reason(error: ResourceException) -> str:
    """The message itself; proxmoxer's own text repeats the status before it."""
    return str(error.content or error.status_message)


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection was made at all (urllib3's NewConnectionError, also for a name that is not known)."""
    return isinstance(error, requests.exceptions.ConnectTimeout) or any(
        word in repr(error) for word in ("NewConnectionError", "NameResolutionError")
    )


def _unreachable(where: str) -> InfrastructureError:
    return InfrastructureError(
        "Proxmox VE does not answer", where=where, remedy="See that the node is up and pveproxy runs on it."
    )


def _unknown(what: str, where: str) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        f"there is no answer that can be read ({what}); what was asked for may have been done",
        where=where,
        remedy="Look at the node's task list before you ask again.",
    )
