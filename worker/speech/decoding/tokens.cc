#include "worker/speech/decoding/tokens.h"

#include <algorithm>
#include <array>
#include <set>

namespace berth::speech {
namespace {

using text::Tokenizer;

// Single marks and runs of them; both with and without a blank in front, where that is one token.
constexpr std::array<std::string_view, 47> kMarks = {
    "\"", "#", "(", ")", "*", "+", "/", ":", ";", "<", "=", ">", "@", "[", "\\", "]", "^", "_", "`", "{", "|", "}", "~",
    "「", "」", "『", "』", "<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", "(\"", "((", "))", "(((", ")))",
    "[[", "]]", "{{", "}}", "♪♪", "♪♪♪"};
// Of these the first token, however many they are.
constexpr std::array<std::string_view, 7> kNotes = {"♩", "♪", "♫", "♬", "♭", "♮", "♯"};

std::vector<Token> Encode(const Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.Encode(text, text::EncodeOptions{false, false});
}

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

// Looks tokens up by name; the first that is missing sticks.
class Finder {
 public:
  Finder(const Tokenizer& tokenizer, const checkpoint::WhisperConfig& config, const std::string& name)
      : tokenizer_(tokenizer), config_(config), name_(name) {}

  std::optional<Token> Maybe(std::string_view token) const {
    const auto id = tokenizer_.TokenToId(token);
    return id && *id < config_.vocab_size ? id : std::nullopt;
  }

