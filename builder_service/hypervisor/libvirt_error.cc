// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/libvirt_error.hh"

#include <array>

#include <libvirt/virterror.h>

namespace unikernel
{

namespace
{

struct Known {
    std::string_view words;  ///< what libvirt or QEMU 7.2 say
    FailureKind kind;
    std::string_view sentence;
};

constexpr std::array<Known, 10> known_errors{{
    {"Could not set up host forwarding rule", FailureKind::conflict,
     "the host port is in use or may not be opened; choose another one, or 0 for a free one"},
    {"could not set up host forwarding rule", FailureKind::conflict,
     "the host port is in use or may not be opened; choose another one, or 0 for a free one"},
    {"Cannot find suitable emulator", FailureKind::unavailable,
     "QEMU is not installed; do: apt-get install qemu-system-x86"},
    {"could not find capabilities for arch", FailureKind::unavailable,
     "QEMU is not installed; do: apt-get install qemu-system-x86"},
    {"unable to find any emulator", FailureKind::unavailable,
     "QEMU is not installed; do: apt-get install qemu-system-x86"},
    {"cannot set up guest memory", FailureKind::invalid, "the host has not that much memory; choose less"},
    {"No space left on device", FailureKind::no_space, "the disk is full; make room and try again"},
    {"Error loading uncompressed kernel", FailureKind::invalid,
     "QEMU does not take the image for a kernel; build it again"},
    {"Cannot load x86-64 image", FailureKind::invalid,
     "QEMU does not take the image for a kernel; build it again"},
    {"Permission denied", FailureKind::unavailable,
     "libvirt's QEMU user may not read the image or write the console log; put them into a folder it can "
     "enter"},
}};

}  // namespace

Failure explain_libvirt(const std::string& what, int code, std::string_view message)
{
    if (code == VIR_ERR_NO_DOMAIN) {
        return {FailureKind::not_found, what + ": there is no such instance"};
    }
    if (code == VIR_ERR_DOM_EXIST || message.find("already exists with uuid") != std::string_view::npos) {
        return {FailureKind::conflict,
                what + ": an instance of that name exists already; choose another name"};
    }
    for (const Known& known : known_errors) {
        if (message.find(known.words) != std::string_view::npos) {
            return {known.kind,
                    what + ": " + std::string(known.sentence) + " (" + std::string(message) + ")"};
        }
    }
    return {FailureKind::unavailable, what + ": " + std::string(message)};
}

Failure libvirt_failure(const std::string& what)
{
    const virErrorPtr error = virGetLastError();
    if (error == nullptr || error->message == nullptr) {
        return {FailureKind::internal, what + ": libvirt failed without a reason"};
    }
    return explain_libvirt(what, error->code, error->message);
}

}  // namespace unikernel
