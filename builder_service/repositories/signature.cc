// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/signature.hh"

#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/util/file.hh"

namespace unikernel
{

namespace
{

constexpr std::uint64_t key_bytes = 64 << 10;

struct Free {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

/// Nobody is asked for a pass phrase.
int no_pass_phrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/)
{
    return 0;
}

const unsigned char* bytes(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

template <typename Read>
Result<Key> read_key(const std::filesystem::path& file, Read read, const std::string& what)
{
    std::error_code code;
    const auto real = std::filesystem::canonical(file, code);  // a key may be a link
    const auto text = read_file(code ? file : real, key_bytes);
    if (!text) {
        return tl::unexpected(text.error());
    }
    const std::unique_ptr<BIO, Free> source(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
    Key key(read(source.get(), nullptr, &no_pass_phrase, nullptr));
    ERR_clear_error();
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
        return fail(FailureKind::invalid, file.string() + " holds no Ed25519 " + what);
    }
    return key;
}

}  // namespace

Result<std::string> sign(const std::filesystem::path& file, std::string_view message)
{
    const auto key = read_key(file, &PEM_read_bio_PrivateKey,
                              "private key in PEM form without a pass phrase; openssl genpkey -algorithm "
                              "ed25519 -out KEY.pem makes one");
    if (!key) {
        return tl::unexpected(key.error());
    }
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string signature(signature_bytes, '\0');
    std::size_t size = signature.size();
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key->get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes(message), message.size()) != 1) {
        ERR_clear_error();
        return fail(FailureKind::internal, "OpenSSL cannot sign with " + file.string());
    }
    signature.resize(size);
    return signature;
}

Result<void> check_signature(const std::filesystem::path& file, std::string_view message,
                             std::string_view signature)
{
    const auto key = read_key(file, &PEM_read_bio_PUBKEY,
                              "public key in PEM form; openssl pkey -in KEY.pem -pubout makes one");
    if (!key) {
        return tl::unexpected(key.error());
    }
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    const bool good = signature.size() == signature_bytes &&
                      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key->get()) == 1 &&
                      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message),
                                       message.size()) == 1;
    ERR_clear_error();
    return good ? Result<void>{}
                : fail(FailureKind::invalid,
                       "the signature is not one of the key " + file.string() + " for this content");
}

}  // namespace unikernel
