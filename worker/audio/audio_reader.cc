#include "worker/audio/audio_reader.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dict.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libswresample/swresample.h>
}

namespace berth::audio {
namespace {

// What is accepted, as FFmpeg calls it: containers …
constexpr const char* kContainers =
    "aac,aiff,amr,asf,au,caf,flac,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,w64,wav";
// … and codecs, beside uncompressed ones.
constexpr AVCodecID kCodecs[] = {
    AV_CODEC_ID_AAC,      AV_CODEC_ID_AAC_LATM, AV_CODEC_ID_AC3,          AV_CODEC_ID_ADPCM_IMA_QT,
    AV_CODEC_ID_ADPCM_IMA_WAV, AV_CODEC_ID_ADPCM_MS, AV_CODEC_ID_ALAC,    AV_CODEC_ID_AMR_NB,
    AV_CODEC_ID_AMR_WB,   AV_CODEC_ID_EAC3,     AV_CODEC_ID_FLAC,         AV_CODEC_ID_GSM,
    AV_CODEC_ID_GSM_MS,   AV_CODEC_ID_MP1,      AV_CODEC_ID_MP2,          AV_CODEC_ID_MP3,
    AV_CODEC_ID_OPUS,     AV_CODEC_ID_SPEEX,    AV_CODEC_ID_VORBIS,       AV_CODEC_ID_WMAPRO,
    AV_CODEC_ID_WMAV1,    AV_CODEC_ID_WMAV2,
};

constexpr int kInputBytes = 32 * 1024;        // read from the file at once
constexpr std::size_t kMostAllocated = 64u << 20;  // at once by FFmpeg: its index of four hours is a quarter of that
constexpr const char* kMostStreams = "64";
// A frame of the first and the slowest of rates becomes 8 MB of samples, which is the most that is ever held here.
constexpr int kMostFrameSamples = 1 << 18;
constexpr int kLowestRate = 1'000;
constexpr int kHighestRate = 768'000;
constexpr int kMostChannels = 64;
constexpr int kMostBroken = 64;  // frames of one packet that a decoder may refuse before it is taken for stuck

// The last complaint of FFmpeg on this thread: it calls its log while it runs, on the thread that called it.
thread_local std::array<char, 160> complaint;

void Hear(void* /*context*/, int level, const char* format, std::va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  // What is not in the table is told with all of the table.
  if (std::string_view(format).find("whitelist") != std::string_view::npos) format = "of a format that is not accepted";
  std::vsnprintf(complaint.data(), complaint.size(), format, arguments);
}

void PrepareLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    av_log_set_callback(Hear);
    av_max_alloc(kMostAllocated);
  });
}

bool IsAllowed(AVCodecID codec) {
  const bool uncompressed = codec >= AV_CODEC_ID_FIRST_AUDIO && codec < AV_CODEC_ID_ADPCM_IMA_QT;
  return uncompressed || std::ranges::find(kCodecs, codec) != std::end(kCodecs);
}

// The names of the decoders of the table, so that opening a file tries no other ones.
std::string DecoderNames() {
  std::string names;
  void* state = nullptr;
  while (const AVCodec* codec = av_codec_iterate(&state)) {
    if (av_codec_is_decoder(codec) != 0 && IsAllowed(codec->id)) names += (names.empty() ? "" : ",") + std::string(codec->name);
  }
  return names;
}

Error Refuse(std::string what, int code) {
  if (code == AVERROR(ENOMEM)) return MakeError(ErrorKind::kUnavailable, what, ": there is no memory for it");
  char reason[AV_ERROR_MAX_STRING_SIZE] = {};
  std::string_view why = complaint.data();
  while (why.ends_with('\n') || why.ends_with(' ') || why.ends_with('.')) why.remove_suffix(1);
  if (why.empty() && av_strerror(code, reason, sizeof reason) == 0) why = reason;
  return why.empty() ? Invalid(what) : Invalid(what, " (", std::string(why), ")");
}

