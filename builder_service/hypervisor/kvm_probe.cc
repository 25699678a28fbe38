// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/kvm_probe.hh"

#include <fstream>

#include "common/util/digest.hh"
#include "common/util/file.hh"

extern "C" {
extern const char unikernel_kvm_probe_begin[];
extern const char unikernel_kvm_probe_end[];
}

namespace unikernel
{

std::string_view kvm_probe_image()
{
    return {unikernel_kvm_probe_begin,
            static_cast<std::size_t>(unikernel_kvm_probe_end - unikernel_kvm_probe_begin)};
}

bool cached_per_boot(const std::filesystem::path& state, std::string_view key,
                     const std::function<bool()>& probe)
{
    std::string boot;
    std::getline(std::ifstream("/proc/sys/kernel/random/boot_id") >> std::ws, boot);
    const std::string asked = to_string(sha256(key)).substr(7, 16);  // a file name from a URI
    const auto file = state / ("kvm-" + asked);
    if (const auto known = read_file(file, 128); known && !boot.empty()) {
        if (*known == boot + " yes\n") {
            return true;
        }
        if (*known == boot + " no\n") {
            return false;
        }
    }
    const bool answer = probe();
    // Only saves time; where it cannot be written the next process asks again.
    static_cast<void>(write_file(file, boot + (answer ? " yes\n" : " no\n")));
    return answer;
}

}  // namespace unikernel
