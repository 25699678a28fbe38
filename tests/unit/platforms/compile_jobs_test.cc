// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/platforms/compile_jobs.hh"
#include "builder_service/platforms/header_record.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

class CompileJobs : public ::testing::Test
{
protected:
    void SetUp() override
    {
        std::filesystem::create_directory(source_);
        ASSERT_TRUE(write_file(source_ / "a.c", "#include \"a.h\"\nint a = A;\n"));
        ASSERT_TRUE(write_file(source_ / "a.h", "#define A 1\n"));
        ASSERT_TRUE(write_file(source_ / "b.c", "int b;\n"));
    }

    CompileJob job(const std::string& name, bool tenant = false,
                   const std::vector<std::string>& more = {}) const
    {
        const std::filesystem::path file = source_ / name;
        return {.name = name,
                .key = sha256(name + *read_file(file, 1000)),
                .headers = {{source_, "source"}},
                .tenant = tenant,
                .tool = [file, more](const std::filesystem::path& folder) {
                    ProcessSpecification tool;
                    tool.program = "gcc";
                    tool.arguments = {"-MMD", "-MF", "object.d", "-c", file.string(), "-o", "object.o"};
                    tool.arguments.insert(tool.arguments.begin(), more.begin(), more.end());
                    tool.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
                    tool.working_directory = folder;
                    return tool;
                }};
    }

    /// A unit that reads the precompiled header, which alone defines FROM_HEADER.
    CompileJob including() const
    {
        CompileJob unit = job("c.c", false, {"-include", (source_ / "common.hh").string()});
        unit.precompiled = true;
        return unit;
    }

    PrecompiledHeader header(const std::string& text) const
    {
        EXPECT_TRUE(write_file(source_ / "common.text", text));
        CompileJob made = job("common.text");
        made.headers.clear();
        made.tool = [file = source_ / "common.text"](const std::filesystem::path& folder) {
            ProcessSpecification tool;
            tool.program = "gcc";
            tool.arguments = {"-x", "c-header", file.string(), "-o", "object.o"};
            tool.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
            tool.working_directory = folder;
            return tool;
        };
        return {made, source_ / "common.hh.gch"};
    }

    Result<CompiledObjects> run(const std::vector<CompileJob>& jobs,
                                const std::optional<PrecompiledHeader>& header = std::nullopt)
    {
        std::filesystem::remove(source_ / "common.hh.gch");  // the link is a build's own
        OutputBudget budget(100'000);
        const auto scratch = TemporaryDirectory::create("scratch", folder_.path());
        return compile(jobs, header, ObjectCache(folder_.path() / "cache"), scratch->path(), budget,
                       [this](std::string_view line) { lines_.emplace_back(line); }, {});
    }

    TemporaryDirectory folder_ = *TemporaryDirectory::create();
    std::filesystem::path source_ = folder_.path() / "source";
    std::vector<std::string> lines_;
};

TEST_F(CompileJobs, compile_what_is_missing_once_and_keep_the_order)
{
    const auto first = run({job("a.c"), job("b.c")});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->compiled, 2U);
    const auto second = run({job("b.c"), job("a.c")});
    EXPECT_EQ(second->compiled, 0U);
    EXPECT_EQ(second->cached, 2U);
    EXPECT_EQ(second->paths[0], first->paths[1]);
    EXPECT_EQ(second->paths[1], first->paths[0]);
}

TEST_F(CompileJobs, a_header_concerns_only_those_who_read_it)
{
    ASSERT_TRUE(run({job("a.c"), job("b.c")}));
    ASSERT_TRUE(write_file(source_ / "a.h", "#define A 2\n"));
    const auto changed = run({job("a.c"), job("b.c")});
    EXPECT_EQ(changed->compiled, 1U);
    ASSERT_TRUE(write_file(source_ / "a.h", "#define A 1\n"));
    EXPECT_EQ(run({job("a.c"), job("b.c")})->compiled, 0U) << "the first object is still there";
}

TEST_F(CompileJobs, those_who_read_the_precompiled_header_wait_for_it)
{
    ASSERT_TRUE(write_file(source_ / "c.c", "int c = FROM_HEADER;\n"));
    const PrecompiledHeader one = header("#define FROM_HEADER 1\n");
    const auto first = run({including(), job("a.c"), job("b.c")}, one);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->compiled, 3U) << "the header is no object";
    EXPECT_TRUE(std::filesystem::is_symlink(one.place));
}

TEST_F(CompileJobs, a_precompiled_header_is_compiled_once_and_only_if_somebody_reads_it)
{
    ASSERT_TRUE(write_file(source_ / "c.c", "int c = FROM_HEADER;\n"));
    PrecompiledHeader one = header("#define FROM_HEADER 1\n");
    std::atomic<int> times = 0;
    one.job.tool = [&times, tool = one.job.tool](const std::filesystem::path& folder) {
        ++times;
        return tool(folder);
    };
    ASSERT_TRUE(run({job("a.c")}, one));
    EXPECT_EQ(times, 0);
    ASSERT_TRUE(run({including()}, one));
    ASSERT_TRUE(run({including()}, one));
    EXPECT_EQ(times, 1);
    ASSERT_TRUE(write_file(source_ / "c.c", "int c = FROM_HEADER + 1;\n"));
    ASSERT_TRUE(run({including()}, one)) << "from the cache";
    EXPECT_EQ(times, 1);
}

