// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <stdexcept>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "common/decode/document.hh"
#include "common/decode/tree_builder.hh"

namespace unikernel
{

namespace
{

/// Leaves yaml-cpp's parser, which has no other way to be stopped; caught in decode_yaml.
struct Refused : std::runtime_error {
    Refused(const YAML::Mark& where, const std::string& what)
        : std::runtime_error(what), line(where.line + 1), column(where.column + 1)
    {
    }
    int line, column;
};

template <typename Number, typename... Base>
std::optional<Number> number(std::string_view text, Base... base)
{
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base...);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// A plain scalar by the core schema (YAML 1.2.2, 10.3.2).
nlohmann::json plain_scalar(const std::string& text)
{
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
        return nullptr;
    }
    if (text == "true" || text == "True" || text == "TRUE") {
        return true;
    }
    if (text == "false" || text == "False" || text == "FALSE") {
        return false;
    }
    const std::string_view digits = text.starts_with('+') ? std::string_view(text).substr(1) : text;
    if (const auto value = number<std::int64_t>(digits)) {
        return *value;
    }
    if (const auto value = number<std::uint64_t>(digits)) {
        return *value;
    }
    if (text.starts_with("0x") || text.starts_with("0o")) {
        if (const auto value = number<std::uint64_t>(digits.substr(2), text[1] == 'x' ? 16 : 8)) {
            return *value;
        }
    }
    // from_chars takes "inf" and "nan" too, which JSON has not.
    if (digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos &&
        digits.find_first_of("0123456789") != std::string_view::npos) {
        if (const auto value = number<double>(digits)) {
            return *value;
        }
    }
    return text;
}

class Events : public YAML::EventHandler
{
public:
    explicit Events(const DocumentLimits& limits) : tree_(limits) {}
    nlohmann::json take() { return tree_.take(); }

    void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        refuse_anchor(mark, anchor);
        scalar(mark, nullptr);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override
    {
        throw Refused(mark, "aliases (*name) are not supported; write the value out");
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override
    {
        refuse_anchor(mark, anchor);
        if (tag != "?" && tag != "!" && !tag.empty()) {
            refuse_tag(mark, tag);
        }
        if (tree_.expects_key()) {
            check(mark, tree_.key(text));
        } else {
            scalar(mark, tag == "!" ? nlohmann::json(text) : plain_scalar(text));
        }
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override
    {
        begin(mark, tag, anchor, nlohmann::json::array());
    }
    void OnSequenceEnd() override { tree_.end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override
    {
        begin(mark, tag, anchor, nlohmann::json::object());
    }
    void OnMapEnd() override { tree_.end(); }
    void OnAnchor(const YAML::Mark& mark, const std::string& name) override
    {
        if (!name.empty()) {
            refuse_anchor(mark, 1);
        }
    }

private:
    static void check(const YAML::Mark& mark, const std::string& wrong)
    {
        if (!wrong.empty()) {
            throw Refused(mark, wrong);
        }
    }
    static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor)
    {
        if (anchor != 0) {
            throw Refused(mark, "anchors (&name) are not supported; write the value out");
        }
    }
    [[noreturn]] static void refuse_tag(const YAML::Mark& mark, const std::string& tag)
    {
        throw Refused(mark, "tags (" + tag + ") are not supported");
    }
    void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
               nlohmann::json container)
    {
        refuse_anchor(mark, anchor);
        if (tag != "?" && tag != "!" && !tag.empty()) {
            refuse_tag(mark, tag);
        }
        if (tree_.expects_key()) {
            throw Refused(mark, "a key must be a plain word");
        }
        check(mark, tree_.begin(std::move(container)));
    }
    void scalar(const YAML::Mark& mark, nlohmann::json value)
    {
        if (tree_.expects_key()) {
            throw Refused(mark, "a key must be a plain word");
        }
        check(mark, tree_.value(std::move(value)));
    }

    TreeBuilder tree_;
};

std::string at(const std::string& name, int line, int column)
{
    return name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

}  // namespace

Result<nlohmann::json> decode_yaml(std::string_view text, const std::string& name,
                                   const DocumentLimits& limits)
{
    if (text.size() > limits.bytes) {
        return fail(FailureKind::too_large, name + ": " + std::to_string(text.size()) +
                                                " bytes are over the limit of " +
                                                std::to_string(limits.bytes));
    }
    if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
        return fail(FailureKind::invalid, name + ": is not UTF-8 text");
    }
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        Events events(limits);
        if (!parser.HandleNextDocument(events)) {
            return fail(FailureKind::invalid, name + ": is empty");
        }
        Events rest(limits);
        if (parser.HandleNextDocument(rest)) {
            return fail(FailureKind::invalid, name + ": has more than one document");
        }
        return events.take();
    } catch (const Refused& refused) {
        return fail(FailureKind::invalid, at(name, refused.line, refused.column) + refused.what());
    } catch (const YAML::Exception& error) {
        return fail(FailureKind::invalid,
                    at(name, error.mark.line + 1, error.mark.column + 1) + "not YAML: " + error.msg);
    }
}

}  // namespace unikernel
