// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_service.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::HasSubstr;

class Requirements : public testing::Test
{
protected:
    static json document(const std::string& name, json selector = {{"everything", true}})
    {
        return {{"name", name}, {"applies_to", std::move(selector)}, {"modules", {{"console", nullptr}}}};
    }
    Result<RequirementRevision> create(std::optional<std::string> project, const std::string& name)
    {
        return service_.create(std::move(project), document(name), "ann");
    }
    std::vector<std::string> selected(const std::string& project, const json& spec)
    {
        std::vector<std::string> names;
        const auto found = service_.select(project, spec, {});
        for (const auto& each : found.value())
            names.push_back(each.requirement.name);
        return names;
    }

    TemporaryDirectory folder_ = std::move(*TemporaryDirectory::create());
    std::unique_ptr<Database> database_ = std::move(*Database::open(folder_.path() / "builds.sqlite"));
    RequirementRepository repository_{*database_};
    RequirementService service_{repository_, [](const json& document) -> Result<void> {
                                    if (document["modules"].contains("unknown"))
                                        return fail(FailureKind::invalid, "there is no such module");
                                    return {};
                                }};
};

TEST_F(Requirements, only_grow_by_revisions)
{
    ASSERT_EQ(create("p1", "r")->revision, 1);
    const auto first = service_.find("p1", "r").value();
    auto changed = document("r");
    changed["description"] = "stricter";
    const auto second = service_.replace(first, changed, "bob");
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->revision, 2);
    ASSERT_TRUE(service_.remove(*second, "eve"));
    EXPECT_EQ(service_.find("p1", "r").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.remove(*second, "eve").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.replace(*second, changed, "eve").error().kind, FailureKind::not_found);
    EXPECT_EQ(create("p1", "r")->revision, 4) << "the deletion is a revision too";
    const auto history = service_.history("p1", "r").value();
    ASSERT_EQ(history.size(), 4U);
    EXPECT_EQ(history[1].author, "eve");
    EXPECT_TRUE(history[1].deleted);
    EXPECT_TRUE(history[1].document.is_null());
    EXPECT_EQ(history[2].document, changed);
    EXPECT_EQ(history[3].author, "ann");
    EXPECT_FALSE(history[3].created.empty());
}

TEST_F(Requirements, have_one_name_among_those_that_a_project_sees)
{
    ASSERT_TRUE(create("p1", "r"));
    EXPECT_EQ(create("p1", "r").error().kind, FailureKind::conflict);
    EXPECT_TRUE(create("p2", "r"));
    EXPECT_THAT(create(std::nullopt, "r").error().message, HasSubstr("project p1 has a requirement r"));
    ASSERT_TRUE(create(std::nullopt, "g"));
    EXPECT_EQ(create("p1", "g").error().kind, FailureKind::conflict);
    EXPECT_EQ(create(std::nullopt, "g").error().kind, FailureKind::conflict);
}

TEST_F(Requirements, are_seen_by_their_project_and_the_global_ones_by_all)
{
    ASSERT_TRUE(create("p1", "mine"));
    ASSERT_TRUE(create("p2", "theirs"));
    ASSERT_TRUE(create(std::nullopt, "global"));
    EXPECT_EQ(service_.find("p1", "theirs").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.history("p1", "theirs").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.find("p1", "global")->project, std::nullopt);
    const auto listed = service_.list(Scope{"p1", false}).value();
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].name, "global");
    EXPECT_EQ(service_.list(Scope{"p1", true})->size(), 3U);
}

TEST_F(Requirements, are_selected_by_what_they_apply_to)
{
    ASSERT_TRUE(create(std::nullopt, "all"));
    ASSERT_TRUE(service_.create("p1", document("staff", {{"labels", {{"audience", "staff"}}}}), "ann"));
    ASSERT_TRUE(service_.create("p1", document("web-only", {{"images", {"web"}}}), "ann"));
    ASSERT_TRUE(create("p2", "theirs"));
    EXPECT_EQ(selected("p1", {{"name", "web"}}), (std::vector<std::string>{"all", "web-only"}));
    EXPECT_EQ(selected("p1", {{"name", "db"}, {"labels", {{"audience", "staff"}}}}),
              (std::vector<std::string>{"all", "staff"}));
    const auto reasons =
        service_.select("p1", {{"name", "db"}, {"labels", {{"audience", "staff"}}}}, {"staff"});
    EXPECT_EQ(reasons->at(1).reason, "it applies to label audience=staff, and the request names it");
    EXPECT_EQ(service_.select("p1", {{"name", "db"}}, {"web-only"}).error().kind, FailureKind::conflict);
    EXPECT_EQ(service_.select("p1", {{"name", "db"}}, {"theirs"}).error().kind, FailureKind::not_found);
    EXPECT_THAT(service_.select("p1", {{"name", "db"}}, {"stuff"}).error().message,
                HasSubstr("did you mean staff?"));
    EXPECT_EQ(service_.select("p1", {{"nome", "db"}}, {}).error().kind, FailureKind::invalid);
}

