// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/decode/document.hh"
#include "common/decode/module.hh"
#include "common/decode/specification.hh"
#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

nlohmann::json yaml(const std::string& text)
{
    return *decode_yaml(text, "t");
}

std::string spec_refusal(const std::string& text)
{
    const auto result = decode_spec(yaml(text));
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

std::string requirement_refusal(const std::string& text)
{
    const auto result = decode_requirement(yaml(text), 3);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

std::string module_refusal(const std::string& text)
{
    const auto result = decode_module(yaml(text), "modules/m/module.yaml");
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
}

TEST(Specification, is_decoded_whole)
{
    const auto spec = decode_spec(yaml(R"(
name: hello-web
platform: u0
application:
  sources: [server.cc, src/util.c]
  language: c++17
  include: [include]
  definitions: [NDEBUG, LIMIT=5]
  optimize: 3
  arguments: [--port, "80"]
  memory_mib: 16
modules: {posix-sockets: {}, dhcp: , lwip: {max_connections: 512}}
labels: {tier: web}
)"));
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->name, "hello-web");
    EXPECT_EQ(spec->application->sources, (std::vector<std::string>{"server.cc", "src/util.c"}));
    EXPECT_EQ(spec->application->language, "c++17");
    EXPECT_EQ(spec->application->definitions, (std::vector<std::string>{"NDEBUG", "LIMIT=5"}));
    EXPECT_EQ(spec->application->optimize, 3U);
    EXPECT_EQ(spec->application->arguments, (std::vector<std::string>{"--port", "80"}));
    EXPECT_EQ(spec->application->memory_mib, 16U);
    EXPECT_EQ(spec->modules.size(), 3U);
    EXPECT_EQ(spec->modules.at("lwip").options.at("max_connections").front().value, 512);
    EXPECT_EQ(spec->modules.at("lwip").options.at("max_connections").front().source, "spec");
    EXPECT_EQ(spec->labels.at("tier"), "web");
}

TEST(Specification, refusals_name_the_path_and_the_way_out)
{
    EXPECT_EQ(spec_refusal("platform: u0"), "spec.name: must be given");
    EXPECT_EQ(spec_refusal("name: Hello_Web"),
              "spec.name: \"Hello_Web\" does not match [a-z0-9][a-z0-9-]{0,62}");
    EXPECT_EQ(spec_refusal("name: 80"), "spec.name: must be a string; put it in quotes");
    EXPECT_EQ(spec_refusal("[a]"), "spec: must be an object (key: value)");
    EXPECT_EQ(spec_refusal("{name: a, moduls: {}}"), "spec.moduls: unknown key; did you mean modules?");
    EXPECT_EQ(spec_refusal("{name: a, zzzzzzz: {}}"),
              "spec.zzzzzzz: unknown key; there are name, platform, application, modules, labels, "
              "lock");
    EXPECT_EQ(spec_refusal("{name: a, application: {sources: []}}"),
              "spec.application.sources: needs at least one source file");
    EXPECT_EQ(spec_refusal("{name: a, application: {sources: [a.cc], optimize: 4}}"),
              "spec.application.optimize: 4 is over the maximum 3");
    EXPECT_EQ(
        spec_refusal("{name: a, application: {sources: [a.cc], language: rust}}"),
        "spec.application.language: \"rust\" is none of c++11, c++14, c++17, c++20, c++23, c99, c11, c17");
    EXPECT_EQ(spec_refusal("{name: a, application: {sources: [a.o]}}"),
              "spec.application.sources: \"a.o\" is not a C or C++ source (.c, .cc, .cpp, .cxx)");
    EXPECT_EQ(spec_refusal("{name: a, modules: [dhcp]}"), "spec.modules: must be an object (key: value)");
    EXPECT_EQ(spec_refusal("{name: a, modules: {dhcp: true}}"),
              "spec.modules.dhcp: must be an object (key: value)");
}

TEST(Specification, source_paths_stay_in_the_bundle_and_are_no_options)
{
    for (const std::string path :
         {"../x.cc", "/etc/x.cc", "a/../b.cc", "a//b.cc", "./a.cc", "-o.cc", "a/-x.cc", "@x.cc", "a/@x.cc"}) {
        EXPECT_EQ(spec_refusal("{name: a, application: {sources: [\"" + path + "\"]}}"),
                  "spec.application.sources[0]: \"" + path +
                      "\" is not a plain path below the bundle's root");
    }
    EXPECT_EQ(spec_refusal("{name: a, application: {sources: ['@x y.cc']}}").substr(0, 31),
              "spec.application.sources[0]: \"@");
    EXPECT_EQ(
        spec_refusal("{name: a, application: {sources: [a.cc], definitions: ['-fplugin=x']}}").substr(0, 35),
        "spec.application.definitions[0]: \"-");
}

TEST(Requirement, is_decoded_and_carries_its_name_as_source)
{
    const auto requirement = decode_requirement(yaml(R"(
name: staff-only
applies_to: {labels: {tier: web}}
modules: {http-guard: {realm: staff}}
)"));
    ASSERT_TRUE(requirement) << requirement.error().message;
    EXPECT_EQ(requirement->modules.at("http-guard").options.at("realm").front().source,
              "requirements.staff-only");
    EXPECT_EQ(requirement->applies_to.labels.at("tier"), "web");
}

TEST(Requirement, refusals_name_the_requirement)
{
    EXPECT_EQ(requirement_refusal("{}"), "requirements[3].name: must be given");
    EXPECT_EQ(requirement_refusal("{name: a, modules: {m: {}}}"), "requirements.a.applies_to: must be given");
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: false}, modules: {m: {}}}"),
              "requirements.a.applies_to.everything: can only be true");
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: true, images: [x]}, modules: {m: {}}}"),
              "requirements.a.applies_to: must be exactly one of {everything: true}, {labels: {...}}, "
              "{images: [...]}");
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {labels: {}}, modules: {m: {}}}"),
              "requirements.a.applies_to: selects nothing");
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: true}, modules: {}}"),
              "requirements.a.modules: a requirement without a module, validity or rollout requires nothing");
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: true}}"),
              "requirements.a.modules: must be given");
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: true}, module: {m: {}}}"),
              "requirements[3].module: unknown key; did you mean modules?");
}

