// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "builder_service/sandbox/archive.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

namespace fs = std::filesystem;

/// What a hostile packer can write.
struct Entry {
    std::string path;
    std::string content = {};
    unsigned type = AE_IFREG;
    std::string link = {};  ///< of a symbolic link
    std::string hard_link = {};
    unsigned mode = 0644;
};

class Bundle : public ::testing::Test
{
protected:
    Result<void> unpack(const std::vector<Entry>& entries, const BundleLimits& limits = {},
                        void (*filter)(archive*) = nullptr)
    {
        write(entries, filter);
        return unpack_bundle(tar_, target_, limits);
    }

    std::string refusal(const std::vector<Entry>& entries, const BundleLimits& limits = {})
    {
        const Result<void> result = unpack(entries, limits);
        EXPECT_FALSE(result);
        return result ? "" : result.error().message;
    }

    void write(const std::vector<Entry>& entries, void (*filter)(archive*))
    {
        fs::remove_all(target_);
        fs::create_directory(target_);
        const ArchivePtr writer(archive_write_new());
        archive_write_set_format_pax(writer.get());
        if (filter != nullptr) {
            filter(writer.get());
        }
        archive_write_open_filename(writer.get(), tar_.c_str());
        for (const Entry& e : entries) {
            const ArchiveEntryPtr entry(archive_entry_new());
            archive_entry_set_pathname(entry.get(), e.path.c_str());
            archive_entry_set_filetype(entry.get(), e.type);
            archive_entry_set_perm(entry.get(), e.mode);
            archive_entry_set_size(entry.get(), static_cast<la_int64_t>(e.content.size()));
            if (!e.link.empty()) {
                archive_entry_set_symlink(entry.get(), e.link.c_str());
            }
            if (!e.hard_link.empty()) {
                archive_entry_set_hardlink(entry.get(), e.hard_link.c_str());
            }
            archive_write_header(writer.get(), entry.get());
            archive_write_data(writer.get(), e.content.data(), e.content.size());
        }
        archive_write_close(writer.get());
    }

    TemporaryDirectory folder_ = *TemporaryDirectory::create();
    fs::path tar_ = folder_.path() / "bundle.tar";
    fs::path target_ = folder_.path() / "target";
    static constexpr auto too_many_ =
        "bundle: more than 2 files and folders; leave out what the build does not need";
};

TEST_F(Bundle, unpacks_files_and_folders)
{
    ASSERT_TRUE(unpack({{"./", "", AE_IFDIR}, {"./a.cc", "int x;"}, {"sub/dir/b.hh", "b"}}));
    EXPECT_EQ(*read_file(target_ / "a.cc", 100), "int x;");
    EXPECT_EQ(*read_file(target_ / "sub/dir/b.hh", 100), "b");
}

TEST_F(Bundle, unpacks_gzip_and_zstd)
{
    for (const auto filter : {+[](archive* a) { archive_write_add_filter_gzip(a); },
                              +[](archive* a) { archive_write_add_filter_zstd(a); }}) {
        ASSERT_TRUE(unpack({{"a.cc", "int x;"}}, {}, filter));
        EXPECT_EQ(*read_file(target_ / "a.cc", 100), "int x;");
    }
}

TEST_F(Bundle, refuses_paths_that_lead_out)
{
    EXPECT_EQ(refusal({{"/etc/cron.d/x", "x"}}),
              "bundle: entry \"/etc/cron.d/x\": absolute paths are refused");
    EXPECT_EQ(refusal({{"../x", "x"}}), "bundle: entry \"../x\": \"..\" is refused");
    EXPECT_EQ(refusal({{"a/b/../../../x", "x"}}), "bundle: entry \"a/b/../../../x\": \"..\" is refused");
    EXPECT_FALSE(fs::exists(folder_.path() / "x"));
}

TEST_F(Bundle, refuses_links_of_either_kind)
{
    EXPECT_EQ(refusal({{"l", "", AE_IFLNK, "/etc/passwd"}}),
              "bundle: entry \"l\": symbolic links are refused; pack a copy of the file");
    EXPECT_EQ(refusal({{"l", "", AE_IFLNK, "a.cc"}}),
              "bundle: entry \"l\": symbolic links are refused; pack a copy of the file");
    EXPECT_EQ(refusal({{"a", "x"}, {"h", "", AE_IFREG, "", "a"}}),
              "bundle: entry \"h\": hard links are refused; pack a copy of the file");
}

TEST_F(Bundle, refuses_what_is_no_file)
{
    EXPECT_EQ(refusal({{"d", "", AE_IFBLK}}), "bundle: entry \"d\": is neither a file nor a folder");
    EXPECT_EQ(refusal({{"c", "", AE_IFCHR}}), "bundle: entry \"c\": is neither a file nor a folder");
    EXPECT_EQ(refusal({{"p", "", AE_IFIFO}}), "bundle: entry \"p\": is neither a file nor a folder");
    EXPECT_EQ(refusal({{"s", "x", AE_IFREG, "", "", 04755}}),
              "bundle: entry \"s\": set-user-ID and set-group-ID bits are refused");
}

