"""The private servers that other tests build on."""

import os
from collections.abc import Callable

import psycopg
import pytest
import redis

from programs import absent


def test_redis_answers_on_a_loopback_port(redis_url: str) -> None:
    assert redis_url.startswith("redis://127.0.0.1:")
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_each_postgres_database_is_new(new_postgres_database: Callable[..., str]) -> None:
    first, second = new_postgres_database(), new_postgres_database()
    assert first != second
    with psycopg.connect(second.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT current_setting('fsync'), version()").fetchone()
    assert row is not None
    assert row[0] == "off"


def test_no_setting_of_the_developer_leaks_into_tests() -> None:
    left = {name: value for name, value in os.environ.items() if name.startswith("HOLDFAST_")}
    assert left == {"HOLDFAST_CACHE": "off"}


def test_an_absent_program_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="install it"):
        absent("it", "install it")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install it"):
        absent("it", "install it")
