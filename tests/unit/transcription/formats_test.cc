#include "worker/transcription/formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace berth::transcription {
namespace {

using nlohmann::json;

Transcript Speech() {
  Segment first{.seek = 0, .start = 0, .end = 7.5, .text = " And so my fellow Americans,", .tokens = {50364, 400, 370},
                .temperature = 0.2, .avg_logprob = -0.25, .compression_ratio = 1.5, .no_speech_prob = 0.01, .words = {}};
  first.words = {{" And", 0, 0.62, 0.9}, {" so", 0.62, 1.1, 0.8}};
  Segment second;
  second.seek = 3000;
  second.start = 3661.0004;
  second.end = 3662.25;
  second.text = " ask not & <b> --> why.";
  second.words = {{" ask", 3661, 3661.5, 1}};
  return {Task::kTranscribe, "en", 3662.30006, {first, second}};
}

Transcript Said(const std::string& text, double duration) {
  Segment segment;
  segment.end = duration;
  segment.text = text;
  return {Task::kTranscribe, "de", duration, {segment}};
}

TEST(Write, JsonIsTextAndUsage) {
  const json reply = json::parse(Write(Speech(), Format::kJson));
  EXPECT_EQ(reply, json::parse(R"({"text":"And so my fellow Americans, ask not & <b> --> why.",
                                   "usage":{"type":"duration","seconds":3663}})"));
}

TEST(Write, TextIsALine) {
  EXPECT_EQ(Write(Speech(), Format::kText), "And so my fellow Americans, ask not & <b> --> why.\n");
}

TEST(Write, SrtHasNumberedCues) {
  EXPECT_EQ(Write(Speech(), Format::kSrt),
            "1\n00:00:00,000 --> 00:00:07,500\nAnd so my fellow Americans,\n\n"
            "2\n01:01:01,000 --> 01:01:02,250\nask not & <b> -> why.\n\n");
}

TEST(Write, VttEscapesWhatItsGrammarTakes) {
  EXPECT_EQ(Write(Speech(), Format::kVtt),
            "WEBVTT\n\n00:00:00.000 --> 00:00:07.500\nAnd so my fellow Americans,\n\n"
            "01:01:01.000 --> 01:01:02.250\nask not &amp; &lt;b> -> why.\n\n");
}

TEST(Write, VerboseJsonHasTenFieldsOfEachSegmentAndTheLanguagesName) {
  const json reply = json::parse(Write(Speech(), Format::kVerboseJson, {.segments = true, .words = true}));
  EXPECT_EQ(reply["task"], "transcribe");
  EXPECT_EQ(reply["language"], "english");
  EXPECT_EQ(reply["duration"], 3662.3);
  EXPECT_EQ(reply["usage"], json::parse(R"({"type":"duration","seconds":3663})"));
  ASSERT_EQ(reply["segments"].size(), 2u);
  EXPECT_EQ(reply["segments"][0],
            json::parse(R"({"id":0,"seek":0,"start":0.0,"end":7.5,"text":" And so my fellow Americans,","tokens":[50364,400,370],
                            "temperature":0.2,"avg_logprob":-0.25,"compression_ratio":1.5,"no_speech_prob":0.01})"));
  EXPECT_EQ(reply["segments"][1]["id"], 1);
  EXPECT_EQ(reply["segments"][1]["start"], 3661.0);
  EXPECT_EQ(reply["words"], json::parse(R"([{"word":"And","start":0.0,"end":0.62},{"word":"so","start":0.62,"end":1.1},
                                           {"word":"ask","start":3661.0,"end":3661.5}])"));
}

TEST(Write, VerboseJsonHasWhatWasAskedFor) {
  const json segments = json::parse(Write(Speech(), Format::kVerboseJson));
  EXPECT_TRUE(segments.contains("segments") && !segments.contains("words"));
  const json words = json::parse(Write(Speech(), Format::kVerboseJson, {.segments = false, .words = true}));
  EXPECT_TRUE(words.contains("words") && !words.contains("segments"));
  Transcript translated = Speech();
  translated.task = Task::kTranslate;
  EXPECT_EQ(json::parse(Write(translated, Format::kVerboseJson))["task"], "translate");
}

TEST(Write, NothingSaidIsEmptyInEveryFormat) {
  const Transcript nothing = Said("  ", 11);
  EXPECT_EQ(json::parse(Write(nothing, Format::kJson))["text"], "");
  EXPECT_EQ(Write(nothing, Format::kText), "\n");
  EXPECT_EQ(Write(nothing, Format::kSrt), "");
  EXPECT_EQ(Write(nothing, Format::kVtt), "WEBVTT\n\n");
  EXPECT_EQ(json::parse(Write({}, Format::kVerboseJson))["segments"], json::array());
}

TEST(Write, AnEmptyLineCannotEndACueNorBrokenTextTheReply) {
  const Transcript odd = Said(" a\n\nb\r\n ---->\xff", 1);
  EXPECT_EQ(Write(odd, Format::kSrt), "1\n00:00:00,000 --> 00:00:01,000\na  b   --->\xef\xbf\xbd\n\n");
  EXPECT_EQ(json::parse(Write(odd, Format::kJson))["text"], "a\n\nb\r\n ---->\xef\xbf\xbd");
}

json Data(const std::string& event) {
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
  return json::parse(event.substr(6));
}

TEST(TextEvents, DeltasTogetherAreTheText) {
  TextEvents events;
  std::string text;
  for (const char* piece : {" ", " And so", "", " my ", " \n", "fellow", " Americans.", "  "}) {
    const std::string event = events.Delta(piece);
    if (event.empty()) continue;
    const json data = Data(event);
    EXPECT_EQ(data["type"], "transcript.text.delta");
    text += data["delta"].get<std::string>();
  }
  EXPECT_EQ(text, "And so my  \nfellow Americans.");
  EXPECT_EQ(Data(events.Done(10.2)), json::parse(R"({"type":"transcript.text.done","text":"And so my  \nfellow Americans.",
                                                     "usage":{"type":"duration","seconds":11}})"));
}

TEST(TextEvents, OfNothingSaidOnlyTheEndIsTold) {
  TextEvents events;
  EXPECT_EQ(events.Delta(" "), "");
  EXPECT_EQ(Data(events.Done(0))["text"], "");
}

}  // namespace
}  // namespace berth::transcription
