// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/generate.hh"

#include <set>

namespace unikernel::u0
{

namespace
{

constexpr std::string_view header_comment = "// Generated for one image; do not edit.\n#pragma once\n";

std::pair<std::string, std::string> split_qualified(const std::string& function)
{
    const std::size_t colons = function.rfind("::");
    return {function.substr(0, colons), function.substr(colons + 2)};
}

const Installation& installation(const Module& module)
{
    return module.platforms.at("u0");
}

}  // namespace

std::string identifier(std::string_view name)
{
    std::string text(name);
    for (char& c : text) {
        c = c == '-' || c == '.' ? '_' : c;
    }
    return text;
}

std::string literal(std::string_view text)
{
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\' && c != '?') {  // '?': trigraphs
            result += c;
            continue;
        }
        // Three octal digits always: a digit that follows cannot be taken for a part of the escape.
        result += '\\';
        result += static_cast<char>('0' + (byte >> 6U));
        result += static_cast<char>('0' + ((byte >> 3U) & 7U));
        result += static_cast<char>('0' + (byte & 7U));
    }
    return result + "\"";
}

Result<Chains> chains(const Description& core, const Image& image)
{
    std::map<std::string, std::string> declared;
    for (const auto& [point, unused] : core.points) {
        declared[point] = "the core";
    }
    for (const ModulePtr& module : image.installed()) {
        for (const auto& [point, unused] : installation(*module).points) {
            const auto [place, fresh] = declared.try_emplace(point, module->name);
            if (!fresh) {
                return fail(FailureKind::unresolvable, "hook point " + point + " is declared by " +
                                                           place->second + " and by " + module->name +
                                                           "; one must be left out");
            }
        }
    }
    Chains result;
    for (const ModulePtr& module : image.installed()) {
        for (const auto& [point, functions] : installation(*module).hooks) {
            if (!declared.contains(point)) {
                return fail(FailureKind::unresolvable,
                            "module " + module->name + " implements the hook point " + point +
                                ", which no installed module declares; it must require the one that does");
            }
            auto& chain = result[point];
            chain.insert(chain.end(), functions.begin(), functions.end());
        }
        for (const auto& [point, functions] : installation(*module).optional_hooks) {
            if (declared.contains(point)) {
                auto& chain = result[point];
                chain.insert(chain.end(), functions.begin(), functions.end());
            }
        }
    }
    return result;
}

std::string hooks_header(const std::map<std::string, HookPoint>& points, const Chains& chains)
{
    std::string text(header_comment);
    text += "#include \"u0/hook.hh\"\n";
    std::set<std::string> headers;
    for (const auto& [name, point] : points) {
        if (!point.header.empty() && headers.insert(point.header).second) {
            text += "#include \"" + point.header + "\"\n";
        }
    }
    for (const auto& [name, point] : points) {
        const std::string id = identifier(name);
        text += "namespace u0::points { using " + id + " = " + point.signature + "; }\n";
        std::string arguments = "points::" + id;
        if (const auto chain = chains.find(name); chain != chains.end()) {
            for (const std::string& function : chain->second) {
                const auto [scope, base] = split_qualified(function);
                text += "namespace " + scope + " { ::u0::points::" + id + " " + base + "; }\n";
                arguments += ", &::" + function;
            }
        }
        text += "namespace u0::hooks { inline constexpr Chain<" + arguments + "> " + id + "; }\n";
    }
    return text;
}

Result<std::string> syscalls_header(const Image& image)
{
    std::map<std::string, std::pair<std::string, std::string>> calls;  // name -> function, module
    std::set<std::string> functions;
    for (const ModulePtr& module : image.installed()) {
        for (const auto& [name, function] : installation(*module).syscalls) {
            const auto [place, fresh] = calls.try_emplace(name, function, module->name);
            if (!fresh) {
                return fail(FailureKind::unresolvable, "system call " + name + " is served by " +
                                                           place->second.second + " and by " + module->name +
                                                           "; one must be left out");
            }
            functions.insert(function);
        }
    }
    std::string text(header_comment);
    text += "#include \"u0/syscall.hh\"\n";
    for (const std::string& function : functions) {
        const auto [scope, base] = split_qualified(function);
        text += "namespace " + scope + " { long " + base + "(const ::u0::SyscallArgs&); }\n";
    }
    text += "#define U0_SYSCALLS";
    for (const auto& [name, served] : calls) {
        text += " \\\n    U0_SYSCALL(" + name + ", " + served.first + ")";
    }
    return text + "\n";
}

std::string standard_headers(const Description& core)
{
    std::string text;
    for (const std::string& header : core.compile.precompiled) {
        text += "#include <" + header + ">\n";
    }
    return text;
}

std::string image_header(const std::string& name)
{
    return std::string(header_comment) +
           "namespace u0::image {\ninline constexpr char name[] = " + literal(name) + ";\n}\n";
}

}  // namespace unikernel::u0
