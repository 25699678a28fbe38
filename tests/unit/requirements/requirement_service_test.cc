// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_service.hh"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/util/temporary_directory.hh"
#include "common/util/time.hh"
#include "tests/unit/database/test_database.hh"

namespace unikernel
{
namespace
{

using nlohmann::json;
using testing::HasSubstr;

class Requirements : public test::OnEachEngine
{
protected:
    static json document(const std::string& name, json selector = {{"everything", true}})
    {
        return {{"name", name}, {"applies_to", std::move(selector)}, {"modules", {{"console", nullptr}}}};
    }
    Result<RequirementRevision> create(const RequirementScope& scope, const std::string& name)
    {
        return service_.create(scope, document(name), ann);
    }
    /// By a project pN of domain dN.
    Result<RequirementService::Selection> select(const std::string& project, const json& spec,
                                                 const std::vector<std::string>& names,
                                                 const RequirementRevision* draft = nullptr)
    {
        return service_.select(project, "d" + project.substr(1), spec, names, now_, draft);
    }
    std::vector<std::string> selected(const std::string& project, const json& spec)
    {
        std::vector<std::string> names;
        const auto found = select(project, spec, {});
        for (const auto& each : found.value().selected)
            names.push_back(each.requirement.name);
        return names;
    }

    const RequirementScope p1{"p1", "d1"}, p2{"p2", "d2"}, d1{std::nullopt, "d1"}, d2{std::nullopt, "d2"},
        global;
    const RequirementService::Author ann{"ann", "p1", "req-1"}, bob{"bob", "p1", "req-2"},
        eve{"eve", "p1", "req-3"};
    std::chrono::sys_seconds now_ = *parse_rfc3339("2026-11-24T00:00:00Z");

    RequirementRepository repository_{*database_};
    RequirementService service_{repository_, [](const json& document) -> Result<void> {
                                    if (document["modules"].contains("unknown"))
                                        return fail(FailureKind::invalid, "there is no such module");
                                    return {};
                                }};
};

TEST_P(Requirements, only_grow_by_revisions)
{
    ASSERT_EQ(create(p1, "r")->revision, 1);
    const auto first = service_.find("p1", "d1", "r").value();
    auto changed = document("r");
    changed["description"] = "stricter";
    const auto second = service_.replace(first, changed, bob);
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->revision, 2);
    ASSERT_TRUE(service_.remove(*second, eve));
    EXPECT_EQ(service_.find("p1", "d1", "r").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.remove(*second, eve).error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.replace(*second, changed, eve).error().kind, FailureKind::not_found);
    EXPECT_EQ(create(p1, "r")->revision, 4) << "the deletion is a revision too";
    const auto history = service_.history("p1", "d1", "r").value();
    ASSERT_EQ(history.size(), 4U);
    EXPECT_EQ(history[1].author, "eve");
    EXPECT_TRUE(history[1].deleted);
    EXPECT_TRUE(history[1].document.is_null());
    EXPECT_EQ(history[2].document, changed);
    EXPECT_EQ(history[3].author, "ann");
    EXPECT_FALSE(history[3].created.empty());
}

TEST_P(Requirements, have_one_name_among_those_that_a_project_sees)
{
    ASSERT_TRUE(create(p1, "r"));
    EXPECT_EQ(create(p1, "r").error().kind, FailureKind::conflict);
    EXPECT_TRUE(create(p2, "r"));
    EXPECT_THAT(create(global, "r").error().message, HasSubstr("project p1 has a requirement r"));
    ASSERT_TRUE(create(global, "g"));
    EXPECT_EQ(create(p1, "g").error().kind, FailureKind::conflict);
    EXPECT_EQ(create(global, "g").error().kind, FailureKind::conflict);
}

/// Another builder of the same database.
TEST_P(Requirements, of_one_name_that_two_builders_create_at_once_are_one)
{
    const auto other_database = test_database_.open();
    RequirementRepository other_repository(*other_database);
    RequirementService other(other_repository, [](const json&) { return Result<void>{}; });
    constexpr int names = 30;
    std::atomic<int> created{0};
    std::atomic<int> refused{0};
    const auto create_all = [&](RequirementService& service) {
        for (int n = 0; n < names; ++n) {
            const auto made = service.create(p1, document("r" + std::to_string(n)), ann);
            if (made)
                ++created;
            else if (made.error().kind == FailureKind::conflict)
                ++refused;
        }
    };
    {
        const std::jthread there([&] { create_all(other); });
        create_all(service_);
    }
    EXPECT_EQ(created, names);
    EXPECT_EQ(refused, names);
    EXPECT_EQ(service_.history("p1", "d1", "r0")->size(), 1U);
}

TEST_P(Requirements, are_seen_by_their_project_and_the_global_ones_by_all)
{
    ASSERT_TRUE(create(p1, "mine"));
    ASSERT_TRUE(create(p2, "theirs"));
    ASSERT_TRUE(create(global, "global"));
    EXPECT_EQ(service_.find("p1", "d1", "theirs").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.history("p1", "d1", "theirs").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.find("p1", "d1", "global")->project, std::nullopt);
    const auto listed = service_.list(Scope{"p1", false}).value();
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].name, "global");
    EXPECT_EQ(service_.list(Scope{"p1", true})->size(), 3U);
}

