// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/uploads.hh"

#include "builder_service/api/errors.hh"

namespace unikernel::api
{

namespace
{

Result<IncomingFile> receive(Context& context, const Request& request)
{
    auto file = context.artifacts.receive();
    if (!file)
        return file;
    std::vector<std::byte> piece(std::size_t{64} << 10);
    for (;;) {
        const auto got = request.body->read(piece);
        if (!got)
            return tl::unexpected(got.error());
        if (*got == 0)
            break;
        if (auto written = file->write(std::span(piece).first(*got)); !written)
            return tl::unexpected(written.error());
    }
    if (file->bytes() != request.body_bytes)
        return fail(FailureKind::unavailable, "the client went away before the end of its body");
    return file;
}

}  // namespace

Response with_upload(Context& context, const Request& request, std::string_view thing,
                     const std::function<Response(IncomingFile)>& keep)
{
    auto file = receive(context, request);
    if (!file)
        return error(file.error(), thing);
    return keep(std::move(*file));
}

}  // namespace unikernel::api
