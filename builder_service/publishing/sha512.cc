// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/sha512.hh"

#include <array>
#include <fstream>
#include <memory>
#include <span>
#include <vector>

#include <openssl/evp.h>

#include "common/util/hex.hh"

namespace unikernel
{

Result<std::string> sha512_of_file(const std::filesystem::path& file)
{
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        return fail(FailureKind::not_found, file.string() + " cannot be read");
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha512(), nullptr) == 1;
    std::vector<char> block(std::size_t{256} << 10);
    while (good &&
           (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0))
        good = EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(stream.gcount())) == 1;
    std::array<std::uint8_t, 64> digest{};
    if (!good || stream.bad() || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
        return fail(FailureKind::internal, file.string() + ": its SHA-512 cannot be computed");
    return to_hex(digest);
}

}  // namespace unikernel
