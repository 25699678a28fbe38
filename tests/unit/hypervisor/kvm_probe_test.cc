// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <gtest/gtest.h>

#include "builder_service/hypervisor/kvm_probe.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

TEST(KvmProbe, asks_once_per_key)
{
    const auto state = TemporaryDirectory::create().value();
    int asked = 0;
    const auto yes = [&] { return ++asked > 0; };
    const auto no = [&] { return ++asked < 0; };
    EXPECT_TRUE(cached_per_boot(state.path(), "a", yes));
    EXPECT_TRUE(cached_per_boot(state.path(), "a", no));
    EXPECT_FALSE(cached_per_boot(state.path(), "b", no));
    EXPECT_FALSE(cached_per_boot(state.path(), "b", yes));
    EXPECT_EQ(asked, 2);
}

TEST(KvmProbe, asks_again_after_a_boot_or_when_the_file_is_damaged)
{
    const auto state = TemporaryDirectory::create().value();
    int asked = 0;
    const auto yes = [&] { return ++asked > 0; };
    cached_per_boot(state.path(), "a", yes);
    for (const auto& entry : std::filesystem::directory_iterator(state.path())) {
        std::ofstream(entry.path()) << "another-boot no\n";
    }
    EXPECT_TRUE(cached_per_boot(state.path(), "a", yes));
    EXPECT_EQ(asked, 2);
}

TEST(KvmProbe, works_without_a_folder_to_write_to)
{
    EXPECT_TRUE(cached_per_boot("/nonexistent", "a", [] { return true; }));
}

TEST(KvmProbe, is_a_multiboot_image)
{
    const auto image = kvm_probe_image();
    ASSERT_GT(image.size(), 32U);
    EXPECT_LT(image.size(), 1024U);
    EXPECT_EQ(image.substr(0, 4), std::string_view("\x02\xb0\xad\x1b"));
}

}  // namespace
}  // namespace unikernel
