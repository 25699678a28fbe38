// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/errors.hh"
#include "builder_service/api/handlers.hh"
#include "builder_service/api/limits.hh"
#include "builder_service/api/paging.hh"
#include "builder_service/compliance/page.hh"

namespace unikernel::api
{

namespace
{

/// Of the two forms the one that Accept names first; JSON where it names none.
bool wants_page(const Request& request)
{
    const auto accept = request.header("Accept");
    const auto page = accept.find("text/html");
    return page != std::string_view::npos && page < accept.find("application/json");
}

Response compliance_of(Context& context, const Request& request, const Page& page)
{
    const auto report = context.compliance.report(page.scope);
    if (!report)
        return error(report.error(), "servers");
    auto response = json_response(200, *report);
    if (wants_page(request)) {
        response.body = compliance_page(*report);
        response.headers["Content-Type"] = "text/html; charset=utf-8";
        response.headers["Content-Security-Policy"] = page_policy;
        response.headers["X-Content-Type-Options"] = "nosniff";
    }
    response.headers["Cache-Control"] = "no-store";
    return response;
}

}  // namespace

Response with_look(Context& context, const Request& request, const std::function<Response()>& look)
{
    const auto [place, by_own_project] = context.looks.take(request.caller);
    if (!place)
        return too_many("looks at servers", by_own_project ? limits::project_looks : limits::looks,
                        by_own_project);
    return look();
}

Response get_compliance(Context& context, const Request& request)
{
    const auto page = page_of(request);  // of which there is one alone
    if (!page)
        return page.error();
    return with_look(context, request, [&] { return compliance_of(context, request, *page); });
}

}  // namespace unikernel::api
