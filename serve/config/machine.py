"""Looks whether this machine has what a cluster file asks for: environment variables, files, models on disk."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from urllib.parse import SplitResult, urlsplit

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find
from turnout.serve.config.fields import expand_home
from turnout.serve.config.keys import parse_keys
from turnout.serve.config.loopback import is_loopback
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Found
from turnout.serve.config.secret import THIS_MACHINE, ConfigError, Secrets, is_reference
from turnout.serve.config.store import write_place
from turnout.serve.mock.script import load_script

_FILES = frozenset({"cert", "key", "ca_file", "script"})


def check_machine(root: Part, environ: Mapping[str, str]) -> Found:
    """Warnings about what isn't here, and errors for what is here and wrong."""
    secrets = Secrets(environ, THIS_MACHINE)
    for app in root.at("applications").parts():
        for part in _leaves(app):
            yield from _check_leaf(part, secrets)
        yield from _check_model(app)
        yield from _check_script(app.at("args", "script"))
        keys = app.at("deployments", 0, "user_config", "auth", "keys")
        yield from _check_keys(keys, secrets)
        yield from _check_store(app.at("args", "store"), secrets)
        yield from _check_clear_text(app)


def _leaves(part: Part) -> Iterator[Part]:
    if part.text:
        yield part
    for child in part.parts():
        yield from _leaves(child)


def _check_leaf(part: Part, secrets: Secrets) -> Found:
    if is_reference(part.text):
        try:
            secrets.read(part.text)
        except ConfigError as error:
            yield part.problem(str(error), "the process that needs it must find it on its own node", "warning")
    elif part.key in _FILES and not _is_file(part.text):
        yield part.problem(
            f"the file {part.text!r} isn't on this machine",
            "the process that needs it must find it on its own node",
            "warning",
        )


def _is_file(path: str) -> bool:
    try:
        return expand_home(path).is_file()
    except ValueError:
        return False


def _check_keys(keys: Part, secrets: Secrets) -> Found:
    try:
        text = secrets.read(keys.text) if is_reference(keys.text) else None
    except ConfigError:
        return  # told already
    try:
        if text is not None:
            parse_keys(text)
    except ConfigError as error:
        yield keys.problem(str(error))


def _check_store(store: Part, secrets: Secrets) -> Found:
    if store.at("kind").text != "postgres":
        return
    if find_spec("asyncpg") is None or find_spec("sqlalchemy") is None or find_spec("alembic") is None:
        hint = "Control's node needs pip install 'turnout[postgres]'"
        yield store.problem("SQLAlchemy, asyncpg and Alembic aren't installed on this machine", hint, "warning")
    url = store.at("url")
    try:
        text = secrets.read(url.text) if is_reference(url.text) else None
    except ConfigError:
        return  # told already
    try:
        if text is not None:
            write_place(text)
    except ConfigError as error:
        yield url.problem(str(error))


def _check_model(app: Part) -> Found:
    model = app.at("args", "model")
    if not model.text:
        return
    try:
        find(model.text)
    except (ModelNotOnDisk, RuntimeError) as error:  # the latter for the home of a user who isn't here
        yield model.problem(str(error), "each node that runs this application needs it on its own disk", "warning")


def _check_script(script: Part) -> Found:
    if script.text and _is_file(script.text):
        try:
            load_script(expand_home(script.text))
        except (OSError, ValueError) as error:
            yield script.problem(f"{script.text!r} is no script: {error}")


def _check_clear_text(app: Part) -> Found:
    remotes = [app.at("args"), *app.at("deployments", 0, "user_config", "providers").parts()]
    for remote in remotes:
        url = _try_split(remote.at("base_url").text)
        if (
            url is not None
            and url.scheme == "http"
            and not is_loopback(url.hostname or "")
            and (remote.at("api_key").text or remote.at("api_keys").content or remote.at("headers").content)
        ):
            yield remote.at("base_url").problem(
                f"the credentials go to {url.hostname!r} in clear text", "use https://", "warning"
            )


def _try_split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None  # the schema says what's wrong with it
