// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/util/result.hh"

namespace unikernel
{

/// Where the database is.
struct DatabaseLocation {
    std::filesystem::path file;  ///< of SQLite; empty: it is MariaDB, and all else holds
    std::string user;
    std::string password;
    std::string host;              ///< empty: at `socket`
    std::uint16_t port = 3306;     ///< of the host
    std::filesystem::path socket;  ///< empty: at `host`
    std::string name;              ///< of the database
    std::filesystem::path ssl_ca;  ///< empty: no TLS; else the server's certificate and name are checked
    std::filesystem::path ssl_cert, ssl_key;  ///< the client's own; empty: none

    /// For people: without the password.
    std::string url() const;
};

/// From a URL in the form that oslo.db has: `mysql://user:password@host:port/name?ssl_ca=...`, also
/// `mysql+pymysql:` and `mariadb:`, or `sqlite:///file`. Errors: invalid, without the password in the text.
Result<DatabaseLocation> parse_database_url(std::string_view url);

}  // namespace unikernel