TEST_P(Requirements, are_selected_by_what_they_apply_to)
{
    ASSERT_TRUE(create(global, "all"));
    ASSERT_TRUE(service_.create(p1, document("staff", {{"labels", {{"audience", "staff"}}}}), ann));
    ASSERT_TRUE(service_.create(p1, document("web-only", {{"images", {"web"}}}), ann));
    ASSERT_TRUE(create(p2, "theirs"));
    EXPECT_EQ(selected("p1", {{"name", "web"}}), (std::vector<std::string>{"all", "web-only"}));
    EXPECT_EQ(selected("p1", {{"name", "db"}, {"labels", {{"audience", "staff"}}}}),
              (std::vector<std::string>{"all", "staff"}));
    const auto reasons = select("p1", {{"name", "db"}, {"labels", {{"audience", "staff"}}}}, {"staff"});
    EXPECT_EQ(reasons->selected.at(1).reason, "it applies to label audience=staff, and the request names it");
    EXPECT_EQ(select("p1", {{"name", "db"}}, {"web-only"}).error().kind, FailureKind::conflict);
    EXPECT_EQ(select("p1", {{"name", "db"}}, {"theirs"}).error().kind, FailureKind::not_found);
    EXPECT_THAT(select("p1", {{"name", "db"}}, {"stuff"}).error().message, HasSubstr("did you mean staff?"));
    EXPECT_EQ(select("p1", {{"nome", "db"}}, {}).error().kind, FailureKind::invalid);
}

TEST_P(Requirements, of_a_domain_are_seen_by_its_projects)
{
    ASSERT_TRUE(create(d1, "house-rules"));
    ASSERT_TRUE(create(d2, "house-rules")) << "nobody sees both";
    EXPECT_EQ(service_.find("p1", "d1", "house-rules")->domain, "d1");
    EXPECT_EQ(service_.find("p3", "d3", "house-rules").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.find("", "", "house-rules").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.find(d2, "house-rules")->domain, "d2");
    EXPECT_EQ(service_.list(Scope{"p1", false, "d1"})->size(), 1U);
    EXPECT_EQ(service_.list(Scope{"p1", true, "d1"})->size(), 2U);
    EXPECT_EQ(selected("p1", {{"name", "web"}}), std::vector<std::string>{"house-rules"});
    EXPECT_EQ(selected("p3", {{"name", "web"}}), std::vector<std::string>{});
    ASSERT_TRUE(service_.remove(*service_.find(d1, "house-rules"), ann));
    EXPECT_EQ(selected("p1", {{"name", "web"}}), std::vector<std::string>{});
    EXPECT_EQ(selected("p2", {{"name", "web"}}), std::vector<std::string>{"house-rules"});
    EXPECT_EQ(service_.history("p1", "d1", "house-rules")->size(), 2U);
    EXPECT_EQ(service_.history(d2, "house-rules")->size(), 1U);
    const auto json = to_json(*service_.find(d2, "house-rules"));
    EXPECT_EQ(json["domain"], "d2");
    EXPECT_TRUE(json["project"].is_null());
}

TEST_P(Requirements, of_a_domain_take_no_name_from_its_projects_and_the_other_way_round)
{
    ASSERT_TRUE(create(p1, "r"));
    EXPECT_THAT(create(d1, "r").error().message,
                HasSubstr("project p1 has a requirement r; choose another name for the one of domain d1"));
    EXPECT_TRUE(create(d2, "r"));
    EXPECT_THAT(create(p2, "r").error().message, HasSubstr("there is a requirement r of domain d2"));
    EXPECT_EQ(create(d2, "r").error().kind, FailureKind::conflict);
    EXPECT_EQ(create(global, "r").error().kind, FailureKind::conflict);
    ASSERT_TRUE(create(global, "g"));
    EXPECT_THAT(create(d1, "g").error().message, HasSubstr("there is a requirement g global"));
    ASSERT_TRUE(create({"p9", ""}, "old")) << "stored before there were domains";
    EXPECT_EQ(create(d1, "old").error().kind, FailureKind::conflict);
}

