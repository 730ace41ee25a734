"""Explicit SIMD vectors for kernels: a Numba type that is an LLVM vector, and functions on it.

LLVM's auto-vectoriser does not find the shapes that alignment and PairHMM kernels need, so they are written
on vectors whose lanes are independent problems. Every function here emits target-independent LLVM IR: a
512-bit vector becomes one AVX-512 register, two AVX2 or four NEON or SSE registers, with the same results on
all of them (products and sums are fused only where ``fma`` says so). Only ``flush_denormals`` is bound to a
target, with a fallback that does nothing.

Vector functions work inside kernels only. ``elem`` is 'i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64',
'f32' or 'f64'; ``lanes`` is a literal power of two. Loads and stores need no alignment, take a flat index
into a C-contiguous array of the same element type, and check no bounds.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, models, register_model

from genomehub.kernels._jit import borrowing

_LLVM: dict[str, ir.Type] = {
    "i1": ir.IntType(1),
    "i8": ir.IntType(8), "u8": ir.IntType(8), "i16": ir.IntType(16), "u16": ir.IntType(16),
    "i32": ir.IntType(32), "u32": ir.IntType(32), "i64": ir.IntType(64), "u64": ir.IntType(64),
    "f32": ir.FloatType(), "f64": ir.DoubleType(),
}  # fmt: skip
_NUMBA: dict[str, types.Type] = {
    "i8": types.int8, "u8": types.uint8, "i16": types.int16, "u16": types.uint16, "i32": types.int32,
    "u32": types.uint32, "i64": types.int64, "u64": types.uint64, "f32": types.float32, "f64": types.float64,
}  # fmt: skip
_ELEM = {numba_type: elem for elem, numba_type in _NUMBA.items()}
_I32 = ir.IntType(32)
#: Bytes that a processor reads from memory at a time.
_LINE_BYTES = 64


def _register_bytes() -> int:
    """Return 64 if the CPU that Numba compiles for has AVX-512, else 32."""
    features = numba.config.CPU_FEATURES
    features = get_host_cpu_features() if features is None else features
    return 64 if "+avx512bw" in features.split(",") or numba.config.CPU_NAME == "x86-64-v4" else 32


#: Bytes of a vector that suits the compilation target, a choice of speed alone: a kernel that keeps many
#: vectors alive runs out of registers when each takes two of them. (PairHMM on AVX2: 3.4 G cells/s with 64
#: bytes, 8.3 with 32; on AVX-512 10.1 with 64, 8.4 with 32.)
REGISTER_BYTES = _register_bytes()


class VectorType(types.Type):
    """The Numba type of a vector: an element type and a number of lanes."""

    def __init__(self, elem: str, lanes: int) -> None:
        self.elem, self.lanes = elem, lanes
        super().__init__(name=f"Vector({elem} x {lanes})")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: VectorType) -> None:
        super().__init__(manager, vector, _llvm(vector))


def _llvm(vector: VectorType) -> ir.VectorType:
    return ir.VectorType(_LLVM[vector.elem], vector.lanes)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, pointee: ir.Type) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), pointee.as_pointer())


def _call(builder: Any, name: str, result: ir.Type, arguments: list[Any]) -> Any:
    signature = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def _suffix(vector: VectorType) -> str:
    return f"v{vector.lanes}{'f' if vector.elem[0] == 'f' else 'i'}{vector.elem[1:]}"


def _same(a: Any, b: Any) -> None:
    if a != b:
        raise TypeError(f"vector types differ: {a} and {b}")


# --- memory -------------------------------------------------------------------------------------------------
@intrinsic(prefer_literal=True)
def load(typing, array, index, lanes):
    """``array[index : index + lanes]`` as a vector of the array's element type."""
    vector = VectorType(_ELEM[array.dtype], lanes.literal_value)

    def generate(context, builder, signature, args):
        word = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], _llvm(vector)))
        word.align = 1
        return word

    return vector(array, types.intp, lanes), generate


@intrinsic
def store(typing, array, index, vector):
    """``array[index : index + lanes] = vector``; the element types are the caller's care."""

    def generate(context, builder, signature, args):
        place = _pointer(context, builder, signature.args[0], args[0], args[1], _llvm(vector))
        builder.store(args[2], place).align = 1
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic(prefer_literal=True)
def load_word(typing, array, index, n_bytes):
    """Little-endian unsigned integer of 2, 4 or 8 bytes (literal) at byte ``index`` of a uint8 array."""
    width = n_bytes.literal_value
    result = {2: types.uint16, 4: types.uint32, 8: types.uint64}[width]

    def generate(context, builder, signature, args):
        place = _pointer(context, builder, signature.args[0], args[0], args[1], ir.IntType(8 * width))
        word = builder.load(place)
        word.align = 1
        return word

    return result(array, types.intp, n_bytes), generate


