"""Plain twin of kernels/seeds.py: strings, lists and whole numbers, one k-mer after the other."""

ORDER = 0x9E3779B97F4A7C15
WORD = (1 << 64) - 1
MAX_LINK = 150


def mix(word):
    word ^= word >> 33
    word = word * 0xFF51AFD7ED558CCD & WORD
    word ^= word >> 33
    word = word * 0xC4CEB9FE1A85EC53 & WORD
    return word ^ (word >> 33)


def number(codes):
    value = 0
    for code in codes:
        value = value * 4 + code
    return value


def both_strands(codes):
    return number(codes), number([3 - code for code in reversed(codes)])


def rank(smer):
    return ((min(both_strands(smer)) + 1) * ORDER & WORD) >> 32


def syncmers(codes, k, s):
    """(hash, start, strand) of each syncmer of a list of codes."""
    found = []
    for start in range(len(codes) - k + 1):
        kmer = codes[start : start + k]
        forward, reverse = both_strands(kmer) if max(kmer) < 4 else (0, 0)
        if max(kmer) > 3 or forward == reverse:
            continue
        ranks = [rank(kmer[i : i + s]) for i in range(k - s + 1)]
        if ranks[(k - s) // 2] == min(ranks):
            found.append((mix(min(forward, reverse)), start, int(reverse < forward)))
    return found


def partner(seeds, i, step, first, last):
    """Partner bits of seed i, downstream (step 1) or upstream (-1); 0 if it has none."""
    choices = []
    for distance in range(first, last + 1):
        j = i + step * distance
        if not 0 <= j < len(seeds) or abs(seeds[j][1] - seeds[i][1]) > MAX_LINK:
            break
        choices.append((((seeds[i][0] ^ seeds[j][0]) * ORDER & WORD) >> 8, distance, seeds[j][0] & 0xFFFF))
    return max(1, min(choices)[2]) if choices else 0


def index(contigs, offsets, k, s, first, last, bucket_bits):
    """Entries and bucket starts of a SeedIndex of lists of codes that begin at global ``offsets``."""
    buckets = [[] for _ in range(2**bucket_bits)]
    for codes, offset in zip(contigs, offsets, strict=True):
        seeds = syncmers(codes, k, s)
        for i, (word, start, strand) in enumerate(seeds):
            bits = f"{word:064b}"
            rest = int(bits[bucket_bits : bucket_bits + 15], 2)
            linked = partner(seeds, i, 1, first, last)
            entry = rest << 49 | linked << 33 | strand << 32 | (offset + start)
            buckets[int(bits[:bucket_bits], 2)].append(entry)
    starts = [0]
    for bucket in buckets:
        starts.append(starts[-1] + len(bucket))
    return [entry for bucket in buckets for entry in sorted(bucket)], starts
