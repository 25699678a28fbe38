// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/hypervisor.hh"

#include <algorithm>
#include <array>
#include <fstream>
#include <mutex>

#include <libvirt/virterror.h>

#include "builder_service/hypervisor/host_ports.hh"
#include "builder_service/hypervisor/instance_table.hh"
#include "builder_service/hypervisor/kvm_probe.hh"
#include "builder_service/hypervisor/libvirt_connection.hh"
#include "builder_service/hypervisor/libvirt_error.hh"
#include "builder_service/hypervisor/metadata.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{

namespace
{

/// A working KVM runs the probe in tens of milliseconds, firmware included.
constexpr std::chrono::seconds kvm_probe_limit{5};

InstanceState state_of_event(int event, int detail)
{
    switch (event) {
    case VIR_DOMAIN_EVENT_STOPPED:
        return detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED || detail == VIR_DOMAIN_EVENT_STOPPED_FAILED
                   ? InstanceState::crashed
                   : InstanceState::shut_off;
    case VIR_DOMAIN_EVENT_CRASHED:
        return InstanceState::crashed;
    case VIR_DOMAIN_EVENT_SUSPENDED:
        return InstanceState::paused;
    default:
        return InstanceState::running;
    }
}

InstanceState state_of_domain(virDomainPtr domain)
{
    int state = 0;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) {
        return InstanceState::gone;
    }
    switch (state) {
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
        return InstanceState::paused;
    case VIR_DOMAIN_SHUTOFF:
        return InstanceState::shut_off;
    case VIR_DOMAIN_CRASHED:
        return InstanceState::crashed;
    default:
        return InstanceState::running;
    }
}

/// libvirt keeps what it is handed until it calls `free`, maybe after the connection was closed.
using SharedTable = std::shared_ptr<InstanceTable>;

void free_table(void* opaque)
{
    delete static_cast<SharedTable*>(opaque);
}

int life_cycle_event(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque)
{
    // SHUTDOWN says that the guest has finished; STOPPED, that QEMU has.
    if (event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_SUSPENDED ||
        event == VIR_DOMAIN_EVENT_RESUMED || event == VIR_DOMAIN_EVENT_STOPPED ||
        event == VIR_DOMAIN_EVENT_CRASHED) {
        (*static_cast<SharedTable*>(opaque))
            ->set_state(virDomainGetName(domain), state_of_event(event, detail));
    }
    return 0;
}

void connection_closed(virConnectPtr, int, void* opaque)
{
    (*static_cast<SharedTable*>(opaque))->lose_all();
}

/// Bytes of a console log; 0 if there is none.
std::uintmax_t size_of(const std::filesystem::path& console)
{
    std::error_code absent;
    const std::uintmax_t size = std::filesystem::file_size(console, absent);
    return absent ? 0 : size;
}

class LibvirtHypervisor final : public Hypervisor
{
public:
    LibvirtHypervisor(LibvirtConnection libvirt, std::filesystem::path state, Firmware firmware);
    LibvirtHypervisor(const LibvirtHypervisor&) = delete;
    LibvirtHypervisor& operator=(const LibvirtHypervisor&) = delete;
    ~LibvirtHypervisor() override;
    Result<void> watch();

    std::string uri() const override { return libvirt_.uri; }
    bool alive() const override { return virConnectIsAlive(connection()) == 1; }
    bool kvm_works() override;
    Result<InstanceInfo> start(const InstanceSpec& spec) override;
    Result<InstanceInfo> find(const std::string& name) override;
    Result<std::vector<InstanceInfo>> list() override;
    Result<void> forward(const std::string& name, const std::vector<PortForward>& forwards) override;
    Result<void> stop(const std::string& name, std::chrono::milliseconds grace) override;
    Result<void> destroy(const std::string& name) override;
    Result<InstanceState> wait(const std::string& name, std::chrono::milliseconds limit,
                               std::stop_token stop) override;
    void on_event(std::function<void(const std::string&, InstanceState)> callback) override;

private:
    virConnectPtr connection() const { return libvirt_.connection.get(); }
    bool is_test_driver() const { return libvirt_.uri.starts_with("test:"); }
    Result<InstanceInfo> start(const InstanceSpec& spec, std::string_view type);
    Result<Domain> domain(const std::string& name) const;
    std::optional<InstanceInfo> describe(virDomainPtr domain) const;
    bool probe_kvm();

    LibvirtConnection libvirt_;
    std::filesystem::path state_;
    std::filesystem::path rom_;
    SharedTable table_ = std::make_shared<InstanceTable>();
    int watch_ = -1;
    const std::unique_ptr<SharedTable> closing_ = std::make_unique<SharedTable>(table_);
    std::once_flag kvm_asked_;
    bool kvm_works_ = false;
};

LibvirtHypervisor::LibvirtHypervisor(LibvirtConnection libvirt, std::filesystem::path state,
                                     Firmware firmware)
    : libvirt_(std::move(libvirt)), state_(std::move(state)), rom_(rom_of(firmware))
{
}

