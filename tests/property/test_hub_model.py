"""The catalogue against a dictionary: whatever is done in whatever order, both tell the same."""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from builders.results import record
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from genomehub.errors import InputError, NotFoundError
from genomehub.hub import identity
from genomehub.hub.catalogue import Catalogue, Query
from genomehub.hub.records import Result
from genomehub.hub.search import Condition
from genomehub.hub.sources import flat_numbers

SAMPLES = ("NA12878", "NA12891", "né_%")
CONTENTS = ("a", "bb", "ccc")
NUMBERS = st.integers(0, 3)


@dataclasses.dataclass
class _Plain:
    """An entry as the model keeps it."""

    content: tuple
    sample: str
    version: int
    mean: int
    software: str


class CatalogueMachine(RuleBasedStateMachine):
    """Registers results of few samples and contents, so that the same comes again often."""

    entries = Bundle("entries")

    @initialize()
    def create(self):
        self.folder = Path(tempfile.mkdtemp())
        self.catalogue = Catalogue.create(self.folder / "catalogue.sqlite")
        self.model: dict[str, _Plain] = {}  # by identifier, in order of registration
        self.titles: dict[str, str | None] = {}

    def teardown(self):
        if hasattr(self, "catalogue"):
            self.catalogue.close()
            shutil.rmtree(self.folder)

    @rule(
        target=entries,
        sample=st.sampled_from(SAMPLES),
        content=st.sampled_from(CONTENTS),
        mean=NUMBERS,
        software=st.sampled_from(["1", "2"]),
        title=st.sampled_from([None, "One", "Two"]),
    )
    def register(self, sample, content, mean, software, title):
        result = Result(
            (record("bam", content),),
            (sample,),
            title=title,
            qc={"coverage": {"mean": mean}},
            software={"genomehub": software},
        )
        done = self.catalogue.register(result)
        key = (sample, content, mean)
        known = next((i for i, plain in self.model.items() if plain.content == key), None)
        self.titles[sample] = title if title is not None else self.titles.get(sample)
        if known is None:
            version = 1 + sum(plain.sample == sample for plain in self.model.values())
            assert done.outcome == "registered"
            assert done.entry.version == version
            self.model[done.entry.id] = _Plain(key, sample, version, mean, software)
            return done.entry.id
        same = self.model[known].software == software
        assert (done.entry.id, done.outcome) == (known, "unchanged" if same else "reproduced")
        return multiple()

    @rule(identifier=entries)
    def get(self, identifier):
        entry, plain = self.catalogue.get(identifier), self.model[identifier]
        assert (entry.version, entry.dataset) == (plain.version, plain.sample)
        assert entry.qc == {"coverage": {"mean": plain.mean}}
        assert entry.software == {"genomehub": plain.software}
        assert entry.title == self.titles[plain.sample]
        neighbours = {other.version: i for i, other in self.model.items() if other.sample == plain.sample}
        assert entry.supersedes == neighbours.get(plain.version - 1)
        assert entry.superseded_by == neighbours.get(plain.version + 1)

    @rule(identifier=entries, length=st.integers(1, 64))
    def get_by_prefix(self, identifier, length):
        prefix = identifier[:length]
        if sum(other.startswith(prefix) for other in self.model) == 1:
            assert self.catalogue.get(prefix).id == identifier
            return
        with pytest.raises(InputError, match="several entries start with"):
            self.catalogue.get(prefix)

    @rule(prefix=st.text("0123456789abcdef", min_size=1, max_size=8))
    def get_unknown(self, prefix):
        if not any(identifier.startswith(prefix) for identifier in self.model):
            with pytest.raises(NotFoundError, match="no entry has an identifier"):
                self.catalogue.get(prefix)

    @rule(
        sample=st.sampled_from([None, *SAMPLES]),
        bound=st.none() | NUMBERS,
        all_versions=st.booleans(),
        limit=st.integers(1, 4),
        offset=st.integers(0, 5),
    )
    def search(self, sample, bound, all_versions, limit, offset):
        where = () if bound is None else (Condition("coverage.mean", ">=", bound),)
        page = self.catalogue.search(
            Query(sample=sample, where=where, all_versions=all_versions), limit=limit, offset=offset
        )
        newest = {plain.sample: plain.version for plain in self.model.values()}
        expected = [
            identifier
            for identifier, plain in reversed(self.model.items())
            if sample in (None, plain.sample)
            and (bound is None or plain.mean >= bound)
            and (all_versions or plain.version == newest[plain.sample])
        ]
        assert page.total == len(expected)
        assert [entry.id for entry in page.entries] == expected[offset : offset + limit]

    @rule(identifier=entries)
    def history(self, identifier):
        sample = self.model[identifier].sample
        past = self.catalogue.history(identifier)
        assert [entry.id for entry in past.versions] == [
            i for i, plain in self.model.items() if plain.sample == sample
        ]

    @rule()
    def reopen(self):
        self.catalogue.close()
        with Catalogue.create(self.folder / "catalogue.sqlite") as again:
            assert again.change == "current"
        self.catalogue = Catalogue.open(self.folder / "catalogue.sqlite")

    @invariant()
    def log_and_records_fit(self):
        if hasattr(self, "catalogue"):
            report = self.catalogue.verify(all_versions=True)
            assert (report.n_entries, report.records_changed, report.problems) == (len(self.model), (), ())


TestCatalogue = CatalogueMachine.TestCase
TestCatalogue.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(value=_JSON)
def test_canonical_json__survives_a_round_through_text(value):
    """What a database gives back has the identity of what was put in."""
    try:
        identity.canonical_json(value).encode()
    except UnicodeEncodeError:
        assume(False)  # lone surrogates are in no UTF-8 text; sources replaces them
    again = json.loads(json.dumps(value))
    assert identity.digest(again) == identity.digest(value)


@given(value=st.dictionaries(st.text(min_size=1), _JSON, max_size=4))
def test_flat_numbers__every_number_of_nested_objects(value):
    def count(inner):
        if isinstance(inner, dict):
            return sum(count(item) for item in inner.values())
        return isinstance(inner, int | float) and not isinstance(inner, bool)

    assert len(list(flat_numbers(value))) == count(value)
