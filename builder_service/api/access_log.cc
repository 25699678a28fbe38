// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/access_log.hh"

#include <spdlog/spdlog.h>

namespace unikernel::api
{

std::string log_context(const Request& request)
{
    const auto& caller = request.caller;
    std::string text = "[";
    for (const auto* word : {&caller.global_request_id, &request.id, &caller.user_id, &caller.project_id})
        text.append(text.size() == 1 ? "" : " ").append(word->empty() ? "-" : *word);
    return text + "]";
}

void log_access(const Request& request, int status, std::chrono::milliseconds took)
{
    if (request.method.empty())
        spdlog::info("{} (no request) {}", log_context(request), status);
    else
        spdlog::info("{} {} {} {} {} ms", log_context(request), request.method, request.path, status,
                     took.count());
}

}  // namespace unikernel::api