TEST_F(Bundle, refuses_names_that_deceive)
{
    EXPECT_EQ(refusal({{"a", "1"}, {"a", "2"}}), "bundle: entry \"a\": appears twice");
    EXPECT_EQ(refusal({{"a", "1"}, {"./a", "2"}}), "bundle: entry \"a\": appears twice");
    EXPECT_EQ(refusal({{"a/b", "1"}, {"a", "2"}}), "bundle: entry \"a\": appears twice");
    EXPECT_EQ(refusal({{"a", "1"}, {"a/b", "2"}}), "bundle: entry \"a/b\": lies below a, which is a file");
    EXPECT_EQ(refusal({{"a\nb", "1"}}), "bundle: entry \"a\\nb\": the name has a control character");
    EXPECT_EQ(refusal({{std::string(300, 'x'), "1"}}),
              "bundle: entry \"" + std::string(300, 'x') + "\": a name is longer than 255 bytes");
    std::string deep;
    for (int i = 0; i < 600; ++i) {
        deep += "d/";
    }
    EXPECT_EQ(refusal({{deep + "x", "1"}}),
              "bundle: entry \"" + deep + "x\": the path is longer than 1024 bytes");
}

TEST_F(Bundle, is_bounded_in_bytes_entries_and_ratio)
{
    const std::string block(100'000, 'x');
    EXPECT_EQ(refusal({{"a", block}, {"b", block}}, {.bytes = 150'000}),
              "bundle: unpacks to more than 150000 bytes");
    EXPECT_EQ(refusal({{"a", ""}, {"b", ""}, {"c", ""}}, {.entries = 2}), too_many_);
    const Result<void> bomb = unpack({{"zeros", std::string(30'000'000, '\0')}}, {},
                                     [](archive* a) { archive_write_add_filter_gzip(a); });
    ASSERT_FALSE(bomb);
    EXPECT_EQ(bomb.error().kind, FailureKind::too_large);
    EXPECT_EQ(bomb.error().message, "bundle: unpacks to more than 100 times its size");
}

TEST_F(Bundle, counts_folders_that_no_entry_names)
{
    ASSERT_TRUE(unpack({{"a/x", ""}, {"a/y", ""}}, {.entries = 3}));
    EXPECT_EQ(refusal({{"a/b/x", ""}}, {.entries = 2}), too_many_);
    EXPECT_EQ(refusal({{"a/b/c/", "", AE_IFDIR}}, {.entries = 2}), too_many_);
    std::string deep;
    for (int i = 0; i < 60; ++i) {
        deep += "/a";
    }
    std::vector<Entry> bomb;
    for (int i = 0; i < 20; ++i) {
        bomb.push_back({std::to_string(i) + deep + "/f"});
    }
    EXPECT_EQ(unpack(bomb, {.entries = 200}).error().kind, FailureKind::too_large);
    EXPECT_LE(std::distance(fs::recursive_directory_iterator(target_), {}), 200);
}

TEST_F(Bundle, refuses_precompiled_headers)
{
    const std::string why = ": precompiled headers are refused; leave them out, the headers suffice";
    EXPECT_EQ(refusal({{"a/b.hh.gch", "gpch"}}), "bundle: entry \"a/b.hh.gch\"" + why);
    EXPECT_EQ(refusal({{"b.hh.gch/O2", "gpch"}}), "bundle: entry \"b.hh.gch/O2\"" + why);
    EXPECT_EQ(refusal({{"b.hh.gch/", "", AE_IFDIR}}), "bundle: entry \"b.hh.gch/\"" + why);
    EXPECT_TRUE(unpack({{"b.gch.hh", ""}}));
}

TEST_F(Bundle, refuses_paths_that_are_too_deep)
{
    std::string deep;
    for (int i = 0; i < 63; ++i) {
        deep += "d/";
    }
    EXPECT_TRUE(unpack({{"./" + deep + "x"}}));
    EXPECT_EQ(refusal({{deep + "d/x"}}),
              "bundle: entry \"" + deep + "d/x\": the path has more than 64 names");
}

TEST_F(Bundle, stops_when_it_is_cancelled)
{
    write({{"a.cc", "int x;"}}, nullptr);
    std::stop_source source;
    source.request_stop();
    const Result<void> result = unpack_bundle(tar_, target_, {}, source.get_token());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, FailureKind::cancelled);
    EXPECT_TRUE(fs::is_empty(target_));
}

TEST_F(Bundle, gives_one_file_without_unpacking)
{
    write({{"./", "", AE_IFDIR},
           {"a.cc", "int x;"},
           {"sub/unikernel.yaml", "no"},
           {"./unikernel.yaml", "name: a"}},
          [](archive* a) { archive_write_add_filter_gzip(a); });
    EXPECT_EQ(read_from_bundle(tar_, "unikernel.yaml", 100).value(), "name: a");
    EXPECT_EQ(read_from_bundle(tar_, "none", 100).value(), std::nullopt);
    EXPECT_EQ(read_from_bundle(tar_, "unikernel.yaml", 6).error().message,
              "bundle: entry \"unikernel.yaml\": is over the maximum of 6 bytes");
    EXPECT_TRUE(fs::is_empty(target_));
}

TEST_F(Bundle, gives_one_file_under_the_same_rules)
{
    const auto refusal_of = [&](const std::vector<Entry>& entries, const BundleLimits& limits = {},
                                void (*filter)(archive*) = nullptr) {
        write(entries, filter);
        const auto read = read_from_bundle(tar_, "unikernel.yaml", 1 << 20, limits);
        EXPECT_FALSE(read);
        return read ? "" : read.error().message;
    };
    EXPECT_EQ(refusal_of({{"../x", "x"}, {"unikernel.yaml", "x"}}),
              "bundle: entry \"../x\": \"..\" is refused");
    EXPECT_EQ(refusal_of({{"unikernel.yaml", "", AE_IFLNK, "/etc/passwd"}}),
              "bundle: entry \"unikernel.yaml\": symbolic links are refused; pack a copy of the file");
    EXPECT_EQ(refusal_of({{"a", ""}, {"b", ""}, {"unikernel.yaml", "x"}}, {.entries = 2}), too_many_);
    EXPECT_EQ(refusal_of({{"zeros", std::string(30'000'000, '\0')}, {"unikernel.yaml", "x"}}, {},
                         [](archive* a) { archive_write_add_filter_gzip(a); }),
              "bundle: unpacks to more than 100 times its size");
    ASSERT_TRUE(write_file(tar_, "this is no archive"));
    EXPECT_EQ(read_from_bundle(tar_, "unikernel.yaml", 100).error().kind, FailureKind::invalid);
}

TEST_F(Bundle, refuses_what_is_no_archive)
{
    for (const std::string content : {"", "hello", "PK\x03\x04 a zip file"}) {
        ASSERT_TRUE(write_file(tar_, content));
        const Result<void> result = unpack_bundle(tar_, folder_.path());
        ASSERT_FALSE(result);
        EXPECT_TRUE(result.error().message.starts_with("bundle: is no tar archive (plain, gzip or zstd): "))
            << result.error().message;
    }
    EXPECT_EQ(unpack_bundle(folder_.path() / "none", folder_.path()).error().kind, FailureKind::not_found);
}

TEST_F(Bundle, survives_every_truncation_and_many_flipped_bytes)
{
    write({{"a.cc", std::string(3000, 'a')}, {"sub/b.cc", std::string(700, 'b')}}, nullptr);
    const std::string whole = *read_file(tar_, 1 << 20);
    for (std::size_t size = 0; size < whole.size(); size += 97) {
        ASSERT_TRUE(write_file(tar_, whole.substr(0, size)));
        fs::remove_all(target_);
        fs::create_directory(target_);
        (void)unpack_bundle(tar_, target_);  // refused or not: no crash, nothing outside
    }
    for (std::size_t at = 0; at < whole.size(); at += 13) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ 0x41);
        ASSERT_TRUE(write_file(tar_, flipped));
        fs::remove_all(target_);
        fs::create_directory(target_);
        (void)unpack_bundle(tar_, target_);
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 2);  // the archive and the target
}

