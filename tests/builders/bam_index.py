"""BAI and CSI as Python sees them, to compare indexes whose bins stand in different orders."""

import struct


def index_contents(data, is_csi):
    """(scheme, [(bins by number, windows) of each contig], reads without a place) of an index."""
    at = [16 if is_csi else 4]

    def take(form):
        values = struct.unpack_from("<" + form, data, at[0])
        at[0] += struct.calcsize("<" + form)
        return values

    contigs = []
    for _ in range(take("i")[0]):
        bins = {}
        for _ in range(take("i")[0]):
            number, loff = take("IQ") if is_csi else (*take("I"), 0)
            bins[number] = loff, [take("QQ") for _ in range(take("i")[0])]
        contigs.append((bins, [] if is_csi else [take("Q") for _ in range(take("i")[0])]))
    n_unplaced = take("Q")
    assert at[0] == len(data)
    return data[:16] if is_csi else b"", contigs, n_unplaced
