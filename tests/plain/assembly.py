"""Plain twin of genomehub.kernels.assembly: dictionaries of k-mers, all paths, sorted by likelihood."""

import math


def edges(texts, k):
    """{k-mer: {base: how often it goes on so}}"""
    out = {}
    for text in texts:
        for i in range(len(text) - k):
            after = out.setdefault(text[i : i + k], {})
            after[text[i + k]] = after.get(text[i + k], 0) + 1
    return out


def assemble(reads, reference, k, least_weight, max_paths):
    """The likeliest paths, best first; None if the reference repeats a k-mer, is short, or there is a cycle.

    ``reads`` : letters, with N where a base is not to be used
    """
    kmers = [reference[i : i + k] for i in range(len(reference) - k + 1)]
    if len(reference) <= k or len(set(kmers)) < len(kmers) or any("N" in kmer for kmer in kmers):
        return None
    own = edges([reference], k)
    weights = edges([piece for read in reads for piece in read.split("N")], k)
    graph = {}
    for kmer in own.keys() | weights.keys():
        kept = {}
        for base in "ACGT":
            weight = weights.get(kmer, {}).get(base, 0)
            if weight >= least_weight or base in own.get(kmer, {}):
                kept[base] = max(weight, 1)
        graph[kmer] = kept
    graph[kmers[-1]] = {}
    if _has_cycle(graph, kmers[0]):
        return None
    found = []
    _walk(graph, kmers[0], kmers[-1], kmers[0], 0.0, found)
    found.sort(reverse=True)
    return [(round(score, 9), sequence) for score, sequence in found[:max_paths]]


def _has_cycle(graph, start):
    state = {}

    def visit(kmer):
        if state.get(kmer) == 1:
            return True
        if kmer in state:
            return False
        state[kmer] = 1
        if any(visit(kmer[1:] + base) for base in graph.get(kmer, {})):
            return True
        state[kmer] = 2
        return False

    return visit(start)


def _walk(graph, kmer, sink, sequence, score, found):
    if kmer == sink:
        found.append((score, sequence))
        return
    onward = graph.get(kmer, {})
    total = sum(onward.values())
    for base, weight in onward.items():
        _walk(graph, kmer[1:] + base, sink, sequence + base, score + math.log10(weight / total), found)