TEST(Requirement, has_a_beginning_a_validity_and_a_way_to_be_rolled_out)
{
    const auto requirement = decode_requirement(yaml(R"(
name: monthly
applies_to: {everything: true}
valid_from: 2026-12-01T01:00:00+01:00
validity: 30d
rollout:
  canary: 2
  parallel: 10
  pause: 30s
  within: 2m
  health:
  - http: {port: 8080, path: /up, status: 204}
  - http: {}
  - tcp: {port: 443}
  - console: {marker: "u0: sealed"}
  windows: [{days: [sat, sun], from: "22:00", to: "04:00"}, {from: 05:30, to: 06:00}]
)"));
    ASSERT_TRUE(requirement) << requirement.error().message;
    EXPECT_EQ(requirement->valid_from, std::chrono::sys_days(std::chrono::year(2026) / 12 / 1));
    EXPECT_EQ(requirement->validity, std::chrono::days(30));
    using Kind = HealthCheck::Kind;
    const RolloutRules expected{2,
                                10,
                                std::chrono::seconds(30),
                                std::chrono::seconds(120),
                                {{Kind::http, 8080, "/up", 204, ""},
                                 {Kind::http, 80, "/", 200, ""},
                                 {Kind::tcp, 443, "/", 200, ""},
                                 {Kind::console, 80, "/", 200, "u0: sealed"}},
                                {{{{0, 6}, std::chrono::hours(22), std::chrono::hours(4)},
                                  {{}, std::chrono::minutes(330), std::chrono::hours(6)}}}};
    EXPECT_EQ(requirement->rollout, expected);
}

TEST(Requirement, may_say_only_how_long_or_how)
{
    const std::string begin = "{name: a, applies_to: {everything: true}, ";
    const auto monthly = decode_requirement(yaml(begin + "modules: {}, validity: 60s}"));
    ASSERT_TRUE(monthly) << monthly.error().message;
    EXPECT_FALSE(monthly->valid_from || monthly->rollout);
    const auto careful = decode_requirement(yaml(begin + "rollout: {}}"));
    ASSERT_TRUE(careful) << careful.error().message;
    EXPECT_EQ(careful->rollout, RolloutRules{});
}

struct Refusal {
    std::string keys, message;
    friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.keys; }
};

class RefusedRequirement : public testing::TestWithParam<Refusal>
{
};

