"""The schema's functions, one a file in a folder of the migration that makes them.

They run with the rights of the schema's owner, name everything with its schema
(`@schema@`), and search nothing but pg_catalog.
"""

from collections.abc import Iterable
from importlib.resources import files
from types import ModuleType


def create_functions(op: ModuleType, schema: str, folder: str, names: Iterable[str]) -> None:
    """Makes the functions of a folder beside this file, in this order."""
    bind = op.get_bind()
    place = bind.dialect.identifier_preparer.quote(schema)
    texts = files("governor.adapters.sink.migrations") / folder
    for name in names:
        text = (texts / f"{name}.sql").read_text(encoding="utf-8")
        bind.exec_driver_sql(text.replace("@schema@", place))