TEST_P(Requirements, hold_from_their_time_on)
{
    auto later = document("later");
    later["valid_from"] = "2026-12-01T00:00:00Z";
    ASSERT_TRUE(service_.create(p1, later, ann));
    EXPECT_EQ(selected("p1", {{"name", "web"}}), std::vector<std::string>{});
    EXPECT_EQ(
        select("p1", {{"name", "web"}}, {})->left_out,
        std::vector<std::string>{"requirement later, revision 1, of project p1 is left out: it holds from "
                                 "2026-12-01T00:00:00Z on"});
    EXPECT_THAT(select("p1", {{"name", "web"}}, {"later"}).error().message,
                HasSubstr("requirement later does not hold before 2026-12-01T00:00:00Z"));
    now_ = *parse_rfc3339("2026-12-01T00:00:00Z");
    EXPECT_EQ(selected("p1", {{"name", "web"}}), std::vector<std::string>{"later"});
    EXPECT_TRUE(select("p1", {{"name", "web"}}, {"later"})->left_out.empty());
}

TEST_P(Requirements, of_a_project_may_be_a_thousand)
{
    ASSERT_TRUE(database_->transact(true, [](soci::session& sql) {
        for (int n = 1; n <= 1023; ++n) {
            const auto name = "r" + std::to_string(n);
            const auto text = document(name, {{"images", {"web"}}}).dump();
            sql << "INSERT INTO requirements (global, project, domain, name, revision, document, deleted, "
                   "created,"
                   " author) VALUES (0, 'p1', 'd1', :name, 1, :text, 0, 't', 'ann')",
                soci::use(name), soci::use(text);
        }
    }));
    EXPECT_TRUE(create(p1, "one-more"));
    EXPECT_EQ(
        create(p1, "too-many").error().message,
        "there are 1024 requirements of project p1 already, the maximum is 1024; delete some that are not "
        "needed");
    EXPECT_TRUE(create(p2, "theirs"));
    EXPECT_TRUE(create(d1, "the-domains"));
    EXPECT_TRUE(create(global, "everybodys"));
    EXPECT_EQ(selected("p1", {{"name", "web"}}).size(), 1026U);
    EXPECT_EQ(selected("p1", {{"name", "db"}}).size(), 3U);
}

TEST_P(Requirements, have_a_record_of_each_change)
{
    const auto first = create(p1, "r").value();
    auto changed = document("r");
    changed["description"] = "stricter";
    const auto second = service_.replace(first, changed, bob).value();
    ASSERT_TRUE(service_.remove(second, eve));
    const auto json = to_json(*service_.history("p1", "d1", "r"));
    EXPECT_TRUE(json["intact"].get<bool>());
    const auto& list = json["requirements"];
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0]["audit"]["action"], "deleted");
    EXPECT_EQ(list[0]["request_id"], "req-3");
    EXPECT_EQ(list[0]["author"], "eve");
    EXPECT_EQ(list[0]["author_project"], "p1");
    EXPECT_TRUE(list[0]["audit"]["after"].is_null());
    EXPECT_EQ(list[0]["audit"]["before"], list[1]["audit"]["after"]);
    EXPECT_EQ(list[1]["audit"]["action"], "replaced");
    EXPECT_NE(list[1]["audit"]["before"], list[1]["audit"]["after"]);
    EXPECT_EQ(list[1]["audit"]["previous"], list[2]["audit"]["digest"]);
    EXPECT_EQ(list[2]["audit"]["action"], "created");
    EXPECT_TRUE(list[2]["audit"]["before"].is_null());
    EXPECT_EQ(list[2]["audit"]["previous"], "");
    const auto line = audit_line(second, &first);
    EXPECT_THAT(line, HasSubstr("requirement=r revision=2 action=replaced project=p1 domain=d1 by=bob of=p1 "
                                "request=req-2 before=sha256:"));
}

class TamperedRequirements : public Requirements
{
protected:
    void SetUp() override
    {
        const auto first = create(p1, "r").value();
        ASSERT_TRUE(service_.replace(first, document("r", {{"images", {"web"}}}), bob));
        ASSERT_TRUE(service_.replace(first, document("r", {{"images", {"db"}}}), bob));
        ASSERT_TRUE(create(d1, "other"));
        ASSERT_TRUE(create(d2, "other"));
        ASSERT_TRUE(problems().empty());
    }
    void run(const std::string& statement)
    {
        ASSERT_TRUE(database_->transact(true, [&](soci::session& sql) { sql << statement; }));
    }
    std::vector<std::string> problems() { return service_.audit().value().problems; }
    std::string problem()
    {
        return to_json(*service_.history("p1", "d1", "r"))["problem"].get<std::string>();
    }
};

