// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/model/dependency.hh"

/// The only file pair that knows libsolv, the SAT solver for dependencies of zypper and dnf.
namespace unikernel::solver
{

/// As compare_versions of dependency.hh.
int compare_versions(const std::string& a, const std::string& b);

/// What the solver needs to know of a module; it owns none of it.
struct Package {
    const std::string* name = nullptr;
    const std::string* version = nullptr;
    int priority = 0;  ///< of several versions the one with the highest priority wins, then the newest
    const std::map<std::string, std::string>* provides = nullptr;  ///< virtual name -> its version or ""
    const std::set<Dependency>* required = nullptr;
    const std::set<Dependency>* conflicting = nullptr;
};

/// One of the facts that together make a solution impossible. Packages are indices.
struct Obstacle {
    enum class Kind {
        nothing_provides,  ///< `package` requires `dependency`, which nothing satisfies
        required,          ///< `package` requires `dependency`
        conflict,          ///< `package` conflicts with `dependency`, which `other` satisfies
        one_version,       ///< `package` and `other` are two versions of one name
        wanted             ///< `dependency` was asked for; there is no package
    };
    Kind kind = Kind::wanted;
    std::size_t package = 0;
    std::size_t other = 0;
    Dependency dependency;
};

using Solution = std::vector<std::size_t>;  ///< indices, ascending
using Obstacles = std::vector<Obstacle>;    ///< of the first problem; never empty

/// A fixed set of packages. One version of a name at most is in a solution. Not thread-safe.
class Universe
{
public:
    /// What the packages point to outlives the universe.
    explicit Universe(const std::vector<Package>& packages);
    ~Universe();
    Universe(const Universe&) = delete;
    Universe& operator=(const Universe&) = delete;

    /// A set that holds a package of each wanted name and range, all that its packages require, no two that
    /// conflict, and none of the names `without`. It is the same in each run.
    std::variant<Solution, Obstacles> solve(const std::vector<Dependency>& wanted,
                                            const std::vector<std::string>& without = {}) const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace unikernel::solver
