// SPDX-License-Identifier: Apache-2.0
#include "builder_service/artifacts/artifact_store.hh"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::string_view elf = "\177ELF and more";

Result<ImageFacts> inspect(const fs::path& file)
{
    const auto digest = sha256_file(file);
    if (!digest)
        return tl::unexpected(digest.error());
    const auto text = read_file(file, 1 << 20).value_or("");
    if (text.find("bad seal") != std::string::npos)
        return fail(FailureKind::invalid, "seal: does not match");
    return ImageFacts{text.size(), to_string(*digest), {{"name", "test"}}};
}

class ArtifactStoreTest : public testing::Test
{
protected:
    std::unique_ptr<ArtifactStore> open(std::uint64_t reserve = 0)
    {
        auto store = ArtifactStore::open(folder_.path() / "state", reserve, inspect);
        EXPECT_TRUE(store) << store.error().message;
        return std::move(*store);
    }
    fs::path file(std::string_view content, const std::string& name = "file")
    {
        std::ofstream(folder_.path() / name, std::ios::binary) << content;
        return folder_.path() / name;
    }
    fs::path state(const std::string& name) { return folder_.path() / "state" / name; }
    static std::size_t count(const fs::path& folder)
    {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
    }

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
};

std::string upload(ArtifactStore& store, std::string_view content)
{
    auto incoming = store.receive();
    EXPECT_TRUE(incoming && incoming->write(std::as_bytes(std::span(content))));
    return store.keep_bundle(std::move(*incoming)).value_or("");
}

TEST_F(ArtifactStoreTest, KeepsABundleUnderItsDigest)
{
    auto store = open();
    const auto digest = upload(*store, "bytes");
    EXPECT_EQ(digest, to_string(sha256("bytes")));
    EXPECT_EQ(upload(*store, "bytes"), digest);
    EXPECT_EQ(read_file(*store->bundle(digest), 100).value(), "bytes");
    EXPECT_EQ(count(state("incoming")), 0U);
}

TEST_F(ArtifactStoreTest, RemovesAnUploadThatWasNotKept)
{
    auto store = open();
    {
        auto incoming = store->receive();
        ASSERT_TRUE(incoming);
        EXPECT_EQ(count(state("incoming")), 1U);
    }
    EXPECT_EQ(count(state("incoming")), 0U);
}

TEST_F(ArtifactStoreTest, ImportsAVerifiedImageWithItsMetadata)
{
    auto store = open();
    const auto image = store->import_image(file(elf), "build-1");
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->digest, to_string(sha256(elf)));
    EXPECT_EQ(image->bytes, elf.size());
    EXPECT_EQ(image->build, "build-1");
    EXPECT_EQ(image->description["name"], "test");
    EXPECT_EQ(store->image(image->digest)->created, image->created);
    ASSERT_EQ(store->images().size(), 1U);
}

TEST_F(ArtifactStoreTest, ImportingTheSameImageAgainKeepsTheFirst)
{
    auto store = open();
    const auto first = store->import_image(file(elf, "one"), "build-1");
    const auto second = store->import_image(file(elf, "two"), "build-2");
    ASSERT_TRUE(first && second);
    EXPECT_EQ(second->build, "build-1");
}

TEST_F(ArtifactStoreTest, RefusesAnImageThatDoesNotVerify)
{
    auto store = open();
    const auto image = store->import_image(file("\177ELF bad seal"), "build-1");
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().message, "seal: does not match");
    EXPECT_TRUE(store->images().empty());
}

TEST_F(ArtifactStoreTest, NeverAnswersATruncatedOrForeignImage)
{
    auto store = open();
    const auto image = store->import_image(file(elf), "build-1");
    ASSERT_TRUE(image);
    for (const std::string_view damage : {elf.substr(1), std::string_view("XXXX and more")}) {
        std::ofstream(image->file, std::ios::binary) << damage;
        const auto again = store->image(image->digest);
        ASSERT_FALSE(again);
        EXPECT_THAT(again.error().message,
                    HasSubstr("is damaged in the store; delete it and build it again"));
        EXPECT_TRUE(store->images().empty());
    }
}

