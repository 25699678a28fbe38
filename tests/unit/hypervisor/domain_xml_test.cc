// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder_service/hypervisor/hypervisor.hh"

namespace unikernel
{
namespace
{

using testing::HasSubstr;
using testing::Not;

InstanceSpec hello()
{
    InstanceSpec spec;
    spec.name = "hello";
    spec.image = "/images/hello world & co.elf";
    spec.console = "/logs/hello.log";
    spec.description = {{"minimum_memory_mib", 16U}, {"devices", {"virtio-net", "virtio-rng"}}};
    spec.forwards = {{"127.0.0.1", 8080, 80}};
    return spec;
}

std::string message(const Result<std::string>& result)
{
    return result ? "accepted" : result.error().message;
}

void expect_golden(const std::string& name, const Result<std::string>& xml)
{
    ASSERT_TRUE(xml) << xml.error().message;
    const std::string path = std::string(GOLDEN) + "/" + name;
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path) << *xml;
    }
    std::ostringstream expected;
    expected << std::ifstream(path).rdbuf();
    EXPECT_EQ(*xml, expected.str()) << "to accept the new form, run again with UPDATE_GOLDEN=1";
}

TEST(DomainXml, user_network_with_a_forwarded_port_on_pc)
{
    expect_golden("user-pc-tcg.xml", domain_xml(hello(), "qemu"));
}

TEST(DomainXml, isolated_user_network_on_q35_under_kvm)
{
    InstanceSpec spec = hello();
    spec.machine = "q35";
    spec.outbound = false;
    spec.memory_mib = 64;
    spec.forwards = {{"127.0.0.1", 0, 80}, {"0.0.0.0", 8443, 443}};
    spec.arguments = {"--greeting", "a<b>&'\"c"};
    expect_golden("user-q35-kvm.xml", domain_xml(spec, "kvm"));
}

TEST(DomainXml, bridge_with_an_address)
{
    InstanceSpec spec = hello();
    spec.forwards.clear();
    spec.bridge = "br0";
    spec.address = "192.0.2.10/24";
    spec.gateway = "192.0.2.1";
    expect_golden("bridge.xml", domain_xml(spec, "qemu"));
}

TEST(DomainXml, firmware_is_named_where_it_is_not_qemus_default)
{
    const auto xml = domain_xml(hello(), "qemu", "/roms/a & b.rom");
    ASSERT_TRUE(xml);
    EXPECT_THAT(*xml, HasSubstr("<loader type='rom'>/roms/a &amp; b.rom</loader>\n    <kernel>"));
    EXPECT_THAT(domain_xml(hello(), "qemu").value(), Not(HasSubstr("<loader")));
}

TEST(Firmware, has_two_names)
{
    EXPECT_EQ(parse_firmware("auto").value(), Firmware::quickest);
    EXPECT_EQ(parse_firmware("bios").value(), Firmware::bios);
    EXPECT_EQ(parse_firmware("uefi").error().message, "firmware: 'uefi' is neither auto nor bios");
    EXPECT_TRUE(rom_of(Firmware::bios).empty());
}

TEST(DomainXml, image_without_devices_gets_none)
{
    InstanceSpec spec = hello();
    spec.description["devices"] = nlohmann::json::array();
    spec.forwards.clear();
    const auto xml = domain_xml(spec, "qemu");
    ASSERT_TRUE(xml);
    EXPECT_THAT(*xml, Not(HasSubstr("virtio")));
    EXPECT_THAT(*xml, Not(HasSubstr("net.ip")));
}

TEST(DomainXml, refuses_less_memory_than_the_image_needs)
{
    InstanceSpec spec = hello();
    spec.memory_mib = 8;
    EXPECT_EQ(message(domain_xml(spec, "qemu")),
              "8 MiB of memory are too few: the image needs at least 16 MiB");
}

TEST(DomainXml, refuses_a_description_without_minimum_memory)
{
    for (const auto& bad :
         {nlohmann::json::object(), nlohmann::json{{"minimum_memory_mib", -1}},
          nlohmann::json{{"minimum_memory_mib", "8"}}, nlohmann::json(nullptr),
          nlohmann::json{{"minimum_memory_mib", 0}}, nlohmann::json{{"minimum_memory_mib", 2'000'000}}}) {
        InstanceSpec spec = hello();
        spec.description = bad;
        EXPECT_EQ(message(domain_xml(spec, "qemu")),
                  "the image's description has no usable minimum_memory_mib");
    }
}

