// SPDX-License-Identifier: Apache-2.0
#include "builder_service/sandbox/bundle.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "builder_service/sandbox/archive.hh"
#include "common/decode/tree_builder.hh"
#include "common/util/file.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;

constexpr int deepest = 64;  ///< names in a path

std::string entry_text(std::string_view path)
{
    return "bundle: entry " +
           nlohmann::json(path).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + ": ";
}

/// The path in its only spelling ("./a//b/" is "a/b"; the root is ""), or why it is refused.
Result<std::string> plain_path(const char* raw)
{
    const std::string_view path = raw != nullptr ? raw : "";
    const auto refuse = [&](const std::string& why) {
        return fail(FailureKind::invalid, entry_text(path) + why);
    };
    if (path.starts_with('/')) {
        return refuse("absolute paths are refused");
    }
    if (!is_utf8(path)) {
        return refuse("the name is not UTF-8");
    }
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (std::any_of(path.begin(), path.end(), is_control)) {
        return refuse("the name has a control character");
    }
    if (path.size() > 1024) {
        return refuse("the path is longer than 1024 bytes");
    }
    std::string plain;
    int names = 0;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        begin = end + 1;
        if (part.empty() || part == ".") {
            continue;
        }
        if (part == "..") {
            return refuse("\"..\" is refused");
        }
        if (part.size() > 255) {
            return refuse("a name is longer than 255 bytes");
        }
        if (part.ends_with(".gch")) {  // a file, or a folder of some: GCC maps either into itself
            return refuse("precompiled headers are refused; leave them out, the headers suffice");
        }
        if (++names > deepest) {
            return refuse("the path has more than " + std::to_string(deepest) + " names");
        }
        plain += (plain.empty() ? "" : "/") + std::string(part);
    }
    return plain;
}

/// Refuses everything that is neither a plain file nor a folder.
Result<void> check_kind(archive_entry* entry, std::string_view path)
{
    const auto refuse = [&](const std::string& why) {
        return fail(FailureKind::invalid, entry_text(path) + why);
    };
    if (archive_entry_hardlink(entry) != nullptr) {
        return refuse("hard links are refused; pack a copy of the file");
    }
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFLNK) {
        return refuse("symbolic links are refused; pack a copy of the file");
    }
    if (type != AE_IFREG && type != AE_IFDIR) {
        return refuse("is neither a file nor a folder");
    }
    if ((archive_entry_perm(entry) & (S_ISUID | S_ISGID)) != 0 && type == AE_IFREG) {
        return refuse("set-user-ID and set-group-ID bits are refused");
    }
    return {};
}

tl::unexpected<Failure> too_many(const BundleLimits& limits)
{
    return fail(FailureKind::too_large, "bundle: more than " + std::to_string(limits.entries) +
                                            " files and folders; leave out what the build does not need");
}

tl::unexpected<Failure> damaged(std::string_view path, archive* reader)
{
    const char* why = archive_error_string(reader);
    return fail(FailureKind::invalid,
                entry_text(path) + "is damaged: " + (why != nullptr ? why : "it ends too early"));
}

/// Whether so many unpacked bytes are within both limits; `ratio_limit`: bytes.
Result<void> check_size(std::uint64_t bytes, const BundleLimits& limits, std::uint64_t ratio_limit)
{
    if (bytes > limits.bytes) {
        return fail(FailureKind::too_large,
                    "bundle: unpacks to more than " + std::to_string(limits.bytes) + " bytes");
    }
    if (bytes > ratio_limit) {
        return fail(FailureKind::too_large,
                    "bundle: unpacks to more than " + std::to_string(limits.ratio) + " times its size");
    }
    return {};
}

class Unpacker
{
public:
    Unpacker(const fs::path& folder, const BundleLimits& limits, std::uint64_t packed,
             const std::stop_token& stop)
        : folder_(folder), limits_(limits), ratio_limit_((1ULL << 20) + packed * limits.ratio), stop_(stop)
    {
    }