TEST_F(ArtifactStoreTest, ReplacesADamagedImage)
{
    auto store = open();
    const auto image = store->import_image(file(elf), "build-1");
    std::ofstream(image->file, std::ios::binary) << "\177ELF";
    ASSERT_TRUE(store->import_image(file(elf), "build-2"));
    EXPECT_EQ(store->image(image->digest)->build, "build-2");
}

TEST_F(ArtifactStoreTest, DeletesAnImage)
{
    auto store = open();
    const auto image = store->import_image(file(elf), "build-1");
    EXPECT_TRUE(store->remove_image(image->digest));
    EXPECT_EQ(store->image(image->digest).error().kind, FailureKind::not_found);
    EXPECT_EQ(store->remove_image(image->digest).error().kind, FailureKind::not_found);
    EXPECT_EQ(count(state("images")), 0U);
}

TEST_F(ArtifactStoreTest, SweepsWhatAKilledProcessLeft)
{
    std::string digest;
    {
        auto store = open();
        digest = store->import_image(file(elf), "build-1")->digest;
    }
    std::ofstream(state("incoming") / "incoming.half") << "half";
    std::ofstream(state("images") / std::string(64, 'a')) << "\177ELF without metadata";
    std::ofstream(state("images") / (std::string(64, 'b') + ".json")) << "{}";
    std::ofstream(state("images") / (std::string(64, 'c') + ".json.XyZ123")) << "{";
    auto store = open();
    EXPECT_EQ(count(state("incoming")), 0U);
    EXPECT_EQ(count(state("images")), 2U);
    EXPECT_TRUE(store->image(digest));
}

TEST_F(ArtifactStoreTest, IsOwnedByOneAtATime)
{
    auto store = open();
    const auto other = ArtifactStore::open(folder_.path() / "state", 0, inspect);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind, FailureKind::conflict);
    EXPECT_THAT(other.error().message, HasSubstr("is in use by another builder"));
    store.reset();
    EXPECT_TRUE(ArtifactStore::open(folder_.path() / "state", 0, inspect));
}

TEST_F(ArtifactStoreTest, SaysWhatToFreeWhenTheReserveIsReached)
{
    auto store = open(std::uint64_t{1} << 60);
    const auto space = store->check_space();
    ASSERT_FALSE(space);
    EXPECT_EQ(space.error().kind, FailureKind::no_space);
    EXPECT_THAT(space.error().message, HasSubstr("delete images that are not needed"));
    EXPECT_FALSE(store->receive());
}

TEST_F(ArtifactStoreTest, PrunesOldBundlesThatNobodyNeeds)
{
    auto store = open();
    const auto old = upload(*store, "old");
    const auto used = upload(*store, "used");
    const auto fresh = upload(*store, "fresh");
    for (const auto& digest : {old, used})
        fs::last_write_time(*store->bundle(digest),
                            fs::file_time_type::clock::now() - std::chrono::hours(48));
    EXPECT_EQ(store->prune_bundles(std::chrono::hours(24), {used}), 1U);
    EXPECT_FALSE(store->bundle(old));
    EXPECT_TRUE(store->bundle(used));
    EXPECT_TRUE(store->bundle(fresh));
}

TEST(DigestHex, RefusesAllButOneForm)
{
    EXPECT_EQ(digest_hex("sha256:" + std::string(64, 'a')).value(), std::string(64, 'a'));
    for (const auto& text : {std::string(), std::string(64, 'a'), "sha256:" + std::string(63, 'a'),
                             "sha256:" + std::string(64, 'A'), "sha256:" + std::string(62, 'a') + "/.",
                             "sha512:" + std::string(64, 'a'), "sha256:" + std::string(65, 'a')})
        EXPECT_EQ(digest_hex(text).error().kind, FailureKind::invalid) << text;
}

}  // namespace
}  // namespace unikernel