TEST_F(CompileJobs, a_precompiled_header_that_does_not_compile_ends_the_build)
{
    ASSERT_TRUE(write_file(source_ / "c.c", "int c = FROM_HEADER;\n"));
    const auto refused = run({including(), job("a.c")}, header("broken;\n#error so\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::internal);
    EXPECT_TRUE(refused.error().message.starts_with("common.text does not compile, which is no fault"))
        << refused.error().message;
}

TEST_F(CompileJobs, a_refusal_names_its_author)
{
    ASSERT_TRUE(write_file(source_ / "b.c", "broken\n"));
    const auto ours = run({job("b.c")});
    ASSERT_FALSE(ours);
    EXPECT_EQ(ours.error().kind, FailureKind::internal);
    EXPECT_TRUE(
        ours.error().message.starts_with("b.c does not compile, which is no fault of the application:\n"));
    const auto tenants = run({job("a.c"), job("b.c", true)});
    ASSERT_FALSE(tenants);
    EXPECT_EQ(tenants.error().kind, FailureKind::invalid);
    EXPECT_TRUE(tenants.error().message.starts_with((source_ / "b.c").string() + ":1:1: error: "));
}

TEST_F(CompileJobs, an_object_that_is_a_link_is_not_followed)
{
    ASSERT_TRUE(write_file(folder_.path() / "secret", "secret"));
    CompileJob hostile{
        "x.c", sha256("x"), {}, true, [this](const std::filesystem::path& folder) {
            ProcessSpecification tool;
            tool.program = "ln";
            tool.arguments = {"-sf", (folder_.path() / "secret").string(), (folder / "object.o").string()};
            return tool;
        }};
    const auto result = run({hostile});
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().message.ends_with("is a symbolic link, not a regular file"))
        << result.error().message;
}

TEST_F(CompileJobs, the_objects_of_an_application_are_bounded_together)
{
    std::vector<CompileJob> jobs;
    for (const std::string name : {"1.c", "2.c", "3.c"}) {
        ASSERT_TRUE(write_file(source_ / name, "char a" + name.substr(0, 1) + "[100000] = {1};\n"));
        jobs.push_back(job(name, true));
    }
    const std::filesystem::path scratch = folder_.path() / "scratch";
    const auto compiled = [&](std::uint64_t limit) {
        OutputBudget budget(100'000);
        return compile(
            jobs, std::nullopt, ObjectCache(folder_.path() / "cache"), scratch, budget,
            [](std::string_view) {}, {}, limit);
    };
    const auto refused = compiled(250'000);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FailureKind::invalid);
    EXPECT_TRUE(refused.error().message.starts_with(
        "the application's objects are larger than 250000 bytes together"))
        << refused.error().message;
    ASSERT_TRUE(compiled(400'000));
    EXPECT_FALSE(std::filesystem::exists(scratch / "0/object.o")) << "it is in the cache, once is enough";
}

TEST(HeaderRecord, reads_makes_rules)
{
    EXPECT_EQ(prerequisites("object.o: /a/b.cc /c/./d.hh \\\n /x/../e.hh /with\\ space.h\n"),
              (std::vector<std::filesystem::path>{"/a/b.cc", "/c/d.hh", "/e.hh", "/with space.h"}));
    EXPECT_TRUE(prerequisites("").empty());
}

TEST(ObjectCache, takes_no_object_that_is_cut_short)
{
    const auto folder = TemporaryDirectory::create();
    const ObjectCache cache(folder->path());
    const Digest key = sha256("k");
    EXPECT_FALSE(cache.find(key));
    ASSERT_TRUE(cache.store(key, "not an object"));
    EXPECT_FALSE(cache.find(key));
}

TEST(ObjectCache, forgets_what_was_not_used_for_longest)
{
    const auto folder = TemporaryDirectory::create();
    const ObjectCache cache(folder->path());
    std::vector<std::filesystem::path> paths;
    for (int i = 0; i < 4; ++i) {
        paths.push_back(*cache.store(sha256(std::to_string(i)), std::string(1000, 'x')));
        std::filesystem::last_write_time(paths.back(), std::filesystem::file_time_type::clock::now() -
                                                           std::chrono::hours(10 + i));
    }
    std::filesystem::last_write_time(paths[3], std::filesystem::file_time_type::clock::now());
    EXPECT_EQ(cache.evict(4000), 4000U) << "nothing goes while there is room";
    EXPECT_EQ(cache.evict(3000), 2000U) << "down to three quarters";
    EXPECT_TRUE(std::filesystem::exists(paths[0]));
    EXPECT_FALSE(std::filesystem::exists(paths[1]));
    EXPECT_FALSE(std::filesystem::exists(paths[2]));
    EXPECT_TRUE(std::filesystem::exists(paths[3]));
    EXPECT_EQ(cache.evict(1), 1000U) << "what is in use stays";
}

TEST(ObjectCache, forgets_empty_notes)
{
    const auto folder = TemporaryDirectory::create();
    const ObjectCache cache(folder->path());
    cache.tidy();  // leaves an empty file, too
    const auto kept = std::distance(std::filesystem::recursive_directory_iterator(folder->path()), {});
    const Digest key = sha256("unit");
    ASSERT_TRUE(cache.store_note(key, ""));
    const std::filesystem::path object = *cache.store(key, std::string(1000, 'x'));
    for (const auto& file : std::filesystem::directory_iterator(object.parent_path())) {
        std::filesystem::last_write_time(file.path(), std::filesystem::file_time_type::clock::now() -
                                                          std::chrono::hours(10));
    }
    std::filesystem::last_write_time(object,
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(9));
    EXPECT_EQ(cache.evict(500), 0U);
    EXPECT_FALSE(cache.find_note(key));
    EXPECT_EQ(std::distance(std::filesystem::recursive_directory_iterator(folder->path()), {}), kept + 1)
        << "the stamp stays, and a folder";
}

}  // namespace
}  // namespace unikernel
