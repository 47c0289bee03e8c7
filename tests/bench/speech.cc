// How fast a speech model hears and writes: the encoder and the attention's keys and values of one window, then single tokens
// of one hypothesis, of a beam, of several windows' beams. bench-speech FOLDER [THREADS] [cpu]; the folder is a Whisper
// directory, whatever its weights say (`scripts/dev whisper-shape` makes one of whisper-tiny's shape). With `cpu`, times are the
// processor's, shared by the threads: for a machine that is busy with something else.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "worker/speech/speech_model.h"

namespace {

using namespace berth;
using namespace berth::speech;

bool of_processor = false;

double Now(int threads) {
  timespec now{};
  ::clock_gettime(of_processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return (static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9) / (of_processor ? threads : 1);
}

std::vector<std::unique_ptr<Window>> Hear(SpeechModel& model, std::size_t count) {
  std::vector<float> mel(static_cast<std::size_t>(model.config().mels * model.config().frames()));
  for (std::size_t i = 0; i < mel.size(); ++i) mel[i] = static_cast<float>(i * 7919 % 2000) / 1000 - 1;
  const std::vector<std::span<const float>> mels(count, mel);
  auto windows = model.Hear(mels);
  if (!windows) std::abort();
  return std::move(*windows);
}

// Milliseconds of the best of some steps at position 100: `beam` hypotheses of each window.
double Step(SpeechModel& model, const std::vector<std::unique_ptr<Window>>& windows, int beam, int threads) {
  const int blocks = 128 / kBlockTokens;
  const int hypotheses = static_cast<int>(windows.size()) * beam;
  if (!model.AllocateCache(hypotheses * blocks)) std::abort();
  std::vector<std::vector<BlockId>> owned(static_cast<std::size_t>(hypotheses));
  std::vector<Slice> slices;
  const std::int32_t id = 5;
  const std::size_t wanted = 0;
  for (int i = 0; i < hypotheses; ++i) {
    auto& mine = owned[static_cast<std::size_t>(i)];
    for (int b = 0; b < blocks; ++b) mine.push_back(i * blocks + b);
    slices.push_back({{&id, 1}, 100, mine, windows[static_cast<std::size_t>(i / beam)].get(), {&wanted, 1}});
  }
  double best = 1e9;
  for (int round = 0; round < 8; ++round) {
    std::span<const float> logits;
    const double start = Now(threads);
    if (!model.Decode(slices, logits)) std::abort();
    best = std::min(best, Now(threads) - start);
  }
  return best * 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: bench-speech FOLDER [THREADS] [cpu]\n"), 64;
  SpeechModelOptions options;
  options.threads = argc > 2 ? std::atoi(argv[2]) : 1;
  options.budget = GiB(16);
  of_processor = argc > 3 && std::string(argv[3]) == "cpu";
  auto loaded = LoadWhisper(argv[1], options);
  if (!loaded) return std::fprintf(stderr, "%s\n", loaded.error().message.c_str()), 1;
  SpeechModel& model = **loaded;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double start = Now(options.threads);
    Hear(model, 1);
    best = std::min(best, Now(options.threads) - start);
  }
  std::printf("%d threads, a window of %.0f s is heard in %.0f ms\n", options.threads, model.config().window_seconds(),
              best * 1e3);
  const auto windows = Hear(model, 4);
  std::vector<std::unique_ptr<Window>> one = Hear(model, 1);
  for (const int beam : {1, 5}) {
    const double alone = Step(model, one, beam, options.threads), four = Step(model, windows, beam, options.threads);
    std::printf("a token: beam %d %.2f ms; of 4 windows %.2f ms\n", beam, alone, four);
  }
  return 0;
}
