// SPDX-License-Identifier: Apache-2.0
#include "common/util/digest.hh"

#include <algorithm>
#include <fstream>
#include <new>
#include <system_error>
#include <vector>

#include <openssl/evp.h>

#include "common/util/hex.hh"

namespace unikernel
{

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept
{
    EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new())
{
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
        throw std::bad_alloc();  // the only way these fail with a built-in digest
    }
}

Sha256& Sha256::update(std::span<const std::uint8_t> bytes)
{
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
    return *this;
}

Sha256& Sha256::update(std::string_view text)
{
    EVP_DigestUpdate(context_.get(), text.data(), text.size());
    return *this;
}

Sha256& Sha256::field(std::string_view text)
{
    return update(std::to_string(text.size()) + ":").update(text);
}

Digest Sha256::finish()
{
    Digest digest{};
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return digest;
}

Digest sha256(std::string_view text)
{
    return Sha256().update(text).finish();
}

Result<Digest> sha256_file(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return fail(FailureKind::not_found, path.string() + ": cannot be opened");
    }
    Sha256 sha;
    std::vector<char> block(1U << 18U);
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
        sha.update(std::string_view(block.data(), static_cast<std::size_t>(file.gcount())));
    }
    if (file.bad()) {
        return fail(FailureKind::internal, path.string() + ": reading failed");
    }
    return sha.finish();
}

Result<Digest> sha256_folder(const std::filesystem::path& folder)
{
    namespace fs = std::filesystem;
    std::error_code error;
    std::vector<std::string> files;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const fs::file_status status = it->symlink_status(error);
        if (fs::is_regular_file(status)) {
            files.push_back(it->path().lexically_relative(folder).string());
        } else if (!fs::is_directory(status)) {
            return fail(FailureKind::invalid, it->path().string() + ": neither a regular file nor a folder");
        }
    }
    if (error) {
        return fail(FailureKind::not_found, folder.string() + ": " + error.message());
    }
    std::sort(files.begin(), files.end());
    Sha256 sha;
    for (const std::string& name : files) {
        const Result<Digest> content = sha256_file(folder / name);
        if (!content) {
            return tl::unexpected(content.error());
        }
        sha.field(name).update(*content);
    }
    return sha.finish();
}

std::string to_string(const Digest& digest)
{
    return "sha256:" + to_hex(digest);
}

}  // namespace unikernel