LibvirtHypervisor::~LibvirtHypervisor()
{
    if (watch_ >= 0) {
        virConnectUnregisterCloseCallback(connection(), connection_closed);
        virConnectDomainEventDeregisterAny(connection(), watch_);
    }
}

Result<void> LibvirtHypervisor::watch()
{
    // The registration owns a reference of its own to the table, freed by libvirt.
    auto events = std::make_unique<SharedTable>(table_);
    watch_ = virConnectDomainEventRegisterAny(connection(), nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                              VIR_DOMAIN_EVENT_CALLBACK(life_cycle_event), events.get(),
                                              free_table);
    if (watch_ < 0) {
        return tl::unexpected(libvirt_failure("cannot watch the life of instances"));
    }
    static_cast<void>(events.release());
    // Drivers inside the process take no such callback, and say that they did: this one stays ours.
    static_cast<void>(
        virConnectRegisterCloseCallback(connection(), connection_closed, closing_.get(), nullptr));
    return {};
}

bool LibvirtHypervisor::kvm_works()
{
    std::call_once(kvm_asked_, [this] {
        const std::string key = libvirt_.daemon ? "private" : libvirt_.uri;
        kvm_works_ = !is_test_driver() && cached_per_boot(state_, key, [this] { return probe_kvm(); });
    });
    return kvm_works_;
}

bool LibvirtHypervisor::probe_kvm()
{
    const LibvirtText offered(
        virConnectGetDomainCapabilities(connection(), nullptr, "x86_64", "pc", "kvm", 0));
    auto folder = TemporaryDirectory::create("unikernel-kvm");
    if (!offered || !folder) {
        return false;
    }
    std::error_code error;  // a system daemon's QEMU runs as another user
    std::filesystem::permissions(folder->path(), std::filesystem::perms(0755), error);
    InstanceSpec spec;
    spec.name = "kvm-probe-" + folder->path().filename().string();
    spec.image = folder->path() / "probe";
    spec.console = folder->path() / "console";
    spec.description = {{"minimum_memory_mib", 8U}};
    if (std::ofstream(spec.image, std::ios::binary) << kvm_probe_image(); !start(spec, "kvm")) {
        return false;
    }
    static_cast<void>(wait(spec.name, kvm_probe_limit, {}));
    static_cast<void>(destroy(spec.name));
    table_->forget(spec.name);
    return last_console_lines(spec.console, 1) == std::vector<std::string>{"u0: sealed"};
}

Result<InstanceInfo> LibvirtHypervisor::start(const InstanceSpec& spec)
{
    if (auto checked = check(spec); !checked) {  // before a probe takes its time
        return tl::unexpected(checked.error());
    }
    return start(spec, is_test_driver() ? "test" : kvm_works() ? "kvm" : "qemu");
}

Result<InstanceInfo> LibvirtHypervisor::start(const InstanceSpec& spec, std::string_view type)
{
    const auto xml = domain_xml(spec, type, rom_);
    if (!xml) {
        return tl::unexpected(xml.error());
    }
    if (spec.outlive && libvirt_.daemon) {
        return fail(FailureKind::invalid,
                    "instance " + spec.name +
                        " cannot outlive this process: no libvirt daemon runs here; do: "
                        "apt-get install libvirt-daemon-system");
    }
    if (!table_->enter(spec.name)) {
        return fail(FailureKind::conflict,
                    "instance " + spec.name + " is running already; choose another name");
    }
    const unsigned flags = spec.outlive || type == "test" ? VIR_DOMAIN_NONE : VIR_DOMAIN_START_AUTODESTROY;
    InstanceInfo info;
    info.name = spec.name;
    info.accelerator = type == "kvm" ? "kvm" : "tcg";
    info.forwards = spec.forwards;
    const std::uintmax_t printed_before = size_of(spec.console);
    const Domain domain(virDomainCreateXML(connection(), xml->c_str(), flags));
    if (!domain) {
        Failure failure = libvirt_failure("instance " + spec.name + " does not start");
        if (size_of(spec.console) > printed_before) {
            // It ran, and was over before libvirt had asked QEMU all that it asks a guest that runs.
            table_->set_state(spec.name, InstanceState::shut_off);
            table_->update(info);
            return *table_->find(spec.name);
        }
        table_->forget(spec.name);
        return tl::unexpected(std::move(failure));
    }
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    virDomainGetUUIDString(domain.get(), uuid.data());
    info.id = uuid.data();
    if (!is_test_driver()) {
        learn_host_ports(domain.get(), info.forwards);
    }
    table_->update(info);
    return *table_->find(spec.name);
}

