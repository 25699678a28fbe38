// SPDX-License-Identifier: Apache-2.0
#include "builder_service/artifacts/artifact_catalog.hh"

#include <fstream>

#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

namespace fs = std::filesystem;

class Catalog : public test::OnEachEngine
{
protected:
    static Result<ImageFacts> inspect(const fs::path& file)
    {
        const auto digest = sha256_file(file);
        if (!digest)
            return tl::unexpected(digest.error());
        return ImageFacts{fs::file_size(file), to_string(*digest), {{"name", "test"}}};
    }
    std::string import(const std::string& content, const std::string& project, const std::string& build = "b")
    {
        const auto file = folder_.path() / "new";
        std::ofstream(file) << "\177ELF" << content;
        return catalog_.import_image(file, project, build).value().image.digest;
    }
    void hold(std::string_view content, const std::string& project, const std::string& holder)
    {
        auto incoming = catalog_.receive();
        const auto bytes = "\177ELF" + std::string(content);
        EXPECT_TRUE(incoming->write(std::as_bytes(std::span(bytes))));
        EXPECT_TRUE(catalog_.import_image(std::move(*incoming), project, holder));
    }
    std::string keep(std::string_view content, const std::string& project)
    {
        auto incoming = catalog_.receive();
        EXPECT_TRUE(incoming->write(std::as_bytes(std::span(content))));
        return catalog_.keep_bundle(std::move(*incoming), project).value();
    }
    Result<std::string> send(std::string_view content, const std::string& project)
    {
        auto incoming = catalog_.receive();
        EXPECT_TRUE(incoming->write(std::as_bytes(std::span(content))));
        return catalog_.keep_bundle(std::move(*incoming), project);
    }
    /// As if it had not been used since.
    void rest(const std::string& digest, std::chrono::minutes age) const
    {
        fs::last_write_time(folder_.path() / "s" / "bundles" / *digest_hex(digest),
                            fs::file_time_type::clock::now() - age);
    }
    std::size_t files(const char* below) const
    {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_.path() / "s" / below), {}));
    }

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    std::unique_ptr<ArtifactStore> store_ = std::move(*ArtifactStore::open(folder_.path() / "s", 0, inspect));
    OwnerRepository owners_{*database_};
    ArtifactCatalog catalog_{*store_, owners_};
    const Scope p1_{"p1", false}, p2_{"p2", false}, admin_{"p0", true};
};

TEST_P(Catalog, the_same_bytes_belong_to_several_projects_and_are_stored_once)
{
    const auto digest = import("x", "p1", "build-1");
    EXPECT_EQ(catalog_.image(digest, p2_).error().kind, FailureKind::not_found);
    EXPECT_EQ(import("x", "p2", "build-2"), digest);
    EXPECT_EQ(files("images"), 2U) << "bytes and metadata";
    EXPECT_EQ(catalog_.image(digest, p1_)->build, "build-1");
    EXPECT_EQ(catalog_.image(digest, p2_)->build, "build-2") << "another project's build is not shown";
}

TEST_P(Catalog, bytes_go_with_their_last_owner)
{
    const auto digest = import("x", "p1");
    import("x", "p2");
    ASSERT_TRUE(catalog_.remove_image(digest, p1_));
    EXPECT_EQ(catalog_.image(digest, p1_).error().kind, FailureKind::not_found);
    EXPECT_TRUE(catalog_.image(digest, p2_));
    EXPECT_EQ(catalog_.remove_image(digest, p1_).error().kind, FailureKind::not_found);
    EXPECT_EQ(files("images"), 2U);
    ASSERT_TRUE(catalog_.remove_image(digest, p2_));
    EXPECT_EQ(files("images"), 0U);
}

TEST_P(Catalog, an_image_lasts_until_the_last_of_a_projects_holds_is_dropped)
{
    const auto digest = import("x", "p1");
    for (const char* holder : {"glance-1", "glance-2", "glance-2"})
        hold("x", "p1", holder);
    hold("x", "p2", "glance-3");
    const auto refused = catalog_.remove_image(digest, p1_).error();
    EXPECT_EQ(refused.kind, FailureKind::conflict);
    EXPECT_NE(refused.message.find("glance-1"), std::string::npos) << refused.message;
    EXPECT_EQ(catalog_.remove_image(digest, admin_).error().kind, FailureKind::conflict);
    EXPECT_EQ(catalog_.release_image(digest, p2_, "glance-1").error().kind, FailureKind::not_found);
    ASSERT_TRUE(catalog_.release_image(digest, p1_, "glance-1"));
    EXPECT_EQ(catalog_.release_image(digest, p1_, "glance-1").error().kind, FailureKind::not_found);
    ASSERT_TRUE(catalog_.release_image(digest, p1_, "glance-2"));
    EXPECT_TRUE(catalog_.image(digest, p1_)) << "it was built there, too";
    ASSERT_TRUE(catalog_.remove_image(digest, p1_));
    EXPECT_FALSE(catalog_.image(digest, p1_));
    EXPECT_TRUE(catalog_.image(digest, p2_));
    ASSERT_TRUE(catalog_.release_image(digest, admin_, "glance-3")) << "as Glance does for an administrator";
    EXPECT_EQ(files("images"), 0U);
}

TEST_P(Catalog, an_administrator_removes_from_one_project_as_well)
{
    const auto digest = import("x", "p1");
    import("x", "p2");
    const Scope own{"p0", false};
    EXPECT_EQ(catalog_.remove_image(digest, own).error().kind, FailureKind::not_found) << "not all, unasked";
    ASSERT_TRUE(catalog_.remove_image(digest, p2_));
    EXPECT_TRUE(catalog_.image(digest, p1_));
}

