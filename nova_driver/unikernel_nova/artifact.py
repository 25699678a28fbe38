# SPDX-License-Identifier: Apache-2.0
"""Reads and verifies the bytes of an image: ELF header, segments, boot headers, notes, seal.

The format is in doc/source/contributor/image.rst.  The file comes from users of the cloud: no
length or offset in it is believed before it is compared with the file's size.  ELF's structures
are those of the System V ABI (gABI chapters 4 and 5), the boot headers those of the Multiboot
Specification 0.6.96 section 3.1 and of Xen's public/elfnote.h.
"""
import dataclasses
import hashlib
import json
import os
import struct

from unikernel_nova.refusal import Refused

OWNER = b'unikernel\0'
NOTE_DESCRIPTION = 1
NOTE_SEAL = 2
XEN_PHYS32_ENTRY = 18

MAX_PROGRAM_HEADERS = 64
MAX_DESCRIPTION = 256 * 1024  # bytes
MAX_NOTE_SEGMENTS = 2 * MAX_DESCRIPTION  # bytes, all together; they may overlap, and a note may have 12 bytes
SEAL_SIZE = 32  # bytes, SHA-256

_PT_LOAD, _PT_NOTE = 1, 4
_PF_X, _PF_W = 1, 2
_EM_X86_64 = 62
_ET_EXEC = 2
_MULTIBOOT_MAGIC = 0x1BADB002
_MULTIBOOT_SEARCH = 8192  # bytes from the beginning of the file

