// SPDX-License-Identifier: Apache-2.0
#include "builder_service/instances/instance_service.hh"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include <spdlog/spdlog.h>

#include "builder_service/builds/new_id.hh"
#include "builder_service/instances/console_log.hh"

namespace unikernel
{

namespace fs = std::filesystem;
using std::chrono::steady_clock;

namespace
{

constexpr auto look_interval = std::chrono::milliseconds(1000);
constexpr auto first_pause = std::chrono::seconds(1);
constexpr unsigned most_doublings = 6;  // about a minute
constexpr std::size_t shown_lines = 1;

Failure unknown(const std::string& name)
{
    return {FailureKind::not_found, "there is no instance " + name};
}

std::string last_words(const fs::path& console)
{
    const auto lines = last_console_lines(console, shown_lines);
    return lines.empty() ? "it printed nothing on its console" : "its console ends with: " + lines.back();
}

}  // namespace

InstanceService::Claim::~Claim()
{
    if (service_ == nullptr)
        return;
    const std::scoped_lock lock(service_->mutex_);
    auto& entry = service_->guests_[name_];
    entry.work.clear();
    if (forget_ || (!entry.hypervisor && entry.failures == 0))
        service_->guests_.erase(name_);
}

InstanceService::InstanceService(Settings settings, Needs needs, InstanceRepository& repository)
    : settings_(std::move(settings)), needs_(std::move(needs)), repository_(repository)
{
}

InstanceService::~InstanceService()
{
    stop();
}

void InstanceService::start()
{
    supervisor_ = std::jthread([this](const std::stop_token& stop) { supervise(stop); });
}

void InstanceService::stop()
{
    stopping_.request_stop();
    supervisor_ = {};
}

Result<InstanceService::Claim> InstanceService::claim(const std::string& name, const std::string& work)
{
    const std::scoped_lock lock(mutex_);
    auto& busy = guests_[name].work;
    if (!busy.empty())
        return fail(FailureKind::conflict, "instance " + name + " is " + busy + "; try again in a moment");
    busy = work;
    return Claim(*this, name);
}

InstanceService::Guest InstanceService::guest(const std::string& name) const
{
    const std::scoped_lock lock(mutex_);
    const auto found = guests_.find(name);
    return found == guests_.end() ? Guest{} : found->second;
}

void InstanceService::set_guest(const std::string& name, const Guest& guest, const std::string& fault)
{
    const std::scoped_lock lock(mutex_);
    auto& entry = guests_[name];
    auto work = std::move(entry.work);
    entry = guest;
    entry.work = std::move(work);
    entry.fault = fault;
    entry.failures = 0;
}

void InstanceService::set_fault(const std::string& name, const Failure& failure)
{
    spdlog::warn("instance {}: {}", name, failure.message);
    const std::scoped_lock lock(mutex_);
    guests_[name].fault = failure.message;
}

fs::path InstanceService::console(const Instance& instance) const
{
    return settings_.folder / instance.name / ("console-" + std::to_string(instance.boots) + ".log");
}

Result<Instance> InstanceService::stored(const std::string& name)
{
    auto found = repository_.find(name);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return tl::unexpected(unknown(name));
    return std::move(**found);
}

InstanceView InstanceService::view(const Instance& instance) const
{
    const auto now = guest(instance.name);
    InstanceView view{.instance = instance,
                      .status = now.work,
                      .settled = now.work.empty(),
                      .running = false,
                      .accelerator = now.accelerator,
                      .memory_mib = now.memory_mib != 0 ? now.memory_mib : instance.memory_mib,
                      .fault = now.fault,
                      .console = now.hypervisor ? now.console : console(instance)};
    const auto state = state_of(now);
    if (state != InstanceState::running && state != InstanceState::paused)
        view.accelerator.clear();
    if (!view.settled)
        return view;
    if (!now.hypervisor && now.failures > 0) {
        view.status = "failed";
        return view;
    }
    if (!now.hypervisor || state == InstanceState::gone) {
        view.status = "starting";
        view.settled = false;
        return view;
    }
    view.status = to_string(state);
    view.running = state == InstanceState::running;
    if (!view.running && view.fault.empty())
        view.fault = "it ended by itself; " + last_words(view.console);
    return view;
}

InstanceState InstanceService::state_of(const Guest& guest)
{
    if (!guest.hypervisor || !guest.hypervisor->alive())
        return InstanceState::gone;
    const auto found = guest.hypervisor->find(guest.domain);
    if (found)
        return found->state;
    return found.error().kind == FailureKind::not_found ? InstanceState::shut_off : InstanceState::gone;
}

InstanceSpec InstanceService::spec_of(const Instance& instance, const StoredImage& image) const
{
    InstanceSpec spec;
    // A boot has a name of its own: the next guest is started beside the one it replaces.
    spec.name = instance.name + "." + std::to_string(instance.boots);
    spec.image = image.file;
    spec.description = image.description;
    spec.memory_mib = instance.memory_mib;
    spec.machine = instance.machine;
    spec.forwards = instance.forwards;
    spec.outbound = instance.outbound;
    spec.arguments = instance.arguments;
    spec.console = console(instance);
    return spec;
}

/// Starts a guest for it, with the ports it names. Counts the boot in `instance`, which the caller stores.
Result<InstanceService::Guest> InstanceService::boot(Instance& instance, const StoredImage& image)
{
    auto hypervisor = needs_.connect();
    if (!hypervisor)
        return tl::unexpected(hypervisor.error());
    ++instance.boots;
    if (auto made = make_console_folder(console(instance).parent_path()); !made)
        return tl::unexpected(made.error());
    const auto spec = spec_of(instance, image);
    const auto started = (*hypervisor)->start(spec);
    if (!started)
        return fail(started.error().kind, "instance " + instance.name + ": " + started.error().message);
    instance.forwards = started->forwards;
    Guest guest;
    guest.hypervisor = std::move(*hypervisor);
    guest.domain = spec.name;
    guest.console = spec.console;
    guest.accelerator = started->accelerator;
    guest.memory_mib =
        spec.memory_mib != 0 ? spec.memory_mib : image.description.value("minimum_memory_mib", 0U);
    return guest;
}

/// Starts its guest while there is none, and stores what that came to.
Result<void> InstanceService::start_anew(Instance& instance)
{
    const auto image = needs_.image(instance.image);
    if (!image)
        return tl::unexpected(image.error());
    auto started = boot(instance, *image);
    if (auto kept = repository_.update(instance); !kept) {
        if (started)  // the next one gets the same number, hence the same name
            static_cast<void>(started->hypervisor->destroy(started->domain));
        return kept;
    }
    if (!started)
        return tl::unexpected(started.error());
    set_guest(instance.name, *started);
    forget_old_logs(console(instance), instance.boots);
    spdlog::info("instance {} runs {} as {}", instance.name, instance.image, started->domain);
    return {};
}

Result<InstanceView> InstanceService::create(Instance wanted)
{
    const auto created = [&]() -> Result<void> {
        const auto claimed = claim(wanted.name, "starting");
        if (!claimed)
            return tl::unexpected(claimed.error());
        const auto image = needs_.image(wanted.image);
        if (!image)
            return tl::unexpected(image.error());
        wanted.id = new_id();
        if (auto good = check(spec_of(wanted, *image)); !good)
            return good;
        if (auto words = command_line(spec_of(wanted, *image)); !words)
            return tl::unexpected(words.error());
        if (auto inserted = repository_.insert(wanted, settings_.most); !inserted)
            return inserted;
        auto started = start_anew(wanted);
        if (!started) {
            static_cast<void>(repository_.remove(wanted.id));
            remove_console_folder(console(wanted).parent_path());
        }
        return started;
    }();
    if (!created)
        return tl::unexpected(created.error());
    return view(wanted);
}

Result<std::vector<InstanceView>> InstanceService::list()
{
    const auto all = repository_.list();
    if (!all)
        return tl::unexpected(all.error());
    std::vector<InstanceView> views;
    for (const auto& instance : *all)
        views.push_back(view(instance));
    return views;
}

Result<InstanceView> InstanceService::find(const std::string& name)
{
    return stored(name).map([this](const Instance& instance) { return view(instance); });
}

Result<std::optional<InstanceView>> InstanceService::find_by_id(const std::string& id)
{
    const auto found = repository_.find_by_id(id);
    if (!found)
        return tl::unexpected(found.error());
    return *found ? std::optional(view(**found)) : std::nullopt;
}

Result<InstanceView> InstanceService::pin(const std::string& name, bool pinned)
{
    {
        const auto claimed = claim(name, "changing");
        if (!claimed)
            return tl::unexpected(claimed.error());
        auto instance = stored(name);
        if (!instance)
            return tl::unexpected(instance.error());
        instance->pinned = pinned;
        if (auto kept = repository_.update(*instance); !kept)
            return tl::unexpected(kept.error());
    }
    return find(name);
}

Result<void> InstanceService::remove(const std::string& name, bool at_once)
{
    auto claimed = claim(name, "stopping");
    if (!claimed)
        return tl::unexpected(claimed.error());
    const auto instance = stored(name);
    if (!instance)
        return tl::unexpected(instance.error());
    if (auto removed = repository_.remove(instance->id); !removed)
        return removed;
    claimed->forget();
    if (const auto now = guest(name); now.hypervisor) {
        static_cast<void>(at_once ? now.hypervisor->destroy(now.domain)
                                  : now.hypervisor->stop(now.domain, settings_.grace));
        spdlog::info("instance {} was ended", name);
    }
    remove_console_folder(console(*instance).parent_path());
    return {};
}

Result<bool> InstanceService::uses(const std::string& image)
{
    return repository_.list().map([&](const std::vector<Instance>& all) {
        return std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.image == image; });
    });
}

