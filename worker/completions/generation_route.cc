#include "worker/completions/generation_route.h"

#include <ctime>
#include <random>
#include <utility>

#include "worker/completions/generation_events.h"
#include "worker/completions/generation_run.h"
#include "worker/generation/choice.h"
#include "worker/serve/body_fields.h"
#include "worker/serve/json_text.h"

namespace asio = boost::asio;

namespace berth::completions {
namespace {

using engine::JobEnd;
using serve::Answer;

// Set by the proxy alone, which lets no client's X-Berth-… fields through.
constexpr std::string_view kSaltHeader = "X-Berth-Cache-Salt";
// Of a streamed reply, what a client may leave unread beyond what the kernel's buffers hold.
constexpr std::uint64_t kMostUnread = 1024 * 1024;

std::string NewId(const char* prefix) {
  // Unique, not secret.
  thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()};
  static constexpr char kHex[] = "0123456789abcdef";
  std::string id(prefix);
  for (int word = 0; word < 2; ++word) {
    std::uint64_t bits = random();
    for (int i = 0; i < 16; ++i, bits >>= 4) id += kHex[bits & 15];
  }
  return id;
}

// A client's own salt sets its requests apart within what the proxy's sets apart.
std::string SaltOf(const http::RequestHead& head, const GenerationRequest& request) {
  const std::string* proxys = head.Find(kSaltHeader);
  return (proxys == nullptr ? std::string() : *proxys) + "\n" + request.cache_salt;
}

ReplyHead HeadOf(const GenerationService& service, const http::RequestHead& head, GenerationWork& work) {
  return {NewId(work.id_prefix()), static_cast<std::int64_t>(std::time(nullptr)),
          serve::ModelAsAsked(service.common, head, work.request().model), service.model.fingerprint,
          work.request().stream && work.request().include_usage};
}

// What the generator is asked for.
void FillJob(engine::GenerationJob& job, GenerationWork& work, Prompts prompts, const http::RequestHead& head) {
  GenerationRequest& request = work.request();
  job.prompts = std::move(prompts.ids);
  job.choices = request.best_of;
  job.sampling = std::move(request.sampling);
  job.stopping = std::move(request.stopping);
  job.stopping.max_tokens = prompts.max_tokens;
  const bool compared = request.best_of > request.n;
  job.logprobs = compared ? std::max(request.logprobs, 0) : request.logprobs;
  job.prompt_logprobs = work.prompt_logprobs();
  job.skip_special_tokens = request.skip_special_tokens;
  job.cache_salt = SaltOf(head, request);
}

// Of what the job holds, and the reply beside what is generated. False: it does not fit.
bool HoldMemory(GenerationRun& run, const GenerationWork& work, const GenerationService& service) {
  const std::uint64_t bytes = engine::HeldBytes(*run.job) + work.echo_bytes(service.tokenizer);
  if (run.job->charge.Hold(service.common.budget, bytes)) return true;
  run.job->error = service.common.budget.Refusal(bytes);
  return false;
}

// What is known of the job goes into the run's news; that it begins, and that it ended, to whoever waits.
void ConnectJob(GenerationRun& run, std::function<bool()> begin) {
  engine::GenerationJob& job = *run.job;
  job.begin = [begin = std::move(begin), started = run.started] {
    const bool mine = begin();
    if (mine) started->Say(true);
    return mine;
  };
  job.deliver = [news = run.news, &job](engine::Delta&& delta) {
    if (!news->Put(std::move(delta))) job.cancelled = true;  // on the thread that looks at it next
  };
  job.ended = [news = run.news, started = run.started, ended = run.ended, &job](JobEnd end) {
    news->End(end, job.error);
    started->Say(false);
    ended->Say(true);
  };
}

// Without its shape.
std::unique_ptr<GenerationRun> MakeRun(GenerationService& service, GenerationWork& work, Prompts prompts,
                                       serve::Call& call, std::function<bool()> begin) {
  const GenerationRequest& request = work.request();
  auto run = std::make_unique<GenerationRun>();
  run->cancel = service.cancel;
  run->news = std::make_shared<News>(
      service.common.budget,
      News::Options{request.best_of, request.logprobs >= 0, request.stream ? kMostUnread : 0,
                    [&service](const auto& token) { return WrittenBytes(service.tokenizer, token); }});
  run->prompt_tokens = prompts.total;
  run->n = request.n;
  run->job->charge = std::move(call.charge);
  FillJob(*run->job, work, std::move(prompts), call.request->head);
  ConnectJob(*run, std::move(begin));
  return run;
}

http::Response WholeReply(GenerationRun& run, TimePoint arrival) {
  auto taken = run.news->Take();
  if (taken.end != JobEnd::kDone) return serve::Refusal(*taken.end, taken.error);
  Usage usage{run.prompt_tokens, 0, run.job->cached_tokens};
  for (const ChoiceNews& choice : taken.choices) usage.completion_tokens += choice.generated;
  const auto choices = BestOf(std::move(taken.choices), run.job->choices, run.n);
  auto response = http::JsonResponse(200, run.shape->Whole(choices, usage));
  response.fields.push_back({"x-inference-ms", serve::Milliseconds(run.job->inference)});
  response.fields.push_back({"x-prompt-tokens", std::to_string(run.prompt_tokens)});
  response.fields.push_back({"openai-processing-ms", serve::Milliseconds(Clock::now() - arrival)});
  return response;
}

struct Prepared {
  std::unique_ptr<GenerationWork> work;
  Prompts prompts;
};

// The body's tree lives no longer than it is read.
Parsed<std::unique_ptr<GenerationWork>> Parse(const GenerationService& service, ParseGeneration parse,
                                              const std::string& text) {
  const auto body = serve::ParseBody(text);
  if (!body) return body.error();
  return parse(*body, text, service.model);
}

// `memory` holds the tree of the body, and what is read of it: of a conversation a tree of its own, and then the
// template's copy of that.
Parsed<Prepared> Prepare(GenerationService& service, ParseGeneration parse, const std::string& text,
                         engine::Charge& memory) {
  const std::uint64_t trees = 2 * serve::JsonTreeBytes(text);
  if (!memory.Hold(service.common.budget, trees)) return serve::OverBudgetError(service.common.budget.Refusal(trees));
  auto work = Parse(service, parse, text);
  if (!work) return work.error();
  service.ignored.Note((*work)->request().unread);
  const TimePoint start = Clock::now();
  auto prompts = (*work)->MakePrompts(service, memory);
  const std::chrono::duration<double> took = Clock::now() - start;
  if (!prompts) return prompts.error();
  const auto tokens = static_cast<double>(prompts->total);
  engine::Metrics& metrics = service.common.metrics;
  metrics.Observe(engine::Histogram::kTokenizeSeconds, took.count());
  metrics.Observe(engine::Histogram::kPromptTokens, tokens);
  metrics.Add(engine::Counter::kPromptTokens, tokens);
  return Parsed<Prepared>(boost::system::in_place_value, Prepared{std::move(*work), std::move(*prompts)});
}

// Until the first work begins, a streamed request can still be refused with a status, or go to another replica.
asio::awaitable<Answer> Stream(std::unique_ptr<GenerationRun> run, bool usage) {
  auto starting = run->started->Wait();
  const bool started = co_await std::move(starting);
  if (!started) {
    const auto taken = run->news->Take();
    co_return serve::Refusal(*taken.end, taken.error);
  }
  const std::size_t choices = run->job->prompts.size() * static_cast<std::size_t>(run->n);
  co_return std::make_unique<GenerationEvents>(std::move(run), choices, usage);
}

asio::awaitable<Answer> Whole(std::unique_ptr<GenerationRun> run, TimePoint arrival) {
  auto ending = run->ended->Wait();
  co_await std::move(ending);
  co_return WholeReply(*run, arrival);
}

}  // namespace

