// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace unikernel
{

/// A small HTTP server on a free loopback port, answering on threads of its own what `answer` says.
class FakeServer
{
public:
    using Request = boost::beast::http::request<boost::beast::http::string_body>;
    using Response = boost::beast::http::response<boost::beast::http::string_body>;
    /// An answer of status 0 closes the connection without a byte.
    using Answer = std::function<Response(const Request&)>;

    explicit FakeServer(Answer answer);
    ~FakeServer();
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    std::string url() const;
    static Response reply(unsigned status, std::string body = {});
    /// The connection is closed instead of an answer.
    static Response nothing();

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace unikernel
