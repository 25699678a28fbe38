// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder_service/hypervisor/metadata.hh"

namespace unikernel
{
namespace
{

TEST(Metadata, forwards_survive_the_way_through_xml)
{
    const auto forwards =
        forwards_from_metadata(metadata_xml({{"127.0.0.1", 8080, 80}, {"0.0.0.0", 0, 443}}));
    ASSERT_EQ(forwards.size(), 2U);
    EXPECT_EQ(forwards[0].host_address, "127.0.0.1");
    EXPECT_EQ(forwards[0].host_port, 8080);
    EXPECT_EQ(forwards[0].guest_port, 80);
    EXPECT_EQ(forwards[1].host_port, 0);
}

TEST(Metadata, reads_the_form_libvirt_answers)
{
    const auto forwards = forwards_from_metadata("<instance xmlns:unikernel=\"x\">\n  <forward "
                                                 "host=\"127.0.0.1\" port=\"1\" guest=\"2\"/>\n</instance>");
    ASSERT_EQ(forwards.size(), 1U);
    EXPECT_EQ(forwards[0].guest_port, 2);
}

TEST(Metadata, survives_damage)
{
    for (const char* text :
         {"", "forward ", "<forward host=", "<forward host=\"", "<forward port=\"99999\""}) {
        for (const auto& forward : forwards_from_metadata(text)) {
            EXPECT_EQ(forward.host_port, 0) << text;
        }
    }
}

TEST(Metadata, reads_the_real_ports_from_qemus_monitor)
{
    const auto forwards = forwards_from_usernet(
        "Hub -1 (net0):\r\n"
        "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
        "  TCP[HOST_FORWARD]  12       127.0.0.1 36421       10.0.2.15    80     0     0\r\n"
        "  TCP[ESTABLISHED]   14       127.0.0.1 36421       10.0.2.15    80     0     0\r\n");
    ASSERT_EQ(forwards.size(), 1U);
    EXPECT_EQ(forwards[0].host_address, "127.0.0.1");
    EXPECT_EQ(forwards[0].host_port, 36421);
    EXPECT_EQ(forwards[0].guest_port, 80);
}

TEST(Metadata, escapes_what_xml_would_read)
{
    EXPECT_EQ(xml_escape("<a href='b' c=\"d\">&"), "&lt;a href=&apos;b&apos; c=&quot;d&quot;&gt;&amp;");
}

}  // namespace
}  // namespace unikernel