@intrinsic
def store_word(typing, array, index, value):
    """Store an integer, little-endian and in its own width, at byte ``index`` of a uint8 array."""

    def generate(context, builder, signature, args):
        place = _pointer(context, builder, signature.args[0], args[0], args[1], ir.IntType(value.bitwidth))
        builder.store(args[2], place).align = 1
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@intrinsic
def prefetch(typing, array, index):
    """Ask for the cache line of ``array[index]``; never faults."""

    def generate(context, builder, signature, args):
        place = _pointer(context, builder, signature.args[0], args[0], args[1], ir.IntType(8))
        hints = [ir.Constant(_I32, value) for value in (0, 3, 1)]  # read, keep in all levels, data
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, *hints])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@borrowing
def prefetch_lines(array, begin, end):
    """Ask for the cache lines of ``array[begin:end]``."""
    for i in range(begin, end, _LINE_BYTES // array.itemsize):
        prefetch(array, i)
    if end > begin:
        prefetch(array, end - 1)


# --- making and changing ------------------------------------------------------------------------------------
@intrinsic(prefer_literal=True)
def splat(typing, value, elem, lanes):
    """A vector whose lanes all hold ``value``, cast to ``elem``."""
    vector = VectorType(elem.literal_value, lanes.literal_value)
    scalar = _NUMBA[vector.elem]

    def generate(context, builder, signature, args):
        undefined = ir.Constant(_llvm(vector), ir.Undefined)
        first = builder.insert_element(undefined, args[0], ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, vector.lanes), [0] * vector.lanes)
        return builder.shuffle_vector(first, undefined, zeros)

    return vector(scalar, elem, lanes), generate


@intrinsic(prefer_literal=True)
def convert(typing, vector, elem):
    """Widen (by the sign of the source's element) or truncate the lanes of an integer vector to ``elem``."""
    target = VectorType(elem.literal_value, vector.lanes)

    def generate(context, builder, signature, args):
        source_bits, target_bits = _LLVM[vector.elem].width, _LLVM[target.elem].width
        if target_bits < source_bits:
            return builder.trunc(args[0], _llvm(target))
        if target_bits > source_bits:
            widen = builder.sext if vector.elem[0] == "i" and vector.elem != "i1" else builder.zext
            return widen(args[0], _llvm(target))
        return args[0]

    return target(vector, elem), generate


@intrinsic(prefer_literal=True)
def reinterpret(typing, vector, elem, lanes):
    """The same bits as a vector of other elements."""
    target = VectorType(elem.literal_value, lanes.literal_value)

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], _llvm(target))

    return target(vector, elem, lanes), generate


@intrinsic
def reverse_lanes(typing, vector):
    """The same lanes, the last first."""

    def generate(context, builder, signature, args):
        order = ir.Constant(ir.VectorType(_I32, vector.lanes), list(range(vector.lanes))[::-1])
        return builder.shuffle_vector(args[0], ir.Constant(_llvm(vector), ir.Undefined), order)

    return vector(vector), generate


@intrinsic
def lane(typing, vector, index):
    """The value of one lane; slow, for ends of loops."""

    def generate(context, builder, signature, args):
        return builder.extract_element(args[0], builder.trunc(args[1], _I32))

    return _NUMBA[vector.elem](vector, types.intp), generate


# --- arithmetic ---------------------------------------------------------------------------------------------
def _operation(integer: str, floating: str | None) -> Callable[..., Any]:
    def operation(typing, a, b):
        _same(a, b)

        def generate(context, builder, signature, args):
            return getattr(builder, floating if a.elem[0] == "f" else integer)(*args)

        return a(a, b), generate

    return operation


def _function(signed: str, unsigned: str, floating: str | None) -> Callable[..., Any]:
    def function(typing, a, b):
        _same(a, b)
        name = {"i": signed, "u": unsigned, "f": floating}[a.elem[0]]

        def generate(context, builder, signature, args):
            return _call(builder, f"{name}.{_suffix(a)}", _llvm(a), list(args))

        return a(a, b), generate

    return function


