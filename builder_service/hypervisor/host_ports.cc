// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/host_ports.hh"

#include <algorithm>

#include <libvirt/libvirt-qemu.h>

#include "builder_service/hypervisor/libvirt_error.hh"
#include "builder_service/hypervisor/metadata.hh"

namespace unikernel
{

namespace
{

Result<std::string> ask_monitor(virDomainPtr domain, const std::string& words)
{
    char* answer = nullptr;
    if (virDomainQemuMonitorCommand(domain, words.c_str(), &answer, VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP) <
        0) {
        return tl::unexpected(libvirt_failure(std::string("instance ") + virDomainGetName(domain)));
    }
    std::string text = LibvirtText(answer).get();
    text.erase(text.find_last_not_of("\r\n") + 1);
    return text;
}

/// "tcp:127.0.0.1:8080", as the monitor names it.
std::string host_end(const PortForward& forward)
{
    return "tcp:" + forward.host_address + ":" + std::to_string(forward.host_port);
}

bool has(const std::vector<PortForward>& list, const PortForward& forward)
{
    return std::find(list.begin(), list.end(), forward) != list.end();
}

/// Who lists the instances from another process reads the ports there.
void write_forwards(virDomainPtr domain, const std::vector<PortForward>& forwards)
{
    virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, metadata_element(forwards).c_str(),
                         metadata_prefix, metadata_namespace, VIR_DOMAIN_AFFECT_LIVE);
}

}  // namespace

void learn_host_ports(virDomainPtr domain, std::vector<PortForward>& forwards)
{
    if (std::none_of(forwards.begin(), forwards.end(),
                     [](const PortForward& forward) { return forward.host_port == 0; })) {
        return;
    }
    const auto answer = ask_monitor(domain, "info usernet");
    if (!answer) {
        return;
    }
    auto real = forwards_from_usernet(*answer);
    for (PortForward& forward : forwards) {
        const auto found = std::find_if(real.begin(), real.end(), [&](const PortForward& candidate) {
            return candidate.guest_port == forward.guest_port &&
                   candidate.host_address == forward.host_address &&
                   (forward.host_port == 0 || forward.host_port == candidate.host_port);
        });
        if (found != real.end()) {
            forward.host_port = found->host_port;
            real.erase(found);
        }
    }
    write_forwards(domain, forwards);
}

Result<void> change_host_ports(virDomainPtr domain, const std::vector<PortForward>& old,
                               const std::vector<PortForward>& wanted)
{
    for (const PortForward& forward : old) {
        if (!has(wanted, forward)) {
            static_cast<void>(ask_monitor(domain, "hostfwd_remove net0 " + host_end(forward)));
        }
    }
    for (const PortForward& forward : wanted) {
        if (has(old, forward)) {
            continue;
        }
        const auto answer = ask_monitor(domain, "hostfwd_add net0 " + host_end(forward) +
                                                    "-:" + std::to_string(forward.guest_port));
        if (!answer) {
            return tl::unexpected(answer.error());
        }
        if (!answer->empty()) {  // it has no other way to say that it failed
            return tl::unexpected(
                explain_libvirt(std::string("instance ") + virDomainGetName(domain), 0, *answer));
        }
    }
    write_forwards(domain, wanted);
    return {};
}

}  // namespace unikernel
