"""Users and their tokens as a client manages them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support.proxmox.access.identity import parse_identity
from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.state import Token, User


def _user(call: Call) -> User:
    user = call.state.users.get(str(call.get("userid")))
    if user is None:
        raise PveError(f"no such user ('{call.get('userid')}')")
    return user


def _shown_user(name: str, user: User) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "userid": name,
        "enable": int(user.enable),
        "expire": user.expire,
        "realm-type": name.rpartition("@")[2],
    }
    return shown | ({"comment": user.comment} if user.comment else {})


@handles("GET", "/access/users")
def list_users(call: Call) -> Any:
    """Return the users that the caller may see: everyone sees at least oneself."""
    all_seen = call.may("/access/groups", "User.Modify", "Sys.Audit", any_of=True)
    return [_shown_user(name, user) for name, user in call.state.users.items() if all_seen or name == call.who.user]


@handles("POST", "/access/users")
def create_user(call: Call) -> None:
    """Add a user."""
    name = str(call.get("userid"))
    if name in call.state.users:
        raise PveError(f"create user failed: user '{name}' already exists")
    call.write("user.cfg")
    call.state.users[name] = User(password=str(call.get("password", "")), enable=bool(call.get("enable", 1)))
    _apply_user(call, call.state.users[name])


@handles("PUT", "/access/users/{userid}")
def change_user(call: Call) -> None:
    """Change a user."""
    user = _user(call)
    call.write("user.cfg")
    user.enable = bool(call.get("enable", user.enable))
    _apply_user(call, user)


def _apply_user(call: Call, user: User) -> None:
    user.comment = str(call.get("comment", user.comment))
    user.expire = int(call.get("expire", user.expire))
    if call.get("groups") is not None:
        given = split_list(str(call.get("groups")))
        user.groups = sorted({*user.groups, *given}) if call.get("append") else given


@handles("GET", "/access/users/{userid}")
def read_user(call: Call) -> Any:
    """Return one user."""
    user = _user(call)
    tokens = {name: _shown_token(token) for name, token in user.tokens.items()}
    shown = {"enable": int(user.enable), "expire": user.expire, "groups": user.groups, "tokens": tokens}
    return shown | ({"comment": user.comment} if user.comment else {})


@handles("DELETE", "/access/users/{userid}")
def delete_user(call: Call) -> None:
    """Remove a user with all tokens and grants."""
    _user(call)
    name = str(call.get("userid"))
    call.write("user.cfg")
    del call.state.users[name]
    call.state.grants = [grant for grant in call.state.grants if parse_identity(grant.subject).user != name]


def _shown_token(token: Token) -> dict[str, Any]:
    shown: dict[str, Any] = {"privsep": int(token.privsep), "expire": token.expire}
    return shown | ({"comment": token.comment} if token.comment else {})


def _token(call: Call) -> Token:
    user, name = _user(call), str(call.get("tokenid"))
    if name not in user.tokens:
        raise PveError(f"no such token '{name}' for user '{call.get('userid')}'")
    return user.tokens[name]


@handles("GET", "/access/users/{userid}/token")
def list_tokens(call: Call) -> Any:
    """Return a user's tokens without their secrets."""
    return [{"tokenid": name, **_shown_token(token)} for name, token in _user(call).tokens.items()]


@handles("GET", "/access/users/{userid}/token/{tokenid}")
def read_token(call: Call) -> Any:
    """Return one token without its secret."""
    return _shown_token(_token(call))


@handles("POST", "/access/users/{userid}/token/{tokenid}")
def create_token(call: Call) -> Any:
    """Make a token; its secret is told this once."""
    user, name = _user(call), str(call.get("tokenid"))
    if name in user.tokens:
        raise refuse_parameters(tokenid="Token already exists.")
    call.write("user.cfg")
    token = Token(secret=str(uuid4()), privsep=bool(call.get("privsep", 1)))
    token.expire = int(call.get("expire", user.expire))
    token.comment = str(call.get("comment", ""))
    user.tokens[name] = token
    return {"full-tokenid": f"{call.get('userid')}!{name}", "info": _shown_token(token), "value": token.secret}


@handles("PUT", "/access/users/{userid}/token/{tokenid}")
def change_token(call: Call) -> Any:
    """Change a token."""
    token = _token(call)
    call.write("user.cfg")
    token.privsep = bool(call.get("privsep", token.privsep))
    token.expire = int(call.get("expire", token.expire))
    token.comment = str(call.get("comment", token.comment))
    return _shown_token(token)


@handles("DELETE", "/access/users/{userid}/token/{tokenid}")
def delete_token(call: Call) -> None:
    """Remove a token and its grants."""
    _token(call)
    full = f"{call.get('userid')}!{call.get('tokenid')}"
    call.write("user.cfg")
    del _user(call).tokens[str(call.get("tokenid"))]
    call.state.grants = [grant for grant in call.state.grants if grant.subject != full]
