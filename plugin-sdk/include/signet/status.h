// Status and Result<T>: the one way an error travels, from a parser to the wire.
//
// A Status has a gRPC code, a sentence, named fields for the log, and at most one
// detail (a google.protobuf.Any, as type URL and bytes) that the wire carries.
// A Result<T> is either a T or a Status that is not ok.
//
//   Result<Key> key = find(id);
//   if (!key) return key.status();
//   SIGNET_TRY(Key key, find(id));            // the same in one line
//   SIGNET_RETURN_IF_ERROR(store(key));
//
// Messages start lower case, end without a full stop, name the thing, and never
// hold a token or a key.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace signet {

// gRPC's numbers: they are the wire's and the C ABI's too.
enum class Code : std::int32_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// The upper-case name, such as "INVALID_ARGUMENT"; "UNKNOWN" for a number outside the set.
constexpr std::string_view code_name(Code code) {
  constexpr std::string_view kNames[] = {"OK",
                                         "CANCELLED",
                                         "UNKNOWN",
                                         "INVALID_ARGUMENT",
                                         "DEADLINE_EXCEEDED",
                                         "NOT_FOUND",
                                         "ALREADY_EXISTS",
                                         "PERMISSION_DENIED",
                                         "RESOURCE_EXHAUSTED",
                                         "FAILED_PRECONDITION",
                                         "ABORTED",
                                         "OUT_OF_RANGE",
                                         "UNIMPLEMENTED",
                                         "INTERNAL",
                                         "UNAVAILABLE",
                                         "DATA_LOSS",
                                         "UNAUTHENTICATED"};
  const auto index = static_cast<std::int32_t>(code);
  return index >= 0 && index <= 16 ? kNames[index] : kNames[2];
}

// A google.protobuf.Any that travels with an error, still encoded.
struct ErrorDetail {
  std::string type_url;  // "type.googleapis.com/spire.api.types.PermissionDeniedDetails"
  std::string value;     // the message's bytes
};

class [[nodiscard]] Status {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  Status() = default;  // ok: costs no allocation
  Status(Code code, std::string message) {
    if (code != Code::kOk) body_ = std::make_shared<Body>(Body{code, std::move(message), {}, {}});
  }

  static Status invalid_argument(std::string m) { return {Code::kInvalidArgument, std::move(m)}; }
  static Status not_found(std::string m) { return {Code::kNotFound, std::move(m)}; }
  static Status already_exists(std::string m) { return {Code::kAlreadyExists, std::move(m)}; }
  static Status permission_denied(std::string m) { return {Code::kPermissionDenied, std::move(m)}; }
  static Status failed_precondition(std::string m) {
    return {Code::kFailedPrecondition, std::move(m)};
  }
  static Status resource_exhausted(std::string m) {
    return {Code::kResourceExhausted, std::move(m)};
  }
  static Status unimplemented(std::string m) { return {Code::kUnimplemented, std::move(m)}; }
  static Status internal(std::string m) { return {Code::kInternal, std::move(m)}; }
  static Status unavailable(std::string m) { return {Code::kUnavailable, std::move(m)}; }
  static Status deadline_exceeded(std::string m) { return {Code::kDeadlineExceeded, std::move(m)}; }
  static Status unauthenticated(std::string m) { return {Code::kUnauthenticated, std::move(m)}; }
  static Status cancelled(std::string m) { return {Code::kCancelled, std::move(m)}; }

  bool ok() const { return body_ == nullptr; }
  explicit operator bool() const = delete;  // reads the wrong way round; say ok()
  Code code() const { return body_ ? body_->code : Code::kOk; }
  const std::string& message() const { return body_ ? body_->message : empty(); }
  const Fields& fields() const {
    static const Fields kNone;
    return body_ ? body_->fields : kNone;
  }
  const ErrorDetail* detail() const {
    return body_ && !body_->detail.type_url.empty() ? &body_->detail : nullptr;
  }

  /// Adds a field for the log. On an ok status it does nothing.
  Status with(std::string key, std::string value) && {
    if (body_) own().fields.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
  }
  Status with(std::string key, std::string value) const& {
    return Status(*this).with(std::move(key), std::move(value));
  }
  Status with_detail(ErrorDetail detail) && {
    if (body_) own().detail = std::move(detail);
    return std::move(*this);
  }
  /// "prefix: message", the code and the rest unchanged.
  Status prefixed(std::string_view prefix) const {
    Status s = *this;
    if (s.body_) s.own().message = std::string(prefix) + ": " + s.body_->message;
    return s;
  }
  Status with_code(Code code) const {
    Status s = *this;
    if (s.body_) s.own().code = code;
    return s;
  }
  /// "INVALID_ARGUMENT: message", or "OK".
  std::string to_string() const {
    if (ok()) return "OK";
    return std::string(code_name(code())) + ": " + message();
  }

 private:
  struct Body {
    Code code;
    std::string message;
    Fields fields;
    ErrorDetail detail;
  };
  static const std::string& empty() {
    static const std::string kEmpty;
    return kEmpty;
  }
  Body& own() {  // copy on write: copies of a Status share their body
    if (body_.use_count() > 1) body_ = std::make_shared<Body>(*body_);
    return *body_;
  }
  std::shared_ptr<Body> body_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<1>, std::move(value)) {}  // NOLINT: a T is a result
  Result(Status status) : state_(std::in_place_index<0>, std::move(status)) {  // NOLINT
    assert(!std::get<0>(state_).ok() && "a Result needs a value or an error");
  }

  bool ok() const { return state_.index() == 1; }
  explicit operator bool() const { return ok(); }
  /// The error; an ok Status when there is a value.
  Status status() const { return ok() ? Status() : std::get<0>(state_); }

  T& value() & { return std::get<1>(state_); }
  const T& value() const& { return std::get<1>(state_); }
  T&& value() && { return std::get<1>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T value_or(T other) const& { return ok() ? value() : std::move(other); }

 private:
  std::variant<Status, T> state_;
};

}  // namespace signet

#define SIGNET_CONCAT_INNER(a, b) a##b
#define SIGNET_CONCAT(a, b) SIGNET_CONCAT_INNER(a, b)

// SIGNET_TRY(auto key, find(id)): declares `key`, or returns the error to the caller.
#define SIGNET_TRY(declaration, expression) \
  SIGNET_TRY_INNER(SIGNET_CONCAT(signet_try_, __COUNTER__), declaration, expression)
#define SIGNET_TRY_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                             \
  if (!temporary.ok()) return temporary.status();            \
  declaration = std::move(temporary).value()

#define SIGNET_RETURN_IF_ERROR(expression)                                    \
  do {                                                                        \
    if (::signet::Status signet_status_ = (expression); !signet_status_.ok()) \
      return signet_status_;                                                  \
  } while (false)
