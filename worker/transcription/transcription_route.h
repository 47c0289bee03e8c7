// POST /v1/audio/transcriptions and /v1/audio/translations: the form, the audio, the transcriber, and a reply that is sent
// whole or as events. Forms, audio and replies are the pool's; events are written on the io thread, as they become known.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "worker/audio/mel.h"
#include "worker/serve/call.h"
#include "worker/serve/service.h"
#include "worker/speech/transcription_job.h"

namespace berth::transcription {

// What the routes of a speech model work with, beside what all have. One per process; everything referenced outlives it.
// Any thread.
struct TranscriptionService {
  serve::Service& common;
  const audio::LogMel& mel;
  std::int64_t window_frames = 0;  // of the model
  bool multilingual = true;
  // The transcriber's: jobs are run, and given up.
  std::function<void(std::shared_ptr<speech::TranscriptionJob>)> submit;
  std::function<void(speech::TranscriptionJob&)> cancel;
};

// What the model is for comes first. `service` outlives them.
std::vector<serve::Route> TranscriptionRoutes(TranscriptionService& service);

}  // namespace berth::transcription