struct Deleter {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(SwrContext* context) const { swr_free(&context); }
  void operator()(AVIOContext* context) const {
    av_freep(&context->buffer);
    avio_context_free(&context);
  }
};
template <class T>
using Owned = std::unique_ptr<T, Deleter>;

// The file as FFmpeg reads it.
struct Input {
  std::span<const std::byte> file;
  std::size_t at = 0;

  static int Read(void* self, std::uint8_t* to, int most) {
    auto& input = *static_cast<Input*>(self);
    const std::size_t bytes = std::min<std::size_t>(input.file.size() - input.at, static_cast<std::size_t>(most));
    if (bytes == 0) return AVERROR_EOF;
    std::memcpy(to, input.file.data() + input.at, bytes);
    input.at += bytes;
    return static_cast<int>(bytes);
  }

  static std::int64_t Seek(void* self, std::int64_t offset, int whence) {
    auto& input = *static_cast<Input*>(self);
    const auto size = static_cast<std::int64_t>(input.file.size());
    if (whence == AVSEEK_SIZE) return size;
    const std::int64_t from = whence == SEEK_CUR ? static_cast<std::int64_t>(input.at) : whence == SEEK_END ? size : 0;
    if (offset < -from || offset > size - from) return AVERROR(EINVAL);
    input.at = static_cast<std::size_t>(from + offset);
    return from + offset;
  }
};

// Whatever a file refers to stays closed.
int OpenNothing(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EACCES); }

// What frames are like decides how they are converted; a stream may change on its way.
struct Shape {
  int format = AV_SAMPLE_FMT_NONE;
  int rate = 0;
  int channels = 0;
  std::uint64_t mask = 0;

  bool operator==(const Shape&) const = default;
};

Shape ShapeOf(const AVFrame& frame) {
  const bool native = frame.ch_layout.order == AV_CHANNEL_ORDER_NATIVE;
  return {frame.format, frame.sample_rate, frame.ch_layout.nb_channels, native ? frame.ch_layout.u.mask : 0};
}

// From frames of any shape to samples.
class Resampler {
 public:
  // What a frame becomes, behind what is there. FFmpeg's code when it cannot be converted.
  int Convert(const AVFrame& frame, std::vector<std::int16_t>& samples) {
    if (const Shape shape = ShapeOf(frame); !(shape == shape_)) {
      if (const int code = Flush(samples); code < 0) return code;
      if (const int code = Prepare(frame); code < 0) return code;
      shape_ = shape;
    }
    return Append(const_cast<const std::uint8_t**>(frame.extended_data), frame.nb_samples, samples);
  }

  // What the filter still holds.
  int Flush(std::vector<std::int16_t>& samples) { return context_ ? Append(nullptr, 0, samples) : 0; }

 private:
  int Prepare(const AVFrame& frame) {
    context_.reset();
    shape_ = {};
    const bool sane = frame.sample_rate >= kLowestRate && frame.sample_rate <= kHighestRate &&
                      frame.ch_layout.nb_channels >= 1 && frame.ch_layout.nb_channels <= kMostChannels;
    if (!sane) return AVERROR_INVALIDDATA;
    AVChannelLayout mono = {}, layout = {};
    av_channel_layout_default(&mono, 1);
    if (frame.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&layout, frame.ch_layout.nb_channels);
    } else if (const int code = av_channel_layout_copy(&layout, &frame.ch_layout); code < 0) {
      return code;
    }
    SwrContext* context = nullptr;
    int code = swr_alloc_set_opts2(&context, &mono, AV_SAMPLE_FMT_S16, kSampleRate, &layout,
                                   static_cast<AVSampleFormat>(frame.format), frame.sample_rate, 0, nullptr);
    context_.reset(context);
    if (code >= 0) code = swr_init(context);
    if (code < 0) context_.reset();
    av_channel_layout_uninit(&layout);
    return code;
  }

  int Append(const std::uint8_t** data, int count, std::vector<std::int16_t>& samples) {
    const int most = swr_get_out_samples(context_.get(), count);
    if (most < 0) return most;
    const std::size_t held = samples.size();
    samples.resize(held + static_cast<std::size_t>(most));
    auto* out = reinterpret_cast<std::uint8_t*>(samples.data() + held);
    const int made = most == 0 ? 0 : swr_convert(context_.get(), &out, most, data, count);
    samples.resize(held + static_cast<std::size_t>(std::max(made, 0)));
    return made;
  }

  Owned<SwrContext> context_;
  Shape shape_;
};

}  // namespace

