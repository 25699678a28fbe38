// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/model/module.hh"
#include "common/model/solver.hh"
#include "common/model/specification.hh"

namespace unikernel
{

/// Puts into sentences why modules cannot be combined: who asked for what, why it cannot be, and what could
/// be changed. The arguments outlive it.
class Explanation
{
public:
    /// `candidates`: what may be chosen from; `repository` also has what may not.
    Explanation(const Repository& repository, const std::vector<ModulePtr>& candidates,
                const WantedModules& wanted);

    /// "tcp (required by web (asked for by spec))": how the module got in.
    std::string because(const std::string& module) const;
    /// Of the first problem that the solver found.
    std::string of(const solver::Obstacles& obstacles) const;
    /// Of a name which several provide, none of which anybody asked for.
    std::string ambiguous(const Module& by, const Dependency& needed) const;

private:
    std::string missing(const std::string& start, const Dependency& needed, const std::string& by) const;
    std::string conflict(const Module& by, const Module& other, const Dependency& against) const;
    std::string sentence(const solver::Obstacle& obstacle) const;

    const Repository& repository_;
    const std::vector<ModulePtr>& candidates_;
    const WantedModules& wanted_;
    std::map<std::string, std::string> parents_;  ///< module -> the one on its shortest way from a wanted one
};

/// " of repository acme", or nothing if it is of the builder's own.
std::string origin_text(const Module& module);

std::string joined(const std::vector<std::string>& words, std::string_view glue);

}  // namespace unikernel