Result<void> LibvirtHypervisor::forward(const std::string& name, const std::vector<PortForward>& forwards)
{
    auto info = find(name);
    if (!info) {
        return tl::unexpected(info.error());
    }
    const auto running = domain(name);
    if (!running) {
        return tl::unexpected(running.error());
    }
    if (auto changed =
            is_test_driver() ? Result<void>{} : change_host_ports(running->get(), info->forwards, forwards);
        !changed) {
        return changed;
    }
    info->forwards = forwards;
    table_->update(*info);
    return {};
}

Result<Domain> LibvirtHypervisor::domain(const std::string& name) const
{
    Domain found(virDomainLookupByName(connection(), name.c_str()));
    if (!found) {
        return tl::unexpected(libvirt_failure("instance " + name));
    }
    return found;
}

/// Nothing if the domain is not one of ours.
std::optional<InstanceInfo> LibvirtHypervisor::describe(virDomainPtr domain) const
{
    const LibvirtText metadata(virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, metadata_namespace,
                                                    VIR_DOMAIN_AFFECT_CURRENT));
    if (!metadata) {
        return std::nullopt;
    }
    InstanceInfo info;
    info.name = virDomainGetName(domain);
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    virDomainGetUUIDString(domain, uuid.data());
    info.id = uuid.data();
    info.state = state_of_domain(domain);
    const LibvirtText xml(virDomainGetXMLDesc(domain, 0));
    info.accelerator = xml && std::string_view(xml.get()).starts_with("<domain type='kvm'") ? "kvm" : "tcg";
    info.forwards = forwards_from_metadata(metadata.get());
    return info;
}

Result<InstanceInfo> LibvirtHypervisor::find(const std::string& name)
{
    if (auto known = table_->find(name)) {
        return *known;
    }
    const auto found = domain(name);
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (auto info = describe(found->get())) {
        return *info;
    }
    return fail(FailureKind::not_found,
                "instance " + name + ": the libvirt domain of that name is not a unikernel");
}

Result<std::vector<InstanceInfo>> LibvirtHypervisor::list()
{
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(connection(), &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (count < 0) {
        return tl::unexpected(libvirt_failure("cannot list instances"));
    }
    std::vector<InstanceInfo> instances;
    for (int i = 0; i < count; ++i) {
        const Domain domain(domains[i]);
        if (auto info = describe(domain.get())) {
            instances.push_back(std::move(*info));
        }
    }
    std::free(domains);  // NOLINT: libvirt's array, libvirt's rule
    return instances;
}

Result<void> LibvirtHypervisor::stop(const std::string& name, std::chrono::milliseconds grace)
{
    const auto known = find(name);
    if (!known) {
        return tl::unexpected(known.error());
    }
    if (const auto found = domain(name)) {
        table_->update(*known);
        if (virDomainShutdown(found->get()) == 0 && wait(name, grace, {})) {
            return {};
        }
    }
    return destroy(name);
}

Result<void> LibvirtHypervisor::destroy(const std::string& name)
{
    const auto known = find(name);
    if (!known) {
        return tl::unexpected(known.error());
    }
    const auto found = domain(name);
    if (!found || virDomainDestroy(found->get()) == 0) {
        table_->set_state(name, InstanceState::shut_off);
        return {};
    }
    const int code = virGetLastErrorCode();
    if (code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_OPERATION_INVALID) {  // it ended meanwhile
        table_->set_state(name, InstanceState::shut_off);
        return {};
    }
    return tl::unexpected(libvirt_failure("instance " + name + " cannot be destroyed"));
}

Result<InstanceState> LibvirtHypervisor::wait(const std::string& name, std::chrono::milliseconds limit,
                                              std::stop_token stop)
{
    if (!table_->find(name)) {
        const auto known = find(name);
        if (!known) {
            return tl::unexpected(known.error());
        }
        table_->update(*known);
        // It may have ended before events about it were listened to.
        if (!domain(name)) {
            table_->set_state(name, InstanceState::shut_off);
        }
    }
    if (const auto state = table_->wait(name, limit, stop)) {
        return *state;
    }
    if (stop.stop_requested()) {
        return fail(FailureKind::cancelled, "waiting for instance " + name + " was cancelled");
    }
    return fail(FailureKind::timed_out,
                "instance " + name + " still runs after " + std::to_string(limit.count()) + " ms");
}

void LibvirtHypervisor::on_event(std::function<void(const std::string&, InstanceState)> callback)
{
    table_->on_change(std::move(callback));
}

}  // namespace

Result<std::unique_ptr<Hypervisor>> Hypervisor::connect(const std::string& uri,
                                                        const std::filesystem::path& state, Firmware firmware)
{
    auto libvirt = open_libvirt(uri, state);
    if (!libvirt) {
        return tl::unexpected(libvirt.error());
    }
    auto hypervisor = std::make_unique<LibvirtHypervisor>(std::move(*libvirt), state, firmware);
    if (auto watched = hypervisor->watch(); !watched) {
        return tl::unexpected(watched.error());
    }
    return hypervisor;
}

}  // namespace unikernel