asio::awaitable<Answer> ServeGeneration(GenerationService& service, ParseGeneration parse,
                                        std::shared_ptr<serve::Call> call) {
  const TimePoint arrival = Clock::now();
  http::Request& request = *call->request;
  auto begin = serve::Beginner(service.common, request.head);
  if (!begin) co_return serve::ClaimLost();
  engine::Charge memory;  // of all that is there to make a job of the body
  auto prepared = Prepare(service, parse, request.body, memory);
  if (!prepared) {
    // The refusal is the request's answer, so it is begun: the supervisor would try it again here, in vain.
    const bool ours = prepared.error().status != 503 || (*begin)();
    co_return ours ? serve::ToResponse(prepared.error()) : serve::ClaimLost();
  }
  request.body = {};  // up to 8 MiB that nobody reads again
  const bool stream = prepared->work->request().stream;
  const bool usage = prepared->work->request().include_usage;
  GenerationWork& work = *prepared->work;
  auto run = MakeRun(service, work, std::move(prepared->prompts), *call, std::move(*begin));
  if (!HoldMemory(*run, work, service)) {
    co_return run->job->begin() ? serve::OverBudget(run->job->error) : serve::ClaimLost();
  }
  run->shape = work.MakeShape(service.tokenizer, HeadOf(service, request.head, work));
  prepared->work.reset();  // the job and the reply live on, what was parsed does not
  memory.Reset();
  call->departure.Then([cancel = run->cancel, job = run->job] { cancel(*job); });
  service.submit(run->job);
  auto answer = stream ? Stream(std::move(run), usage) : Whole(std::move(run), arrival);
  co_return co_await std::move(answer);
}

}  // namespace berth::completions
