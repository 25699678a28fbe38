// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/publisher.hh"

#include <algorithm>
#include <optional>

#include "builder_service/builds/new_id.hh"
#include "builder_service/publishing/glance_document.hh"
#include "builder_service/publishing/succession.hh"

namespace unikernel
{

/// Lets one build at a time publish the same bytes for a project, so that the second finds the first's.
class Publisher::Turn
{
public:
    Turn(Publisher& publisher, std::pair<std::string, std::string> key, const std::stop_token& stop)
        : publisher_(publisher), key_(std::move(key))
    {
        std::unique_lock lock(publisher_.mutex_);
        taken_ = publisher_.turn_over_.wait(lock, stop, [&] { return !publisher_.at_work_.contains(key_); });
        if (taken_)
            publisher_.at_work_.insert(key_);
    }
    ~Turn()
    {
        if (!taken_)
            return;
        const std::scoped_lock lock(publisher_.mutex_);
        publisher_.at_work_.erase(key_);
        publisher_.turn_over_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    bool taken() const { return taken_; }

private:
    Publisher& publisher_;
    const std::pair<std::string, std::string> key_;
    bool taken_ = false;
};

/// One image on its way into Glance.
class Publisher::Run
{
public:
    Run(Publisher& publisher, BuildRecord& build, const StoredImage& image, BuildObserver& observer,
        std::stop_token stop)
        : glance_(publisher.glance_), repository_(publisher.repository_), settings_(publisher.settings_),
          build_(build), wish_(*build.publish), image_(image),
          observer_(observer), call_{build.request_id, std::move(stop)}
    {
    }

    /// Steps until the image is there, with pauses after failures that may pass.
    Result<void> run()
    {
        unsigned failures = 0;
        for (unsigned steps = 0; steps < steps_most; ++steps) {
            const auto step = next();
            if (step && *step)
                return {};
            if (call_.stop.stop_requested())
                return fail(FailureKind::cancelled, "cancelled while the image was published");
            if (step) {
                failures = 0;
                continue;
            }
            if (step.error().kind != FailureKind::unavailable && step.error().kind != FailureKind::conflict)
                return tl::unexpected(step.error());
            if (++failures >= settings_.attempts)
                return fail(FailureKind::unavailable,
                            step.error().message + " (tried " + std::to_string(failures) +
                                " times). The image is built and stored as " + image_.digest +
                                "; ask for the build again when Glance is well, and it is only published");
            observer_.warning(step.error().message + "; trying again");
            pause(failures);
        }
        return fail(FailureKind::unavailable,
                    "Glance takes image " + wish_.image_id + " again and again, and never has it in the end");
    }

private:
    /// Does what Glance's state calls for. True: the image is there, and complete.
    Result<bool> next()
    {
        if (wish_.state == PublishState::pending) {
            auto found = wish_.id_given ? Result<bool>(false) : reuse();
            if (!found || *found)
                return found;
            wish_.state = PublishState::publishing;
            if (auto stored = repository_.set_image(build_); !stored)
                return tl::unexpected(stored.error());
        }
        const auto found = glance_.find(wish_.image_id, call_);
        if (!found)
            return tl::unexpected(found.error());
        return *found ? go_on(**found) : create();
    }

    /// An image of the same bytes that the project has: one that is listed, else one of ours that was
    /// superseded and is wanted again.
    Result<bool> reuse()
    {
        auto found = reuse(false);
        return !found || *found ? found : reuse(true);
    }

    Result<bool> reuse(bool hidden)
    {
        const auto known = glance_.list({{"owner", build_.project},
                                         {"unikernel_digest", image_.digest},
                                         {"status", "active"},
                                         {"os_hidden", hidden ? "true" : "false"}},
                                        call_);
        if (!known)
            return tl::unexpected(known.error());
        for (const auto& each : *known) {
            if (each.owner != build_.project || each.status != "active" || each.hidden != hidden ||
                (hidden && (each.name != wish_.name || each.property("unikernel_build").empty())))
                continue;
            auto same = holds_bytes(each, image_);
            if (!same)
                return same;
            if (*same)
                return take(each);
        }
        return false;
    }

    Result<bool> take(const GlanceImage& known)
    {
        if (known.name != wish_.name)
            observer_.warning("the project has these bytes in Glance as image " + known.name +
                              ", which is used; it does not get a second one named " + wish_.name);
        observer_.log("image " + known.id + " in Glance holds these bytes already");
        if (known.hidden)
            if (auto shown = glance_.show(known.id, call_); !shown)
                return tl::unexpected(shown.error());
        wish_.image_id = known.id;
        wish_.name = known.name;
        return settle(known);
    }

