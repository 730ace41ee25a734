"""Comments of FASTQ as a plain reader takes them: tags between tabs."""

import re
import struct

OURS = {"AS", "DT", "MC", "MD", "MQ", "NM", "PG", "RG", "SA", "XA", "XS", "pa"}


def tags_of(line):
    """BAM's bytes of the tags in a name line; None if one of them is none."""
    match = re.match(r"[^ \t]*(.*)", line, re.DOTALL)
    out, names = b"", set()
    for word in match[1].split("\t"):
        word = word.lstrip(" ")
        if not word:
            continue
        parts = re.fullmatch(r"([A-Za-z][A-Za-z0-9]):([AHZi]):(.*)", word, re.DOTALL)
        if parts is None or parts[1] in OURS or parts[1] in names:
            return None
        names.add(parts[1])
        value = value_of(parts[2], parts[3])
        if value is None:
            return None
        out += parts[1].encode() + parts[2].encode() + value
    return out


def value_of(kind, text):
    if kind == "i":
        if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or not -(2**31) <= int(text) < 2**31:
            return None
        return struct.pack("<i", int(text))
    if kind == "A":
        return text.encode() if re.fullmatch("[!-~]", text) else None
    pattern = "[ -~]*" if kind == "Z" else "([0-9A-F]{2})*"
    return text.encode() + b"\0" if re.fullmatch(pattern, text) else None