class AudioReader::Decoder {
 public:
  Decoder(std::span<const std::byte> file, AudioLimits limits) : input_{file}, limits_(limits) {}

  Status Open() {
    complaint.front() = '\0';
    if (input_.file.empty()) return Invalid("the audio file is empty");
    if (const int code = OpenContainer(); code < 0) {
      return Refuse("the file is no audio of a known format (such as wav, flac, mp3, m4a, ogg, webm)", code);
    }
    complaint.front() = '\0';  // of other streams
    if (const int code = OpenStream(); code < 0) return Refuse("the file has no audio that can be decoded", code);
    return Ok();
  }

  Result<std::size_t> Read(std::span<std::int16_t> samples) {
    complaint.front() = '\0';
    std::size_t filled = 0;
    while (filled < samples.size()) {
      if (taken_ == ready_.size()) {
        if (at_end_) break;
        if (auto status = Refill(); !status) return status.error();
      }
      const std::size_t count = std::min(samples.size() - filled, ready_.size() - taken_);
      std::copy_n(ready_.begin() + static_cast<std::ptrdiff_t>(taken_), count,
                  samples.begin() + static_cast<std::ptrdiff_t>(filled));
      taken_ += count;
      filled += count;
    }
    return filled;
  }

  std::string Description() const {
    return std::string(container_->iformat->name) + ", " + avcodec_get_name(codec_->codec_id) + ", " +
           std::to_string(codec_->sample_rate) + " Hz, " + std::to_string(codec_->ch_layout.nb_channels) + " channels";
  }

 private:
  int OpenContainer() {
    auto* buffer = static_cast<unsigned char*>(av_malloc(kInputBytes));
    if (buffer == nullptr) return AVERROR(ENOMEM);
    io_.reset(avio_alloc_context(buffer, kInputBytes, 0, &input_, Input::Read, nullptr, Input::Seek));
    AVFormatContext* context = avformat_alloc_context();
    if (!io_ || context == nullptr) return AVERROR(ENOMEM);
    context->pb = io_.get();
    context->io_open = OpenNothing;
    static const std::string decoders = DecoderNames();
    AVDictionary* options = nullptr;
    av_dict_set(&options, "format_whitelist", kContainers, 0);
    av_dict_set(&options, "codec_whitelist", decoders.c_str(), 0);
    av_dict_set(&options, "protocol_whitelist", "", 0);
    av_dict_set(&options, "max_streams", kMostStreams, 0);
    int code = avformat_open_input(&context, nullptr, nullptr, &options);  // frees the context when it fails
    av_dict_free(&options);
    if (code < 0) return code;
    container_.reset(context);
    return avformat_find_stream_info(context, nullptr);
  }

