"""FASTQ as a plain parser sees it: lines in fours."""


def records(text, n):
    """(name, bases, qualities) of the first ``n`` records; the name without comment and /1 /2."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    found = []
    for i in range(0, 4 * n, 4):
        name = lines[i][1:].split()[0]
        if name.endswith(("/1", "/2")):
            name = name[:-2]
        found.append((name, lines[i + 1], lines[i + 3]))
    return found
