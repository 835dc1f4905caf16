"""From a sound file to a hostile one: blind changes, and such as know where a format keeps its lengths."""

import struct
from collections.abc import Callable, Sequence
from random import Random

from .seeds import png_chunk

_INTERESTING = (
    0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 512, 1000, 1024, 4096, 9000, 32767, 32768, 65534,
    65535, 65536, 1 << 20, (1 << 24) - 1, 100_663_045, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1,
)  # fmt: skip
_HEAD = 160
_LONGEST = 1 << 16

Change = Callable[[Random, bytearray, Sequence[bytes]], None]
Span = tuple[int, int]


def _place(draw: Random, data: bytearray) -> int:
    """Where to change something: half of the time in the head of the file."""
    end = len(data) if draw.random() < 0.5 else min(len(data), _HEAD)
    return draw.randrange(max(1, end))


def _range(draw: Random, data: bytearray) -> slice:
    start = _place(draw, data)
    return slice(start, start + draw.choice((1, 2, 4, 8, 16, 64, 256)))


def flip_bit(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """One bit."""
    if data:
        data[_place(draw, data)] ^= 1 << draw.randrange(8)


def set_byte(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """One byte."""
    if data:
        data[_place(draw, data)] = draw.randrange(256)


def set_number(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A number on which programs stumble, of one, two or four bytes, either end first."""
    width = draw.choice("BHI")
    number = draw.choice(_INTERESTING) & ((1 << 8 * struct.calcsize(width)) - 1)
    text = struct.pack(draw.choice("<>") + width, number)
    start = _place(draw, data)
    data[start : start + len(text)] = text


def cut(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """The end is missing."""
    del data[draw.randrange(len(data) + 1) :]


def remove(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A piece is missing."""
    del data[_range(draw, data)]


def repeat(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A piece stands there several times."""
    piece = _range(draw, data)
    data[piece] = data[piece] * draw.choice((2, 3, 50))


def insert(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A piece of noise."""
    start = _place(draw, data)
    data[start:start] = draw.randbytes(draw.choice((1, 4, 16, 64)))


def splice(draw: Random, data: bytearray, pool: Sequence[bytes]) -> None:
    """The beginning of this file and the end of another."""
    other = draw.choice(pool)
    data[draw.randrange(len(data) + 1) :] = other[draw.randrange(len(other) + 1) :]


def repeat_block(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A chunk twice."""
    start, stop = draw.choice(blocks(data))
    data[stop:stop] = data[start:stop]


def remove_block(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A chunk less."""
    start, stop = draw.choice(blocks(data))
    del data[start:stop]


def swap_blocks(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Two chunks in each other's place."""
    (a, b), (c, d) = sorted(draw.choices(blocks(data), k=2))
    if b <= c:
        data[a:d] = data[c:d] + data[b:c] + data[a:b]


def lie_about_length(draw: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A chunk's length is another."""
    start, _stop = draw.choice(blocks(data))
    if data[:4] == b"RIFF":
        data[start + 4 : start + 8] = struct.pack("<I", draw.choice(_INTERESTING))
    elif data[:2] == b"\xff\xd8":
        data[start + 2 : start + 4] = struct.pack(">H", draw.choice(_INTERESTING) & 0xFFFF)
    else:
        data[start : start + 4] = struct.pack(">I", draw.choice(_INTERESTING))


def blocks(data: bytearray) -> list[Span]:
    """Where a file's chunks are, as far as they can be followed; pieces of 16 bytes of a format without any."""
    if data[:4] == b"\x89PNG":
        found = _chunks(data, 8, lambda at: 12 + int.from_bytes(data[at : at + 4], "big"))
    elif data[:4] == b"RIFF":
        found = _chunks(data, 12, lambda at: 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1))
    elif data[:2] == b"\xff\xd8":
        found = _chunks(data, 2, lambda at: 2 + int.from_bytes(data[at + 2 : at + 4], "big"))
    else:
        found = _chunks(data, 0, lambda _: 16)
    return found or [(0, len(data))]


def _chunks(data: bytearray, start: int, length: Callable[[int], int]) -> list[Span]:
    found: list[Span] = []
    while start + 4 <= len(data) and len(found) < 64:
        stop = min(start + length(start), len(data))
        found.append((start, stop))
        start = stop
    return found


CHANGES: tuple[Change, ...] = (
    flip_bit, flip_bit, set_byte, set_byte, set_number, set_number, set_number, cut, remove, repeat, insert, splice,
    repeat_block, remove_block, swap_blocks, lie_about_length,
)  # fmt: skip


def mutated(draw: Random, pool: Sequence[bytes], tokens: Sequence[bytes] = ()) -> bytes:
    """One of ``pool`` after one to eight changes; with ``tokens``, half of them put one of these in."""
    data = bytearray(draw.choice(pool))
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        if tokens and draw.random() < 0.5:
            place = _range(draw, data)
            data[place.start : draw.choice((place.start, place.stop))] = draw.choice(tokens)
        else:
            draw.choice(CHANGES)(draw, data, pool)
        del data[_LONGEST:]
    if data[:4] == b"\x89PNG" and draw.random() < 0.7:
        return _with_sound_checks(data)
    return bytes(data)


def _with_sound_checks(data: bytearray) -> bytes:
    """A PNG with the check sums that its chunks should have: otherwise little of it is ever looked at."""
    done = bytes(data[:8])
    for start, stop in blocks(data):
        chunk = bytes(data[start:stop])
        sound = png_chunk(chunk[4:8], chunk[8:-4])
        done += chunk[:4] + sound[4:] if len(chunk) >= 12 else chunk
    return done
