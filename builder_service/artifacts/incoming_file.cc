// SPDX-License-Identifier: Apache-2.0
#include "builder_service/artifacts/incoming_file.hh"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace unikernel
{

Result<IncomingFile> IncomingFile::create(const std::filesystem::path& folder)
{
    std::string name = (folder / "incoming.XXXXXX").string();
    FileDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file)
        return tl::unexpected(system_failure(folder.string(), errno));
    return IncomingFile(name, std::move(file));
}

IncomingFile::IncomingFile(std::filesystem::path path, FileDescriptor file)
    : path_(std::move(path)), file_(std::move(file))
{
}

IncomingFile::IncomingFile(IncomingFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)), sha_(std::move(other.sha_)),
      bytes_(other.bytes_)
{
}

IncomingFile::~IncomingFile()
{
    if (!path_.empty())
        ::unlink(path_.c_str());
}

Result<void> IncomingFile::write(std::span<const std::byte> bytes)
{
    sha_.update(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return tl::unexpected(system_failure(path_.parent_path().string(), errno));
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        bytes_ += static_cast<std::uint64_t>(written);
    }
    return {};
}

Result<Digest> IncomingFile::finish()
{
    if (::fsync(file_.get()) != 0)
        return tl::unexpected(system_failure(path_.parent_path().string(), errno));
    return sha_.finish();
}

Result<void> IncomingFile::keep(const std::filesystem::path& target)
{
    if (::rename(path_.c_str(), target.c_str()) != 0)
        return tl::unexpected(system_failure(target.string(), errno));
    path_.clear();
    return sync_path(target.parent_path());
}

Result<void> sync_path(const std::filesystem::path& path)
{
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0)
        return tl::unexpected(system_failure(path.string(), errno));
    return {};
}

}  // namespace unikernel
