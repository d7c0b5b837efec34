"""A writer of tiny HEIC files, since nothing that facesearch depends on can write one.

The picture is one block of HEVC's uncompressed kind (I_PCM), so that its luma comes back exactly and no encoder is
needed: one context-coded bin (split_cu_flag 0), one terminating bin (pcm_flag 1), the samples, and the end.
"""

import struct

SIDE, HEIGHT = 32, 24
"""Of the one block, and of the part of it that is the picture."""


class Bits:
    """A string of bits, as in the syntax tables of ITU-T H.265."""

    def __init__(self):
        self.text = ""

    def u(self, count, *values):
        """Unsigned numbers of ``count`` bits each."""
        self.text += "".join(f"{value:0{count}b}" for value in values)
        return self

    def ue(self, *values):
        """Exponential-Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def end(self):
        """The bytes, after the stop bit and the alignment."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def nal(kind, payload):
    """A NAL unit, with emulation prevention."""
    out = bytearray(struct.pack(">H", kind << 9 | 1))
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


PROFILE = b"\x01" + b"\x60\0\0\0" + b"\x90\0\0\0\0\0" + b"\x1e"


def parameter_sets():
    """VPS, SPS and PPS of a 32 by 32 picture, cut to 24 rows, of one I_PCM block."""
    profile = int.from_bytes(PROFILE)
    vps = Bits().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF).u(96, profile).u(1, 1).ue(0, 0, 0)
    vps.u(6, 0).ue(0).u(1, 0, 0)
    sps = Bits().u(4, 0).u(3, 0).u(1, 1).u(96, profile).ue(0, 1, SIDE, SIDE).u(1, 1).ue(0, 0, 0, (SIDE - HEIGHT) // 2)
    sps.ue(0, 0, 4).u(1, 1).ue(0, 0, 0).ue(1, 1, 0, 3, 0, 0).u(1, 0, 0, 0)
    sps.u(1, 1).u(4, 7, 7).ue(1, 1).u(1, 1).ue(0).u(1, 0, 0, 0, 0, 0)
    pps = Bits().ue(0, 0).u(1, 0, 0).u(3, 0).u(1, 0, 0).ue(0, 0).ue(0).u(1, 0, 0, 0).ue(0, 0)
    pps.u(1, 0, 0, 0, 0, 0, 0, 0).u(1, 1, 0, 1).u(1, 0, 0).ue(0).u(1, 0, 0)
    return nal(32, vps.end()), nal(33, sps.end()), nal(34, pps.end())


def terminated(span):
    """The bytes of CABAC that ends, from the range ``span`` on, with a terminating bin of 1, stop bit included.

    The interval starts at 0, so that the terminating bin moves it to ``span - 2``, whose 9 bits are flushed.
    """
    text = f"{(span - 2) | 1:09b}".ljust(16, "0")
    return bytes((int(text[:8], 2), int(text[8:], 2)))


def coded(luma):
    """The slice's NAL unit. ``luma`` has shape (32, 32), uint8; the picture has no colour."""
    header = Bits().u(1, 1, 0).ue(0, 2).ue(0).end()
    # split_cu_flag 0 is the more probable symbol of state 0: the range goes from 510 to 270 and nothing is written
    return nal(19, header + terminated(270) + luma.tobytes() + b"\x80" * (2 * 16 * 16) + terminated(510))


def box(name, payload):
    """An ISO base media box."""
    return struct.pack(">I", len(payload) + 8) + name + payload


def full(name, version, payload):
    """A box with version and no flags."""
    return box(name, bytes((version, 0, 0, 0)) + payload)


def heic(luma, *, quarter_turns=None, exif=b""):
    """A HEIC file. ``quarter_turns`` says how often a viewer turns it to the left (irot); EXIF is a TIFF block."""
    sets = parameter_sets()
    arrays = b"".join(
        bytes((0x80 | kind, 0, 1)) + struct.pack(">H", len(n)) + n for kind, n in zip((32, 33, 34), sets, strict=True)
    )
    hvcc = box(b"hvcC", b"\x01" + PROFILE + b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03" + arrays)
    properties = [full(b"ispe", 0, struct.pack(">II", SIDE, HEIGHT)), hvcc]
    if quarter_turns is not None:
        properties.append(box(b"irot", bytes((quarter_turns,))))
    links = bytes(number + 1 | (0x80 if number else 0) for number in range(len(properties)))
    ipma = full(b"ipma", 0, struct.pack(">IHB", 1, 1, len(links)) + links)
    slice_ = coded(luma)
    items = [struct.pack(">I", len(slice_)) + slice_] + ([struct.pack(">I", 0) + exif] if exif else [])
    entries = [
        full(b"infe", 2, struct.pack(">HH", at + 1, 0) + (b"hvc1", b"Exif")[at] + b"\0") for at in range(len(items))
    ]
    parts = [
        full(b"hdlr", 0, bytes(4) + b"pict" + bytes(13)),
        full(b"pitm", 0, struct.pack(">H", 1)),
        full(b"iinf", 0, struct.pack(">H", len(items)) + b"".join(entries)),
        box(b"iprp", box(b"ipco", b"".join(properties)) + ipma),
    ]
    if exif:
        parts.append(full(b"iref", 0, box(b"cdsc", struct.pack(">HHH", 2, 1, 1))))
    ftyp = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")

    def meta(offset):
        iloc = struct.pack(">BBH", 0x44, 0, len(items))
        for number, item in enumerate(items):
            iloc += struct.pack(">HHHII", number + 1, 0, 1, offset, len(item))
            offset += len(item)
        return full(b"meta", 0, b"".join(parts) + full(b"iloc", 0, iloc))

    return ftyp + meta(len(ftyp) + len(meta(0)) + 8) + box(b"mdat", b"".join(items))