TEST_F(Requirements, that_are_deleted_apply_no_longer)
{
    ASSERT_TRUE(service_.remove(create("p1", "r").value(), "ann"));
    EXPECT_TRUE(selected("p1", {{"name", "web"}}).empty());
}

TEST_F(Requirements, are_checked_before_anything_is_stored)
{
    auto wrong = document("r");
    wrong["modules"] = {{"unknown", nullptr}};
    EXPECT_EQ(service_.create("p1", wrong, "ann").error().kind, FailureKind::invalid);
    EXPECT_EQ(service_.create("p1", {{"name", "r"}}, "ann").error().kind, FailureKind::invalid);
    EXPECT_EQ(service_.history("p1", "r").error().kind, FailureKind::not_found);
    const auto right = create("p1", "r").value();
    EXPECT_EQ(service_.replace(right, wrong, "ann").error().kind, FailureKind::invalid);
    EXPECT_THAT(service_.replace(right, document("other"), "ann").error().message,
                HasSubstr("cannot be renamed"));
}

TEST_F(Requirements, are_drafted_without_a_trace)
{
    using Mode = RequirementService::Mode;
    const auto would_be = service_.create("p1", document("r"), "ann", Mode::dry_run);
    ASSERT_TRUE(would_be) << would_be.error().message;
    EXPECT_EQ(would_be->revision, 1);
    EXPECT_FALSE(would_be->created.empty());
    EXPECT_EQ(service_.history("p1", "r").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.create("p1", {{"name", "r"}}, "ann", Mode::dry_run).error().kind,
              FailureKind::invalid);

    const auto first = create("p1", "r").value();
    EXPECT_EQ(service_.create("p1", document("r"), "ann", Mode::dry_run).error().kind, FailureKind::conflict);
    const auto second = service_.replace(first, document("r", {{"images", {"db"}}}), "bob", Mode::dry_run);
    EXPECT_EQ(second->revision, 2);
    const auto ended = service_.remove(first, "bob", Mode::dry_run);
    EXPECT_TRUE(ended->deleted);
    EXPECT_EQ(ended->revision, 2);
    EXPECT_EQ(service_.find("p1", "r")->revision, 1);

    const json web = {{"name", "web"}};
    EXPECT_EQ(service_.select("p1", web, {})->size(), 1U);
    EXPECT_TRUE(service_.select("p1", web, {}, &*second)->empty()) << "it would apply to db alone";
    EXPECT_EQ(service_.select("p1", {{"name", "db"}}, {}, &*second)->at(0).requirement.revision, 2);
    EXPECT_TRUE(service_.select("p1", web, {}, &*ended)->empty());
    EXPECT_EQ(service_.select("p2", {{"name", "db"}}, {}, &*second)->size(), 0U) << "it is not theirs";
    const auto global = service_.create(std::nullopt, document("g"), "ann", Mode::dry_run);
    EXPECT_EQ(service_.select("p2", web, {}, &*global)->size(), 1U);
}

TEST_F(Requirements, keep_secrets_sealed)
{
    auto secret = document("r");
    secret["modules"] = {
        {"http-guard", {{"users", {{{"name", "a"}, {"password", {{"plain", "hunter2"}}}}}}}}};
    const auto created = service_.create("p1", secret, "ann");
    ASSERT_TRUE(created) << created.error().message;
    const auto stored = service_.find("p1", "r")->document.dump();
    EXPECT_EQ(stored.find("hunter2"), std::string::npos);
    EXPECT_NE(stored.find("hash"), std::string::npos);
}

}  // namespace
}  // namespace unikernel
