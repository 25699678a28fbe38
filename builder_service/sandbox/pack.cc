// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <sys/types.h>

#include "builder_service/sandbox/archive.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/util/file.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;

constexpr std::string_view image_suffix = ".img";  ///< what an earlier build has left beside the source

Result<std::vector<std::string>> files_below(const fs::path& folder, const BundleLimits& limits)
{
    std::error_code error;
    std::vector<std::string> files;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().lexically_relative(folder).string();
        const std::string last = it->path().filename().string();
        if (last.starts_with('.') || last.ends_with(image_suffix)) {
            it.disable_recursion_pending();
            continue;
        }
        const fs::file_status status = it->symlink_status(error);
        if (fs::is_regular_file(status)) {
            files.push_back(name);
        } else if (!fs::is_directory(status)) {
            return fail(FailureKind::invalid,
                        "bundle: " + name +
                            ": is neither a file nor a folder (links are refused; use a copy)");
        }
        if (files.size() > limits.entries) {
            return fail(FailureKind::too_large, "bundle: more than " + std::to_string(limits.entries) +
                                                    " entries below " + folder.string());
        }
    }
    if (error) {
        return fail(FailureKind::not_found, "bundle: " + folder.string() + ": " + error.message());
    }
    std::sort(files.begin(), files.end());
    return files;
}

la_ssize_t append(archive* /*writer*/, void* target, const void* bytes, std::size_t size)
{
    static_cast<std::string*>(target)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

}  // namespace

Result<std::string> pack_bundle(const fs::path& folder, const BundleLimits& limits)
{
    const Result<std::vector<std::string>> files = files_below(folder, limits);
    if (!files) {
        return tl::unexpected(files.error());
    }
    std::string tar;
    const ArchivePtr writer(archive_write_new());
    archive_write_set_format_pax_restricted(writer.get());
    archive_write_set_bytes_per_block(writer.get(), 512);
    archive_write_open(writer.get(), &tar, nullptr, append, nullptr);
    std::uint64_t total = 0;
    for (const std::string& name : *files) {
        const Result<std::string> content = read_file(folder / name, limits.bytes);
        total += content ? content->size() : 0;
        if (!content || total > limits.bytes) {
            return content || content.error().kind == FailureKind::too_large
                       ? fail(FailureKind::too_large, "bundle: " + folder.string() + " is larger than " +
                                                          std::to_string(limits.bytes) + " bytes")
                       : tl::unexpected(content.error());
        }
        const ArchiveEntryPtr entry(archive_entry_new());
        archive_entry_set_pathname_utf8(entry.get(), name.c_str());
        archive_entry_set_pathname(entry.get(), name.c_str());
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content->size()));
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0644);
        archive_entry_set_mtime(entry.get(), 0, 0);
        if (archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
            archive_write_data(writer.get(), content->data(), content->size()) !=
                static_cast<la_ssize_t>(content->size())) {
            return fail(FailureKind::internal, "bundle: " + name + ": " + archive_error_string(writer.get()));
        }
    }
    archive_write_close(writer.get());
    return tar;
}

Result<std::string> compressed(std::string_view tar)
{
    std::string packed;
    const ArchivePtr writer(archive_write_new());
    const ArchiveEntryPtr entry(archive_entry_new());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    if (archive_write_set_format_raw(writer.get()) != ARCHIVE_OK ||
        archive_write_add_filter_gzip(writer.get()) != ARCHIVE_OK ||
        archive_write_set_filter_option(writer.get(), "gzip", "timestamp", nullptr) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(writer.get(), 1) != ARCHIVE_OK ||
        archive_write_open(writer.get(), &packed, nullptr, append, nullptr) != ARCHIVE_OK ||
        archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(writer.get(), tar.data(), tar.size()) != static_cast<la_ssize_t>(tar.size()) ||
        archive_write_close(writer.get()) != ARCHIVE_OK) {
        const char* why = archive_error_string(writer.get());
        return fail(FailureKind::internal, std::string("gzip: ") + (why != nullptr ? why : "failed"));
    }
    return packed;
}

}  // namespace unikernel
