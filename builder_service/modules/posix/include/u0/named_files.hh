// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "u0/file.hh"

namespace u0::named_files
{

/// Opens /dev/null, /dev/urandom, /dev/random, /dev/tty or one of the texts; empty when there is no such
/// file, or no memory (see exists()).
FileRef open(std::string_view path);

bool exists(std::string_view path);
bool is_directory(std::string_view path);

/// Sets the contents (a module that learns them late does it at point `file.open`, `void(const char* path)`)
/// of /etc/hosts, /etc/nsswitch.conf, /etc/host.conf or /etc/resolv.conf; empty: no such file. The text is
/// not copied.
void set_text(std::string_view path, std::string_view text);

}  // namespace u0::named_files
