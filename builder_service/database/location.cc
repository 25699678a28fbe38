// SPDX-License-Identifier: Apache-2.0
#include "builder_service/database/location.hh"

#include <charconv>
#include <optional>
#include <vector>

#include "common/util/nearest.hh"

namespace unikernel
{

namespace
{

constexpr std::string_view form = "mysql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:////FOLDER/FILE";

tl::unexpected<Failure> wrong(const std::string& what)
{
    return fail(FailureKind::invalid, what + "; the form is " + std::string(form));
}

std::optional<std::string> percent_decoded(std::string_view text)
{
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        unsigned char byte = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (digits.size() != 2 || code != std::errc{} || end != digits.data() + 2)
            return std::nullopt;
        decoded += static_cast<char>(byte);
        i += 2;
    }
    return decoded;
}

/// Up to `mark`, which is dropped as well; nothing if there is none, and then `rest` stays.
std::optional<std::string_view> cut(std::string_view& rest, std::size_t mark)
{
    if (mark == std::string_view::npos)
        return std::nullopt;
    const auto before = rest.substr(0, mark);
    rest.remove_prefix(mark + 1);
    return before;
}

Result<void> take_account(DatabaseLocation& location, std::string_view account)
{
    const auto name = cut(account, account.find(':'));
    const auto user = percent_decoded(name.value_or(account));
    const auto password = percent_decoded(name ? account : "");
    if (!user || !password)
        return wrong("user or password holds a % that is not followed by two hex digits (write % as %25)");
    location.user = *user;
    location.password = *password;
    return {};
}

Result<void> take_host(DatabaseLocation& location, std::string_view host)
{
    const auto bracket = host.starts_with('[') ? host.find(']') : 0;
    if (bracket == std::string_view::npos)
        return wrong("'" + std::string(host) + "' has no ]");
    if (const auto colon = host.find(':', bracket); colon != std::string_view::npos) {
        const auto port = host.substr(colon + 1);
        const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), location.port);
        if (code != std::errc{} || end != port.data() + port.size() || location.port == 0)
            return wrong("'" + std::string(port) + "' is no port, 1 to 65535");
        host = host.substr(0, colon);
    }
    location.host = bracket == 0 ? host : host.substr(1, bracket - 1);
    return {};
}

/// The part behind '?'. Names are those of PyMySQL, which the other services of OpenStack use.
Result<void> take_options(DatabaseLocation& location, std::string_view query)
{
    static const std::vector<std::string> known{"unix_socket", "ssl_ca",  "ssl_cert",
                                                "ssl_key",     "charset", "plugin"};
    while (!query.empty()) {
        auto value = cut(query, query.find('&')).value_or(query);
        if (value.data() == query.data())
            query = {};
        const std::string key(cut(value, value.find('=')).value_or(value));
        const auto text = percent_decoded(value);
        if (!text)
            return wrong(key + ": a % is not followed by two hex digits");
        if (key == "unix_socket")
            location.socket = *text;
        else if (key == "ssl_ca")
            location.ssl_ca = *text;
        else if (key == "ssl_cert")
            location.ssl_cert = *text;
        else if (key == "ssl_key")
            location.ssl_key = *text;
        else if (key == "charset" && !text->starts_with("utf8"))
            return fail(FailureKind::invalid, "charset: '" + *text + "': the builder speaks utf8mb4 alone");
        else if (key != "charset" && key != "plugin")  // "plugin" is of SQLAlchemy, and of no effect here
            return fail(FailureKind::invalid, "unknown option '" + key + "'" + did_you_mean(key, known));
    }
    if (location.ssl_ca.empty() && !(location.ssl_cert.empty() && location.ssl_key.empty()))
        return fail(FailureKind::invalid, "ssl_cert and ssl_key need ssl_ca, by which the server is known");
    if (location.ssl_cert.empty() != location.ssl_key.empty())
        return fail(FailureKind::invalid, "ssl_cert and ssl_key are given together or not at all");
    return {};
}

}  // namespace

std::string DatabaseLocation::url() const
{
    if (!file.empty())
        return "sqlite:///" + file.string();
    const auto address = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return "mysql://" + user + "@" + address +
           (port == 3306 || host.empty() ? "" : ":" + std::to_string(port)) + "/" + name +
           (socket.empty() ? "" : "?unix_socket=" + socket.string());
}

Result<DatabaseLocation> parse_database_url(std::string_view url)
{
    DatabaseLocation location;
    auto rest = url;
    const auto scheme = cut(rest, rest.find(':'));
    if (!scheme || !rest.starts_with("//"))
        return wrong("it does not begin with mysql:// or sqlite://");
    rest.remove_prefix(2);
    if (*scheme == "sqlite") {
        location.file = rest.substr(std::min<std::size_t>(rest.size(), 1));
        if (!rest.starts_with('/') || !location.file.is_absolute())
            return wrong("sqlite:///" + location.file.string() + " names no absolute path");
        return location;
    }
    if (*scheme != "mysql" && *scheme != "mariadb" && *scheme != "mysql+pymysql" &&
        *scheme != "mariadb+pymysql")
        return wrong("'" + std::string(scheme->substr(0, 20)) +
                     "' is no kind of database that is known here");
    std::string_view query;
    if (const auto before = cut(rest, rest.find('?'))) {
        query = rest;
        rest = *before;
    }
    if (const auto account = cut(rest, rest.rfind('@')))
        if (auto taken = take_account(location, *account); !taken)
            return tl::unexpected(taken.error());
    const auto host = cut(rest, rest.find('/'));
    if (auto taken = take_host(location, host.value_or(rest)); !taken)
        return tl::unexpected(taken.error());
    location.name = host ? rest : "";
    if (auto taken = take_options(location, query); !taken)
        return tl::unexpected(taken.error());
    if (location.user.empty())
        return wrong("it names no user");
    if (location.name.empty() || location.name.find('/') != std::string::npos)
        return wrong("it names no database");
    if (location.host.empty() && location.socket.empty())
        return wrong("it names neither a host nor a unix_socket");
    return location;
}

}  // namespace unikernel
