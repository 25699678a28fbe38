// SPDX-License-Identifier: Apache-2.0
#include "builder_service/requirements/requirement_revision.hh"

namespace unikernel
{

nlohmann::json to_json(const RequirementRevision& requirement)
{
    nlohmann::json json = {{"name", requirement.name},
                           {"revision", requirement.revision},
                           {"project", nullptr},
                           {"document", requirement.document},
                           {"deleted", requirement.deleted},
                           {"created", requirement.created},
                           {"author", requirement.author}};
    if (requirement.project)
        json["project"] = *requirement.project;
    return json;
}

}  // namespace unikernel
