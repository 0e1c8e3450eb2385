"""What compose file, Dockerfile and example settings name must exist; no engine is needed."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from holdfast_api.routers import API_ROUTERS
from holdfast_cli.main import app
from holdfast_cli.parts import _REQUEST_STOP_S
from holdfast_cli.settings import variable_of
from holdfast_worker.alive import main as alive
from holdfast_worker.settings import WorkerSettings
from settings_names import config_keys, known_variables
from sources import project

OURS = ("migrate", "api", "scheduler", "worker-cpu", "worker-gpu")
PORT = 8000


@pytest.fixture(scope="module")
def compose(repo: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repo / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile(repo: Path) -> str:
    return (repo / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60}[unit]


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(m|g)", text).groups()  # type: ignore[union-attr]
    return int(number) << {"m": 20, "g": 30}[unit]


def _filled(word: str) -> str:
    """A word as compose fills it: its default, or something for a secret."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)\}", lambda found: found[1] or "secret", word)


def _check_command(command: list[str]) -> None:
    """The program is ours or the image's, and its arguments are read by the real parser."""
    words = [_filled(word) for word in command]
    if words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]), command
    elif words[0] == "holdfast":
        assert "holdfast" in project()["project"]["scripts"]
        group = get_command(app)
        parser = group.commands[words[1]]  # type: ignore[attr-defined]
        parser.make_context(words[1], words[2:])
    else:
        assert words[0] in ("redis-server", "redis-cli", "pg_isready", "python", "wget"), command


def _commands(compose: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for name, service in compose["services"].items():
        if "command" in service:
            yield name, service["command"]
        kind, *test = service.get("healthcheck", {"test": ["NONE"]})["test"]
        if kind == "CMD":
            yield name, test
        elif kind == "CMD-SHELL":
            yield name, shlex.split(test[0])


def test_every_command_of_the_compose_file_exists(compose: dict[str, Any]) -> None:
    commands = list(_commands(compose))
    assert {name for name, _ in commands} == set(compose["services"])
    for _, command in commands:
        _check_command(command)


def test_a_command_with_a_wrong_option_is_found() -> None:
    for wrong in (["holdfast", "serve", "--roll", "api"], ["holdfast", "serve", "--role", "web"]):
        with pytest.raises(Exception, match=r"No such option|is not one of"):
            _check_command(wrong)


def test_who_is_asked_for_health_can_answer(compose: dict[str, Any]) -> None:
    """The last word of each check is one that the program takes."""
    paths = {getattr(route, "path", "") for router in API_ROUTERS for route in router.routes}
    for name in ("scheduler", "worker-cpu", "worker-gpu"):
        _, _, _, module, who = compose["services"][name]["healthcheck"]["test"]
        assert module == "holdfast_worker.alive"
        with pytest.raises(SystemExit) as stop:
            alive([who, "--help"])
        assert stop.value.code == 0
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", str(compose["services"]["api"]))
    assert asked is not None
    assert (int(asked[1]), asked[2]) == (PORT, "/readyz")
    assert "/readyz" in paths


def test_every_command_of_the_images_exists(dockerfile: str) -> None:
    commands = re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        _check_command(yaml.safe_load(command))


def test_targets_and_images_are_those_of_the_dockerfile(
    compose: dict[str, Any], dockerfile: str, repo: Path
) -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    built = {}
    for name in OURS:
        service = compose["services"][name]
        if "build" in service:
            assert (repo / service["build"]["dockerfile"]).is_file()
            assert service["build"]["target"] in stages
            built[service["image"]] = service["build"]["target"]
    assert built == {
        "holdfast-api": "api",
        "holdfast-worker": "worker",
        "holdfast-worker-gpu": "worker-gpu",
    }
    assert {compose["services"][name]["image"] for name in OURS} == set(built)
    assert [f"COPY --from=build-{target}" in dockerfile for target in built.values()] == [True] * 3


def test_the_image_of_the_api_holds_no_model_runtime(dockerfile: str) -> None:
    extras = project()["project"]["optional-dependencies"]
    asked = dict(re.findall(r"AS (build-\w+)\nRUN pip install '\.\[([\w,]+)\]'", dockerfile))
    assert asked["build-api"] == "server,s3"
    flat = " ".join(_closure(asked["build-api"].split(","), extras))
    for name in ("onnx", "onnxruntime", "torch", "numpy", "opencv", "pillow"):
        assert not re.search(rf"\b{name}\b", flat), name
    assert re.search(r"\bpyarrow\b", flat), "it answers samples.csv"
    default = re.search(r"^ARG EXTRAS=(\S+)$", dockerfile, re.MULTILINE)
    assert default is not None
    for extra in default[1].split(","):
        assert extra in extras
    assert "onnxruntime" in " ".join(_closure(default[1].split(","), extras))


def _closure(names: list[str], extras: dict[str, list[str]]) -> list[str]:
    """All requirements behind these extras."""
    found = []
    for name in names:
        for requirement in extras[name]:
            inner = re.fullmatch(r"holdfast\[([\w,]+)\]", requirement)
            found += _closure(inner[1].split(","), extras) if inner else [requirement]
    return found


def test_every_variable_is_a_setting(compose: dict[str, Any], dockerfile: str, repo: Path) -> None:
    named = {
        name
        for service in compose["services"].values()
        for name in service.get("environment", {})
        if name.startswith("HOLDFAST_")
    }
    named |= set(re.findall(r"HOLDFAST_\w+", dockerfile))
    named |= set(re.findall(r"HOLDFAST_\w+", (repo / ".env.example").read_text()))
    assert {"HOLDFAST_DATABASE_URL", "HOLDFAST_BROKER_URL", "HOLDFAST_TOKEN"} <= named
    assert named - known_variables() == set()


def test_every_variable_of_the_pages_exists_and_every_one_is_on_a_page(repo: Path) -> None:
    pages = [*(repo / "docs").rglob("*.md"), *repo.glob("*.md"), repo / "deploy" / "gitlab"]
    text = "\n".join(page.read_text() for page in pages if page.is_file())
    named = set(re.findall(r"\bHOLDFAST_[A-Z][A-Z_]*[A-Z]\b", text))
    keys = {name for name in named if "__" in name}
    assert named - keys - known_variables() == set()
    assert {variable_of(key) for key in config_keys()} >= keys
    settings = (repo / "docs/reference/settings.md").read_text()
    options = (repo / "docs/reference/cli.md").read_text()
    assert [name for name in known_variables() if name not in settings + options] == []


def test_every_command_on_the_page_for_operators_exists(repo: Path) -> None:
    page = (repo / "docs/operations.md").read_text()
    names = set(get_command(app).commands)  # type: ignore[attr-defined]
    used = re.findall(r"`(holdfast [^`]+)`", page)
    assert len(used) >= 4
    for command in used:
        _check_command(shlex.split(command))
    assert set(re.findall(r"\bholdfast (\w+)`", page)) <= names
    for module in re.findall(r"python -m ([\w.]+)", page):
        assert importlib.util.find_spec(module), module


def test_what_the_images_copy_is_there_and_not_ignored(repo: Path, dockerfile: str) -> None:
    kept = set(re.findall(r"^!(\S+)$", (repo / ".dockerignore").read_text(), re.MULTILINE))
    sources = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for name in line.split()
    ]
    assert set(sources) == kept
    for name in sources:
        assert (repo / name).exists(), name


