// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/openstack/fake_server.hh"

#include <list>
#include <mutex>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

namespace unikernel
{

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

class FakeServer::Implementation
{
public:
    explicit Implementation(Answer answer)
        : answer_(std::move(answer)), acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          thread_([this] { accept(); })
    {
    }
    ~Implementation()
    {
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        thread_.join();
        const std::scoped_lock lock(mutex_);
        for (auto& connection : connections_)
            ::shutdown(connection.socket.native_handle(), SHUT_RDWR);
        connections_.clear();  // joins
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    struct Connection {
        explicit Connection(tcp::socket socket) : socket(std::move(socket)) {}
        tcp::socket socket;
        std::jthread thread;
    };

    void accept()
    {
        for (;;) {
            boost::system::error_code code;
            tcp::socket socket(context_);
            acceptor_.accept(socket, code);
            if (code)
                return;
            const std::scoped_lock lock(mutex_);
            auto& connection = connections_.emplace_back(std::move(socket));
            connection.thread = std::jthread([this, &connection] { serve(connection.socket); });
        }
    }

    void serve(tcp::socket& socket)
    {
        boost::beast::flat_buffer buffer;
        for (;;) {
            boost::system::error_code code;
            http::request_parser<http::string_body> parser;
            parser.body_limit(std::uint64_t{64} << 20);
            http::read(socket, buffer, parser, code);
            if (code)
                return;
            auto response = answer_(parser.get());
            if (response.result_int() == 0) {
                socket.shutdown(tcp::socket::shutdown_both, code);
                return;
            }
            response.keep_alive(parser.get().keep_alive());
            response.prepare_payload();
            http::write(socket, response, code);
            if (code || !parser.get().keep_alive())
                return;
        }
    }

    const Answer answer_;
    asio::io_context context_;
    tcp::acceptor acceptor_;
    std::mutex mutex_;
    std::list<Connection> connections_;
    std::thread thread_;
};

FakeServer::FakeServer(Answer answer) : implementation_(std::make_unique<Implementation>(std::move(answer)))
{
}
FakeServer::~FakeServer() = default;

std::string FakeServer::url() const
{
    return "http://127.0.0.1:" + std::to_string(implementation_->port());
}

FakeServer::Response FakeServer::reply(unsigned status, std::string body)
{
    Response response;
    response.result(status);
    response.body() = std::move(body);
    return response;
}

FakeServer::Response FakeServer::nothing()
{
    Response response;
    response.result(0U);
    return response;
}

}  // namespace unikernel
