// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/audit.hh"

#include "common/util/digest.hh"

namespace unikernel
{

namespace
{

std::string count(long long revisions)
{
    return std::to_string(revisions) + (revisions == 1 ? " revision" : " revisions");
}

nlohmann::json to_json(const AuditHead& head)
{
    return {{"revisions", head.revisions}, {"digest", head.digest}};
}

}  // namespace

AuditHead next(const AuditHead& head, const RequirementRevision& revision)
{
    const auto own = revision.digest.empty() ? digest_of(revision) : revision.digest;
    return {head.revisions + 1,
            to_string(Sha256().field("unikernel audit 1").field(head.digest).field(own).finish())};
}

Audit audit(const std::vector<RequirementRevision>& all, const std::optional<AuditHead>& stored,
            std::optional<long long> at)
{
    Audit result;
    auto& head = result.head;
    if (at == 0)
        result.noted = head;
    for (const auto& revision : all) {
        head = next(head, revision);
        if (at == head.revisions)
            result.noted = head;
    }
    if (!stored) {
        result.problems.emplace_back("the head of the record of requirements is gone");
    } else if (stored->revisions > head.revisions) {
        result.problems.push_back("of the record of requirements the newest were cut off: its head counts " +
                                  count(stored->revisions) + ", and there are " +
                                  std::to_string(head.revisions));
    } else if (stored->revisions >= 0 && stored->revisions < head.revisions) {
        result.problems.push_back("the record of requirements has " + count(head.revisions) +
                                  ", and its head counts " + std::to_string(stored->revisions));
    } else if (stored->revisions >= 0 && stored->digest != head.digest) {
        result.problems.emplace_back("the record of requirements is not the one that its head was made of");
    }
    return result;
}

nlohmann::json to_json(const Audit& audit)
{
    auto json = to_json(audit.head);
    json["intact"] = audit.problems.empty();
    json["problems"] = audit.problems;
    json["noted"] = audit.noted ? to_json(*audit.noted) : nlohmann::json();
    return json;
}

}  // namespace unikernel
