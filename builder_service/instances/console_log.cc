// SPDX-License-Identifier: Apache-2.0
#include "builder_service/instances/console_log.hh"

#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include "common/util/file.hh"

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t beginning_bytes = 64 << 10;
constexpr std::uint64_t block_bytes = 512;  // of st_blocks
constexpr std::int64_t logs_kept = 2;       // besides the current one

}  // namespace

Result<void> make_console_folder(const fs::path& folder)
{
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        return tl::unexpected(system_failure(folder.native(), error.value()));
    fs::permissions(folder, fs::perms(0755), error);
    return {};
}

void remove_console_folder(const fs::path& folder)
{
    std::error_code ignored;
    fs::remove_all(folder, ignored);
}

void forget_old_logs(const fs::path& current, std::int64_t boot)
{
    const std::string prefix = "console-";
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(current.parent_path(), ignored)) {
        const auto stem = entry.path().stem().native();
        if (!stem.starts_with(prefix) || stem.size() > prefix.size() + 18)
            continue;
        const auto digits = stem.substr(prefix.size());
        if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos &&
            std::stoll(digits) < boot - logs_kept)
            fs::remove(entry.path(), ignored);
    }
}

void trim_console(const fs::path& log)
{
    struct stat facts {
    };
    if (::stat(log.c_str(), &facts) != 0 ||
        static_cast<std::uint64_t>(facts.st_blocks) * block_bytes <= console_bytes_most)
        return;
    const FileDescriptor file(::open(log.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    const auto middle = facts.st_size - static_cast<off_t>(2 * console_bytes_kept);
    if (file && middle > 0)
        static_cast<void>(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                      static_cast<off_t>(console_bytes_kept), middle));
}

bool console_has(const fs::path& log, std::string_view line)
{
    std::ifstream file(log, std::ios::binary);
    std::string text(beginning_bytes, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    for (auto at = text.find(line); at != std::string::npos; at = text.find(line, at + 1)) {
        const auto after = at + line.size();
        if ((at == 0 || text[at - 1] == '\n') &&
            (after == text.size() || text[after] == '\r' || text[after] == '\n'))
            return true;
    }
    return false;
}

}  // namespace unikernel