  Token Need(std::string_view token, std::optional<Token> named = std::nullopt) {
    const auto id = named ? named : Maybe(token);
    if (!id && !error_) {
      error_ = Invalid(name_, ": the tokenizer has no ", token, " below the model's vocab_size ", config_.vocab_size,
                       "; this is not the tokenizer of a Whisper model");
    }
    return id.value_or(0);
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  const Tokenizer& tokenizer_;
  const checkpoint::WhisperConfig& config_;
  const std::string& name_;
  std::optional<Error> error_;
};

// The tokens between <|startoftranscript|> and <|translate|>, where the file does not list them.
std::map<std::string, Token> LanguagesBetween(const Tokenizer& tokenizer, Token start, Token end) {
  std::map<std::string, Token> languages;
  for (Token id = start + 1; id < end; ++id) {
    const std::string_view text = tokenizer.TokenText(id);
    if (text.size() > 4 && text.starts_with("<|") && text.ends_with("|>")) {
      languages.emplace(text.substr(2, text.size() - 4), id);
    }
  }
  return languages;
}

std::vector<Token> Suppressed(const Tokenizer& tokenizer, const checkpoint::WhisperGeneration& generation,
                              const SpeechTokens& tokens, const Finder& finder) {
  const auto listed = generation.suppress ? *generation.suppress : NonSpeechTokens(tokenizer);
  std::set<Token> all(listed.begin(), listed.end());
  for (const auto& token : {tokens.transcribe, tokens.translate, std::optional(tokens.start),
                            std::optional(tokens.start_of_previous), finder.Maybe("<|startoflm|>"), tokens.no_speech}) {
    if (token) all.insert(*token);
  }
  all.erase(tokens.end);  // a decoding must be able to end
  return {all.begin(), all.end()};
}

}  // namespace

std::vector<Token> NonSpeechTokens(const Tokenizer& tokenizer) {
  // A dash or an apostrophe may be inside of a word, and only begins none.
  std::set<Token> found = {Encode(tokenizer, " -").at(0), Encode(tokenizer, " '").at(0)};
  const auto add = [&](std::string_view symbol, bool whole) {
    for (const std::string& text : {std::string(symbol), " " + std::string(symbol)}) {
      const auto ids = Encode(tokenizer, text);
      if (!ids.empty() && (!whole || ids.size() == 1)) found.insert(ids[0]);
    }
  };
  for (const std::string_view mark : kMarks) add(mark, true);
  for (const std::string_view note : kNotes) add(note, false);
  return {found.begin(), found.end()};
}

Result<SpeechTokens> FindSpeechTokens(const Tokenizer& tokenizer, const checkpoint::WhisperConfig& config,
                                      const checkpoint::WhisperGeneration& generation, const std::string& name) {
  Finder finder(tokenizer, config, name);
  SpeechTokens tokens;
  tokens.start = finder.Need("<|startoftranscript|>", generation.start);
  tokens.end = finder.Need("<|endoftext|>", generation.end);
  tokens.no_timestamps = finder.Need("<|notimestamps|>", generation.no_timestamps);
  tokens.start_of_previous = finder.Need("<|startofprev|>", generation.start_of_previous);
  if (finder.error()) return *finder.error();
  tokens.first_timestamp = tokens.no_timestamps + 1;
  const std::int64_t last = std::min(tokens.first_timestamp + config.positions, config.vocab_size - 1);
  tokens.last_timestamp = static_cast<Token>(last);
  if (tokens.last_timestamp <= tokens.first_timestamp) {
    return Invalid(name, ": vocab_size ", config.vocab_size, " leaves no tokens for timestamps behind <|notimestamps|> ",
                   tokens.no_timestamps);
  }
  tokens.no_speech = finder.Maybe("<|nospeech|>");
  if (!tokens.no_speech) tokens.no_speech = finder.Maybe("<|nocaptions|>");
  const auto task = [&](const std::string& of) {
    const auto named = generation.tasks.find(of);
    return named != generation.tasks.end() ? std::optional(named->second) : finder.Maybe("<|" + of + "|>");
  };
  tokens.transcribe = task("transcribe");
  tokens.translate = task("translate");
  // The published models of English alone have an <|endoftext|> that is one lower: GPT-2's.
  const bool multilingual = generation.multilingual.value_or(tokens.end != 50256) && tokens.transcribe && tokens.translate;
  if (multilingual) {
    tokens.languages = generation.languages.empty() ? LanguagesBetween(tokenizer, tokens.start, *tokens.translate)
                                                    : generation.languages;
  }
  tokens.suppress = Suppressed(tokenizer, generation, tokens, finder);
  tokens.begin_suppress = generation.begin_suppress;
  if (tokens.begin_suppress.empty()) {
    tokens.begin_suppress = Encode(tokenizer, " ");
    tokens.begin_suppress.push_back(tokens.end);
  }
  return tokens;
}

std::vector<Token> EncodePrompt(const Tokenizer& tokenizer, std::string_view text) {
  const std::string trimmed = Trimmed(text);
  return trimmed.empty() ? std::vector<Token>() : Encode(tokenizer, " " + trimmed);
}

std::string TextOf(const Tokenizer& tokenizer, const SpeechTokens& tokens, std::span<const Token> ids) {
  std::vector<Token> text;
  std::ranges::copy_if(ids, std::back_inserter(text), [&](Token id) { return tokens.IsText(id); });
  return tokenizer.Decode(text, true);
}

Prompt MakePrompt(const SpeechTokens& tokens, std::span<const Token> hotwords, std::span<const Token> previous,
                  const std::string& language, Task task, bool timestamps, std::int64_t context) {
  Prompt prompt;
  const auto room = static_cast<std::size_t>(context / 2 - 1);
  if (!hotwords.empty() || !previous.empty()) {
    prompt.ids.push_back(tokens.start_of_previous);
    hotwords = hotwords.first(std::min(hotwords.size(), room));
    prompt.ids.insert(prompt.ids.end(), hotwords.begin(), hotwords.end());
    previous = previous.last(std::min(previous.size(), room - hotwords.size()));
    prompt.ids.insert(prompt.ids.end(), previous.begin(), previous.end());
  }
  prompt.start = prompt.ids.size();
  prompt.ids.push_back(tokens.start);
  if (tokens.multilingual()) {
    const auto named = tokens.languages.find(language);
    prompt.ids.push_back(named != tokens.languages.end() ? named->second : tokens.languages.begin()->second);
    prompt.ids.push_back(task == Task::kTranslate ? *tokens.translate : *tokens.transcribe);
  }
  if (!timestamps) prompt.ids.push_back(tokens.no_timestamps);
  return prompt;
}

}  // namespace berth::speech
