"""The rules between the parts of a cluster file: names that must exist, be unique, or fit each other."""

from dataclasses import dataclass

from turnout.serve.config.choice_soundness import check_choices
from turnout.serve.config.cluster import BUILDERS, KINDS, POOLS
from turnout.serve.config.loopback import is_loopback
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Found, suggest
from turnout.serve.config.soundness import check_soundness
from turnout.serve.config.tiers import check_tiers


@dataclass(frozen=True, slots=True)
class _App:
    part: Part
    name: str
    kind: str


def cross_check(root: Part) -> Found:
    """Every broken rule that can be seen, whether or not the rest of the file is right."""
    apps = [_read_app(part) for part in root.at("applications").parts()]
    by_name = {app.name: app for app in apps}
    yield from _check_serve(root)
    yield from _check_apps(apps, root)
    yield from _check_ports(apps)
    for app in apps:
        if app.kind == "router":
            dynamic = app.part.at("deployments", 0, "user_config")
            yield from _check_control(app, by_name)
            yield from _check_openness(app, dynamic)
            yield from _check_replays(app)
            yield from _check_providers(dynamic, by_name)
            yield from _check_models(dynamic, by_name)
            yield from check_soundness(dynamic)
            yield from check_choices(dynamic)
            yield from check_tiers(dynamic)
            yield from _check_unused(apps, dynamic)


def _read_app(part: Part) -> _App:
    module, _, kind = part.at("import_path").text.partition(":")
    return _App(part, part.at("name").text, kind if module == BUILDERS and kind in KINDS else "")


def _check_serve(root: Part) -> Found:
    for key in ("http_options", "grpc_options"):
        if root.at(key).content:
            hint = "the route's address is the router's args.host and args.port"
            yield root.at(key).problem(f"{key} has no effect: Serve's proxies are off", hint, "warning")


def _check_apps(apps: list[_App], root: Part) -> Found:
    yield from _find_repeats([app.part.at("name") for app in apps], "application")
    for kind, purpose in (("router", "the route that clients use"), ("control", "the ledger and admin changes")):
        of_kind = [app for app in apps if app.kind == kind]
        if not of_kind and apps:
            hint = f"add one with import_path: {BUILDERS}:{kind}"
            yield root.at("applications").problem(f"there is no {kind}, which is {purpose}", hint)
        for extra in of_kind[1:]:
            yield extra.part.problem(
                f"there is a second {kind}; a cluster has one",
                "use args.replicas for more routers" if kind == "router" else "",
            )


def _find_repeats(names: list[Part], what: str) -> Found:
    seen: dict[str, Part] = {}
    for name in names:
        if name.text and name.text in seen:
            yield name.problem(
                f"{what} {name.text!r} is there already, in line with index {seen[name.text].location[-2]}",
                "names are unique",
            )
        seen.setdefault(name.text, name)


def _check_ports(apps: list[_App]) -> Found:
    seen: dict[int, str] = {}
    for app in apps:
        default = {"router": ("port", 8000), "control": ("admin_port", 8001)}.get(app.kind)
        if default is None:
            continue
        part = app.part.at("args", default[0])
        port = default[1] if part.content is None else part.content
        if isinstance(port, int) and port in seen:
            yield part.problem(f"port {port} is taken by {seen[port]!r}", "give each listener a port of its own")
        elif isinstance(port, int):
            seen[port] = app.name


def _check_control(app: _App, by_name: dict[str, _App]) -> Found:
    part = app.part.at("args", "control")
    name = part.text or "control"
    if part.content is not None and not part.text:
        return
    if name not in by_name or by_name[name].kind != "control":
        controls = [other.name for other in by_name.values() if other.kind == "control"]
        if controls:
            yield part.problem(f"no control application is called {name!r}", suggest(name, controls))


def _check_openness(app: _App, dynamic: Part) -> Found:
    host = app.part.at("args", "host")
    is_local = host.content is None or is_loopback(host.text)
    if dynamic.at("auth", "open_on_loopback").content is True and not is_local:
        hint = "listen on 127.0.0.1, or set auth.keys and open_on_loopback: false"
        yield dynamic.at("auth", "open_on_loopback").problem(
            f"everyone who reaches {host.text!r} could use the models without a key", hint
        )


