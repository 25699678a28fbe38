// SPDX-License-Identifier: Apache-2.0
#include "common/util/temporary_directory.hh"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace unikernel
{

Result<TemporaryDirectory> TemporaryDirectory::create(std::string_view prefix,
                                                      const std::filesystem::path& parent)
{
    std::error_code error;
    const auto base = parent.empty() ? std::filesystem::temp_directory_path(error) : parent;
    if (error) {
        return fail(FailureKind::internal, "no folder for temporary files: " + error.message());
    }
    std::string name = (base / (std::string(prefix) + "-XXXXXX")).string();
    if (mkdtemp(name.data()) == nullptr) {
        const int code = errno;
        return fail(code == ENOSPC || code == EDQUOT ? FailureKind::no_space : FailureKind::internal,
                    base.string() +
                        ": cannot create a temporary folder: " + std::generic_category().message(code));
    }
    return TemporaryDirectory(std::filesystem::path(name));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {}))
{
}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept
{
    std::swap(path_, other.path_);
    return *this;
}

TemporaryDirectory::~TemporaryDirectory()
{
    if (!path_.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
}

}  // namespace unikernel
