"""What every test may use. The environment is cleaned before anything of ours is imported."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

for _name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
    del os.environ[_name]
for _name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(_name, None)  # commands under test must not write into the summary of our own CI
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HOLDFAST_CACHE"] = "off"  # a test that measures must not find what another one measured

import servers  # noqa: E402 - after the environment is clean
from commands import holdfast  # noqa: E402 - as above
from programs import absent, find_program, free_loopback_port  # noqa: E402 - as above

REPO = Path(__file__).resolve().parents[1]
SHORT = """\
version: 1
families:
  translation: {shifts_px: [[1, 0], [6, 6]]}
  rotation: {angles_deg: [-10, 10]}
  scale: off
data: {limit: 120}
"""


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of this repository."""
    return REPO


@pytest.fixture(scope="session")
def digits(repo: Path) -> Path:
    """The example: three small models and their probes."""
    return repo / "examples" / "digits"


@pytest.fixture(scope="session")
def shared(repo: Path) -> Path:
    """Real models and images that are too large to commit; tests skip where they are not."""
    folder = repo.parent / "shared"
    if not (folder / "assets").is_dir():
        pytest.skip("../shared/assets with the real models is not beside this checkout")
    return folder


@pytest.fixture
def free_port() -> int:
    """A free port on 127.0.0.1."""
    return free_loopback_port()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis for the whole run. Use keys or databases of your own."""
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL server for the whole run, as a SQLAlchemy URL (psycopg 3)."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def new_postgres_database(postgres_url: str) -> Callable[..., str]:
    """A function that makes a database on the private server, `template=` copies one."""
    numbers = count(1)

    def create(template: str = "template1") -> str:
        name = f"holdfast_{next(numbers)}"
        servers.create_database(postgres_url, name, template)
        return f"{postgres_url.rpartition('/')[0]}/{name}"

    return create


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A private imitation of S3 for the whole run. Use buckets of your own."""
    with servers.s3() as url:
        yield url


@pytest.fixture(scope="session")
def new_s3_store(s3_endpoint: str) -> Callable[[], dict[str, str]]:
    """A function that makes a bucket; gives the variables that make a service use it."""
    numbers = count(1)

    def create() -> dict[str, str]:
        name = f"holdfast-{next(numbers)}"
        servers.new_bucket(s3_endpoint, name)
        keys = {**servers.S3_KEYS, "AWS_ENDPOINT_URL": s3_endpoint}
        return {**keys, "HOLDFAST_STORE_URL": f"s3://{name}/some/prefix"}

    return create


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium for the browser tests."""
    found = find_program(["chromium", "chromium-browser", "google-chrome"])
    if found is None:
        absent("chromium", "install the Debian package chromium")
    return found


@pytest.fixture(scope="session")
def audited(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `result.json` and `result.samples.parquet` of a short audit."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "holdfast.yaml").write_text(SHORT)
    model, data = digits / "everywhere.onnx", digits / "probes.zip"
    done = holdfast("audit", model, "--data", data, "-o", "result.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "audit.out").write_text(done.stdout)
    (folder / "audit.err").write_text(done.stderr)
    return folder
