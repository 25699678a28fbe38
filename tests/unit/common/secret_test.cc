// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/model/secret.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;

json document(const json& secret)
{
    return {{"name", "staff"},
            {"modules", {{"guard", {{"credentials", {{{"user", "u"}, {"secret", secret}}}}}}}}};
}

const json& sealed_of(const json& sealed)
{
    return sealed["modules"]["guard"]["credentials"][0]["secret"];
}

TEST(Secrets, are_pbkdf2_hmac_sha256)
{
    // The first test vector of RFC 7914, section 11, cut to 32 bytes.
    EXPECT_EQ(seal("passwd", "salt", 1)["hash"],
              "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
}

TEST(Secrets, are_sealed_without_a_trace_of_the_text)
{
    const Result<json> sealed = seal_secrets(document({{"plain", "sesame-open"}}));
    ASSERT_TRUE(sealed) << sealed.error().message;
    EXPECT_TRUE(is_sealed(sealed_of(*sealed)));
    EXPECT_EQ(sealed->dump().find("sesame"), std::string::npos);
    EXPECT_EQ(sealed_of(*sealed)["iterations"], secret_iterations);
}

TEST(Secrets, equal_documents_give_equal_seals_and_sealed_ones_stay)
{
    const json once = *seal_secrets(document({{"plain", "sesame"}}));
    EXPECT_EQ(once, *seal_secrets(document({{"plain", "sesame"}})));
    EXPECT_EQ(once, *seal_secrets(once));
}

TEST(Secrets, the_salt_depends_on_the_place_and_not_on_the_text)
{
    const json a = *seal_secrets(document({{"plain", "sesame"}}));
    const json b = *seal_secrets(document({{"plain", "other"}}));
    EXPECT_EQ(sealed_of(a)["salt"], sealed_of(b)["salt"]);
    EXPECT_NE(sealed_of(a)["hash"], sealed_of(b)["hash"]);
    json renamed = document({{"plain", "sesame"}});
    renamed["name"] = "guests";
    EXPECT_NE(sealed_of(a)["salt"], sealed_of(*seal_secrets(renamed))["salt"]);
    json two = document({{"plain", "sesame"}});
    two["modules"]["guard"]["credentials"].push_back(two["modules"]["guard"]["credentials"][0]);
    const json sealed = *seal_secrets(two);
    EXPECT_NE(sealed["modules"]["guard"]["credentials"][0]["secret"],
              sealed["modules"]["guard"]["credentials"][1]["secret"]);
}

TEST(Secrets, only_a_client_reads_files_and_the_environment)
{
    EXPECT_EQ(
        seal_secrets(document({{"from_env", "PASSWORD"}})).error().message,
        "modules.guard.credentials[0].secret.from_env: only a client reads the environment and files; the "
        "service takes {plain: ...} or the sealed form");
    const SecretSource source = [](std::string_view kind, std::string_view name) -> Result<std::string> {
        return kind == "from_env" && name == "PASSWORD" ? Result<std::string>("sesame")
                                                        : fail(FailureKind::not_found, "is not set");
    };
    const json sealed = *seal_secrets(document({{"from_env", "PASSWORD"}}), source);
    EXPECT_EQ(sealed, *seal_secrets(document({{"plain", "sesame"}})));
    EXPECT_EQ(seal_secrets(document({{"from_file", "x"}}), source).error().message,
              "modules.guard.credentials[0].secret.from_file: is not set");
}

TEST(Secrets, empty_and_huge_ones_are_refused_by_size_alone)
{
    EXPECT_EQ(seal_secrets(document({{"plain", ""}})).error().message,
              "modules.guard.credentials[0].secret: a secret has 1 to 4096 bytes, not 0");
    EXPECT_EQ(seal_secrets(document({{"plain", std::string(5000, 'x')}})).error().message,
              "modules.guard.credentials[0].secret: a secret has 1 to 4096 bytes, not 5000");
    EXPECT_EQ(seal_secrets(document({{"plain", 7}})).error().message,
              "modules.guard.credentials[0].secret.plain: must be a string");
}

}  // namespace
}  // namespace unikernel
