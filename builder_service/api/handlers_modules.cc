// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"

namespace unikernel::api
{

namespace
{

/// A manifest that is wrong is a fault of the installation, not of the request.
Response manifest_error(const Failure& failure)
{
    return error(500, "module.manifest", failure.message);
}

}  // namespace

Response list_modules(Context& context, const Request&)
{
    const auto repository = context.repositories.modules();
    if (!repository)
        return manifest_error(repository.error());
    auto modules = nlohmann::json::array();
    for (const ModulePtr& module : repository->all()) {
        const auto manifest = manifest_of(*module);
        if (!manifest)
            return manifest_error(manifest.error());
        nlohmann::json item;
        for (const char* key : {"name", "version", "kind", "summary", "license", "provides", "requires",
                                "conflicts", "repository"})
            if (manifest->contains(key))
                item[key] = (*manifest)[key];
        item["platforms"] = nlohmann::json::array();
        for (const auto& [platform, installation] : module->platforms)
            item["platforms"].push_back(platform);
        modules.push_back(std::move(item));
    }
    return json_response(200, {{"modules", modules}});
}

Response get_module(Context& context, const Request& request)
{
    const auto& name = request.parameters.at(0);
    const auto repository = context.repositories.modules();
    if (!repository)
        return manifest_error(repository.error());
    const auto module = repository->find(name);
    if (!module)
        return error({FailureKind::not_found,
                      "no module " + name.substr(0, 80) + " is known here" + repository->pinned_text(name)},
                     "module");
    const auto manifest = manifest_of(*module);
    return manifest ? json_response(200, *manifest) : manifest_error(manifest.error());
}

Response list_repositories(Context& context, const Request&)
{
    auto list = nlohmann::json::array();
    for (const auto& status : context.repositories.status())
        list.push_back(to_json(status));
    return json_response(200, {{"repositories", list}});
}

}  // namespace unikernel::api
