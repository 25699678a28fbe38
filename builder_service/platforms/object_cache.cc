// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/object_cache.hh"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include <elf.h>

#include "common/util/file.hh"
#include "common/util/hex.hh"

namespace unikernel
{

namespace
{

/// What a precompiled header of GCC begins with. It does not say how long it is, so that is kept beside it.
constexpr std::string_view precompiled_magic = "gpch";

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

namespace fs = std::filesystem;
using Clock = fs::file_time_type::clock;

/// A file's time of modification is when it was used last, to within a quarter of what protects it.
void touch(const fs::path& path)
{
    std::error_code ignored;
    const auto now = Clock::now();
    if (now - fs::last_write_time(path, ignored) > ObjectCache::in_use / 4) {
        fs::last_write_time(path, now, ignored);
    }
}

struct Kept {
    fs::path path;
    fs::file_time_type used;
    std::uint64_t size = 0;
};

constexpr std::string_view stamp_file = "tidied";

std::vector<Kept> all_files(const fs::path& root)
{
    std::vector<Kept> files;
    std::error_code error;
    for (fs::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
        std::error_code gone;  // another process evicts too
        if (!at->is_regular_file(gone) || at->path().filename() == stamp_file) {
            continue;
        }
        Kept file{at->path(), at->last_write_time(gone), at->file_size(gone)};
        if (!gone) {
            files.push_back(std::move(file));
        }
    }
    return files;
}

}  // namespace

std::uint64_t ObjectCache::evict(std::uint64_t limit) const
{
    std::vector<Kept> files = all_files(root_);
    std::uint64_t size = 0;
    for (const Kept& file : files) {
        size += file.size;
    }
    if (size <= limit) {
        return size;
    }
    std::sort(files.begin(), files.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
    const auto oldest_in_use = Clock::now() - in_use;
    for (const Kept& file : files) {
        std::error_code error;
        if (size <= limit / 4 * 3 || file.used > oldest_in_use) {
            break;
        }
        if (fs::remove(file.path, error)) {
            size -= file.size;
        }
    }
    return size;
}

void ObjectCache::tidy() const
{
    const fs::path stamp = root_ / stamp_file;
    std::error_code error;
    const auto last = fs::last_write_time(stamp, error);
    if ((error || Clock::now() - last > std::chrono::hours(1)) && write_file(stamp, "")) {
        evict();
    }
}

std::filesystem::path ObjectCache::place(const Digest& key, const char* suffix) const
{
    const std::string name = to_hex(key);
    return root_ / name.substr(0, 2) / (name + suffix);
}

std::optional<std::filesystem::path> ObjectCache::find(const Digest& key) const
{
    std::filesystem::path path = place(key, ".o");
    const Result<std::string> size = read_file(place(key, ".size"), 100);
    std::error_code error;
    if (size ? *size != std::to_string(fs::file_size(path, error)) : !is_whole(path)) {
        return std::nullopt;
    }
    touch(path);
    return path;
}

Result<std::filesystem::path> ObjectCache::store(const Digest& key, std::string_view object) const
{
    if (object.starts_with(precompiled_magic)) {
        auto noted = write(place(key, ".size"), std::to_string(object.size()));
        if (!noted) {
            return noted;
        }
    }
    return write(place(key, ".o"), object);
}

std::optional<std::string> ObjectCache::find_note(const Digest& key) const
{
    constexpr std::uint64_t largest = 1ULL << 20;
    const std::filesystem::path path = place(key, ".headers");
    Result<std::string> text = read_file(path, largest);
    if (!text) {
        return std::nullopt;
    }
    touch(path);
    return std::move(*text);
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
