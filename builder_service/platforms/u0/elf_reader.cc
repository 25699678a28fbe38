// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/elf_reader.hh"

#include <cstring>

namespace unikernel::u0
{

namespace
{
constexpr std::uint64_t note_bytes = 4ULL << 20;  ///< of all segments of notes; they may overlap
}

Result<ElfReader> ElfReader::open(std::string_view bytes)
{
    elf_version(EV_CURRENT);
    ElfReader reader;
    reader.bytes_ = bytes;
    // libelf asks for a writable pointer, but does not write without elf_update.
    reader.elf_.reset(elf_memory(const_cast<char*>(bytes.data()), bytes.size()));
    if (!reader.elf_ || elf_kind(reader.elf_.get()) != ELF_K_ELF ||
        gelf_getehdr(reader.elf_.get(), &reader.header_) == nullptr) {
        return fail(FailureKind::invalid, "is no ELF file");
    }
    const GElf_Ehdr& header = reader.header_;
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64 || header.e_type != ET_EXEC) {
        return fail(FailureKind::invalid, "is no ELF64 executable for x86-64");
    }
    if (header.e_phnum == 0 || header.e_phnum > 64 || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phoff > bytes.size() ||
        std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr) > bytes.size() - header.e_phoff) {
        return fail(FailureKind::invalid, "the program headers are not within the file, or not 1 to 64");
    }
    for (int i = 0; i < header.e_phnum; ++i) {
        GElf_Phdr segment;
        if (gelf_getphdr(reader.elf_.get(), i, &segment) == nullptr) {
            return fail(FailureKind::invalid, "program header " + std::to_string(i) + " cannot be read");
        }
        if (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset) {
            return fail(FailureKind::invalid,
                        "segment " + std::to_string(i) + " reaches beyond the end of the file");
        }
        reader.segments_.push_back(segment);
    }
    return reader;
}

Result<std::vector<Note>> ElfReader::notes() const
{
    std::vector<Note> list;
    std::uint64_t total = 0;
    for (const GElf_Phdr& segment : segments_) {
        if (segment.p_type != PT_NOTE || segment.p_filesz == 0) {
            continue;
        }
        // A note may have 12 bytes, and takes several times as much memory.
        if (total += segment.p_filesz; total > note_bytes) {
            return fail(FailureKind::invalid, "the segments of notes have over " +
                                                  std::to_string(note_bytes) + " bytes, the maximum");
        }
        Elf_Data* data = elf_getdata_rawchunk(elf_.get(), static_cast<std::int64_t>(segment.p_offset),
                                              segment.p_filesz, ELF_T_NHDR);
        if (data == nullptr) {
            return fail(FailureKind::invalid, "the notes cannot be read");
        }
        GElf_Nhdr note;
        std::size_t name = 0;
        std::size_t content = 0;
        std::size_t offset = 0;
        while (offset < data->d_size) {
            const std::size_t next = gelf_getnote(data, offset, &note, &name, &content);
            if (next == 0 || next <= offset || name > data->d_size || note.n_namesz > data->d_size - name ||
                content > data->d_size || note.n_descsz > data->d_size - content) {
                return fail(FailureKind::invalid, "a note reaches beyond its segment");
            }
            const char* base = bytes_.data() + segment.p_offset;
            std::string owner(base + name, note.n_namesz);
            owner.resize(std::strlen(owner.c_str()));  // its terminating NUL counts in n_namesz
            list.push_back({std::move(owner), note.n_type, segment.p_offset + content,
                            std::string_view(base + content, note.n_descsz)});
            offset = next;
        }
    }
    return list;
}

Result<std::vector<std::string>> ElfReader::symbols() const
{
    std::vector<std::string> names;
    for (Elf_Scn* section = elf_nextscn(elf_.get(), nullptr); section != nullptr;
         section = elf_nextscn(elf_.get(), section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr) {
            return fail(FailureKind::invalid, "a section header cannot be read");
        }
        if (header.sh_type != SHT_SYMTAB || header.sh_entsize == 0) {
            continue;
        }
        Elf_Data* data = elf_getdata(section, nullptr);
        const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
        GElf_Sym symbol;
        for (int i = 0; data != nullptr && i < count && gelf_getsym(data, i, &symbol) != nullptr; ++i) {
            const char* name = elf_strptr(elf_.get(), header.sh_link, symbol.st_name);
            if (symbol.st_shndx != SHN_UNDEF && name != nullptr && *name != '\0') {
                names.emplace_back(name);
            }
        }
    }
    return names;
}

Result<std::string_view> ElfReader::section(std::string_view name) const
{
    std::size_t names = 0;
    if (elf_getshdrstrndx(elf_.get(), &names) != 0) {
        return fail(FailureKind::invalid, "the section headers cannot be read");
    }
    for (Elf_Scn* section = elf_nextscn(elf_.get(), nullptr); section != nullptr;
         section = elf_nextscn(elf_.get(), section)) {
        GElf_Shdr header;
        const char* own = gelf_getshdr(section, &header) != nullptr
                              ? elf_strptr(elf_.get(), names, header.sh_name)
                              : nullptr;
        if (own == nullptr) {
            return fail(FailureKind::invalid, "a section header cannot be read");
        }
        if (name != own || header.sh_type == SHT_NOBITS) {
            continue;
        }
        if (header.sh_offset > bytes_.size() || header.sh_size > bytes_.size() - header.sh_offset) {
            return fail(FailureKind::invalid, "section " + std::string(name) + " reaches beyond the file");
        }
        return bytes_.substr(header.sh_offset, header.sh_size);
    }
    return std::string_view{};
}

}  // namespace unikernel::u0
