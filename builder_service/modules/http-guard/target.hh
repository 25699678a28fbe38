// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

/// Request targets (RFC 9112, section 3.2; RFC 3986, section 6.2.2), brought to the one form on which the
/// guard decides and which the application then sees.
namespace u0::http_guard
{

/// Splits the authority off an absolute-form target without changing anything: `origin` is where the
/// origin-form begins in `target` (its '/' or '?' or its end). Only http and https, no user information.
/// Any other target is returned whole. False when it is none of the forms the guard knows.
bool split_absolute_form(std::string_view target, std::string_view& authority, std::string_view& origin);

/// Normalises an origin-form target in place; it never becomes longer, save that an empty path becomes "/",
/// for which `buffer` must have one byte of room. Percent-encoded unreserved characters are decoded, other
/// encodings written in upper case, duplicate slashes collapsed and dot segments removed. The query stays as
/// it is.
///
/// Refused (0 returned), because readers disagree on their meaning: anything but a leading '/' (or '?' after
/// an absolute form's authority), a fragment, bytes that no URI has (controls, spaces, '\', 128 and up), bad
/// percent sequences in the path, encoded '/', '\', NUL and other controls, and overlong UTF-8 in the path.
///
/// @param buffer    the target, and at least one writable byte
/// @param size      bytes of it
/// @param path_size receives the length of the path in the result
/// @return the new length of the target, 0 when refused
std::size_t normalise_target(std::span<char> buffer, std::size_t size, std::size_t& path_size);

/// Collapses duplicate slashes and removes dot segments in place, from a path that begins with '/'.
std::size_t remove_dot_segments(char* path, std::size_t size);

/// Other ways to read a normalised path, for servers that decode once more, drop ";parameters", or take
/// an encoded '?' for a real one. All of them are shown, before and after removal of dot segments.
///
/// @param show called with each view; views may repeat
/// @return false when the path is too long (over `view_limit`) or encoded too often to be looked at
template <typename Show>
bool show_other_views(std::string_view path, Show&& show);

inline constexpr std::size_t view_limit = 2048;
inline constexpr int decoding_limit = 4;

namespace detail
{
/// Decodes each percent sequence once, '\' becomes '/'. Returns the new size; equal to `size` if nothing was
/// decoded.
std::size_t decode_once(char* path, std::size_t size);
/// Removes ";parameters" from each segment.
std::size_t strip_parameters(char* path, std::size_t size);
/// Two work areas; the guard is entered by one stream at a time, and stacks are small.
extern char view_buffers[2][view_limit];
}  // namespace detail

template <typename Show>
bool show_other_views(std::string_view path, Show&& show)
{
    if (path.find_first_of("%;") == std::string_view::npos)
        return true;
    if (path.size() > view_limit)
        return false;
    char* const decoded = detail::view_buffers[0];
    char* const view = detail::view_buffers[1];
    // A work copy of what was decoded, as far as `size`, goes through all combinations.
    const auto show_readings = [&](std::size_t size) {
        for (const bool strip : {false, true}) {
            std::size_t end = std::string_view(decoded, size).copy(view, size);
            if (strip)
                end = detail::strip_parameters(view, end);
            show(std::string_view(view, end));
            end = remove_dot_segments(view, end);
            show(std::string_view(view, end));
            // Parameters may have hidden behind the dots, or dots behind parameters.
            end = remove_dot_segments(view, detail::strip_parameters(view, end));
            show(std::string_view(view, end));
        }
    };
    std::size_t size = path.copy(decoded, path.size());
    for (int depth = 0; depth < decoding_limit; ++depth) {
        show_readings(size);
        show_readings(std::min(std::string_view(decoded, size).find_first_of("?#"), size));
        const std::size_t shorter = detail::decode_once(decoded, size);
        if (shorter == size)
            return true;
        size = shorter;
    }
    return false;
}

}  // namespace u0::http_guard
