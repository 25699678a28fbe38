// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/requirements/requirement_repository.hh"
#include "builder_service/requirements/requirement_revision.hh"
#include "common/model/specification.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Security requirements as a resource: of one project or global. A name is one requirement's alone
/// among those that a project sees, so that messages and commands are clear. Who may call what is the
/// business of the API. Thread-safe.
class RequirementService
{
public:
    /// Whether a requirement's document (with sealed secrets) is right for the modules there are.
    using Check = std::function<Result<void>(const nlohmann::json& document)>;

    /// `repository` outlives it.
    RequirementService(RequirementRepository& repository, Check check)
        : repository_(repository), check_(std::move(check))
    {
    }
    RequirementService(const RequirementService&) = delete;
    RequirementService& operator=(const RequirementService&) = delete;

    /// Calls `told` whenever a revision was stored. Call before it is used.
    void on_change(std::function<void()> told) { changed_ = std::move(told); }

    /// Whether a change is stored, or only checked and answered as it would be.
    enum class Mode { store, dry_run };
    /// Revision 1, or the next one if there once was one of this name. Without a project: global.
    /// Errors: invalid, unresolvable (as the check), conflict (the name is taken).
    Result<RequirementRevision> create(std::optional<std::string> project, nlohmann::json document,
                                       const std::string& author, Mode mode = Mode::store);
    /// The next revision of `current`. Errors: as create; not_found (it is gone by now).
    Result<RequirementRevision> replace(const RequirementRevision& current, nlohmann::json document,
                                        const std::string& author, Mode mode = Mode::store);
    /// Ends it with a revision of its own, which is answered; nothing stored goes away. Errors: not_found.
    Result<RequirementRevision> remove(const RequirementRevision& current, const std::string& author,
                                       Mode mode = Mode::store);

    /// The live one of the project, or global. Errors: not_found.
    Result<RequirementRevision> find(const std::string& project, const std::string& name);
    /// All revisions, newest first, also of one that was deleted. Errors: not_found.
    Result<std::vector<RequirementRevision>> history(const std::string& project, const std::string& name);
    /// Live ones by name, the global ones among them.
    Result<std::vector<RequirementRevision>> list(const Scope& scope) { return repository_.live(scope); }

    struct Selected {
        RequirementRevision requirement;
        std::string reason;  ///< for people: why it goes into the image
    };
    /// Those of the project and global ones that apply to the spec. `names`: must be among them. `draft`: as
    /// if this revision were the latest of its requirement. Errors: invalid (the spec), not_found (no such
    /// requirement), conflict (it does not apply to this spec).
    Result<std::vector<Selected>> select(const std::string& project, const nlohmann::json& spec,
                                         const std::vector<std::string>& names,
                                         const RequirementRevision* draft = nullptr);

private:
    Result<RequirementRevision> append(std::optional<std::string> project, const std::string& name,
                                       nlohmann::json document, const std::string& author, Mode mode);

    RequirementRepository& repository_;
    const Check check_;
    std::function<void()> changed_;
    std::mutex mutex_;  ///< names stay unique
};

}  // namespace unikernel
