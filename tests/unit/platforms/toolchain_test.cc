// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/platforms/u0/toolchain.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::u0
{
namespace
{

TEST(ToolchainStamp, is_another_one_when_a_file_was_exchanged)
{
    const TemporaryDirectory folder = *TemporaryDirectory::create();
    Toolchain toolchain;
    toolchain.files["libc.a"] = folder.path() / "libc.a";
    const std::string absent = stamp(toolchain);
    ASSERT_TRUE(write_file(folder.path() / "libc.a", "one"));
    const std::string first = stamp(toolchain);
    EXPECT_NE(first, absent);
    EXPECT_EQ(stamp(toolchain), first);
    ASSERT_TRUE(write_file(folder.path() / "libc.a", "one more"));
    EXPECT_NE(stamp(toolchain), first);
}

TEST(Toolchain, is_probed_once)
{
    const auto first = find_toolchain();
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(find_toolchain()->identity, first->identity);
}

}  // namespace
}  // namespace unikernel::u0
