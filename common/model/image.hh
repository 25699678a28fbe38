// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/model/module.hh"
#include "common/util/result.hh"

/// The paper's operations on unikernel images ("A Software-Defined Security Approach for Securing
/// Field Zones in Cloud Infrastructures based on Unikernels", section IV.A), as pure functions that
/// bear the paper's names. An image here is a value: what is installed, in which order, with which
/// configuration. The bytes follow from it (platforms/).
namespace unikernel
{

/// A configuration option c that is met: "this option of the module has this value".
struct Condition {
    std::string option;
    nlohmann::json value;
    friend bool operator==(const Condition&, const Condition&) = default;
    friend bool operator<(const Condition& a, const Condition& b)
    {
        return a.option != b.option ? a.option < b.option : a.value < b.value;
    }
};

/// An element u of U. The default-constructed one is u_0, the image without a module (equation 7).
class Image
{
public:
    /// In the order of installation.
    const std::vector<ModulePtr>& installed() const { return order_; }
    bool has(const std::string& module) const { return values_.contains(module); }
    /// Null if it is not installed.
    ModulePtr installed(const std::string& module) const;
    /// Option -> value of an installed module; empty for one that is not.
    const std::map<std::string, nlohmann::json>& values(const std::string& module) const;

    friend Image Install(const Image& u, const ModulePtr& m);
    friend Result<Image> Configure(const Image& u, const ModulePtr& m, const Condition& c);

private:
    std::vector<ModulePtr> order_;
    std::map<std::string, std::map<std::string, nlohmann::json>> values_;
};

/// Equation 1. The defaults of m's options hold afterwards. Installing m again changes nothing
/// (equation 5). Whether m may be installed is IsInstallable's question, not this one's.
Image Install(const Image& u, const ModulePtr& m);

/// Equation 2. Meeting c ends whatever the option was before (equation 6). Errors: invalid, if m is not
/// in Modules(u) or c is not in C(m), which is to say that m has no such option or it cannot have that value.
Result<Image> Configure(const Image& u, const ModulePtr& m, const Condition& c);

/// Digest of a module's sealed configuration: "sha256:..." of the canonical JSON of option -> value.
std::string configuration_digest(const std::map<std::string, nlohmann::json>& values);

/// Equation 3.
std::set<std::string> Modules(const Image& u);

/// Equation 4. Empty if m is not installed.
std::set<Condition> Configuration(const Image& u, const ModulePtr& m);

/// requires(m) and conflicts(m); `requires` is a keyword of C++20, hence the capitals here as well.
const std::set<Dependency>& Requires(const ModulePtr& m);
const std::set<Dependency>& Conflicts(const ModulePtr& m);

/// Equation 8. A required or conflicting name is matched by a module of that name and by one that
/// provides it, where there is a range of versions in a version of it; m itself never conflicts with what
/// it provides.
bool IsInstallable(const Image& u, const ModulePtr& m);

}  // namespace unikernel