TEST_P(TamperedRequirements, are_told_from_a_document_that_is_another)
{
    run("UPDATE requirements SET document = replace(document, 'db', 'no') WHERE name = 'r' AND revision = 3");
    EXPECT_EQ(problem(), "revision 3 is not as it was stored");
    EXPECT_EQ(problems(), std::vector<std::string>{
                              "requirement r of project p1: revision 3 is not as it was stored; somebody has "
                              "changed the database past this service"});
}

TEST_P(TamperedRequirements, are_told_from_an_author_or_a_time_that_is_another)
{
    run("UPDATE requirements SET author = 'ann' WHERE name = 'r' AND revision = 2");
    EXPECT_EQ(problem(), "revision 2 is not as it was stored");
    run("UPDATE requirements SET author = 'bob', created = '2020-01-01T00:00:00.000Z' WHERE name = 'r' AND "
        "revision = 2");
    EXPECT_EQ(problem(), "revision 2 is not as it was stored");
}

TEST_P(TamperedRequirements, are_told_from_a_revision_that_is_gone)
{
    run("DELETE FROM requirements WHERE name = 'r' AND revision = 2");
    EXPECT_EQ(problem(), "revision 2 is missing");
    run("UPDATE requirements SET revision = 2 WHERE name = 'r' AND revision = 3");
    EXPECT_EQ(problem(), "revision 2 is not as it was stored");
}

TEST_P(TamperedRequirements, are_told_from_a_link_even_if_its_own_digest_was_made_anew)
{
    auto second = service_.history("p1", "d1", "r")->at(1);
    second.author = "ann";
    run("UPDATE requirements SET author = 'ann', digest = '" + digest_of(second) +
        "' WHERE name = 'r' AND revision = 2");
    EXPECT_EQ(problem(), "revision 3 does not follow the one before, which is not as it was then");
}

TEST_P(TamperedRequirements, are_told_from_newest_ones_that_were_cut_off)
{
    const auto noted = service_.audit().value().head;
    EXPECT_EQ(noted.revisions, 5);
    run("DELETE FROM requirements WHERE number > 3");
    EXPECT_EQ(problems(),
              std::vector<std::string>{"of the record of requirements the newest were cut off: its head "
                                       "counts 5 revisions, and there are 3"});
    const auto before = service_.audit(3).value();
    EXPECT_EQ(before.noted->digest, before.head.digest);
    const auto refused = service_.audit(5);
    EXPECT_EQ(refused.error().kind, FailureKind::invalid);
    EXPECT_THAT(refused.error().message, HasSubstr("there are 3 revisions of requirements, not 5"));
    run("UPDATE audit_heads SET revisions = 3, digest = '" + before.head.digest + "'");
    EXPECT_TRUE(problems().empty()) << "both were set back";
    ASSERT_TRUE(create(p1, "new"));
    ASSERT_TRUE(create(p2, "new"));
    EXPECT_TRUE(problems().empty());
    EXPECT_NE(service_.audit(5)->noted->digest, noted.digest) << "who noted the head can tell";
}

TEST_P(TamperedRequirements, are_told_from_a_head_that_is_another_or_gone)
{
    run("UPDATE audit_heads SET digest = 'sha256:0'");
    EXPECT_EQ(problems(), std::vector<std::string>{
                              "the record of requirements is not the one that its head was made of"});
    run("UPDATE audit_heads SET revisions = 4");
    EXPECT_EQ(problems(),
              std::vector<std::string>{"the record of requirements has 5 revisions, and its head counts 4"});
    run("DELETE FROM audit_heads");
    EXPECT_EQ(problems(), std::vector<std::string>{"the head of the record of requirements is gone"});
    ASSERT_TRUE(create(p1, "new")) << "which keeps nobody from a stricter requirement";
}

TEST_P(TamperedRequirements, the_head_says_what_it_was)
{
    const auto head = service_.audit().value().head;
    ASSERT_TRUE(create(p1, "new"));
    const auto later = service_.audit(head.revisions).value();
    EXPECT_EQ(later.noted->digest, head.digest);
    EXPECT_EQ(later.head.revisions, head.revisions + 1);
    EXPECT_NE(later.head.digest, head.digest);
    EXPECT_EQ(service_.audit(0)->noted->digest, "");
    const auto json = to_json(later);
    EXPECT_EQ(json["intact"], true);
    EXPECT_EQ(json["noted"], (nlohmann::json{{"revisions", head.revisions}, {"digest", head.digest}}));
}