  int OpenStream() {
    const AVCodec* codec = nullptr;
    stream_ = av_find_best_stream(container_.get(), AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (stream_ < 0) return stream_;
    for (unsigned i = 0; i < container_->nb_streams; ++i) {
      if (static_cast<int>(i) != stream_) container_->streams[i]->discard = AVDISCARD_ALL;
    }
    const AVStream& stream = *container_->streams[stream_];
    if (!IsAllowed(codec->id)) return AVERROR_DECODER_NOT_FOUND;
    codec_.reset(avcodec_alloc_context3(codec));
    packet_.reset(av_packet_alloc());
    frame_.reset(av_frame_alloc());
    if (!codec_ || !packet_ || !frame_) return AVERROR(ENOMEM);
    if (const int code = avcodec_parameters_to_context(codec_.get(), stream.codecpar); code < 0) return code;
    codec_->pkt_timebase = stream.time_base;  // by it the decoder drops the samples that encoders put in front
    codec_->max_samples = kMostFrameSamples;
    codec_->thread_count = 1;
    return avcodec_open2(codec_.get(), codec, nullptr);
  }

  // Decodes until there are samples, or the end.
  Status Refill() {
    ready_.clear();
    taken_ = 0;
    while (ready_.empty() && !at_end_) {
      const int code = avcodec_receive_frame(codec_.get(), frame_.get());
      if (code == AVERROR(EAGAIN)) {
        if (auto status = Feed(); !status) return status;
      } else if (code == AVERROR_EOF || (code < 0 && ++broken_ > kMostBroken)) {
        if (auto status = End(); !status) return status;
      } else if (code == AVERROR(ENOMEM)) {
        return Refuse("the audio cannot be decoded", code);
      } else if (code >= 0) {
        const int converted = resampler_.Convert(*frame_, ready_);
        av_frame_unref(frame_.get());
        if (converted < 0) return Refuse("the audio cannot be converted to 16 kHz", converted);
      }  // else a broken frame, without which it goes on
    }
    return Count();
  }

  // The decoder's next packet, or word that there are no more.
  Status Feed() {
    broken_ = 0;
    int code = av_read_frame(container_.get(), packet_.get());
    if (code == AVERROR(ENOMEM)) return Refuse("the audio cannot be read", code);
    if (code < 0) {  // the file's end, or where it is broken beyond reading
      avcodec_send_packet(codec_.get(), nullptr);
      return Ok();
    }
    // What the decoder thinks of the packet, it says of the frame.
    if (packet_->stream_index == stream_) code = avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
    return code == AVERROR(ENOMEM) ? Status(Refuse("the audio cannot be decoded", code)) : Ok();
  }

  Status End() {
    at_end_ = true;
    if (const int code = resampler_.Flush(ready_); code < 0) return Refuse("the audio cannot be converted to 16 kHz", code);
    if (made_ == 0 && ready_.empty()) return Refuse("the file has no audio that can be decoded", 0);
    return Ok();
  }

  Status Count() {
    made_ += ready_.size();
    const auto longest = static_cast<std::uint64_t>(limits_.longest.count());
    if (made_ <= longest * kSampleRate) return Ok();
    ready_.clear();
    return MakeError(ErrorKind::kExhausted, "the audio lasts longer than ", longest, " s, which is the most; send it in parts");
  }

  Input input_;
  const AudioLimits limits_;
  Owned<AVIOContext> io_;  // outlives the container
  Owned<AVFormatContext> container_;
  Owned<AVCodecContext> codec_;
  Owned<AVPacket> packet_;
  Owned<AVFrame> frame_;
  int stream_ = -1;
  int broken_ = 0;  // frames since the last packet
  Resampler resampler_;
  std::vector<std::int16_t> ready_;
  std::size_t taken_ = 0;  // of ready_
  std::uint64_t made_ = 0;
  bool at_end_ = false;
};

AudioReader::AudioReader(std::unique_ptr<Decoder> decoder) : decoder_(std::move(decoder)) {}
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;
AudioReader::~AudioReader() = default;

Result<AudioReader> AudioReader::Open(std::span<const std::byte> file, AudioLimits limits) {
  PrepareLibrary();
  auto decoder = std::make_unique<Decoder>(file, limits);
  if (auto status = decoder->Open(); !status) return status.error();
  return AudioReader(std::move(decoder));
}

Result<std::size_t> AudioReader::Read(std::span<std::int16_t> samples) { return decoder_->Read(samples); }

std::string AudioReader::Description() const { return decoder_->Description(); }

Result<std::vector<std::int16_t>> ReadAudio(std::span<const std::byte> file, AudioLimits limits) {
  auto reader = AudioReader::Open(file, limits);
  if (!reader) return reader.error();
  constexpr std::size_t kPiece = 30 * kSampleRate;
  std::vector<std::int16_t> samples;
  for (std::size_t held = 0;; held = samples.size()) {
    samples.resize(held + kPiece);
    auto count = reader->Read(std::span(samples).subspan(held));
    if (!count) return count.error();
    samples.resize(held + *count);
    if (*count < kPiece) return samples;
  }
}

}  // namespace berth::audio
