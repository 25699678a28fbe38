// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/hypervisor/firmware.hh"
#include "common/util/result.hh"

namespace unikernel
{

struct PortForward {
    std::string host_address = "127.0.0.1";
    std::uint16_t host_port = 0;  ///< 0: a free one is chosen and reported back
    std::uint16_t guest_port = 80;

    bool operator==(const PortForward&) const = default;
};

/// One guest to be. The domain definition follows from this and the image's own note.
struct InstanceSpec {
    std::string name;                    ///< [A-Za-z0-9][A-Za-z0-9._-]{0,62}
    std::filesystem::path image;         ///< verified by the caller (inspect_image)
    nlohmann::json description;          ///< its note
    std::uint32_t memory_mib = 0;        ///< 0: the note's minimum
    std::string machine = "pc";          ///< or q35
    std::vector<PortForward> forwards;   ///< user-mode network, needs no root
    bool outbound = true;                ///< user-mode network: may the guest open connections
    std::string bridge;                  ///< instead: a host bridge; then `address` is needed or DHCP
    std::string address, gateway;        ///< "10.0.2.15/24" by default on the user-mode network
    std::vector<std::string> arguments;  ///< after `--` on the command line
    std::filesystem::path console;       ///< console log, kept after the guest ended
    bool outlive = false;                ///< true: the guest stays when this connection ends
};

/// `shut_off`: it ended by itself or was ended; `crashed`: QEMU died or gave the guest up;
/// `gone`: nothing is known of it any more (the connection broke).
enum class InstanceState { running, paused, shut_off, crashed, gone };
std::string_view to_string(InstanceState state);

struct InstanceInfo {
    std::string name;
    std::string id;  ///< libvirt UUID
    InstanceState state = InstanceState::gone;
    std::string accelerator;            ///< "kvm" or "tcg"
    std::vector<PortForward> forwards;  ///< with the real host ports
};

/// libvirt, behind one door. Thread-safe. One object owns one connection.
class Hypervisor
{
public:
    /// `uri` empty: the system daemon if it answers, else the user's session daemon, else a daemon of
    /// our own (private_daemon.hh), which ends with this object or this process, however that ends, and
    /// takes its guests with it. `uri` "private": that daemon at once. What is worth keeping (QEMU's
    /// capabilities, whether KVM works) is cached below `state`. `firmware` is that of every guest. Errors:
    /// unavailable, with what was tried and what to install.
    static Result<std::unique_ptr<Hypervisor>> connect(const std::string& uri,
                                                       const std::filesystem::path& state,
                                                       Firmware firmware = Firmware::quickest);
    virtual ~Hypervisor() = default;

    virtual std::string uri() const = 0;
    /// False once the connection broke (its daemon ended): connect again.
    virtual bool alive() const = 0;
    /// True where a KVM guest really ran on this host (probed once by starting one), not just /dev/kvm.
    virtual bool kvm_works() = 0;
    /// Starts a guest with the best accelerator there is. Unless `outlive` is set it ends with this object.
    /// One that has little to do may be over by the time of the answer, whose state says so. Errors: invalid
    /// (the spec), conflict (name or host port in use), unavailable.
    virtual Result<InstanceInfo> start(const InstanceSpec& spec) = 0;
    /// Guests that this product started, by any process, while they run; and those of this object after
    /// they ended. Errors: not_found.
    virtual Result<InstanceInfo> find(const std::string& name) = 0;
    virtual Result<std::vector<InstanceInfo>> list() = 0;
    /// Makes these the host ports that lead to a running guest on the user-mode network (at its default
    /// address), in place of those there were; connections that are open stay so. Host port 0 is not
    /// possible. Errors: not_found, conflict (a port is in use), unavailable; ports may then be missing.
    virtual Result<void> forward(const std::string& name, const std::vector<PortForward>& forwards) = 0;
    /// ACPI power button, then after `grace` the plug. Errors: not_found.
    virtual Result<void> stop(const std::string& name, std::chrono::milliseconds grace) = 0;
    virtual Result<void> destroy(const std::string& name) = 0;
    /// Waits until the guest ended or was paused by QEMU (it cannot go on). Errors: not_found,
    /// cancelled (`stop` was requested), timed_out.
    virtual Result<InstanceState> wait(const std::string& name, std::chrono::milliseconds limit,
                                       std::stop_token stop) = 0;
    /// Called on a libvirt thread for each life-cycle change, until the object is gone.
    virtual void on_event(std::function<void(const std::string& name, InstanceState)> callback) = 0;
};

/// The kernel command line in syntax u0 (doc: image.rst). Errors: invalid (names the argument, the limit).
Result<std::string> command_line(const InstanceSpec& spec);

/// Checks a spec against the image's note; `domain_xml` and `start` do it, too. Errors: invalid.
Result<void> check(const InstanceSpec& spec);

/// The domain XML for a spec; pure, for tests. `type`: libvirt's domain type, "kvm", "qemu" or "test".
/// `rom`: the firmware's file, empty for QEMU's default.
Result<std::string> domain_xml(const InstanceSpec& spec, std::string_view type,
                               const std::filesystem::path& rom = {});

/// The last lines of a console log, without control characters; empty if there is none.
std::vector<std::string> last_console_lines(const std::filesystem::path& console, std::size_t count);

/// The boot check the pipeline wants: boots the image with its minimum memory and no way out to the
/// network, waits for "u0: sealed", then ends it. A guest that ends earlier, or panics or exits with a
/// status other than 0 within a moment, is a failure with its last console lines.
/// Errors: invalid, timed_out, cancelled, unavailable.
Result<void> boot_check(Hypervisor& hypervisor, const std::filesystem::path& image,
                        const nlohmann::json& description, std::chrono::milliseconds limit,
                        const std::stop_token& stop);

}  // namespace unikernel