def test_the_example_names_what_the_compose_file_asks_for(
    compose: dict[str, Any], repo: Path
) -> None:
    text = (repo / "docker-compose.yml").read_text()
    example = (repo / ".env.example").read_text()
    secrets = set(re.findall(r"\$\{(\w+):\?", text))
    assert secrets == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    passed_on = {
        name
        for service in compose["services"].values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    optional = set(re.findall(r"\$\{(\w+):-", text)) | passed_on
    assert optional == set(re.findall(r"^#(\w+)=", example, re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", text)) == secrets | set(re.findall(r"\$\{(\w+):-", text))


def test_addresses_lead_to_services_and_ports_that_are_there(
    compose: dict[str, Any], dockerfile: str, repo: Path
) -> None:
    hosts = re.findall(r"(?:@|http://)([a-z0-9]+):(\d+)", (repo / "docker-compose.yml").read_text())
    hosts += re.findall(r"http://([a-z0-9]+):(\d+)", (repo / ".env.example").read_text())
    standard = {"postgres": "5432", "redis": "6379", "s3": "8333"}
    assert {(host, port) for host, port in hosts} == set(standard.items())
    assert set(standard) <= set(compose["services"])
    (published,) = compose["services"]["api"]["ports"]
    assert _filled(published) == f"127.0.0.1:{PORT}:{PORT}"
    assert f"EXPOSE {PORT}" in dockerfile
    assert compose["services"]["api"]["command"][-1] == str(PORT)


def test_what_a_service_waits_for_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"], name
        assert set(service["networks"]) <= set(compose["networks"]), name
    waits = {"migrate": "service_completed_successfully", "redis": "service_healthy"}
    for name in OURS[1:]:
        got = {other: how["condition"] for other, how in services[name]["depends_on"].items()}
        assert got == waits, name
    assert services["migrate"]["restart"] == "no"


def test_our_containers_are_locked_down(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
        assert service["tmpfs"] == ["/tmp:size=64m,noexec,nosuid,nodev"]  # noqa: S108 - a mount
    for name, service in compose["services"].items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["pids_limit"] <= 256, name
        assert {"mem_limit", "cpus", "logging"} <= set(service), name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service), name


def test_only_the_api_is_published_and_workers_have_no_way_out(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["api"]
    outside = {name for name, service in services.items() if "outside" in service["networks"]}
    assert outside == {"api", "scheduler"}


def test_redis_forgets_nothing_and_asks_for_a_password(compose: dict[str, Any]) -> None:
    words = compose["services"]["redis"]["command"][1:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--requirepass"].startswith("${REDIS_PASSWORD:?")


def test_there_is_memory_and_time_enough(compose: dict[str, Any]) -> None:
    settings = WorkerSettings()
    services = compose["services"]
    for name in ("worker-cpu", "worker-gpu"):
        assert _bytes(services[name]["mem_limit"]) >= settings.child_memory_bytes + (1 << 30)
        assert _seconds(services[name]["stop_grace_period"]) > settings.soft_shutdown_s + 20
    assert _seconds(services["api"]["stop_grace_period"]) > _REQUEST_STOP_S


def test_the_device_is_reserved_for_the_profile_alone(compose: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in compose["services"].items()}
    assert {name: used for name, used in profiles.items() if used} == {
        "worker-gpu": ["gpu"],
        "s3": ["s3"],
    }
    devices = compose["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