_ELF_HEADER = struct.Struct('<16sHHIQQQIHHHHHH')
_PROGRAM_HEADER = struct.Struct('<IIQQQQQQ')
_NOTE_HEADER = struct.Struct('<III')


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A verified image.

    description: the decoded note of type 1.
    digest: "sha256:" and 64 hexadecimal digits, of the whole file.
    size: bytes.
    """
    description: dict
    digest: str
    size: int


def read_artifact(path, max_size):
    """Verifies the file at `path`, of at most `max_size` bytes; raises Refused, or OSError if it cannot be read."""
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_size:
            raise Refused(f'it has {size} bytes, over the limit of {max_size} ([unikernel] max_image_size)')
        data = file.read(max_size + 1)
    return verify(data)


def verify(data):
    """Verifies an image in memory (bytes) and returns its Artifact; raises Refused."""
    segments = _segments(data)
    _check_layout(segments, len(data))
    notes = list(_notes(data, segments))
    description = _description(_only_note(notes, OWNER, NOTE_DESCRIPTION, 'description'))
    _check_seal(data, _only_note(notes, OWNER, NOTE_SEAL, 'seal'))
    _check_boot(data, description, notes)
    return Artifact(description, 'sha256:' + hashlib.sha256(data).hexdigest(), len(data))


def _segments(data):
    """The program headers: (type, flags, offset, virtual, physical, bytes in file, bytes in memory, alignment)."""
    if len(data) < _ELF_HEADER.size or data[:4] != b'\x7fELF':
        raise Refused('it is no ELF file' + (' (a source bundle?)' if data[:2] == b'\x1f\x8b' else ''))
    ident, kind, machine, _, _, offset, _, _, _, entry_size, count, _, _, _ = _ELF_HEADER.unpack_from(data)
    if ident[4:7] != b'\x02\x01\x01':
        raise Refused('it is no 64-bit little-endian ELF file of version 1')
    if machine != _EM_X86_64:
        raise Refused(f'its machine is {machine}, not {_EM_X86_64} (x86_64)')
    if kind != _ET_EXEC:
        raise Refused(f'its ELF type is {kind}, not {_ET_EXEC} (executable)')
    if entry_size != _PROGRAM_HEADER.size:
        raise Refused(f'its program headers have {entry_size} bytes each, not {_PROGRAM_HEADER.size}')
    if not 1 <= count <= MAX_PROGRAM_HEADERS:
        raise Refused(f'it has {count} program headers; 1 to {MAX_PROGRAM_HEADERS} are allowed')
    if offset > len(data) or count * entry_size > len(data) - offset:
        raise Refused('it is truncated: its program headers lie beyond its end')
    return [_PROGRAM_HEADER.unpack_from(data, offset + i * entry_size) for i in range(count)]


def _check_layout(segments, size):
    """Every loader must see the same: one distance between offset and address, nothing both writable and executable."""
    distances = set()
    for kind, flags, offset, _, physical, in_file, in_memory, _ in segments:
        if offset > size or in_file > size - offset:
            raise Refused('it is truncated: a segment lies beyond its end')
        if kind != _PT_LOAD:
            continue
        if in_file > in_memory:
            raise Refused('a segment has more bytes in the file than in memory')
        if flags & _PF_W and flags & _PF_X:
            raise Refused('a segment is both writable and executable')
        distances.add(physical - offset)
    in_notes = sum(segment[5] for segment in segments if segment[0] == _PT_NOTE)
    if in_notes > MAX_NOTE_SEGMENTS:
        raise Refused(f'its segments of notes have {in_notes} bytes, over the maximum {MAX_NOTE_SEGMENTS}')
    if not distances:
        raise Refused('it has no segment to load')
    if len(distances) != 1:
        raise Refused('its segments differ in the distance between file offset and address')


def _notes(data, segments):
    """Yields (owner, type, offset of the content, content) of every note."""
    for kind, _, offset, _, _, length, _, _ in segments:
        if kind != _PT_NOTE:
            continue
        position, end = offset, offset + length
        while position < end:
            if end - position < _NOTE_HEADER.size:
                raise Refused('its notes are truncated')
            name_size, size, note_type = _NOTE_HEADER.unpack_from(data, position)
            name_at = position + _NOTE_HEADER.size
            content_at = name_at + _padded(name_size)
            position = content_at + _padded(size)
            if content_at + size > end:
                raise Refused('its notes are truncated')
            yield data[name_at:name_at + name_size], note_type, content_at, data[content_at:content_at + size]


def _padded(size):
    """Note names and contents are filled up to 4 bytes."""
    return (size + 3) & ~3


def _only_note(notes, owner, note_type, what):
    found = [(at, content) for name, kind, at, content in notes if name == owner and kind == note_type]
    if len(found) != 1:
        raise Refused(f'it holds {len(found)} notes with a {what}, not one: no unikernel of this cloud\'s builder')
    return found[0]


def _description(note):
    _, content = note
    if len(content) > MAX_DESCRIPTION:
        raise Refused(f'its description has {len(content)} bytes, over the maximum {MAX_DESCRIPTION}')
    try:
        description = json.loads(content.decode('utf-8'))
        json.dumps(description, ensure_ascii=False).encode('utf-8')  # "\ud800" is no character
    except (ValueError, RecursionError) as error:
        raise Refused(f'its description is no JSON: {error}') from error
    if not isinstance(description, dict):
        raise Refused('its description is no JSON object')
    if description.get('format') != 1:
        raise Refused(f'its description has format {description.get("format")!r}; this driver reads format 1')
    _check_fields(description)
    return description


def _check_fields(description):
    for field, kind in (('name', str), ('platform', str), ('architecture', str), ('command_line', str),
                        ('minimum_memory_mib', int), ('boot', list), ('devices', list), ('modules', list)):
        value = description.get(field)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Refused(f'its description lacks {field!r}, or it is not of type {kind.__name__}')
    for field in ('configuration_digest', 'plan_digest', 'not_after'):
        if not isinstance(description.get(field, ''), str):
            raise Refused(f'in its description {field!r} is no text')
    for field in ('boot', 'devices'):
        if not all(isinstance(item, str) for item in description[field]):
            raise Refused(f'in its description {field!r} is no list of strings')
    for module in description['modules']:
        if not isinstance(module, dict) or not isinstance(module.get('name'), str):
            raise Refused("in its description 'modules' is no list of modules with names")


def _check_seal(data, note):
    at, stored = note
    if len(stored) != SEAL_SIZE:
        raise Refused(f'its seal has {len(stored)} bytes, not {SEAL_SIZE}')
    digest = hashlib.sha256()
    digest.update(memoryview(data)[:at])
    digest.update(bytes(SEAL_SIZE))
    digest.update(memoryview(data)[at + SEAL_SIZE:])
    if digest.digest() != stored:
        raise Refused('its seal does not fit its bytes: it was changed or damaged after it was built')


def _check_boot(data, description, notes):
    """Every boot protocol that the description names must have its header."""
    present = {'multiboot1': _has_multiboot_header(data),
               'pvh': any(name == b'Xen\0' and kind == XEN_PHYS32_ENTRY for name, kind, _, _ in notes)}
    if not description['boot']:
        raise Refused('its description names no boot protocol')
    for protocol in description['boot']:
        if protocol not in present:
            raise Refused(f'boot protocol {protocol!r} is not known here; known are {", ".join(sorted(present))}')
        if not present[protocol]:
            raise Refused(f'its description names boot protocol {protocol!r}, but its header is not there')


def _has_multiboot_header(data):
    for at in range(0, min(len(data), _MULTIBOOT_SEARCH) - 11, 4):
        magic, flags, checksum = struct.unpack_from('<III', data, at)
        if magic == _MULTIBOOT_MAGIC and (magic + flags + checksum) & 0xFFFFFFFF == 0:
            return True
    return False
