// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/instances/instance.hh"
#include "builder_service/instances/instance_repository.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Runs instances on this machine's libvirt: what is stored is wanted, and a thread of its own starts what
/// should run and does not, after the service or libvirt was away. Guests end with the service's connection
/// to libvirt, however the service ends. A guest that ended by itself stays so until its image is replaced
/// or the service is started again.
///
/// Thread-safe; blocks. One change of an instance at a time: others are refused with `conflict`.
class InstanceService
{
public:
    struct Settings {
        std::filesystem::path folder;  ///< of the console logs: <folder>/<name>/console-<boot>.log
        std::size_t most = 256;        ///< instances
        std::chrono::milliseconds boot_limit{10'000};  ///< until a replacement's guest is sealed
        std::chrono::milliseconds open_limit{3'000};   ///< then, until its ports are open
        std::chrono::milliseconds drain{500};          ///< what is open at the old guest may end so long
        std::chrono::milliseconds grace{5'000};        ///< between power button and plug
    };
    /// What it needs of others. All of it outlives the service.
    struct Needs {
        /// A connection that lives; errors: unavailable.
        std::function<Result<std::shared_ptr<Hypervisor>>()> connect;
        /// Errors: invalid (no digest), not_found.
        std::function<Result<StoredImage>(const std::string& digest)> image;
        /// Whether somebody behind a forwarding takes connections. Empty: not asked.
        std::function<bool(const PortForward&, std::stop_token)> is_open;
    };

    InstanceService(Settings settings, Needs needs, InstanceRepository& repository);
    InstanceService(const InstanceService&) = delete;
    InstanceService& operator=(const InstanceService&) = delete;
    ~InstanceService();

    /// Begins to start what is stored.
    void start();
    /// Starts nothing more, and cancels replacements under way. Guests run on until the connection ends.
    void stop();

    /// `wanted`: all but id, boots and times; host port 0 becomes a free one. Answers when the guest runs.
    /// Errors: invalid, not_found (image), conflict (name, port, too many), unavailable; then nothing is
    /// left.
    Result<InstanceView> create(Instance wanted);
    Result<std::vector<InstanceView>> list();
    /// Errors: not_found.
    Result<InstanceView> find(const std::string& name);
    Result<std::optional<InstanceView>> find_by_id(const std::string& id);
    /// Errors: not_found, conflict.
    Result<InstanceView> pin(const std::string& name, bool pinned);
    /// Runs `image` in place of what it ran, under the same name and host ports. The new guest is booted
    /// beside the old one; once it is sealed and its ports are open, the host ports are turned over to it,
    /// and then the old one is ended. If it does not come so far, the old one runs on untouched.
    /// Errors: not_found, conflict (pinned; a change is under way; a port was taken), invalid (the image does
    /// not boot, or wants more memory), unavailable, cancelled.
    Result<InstanceView> replace(const std::string& name, const std::string& image, std::stop_token stop);
    /// Ends the guest (power button, then plug) and forgets it and its logs. Errors: not_found, conflict.
    Result<void> remove(const std::string& name, bool at_once);
    /// Whether an instance runs this image: it must then stay.
    Result<bool> uses(const std::string& image);

private:
    /// The guest of an instance, in this process' time.
    struct Guest {
        std::shared_ptr<Hypervisor> hypervisor;  ///< null: none was started yet
        std::string domain;
        std::filesystem::path console;
        std::string accelerator;
        std::uint32_t memory_mib = 0;
        std::string fault;
        std::string work;  ///< "replacing": who has this claim alone may change the instance
        unsigned failures = 0;
        std::chrono::steady_clock::time_point next_try;
    };
    /// The right to change an instance, until it goes out of scope.
    class Claim
    {
    public:
        Claim(InstanceService& service, std::string name) : service_(&service), name_(std::move(name)) {}
        Claim(Claim&& other) noexcept
            : service_(std::exchange(other.service_, nullptr)), name_(std::move(other.name_)),
              forget_(other.forget_)
        {
        }
        Claim& operator=(Claim&&) = delete;
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        ~Claim();
        /// The instance is gone when the claim is.
        void forget() { forget_ = true; }

    private:
        InstanceService* service_;
        std::string name_;
        bool forget_ = false;
    };

    Result<Claim> claim(const std::string& name, const std::string& work);
    Result<Instance> stored(const std::string& name);
    Guest guest(const std::string& name) const;
    void set_guest(const std::string& name, const Guest& guest, const std::string& fault = {});
    void set_fault(const std::string& name, const Failure& failure);
    InstanceView view(const Instance& instance) const;
    static InstanceState state_of(const Guest& guest);
    std::filesystem::path console(const Instance& instance) const;

    InstanceSpec spec_of(const Instance& instance, const StoredImage& image) const;
    Result<Guest> boot(Instance& instance, const StoredImage& image);
    Result<void> start_anew(Instance& instance);
    Result<void> swap(Instance& instance, const Guest& old, const StoredImage& image,
                      const std::stop_token& stop);
    Result<void> wait_until_ready(const Instance& candidate, const Guest& guest,
                                  const std::stop_token& stop) const;
    Result<void> turn_over(const Guest& from, const Guest& to, const std::vector<PortForward>& ports) const;

    void supervise(const std::stop_token& stop);
    void look_after(const Instance& instance);

    const Settings settings_;
    const Needs needs_;
    InstanceRepository& repository_;
    mutable std::mutex mutex_;
    std::map<std::string, Guest> guests_;  ///< by instance name
    std::stop_source stopping_;
    std::jthread supervisor_;
};

}  // namespace unikernel
