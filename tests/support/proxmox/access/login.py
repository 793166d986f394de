"""Tickets, the token against request forgery, and API tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64encode

from tests.support.proxmox.access.identity import Identity
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.state import State, User

TICKET_LIFETIME = 7200
COOKIE = "PVEAuthCookie"
_TICKET = re.compile(r"^PVE:(?P<user>[^:]+):(?P<time>[0-9A-F]{8})::(?P<signature>\S+)$")
_API_TOKEN = re.compile(r"^PVEAPIToken[=\s](?P<user>[^!\s]+)!(?P<token>[^=\s]+)[=](?P<secret>\S+)$")


class Login:
    """Knows who a request comes from."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._key = secrets.token_bytes(32)

    def ticket(self, user: str) -> str:
        """Sign a ticket."""
        plain = f"PVE:{user}:{self._state.now():08X}"
        return f"{plain}::{self._sign(plain)}"

    def csrf(self, user: str) -> str:
        """Sign the token that every write with a ticket must carry."""
        stamp = f"{self._state.now():08X}"
        return f"{stamp}:{self._sign(f'{stamp}:{user}')}"

    def enter(self, username: str, password: str) -> None:
        """Check a password; a valid ticket passes for one, which is how it is renewed."""
        user = self._state.users.get(username)
        if user is None or not self._usable(user):
            raise PveError("authentication failure", 401)
        if password.startswith("PVE:") and self._ticket_user(password) == username:
            return
        if not user.password or not hmac.compare_digest(user.password.encode(), password.encode()):
            raise PveError("authentication failure", 401)

    def identify(self, cookies: dict[str, str], headers: dict[str, str], *, writes: bool) -> Identity:
        """Return who calls, or refuse with the 401 of the HTTP layer."""
        authorization = headers.get("authorization", "")
        if authorization.startswith("PVEAPIToken"):
            return self._token(authorization)
        ticket = cookies.get(COOKIE) or authorization.removeprefix(f"{COOKIE}=")
        if not ticket:
            raise PveError("No ticket", 401, bare=True)
        user = self._ticket_user(ticket)
        if user is None:
            raise PveError("permission denied - invalid PVE ticket", 401, bare=True)
        if writes and not self._csrf_holds(headers.get("csrfpreventiontoken", ""), user):
            raise PveError("Permission denied - invalid csrf token", 401, bare=True)
        return Identity(user)

    def _usable(self, user: User) -> bool:
        return user.enable and (user.expire == 0 or user.expire > self._state.now())

    def _ticket_user(self, ticket: str) -> str | None:
        match = _TICKET.match(ticket)
        if match is None:
            return None
        plain = ticket.rpartition("::")[0]
        age = self._state.now() - int(match["time"], 16)
        known = self._state.users.get(match["user"])
        valid = hmac.compare_digest(self._sign(plain), match["signature"]) and -300 <= age <= TICKET_LIFETIME
        return match["user"] if valid and known and self._usable(known) else None

    def _csrf_holds(self, given: str, user: str) -> bool:
        stamp, _, signature = given.partition(":")
        return hmac.compare_digest(self._sign(f"{stamp}:{user}"), signature)

    def _token(self, authorization: str) -> Identity:
        match = _API_TOKEN.match(authorization)
        if match is None:
            raise PveError("no API token specified", 401, bare=True)
        name, tokenid = match["user"], match["token"]
        user = self._state.users.get(name)
        if user is None:
            raise PveError(f"no such user ('{name}')", 401, bare=True)
        if not user.enable:
            raise PveError(f"user '{name}' is disabled", 401, bare=True)
        if user.expire and user.expire <= self._state.now():
            raise PveError(f"user '{name}' access expired", 401, bare=True)
        token = user.tokens.get(tokenid)
        if token is None:
            raise PveError(f"no such token '{tokenid}' for user '{name}'", 401, bare=True)
        if token.expire and token.expire <= self._state.now():
            raise PveError(f"token '{tokenid}' access expired", 401, bare=True)
        if not hmac.compare_digest(token.secret.encode(), match["secret"].encode()):
            raise PveError("invalid token value!", 401, bare=True)
        return Identity(name, tokenid)

    def _sign(self, text: str) -> str:
        return b64encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest()).decode()
