// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/requirements/live_requirements.hh"
#include "builder_service/requirements/requirement_repository.hh"
#include "builder_service/requirements/requirement_revision.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Security requirements as a resource: of one project, of all projects of a domain, or global. A name is one
/// requirement's alone among those that a project sees, so that messages and commands are clear, and so that
/// no project can put one of its own in another's place. Who may call what is the business of the API.
/// Thread-safe.
class RequirementService
{
public:
    /// Whether a requirement's document (with sealed secrets) is right for the modules there are.
    using Check = std::function<Result<void>(const nlohmann::json& document)>;

    /// `repository` outlives it.
    RequirementService(RequirementRepository& repository, Check check)
        : repository_(repository), live_(repository), check_(std::move(check))
    {
    }
    RequirementService(const RequirementService&) = delete;
    RequirementService& operator=(const RequirementService&) = delete;

    /// Calls `told` whenever a revision was stored. Call before it is used.
    void on_change(std::function<void()> told) { changed_ = std::move(told); }

    /// Who changes a requirement; goes into the record of the change.
    struct Author {
        std::string user;             ///< id; "" without identity
        std::string project = {};     ///< for which he asks
        std::string request_id = {};  ///< "req-<uuid>"
    };
    /// Whether a change is stored, or only checked and answered as it would be.
    enum class Mode { store, dry_run };
    /// Revision 1, or the next one if there once was one of this name.
    /// Errors: invalid, unresolvable (as the check), conflict (the name is taken, or there are too many).
    Result<RequirementRevision> create(RequirementScope scope, nlohmann::json document, const Author& author,
                                       Mode mode = Mode::store);
    /// The next revision of `current`. Errors: as create; not_found (it is gone by now).
    Result<RequirementRevision> replace(const RequirementRevision& current, nlohmann::json document,
                                        const Author& author, Mode mode = Mode::store);
    /// Ends it with a revision of its own, which is answered; nothing stored goes away. Errors: not_found.
    Result<RequirementRevision> remove(const RequirementRevision& current, const Author& author,
                                       Mode mode = Mode::store);

    /// The live one that a project of this domain sees. Errors: not_found.
    Result<RequirementRevision> find(const std::string& project, const std::string& domain,
                                     const std::string& name);
    /// The live one of just this scope. Errors: not_found.
    Result<RequirementRevision> find(const RequirementScope& scope, const std::string& name);
    /// All revisions, newest first, also of one that was deleted. Errors: not_found.
    Result<std::vector<RequirementRevision>> history(const std::string& project, const std::string& domain,
                                                     const std::string& name);
    Result<std::vector<RequirementRevision>> history(const RequirementScope& scope, const std::string& name);
    /// Live ones that the scope sees, by name.
    Result<std::vector<RequirementRevision>> list(const Scope& scope) { return repository_.live(scope); }
    /// Whether the record of all changes is as it was stored, with a sentence for each requirement of which
    /// it is not. `at`: Audit::noted. Errors: invalid (there are not so many revisions).
    Result<Audit> audit(std::optional<long long> at = std::nullopt);

    struct Selected {
        RequirementRevision requirement;
        std::string reason;  ///< for people: why it goes into the image
    };
    struct Selection {
        std::vector<Selected> selected;
        std::vector<std::string> left_out;  ///< for people: those that will apply, but do not hold yet
    };
    /// Those that apply to the spec at this time: global ones, the domain's and the project's. `names`: must
    /// be among them. `draft`: as if this revision were the latest of its requirement. Errors: invalid (the
    /// spec), not_found (no such requirement), conflict (it does not apply to this spec, or does not hold
    /// yet).
    Result<Selection> select(const std::string& project, const std::string& domain,
                             const nlohmann::json& spec, const std::vector<std::string>& names,
                             std::chrono::sys_seconds now, const RequirementRevision* draft = nullptr);
    /// Differs whenever another answer of `select` without a draft is possible.
    Result<std::string> stamp(std::chrono::sys_seconds now);

private:
    Result<void> check_room(const RequirementScope& scope);
    Result<RequirementRevision> append(RequirementScope scope, const std::string& name,
                                       nlohmann::json document, const Author& author, Mode mode,
                                       const RequirementRepository::Check& check);

    RequirementRepository& repository_;
    LiveRequirements live_;
    const Check check_;
    std::function<void()> changed_;
    std::mutex mutex_;  ///< those of a scope stay countable
};

}  // namespace unikernel
