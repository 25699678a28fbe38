// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/token_facts.hh"

#include "builder_service/openstack/session.hh"
#include "common/decode/reader.hh"

namespace unikernel
{

namespace
{

void read_scope(const Reader& token, TokenFacts& facts)
{
    if (const auto project = token.find("project")) {
        facts.project_id = project->at("id").text();
        facts.domain_id = project->at("domain").at("id").text();
        facts.scope = "a project";
        if (facts.project_id.empty())
            project->at("id").refuse("is empty");
    } else if (token.find("domain")) {
        facts.scope = "a domain";
    } else {
        facts.scope = token.find("system") ? "the system" : "nothing";
    }
}

std::vector<AccessRule> read_rules(const Reader& list)
{
    std::vector<AccessRule> rules;
    for (const auto& item : list.items())
        rules.push_back({.method = item.at("method").text(),
                         .service = item.at("service").text(),
                         .path = item.at("path").text()});
    return rules;
}

}  // namespace

Result<TokenFacts> decode_token(const nlohmann::json& answer)
{
    return reading([&] {
        const auto token = Reader(answer, "answer").at("token");
        TokenFacts facts;
        facts.user_id = token.at("user").at("id").text();
        read_scope(token, facts);
        const auto expires = parse_time(token.at("expires_at").text());
        if (!expires)
            token.at("expires_at").refuse(expires.error().message);
        facts.expires = *expires;
        if (const auto roles = token.find("roles"))
            for (const auto& role : roles->items())
                facts.roles.push_back(role.at("name").text());
        if (const auto credential = token.find("application_credential"))
            if (const auto rules = credential->find("access_rules"))
                facts.access_rules = read_rules(*rules);
        if (const auto catalog = token.find("catalog"))
            for (const auto& service : catalog->items())
                facts.services.push_back(service.at("type").text());
        return facts;
    });
}

}  // namespace unikernel
