// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/object_cache.hh"

#include <array>
#include <cstring>
#include <fstream>
#include <system_error>

#include <elf.h>

#include "common/util/file.hh"
#include "common/util/hex.hh"

namespace unikernel
{

namespace
{

/// Whether the file has all the bytes its ELF header speaks of: section headers come last.
bool is_whole(const std::filesystem::path& path)
{
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(path, error);
    std::ifstream file(path, std::ios::binary);
    Elf64_Ehdr header{};
    if (error || !file.read(reinterpret_cast<char*>(&header), sizeof header)) {
        return false;
    }
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_shoff <= size &&
           std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr) <= size - header.e_shoff;
}

}  // namespace

std::filesystem::path ObjectCache::place(const Digest& key, const char* suffix) const
{
    const std::string name = to_hex(key);
    return root_ / name.substr(0, 2) / (name + suffix);
}

std::optional<std::filesystem::path> ObjectCache::find(const Digest& key) const
{
    std::filesystem::path path = place(key, ".o");
    return is_whole(path) ? std::optional(std::move(path)) : std::nullopt;
}

Result<std::filesystem::path> ObjectCache::store(const Digest& key, std::string_view object) const
{
    return write(place(key, ".o"), object);
}

std::optional<std::string> ObjectCache::find_note(const Digest& key) const
{
    constexpr std::uint64_t largest = 1ULL << 20;
    Result<std::string> text = read_file(place(key, ".headers"), largest);
    return text ? std::optional(std::move(*text)) : std::nullopt;
}

Result<void> ObjectCache::store_note(const Digest& key, std::string_view text) const
{
    return write(place(key, ".headers"), text).map([](const auto&) {});
}

Result<std::filesystem::path> ObjectCache::write(std::filesystem::path path, std::string_view content) const
{
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) {
        return tl::unexpected(system_failure("object cache " + root_.string(), error.value()));
    }
    if (Result<void> written = write_file(path, content); !written) {
        return tl::unexpected(written.error());
    }
    return path;
}

}  // namespace unikernel
