// SPDX-License-Identifier: Apache-2.0
#include "builder_service/compliance/dry_run.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/compliance/plan_change.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::HasSubstr;

/// A plan of these modules, each {"name": {options}} and in version 1.
Preview plan(const json& configuration, std::map<std::string, Why> why = {})
{
    json modules = json::array();
    for (const auto& [name, options] : configuration.items()) {
        modules.push_back({{"name", name}, {"version", "1"}});
        why[name];
    }
    return {{{"modules", modules}, {"configuration", configuration}, {"plan_digest", configuration.dump()}},
            std::move(why)};
}

json module_of(const json& modules, const std::string& name)
{
    for (const auto& module : modules)
        if (module["name"] == name)
            return module;
    ADD_FAILURE() << name << " is not in " << modules;
    return {};
}

TEST(ModuleChanges, say_what_comes_and_goes_and_why)
{
    const auto before =
        plan({{"console", {{"speed", 9600}}}, {"lwip", {{"limit", 1}}}, {"old", json::object()}},
             {{"old", {{"requirements.old"}, {}, {}}}});
    const auto after = plan(
        {{"console", {{"speed", 9600}}}, {"guard", {{"port", 80}, {"size", 1}}}, {"lwip", {{"limit", 2}}}},
        {{"console", {{"spec"}, {"guard", "lwip"}, {}}},
         {"guard", {{"requirements.r", "spec"}, {}, {{"port", {"requirements.r"}}}}},
         {"lwip", {{}, {"guard"}, {{"limit", {"requirements.r", "spec"}}}}}});
    const auto changes = module_changes(before.description, before.why, after);
    ASSERT_EQ(changes.size(), 4U);
    EXPECT_EQ(module_of(changes, "console"), (json{{"name", "console"},
                                                   {"version", "1"},
                                                   {"change", "kept"},
                                                   {"options", json::object()},
                                                   {"reason", "asked for by spec; needed by guard, lwip"}}));
    const auto guard = module_of(changes, "guard");
    EXPECT_EQ(guard["change"], "added");
    EXPECT_EQ(guard["reason"], "asked for by requirement r, spec");
    EXPECT_EQ(guard["options"],
              (json{{"port", {{"from", nullptr}, {"to", 80}, {"sources", {"requirement r"}}}}}));
    const auto lwip = module_of(changes, "lwip");
    EXPECT_EQ(lwip["change"], "changed");
    EXPECT_EQ(lwip["options"],
              (json{{"limit", {{"from", 1}, {"to", 2}, {"sources", {"requirement r", "spec"}}}}}));
    EXPECT_EQ(module_of(changes, "old")["change"], "removed");
    EXPECT_EQ(module_of(changes, "old")["reason"], "it was asked for by requirement old");
}

TEST(ModuleChanges, see_another_version_and_other_options)
{
    auto before = plan({{"lwip", {{"gone", 1}}}});
    before.description["modules"][0]["version"] = "0";
    const auto lwip =
        module_of(module_changes(before.description, {}, plan({{"lwip", {{"come", 2}}}})), "lwip");
    EXPECT_EQ(lwip["change"], "changed");
    EXPECT_EQ(lwip["version"], "1");
    EXPECT_EQ(lwip["options"]["gone"]["from"], 1);
    EXPECT_TRUE(lwip["options"]["gone"]["to"].is_null());
    EXPECT_EQ(lwip["options"]["come"]["to"], 2);
}

TEST(ModuleChanges, are_all_additions_where_the_image_is_gone)
{
    EXPECT_EQ(module_of(module_changes(nullptr, {}, plan({{"lwip", json::object()}})), "lwip")["change"],
              "added");
}

class LineChange : public testing::Test
{
protected:
    LineChange()
    {
        draft_.project = "p1";
        draft_.name = "r";
        draft_.revision = 2;
        line_.head.project = "p1";
        line_.head.id = "b";
        line_.head.image = "sha256:i";
        line_.head.spec = {{"name", "web"}};
        line_.note = small_.description;
        line_.now.preview = small_;
        line_.then = {{{draft_, "it applies to everything"}}, large_};
    }
    json change() { return line_change(line_, draft_); }

    const Preview small_ = plan({{"console", json::object()}});
    const Preview large_ = plan({{"console", json::object()}, {"guard", json::object()}});
    RequirementRevision draft_;
    LineOutlook line_{{}, {}, {{}, Preview{}}, {{}, Preview{}}};
};