TEST_F(Bundle, packing_depends_on_names_and_contents_alone)
{
    const fs::path a = folder_.path() / "a";
    const fs::path b = folder_.path() / "b";
    for (const fs::path& folder : {a, b}) {
        fs::create_directories(folder / "sub");
        ASSERT_TRUE(write_file(folder / "sub/x.cc", "x", folder == a ? 0600 : 0755));
        ASSERT_TRUE(write_file(folder / "y.cc", "y"));
    }
    fs::last_write_time(b / "y.cc", fs::file_time_type::clock::now() - std::chrono::hours(100));
    fs::create_directory(b / ".git");
    ASSERT_TRUE(write_file(b / ".git/config", "secret"));
    ASSERT_TRUE(write_file(b / "app.img", "built before"));
    const Result<std::string> packed = pack_bundle(a);
    ASSERT_TRUE(packed) << packed.error().message;
    EXPECT_EQ(*packed, *pack_bundle(b));
    ASSERT_TRUE(write_file(tar_, *packed));
    fs::create_directory(target_);
    ASSERT_TRUE(unpack_bundle(tar_, target_));
    EXPECT_EQ(*read_file(target_ / "sub/x.cc", 10), "x");
}

TEST_F(Bundle, packing_refuses_links_and_too_much)
{
    const fs::path a = folder_.path() / "a";
    fs::create_directories(a);
    ASSERT_TRUE(write_file(a / "x.cc", std::string(2000, 'x')));
    EXPECT_EQ(pack_bundle(a, {.bytes = 1000}).error().message,
              "bundle: " + a.string() + " is larger than 1000 bytes");
    fs::create_symlink("/etc/passwd", a / "l");
    EXPECT_EQ(pack_bundle(a).error().message,
              "bundle: l: is neither a file nor a folder (links are refused; use a copy)");
    EXPECT_EQ(pack_bundle(folder_.path() / "none").error().kind, FailureKind::not_found);
}

}  // namespace
}  // namespace unikernel
