// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/uploads.hh"

#include "builder_service/api/errors.hh"
#include "builder_service/api/limits.hh"

namespace unikernel::api
{

namespace
{

constexpr std::string_view retry_seconds = "10";

/// Counts uploads for as long as it lives.
class UploadSlot
{
public:
    explicit UploadSlot(std::atomic<std::size_t>& open) : open_(open), mine_(++open_) {}
    ~UploadSlot() { --open_; }
    UploadSlot(const UploadSlot&) = delete;
    UploadSlot& operator=(const UploadSlot&) = delete;
    bool granted() const { return mine_ <= limits::uploads; }

private:
    std::atomic<std::size_t>& open_;
    std::size_t mine_;
};

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

Response with_retry(Response response)
{
    if (response.status == 503)
        response.headers["Retry-After"] = retry_seconds;
    return response;
}

Response with_upload(Context& context, const Request& request, std::string_view thing,
                     const std::function<Response(IncomingFile)>& keep)
{
    const UploadSlot slot(context.uploads);
    if (!slot.granted())
        return with_retry(error(503, std::string(thing) + ".busy",
                                "more than " + std::to_string(limits::uploads) +
                                    " uploads at once; try again in a moment"));
    auto file = receive(context, request);
    if (!file)
        return error(file.error(), thing);
    return keep(std::move(*file));
}

}  // namespace unikernel::api
