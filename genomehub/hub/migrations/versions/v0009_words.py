"""A table of words for PostgreSQL, in place of indexes over tsvectors.

Such an index tells rows, so each row of a word that nearly every description has was read to tell its data
set.
"""

import sqlalchemy as sa
from alembic import op

from genomehub.hub.discovery.number_sets import BLOCK, encode
from genomehub.hub.migrations.operations import table

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_FIELDS = ("title", "keywords", "body")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    table(
        "search_text_word",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.Column("field", sa.SmallInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("datasets", sa.LargeBinary(), nullable=False),
        key=("word", "field", "block"),
    )
    # Room in each page: a row that is written anew stays in its page, and the index as it is.
    op.execute("ALTER TABLE search_text_word SET (fillfactor = 80)")
    for place, field in enumerate(_FIELDS):
        op.drop_index(f"ix_search_text_{field}_words", f"search_text_{field}")
        _fill(place, field)


def downgrade() -> None:
    raise NotImplementedError("a catalogue is not taken back to a former version; restore a backup")


def _fill(place: int, field: str) -> None:
    """Put the words of a field there, a block of data sets at a time."""
    connection = op.get_bind()
    last = connection.execute(sa.text(f"SELECT max(dataset_id) FROM search_text_{field}")).scalar()
    for block in range(0 if last is None else last // BLOCK + 1):
        having: dict[str, list[int]] = {}
        words = sa.text(
            f"SELECT dataset_id - :first, tsvector_to_array(words) FROM search_text_{field} "
            "WHERE dataset_id >= :first AND dataset_id < :end"
        )
        for number, some in connection.execute(words, {"first": block * BLOCK, "end": (block + 1) * BLOCK}):
            for word in some:
                having.setdefault(word, []).append(number)
        connection.execute(
            sa.text(
                "INSERT INTO search_text_word (word, field, block, datasets) "
                "SELECT word, :field, :block, datasets "
                "FROM unnest(CAST(:words AS text[]), CAST(:datasets AS bytea[])) AS made (word, datasets)"
            ),
            {
                "field": place, "block": block, "words": list(having),
                "datasets": [encode(numbers) for numbers in having.values()],
            },
        )  # fmt: skip
