// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every limit of the listener, in one place. Those an operator may want to change are
/// settings instead (unikernel-builder.conf) and have their defaults there.
namespace unikernel::api::limits
{

using namespace std::chrono_literals;

inline constexpr std::size_t head_bytes = std::size_t{16} << 10;  ///< request line and headers
inline constexpr std::size_t header_count = 64;
inline constexpr std::size_t target_bytes = 4096;           ///< path and query
inline constexpr std::uint64_t json_bytes = 1ULL << 20;     ///< a JSON body
inline constexpr std::size_t json_depth = 32;               ///< nested arrays and objects
inline constexpr std::uint64_t bundle_bytes = 64ULL << 20;  ///< a bundle as uploaded
inline constexpr std::uint64_t image_bytes = 256ULL << 20;  ///< an image as uploaded; the largest body
inline constexpr std::uint64_t console_bytes = 1ULL << 20;  ///< of a console log that are shown, its last
inline constexpr std::size_t connections = 128;             ///< at once; more are answered 503
inline constexpr std::size_t event_streams = 32;            ///< at once; more are answered 503
inline constexpr std::size_t uploads = 4;                   ///< at once; more are answered 503
inline constexpr std::size_t looks = 3;                     ///< at all servers, at once; then 503
inline constexpr std::size_t project_connections = 48;      ///< of one project; more are answered 429
inline constexpr std::size_t project_event_streams = 12;    ///< of one project; more are answered 429
inline constexpr std::size_t project_uploads = 2;           ///< of one project; more are answered 429
inline constexpr std::size_t project_looks = 2;             ///< of one project; more are answered 429
inline constexpr std::size_t waiting_requests = 64;         ///< handed over but not begun; then 503
inline constexpr unsigned handler_threads = 8;              ///< must be more than `uploads` + `looks`
inline constexpr auto head_time = 10s;                      ///< from connect to the end of the headers
inline constexpr auto identity_time = 60s;                  ///< to find out who calls; then 503
inline constexpr auto body_idle_time = 15s;                 ///< without one byte of the body
inline constexpr auto body_time = 300s;                     ///< for the whole body
inline constexpr auto send_idle_time = 30s;                 ///< client that takes no byte of the answer
inline constexpr auto answer_idle_time = 120s;              ///< handler that gives no byte
inline constexpr auto heartbeat_time = 10s;                 ///< quiet event stream: an empty line
inline constexpr std::size_t stream_unsent_bytes = std::size_t{256}
                                                   << 10;  ///< then the stream waits for its client
inline constexpr std::size_t page_items = 100;             ///< default and
inline constexpr std::size_t page_items_most = 1000;       ///< most items of one listing

}  // namespace unikernel::api::limits
