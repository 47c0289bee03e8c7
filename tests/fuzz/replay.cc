// Runs each fuzzer over the files of its corpus, without libFuzzer: `fuzz-replay CORPUS [NAME…]`. A property that
// an input breaks ends it with the input's name.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace berth::fuzz {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> FilesIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// False: there is no corpus to run.
bool Replay(const Target& target, const std::filesystem::path& corpora) {
  const std::vector<std::filesystem::path> files = FilesIn(corpora / target.name);
  for (const std::filesystem::path& file : files) {
    SetInputName(file.string());
    target.run(ReadFile(file));
  }
  std::printf("%-16s %zu inputs\n", std::string(target.name).c_str(), files.size());
  return !files.empty();
}

int Main(const std::filesystem::path& corpora, const std::vector<std::string>& names) {
  bool complete = true;
  for (const Target& target : Targets()) {
    const bool wanted = names.empty() || std::ranges::find(names, target.name) != names.end();
    if (wanted && !Replay(target, corpora)) complete = false;
  }
  if (!complete) std::fputs("a fuzzer has no inputs in its corpus\n", stderr);
  return complete ? 0 : 1;
}

}  // namespace
}  // namespace berth::fuzz

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: fuzz-replay CORPUS [NAME...]\n", stderr);
    return 64;
  }
  return berth::fuzz::Main(argv[1], {argv + 2, argv + argc});
}