    /// Glance counts an image of ours as the project's, but asks for room in the project of our account.
    Result<void> must_have_room()
    {
        if (settings_.project_bytes == 0)
            return {};
        std::uint64_t used = 0;
        for (const char* hidden : {"false", "true"}) {
            const auto images = glance_.list({{"owner", build_.project}, {"os_hidden", hidden}}, call_);
            if (!images)
                return tl::unexpected(images.error());
            for (const auto& each : *images)
                used += each.id == wish_.image_id ? 0 : each.bytes;
        }
        if (used + image_.bytes > settings_.project_bytes)
            return fail(FailureKind::invalid,
                        "the project has images of " + std::to_string(used) + " bytes in Glance; with the " +
                            std::to_string(image_.bytes) + " of this one it would be over the limit of " +
                            std::to_string(settings_.project_bytes) +
                            " ([glance] project_storage). Delete some, hidden ones too: openstack image list "
                            "--hidden");
        return {};
    }

    Result<bool> create()
    {
        if (auto room = must_have_room(); !room)
            return tl::unexpected(room.error());
        const auto made = glance_.create(glance_document(build_, image_), call_);
        if (made) {
            observer_.log("image " + wish_.image_id + " created in Glance");
            return false;
        }
        if (made.error().kind != FailureKind::conflict)
            return tl::unexpected(made.error());
        // Perhaps by a request of ours whose answer was lost, and which the HTTP client repeated.
        const auto found = glance_.find(wish_.image_id, call_);
        if (!found)
            return tl::unexpected(found.error());
        if (*found && is_of_build(**found, build_))
            return false;
        // Glance never gives out an id twice, also not that of an image which was deleted.
        return another_id("the id " + wish_.image_id + " is taken in Glance, or was before");
    }

    Result<bool> go_on(const GlanceImage& found)
    {
        if (!is_of_build(found, build_))
            return another_id("the id " + wish_.image_id + " is taken in Glance");
        if (found.status == "active") {
            auto same = holds_bytes(found, image_);
            if (!same || *same)
                return same ? settle(found) : same;
            return replace("image " + wish_.image_id + " in Glance does not hold the bytes that were sent");
        }
        if (found.status == "queued")
            return upload();
        // Perhaps Glance still works on what the last process, or the last connection, sent it.
        if (found.status == "saving" && ++seen_saving_ < saving_patience)
            return fail(FailureKind::unavailable, "Glance still saves image " + wish_.image_id);
        return replace("image " + wish_.image_id + " is " + found.status + " in Glance and stays so");
    }

    Result<bool> upload()
    {
        observer_.log("sending " + std::to_string(image_.bytes) + " bytes to Glance");
        const auto sent = glance_.upload(wish_.image_id, image_.file, call_);
        return sent ? Result<bool>(false) : tl::unexpected(sent.error());  // the next look says how it ended
    }

    Result<bool> replace(const std::string& why)
    {
        if (auto removed = glance_.remove(wish_.image_id, call_); !removed)
            return tl::unexpected(removed.error());
        return another_id(why);
    }

    Result<bool> another_id(const std::string& why)
    {
        if (wish_.id_given)
            return fail(FailureKind::invalid, why + "; publish it with another id, or without one");
        if (++ids_ > ids_most)
            return fail(FailureKind::invalid, why + ", and so were " + std::to_string(ids_most) + " others");
        observer_.warning(why + "; it gets another id");
        wish_.image_id = new_id();
        seen_saving_ = 0;
        const auto stored = repository_.set_image(build_);
        return stored ? Result<bool>(false) : tl::unexpected(stored.error());
    }

    /// It is there: older ones of its name step back.
    Result<bool> settle(const GlanceImage& own)
    {
        const auto hidden = hide_predecessors(glance_, repository_, build_, own, call_);
        if (!hidden)
            observer_.warning("older images of this name could not all be hidden: " + hidden.error().message);
        else
            for (const auto& id : *hidden)
                observer_.log("image " + id + " is superseded, and hidden in Glance");
        wish_.state = PublishState::active;
        observer_.log("image " + wish_.image_id + " is active in Glance");
        return true;
    }

    void pause(unsigned failures)
    {
        auto length = settings_.first_pause;
        for (unsigned n = 1; n < failures && length < settings_.longest_pause; ++n)
            length *= 2;
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        never.wait_for(lock, call_.stop, std::min(length, settings_.longest_pause), [] { return false; });
    }

    static constexpr unsigned saving_patience = 3;  ///< looks, with pauses between them
    static constexpr unsigned ids_most = 5;
    static constexpr unsigned steps_most = 60;

    Glance& glance_;
    BuildRepository& repository_;
    const Settings& settings_;
    BuildRecord& build_;
    Publication& wish_;
    const StoredImage& image_;
    BuildObserver& observer_;
    const GlanceCall call_;
    unsigned seen_saving_ = 0;
    unsigned ids_ = 0;
};

Result<void> Publisher::publish(BuildRecord& build, const StoredImage& image, BuildObserver& observer,
                                std::stop_token stop)
{
    const Turn turn(*this, {build.project, image.digest}, stop);
    if (!turn.taken())
        return fail(FailureKind::cancelled, "cancelled before the image was published");
    return Run(*this, build, image, observer, std::move(stop)).run();
}

}  // namespace unikernel
