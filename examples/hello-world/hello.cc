// SPDX-License-Identifier: Apache-2.0
//
// An ordinary C++ program: words of its arguments, or of a proverb, in alphabetical order.
#include <iostream>
#include <map>
#include <sstream>
#include <string>

int main(int argc, char** argv)
{
    std::stringstream text;
    for (int i = 1; i < argc; ++i)
        text << argv[i] << ' ';
    if (argc == 1)
        text << "what you do not install cannot be attacked and what you do not run cannot fail";

    std::map<std::string, int> count;
    for (std::string word; text >> word;)
        ++count[word];

    std::cout << "Hello, world! " << count.size() << " different words:\n";
    for (const auto& [word, times] : count)
        std::cout << "  " << word << " x " << times << '\n';
    return 0;
}
