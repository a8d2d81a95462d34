"""The Dockerfile, the compose files and the balancer's settings, read as text because the tests have no container
engine."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import main
from environment import SETTINGS, read_environment
from jobs.cluster.nodes import GRACE_SECONDS
from jobs.cluster.trial.servers import find_program
from tests.sources import ROOT
from web.api.events import FOLLOW_SECONDS
from web.server import supervisor

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines()
SINGLE: dict[str, Any] = yaml.safe_load((ROOT / "compose.single.yaml").read_text(encoding="utf-8"))
CLUSTER: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
OURS = {
    name: service
    for compose in (SINGLE, CLUSTER)
    for name, service in compose["services"].items()
    if "build" in service
}
"""The services that run Sori."""
BALANCER = (ROOT / "deploy/haproxy.cfg").read_text(encoding="utf-8")
SECRETS = {"POSTGRES_PASSWORD": "a1", "RABBITMQ_PASSWORD": "b2", "SORI_SECRET_KEY": 48 * "c"}


def values_of(instruction: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def test_the_base_is_slim_and_a_supported_python() -> None:
    assert len(values_of("FROM")) == 1 and re.fullmatch(r"python:3\.1[123]-slim\S*", values_of("FROM")[0])


def test_it_does_not_run_as_root() -> None:
    assert values_of("USER") == ["sori"]
    line_numbers = [number for number, line in enumerate(LINES) if line.startswith(("RUN ", "COPY ", "USER "))]
    assert LINES[line_numbers[-1]] == "USER sori", "root does everything before the user changes"


def test_only_the_home_is_writable() -> None:
    assert re.findall(r"chown \S+ (\S+)", DOCKERFILE) == ["var"]
    assert values_of("VOLUME") == ['["/srv/sori/var"]']


def test_the_health_check_uses_the_service() -> None:
    assert "/healthz" in values_of("HEALTHCHECK")[0] and "curl" not in DOCKERFILE
    assert values_of("EXPOSE") == ["8000"]


def test_commands_are_lists_so_that_signals_arrive() -> None:
    assert values_of("CMD") == ['["python", "main.py", "serve"]']
    assert values_of("ENTRYPOINT") == []


def test_the_image_contains_no_secret() -> None:
    assert not re.search(r"(PASSWORD|SECRET|API_KEYS)\S*=", DOCKERFILE)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert any(line.rstrip("/") == "var" for line in ignored) and any(line.startswith(".git") for line in ignored)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def filled(text: str, variables: dict[str, str]) -> str:
    """A value as Docker Compose reads it: `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if not variables.get(name) and kind == ":?":
            raise KeyError(name)
        return variables.get(name) or rest

    return re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text)


@pytest.mark.parametrize("compose", [SINGLE, CLUSTER], ids=["single", "cluster"])
def test_a_composition_is_not_reachable_from_outside(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_has_no_rights(name: str) -> None:
    service = OURS[name]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] and service["tmpfs"] == ["/tmp"]  # noqa: S108 - of the container


@pytest.mark.parametrize("name", OURS)
def test_it_has_time_to_end(name: str) -> None:
    is_worker = "work" in OURS[name].get("command", [])
    own = GRACE_SECONDS if is_worker else supervisor.GRACE_SECONDS
    assert seconds(OURS[name]["stop_grace_period"]) > own


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    assert set(OURS[name]["environment"]) <= {setting.variable for setting in SETTINGS.values()}


def test_a_cluster_has_all_its_services() -> None:
    services = CLUSTER["services"]
    assert set(services) == {"web", "worker-uploads", "worker-folders", "balancer", "postgres", "rabbitmq"}
    assert services["web"]["deploy"]["replicas"] == 2
    commands = [tuple(main.build_parser().parse_args(one["command"][2:]).__dict__.items()) for one in ours()]
    assert [dict(one)["command"] for one in commands] == ["serve", "work", "work"]
    assert [dict(one).get("queue") for one in commands] == [None, "uploads", "folders"]
    assert all(one["command"][:2] == ["python", "main.py"] for one in ours())


def ours() -> list[dict[str, Any]]:
    return [service for service in CLUSTER["services"].values() if "build" in service]


def test_a_cluster_has_the_packages_that_it_needs() -> None:
    for service in ours():
        assert service["build"]["args"] == {"CLUSTER": "1"}
    assert values_of("ARG") == ["LYRICS=", "CLUSTER="]


def test_a_cluster_starts_with_its_settings() -> None:
    for service in ours():
        variables = {name: filled(text, SECRETS) for name, text in service["environment"].items()}
        assert variables.pop("SORI_FOLDERS") == "/music" and service["volumes"][1].endswith(":/music:ro")
        environment = read_environment(variables)
        assert environment.database_url == "postgresql://sori:a1@postgres/sori"
        assert environment.broker_url == "amqp://sori:b2@rabbitmq:5672//"
        assert environment.proxies == 1 and environment.secret_key == SECRETS["SORI_SECRET_KEY"]
        assert any(volume == "home:/srv/sori/var" for volume in service["volumes"])


@pytest.mark.parametrize("name", SECRETS)
def test_a_cluster_has_no_default_secret(name: str) -> None:
    texts = [text for one in CLUSTER["services"].values() for text in one.get("environment", {}).values()]
    with pytest.raises(KeyError, match=name):
        [filled(text, {**SECRETS, name: ""}) for text in texts]


def test_what_a_cluster_needs_is_there_first() -> None:
    services = CLUSTER["services"]
    for service in services.values():
        for name, needed in service.get("depends_on", {}).items():
            assert needed == {"condition": "service_healthy"}
            assert "healthcheck" in services[name] or "build" in services[name]
    assert set(services["web"]["depends_on"]) == {"postgres", "rabbitmq"}
    for name in ("postgres", "rabbitmq"):
        assert services[name]["volumes"][0].split(":")[0] in CLUSTER["volumes"]


def test_workers_are_not_checked_at_the_address_of_the_web_service() -> None:
    port = SETTINGS["worker_port"].kind.to_text(read_environment({}).worker_port)
    assert f"127.0.0.1:{port}/healthz" in CLUSTER["services"]["worker-uploads"]["healthcheck"]["test"][-1]
    assert CLUSTER["services"]["worker-folders"]["healthcheck"] == {"disable": True}


def test_the_balancer_lets_uploads_and_events_through() -> None:
    times = {name: seconds(text) for name, text in re.findall(r"timeout ([a-z-]+) (\d+s)$", BALANCER, re.MULTILINE)}
    assert min(times["client"], times["server"]) > FOLLOW_SECONDS
    assert "balance leastconn" in BALANCER and "uri /healthz" in BALANCER
    assert "option http-buffer-request" not in BALANCER
    assert {"option forwardfor", "X-Forwarded-Proto", "X-Forwarded-Host"} <= set(
        re.findall("option forwardfor|X-[A-Za-z-]+", BALANCER)
    )
    mounted, files = CLUSTER["services"]["balancer"]["volumes"], CLUSTER["services"]["balancer"]["command"][2::2]
    assert mounted == ["./deploy:/etc/sori:ro"]
    assert all((ROOT / "deploy" / Path(file).name).is_file() for file in files)


def test_the_balancer_accepts_its_settings() -> None:
    program = find_program("haproxy")
    if program is None:
        pytest.skip("needs haproxy on this machine")
    files = ["-f", str(ROOT / "deploy/haproxy.cfg"), "-f", str(ROOT / "deploy/haproxy-docker.cfg")]
    variables = {**os.environ, "BALANCER_ADDRESS": ":8000"}
    subprocess.run([program, "-c", *files], env=variables, check=True, capture_output=True)