add = intrinsic(_operation("add", "fadd"))
subtract = intrinsic(_operation("sub", "fsub"))
multiply = intrinsic(_operation("mul", "fmul"))
bit_and = intrinsic(_operation("and_", None))
bit_or = intrinsic(_operation("or_", None))
bit_xor = intrinsic(_operation("xor", None))
shift_left = intrinsic(_operation("shl", None))
shift_right = intrinsic(_operation("lshr", None))
maximum = intrinsic(_function("llvm.smax", "llvm.umax", "llvm.maxnum"))
minimum = intrinsic(_function("llvm.smin", "llvm.umin", "llvm.minnum"))
add_saturated = intrinsic(_function("llvm.sadd.sat", "llvm.uadd.sat", None))
subtract_saturated = intrinsic(_function("llvm.ssub.sat", "llvm.usub.sat", None))


@intrinsic
def fma(typing, a, b, c):
    """a * b + c with one rounding."""
    _same(a, b)
    _same(a, c)

    def generate(context, builder, signature, args):
        return _call(builder, f"llvm.fma.{_suffix(a)}", _llvm(a), list(args))

    return a(a, b, c), generate


# --- comparison and choice ----------------------------------------------------------------------------------
def _comparison(operator: str) -> Callable[..., Any]:
    def comparison(typing, a, b):
        _same(a, b)

        def generate(context, builder, signature, args):
            if a.elem[0] == "f":
                return builder.fcmp_ordered(operator, *args)
            return (builder.icmp_unsigned if a.elem[0] == "u" else builder.icmp_signed)(operator, *args)

        return VectorType("i1", a.lanes)(a, b), generate

    return comparison


equal = intrinsic(_comparison("=="))
greater = intrinsic(_comparison(">"))
greater_equal = intrinsic(_comparison(">="))
less = intrinsic(_comparison("<"))


@intrinsic
def select(typing, mask, a, b):
    """Lane by lane: ``a`` where the mask is set, else ``b``."""
    _same(a, b)

    def generate(context, builder, signature, args):
        return builder.select(*args)

    return a(mask, a, b), generate


@intrinsic
def mask_bits(typing, mask):
    """The mask of a comparison as a uint64: bit i is lane i (at most 64 lanes)."""

    def generate(context, builder, signature, args):
        word = builder.bitcast(args[0], ir.IntType(mask.lanes))
        return word if mask.lanes == 64 else builder.zext(word, ir.IntType(64))

    return types.uint64(mask), generate


@intrinsic
def count_ones(typing, word):
    """Number of set bits of an integer."""

    def generate(context, builder, signature, args):
        return builder.ctpop(args[0])

    return word(word), generate


@intrinsic
def trailing_zeros(typing, word):
    """Index of the lowest set bit of an integer; its width if none is set."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return word(word), generate


# --- floating-point mode ------------------------------------------------------------------------------------
_X86_FLUSH = 0x8040  # MXCSR: flush-to-zero and denormals-are-zero
_ARM_FLUSH = 1 << 24  # FPCR: FZ


@intrinsic
def flush_denormals(typing, on):
    """Treat denormal floats as zero in this thread (1) or as IEEE 754 says (0); return what was so before.

    Forward algorithms run into denormals by design; without this they are 10 times slower. A kernel that
    sets it gives the returned value back before it returns.
    """
    triple = llvmlite.binding.get_process_triple()

    def generate(context, builder, signature, args):
        wanted = builder.icmp_signed("!=", args[0], ir.Constant(args[0].type, 0))
        if triple.startswith(("x86_64", "i686", "amd64")):
            slot = cgutils.alloca_once(builder, _I32)
            place = builder.bitcast(slot, ir.IntType(8).as_pointer())
            _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [place])
            word = builder.load(slot)
            builder.store(_with_bits(builder, word, wanted, _X86_FLUSH), slot)
            _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [place])
            return _has_bits(builder, word, _X86_FLUSH)
        if triple.startswith(("aarch64", "arm64")):
            word = _call(builder, "llvm.aarch64.get.fpcr", ir.IntType(64), [])
            changed = _with_bits(builder, word, wanted, _ARM_FLUSH)
            _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [changed])
            return _has_bits(builder, word, _ARM_FLUSH)
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(types.int64), generate


def _with_bits(builder: Any, word: Any, wanted: Any, bits: int) -> Any:
    cleared = builder.and_(word, ir.Constant(word.type, ~bits & ((1 << word.type.width) - 1)))
    flags = builder.select(wanted, ir.Constant(word.type, bits), ir.Constant(word.type, 0))
    return builder.or_(cleared, flags)


def _has_bits(builder: Any, word: Any, bits: int) -> Any:
    mask = ir.Constant(word.type, bits)
    return builder.zext(builder.icmp_unsigned("==", builder.and_(word, mask), mask), ir.IntType(64))