TEST_F(LineChange, is_a_rebuild_if_the_plan_becomes_another)
{
    const auto rebuilt = change();
    EXPECT_EQ(rebuilt["outcome"], "rebuild");
    EXPECT_EQ(rebuilt["reason"], "it applies to everything; 1 module added");
    EXPECT_EQ(rebuilt["project"], "p1");
    EXPECT_EQ(rebuilt["name"], "web");
    EXPECT_EQ(rebuilt["image"], "sha256:i");
    EXPECT_TRUE(rebuilt["image_id"].is_null());
}

TEST_F(LineChange, names_the_image_in_glance_that_is_there)
{
    line_.head.publish = Publication{"web", "private", "an-id", false, PublishState::active};
    EXPECT_EQ(change()["image_id"], "an-id");
    line_.head.publish->state = PublishState::failed;
    EXPECT_TRUE(change()["image_id"].is_null());
}

TEST_F(LineChange, is_nothing_if_the_image_meets_it_already)
{
    line_.note = large_.description;
    EXPECT_EQ(change()["outcome"], "unchanged");
    EXPECT_THAT(change()["reason"].get<std::string>(), HasSubstr("its image has this plan already"));
}

TEST_F(LineChange, is_a_rebuild_if_the_image_lives_for_longer_than_it_may)
{
    line_.note = large_.description;
    line_.head.created = "2026-05-01T00:00:00.000Z";
    line_.head.not_after = "2026-05-31T00:00:00Z";
    line_.then.validity = std::chrono::days(30);
    EXPECT_EQ(change()["outcome"], "unchanged");
    line_.then.validity = std::chrono::days(7);
    EXPECT_EQ(change()["outcome"], "rebuild");
    EXPECT_EQ(change()["reason"],
              "it applies to everything; its image is valid until 2026-05-31T00:00:00Z, for longer than 7d");
}

TEST_F(LineChange, is_nothing_if_it_comes_to_the_same)
{
    line_.now.preview = large_;
    EXPECT_EQ(change()["outcome"], "unchanged");
    EXPECT_THAT(change()["reason"].get<std::string>(), HasSubstr("its image is outdated already"));
}

TEST_F(LineChange, names_the_servers_that_run_its_images)
{
    line_.servers.resize(1);
    line_.servers[0].id = "s1";
    line_.servers[0].name = "web-1";
    EXPECT_EQ(change()["servers"], (json{{{"id", "s1"}, {"name", "web-1"}}}));
}

TEST_F(LineChange, says_why_there_would_be_no_image)
{
    line_.then.preview = fail(FailureKind::unresolvable, "guard conflicts with hermit");
    EXPECT_EQ(change()["outcome"], "unresolvable");
    EXPECT_EQ(change()["reason"], "guard conflicts with hermit");
    EXPECT_TRUE(change()["modules"].empty());
}

TEST_F(LineChange, is_told_from_the_plan_where_the_image_is_gone)
{
    line_.note = nullptr;
    EXPECT_EQ(module_of(change()["modules"], "console")["change"], "kept");
}

TEST_F(LineChange, tells_of_a_requirement_that_goes)
{
    line_.note = large_.description;
    line_.now = line_.then;
    line_.then = {{}, small_};
    EXPECT_EQ(change()["outcome"], "rebuild");
    EXPECT_EQ(change()["reason"], "it no longer applies; 1 module removed");
}

TEST_F(LineChange, says_from_when_on_if_it_is_not_at_once)
{
    EXPECT_TRUE(change()["from"].is_null());
    line_.from = std::chrono::sys_days(std::chrono::year(2027) / 3 / 1);
    EXPECT_EQ(change()["from"], "2027-03-01T00:00:00Z");
    EXPECT_EQ(change()["outcome"], "rebuild");
    EXPECT_EQ(change()["reason"], "from 2027-03-01T00:00:00Z: it applies to everything; 1 module added");
}

TEST_F(LineChange, tells_of_a_revision_that_leaves_a_gap)
{
    draft_.document = {{"valid_from", "2027-03-01T00:00:00Z"}};
    line_.note = large_.description;
    line_.now = line_.then;
    line_.then = {{}, small_};
    EXPECT_EQ(change()["reason"], "it holds only from 2027-03-01T00:00:00Z on; 1 module removed");
}

TEST_F(LineChange, tells_of_a_secret_without_showing_it)
{
    auto other = small_;
    other.description["plan_digest"] = "another";
    line_.then.preview = other;
    EXPECT_EQ(change()["reason"], "it applies to everything; a secret changed");
}

}  // namespace
}  // namespace unikernel