TEST_P(RefusedRequirement, names_place_and_limit)
{
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: true}, " + GetParam().keys + "}"),
              GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Times, RefusedRequirement,
    testing::Values(
        Refusal{"valid_form: x", "requirements[3].valid_form: unknown key; did you mean valid_from?"},
        Refusal{"valid_from: 2026-12-01", "requirements.a.valid_from: \"2026-12-01\" is no time; write it as "
                                          "2026-12-01T00:00:00Z (RFC 3339)"},
        Refusal{"valid_from: 2026", "requirements.a.valid_from: must be a string; put it in quotes"},
        Refusal{"validity: 30",
                "requirements.a.validity: \"30\" is no duration; write a whole number and s, m, h "
                "or d, such as 30d"},
        Refusal{"validity: 1 month",
                "requirements.a.validity: \"1 month\" is no duration; write a whole number "
                "and s, m, h or d, such as 30d"},
        Refusal{"validity: 59s", "requirements.a.validity: 59s is under the minimum 1m"},
        Refusal{"validity: 3651d", "requirements.a.validity: \"3651d\" is over the maximum 3650d"},
        Refusal{"validity: [30d]", "requirements.a.validity: must be a string"}));

INSTANTIATE_TEST_SUITE_P(
    Rollout, RefusedRequirement,
    testing::Values(
        Refusal{"rollout: fast", "requirements.a.rollout: must be an object (key: value)"},
        Refusal{"rollout: {canaries: 1}",
                "requirements.a.rollout.canaries: unknown key; did you mean canary?"},
        Refusal{"rollout: {canary: -1}", "requirements.a.rollout.canary: -1 is under the minimum 0"},
        Refusal{"rollout: {canary: 1001}", "requirements.a.rollout.canary: 1001 is over the maximum 1000"},
        Refusal{"rollout: {parallel: 0}", "requirements.a.rollout.parallel: 0 is under the minimum 1"},
        Refusal{"rollout: {parallel: 1001}",
                "requirements.a.rollout.parallel: 1001 is over the maximum 1000"},
        Refusal{"rollout: {pause: 25h}", "requirements.a.rollout.pause: 25h is over the maximum 1d"},
        Refusal{"rollout: {within: 0s}", "requirements.a.rollout.within: 0s is under the minimum 1s"},
        Refusal{"rollout: {within: 61m}", "requirements.a.rollout.within: 61m is over the maximum 1h"}));

INSTANTIATE_TEST_SUITE_P(
    Health, RefusedRequirement,
    testing::Values(
        Refusal{"rollout: {health: []}", "requirements.a.rollout.health: has no checks; leave it out"},
        Refusal{"rollout: {health: [{}]}",
                "requirements.a.rollout.health[0]: must be exactly one of {http: {...}}, "
                "{tcp: {...}}, {console: {...}}"},
        Refusal{
            "rollout: {health: [{http: {}, tcp: {port: 1}}]}",
            "requirements.a.rollout.health[0]: must be exactly one of {http: {...}}, {tcp: {...}}, {console: "
            "{...}}"},
        Refusal{"rollout: {health: [{htp: {}}]}",
                "requirements.a.rollout.health[0].htp: unknown key; did you mean http?"},
        Refusal{"rollout: {health: [{http: {port: 0}}]}",
                "requirements.a.rollout.health[0].http.port: 0 is under the minimum 1"},
        Refusal{"rollout: {health: [{tcp: {port: 65536}}]}",
                "requirements.a.rollout.health[0].tcp.port: 65536 is over the maximum 65535"},
        Refusal{"rollout: {health: [{tcp: {}}]}", "requirements.a.rollout.health[0].tcp.port: must be given"},
        Refusal{"rollout: {health: [{http: {path: up}}]}",
                "requirements.a.rollout.health[0].http.path: \"up\" does not match /[!-~]{0,1023}"},
        Refusal{"rollout: {health: [{http: {status: 99}}]}",
                "requirements.a.rollout.health[0].http.status: 99 is under the minimum 100"},
        Refusal{"rollout: {health: [{http: {status: 600}}]}",
                "requirements.a.rollout.health[0].http.status: 600 is over the maximum 599"},
        Refusal{
            "rollout: {health: [{console: {marker: ''}}]}",
            "requirements.a.rollout.health[0].console.marker: must be one line of text that is not empty"},
        Refusal{"rollout: {health: [{console: {marker: '" + std::string(257, 'x') + "'}}]}",
                "requirements.a.rollout.health[0].console.marker: 257 bytes are over the maximum length 256"},
        Refusal{"rollout: {health: [" + std::string("{http: {}}, ") +
                    "{http: {}}, {http: {}}, {http: {}}, {http: "
                    "{}}, {http: {}}, {http: {}}, {http: {}}, {http: {}}]}",
                "requirements.a.rollout.health: 9 checks are over the maximum 8"}));

