// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "head.hh"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace u0::http_guard
{

/// A response of the guard's own (RFC 9112; 401 with its challenges: RFC 9110, section 11.6.1).
class Answer
{
public:
    struct Form {
        Status status = Status::bad_request;
        std::string_view realm;  ///< of the challenges, at most 64 bytes without '"' and '\'
        bool basic = false;      ///< challenge for Basic (RFC 7617)
        bool bearer = false;     ///< challenge for Bearer (RFC 6750)
        bool close = false;      ///< say that the connection ends
        bool to_head = false;    ///< leave the content out
    };

    explicit Answer(const Form& form);
    std::span<const unsigned char> bytes() const
    {
        return {reinterpret_cast<const unsigned char*>(text_.data()), size_};
    }

private:
    void add(std::string_view text);

    std::array<char, 640> text_;
    std::size_t size_ = 0;
};

/// "401 Unauthorized" and so on.
std::string_view status_text(Status status);

}  // namespace u0::http_guard
