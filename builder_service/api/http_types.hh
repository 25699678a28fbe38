// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "builder_service/identity/caller.hh"
#include "common/util/result.hh"

namespace unikernel::api
{

struct HeaderLess {
    using is_transparent = void;
    bool operator()(std::string_view left, std::string_view right) const;  ///< ASCII case does not count
};
using Headers = std::map<std::string, std::string, HeaderLess>;

/// The body of one request, read once and in order, on the handler's thread.
class BodyReader
{
public:
    virtual ~BodyReader() = default;
    /// Fills in at most `target.size()` bytes; 0 is the end. Blocks until some arrived.
    /// Errors: unavailable, when the client went away before the announced end.
    virtual Result<std::size_t> read(std::span<std::byte> target) = 0;
};

/// What a handler sees of a request.
struct Request {
    std::string id;                            ///< "req-<uuid>", also in the answer and in the log
    std::string method;                        ///< as sent, upper case
    std::string path;                          ///< as sent, percent-encoded
    std::vector<std::string> parameters;       ///< the route's {...} segments, decoded, in order
    std::map<std::string, std::string> query;  ///< decoded
    Headers headers;
    Caller caller;                 ///< whoever the route's rule was checked for
    std::uint64_t body_bytes = 0;  ///< Content-Length
    BodyReader* body = nullptr;    ///< valid while the handler runs

    std::string_view header(std::string_view name) const;  ///< empty when absent
};

/// Part of a file, sent as it is on disk.
struct FileRange {
    std::filesystem::path file;
    std::uint64_t offset = 0;  ///< bytes
    std::uint64_t bytes = 0;
};

/// The writing end of a live answer. Thread-safe. Nothing here blocks.
class LiveSink
{
public:
    virtual ~LiveSink() = default;
    virtual void write(std::string_view text) = 0;
    virtual std::size_t unsent() const = 0;  ///< bytes written here which the client has not taken
    virtual bool gone() const = 0;           ///< the client went away; what is written is lost
    virtual void close() = 0;                ///< end of the answer
};
/// Called once, when the answer's head was handed over to the network.
using LiveStart = std::function<void(std::shared_ptr<LiveSink>)>;

struct Response {
    int status = 200;
    Headers headers;
    std::variant<std::string, FileRange, LiveStart> body;
};

}  // namespace unikernel::api