INSTANTIATE_TEST_SUITE_P(
    Windows, RefusedRequirement,
    testing::Values(
        Refusal{"rollout: {windows: []}", "requirements.a.rollout.windows: has no windows; leave it out"},
        Refusal{"rollout: {windows: [{from: '22:00'}]}",
                "requirements.a.rollout.windows[0].to: must be given"},
        Refusal{
            "rollout: {windows: [{from: '24:00', to: '04:00'}]}",
            "requirements.a.rollout.windows[0].from: \"24:00\" does not match ([01][0-9]|2[0-3]):[0-5][0-9]"},
        Refusal{
            "rollout: {windows: [{from: '22:00', to: '4:00'}]}",
            "requirements.a.rollout.windows[0].to: \"4:00\" does not match ([01][0-9]|2[0-3]):[0-5][0-9]"},
        Refusal{"rollout: {windows: [{days: [saturday], from: '22:00', to: '04:00'}]}",
                "requirements.a.rollout.windows[0].days[0]: \"saturday\" is none of sun, mon, tue, wed, thu, "
                "fri, "
                "sat"},
        Refusal{"rollout: {windows: [{days: [], from: '22:00', to: '04:00'}]}",
                "requirements.a.rollout.windows[0].days: names no day; leave it out for every day"}));

TEST(Requirement, has_sixteen_windows_at_most)
{
    std::string windows;
    for (int i = 0; i < 17; ++i) {
        windows += std::string(i == 0 ? "" : ", ") + "{from: '22:00', to: '04:00'}";
    }
    EXPECT_EQ(requirement_refusal("{name: a, applies_to: {everything: true}, rollout: {windows: [" + windows +
                                  "]}}"),
              "requirements.a.rollout.windows: 17 windows are over the maximum 16");
}

const std::string head = "name: m\nversion: 1.0.0\nkind: security\nsummary: s\nlicense: Apache-2.0\n";

TEST(Manifest, is_decoded_whole)
{
    const auto m = decode_module(yaml(head + R"y(
provides: [v, "tls = 1.3"]
requires: [a, "c >= 1.2, < 2"]
conflicts: ["b < 3"]
memory_kib: 64
devices: [virtio-net]
options:
  credentials: {type: list, unique: name, of: {type: record, fields: {name: {type: string}, secret: {type: secret}}}}
  accept: {type: list, of: {type: string, refers_to: credentials.name}, default: []}
platforms:
  u0:
    sources: [a.cc, sub/b.S]
    points: {stream.accept: {signature: "bool(u0::Stream&)", header: u0/stream.hh}}
    hooks: {boot.init: u0::m::init, idle.poll: [u0::m::a, u0::m::b]}
    syscalls: {read: u0::m::sys_read}
    third_party: [{source: lwip, sources: [src/core/init.c], include: [src/include], defines: [A, B=1]}]
    exports: [sym]
    personality: glibc
)y"),
                                 "w");
    ASSERT_TRUE(m) << m.error().message;
    EXPECT_EQ(m->kind, Module::Kind::security);
    EXPECT_EQ(m->provides, (std::map<std::string, std::string>{{"tls", "1.3"}, {"v", ""}}));
    EXPECT_TRUE(m->required.contains(*parse_dependency("c >= 1.2, < 2")));
    EXPECT_TRUE(m->conflicting.contains(*parse_dependency("b < 3")));
    EXPECT_EQ(m->options.at("credentials").of.front().fields.at("secret").type, Option::Type::secret);
    const Installation& u0 = m->platforms.at("u0");
    EXPECT_EQ(u0.hooks.at("idle.poll"), (std::vector<std::string>{"u0::m::a", "u0::m::b"}));
    EXPECT_EQ(u0.third_party.front().defines, (std::vector<std::string>{"A", "B=1"}));
    EXPECT_EQ(u0.points.at("stream.accept").header, "u0/stream.hh");
    EXPECT_EQ(u0.personality, "glibc");
}

