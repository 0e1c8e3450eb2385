"""What the compose file and the Dockerfile name must exist; no container engine is needed."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast_api.settings import ApiSettings
from holdfast_cli.main import app
from holdfast_worker.settings import WorkerSettings


@pytest.fixture(scope="module")
def compose(repo: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repo / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile(repo: Path) -> str:
    return (repo / "deploy" / "Dockerfile").read_text()


def _check_command(command: list[str]) -> None:
    """The program is ours and what it is given exists."""
    if command[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(command[2]), command
    elif command[0] == "holdfast":
        names = {info.callback.__name__ for info in app.registered_commands if info.callback}
        assert command[1] in names, command
    elif command[0] == "uvicorn":
        assert importlib.util.find_spec(command[1].partition(":")[0]), command
    else:
        assert command[0] in ("redis-server", "python"), command


def test_every_command_of_the_compose_file_exists(compose: dict[str, Any]) -> None:
    commands = [
        service["command"] for service in compose["services"].values() if "command" in service
    ]
    assert len(commands) >= 5
    for command in commands:
        _check_command(command)


def test_every_command_of_the_images_exists(dockerfile: str) -> None:
    commands = re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        _check_command(yaml.safe_load(command))


def test_every_variable_is_a_setting(compose: dict[str, Any], repo: Path) -> None:
    known = {f"HOLDFAST_{name}".upper() for name in ApiSettings.model_fields}
    known |= {f"HOLDFAST_{name}".upper() for name in WorkerSettings.model_fields}
    named = {
        name
        for service in compose["services"].values()
        for name in service.get("environment", {})
        if name.startswith("HOLDFAST_")
    }
    named |= set(re.findall(r"HOLDFAST_\w+", (repo / "deploy" / "Dockerfile").read_text()))
    assert {"HOLDFAST_DATABASE_URL", "HOLDFAST_BROKER_URL", "HOLDFAST_TOKEN"} <= named <= known


def test_what_the_images_copy_is_there_and_not_ignored(repo: Path, dockerfile: str) -> None:
    kept = set(re.findall(r"^!(\S+)$", (repo / ".dockerignore").read_text(), re.MULTILINE))
    sources = [
        name
        for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE)
        for name in line.split()
    ]
    assert sources
    for name in sources:
        assert (repo / name).exists(), name
        assert name in kept, name


def test_secrets_have_no_default_and_stand_in_the_example(
    compose: dict[str, Any], repo: Path
) -> None:
    text = (repo / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    assert used == set(re.findall(r"^(\w+)=$", (repo / ".env.example").read_text(), re.MULTILINE))
    assert all(f"${{{name}:?" in text for name in used)
    assert compose["networks"]["inside"] == {"internal": True}


def test_our_containers_are_locked_down(compose: dict[str, Any]) -> None:
    ours = [
        s for s in compose["services"].values() if str(s.get("image", "")).startswith("holdfast")
    ]
    assert len(ours) == 4
    for service in ours:
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
        assert "no-new-privileges:true" in service["security_opt"]
    published = [name for name, s in compose["services"].items() if "ports" in s]
    assert published == ["api"]