void InstanceService::supervise(const std::stop_token& stop)
{
    std::mutex mutex;
    std::condition_variable_any never;
    while (!stop.stop_requested()) {
        if (const auto all = repository_.list())
            for (const auto& instance : *all)
                if (!stop.stop_requested())
                    look_after(instance);
        std::unique_lock lock(mutex);
        never.wait_for(lock, stop, look_interval, [] { return false; });
    }
}

void InstanceService::look_after(const Instance& listed)
{
    const auto now = guest(listed.name);
    if (state_of(now) != InstanceState::gone) {
        trim_console(now.console);
        return;
    }
    if (!now.work.empty() || steady_clock::now() < now.next_try)
        return;
    const auto claimed = claim(listed.name, "starting");
    if (!claimed)
        return;
    auto instance = stored(listed.name);  // it may have been deleted meanwhile, or made again
    if (!instance || state_of(guest(listed.name)) != InstanceState::gone)
        return;
    if (const auto started = start_anew(*instance); !started) {
        set_fault(instance->name, started.error());
        const std::scoped_lock lock(mutex_);
        auto& entry = guests_[instance->name];
        entry.hypervisor.reset();
        entry.next_try = steady_clock::now() + first_pause * (1U << std::min(entry.failures, most_doublings));
        ++entry.failures;
    }
}

}  // namespace unikernel
