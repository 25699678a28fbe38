// SPDX-License-Identifier: Apache-2.0
// Bundles as they come from elsewhere: fetched, checked, kept.
#include <fstream>

#include "repository_fixture.hh"
#include "tests/unit/openstack/fake_server.hh"

namespace unikernel
{
namespace
{

using testing::HasSubstr;
namespace fs = std::filesystem;

class Bundles : public test::RepositoryTest
{
protected:
    void SetUp() override
    {
        RepositoryTest::SetUp();
        module("acme", "firewall", "1.0.0");
        acme = bundle("acme");
    }

    BundleCache cache(const RepositoryLimits& limits = {}) const { return {root() / "cache", limits}; }

    std::string refusal(const RepositorySettings& settings, const RepositoryLimits& limits = {}) const
    {
        const auto folder = cache(limits).fetch(settings, {});
        EXPECT_FALSE(folder);
        // What was refused has left nothing behind, neither in the cache nor beside it.
        EXPECT_TRUE(!fs::exists(root() / "cache") || fs::is_empty(root() / "cache"));
        return folder ? "" : folder.error().message;
    }

    RepositorySettings acme;
};

TEST_F(Bundles, are_the_same_bytes_whenever_they_are_packed)
{
    const std::string first = *compressed(*pack_bundle(root() / "acme"));
    fs::last_write_time(root() / "acme/firewall/a.cc", fs::file_time_type::clock::now());
    EXPECT_EQ(*compressed(*pack_bundle(root() / "acme")), first);
    put("packed.gz", first);
    ProcessSpecification gunzip;  // the real one takes it
    gunzip.program = "/bin/gzip";
    gunzip.arguments = {"--decompress", "--stdout", (root() / "packed.gz").string()};
    EXPECT_EQ(run(gunzip)->out, *pack_bundle(root() / "acme"));
}

TEST_F(Bundles, are_fetched_checked_and_kept)
{
    EXPECT_EQ(cache().open(acme).error().kind, FailureKind::not_found);
    const auto fetched = cache().fetch(acme, {});
    ASSERT_TRUE(fetched) << fetched.error().message;
    EXPECT_EQ(*read_file(*fetched / "firewall/a.cc", 100), "int a;\n");
    fs::remove(root() / "acme.tar.gz");
    fs::remove(root() / "acme.tar.gz.sig");
    EXPECT_EQ(*cache().open(acme), *fetched) << "its source is gone, and it is still here";
    EXPECT_EQ(cache().fetch(acme, {}).error().kind, FailureKind::not_found);
}

TEST_F(Bundles, that_were_changed_are_refused_before_they_are_unpacked)
{
    std::string bytes = *read_file(root() / "acme.tar.gz", 1 << 20);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    put("acme.tar.gz", bytes);
    EXPECT_EQ(refusal(acme), acme.bundle + " has the digest " + to_string(sha256(bytes)) + ", not " +
                                 acme.digest +
                                 " as the configuration wants it: it was changed, or the configuration means "
                                 "another one");
    // Whoever can also change the digest in the configuration's hint still cannot sign.
    acme.digest = to_string(sha256(bytes));
    EXPECT_THAT(refusal(acme), HasSubstr("the signature is not one of the key"));
}

TEST_F(Bundles, of_another_signer_or_of_none_are_refused)
{
    key("other");
    acme = bundle("acme", "other");
    EXPECT_THAT(refusal(acme), HasSubstr("the signature is not one of the key"));
    fs::remove(root() / "acme.tar.gz.sig");
    EXPECT_THAT(refusal(acme), HasSubstr("the signature cannot be had: "));
    put("acme.tar.gz.sig", std::string(65, 's'));
    EXPECT_THAT(refusal(acme), HasSubstr("65 bytes are over the limit of 64"));
    acme.key = root() / "nowhere.pub";
    put("acme.tar.gz.sig", std::string(64, 's'));
    EXPECT_THAT(refusal(acme), HasSubstr("nowhere.pub"));
}

TEST_F(Bundles, over_a_limit_are_refused)
{
    EXPECT_THAT(refusal(acme, {.packed = 10, .unpacked = {}}), HasSubstr("over the limit of 10"));
    EXPECT_THAT(refusal(acme, {.unpacked = {.bytes = 20}}), HasSubstr("unpacks to more than 20 bytes"));
    EXPECT_THAT(refusal(acme, {.unpacked = {.entries = 1}}), HasSubstr("more than 1 files and folders"));
}

TEST_F(Bundles, that_would_leave_their_folder_are_refused)
{
    ProcessSpecification tar;  // the tool writes what pack_bundle never would
    tar.program = "/bin/tar";
    tar.arguments = {"--create",
                     "--file",
                     (root() / "acme.tar.gz").string(),
                     "--absolute-names",
                     "--transform=s,.*,../../escaped,",
                     (root() / "acme/firewall/a.cc").string()};
    tar.environment = {{"PATH", "/usr/bin:/bin"}};
    ASSERT_TRUE(run(tar)->ok());
    const std::string bytes = *read_file(root() / "acme.tar.gz", 1 << 20);
    put("acme.tar.gz.sig", *sign(root() / "key.pem", bytes));
    acme.digest = to_string(sha256(bytes));
    EXPECT_THAT(refusal(acme), HasSubstr("bundle: entry \"../../escaped\": \"..\" is refused"));
    EXPECT_FALSE(fs::exists(root() / "escaped"));
}

TEST_F(Bundles, that_were_damaged_in_the_cache_are_unpacked_again_or_gone)
{
    const fs::path folder = *cache().fetch(acme, {});
    put(fs::relative(folder, root()) / "firewall/a.cc", "int evil;\n");
    EXPECT_EQ(*read_file(*cache().open(acme) / "firewall/a.cc", 100), "int a;\n");
    put(fs::relative(folder, root()) / "extra/a.cc", "int evil;\n");
    EXPECT_FALSE(fs::exists(*cache().open(acme) / "extra"));
    put(fs::relative(folder.parent_path(), root()) / "bundle", "damaged");
    EXPECT_EQ(cache().open(acme).error().kind, FailureKind::not_found);
    EXPECT_TRUE(cache().fetch(acme, {}));
    EXPECT_TRUE(cache().open(acme));
}

TEST_F(Bundles, in_the_cache_are_checked_by_a_key_that_came_later)
{
    RepositorySettings without = acme;
    without.key.clear();
    ASSERT_TRUE(cache().fetch(without, {}));
    EXPECT_TRUE(cache().open(without));
    EXPECT_EQ(cache().open(acme).error().kind, FailureKind::not_found) << "to be fetched with its signature";
    ASSERT_TRUE(cache().fetch(acme, {}));
    EXPECT_TRUE(cache().open(acme));
    key("other");
    acme.key = root() / "other.pub";
    EXPECT_EQ(cache().open(acme).error().kind, FailureKind::invalid);
}

/// The folder of the test over HTTP.
class BundlesByHttp : public Bundles
{
protected:
    FakeServer server{[this](const FakeServer::Request& request) {
        const std::string name(request.target().substr(1));
        if (name == "moved") {
            auto answer = FakeServer::reply(302);
            answer.set("Location", "/acme.tar.gz");
            return answer;
        }
        const auto content = read_file(root() / name, 1 << 20);
        return content ? FakeServer::reply(200, request.method_string() == "HEAD" ? "" : *content)
                       : FakeServer::reply(404, "gone");
    }};
};

TEST_F(BundlesByHttp, are_fetched_as_well)
{
    acme.bundle = server.url() + "/acme.tar.gz";
    acme.signature = acme.bundle + ".sig";
    const auto fetched = cache().fetch(acme, {});
    ASSERT_TRUE(fetched) << fetched.error().message;
    EXPECT_TRUE(fs::exists(*fetched / "firewall/module.yaml"));
}

TEST_F(BundlesByHttp, are_refused_as_well)
{
    acme.bundle = server.url() + "/acme.tar.gz";
    acme.signature = acme.bundle + ".sig";
    EXPECT_EQ(refusal(acme, {.packed = 10, .unpacked = {}}),
              acme.bundle + ": more than the limit of 10 bytes");
    acme.bundle = server.url() + "/moved";
    EXPECT_EQ(refusal(acme), acme.bundle + " answers 302; redirects are not followed");
    acme.bundle = server.url() + "/none";
    EXPECT_EQ(refusal(acme), acme.bundle + " answers 404: there is nothing any more");
    acme.bundle = "http://127.0.0.1:1/x";
    EXPECT_THAT(refusal(acme), HasSubstr("does not answer"));
}

}  // namespace
}  // namespace unikernel
