"""Local assembly: haplotypes that reads spell and alignments do not show, as paths of a de Bruijn graph.

For active regions where reads are clipped or few of them span. Nodes are k-mers of reads and reference, edges
the next base; paths lead from the first k-mer of the region's window of the reference to its last. The
smallest k whose graph has no cycle is taken, and its most likely paths. K-mers are known by a 64-bit hash.
"""

from typing import NamedTuple

import numpy as np

from genomehub.kernels._jit import inline, kernel
from genomehub.kernels.region_reads import mixed

_BASE = 0x9E3779B97F4A7C15  # multiplier of the rolling hash: odd, bits well spread


class Graph(NamedTuple):
    """A de Bruijn graph; nodes are numbered as they are met.

    slots : (n_slots,) int64, node by hash of its k-mer, -1 if free; hashes : (n_slots,) uint64
    weight : (n_nodes, 4) int64, reads that go on with each base; on_reference : (n_nodes, 4) bool
    target : (n_nodes, 4) int64, node that the edge leads to, -1 if there is no edge
    """

    slots: np.ndarray
    hashes: np.ndarray
    weight: np.ndarray
    on_reference: np.ndarray
    target: np.ndarray


class AssemblyLimits(NamedTuple):
    """Scalars of the assembly.

    least_quality : bases of reads below take no part
    least_weight : edges of fewer reads are dropped, unless the reference has them
    max_paths : paths of a graph that are kept
    max_length : bp; longer paths are given up
    """

    least_quality: int
    least_weight: int
    max_paths: int
    max_length: int


@inline
def _node_of(graph, key, n_nodes):
    """Node of a k-mer's hash, and the number of nodes after a new one was made if need be."""
    mask = graph.slots.size - 1
    slot = np.int64(mixed(key) & np.uint64(mask))
    while graph.slots[slot] >= 0 and graph.hashes[slot] != key:
        slot = (slot + 1) & mask
    if graph.slots[slot] < 0:
        graph.slots[slot], graph.hashes[slot] = n_nodes, key
        n_nodes += 1
    return graph.slots[slot], n_nodes


@inline
def _add_text(graph, codes, quals, least_quality, k, is_reference, n_nodes):
    """Thread a sequence through the graph; (nodes, first node, last node, whether a k-mer came twice)."""
    power = np.uint64(1)
    for _ in range(k):
        power *= np.uint64(_BASE)
    key, run, before = np.uint64(0), 0, np.int64(-1)
    first, repeated = np.int64(-1), False
    for i in range(codes.size):
        if codes[i] > 3 or (not is_reference and quals[i] < least_quality):
            key, run, before = np.uint64(0), 0, np.int64(-1)
            continue
        key = key * np.uint64(_BASE) + np.uint64(codes[i]) + np.uint64(1)
        if run >= k:
            key -= power * (np.uint64(codes[i - k]) + np.uint64(1))
        run += 1
        if run < k:
            continue
        known = n_nodes
        node, n_nodes = _node_of(graph, key, n_nodes)
        repeated |= known == n_nodes
        if before >= 0:
            graph.target[before, codes[i]] = node
            if is_reference:
                graph.on_reference[before, codes[i]] = True
            else:
                graph.weight[before, codes[i]] += 1
        first = node if first < 0 else first
        before = node
    return n_nodes, first, before, repeated


@inline
def _drop_weak(graph, n_nodes, least_weight):
    for node in range(n_nodes):
        for base in range(4):
            if graph.weight[node, base] < least_weight and not graph.on_reference[node, base]:
                graph.target[node, base] = -1


@kernel
def _order(graph, n_nodes, source):
    """Nodes that ``source`` leads to in topological order; empty if there is a cycle among them."""
    state = np.zeros(n_nodes, dtype=np.int8)  # 0 new, 1 on the way, 2 done
    stack, branch = np.empty(n_nodes + 1, dtype=np.int64), np.zeros(n_nodes + 1, dtype=np.int64)
    order = np.empty(n_nodes, dtype=np.int64)
    n, depth = n_nodes, 0
    stack[0], state[source] = source, 1
    while depth >= 0:
        node = stack[depth]
        if branch[depth] == 4:
            state[node] = 2
            n -= 1
            order[n] = node
            depth -= 1
            continue
        after = graph.target[node, branch[depth]]
        branch[depth] += 1
        if after < 0 or state[after] == 2:
            continue
        if state[after] == 1:
            return order[:0]
        depth += 1
        stack[depth], branch[depth], state[after] = after, 0, 1
    return order[n:]


@inline
def _edge_scores(graph, node, scores):
    """log10 of each edge's share of the node's reads; the reference counts as one read, for its edge."""
    total = 0.0
    for base in range(4):
        if graph.target[node, base] >= 0:
            total += max(graph.weight[node, base], 1)
    for base in range(4):
        scores[base] = -np.inf
        if graph.target[node, base] >= 0:
            scores[base] = np.log10(max(graph.weight[node, base], 1) / total)


