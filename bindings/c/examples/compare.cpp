/* Whether two calls are of one person: compare ONE.ulaw OTHER.ulaw, both 8 kHz mu-law without a header. */

#include <peakstream.hpp>

#include <array>
#include <cstdio>
#include <fstream>

namespace {

peakstream::credential hear(const peakstream::engine &engine, const char *path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(std::string(path) + " cannot be read");
    auto call = engine.open({"mulaw", 8000, 10.0}).value();
    std::array<char, 160> frame;
    while (file.read(frame.data(), frame.size())) {
        if (call.push(frame).value().enough) break;
    }
    auto [credential, decision] = engine.enrol(call.finish().value()).value();
    std::printf("%s: %.2f s of speech, authenticity %.3f\n", path, decision.net_speech, decision.authenticity);
    return std::move(credential);
}

} // namespace

int main(int count, char **paths) {
    if (count != 3) {
        std::fprintf(stderr, "usage: compare ONE.ulaw OTHER.ulaw\n");
        return 2;
    }
    try {
        auto engine = peakstream::engine::load().value();
        auto one = hear(engine, paths[1]), other = hear(engine, paths[2]);
        double score = engine.compare(one, other).value(), threshold = engine.threshold("far=1%").value();
        std::printf("score %.3f: %s\n", score, score >= threshold ? "one person" : "two people");
        return score >= threshold ? 0 : 1;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "compare: %s\n", error.what());
        return 2;
    }
}
