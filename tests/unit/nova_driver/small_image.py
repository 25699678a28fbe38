# SPDX-License-Identifier: Apache-2.0
"""Makes the smallest image of doc/source/contributor/image.rst, or a wrong one on purpose.

It boots nothing; every byte that the driver looks at is there.
"""
import hashlib
import json
import struct

BASE = 0x100000  # physical address of the file's first byte
PAGE = 4096

PT_LOAD, PT_NOTE = 1, 4
READ, WRITE, EXECUTE = 4, 2, 1


def description(**changes):
    fields = {
        'format': 1, 'name': 'small', 'platform': 'u0', 'architecture': 'x86_64', 'boot': ['multiboot1', 'pvh'],
        'command_line': 'u0', 'devices': ['virtio-net'], 'minimum_memory_mib': 8,
        'modules': [{'name': 'console', 'version': '1.0.0'}, {'name': 'lwip', 'version': '1.0.0'}],
        'configuration': {}, 'configuration_digest': 'sha256:' + 64 * 'c', 'plan_digest': 'sha256:' + 64 * 'd',
        'not_after': '2099-12-31T23:59:59Z', 'toolchain': 'g++'}
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


def note(owner, kind, content):
    def padded(text):
        return text + bytes(-len(text) % 4)
    return struct.pack('<III', len(owner), len(content), kind) + padded(owner) + padded(content)


def make(fields=None, *, text=None, seals=1, descriptions=1, multiboot=True, pvh=True, kind=2, machine=62,
         code_flags=READ | EXECUTE, data_address=None):
    """The bytes of an image; `text` replaces the description's JSON, the rest leaves out or spoils one thing each."""
    text = json.dumps(fields or description(), sort_keys=True, separators=(',', ':')).encode() if text is None else text
    notes = (note(b'Xen\0', 18, struct.pack('<Q', BASE)) if pvh else b'') \
        + note(b'unikernel\0', 1, text) * descriptions + note(b'unikernel\0', 2, bytes(32)) * seals
    boot = struct.pack('<iII', 0x1BADB002, 0x10003, (-0x1BADB002 - 0x10003) & 0xFFFFFFFF) if multiboot else bytes(12)
    code_end = 1024
    data_at = PAGE
    segments = [
        (PT_LOAD, code_flags, 0, BASE, code_end, code_end),
        (PT_LOAD, READ, data_at, data_address or BASE + data_at, len(notes), len(notes)),
        (PT_NOTE, READ, data_at, BASE + data_at, len(notes), len(notes))]
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\x02\x01\x01', kind, machine, 1, BASE + 512, 64, 0, 0, 64, 56,
                         len(segments), 0, 0, 0)
    headers = b''.join(struct.pack('<IIQQQQQQ', segment, flags, offset, address, address, in_file, in_memory, 4)
                       for segment, flags, offset, address, in_file, in_memory in segments)
    image = bytearray(data_at + len(notes))
    image[:len(header) + len(headers)] = header + headers
    image[512:524] = boot
    image[data_at:] = notes
    return seal(image)


def seal(image):
    """`image` (bytearray) as bytes, with the first seal note filled in."""
    start = image.find(struct.pack('<III', 10, 32, 2) + b'unikernel\0')
    if start >= 0:
        at = start + 24
        image[at:at + 32] = bytes(32)
        image[at:at + 32] = hashlib.sha256(image).digest()
    return bytes(image)
