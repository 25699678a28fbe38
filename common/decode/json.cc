// SPDX-License-Identifier: Apache-2.0
#include "common/decode/document.hh"
#include "common/decode/tree_builder.hh"
#include "common/util/file.hh"

namespace unikernel
{

namespace
{

/// nlohmann's SAX interface; a handler that returns false ends the parse.
class Events : public nlohmann::json_sax<nlohmann::json>
{
public:
    explicit Events(const DocumentLimits& limits) : tree_(limits) {}
    nlohmann::json take() { return tree_.take(); }
    const std::string& wrong() const { return wrong_; }

    bool null() override { return good(tree_.value(nullptr)); }
    bool boolean(bool value) override { return good(tree_.value(value)); }
    bool number_integer(number_integer_t value) override { return good(tree_.value(value)); }
    bool number_unsigned(number_unsigned_t value) override
    {
        // The same type as YAML gives, so that equal documents compare equal.
        return good(tree_.value(value > static_cast<number_unsigned_t>(INT64_MAX)
                                    ? nlohmann::json(value)
                                    : nlohmann::json(static_cast<number_integer_t>(value))));
    }
    bool number_float(number_float_t value, const string_t& /*text*/) override
    {
        return good(tree_.value(value));
    }
    bool string(string_t& value) override { return good(tree_.value(std::move(value))); }
    bool binary(binary_t& /*value*/) override { return good("binary values are not supported"); }
    bool start_object(std::size_t /*size*/) override { return good(tree_.begin(nlohmann::json::object())); }
    bool key(string_t& name) override { return good(tree_.key(std::move(name))); }
    bool end_object() override { return good(tree_.end()); }
    bool start_array(std::size_t /*size*/) override { return good(tree_.begin(nlohmann::json::array())); }
    bool end_array() override { return good(tree_.end()); }
    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::json::exception& error) override
    {
        std::string text = error.what();  // "[json.exception.parse_error.101] parse error at ...: ..."
        if (const std::size_t colon = text.find(": "); colon != std::string::npos) {
            text.erase(0, colon + 2);
        }
        return good("not JSON, byte " + std::to_string(position) + ": " + text);
    }

private:
    bool good(std::string wrong)
    {
        wrong_ = std::move(wrong);
        return wrong_.empty();
    }
    TreeBuilder tree_;
    std::string wrong_;
};

}  // namespace

Result<nlohmann::json> decode_json(std::string_view text, const std::string& name,
                                   const DocumentLimits& limits)
{
    if (text.size() > limits.bytes) {
        return fail(FailureKind::too_large, name + ": " + std::to_string(text.size()) +
                                                " bytes are over the limit of " +
                                                std::to_string(limits.bytes));
    }
    Events events(limits);
    if (!nlohmann::json::sax_parse(text, &events)) {
        return fail(FailureKind::invalid, name + ": " + events.wrong());
    }
    return events.take();
}

Result<nlohmann::json> decode_file(const std::filesystem::path& path, const DocumentLimits& limits)
{
    const Result<std::string> text = read_file(path, limits.bytes);
    if (!text) {
        return tl::unexpected(text.error());
    }
    return path.extension() == ".json" ? decode_json(*text, path.string(), limits)
                                       : decode_yaml(*text, path.string(), limits);
}

}  // namespace unikernel
