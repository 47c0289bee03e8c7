#include "worker/transcription/transcription_route.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "worker/serve/signal.h"
#include "worker/transcription/formats.h"
#include "worker/transcription/recording.h"
#include "worker/transcription/transcript_news.h"
#include "worker/transcription/transcription_request.h"

namespace asio = boost::asio;

namespace berth::transcription {
namespace {

using engine::JobEnd;
using serve::Answer;
using speech::TranscriptionJob;

// One request at the transcriber. Whoever is done with it earlier than the transcriber gives the job up.
struct Run {
  ~Run() { cancel(*job); }

  std::function<void(TranscriptionJob&)> cancel;
  std::shared_ptr<TranscriptionJob> job = std::make_shared<TranscriptionJob>();
  std::shared_ptr<TranscriptNews> news = std::make_shared<TranscriptNews>();
  // True: the first work begins. False: the job has ended, begun or not.
  std::shared_ptr<serve::Signal<bool>> started = std::make_shared<serve::Signal<bool>>();
  std::shared_ptr<serve::Signal<bool>> ended = std::make_shared<serve::Signal<bool>>();
  Task task = Task::kTranscribe;
  Format format = Format::kJson;
  Granularities granularities;
  double seconds = 0;
};

speech::TranscriptionOptions OptionsOf(const TranscriptionRequest& request, bool multilingual) {
  speech::TranscriptionOptions options;
  options.task = request.task == Task::kTranslate ? speech::Task::kTranslate : speech::Task::kTranscribe;
  options.language = multilingual ? request.language : "";
  options.prompt = request.prompt;
  options.hotwords = request.hotwords;
  options.temperature = request.temperature;
  options.words = request.granularities.words;
  return options;
}

// What is known of the job goes into the run's news; that it begins, and that it ended, to whoever waits.
void ConnectJob(Run& run, std::function<bool()> begin) {
  TranscriptionJob& job = *run.job;
  job.begin = [begin = std::move(begin), started = run.started] {
    const bool mine = begin();
    if (mine) started->Say(true);
    return mine;
  };
  job.deliver = [news = run.news, &job](TranscriptionJob::News&& told) {
    if (!news->Put(std::move(told))) job.cancelled = true;  // on the thread that looks at it next
  };
  job.ended = [news = run.news, started = run.started, ended = run.ended, &job](JobEnd end) {
    news->End(end, job.error);
    started->Say(false);
    ended->Say(true);
  };
}

std::unique_ptr<Run> MakeRun(TranscriptionService& service, const TranscriptionRequest& request,
                             std::shared_ptr<const Recording> recording, std::function<bool()> begin) {
  auto run = std::make_unique<Run>();
  run->cancel = service.cancel;
  run->task = request.task;
  run->format = request.format;
  run->granularities = request.granularities;
  run->seconds = recording->seconds();
  TranscriptionJob& job = *run->job;
  job.options = OptionsOf(request, service.multilingual);
  job.pieces = recording->Pieces(service.window_frames);
  job.frames = job.pieces.empty() ? 0 : recording->frames();  // nothing to hear is an empty transcript
  job.features = [recording = std::move(recording), &mel = service.mel](const speech::Piece& piece, std::span<float> out) {
    recording->Features(mel, piece, out);
    return Ok();
  };
  ConnectJob(*run, std::move(begin));
  return run;
}

http::Response WholeReply(Run& run, TimePoint arrival) {
  auto taken = run.news->Take();
  if (taken.end != JobEnd::kDone) return serve::Refusal(*taken.end, taken.error);
  Transcript transcript{run.task, run.job->language, run.seconds, std::move(taken.segments)};
  http::Response response;
  response.fields.push_back({"Content-Type", std::string(ContentType(run.format))});
  response.body = Write(transcript, run.format, run.granularities);
  response.fields.push_back({"x-inference-ms", serve::Milliseconds(run.job->inference)});
  response.fields.push_back({"openai-processing-ms", serve::Milliseconds(Clock::now() - arrival)});
  return response;
}

// A request at the transcriber as a source of server-sent events: the text, window by window, then all of it. A request that
// fails on the way ends with an event of its error.
class TranscriptEvents : public serve::EventSource {
 public:
  explicit TranscriptEvents(std::unique_ptr<Run> run) : run_(std::move(run)) {}

