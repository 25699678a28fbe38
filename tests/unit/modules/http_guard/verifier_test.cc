// SPDX-License-Identifier: Apache-2.0
#include "verifier.hh"

#include "test_credentials.hh"

#include <gtest/gtest.h>

#include <string>

using namespace u0::http_guard;

namespace
{

class VerifierTest : public testing::Test
{
protected:
    CredentialSet verify(const std::string& authorization, CredentialSet candidates = ~CredentialSet{0})
    {
        verifier_.begin(policy_, parse_authorization(authorization), candidates);
        slices_ = 1;
        while (!verifier_.step(policy_, 10))
            ++slices_;
        return verifier_.verified();
    }

    const std::array<Credential, 4> credentials_{{
        basic("staff", "secret one"),
        basic("admin", "pass:with:colons"),
        bearer("abc.DEF-123=="),
        basic("staff", "second of the same name"),
    }};
    const Policy policy_{true, credentials_, {}};
    Verifier verifier_;
    int slices_ = 0;
};

TEST_F(VerifierTest, tells_right_from_wrong)
{
    EXPECT_EQ(verify(basic_header("staff", "secret one")), 1U);
    EXPECT_EQ(verify(basic_header("admin", "pass:with:colons")), 2U);
    EXPECT_EQ(verify("bearer abc.DEF-123=="), 4U);
    EXPECT_EQ(verify(basic_header("staff", "second of the same name")), 8U);
    for (const std::string& wrong :
         {basic_header("staff", "secret onf"), basic_header("staff", ""), basic_header("Staff", "secret one"),
          basic_header("admin", "secret one"), basic_header("", "secret one"), basic_header("nobody", "x"),
          std::string("Bearer abc.DEF-123="), std::string("Bearer abc.DEF-124=="),
          std::string("Basic c3RhZmY=")})
        EXPECT_EQ(verify(wrong), 0U) << wrong;
}

TEST_F(VerifierTest, only_candidates_count)
{
    EXPECT_EQ(verify(basic_header("staff", "secret one"), 2 | 4 | 8), 0U);
    EXPECT_EQ(verify("Bearer abc.DEF-123==", 1), 0U);
    EXPECT_EQ(verify(basic_header("staff", "secret one"), 0), 0U);
}

TEST_F(VerifierTest, an_unknown_user_takes_as_long_as_a_known_one)
{
    verify(basic_header("admin", "wrong"));
    const int known = slices_;
    verify(basic_header("nobody", "wrong"));
    EXPECT_EQ(slices_, known);
}

TEST_F(VerifierTest, remembers_only_what_was_verified)
{
    const std::string right = basic_header("staff", "secret one"),
                      wrong = basic_header("staff", "secret onf");
    const auto recalled = [&](const std::string& header, CredentialSet candidates = ~CredentialSet{0}) {
        return verifier_.recall(parse_authorization(header), candidates);
    };
    EXPECT_EQ(recalled(right), 0U);
    verify(wrong);
    EXPECT_EQ(recalled(wrong), 0U);
    verify(right);
    EXPECT_EQ(recalled(right), 1U);
    EXPECT_EQ(recalled(right, 2 | 4), 0U);
    EXPECT_EQ(recalled(wrong), 0U);
    EXPECT_EQ(recalled("Bearer" + right.substr(5)), 0U);
    verifier_.begin(policy_, parse_authorization(wrong), 1);
    verifier_.cancel();
    EXPECT_FALSE(verifier_.busy());
    EXPECT_EQ(recalled(right), 1U);
}

TEST_F(VerifierTest, a_credential_without_iterations_never_matches)
{
    const std::array<Credential, 1> broken{{{Scheme::basic, "u", {}}}};
    verifier_.begin({true, broken, {}}, parse_authorization(basic_header("u", "x")), 1);
    while (!verifier_.step({true, broken, {}}, 10)) {
    }
    EXPECT_EQ(verifier_.verified(), 0U);
}

TEST_F(VerifierTest, takes_the_longest_secret_that_is_sealed)
{
    const std::string longest(4096, 'x');
    const std::array<Credential, 1> one{{basic(std::string(64, 'u'), longest)}};
    verifier_.begin({true, one, {}}, parse_authorization(basic_header(std::string(64, 'u'), longest)), 1);
    while (!verifier_.step({true, one, {}}, 10)) {
    }
    EXPECT_EQ(verifier_.verified(), 1U);
}

TEST(Authorization, is_taken_apart)
{
    using Kind = Presentation::Kind;
    EXPECT_EQ(parse_authorization("").kind, Kind::none);
    EXPECT_EQ(parse_authorization("Digest username=x").kind, Kind::none);
    EXPECT_EQ(parse_authorization("Basically abc").kind, Kind::none);
    EXPECT_EQ(parse_authorization("Basic").kind, Kind::invalid);
    EXPECT_EQ(parse_authorization("Basic ").kind, Kind::invalid);
    EXPECT_EQ(parse_authorization("Basic ab c").kind, Kind::invalid);
    EXPECT_EQ(parse_authorization("Basic a=b").kind, Kind::invalid);
    EXPECT_EQ(parse_authorization("Bearer a,b").kind, Kind::invalid);
    EXPECT_EQ(parse_authorization("Bearer =").kind, Kind::invalid);
    EXPECT_EQ(parse_authorization("Bearer " + std::string(Verifier::token_limit + 1, 'a')).kind,
              Kind::invalid);
    const Presentation basic = parse_authorization("bAsIc   YWJj");
    EXPECT_EQ(basic.kind, Kind::valid);
    EXPECT_EQ(basic.scheme, Scheme::basic);
    EXPECT_EQ(basic.token, "YWJj");
}

TEST(Base64, has_one_text_for_one_value)
{
    std::array<std::uint8_t, 16> out;
    const auto decoded = [&](std::string_view text) -> std::string {
        const std::size_t size = decode_base64(text, out);
        return size == SIZE_MAX ? "-"
                                : std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
    };
    EXPECT_EQ(decoded(""), "");
    EXPECT_EQ(decoded("YQ=="), "a");
    EXPECT_EQ(decoded("YWI="), "ab");
    EXPECT_EQ(decoded("YWJj"), "abc");
    EXPECT_EQ(decoded("++//"), "\xfb\xef\xff");
    for (const char* broken : {"Y", "YQ", "YQ=", "YQ===", "YR==", "YWJ=", "Y===", "====", "YW-j",
                               "YQ==YQ==", "YWJj\n", "AAAAAAAAAAAAAAAAAAAAAAAA"})
        EXPECT_EQ(decoded(broken), "-") << broken;
}

}  // namespace
