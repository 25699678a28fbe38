// SPDX-License-Identifier: Apache-2.0
//
// libFuzzer target: whatever a stranger sends, in whatever pieces, a careless server behind the guard tells
// him nothing of what lies below /private.
//
//     cmake -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++-14 -DUNIKERNEL_FUZZ=ON
//     cmake --build build/fuzz --target http_guard_fuzz
//     $(find build/fuzz -name http_guard_fuzz) -max_len=4096 -dict=tests/fuzz/http.dict
#include "fake_stream.hh"
#include "naive_server.hh"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

using namespace u0::http_guard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2)
        return 0;
    // The credential's hash is of nothing anybody can present.
    static const std::array<Credential, 1> credentials{{{Scheme::basic, "staff", {{}, {}, 1}}}};
    static const std::array<Resource, 1> resources{{{"/private", {}, 1}}};
    const NaiveServer::Habits habits{(data[0] & 1) != 0, (data[0] & 2) != 0, (data[0] & 4) != 0,
                                     (data[0] & 8) != 0};
    const Settings settings{.policy = {true, credentials, resources},
                            .realm = "r",
                            .reuse_after_body = !habits.ignores_bodies && (data[0] & 16) != 0};
    const std::size_t piece = 1 + data[1] % 64U;
    const std::string input(reinterpret_cast<const char*>(data) + 2, size - 2);

    const auto memory = std::make_unique<Memory>();
    Guard guard(settings, *memory);
    FakeStream stream(guard);
    NaiveServer server(habits);
    for (std::size_t at = 0; at < input.size(); at += piece) {
        stream.arrive(input.substr(at, piece));
        std::string answers;
        do {
            stream.idle();
            answers = server.serve(stream.passed);
            stream.write(answers);
        } while (!answers.empty());
    }
    if (stream.sent.find(NaiveServer::secret) != std::string::npos)
        std::abort();
    return 0;
}
