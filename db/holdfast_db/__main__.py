"""`python -m holdfast_db`: bring the tables to this release, once, before anything else starts."""

from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings


def main() -> None:
    """Migrate the database that HOLDFAST_DATABASE_URL names."""
    database = Database(StorageSettings().database_url)
    try:
        database.migrate()
    finally:
        database.close()


if __name__ == "__main__":
    main()