TEST(DomainXml, offers_entropy_to_whoever_has_the_driver)
{
    InstanceSpec spec = hello();
    spec.description["devices"] = {"virtio-net"};
    EXPECT_THAT(domain_xml(spec, "qemu").value(), Not(HasSubstr("<rng")));
    spec.description["modules"] = {{{"name", "virtio-rng"}, {"version", "1.0.0"}}};
    EXPECT_THAT(domain_xml(spec, "qemu").value(), HasSubstr("<rng model='virtio'>"));
}

TEST(DomainXml, refuses_a_device_it_cannot_offer)
{
    InstanceSpec spec = hello();
    spec.description["devices"] = {"virtio-gpu"};
    EXPECT_EQ(
        message(domain_xml(spec, "qemu")),
        "the image needs the device \"virtio-gpu\", which cannot be offered here; known are virtio-net, "
        "virtio-rng");
}

TEST(DomainXml, refuses_a_forwarded_port_to_an_image_without_network)
{
    InstanceSpec spec = hello();
    spec.description["devices"] = nlohmann::json::array();
    EXPECT_THAT(message(domain_xml(spec, "qemu")), HasSubstr("the image has no network card"));
}

TEST(DomainXml, refuses_names_that_are_no_names)
{
    for (const std::string& name :
         std::vector<std::string>{"", "-x", "a b", "a/b", "a'b", std::string(64, 'a')}) {
        InstanceSpec spec = hello();
        spec.name = name;
        EXPECT_THAT(message(domain_xml(spec, "qemu")), HasSubstr("must be 1 to 63 letters")) << name;
    }
}

TEST(DomainXml, refuses_what_would_smuggle_words_into_qemus_command_line)
{
    InstanceSpec spec = hello();
    spec.forwards = {{"127.0.0.1:1-:2,hostfwd=tcp:0.0.0.0", 1, 80}};
    EXPECT_THAT(message(domain_xml(spec, "qemu")), HasSubstr("is not an IPv4 address"));
    spec = hello();
    spec.address = "10.0.2.15,x=y/24";
    EXPECT_THAT(message(domain_xml(spec, "qemu")), HasSubstr("is not of the form 10.0.2.15/24"));
    spec = hello();
    spec.bridge = "br0'/>";
    EXPECT_THAT(message(domain_xml(spec, "qemu")), HasSubstr("is no name of a bridge"));
    spec = hello();
    spec.image = "/images/a\nb";
    EXPECT_THAT(message(domain_xml(spec, "qemu")), HasSubstr("without control characters"));
}

TEST(DomainXml, refuses_an_address_outside_of_the_user_mode_network)
{
    InstanceSpec spec = hello();
    spec.address = "192.0.2.1/24";
    EXPECT_EQ(message(domain_xml(spec, "qemu")),
              "address 192.0.2.1/24 is outside of the user-mode network, 10.0.2.0/24");
}

TEST(DomainXml, refuses_an_unknown_machine)
{
    InstanceSpec spec = hello();
    spec.machine = "microvm";
    EXPECT_EQ(message(domain_xml(spec, "qemu")), "machine \"microvm\" is unknown; choose pc or q35");
}

TEST(CommandLine, has_network_host_name_and_arguments)
{
    InstanceSpec spec = hello();
    spec.arguments = {"--port", "80"};
    EXPECT_EQ(command_line(spec).value(),
              "u0 net.ip=10.0.2.15/24 net.gw=10.0.2.2 net.dns=10.0.2.3 net.host=hello -- --port 80");
}

TEST(CommandLine, leaves_addressing_to_dhcp_on_a_bridge_without_an_address)
{
    InstanceSpec spec = hello();
    spec.bridge = "br0";
    EXPECT_EQ(command_line(spec).value(), "u0 net.host=hello");
}

TEST(CommandLine, refuses_arguments_that_are_no_words)
{
    for (const std::string argument : {"", "two words", "tab\t", "new\nline", "\x7f"}) {
        InstanceSpec spec = hello();
        spec.arguments = {"fine", argument};
        EXPECT_THAT(
            message(command_line(spec)),
            HasSubstr("argument 2 of the application is empty or holds a space or a control character"));
    }
}

TEST(CommandLine, counts_the_path_that_multiboot_puts_in_front_into_its_2047_bytes)
{
    InstanceSpec spec = hello();
    spec.image = "/i";
    const std::size_t rest =
        2047 -
        std::string("/i u0 net.ip=10.0.2.15/24 net.gw=10.0.2.2 net.dns=10.0.2.3 net.host=hello -- ").size();
    spec.arguments = {std::string(rest, 'x')};
    EXPECT_TRUE(command_line(spec));
    spec.arguments = {std::string(rest + 1, 'x')};
    EXPECT_EQ(
        message(command_line(spec)),
        "the guest's command line has 2048 bytes (3 of them the image's path), the limit is 2047; give the "
        "application fewer or shorter arguments");
}

}  // namespace
}  // namespace unikernel