  asio::awaitable<Piece> Next(TimePoint deadline) override {
    const auto executor = co_await asio::this_coro::executor;
    auto timer = std::make_shared<asio::steady_timer>(executor);
    const std::function<void()> wake = [timer, executor] { asio::post(executor, [timer] { timer->cancel(); }); };
    while (!run_->news->Ready(wake) && Clock::now() < deadline) {
      boost::system::error_code ignored;
      timer->expires_at(deadline);
      co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return Told(run_->news->Take());
  }

 private:
  Piece Told(TranscriptNews::Taken taken) {
    Piece piece;
    for (const Segment& segment : taken.segments) piece.events += events_.Delta(segment.text);
    piece.last = taken.end.has_value();
    if (!piece.last) return piece;
    const bool done = *taken.end == JobEnd::kDone;
    piece.events += done ? events_.Done(run_->seconds) : "data: " + serve::Refusal(*taken.end, taken.error).body + "\n\n";
    return piece;
  }

  const std::unique_ptr<Run> run_;
  TextEvents events_;
};

http::Response RefuseAudio(const Error& error) {
  if (error.kind == ErrorKind::kUnavailable) return serve::OverBudget(error.message);
  if (error.kind == ErrorKind::kExhausted) return http::ErrorResponse(400, "audio_too_long", error.message, "file");
  return http::ErrorResponse(400, "invalid_audio", error.message, "file");
}

// Until the first work begins, a streamed request can still be refused with a status, or go to another replica.
asio::awaitable<Answer> Stream(std::unique_ptr<Run> run) {
  auto starting = run->started->Wait();
  const bool started = co_await std::move(starting);
  if (!started) {
    const auto taken = run->news->Take();
    if (*taken.end != JobEnd::kDone) co_return serve::Refusal(*taken.end, taken.error);
  }
  co_return std::make_unique<TranscriptEvents>(std::move(run));
}

asio::awaitable<Answer> Whole(std::unique_ptr<Run> run, TimePoint arrival) {
  auto ending = run->ended->Wait();
  co_await std::move(ending);
  co_return WholeReply(*run, arrival);
}

asio::awaitable<Answer> ServeTranscription(TranscriptionService& service, Task task, std::shared_ptr<serve::Call> call) {
  const TimePoint arrival = Clock::now();
  http::Request& request = *call->request;
  auto begin = serve::Beginner(service.common, request.head);
  if (!begin) co_return serve::ClaimLost();
  const std::string* type = request.head.Find("Content-Type");
  auto parsed = ParseTranscription(type != nullptr ? *type : "", request.body, task);
  if (!parsed) co_return serve::ToResponse(parsed.error());
  const std::span<const char> file(parsed->file);
  auto recording = Recording::Read(std::as_bytes(file), service.common.budget);
  if (!recording) co_return RefuseAudio(recording.error());
  parsed->file = {};
  request.body = {};  // hundreds of MiB that nobody reads again
  call->charge.Reset();
  auto run = MakeRun(service, *parsed, std::move(*recording), std::move(*begin));
  call->departure.Then([cancel = run->cancel, job = run->job] { cancel(*job); });
  service.submit(run->job);
  auto answer = parsed->stream ? Stream(std::move(run)) : Whole(std::move(run), arrival);
  co_return co_await std::move(answer);
}

}  // namespace

std::vector<serve::Route> TranscriptionRoutes(TranscriptionService& service) {
  const auto route = [&service](Task task) {
    return [&service, task](std::shared_ptr<serve::Call> call) { return ServeTranscription(service, task, std::move(call)); };
  };
  std::vector<serve::Route> routes = {{"/v1/audio/transcriptions", route(Task::kTranscribe)}};
  if (service.multilingual) routes.push_back({"/v1/audio/translations", route(Task::kTranslate)});
  return routes;
}

}  // namespace berth::transcription
