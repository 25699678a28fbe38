// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "builder_service/builds/build_repository.hh"
#include "builder_service/compliance/report.hh"
#include "builder_service/compliance/tenants.hh"
#include "builder_service/reconcile/rollout_repository.hh"
#include "builder_service/reconcile/standings.hh"

namespace unikernel
{

/// Gathers what is known of lines, servers, requirements and rollouts for the report, and takes note of since
/// when servers are what they are. Thread-safe.
class Compliance
{
public:
    /// All of it outlives it.
    struct Parts {
        BuildRepository& builds;
        RequirementService& requirements;
        Lines& lines;
        LineImageRepository& images;
        RolloutRepository& rollouts;
        StandingRepository& standings;
        Fleet& fleet;
    };
    explicit Compliance(const Parts& parts) : parts_(parts) {}

    /// compliance_report() of what the scope sees. Errors: unavailable (servers cannot be listed), internal.
    Result<nlohmann::json> report(const Scope& scope, std::stop_token stop = {});

private:
    Result<ComplianceFacts::Line> line(const Line& line);
    Result<ComplianceFacts::Tenant> tenant(const Tenant& tenant, std::size_t line);
    Result<ComplianceFacts::Stranger> stranger(Server server, const LineImage* image,
                                               const std::string& domain);
    Result<void> meet_strangers(ComplianceFacts& facts, const Population& all, const std::vector<Line>& lines,
                                const Scope& scope);
    Result<nlohmann::json> with_times(nlohmann::json report, const ComplianceFacts& facts, bool all);
    Result<std::vector<ComplianceFacts::Move>> moves(const Scope& scope);

    const Parts parts_;
};

}  // namespace unikernel
