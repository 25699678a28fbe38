// SPDX-License-Identifier: Apache-2.0
#include "common/model/secret.hh"

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/util/digest.hh"
#include "common/util/hex.hh"

namespace unikernel
{

namespace
{

using nlohmann::json;

constexpr std::uint32_t least_iterations = 1'000;
constexpr std::uint32_t most_iterations = 10'000'000;
constexpr std::size_t longest_secret = 4096;

bool is_unsealed_form(const json& value)
{
    if (!value.is_object() || value.size() != 1) {
        return false;
    }
    const std::string& key = value.begin().key();
    return key == "plain" || key == "from_env" || key == "from_file";
}

struct Place {
    json* value;
    std::string path;
};

void find_unsealed(json& value, const std::string& path, std::vector<Place>& found)
{
    if (is_unsealed_form(value)) {
        found.push_back({&value, path});
    } else if (value.is_object()) {
        for (auto& [key, part] : value.items()) {
            find_unsealed(part, path + "." + key, found);
        }
    } else if (value.is_array()) {
        for (std::size_t i = 0; i < value.size(); ++i) {
            find_unsealed(value[i], path + "[" + std::to_string(i) + "]", found);
        }
    }
}

void wipe(json& text)
{
    if (text.is_string()) {
        auto& bytes = text.get_ref<std::string&>();
        OPENSSL_cleanse(bytes.data(), bytes.size());
    }
}

/// The plain text behind one of the three forms.
Result<std::string> plain_text(json& form, const std::string& path, const SecretSource& source)
{
    const std::string kind = form.begin().key();
    json& text = form.begin().value();
    if (!text.is_string()) {
        return fail(FailureKind::invalid, path + "." + kind + ": must be a string");
    }
    std::string plain;
    if (kind == "plain") {
        plain = text.get<std::string>();
        wipe(text);
    } else if (!source) {
        return fail(FailureKind::invalid,
                    path + "." + kind +
                        ": only a client reads the environment and files; the service takes "
                        "{plain: ...} or the sealed form");
    } else {
        Result<std::string> read = source(kind, text.get<std::string>());
        if (!read) {
            return fail(read.error().kind, path + "." + kind + ": " + read.error().message);
        }
        plain = std::move(*read);
    }
    if (plain.empty() || plain.size() > longest_secret) {
        const std::string size = std::to_string(plain.size());
        OPENSSL_cleanse(plain.data(), plain.size());
        return fail(FailureKind::invalid,
                    path + ": a secret has 1 to " + std::to_string(longest_secret) + " bytes, not " + size);
    }
    return plain;
}

}  // namespace

json seal(std::string_view plain, std::string_view salt, std::uint32_t iterations)
{
    std::array<std::uint8_t, secret_hash_bytes> hash{};
    const auto salt_bytes = std::span(reinterpret_cast<const std::uint8_t*>(salt.data()), salt.size());
    PKCS5_PBKDF2_HMAC(plain.data(), static_cast<int>(plain.size()), salt_bytes.data(),
                      static_cast<int>(salt_bytes.size()), static_cast<int>(iterations), EVP_sha256(),
                      static_cast<int>(hash.size()), hash.data());
    return {{"salt", to_hex(salt_bytes)}, {"hash", to_hex(hash)}, {"iterations", iterations}};
}

bool is_sealed(const json& value)
{
    if (!value.is_object() || value.size() != 3 || !value.contains("salt") || !value.contains("hash") ||
        !value.contains("iterations") || !value["salt"].is_string() || !value["hash"].is_string() ||
        !value["iterations"].is_number_integer()) {
        return false;
    }
    const auto salt = from_hex(value["salt"].get_ref<const std::string&>());
    const auto hash = from_hex(value["hash"].get_ref<const std::string&>());
    const auto rounds = value["iterations"].get<std::int64_t>();
    return salt && salt->size() == secret_salt_bytes && hash && hash->size() == secret_hash_bytes &&
           rounds >= least_iterations && rounds <= most_iterations;
}

Result<json> seal_secrets(json document, const SecretSource& source)
{
    if (!document.is_object() || !document.contains("modules")) {
        return document;
    }
    std::vector<Place> places;
    find_unsealed(document["modules"], "modules", places);
    if (places.empty()) {
        return document;
    }
    std::vector<std::string> plains;
    const auto wipe_all = [&] {
        for (std::string& plain : plains) {
            OPENSSL_cleanse(plain.data(), plain.size());
        }
    };
    for (const Place& place : places) {
        Result<std::string> plain = plain_text(*place.value, place.path, source);
        if (!plain) {
            wipe_all();
            return tl::unexpected(plain.error());
        }
        plains.push_back(std::move(*plain));
        *place.value = nullptr;
    }
    const std::string context = document.dump(-1, ' ', true, json::error_handler_t::replace);
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Digest digest =
            Sha256().field("unikernel secret salt 1").field(context).field(places[i].path).finish();
        const std::string_view salt(reinterpret_cast<const char*>(digest.data()), secret_salt_bytes);
        *places[i].value = seal(plains[i], salt, secret_iterations);
    }
    wipe_all();
    return document;
}

}  // namespace unikernel
