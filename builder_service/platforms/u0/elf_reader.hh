// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gelf.h>
#include <libelf.h>

#include "common/util/result.hh"

namespace unikernel::u0
{

/// A note of a PT_NOTE segment.
struct Note {
    std::string owner;
    std::uint32_t type;
    std::uint64_t offset;  ///< of its content in the file
    std::string_view content;
};

/// libelf on bytes in memory, which must outlive it.
class ElfReader
{
public:
    /// Errors: invalid, unless it is a little-endian ELF64 executable for x86-64.
    static Result<ElfReader> open(std::string_view bytes);

    const GElf_Ehdr& header() const { return header_; }
    const std::vector<GElf_Phdr>& segments() const { return segments_; }
    /// Errors: invalid, if a segment or a note reaches beyond the file or its segment.
    Result<std::vector<Note>> notes() const;
    Result<std::vector<std::string>> symbols() const;
    /// The bytes of the first section of that name in the file; empty if there is none. Errors: invalid.
    Result<std::string_view> section(std::string_view name) const;

private:
    struct End {
        void operator()(Elf* elf) const noexcept { elf_end(elf); }
    };
    std::string_view bytes_;
    std::unique_ptr<Elf, End> elf_;
    GElf_Ehdr header_{};
    std::vector<GElf_Phdr> segments_;
};

}  // namespace unikernel::u0
