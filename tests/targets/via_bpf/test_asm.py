"""Encodings, against Documentation/bpf/standardization/instruction-set.rst."""

from __future__ import annotations

import pytest

from btfdump._targets.via_bpf.asm import FP, R0, R1, R2, R3, R6, Assembler


def encoded(emit, byteorder="little"):
    code = Assembler(byteorder)
    emit(code)
    return code.assemble().hex(" ")


# (what, little-endian, big-endian): opcode, registers, offset, immediate
ENCODINGS = [
    (lambda c: c.alu(R1, "+", 7), "07 01 00 00 07 00 00 00", "07 10 00 00 00 00 00 07"),
    (lambda c: c.alu(R1, "+", R2), "0f 21 00 00 00 00 00 00", "0f 12 00 00 00 00 00 00"),
    (lambda c: c.alu(R1, "-", R2), "1f 21 00 00 00 00 00 00", "1f 12 00 00 00 00 00 00"),
    (lambda c: c.alu(R0, "*", R3), "2f 30 00 00 00 00 00 00", "2f 03 00 00 00 00 00 00"),
    (lambda c: c.alu(R0, "|", 1), "47 00 00 00 01 00 00 00", "47 00 00 00 00 00 00 01"),
    (lambda c: c.alu(R0, "&", -8), "57 00 00 00 f8 ff ff ff", "57 00 00 00 ff ff ff f8"),
    (lambda c: c.alu(R0, "<<", 3), "67 00 00 00 03 00 00 00", "67 00 00 00 00 00 00 03"),
    (lambda c: c.alu(R0, ">>", 3), "77 00 00 00 03 00 00 00", "77 00 00 00 00 00 00 03"),
    (lambda c: c.alu(R0, "^", R1), "af 10 00 00 00 00 00 00", "af 01 00 00 00 00 00 00"),
    (lambda c: c.alu(R0, "s>>", 63), "c7 00 00 00 3f 00 00 00", "c7 00 00 00 00 00 00 3f"),
    (lambda c: c.move(R6, -7), "b7 06 00 00 f9 ff ff ff", "b7 60 00 00 ff ff ff f9"),
    (lambda c: c.move(R1, FP), "bf a1 00 00 00 00 00 00", "bf 1a 00 00 00 00 00 00"),
    (lambda c: c.load(R1, R6, 16), "79 61 10 00 00 00 00 00", "79 16 00 10 00 00 00 00"),
    (lambda c: c.load(R1, R6, -4, 4), "61 61 fc ff 00 00 00 00", "61 16 ff fc 00 00 00 00"),
    (lambda c: c.load(R1, R6, 2, 2), "69 61 02 00 00 00 00 00", "69 16 00 02 00 00 00 00"),
    (lambda c: c.load(R1, R6, 1, 1), "71 61 01 00 00 00 00 00", "71 16 00 01 00 00 00 00"),
    (lambda c: c.store(R6, 8, R0), "7b 06 08 00 00 00 00 00", "7b 60 00 08 00 00 00 00"),
    (lambda c: c.store(FP, -8, 5, 4), "62 0a f8 ff 05 00 00 00", "62 a0 ff f8 00 00 00 05"),
    (lambda c: c.call(113), "85 00 00 00 71 00 00 00", "85 00 00 00 00 00 00 71"),
    (lambda c: c.exit(), "95 00 00 00 00 00 00 00", "95 00 00 00 00 00 00 00"),
    (
        lambda c: c.load_map_value(R1, 5, 16),
        "18 21 00 00 05 00 00 00 00 00 00 00 10 00 00 00",
        "18 12 00 00 00 00 00 05 00 00 00 00 00 00 00 10",
    ),
]


@pytest.mark.parametrize(("emit", "little", "big"), ENCODINGS)
def test_encodings(emit, little, big):
    assert encoded(emit) == little
    assert encoded(emit, "big") == big


@pytest.mark.parametrize(
    ("operator", "opcode"),
    [
        ("==", 0x15),
        (">", 0x25),
        (">=", 0x35),
        ("&", 0x45),
        ("!=", 0x55),
        ("s>", 0x65),
        ("s>=", 0x75),
        ("<", 0xA5),
        ("<=", 0xB5),
        ("s<", 0xC5),
        ("s<=", 0xD5),
    ],
)
def test_conditional_jumps(operator, opcode):
    for source, bit in ((R2, 8), (3, 0)):
        code = Assembler("little")
        code.jump_if(R1, operator, source, "end")
        code.label("end")
        code.exit()
        assert code.assemble()[0] == opcode | bit


def test_jumps_count_from_the_next_slot_and_a_wide_instruction_has_two():
    code = Assembler("little")
    code.label("start")
    code.jump("end")
    code.load_map_value(R1, 3)
    code.jump_if(R1, "==", 0, "start")
    code.label("end")
    code.exit()
    words = [code.assemble()[at : at + 8] for at in range(0, 40, 8)]
    assert len(code) == 5
    assert int.from_bytes(words[0][2:4], "little", signed=True) == 3
    assert int.from_bytes(words[3][2:4], "little", signed=True) == -4


def test_a_missing_label():
    code = Assembler()
    code.jump("nowhere")
    with pytest.raises(ValueError, match="no label 'nowhere'"):
        code.assemble()


def test_a_label_twice():
    code = Assembler()
    code.label("here")
    with pytest.raises(ValueError, match="'here' is there already"):
        code.label("here")


@pytest.mark.parametrize(
    "emit",
    [
        lambda c: c.load(R1, R2, 1 << 15),
        lambda c: c.move(R1, 1 << 31),
        lambda c: [c.jump("end"), *(c.exit() for _ in range(1 << 15)), c.label("end")],
    ],
)
def test_what_does_not_fit(emit):
    code = Assembler()
    emit(code)
    with pytest.raises(ValueError, match="must fit in 16 bits"):
        code.assemble()
