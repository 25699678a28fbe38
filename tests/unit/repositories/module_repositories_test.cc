// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/module_repositories.hh"

#include "repository_fixture.hh"

namespace unikernel
{
namespace
{

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;
using test::loss;
using test::text;

class Repositories : public test::RepositoryTest
{
protected:
    void SetUp() override
    {
        RepositoryTest::SetUp();
        module("acme", "firewall", "1.0.0");
    }

    static std::string states(ModuleRepositories& repositories)
    {
        std::string list;
        for (const RepositoryStatus& each : repositories.status()) {
            list += (list.empty() ? "" : ", ") + each.name + " " + std::string(to_string(each.state));
        }
        return list;
    }
};

TEST_F(Repositories, are_one_set_of_modules_that_know_their_origin)
{
    module("site", "tcp", "1.0.0");
    ModuleRepositories all(settings({bundle("acme"), directory("site")}));
    EXPECT_THAT(all.refresh({}), IsEmpty()) << "nothing an operator must know";
    EXPECT_EQ(text(all.modules()), "firewall 1.0.0@acme, tcp 1.0.0@site, tcp 1.0.0@builtin");
    EXPECT_EQ(all.modules()->find("tcp")->repository, "site");
    EXPECT_EQ(states(all), "acme ready, site ready, builtin ready");
    const nlohmann::json acme = to_json(all.status().front());
    EXPECT_EQ(acme["kind"], "bundle");
    EXPECT_EQ(acme["modules"], 1);
    EXPECT_EQ(acme["signed"], true);
    EXPECT_EQ((*manifest_of(*all.modules()->find("firewall")))["repository"], "acme");
}

TEST_F(Repositories, have_the_priorities_of_the_configuration)
{
    module("site", "tcp", "1.0.0");
    auto lower = settings({directory("site")});
    lower.repositories.builtin_priority = 500;
    EXPECT_EQ(ModuleRepositories(lower).modules()->find("tcp")->repository, "builtin");
}

TEST_F(Repositories, of_equal_priority_with_one_version_twice_are_an_error_that_names_both)
{
    module("site", "firewall", "1.0.0");
    ModuleRepositories all(settings({bundle("acme"), directory("site")}));
    all.refresh({});
    EXPECT_EQ(loss(all.modules()),
              "two modules are named firewall and have version 1.0.0, one of repository acme and one of "
              "repository site, which have the same priority, 100; give one of them another");
    EXPECT_EQ(states(all), "acme ready, site unusable, builtin ready");
    module("site", "firewall", "1.0.1");
    EXPECT_EQ(loss(all.modules()), "");
}

TEST_F(Repositories, that_are_folders_are_read_again_when_something_in_them_changed)
{
    ModuleRepositories all(settings({directory("acme")}));
    const std::string before = *all.content_digest();
    const std::string digest = all.status().front().digest;
    EXPECT_EQ(*all.content_digest(), before);
    put("acme/firewall/a.cc", "int b;\n");  // as many bytes as before
    EXPECT_NE(*all.content_digest(), before);
    EXPECT_NE(all.status().front().digest, digest);
    put("acme/firewall/a.cc", "int a;\n");
    EXPECT_EQ(*all.content_digest(), before);
    module("acme", "firewall", "1.1.0");
    EXPECT_EQ(text(all.modules()), "firewall 1.1.0@acme, tcp 1.0.0@builtin");
}

TEST_F(Repositories, that_are_folders_may_be_pinned_to_their_content)
{
    ModuleRepositories loose(settings({directory("acme")}));
    RepositorySettings pinned = directory("acme");
    pinned.digest = loose.status().front().digest;
    ModuleRepositories all(settings({pinned}));
    EXPECT_EQ(states(all), "acme ready, builtin ready");
    put("acme/firewall/a.cc", "int evil;\n");
    EXPECT_EQ(states(all), "acme unusable, builtin ready");
    EXPECT_THAT(loss(all.modules()), HasSubstr("as the configuration wants it"));
}

TEST_F(Repositories, that_vanish_are_used_from_the_cache_and_told_about)
{
    const RepositorySettings acme = bundle("acme");
    {
        ModuleRepositories all(settings({acme}));
        all.refresh({});
        fs::rename(root() / "acme.tar.gz", root() / "away");
        EXPECT_THAT(all.refresh({}),
                    ElementsAre("repository acme is cached: " + (root() / "acme.tar.gz").string() +
                                " is not there any more"));
        EXPECT_THAT(all.refresh({}), IsEmpty()) << "it was told once";
        EXPECT_EQ(text(all.modules()), "firewall 1.0.0@acme, tcp 1.0.0@builtin");
        EXPECT_EQ(loss(all.modules()), "");
    }
    ModuleRepositories restarted(settings({acme}));
    restarted.refresh({});
    EXPECT_EQ(text(restarted.modules()), "firewall 1.0.0@acme, tcp 1.0.0@builtin");
    EXPECT_EQ(states(restarted), "acme ready, builtin ready");
    restarted.refresh({});
    EXPECT_EQ(states(restarted), "acme cached, builtin ready");
    fs::rename(root() / "away", root() / "acme.tar.gz");
    EXPECT_THAT(restarted.refresh({}), ElementsAre("repository acme is ready"));
}

TEST_F(Repositories, that_cannot_be_had_are_lost_until_they_can)
{
    const RepositorySettings acme = bundle("acme");
    ModuleRepositories all(settings({acme}));
    EXPECT_NE(loss(all.modules()), "") << "not fetched yet";
    const std::string before = *all.content_digest();
    const std::string good = *read_file(root() / "acme.tar.gz", 1 << 20);
    put("acme.tar.gz", "tampered");
    const auto notices = all.refresh({});
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_THAT(notices[0], HasSubstr("repository acme is unusable: " + acme.bundle + " has the digest "));
    EXPECT_EQ(text(all.modules()), "tcp 1.0.0@builtin");
    EXPECT_THAT(loss(all.modules()), HasSubstr("has the digest"));
    EXPECT_EQ(*all.content_digest(), before);
    put("acme.tar.gz", good);
    EXPECT_THAT(all.refresh({}), ElementsAre("repository acme is ready"));
    EXPECT_EQ(loss(all.modules()), "");
    EXPECT_NE(*all.content_digest(), before) << "whoever waits for it must notice";
}

TEST_F(Repositories, a_folder_that_is_not_there_or_wrong_is_lost_until_it_is_mended)
{
    ModuleRepositories all(settings({directory("acme"), directory("site")}));
    EXPECT_EQ(states(all), "acme ready, site unusable, builtin ready");
    EXPECT_THAT(loss(all.modules()), HasSubstr("site"));
    put("acme/firewall/module.yaml", "name: [\n");
    EXPECT_EQ(states(all), "acme unusable, site unusable, builtin ready");
    EXPECT_THAT(loss(all.modules()), HasSubstr("acme/firewall/module.yaml:"));
    module("acme", "firewall", "1.0.0");
    module("site", "waf", "1.0.0");
    EXPECT_EQ(states(all), "acme ready, site ready, builtin ready");
}

TEST_F(Repositories, a_cache_that_is_changed_under_the_service_is_noticed)
{
    const RepositorySettings acme = bundle("acme");
    ModuleRepositories all(settings({acme}));
    all.refresh({});
    const fs::path folder = all.modules()->find("firewall")->folder;
    const std::string content = all.modules()->find("firewall")->content;
    put(fs::relative(folder, root()) / "a.cc", "int evil;\n");
    EXPECT_EQ(all.modules()->find("firewall")->content, content);
    EXPECT_EQ(*read_file(folder / "a.cc", 100), "int a;\n") << "unpacked again";
}

TEST_F(Repositories, have_only_the_names_that_they_were_granted)
{
    RepositorySettings acme = directory("acme");
    acme.modules = {"firewall"};
    ModuleRepositories all(settings({acme}));
    EXPECT_EQ(loss(all.modules()), "");
    module("acme", "tcp", "9.9.9");
    EXPECT_EQ(loss(all.modules()),
              "its module tcp is none of `modules` of its section; add tcp there if it may "
              "have that");
    EXPECT_EQ(all.modules()->lost().front().names, acme.modules);
    EXPECT_EQ(text(all.modules()), "tcp 1.0.0@builtin");
    fs::remove_all(root() / "acme/tcp");
    module("acme", "firewall", "1.0.0", "provides: [network-device]\n");
    EXPECT_THAT(loss(all.modules()),
                HasSubstr("its module firewall provides network-device, which is none of"));
}

TEST_F(Repositories, are_reduced_by_pins)
{
    module("acme", "tcp", "2.0.0");
    ModuleRepositories all(settings({directory("acme")}, {{"tcp", "1.0.0@builtin"}}));
    EXPECT_EQ(text(all.modules()), "firewall 1.0.0@acme, tcp 1.0.0@builtin");
    EXPECT_EQ(all.modules()->pinned_text("tcp"), "; [pins] tcp = 1.0.0@builtin leaves out 2.0.0");
}

TEST_F(Repositories, the_builders_own_one_must_be_right)
{
    put("builtin/tcp/module.yaml", "name: [\n");
    ModuleRepositories all(settings({}));
    EXPECT_EQ(all.modules().error().kind, FailureKind::internal);
    EXPECT_THAT(text(all.modules()), HasSubstr("error: modules/tcp/module.yaml:"));
}

}  // namespace
}  // namespace unikernel