def _check_replays(app: _App) -> Found:
    """Only where idempotency is written: who doesn't think of it needn't read of it."""
    part, most = app.part.at("args", "idempotency"), app.part.at("args", "replicas", "max").content
    if isinstance(part.content, dict) and not part.at("redis").text and isinstance(most, int) and most > 1:
        hint = "set args.idempotency.redis, such as env:TURNOUT_REDIS_URL"
        yield part.problem("each of several replicas knows only its own idempotency keys", hint, "warning")


def _check_providers(dynamic: Part, by_name: dict[str, _App]) -> Found:
    used = {
        target.at("provider").text for model in dynamic.at("models").parts() for target in model.at("targets").parts()
    }
    for provider in dynamic.at("providers").parts():
        app = provider.at("app")
        if app.text and (app.text not in by_name or by_name[app.text].kind != "provider"):
            providers = [other.name for other in by_name.values() if other.kind == "provider"]
            yield app.problem(f"no application of kind provider is called {app.text!r}", suggest(app.text, providers))
        if provider.key not in used:
            yield provider.problem(f"no target uses provider {provider.key!r}", "", "warning")


def _check_models(dynamic: Part, by_name: dict[str, _App]) -> Found:
    models = list(dynamic.at("models").parts())
    yield from _find_repeats([model.at("name") for model in models], "model")
    definitions: dict[str, Part] = {}
    for model in models:
        targets = list(model.at("targets").parts())
        yield from _find_repeats([target.at("name") for target in targets], "target")
        for target in targets:
            first = definitions.setdefault(target.at("name").text, target)
            if first.content != target.content and first.location[:-1] != target.location[:-1]:
                hint = "a target under two models is written the same in both; other settings need another name"
                yield target.at("name").problem(
                    f"target {target.at('name').text!r} is something else under another model", hint
                )
            yield from _check_target(target, model, dynamic, by_name)


def _check_target(target: Part, model: Part, dynamic: Part, by_name: dict[str, _App]) -> Found:
    pool, provider = target.at("pool"), target.at("provider")
    providers = [part.key for part in dynamic.at("providers").parts()]
    if provider.text and provider.text not in providers:
        hint = suggest(provider.text, providers) or "add it to user_config.providers"
        yield provider.problem(f"there is no provider {provider.text!r}", hint)
    if not pool.text:
        return
    app = by_name.get(pool.text)
    if app is None:
        pools = [other.name for other in by_name.values() if other.kind in POOLS]
        yield pool.problem(f"there is no application {pool.text!r}", suggest(pool.text, pools))
    elif app.kind == "provider":
        hint = f"name it under providers with placement: deployment and app: {app.name}, and use provider here"
        yield pool.problem(f"application {app.name!r} leaves the cluster, so it's no pool", hint)
    elif app.kind in ("router", "control"):
        yield pool.problem(f"application {app.name!r} is a {app.kind}, not a pool of engines or embedders")
    elif app.kind:
        yield from _check_fit(target, model, app)


def _check_fit(target: Part, model: Part, app: _App) -> Found:
    served = app.part.at("args", "served_name").text or app.name
    asked = target.at("model")
    if (asked.text or app.name) != served:
        place = asked if asked.text else target.at("pool")
        yield place.problem(f"application {app.name!r} calls its model {served!r}", f"write model: {served}")
    scripted = app.part.at("args", "script", "models")
    if (
        app.kind == "scripted_engine"
        and isinstance(scripted.content, dict)
        and not {served, "*"} & scripted.content.keys()
    ):
        yield scripted.problem(f"the script has no model {served!r}", "write it, or '*' for any")
    operations = model.at("operations")
    if app.kind == "embedder" and operations.content != ["embeddings"]:
        yield operations.problem(f"application {app.name!r} only makes embeddings", "write operations: [embeddings]")


def _check_unused(apps: list[_App], dynamic: Part) -> Found:
    targets = [target for model in dynamic.at("models").parts() for target in model.at("targets").parts()]
    used = {target.at("pool").text for target in targets} | {
        provider.at("app").text for provider in dynamic.at("providers").parts()
    }
    for app in apps:
        if app.kind in (*POOLS, "provider") and app.name not in used:
            yield app.part.problem(
                f"no target uses application {app.name!r}, which will start all the same", "", "warning"
            )
