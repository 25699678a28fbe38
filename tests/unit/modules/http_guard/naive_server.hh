// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

/// An HTTP server of the careless kind that the guard has to protect: it asks for no credentials, and reads
/// its input with a parser of its own that shares nothing with the guard's.
class NaiveServer
{
public:
    struct Habits {
        bool decodes_again = false;      ///< percent-decodes the path once more than it should
        bool ignores_case = false;       ///< of the path's letters
        bool strips_parameters = false;  ///< ";..." of each segment
        bool ignores_bodies = false;     ///< takes a request's content for the next request
    };

    /// What it would rather not have told strangers.
    static constexpr const char* secret = "the secret";

    explicit NaiveServer(const Habits& habits) : habits_(habits) {}

    /// Reads on in its input. @return its answers to all requests complete in it
    std::string serve(const std::string& input);

private:
    bool next_request(const std::string& input, std::string& answer);
    bool is_private(std::string path) const;

    Habits habits_;
    std::size_t at_ = 0;
};
