"""Sources and channels whose Secrets are planted: some work, some are refused, some malformed."""

from collections.abc import Mapping
from urllib.parse import quote

from tests.support.http_world import HttpWorld
from tests.support.manifests import Manifest, channel, prometheus_source, promql
from tests.support.planted import Planted
from tests.support.sources import postgres_source, secret

from governor_local.stack import Stack
from governor_local.world.governed import DATABASE

AT = "e2e-planted"
LOGINS = ("dsn", "custom-sql-dsn", "remediation-dsn")


def secrets(stack: Stack, evil: HttpWorld, planted: Planted) -> dict[str, Manifest]:
    """All Secrets, by name: those that work, those that are refused, those that are malformed."""
    receiver = stack.receiver
    at, bad = f"127.0.0.1:{receiver.port}", evil.url.removeprefix("http://")
    values: dict[str, Mapping[str, str]] = {
        "logins": {key: login(stack, key, planted) for key in LOGINS},
        "wrong": {
            "dsn": stack.governed.dsn(user="governor_reader", password=planted.secret("wrong dsn"))
        },
        "malformed": {
            "dsn": f"host=127.0.0.1 password={planted.secret('malformed dsn')}",
            "url": f"slack://{quote(planted.secret('malformed url'), safe='')}",
            "headers": f"Authorization {planted.secret('malformed header')}",
        },
        "access": {
            "token": planted.secret("bearer"),
            "username": "governor",
            "password": planted.secret("password"),
            "headers": f"Authorization: Bearer {planted.secret('header')}\n"
            f"X-Api-Key: {planted.secret('key')}",
        },
        "chat": {"url": chat(at, f"chat/{AT}", planted, "chat")},
        "evil-chat": {"url": chat(bad, quote(planted.secret("path"), safe=""), planted, "evil")},
    }
    return {name: secret(f"{AT}-{name}", data) for name, data in values.items()}


def login(stack: Stack, key: str, planted: Planted) -> str:
    """A login on the governed server, with a planted password."""
    role, password = f"e2e_planted_{key.replace('-', '_')}", planted.secret(key)
    governed = stack.governed
    if role not in governed.execute("select rolname from pg_roles").splitlines():
        governed.execute(f"create role {role} login")
    governed.execute(f"alter role {role} password '{password}'")
    governed.execute(f"grant select on public.playbooks to {role}", database=DATABASE)
    return governed.dsn(user=role, password=password, database=DATABASE)


def chat(host: str, path: str, planted: Planted, name: str) -> str:
    """An Apprise URL with a password and a header."""
    password, header = (quote(planted.secret(f"{name}: {what}"), safe="") for what in "ph")
    return f"json://user:{password}@{host}/{path}?+X-Key={header}"


def ref(name: str, key: str) -> Manifest:
    """A key of one of the Secrets."""
    return {"name": f"{AT}-{name}", "key": key}


def measuring(stack: Stack, evil: HttpWorld) -> tuple[list[Manifest], list[Manifest]]:
    """Sources, and checks of each."""
    more = {
        "customSqlSecretRef": ref("logins", "custom-sql-dsn"),
        "remediationSecretRef": ref("logins", "remediation-dsn"),
    }
    access = ["BuiltinChecks", "CustomSql", "Remediation"]
    databases = [
        postgres_source(f"{AT}-good", ref("logins", "dsn"), access=access, **more),
        postgres_source(f"{AT}-wrong", ref("wrong", "dsn")),
        postgres_source(f"{AT}-malformed", ref("malformed", "dsn")),
    ]
    bearer = {"bearerSecretRef": ref("access", "token")}
    basic = {"basicSecretRef": {"name": f"{AT}-access"}}
    webs = [
        prometheus_source(f"{AT}-{name}-{how}", url, **fields)
        for name, url in (("good", stack.prometheus.url), ("evil", evil.url))
        for how, fields in (("bearer", bearer), ("basic", basic))
    ]
    names = [[each["metadata"]["name"] for each in some] for some in (databases, webs)]
    one = {"sourceRef": {"name": f"{AT}-good"}, "query": "select 1 as value"}
    checks = [
        *({"name": name, "trustDrift": {"sourceRef": {"name": name}}} for name in names[0]),
        *(promql(name, "vector(2)", red_line=1, source=name) for name in names[1]),
        {"name": "sql", "sql": one, "objective": {"direction": "Above", "redLine": 2}},
    ]
    return [*databases, *webs], checks


def telling(stack: Stack, evil: HttpWorld) -> dict[str, Manifest]:
    """Channels, by what their `Ready` says of them."""
    headers = {"headersSecretRef": ref("access", "headers")}
    kinds: list[tuple[str, str, str, Manifest]] = [
        ("alerts", "alertmanager", "Delivering", {"urls": [stack.alertmanager.url]}),
        ("evil-alerts", "alertmanager", "DeliveryFailed", {"urls": [evil.url]}),
        ("chat", "apprise", "Delivering", {"secretRef": ref("chat", "url")}),
        ("evil-chat", "apprise", "DeliveryFailed", {"secretRef": ref("evil-chat", "url")}),
        ("bad-chat", "apprise", "SecretInvalid", {"secretRef": ref("malformed", "url")}),
        ("events", "cloudEvents", "Delivering", {"url": f"{stack.receiver.url}/cloudevents/{AT}"}),
        ("evil-events", "cloudEvents", "DeliveryFailed", {"url": f"{evil.url}/events"}),
        ("bad-events", "cloudEvents", "SecretInvalid", {"url": f"{evil.url}/bad"}),
    ]
    kinds[0][3]["bearerSecretRef"] = ref("access", "token")
    kinds[1][3]["basicSecretRef"] = {"name": f"{AT}-access"}
    for _, _, _, fields in kinds[5:7]:
        fields.update(headers)
    kinds[7][3]["headersSecretRef"] = ref("malformed", "headers")
    return {
        f"{AT}-{name}": channel(f"{AT}-{name}", kind, fields) | {"wanted": reason}
        for name, kind, reason, fields in kinds
    }
