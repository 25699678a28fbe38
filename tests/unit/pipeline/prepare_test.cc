// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "builder_service/pipeline/prepare.hh"
#include "mini_platform.hh"

namespace unikernel
{
namespace
{

class Preparing : public test::MiniPlatform
{
protected:
    Prepared prepare()
    {
        lines_.clear();
        const auto prepared =
            unikernel::prepare(settings, [this](std::string_view line) { lines_.emplace_back(line); });
        EXPECT_TRUE(prepared) << prepared.error().message;
        return prepared.value_or(Prepared{});
    }

    bool told(const std::string& line) const
    {
        return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
    }

    std::vector<std::string> lines_;
};

TEST_F(Preparing, leaves_a_build_nothing_but_what_is_its_own)
{
    EXPECT_GT(prepare().compiled, 5U);
    EXPECT_EQ(build_spec(test::server_spec).objects_compiled, 2U)
        << "server.cc, and main.cc for the image's name";
}

TEST_F(Preparing, does_only_what_is_missing)
{
    EXPECT_EQ(prepare().kinds, 5U) << "none, console, posix, power, all of them";
    EXPECT_EQ(prepare().compiled, 0U);
    EXPECT_TRUE(told("u0, no application: 0 objects compiled, 6 were there"))
        << testing::PrintToString(lines_);
    std::size_t removed = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(settings.cache / "objects")) {
        const bool object =
            file.is_regular_file() && file.path().extension() == ".o" &&
            !read_file(file.path(), 1ULL << 30)->starts_with("gpch");  // no precompiled header
        removed += object && removed == 0 ? std::filesystem::remove(file.path()) : 0;
    }
    EXPECT_EQ(removed, 1U);
    EXPECT_EQ(prepare().compiled, 1U);
}

TEST_F(Preparing, knows_images_that_lack_one_of_all_modules)
{
    module("one");
    module("two", "requires: [one]");
    prepare();
    EXPECT_TRUE(told("u0, application with all but two: 0 objects compiled, 11 were there"))
        << testing::PrintToString(lines_);
    for (const std::string& line : lines_) {
        EXPECT_EQ(line.find("all but one"), std::string::npos) << "two needs it: " << line;
        EXPECT_EQ(line.find("all but power"), std::string::npos) << "every image has it: " << line;
    }
}

TEST_F(Preparing, says_what_it_leaves_out)
{
    prepare();
    EXPECT_TRUE(told("u0, guard: left out; modules.guard.token: must be given; it has no default. Set it in "
                     "spec.modules.guard or in a requirement"))
        << testing::PrintToString(lines_);
    EXPECT_TRUE(std::any_of(lines_.begin(), lines_.end(), [](const std::string& line) {
        return line.starts_with("u0, hermit: left out; module hermit");
    })) << testing::PrintToString(lines_);
}

TEST_F(Preparing, ends_with_a_source_that_does_not_compile)
{
    test::put(settings.modules / "power/second.cc", "broken\n");
    const auto prepared = unikernel::prepare(settings, [](std::string_view) {});
    ASSERT_FALSE(prepared);
    EXPECT_TRUE(
        prepared.error().message.starts_with("u0, no application: modules/power/second.cc does not compile"))
        << prepared.error().message;
}

}  // namespace
}  // namespace unikernel
