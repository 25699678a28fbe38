// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <libvirt/virterror.h>

#include "builder_service/hypervisor/libvirt_error.hh"

namespace unikernel
{
namespace
{

TEST(LibvirtError, names_the_way_out)
{
    const auto port = explain_libvirt(
        "instance a does not start", VIR_ERR_INTERNAL_ERROR,
        "internal error: process exited while connecting to monitor: qemu-system-x86_64: -netdev "
        "user,id=net0,hostfwd=tcp:127.0.0.1:80-:80: Could not set up host forwarding rule "
        "'tcp:127.0.0.1:80-:80'");
    EXPECT_EQ(port.kind, FailureKind::conflict);
    EXPECT_EQ(port.message.substr(0, 94),
              "instance a does not start: the host port is in use or may not be opened; "
              "choose another one, o");

    const auto emulator =
        explain_libvirt("x", VIR_ERR_CONFIG_UNSUPPORTED,
                        "unsupported configuration: Cannot find suitable emulator for x86_64");
    EXPECT_EQ(emulator.kind, FailureKind::unavailable);
    EXPECT_NE(emulator.message.find("apt-get install qemu-system-x86"), std::string::npos);
}

TEST(LibvirtError, tells_absent_from_failed)
{
    EXPECT_EQ(explain_libvirt("instance a", VIR_ERR_NO_DOMAIN, "Domain not found").kind,
              FailureKind::not_found);
    EXPECT_EQ(explain_libvirt("instance a", VIR_ERR_OPERATION_FAILED,
                              "operation failed: domain 'a' already exists with uuid 0")
                  .kind,
              FailureKind::conflict);
    EXPECT_EQ(explain_libvirt("instance a", VIR_ERR_INTERNAL_ERROR, "something new").message,
              "instance a: something new");
}

}  // namespace
}  // namespace unikernel
