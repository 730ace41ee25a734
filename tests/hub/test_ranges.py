"""Ranges of files: as RFC 9110 has them, one and several, and as curl asks for them."""

import email
import subprocess

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genomehub.hub import models
from genomehub.hub.delivery.regions import RangeError
from genomehub.hub.delivery.spans import MOST_SPANS, parse_span, parse_spans


@pytest.fixture
def place(sqlite_world):
    """A hub, its address of a file that a researcher may read, and the file's bytes."""
    sqlite_world.permit("researcher", "open-door")
    with sqlite_world.hub.database.read() as session:
        dataset = sqlite_world.dataset(session, "open-door")
        digest = session.query(models.Entry).filter_by(dataset_id=dataset.id).one().digest
    content = (sqlite_world.folder / "open-door" / "open-door.bam").read_bytes()
    return sqlite_world, f"/files/{digest}.1", content


def parts_of(content_type: str, body: bytes) -> list[tuple[str, str, bytes]]:
    """Return (type, range, bytes) of each part, as a reader of MIME understands them."""
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    boundary = message.get_boundary().encode()
    assert body.startswith(b"--" + boundary + b"\r\n")
    assert body.endswith(b"\r\n--" + boundary + b"--\r\n")
    raw = [one.partition(b"\r\n\r\n")[2] for one in body.split(b"--" + boundary)[1:-1]]
    assert all(one.endswith(b"\r\n") for one in raw)
    heads = [(one.get_content_type(), one["Content-Range"]) for one in message.get_payload()]
    return [(*head, content[:-2]) for head, content in zip(heads, raw, strict=True)]


def test_several__are_parts_in_the_order_asked_for(place):
    world, url, content = place
    size, client = len(content), world.client("researcher")
    answer = client.get(url, headers={"Range": "bytes=20-29, 0-9, -5"})
    assert answer.status_code == 206
    assert "content-range" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.content)
    kind = "application/vnd.ga4gh.bam"
    assert parts_of(answer.headers["content-type"], answer.content) == [
        (kind, f"bytes 20-29/{size}", content[20:30]),
        (kind, f"bytes 0-9/{size}", content[:10]),
        (kind, f"bytes {size - 5}-{size - 1}/{size}", content[-5:]),
    ]
    head = client.head(url, headers={"Range": "bytes=20-29, 0-9, -5"})
    assert (head.status_code, head.content) == (206, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]
    assert head.headers["content-type"].startswith("multipart/byteranges; boundary=")
    with world.hub.database.read() as session:
        last = session.query(models.Event).order_by(models.Event.id.desc()).first()
        assert (last.action, last.detail["ranges"]) == ("download", [[20, 30], [0, 10], [size - 5, size]])


def test_several__that_are_one_are_given_as_one(place):
    world, url, content = place
    client, size = world.client("researcher"), len(content)
    for header, (start, end) in {
        "bytes=0-9,10-19": (0, 20), "bytes=5-19,0-9,0-99999999999": (0, size),
        f"bytes=3-4,{size}-": (3, 5),  # nothing of the other is there
    }.items():  # fmt: skip
        answer = client.get(url, headers={"Range": header})
        assert (answer.status_code, answer.content) == (206, content[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"


def test_several__too_many_or_nothing_of_them_there(place):
    world, url, content = place
    client, size = world.client("researcher"), len(content)
    many = ",".join(f"{2 * n}-{2 * n}" for n in range(MOST_SPANS + 1))
    for header, why in {
        f"bytes={many}": "65 ranges; ask for at most 64 at a time",
        f"bytes={size}-,{size + 9}-{size + 19},-0": f"the file has {size} bytes",
    }.items():
        answer = client.get(url, headers={"Range": header})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
        assert why in answer.json()["detail"]
    most = client.get(url, headers={"Range": f"bytes={many.rpartition(',')[0]}"})
    parts = parts_of(most.headers["content-type"], most.content)
    assert b"".join(part for *_, part in parts) == content[: 2 * MOST_SPANS : 2]


def test_several__malformed_or_of_another_unit_or_version_are_ignored(place):
    world, url, content = place
    client = world.client("researcher")
    for header in ("bytes=0-1,x", "bytes=9-5,0-1", "bytes=", "bytes=,", "records=0-1,3-4", "bytes 0-1", "-"):
        answer = client.get(url, headers={"Range": header})
        assert (answer.status_code, answer.content) == (200, content), header
    changed = client.get(url, headers={"Range": "bytes=0-1,5-6", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, content)


def test_several__curl_asks_for_them(place, tmp_path):
    world, url, content = place
    command = ["curl", "-sf", "-r", "0-9,100-109,-28", "-D", "head", "-o", "body"]
    command += ["-H", f"Authorization: Bearer {world.tokens['researcher']}"]
    with world.serve() as address:
        subprocess.run([*command, address + url], cwd=tmp_path, check=True)
        linked = httpx.get(
            f"{address}/ga4gh/drs/v1/objects/{url.rpartition('/')[2]}/access/https",
            headers={"Authorization": f"Bearer {world.tokens['researcher']}"},
        ).json()["url"]
        by_link = httpx.get(linked, headers={"Range": "bytes=0-9,100-109,-28"})
    head = email.message_from_string((tmp_path / "head").read_text().partition("\n")[2])
    parts = parts_of(head["content-type"], (tmp_path / "body").read_bytes())
    assert [part for *_, part in parts] == [content[:10], content[100:110], content[-28:]]
    assert [part for *_, part in parts_of(by_link.headers["content-type"], by_link.content)] == [
        part for *_, part in parts
    ]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(0, 60)), min_size=1, max_size=10),
    st.integers(1, 40),
)
def test_parse_spans__gives_each_byte_that_is_asked_for_once(asked, size):
    header = "bytes=" + ",".join(f"{first}-{'' if last is None else last}" for first, last in asked)
    if any(last is not None and last < first for first, last in asked):
        assert parse_spans(header, size) is None
        return
    wanted = [range(first, size if last is None else min(last + 1, size)) for first, last in asked]
    bytes_asked = {byte for one in wanted for byte in one}
    if not bytes_asked:
        with pytest.raises(RangeError, match=f"the file has {size} bytes"):
            parse_spans(header, size)
        return
    spans = parse_spans(header, size)
    given_bytes = [byte for start, end in spans for byte in range(start, end)]
    assert len(given_bytes) == len(set(given_bytes))
    assert set(given_bytes) == bytes_asked
    firsts = [min(n for n, one in enumerate(wanted) if set(one) & set(range(*span))) for span in spans]
    assert firsts == sorted(firsts)


def test_parse_span__one_only():
    assert parse_span("bytes=0-9", 100) == (0, 10)
    assert parse_span("bytes=0-1,5-6", 100) is None
    with pytest.raises(RangeError, match="the file has 100 bytes"):
        parse_span("bytes=100-", 100)
