// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/cli/documents.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli
{
namespace
{

using testing::HasSubstr;
using testing::Not;

class Documents : public testing::Test
{
protected:
    std::filesystem::path write(const std::string& name, const std::string& text)
    {
        std::ofstream(folder_.path() / name, std::ios::binary) << text;
        return folder_.path() / name;
    }
    std::filesystem::path requirement(const std::string& secret)
    {
        return write("r.yaml", "name: r\napplies_to: everything\nmodules:\n  http-guard:\n    credentials:\n"
                               "      - {name: a, kind: bearer, secret: " +
                                   secret + "}\n");
    }

    TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(Documents, secret_from_the_environment_leaves_as_a_hash)
{
    setenv("UNIKERNEL_TEST_SECRET", "correct horse", 1);
    const auto document = read_document(requirement("{from_env: UNIKERNEL_TEST_SECRET}"));
    unsetenv("UNIKERNEL_TEST_SECRET");
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_THAT(document->dump(), Not(HasSubstr("correct horse")));
    const auto secret = (*document)["modules"]["http-guard"]["credentials"][0]["secret"];
    EXPECT_EQ(secret["hash"].get<std::string>().size(), 64U);
}

TEST_F(Documents, secret_from_a_file_beside_the_document_equals_the_same_from_the_environment)
{
    write("token", "correct horse\n");
    const auto file = read_document(requirement("{from_file: token}"));
    ASSERT_TRUE(file) << file.error().message;
    setenv("UNIKERNEL_TEST_SECRET", "correct horse", 1);
    const auto environment = read_document(requirement("{from_env: UNIKERNEL_TEST_SECRET}"));
    unsetenv("UNIKERNEL_TEST_SECRET");
    ASSERT_TRUE(environment);
    EXPECT_EQ((*file)["modules"]["http-guard"]["credentials"][0]["secret"]["iterations"],
              (*environment)["modules"]["http-guard"]["credentials"][0]["secret"]["iterations"]);
}

TEST_F(Documents, missing_secrets_are_named_with_the_way_out)
{
    unsetenv("UNIKERNEL_TEST_SECRET");
    const auto unset = read_document(requirement("{from_env: UNIKERNEL_TEST_SECRET}"));
    ASSERT_FALSE(unset);
    EXPECT_EQ(unset.error().kind, FailureKind::invalid);
    EXPECT_THAT(unset.error().message,
                HasSubstr("the environment variable UNIKERNEL_TEST_SECRET is not set; do: export "
                          "UNIKERNEL_TEST_SECRET=..."));
    setenv("UNIKERNEL_TEST_SECRET", "", 1);
    EXPECT_THAT(read_document(requirement("{from_env: UNIKERNEL_TEST_SECRET}")).error().message,
                HasSubstr("UNIKERNEL_TEST_SECRET is empty"));
    unsetenv("UNIKERNEL_TEST_SECRET");
    EXPECT_THAT(read_document(requirement("{from_file: absent}")).error().message, HasSubstr("absent"));
    write("empty", "\n");
    EXPECT_THAT(read_document(requirement("{from_file: empty}")).error().message, HasSubstr("is empty"));
}

TEST_F(Documents, broken_yaml_is_named_by_file_and_line)
{
    const auto document = read_document(write("bad.yaml", "name: x\n  y: [\n"));
    ASSERT_FALSE(document);
    EXPECT_THAT(document.error().message, HasSubstr("bad.yaml"));
}

TEST_F(Documents, bundle_is_a_folder_or_an_archive_of_one)
{
    const auto source = folder_.path() / "my app";
    std::filesystem::create_directory(source);
    write("my app/main.cc", "int main() {}\n");
    const auto work = folder_.path() / "work";
    std::filesystem::create_directory(work);
    const auto bare = prepare_bundle(source, work);
    ASSERT_TRUE(bare) << bare.error().message;
    EXPECT_TRUE(bare->spec.empty());
    write("my app/unikernel.yaml", "name: x\n");
    const auto packed = prepare_bundle(source, work);
    ASSERT_TRUE(packed);
    EXPECT_EQ(packed->spec, source / "unikernel.yaml");

    const auto again = folder_.path() / "again";
    std::filesystem::create_directory(again);
    const auto archive = prepare_bundle(packed->archive, again);
    ASSERT_TRUE(archive) << archive.error().message;
    EXPECT_EQ(archive->archive, packed->archive);
    EXPECT_TRUE(std::filesystem::exists(archive->spec));
}

TEST_F(Documents, source_that_is_not_there_or_is_no_archive_is_refused)
{
    const auto work = folder_.path() / "work";
    std::filesystem::create_directory(work);
    EXPECT_THAT(prepare_bundle(folder_.path() / "absent", work).error().message,
                HasSubstr("absent: there is no such file or folder"));
    EXPECT_FALSE(prepare_bundle(write("text", "this is no archive"), work));
    EXPECT_THAT(prepare_bundle("/dev/null", work).error().message,
                HasSubstr("is neither a folder nor a tar archive"));
}

}  // namespace
}  // namespace unikernel::cli