    Result<void> entry(archive* reader, archive_entry* header)
    {
        if (stop_.stop_requested()) {
            return cancelled();
        }
        if (++entries_ > limits_.entries) {
            return too_many(limits_);
        }
        const Result<std::string> path = plain_path(archive_entry_pathname(header));
        if (!path) {
            return tl::unexpected(path.error());
        }
        if (Result<void> kind = check_kind(header, *path); !kind) {
            return kind;
        }
        if (path->empty()) {
            return {};  // "./"
        }
        if (archive_entry_filetype(header) == AE_IFDIR) {
            if (files_.contains(*path)) {
                return fail(FailureKind::invalid, entry_text(*path) + "appears twice");
            }
            return make_folder(*path, *path);
        }
        if (!files_.insert(*path).second || folders_.contains(*path)) {
            return fail(FailureKind::invalid, entry_text(*path) + "appears twice");
        }
        if (full()) {
            return too_many(limits_);
        }
        if (const std::size_t slash = path->rfind('/'); slash != std::string::npos) {
            if (Result<void> parent = make_folder(path->substr(0, slash), *path); !parent) {
                return parent;
            }
        }
        return write_entry(reader, *path);
    }

private:
    static tl::unexpected<Failure> cancelled()
    {
        return fail(FailureKind::cancelled, "bundle: cancelled while it was unpacked");
    }

    /// A folder that no entry names counts as one that is named: the archive's few bytes make as many.
    bool full() const { return files_.size() + folders_.size() > limits_.entries; }

