// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/util/digest.hh"
#include "common/util/result.hh"

namespace unikernel::u0
{

/// The distribution's compiler and linker as found on this host.
struct Toolchain {
    std::string compiler;  ///< first line of `g++ --version`
    std::string linker;    ///< first line of `ld --version`
    std::vector<std::filesystem::path> library_folders;
    std::map<std::string, std::filesystem::path> files;  ///< crt1.o, libc.a ... -> where
    Digest identity{};                                   ///< of versions and of the files' contents

    std::string text() const { return compiler + "; " + linker; }
};

/// Sizes and times of its programs and files: another one if they were exchanged, by an upgrade for instance.
std::string stamp(const Toolchain& toolchain);

/// Remembers what it found as long as that has the same stamp. Thread-safe. Errors: unavailable, naming the
/// package.
Result<Toolchain> find_toolchain();

}  // namespace unikernel::u0
