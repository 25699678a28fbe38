# SPDX-License-Identifier: Apache-2.0
import hashlib
import struct

import pytest
import small_image
from unikernel_nova import artifact
from unikernel_nova.refusal import Refused


def refused(data):
    with pytest.raises(Refused) as error:
        artifact.verify(data)
    return str(error.value)


def test_a_good_image_is_read():
    image = small_image.make()
    found = artifact.verify(image)
    assert found.description == small_image.description()
    assert found.digest == 'sha256:' + hashlib.sha256(image).hexdigest()
    assert found.size == len(image)


def test_every_single_damaged_byte_is_found():
    image = small_image.make()
    for position in range(len(image)):
        damaged = bytearray(image)
        damaged[position] ^= 0x40
        with pytest.raises(Refused):
            artifact.verify(bytes(damaged))


def test_every_truncation_is_found():
    image = small_image.make()
    for size in range(len(image)):
        with pytest.raises(Refused):
            artifact.verify(image[:size])


def test_bytes_after_the_end_break_the_seal():
    assert 'seal' in refused(small_image.make() + b'\0')


@pytest.mark.parametrize('data, reason', [
    (b'', 'no ELF'),
    (b'#!/bin/sh\n', 'no ELF'),
    (b'\x1f\x8b\x08' + bytes(100), 'a source bundle?'),
    (small_image.make(kind=3), 'ELF type is 3'),
    (small_image.make(machine=183), 'machine is 183'),
    (small_image.make(seals=0), '0 notes with a seal'),
    (small_image.make(seals=2), '2 notes with a seal'),
    (small_image.make(descriptions=0), '0 notes with a description'),
    (small_image.make(descriptions=2), '2 notes with a description'),
    (small_image.make(multiboot=False), "'multiboot1', but its header is not there"),
    (small_image.make(pvh=False), "'pvh', but its header is not there"),
    (small_image.make(code_flags=small_image.READ | small_image.WRITE | small_image.EXECUTE),
     'both writable and executable'),
    (small_image.make(data_address=0x400000), 'distance between file offset and address'),
    (small_image.make(text=b'{"format":1'), 'no JSON'),
    (small_image.make(small_image.description(name='\ud800')), 'no JSON'),
    (small_image.make(small_image.description(plan_digest=1)), "'plan_digest' is no text"),
    (small_image.make(text=b'\xff\xfe'), 'no JSON'),
    (small_image.make(text=b'[' * 100000), 'no JSON'),
    (small_image.make(text=b'[]'), 'no JSON object'),
    (small_image.make(text=b' ' * (artifact.MAX_DESCRIPTION + 1)), 'over the maximum'),
    (small_image.make(small_image.description(format=2)), 'format 2'),
    (small_image.make(small_image.description(platform=None)), "'platform'"),
    (small_image.make(small_image.description(minimum_memory_mib='8')), "'minimum_memory_mib'"),
    (small_image.make(small_image.description(minimum_memory_mib=True)), "'minimum_memory_mib'"),
    (small_image.make(small_image.description(modules=['console'])), "'modules'"),
    (small_image.make(small_image.description(boot=['uefi'])), "'uefi' is not known"),
    (small_image.make(small_image.description(boot=[])), 'names no boot protocol'),
])
def test_what_is_wrong_is_named(data, reason):
    assert reason in refused(data)


def test_a_note_that_claims_more_than_its_segment_is_refused():
    image = bytearray(small_image.make())
    at = image.find(struct.pack('<II', 10, 32))
    image[at + 4:at + 8] = struct.pack('<I', 0xFFFFFFF0)
    assert 'notes are truncated' in refused(bytes(image))


def test_program_headers_far_beyond_the_end_are_refused():
    image = bytearray(small_image.make())
    image[32:40] = struct.pack('<Q', 2 ** 64 - 8)
    assert 'truncated' in refused(bytes(image))


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / 'image'
    path.write_bytes(small_image.make())
    assert artifact.read_artifact(path, path.stat().st_size).size == path.stat().st_size
    with pytest.raises(Refused, match='over the limit'):
        artifact.read_artifact(path, path.stat().st_size - 1)


def test_notes_without_end_are_refused_before_they_are_read():
    """Many of 12 bytes in segments that overlap would take a hundred times the file's memory."""
    size = 1 << 16
    image = bytearray(small_image.make()[:4096].ljust(4096 + 12 * size, b'\0'))
    struct.pack_into('<H', image, 56, 64)
    for at in range(64 + 56, 64 + 64 * 56, 56):
        struct.pack_into('<IIQQQQQQ', image, at, small_image.PT_NOTE, small_image.READ, 4096, 0, 0, 12 * size,
                         12 * size, 4)
    assert f'its segments of notes have {63 * 12 * size} bytes' in refused(bytes(image))
