// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/hex.hh"
#include "common/util/nearest.hh"
#include "common/util/pattern.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

TEST(Hex, both_ways)
{
    EXPECT_EQ(to_hex(std::vector<std::uint8_t>{0x00, 0xab, 0xff}), "00abff");
    EXPECT_EQ(*from_hex("00AbfF"), (std::vector<std::uint8_t>{0x00, 0xab, 0xff}));
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
}

TEST(Digest, of_fips_180_4)
{
    EXPECT_EQ(to_string(sha256("abc")),
              "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(Sha256().update("a").update("bc").finish(), sha256("abc"));
    EXPECT_NE(Sha256().field("ab").field("c").finish(), Sha256().field("a").field("bc").finish());
}

TEST(Digest, of_a_folder_depends_on_names_and_contents_alone)
{
    const auto a = TemporaryDirectory::create();
    const auto b = TemporaryDirectory::create();
    for (const auto* folder : {&a, &b}) {
        std::filesystem::create_directories((*folder)->path() / "x");
        ASSERT_TRUE(write_file((*folder)->path() / "x/one", "1"));
        ASSERT_TRUE(write_file((*folder)->path() / "two", "2"));
    }
    EXPECT_EQ(*sha256_folder(a->path()), *sha256_folder(b->path()));
    ASSERT_TRUE(write_file(b->path() / "two", "3"));
    EXPECT_NE(*sha256_folder(a->path()), *sha256_folder(b->path()));
    std::filesystem::create_symlink("/etc/passwd", a->path() / "link");
    EXPECT_EQ(sha256_folder(a->path()).error().message,
              (a->path() / "link").string() + ": neither a regular file nor a folder");
}

TEST(TemporaryDirectory, goes_with_its_object_and_all_it_holds)
{
    std::filesystem::path path;
    {
        auto folder = TemporaryDirectory::create();
        ASSERT_TRUE(folder);
        path = folder->path();
        ASSERT_TRUE(write_file(path / "f", "x"));
        const TemporaryDirectory moved = std::move(*folder);
        EXPECT_TRUE(std::filesystem::exists(path));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(TemporaryDirectory::create("x", "/nonexistent").error().message,
              "/nonexistent: cannot create a temporary folder: No such file or directory");
}

TEST(Files, are_replaced_whole_and_leave_nothing_beside_them)
{
    const auto folder = TemporaryDirectory::create();
    const auto path = folder->path() / "f";
    ASSERT_TRUE(write_file_atomically(path, "one"));
    ASSERT_TRUE(write_file_atomically(path, "two"));
    EXPECT_EQ(*read_file(path, 10), "two");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder->path()), {}), 1);
}

TEST(Files, reading_is_bounded_and_takes_regular_files_only)
{
    const auto folder = TemporaryDirectory::create();
    const auto path = folder->path() / "f";
    ASSERT_TRUE(write_file(path, "12345"));
    EXPECT_EQ(read_file(path, 4).error().message, path.string() + ": 5 bytes are over the limit of 4");
    std::filesystem::create_symlink(path, folder->path() / "l");
    EXPECT_EQ(read_file(folder->path() / "l", 10).error().message,
              (folder->path() / "l").string() + ": is a symbolic link, not a regular file");
    ASSERT_EQ(mkfifo((folder->path() / "p").c_str(), 0600), 0);
    EXPECT_EQ(read_file(folder->path() / "p", 10).error().message,
              (folder->path() / "p").string() + ": not a regular file");
    EXPECT_EQ(read_file(folder->path() / "none", 10).error().kind, FailureKind::not_found);
}

TEST(Files, a_full_disk_is_told_as_such)
{
    // /dev/full answers every write with ENOSPC; the failure's kind is what callers act on.
    EXPECT_EQ(system_failure("x", ENOSPC).kind, FailureKind::no_space);
    EXPECT_EQ(system_failure("x", EDQUOT).kind, FailureKind::no_space);
    EXPECT_EQ(system_failure("x", EIO).kind, FailureKind::internal);
}

std::string repeated(const std::string& text, int times)
{
    std::string all;
    for (int i = 0; i < times; ++i)
        all += text;
    return all;
}

/// On a thread, as the service matches; its stack is smaller than that of some processes.
bool matches_on_a_thread(const std::string& text, const std::string& expression)
{
    bool matched = false;
    std::thread([&] { matched = matches(text, expression); }).join();
    return matched;
}

TEST(Pattern, holds_for_the_whole_text)
{
    EXPECT_TRUE(matches("a-b", "[a-z-]+"));
    EXPECT_FALSE(matches("a-b!", "[a-z-]+"));
    const std::string path = "/|(/(?!\\.{1,2}(/|$))([A-Za-z0-9._~-]|%[89A-F][0-9A-F])+)+/?";
    for (const auto* good : {"/", "/a", "/a/b.c/", "/.a/..b/...", "/%C3%A4"})
        EXPECT_TRUE(matches(good, path)) << good;
    for (const auto* bad : {"", "a", "//", "/a//b", "/..", "/a/../b", "/./", "/%2e"})
        EXPECT_FALSE(matches(bad, path)) << bad;
}

TEST(Pattern, a_long_text_does_not_exhaust_the_stack)
{
    for (const auto& expression :
         {std::string(".*"), std::string("(a|b)*"), std::string("(((a|b)|c)|d)*"), std::string("((?=a)a)*"),
          repeated("(", 50) + "a" + repeated(")", 50) + "*", repeated("(", 10) + "a" + repeated(")*", 10)}) {
        EXPECT_TRUE(matches_on_a_thread(std::string(4096, 'a'), expression)) << expression;
        EXPECT_FALSE(matches_on_a_thread(std::string(65'536, 'a') + "\n", expression)) << expression;
    }
}

TEST(Pattern, a_text_that_nearly_matches_takes_no_exponential_time)
{
    EXPECT_FALSE(matches(std::string(4096, 'a') + "c", "(a*)*b"));
    EXPECT_FALSE(matches(std::string(4096, 'a') + "c", "(a|a)*b"));
}

TEST(Pattern, says_what_is_wrong_with_it)
{
    EXPECT_EQ(wrong_with_pattern("[a-z]+"), std::nullopt);
    EXPECT_NE(wrong_with_pattern("["), std::nullopt);
    EXPECT_NE(wrong_with_pattern("(a)\\1"), std::nullopt) << "what matches() does not take";
    EXPECT_NE(wrong_with_pattern("(a?){30000}"), std::nullopt);
}

TEST(Nearest, finds_what_was_meant)
{
    EXPECT_EQ(did_you_mean("http-gaurd", {"http-guard", "lwip"}), "; did you mean http-guard?");
    EXPECT_EQ(did_you_mean("xyz", {"http-guard", "lwip"}), "; there are http-guard, lwip");
    EXPECT_EQ(did_you_mean("xyz", {}), "");
    EXPECT_FALSE(nearest(std::string(100'000, 'a'), {std::string(100'000, 'b')}));
}

}  // namespace
}  // namespace unikernel
