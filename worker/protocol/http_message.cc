#include "worker/protocol/http_message.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

namespace berth::http {
namespace {

struct StatusRow {
  int status;
  std::string_view reason;
};
constexpr StatusRow kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

std::string_view ErrorType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "service_unavailable_error";
    case 408:
    case 504:
      return "timeout_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

// RFC 9110 §5.6.7, made anew once a second and thread.
std::string HttpDate() {
  thread_local std::time_t made_at = -1;
  thread_local std::string date;
  const std::time_t now = std::time(nullptr);
  if (now == made_at) return date;
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  ::gmtime_r(&now, &t);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT", kDays[t.tm_wday], t.tm_mday,
                kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  date = text;
  made_at = now;
  return date;
}

void AppendField(std::string* out, std::string_view name, std::string_view value) {
  *out += name;
  *out += ": ";
  // A value made from a file's or a client's text must not end its line, nor be one that readers refuse.
  for (char c : value) *out += (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f ? ' ' : c;
  *out += "\r\n";
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Response ErrorResponse(int status, std::string_view code, std::string_view message, std::string_view param) {
  using nlohmann::json;
  auto text_or_null = [](std::string_view text) { return text.empty() ? json(nullptr) : json(text); };
  json error;
  error["message"] = message;
  error["type"] = ErrorType(status);
  error["param"] = text_or_null(param);
  error["code"] = text_or_null(code);
  json envelope;
  envelope["error"] = std::move(error);
  // What clients sent may be quoted in the message: not always UTF-8.
  return JsonResponse(status, envelope.dump(-1, ' ', false, json::error_handler_t::replace));
}

Response JsonResponse(int status, std::string body) {
  Response response;
  response.status = status;
  response.fields.push_back({"Content-Type", "application/json"});
  response.body = std::move(body);
  return response;
}

std::string_view ReasonPhrase(int status) {
  for (const StatusRow& row : kReasons) {
    if (row.status == status) return row.reason;
  }
  return "Unknown";
}

std::string SerializeHead(int status, const std::vector<Field>& fields) {
  std::string out = "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += ReasonPhrase(status);
  out += "\r\n";
  for (const Field& field : fields) AppendField(&out, field.name, field.value);
  AppendField(&out, "Date", HttpDate());
  return out;
}

std::string Serialize(const Response& response, bool keep_alive, bool head_only) {
  std::string out = SerializeHead(response.status, response.fields);
  const bool bodiless = response.status / 100 == 1 || response.status == 204;
  if (!bodiless && response.status != 304) {
    AppendField(&out, "Content-Length", std::to_string(response.body.size()));
  }
  AppendField(&out, "Connection", keep_alive && !response.close ? "keep-alive" : "close");
  out += "\r\n";
  if (!bodiless && response.status != 304 && !head_only) out += response.body;
  return out;
}

bool PercentDecode(std::string_view text, std::string* decoded) {
  decoded->clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    *decoded += c;
  }
  return true;
}

std::string QueryParameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = pair.find('=');
    std::string key;
    if (!PercentDecode(pair.substr(0, equals), &key) || key != name) continue;
    std::string value;
    if (equals == std::string_view::npos || !PercentDecode(pair.substr(equals + 1), &value)) return "";
    return value;
  }
  return "";
}

}  // namespace berth::http
