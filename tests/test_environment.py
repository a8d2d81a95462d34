"""Settings: right ones are read, a wrong one is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from environment import Environment, SettingError, read_environment, read_language


def test_nothing_set_is_the_default() -> None:
    assert (
        read_environment({}) == Environment() == read_environment({"SORI_MAX_SECONDS": "", "SORI_DEBUG": ""})
    )
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
        ("SORI_THREADS", "1"),
        ("SORI_PRIVATE", "yes"),
        ("SORI_PROXIES", "11"),
        ("SORI_RATE_LIMITS", "0"),
        ("SORI_QUEUE", "0"),
        ("SORI_CLIENT_QUEUE", "0"),
        ("SORI_MIN_FREE_MB", "-1"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is “{value}”"):
        read_environment({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SORI_PASSWORD_HASH", "hunter2hunter2"),
        ("SORI_SECRET_KEY", "tooshort"),
        ("SORI_API_KEYS", "nowhere.keys"),
        ("SORI_API_KEYS", "a b:" + 64 * "0"),
    ],
)
def test_a_wrong_secret_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as wrong:
        read_environment({name: value})
    assert value not in str(wrong.value)


@pytest.mark.parametrize("hosts", ["http://a.example", "a.example:80", "a example", "-a"])
def test_a_host_is_a_name(hosts: str) -> None:
    with pytest.raises(SettingError, match="SORI_HOSTS"):
        read_environment({"SORI_HOSTS": f"good.example,{hosts}"})


def test_a_service_that_nobody_may_enter_does_not_start() -> None:
    with pytest.raises(SettingError, match="SORI_PRIVATE"):
        read_environment({"SORI_PRIVATE": "1"})


def test_keys_and_hosts_are_lists(tmp_path: Path) -> None:
    one, other = "a:" + 64 * "0", "b.c-d:" + 64 * "1"
    file = tmp_path / "keys"
    file.write_text(f"# programs\n{one}\n\n{other}\n")
    expected = {64 * "0": "a", 64 * "1": "b.c-d"}
    assert read_environment({"SORI_API_KEYS": f"{one}, {other}"}).api_keys == expected
    assert read_environment({"SORI_API_KEYS": str(file)}).api_keys == expected
    assert read_environment({"SORI_HOSTS": "A.example, *"}).hosts == ("a.example", "*")


def test_secrets_are_not_shown() -> None:
    environment = read_environment(
        {"SORI_SECRET_KEY": 40 * "x", "SORI_DATABASE_URL": "postgresql://u:secret@h/d"}
    )
    assert "xxxx" not in repr(environment) and "secret@" not in repr(environment)


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