@kernel
def _best_paths(graph, order, sink, source, limits):
    """Bases of the most likely paths from source to sink, best first.

    Returns
    -------
    bases : (n_bases,) uint8; offsets : (n_paths + 1,) int64
    """
    to_sink = np.full(graph.target.shape[0], -np.inf)
    to_sink[sink] = 0.0
    scores = np.empty(4)
    for i in range(order.size - 1, -1, -1):
        if order[i] != sink:
            _edge_scores(graph, order[i], scores)
            for base in range(4):
                if scores[base] > -np.inf:
                    best = scores[base] + to_sink[graph.target[order[i], base]]
                    to_sink[order[i]] = max(to_sink[order[i]], best)
    # Partial paths: each is a step behind another. Followed in the order of what they can still reach.
    size = (limits.max_paths + 1) * (limits.max_length + 4)
    node, parent, length = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    step, score, waiting = np.empty(size, np.uint8), np.empty(size), np.zeros(size, np.bool_)
    bases = np.empty(limits.max_paths * limits.max_length, np.uint8)
    offsets = np.zeros(limits.max_paths + 1, np.int64)
    node[0], parent[0], length[0], step[0], score[0], waiting[0] = source, -1, 0, 0, 0.0, True
    n, found = 1, 0
    while found < limits.max_paths:
        at, best = -1, -np.inf
        for i in range(n):
            if waiting[i] and score[i] + to_sink[node[i]] > best:
                at, best = i, score[i] + to_sink[node[i]]
        if at < 0:
            break
        waiting[at] = False
        while node[at] != sink and length[at] < limits.max_length and n + 4 < size:
            _edge_scores(graph, node[at], scores)
            onward, onward_best = -1, -np.inf
            for base in range(4):
                if scores[base] == -np.inf or to_sink[graph.target[node[at], base]] == -np.inf:
                    continue
                node[n], parent[n], length[n] = graph.target[node[at], base], at, length[at] + 1
                step[n], score[n], waiting[n] = base, score[at] + scores[base], True
                if score[n] + to_sink[node[n]] > onward_best:
                    onward, onward_best = n, score[n] + to_sink[node[n]]
                n += 1
            if onward < 0:
                break
            at = onward
            waiting[at] = False
        if node[at] != sink:
            if n + 4 >= size:
                break
            continue
        offsets[found + 1] = offsets[found] + length[at]
        i = at
        for place in range(offsets[found + 1] - 1, offsets[found] - 1, -1):
            bases[place] = step[i]
            i = parent[i]
        found += 1
    return bases[: offsets[found]], offsets[: found + 1]


@kernel
def assemble(codes, quals, read_offsets, reference, kmers, limits):
    """Assemble the reads of one region.

    Parameters
    ----------
    codes, quals : (n_bases,) uint8, of all reads; read_offsets : (n_reads + 1,) int64
    reference : (n,) uint8, codes of the window that haplotypes stand for
    kmers : (n_k,) int64, k to try, ascending
    limits : AssemblyLimits

    Returns
    -------
    sequences : (n_bases,) uint8, paths from the reference's first base to its last, the likeliest first; the
        reference may be one of them
    offsets : (n_paths + 1,) int64; no path if every k failed

    Notes
    -----
    Cost        O(n_bases) a k, and the paths
    Plain twin  tests/plain/assembly.py
    """
    none = np.zeros(1, dtype=np.int64)
    size = codes.size + reference.size + 1
    slots = 1
    while slots < 2 * size:
        slots *= 2
    for k in kmers:
        if reference.size <= k:
            break
        graph = Graph(
            np.full(slots, -1, dtype=np.int64), np.empty(slots, dtype=np.uint64),
            np.zeros((size, 4), dtype=np.int64), np.zeros((size, 4), dtype=np.bool_),
            np.full((size, 4), -1, dtype=np.int64),
        )  # fmt: skip
        n, source, sink, repeated = _add_text(graph, reference, reference, 0, k, True, 0)
        if repeated or n != reference.size - k + 1:
            continue  # a k-mer of the reference comes twice, or an unknown base breaks it
        for r in range(read_offsets.size - 1):
            begin, end = read_offsets[r], read_offsets[r + 1]
            n, _, _, _ = _add_text(
                graph, codes[begin:end], quals[begin:end], limits.least_quality, k, False, n
            )
        graph.target[sink, :] = -1
        _drop_weak(graph, n, limits.least_weight)
        order = _order(graph, n, source)
        if order.size == 0:
            continue
        paths, offsets = _best_paths(graph, order, sink, source, limits)
        return _with_start(reference[:k], paths, offsets)
    return codes[:0].copy(), none


@inline
def _with_start(start, paths, offsets):
    n_paths = offsets.size - 1
    sequences = np.empty(paths.size + n_paths * start.size, dtype=np.uint8)
    out = np.zeros(n_paths + 1, dtype=np.int64)
    n = 0
    for p in range(n_paths):
        for i in range(start.size):
            sequences[n] = start[i]
            n += 1
        for i in range(offsets[p], offsets[p + 1]):
            sequences[n] = paths[i]
            n += 1
        out[p + 1] = n
    return sequences, out


@kernel
def sequence_keys(sequences, begin, end):
    """Return (n,) uint64: a hash of each ``sequences[begin[i]:end[i]]``; equal sequences have equal ones."""
    keys = np.empty(begin.size, dtype=np.uint64)
    for i in range(begin.size):
        key = np.uint64(end[i] - begin[i])
        for k in range(begin[i], end[i]):
            key = mixed(key * np.uint64(7) + np.uint64(sequences[k]) + np.uint64(1))
        keys[i] = key
    return keys
