"""The index for finding data sets, and triggers that note whose index is out of date.

Every data set of an older catalogue is noted, so its index is made at the end of the migration's transaction.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from genomehub.hub.migrations.operations import JSON, NAME, ROW_ID, UUID, index, table, unique

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: table, event, whose index it makes stale (a value or a query over the new or old row)
_OF_ENTRY = "(SELECT dataset_id FROM entry WHERE id = NEW.entry_id)"
TRIGGERS = (
    ("dataset", "INSERT", "NEW.id"),
    ("dataset", "UPDATE", "NEW.id"),
    ("dataset", "DELETE", "OLD.id"),
    ("publication", "INSERT", "NEW.dataset_id"),
    ("publication", "UPDATE", "NEW.dataset_id"),
    ("publication", "DELETE", "OLD.dataset_id"),
    ("description", "INSERT", "NEW.dataset_id"),
    ("description", "DELETE", "OLD.dataset_id"),
    ("entry", "INSERT", "NEW.dataset_id"),
    ("file", "INSERT", _OF_ENTRY),
)


def upgrade() -> None:
    table(
        "search_stale",
        sa.Column("dataset_id", ROW_ID, autoincrement=False, nullable=False),
        key=("dataset_id",),
    )
    table(
        "search_document",
        sa.Column("dataset_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("uuid", UUID, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("individuals", sa.BigInteger()),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("title_fr", sa.Text(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("card", JSON, nullable=False),
        key=("dataset_id",),
    )
    index("search_document", "generation")
    table(
        "search_value",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("facet", sa.String(20), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("label", JSON, nullable=False),
        unique("search_value", "facet", "value"),
    )
    table(
        "search_word",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("word", NAME, nullable=False),
        sa.Column("written", NAME, nullable=False),
        unique("search_word", "word"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _make_for_sqlite()
    else:
        _make_for_postgresql()
    op.execute("INSERT INTO search_stale (dataset_id) SELECT id FROM dataset")


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")


def _make_for_sqlite() -> None:
    # Words come split and folded: the tokenizer only cuts at spaces. bm25 is not asked for, so no sizes.
    op.execute(
        "CREATE VIRTUAL TABLE search_text USING fts5(title, keywords, body, tokenize = 'ascii', "
        "columnsize = 0, prefix = '2 3')"
    )
    for name, event, dataset in TRIGGERS:
        op.execute(
            f"CREATE TRIGGER search_{name}_{event.lower()} AFTER {event} ON {name} BEGIN "
            f"INSERT INTO search_stale (dataset_id) SELECT stale.id FROM (SELECT {dataset} AS id) AS stale "
            "WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE dataset_id = stale.id); END"
        )


def _make_for_postgresql() -> None:
    # A table a field: a frequent word is looked up in few pages, without the long texts' vectors. A short
    # pending list: each question reads it whole.
    for name in ("search_text_title", "search_text_keywords", "search_text_body"):
        table(
            name,
            sa.Column("dataset_id", ROW_ID, autoincrement=False, nullable=False),
            sa.Column("words", TSVECTOR(), nullable=False),
            key=("dataset_id",),
        )
        op.create_index(
            f"ix_{name}_words", name, ["words"], postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": "256"},
        )  # fmt: skip
    for name, event, dataset in TRIGGERS:
        function = f"search_{name}_{event.lower()}"
        op.execute(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"INSERT INTO search_stale (dataset_id) SELECT {dataset} ON CONFLICT DO NOTHING; "
            "RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {function} AFTER {event} ON {name} FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