    Result<void> make_folder(const std::string& path, const std::string& entry)
    {
        for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
            const std::string part = path.substr(0, end);
            if (files_.contains(part)) {
                return fail(FailureKind::invalid,
                            entry_text(entry) + "lies below " + part + ", which is a file");
            }
            const fs::path made = folder_ / part;
            const bool is_new = folders_.insert(part).second;
            if (full()) {
                return too_many(limits_);
            }
            // Once more by chmod: whatever the umask, a tool that runs as another user reads it.
            if (is_new && (mkdir(made.c_str(), 0755) != 0 || chmod(made.c_str(), 0755) != 0)) {
                return tl::unexpected(system_failure(entry_text(entry) + "cannot be created", errno));
            }
            if (end == std::string::npos) {
                return {};
            }
        }
    }

    Result<void> write_entry(archive* reader, const std::string& path)
    {
        const FileDescriptor file(
            open((folder_ / path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
        if (!file || fchmod(file.get(), 0644) != 0) {
            return tl::unexpected(system_failure(entry_text(path) + "cannot be created", errno));
        }
        const void* block = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        while (true) {
            if (stop_.stop_requested()) {
                return cancelled();
            }
            const int state = archive_read_data_block(reader, &block, &size, &offset);
            if (state == ARCHIVE_EOF) {
                return {};
            }
            if (state != ARCHIVE_OK) {
                return damaged(path, reader);
            }
            // A sparse file's holes count as well: its end is what it would take.
            bytes_ += size;
            const auto end = static_cast<std::uint64_t>(offset) + size;
            if (Result<void> within = check_size(std::max(bytes_, end), limits_, ratio_limit_); !within) {
                return within;
            }
            if (pwrite(file.get(), block, size, offset) != static_cast<ssize_t>(size)) {
                return tl::unexpected(system_failure(entry_text(path) + "cannot be written", errno));
            }
        }
    }

    const fs::path& folder_;
    const BundleLimits& limits_;
    std::uint64_t ratio_limit_;
    const std::stop_token& stop_;
    std::uint32_t entries_ = 0;
    std::uint64_t bytes_ = 0;
    std::set<std::string> files_, folders_;
};

/// Keeps the content of one file and reads over the rest, under the same rules as the Unpacker.
class Finder
{
public:
    Finder(std::string name, std::uint64_t file_limit, const BundleLimits& limits, std::uint64_t packed)
        : name_(std::move(name)), file_limit_(file_limit), limits_(limits),
          ratio_limit_((1ULL << 20) + packed * limits.ratio)
    {
    }

    Result<void> entry(archive* reader, archive_entry* header)
    {
        if (++entries_ > limits_.entries) {
            return too_many(limits_);
        }
        const Result<std::string> path = plain_path(archive_entry_pathname(header));
        if (!path) {
            return tl::unexpected(path.error());
        }
        if (Result<void> kind = check_kind(header, *path); !kind) {
            return kind;
        }
        const bool wanted = *path == name_ && archive_entry_filetype(header) == AE_IFREG;
        if (wanted) {
            content_.emplace();
        }
        return read(reader, *path, wanted);
    }
    bool done() const { return content_.has_value(); }
    std::optional<std::string> content() && { return std::move(content_); }

private:
    Result<void> read(archive* reader, const std::string& path, bool wanted)
    {
        const void* block = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        while (true) {
            const int state = archive_read_data_block(reader, &block, &size, &offset);
            if (state == ARCHIVE_EOF) {
                return {};
            }
            if (state != ARCHIVE_OK) {
                return damaged(path, reader);
            }
            bytes_ += size;
            const std::uint64_t end = static_cast<std::uint64_t>(offset) + size;
            if (Result<void> within = check_size(std::max(bytes_, end), limits_, ratio_limit_); !within) {
                return within;
            }
            if (!wanted) {
                continue;
            }
            if (end > file_limit_) {
                return fail(FailureKind::too_large, entry_text(path) + "is over the maximum of " +
                                                        std::to_string(file_limit_) + " bytes");
            }
            content_->resize(std::max(content_->size(),
                                      static_cast<std::size_t>(end)));  // holes of a sparse file are zeros
            std::memcpy(content_->data() + offset, block, size);
        }
    }

    const std::string name_;
    const std::uint64_t file_limit_;
    const BundleLimits& limits_;
    const std::uint64_t ratio_limit_;
    std::uint32_t entries_ = 0;
    std::uint64_t bytes_ = 0;
    std::optional<std::string> content_;
};

/// Gives the archive's entries in order to `visit`, until it answers false or fails.
template <typename Visit>
Result<void> walk(const fs::path& archive_path, Visit visit)
{
    const ArchivePtr reader(archive_read_new());
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_zstd(reader.get());
    const auto not_tar = [&] {
        const char* why = archive_error_string(reader.get());
        return fail(FailureKind::invalid, "bundle: is no tar archive (plain, gzip or zstd): " +
                                              std::string(why != nullptr ? why : "it is empty"));
    };
    if (archive_read_open_filename(reader.get(), archive_path.c_str(), 65'536) != ARCHIVE_OK) {
        return not_tar();
    }
    while (true) {
        archive_entry* header = nullptr;
        const int state = archive_read_next_header(reader.get(), &header);
        if (state == ARCHIVE_EOF) {
            return {};
        }
        if (state != ARCHIVE_OK && state != ARCHIVE_WARN) {
            return not_tar();
        }
        const Result<bool> more = visit(reader.get(), header);
        if (!more) {
            return tl::unexpected(more.error());
        }
        if (!*more) {
            return {};
        }
    }
}

/// Bytes of the packed archive. Errors: not_found, invalid (it is empty).
Result<std::uint64_t> packed_size(const fs::path& archive_path)
{
    std::error_code error;
    const std::uint64_t packed = fs::file_size(archive_path, error);
    if (error) {
        return fail(FailureKind::not_found, "bundle: " + archive_path.string() + ": " + error.message());
    }
    if (packed == 0) {
        return fail(FailureKind::invalid, "bundle: is no tar archive (plain, gzip or zstd): it is empty");
    }
    return packed;
}

}  // namespace

Result<void> unpack_bundle(const fs::path& archive_path, const fs::path& folder, const BundleLimits& limits,
                           const std::stop_token& stop)
{
    const Result<std::uint64_t> packed = packed_size(archive_path);
    if (!packed) {
        return tl::unexpected(packed.error());
    }
    Unpacker unpacker(folder, limits, *packed, stop);
    return walk(archive_path, [&](archive* reader, archive_entry* header) -> Result<bool> {
        const Result<void> done = unpacker.entry(reader, header);
        return done ? Result<bool>(true) : tl::unexpected(done.error());
    });
}

Result<std::optional<std::string>> read_from_bundle(const fs::path& archive_path, const std::string& name,
                                                    std::uint64_t file_limit, const BundleLimits& limits)
{
    const Result<std::uint64_t> packed = packed_size(archive_path);
    if (!packed) {
        return tl::unexpected(packed.error());
    }
    Finder finder(name, file_limit, limits, *packed);
    const Result<void> walked =
        walk(archive_path, [&](archive* reader, archive_entry* header) -> Result<bool> {
            const Result<void> done = finder.entry(reader, header);
            return done ? Result<bool>(!finder.done()) : tl::unexpected(done.error());
        });
    if (!walked) {
        return tl::unexpected(walked.error());
    }
    return std::move(finder).content();
}

}  // namespace unikernel
