// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/image_file.hh"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "builder_service/platforms/u0/elf_reader.hh"
#include "common/decode/document.hh"
#include "common/util/digest.hh"

namespace unikernel::u0
{

namespace
{

constexpr std::uint32_t xen_phys32_entry = 18;  // Xen's include/public/elfnote.h
constexpr std::size_t multiboot_search = 8192;  // Multiboot 0.6.96, 3.1
constexpr std::uint32_t multiboot_magic = 0x1BADB002;
constexpr std::uint32_t multiboot_address_fields = 1U << 16U;
constexpr std::uint64_t lowest_address = 0x100000;
constexpr std::uint64_t highest_address = 1ULL << 32U;

tl::unexpected<Failure> wrong(const std::string& what)
{
    return fail(FailureKind::invalid, what);
}

template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset)
{
    Number value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

void append_note(std::string& file, std::string_view owner, std::uint32_t type, std::string_view content)
{
    const auto pad = [&] { file.append((4 - file.size() % 4) % 4, '\0'); };
    const std::array<std::uint32_t, 3> header{static_cast<std::uint32_t>(owner.size() + 1),
                                              static_cast<std::uint32_t>(content.size()), type};
    pad();
    file.append(reinterpret_cast<const char*>(header.data()), sizeof header);
    file.append(owner).push_back('\0');
    pad();
    file.append(content);
    pad();
}

Digest seal_of(std::string_view file, std::uint64_t seal_offset)
{
    const std::string zeros(sizeof(Digest), '\0');
    return Sha256()
        .update(file.substr(0, seal_offset))
        .update(zeros)
        .update(file.substr(seal_offset + zeros.size()))
        .finish();
}

const Note* find(const std::vector<Note>& notes, std::string_view owner, std::uint32_t type)
{
    const auto found = std::find_if(notes.begin(), notes.end(), [&](const Note& note) {
        return note.owner == owner && note.type == type;
    });
    return found == notes.end() ? nullptr : &*found;
}

/// Segments as the loaders and the guest's page tables need them.
Result<void> check_segments(const ElfReader& elf)
{
    std::optional<std::uint64_t> distance;
    std::uint64_t end = 0;
    bool entry_executable = false;
    for (const GElf_Phdr& segment : elf.segments()) {
        if (segment.p_type == PT_INTERP || segment.p_type == PT_DYNAMIC) {
            return wrong("segments: it is dynamically linked");
        }
        if (segment.p_type != PT_LOAD) {
            continue;
        }
        if (segment.p_vaddr < std::max(lowest_address, end) || segment.p_vaddr >= highest_address ||
            segment.p_memsz < segment.p_filesz || segment.p_memsz > highest_address - segment.p_vaddr) {
            return wrong("segments: out of order, or not between 1 MiB and 4 GiB");
        }
        if ((segment.p_flags & PF_W) != 0 && (segment.p_flags & PF_X) != 0) {
            return wrong("segments: one is writable and executable");
        }
        const std::uint64_t here = segment.p_vaddr - segment.p_offset;
        if (segment.p_paddr != segment.p_vaddr ||
            (segment.p_filesz != 0 && distance.value_or(here) != here)) {
            return wrong("segments: file offset minus address is not the same for all");
        }
        distance = segment.p_filesz != 0 ? here : distance;
        end = segment.p_vaddr + segment.p_memsz;
        entry_executable |= (segment.p_flags & PF_X) != 0 && elf.header().e_entry >= segment.p_vaddr &&
                            elf.header().e_entry < segment.p_vaddr + segment.p_filesz;
    }
    if (!distance) {
        return wrong("segments: there is none to load");
    }
    return entry_executable ? Result<void>{} : wrong("segments: the entry is not in executable bytes");
}

bool in_code(const ElfReader& elf, std::uint64_t address)
{
    return std::any_of(elf.segments().begin(), elf.segments().end(), [&](const GElf_Phdr& segment) {
        return segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && address >= segment.p_vaddr &&
               address < segment.p_vaddr + segment.p_filesz;
    });
}

/// Multiboot 1 with address fields: magic, flags, checksum, header, load, load end, bss end, entry.
Result<void> check_multiboot(const ElfReader& elf, std::string_view bytes)
{
    const GElf_Phdr& first =
        *std::find_if(elf.segments().begin(), elf.segments().end(),
                      [](const GElf_Phdr& segment) { return segment.p_type == PT_LOAD; });
    const std::size_t limit = std::min(bytes.size(), multiboot_search);
    for (std::size_t at = 0; at + 32 <= limit; at += 4) {
        if (number_at<std::uint32_t>(bytes, at) != multiboot_magic) {
            continue;
        }
        std::array<std::uint32_t, 8> field{};
        std::memcpy(field.data(), bytes.data() + at, sizeof field);
        if (field[0] + field[1] + field[2] != 0) {
            continue;
        }
        const std::uint64_t base = first.p_vaddr - first.p_offset;
        if ((field[1] & multiboot_address_fields) == 0 || field[3] != base + at || field[4] != base ||
            field[5] < field[4] || field[5] - field[4] > bytes.size() || field[6] < field[5] ||
            !in_code(elf, field[7])) {
            return wrong("multiboot header: its addresses disagree with the segments");
        }
        return {};
    }
    return wrong("multiboot header: there is none in the first 8 KiB");
}

Result<void> check_pvh(const ElfReader& elf, const std::vector<Note>& notes)
{
    const Note* note = find(notes, "Xen", xen_phys32_entry);
    if (note == nullptr || note->content.size() != 8) {
        return wrong("PVH note: there is none of 8 bytes");
    }
    return in_code(elf, number_at<std::uint64_t>(note->content, 0))
               ? Result<void>{}
               : wrong("PVH note: its entry is not code");
}

Result<void> check_seal(const std::vector<Note>& notes, std::string_view bytes)
{
    const Note* note = find(notes, note_owner, note_seal);
    if (note == nullptr || note->content.size() != sizeof(Digest)) {
        return wrong("seal: there is none, so this is no finished image");
    }
    const Digest seal = seal_of(bytes, note->offset);
    return std::memcmp(seal.data(), note->content.data(), seal.size()) == 0
               ? Result<void>{}
               : wrong("seal: the bytes are not those that were sealed; the file is damaged or was changed");
}

bool holds_secret(const nlohmann::json& value)
{
    return (value.is_object() && value.contains("sealed")) ||
           (value.is_structured() && std::any_of(value.begin(), value.end(), holds_secret));
}

/// A module's configuration is that of which the digest was found in its objects. Of one with secrets that
/// cannot be said: the digest covers what the description leaves out.
Result<void> check_configurations(const nlohmann::json& description)
{
    const nlohmann::json all = description.value("configuration", nlohmann::json::object());
    for (const nlohmann::json& module : description["modules"]) {
        if (!module.is_object() || !module.contains("name") || !module["name"].is_string()) {
            return wrong("description: modules is no list of modules with names");
        }
        const std::string name = module["name"];
        const nlohmann::json digest = module.value("configuration_digest", nlohmann::json());
        if (digest.is_null()) {
            continue;
        }
        if (!all.is_object() || !all.contains(name)) {
            return wrong("description: module " + name + " has no configuration");
        }
        if (!holds_secret(all[name]) && digest != to_string(sha256(all[name].dump()))) {
            return wrong("description: the configuration of module " + name +
                         " is not the one that is in its code");
        }
    }
    return {};
}

Result<nlohmann::json> read_description(const std::vector<Note>& notes)
{
    const Note* note = find(notes, note_owner, note_description);
    if (note == nullptr) {
        return wrong("description: there is none");
    }
    Result<nlohmann::json> description = decode_json(note->content, "description");
    if (!description) {
        return description;
    }
    if (!description->is_object() || description->dump() != note->content) {
        return wrong("description: is not canonical JSON");
    }
    if (description->value("format", nlohmann::json()) != 1) {
        return wrong("description: format " + description->value("format", nlohmann::json()).dump() +
                     " is not known here, only 1; use a newer release");
    }
    const auto has_text = [&](const char* key) {
        return description->contains(key) && (*description)[key].is_string();
    };
    if (!has_text("name") || !has_text("platform") || !description->contains("modules") ||
        !(*description)["modules"].is_array() ||
        !description->value("minimum_memory_mib", nlohmann::json()).is_number_integer()) {
        return wrong("description: name, platform, modules or minimum_memory_mib is missing");
    }
    if (Result<void> same = check_configurations(*description); !same) {
        return tl::unexpected(same.error());
    }
    return description;
}

}  // namespace

Result<std::string> finish_image(std::string_view linked, const nlohmann::json& description)
{
    const Result<ElfReader> elf = ElfReader::open(linked);
    if (!elf) {
        return wrong("linked image: " + elf.error().message);
    }
    const Result<std::vector<Note>> notes = elf->notes();
    const auto& segments = elf->segments();
    const auto note_segment = std::find_if(
        segments.begin(), segments.end(), [](const GElf_Phdr& segment) { return segment.p_type == PT_NOTE; });
    if (!notes || note_segment == segments.end()) {
        return wrong("linked image: it has no notes");
    }
    std::uint64_t end = 0;
    for (const GElf_Phdr& segment : segments) {
        end = segment.p_type == PT_LOAD ? std::max(end, segment.p_offset + segment.p_filesz) : end;
    }
    std::string file(linked.substr(0, end));
    file.append((8 - file.size() % 8) % 8, '\0');

    Elf64_Phdr patched{};
    const std::uint64_t header_at =
        elf->header().e_phoff + static_cast<std::uint64_t>(note_segment - segments.begin()) * sizeof patched;
    std::memcpy(&patched, file.data() + header_at, sizeof patched);
    patched.p_offset = file.size();
    for (const Note& note : *notes) {
        append_note(file, note.owner, note.type, note.content);
    }
    append_note(file, note_owner, note_description, description.dump());
    append_note(file, note_owner, note_seal, std::string(sizeof(Digest), '\0'));
    const std::uint64_t seal_at = file.size() - sizeof(Digest);
    patched.p_filesz = file.size() - patched.p_offset;
    // For loaders and readers of the file; in memory there is nothing of it.
    patched.p_vaddr = patched.p_paddr = patched.p_memsz = 0;
    patched.p_align = 4;
    std::memcpy(file.data() + header_at, &patched, sizeof patched);

    Elf64_Ehdr header{};
    std::memcpy(&header, file.data(), sizeof header);
    header.e_shoff = 0;
    header.e_shnum = header.e_shstrndx = 0;
    std::memcpy(file.data(), &header, sizeof header);

    const Digest seal = seal_of(file, seal_at);
    std::memcpy(file.data() + seal_at, seal.data(), seal.size());
    return file;
}

Result<nlohmann::json> check_image(std::string_view bytes)
{
    const Result<ElfReader> elf = ElfReader::open(bytes);
    if (!elf) {
        return tl::unexpected(elf.error());
    }
    const Result<std::vector<Note>> notes = elf->notes();
    if (!notes) {
        return tl::unexpected(notes.error());
    }
    // The seal first: of a damaged file nothing else is worth saying.
    for (const Result<void>& check : {check_seal(*notes, bytes), check_segments(*elf)}) {
        if (!check) {
            return tl::unexpected(check.error());
        }
    }
    for (const Result<void>& check : {check_multiboot(*elf, bytes), check_pvh(*elf, *notes)}) {
        if (!check) {
            return tl::unexpected(check.error());
        }
    }
    return read_description(*notes);
}

Result<std::uint64_t> memory_end(std::string_view elf)
{
    const Result<ElfReader> reader = ElfReader::open(elf);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    std::uint64_t end = 0;
    for (const GElf_Phdr& segment : reader->segments()) {
        end = segment.p_type == PT_LOAD ? std::max(end, segment.p_vaddr + segment.p_memsz) : end;
    }
    return end;
}

Result<std::vector<std::string>> symbols(std::string_view elf)
{
    const Result<ElfReader> reader = ElfReader::open(elf);
    return reader ? reader->symbols() : tl::unexpected(reader.error());
}

}  // namespace unikernel::u0