TEST_P(Catalog, an_administrator_sees_all_and_removes_from_all)
{
    const auto digest = import("x", "p1");
    import("x", "p2");
    EXPECT_TRUE(catalog_.image(digest, admin_));
    EXPECT_EQ(catalog_.images(admin_, "", 10)->size(), 1U);
    ASSERT_TRUE(catalog_.remove_image(digest, admin_));
    EXPECT_EQ(catalog_.image(digest, p1_).error().kind, FailureKind::not_found);
    EXPECT_EQ(files("images"), 0U);
}

TEST_P(Catalog, lists_a_projects_images_page_by_page)
{
    std::vector<std::string> mine;
    for (const char* content : {"a", "b", "c"}) {
        mine.push_back(import(content, "p1"));
        import(std::string(content) + content, "p2");
    }
    std::sort(mine.begin(), mine.end());
    const auto page = catalog_.images(p1_, "", 2).value();
    ASSERT_EQ(page.size(), 2U);
    EXPECT_EQ(page[1].digest, mine[1]);
    const auto rest = catalog_.images(p1_, page[1].digest, 2).value();
    ASSERT_EQ(rest.size(), 1U);
    EXPECT_EQ(rest[0].digest, mine[2]);
}

TEST_P(Catalog, a_bundle_is_its_senders)
{
    const auto digest = keep("tar", "p1");
    EXPECT_TRUE(catalog_.bundle(digest, p1_));
    EXPECT_EQ(catalog_.bundle(digest, p2_).error().kind, FailureKind::not_found);
    EXPECT_EQ(keep("tar", "p2"), digest);
    EXPECT_TRUE(catalog_.bundle(digest, p2_));
    EXPECT_EQ(files("bundles"), 1U);
}

TEST_P(Catalog, pruned_bundles_have_no_owners_any_more)
{
    const auto digest = keep("tar", "p1");
    catalog_.prune_bundles(std::chrono::hours(-1), {});
    EXPECT_EQ(files("bundles"), 0U);
    EXPECT_EQ(keep("tar", "p2"), digest);
    EXPECT_EQ(catalog_.bundle(digest, p1_).error().kind, FailureKind::not_found);
}

TEST_P(Catalog, a_project_has_no_more_bundles_without_need_than_it_may)
{
    std::vector<std::string> needed;
    catalog_.limit_bundles({.bytes = 20, .needed = [&] { return Result<std::vector<std::string>>(needed); }});
    const auto first = send("first.....", "p1").value();
    const auto second = send("second....", "p1").value();
    const auto refused = send("third.....", "p1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::too_large);
    EXPECT_EQ(refused.error().message,
              "the project would have 30 bytes of bundles that no build and no line of images needs, the "
              "maximum is 20 (project-bundles); build what was sent, or try again when some of it was not "
              "used for an hour");
    EXPECT_EQ(files("bundles"), 2U);
    EXPECT_EQ(send("first.....", "p1"), first) << "it has that already";
    EXPECT_TRUE(send("third.....", "p2"));
    needed.push_back(first);
    EXPECT_TRUE(send("third.....", "p1"));
    EXPECT_FALSE(send("fourth....", "p1"));
    EXPECT_EQ(owners_.digests(Owned::bundle, "p1")->size(), 3U);
    rest(first, std::chrono::minutes(90));
    rest(second, std::chrono::minutes(61));
    EXPECT_TRUE(send("fourth....", "p1"));
    EXPECT_TRUE(catalog_.bundle(first, p1_)) << "it is needed";
    EXPECT_EQ(catalog_.bundle(second, p1_).error().kind, FailureKind::not_found);
}

TEST_P(Catalog, a_bundle_that_makes_room_stays_with_its_other_owners)
{
    catalog_.limit_bundles(
        {.bytes = 10, .needed = [] { return Result<std::vector<std::string>>(std::vector<std::string>{}); }});
    const auto shared = send("shared....", "p1").value();
    ASSERT_TRUE(send("shared....", "p2"));
    rest(shared, std::chrono::minutes(61));
    ASSERT_TRUE(send("own.......", "p1"));
    EXPECT_EQ(catalog_.bundle(shared, p1_).error().kind, FailureKind::not_found);
    EXPECT_TRUE(catalog_.bundle(shared, p2_));
}

TEST_P(Catalog, what_nobody_owns_belongs_to_the_project_without_a_name)
{
    const auto file = folder_.path() / "new";
    std::ofstream(file) << "\177ELF by the command line";
    const auto digest = store_->import_image(file, "local")->digest;
    const Scope nameless{"", false};
    EXPECT_TRUE(catalog_.image(digest, nameless));
    EXPECT_EQ(catalog_.image(digest, p1_).error().kind, FailureKind::not_found);
    std::ofstream(file) << "\177ELF by the command line";
    EXPECT_TRUE(catalog_.import_image(file, "p1", "b")->created);
    EXPECT_TRUE(catalog_.image(digest, p1_));
    EXPECT_TRUE(catalog_.image(digest, nameless)) << "it does not lose what it had";
    ASSERT_TRUE(catalog_.remove_image(digest, nameless));
    EXPECT_TRUE(catalog_.image(digest, p1_));
}

INSTANTIATE_TEST_SUITE_P(Engines, Catalog, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
