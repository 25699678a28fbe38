// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/database_settings.hh"

#include "common/util/file.hh"

namespace unikernel::api
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t password_bytes = 4096;

/// The first line of the file.
Result<std::string> read_password(const fs::path& file)
{
    const auto where = "[database] password_file: " + file.string();
    auto text = read_file(file, password_bytes);
    if (!text)
        return fail(FailureKind::invalid, where + ": " + text.error().message);
    std::error_code code;
    const auto rights = fs::status(file, code).permissions();
    if (code || (rights & fs::perms::others_all) != fs::perms::none)
        return fail(FailureKind::invalid,
                    where + " is open to everybody on this machine; chmod o= " + file.string());
    text->erase(std::min(text->find_first_of("\r\n"), text->size()));
    if (text->empty())
        return fail(FailureKind::invalid, where + ": its first line, the password, is empty");
    return text;
}

}  // namespace

Result<DatabaseLocation> database_location(const DatabaseKeys& keys, const fs::path& state)
{
    if (keys.connection.empty()) {
        DatabaseLocation embedded;
        embedded.file = state / "builds.sqlite";
        return embedded;
    }
    auto location = parse_database_url(keys.connection);
    if (!location)
        return fail(FailureKind::invalid, "[database] connection: " + location.error().message);
    if (keys.password_file.empty())
        return location;
    if (!location->password.empty())
        return fail(FailureKind::invalid,
                    "[database] has a password in connection and a password_file; keep one of them");
    auto password = read_password(keys.password_file);
    if (!password)
        return tl::unexpected(password.error());
    location->password = std::move(*password);
    return location;
}

}  // namespace unikernel::api
