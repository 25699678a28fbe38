// SPDX-License-Identifier: Apache-2.0
#include "repository_fixture.hh"

namespace unikernel
{
namespace
{

using testing::HasSubstr;

class Signature : public test::RepositoryTest
{
};

TEST_F(Signature, is_what_the_tool_openssl_makes_and_checks)
{
    const std::string message(100'000, 'm');
    put("message", message);
    const auto path = [&](const char* name) { return (root() / name).string(); };
    const auto ours = sign(root() / "key.pem", message);
    ASSERT_TRUE(ours) << ours.error().message;
    put("ours", *ours);
    test::openssl({"pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", path("key.pub"), "-sigfile",
                   path("ours"), "-in", path("message")});
    test::openssl({"pkeyutl", "-sign", "-rawin", "-inkey", path("key.pem"), "-out", path("theirs"), "-in",
                   path("message")});
    EXPECT_TRUE(check_signature(root() / "key.pub", message, *read_file(path("theirs"), 64)));
}

TEST_F(Signature, of_another_message_or_key_is_refused)
{
    key("other");
    const std::string good = *sign(root() / "key.pem", "message");
    EXPECT_TRUE(check_signature(root() / "key.pub", "message", good));
    std::string bent = good;
    bent.back() = static_cast<char>(bent.back() ^ 1);
    EXPECT_FALSE(check_signature(root() / "key.pub", "massage", good));
    EXPECT_FALSE(check_signature(root() / "key.pub", "message", bent));
    EXPECT_FALSE(check_signature(root() / "key.pub", "message", good.substr(1)));
    EXPECT_FALSE(check_signature(root() / "key.pub", "message", ""));
    const auto refused = check_signature(root() / "other.pub", "message", good);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::invalid);
    EXPECT_EQ(refused.error().message,
              "the signature is not one of the key " + (root() / "other.pub").string() + " for this content");
}

TEST_F(Signature, needs_keys_of_its_kind)
{
    test::openssl({"genpkey", "-algorithm", "x25519", "-out", (root() / "exchange.pem").string()});
    test::openssl({"genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", "pass:x", "-out",
                   (root() / "locked.pem").string()});
    put("none.pem", "no key\n");
    for (const auto* name : {"exchange.pem", "locked.pem", "none.pem", "key.pub"}) {
        EXPECT_THAT(sign(root() / name, "m").error().message, HasSubstr("holds no Ed25519 private key"))
            << name;
    }
    EXPECT_THAT(check_signature(root() / "key.pem", "m", "").error().message,
                HasSubstr("holds no Ed25519 public key"));
    EXPECT_EQ(sign(root() / "nowhere.pem", "m").error().kind, FailureKind::not_found);
}

}  // namespace
}  // namespace unikernel
