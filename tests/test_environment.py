"""Settings: valid values are read, an invalid one is named, and everything about a setting follows its declaration."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from environment import (
    SETTINGS,
    Environment,
    SettingError,
    parse_port,
    read_environment,
    read_language,
    settings_page,
    to_variables,
)
from tests.sources import ROOT, python_files


def test_nothing_set_is_the_default() -> None:
    assert read_environment({}) == Environment() == read_environment({"SORI_MAX_SECONDS": "", "SORI_DEBUG": ""})
    assert Environment().max_seconds == 1200


def test_everything_set(tmp_path: Path) -> None:
    weights = tmp_path / "own.keras"
    weights.touch()
    variables = {"SORI_MAX_SECONDS": "90.5", "SORI_GENRE_WEIGHTS": str(weights), "SORI_DEBUG": "1"}
    variables["SORI_MOOD_WEIGHTS"] = str(weights)
    assert read_environment(variables) == Environment(
        max_seconds=90.5, genre_weights=weights, mood_weights=weights, debug=True
    )


def test_folders_are_separated_as_in_a_path(tmp_path: Path) -> None:
    value = os.pathsep.join((str(tmp_path), "", str(tmp_path.parent)))
    assert read_environment({"SORI_FOLDERS": value}).folders == (tmp_path, tmp_path.parent)
    for wrong in ("music", "/no/such/folder", f"{tmp_path}{os.pathsep}."):
        with pytest.raises(SettingError, match="SORI_FOLDERS"):
            read_environment({"SORI_FOLDERS": wrong})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("SORI_MAX_SECONDS", value) for value in ("0", "-5", "soon", "nan", "inf", "0.5")],
        ("SORI_GENRE_WEIGHTS", "nowhere.keras"),
        ("SORI_GENRE_WEIGHTS", "."),
        ("SORI_MOOD_WEIGHTS", "nowhere.npz"),
        ("SORI_DEBUG", "yes"),
        *[("SORI_PORT", value) for value in ("0", "65536", "http", "-1", "8e3", "٨")],
        ("SORI_WORKERS", "257"),
        ("SORI_MAX_UPLOAD_MB", "0"),
        ("SORI_EXPIRE_HOURS", "1.5"),
        ("SORI_CONNECTIONS", "1"),
        ("SORI_PRIVATE", "yes"),
        ("SORI_PROXIES", "11"),
        ("SORI_RATE_LIMITS", "0"),
        ("SORI_QUEUE", "0"),
        ("SORI_CLIENT_QUEUE", "0"),
        ("SORI_MIN_FREE_MB", "-1"),
    ],
)
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is “{re.escape(value)}”, but it must be .+\\.") as wrong:
        read_environment({name: value})
    assert wrong.value.code == "setting"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SORI_PASSWORD_HASH", "hunter2hunter2"),
        ("SORI_SECRET_KEY", "tooshort"),
        ("SORI_API_KEYS", "nowhere.keys"),
        ("SORI_API_KEYS", "a b:" + 64 * "0"),
    ],
)
def test_an_invalid_secret_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is “…”, but it must be") as wrong:
        read_environment({name: value})
    assert value not in str(wrong.value) and value not in wrong.value.facts.values()


@pytest.mark.parametrize("hosts", ["http://a.example", "a.example:80", "a example", "-a"])
def test_a_host_is_a_name(hosts: str) -> None:
    with pytest.raises(SettingError, match=f"SORI_HOSTS is “{hosts}”"):
        read_environment({"SORI_HOSTS": f"good.example,{hosts}"})


def test_a_private_service_that_nobody_can_enter_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    for keys in ({}, {"SORI_API_KEYS": str(tmp_path / "keys")}):
        with pytest.raises(SettingError, match="SORI_PRIVATE is “1”, but it must be 0"):
            read_environment({"SORI_PRIVATE": "1", **keys})


def test_keys_and_hosts_are_lists(tmp_path: Path) -> None:
    one, other = "a:" + 64 * "0", "b.c-d:" + 64 * "1"
    file = tmp_path / "keys"
    file.write_text(f"# programs\n{one}\n\n{other}\n")
    expected = {64 * "0": "a", 64 * "1": "b.c-d"}
    assert read_environment({"SORI_API_KEYS": f"{one}, {other}"}).api_keys == expected
    assert read_environment({"SORI_API_KEYS": str(file)}).api_keys == expected
    assert read_environment({"SORI_HOSTS": "A.example, *"}).hosts == ("a.example", "*")


def test_secrets_are_not_shown() -> None:
    environment = read_environment({"SORI_SECRET_KEY": 40 * "x", "SORI_DATABASE_URL": "postgresql://u:secret@h/d"})
    assert "xxxx" not in repr(environment) and "secret@" not in repr(environment)
    shown = {field.name for field in fields(Environment) if field.repr}
    assert {name for name, setting in SETTINGS.items() if setting.kind.is_secret} == set(SETTINGS) - shown


def test_an_option_is_checked_like_its_setting() -> None:
    assert parse_port("--port", "80") == 80
    with pytest.raises(SettingError, match="--port is “0”, but it must be a whole number from 1 to 65535"):
        parse_port("--port", "0")


def test_a_child_process_reads_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting, in a child that runs in another folder."""
    (tmp_path / "own.keras").touch()
    (tmp_path / "own-model").mkdir()
    monkeypatch.chdir(tmp_path)
    values = {
        "max_seconds": 90.5,
        "genre_weights": Path("own.keras"),
        "mood_weights": Path("own.keras"),
        "lyrics": True,
        "asr_model": "own-model",
        "text_model": "hub/name",
        "home": Path("home"),
        "database_url": "postgresql://u@h/d",
        "broker_url": "amqp://u:p@h//",
        "worker_port": 0,
        "quorum_queues": False,
        "path_map": ((Path("/theirs"), Path("/ours")), (Path("/a"), Path("/b"))),
        "storage_url": "s3://bucket/folder",
        "cache_mb": 100,
        "debug": True,
        "host": "::1",
        "port": 8001,
        "workers": 3,
        "max_upload_mb": 7,
        "expire_hours": 0,
        "folders": (tmp_path, tmp_path.parent),
        "connections": 50,
        "password_hash": "scrypt:1024:8:1$salt$0123abcd",
        "private": True,
        "api_keys": {64 * "0": "a", 64 * "1": "b"},
        "secret_key": 32 * "s",
        "hosts": ("a.example", "*"),
        "proxies": 2,
        "rate_limits": False,
        "queue": 9,
        "client_queue": 4,
        "min_free_mb": 0,
    }
    assert set(values) == set(SETTINGS), "a new setting needs a value here"
    variables = to_variables(Environment(**values))
    monkeypatch.chdir("/")
    absolute = {name: tmp_path / values[name] for name in ("genre_weights", "mood_weights", "home")}
    absolute["asr_model"] = str(tmp_path / "own-model")
    assert read_environment(variables) == Environment(**{**values, **absolute})
    assert read_environment(to_variables(Environment())) == Environment()


def test_the_page_of_the_settings_is_up_to_date() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: python -m environment > docs/settings.md"
    assert set(re.findall(r"`(SORI_[A-Z_]+)` \|", page)) >= {one.variable for one in SETTINGS.values()}


def test_only_entry_points_read_the_settings() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if "read_environment(" in path.read_text(encoding="utf-8")
    }
    entry_points = {"main.py", "preprocess.py", "web/app.py", "web/server/gunicorn_settings.py"}
    entry_points |= {"jobs/celery_app.py", "jobs/cluster/maintenance.py", "benchmarks/cluster/burning_app.py"}
    entry_points |= {"jobs/cluster/trial/__main__.py"}
    assert readers - {"environment.py"} == entry_points


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "ko"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_follows_the_system(variables: dict[str, str], language: str) -> None:
    assert read_language(variables) == language
