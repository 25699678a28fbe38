// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/folder_stamp.hh"

#include <algorithm>
#include <chrono>
#include <map>
#include <system_error>

#include <sys/stat.h>

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;

constexpr std::int64_t settled_after = 1'000'000'000;  ///< ns

std::int64_t nanoseconds(const timespec& time)
{
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<FolderStamp> folder_stamp(const fs::path& folder)
{
    timespec clock{};
    clock_gettime(CLOCK_REALTIME, &clock);  // before the files are looked at
    std::map<std::string, std::string> facts;
    std::int64_t newest = 0;
    const auto look = [&](const fs::path& path) {
        struct stat found {
        };
        if (lstat(path.c_str(), &found) != 0) {
            return;  // it went this moment; the folder's time says so
        }
        newest = std::max({newest, nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)});
        std::string& text = facts[path.lexically_relative(folder).string()];
        for (const std::int64_t part :
             {static_cast<std::int64_t>(found.st_mode), static_cast<std::int64_t>(found.st_ino),
              static_cast<std::int64_t>(found.st_size), nanoseconds(found.st_mtim),
              nanoseconds(found.st_ctim)}) {
            text += std::to_string(part) + " ";
        }
    };
    std::error_code error;
    look(folder);
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        look(it->path());
    }
    if (error) {
        return fail(FailureKind::not_found, folder.string() + ": " + error.message());
    }
    Sha256 sha;
    for (const auto& [name, text] : facts) {
        sha.field(name).field(text);
    }
    return FolderStamp{sha.finish(), newest + settled_after < nanoseconds(clock)};
}

}  // namespace unikernel