TEST_P(TamperedRequirements, older_than_the_chain_are_taken_as_they_are_and_linked_from_then_on)
{
    run("UPDATE requirements SET digest = '', previous = '' WHERE name = 'r'");
    run("UPDATE audit_heads SET revisions = -1, digest = ''");
    EXPECT_TRUE(problems().empty());
    ASSERT_TRUE(service_.replace(*service_.find(p1, "r"), document("r"), bob));
    EXPECT_TRUE(problems().empty());
    run("UPDATE requirements SET author = 'ann' WHERE name = 'r' AND revision = 3");
    EXPECT_EQ(problem(), "revision 4 does not follow the one before, which is not as it was then");
    run("UPDATE requirements SET digest = '' WHERE name = 'r' AND revision = 4");
    EXPECT_EQ(problem(), "revision 4 is not as it was stored");
}

TEST_P(Requirements, that_are_deleted_apply_no_longer)
{
    ASSERT_TRUE(service_.remove(create(p1, "r").value(), ann));
    EXPECT_TRUE(selected("p1", {{"name", "web"}}).empty());
}

TEST_P(Requirements, are_checked_before_anything_is_stored)
{
    auto wrong = document("r");
    wrong["modules"] = {{"unknown", nullptr}};
    EXPECT_EQ(service_.create(p1, wrong, ann).error().kind, FailureKind::invalid);
    EXPECT_EQ(service_.create(p1, {{"name", "r"}}, ann).error().kind, FailureKind::invalid);
    EXPECT_EQ(service_.history("p1", "d1", "r").error().kind, FailureKind::not_found);
    const auto right = create(p1, "r").value();
    EXPECT_EQ(service_.replace(right, wrong, ann).error().kind, FailureKind::invalid);
    EXPECT_THAT(service_.replace(right, document("other"), ann).error().message,
                HasSubstr("cannot be renamed"));
}

TEST_P(Requirements, are_drafted_without_a_trace)
{
    using Mode = RequirementService::Mode;
    const auto would_be = service_.create(p1, document("r"), ann, Mode::dry_run);
    ASSERT_TRUE(would_be) << would_be.error().message;
    EXPECT_EQ(would_be->revision, 1);
    EXPECT_FALSE(would_be->created.empty());
    EXPECT_EQ(service_.history("p1", "d1", "r").error().kind, FailureKind::not_found);
    EXPECT_EQ(service_.create(p1, {{"name", "r"}}, ann, Mode::dry_run).error().kind, FailureKind::invalid);

    const auto first = create(p1, "r").value();
    EXPECT_EQ(service_.create(p1, document("r"), ann, Mode::dry_run).error().kind, FailureKind::conflict);
    const auto second = service_.replace(first, document("r", {{"images", {"db"}}}), bob, Mode::dry_run);
    EXPECT_EQ(second->revision, 2);
    const auto ended = service_.remove(first, bob, Mode::dry_run);
    EXPECT_TRUE(ended->deleted);
    EXPECT_EQ(ended->revision, 2);
    EXPECT_EQ(service_.find("p1", "d1", "r")->revision, 1);

    const json web = {{"name", "web"}};
    EXPECT_EQ(select("p1", web, {})->selected.size(), 1U);
    EXPECT_TRUE(select("p1", web, {}, &*second)->selected.empty()) << "it would apply to db alone";
    EXPECT_EQ(select("p1", {{"name", "db"}}, {}, &*second)->selected.at(0).requirement.revision, 2);
    EXPECT_TRUE(select("p1", web, {}, &*ended)->selected.empty());
    EXPECT_EQ(select("p2", {{"name", "db"}}, {}, &*second)->selected.size(), 0U) << "it is not theirs";
    const auto everywhere = service_.create(global, document("g"), ann, Mode::dry_run);
    EXPECT_EQ(select("p2", web, {}, &*everywhere)->selected.size(), 1U);
}

TEST_P(Requirements, keep_secrets_sealed)
{
    auto secret = document("r");
    secret["modules"] = {
        {"http-guard", {{"users", {{{"name", "a"}, {"password", {{"plain", "hunter2"}}}}}}}}};
    const auto created = service_.create(p1, secret, ann);
    ASSERT_TRUE(created) << created.error().message;
    const auto stored = service_.find("p1", "d1", "r")->document.dump();
    EXPECT_EQ(stored.find("hunter2"), std::string::npos);
    EXPECT_NE(stored.find("hash"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Engines, Requirements, test::each_engine, test::engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, TamperedRequirements, test::each_engine, test::engine_name);

}  // namespace
}  // namespace unikernel