TEST(Manifest, says_which_value_is_stricter)
{
    const auto m = decode_module(yaml(head + R"y(
options:
  limit: {type: int, default: 1, stricter: min}
  audit: {type: bool, default: false, stricter: true}
  reuse: {type: bool, default: false, stricter: false}
  unlisted: {type: enum, values: [allow, deny], default: allow, stricter: max, delegated: true}
  ciphers: {type: list, of: {type: string}, default: [], stricter: intersection}
platforms: {}
)y"),
                                 "w");
    ASSERT_TRUE(m) << m.error().message;
    EXPECT_EQ(m->options.at("limit").stricter, Option::Stricter::minimum);
    EXPECT_EQ(m->options.at("audit").stricter, Option::Stricter::is_true);
    EXPECT_EQ(m->options.at("reuse").stricter, Option::Stricter::is_false);
    EXPECT_EQ(m->options.at("unlisted").stricter, Option::Stricter::maximum);
    EXPECT_TRUE(m->options.at("unlisted").delegated);
    EXPECT_FALSE(m->options.at("limit").delegated);
    EXPECT_EQ(m->options.at("ciphers").stricter, Option::Stricter::common_items);
}

TEST(Manifest, refusals)
{
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: int, stricter: union}}"),
              "modules/m/module.yaml.options.o.stricter: options of type int have no union");
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: string, stricter: min}}"),
              "modules/m/module.yaml.options.o.stricter: options of type string have no min");
    EXPECT_EQ(
        module_refusal(head + "platforms: {}\nprovides: [v >= 1]"),
        "modules/m/module.yaml.provides[0]: \"v >= 1\" is neither a name nor a name with its version such as "
        "\"tls = 1.3\"");
    EXPECT_EQ(module_refusal(head + "platforms: {}\nprovides: [v]\nrequires: [v]"),
              "modules/m/module.yaml.requires: the module itself is or provides v, and none can be installed "
              "before itself");
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: float}}"),
              "modules/m/module.yaml.options.o.type: \"float\" is none of bool, int, enum, string, "
              "secret, list, record");
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: int, maximum: 5, default: 6}}"),
              "modules/m/module.yaml.options.o.default: 6 is over the maximum 5");
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: int, pattern: a}}"),
              "modules/m/module.yaml.options.o.pattern: unknown key; there are minimum, maximum, unit, "
              "type, help, default, stricter, delegated");
    EXPECT_EQ(
        module_refusal(head + "platforms: {}\noptions: {o: {type: string, pattern: '['}}").substr(0, 77),
        "modules/m/module.yaml.options.o.pattern: no ECMAScript regular expression: Un");
    EXPECT_EQ(
        module_refusal(head + "platforms: {}\noptions: {o: {type: string, pattern: '(a)\\1'}}").substr(0, 90),
        "modules/m/module.yaml.options.o.pattern: no ECMAScript regular expression: Unexpected back");
    EXPECT_EQ(module_refusal(head +
                             "platforms: {}\noptions: {o: {type: string, pattern: '.*', max_length: 4097, "
                             "default: ''}}"),
              "modules/m/module.yaml.options.o.max_length: 4097 is over 4096, the most beside a pattern");
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: string, max_length: 65537}}"),
              "modules/m/module.yaml.options.o.max_length: 65537 is over the maximum 65536");
    EXPECT_EQ(module_refusal(head + "platforms: {}\noptions: {o: {type: string, refers_to: x.y}}"),
              "modules/m/module.yaml.options: refers_to x.y names no field of a list of records");
    EXPECT_EQ(module_refusal(head + "platforms: {u0: {sources: [../x.cc]}}").substr(0, 61),
              "modules/m/module.yaml.platforms.u0.sources[0]: \"../x.cc\" does");
    EXPECT_EQ(module_refusal(head + "platforms: {u0: {hooks: {boot.init: 'system(1)'}}}").substr(0, 59),
              "modules/m/module.yaml.platforms.u0.hooks.boot.init: \"system");
}

TEST(ModuleRepository, one_broken_manifest_is_an_error_and_not_left_out)
{
    const auto folder = TemporaryDirectory::create();
    for (const std::string name : {"m", "broken"}) {
        std::filesystem::create_directory(folder->path() / name);
    }
    ASSERT_TRUE(write_file(folder->path() / "m/module.yaml", head + "platforms: {u0: {}}\n"));
    EXPECT_EQ(load_repository(folder->path())->all().size(), 1U);
    ASSERT_TRUE(write_file(folder->path() / "broken/module.yaml", head + "platforms: {u0: {}}\n"));
    EXPECT_EQ(load_repository(folder->path()).error().message,
              "modules/broken/module.yaml.name: m is not the folder's name, broken");
    ASSERT_TRUE(write_file(folder->path() / "broken/module.yaml", "a: [\n"));
    EXPECT_EQ(load_repository(folder->path()).error().message,
              "modules/broken/module.yaml:2:1: not YAML: end of sequence flow not found");
}

}  // namespace
}  // namespace unikernel
