"""Who uses the admin routes: the holder of the admin key, or of a virtual key of a user with a role."""

import hashlib
import hmac
from collections.abc import Callable

from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden, Unauthorized
from turnout.models.exchange import JSON_HEADERS, Handler, Out, RequestHead
from turnout.serve.control.directory.book import DirectoryBook
from turnout.serve.control.directory.grantee import DEFAULT_TENANT, Kind
from turnout.serve.control.directory.permit import has_role, is_owner, lower_role

OWNER = Actor("admin", Role.ADMIN)
"""Who has the key of the state folder."""

_OPEN = ("/key/", "/team/", "/user/", "/organization/", "/model/", "/spend/", "/budget/")
"""Below these, every route asks by itself what its actor may; everywhere else only owners change anything, and only viewers of all look."""

SignIn = Callable[[str], Actor | None]


class Actors:
    """Finds who acts. The bearer is hashed before it's looked up."""

    def __init__(
        self, admin_key: str, book: DirectoryBook, wall_ns: Callable[[], int], sign_in: SignIn | None = None
    ) -> None:
        """
        Args:
            admin_key: of the state folder.
            book: has the users' keys.
            sign_in: who a token is that's none of our keys.
        """
        self._admin_digest = _digest(admin_key.encode())
        self._book = book
        self._wall_ns = wall_ns
        self._sign_in = sign_in

    def get(self, authorization: bytes) -> Actor:
        """
        Who sent this header.

        Raises:
            Unauthorized: nobody that may do anything here; always the same body.
        """
        scheme, _, token = authorization.partition(b" ")
        found = self._find(token.strip()) if scheme.lower() == b"bearer" else None
        if found is None or not has_role(found, Role.VIEWER):
            raise Unauthorized(
                "send the admin key (state_dir/admin.key), or a key of a user with a role, as 'Authorization: Bearer KEY'"
            )
        return found

    def _find(self, token: bytes) -> Actor | None:
        digest = _digest(token)
        if hmac.compare_digest(digest, self._admin_digest):
            return OWNER
        return self._find_by_key(digest) or (self._sign_in(token.decode("latin-1")) if self._sign_in else None)

    def _find_by_key(self, digest: bytes) -> Actor | None:
        key = self._book.find_key(digest)
        user = self._book.find(Kind.USER, key.user) if key else None
        if key is None or user is None:
            return None
        principal = self._book.principal_of(key)
        has_expired = principal.expires_at_s is not None and principal.expires_at_s * 1e9 <= self._wall_ns()
        if principal.is_blocked or has_expired:
            return None
        tenant = "" if user.tenant == DEFAULT_TENANT else user.tenant
        return Actor(key.id, lower_role(key.role, user.role), tenant, user.team, user.id)


def require_actor(handler: Handler, actors: Actors) -> Handler:
    """A handler that answers 401 unless the request says who acts, and 403 where that one may do nothing of the kind."""

    async def check(head: RequestHead, body: bytes, out: Out) -> None:
        try:
            actor = actors.get(head.headers.get(b"authorization", b""))
            check_route(actor, head.method.decode("latin-1"), head.path.decode("latin-1"))
        except Unauthorized as error:
            out.full(401, (*JSON_HEADERS, (b"www-authenticate", b"Bearer")), error.to_json())
        except Forbidden as error:
            out.full(403, JSON_HEADERS, error.to_json())
        else:
            await handler(head, body, out)

    return check


def check_route(actor: Actor, method: str, path: str) -> None:
    """Raises Forbidden where this actor may do nothing at all; what is below `_OPEN` is for its routes to judge."""
    if path.startswith(_OPEN) or is_owner(actor):
        return
    is_look = method in ("GET", "HEAD")
    if not (is_look and not actor.tenant and not actor.team and actor.role is Role.VIEWER):
        raise Forbidden(f"your role ({actor.role.value}) doesn't let you {'see' if is_look else 'do'} this")


def _digest(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=32).digest()
